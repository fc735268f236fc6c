//! Maps: an index of open addressing over entries in order of insertion.
//!
//! ```text
//! struct map   { entry *entries; size_t *index; size_t len, used, cap; };     calloc
//! struct entry { size_t hash; K key; V value; };                             entries: malloc, cap of them
//! size_t index[2 * cap]: 0 for a place never used, else 1 + the number of an entry       calloc
//! ```
//!
//! The search starts at the low bits of the hash and goes on place by place. Removing a key leaves its entry with hash 0;
//! when all entries are used, those that are left move into new blocks: twice as many, unless half of the entries were
//! removed ones. A text is a key by its characters, but the map keeps only the pointer: who frees a key, or lets it go
//! out of scope, leaves a dangling one.

use memory_trait::{Kind, ObjectKey, Observer, Outcome, Slot};

use super::handle::Handle;
use super::object::Shape;
use super::{C, Value};
use crate::layout::{
    ENTRY_BYTES, ENTRY_KEY, ENTRY_VALUE, INDEX_PLACES_PER_ENTRY, MAP_CAP, MAP_ENTRIES, MAP_HEAD_BYTES, MAP_INDEX,
    MAP_LEN, MAP_USED, size_of,
};
use crate::params::MAP_FIRST_CAPACITY;
use crate::process_heap::ProcessHeap;

/// A map about to be used, and what its head says.
#[derive(Clone, Copy, Debug)]
struct Map {
    handle: Handle,
    key: Kind,
    value: Kind,
    entries: u64,
    index: u64,
    len: u64,
    used: u64,
    cap: u64,
}

impl Map {
    fn entry(&self, number: u64) -> u64 {
        self.entries.wrapping_add(number.wrapping_mul(ENTRY_BYTES))
    }

    /// A key and its value.
    fn entry_payload_bytes(&self) -> u64 {
        size_of(self.key) + size_of(self.value)
    }
}

/// Spreads a number over 64 bits; never 0, which marks a removed entry. Source: the finalizer of `SplitMix64`.
fn mix(number: u64) -> u64 {
    let mut x = number;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) | 1 << 63
}

/// FNV-1a, 64 bits.
fn hash_of_text(text: &[u8]) -> u64 {
    let fold = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

impl<O: Observer, A: ProcessHeap> C<O, A> {
    /// `dst = calloc(1, sizeof(struct map))`. Entries and index come with the first key.
    pub(super) fn make_map(&mut self, dst: Slot, key: Kind, value: Kind) -> Outcome<()> {
        let block = self.calloc(1, MAP_HEAD_BYTES)?;
        let map = self.found(Shape::Map { key, value }, block, 0, MAP_HEAD_BYTES);
        self.write_reference(dst, Value { bits: block.at, key: map });
        Ok(())
    }

    fn map(&mut self, slot: Slot) -> Outcome<Map> {
        let handle = self.handle(slot)?;
        let (key, value) = match handle.shape {
            Shape::Map { key, value } => (key, value),
            Shape::Unknown => (Kind::Int, Kind::Int),
            other => panic!("a key of an object that has none: {other:?}"),
        };
        let mut head = [0; 5];
        for (word, place) in head.iter_mut().zip([MAP_ENTRIES, MAP_INDEX, MAP_LEN, MAP_USED, MAP_CAP]) {
            *word = self.word(&handle, handle.at + place)?;
        }
        let [entries, index, len, used, cap] = head;
        Ok(Map { handle, key, value, entries, index, len, used, cap })
    }

    /// The entry of a key, and the key's hash.
    fn look_up(&mut self, map: &Map, key: Value) -> Outcome<(Option<u64>, u64)> {
        if map.key != Kind::Reference {
            let hash = mix(key.bits);
            let found =
                self.probe(map, hash, |machine, at| Ok(machine.word(&map.handle, at + ENTRY_KEY)? == key.bits))?;
            return Ok((found, hash));
        }
        let handle = self.handle_of(key)?;
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        let found = self.read_characters(&handle, &mut text).and_then(|()| {
            let (hash, len) = (hash_of_text(&text), text.len());
            let found = self.probe(map, hash, |machine, at| {
                let bits = machine.word(&map.handle, at + ENTRY_KEY)?;
                let other = machine.reference(at + ENTRY_KEY, bits, Shape::Text, map.handle.is_live);
                let other = machine.handle_of(other)?;
                text.truncate(len);
                machine.read_characters(&other, &mut text)?;
                Ok(text[..len] == text[len..])
            })?;
            Ok((found, hash))
        });
        self.scratch = text;
        found
    }

    /// Goes through the places of a hash until `is_it` knows the entry at an address, or a place was never used.
    fn probe(
        &mut self,
        map: &Map,
        hash: u64,
        mut is_it: impl FnMut(&mut Self, u64) -> Outcome<bool>,
    ) -> Outcome<Option<u64>> {
        let n_places = map.cap.wrapping_mul(INDEX_PLACES_PER_ENTRY);
        for step in 0..n_places {
            let place = hash.wrapping_add(step) & (n_places - 1);
            let number = self.word(&map.handle, map.index.wrapping_add(place.wrapping_mul(8)))?;
            if number == 0 {
                return Ok(None);
            }
            let at = map.entry(number - 1);
            if self.word(&map.handle, at)? == hash && is_it(self, at)? {
                return Ok(Some(number - 1));
            }
        }
        Ok(None)
    }

    /// Reads the value of a key; false when there is no such key.
    pub(super) fn look_in(&mut self, dst: Slot, map: Slot, key: Slot) -> Outcome<bool> {
        let map = self.map(map)?;
        let key = self.read_slot(key);
        let (Some(number), _) = self.look_up(&map, key)? else { return Ok(false) };
        let at = map.entry(number) + ENTRY_VALUE;
        let bits = self.word(&map.handle, at)?;
        let inner = self.objects.get(map.handle.key).map_or(Shape::Unknown, |object| object.inner);
        self.deliver(dst, at, bits, inner, map.handle.is_live);
        Ok(true)
    }

    /// Writes the value of a key, with a new entry for a new key.
    pub(super) fn enter_in(&mut self, map: Slot, key: Slot, value: Slot) -> Outcome<()> {
        let mut map = self.map(map)?;
        let (key, value) = (self.read_slot(key), self.read_slot(value));
        let (found, hash) = self.look_up(&map, key)?;
        let number = match found {
            Some(number) => number,
            None => self.add_entry(&mut map, hash, key)?,
        };
        let at = map.entry(number) + ENTRY_VALUE;
        self.put_word(&map.handle, at, value.bits)?;
        if map.value == Kind::Reference {
            let inner = self.objects.get(map.handle.key).map_or(Shape::Unknown, |object| object.inner);
            self.learn_inner(&map.handle, inner, value);
            let place = 2 * self.entry_number(&map, number) + 1;
            self.stored_inside(&map.handle, at, place, value.key, true);
        }
        Ok(())
    }

    /// Adds an entry without a value.
    fn add_entry(&mut self, map: &mut Map, hash: u64, key: Value) -> Outcome<u64> {
        if map.used == map.cap {
            self.rebuild(map)?;
        }
        let number = map.used;
        let at = map.entry(number);
        self.put_word(&map.handle, at, hash)?;
        self.put_word(&map.handle, at + ENTRY_KEY, key.bits)?;
        self.point_index(map, hash, number)?;
        (map.len, map.used) = (map.len.wrapping_add(1), map.used.wrapping_add(1));
        self.put_word(&map.handle, map.handle.at + MAP_LEN, map.len)?;
        self.put_word(&map.handle, map.handle.at + MAP_USED, map.used)?;
        self.recount(map, true);
        self.provenance.forget(at + ENTRY_KEY);
        self.provenance.forget(at + ENTRY_VALUE);
        self.number_entry(map, number);
        if map.key == Kind::Reference {
            let place = 2 * self.entry_number(map, number);
            self.stored_inside(&map.handle, at + ENTRY_KEY, place, key.key, true);
        }
        Ok(number)
    }

    /// Gives the entry at a place the number by which the observer knows it from now on.
    fn number_entry(&mut self, map: &Map, number: u64) {
        if !O::WATCHES {
            return;
        }
        let Some(object) = self.objects.get_mut(map.handle.key).filter(|_| map.handle.is_live) else { return };
        let numbers = object.numbers.get_or_insert_default();
        let next = numbers.last().map_or(0, |&last| last + 1);
        numbers.truncate(number as usize);
        numbers.push(next);
    }

    /// The number by which the observer knows the entry at a place: it stays when the entry moves up.
    fn entry_number(&self, map: &Map, number: u64) -> u64 {
        let object = self.objects.get(map.handle.key).filter(|_| O::WATCHES);
        let numbers = object.and_then(|object| object.numbers.as_ref());
        numbers.and_then(|numbers| numbers.get(number as usize)).copied().unwrap_or(number)
    }

    /// Makes the first unused place of a hash point to an entry.
    fn point_index(&mut self, map: &Map, hash: u64, number: u64) -> Outcome<()> {
        let n_places = map.cap.wrapping_mul(INDEX_PLACES_PER_ENTRY);
        for step in 0..n_places {
            let place = hash.wrapping_add(step) & (n_places - 1);
            let at = map.index.wrapping_add(place.wrapping_mul(8));
            if self.word(&map.handle, at)? == 0 {
                return self.put_word(&map.handle, at, number + 1);
            }
        }
        Ok(())
    }

    /// Tells the books that a live map has one key more or less. The books count for themselves: the head in memory may
    /// have been damaged.
    fn recount(&mut self, map: &Map, is_new: bool) {
        if let Some(object) = self.objects.get(map.handle.key).filter(|_| map.handle.is_live) {
            let (payload_bytes, own_bytes) = (object.payload_bytes, object.own_bytes);
            let entry_bytes = map.entry_payload_bytes();
            if is_new {
                self.refilled(map.handle.key, payload_bytes + entry_bytes, own_bytes + 8);
            } else if payload_bytes >= entry_bytes {
                self.refilled(map.handle.key, payload_bytes - entry_bytes, own_bytes - 8);
            }
        }
    }

    /// Moves the entries that are left into new blocks with room for more.
    fn rebuild(&mut self, map: &mut Map) -> Outcome<()> {
        let old = *map;
        map.cap = match old.cap {
            0 => MAP_FIRST_CAPACITY,
            cap if old.len > cap / 2 => cap.wrapping_mul(2),
            cap => cap,
        };
        let entries = self.malloc(map.cap.saturating_mul(ENTRY_BYTES))?;
        let index = self.calloc(map.cap.saturating_mul(INDEX_PLACES_PER_ENTRY), 8)?;
        (map.entries, map.index, map.used) = (entries.at, index.at, 0);
        self.provenance.clear(entries.at, map.cap * ENTRY_BYTES);
        let mut kept = Vec::new();
        for number in 0..old.used {
            let hash = self.word(&map.handle, old.entry(number))?;
            if hash != 0 {
                kept.push(number);
                self.move_entry(&old, map, number, hash)?;
            }
        }
        self.renumber(map, &kept);
        for (place, word) in
            [(MAP_ENTRIES, map.entries), (MAP_INDEX, map.index), (MAP_USED, map.used), (MAP_CAP, map.cap)]
        {
            self.put_word(&map.handle, map.handle.at + place, word)?;
        }
        for block in [old.entries, old.index] {
            self.free_block(block).map_err(|fault| self.journal.adopt(fault))?;
        }
        self.rebacked(map.handle.key, &[entries, index]);
        if let Some(object) = self.objects.get(map.handle.key) {
            let (payload_bytes, n) = (object.payload_bytes, object.payload_bytes / map.entry_payload_bytes());
            let index_bytes = 8 * INDEX_PLACES_PER_ENTRY * map.cap;
            self.refilled(map.handle.key, payload_bytes, MAP_HEAD_BYTES + 8 * n + index_bytes);
        }
        self.tell_backed(map.handle.key);
        Ok(())
    }

    /// Only the entries at the places `kept` are left, in that order; they keep their numbers.
    fn renumber(&mut self, map: &Map, kept: &[u64]) {
        if let Some(object) = self.objects.get_mut(map.handle.key)
            && let Some(numbers) = object.numbers.as_mut()
        {
            **numbers = kept.iter().filter_map(|&place| numbers.get(place as usize).copied()).collect();
        }
    }

    /// Copies an entry behind those already in `map`.
    fn move_entry(&mut self, old: &Map, map: &mut Map, number: u64, hash: u64) -> Outcome<()> {
        let (from, to) = (old.entry(number), map.entry(map.used));
        for place in [0, ENTRY_KEY, ENTRY_VALUE] {
            let word = self.word(&map.handle, from.wrapping_add(place))?;
            self.put_word(&map.handle, to + place, word)?;
        }
        self.provenance.copy(from + ENTRY_KEY, to + ENTRY_KEY, 2);
        self.point_index(map, hash, map.used)?;
        map.used += 1;
        Ok(())
    }

    /// Removes a key; whether it was there.
    pub(super) fn strike_out(&mut self, map: Slot, key: Slot) -> Outcome<bool> {
        let mut map = self.map(map)?;
        let key = self.read_slot(key);
        let (Some(number), _) = self.look_up(&map, key)? else { return Ok(false) };
        let at = map.entry(number);
        self.put_word(&map.handle, at, 0)?;
        map.len = map.len.wrapping_sub(1);
        self.put_word(&map.handle, map.handle.at + MAP_LEN, map.len)?;
        self.recount(&map, false);
        let entry = self.entry_number(&map, number);
        for (place, kind, parity) in [(ENTRY_KEY, map.key, 0), (ENTRY_VALUE, map.value, 1)] {
            if kind == Kind::Reference {
                self.stored_inside(&map.handle, at + place, 2 * entry + parity, ObjectKey::default(), true);
            }
        }
        Ok(true)
    }

    /// The first key at or after an entry. A position is the number of an entry; when the map grows while a loop goes
    /// over it, removed entries disappear and the loop may skip keys: nobody checks that in C.
    pub(super) fn key_after(&mut self, dst: Slot, map: Slot, position: i64) -> Outcome<Option<i64>> {
        let map = self.map(map)?;
        let mut number = position as u64;
        while number < map.used {
            let at = map.entry(number);
            if self.word(&map.handle, at)? != 0 {
                let bits = self.word(&map.handle, at + ENTRY_KEY)?;
                self.deliver(dst, at + ENTRY_KEY, bits, Shape::Text, map.handle.is_live);
                return Ok(Some(number as i64 + 1));
            }
            number += 1;
        }
        Ok(None)
    }

    /// The references in a live map: the place of each, as the observer knows it, and its key.
    pub(super) fn references_in_map(&mut self, handle: &Handle, mut tell: impl FnMut(ObjectKey)) {
        let Shape::Map { key, value } = handle.shape else { return };
        let word = |machine: &Self, place| machine.space.word(handle.at + place).unwrap_or(0);
        let (entries, used) = (word(self, MAP_ENTRIES), word(self, MAP_USED));
        for number in 0..used {
            let at = entries.wrapping_add(number.wrapping_mul(ENTRY_BYTES));
            match self.space.word(at) {
                Err(_) => return,
                Ok(0) => {}
                Ok(_) => {
                    for (place, kind) in [(ENTRY_KEY, key), (ENTRY_VALUE, value)] {
                        if kind == Kind::Reference {
                            tell(self.provenance.get(at + place));
                        }
                    }
                }
            }
        }
    }
}
