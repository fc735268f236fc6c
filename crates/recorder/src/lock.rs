//! The lock that makes the order of the records the order of the heap.
//!
//! While there is one thread nothing is locked. Then it is a futex, but for one case: what glibc does in the last
//! moments of a thread (flushing its cache, giving up its arena) happens behind everything that can be called or
//! intercepted, so nobody could give the lock back at the right moment. Such a thread takes the lock for good, and with it
//! a robust mutex, the *gate*; the kernel gives the gate to the next thread when this one is gone, and that thread takes
//! the lock over.

use core::sync::atomic::Ordering;

use crate::state::State;
use crate::threads;

/// Nobody holds it.
const FREE: u32 = 0;
/// Held.
const HELD: u32 = 1;
/// Held, and somebody sleeps until it is not.
const AWAITED: u32 = 2;
/// Held by a thread in its last moments: the gate tells when it is gone.
const EXITING: u32 = 3;

/// Looks before sleeping.
const N_SPINS: u32 = 100;

/// What has to be given back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// There is one thread.
    Alone,
    /// The lock.
    Lock,
    /// The thread had the lock already: it is in its last moments, or in a signal handler that interrupted a call.
    Nested,
}

/// # Safety
/// `state` is the state of a recording.
#[inline]
pub(crate) unsafe fn enter(state: *mut State) -> Hold {
    if crate::glibc::is_single_threaded() {
        return Hold::Alone;
    }
    // SAFETY: no argument.
    let me = unsafe { libc::pthread_self() } as usize;
    // SAFETY: an atomic in the state, which stays mapped.
    let (lock, owner) = unsafe { (&(*state).lock, &(*state).owner) };
    // Only this thread ever writes its own name there, or one that is gone and had the same.
    // SAFETY: the caller's.
    if owner.load(Ordering::Relaxed) == me && unsafe { is_still(state) } {
        return Hold::Nested;
    }
    if lock.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
        // SAFETY: the caller's.
        unsafe { wait(state) };
    }
    owner.store(me, Ordering::Relaxed);
    Hold::Lock
}

/// Whether the owner of the lock, which has this thread's name, is this thread: a thread gets the name of one that is gone.
///
/// # Safety
/// `state` is the state of a recording.
#[cold]
unsafe fn is_still(state: *mut State) -> bool {
    // SAFETY: atomics in the state; no argument.
    unsafe {
        (*state).lock.load(Ordering::Acquire) != EXITING
            || (*state).exiting_kernel_id.load(Ordering::Relaxed) == libc::syscall(libc::SYS_gettid) as u32
    }
}

/// # Safety
/// `hold` is what [`enter`] returned last to this thread.
#[inline]
pub(crate) unsafe fn leave(state: *mut State, hold: Hold) {
    if hold != Hold::Lock {
        return;
    }
    // SAFETY: atomics in the state, which stays mapped.
    let (lock, owner) = unsafe { (&(*state).lock, &(*state).owner) };
    owner.store(0, Ordering::Relaxed);
    if lock.swap(FREE, Ordering::Release) == AWAITED {
        futex(lock, libc::FUTEX_WAKE, 1);
    }
}

/// Keeps the lock until the thread is gone.
///
/// # Safety
/// The thread holds the lock.
pub(crate) unsafe fn keep_until_gone(state: *mut State) {
    // SAFETY: the gate is an initialised mutex; whoever holds it now lets go at once, as the lock is not `EXITING`.
    unsafe { pass_gate(state) };
    // SAFETY: atomics in the state; no argument.
    let lock = unsafe {
        (*state).exiting_kernel_id.store(libc::syscall(libc::SYS_gettid) as u32, Ordering::Relaxed);
        &(*state).lock
    };
    if lock.swap(EXITING, Ordering::Release) == AWAITED {
        // Sleepers are to wait at the gate.
        futex(lock, libc::FUTEX_WAKE, i32::MAX);
    }
}

#[cold]
#[inline(never)]
unsafe fn wait(state: *mut State) {
    // SAFETY: an atomic in the state.
    let lock = unsafe { &(*state).lock };
    // SAFETY: the thread's own errno.
    let errno = unsafe { *libc::__errno_location() };
    let mut n_spins = 0;
    loop {
        match lock.load(Ordering::Relaxed) {
            EXITING => {
                // SAFETY: the gate is an initialised mutex.
                unsafe { pass_gate(state) };
                let is_taken = lock.compare_exchange(EXITING, AWAITED, Ordering::Acquire, Ordering::Relaxed).is_ok();
                // SAFETY: this thread holds the gate.
                unsafe { libc::pthread_mutex_unlock(&raw mut (*state).exit_gate) };
                if is_taken {
                    // SAFETY: this thread holds the lock now.
                    unsafe { threads::is_gone(state) };
                    break;
                }
            }
            FREE => {
                let to = if n_spins < N_SPINS { HELD } else { AWAITED };
                if lock.compare_exchange(FREE, to, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                    break;
                }
            }
            _ if n_spins < N_SPINS => {
                n_spins += 1;
                core::hint::spin_loop();
            }
            HELD => {
                // Who sleeps here sets it to `AWAITED` when it wakes, too: there may be others.
                let _ = lock.compare_exchange(HELD, AWAITED, Ordering::Relaxed, Ordering::Relaxed);
            }
            _ => futex(lock, libc::FUTEX_WAIT, AWAITED as i32),
        }
    }
    // SAFETY: the thread's own errno.
    unsafe { *libc::__errno_location() = errno };
}

/// Takes the gate; if who held it is gone that is as good.
///
/// # Safety
/// The thread does not hold it.
unsafe fn pass_gate(state: *mut State) {
    // SAFETY: an initialised robust mutex.
    unsafe {
        if libc::pthread_mutex_lock(&raw mut (*state).exit_gate) == libc::EOWNERDEAD {
            libc::pthread_mutex_consistent(&raw mut (*state).exit_gate);
        }
    }
}

fn futex(word: &core::sync::atomic::AtomicU32, operation: i32, value: i32) {
    let none: *const libc::timespec = core::ptr::null();
    // SAFETY: the word stays mapped; without a timeout nothing else is read.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation | libc::FUTEX_PRIVATE_FLAG, value, none) };
}
