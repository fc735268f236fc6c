//! `dict`.
//!
//! Mirrors `dictobject.c` for dictionaries that are not split: the shared empty table, growth on insertion, tables of
//! `str` keys and of any keys, lazy tracking by the collector. Keys are `int` and `str`.

use memory_trait::{Address, Allocator, ObjectKey, Observer, Outcome};

use super::Body;
use super::account::Split;
use super::dict::{self, Dict, Entry, Found};
use super::heap::{Heap, gc_block};
use crate::layout::dict::{LOG2_SLOTS_MIN, log2_slots_grown, usable_entries};
use crate::layout::{self, DICT_BYTES, FreeList, GC_HEADER_BYTES};
use crate::rules::{Rule, rule};

/// A key and a value in an entry. Unit: bytes.
const ENTRY_PAYLOAD_BYTES: u64 = 16;

/// The hash in an entry of a table that has other keys than `str`. Unit: bytes.
const ENTRY_HASH_BYTES: u64 = 8;

/// What a write to a map did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// The value that was there, with its reference.
    pub(crate) old: Option<ObjectKey>,
    /// The key's place in the order of all insertions.
    pub(crate) ordinal: u32,
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// `PyDict_New()`: an empty dictionary, which the collector does not track, and its split.
    pub(crate) fn dict(&mut self) -> Outcome<(ObjectKey, Split)> {
        let block = match self.free_lists.dicts.pop() {
            Some(block) => block,
            None => self.gc_malloc(DICT_BYTES)?,
        };
        let split = Split::object(DICT_BYTES, 0, self.block_bytes(block, DICT_BYTES));
        self.account.take(split);
        let dict = self.spares.dict();
        Ok((self.insert(Body::Dict(dict), block.offset(GC_HEADER_BYTES)), split))
    }

    /// Where a key is, if it is there.
    pub(crate) fn dict_find(&mut self, map: ObjectKey, key: ObjectKey) -> Option<Found> {
        let hash = self.hash(key);
        self.find(map, key, hash)
    }

    /// The entry.
    pub(crate) fn dict_entry(&self, map: ObjectKey, found: Found) -> &Entry {
        &self.dict_ref(map).entries()[found.entry]
    }

    /// `dict[key] = value`; takes over the caller's reference to `value`, and one of its own to a new key.
    pub(crate) fn dict_set(&mut self, map: ObjectKey, key: ObjectKey, value: ObjectKey) -> Outcome<Written> {
        let hash = self.hash(key);
        if !self.object(map).is_tracked() && self.object(value).may_be_tracked() {
            self.track(map);
        }
        if let Some(found) = self.find(map, key, hash) {
            let ordinal = self.dict_entry(map, found).ordinal;
            let old = self.dict_mut(map).replace(found, value);
            return Ok(Written { old: Some(old), ordinal });
        }
        let is_text = matches!(self.object(key).body, Body::Text(_));
        let dict = self.dict_ref(map);
        let is_unicode = dict.is_unicode && is_text;
        if dict.is_full() || dict.is_unicode != is_unicode {
            let log2_size =
                if dict.log2_size == 0 { LOG2_SLOTS_MIN } else { log2_slots_grown(dict.len() as u64, self.version) };
            self.dict_rebuild(map, log2_size, is_unicode)?;
        }
        self.incref(key);
        let ordinal = self.dict_mut(map).insert(key, value, hash);
        let sums = &mut self.account.sums;
        sums.payload += ENTRY_PAYLOAD_BYTES;
        sums.rounding -= entry_bytes(is_unicode);
        sums.header += entry_bytes(is_unicode) - ENTRY_PAYLOAD_BYTES;
        Ok(Written { old: None, ordinal })
    }

    /// `del dict[key]`: the entry, with the references to its key and value.
    pub(crate) fn dict_remove(&mut self, map: ObjectKey, found: Found) -> Entry {
        let dict = self.dict_mut(map);
        let is_unicode = dict.is_unicode;
        let entry = dict.remove(found);
        let sums = &mut self.account.sums;
        sums.payload -= ENTRY_PAYLOAD_BYTES;
        sums.rounding += entry_bytes(is_unicode);
        sums.header -= entry_bytes(is_unicode) - ENTRY_PAYLOAD_BYTES;
        entry
    }

    /// Takes the contents out of a dictionary, which is empty then.
    #[expect(clippy::unnecessary_box_returns, reason = "the box moves from owner to owner")]
    pub(crate) fn dict_take(&mut self, map: ObjectKey) -> Box<Dict> {
        let empty = self.spares.dict();
        let dict = std::mem::replace(self.dict_box(map), empty);
        if !dict.block.is_null() {
            let split = self.table_split(&dict);
            self.account.give(split);
        }
        dict
    }

    /// Gives back the table of contents that were taken out, after what was in them.
    pub(crate) fn free_dict_table(&mut self, dict: Box<Dict>) {
        if !dict.block.is_null() {
            self.free_table(dict.block, dict.log2_size, dict.is_unicode);
        }
        self.spares.give_dict(dict);
    }

    /// Gives back what is left of a dead dictionary: the object itself.
    pub(crate) fn free_dict_object(&mut self, map: ObjectKey) {
        let block = gc_block(self.objects[map].address);
        let Body::Dict(dict) = self.objects.remove(map) else { panic!("what dies is no dict") };
        self.spares.give_dict(dict);
        let split = Split::object(DICT_BYTES, 0, self.block_bytes(block, DICT_BYTES));
        self.account.give(split);
        if !rule(Rule::DeadDictsAreKept) || !self.free_lists.keep(FreeList::Dict, block) {
            self.gc_free(block);
        }
    }

    /// The dictionary.
    #[inline]
    pub(crate) fn dict_ref(&self, map: ObjectKey) -> &Dict {
        match &self.objects[map].body {
            Body::Dict(dict) => dict,
            body => panic!("{body:?} is no dict"),
        }
    }

    fn dict_mut(&mut self, map: ObjectKey) -> &mut Dict {
        self.dict_box(map)
    }

    fn dict_box(&mut self, map: ObjectKey) -> &mut Box<Dict> {
        match &mut self.objects[map].body {
            Body::Dict(dict) => dict,
            body => panic!("{body:?} is no dict"),
        }
    }

    /// `dictresize`: a new table, then the old one is given back.
    fn dict_rebuild(&mut self, map: ObjectKey, log2_size: u32, is_unicode: bool) -> Outcome<()> {
        let is_kept_size = log2_size == LOG2_SLOTS_MIN && is_unicode;
        let kept = if is_kept_size { self.free_lists.dict_keys.pop() } else { None };
        let block = if let Some(block) = kept {
            block
        } else {
            let request = layout::dict_keys_bytes(log2_size, is_unicode, self.version);
            self.malloc(request)?
        };
        let mut dict = std::mem::take(self.dict_mut(map));
        let old = (dict.block, dict.log2_size, dict.is_unicode);
        if !old.0.is_null() {
            let split = self.table_split(&dict);
            self.account.give(split);
        }
        dict.rebuild(log2_size);
        dict.is_unicode = is_unicode;
        dict.block = block;
        let split = self.table_split(&dict);
        self.account.take(split);
        *self.dict_mut(map) = dict;
        if O::WATCHES {
            let block = gc_block(self.objects[map].address);
            let object = Split::object(DICT_BYTES, 0, self.block_bytes(block, DICT_BYTES));
            self.tell_resized(map, object, split);
        }
        if !old.0.is_null() {
            self.free_table(old.0, old.1, old.2);
        }
        Ok(())
    }

    fn free_table(&mut self, block: Address, log2_size: u32, is_unicode: bool) {
        let is_kept_size = log2_size == LOG2_SLOTS_MIN && is_unicode;
        if !is_kept_size || !self.free_lists.keep(FreeList::DictKeys, block) {
            self.free(block);
        }
    }

    fn table_split(&mut self, dict: &Dict) -> Split {
        let request = layout::dict_keys_bytes(dict.log2_size, dict.is_unicode, self.version);
        let block_bytes = self.block_bytes(dict.block, request);
        let n_used = dict.len() as u64;
        let n_unused = usable_entries(dict.log2_size) - n_used;
        let rounding = block_bytes - request + n_unused * entry_bytes(dict.is_unicode);
        let payload = n_used * ENTRY_PAYLOAD_BYTES;
        Split { payload, header: block_bytes - rounding - payload, rounding, boxed: 0 }
    }

    /// The hash of a key; a `str` remembers it.
    fn hash(&mut self, key: ObjectKey) -> u32 {
        match &mut self.objects[key].body {
            Body::Int(value) => dict::hash_int(*value),
            Body::Text(text) => *text.hash.get_or_insert_with(|| dict::hash_text(&text.chars)),
            body => panic!("{body:?} is no key of a map"),
        }
    }

    fn find(&self, map: ObjectKey, key: ObjectKey, hash: u32) -> Option<Found> {
        let body = &self.objects[key].body;
        self.dict_ref(map).find(hash, |candidate| {
            candidate == key
                || match (&self.objects[candidate].body, body) {
                    (Body::Int(a), Body::Int(b)) => a == b,
                    (Body::Text(a), Body::Text(b)) => a.chars == b.chars,
                    _ => false,
                }
        })
    }
}

#[inline]
fn entry_bytes(is_unicode: bool) -> u64 {
    if is_unicode { ENTRY_PAYLOAD_BYTES } else { ENTRY_PAYLOAD_BYTES + ENTRY_HASH_BYTES }
}
