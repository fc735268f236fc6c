//! What goes over a container or a range: the iterators of `for`.
//!
//! Mirrors `listobject.c:list_iter`, `dictobject.c:dictiter_new` and `rangeobject.c:fast_range_iter`.

use memory_trait::{Allocator, ObjectKey, Observer, Outcome};

use super::Body;
use super::account::Split;
use super::heap::{Heap, gc_block};
use crate::Version;
use crate::layout::GC_HEADER_BYTES;

/// What an iterator over a list asks for, the collector's links included. Source: `_PyListIterObject`. Unit: bytes.
const LIST_ITERATOR_BYTES: u64 = 48;
/// The same over the keys of a dict. Source: `dictiterobject`. Unit: bytes.
const DICT_ITERATOR_BYTES: u64 = 72;
/// What a `range` asks for. Source: `rangeobject`. Unit: bytes.
const RANGE_BYTES: u64 = 48;

/// What an iterator over a range asks for; 3.12 has no index in it. Source: `_PyRangeIterObject`. Unit: bytes.
const fn range_iterator_bytes(version: Version) -> u64 {
    if version as u8 >= Version::V3_12 as u8 { 40 } else { 48 }
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// An iterator over a list or dict, to which it takes over a reference. Not tracked yet.
    pub(crate) fn iterator(&mut self, over: ObjectKey) -> Outcome<ObjectKey> {
        let request = self.iterator_bytes(over);
        let block = self.gc_malloc(request)?;
        let split = Split::object(request, 0, self.block_bytes(block, request));
        self.account.take(split);
        Ok(self.insert(Body::Iterator(over), block.offset(GC_HEADER_BYTES)))
    }

    fn iterator_bytes(&self, over: ObjectKey) -> u64 {
        match self.objects[over].body {
            Body::Dict(_) => DICT_ITERATOR_BYTES,
            _ => LIST_ITERATOR_BYTES,
        }
    }

    /// What an iterator goes over; anything else is itself.
    #[inline]
    pub(crate) fn iterated(&self, key: ObjectKey) -> ObjectKey {
        match self.objects[key].body {
            Body::Iterator(over) => over,
            _ => key,
        }
    }

    /// The first part of the death of an iterator: answers what it goes over, whose reference it gives up. The block
    /// goes when that is dropped.
    pub(crate) fn begin_iterator_death(&mut self, key: ObjectKey) -> (ObjectKey, u64) {
        self.untrack(key);
        let over = self.iterated(key);
        (over, self.iterator_bytes(over))
    }

    /// ... and the last part.
    pub(crate) fn free_iterator(&mut self, key: ObjectKey, request: u64) {
        let block = gc_block(self.objects[key].address);
        self.remove(key);
        let split = Split::object(request, 0, self.block_bytes(block, request));
        self.account.give(split);
        self.gc_free(block);
    }

    /// `range(from, to)` and what goes over it: the range itself is a temporary, which ends the life of bounds that are
    /// (`dying`, in order).
    pub(crate) fn range_iterator(&mut self, from: i64, to: i64, dying: [Option<ObjectKey>; 2]) -> Outcome<ObjectKey> {
        let length = self.range_length(from, to)?;
        let range = self.malloc(RANGE_BYTES)?;
        let request = range_iterator_bytes(self.version);
        let block = self.malloc(request)?;
        let split = Split::object(request, 0, self.block_bytes(block, request));
        self.account.take(split);
        let key = self.insert(Body::Range, block);
        for bound in dying.into_iter().flatten() {
            self.drop_reference(bound);
        }
        self.drop_reference(length);
        self.free(range);
        Ok(key)
    }

    /// Reclaims what went over a range.
    pub(crate) fn free_range_iterator(&mut self, key: ObjectKey) {
        let block = self.objects[key].address;
        self.remove(key);
        let request = range_iterator_bytes(self.version);
        let split = Split::object(request, 0, self.block_bytes(block, request));
        self.account.give(split);
        self.free(block);
    }
}
