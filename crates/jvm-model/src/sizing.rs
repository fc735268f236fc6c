//! From flags and physical memory to the bytes of heap, generations and spaces, and where in memory they are.
//!
//! Mirrors `arguments.cpp:Arguments::set_heap_size`, `gcArguments.cpp`, `genArguments.cpp` (`serialArguments.cpp` in
//! 25), `defNewGeneration.cpp` and `virtualspace.cpp:ReservedHeapSpace`. Pure functions; the heap asks
//! [`young_spaces`] again whenever the young generation has been resized.
//!
//! ```text
//! base                                        base + young.max               base + heap.max
//!  | eden        | from  | to    | (reserved)  | old             (reserved)   |
//!  +-------------+-------+-------+- - - - - - -+---------------- - - - - - - -+
//!  |<------ young.initial ------>|             |<- old.initial ->|
//! ```

mod boot;
mod ergonomics;
mod generations;
mod placement;

pub use placement::{CompressedOops, Placement, UNCOMPRESSED_END, uses_compressed_oops};

use std::fmt;

use crate::params::{Flags, SPACE_ALIGNMENT_BYTES};
use crate::rules::{Rule, rule};
use crate::version::Version;

/// Least, first and greatest size of something. Unit: bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// It never gets smaller than this.
    pub min: u64,
    /// Its size when the VM starts.
    pub initial: u64,
    /// It never gets larger than this; so much of the address space is reserved.
    pub max: u64,
}

/// Sizes of the three spaces of the young generation. Unit: bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct YoungSpaces {
    /// Where objects are born.
    pub eden: u64,
    /// Each of the two survivor spaces.
    pub survivor: u64,
}

/// All sizes and places of a Serial heap.
///
/// ```
/// use jvm_model::{Flags, Version, sizing::Sizing};
/// let flags = Flags::parse(Version::V17, ["-Xmx64m", "-Xms64m"])?;
/// let sizing = Sizing::of(&flags)?;
/// assert_eq!(sizing.young.initial, 22_347_776);
/// assert_eq!(sizing.spaces.eden + 2 * sizing.spaces.survivor, sizing.young.initial);
/// assert_eq!(sizing.placement.base, (4 << 30) - (64 << 20));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// `MinHeapSize`, `InitialHeapSize`, `MaxHeapSize` as ergonomics leave them.
    pub heap: Range,
    /// The young generation.
    pub young: Range,
    /// The old generation.
    pub old: Range,
    /// The young generation's spaces at the start.
    pub spaces: YoungSpaces,
    /// Where the heap is.
    pub placement: Placement,
    /// `SurvivorRatio`, kept for the refusal that depends on it.
    survivor_ratio: u64,
    /// Least eden in which the VM comes up. Unit: bytes.
    min_eden_bytes: u64,
}

impl Sizing {
    /// Computes the sizes.
    ///
    /// # Errors
    /// What the VM says when it refuses. A heap that is merely too small to boot is no error here: see
    /// [`Sizing::boot_refusal`].
    pub fn of(flags: &Flags) -> Result<Sizing, Refusal> {
        let heap_flags = ergonomics::heap_flags(flags)?;
        let (heap, young, old) = generations::generations(flags, heap_flags)?;
        let spaces = young_spaces(young.initial, young.max, 0, flags.survivor_ratio, flags.version);
        let placement = placement::place(flags, heap.max)?;
        Ok(Sizing {
            heap,
            young,
            old,
            spaces,
            placement,
            survivor_ratio: flags.survivor_ratio,
            min_eden_bytes: boot::min_eden_bytes(flags),
        })
    }
}

/// Divides a young generation into eden and survivors.
///
/// - `committed_bytes`: its size now; `reserved_bytes`: the greatest it can have, which bounds eden;
/// - `minimum_eden_bytes`: what is in eden already and has to stay there; 0 at the start.
///
/// # Source
/// `defNewGeneration.cpp:DefNewGeneration::compute_space_boundaries`.
pub fn young_spaces(
    committed_bytes: u64,
    reserved_bytes: u64,
    minimum_eden_bytes: u64,
    survivor_ratio: u64,
    version: Version,
) -> YoungSpaces {
    let mut survivor = survivor_bytes(committed_bytes, survivor_ratio);
    let mut eden = committed_bytes.saturating_sub(2 * survivor);
    let max_eden = reserved_bytes.saturating_sub(2 * survivor_bytes(reserved_bytes, survivor_ratio));
    if eden > max_eden && rule(Rule::EdenIsBounded) {
        let mut delta = eden - max_eden;
        if version >= Version::V21 {
            // In whole pairs of spaces, so that both survivors stay aligned.
            delta = delta.next_multiple_of(2 * SPACE_ALIGNMENT_BYTES);
        }
        eden -= delta;
        survivor += delta / 2;
    }
    if eden < minimum_eden_bytes {
        let minimum = minimum_eden_bytes.next_multiple_of(SPACE_ALIGNMENT_BYTES);
        let half = committed_bytes.saturating_sub(minimum) / 2;
        survivor = align_down(half, SPACE_ALIGNMENT_BYTES).max(SPACE_ALIGNMENT_BYTES);
        eden = committed_bytes - 2 * survivor;
    }
    YoungSpaces { eden, survivor }
}

/// One survivor space of a young generation. `defNewGeneration.hpp:compute_survivor_size`.
fn survivor_bytes(young_bytes: u64, survivor_ratio: u64) -> u64 {
    let parts = survivor_ratio.saturating_add(if rule(Rule::SurvivorsFollowRatio) { 2 } else { 1 });
    let share = young_bytes / parts;
    align_down(share, SPACE_ALIGNMENT_BYTES).max(SPACE_ALIGNMENT_BYTES)
}

const fn align_down(bytes: u64, alignment: u64) -> u64 {
    bytes / alignment * alignment
}

/// A heap the VM refuses, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}
