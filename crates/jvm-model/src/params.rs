//! Constants and flags of the VM: each with its unit, its default and where it comes from.
//!
//! Mirrors HotSpot's `globals.hpp`, `gc_globals.hpp` and the parsing half of `arguments.cpp`: [`Flags`] is what the
//! command line says, before any ergonomics. What follows from it is [`crate::sizing`]'s and [`crate::layout`]'s.
//! It knows nothing of the machine it runs on: physical memory is a parameter like any other.

mod error;
mod parse;
mod table;

pub use error::FlagError;

use crate::version::Version;

/// 1024 bytes.
pub const K: u64 = 1024;
/// 1024 x 1024 bytes.
pub const M: u64 = K * K;
/// 1024 x 1024 x 1024 bytes.
pub const G: u64 = M * K;

/// Size of a word of the heap. Unit: bytes. `globalDefinitions.hpp:HeapWordSize`.
pub const WORD_BYTES: u64 = 8;
/// Alignment of spaces and of generations. Unit: bytes. `generation.hpp:Generation::GenGrain`.
pub const SPACE_ALIGNMENT_BYTES: u64 = 64 * K;
/// Size of a page of the operating system. Unit: bytes. Linux on x86-64.
pub const PAGE_BYTES: u64 = 4 * K;
/// Bytes that one card covers. Unit: bytes. `cardTable.hpp:CardTable::card_size`, default of `GCCardSizeInBytes`.
pub const CARD_BYTES: u64 = 512;
/// Alignment of the whole heap. Unit: bytes. `cardTable.cpp:CardTable::ct_max_alignment_constraint`.
pub const HEAP_ALIGNMENT_BYTES: u64 = CARD_BYTES * PAGE_BYTES;

/// Scales a default for 64-bit words as `globals.hpp:ScaleForWordSize` does.
const fn scaled_for_words(bytes: u64) -> u64 {
    bytes * 13 / 10 / WORD_BYTES * WORD_BYTES
}

/// Default of `MaxHeapSize`, the floor of the ergonomic maximum. Unit: bytes. `gc_globals.hpp:MaxHeapSize`.
pub const DEFAULT_MAX_HEAP_BYTES: u64 = scaled_for_words(96 * M);
/// Default of `NewSize`. Unit: bytes. `gc_globals.hpp:NewSize`.
pub const DEFAULT_NEW_BYTES: u64 = scaled_for_words(M);
/// Default of `OldSize`. Unit: bytes. `gc_globals.hpp:OldSize`.
pub const DEFAULT_OLD_BYTES: u64 = scaled_for_words(4 * M);
/// Physical memory of the emulated machine unless said otherwise. Unit: bytes. A choice of ours.
pub const DEFAULT_PHYSICAL_BYTES: u64 = 16 * G;

/// What the command line says: sizes are `None` where it says nothing, everything else has HotSpot's default.
///
/// ```
/// use jvm_model::{Flags, Version};
/// let flags = Flags::parse(Version::V17, ["-Xmx64m", "-XX:NewRatio=3", "-XX:-UseTLAB"])?;
/// assert_eq!(flags.max_heap_bytes, Some(64 << 20));
/// assert_eq!(flags.new_ratio, 3);
/// assert!(!flags.use_tlab);
/// # Ok::<(), jvm_model::FlagError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of HotSpot under its own name")]
pub struct Flags {
    /// The release whose flags these are.
    pub version: Version,
    /// Memory of the machine. Unit: bytes. Not a flag: HotSpot asks the operating system.
    pub physical_bytes: u64,
    /// `MaxRAM`: counted instead of the physical memory; no more than 128 GiB are counted without it. Unit: bytes.
    pub max_ram_bytes: Option<u64>,
    /// `MaxRAMPercentage`: default of the largest heap. Unit: percent of physical memory.
    pub max_ram_percentage: f64,
    /// `MinRAMPercentage`: the same on small machines. Unit: percent of physical memory.
    pub min_ram_percentage: f64,
    /// `InitialRAMPercentage`: default of the heap at the start. Unit: percent of physical memory.
    pub initial_ram_percentage: f64,

    /// `-Xmx`, `MaxHeapSize`. Unit: bytes.
    pub max_heap_bytes: Option<u64>,
    /// `-Xms`, `InitialHeapSize`; 0 asks for the default. Unit: bytes.
    pub initial_heap_bytes: Option<u64>,
    /// `-Xms`, `MinHeapSize`; 0 asks for the default. Unit: bytes.
    pub min_heap_bytes: Option<u64>,
    /// `-Xmn`, `NewSize`. Unit: bytes.
    pub new_bytes: Option<u64>,
    /// `-Xmn`, `MaxNewSize`. Unit: bytes.
    pub max_new_bytes: Option<u64>,
    /// `OldSize`; gone in 25. Unit: bytes.
    pub old_bytes: Option<u64>,
    /// `NewRatio`: old / young.
    pub new_ratio: u64,
    /// `SurvivorRatio`: eden / one survivor space.
    pub survivor_ratio: u64,
    /// `InitialSurvivorRatio`: the Parallel collector's; Serial accepts it and does nothing with it.
    pub initial_survivor_ratio: u64,
    /// `MinSurvivorRatio`: the Parallel collector's; Serial accepts it and does nothing with it.
    pub min_survivor_ratio: u64,
    /// `HeapBaseMinAddress`: the heap is not placed below. Unit: address.
    pub heap_base_min_address: u64,

    /// `TargetSurvivorRatio`: how full a survivor space should be after a collection. Unit: percent.
    pub target_survivor_ratio: u64,
    /// `MaxTenuringThreshold`: collections survived before promotion; 0 means none. Unit: collections.
    pub max_tenuring_threshold: u64,
    /// `InitialTenuringThreshold`: the Parallel collector's.
    pub initial_tenuring_threshold: u64,
    /// `MinHeapFreeRatio`: old grows below this share of free memory. Unit: percent.
    pub min_heap_free_ratio: u64,
    /// `MaxHeapFreeRatio`: old shrinks above this share of free memory. Unit: percent.
    pub max_heap_free_ratio: u64,
    /// `ShrinkHeapInSteps`: old shrinks by 0, 10, 40 and 100 % of the surplus in turn.
    pub shrink_heap_in_steps: bool,
    /// `MinHeapDeltaBytes`: the least by which old grows or shrinks. Unit: bytes.
    pub min_heap_delta_bytes: u64,
    /// `MarkSweepDeadRatio`: dead wood tolerated in old. Unit: percent of its capacity.
    pub mark_sweep_dead_ratio: u64,
    /// `MarkSweepAlwaysCompactCount`: every how many full collections nothing dead is left. Unit: collections.
    pub mark_sweep_always_compact_count: u64,
    /// `PretenureSizeThreshold`: objects above it are allocated in old; 0 means none. Unit: bytes.
    pub pretenure_size_threshold_bytes: u64,
    /// `SoftRefLRUPolicyMSPerMB`: a soft reference is kept so long for each free megabyte. Unit: milliseconds.
    pub soft_ref_ms_per_mb: u64,

    /// `UseTLAB`: threads allocate from buffers of their own.
    pub use_tlab: bool,
    /// `ResizeTLAB`: the size of the buffers follows the threads' allocation.
    pub resize_tlab: bool,
    /// `TLABSize`: the first size of a buffer; 0 means it is computed. Unit: bytes.
    pub tlab_bytes: u64,
    /// `MinTLABSize`. Unit: bytes.
    pub min_tlab_bytes: u64,
    /// `TLABAllocationWeight`: weight of the newest sample of the allocation fraction. Unit: percent.
    pub tlab_allocation_weight: u64,
    /// `TLABWasteTargetPercent`: share of eden that may be wasted. Unit: percent.
    pub tlab_waste_target_percent: u64,
    /// `TLABRefillWasteFraction`: a buffer with more than size / this left is kept.
    pub tlab_refill_waste_fraction: u64,
    /// `TLABWasteIncrement`: how much that limit grows by each allocation outside. Unit: words.
    pub tlab_waste_increment: u64,

    /// `ObjectAlignmentInBytes`: objects start at multiples of it. Unit: bytes.
    pub object_alignment_bytes: u64,
    /// `UseCompressedOops`; `None` lets the size of the heap decide.
    pub use_compressed_oops: Option<bool>,
    /// `UseCompressedClassPointers`.
    pub use_compressed_class_pointers: bool,
    /// `UseCompactObjectHeaders`; a product flag of 25.
    pub use_compact_object_headers: bool,
    /// `UseEmptySlotsInSupers`: fields may fill holes in the superclasses' layout; gone in 21.
    pub use_empty_slots_in_supers: bool,
    /// `ContendedPaddingWidth`: padding around contended fields. Unit: bytes.
    pub contended_padding_bytes: u64,
    /// `EnableContended`: `@Contended` is honoured at all.
    pub enable_contended: bool,
    /// `RestrictContended`: `@Contended` is honoured in the JDK's own classes only.
    pub restrict_contended: bool,

    /// `-Xss`, `ThreadStackSize`. Unit: bytes (HotSpot counts it in K).
    pub thread_stack_bytes: u64,
    /// `-Xint`: no compiler, which is where the collector can be followed to the byte.
    pub interpreted: bool,
}

impl Flags {
    /// The flags of an empty command line.
    pub fn new(version: Version) -> Flags {
        Flags {
            version,
            physical_bytes: DEFAULT_PHYSICAL_BYTES,
            max_ram_bytes: None,
            max_ram_percentage: 25.0,
            min_ram_percentage: 50.0,
            initial_ram_percentage: 1.5625,
            max_heap_bytes: None,
            initial_heap_bytes: None,
            min_heap_bytes: None,
            new_bytes: None,
            max_new_bytes: None,
            old_bytes: None,
            new_ratio: 2,
            survivor_ratio: 8,
            initial_survivor_ratio: 8,
            min_survivor_ratio: 3,
            heap_base_min_address: 2 * G,
            target_survivor_ratio: 50,
            max_tenuring_threshold: 15,
            initial_tenuring_threshold: 7,
            min_heap_free_ratio: 40,
            max_heap_free_ratio: 70,
            shrink_heap_in_steps: true,
            min_heap_delta_bytes: scaled_for_words(128 * K),
            mark_sweep_dead_ratio: 5,
            mark_sweep_always_compact_count: 4,
            pretenure_size_threshold_bytes: 0,
            soft_ref_ms_per_mb: 1000,
            use_tlab: true,
            resize_tlab: true,
            tlab_bytes: 0,
            min_tlab_bytes: 2 * K,
            tlab_allocation_weight: 35,
            tlab_waste_target_percent: 1,
            tlab_refill_waste_fraction: 64,
            tlab_waste_increment: 4,
            object_alignment_bytes: 8,
            use_compressed_oops: None,
            use_compressed_class_pointers: true,
            use_compact_object_headers: false,
            use_empty_slots_in_supers: true,
            contended_padding_bytes: 128,
            enable_contended: true,
            restrict_contended: true,
            thread_stack_bytes: M,
            interpreted: false,
        }
    }

    /// Reads a command line, option by option, later ones winning, and checks the values against each other.
    ///
    /// # Errors
    /// The first option that HotSpot would refuse, with its own words.
    pub fn parse<I>(version: Version, options: I) -> Result<Flags, FlagError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut flags = Flags::new(version);
        for option in options {
            flags.set(option.as_ref())?;
        }
        flags.check()?;
        Ok(flags)
    }
}

impl Default for Flags {
    fn default() -> Self {
        Flags::new(Version::default())
    }
}
