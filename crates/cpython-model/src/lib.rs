//! pymalloc, reference counts and the cyclic collector.
#![forbid(unsafe_code)]

pub mod obmalloc;
pub mod params;
pub mod version;

pub use obmalloc::{ArenaSource, PageAllocator, Pymalloc};
pub use version::Version;
