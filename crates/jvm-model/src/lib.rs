//! Thread stacks, object layout and HotSpot's generational heap.
#![forbid(unsafe_code)]

mod version;

pub use version::{UnknownVersion, Version};
