//! Objects that are never reclaimed. A record is a word that says which fields were written, then the fields; an array
//! is its length, then its elements.

use std::rc::Rc;

use memory_trait::{Constant, Kind};
use rustc_hash::FxHashMap;

use super::values::{Bits, Place};

/// Values that there is room for unless told otherwise: 512 MiB of them.
const VALUES_MAX: usize = 1 << 26;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Int(i64),
    Text(Rc<str>),
}

#[derive(Clone, Debug)]
struct Map {
    key: Kind,
    /// Keys as they were given, with their values; removed entries leave a hole.
    entries: Vec<Option<(Key, Bits, Bits)>>,
    places: FxHashMap<Key, usize>,
}

/// The objects.
#[derive(Clone, Debug)]
pub(super) struct Heap {
    values: Vec<Bits>,
    lists: Vec<Vec<Bits>>,
    maps: Vec<Map>,
    texts: Vec<Rc<str>>,
    /// Values that there is still room for.
    room: usize,
}

impl Default for Heap {
    fn default() -> Heap {
        Heap::with_room(VALUES_MAX)
    }
}

impl Heap {
    pub(super) fn with_room(values_max: usize) -> Heap {
        Heap { values: Vec::new(), lists: Vec::new(), maps: Vec::new(), texts: Vec::new(), room: values_max }
    }

    /// Takes room for `n` values; false when there is not so much.
    #[inline]
    fn take_room(&mut self, n: usize) -> bool {
        let enough = self.room >= n;
        if enough {
            self.room -= n;
        }
        enough
    }

    #[inline]
    pub(super) fn record(&mut self, n_fields: usize) -> Option<Bits> {
        if !self.take_room(n_fields + 1) {
            return None;
        }
        let place = self.values.len();
        self.values.resize(place + n_fields + 1, 0);
        Some(Place::Values(place).bits())
    }

    fn values_of(object: Bits) -> usize {
        match Place::of(object) {
            Place::Values(place) => place,
            other => panic!("{other:?} is no record"),
        }
    }

    /// A field; `None` when it was never written.
    #[inline]
    pub(super) fn load(&self, object: Bits, field: usize) -> Option<Bits> {
        let place = Self::values_of(object);
        let is_written = (self.values[place] >> field) & 1 != 0;
        is_written.then(|| self.values[place + 1 + field])
    }

    #[inline]
    pub(super) fn store(&mut self, object: Bits, field: usize, value: Bits) {
        let place = Self::values_of(object);
        self.values[place] |= 1 << field;
        self.values[place + 1 + field] = value;
    }

    pub(super) fn array(&mut self, n_elements: i64) -> Option<Bits> {
        let n = usize::try_from(n_elements).ok()?;
        if !self.take_room(n.checked_add(1)?) {
            return None;
        }
        let place = self.values.len();
        self.values.push(n as Bits);
        self.values.resize(place + 1 + n, 0);
        Some(Place::Values(place).bits())
    }

    pub(super) fn list(&mut self) -> Option<Bits> {
        if !self.take_room(4) {
            return None;
        }
        self.lists.push(Vec::new());
        Some(Place::List(self.lists.len() - 1).bits())
    }

    /// The elements of an array or list.
    #[inline]
    pub(super) fn elements(&self, container: Bits) -> &[Bits] {
        match Place::of(container) {
            Place::Values(place) => &self.values[place + 1..place + 1 + self.values[place] as usize],
            Place::List(list) => &self.lists[list],
            other => panic!("{other:?} has no elements"),
        }
    }

    #[inline]
    pub(super) fn elements_mut(&mut self, container: Bits) -> &mut [Bits] {
        match Place::of(container) {
            Place::Values(place) => {
                let n = self.values[place] as usize;
                &mut self.values[place + 1..place + 1 + n]
            }
            Place::List(list) => &mut self.lists[list],
            other => panic!("{other:?} has no elements"),
        }
    }

    fn list_of(&mut self, list: Bits) -> &mut Vec<Bits> {
        match Place::of(list) {
            Place::List(list) => &mut self.lists[list],
            other => panic!("{other:?} is no list"),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, list: Bits, value: Bits) -> bool {
        let has_room = self.take_room(1);
        if has_room {
            self.list_of(list).push(value);
        }
        has_room
    }

    pub(super) fn pop(&mut self, list: Bits) -> Option<Bits> {
        let value = self.list_of(list).pop()?;
        self.room += 1;
        Some(value)
    }

    pub(super) fn len(&self, object: Bits) -> i64 {
        match Place::of(object) {
            Place::Map(map) => self.maps[map].places.len() as i64,
            Place::Text(text) => self.texts[text].chars().count() as i64,
            _ => self.elements(object).len() as i64,
        }
    }

    pub(super) fn map(&mut self, key: Kind) -> Option<Bits> {
        if !self.take_room(8) {
            return None;
        }
        self.maps.push(Map { key, entries: Vec::new(), places: FxHashMap::default() });
        Some(Place::Map(self.maps.len() - 1).bits())
    }

    fn map_of(map: Bits) -> usize {
        match Place::of(map) {
            Place::Map(map) => map,
            other => panic!("{other:?} is no map"),
        }
    }

    fn key(&self, map: usize, key: Bits) -> Key {
        match (self.maps[map].key, key) {
            (Kind::Reference, text) => Key::Text(Rc::clone(self.text_of(text))),
            (_, number) => Key::Int(number as i64),
        }
    }

    pub(super) fn get(&self, map: Bits, key: Bits) -> Option<Bits> {
        let map = Self::map_of(map);
        let place = *self.maps[map].places.get(&self.key(map, key))?;
        self.maps[map].entries[place].as_ref().map(|&(_, _, value)| value)
    }

    pub(super) fn put(&mut self, map: Bits, given: Bits, value: Bits) -> bool {
        let map = Self::map_of(map);
        let key = self.key(map, given);
        if let Some(&place) = self.maps[map].places.get(&key) {
            if let Some(entry) = &mut self.maps[map].entries[place] {
                entry.2 = value;
            }
            return true;
        }
        if !self.take_room(8) {
            return false;
        }
        let Map { entries, places, .. } = &mut self.maps[map];
        places.insert(key.clone(), entries.len());
        entries.push(Some((key, given, value)));
        true
    }

    pub(super) fn remove(&mut self, map: Bits, key: Bits) -> bool {
        let map = Self::map_of(map);
        let key = self.key(map, key);
        let Some(place) = self.maps[map].places.remove(&key) else { return false };
        self.maps[map].entries[place] = None;
        true
    }

    /// The first key at or after `position`, and the position after it.
    pub(super) fn next_key(&self, map: Bits, position: i64) -> Option<(Bits, i64)> {
        let entries = &self.maps[Self::map_of(map)].entries;
        let start = usize::try_from(position).ok()?;
        let (offset, key) =
            entries.get(start..)?.iter().enumerate().find_map(|(at, entry)| Some((at, entry.as_ref()?.1)))?;
        Some((key, (start + offset) as i64 + 1))
    }

    pub(super) fn text(&mut self, text: Rc<str>) -> Option<Bits> {
        if !self.take_room(2 + text.len() / 8) {
            return None;
        }
        self.texts.push(text);
        Some(Place::Text(self.texts.len() - 1).bits())
    }

    fn text_of(&self, text: Bits) -> &Rc<str> {
        match Place::of(text) {
            Place::Text(text) => &self.texts[text],
            other => panic!("{other:?} is no text"),
        }
    }

    pub(super) fn read_text(&self, text: Bits) -> &str {
        self.text_of(text)
    }

    pub(super) fn concat(&mut self, a: Bits, b: Bits) -> Option<Bits> {
        let (a, b) = (self.text_of(a), self.text_of(b));
        if (a.len() + b.len()) / 8 > self.room {
            return None;
        }
        let text = [&**a, &**b].concat();
        self.text(text.into())
    }

    /// A constant of the program; it takes no room.
    pub(super) fn constant(&mut self, constant: &Constant) -> Bits {
        match constant {
            Constant::Int(value) => *value as Bits,
            Constant::Float(value) => value.to_bits(),
            Constant::Text(text) => {
                self.texts.push(text.as_str().into());
                Place::Text(self.texts.len() - 1).bits()
            }
        }
    }
}
