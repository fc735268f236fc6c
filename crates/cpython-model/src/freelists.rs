//! The free lists: blocks of dead objects kept by their types for the next object.
//!
//! Mirrors `pycore_interp.h` (3.11, 3.12) and `pycore_freelist.h` (3.13). A block on a free list is still taken from
//! `pymalloc`'s point of view and free from everybody else's. An object from a free list does not count as an
//! allocation to the collector, nor does its return count as a deallocation.

use memory_trait::Address;

use crate::Version;

/// Floats kept. Source: 3.11 `pycore_floatobject.h:PyFloat_MAXFREELIST`, the same to 3.13.
pub const N_FLOATS_MAX: usize = 100;
/// Lists kept. Source: 3.11 `pycore_list.h:PyList_MAXFREELIST`, the same to 3.13.
pub const N_LISTS_MAX: usize = 80;
/// Dictionaries kept. Source: 3.11 `pycore_dict.h:PyDict_MAXFREELIST`, the same to 3.13.
pub const N_DICTS_MAX: usize = 80;
/// Tables of 8 places with `str` keys kept. Source: as [`N_DICTS_MAX`].
pub const N_DICT_KEYS_MAX: usize = 80;
/// Tuples kept of each size. Source: 3.11 `pycore_tuple.h:PyTuple_MAXFREELIST`, the same to 3.13.
pub const N_TUPLES_MAX: usize = 2000;
/// Tuples of 1 to this many elements are kept. Source: 3.11 `pycore_tuple.h:PyTuple_NFREELISTS`.
pub const TUPLE_SIZE_MAX: usize = 20;

/// All free lists, each last in, first out.
#[derive(Debug)]
pub(crate) struct FreeLists {
    pub(crate) floats: Vec<Address>,
    pub(crate) lists: Vec<Address>,
    pub(crate) dicts: Vec<Address>,
    pub(crate) dict_keys: Vec<Address>,
    /// By size less one.
    pub(crate) tuples: [Vec<Address>; TUPLE_SIZE_MAX],
    /// 3.11 and 3.12 push tuples of 20 elements and never take them again.
    loses_largest_tuples: bool,
}

impl FreeLists {
    /// Empty lists.
    pub(crate) fn new(version: Version) -> FreeLists {
        FreeLists {
            floats: Vec::new(),
            lists: Vec::new(),
            dicts: Vec::new(),
            dict_keys: Vec::new(),
            tuples: Default::default(),
            loses_largest_tuples: version <= Version::V3_12,
        }
    }

    /// Takes a block for a tuple of `n` elements.
    pub(crate) fn take_tuple(&mut self, n: usize) -> Option<Address> {
        if n == TUPLE_SIZE_MAX && self.loses_largest_tuples {
            return None;
        }
        self.tuples.get_mut(n.wrapping_sub(1))?.pop()
    }

    /// Keeps the block of a tuple of `n` elements; false when there is no room.
    pub(crate) fn keep_tuple(&mut self, n: usize, block: Address) -> bool {
        self.tuples.get_mut(n.wrapping_sub(1)).is_some_and(|list| keep(list, N_TUPLES_MAX, block))
    }

    /// Takes every block out, list by list as a full collection empties them, the newest first in each.
    pub(crate) fn take_all(&mut self) -> Drained {
        Drained {
            floats: std::mem::take(&mut self.floats),
            tuples: self.tuples.iter_mut().map(std::mem::take).collect(),
            lists: std::mem::take(&mut self.lists),
            dicts: std::mem::take(&mut self.dicts),
            dict_keys: std::mem::take(&mut self.dict_keys),
        }
    }

    /// Lengths of the lists: floats, lists, dictionaries, tables, tuples of all sizes.
    pub(crate) fn lengths(&self) -> [usize; 5] {
        let n_tuples = self.tuples.iter().map(Vec::len).sum();
        [self.floats.len(), self.lists.len(), self.dicts.len(), self.dict_keys.len(), n_tuples]
    }
}

/// What a full collection gives back, in its order: floats, tuples, lists, dictionaries, tables.
#[derive(Debug)]
pub(crate) struct Drained {
    pub(crate) floats: Vec<Address>,
    pub(crate) tuples: Vec<Vec<Address>>,
    pub(crate) lists: Vec<Address>,
    pub(crate) dicts: Vec<Address>,
    pub(crate) dict_keys: Vec<Address>,
}

/// Keeps a block if the list has room.
#[inline]
pub(crate) fn keep(list: &mut Vec<Address>, n_max: usize, block: Address) -> bool {
    let has_room = list.len() < n_max;
    if has_room {
        list.push(block);
    }
    has_room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_of_twenty_is_kept_and_never_taken_again_before_3_13() {
        for (version, taken) in [(Version::V3_11, None), (Version::V3_12, None), (Version::V3_13, Some(Address(16)))] {
            let mut lists = FreeLists::new(version);
            assert!(lists.keep_tuple(TUPLE_SIZE_MAX, Address(16)));
            assert_eq!(lists.take_tuple(TUPLE_SIZE_MAX), taken, "{version}");
        }
    }

    #[test]
    fn tuples_outside_one_to_twenty_are_not_kept() {
        let mut lists = FreeLists::new(Version::V3_13);
        assert!(!lists.keep_tuple(0, Address(16)));
        assert!(!lists.keep_tuple(TUPLE_SIZE_MAX + 1, Address(16)));
        assert_eq!(lists.take_tuple(0), None);
    }
}
