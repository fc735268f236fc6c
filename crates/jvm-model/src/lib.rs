//! Thread stacks, object layout and HotSpot's generational heap.
#![forbid(unsafe_code)]

pub mod layout;
pub mod params;
pub mod recorded;
pub mod sizing;
pub mod stack;
mod version;

pub use params::{FlagError, Flags};
pub use version::{UnknownVersion, Version};
