/* Every call of the family, some that fail, foreign breaks; prints where the break and each block is. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *base;
static unsigned long seed = 42;

static unsigned long next(unsigned long below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

static void tell(void *block) {
    char line[64];
    char *brk = sbrk(0);
    /* No stdio: it would allocate. Mapped blocks are not where they were in another run. */
    long at = block == NULL ? -1 : (char *)block < brk && (char *)block >= base ? (char *)block - base : -2;
    int n = snprintf(line, sizeof line, "%ld %ld\n", at, (long)(brk - base));
    if (write(1, line, n) != n) _exit(3);
}

int main(void) {
    void *blocks[200] = {0};
    base = sbrk(0);
    for (int i = 0; i < 20000; i++) {
        void **slot = &blocks[next(200)];
        unsigned long bytes = next(10) ? next(600) : next(40) ? next(40000) : next(400000);
        switch (next(12)) {
        case 0: case 1: case 2: case 3: free(*slot); *slot = malloc(bytes); break;
        case 4: free(*slot); *slot = calloc(next(4), bytes / 2); break;
        case 5: case 6: *slot = realloc(*slot, bytes + 1); break;
        case 7: free(*slot); *slot = memalign(16 << next(6), bytes); break;
        case 8: free(*slot); *slot = aligned_alloc(64, bytes); break;
        case 9: free(*slot); if (posix_memalign(slot, 8 << next(8), bytes)) *slot = NULL; break;
        case 10: free(*slot); *slot = next(2) ? valloc(bytes) : pvalloc(bytes); break;
        case 11: free(*slot); *slot = NULL; break;
        }
        tell(*slot);
        if (i % 1000 == 0) malloc_trim(4096 * next(3));
        if (i % 100 == 0 && *slot) *slot = reallocarray(*slot, 3, malloc_usable_size(*slot));
        if (i == 7000) mallopt(M_MMAP_THRESHOLD, 100000);
        if (i == 9000) sbrk(8192);
    }
    void *volatile none = malloc(SIZE_MAX - 5);
    tell(none);
    tell(calloc(SIZE_MAX / 2, 4));
    tell(realloc(blocks[0], PTRDIFF_MAX));
    if (posix_memalign((void **)&none, 24, 100) == 0) return 4;
    return 0;
}
