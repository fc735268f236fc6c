//! `set` and `frozenset`: the table, with its dummies.
//!
//! Mirrors `Objects/setobject.c`: `set_add_entry`, `set_discard_entry`, `set_table_resize`, `set_insert_clean`,
//! `set_merge`. When a set grows depends on how many slots were ever used, and that on where insertions meet dummies;
//! so the table is here with hashes and places, not only as a count.

use crate::Version;
use crate::rules::{Rule, rule};

/// Slots of the first table, which is inside the object. Source: `PySet_MINSIZE`.
pub const SLOTS_MIN: usize = 8;

/// Slots looked at one after the other before the next jump. Source: `LINEAR_PROBES`.
const LINEAR_PROBES: usize = 9;

/// Source: `PERTURB_SHIFT`.
const PERTURB_SHIFT: u32 = 5;

/// A slot of the table. Unit: bytes. Source: `setentry`.
const ENTRY_BYTES: u64 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Null,
    /// A key was there and was discarded.
    Dummy,
    Key {
        hash: i64,
        key: u64,
    },
}

/// The table of a set. Keys are the caller's own numbers: two keys are equal when hash and number are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetTable {
    version: Version,
    entries: Vec<Entry>,
    n_used: usize,
    /// Keys and dummies.
    n_filled: usize,
}

impl SetTable {
    /// An empty set.
    pub fn new(version: Version) -> Self {
        SetTable { version, entries: vec![Entry::Null; SLOTS_MIN], n_used: 0, n_filled: 0 }
    }

    /// Keys in it.
    pub fn len(&self) -> usize {
        self.n_used
    }

    /// Whether it has no key.
    pub fn is_empty(&self) -> bool {
        self.n_used == 0
    }

    /// Bytes of its table; 0 while that is inside the object.
    pub fn table_bytes(&self) -> u64 {
        if self.entries.len() == SLOTS_MIN { 0 } else { self.entries.len() as u64 * ENTRY_BYTES }
    }

    /// The keys in the order in which they are gone through.
    pub fn keys(&self) -> impl Iterator<Item = u64> + '_ {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Key { key, .. } => Some(*key),
            Entry::Null | Entry::Dummy => None,
        })
    }

    /// Adds a key; whether it was new. An insertion takes the last dummy on its way, in 3.9 and before none.
    ///
    /// Differs: for 3.8 and 3.9 this is from the source alone, nothing is recorded.
    pub fn insert(&mut self, hash: i64, key: u64) -> bool {
        let mask = self.entries.len() - 1;
        let mut dummy = None;
        let slot = 'found: {
            for slot in probes(hash, mask) {
                match self.entries[slot] {
                    Entry::Null => break 'found slot,
                    Entry::Key { hash: h, key: k } if h == hash && k == key => return false,
                    Entry::Dummy => dummy = Some(slot),
                    Entry::Key { .. } => {}
                }
            }
            unreachable!("a set always has a free slot");
        };
        self.n_used += 1;
        if let Some(dummy) = dummy.filter(|_| self.version >= Version::V3_10 && rule(Rule::SetsFillTheirHoles)) {
            self.entries[dummy] = Entry::Key { hash, key };
            return true;
        }
        self.entries[slot] = Entry::Key { hash, key };
        self.n_filled += 1;
        if self.n_filled * 5 >= mask * 3 {
            let is_slow = self.n_used > 50_000 || !rule(Rule::SetsGrowFourfold);
            self.resize(if is_slow { self.n_used * 2 } else { self.n_used * 4 });
        }
        true
    }

    /// Discards a key; whether it was there.
    pub fn remove(&mut self, hash: i64, key: u64) -> bool {
        let mask = self.entries.len() - 1;
        for slot in probes(hash, mask) {
            match self.entries[slot] {
                Entry::Null => return false,
                Entry::Key { hash: h, key: k } if h == hash && k == key => {
                    self.entries[slot] = Entry::Dummy;
                    self.n_used -= 1;
                    return true;
                }
                Entry::Key { .. } | Entry::Dummy => {}
            }
        }
        false
    }

    /// Adds the keys of `other`: `set(other)`, `a.update(other)`, `a | other`.
    pub fn merge(&mut self, other: &SetTable) {
        if other.is_empty() {
            return;
        }
        let mask = self.entries.len() - 1;
        if (self.n_filled + other.n_used) * 5 >= mask * 3 {
            self.resize((self.n_used + other.n_used) * 2);
        }
        let is_virgin = self.n_filled == 0;
        if is_virgin && self.entries.len() == other.entries.len() && other.n_filled == other.n_used {
            self.entries.clone_from(&other.entries);
            self.n_filled = other.n_filled;
            self.n_used = other.n_used;
            return;
        }
        for entry in &other.entries {
            let Entry::Key { hash, key } = *entry else { continue };
            if is_virgin {
                insert_clean(&mut self.entries, hash, key);
                self.n_used += 1;
                self.n_filled += 1;
            } else {
                self.insert(hash, key);
            }
        }
    }

    fn resize(&mut self, n_min: usize) {
        let mut n_slots = SLOTS_MIN;
        while n_slots <= n_min {
            n_slots *= 2;
        }
        let old = std::mem::replace(&mut self.entries, vec![Entry::Null; n_slots]);
        for entry in old {
            if let Entry::Key { hash, key } = entry {
                insert_clean(&mut self.entries, hash, key);
            }
        }
        self.n_filled = self.n_used;
    }
}

fn insert_clean(entries: &mut [Entry], hash: i64, key: u64) {
    let mask = entries.len() - 1;
    let slot = probes(hash, mask).find(|&slot| entries[slot] == Entry::Null);
    entries[slot.expect("a set always has a free slot")] = Entry::Key { hash, key };
}

/// The slots to look at for `hash`, in order, without end.
fn probes(hash: i64, mask: usize) -> impl Iterator<Item = usize> {
    let mut perturb = hash as u64;
    let mut start = hash as usize & mask;
    let mut next = start;
    std::iter::from_fn(move || {
        let slot = next;
        let last = if start + LINEAR_PROBES <= mask { start + LINEAR_PROBES } else { start };
        if slot < last {
            next += 1;
        } else {
            perturb >>= PERTURB_SHIFT;
            start = start.wrapping_mul(5).wrapping_add(1).wrapping_add(perturb as usize) & mask;
            next = start;
        }
        Some(slot)
    })
}
