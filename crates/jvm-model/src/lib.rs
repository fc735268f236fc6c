//! Thread stacks, object layout and HotSpot's generational heap.
#![forbid(unsafe_code)]
