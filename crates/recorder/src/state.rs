//! The state of a recording: one page, which is empty in a child after `fork`.

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use crate::glibc::Arena;
use crate::ring::Ring;

/// Thread heaps that are remembered as announced, by the low bits of their number. A heap that has fallen out is announced
/// again, which the reader knows how to take.
const N_REGIONS: usize = 128;

/// Everything there is. All zero is a recording that is off.
#[repr(C)]
pub(crate) struct State {
    /// Not 0: calls are recorded.
    pub(crate) is_on: u32,
    /// Not 0: calls of Python's allocator are recorded, and those of malloc are not.
    pub(crate) is_python_on: u32,
    /// The lock: see `lock`.
    pub(crate) lock: AtomicU32,
    /// The thread that holds the lock, by `pthread_self`; 0: none.
    pub(crate) owner: AtomicUsize,
    /// The thread that keeps the lock until it is gone, if one does, by the kernel's number.
    pub(crate) exiting_kernel_id: AtomicU32,
    /// What the lock guards.
    pub(crate) guarded: Guarded,
    /// Held by a thread from its last moments to its end: the kernel hands it on.
    pub(crate) exit_gate: libc::pthread_mutex_t,
    /// The thread that the program began in.
    pub(crate) main_thread: usize,
    /// The key under which the other threads keep their numbers.
    pub(crate) key: libc::pthread_key_t,
    /// 0: there is no such key.
    pub(crate) has_key: u32,
}

/// Changed with the lock held, or while there is one thread.
#[repr(C)]
pub(crate) struct Guarded {
    pub(crate) ring: Ring,
    /// The break after the last event.
    pub(crate) brk: usize,
    pub(crate) main_arena: Arena,
    pub(crate) newest_arena: Arena,
    /// The thread of the last record.
    pub(crate) thread: u32,
    /// Threads so far, less the first.
    pub(crate) n_threads: u32,
    /// Who that was, by `pthread_self`; 0: nobody.
    pub(crate) last_self: usize,
    /// The number of that thread.
    pub(crate) last_number: u32,
    /// The thread that is in its last moments, if the lock says that one is.
    pub(crate) exiting: u32,
    pub(crate) regions: [usize; N_REGIONS],
}

const _: () = assert!(size_of::<State>() <= 4096, "the state is one page");

/// The page, once there was a first call.
static STATE: AtomicPtr<State> = AtomicPtr::new((&raw const OFF).cast_mut().cast());

/// There was a first call.
static HAS_BEGUN: AtomicBool = AtomicBool::new(false);

/// A recording that is off: before the first call, and for good if there is no ring.
static OFF: [u64; size_of::<State>() / 8] = [0; size_of::<State>() / 8];

/// The state if calls are to be recorded and the recording has begun.
#[inline]
pub(crate) fn running() -> Option<*mut State> {
    let state = STATE.load(Ordering::Relaxed);
    // SAFETY: the page stays mapped for good, or it is `OFF`, which is only read.
    if unsafe { (&raw const (*state).is_on).read() } == 0 { None } else { Some(state) }
}

/// The state if calls of Python's allocator are to be recorded.
#[inline]
pub(crate) fn python() -> Option<*mut State> {
    let state = STATE.load(Ordering::Relaxed);
    // SAFETY: as above.
    if unsafe { (&raw const (*state).is_python_on).read() } == 0 { None } else { Some(state) }
}

/// The state, on or off; `None` without a ring. The first call begins the recording.
pub(crate) fn loaded() -> Option<*mut State> {
    current();
    let state = STATE.load(Ordering::Relaxed);
    if core::ptr::eq(state, (&raw const OFF).cast()) { None } else { Some(state) }
}

/// The state if calls are to be recorded; the first call begins the recording.
#[inline]
pub(crate) fn current() -> Option<*mut State> {
    running().or_else(begin)
}

#[cold]
#[inline(never)]
fn begin() -> Option<*mut State> {
    // The first call comes before there are threads.
    if HAS_BEGUN.swap(true, Ordering::Relaxed) {
        return None;
    }
    let state = crate::start::start()?;
    STATE.store(state, Ordering::Relaxed);
    running()
}

impl Guarded {
    /// Announces a thread heap unless that was done.
    #[inline]
    pub(crate) fn announce(&mut self, region: usize) {
        let entry = &mut self.regions[(region >> 26) % N_REGIONS];
        if *entry != region {
            *entry = region;
            self.ring.region(region);
        }
    }
}
