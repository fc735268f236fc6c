//! What is known of glibc: its functions by their other names, its break, its arenas.
//!
//! The offsets are those of 2.36 on 64 bits. They are used only if a structure that fits them is found.

use core::ffi::{c_char, c_int, c_void};

unsafe extern "C" {
    pub(crate) fn __libc_malloc(bytes: usize) -> *mut c_void;
    pub(crate) fn __libc_calloc(n: usize, bytes: usize) -> *mut c_void;
    pub(crate) fn __libc_realloc(block: *mut c_void, bytes: usize) -> *mut c_void;
    pub(crate) fn __libc_free(block: *mut c_void);
    pub(crate) fn __libc_memalign(alignment: usize, bytes: usize) -> *mut c_void;
    pub(crate) fn __libc_valloc(bytes: usize) -> *mut c_void;
    pub(crate) fn __libc_pvalloc(bytes: usize) -> *mut c_void;
    pub(crate) fn __libc_mallopt(option: c_int, value: c_int) -> c_int;
    fn gnu_get_libc_version() -> *const c_char;
    /// Where glibc believes the break is.
    static __curbrk: *mut c_void;
    /// Not 0: no thread was ever made.
    static __libc_single_threaded: c_char;
    /// The number of arguments as the kernel put it on the stack; arguments and environment follow.
    static __libc_stack_end: *const usize;
}

/// Size field of a chunk: it is a mapping of its own. Source: `malloc/malloc.c:IS_MMAPPED`.
const IS_MMAPPED: usize = 2;
/// Size field of a chunk: it is not in the main arena. Source: `malloc/malloc.c:NON_MAIN_ARENA`.
const NON_MAIN_ARENA: usize = 4;
/// Address space of a thread heap. Unit: bytes. Source: `malloc/arena.c:HEAP_MAX_SIZE`.
const HEAP_BYTES_MAX: usize = 64 << 20;

/// Offsets in `malloc/malloc.c:struct malloc_state`. Unit: bytes.
mod arena_offset {
    pub(super) const TOP: usize = 0x60;
    pub(super) const NEXT: usize = 0x870;
    pub(super) const ATTACHED_THREADS: usize = 0x880;
    pub(super) const END: usize = 0x898;
}

/// Where glibc believes the break is.
#[inline]
pub(crate) fn current_break() -> usize {
    // SAFETY: a pointer-sized variable of glibc, which nothing but `brk` and `sbrk` write; a value from before or after
    // a concurrent move is one or the other.
    unsafe { (&raw const __curbrk).read_volatile() as usize }
}

/// Whether no thread was ever made.
#[inline]
pub(crate) fn is_single_threaded() -> bool {
    // SAFETY: a byte that glibc exports for this question; it changes in the thread that makes the first thread.
    unsafe { (&raw const __libc_single_threaded).read_volatile() != 0 }
}

/// glibc's version: 2.36 is 236.
pub(crate) fn version() -> u64 {
    // SAFETY: returns a constant string.
    let mut text = unsafe { gnu_get_libc_version() };
    let mut version = 0_u64;
    loop {
        // SAFETY: the string ends with a NUL, at which the loop ends.
        let byte = unsafe { text.read() } as u8;
        match byte {
            0 => return version,
            b'0'..=b'9' => version = version.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')),
            _ => {}
        }
        text = text.wrapping_add(1);
    }
}

/// The environment where the kernel put it: a list of pointers that ends with NULL.
pub(crate) fn first_environment() -> *mut *mut c_char {
    // SAFETY: set by the dynamic linker before any other code runs; argc, argv, NULL and the environment follow each
    // other there.
    unsafe {
        let stack = __libc_stack_end;
        stack.add(1 + *stack + 1).cast_mut().cast()
    }
}

/// Where a block is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Heap,
    /// In the thread heap at this address.
    Region(usize),
    /// In a mapping that begins so many bytes before the chunk.
    Mapped(usize),
}

/// Where a block is, as its chunk says.
///
/// # Safety
/// `block` is one that glibc returned and that was not freed, and not NULL.
#[inline]
pub(crate) unsafe fn place(block: *const c_void) -> Place {
    let words: *const usize = block.cast();
    // SAFETY: the 16 bytes before a block are its chunk's header.
    unsafe {
        let head = words.sub(1).read();
        if head & (IS_MMAPPED | NON_MAIN_ARENA) == 0 {
            Place::Heap
        } else if head & IS_MMAPPED != 0 {
            Place::Mapped(words.sub(2).read())
        } else {
            Place::Region(block as usize & !(HEAP_BYTES_MAX - 1))
        }
    }
}

/// One of glibc's arenas.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arena(usize);

impl Arena {
    /// No arena.
    pub(crate) const NONE: Arena = Arena(0);

    /// The next one in the list that ends at the main arena; right behind that is the newest.
    ///
    /// # Safety
    /// The arena is one.
    #[inline]
    pub(crate) unsafe fn next(self) -> Arena {
        // SAFETY: an arena is never given back, and its links are written with its list locked, one at a time.
        Arena(unsafe { ((self.0 + arena_offset::NEXT) as *const usize).read_volatile() })
    }

    /// The thread heap that its top chunk is in.
    ///
    /// # Safety
    /// The arena is one, and not the main arena.
    pub(crate) unsafe fn top_region(self) -> usize {
        // SAFETY: as above.
        let top = unsafe { ((self.0 + arena_offset::TOP) as *const usize).read_volatile() };
        top & !(HEAP_BYTES_MAX - 1)
    }

    /// The thread heap that it is at the beginning of.
    pub(crate) fn region(self) -> usize {
        self.0 & !(HEAP_BYTES_MAX - 1)
    }

    /// Finds the main arena in glibc's data, while it is the only one: its `next` leads to itself, one thread is
    /// attached to it, and its flags are 0.
    pub(crate) fn find_main() -> Arena {
        let mut found = Arena::NONE;
        // SAFETY: the callback takes what it is given and is not kept.
        unsafe { libc::dl_iterate_phdr(Some(search_object), (&raw mut found).cast()) };
        found
    }
}

/// Searches one loaded object, if it is glibc.
unsafe extern "C" fn search_object(info: *mut libc::dl_phdr_info, _: usize, found: *mut c_void) -> c_int {
    // SAFETY: the dynamic linker passes a description of an object that stays loaded during the call.
    let info = unsafe { &*info };
    let marker = &raw const __curbrk as usize;
    for i in 0..usize::from(info.dlpi_phnum) {
        // SAFETY: there are `dlpi_phnum` headers.
        let header = unsafe { &*info.dlpi_phdr.add(i) };
        let start = (info.dlpi_addr + header.p_vaddr) as usize;
        let end = start + header.p_memsz as usize;
        if header.p_type != libc::PT_LOAD || !(start..end).contains(&marker) {
            continue;
        }
        let mut at = (start + 15) & !15;
        while at + arena_offset::END <= end {
            // SAFETY: between `start` and `end` the object's writable data is mapped.
            if unsafe { is_main_arena(at) } {
                // SAFETY: `found` is the `Arena` that `find_main` passes.
                unsafe { found.cast::<Arena>().write(Arena(at)) };
                return 1;
            }
            at += 16;
        }
    }
    0
}

/// # Safety
/// The bytes of an arena at `at` can be read.
unsafe fn is_main_arena(at: usize) -> bool {
    // SAFETY: the caller's.
    let word = |offset: usize| unsafe { ((at + offset) as *const usize).read_volatile() };
    word(arena_offset::NEXT) == at && word(arena_offset::ATTACHED_THREADS) == 1 && word(0) >> 32 == 0
}
