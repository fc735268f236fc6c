// Two threads that allocate at the same time, and functions that ltrace has no prototype of.
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

static void *work(void *step) {
    void *blocks[8];
    for (long i = 0; i < 8; i++) {
        blocks[i] = malloc(10 + i * (long)step);
    }
    for (long i = 0; i < 8; i++) {
        free(blocks[i]);
    }
    return NULL;
}

int main(void) {
    void *hidden = NULL;
    if (posix_memalign(&hidden, 64, 100)) {
        return 1;
    }
    void *aligned = aligned_alloc(64, 128);
    void *array = reallocarray(NULL, 3, 5);
    void *page = valloc(10);
    malloc_usable_size(aligned);
    pthread_t threads[2];
    for (long i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, work, (void *)(i + 1));
    }
    for (long i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    free(hidden);
    free(aligned);
    free(array);
    free(page);
    malloc_trim(0);
    return 0;
}
