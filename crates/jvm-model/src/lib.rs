//! Thread stacks, object layout and HotSpot's generational heap.
#![forbid(unsafe_code)]

pub mod params;
mod version;

pub use params::{FlagError, Flags};
pub use version::{UnknownVersion, Version};
