/* Makes the calls of a script, and says what became of the heap. It allocates nothing on its own.

   m ID N | c ID M N | r ID N | a ID ALIGN N | f ID     calls; block 0 is never there
   t PAD | o K V                                        malloc_trim, mallopt
   w 0 | w 1     whether blocks are written from now on, as many bytes as were asked for, when they are got
   T K | X K     thread K makes the calls from now on; thread K ends, and the main thread goes on
   p             pages that are resident: below the break, in heaps of threads, in live mapped blocks; Rss of [heap]
   i             malloc_info and malloc_stats */
#define _GNU_SOURCE
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDS 4096
#define THREADS 16
#define REGION (64ul << 20)

static char script[4 << 20], out[4 << 20], text[1 << 16];
static unsigned char *block[IDS];
static uintptr_t region[64], heap_start;
static int n_regions, pagemap, writes = 1;
static char stacks[THREADS][256 << 10] __attribute__((aligned(4096)));
static pthread_t thread[THREADS];
static int is_running[THREADS], current;
static sem_t turn[THREADS];
static char *at;

static long pages(uintptr_t start, uintptr_t end) {
    long n = 0;
    for (uintptr_t page = start >> 12; page < (end + 4095) >> 12;) {
        static uint64_t entries[4096];
        ssize_t got = pread(pagemap, entries, sizeof entries, page * 8) / 8;
        if (got <= 0) break;
        for (ssize_t i = 0; i < got && page < (end + 4095) >> 12; i++, page++)
            /* Present or swapped out, and the process's own: the page of zeroes is nobody's. */
            n += (entries[i] >> 62) != 0 && (entries[i] >> 56 & 1);
    }
    return n;
}

static long heap_rss(void) {
    int smaps = open("/proc/self/smaps", O_RDONLY);
    size_t n = 0;
    ssize_t got;
    static char all[1 << 20];
    while (n < sizeof all - 1 && (got = read(smaps, all + n, sizeof all - 1 - n)) > 0) n += got;
    all[n] = 0;
    close(smaps);
    long kib = 0;
    for (char *heap = all; (heap = strstr(heap, "[heap]")); heap++) kib += atol(strstr(heap, "\nRss:") + 5);
    return kib / 4;
}

static void report_pages(void) {
    long threads = 0, mapped = 0;
    for (int i = 0; i < n_regions; i++) threads += pages(region[i], region[i] + REGION);
    for (int id = 0; id < IDS; id++) {
        size_t *chunk = (size_t *)block[id] - 2;
        if (block[id] && chunk[1] & 2) {
            uintptr_t start = (uintptr_t)chunk - chunk[0];
            mapped += pages(start, (uintptr_t)chunk + (chunk[1] & ~7ul));
        }
    }
    printf("pages heap=%ld threads=%ld mapped=%ld rss=%ld\n", pages(heap_start, (uintptr_t)sbrk(0)), threads, mapped,
           heap_rss());
}

static void got(int id, void *p, size_t bytes) {
    if (!p) return;
    block[id] = p;
    size_t head = ((size_t *)p)[-1];
    if ((head & 6) == 4) {
        uintptr_t start = (uintptr_t)p & ~(REGION - 1);
        int i = 0;
        while (i < n_regions && region[i] != start) i++;
        if (i == n_regions) region[n_regions++] = start;
    }
    if (writes) memset(p, 0xa5, bytes);
}

static long number(void) { return strtol(at, &at, 10); }

/* Makes calls until another thread is to go on; answers which, or -1 at the end. */
static int run(void) {
    for (;;) {
        while (*at == '\n' || *at == ' ') at++;
        if (!*at) return -1;
        char call = *at++;
        if (call == 'p') { report_pages(); continue; }
        if (call == 'i') {
            fflush(stdout);
            malloc_info(0, stdout);
            fflush(stdout);
            malloc_stats();
            continue;
        }
        long a = number();
        switch (call) {
        case 'm': { long n = number(); got(a, malloc(n), n); break; }
        case 'c': { long m = number(), n = number(); got(a, calloc(m, n), m * n); break; }
        case 'r': { long n = number(); got(a, realloc(block[a], n), n); break; }
        case 'a': { long align = number(), n = number(); got(a, memalign(align, n), n); break; }
        case 'f': free(block[a]); block[a] = NULL; break;
        case 't': malloc_trim(a); break;
        case 'o': mallopt(a, number()); break;
        case 'w': writes = a; break;
        case 'T': if (a != current) return a; break;
        case 'X': is_running[a] = 0; return 0;
        default: fprintf(stderr, "what is %c?\n", call); _exit(3);
        }
    }
}

static void *serve(void *number) {
    int self = (int)(intptr_t)number;
    for (;;) {
        sem_wait(&turn[self]);
        int next = run();
        current = next < 0 ? 0 : next;
        int ends = !is_running[self];
        sem_post(&turn[0]);
        if (ends || next < 0) return NULL;
    }
}

int main(void) {
    setvbuf(stdout, out, _IOFBF, sizeof out);
    setvbuf(stderr, text, _IOFBF, sizeof text);
    size_t n = 0;
    ssize_t part;
    while ((part = read(0, script + n, sizeof script - 1 - n)) > 0) n += part;
    at = script;
    pagemap = open("/proc/self/pagemap", O_RDONLY);
    heap_start = (uintptr_t)sbrk(0);
    printf("%s\n", gnu_get_libc_version());
    is_running[0] = 1;
    for (int next = run(); next >= 0;) {
        if (next == 0) { current = 0; next = run(); continue; }
        if (!is_running[next]) {
            pthread_attr_t attributes;
            pthread_attr_init(&attributes);
            pthread_attr_setstack(&attributes, stacks[next], sizeof stacks[next]);
            sem_init(&turn[next], 0, 0);
            is_running[next] = 1;
            pthread_create(&thread[next], &attributes, serve, (void *)(intptr_t)next);
        }
        int ran = next;
        current = next;
        sem_post(&turn[ran]);
        sem_wait(&turn[0]);
        if (!is_running[ran]) pthread_join(thread[ran], NULL);
        next = !*at ? -1 : current;
    }
    fflush(stdout);
    fflush(stderr);
    _exit(0);
}
