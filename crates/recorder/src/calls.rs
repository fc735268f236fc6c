//! The functions that take the place of glibc's: each calls the real one and writes what it did.
//!
//! `reallocarray` is not among them: glibc's calls `realloc`.

use core::ffi::{CStr, c_int, c_void};
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::glibc::{self, Arena, Place};
use crate::lock::{self, Hold};
use crate::state::{Guarded, State};
use crate::threads;
use crate::wire::{
    ARGUMENT_SHIFT, FREE_KIND_SHIFT, Op, SMALL_BLOCK_SHIFT, SMALL_BYTES, SMALL_SIZE_SHIFT, header, kind,
};

/// Makes a call and records it, if anything is recorded.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the calls are on the program's hottest path")]
fn recorded<R: Copy>(call: impl FnOnce() -> R, write: impl FnOnce(&mut Guarded, R)) -> R {
    match crate::state::current() {
        // SAFETY: the state of a recording.
        Some(state) => unsafe { recorded_with(state, true, call, write) },
        None => call(),
    }
}

/// # Safety
/// `state` is the state of a recording.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the calls are on the program's hottest path")]
unsafe fn recorded_with<R: Copy>(
    state: *mut State,
    may_be_new: bool,
    call: impl FnOnce() -> R,
    write: impl FnOnce(&mut Guarded, R),
) -> R {
    // SAFETY: the lock is held from here to `leave`, or there is one thread.
    unsafe {
        let hold = lock::enter(state);
        (*state).guarded.see_break(Op::ForeignBreak);
        let result = call();
        let n_threads = (*state).guarded.n_threads;
        if threads::announce(state, hold, may_be_new) {
            let guarded = &mut (*state).guarded;
            if hold != Hold::Alone {
                guarded.see_arenas(n_threads != guarded.n_threads);
            }
            write(guarded, result);
            guarded.see_break(Op::Break);
            if !guarded.ring.publish() {
                (*state).is_on = 0;
            }
        }
        lock::leave(state, hold);
        result
    }
}

impl Guarded {
    /// Writes where the break is if it is not where it was.
    #[inline]
    pub(crate) fn see_break(&mut self, op: Op) {
        let brk = glibc::current_break();
        if brk != self.brk {
            self.brk = brk;
            self.ring.begin(op, brk as u64);
        }
    }

    /// Whether the break is where it was before the call, and after the last one.
    #[inline]
    fn is_quiet(&self, before: usize) -> bool {
        before == self.brk && before == glibc::current_break()
    }

    /// Where the break was before the call: if it was not where the last one had left it, somebody else has moved it.
    #[cold]
    fn break_was(&mut self, before: usize) {
        if before != self.brk {
            self.brk = before;
            self.ring.begin(Op::ForeignBreak, before as u64);
        }
    }

    /// Announces the heaps of new arenas. At a thread's first call it may also be that an old arena has a new heap, with
    /// nothing in it but the thread's cache.
    #[inline]
    fn see_arenas(&mut self, is_first_of_thread: bool) {
        if self.main_arena == Arena::NONE {
            return;
        }
        // SAFETY: the main arena was found.
        let newest = unsafe { self.main_arena.next() };
        if newest != self.newest_arena || is_first_of_thread {
            // SAFETY: as above.
            unsafe { self.walk_arenas(newest) };
        }
    }

    #[cold]
    #[inline(never)]
    unsafe fn walk_arenas(&mut self, newest: Arena) {
        self.newest_arena = newest;
        let mut arena = newest;
        while arena != self.main_arena {
            self.announce(arena.region());
            // SAFETY: the list leads from arena to arena and ends at the main arena.
            unsafe {
                self.announce(arena.top_region());
                arena = arena.next();
            }
        }
    }

    /// Writes a result: a block or NULL.
    #[inline]
    fn result(&mut self, block: *mut c_void) {
        if block.is_null() {
            return self.ring.word(0);
        }
        // SAFETY: glibc has just returned it.
        match unsafe { glibc::place(block) } {
            Place::Heap => self.ring.word(block as u64),
            Place::Region(_) => self.ring.word(block as u64 | kind::REGION),
            Place::Mapped(offset) => self.mapped(block, offset),
        }
    }

    #[cold]
    #[inline(never)]
    fn mapped(&mut self, block: *mut c_void, offset: usize) {
        let mapping = (block as usize).wrapping_sub(16 + offset) as u64;
        if self.ring.get(header::MAPPED_BASE) == 0 {
            self.ring.set(header::MAPPED_BASE, mapping);
        }
        self.ring.word(block as u64 | kind::MAPPED);
        self.ring.word(offset as u64);
    }

    /// Announces the heap that a result is in. Comes before the record of the call.
    #[inline]
    fn see_region(&mut self, block: *mut c_void) {
        if !block.is_null()
            // SAFETY: glibc has just returned it.
            && let Place::Region(region) = unsafe { glibc::place(block) }
        {
            self.announce(region);
        }
    }

    /// A call with one argument that returns a block.
    #[inline]
    fn block1(&mut self, op: Op, argument: usize, block: *mut c_void) {
        self.see_region(block);
        self.ring.begin(op, argument as u64);
        self.result(block);
    }

    /// A call with two arguments that returns a block.
    #[inline]
    fn block2(&mut self, op: Op, first: usize, second: u64, block: *mut c_void) {
        self.see_region(block);
        self.ring.begin(op, first as u64);
        self.ring.word(second);
        self.result(block);
    }
}

/// A block that the program passes, with its kind.
///
/// # Safety
/// NULL or a block; of what is neither, glibc would read as much.
#[inline]
unsafe fn argument(block: *mut c_void) -> u64 {
    if block.is_null() {
        return 0;
    }
    // SAFETY: the caller's.
    let kind = match unsafe { glibc::place(block) } {
        Place::Heap => kind::HEAP,
        Place::Region(_) => kind::REGION,
        Place::Mapped(_) => kind::MAPPED,
    };
    block as u64 & !kind::MASK | kind
}

/// As `malloc(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(bytes: usize) -> *mut c_void {
    let Some(state) = alone() else { return malloc_with_threads(bytes) };
    let before = glibc::current_break();
    // SAFETY: the real function, called as this one was; then the state, while there is one thread.
    unsafe {
        let block = glibc::__libc_malloc(bytes);
        let guarded = &mut (*state).guarded;
        if !block.is_null()
            && bytes < SMALL_BYTES
            && glibc::place(block) == Place::Heap
            && guarded.is_quiet(before)
            && (block as u64) < 1 << 47
        {
            let size = (bytes as u64) << SMALL_SIZE_SHIFT;
            guarded.ring.word(Op::SmallMalloc as u64 | size | (block as u64) >> 4 << SMALL_BLOCK_SHIFT);
            if !guarded.ring.publish() {
                (*state).is_on = 0;
            }
        } else {
            note(state, before, Op::Malloc, bytes, block);
        }
        block
    }
}

#[cold]
#[inline(never)]
fn malloc_with_threads(bytes: usize) -> *mut c_void {
    // SAFETY: the real function, called as `malloc` was.
    recorded(|| unsafe { glibc::__libc_malloc(bytes) }, |to, block| to.block1(Op::Malloc, bytes, block))
}

/// The state, if calls are recorded, the thread is the only one, and none of its calls needs anything else written first.
#[inline]
fn alone() -> Option<*mut State> {
    if glibc::is_single_threaded() { crate::state::running() } else { None }
}

/// Records what is not recorded in one word.
///
/// # Safety
/// `state` is the state of a recording, and there is one thread.
#[cold]
#[inline(never)]
unsafe fn note(state: *mut State, before: usize, op: Op, bytes: usize, block: *mut c_void) {
    // SAFETY: the caller's.
    let guarded = unsafe { &mut (*state).guarded };
    guarded.break_was(before);
    guarded.block1(op, bytes, block);
    guarded.see_break(Op::Break);
    if !guarded.ring.publish() {
        // SAFETY: as above.
        unsafe { (*state).is_on = 0 };
    }
}

/// As `calloc(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(n: usize, bytes: usize) -> *mut c_void {
    recorded(
        // SAFETY: the real function, called as this one was.
        || unsafe { glibc::__libc_calloc(n, bytes) },
        |to, block| to.block2(Op::Calloc, n, bytes as u64, block),
    )
}

/// As `realloc(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(old: *mut c_void, bytes: usize) -> *mut c_void {
    // SAFETY: the program passes a block; read before it may be gone.
    let passed = unsafe { argument(old) };
    recorded(
        // SAFETY: the real function, called as this one was.
        || unsafe { glibc::__libc_realloc(old, bytes) },
        |to, block| to.block2(Op::Realloc, bytes, passed, block),
    )
}

/// As `free(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    let Some(state) = alone() else {
        // SAFETY: as this one was called.
        return unsafe { free_with_threads(block) };
    };
    // SAFETY: the program passes a block, read before it is gone; the real function, called as this one was; then the
    // state, while there is one thread.
    unsafe {
        let word = freed(block);
        let before = glibc::current_break();
        glibc::__libc_free(block);
        let guarded = &mut (*state).guarded;
        if !guarded.is_quiet(before) {
            guarded.break_was(before);
        }
        guarded.ring.word(word);
        guarded.see_break(Op::Break);
        if !guarded.ring.publish() {
            (*state).is_on = 0;
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn free_with_threads(block: *mut c_void) {
    // SAFETY: the real function, called as `free` was.
    let real = || unsafe { glibc::__libc_free(block) };
    let Some(state) = crate::state::current() else { return real() };
    // SAFETY: the program passes a block; read before it is gone.
    let word = unsafe { freed(block) };
    // glibc itself frees NULL at the end of a thread; that must not make the thread known when it is almost gone.
    let may_be_new = !block.is_null();
    // SAFETY: the state of a recording.
    unsafe { recorded_with(state, may_be_new, real, |to, ()| to.ring.word(word)) };
}

/// The record of a `free`.
///
/// # Safety
/// As [`argument`].
#[inline]
unsafe fn freed(block: *mut c_void) -> u64 {
    // SAFETY: the caller's.
    let passed = unsafe { argument(block) };
    Op::Free as u64 | passed >> 62 << FREE_KIND_SHIFT | passed << ARGUMENT_SHIFT
}

/// As `memalign(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memalign(alignment: usize, bytes: usize) -> *mut c_void {
    recorded(
        // SAFETY: the real function, called as this one was.
        || unsafe { glibc::__libc_memalign(alignment, bytes) },
        |to, block| to.block2(Op::Memalign, alignment, bytes as u64, block),
    )
}

/// As `valloc(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn valloc(bytes: usize) -> *mut c_void {
    // SAFETY: the real function, called as this one was.
    recorded(|| unsafe { glibc::__libc_valloc(bytes) }, |to, block| to.block1(Op::Valloc, bytes, block))
}

/// As `pvalloc(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pvalloc(bytes: usize) -> *mut c_void {
    // SAFETY: the real function, called as this one was.
    recorded(|| unsafe { glibc::__libc_pvalloc(bytes) }, |to, block| to.block1(Op::Pvalloc, bytes, block))
}

/// As `mallopt(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mallopt(option: c_int, value: c_int) -> c_int {
    recorded(
        // SAFETY: the real function, called as this one was.
        || unsafe { glibc::__libc_mallopt(option, value) },
        |to, answer| {
            to.ring.begin_answered(Op::Mallopt, i64::from(value) as u64, answer != 0);
            to.ring.word(i64::from(option) as u64);
        },
    )
}

/// The address of a function that glibc exports under one name only: looked up at its first use, which allocates nothing.
fn next(known: &AtomicUsize, name: &CStr) -> usize {
    let at = known.load(Ordering::Relaxed);
    if at != 0 {
        return at;
    }
    // SAFETY: a string with a NUL.
    let at = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) } as usize;
    if at == 0 {
        // SAFETY: there is no C library without that function; there is nothing that could be returned instead.
        unsafe { libc::abort() };
    }
    known.store(at, Ordering::Relaxed);
    at
}

/// The real function of this name and type.
macro_rules! next {
    ($name:literal as $type:ty) => {{
        static KNOWN: AtomicUsize = AtomicUsize::new(0);
        // SAFETY: the function of that name has that type, by the C standard or glibc's `malloc.h`.
        unsafe { core::mem::transmute::<usize, $type>(next(&KNOWN, $name)) }
    }};
}

/// As `aligned_alloc(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(alignment: usize, bytes: usize) -> *mut c_void {
    let real = next!(c"aligned_alloc" as unsafe extern "C" fn(usize, usize) -> *mut c_void);
    recorded(
        // SAFETY: the real function, called as this one was.
        || unsafe { real(alignment, bytes) },
        |to, block| to.block2(Op::AlignedAlloc, alignment, bytes as u64, block),
    )
}

/// As `posix_memalign(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(to: *mut *mut c_void, alignment: usize, bytes: usize) -> c_int {
    let real = next!(c"posix_memalign" as unsafe extern "C" fn(*mut *mut c_void, usize, usize) -> c_int);
    recorded(
        // SAFETY: the real function, called as this one was.
        || unsafe { real(to, alignment, bytes) },
        |guarded, error| {
            // SAFETY: without an error a block was stored there.
            let block = if error == 0 { unsafe { *to } } else { core::ptr::null_mut() };
            guarded.block2(Op::PosixMemalign, alignment, bytes as u64, block);
        },
    )
}

/// As `malloc_usable_size(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    let real = next!(c"malloc_usable_size" as unsafe extern "C" fn(*mut c_void) -> usize);
    // SAFETY: the program passes a block.
    let passed = unsafe { argument(block) };
    recorded(
        // SAFETY: the real function, called as this one was.
        || unsafe { real(block) },
        |to, bytes| {
            to.ring.begin(Op::UsableSize, bytes as u64);
            to.ring.word(passed);
        },
    )
}

/// As `malloc_trim(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_trim(pad: usize) -> c_int {
    let real = next!(c"malloc_trim" as unsafe extern "C" fn(usize) -> c_int);
    recorded(
        // SAFETY: the real function, called as this one was.
        || unsafe { real(pad) },
        |to, answer| to.ring.begin_answered(Op::Trim, pad as u64, answer != 0),
    )
}
