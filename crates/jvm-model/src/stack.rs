//! How deep Java calls can go under `-Xint`: bytes of a frame, bytes of a stack that frames may use.
//!
//! Mirrors `templateInterpreterGenerator_x86.cpp:generate_fixed_frame` and `stackOverflow.cpp` on Linux x86-64. A method
//! is entered only if the pages of the shadow zone below its frame can be touched:
//!
//! ```text
//! high  | thread's own, native frames  | Java frames ...        | shadow zone | reserved yellow red |  low
//!       |<- overhead less the zones -->|<--- usable_bytes ----->|<- 20 pages ->|<----- 4 pages ----->|
//! ```
//!
//! Differs: compiled frames are smaller and the first depth varies from run to run; they are not modelled.

use crate::params::{PAGE_BYTES, WORD_BYTES};
use crate::version::Version;

/// An interpreted frame without locals: return address, saved frame pointer, sender's and last stack pointer, method,
/// mirror, profile, constant-pool cache, locals, bytecode, start of the operands. Unit: bytes.
pub const FIXED_FRAME_BYTES: u64 = 11 * WORD_BYTES;

/// `StackShadowPages` + `StackYellowPages` + `StackRedPages` + `StackReservedPages`. Unit: bytes.
pub const GUARD_BYTES: u64 = (20 + 2 + 1 + 1) * PAGE_BYTES;

/// Bytes of an interpreted frame of a method with `max_locals` local slots, parameters included (`long` and `double`
/// take two), that calls on with nothing else on its operand stack. Each operand below the arguments adds a word.
pub const fn frame_bytes(max_locals: u64) -> u64 {
    FIXED_FRAME_BYTES + max_locals * WORD_BYTES
}

/// The stack of one thread.
///
/// ```
/// use jvm_model::{Version, stack::{ThreadStack, frame_bytes}};
/// // static void main(String[] a) { try { f(); } catch (StackOverflowError e) {} }   -Xint -Xss1m
/// let main = ThreadStack::of_main(Version::V17, 1 << 20);
/// assert_eq!((main.usable_bytes() - frame_bytes(2)) / frame_bytes(0), 10_733);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadStack {
    usable_bytes: u64,
}

impl ThreadStack {
    /// The main thread's, of `-Xss` bytes; the first Java frame is that of `main`.
    pub const fn of_main(version: Version, stack_bytes: u64) -> ThreadStack {
        ThreadStack { usable_bytes: stack_bytes.saturating_sub(GUARD_BYTES + main_overhead_bytes(version)) }
    }

    /// That of `new Thread(group, runnable, name, stack_bytes)`, which is rounded up to whole pages; the first Java
    /// frame counted is that of the runnable's `run`.
    pub const fn of_thread(version: Version, stack_bytes: u64) -> ThreadStack {
        let stack_bytes = stack_bytes.next_multiple_of(PAGE_BYTES);
        ThreadStack { usable_bytes: stack_bytes.saturating_sub(GUARD_BYTES + thread_overhead_bytes(version)) }
    }

    /// What all Java frames of the thread may take together: one byte more is a `StackOverflowError`.
    #[inline]
    pub const fn usable_bytes(self) -> u64 {
        self.usable_bytes
    }

    /// How many frames of `frame_bytes` fit upon frames of `below_bytes`.
    pub const fn depth(self, below_bytes: u64, frame_bytes: u64) -> u64 {
        self.usable_bytes.saturating_sub(below_bytes) / frame_bytes
    }
}

/// What the launcher and the VM have on the main thread's stack below `main`. Unit: bytes.
/// Measured to the word on 17.0.15, 21.0.8 and 25.0.3 with glibc 2.36.
const fn main_overhead_bytes(version: Version) -> u64 {
    match version {
        Version::V17 => 5_664,
        Version::V21 => 5_632,
        Version::V25 => 5_712,
    }
}

/// What the VM and `Thread.run` have on a new thread's stack below the runnable's `run`. Unit: bytes. Measured likewise.
const fn thread_overhead_bytes(version: Version) -> u64 {
    match version {
        Version::V17 => 5_616,
        Version::V21 | Version::V25 => 5_776,
    }
}
