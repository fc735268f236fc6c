//! The constants of the C machine, each with its unit and source. An allocator's own constants stand beside it.

use memory_trait::Address;

/// Default size of a thread's stack, the main thread's included. Unit: bytes. Source: Linux's default `RLIMIT_STACK`,
/// which glibc's `pthread_create` takes over.
pub const STACK_BYTES: u64 = 8 << 20;

/// The least stack that a thread may be given. Unit: bytes. Source: `PTHREAD_STACK_MIN` of glibc 2.36 on x86-64.
pub const THREAD_STACK_BYTES_MIN: u64 = 16384;

/// A thread's stack is a multiple of this. Unit: bytes. Source: glibc 2.36 `elf/dl-tls.c`, `dl_tls_static_align`, without
/// stricter thread-local variables.
pub const THREAD_STACK_ALIGNMENT_BYTES: u64 = 64;

/// From a thread's stack's top to the stack pointer before its function is called: `struct pthread` (2368 bytes), static
/// thread-local storage, the frame of `start_thread`. Unit: bytes. Source: measured on glibc 2.36 in a program without
/// thread-local variables of its own.
pub const THREAD_TOP_BYTES: u64 = 4384;

/// Below each stack nothing is mapped. Unit: bytes. Source: glibc's default `guardsize`, one page.
pub const GUARD_BYTES: u64 = 4096;

/// The address just above the main thread's first frame. Source: the top of the user half of x86-64's address space
/// without randomisation, less a page for the arguments and the environment.
pub const STACK_TOP: Address = Address(0x7fff_ffff_e000);

/// What a process has on the main thread's stack above `main`'s frame, unless said otherwise: environment, arguments,
/// auxiliary vector, the frames of `_start` and `__libc_start_call_main`. Unit: bytes. Source: our choice; a small
/// environment.
pub const ABOVE_MAIN_BYTES: u64 = 4096;

/// The address just above the first thread's stack; each further one lies below. Differs: the kernel would put them
/// among the mapped blocks and the heaps of threads; here they have a region of their own, a tebibyte below, so that
/// neither depends on the other.
pub const THREAD_STACKS_TOP: Address = Address(0x7f00_0000_0000);

/// The stack pointer is a multiple of this at every call. Unit: bytes. Source: System V ABI, AMD64, 3.2.2.
pub const STACK_ALIGNMENT_BYTES: u64 = 16;

/// What every frame begins with: the return address and the caller's `rbp`. Unit: bytes. Source: as above, 3.2.2.
pub const FRAME_LINK_BYTES: u64 = 16;

/// Of the 128 bytes below the stack pointer that no signal handler writes to, those that gcc uses. Unit: bytes. Source:
/// as above, and gcc 12.2 `config/i386/i386.h:RED_ZONE_RESERVE`.
pub const RED_ZONE_USED_BYTES: u64 = 120;

/// Arguments of integer class (integers, truth values, pointers) that travel in registers. Source: as above, 3.2.3.
pub const INTEGER_ARGUMENT_REGISTERS: usize = 6;

/// Arguments of class SSE (doubles) that travel in registers. Source: as above, 3.2.3.
pub const FLOAT_ARGUMENT_REGISTERS: usize = 8;

/// Where the program's code begins: return addresses point there. Source: the first code page of a static executable.
pub const CODE_BASE: Address = Address(0x40_1000);

/// Where string literals begin. Source: our choice; far from the code, the heap and the stacks.
pub const LITERALS_BASE: Address = Address(0x1000_0000);

/// Capacity of a list at its first element; it doubles from there. Unit: elements. Source: common practice.
pub const LIST_FIRST_CAPACITY: u64 = 4;

/// Capacity of a map at its first entry; it doubles from there. Unit: entries. Source: common practice.
pub const MAP_FIRST_CAPACITY: u64 = 8;

/// What `pthread_create` callocs for a new stack's thread-local storage: a vector of 17 entries of 16 bytes.
/// Unit: bytes. Source: glibc 2.36 `elf/dl-tls.c:allocate_dtv` in a program whose only TLS module is libc.
pub const DTV_BYTES: u64 = 17 * 16;

/// Default limit of the heap. Unit: bytes. Source: our choice, so that a workload that never stops allocating ends.
pub const LIMIT_HEAP_BYTES: u64 = 256 << 20;

/// What the shell prints of a program that touched an unmapped address. Source: `strsignal(SIGSEGV)`.
pub const SEGFAULT_MESSAGE: &str = "Segmentation fault";

/// What a program prints that looks at malloc's answer. Source: glibc's text of `ENOMEM`.
pub const OUT_OF_MEMORY_MESSAGE: &str = "malloc: Cannot allocate memory";
