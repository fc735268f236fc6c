//! The table of a `dict`: entries in insertion order, and an index into them.
//!
//! Mirrors `PyDictKeysObject`: an entry that was deleted stays behind as a hole until the table is rebuilt, so that
//! deletions give no room back. The hash function is ours (the real one is secret and changes with every process);
//! nothing but the speed depends on it. Knows nothing of counts: who puts a key in has to own it.

use memory_trait::ObjectKey;

use crate::layout::dict::usable_entries;

const EMPTY: u32 = u32::MAX;
const DUMMY: u32 = u32::MAX - 1;

/// An entry; `key` is `None` in a hole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Option<ObjectKey>,
    pub(crate) value: ObjectKey,
    hash: u32,
    /// Which of all the keys ever inserted this was: its place in events, stable while the table is rebuilt.
    pub(crate) ordinal: u32,
}

/// What the index knows about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The entry.
    pub(crate) entry: usize,
    /// Its place in the index.
    place: usize,
}

/// The contents of a `dict`.
#[derive(Debug)]
pub(crate) struct Dict {
    entries: Vec<Entry>,
    index: Vec<u32>,
    /// Entries in use.
    n_used: usize,
    /// Entries that may still be added before the table grows (`dk_usable`).
    n_usable: usize,
    n_inserted: u32,
    /// Binary logarithm of the places; 0 for the empty table that all empty dictionaries share.
    pub(crate) log2_size: u32,
    /// Whether all keys are `str` (`DICT_KEYS_UNICODE`), which saves the hash in every entry.
    pub(crate) is_unicode: bool,
    /// The block of the table.
    pub(crate) block: memory_trait::Address,
}

impl Default for Dict {
    fn default() -> Self {
        Dict {
            entries: Vec::new(),
            index: Vec::new(),
            n_used: 0,
            n_usable: 0,
            n_inserted: 0,
            log2_size: 0,
            is_unicode: true,
            block: memory_trait::Address::NULL,
        }
    }
}

impl Dict {
    /// Keys in it.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.n_used
    }

    /// Keys that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        if self.log2_size == 0 { 0 } else { usable_entries(self.log2_size) as usize }
    }

    /// All entries, holes included, in insertion order.
    #[inline]
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether the next new key needs a larger table.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.n_usable == 0
    }

    /// Looks a key up; `is_equal` compares a candidate's content.
    #[inline]
    pub(crate) fn find(&self, hash: u32, mut is_equal: impl FnMut(ObjectKey) -> bool) -> Option<Found> {
        if self.index.is_empty() {
            return None;
        }
        let mask = self.index.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            match self.index[place] {
                EMPTY => return None,
                DUMMY => {}
                entry => {
                    let candidate = &self.entries[entry as usize];
                    if candidate.hash == hash && candidate.key.is_some_and(&mut is_equal) {
                        return Some(Found { entry: entry as usize, place });
                    }
                }
            }
            place = (place + 1) & mask;
        }
    }

    /// Adds a key that is not in it yet; there must be room. Answers its ordinal.
    #[inline]
    pub(crate) fn insert(&mut self, key: ObjectKey, value: ObjectKey, hash: u32) -> u32 {
        assert!(self.n_usable > 0, "a table with {} entries is full", self.entries.len());
        let ordinal = self.n_inserted;
        self.n_inserted += 1;
        let place = self.vacancy(hash);
        self.index[place] = self.entries.len() as u32;
        self.entries.push(Entry { key: Some(key), value, hash, ordinal });
        self.n_used += 1;
        self.n_usable -= 1;
        ordinal
    }

    /// Replaces the value of an entry; answers the old one.
    #[inline]
    pub(crate) fn replace(&mut self, found: Found, value: ObjectKey) -> ObjectKey {
        std::mem::replace(&mut self.entries[found.entry].value, value)
    }

    /// Removes an entry; answers what it was.
    #[inline]
    pub(crate) fn remove(&mut self, found: Found) -> Entry {
        let old = self.entries[found.entry];
        self.entries[found.entry].key = None;
        self.index[found.place] = DUMMY;
        self.n_used -= 1;
        old
    }

    /// Rebuilds the table with `2^log2_size` places, without the holes.
    pub(crate) fn rebuild(&mut self, log2_size: u32) {
        self.entries.retain(|entry| entry.key.is_some());
        self.index.clear();
        self.index.resize(1 << log2_size, EMPTY);
        for number in 0..self.entries.len() {
            let place = self.vacancy(self.entries[number].hash);
            self.index[place] = number as u32;
        }
        self.log2_size = log2_size;
        self.n_usable = usable_entries(log2_size) as usize - self.entries.len();
    }

    /// Makes it the empty dictionary again, keeping our buffers.
    pub(crate) fn reset(&mut self) {
        let Dict { entries, index, n_used, n_usable, n_inserted, log2_size, is_unicode, block } = self;
        entries.clear();
        index.clear();
        (*n_used, *n_usable, *n_inserted, *log2_size) = (0, 0, 0, 0);
        *is_unicode = true;
        *block = memory_trait::Address::NULL;
    }

    /// Elements that our own buffers have room for.
    pub(crate) fn host_capacity(&self) -> usize {
        self.entries.capacity().max(self.index.capacity())
    }

    #[inline]
    fn vacancy(&self, hash: u32) -> usize {
        let mask = self.index.len() - 1;
        let mut place = hash as usize & mask;
        while self.index[place] != EMPTY {
            place = (place + 1) & mask;
        }
        place
    }
}

/// The hash of an integer key.
#[inline]
pub(crate) fn hash_int(value: i64) -> u32 {
    let mixed = (value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}

/// The hash of a text key: FNV-1a, then mixed.
#[inline]
pub(crate) fn hash_text(text: &str) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in text.as_bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    hash_int(hash as i64)
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    #[test]
    fn a_removed_key_leaves_a_hole_that_gives_no_room_back() {
        let mut keys: SlotMap<ObjectKey, ()> = SlotMap::with_key();
        let (a, b) = (keys.insert(()), keys.insert(()));
        let mut dict = Dict::default();
        assert!(dict.is_full(), "the shared empty table has no room");
        dict.rebuild(3);
        for _ in 0..5 {
            let ordinal = dict.insert(a, b, 7);
            assert_eq!(ordinal as usize, dict.entries().len() - 1);
            let found = dict.find(7, |key| key == a).unwrap();
            assert_eq!(dict.remove(found).value, b);
            assert_eq!(dict.find(7, |key| key == a), None);
        }
        assert_eq!((dict.len(), dict.entries().len(), dict.is_full()), (0, 5, true));
        dict.rebuild(3);
        assert_eq!((dict.entries().len(), dict.is_full()), (0, false));
        assert_eq!(dict.insert(a, b, 7), 5, "ordinals go on");
    }
}
