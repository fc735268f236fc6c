/* Replays calls of malloc on the real allocator of this machine.
 *
 *     driver CALLS REPEATS
 *
 * CALLS is what `xtask/src/bench/c/calls.rs` writes: a head of three words (magic, number of slots, number of calls),
 * then 24 bytes a call. Blocks are known by slots, not by addresses. Nothing here calls malloc, and nothing touches a
 * block: what is measured is the allocator and the page faults that it causes. Each repeat is a child of its own, so
 * that it starts with a heap that nobody has used.
 *
 * Prints one line: version of glibc, nanoseconds of all repeats, and a sum over the places of the live blocks at the end.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x31736c6c61637468u /* "htcalls1" */

enum { MALLOC, CALLOC, REALLOC, FREE, MEMALIGN, ALIGNED_ALLOC, POSIX_MEMALIGN, VALLOC, PVALLOC, USABLE_SIZE, TRIM,
       MALLOPT, BREAK };

struct call {
    uint32_t kind;
    uint32_t slot;
    uint64_t a;
    uint64_t b;
};

struct result {
    uint64_t ns;
    uint64_t places;
};

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What a call returns counts for nothing, but the compiler may not leave the call out. */
static volatile uint64_t sink;

__attribute__((noinline)) static void replay(const struct call *calls, uint64_t n, void **slots, char *heap)
{
    for (uint64_t i = 0; i < n; i++) {
        const struct call c = calls[i];
        void **slot = &slots[c.slot];
        switch (c.kind) {
        case MALLOC: *slot = malloc(c.a); break;
        case CALLOC: *slot = calloc(c.a, c.b); break;
        case REALLOC: {
            void *new = realloc(*slot, c.a);
            if (new || !c.a)
                *slot = new;
            break;
        }
        case FREE: free(*slot); *slot = NULL; break;
        case MEMALIGN: *slot = memalign(c.a, c.b); break;
        case ALIGNED_ALLOC: *slot = aligned_alloc(c.a, c.b); break;
        case POSIX_MEMALIGN: {
            void *new = NULL;
            *slot = posix_memalign(&new, c.a, c.b) == 0 ? new : NULL;
            break;
        }
        case VALLOC: *slot = valloc(c.a); break;
        case PVALLOC: *slot = pvalloc(c.a); break;
        case USABLE_SIZE: sink = malloc_usable_size(*slot); break;
        case TRIM: sink = (uint64_t)malloc_trim(c.a); break;
        case MALLOPT: sink = (uint64_t)mallopt((int)(int64_t)c.a, (int)(int64_t)c.b); break;
        case BREAK: sink = (uint64_t)brk(heap + c.a); break;
        }
    }
}

static void die(const char *what)
{
    perror(what);
    _exit(1);
}

int main(int argc, char **argv)
{
    char *heap = sbrk(0);
    struct stat st;
    int fd = argc == 3 ? open(argv[1], O_RDONLY) : -1;
    if (fd < 0 || fstat(fd, &st) != 0)
        die("driver CALLS REPEATS");
    const uint64_t *head = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (head == MAP_FAILED || head[0] != MAGIC)
        die("CALLS");
    uint64_t n_slots = head[1], n_calls = head[2];
    const struct call *calls = (const struct call *)(head + 3);
    struct result *result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (result == MAP_FAILED)
        die("mmap");
    uint64_t ns = 0;
    for (long repeat = atol(argv[2]); repeat > 0; repeat--) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            void **slots = mmap(NULL, n_slots * sizeof *slots, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
            if (slots == MAP_FAILED)
                die("mmap");
            uint64_t start = now();
            replay(calls, n_calls, slots, heap);
            result->ns = now() - start;
            uint64_t places = 0;
            char *end = sbrk(0);
            for (uint64_t i = 0; i < n_slots; i++)
                if ((char *)slots[i] >= heap && (char *)slots[i] < end)
                    places += (uint64_t)((char *)slots[i] - heap) * (2 * i + 1);
            result->places = places;
            _exit(0);
        }
        int status;
        if (waitpid(child, &status, 0) != child || status != 0) {
            fprintf(stderr, "a replay ended with status %#x\n", status);
            return 1;
        }
        ns += result->ns;
    }
    printf("%s %llu %llu\n", gnu_get_libc_version(), (unsigned long long)ns, (unsigned long long)result->places);
    return 0;
}
