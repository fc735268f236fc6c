//! The C runtime: stacks, `malloc`, and everything that goes wrong with them.
#![forbid(unsafe_code)]

pub mod kernighan_ritchie;
pub mod layout;
pub mod machine;
pub mod malloc;
pub mod memory;
pub mod params;
pub mod process_heap;
pub mod stack;
pub mod verify;

mod detector;

pub use kernighan_ritchie::KernighanRitchie;
pub use machine::{Builder, C};
pub use malloc::Glibc;
pub use memory::{Memory, RawMemory, Unmapped};
pub use process_heap::ProcessHeap;
