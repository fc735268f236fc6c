/* Threads that come and go, more than there may be arenas, and free each other's blocks; keys with destructors. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#ifndef N_CALLS
#define N_CALLS 400
#endif
enum { N_SLOTS = 512, N_ROUNDS = 6, N_THREADS = 20 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *shared[N_SLOTS];
static pthread_barrier_t barrier;
static pthread_key_t key;

static void destroy(void *block) {
    free(malloc(100));
    free(block);
}

static void work(unsigned long seed) {
    if (seed % 5 == 0) {
        /* Its first call is a free. */
        pthread_mutex_lock(&mutex);
        void *block = shared[seed % N_SLOTS];
        shared[seed % N_SLOTS] = NULL;
        pthread_mutex_unlock(&mutex);
        free(block);
    }
    if (seed % 7 == 0) return;
    if (seed % 3 == 0) pthread_setspecific(key, malloc(seed % 1000));
    for (int i = 0; i < N_CALLS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned long slot = (seed >> 33) % N_SLOTS, bytes = (seed >> 20) % (i % 50 ? 800 : 200000);
        void *block = i % 3 ? malloc(bytes) : calloc(1, bytes);
        if (i % 11 == 0) block = realloc(block, bytes * 2 + 1);
        if (block) memset(block, 1, bytes < 64 ? bytes : 64);
        pthread_mutex_lock(&mutex);
        void *old = shared[slot];
        shared[slot] = block;
        pthread_mutex_unlock(&mutex);
        free(old);
    }
}

static void *start(void *argument) {
    unsigned long seed = (unsigned long)argument;
    pthread_barrier_wait(&barrier);
    work(seed);
    /* So each has an arena until here, if it has any. */
    pthread_barrier_wait(&barrier);
    if (seed % 2) pthread_exit(NULL);
    return NULL;
}

int main(void) {
    pthread_key_create(&key, destroy);
    for (unsigned long i = 0; i < N_SLOTS; i++) shared[i] = malloc(i * 7 % 1500);
    for (unsigned long round = 0; round < N_ROUNDS; round++) {
        pthread_t threads[N_THREADS];
        pthread_barrier_init(&barrier, NULL, N_THREADS);
        for (unsigned long i = 0; i < N_THREADS; i++)
            pthread_create(&threads[i], NULL, start, (void *)(round * 100 + i + 1));
        work(round);
        for (unsigned long i = 0; i < N_THREADS; i++) pthread_join(threads[i], NULL);
    }
    return 0;
}
