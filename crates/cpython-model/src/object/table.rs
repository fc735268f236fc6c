//! The table of all objects: a flat vector of records of one cache line, found by generational keys.
//!
//! A key has a place and the version of the object that it was made for. The version changes when an object goes, so
//! that a key that outlived its object is caught when it is used. The collector's lists lead from place to place: who
//! is in a list is alive. Names, which the runtime does not have, are beside the records.

use memory_trait::journal::Naming;
use memory_trait::{Address, ObjectId, ObjectKey};
use slotmap::{Key, KeyData};

use super::{Body, Object};

/// A place in the table. 0 is nobody's.
pub(crate) type Place = u32;

/// Nobody's place: the end of a chain.
pub(crate) const NOWHERE: Place = 0;

/// The objects of an interpreter.
#[derive(Debug)]
pub(crate) struct Table {
    objects: Vec<Object>,
    /// Names of the objects that have one, by place.
    names: Vec<Option<Naming>>,
    /// Places that are free, chained through `next`, the last freed first.
    free: Place,
}

/// The place of a key.
#[inline]
pub(crate) fn place_of(key: ObjectKey) -> Place {
    key.data().as_ffi() as Place
}

#[inline]
fn version_of(key: ObjectKey) -> u32 {
    (key.data().as_ffi() >> 32) as u32
}

#[inline]
fn key_of(place: Place, version: u32) -> ObjectKey {
    KeyData::from_ffi(u64::from(version) << 32 | u64::from(place)).into()
}

impl Table {
    /// Nothing but the place that is nobody's.
    pub(crate) fn new() -> Table {
        let mut table = Table { objects: Vec::new(), names: Vec::new(), free: NOWHERE };
        table.grow();
        assert_eq!(table.free, NOWHERE, "the first place is nobody's");
        table
    }

    /// A new object with one reference, in no list.
    #[inline]
    pub(crate) fn insert(&mut self, body: Body, address: Address) -> ObjectKey {
        if self.free == NOWHERE {
            self.grow();
        }
        let place = self.free;
        let slot = &mut self.objects[place as usize];
        self.free = slot.next;
        // Versions of live objects are odd.
        let version = slot.version | 1;
        let old = std::mem::replace(slot, Object { version, ..Object::new(body, address) });
        // The body of what was there went when it died: there is nothing to drop.
        debug_assert!(matches!(old.body, Body::Sentinel), "a free place has a body");
        std::mem::forget(old);
        key_of(place, version)
    }

    /// One free place more.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.free = Place::try_from(self.objects.len()).expect("fewer than 2^32 objects");
        let mut vacant = Object::new(Body::Sentinel, Address::NULL);
        vacant.version = 0;
        self.objects.push(vacant);
    }

    /// Takes an object out, which is in no list; its body.
    #[inline]
    pub(crate) fn remove(&mut self, key: ObjectKey) -> Body {
        let free = self.free;
        let object = &mut self[key];
        debug_assert!(!object.is_tracked(), "an object that goes is in a list");
        object.version = object.version.wrapping_add(1);
        object.next = free;
        let body = std::mem::take(&mut object.body);
        self.free = place_of(key);
        body
    }

    /// The object of a key, if it still exists.
    #[inline]
    pub(crate) fn get(&self, key: ObjectKey) -> Option<&Object> {
        self.objects.get(place_of(key) as usize).filter(|object| object.version == version_of(key))
    }

    /// Whether the object of a key still exists.
    pub(crate) fn contains_key(&self, key: ObjectKey) -> bool {
        self.get(key).is_some()
    }

    /// What is in a place that is somebody's.
    #[inline]
    pub(crate) fn at(&self, place: Place) -> &Object {
        &self.objects[place as usize]
    }

    /// The same, to change.
    #[inline]
    pub(crate) fn at_mut(&mut self, place: Place) -> &mut Object {
        &mut self.objects[place as usize]
    }

    /// The key of what is in a place.
    #[inline]
    pub(crate) fn key_at(&self, place: Place) -> ObjectKey {
        key_of(place, self.at(place).version)
    }

    /// All objects, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ObjectKey, &Object)> {
        let all = self.objects.iter().enumerate();
        let live = all.filter(|(_, object)| !object.version.is_multiple_of(2));
        live.map(|(place, object)| (key_of(place as Place, object.version), object))
    }

    /// The same without their keys.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Object> {
        self.iter().map(|(_, object)| object)
    }

    /// Gives an object a name, or another one.
    #[inline]
    pub(crate) fn set_name(&mut self, key: ObjectKey, naming: Naming) {
        let place = place_of(key) as usize;
        self[key].is_named = true;
        if let Some(name) = self.names.get_mut(place) {
            *name = Some(naming);
        } else {
            self.grow_names(place, naming);
        }
    }

    #[cold]
    fn grow_names(&mut self, place: usize, naming: Naming) {
        self.names.resize(self.objects.len().max(place + 1), None);
        self.names[place] = Some(naming);
    }

    /// An object's name, if the workload created it.
    #[inline]
    pub(crate) fn name(&self, key: ObjectKey) -> Option<Naming> {
        if self[key].is_named { self.names[place_of(key) as usize] } else { None }
    }

    /// An object's identity, if the workload created it.
    #[inline]
    pub(crate) fn id(&self, key: ObjectKey) -> Option<ObjectId> {
        self.name(key).map(|naming| naming.object)
    }
}

impl std::ops::Index<ObjectKey> for Table {
    type Output = Object;

    #[inline]
    fn index(&self, key: ObjectKey) -> &Object {
        match self.objects.get(place_of(key) as usize) {
            Some(object) if object.version == version_of(key) => object,
            _ => stale(key),
        }
    }
}

impl std::ops::IndexMut<ObjectKey> for Table {
    #[inline]
    fn index_mut(&mut self, key: ObjectKey) -> &mut Object {
        match self.objects.get_mut(place_of(key) as usize) {
            Some(object) if object.version == version_of(key) => object,
            _ => stale(key),
        }
    }
}

#[cold]
#[inline(never)]
fn stale(key: ObjectKey) -> ! {
    panic!("{key:?} has outlived its object")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_outlived_its_object_is_not_taken_for_the_next_one_there() {
        let mut table = Table::new();
        let first = table.insert(Body::Int(1), Address(16));
        table.remove(first);
        let second = table.insert(Body::Int(2), Address(16));
        assert_eq!(place_of(first), place_of(second), "the place is used again");
        assert!(table.get(first).is_none());
        assert!(matches!(table[second].body, Body::Int(2)));
        let stale = std::panic::catch_unwind(|| table[first].refcount);
        assert!(stale.is_err(), "a stale key is caught");
    }

    #[test]
    fn a_name_does_not_outlive_its_object() {
        let mut table = Table::new();
        let first = table.insert(Body::Int(1), Address(16));
        let naming = Naming { object: ObjectId(7), label: memory_trait::Label::List, ordinal: 1 };
        table.set_name(first, naming);
        assert_eq!(table.id(first), Some(ObjectId(7)));
        table.remove(first);
        let second = table.insert(Body::Int(2), Address(16));
        assert_eq!(table.name(second), None);
    }

    #[test]
    fn a_record_is_one_cache_line() {
        assert_eq!(size_of::<Object>(), 64);
    }
}
