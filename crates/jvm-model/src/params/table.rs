//! Every `-XX` flag the model has: its name, its type in HotSpot, its range, its place in [`Flags`].
//!
//! Mirrors `globals.hpp` and `gc_globals.hpp` of 17, 21 and 25; ranges are inclusive.

use super::Flags;
use crate::version::Version;

/// Where a flag's value is kept.
pub(super) enum Place {
    /// A number.
    Number(fn(&mut Flags) -> &mut u64),
    /// A number that is `None` unless given.
    Given(fn(&mut Flags) -> &mut Option<u64>),
    /// A switch.
    Switch(fn(&mut Flags) -> &mut bool),
    /// A switch that is `None` unless given.
    GivenSwitch(fn(&mut Flags) -> &mut Option<bool>),
    /// A percentage.
    Percent(fn(&mut Flags) -> &mut f64),
    /// Accepted, and without any effect on what is modelled.
    Nothing,
}

/// One flag.
pub(super) struct Spec {
    /// Its name.
    pub(super) name: &'static str,
    /// Its type in HotSpot 17, as messages about its range write it.
    pub(super) hotspot_type: &'static str,
    /// Least and greatest value, inclusive.
    pub(super) range: (u64, u64),
    /// Where its value goes.
    pub(super) place: Place,
    /// First and last version that have it.
    pub(super) versions: (Version, Version),
}

impl Spec {
    /// The type's name in messages; some `uintx` became `uint` by 25.
    pub(super) fn type_name(&self, version: Version) -> &'static str {
        const NARROWED: [&str; 4] =
            ["MaxTenuringThreshold", "InitialTenuringThreshold", "MarkSweepDeadRatio", "TargetSurvivorRatio"];
        const INT: [&str; 2] = ["ObjectAlignmentInBytes", "ContendedPaddingWidth"];
        match version {
            Version::V25 if NARROWED.contains(&self.name) => "uint",
            Version::V25 if INT.contains(&self.name) => "int",
            _ => self.hotspot_type,
        }
    }
}

const ALWAYS: (Version, Version) = (Version::V17, Version::V25);
const MAX: u64 = u64::MAX;

const fn number(
    name: &'static str,
    hotspot_type: &'static str,
    range: (u64, u64),
    place: fn(&mut Flags) -> &mut u64,
) -> Spec {
    Spec { name, hotspot_type, range, place: Place::Number(place), versions: ALWAYS }
}

const fn size(name: &'static str, place: fn(&mut Flags) -> &mut Option<u64>) -> Spec {
    Spec { name, hotspot_type: "size_t", range: (0, MAX), place: Place::Given(place), versions: ALWAYS }
}

const fn switch(name: &'static str, place: fn(&mut Flags) -> &mut bool) -> Spec {
    Spec { name, hotspot_type: "bool", range: (0, 1), place: Place::Switch(place), versions: ALWAYS }
}

const fn percent(name: &'static str, place: fn(&mut Flags) -> &mut f64) -> Spec {
    Spec { name, hotspot_type: "double", range: (0, 100), place: Place::Percent(place), versions: ALWAYS }
}

const fn nothing(name: &'static str) -> Spec {
    Spec { name, hotspot_type: "bool", range: (0, 1), place: Place::Nothing, versions: ALWAYS }
}

const fn between(first: Version, last: Version, mut spec: Spec) -> Spec {
    spec.versions = (first, last);
    spec
}

/// All of them, sizes first.
pub(super) static TABLE: &[Spec] = &[
    size("MaxHeapSize", |f| &mut f.max_heap_bytes),
    size("InitialHeapSize", |f| &mut f.initial_heap_bytes),
    size("MinHeapSize", |f| &mut f.min_heap_bytes),
    size("NewSize", |f| &mut f.new_bytes),
    size("MaxNewSize", |f| &mut f.max_new_bytes),
    between(Version::V17, Version::V21, size("OldSize", |f| &mut f.old_bytes)),
    number("NewRatio", "uintx", (0, MAX - 1), |f| &mut f.new_ratio),
    number("SurvivorRatio", "uintx", (1, MAX - 2), |f| &mut f.survivor_ratio),
    between(
        Version::V17,
        Version::V21,
        number("InitialSurvivorRatio", "uintx", (0, MAX), |f| &mut f.initial_survivor_ratio),
    ),
    between(
        Version::V25,
        Version::V25,
        number("InitialSurvivorRatio", "uintx", (3, MAX), |f| &mut f.initial_survivor_ratio),
    ),
    number("MinSurvivorRatio", "uintx", (3, MAX), |f| &mut f.min_survivor_ratio),
    number("HeapBaseMinAddress", "size_t", (0, MAX), |f| &mut f.heap_base_min_address),
    size("MaxRAM", |f| &mut f.max_ram_bytes),
    percent("MaxRAMPercentage", |f| &mut f.max_ram_percentage),
    percent("MinRAMPercentage", |f| &mut f.min_ram_percentage),
    percent("InitialRAMPercentage", |f| &mut f.initial_ram_percentage),
    number("TargetSurvivorRatio", "uintx", (0, 100), |f| &mut f.target_survivor_ratio),
    number("MaxTenuringThreshold", "uintx", (0, 16), |f| &mut f.max_tenuring_threshold),
    number("InitialTenuringThreshold", "uintx", (0, 16), |f| &mut f.initial_tenuring_threshold),
    number("MinHeapFreeRatio", "uintx", (0, 100), |f| &mut f.min_heap_free_ratio),
    number("MaxHeapFreeRatio", "uintx", (0, 100), |f| &mut f.max_heap_free_ratio),
    switch("ShrinkHeapInSteps", |f| &mut f.shrink_heap_in_steps),
    number("MinHeapDeltaBytes", "size_t", (0, MAX), |f| &mut f.min_heap_delta_bytes),
    number("MarkSweepDeadRatio", "uintx", (0, 100), |f| &mut f.mark_sweep_dead_ratio),
    number("MarkSweepAlwaysCompactCount", "uint", (1, u32::MAX as u64), |f| &mut f.mark_sweep_always_compact_count),
    number("PretenureSizeThreshold", "size_t", (0, MAX), |f| &mut f.pretenure_size_threshold_bytes),
    number("SoftRefLRUPolicyMSPerMB", "intx", (0, i64::MAX as u64), |f| &mut f.soft_ref_ms_per_mb),
    switch("UseTLAB", |f| &mut f.use_tlab),
    switch("ResizeTLAB", |f| &mut f.resize_tlab),
    number("TLABSize", "size_t", (0, MAX), |f| &mut f.tlab_bytes),
    number("MinTLABSize", "size_t", (1, MAX), |f| &mut f.min_tlab_bytes),
    number("TLABAllocationWeight", "uintx", (0, 100), |f| &mut f.tlab_allocation_weight),
    number("TLABWasteTargetPercent", "uintx", (1, 100), |f| &mut f.tlab_waste_target_percent),
    number("TLABRefillWasteFraction", "uintx", (1, u32::MAX as u64), |f| &mut f.tlab_refill_waste_fraction),
    number("TLABWasteIncrement", "uintx", (0, i32::MAX as u64), |f| &mut f.tlab_waste_increment),
    number("ObjectAlignmentInBytes", "intx", (8, 256), |f| &mut f.object_alignment_bytes),
    Spec {
        name: "UseCompressedOops",
        hotspot_type: "bool",
        range: (0, 1),
        place: Place::GivenSwitch(|f| &mut f.use_compressed_oops),
        versions: ALWAYS,
    },
    switch("UseCompressedClassPointers", |f| &mut f.use_compressed_class_pointers),
    between(Version::V25, Version::V25, switch("UseCompactObjectHeaders", |f| &mut f.use_compact_object_headers)),
    between(Version::V17, Version::V17, switch("UseEmptySlotsInSupers", |f| &mut f.use_empty_slots_in_supers)),
    number("ContendedPaddingWidth", "intx", (0, 8192), |f| &mut f.contended_padding_bytes),
    switch("EnableContended", |f| &mut f.enable_contended),
    switch("RestrictContended", |f| &mut f.restrict_contended),
    nothing("UseSerialGC"),
    nothing("UnlockDiagnosticVMOptions"),
    nothing("UnlockExperimentalVMOptions"),
    nothing("AlwaysPreTouch"),
    nothing("HeapDumpOnOutOfMemoryError"),
    nothing("ExitOnOutOfMemoryError"),
    nothing("CrashOnOutOfMemoryError"),
];
