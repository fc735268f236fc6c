//! The numbers of threads, and their ends.
//!
//! A thread gets its number at its first call and keeps it under a key of its own. The key's destructor asks to be called
//! again until the last of the rounds that glibc makes; then nothing of the program's is to come, only what glibc frees
//! itself, and the thread keeps the lock until it is gone.

use core::ffi::c_void;

use crate::lock::{self, Hold};
use crate::state::State;
use crate::wire::{Op, header};

/// Rounds of destructors. Source: `PTHREAD_DESTRUCTOR_ITERATIONS`, the same since glibc 2.1.
const N_ROUNDS: usize = 4;

/// The key is the last of those that a thread has room for without allocating: programs get the keys that they would
/// get anyway, and destructors of theirs come before ours. Source: `PTHREAD_KEY_2NDLEVEL_SIZE`.
const KEY: libc::pthread_key_t = 31;

/// Makes the key. `None`: more keys are in use than expected; ends of threads will not be seen.
pub(crate) fn make_key() -> Option<libc::pthread_key_t> {
    let mut keys: [libc::pthread_key_t; 64] = [0; 64];
    let mut n = 0;
    let mut found = None;
    for key in &mut keys {
        // SAFETY: the destructor is a function of this library, which is never unloaded.
        if unsafe { libc::pthread_key_create(key, Some(end)) } != 0 {
            break;
        }
        n += 1;
        if *key == KEY {
            found = Some(KEY);
        }
        if *key >= KEY {
            break;
        }
    }
    for key in keys.iter().take(n).filter(|&&key| Some(key) != found) {
        // SAFETY: made above and used by nobody.
        unsafe { libc::pthread_key_delete(*key) };
    }
    found
}

/// Writes who calls, if that is another thread than before. False: a thread of which nothing is known yet, and
/// `may_be_new` says that it need not be.
///
/// # Safety
/// The thread holds `hold`.
#[inline]
pub(crate) unsafe fn announce(state: *mut State, hold: Hold, may_be_new: bool) -> bool {
    // SAFETY: the lock is held.
    let guarded = unsafe { &mut (*state).guarded };
    let number = if hold == Hold::Alone {
        0
    } else {
        // SAFETY: no argument.
        let me = unsafe { libc::pthread_self() } as usize;
        if me == guarded.last_self {
            guarded.last_number
        } else {
            // SAFETY: the lock is held.
            let Some(number) = (unsafe { number_of(state, me, may_be_new) }) else { return false };
            guarded.last_self = me;
            guarded.last_number = number;
            number
        }
    };
    if number != guarded.thread {
        guarded.thread = number;
        guarded.ring.begin(Op::Thread, u64::from(number));
    }
    true
}

#[cold]
#[inline(never)]
unsafe fn number_of(state: *mut State, me: usize, may_be_new: bool) -> Option<u32> {
    // SAFETY: written once, before there were threads.
    let (main_thread, key, has_key) = unsafe { ((*state).main_thread, (*state).key, (*state).has_key != 0) };
    if me == main_thread {
        return Some(0);
    }
    let value = if has_key {
        // SAFETY: the key was made and is never deleted.
        unsafe { libc::pthread_getspecific(key).addr() }
    } else {
        0
    };
    if value != 0 {
        return Some((value / N_ROUNDS) as u32);
    }
    if !may_be_new {
        return None;
    }
    // SAFETY: the lock is held.
    let guarded = unsafe { &mut (*state).guarded };
    guarded.n_threads = guarded.n_threads.wrapping_add(1);
    let number = guarded.n_threads;
    if has_key {
        // SAFETY: the key was made; a thread has room for it from the start.
        unsafe { libc::pthread_setspecific(key, (number as usize * N_ROUNDS) as *const c_void) };
    }
    Some(number)
}

/// The destructor. `value` is the thread's number and how often this was called.
unsafe extern "C" fn end(value: *mut c_void) {
    let Some(state) = crate::state::current() else { return };
    let value = value as usize;
    if value % N_ROUNDS < N_ROUNDS - 1 {
        // SAFETY: the key was made, and this asks for another round.
        unsafe { libc::pthread_setspecific((*state).key, (value + 1) as *const c_void) };
        return;
    }
    // SAFETY: the state of a recording; a thread that calls destructors is in no call.
    unsafe {
        if lock::enter(state) == Hold::Lock {
            let guarded = &mut (*state).guarded;
            guarded.exiting = (value / N_ROUNDS) as u32;
            // Its calls are told by this, as its value is gone.
            guarded.last_self = libc::pthread_self() as usize;
            guarded.last_number = guarded.exiting;
            lock::keep_until_gone(state);
        }
    }
}

/// The thread that had the lock for good is gone, and this one has the lock.
///
/// # Safety
/// The lock is held.
pub(crate) unsafe fn is_gone(state: *mut State) {
    // SAFETY: the lock is held.
    let guarded = unsafe { &mut (*state).guarded };
    guarded.last_self = 0;
    guarded.thread = guarded.exiting;
    guarded.ring.begin(Op::ThreadExit, u64::from(guarded.exiting));
    guarded.see_break(Op::Break);
    guarded.ring.publish();
}

/// The process ends by `exit`.
#[used]
#[unsafe(link_section = ".fini_array")]
static FINISH: unsafe extern "C" fn() = {
    unsafe extern "C" fn finish() {
        let Some(state) = crate::state::loaded() else { return };
        // SAFETY: the state of a recording, or one that is off in a child.
        unsafe {
            if (*state).is_on | (*state).is_python_on == 0 {
                return;
            }
            let hold = lock::enter(state);
            (*state).guarded.ring.set(header::HAS_ENDED, 1);
            lock::leave(state, hold);
        }
    }
    finish
};
