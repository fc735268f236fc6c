//! Where things lie: records, containers and frames as a C compiler for x86-64 lays them out.
//!
//! ```text
//! record     struct { fields in source order, each at a multiple of its size }
//! array      struct { size_t n; T a[]; }
//! bytes      struct { size_t n; unsigned char a[]; }
//! list       struct { T *data; size_t len, cap; }            data: realloc, doubling
//! map        struct { entry *entries; size_t *index; size_t len, used, cap; }
//! entry      struct { size_t hash; K key; V value; }         hash 0: removed; in order of insertion
//! weak       struct { void *target; }
//! text       char[], UTF-8, ended by a NUL
//! ```

pub mod frame;
pub mod record;

pub use frame::{FrameLayout, SlotPlace};
pub use record::RecordLayout;

use memory_trait::Kind;

/// Bytes of a value of this kind, which is its alignment too: `long`, `double` and pointers 8, `bool` 1.
#[inline]
pub const fn size_of(kind: Kind) -> u64 {
    match kind {
        Kind::Int | Kind::Float | Kind::Reference => 8,
        Kind::Bool => 1,
    }
}

/// The head of an array or of bytes: its count. Unit: bytes.
pub const ARRAY_HEAD_BYTES: u64 = 8;
/// The head of a list. Unit: bytes.
pub const LIST_HEAD_BYTES: u64 = 24;
/// Where in a list's head the pointer to its elements is. Unit: bytes.
pub const LIST_DATA: u64 = 0;
/// Where in a list's head the length is. Unit: bytes.
pub const LIST_LEN: u64 = 8;
/// Where in a list's head the capacity is. Unit: bytes.
pub const LIST_CAP: u64 = 16;
/// The head of a map. Unit: bytes.
pub const MAP_HEAD_BYTES: u64 = 40;
/// Where in a map's head the pointer to the entries is. Unit: bytes.
pub const MAP_ENTRIES: u64 = 0;
/// Where in a map's head the pointer to the index is. Unit: bytes.
pub const MAP_INDEX: u64 = 8;
/// Where in a map's head the number of keys is. Unit: bytes.
pub const MAP_LEN: u64 = 16;
/// Where in a map's head the number of entries in use is, removed ones included. Unit: bytes.
pub const MAP_USED: u64 = 24;
/// Where in a map's head the capacity is. Unit: bytes.
pub const MAP_CAP: u64 = 32;
/// An entry of a map. Unit: bytes.
pub const ENTRY_BYTES: u64 = 24;
/// Where in an entry the key is. Unit: bytes.
pub const ENTRY_KEY: u64 = 8;
/// Where in an entry the value is. Unit: bytes.
pub const ENTRY_VALUE: u64 = 16;
/// Places in a map's index for each entry of its capacity, so that it is never more than half full.
pub const INDEX_PLACES_PER_ENTRY: u64 = 2;
/// A weak reference. Unit: bytes.
pub const WEAK_BYTES: u64 = 8;
