//! The heap in the words of the C library itself.

mod dhat;
mod malloc_info;
mod malloc_stats;
mod massif;
pub mod profile;

pub use dhat::dhat;
pub use malloc_info::{Tcaches, malloc_info};
pub use malloc_stats::malloc_stats;
pub use massif::massif;
