//! Where the heap is, and with that how references are compressed.
//!
//! Mirrors `virtualspace.cpp:ReservedHeapSpace::initialize_compressed_heap` (`memoryReserver.cpp` in 25) and
//! `compressedOops.cpp`. An emulated address space has nothing in the way: the first attempt of each mode succeeds.

use super::Refusal;
use crate::params::{DEFAULT_MAX_HEAP_BYTES, Flags, G, HEAP_ALIGNMENT_BYTES, K};
use crate::rules::{Rule, rule};

/// How a 4-byte reference becomes an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompressedOops {
    /// References are addresses of 8 bytes.
    Off,
    /// The reference is the address: the heap ends at or below 4 GiB.
    Unscaled,
    /// The reference, shifted, is the address.
    ZeroBased,
    /// The reference, shifted, is added to a base whose bits it does not touch.
    DisjointBase,
}

impl CompressedOops {
    /// HotSpot's name for it, as `-Xlog:gc+heap+coops` writes it.
    pub const fn name(self) -> &'static str {
        match self {
            CompressedOops::Off => "Off",
            CompressedOops::Unscaled => "32-bit",
            CompressedOops::ZeroBased => "Zero based",
            CompressedOops::DisjointBase => "Non-zero disjoint base",
        }
    }
}

/// The place of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Address of the heap's first byte.
    pub base: u64,
    /// How references are compressed.
    pub mode: CompressedOops,
    /// How far a compressed reference is shifted. Unit: bits.
    pub shift: u32,
    /// What is added to a shifted reference.
    pub oop_base: u64,
}

/// End of a heap without compressed references. Unit: address. A choice of ours.
///
/// Differs: the operating system chooses at random there.
pub const UNCOMPRESSED_END: u64 = 0x7f80_0000_0000;
/// Where a position-independent executable is loaded, which divides the address space. Unit: address.
/// Linux on x86-64, `arch/x86/include/asm/elf.h:ELF_ET_DYN_BASE`.
const EXECUTABLE_BASE: u64 = 0x5555_5555_4000;
/// What an executable and its libraries may take beside the heap. Unit: bytes. A choice of ours.
const EXECUTABLE_BYTES: u64 = 1024 * G;

/// End of what unscaled references reach. Unit: address. `compressedOops.hpp:UnscaledOopHeapMax`.
const UNSCALED_END: u64 = 4 * G;
/// First base tried for a heap at a disjoint base. Unit: address. `get_attach_addresses_for_disjoint_mode`.
const DISJOINT_BASE: u64 = 2 * 32 * G;

/// End of what shifted references reach. `globals: OopEncodingHeapMax`.
const fn encoding_end(flags: &Flags) -> u64 {
    4 * G * flags.object_alignment_bytes
}

/// The largest heap that can have compressed references: one alignment is lost to the null page.
/// `arguments.cpp:max_heap_for_compressed_oops`.
const fn max_compressed_heap_bytes(flags: &Flags) -> u64 {
    encoding_end(flags) - HEAP_ALIGNMENT_BYTES
}

/// Whether references are compressed. `arguments.cpp:Arguments::set_use_compressed_oops`.
///
/// With `-XX:+UseCompressedOops` and a heap that is too large, the VM warns and does without.
pub fn uses_compressed_oops(flags: &Flags) -> bool {
    let given = |bytes: Option<u64>| bytes.unwrap_or(0);
    let max = flags.max_heap_bytes.unwrap_or(DEFAULT_MAX_HEAP_BYTES);
    let largest = max.max(given(flags.initial_heap_bytes)).max(given(flags.min_heap_bytes));
    flags.use_compressed_oops != Some(false) && largest <= max_compressed_heap_bytes(flags)
}

/// An ergonomic greatest heap is made small enough for compressed references. `arguments.cpp:set_heap_size`.
pub(super) fn bounded_for_compressed_oops(flags: &Flags, max_heap_bytes: u64) -> u64 {
    if !uses_compressed_oops(flags) {
        return max_heap_bytes;
    }
    let mut bound = max_compressed_heap_bytes(flags);
    if flags.heap_base_min_address + DEFAULT_MAX_HEAP_BYTES < bound {
        bound -= flags.heap_base_min_address;
    }
    max_heap_bytes.min(bound)
}

pub(super) fn place(flags: &Flags, heap_bytes: u64) -> Result<Placement, Refusal> {
    if uses_compressed_oops(flags) {
        return Ok(place_compressed(flags, heap_bytes));
    }
    let base = if heap_bytes <= UNCOMPRESSED_END - EXECUTABLE_BASE - EXECUTABLE_BYTES {
        UNCOMPRESSED_END - heap_bytes
    } else if heap_bytes <= EXECUTABLE_BASE - DISJOINT_BASE {
        DISJOINT_BASE
    } else {
        return Err(Refusal(format!("Could not reserve enough space for {}KB object heap", heap_bytes / K)));
    };
    Ok(Placement { base, mode: CompressedOops::Off, shift: 0, oop_base: 0 })
}

fn place_compressed(flags: &Flags, heap_bytes: u64) -> Placement {
    let least = flags.heap_base_min_address.next_multiple_of(HEAP_ALIGNMENT_BYTES);
    let shift = flags.object_alignment_bytes.trailing_zeros();
    if least + heap_bytes <= UNSCALED_END && rule(Rule::LowHeapNeedsNoShift) {
        let base = UNSCALED_END - heap_bytes;
        return Placement { base, mode: CompressedOops::Unscaled, shift: 0, oop_base: 0 };
    }
    let end = encoding_end(flags);
    if least + heap_bytes <= end {
        return Placement { base: end - heap_bytes, mode: CompressedOops::ZeroBased, shift, oop_base: 0 };
    }
    // The page below the heap is protected, so that null, decoded, faults.
    let base = DISJOINT_BASE + HEAP_ALIGNMENT_BYTES;
    Placement { base, mode: CompressedOops::DisjointBase, shift, oop_base: DISJOINT_BASE }
}
