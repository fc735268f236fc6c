//! Free lists: objects kept for the next one of their type instead of going back to the allocator.

use crate::Version;

/// The free lists, last in, first out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FreeList {
    /// `float`.
    Float,
    /// `tuple` of that many items, 1 to 20: a list for each length.
    Tuple(u64),
    /// `list`, without its items.
    List,
    /// `dict`, without its keys.
    Dict,
    /// Keys of a dict: only those of eight slots, and from 3.11 on only for `str`.
    DictKeys,
    /// `contextvars.Context`.
    Context,
    /// The values that asynchronous generators hand out.
    AsyncGenValue,
    /// `slice`.
    Slice,
}

/// Objects that a free list keeps at most.
///
/// Tuples of 20 items are kept up to 3.12, but never taken: those lists only cost memory ([`is_taken_from`]).
///
/// # Source
/// CPython 3.11 `Include/internal/pycore_floatobject.h`, `pycore_tuple.h`, `pycore_list.h`, `pycore_dict_state.h`,
/// `pycore_context.h`, `pycore_genobject.h`; 3.13 `pycore_freelist_state.h`.
pub const fn free_list_length_max(list: FreeList, _version: Version) -> u64 {
    match list {
        FreeList::Float => 100,
        FreeList::Tuple(1..=20) => 2000,
        FreeList::Tuple(_) => 0,
        FreeList::List | FreeList::Dict | FreeList::DictKeys | FreeList::AsyncGenValue => 80,
        FreeList::Context => 255,
        FreeList::Slice => 1,
    }
}

/// Whether objects are ever taken from that list: not tuples of 20 items up to 3.12.
pub const fn is_taken_from(list: FreeList, version: Version) -> bool {
    match list {
        FreeList::Tuple(n) => 1 <= n && (n < 20 || (n == 20 && version as u8 >= Version::V3_13 as u8)),
        _ => true,
    }
}

/// The lists that a full collection empties, in this order; tuples by length. That of slices stays.
pub const CLEARED_BY_FULL_COLLECTION: [FreeList; 5] =
    [FreeList::Float, FreeList::Tuple(1), FreeList::List, FreeList::Dict, FreeList::DictKeys];
