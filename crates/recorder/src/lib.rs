//! Preloaded into a program, this library records every call of malloc's family, in the order of the heap.
//!
//! It is built by `cargo xtask record`, which starts the program with it, takes the records out of the ring they are
//! written to and makes a heap trace of them. The program's heap must not notice:
//!
//! - **It allocates nothing.** The ring is a file that both processes have mapped; everything else is in one page.
//! - **It calls glibc's own functions** by the names that glibc exports for them, so nothing is looked up at the start.
//! - **It has no thread-local storage and needs no other library.** With either, glibc would allocate more for each
//!   thread (a longer vector of thread-local storage) or at each `dlopen`. The standard library's panics have
//!   thread-local storage: so it is left out, by the profile `recorder` (`cargo build --profile recorder -p recorder`).
//!   In other profiles the library builds, and records nothing.
//! - **It takes itself out of the environment** before the program sees it: shells and interpreters copy theirs to the
//!   heap. So programs that this one starts are not recorded.
//! - **A lock is held around each call and its record**, once there are threads. glibc gives arenas to threads in the
//!   order in which they come, and only passes over an arena that is locked just then when the limit of arenas is
//!   reached; with the lock none ever is.
//!
//! Of an interpreter of Python it can record the calls of pymalloc instead: see `python`.
//!
//! After `fork` the child goes on unrecorded: the page with the state is empty there.
//!
//! Unlike the rest of the workspace this crate has `unsafe` code, as it is called from C and calls into C.
#![cfg_attr(panic = "abort", no_std)]
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

pub mod calls;
mod glibc;
mod lock;
mod python;
mod ring;
mod start;
mod state;
mod threads;
mod wire;

/// Nothing here panics; without the standard library this must be there all the same.
#[cfg(panic = "abort")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::abort() }
}
