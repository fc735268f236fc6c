//! The free lists: blocks of dead objects kept by their types for the next object.
//!
//! Mirrors `pycore_interp.h` (3.11, 3.12) and `pycore_freelist.h` (3.13). A block on a free list is still taken from
//! `pymalloc`'s point of view and free from everybody else's. An object from a free list does not count as an
//! allocation to the collector, nor does its return count as a deallocation.

use memory_trait::Address;

use crate::Version;
use crate::layout::free_lists::is_taken_from;
use crate::layout::{FreeList, free_list_length_max};
use crate::rules::{Rule, rule};

/// Tuples of 1 to this many elements are kept. Source: 3.11 `pycore_tuple.h:PyTuple_NFREELISTS`.
const TUPLE_SIZE_MAX: usize = 20;

/// All free lists, each last in, first out.
#[derive(Debug)]
pub(crate) struct FreeLists {
    pub(crate) floats: Vec<Address>,
    pub(crate) lists: Vec<Address>,
    pub(crate) dicts: Vec<Address>,
    pub(crate) dict_keys: Vec<Address>,
    /// By size less one.
    pub(crate) tuples: [Vec<Address>; TUPLE_SIZE_MAX],
    version: Version,
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
            version,
        }
    }

    /// Takes a block for a tuple of `n` elements.
    pub(crate) fn take_tuple(&mut self, n: usize) -> Option<Address> {
        if !is_taken_from(FreeList::Tuple(n as u64), self.version) && rule(Rule::TwentiesAreNeverTaken) {
            return None;
        }
        self.tuples.get_mut(n.wrapping_sub(1))?.pop()
    }

    /// Keeps a block; false when the list is full.
    #[inline]
    pub(crate) fn keep(&mut self, which: FreeList, block: Address) -> bool {
        let list = match which {
            FreeList::Float => &mut self.floats,
            FreeList::List => &mut self.lists,
            FreeList::Dict => &mut self.dicts,
            FreeList::DictKeys => &mut self.dict_keys,
            FreeList::Tuple(n) => match self.tuples.get_mut((n as usize).wrapping_sub(1)) {
                Some(list) => list,
                None => return false,
            },
            other => panic!("objects of {other:?} are not modelled"),
        };
        let length_max = free_list_length_max(which, self.version) + u64::from(!rule(Rule::FreeListsAreLimited));
        let has_room = (list.len() as u64) < length_max;
        if has_room {
            list.push(block);
        }
        has_room
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_of_twenty_is_kept_and_never_taken_again_before_3_13() {
        for (version, taken) in [(Version::V3_11, None), (Version::V3_12, None), (Version::V3_13, Some(Address(16)))] {
            let mut lists = FreeLists::new(version);
            assert!(lists.keep(FreeList::Tuple(20), Address(16)));
            assert_eq!(lists.take_tuple(TUPLE_SIZE_MAX), taken, "{version}");
        }
    }

    #[test]
    fn tuples_outside_one_to_twenty_are_not_kept() {
        let mut lists = FreeLists::new(Version::V3_13);
        assert!(!lists.keep(FreeList::Tuple(0), Address(16)));
        assert!(!lists.keep(FreeList::Tuple(21), Address(16)));
        assert_eq!(lists.take_tuple(0), None);
    }
}
