//! Maps are `dict`.

use memory_trait::{Allocator, Label, Observer, Outcome, Slot};

use super::CPython;
use super::placing::Made;

impl<O: Observer, A: Allocator> CPython<O, A> {
    pub(super) fn make_map(&mut self, dst: Slot) -> Outcome<()> {
        let naming = self.heap.journal.name(Label::Map);
        let (key, split) = self.heap.dict()?;
        self.heap.christen(key, naming, split);
        self.place_new(dst, key, [None; 2], Made::ByInstruction)
    }

    pub(super) fn map_get(&mut self, dst: Slot, map: Slot, key: Slot) -> Outcome<bool> {
        let map = self.read_object(map, "TypeError: 'NoneType' object is not subscriptable")?;
        let key = self.read(key)?;
        self.heap.used(map);
        self.heap.used(key);
        let Some(found) = self.heap.dict_find(map, key) else { return Ok(false) };
        let value = self.heap.dict_entry(map, found).value;
        self.heap.incref(value);
        self.write(dst, value);
        Ok(true)
    }

    pub(super) fn map_put(&mut self, map: Slot, key: Slot, value: Slot) -> Outcome<()> {
        let map = self.read_object(map, "TypeError: 'NoneType' object does not support item assignment")?;
        let (key, value) = (self.read(key)?, self.read(value)?);
        self.heap.used(map);
        self.heap.used(key);
        self.heap.incref(value);
        let written = self.heap.dict_set(map, key, value)?;
        let place = u64::from(written.ordinal) * 2;
        if written.old.is_none() {
            self.tell_stored_in(map, place, None, Some(key));
        }
        self.tell_stored_in(map, place + 1, written.old, Some(value));
        if let Some(old) = written.old {
            self.heap.drop_reference(old);
        }
        Ok(())
    }

    pub(super) fn map_remove(&mut self, map: Slot, key: Slot) -> Outcome<bool> {
        let map = self.read_object(map, "TypeError: 'NoneType' object does not support item deletion")?;
        let key = self.read(key)?;
        self.heap.used(map);
        self.heap.used(key);
        let Some(found) = self.heap.dict_find(map, key) else { return Ok(false) };
        let entry = self.heap.dict_remove(map, found);
        let place = u64::from(entry.ordinal) * 2;
        self.tell_stored_in(map, place, entry.key, None);
        self.tell_stored_in(map, place + 1, Some(entry.value), None);
        if let Some(key) = entry.key {
            self.heap.drop_reference(key);
        }
        self.heap.drop_reference(entry.value);
        self.check_after_call()?;
        Ok(true)
    }

    pub(super) fn map_next_key(&mut self, dst: Slot, map: Slot, position: i64) -> Outcome<Option<i64>> {
        let map = self.read_object(map, "TypeError: 'NoneType' object is not iterable")?;
        let map = self.heap.iterated(map);
        self.heap.used(map);
        let entries = self.heap.dict_ref(map).entries();
        let mut at = usize::try_from(position).unwrap_or_else(|_| panic!("position {position} of a map"));
        while let Some(entry) = entries.get(at) {
            at += 1;
            if let Some(key) = entry.key {
                self.heap.incref(key);
                self.write(dst, key);
                return Ok(Some(at as i64));
            }
        }
        Ok(None)
    }
}
