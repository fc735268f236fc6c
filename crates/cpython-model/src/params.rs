//! The constants of the allocator: each with its unit and its source. What depends on the version is a function of it.
//!
//! Names are `CPython`'s own, with the unit at the end.

use crate::Version;

/// Every block's address is a multiple of this. Unit: bytes. Source: `CPython` 3.12 `pycore_obmalloc.h:ALIGNMENT`.
pub const ALIGNMENT_BYTES: u64 = 16;

/// Requests above this go to `malloc`. Unit: bytes. Source: 3.12 `pycore_obmalloc.h:SMALL_REQUEST_THRESHOLD`.
pub const SMALL_REQUEST_THRESHOLD_BYTES: u64 = 512;

/// Size classes: class `i` serves `16 i + 1 ..= 16 (i + 1)` bytes. Source: 3.12 `pycore_obmalloc.h:NB_SMALL_SIZE_CLASSES`.
pub const N_SIZE_CLASSES: usize = (SMALL_REQUEST_THRESHOLD_BYTES / ALIGNMENT_BYTES) as usize;

/// The header at the start of a pool; the first block follows. Unit: bytes.
/// Source: 3.12 `pycore_obmalloc.h:POOL_OVERHEAD` (`struct pool_header`, rounded up to the alignment).
pub const POOL_OVERHEAD_BYTES: u64 = 48;

/// Slots of the first table of arenas; it doubles when it is full. Source: 3.12 `pycore_obmalloc.h:INITIAL_ARENA_OBJECTS`.
pub const INITIAL_ARENA_OBJECTS: usize = 16;

/// A slot of the table of arenas. Unit: bytes. Source: `sizeof(struct arena_object)`, 3.8 to 3.13.
pub const ARENA_OBJECT_BYTES: u64 = 48;

/// An address has this many significant bits. Source: 3.12 `pycore_obmalloc.h:ADDRESS_BITS`.
pub const ADDRESS_BITS: u32 = 48;

/// Address bits that one bottom node of the radix tree covers. Source: 3.12 `pycore_obmalloc.h:ARENA_BITS + MAP_BOT_BITS`.
pub const MAP_BOT_COVERED_BITS: u32 = 28;

/// Address bits that one middle node of the radix tree covers. Source: 3.12 `pycore_obmalloc.h:MAP_MID_BITS`, 10 more.
pub const MAP_MID_COVERED_BITS: u32 = 38;

/// A bottom node of the radix tree. Unit: bytes. Source: `sizeof(arena_map_bot_t)`, 256 entries of two `int32_t`.
pub const MAP_BOT_NODE_BYTES: u64 = 2048;

/// A middle node of the radix tree. Unit: bytes. Source: `sizeof(arena_map_mid_t)`, 1024 pointers.
pub const MAP_MID_NODE_BYTES: u64 = 8192;

/// An arena, what is taken from the system at once. Unit: bytes.
/// Source: 3.9 `obmalloc.c:ARENA_SIZE`; 3.12 `pycore_obmalloc.h:ARENA_SIZE` (larger where there is the radix tree).
pub const fn arena_bytes(version: Version) -> u64 {
    if has_radix_tree(version) { 1 << 20 } else { 256 << 10 }
}

/// A pool, which serves one size class at a time. Unit: bytes.
/// Source: 3.9 `obmalloc.c:POOL_SIZE`; 3.12 `pycore_obmalloc.h:POOL_BITS`.
pub const fn pool_bytes(version: Version) -> u64 {
    if has_radix_tree(version) { 16 << 10 } else { 4 << 10 }
}

/// Whether arenas are found by a radix tree (else by a number in the pool's header). Source: `WITH_PYMALLOC_RADIX_TREE`.
pub const fn has_radix_tree(version: Version) -> bool {
    version as u8 >= Version::V3_10 as u8
}

/// Whether an arena that is wholly free is kept when it is the last usable one.
/// Source: 3.8 and 3.9 `obmalloc.c:insert_to_freepool` (3.9 added `ao->nextarena != NULL`: "simple arena thrashing").
pub const fn keeps_last_arena(version: Version) -> bool {
    version as u8 >= Version::V3_9 as u8
}

/// Bytes of a block of size class `class`.
#[inline]
pub const fn class_bytes(class: usize) -> u64 {
    (class as u64 + 1) * ALIGNMENT_BYTES
}

/// The size class that serves `request_bytes`, or `None` where `malloc` does: 0 and above 512 bytes.
#[inline]
pub const fn class_of(request_bytes: u64) -> Option<usize> {
    if request_bytes.wrapping_sub(1) < SMALL_REQUEST_THRESHOLD_BYTES {
        Some(((request_bytes - 1) / ALIGNMENT_BYTES) as usize)
    } else {
        None
    }
}

// The arenas of both generations hold 64 pools; tables index pools by arena and number.
const _: () = {
    assert!(arena_bytes(Version::V3_9) / pool_bytes(Version::V3_9) == 64);
    assert!(arena_bytes(Version::V3_10) / pool_bytes(Version::V3_10) == 64);
    assert!(POOL_OVERHEAD_BYTES.is_multiple_of(ALIGNMENT_BYTES));
};
