//! Whether a VM with legal sizes comes up at all.
//!
//! Before the VM is initialised it cannot collect: all that it allocates by then has to fit into eden.
//!
//! Differs: what a booting VM allocates is not emulated. The least eden is measured, on 17.0.15 and 21.0.8 with their
//! class-data archives; 25 comes up in any eden.

use super::{Refusal, Sizing, placement};
use crate::params::{Flags, K, SPACE_ALIGNMENT_BYTES};
use crate::version::Version;

/// Least eden in which a VM comes up. Unit: bytes. Spaces are multiples of 64K, and so are these.
pub(super) fn min_eden_bytes(flags: &Flags) -> u64 {
    let is_wide = !placement::uses_compressed_oops(flags);
    let kilobytes = match (flags.version, flags.object_alignment_bytes) {
        (Version::V25, _) => 0,
        (_, 256..) => 576 + if is_wide { 64 } else { 0 },
        (_, 128) => 384,
        (_, 64) => 256,
        (Version::V17, _) | (_, 32) if is_wide => 256,
        (Version::V21, 8) if flags.interpreted || !flags.use_tlab => 128,
        _ => 192,
    };
    kilobytes * K
}

impl Sizing {
    /// Why a VM with these sizes does not come up although the sizes themselves are legal; `None` when it does.
    pub fn boot_refusal(&self) -> Option<Refusal> {
        let (ratio, greatest) = (self.survivor_ratio, self.heap.max / SPACE_ALIGNMENT_BYTES);
        if ratio > greatest {
            return Some(Refusal(format!(
                "SurvivorRatio ({ratio}) must be less than or equal to ergonomic SurvivorRatio maximum ({greatest})"
            )));
        }
        (self.spaces.eden < self.min_eden_bytes).then(|| {
            let new_size = self.young.initial / K;
            Refusal(format!(
                "GC triggered before VM initialization completed. Try increasing NewSize, current value {new_size}K."
            ))
        })
    }
}
