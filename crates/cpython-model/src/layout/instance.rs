//! Instances: with `__slots__`, and with attributes whose names the class shares between its instances.
//!
//! Mirrors `Objects/dictobject.c`: `_PyDict_NewKeysForClass`, `init_inline_values`, `insert_into_dictkeys`,
//! `make_dict_from_instance_attributes` (3.11, 3.12) and their like in 3.13.

use super::dict::{DictShape, LOG2_SLOTS_MIN, dict_keys_bytes, log2_slots_for, log2_slots_grown, usable_entries};
use super::{DICT_BYTES, GC_HEADER_BYTES, OBJECT_BYTES, POINTER_BYTES};
use crate::Version;
use crate::rules::{Rule, rule};

/// Names that a class can share, at most. Source: 3.11 `SHARED_KEYS_MAX_SIZE`.
pub const SHARED_KEYS_MAX: u64 = 30;

/// Pointers before the collector's header of an instance that may have a dict or weak references. Unit: bytes.
/// Source: 3.12 `Py_TPFLAGS_PREHEADER`; in 3.11 the dict and the values alone.
pub const PRE_HEADER_BYTES: u64 = 16;

/// What an instance with `n_slots` slots and no `__dict__` asks for.
///
/// - `has_weakref_slot`: whether `__weakref__` is among them; it is not counted in `n_slots`.
pub const fn slots_instance_bytes(n_slots: u64, has_weakref_slot: bool, version: Version) -> u64 {
    let weakref_bytes = match (has_weakref_slot, version as u8 >= Version::V3_12 as u8) {
        (false, _) => 0,
        (true, false) => POINTER_BYTES,
        (true, true) => PRE_HEADER_BYTES,
    };
    GC_HEADER_BYTES + OBJECT_BYTES + POINTER_BYTES * n_slots + weakref_bytes
}

/// What an instance without `__slots__` asks for beside its values. Source: 3.11 has the weak references in the object,
/// 3.12 in the pre-header.
pub const fn instance_bytes(version: Version) -> u64 {
    match version {
        Version::V3_11 => 56,
        _ => 48,
    }
}

/// What the values of an instance ask for, `n_values` of them; in 3.13 they are part of the instance's own block.
///
/// # Source
/// CPython 3.11 and 3.12 `Objects/dictobject.c:new_values`; 3.13 `_PyInlineValuesSize`.
pub const fn values_bytes(n_values: u64, version: Version) -> u64 {
    match version {
        Version::V3_8 | Version::V3_9 | Version::V3_10 => POINTER_BYTES * n_values,
        Version::V3_11 | Version::V3_12 => (n_values + 2).next_multiple_of(8) + POINTER_BYTES * n_values,
        Version::V3_13 => n_values.next_multiple_of(8) + POINTER_BYTES * (n_values + 1),
    }
}

/// The blocks of a new instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceBlocks {
    /// The instance itself, asked for first.
    pub object_bytes: u64,
    /// Its values, `None` where they are part of it (3.13).
    pub values_bytes: Option<u64>,
}

impl InstanceBlocks {
    /// The requests in order.
    pub fn requests(&self) -> impl Iterator<Item = u64> + use<> {
        [Some(self.object_bytes), self.values_bytes].into_iter().flatten()
    }
}

/// The names that the instances of a class share (`CACHED_KEYS`), from 3.11 on. Names are the caller's own numbers.
///
/// Each new instance lowers the number of names still to come by one while it is above one: instances get smaller until
/// they have room for the names there are and one more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedKeys {
    version: Version,
    names: Vec<u32>,
    n_usable: u64,
}

impl SharedKeys {
    /// Those of a new class.
    ///
    /// # Panics
    /// For a version before 3.11, whose classes share keys in another way: see [`split_keys_log2_slots`].
    pub fn new(version: Version) -> Self {
        assert!(version >= Version::V3_11, "{version} has no shared keys of this sort");
        SharedKeys { version, names: Vec::new(), n_usable: SHARED_KEYS_MAX }
    }

    /// The names so far, in the order of their values.
    pub fn names(&self) -> &[u32] {
        &self.names
    }

    /// Makes an instance. 3.13 sizes it before it lowers the number of names to come, 3.11 and 3.12 after.
    pub fn new_instance(&mut self) -> InstanceBlocks {
        let n_before = self.n_values();
        if self.n_usable > 1 && rule(Rule::InstancesShrink) {
            self.n_usable -= 1;
        }
        let n_before = if rule(Rule::InstancesAreSizedFirst) { n_before } else { self.n_values() };
        if self.version >= Version::V3_13 {
            let object_bytes = instance_bytes(self.version) + values_bytes(n_before, self.version);
            InstanceBlocks { object_bytes, values_bytes: None }
        } else {
            let values_bytes = Some(values_bytes(self.n_values(), self.version));
            InstanceBlocks { object_bytes: instance_bytes(self.version), values_bytes }
        }
    }

    /// The place of an attribute's value in an instance, adding the name if it is new and there is room for it. `None`:
    /// the instance has to become one with a real dict ([`SharedKeys::dict_of`]).
    pub fn place(&mut self, name: u32) -> Option<usize> {
        if let Some(place) = self.names.iter().position(|&known| known == name) {
            return Some(place);
        }
        if self.n_usable == 0 {
            return None;
        }
        self.n_usable -= 1;
        self.names.push(name);
        Some(self.names.len() - 1)
    }

    /// The dict that an instance of `n_set` attributes gets when a name does not fit: first an object of
    /// [`DICT_BYTES`], then these keys; then, in 3.11 and 3.12, the values go. The new name is still to be inserted.
    pub fn dict_of(&self, n_set: u64) -> DictShape {
        let mut dict = DictShape::with_slots(log2_slots_grown(n_set, self.version), true);
        dict.n_used = n_set;
        dict.n_usable -= n_set;
        dict
    }

    /// Bytes of the block of keys itself, part of making the class.
    pub const fn keys_bytes(version: Version) -> u64 {
        dict_keys_bytes(6, true, version)
    }

    /// Bytes of the dict object.
    pub const fn dict_bytes() -> u64 {
        DICT_BYTES
    }

    fn n_values(&self) -> u64 {
        self.n_usable + self.names.len() as u64
    }
}

/// Up to 3.10 a class shares the keys of its first instance: slots after `n_names` attributes, as a power of two. Each
/// further instance asks for values for all usable entries of them.
pub const fn split_keys_log2_slots(n_names: u64, version: Version) -> u32 {
    let mut log2 = LOG2_SLOTS_MIN;
    while usable_entries(log2) < n_names {
        log2 = log2_slots_for(3 * usable_entries(log2), version);
    }
    log2
}
