//! `dict`: the size of its keys and how it grows.
//!
//! Mirrors `Objects/dictobject.c`: `new_keys_object`, `insertion_resize`, `calculate_log2_keysize`. A `dict` is an object
//! of [`super::DICT_BYTES`] and a block of keys: header, index table of a power of two, entries for two thirds of it.

use crate::Version;
use crate::rules::{Rule, rule};

/// Slots of the smallest keys, as a power of two. Source: `PyDict_LOG_MINSIZE`.
pub const LOG2_SLOTS_MIN: u32 = 3;

/// Entries that keys of `2^log2_slots` slots have room for. Source: `USABLE_FRACTION`.
pub const fn usable_entries(log2_slots: u32) -> u64 {
    (2 << log2_slots) / 3
}

/// What keys of `2^log2_slots` slots ask for. From 3.11 on keys that are all `str` do without the hash in each entry.
///
/// # Source
/// CPython 3.10 and 3.11 to 3.13 `Objects/dictobject.c:new_keys_object`.
pub const fn dict_keys_bytes(log2_slots: u32, is_str_keyed: bool, version: Version) -> u64 {
    let has_short_entries = version as u8 >= Version::V3_11 as u8;
    let header_bytes = if has_short_entries { 32 } else { 40 };
    let index_bytes: u64 = match log2_slots {
        0..8 => 1,
        8..16 => 2,
        16..32 => 4,
        _ => 8,
    };
    let entry_bytes = if is_str_keyed && has_short_entries { 16 } else { 24 };
    header_bytes + (index_bytes << log2_slots) + usable_entries(log2_slots) * entry_bytes
}

/// Slots that are asked for when at least `slots_min` are needed, as a power of two. From 3.10 on the bit trick gives
/// 16 for 1, 2 and 3, and 8 for 0 and 4 to 8.
///
/// # Source
/// CPython 3.9 `Objects/dictobject.c:dictresize`; 3.11 `calculate_log2_keysize`.
pub const fn log2_slots_for(slots_min: u64, version: Version) -> u32 {
    if version as u8 >= Version::V3_10 as u8 {
        u64::BITS - (((slots_min | 8) - 1) | 7).leading_zeros()
    } else {
        let mut log2 = LOG2_SLOTS_MIN;
        while (1 << log2) < slots_min {
            log2 += 1;
        }
        log2
    }
}

/// Slots of the keys of a dict of `n_entries` that has no room for another one, as a power of two.
///
/// # Source
/// CPython 3.12 `Objects/dictobject.c:GROWTH_RATE`.
pub fn log2_slots_grown(n_entries: u64, version: Version) -> u32 {
    let rate = if rule(Rule::DictsGrowThreefold) { 3 } else { 4 };
    log2_slots_for(rate * n_entries, version)
}

/// Slots for a dict that is known to get `n_entries`, as a power of two. Source: `estimate_log2_keysize`.
pub const fn log2_slots_for_entries(n_entries: u64, version: Version) -> u32 {
    log2_slots_for((3 * n_entries).div_ceil(2), version)
}

/// A change of a dict's keys: the old block goes when the new one is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysChange {
    /// Bytes of the new keys.
    pub new_bytes: u64,
    /// Bytes of the old keys; 0 when there were none (the empty keys are static).
    pub old_bytes: u64,
    /// Whether the new keys are those of eight slots for `str`, which are taken from their free list when it has some.
    pub is_new_smallest_str: bool,
    /// Whether the old keys are, and go to that list.
    pub is_old_smallest_str: bool,
}

/// A dict without its entries: how large its keys are and how much room is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DictShape {
    /// Slots as a power of two; `None` while it has the static empty keys.
    pub log2_slots: Option<u32>,
    /// Whether all keys were `str` so far.
    pub is_str_keyed: bool,
    /// Entries that can still be added. A deleted entry gives nothing back.
    pub n_usable: u64,
    /// Entries in it.
    pub n_used: u64,
}

impl DictShape {
    /// `{}`.
    pub const fn empty() -> Self {
        DictShape { log2_slots: None, is_str_keyed: true, n_usable: 0, n_used: 0 }
    }

    /// A dict that has its keys and no entries yet.
    pub const fn with_slots(log2_slots: u32, is_str_keyed: bool) -> Self {
        DictShape { log2_slots: Some(log2_slots), is_str_keyed, n_usable: usable_entries(log2_slots), n_used: 0 }
    }

    /// `dict()`. Up to 3.9 it has keys at once, `{}` has not.
    pub const fn from_call(version: Version) -> Self {
        if version as u8 <= Version::V3_9 as u8 { DictShape::with_slots(LOG2_SLOTS_MIN, true) } else { Self::empty() }
    }

    /// What a display of `n_entries` (`{"a": 1, ...}`) starts with: keys of their own when they need more than eight
    /// slots. Those are asked for before the dict itself.
    pub const fn for_display(n_entries: u64, is_str_keyed: bool, version: Version) -> Self {
        if n_entries <= usable_entries(LOG2_SLOTS_MIN) {
            DictShape::empty()
        } else {
            DictShape::with_slots(log2_slots_for_entries(n_entries, version), is_str_keyed)
        }
    }

    /// What `dict.fromkeys` of a set or dict of `n_entries` starts with.
    pub const fn for_fromkeys(n_entries: u64, version: Version) -> Self {
        DictShape::with_slots(log2_slots_for_entries(n_entries, version), false)
    }

    /// Bytes of its keys; 0 while it has none.
    pub const fn keys_bytes(&self, version: Version) -> u64 {
        match self.log2_slots {
            Some(log2_slots) => dict_keys_bytes(log2_slots, self.is_str_keyed, version),
            None => 0,
        }
    }

    const fn is_smallest_str(&self) -> bool {
        matches!(self.log2_slots, Some(LOG2_SLOTS_MIN)) && self.is_str_keyed
    }

    /// Adds an entry with a key that is not there yet.
    ///
    /// - Returns: the change of the keys, if it needed other ones.
    ///
    /// # Source
    /// CPython 3.12 `Objects/dictobject.c:insertdict`, `insert_to_emptydict`, `insertion_resize`.
    pub fn insert(&mut self, is_str_key: bool, version: Version) -> Option<KeysChange> {
        let is_first_other = !is_str_key && self.is_str_keyed && version as u8 >= Version::V3_11 as u8;
        let before = *self;
        if self.log2_slots.is_none() {
            *self = DictShape::with_slots(LOG2_SLOTS_MIN, is_str_key);
        } else if is_first_other || self.n_usable == 0 {
            self.resize(log2_slots_grown(self.n_used, version), self.is_str_keyed && is_str_key);
        }
        self.is_str_keyed = self.is_str_keyed && is_str_key;
        self.n_usable -= 1;
        self.n_used += 1;
        self.change_from(&before, version)
    }

    /// Makes it a dict of `2^log2_slots` slots with the same entries.
    pub const fn resize(&mut self, log2_slots: u32, is_str_keyed: bool) {
        self.log2_slots = Some(log2_slots);
        self.is_str_keyed = is_str_keyed;
        self.n_usable = usable_entries(log2_slots) - self.n_used;
    }

    /// Deletes an entry. The keys stay as they are.
    pub const fn remove(&mut self) {
        self.n_used -= 1;
    }

    const fn change_from(&self, before: &DictShape, version: Version) -> Option<KeysChange> {
        // An insertion that changes nothing takes one usable entry.
        let is_same = before.log2_slots.is_some() && before.n_usable == self.n_usable + 1;
        let is_same_kind = before.is_str_keyed == self.is_str_keyed || (version as u8) < Version::V3_11 as u8;
        if is_same && is_same_kind {
            return None;
        }
        Some(KeysChange {
            new_bytes: self.keys_bytes(version),
            old_bytes: before.keys_bytes(version),
            is_new_smallest_str: self.is_smallest_str(),
            is_old_smallest_str: before.is_smallest_str(),
        })
    }
}
