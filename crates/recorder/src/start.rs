//! The start of a recording: at the first call, so that the heap is still as the kernel gave it.

use core::ffi::{c_char, c_void};
use core::ptr;

use crate::glibc::{self, Arena};
use crate::ring::Ring;
use crate::state::State;
use crate::threads;
use crate::wire::{RING_VARIABLE, header};

const PRELOAD: &[u8] = b"LD_PRELOAD=";

/// Runs before the program, if not at its first call.
#[used]
#[unsafe(link_section = ".init_array")]
static INITIALISE: unsafe extern "C" fn() = {
    unsafe extern "C" fn initialise() {
        // The program must not see the library in its environment, even if it never allocates.
        if let Some(state) = crate::state::loaded() {
            // SAFETY: the state of a recording, before the program's own code runs; its words are its own.
            unsafe {
                if (*state).guarded.ring.get(header::IS_PYTHON) != 0 && (*state).is_python_on == 0 {
                    crate::python::install(state);
                }
            }
        }
    }
    initialise
};

/// Maps the ring and makes the state. `None`: there is no ring, or this is not the library
/// that may be preloaded.
pub(crate) fn start() -> Option<*mut State> {
    if !cfg!(panic = "abort") {
        return None;
    }
    // SAFETY: the thread's own errno.
    let errno = unsafe { *libc::__errno_location() };
    let path = clean_environment();
    let state = if path.is_null() { None } else { map(path) };
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
    state
}

/// Takes the library and the name of the ring out of the environment, which stays in place. Returns that name.
fn clean_environment() -> *const c_char {
    let mut path: *const c_char = ptr::null();
    let mut from = glibc::first_environment();
    let mut to = from;
    loop {
        // SAFETY: the list ends with NULL, at which the loop ends; `to` is never behind `from`.
        unsafe {
            let entry = *from;
            if entry.is_null() {
                *to = entry;
                return path;
            }
            if let Some(value) = after(entry, RING_VARIABLE.as_bytes()) {
                path = value.add(1);
            } else if let Some(rest) = after(entry, PRELOAD).and_then(|value| other_libraries(value)) {
                *to = rest;
                to = to.add(1);
            } else if after(entry, PRELOAD).is_none() {
                *to = entry;
                to = to.add(1);
            }
            from = from.add(1);
        }
    }
}

/// What follows `prefix`.
///
/// # Safety
/// `text` ends with a NUL.
unsafe fn after(text: *mut c_char, prefix: &[u8]) -> Option<*mut c_char> {
    for (i, byte) in prefix.iter().enumerate() {
        // SAFETY: no byte before this one was the NUL.
        if unsafe { *text.add(i) } as u8 != *byte {
            return None;
        }
    }
    // SAFETY: the prefix has no NUL.
    Some(unsafe { text.add(prefix.len()) })
}

/// The variable without the first library of the list, this one; `None` if there is no other. The name of this library
/// is longer than the name of the variable, which takes its place.
///
/// # Safety
/// `list` ends with a NUL and may be written to.
unsafe fn other_libraries(list: *mut c_char) -> Option<*mut c_char> {
    let mut at = list;
    // SAFETY: stops at the NUL; `at` is at least the name's length behind `list`.
    unsafe {
        while *at as u8 != b':' {
            if *at == 0 {
                return None;
            }
            at = at.add(1);
        }
        let start = at.add(1).sub(PRELOAD.len());
        ptr::copy_nonoverlapping(PRELOAD.as_ptr().cast(), start, PRELOAD.len());
        Some(start)
    }
}

fn map(path: *const c_char) -> Option<*mut State> {
    // SAFETY: plain system calls with arguments that live across them; what is mapped stays so.
    unsafe {
        let file = libc::open(path, libc::O_RDWR | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let bytes = libc::lseek(file, 0, libc::SEEK_END);
        let read_write = libc::PROT_READ | libc::PROT_WRITE;
        let mapped = if bytes > 4096 {
            libc::mmap(ptr::null_mut(), bytes as usize, read_write, libc::MAP_SHARED, file, 0)
        } else {
            libc::MAP_FAILED
        };
        libc::close(file);
        if mapped == libc::MAP_FAILED {
            return None;
        }
        let ring = Ring::new(mapped.cast(), bytes as u64)?;
        let anonymous = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(ptr::null_mut(), 4096, read_write, anonymous, -1, 0);
        // Without that advice a child would go on writing into the parent's ring.
        if page == libc::MAP_FAILED || libc::madvise(page, 4096, libc::MADV_WIPEONFORK) != 0 {
            return None;
        }
        if ring.get(header::PROCESS) != 0 {
            return None;
        }
        Some(fill(page, ring))
    }
}

/// # Safety
/// `page` is an empty page.
unsafe fn fill(page: *mut c_void, ring: Ring) -> *mut State {
    let state: *mut State = page.cast();
    // SAFETY: the page is larger than a state, all zero is a state, and no other thread knows of it.
    unsafe {
        let state = &mut *state;
        // As the allocator would do it right now.
        let base = libc::sbrk(0) as usize;
        let arena = Arena::find_main();
        state.guarded.brk = base;
        state.guarded.main_arena = arena;
        state.guarded.newest_arena = arena;
        ring.set(header::BASE, base as u64);
        ring.set(header::CORES, n_cores());
        ring.set(header::GLIBC, glibc::version());
        ring.set(header::HAS_ARENA, u64::from(arena != Arena::NONE));
        ring.set(header::PROCESS, libc::getpid() as u64);
        (&raw mut state.guarded.ring).write(ring);
        state.main_thread = libc::pthread_self() as usize;
        if let Some(key) = threads::make_key() {
            state.key = key;
            state.has_key = 1;
        }
        make_gate(&raw mut state.exit_gate);
        state.is_on = u32::from(state.guarded.ring.get(header::IS_PYTHON) == 0);
    }
    state
}

/// # Safety
/// `gate` may be written to.
unsafe fn make_gate(gate: *mut libc::pthread_mutex_t) {
    // SAFETY: initialised before it is used; these functions cannot fail on an initialised attribute.
    unsafe {
        let mut attributes: libc::pthread_mutexattr_t = core::mem::zeroed();
        libc::pthread_mutexattr_init(&raw mut attributes);
        libc::pthread_mutexattr_setrobust(&raw mut attributes, libc::PTHREAD_MUTEX_ROBUST);
        libc::pthread_mutex_init(gate, &raw const attributes);
    }
}

/// The cores that glibc would count for its limit of arenas. Source: glibc 2.36 `__get_nprocs_sched`.
fn n_cores() -> u64 {
    let mut bits = [0_u64; 512];
    // SAFETY: the kernel writes at most so many bytes.
    let n = unsafe { libc::syscall(libc::SYS_sched_getaffinity, 0, size_of_val(&bits), bits.as_mut_ptr()) };
    if n <= 0 { 2 } else { bits.iter().map(|word| u64::from(word.count_ones())).sum() }
}
