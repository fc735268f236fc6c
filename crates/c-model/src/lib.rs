//! The call stack, and `malloc` as glibc does it.
#![forbid(unsafe_code)]

pub mod memory;

pub use memory::{RawMemory, Unmapped};
