//! Maps: `java.util.LinkedHashMap`.
//!
//! A table that doubles when three quarters full, an entry object for each key with links to the entries put before
//! and after it, keys in boxes. An entry is known by a number, kept in its mark word.
//! Differs: a bin with eight entries or more becomes a tree in Java; here it stays a chain.

use memory_trait::{Kind, Label, Observer, Outcome, Slot};

use super::Jvm;
use super::classes::Meaning;
use super::faults::describe_call;
use crate::heap::memory::Narrow;
use crate::rules::{Rule, rule};

/// `HashMap.DEFAULT_INITIAL_CAPACITY`: bins of the first table.
const INITIAL_BINS: u32 = 16;
/// `HashMap.DEFAULT_LOAD_FACTOR`, as a `float` in memory.
const LOAD_FACTOR: f32 = 0.75;
/// Loops over maps that the machine remembers the place of.
const N_CURSORS: usize = 4;

/// Where a loop over a map was: the entry it read last. Java has an iterator object; here it is a memory of ours,
/// forgotten at every collection and whenever the entry goes, and then found again by walking.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    map: Narrow,
    entry: Narrow,
    position: i64,
    n_collections: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Cursors {
    cursors: [Cursor; N_CURSORS],
    next: usize,
}

impl Cursors {
    fn entry(&self, map: Narrow, position: i64, n_collections: u64) -> Option<Narrow> {
        let is_it = |cursor: &&Cursor| {
            cursor.entry != 0
                && cursor.map == map
                && cursor.position == position
                && cursor.n_collections == n_collections
        };
        self.cursors.iter().find(is_it).map(|cursor| cursor.entry)
    }

    fn note(&mut self, cursor: Cursor) {
        let same = |old: &Cursor| old.map == cursor.map && old.position == cursor.position - 1;
        let place = self.cursors.iter().position(same).unwrap_or(self.next);
        self.cursors[place] = cursor;
        self.next = (place + 1) % N_CURSORS;
    }

    fn forget(&mut self, entry: Narrow) {
        for cursor in &mut self.cursors {
            if cursor.entry == entry {
                *cursor = Cursor::default();
            }
        }
    }
}

/// A key to look for.
#[derive(Clone, Copy, Debug)]
enum Key {
    Int(i64),
    Text(usize),
}

/// `HashMap.hash`: the upper half folded into the lower.
fn spread(hash: u32) -> u32 {
    hash ^ hash >> 16
}

impl<O: Observer> Jvm<O> {
    pub(super) fn create_map(&mut self, dst: Slot, key: Kind, value: Kind) -> Outcome<()> {
        let naming = self.host.journal.name(Label::Map);
        let map = self.allocate_named(self.classes.map(key, value), 0, naming)?;
        self.heap.memory_mut().set_half(map * 2 + self.classes.places.map_load_factor, LOAD_FACTOR.to_bits());
        self.tell_born(map, naming, 0, 0);
        self.write_object(dst, map);
        Ok(())
    }

    pub(super) fn map_size(&self, map: usize) -> u32 {
        self.heap.memory().half(map * 2 + self.classes.places.map_size)
    }

    fn map_target(&mut self, map: Slot, method: &str) -> Outcome<(usize, Kind, Kind)> {
        let object = self.target(map, |_| describe_call(method))?;
        match self.meaning(object) {
            Meaning::Map { key, value } => Ok((object, key, value)),
            other => panic!("{other:?} is used as a map"),
        }
    }

    /// The field of an object as the object it refers to.
    fn follow(&self, object: usize, half: usize) -> Option<usize> {
        let reference = self.heap.reference(object, half);
        (reference != 0).then(|| self.heap.memory().index(reference))
    }

    fn key_of(&mut self, kind: Kind, reference: Narrow) -> (Key, u32) {
        let object = self.heap.memory().index(reference);
        if kind == Kind::Int {
            let value = self.heap.memory().word(object + self.classes.places.box_word);
            (Key::Int(value as i64), spread((value ^ value >> 32) as u32))
        } else {
            (Key::Text(object), spread(self.text_hash(object)))
        }
    }

    fn is_key(&self, entry: usize, key: Key) -> bool {
        let own = self.heap.memory().index(self.heap.reference(entry, self.classes.places.entry_key));
        match key {
            Key::Int(value) => self.heap.memory().word(own + self.classes.places.box_word) == value as u64,
            Key::Text(text) => self.same_text(own, text),
        }
    }

    /// `getNode`, and the entry before it in its bin.
    fn find(&self, map: usize, key: Key, hash: u32) -> Option<(Option<usize>, usize)> {
        let table = self.follow(map, self.classes.places.map_table)?;
        let bin = hash & (self.heap.length(table) - 1);
        let mut before = None;
        let mut reference = self.heap.element(table, bin as usize);
        while reference != 0 {
            let entry = self.heap.memory().index(reference);
            if self.heap.memory().half(entry * 2 + self.classes.places.entry_hash) == hash && self.is_key(entry, key) {
                return Some((before, entry));
            }
            before = Some(entry);
            reference = self.heap.reference(entry, self.classes.places.entry_next);
        }
        None
    }

    fn entry_number(&self, entry: usize) -> u64 {
        u64::from(self.heap.number(entry))
    }

    /// A null key is legal in Java; a workload's never is.
    fn key_reference(&mut self, kind: Kind, key: Slot) -> Outcome<Narrow> {
        let value = self.host.value(key)?;
        assert!(kind == Kind::Int || value != 0, "a null key");
        self.boxed(kind, value)
    }

    /// `get(key)`.
    pub(super) fn get_value(&mut self, dst: Slot, map_slot: Slot, key: Slot) -> Outcome<bool> {
        let (_, key_kind, value_kind) = self.map_target(map_slot, "java.util.Map.get(Object)")?;
        let reference = self.key_reference(key_kind, key)?;
        let map = self.object_in(map_slot);
        let (key, hash) = self.key_of(key_kind, reference);
        let Some((_, entry)) = self.find(map, key, hash) else { return Ok(false) };
        let value = self.unboxed(value_kind, self.heap.reference(entry, self.classes.places.entry_value));
        self.write(dst, value);
        Ok(true)
    }

    /// `put(key, value)`.
    pub(super) fn put_value(&mut self, map_slot: Slot, key: Slot, value: Slot) -> Outcome<()> {
        let (_, key_kind, value_kind) = self.map_target(map_slot, "java.util.Map.put(Object, Object)")?;
        // The key waits among the operands while the value gets its box.
        self.host.operands[0] = self.key_reference(key_kind, key)?;
        let value = self.host.value(value)?;
        let boxed = self.boxed(value_kind, value)?;
        let key = std::mem::take(&mut self.host.operands[0]);
        let map = self.object_in(map_slot);
        let own = self.heap.memory().narrow(map);
        self.host.handles = [own, key, boxed, 0, 0];
        if self.heap.reference(map, self.classes.places.map_table) == 0 {
            self.resize_table(map_slot)?;
        }
        let (key, hash) = self.key_of(key_kind, self.host.handles[1]);
        let map = self.object_in(map_slot);
        if let Some((_, entry)) = self.find(map, key, hash) {
            let new = std::mem::take(&mut self.host.handles)[2];
            let old = self.heap.reference(entry, self.classes.places.entry_value);
            self.heap.store_field(entry, self.classes.places.entry_value, new);
            if value_kind == Kind::Reference {
                self.tell_stored_inside(map, self.entry_number(entry) * 2 + 1, old, new);
            }
            return Ok(());
        }
        self.add_entry(map_slot, hash)?;
        let map = self.object_in(map_slot);
        let size = self.map_size(map) + 1;
        self.heap.memory_mut().set_half(map * 2 + self.classes.places.map_size, size);
        self.count_modification(map * 2 + self.classes.places.map_mod_count);
        let [own, key, value, entry, _] = self.host.handles;
        let entry = self.heap.memory().index(entry);
        if O::WATCHES {
            self.tell_map_resized(map);
            let number = self.entry_number(entry);
            if key_kind == Kind::Reference {
                self.tell_stored_inside(map, number * 2, 0, key);
            }
            if value_kind == Kind::Reference {
                self.tell_stored_inside(map, number * 2 + 1, 0, value);
            }
        }
        if size > self.heap.memory().half(map * 2 + self.classes.places.map_threshold) {
            self.host.handles = [own, self.heap.reference(map, self.classes.places.map_table), key, value, 0];
            self.resize_table(map_slot)?;
            let map = self.object_in(map_slot);
            self.tell_map_resized(map);
        }
        self.host.handles = [0; super::host::N_HANDLES];
        Ok(())
    }

    fn tell_map_resized(&mut self, map: usize) {
        if O::WATCHES {
            let size = u64::from(self.map_size(map));
            let entry_bytes = u64::from(self.heap.klasses().get(self.classes.entry).instance_words) * 8;
            let table_words =
                self.follow(map, self.classes.places.map_table).map_or(0, |table| self.heap.size_words(table));
            let own_bytes = (self.heap.size_words(map) + table_words) as u64 * 8;
            self.tell_resized(map, size * 2 * self.reference_bytes(), own_bytes + size * entry_bytes);
        }
    }

    /// `newNode` with the map, key and value in the first three handles, at the end of its bin and of the order. The
    /// new entry is in the fourth handle afterwards.
    fn add_entry(&mut self, map_slot: Slot, hash: u32) -> Outcome<()> {
        let places = self.classes.places;
        let map = self.object_in(map_slot);
        let table = self.follow(map, places.map_table).expect("a table before the first entry");
        let bin = (hash & (self.heap.length(table) - 1)) as usize;
        let mut end = self.heap.element(table, bin);
        while end != 0
            && let Some(next) = self.follow(self.heap.memory().index(end), places.entry_next)
        {
            end = self.heap.memory().narrow(next);
        }
        // `putVal` has the table, and the last entry of the bin.
        self.host.handles[3..].copy_from_slice(&[self.heap.memory().narrow(table), end]);
        let entry = self.allocate(self.classes.entry, 0)?;
        let end = self.host.handles[4];
        let map = self.object_in(map_slot);
        let reference = self.heap.memory().narrow(entry);
        let [_, key, value, ..] = self.host.handles;
        self.host.handles[3..].copy_from_slice(&[reference, 0]);
        let number = self.n_entries;
        self.n_entries = number.checked_add(1).expect("fewer than 2^32 map entries in a run");
        self.heap.memory_mut().set_half(entry * 2 + self.classes.places.entry_hash, hash);
        self.heap.set_number(entry, number);
        self.heap.store_field(entry, self.classes.places.entry_key, key);
        self.heap.store_field(entry, self.classes.places.entry_value, value);
        self.heap.store_field(entry, self.classes.places.entry_next, 0);
        let last = self.follow(map, self.classes.places.map_tail);
        self.heap.store_field(map, self.classes.places.map_tail, reference);
        match last {
            None => self.heap.store_field(map, self.classes.places.map_head, reference),
            Some(last) => {
                let before = self.heap.memory().narrow(last);
                self.heap.store_field(entry, self.classes.places.entry_before, before);
                self.heap.store_field(last, self.classes.places.entry_after, reference);
            }
        }
        if end == 0 {
            let table = self.follow(map, places.map_table).expect("a table before the first entry");
            self.heap.store_element(table, bin, reference);
        } else {
            let end = self.heap.memory().index(end);
            self.heap.store_field(end, places.entry_next, reference);
        }
        Ok(())
    }

    /// `resize`: the first table, or one twice as large, in which each bin is two with their order kept.
    fn resize_table(&mut self, map_slot: Slot) -> Outcome<()> {
        let map = self.object_in(map_slot);
        let old_bins = self.follow(map, self.classes.places.map_table).map_or(0, |table| self.heap.length(table));
        let bins = if old_bins == 0 { INITIAL_BINS } else { old_bins * 2 };
        let table = self.allocate(self.classes.table, bins)?;
        let map = self.object_in(map_slot);
        let old_table = self.follow(map, self.classes.places.map_table);
        self.heap.memory_mut().set_half(map * 2 + self.classes.places.map_threshold, bins / 4 * 3);
        let reference = self.heap.memory().narrow(table);
        self.heap.store_field(map, self.classes.places.map_table, reference);
        let Some(old_table) = old_table else { return Ok(()) };
        for bin in 0..old_bins {
            let mut reference = self.heap.element(old_table, bin as usize);
            self.heap.store_element(old_table, bin as usize, 0);
            let mut ends: [Option<usize>; 2] = [None; 2];
            while reference != 0 {
                let entry = self.heap.memory().index(reference);
                let hash = self.heap.memory().half(entry * 2 + self.classes.places.entry_hash);
                let half = usize::from(hash & old_bins != 0);
                let next = self.heap.reference(entry, self.classes.places.entry_next);
                match ends[half].replace(entry) {
                    None => self.heap.store_element(table, bin as usize + half * old_bins as usize, reference),
                    Some(end) => self.heap.store_field(end, self.classes.places.entry_next, reference),
                }
                reference = next;
            }
            for end in ends.into_iter().flatten() {
                self.heap.store_field(end, self.classes.places.entry_next, 0);
            }
        }
        Ok(())
    }

    /// `remove(key)`.
    pub(super) fn remove_key(&mut self, map_slot: Slot, key: Slot) -> Outcome<bool> {
        let (_, key_kind, value_kind) = self.map_target(map_slot, "java.util.Map.remove(Object)")?;
        let reference = self.key_reference(key_kind, key)?;
        let map = self.object_in(map_slot);
        let (key, hash) = self.key_of(key_kind, reference);
        let Some((before_in_bin, entry)) = self.find(map, key, hash) else { return Ok(false) };
        let next_in_bin = self.heap.reference(entry, self.classes.places.entry_next);
        if let Some(before) = before_in_bin {
            self.heap.store_field(before, self.classes.places.entry_next, next_in_bin);
        } else {
            let table = self.follow(map, self.classes.places.map_table).expect("an entry is in a table");
            let bin = (hash & (self.heap.length(table) - 1)) as usize;
            self.heap.store_element(table, bin, next_in_bin);
        }
        let (before, after) = (
            self.heap.reference(entry, self.classes.places.entry_before),
            self.heap.reference(entry, self.classes.places.entry_after),
        );
        self.heap.store_field(entry, self.classes.places.entry_before, 0);
        self.heap.store_field(entry, self.classes.places.entry_after, 0);
        let (holder, half) = match before {
            0 => (map, self.classes.places.map_head),
            before => (self.heap.memory().index(before), self.classes.places.entry_after),
        };
        self.heap.store_field(holder, half, after);
        let (holder, half) = match after {
            0 => (map, self.classes.places.map_tail),
            after => (self.heap.memory().index(after), self.classes.places.entry_before),
        };
        self.heap.store_field(holder, half, before);
        let size = self.map_size(map) - 1;
        self.heap.memory_mut().set_half(map * 2 + self.classes.places.map_size, size);
        self.count_modification(map * 2 + self.classes.places.map_mod_count);
        let narrow = self.heap.memory().narrow(entry);
        self.cursors.forget(narrow);
        if O::WATCHES {
            let number = self.entry_number(entry);
            if key_kind == Kind::Reference {
                let key = self.heap.reference(entry, self.classes.places.entry_key);
                self.tell_stored_inside(map, number * 2, key, 0);
            }
            if value_kind == Kind::Reference {
                let value = self.heap.reference(entry, self.classes.places.entry_value);
                self.tell_stored_inside(map, number * 2 + 1, value, 0);
            }
            self.tell_map_resized(map);
        }
        Ok(true)
    }

    /// The first key whose entry has at least this number.
    pub(super) fn next_key_from(&mut self, dst: Slot, map_slot: Slot, position: i64) -> Outcome<Option<i64>> {
        let (mut map, key_kind, _) = self.map_target(map_slot, "java.util.Map.keySet()")?;
        if position == 0 && rule(Rule::LoopsHaveIterators) {
            self.begin_loop(dst, map_slot)?;
            map = self.object_in(map_slot);
        }
        let map_reference = self.heap.memory().narrow(map);
        let n_collections = self.heap.n_collections();
        let mut entry = match self.cursors.entry(map_reference, position, n_collections) {
            Some(last) => self.follow(self.heap.memory().index(last), self.classes.places.entry_after),
            None => self.follow(map, self.classes.places.map_head),
        };
        while let Some(at) = entry
            && (self.entry_number(at) as i64) < position
        {
            entry = self.follow(at, self.classes.places.entry_after);
        }
        let Some(entry) = entry else { return Ok(None) };
        self.advance_iterator(map_slot, entry);
        let position = self.entry_number(entry) as i64 + 1;
        let entry_reference = self.heap.memory().narrow(entry);
        self.cursors.note(Cursor { map: map_reference, entry: entry_reference, position, n_collections });
        let value = self.unboxed(key_kind, self.heap.reference(entry, self.classes.places.entry_key));
        self.write(dst, value);
        Ok(Some(position))
    }

    /// `keySet().iterator()`: the map keeps the view of its keys, the loop keeps the iterator.
    fn begin_loop(&mut self, dst: Slot, map_slot: Slot) -> Outcome<()> {
        let places = self.classes.places;
        let map = self.object_in(map_slot);
        let mut set = self.heap.reference(map, places.map_key_set);
        self.host.handles[0] = self.heap.memory().narrow(map);
        if set == 0 {
            let object = self.allocate(self.classes.key_set, 0)?;
            set = self.heap.memory().narrow(object);
            self.store_all(object, &[self.host.handles[0]]);
            let map = self.heap.memory().index(self.host.handles[0]);
            self.heap.store_field(map, places.map_key_set, set);
        }
        self.host.handles[0] = set;
        let iterator = self.allocate(self.classes.key_iterator, 0)?;
        self.host.handles[0] = 0;
        let map = self.object_in(map_slot);
        let (own, head) = (self.heap.memory().narrow(map), self.heap.reference(map, places.map_head));
        self.store_all(iterator, &[head, 0, own, own]);
        let iterator = self.heap.memory().narrow(iterator);
        self.host.keep_iterator(map_slot, dst, iterator);
        Ok(())
    }

    /// `nextNode`: the iterator has gone to an entry.
    fn advance_iterator(&mut self, map_slot: Slot, entry: usize) {
        let iterator = self.host.iterator(map_slot);
        if iterator != 0 {
            let iterator = self.heap.memory().index(iterator);
            let next = self.heap.reference(entry, self.classes.places.entry_after);
            let entry = self.heap.memory().narrow(entry);
            self.store_all(iterator, &[next, entry]);
        }
    }

    /// Stores the first references of an object, by increasing offset; those that it does not have are left out.
    fn store_all(&mut self, object: usize, references: &[Narrow]) {
        let klass = self.heap.klass_of(object);
        let halves: Vec<usize> = self.heap.klasses().reference_halves(klass).collect();
        for (half, &reference) in halves.into_iter().zip(references) {
            self.heap.store_field(object, half, reference);
        }
    }
}
