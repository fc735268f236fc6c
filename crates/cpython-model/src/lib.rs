//! pymalloc, reference counts and the cyclic collector.
#![forbid(unsafe_code)]

pub mod version;

pub use version::Version;
