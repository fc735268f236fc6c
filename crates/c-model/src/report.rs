//! The heap in the words of the C library itself.

mod malloc_info;
mod malloc_stats;

pub use malloc_info::{Tcaches, malloc_info};
pub use malloc_stats::malloc_stats;
