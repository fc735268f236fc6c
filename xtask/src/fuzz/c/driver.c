/* Runs a script of calls of malloc's family on this machine's C library and writes a heap trace of what it did.
 *
 *   driver probe               prints the C library's version and where its thread-local `tcache` is
 *   driver run OFFSET < SCRIPT > TRACE
 *
 * A line of the script is `THREAD OP ARGUMENTS`; see script.rs. The program allocates nothing of its own: all it has are
 * static buffers and stacks. The functions that the C library itself calls (it makes a thread's vector of thread-local
 * storage with calloc) are defined here, so that they are traced as well.
 *
 * While a call of malloc's family runs, its system calls come to a signal handler (PR_SET_SYSCALL_USER_DISPATCH). So
 * the driver knows which of them failed, and can refuse them when the script says so. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <linux/futex.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

typedef uint64_t u64;
typedef uint32_t u32;

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

enum { SCRIPT_MAX = 64 << 20, TRACE_MAX = 256 << 20, SLOTS_MAX = 1 << 16, THREADS_MAX = 1024, HEAPS_MAX = 4096, SEGMENTS_MAX = 4096 };
#define HEAP_BYTES ((u64)64 << 20)

static char script[SCRIPT_MAX + 1], *at = script;
static char trace[TRACE_MAX], *out = trace;
static void *slots[SLOTS_MAX];

/* System calls that may not be intercepted: their code lies between allowed_begin and allowed_end. */
extern char allowed_begin[], allowed_end[];
long raw_syscall(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);
void signal_return(void);
__asm__(".pushsection .text.allowed,\"ax\",@progbits\n"
        ".globl allowed_begin, allowed_end, raw_syscall, signal_return\n"
        "allowed_begin: nop\n"
        "raw_syscall: mov %rdi, %rax; mov %rsi, %rdi; mov %rdx, %rsi; mov %rcx, %rdx\n"
        "mov %r8, %r10; mov %r9, %r8; mov 8(%rsp), %r9; syscall; ret\n"
        "signal_return: mov $15, %eax; syscall; nop\n"
        "allowed_end: nop\n"
        ".popsection");

static void die(const char *why) {
    raw_syscall(SYS_write, 2, (u64)why, strlen(why), 0, 0, 0);
    raw_syscall(SYS_write, 2, (u64) "\n", 1, 0, 0, 0);
    raw_syscall(SYS_exit_group, 3, 0, 0, 0, 0, 0);
}

/* ---- What the C library keeps ---- */

enum { TOP = 96, LAST_REMAINDER = 104, BINS = 112, BINMAP = 2144, NEXT = 2160, ATTACHED = 2176, SYSTEM_MEM = 2184 };
#define WORD(base, offset) (*(u64 *)((char *)(base) + (offset)))
#define HALF(base, offset) (*(u32 *)((char *)(base) + (offset)))

static char *main_arena, *mp;
static long tcache_offset;

/* All mappings, adjacent ones merged; those behind the stack are the kernel's own. */
struct range { u64 start, end; };
static struct range ranges[4096];
static char maps_text[1 << 20];

static int read_maps(int only_writable_libc) {
    long file = raw_syscall(SYS_open, (u64) "/proc/self/maps", O_RDONLY, 0, 0, 0, 0), n, length = 0;
    if (file < 0) die("/proc/self/maps cannot be read");
    while ((n = raw_syscall(SYS_read, file, (u64)maps_text + length, sizeof maps_text - 1 - length, 0, 0, 0)) > 0) length += n;
    raw_syscall(SYS_close, file, 0, 0, 0, 0, 0);
    maps_text[length] = 0;
    int n_ranges = 0;
    for (char *line = maps_text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        char *rest;
        u64 start = strtoul(line, &rest, 16), stop = strtoul(rest + 1, &rest, 16);
        if (only_writable_libc ? !strstr(rest, "libc.so.6") || rest[2] != 'w' : start >> 47 != 0) continue;
        if (!only_writable_libc && n_ranges && ranges[n_ranges - 1].end == start) ranges[n_ranges - 1].end = stop;
        else if (n_ranges < 4096) ranges[n_ranges++] = (struct range){start, stop};
        if (strstr(rest, "[stack]")) break;
    }
    return n_ranges;
}

/* Finds main_arena and mp_ by what is in them before the first call. */
static void find_arena(void) {
    int n = read_maps(1);
    for (int i = 0; i < n; i++)
        for (u64 a = ranges[i].start; a + 2200 <= ranges[i].end; a += 8) {
            if (WORD(a, NEXT) == a && WORD(a, ATTACHED) == 1 && WORD(a, SYSTEM_MEM) == 0) main_arena = (char *)a;
            if (WORD(a, 0) == 0x20000 && WORD(a, 8) == 0x20000 && WORD(a, 16) == 0x20000 && HALF(a, 64) == 65536) mp = (char *)a;
        }
    if (!main_arena || !mp) die("the C library's main_arena and mp_ are not where they should be");
}

/* ---- Writing ---- */

static void put(const char *text) {
    while (*text) *out++ = *text++;
}
static void put_hex(u64 n) {
    char digits[16];
    int i = 0;
    do digits[i++] = "0123456789abcdef"[n & 15]; while (n >>= 4);
    while (i) *out++ = digits[--i];
}
static void put_number(u64 n) {
    char digits[20];
    int i = 0;
    do digits[i++] = '0' + n % 10; while (n /= 10);
    while (i) *out++ = digits[--i];
}
static void put_signed(long n) {
    if (n < 0) *out++ = '-';
    put_number(n < 0 ? -(u64)n : (u64)n);
}

static u64 base, mapped_base, brk_last, n_events;
static void write_all(const char *from, const char *to) {
    for (long n; from < to; from += n)
        if ((n = raw_syscall(SYS_write, 1, (u64)from, to - from, 0, 0, 0)) <= 0) break;
}
static void finish(int code) {
    char *end = out;
    static char head[100];
    out = head;
    put("H page+"), put_hex(base & 4095), put(" base="), put_hex(base), put(" mref="), put_hex(mapped_base), put("\n");
    write_all(head, out);
    write_all(trace, end);
    raw_syscall(SYS_exit_group, code, 0, 0, 0, 0, 0);
}
static void on_crash(int signal) {
    (void)signal;
    finish(4);
}

/* ---- System calls of malloc ---- */

enum { CAN_BREAK = 1, CAN_MAP = 2, CAN_HEAP = 4, CAN_PROTECT = 8, CAN_REMAP = 16 };
static const char kinds[] = "bmhpr";
static __thread volatile char is_watched;
static volatile unsigned refused, failed, refused_last = -1u;
static u64 n_cores = 2;
/* The same as the list of the processors that there are. */
static char cores_text[32];
/* Memory that the main arena has instead of the break: mapped without being a chunk of its own. */
static struct range segments[SEGMENTS_MAX];
static int n_segments;
static struct range mapped_now[64];
static int n_mapped_now;
/* Thread heaps that were begun in this call. It may have given them back: to free the old top trims the new one. */
static u64 begun_now[64];
static int n_begun_now;

static void on_system_call(int signal, siginfo_t *info, void *context) {
    (void)signal;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    u64 number = info->si_syscall, bytes = r[REG_RSI];
    unsigned kind = 0;
    if (number == SYS_brk && (u64)r[REG_RDI] > (u64)sbrk(0)) kind = CAN_BREAK;
    if (number == SYS_mmap && !(r[REG_R10] & MAP_FIXED)) kind = r[REG_RDX] == PROT_NONE ? CAN_HEAP : CAN_MAP;
    if (number == SYS_mprotect && r[REG_RDX] != PROT_NONE) kind = CAN_PROTECT;
    if (number == SYS_mremap) kind = CAN_REMAP;
    if (kind & refused) {
        failed |= kind;
        r[REG_RAX] = number == SYS_brk ? raw_syscall(SYS_brk, 0, 0, 0, 0, 0, 0) : -ENOMEM;
        return;
    }
    /* What malloc reads of the system is the script's, or always the same. */
    static long told_file = -1;
    static char *told;
    if (number == SYS_read && r[REG_RDI] == told_file) {
        memcpy((void *)r[REG_RSI], told, strlen(told));
        r[REG_RAX] = strlen(told), told_file = -1;
        return;
    }
    if (number == SYS_sched_getaffinity) {
        u64 mask_bytes = (n_cores + 63) / 64 * 8;
        memset((void *)r[REG_RDX], 0, mask_bytes);
        for (u64 i = 0; i < n_cores; i++) ((u64 *)r[REG_RDX])[i / 64] |= (u64)1 << i % 64;
        r[REG_RAX] = mask_bytes;
        return;
    }
    long result = raw_syscall(number, r[REG_RDI], bytes, r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]);
    int has_failed = number == SYS_brk ? result != r[REG_RDI] : result < 0 && result > -4096;
    if (number == SYS_openat) {
        const char *path = (char *)r[REG_RSI];
        told_file = result;
        if (!strcmp(path, "/sys/devices/system/cpu/online")) told = cores_text;
        else if (!strcmp(path, "/sys/kernel/mm/transparent_hugepage/enabled")) told = "always [madvise] never\n";
        else if (!strcmp(path, "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")) told = "2097152\n";
        else told_file = -1;
    }
    /* What no process can have is refused in any case, and need not be said. */
    u64 asked = number == SYS_brk ? r[REG_RDI] : number == SYS_mremap ? r[REG_RDX] : bytes;
    if (has_failed) failed |= asked >> 47 ? 0 : kind;
    else if (kind == CAN_MAP && n_mapped_now < 64) mapped_now[n_mapped_now++] = (struct range){result, result + bytes};
    else if (kind == CAN_PROTECT && r[REG_RDI] % HEAP_BYTES == 0 && n_begun_now < 64) begun_now[n_begun_now++] = r[REG_RDI];
    r[REG_RAX] = result;
}

struct kernel_action { void *handler; u64 flags; void *restorer; u64 mask; };
static void watch_signals(void) {
    struct kernel_action action = {on_system_call, SA_SIGINFO | SA_NODEFER | 0x04000000, signal_return, 0};
    if (raw_syscall(SYS_rt_sigaction, SIGSYS, (u64)&action, 0, 8, 0, 0) < 0) die("no handler for SIGSYS");
    action.handler = on_crash;
    raw_syscall(SYS_rt_sigaction, SIGSEGV, (u64)&action, 0, 8, 0, 0);
    raw_syscall(SYS_rt_sigaction, SIGABRT, (u64)&action, 0, 8, 0, 0);
}
static void watch_thread(void) {
    if (raw_syscall(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 1, (u64)allowed_begin, allowed_end - allowed_begin, (u64)&is_watched, 0))
        die("this kernel has no PR_SET_SYSCALL_USER_DISPATCH");
}

/* ---- Pointers and events ---- */

static struct heap { u64 start; u32 generation; } heaps[HEAPS_MAX];
static u32 n_heaps, generation = 1;
static int is_tracing, wants_maps;
static __thread u32 me;

static struct range *segment_of(u64 p) {
    for (int i = n_segments; i--;)
        if (p >= segments[i].start && p < segments[i].end) return &segments[i];
    return 0;
}

static void put_mapped(u64 p) {
    if (!mapped_base) mapped_base = p & ~(u64)4095;
    *out++ = 'M';
    if (p < mapped_base) *out++ = '-';
    put_hex(p < mapped_base ? mapped_base - p : p - mapped_base);
}

/* An address that is a chunk or a block of the heap, of a thread heap, or something else. */
static void put_address(u64 p) {
    if (!p) return put("0");
    for (u32 i = 0; i < n_heaps; i++)
        if (heaps[i].generation == generation && p - heaps[i].start < HEAP_BYTES) {
            *out++ = 'T', put_number(i), *out++ = '+', put_hex(p - heaps[i].start);
            return;
        }
    if (p >= base && p <= (u64)sbrk(0)) *out++ = 'H', put_hex(p - base);
    else put_mapped(p);
}
static void put_block(void *block) {
    u64 p = (u64)block;
    if (p && WORD(p, -8) & 2) put_mapped(p);
    else put_address(p);
}
static void put_result(void *block) {
    u64 p = (u64)block, start;
    put(" = "), put_block(block);
    if (!p) return;
    struct range *segment = segment_of(p);
    if (WORD(p, -8) & 2) start = p - 16 - WORD(p, -16);
    else if (segment && (p < base || p > (u64)sbrk(0))) start = segment->start;
    else return;
    if (p - 16 - start) put(" @"), put_hex(p - 16 - start);
}

/* Notes that a thread heap is there; announces it if it was not there after the last call. */
static void see_heap(u64 heap, u32 now) {
    u32 i = 0;
    while (i < n_heaps && heaps[i].start != heap) i++;
    if (i == HEAPS_MAX) die("too many thread heaps");
    if (i == n_heaps) n_heaps++, heaps[i] = (struct heap){heap, 0};
    if (heaps[i].generation + 1 < generation) put("R "), put_number(i), *out++ = ' ', put_hex(heap), put("\n");
    heaps[i].generation = now;
}

/* Thread heaps that are new are announced; those that are gone are forgotten. */
static void find_heaps(void) {
    generation++;
    for (int i = 0; i < n_begun_now; i++) see_heap(begun_now[i], generation - 1);
    n_begun_now = 0;
    for (u64 arena = WORD(main_arena, NEXT); arena && arena != (u64)main_arena; arena = WORD(arena, NEXT))
        for (u64 heap = WORD(arena, TOP) & -HEAP_BYTES; heap; heap = WORD(heap, 8)) see_heap(heap, generation);
}

/* What has to be said before the event: how the system will answer, and where new thread heaps are. */
static void put_refusals(unsigned now) {
    if (now == refused_last) return;
    refused_last = now;
    put("E ");
    if (!now) put("-");
    for (int i = 0; i < 5; i++)
        if (now >> i & 1) *out++ = kinds[i];
    put("\n");
}

static void begin(void) {
    if (wants_maps) {
        wants_maps = 0;
        int n = read_maps(0);
        put("V");
        for (int i = 0; i < n; i++) *out++ = ' ', put_hex(ranges[i].start), *out++ = '-', put_hex(ranges[i].end);
        put("\n");
    }
    failed = n_mapped_now = 0;
    is_watched = 1;
}
static void end(void) {
    is_watched = 0;
    /* A mapping that begins with a chunk of its own is that chunk; another is a piece of the main arena. */
    for (int i = 0; i < n_mapped_now; i++)
        if (!(WORD(mapped_now[i].start, 8) & 2) && n_segments < SEGMENTS_MAX) segments[n_segments++] = mapped_now[i];
    put_refusals(refused | failed);
    find_heaps();
    n_events++;
    if (out > trace + TRACE_MAX - (8 << 20)) die("the trace is too long");
}
static void put_break(void) {
    u64 now = (u64)sbrk(0);
    put("\n");
    if (now != brk_last) put("B "), put_hex(now - base), put("\n"), brk_last = now;
}
static void put_head(const char *op) {
    put_number(me), *out++ = ' ', put(op);
}

/* The thread that is being joined, and by whom: its end comes before the next event of the one that joins it. */
static u32 joined, joined_by;
static void put_joined(void) {
    if (!joined || me != joined_by) return;
    u32 thread = joined;
    joined = 0;
    put_refusals(refused);
    find_heaps();
    n_events++;
    put_number(thread), put(" X"), put_break();
}

void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
void __libc_free(void *);

void *malloc(size_t bytes) {
    if (!is_tracing) return __libc_malloc(bytes);
    put_joined();
    begin();
    void *block = __libc_malloc(bytes);
    end();
    put_head("m "), put_number(bytes), put_result(block), put_break();
    return block;
}
void *calloc(size_t n, size_t bytes) {
    if (!is_tracing) return __libc_calloc(n, bytes);
    put_joined();
    begin();
    void *block = __libc_calloc(n, bytes);
    end();
    put_head("c "), put_number(n), *out++ = ' ', put_number(bytes), put_result(block), put_break();
    return block;
}
/* The name of a block that may be gone after the call. */
static void name_before(void *block, char *name) {
    char *was = out;
    out = name;
    put_block(block);
    *out = 0;
    out = was;
}
void *realloc(void *old, size_t bytes) {
    if (!is_tracing) return __libc_realloc(old, bytes);
    put_joined();
    char name[40];
    name_before(old, name);
    begin();
    void *block = __libc_realloc(old, bytes);
    end();
    put_head("r "), put(name), *out++ = ' ', put_number(bytes), put_result(block), put_break();
    return block;
}
void free(void *block) {
    if (!is_tracing) return __libc_free(block);
    put_joined();
    char name[40];
    name_before(block, name);
    begin();
    __libc_free(block);
    end();
    put_head("f "), put(name), put_break();
}

/* ---- Snapshots ---- */

static void snapshot(void) {
    put_joined();
    u64 top = WORD(main_arena, TOP), unsorted = (u64)main_arena + BINS - 16;
    if (!top || top == unsorted) return;
    find_heaps();
    put("S "), put_number(n_events), *out++ = ' ', put_number(me), put(" brk="), put_hex((u64)sbrk(0) - base);
    put("\ns mp n_mmaps="), put_number(HALF(mp, 60)), put(" trim="), put_hex(WORD(mp, 0)), put(" mmap="), put_hex(WORD(mp, 16));
    put(" mmapped="), put_hex(WORD(mp, 80)), put("\n");
    u64 arena = (u64)main_arena;
    for (u32 i = 0; i == 0 || arena != (u64)main_arena; i++, arena = WORD(arena, NEXT)) {
        put("s arena "), put_number(i), put(" sys="), put_hex(WORD(arena, SYSTEM_MEM)), put(" max="), put_hex(WORD(arena, SYSTEM_MEM + 8));
        put("\ns top="), put_address(WORD(arena, TOP)), put(" last="), put_address(WORD(arena, LAST_REMAINDER));
        put(" havefast="), put_number(HALF(arena, 8) != 0), put("\ns binmap ");
        for (int word = 3; word >= 0; word--)
            for (int shift = 28; shift >= 0; shift -= 4) *out++ = "0123456789abcdef"[HALF(arena, BINMAP + 4 * word) >> shift & 15];
        put(" topsize="), put_hex(WORD(WORD(arena, TOP), 8)), put("\n");
        for (int f = 0; f < 10; f++)
            for (u64 chunk = WORD(arena, 16 + 8 * f); chunk; chunk = WORD(chunk, 16) ^ (chunk + 16) >> 12)
                put("s f"), put_number(f), *out++ = ' ', put_address(chunk), *out++ = ' ', put_hex(WORD(chunk, 8)), put("\n");
        for (int b = 1; b < 128; b++) {
            u64 bin = arena + BINS + 16 * (b - 1) - 16;
            for (u64 chunk = WORD(bin, 16); chunk != bin; chunk = WORD(chunk, 16)) {
                if (out > trace + TRACE_MAX - (8 << 20)) die("the trace is too long");
                put("s b"), put_number(b), *out++ = ' ', put_address(chunk), *out++ = ' ', put_hex(WORD(chunk, 8)), put("\n");
            }
        }
    }
    u64 tcache = WORD(__builtin_thread_pointer(), tcache_offset);
    for (int t = 0; tcache && t < 64; t++) {
        u64 n = ((uint16_t *)tcache)[t], entry = WORD(tcache, 128 + 8 * t);
        if (!n && !entry) continue;
        put("s t"), put_number(t), put(" n="), put_number(n), put("\n");
        for (; entry; entry = WORD(entry, 0) ^ entry >> 12) put("s t"), put_number(t), *out++ = ' ', put_block((void *)entry), put("\n");
    }
    put("s end\n");
}

/* ---- The script ---- */

static u64 number(void) {
    while (*at == ' ') at++;
    int is_negative = *at == '-';
    at += is_negative;
    u64 n = 0;
    while (*at >= '0' && *at <= '9') n = n * 10 + (*at++ - '0');
    return is_negative ? -n : n;
}
static u64 slot(void) {
    u64 n = number();
    if (n >= SLOTS_MAX) die("a slot beyond the last");
    return n;
}
/* Writes what a program would: the ends of its block. */
static void *use(void *block) {
    if (block) {
        u64 bytes = malloc_usable_size(block);
        memset(block, 0xa5, bytes < 48 ? bytes : 48);
        if (bytes >= 8) WORD(block, bytes - 8) = ~(u64)block;
    }
    return block;
}

static volatile u32 turn;
static volatile char must_exit[THREADS_MAX];
static pthread_t threads[THREADS_MAX];
static void hand_to(u32 thread) {
    turn = thread;
    raw_syscall(SYS_futex, (u64)&turn, FUTEX_WAKE, THREADS_MAX, 0, 0, 0);
}
static void wait_for_turn(void) {
    for (u32 now; (now = turn) != me;) raw_syscall(SYS_futex, (u64)&turn, FUTEX_WAIT, now, 0, 0, 0);
}

static void perform(void) {
    while (*at == ' ') at++;
    char op = *at++, letter[] = {op, ' ', 0};
    u64 a, b;
    void *block;
    switch (op) {
    case 'm': a = slot(), b = number(), slots[a] = use(malloc(b)); return;
    case 'c': a = slot(), b = number(), slots[a] = use(calloc(b, number())); return;
    case 'f': a = slot(), block = slots[a], slots[a] = 0, free(block); return;
    case 'r':
        a = slot(), b = number(), block = realloc(slots[a], b);
        if (block || (slots[a] && !b)) slots[a] = use(block);
        return;
    case 'a': case 'l': case 'p': case 'v': case 'w': {
        int is_paged = op == 'v' || op == 'w';
        a = slot(), b = is_paged ? 0 : number();
        u64 bytes = number();
        put_joined();
        begin();
        block = 0;
        if (op == 'a') block = memalign(b, bytes);
        if (op == 'l') block = aligned_alloc(b, bytes);
        if (op == 'p' && posix_memalign(&block, b, bytes)) block = 0;
        if (op == 'v') block = valloc(bytes);
        if (op == 'w') block = pvalloc(bytes);
        end();
        put_head(letter);
        if (!is_paged) put_number(b), *out++ = ' ';
        put_number(bytes), put_result(block), put_break();
        slots[a] = use(block);
        return;
    }
    case 'u': case 't': case 'o': {
        a = op == 'u' ? slot() : number(), b = op == 'o' ? number() : 0;
        put_joined();
        begin();
        u64 result = op == 'u' ? malloc_usable_size(slots[a]) : op == 't' ? (u64)malloc_trim(a) : (u64)mallopt((int)a, (int)b);
        end();
        put_head(letter);
        if (op == 'u') put_block(slots[a]);
        if (op == 't') put_number(a);
        if (op == 'o') put_signed((int)a), *out++ = ' ', put_signed((int)b);
        put(" = "), put_number(result), put_break();
        return;
    }
    case 'k':
        put_joined();
        if (sbrk((intptr_t)number()) != (void *)-1 && (u64)sbrk(0) != brk_last) brk_last = (u64)sbrk(0), put("K "), put_hex(brk_last - base), put("\n");
        return;
    case 'E':
        refused = 0;
        while (*at == ' ') at++;
        for (; *at > ' '; at++)
            if (strchr(kinds, *at)) refused |= 1u << (strchr(kinds, *at) - kinds);
        return;
    case 'V': wants_maps = 1; return;
    case 'S': snapshot(); return;
    default: die("the script has an operation that is not known");
    }
}

static void run_script(void);
static void *thread_main(void *number) {
    me = (u32)(u64)number;
    watch_thread();
    wait_for_turn();
    run_script();
    is_watched = 0;
    return 0;
}

/* Performs lines while they are for this thread; hands over at the first that is for another. */
static void run_script(void) {
    for (;;) {
        if (must_exit[me]) return;
        while (*at == '\n' || *at == ' ') at++;
        if (!*at) put_joined(), finish(0);
        char *line = at;
        u32 thread = (u32)number();
        if (thread >= THREADS_MAX) die("a thread beyond the last");
        if (thread != me) {
            at = line;
            hand_to(thread);
            wait_for_turn();
            continue;
        }
        while (*at == ' ') at++;
        if (*at == '+') {
            at++;
            u64 new = number();
            /* Without memory there would be no thread. */
            unsigned was_refused = refused;
            refused = 0;
            if (new >= THREADS_MAX || pthread_create(&threads[new], 0, thread_main, (void *)new)) die("a thread cannot be created");
            refused = was_refused;
        } else if (*at == '-') {
            at++;
            u64 gone = number();
            must_exit[gone] = 1, joined = gone, joined_by = me;
            hand_to(gone);
            pthread_join(threads[gone], 0);
            turn = me;
            put_joined();
        } else perform();
    }
}

static void probe(void) {
    u64 *block = __libc_malloc(24), self = (u64)__builtin_thread_pointer();
    u64 tcache = (u64)block - 0x290;
    __libc_free(block);
    put(gnu_get_libc_version()), put(" ");
    for (long offset = -8; offset > -1024; offset -= 8)
        if (WORD(self, offset) == tcache && WORD(tcache, 128) == (u64)block) {
            put_signed(offset), put("\n");
            write_all(trace, out);
            return;
        }
    die("the C library's tcache is not where it should be");
}

int main(int n_arguments, char **arguments) {
    if (n_arguments > 1 && !strcmp(arguments[1], "probe")) return probe(), 0;
    if (n_arguments < 4) die("driver probe | driver run TCACHE_OFFSET CORES");
    tcache_offset = strtol(arguments[2], 0, 10);
    n_cores = strtoul(arguments[3], 0, 10);
    out = cores_text, put("0-"), put_number(n_cores - 1), put("\n"), out = trace;
    long length = 0;
    for (long n; length < SCRIPT_MAX && (n = read(0, script + length, SCRIPT_MAX - length)) > 0;) length += n;
    find_arena();
    watch_signals();
    watch_thread();
    base = brk_last = (u64)sbrk(0);
    is_tracing = 1;
    run_script();
}
