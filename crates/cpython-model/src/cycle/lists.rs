//! The collector's lists: doubly linked through the objects themselves.
//!
//! Mirrors `gc_list_append`, `gc_list_move`, `gc_list_merge`. The order of a list decides in which order finalizers
//! and callbacks run, so it is part of what is modelled.

use memory_trait::{Allocator, ObjectKey, Observer};
use slotmap::{Key, SlotMap};

use super::N_GENERATIONS;
use crate::object::heap::Heap;
use crate::object::{Body, Object};

/// Lists that a collector has: generations, the permanent generation, and what a collection works with.
pub(crate) const N_LISTS: usize = N_GENERATIONS + 5;

/// A list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListId {
    /// A generation, 0 the youngest.
    Generation(usize),
    /// What is never looked at: immortal objects, and what `gc.freeze()` put there.
    Permanent,
    /// Found unreachable.
    Unreachable,
    /// Unreachable and seen by the finalizers.
    Seen,
    /// Weak references whose callback is to be called.
    Callbacks,
    /// Still unreachable after the finalizers.
    StillUnreachable,
}

impl ListId {
    #[inline]
    fn index(self) -> usize {
        match self {
            ListId::Generation(generation) => generation,
            ListId::Permanent => N_GENERATIONS,
            ListId::Unreachable => N_GENERATIONS + 1,
            ListId::Seen => N_GENERATIONS + 2,
            ListId::Callbacks => N_GENERATIONS + 3,
            ListId::StillUnreachable => N_GENERATIONS + 4,
        }
    }
}

/// The head of an empty list.
pub(super) fn new_head(objects: &mut SlotMap<ObjectKey, Object>) -> ObjectKey {
    let head = objects.insert(Object::new(Body::Sentinel, memory_trait::Address::NULL, false));
    let object = &mut objects[head];
    (object.prev, object.next) = (head, head);
    head
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// The head of a list.
    #[inline]
    pub(crate) fn head(&self, list: ListId) -> ObjectKey {
        self.gc.heads[list.index()]
    }

    /// The first object of a list.
    #[inline]
    pub(crate) fn first_of(&self, list: ListId) -> Option<ObjectKey> {
        let head = self.head(list);
        let first = self.objects[head].next;
        (first != head).then_some(first)
    }

    /// Appends an object that is in no list.
    #[inline]
    pub(crate) fn append_to(&mut self, list: ListId, key: ObjectKey) {
        let head = self.head(list);
        let before = std::mem::replace(&mut self.objects[head].prev, key);
        self.objects[before].next = key;
        let object = &mut self.objects[key];
        debug_assert!(!object.is_tracked(), "an object is in one list at most");
        (object.prev, object.next) = (before, head);
    }

    /// Takes an object out of its list.
    #[inline]
    pub(crate) fn unlink(&mut self, key: ObjectKey) {
        let object = &mut self.objects[key];
        let (prev, next) = (object.prev, object.next);
        (object.prev, object.next) = (ObjectKey::null(), ObjectKey::null());
        object.is_collecting = false;
        object.is_unreachable = false;
        self.objects[prev].next = next;
        self.objects[next].prev = prev;
    }

    /// Moves an object to the end of a list. The collector's marks stay.
    #[inline]
    pub(crate) fn move_to(&mut self, list: ListId, key: ObjectKey) {
        let object = &self.objects[key];
        let marks = (object.is_collecting, object.is_unreachable);
        self.unlink(key);
        self.append_to(list, key);
        let object = &mut self.objects[key];
        (object.is_collecting, object.is_unreachable) = marks;
    }

    /// Appends a whole list to another; it is empty then.
    pub(crate) fn merge(&mut self, from: ListId, to: ListId) {
        let (from_head, to_head) = (self.head(from), self.head(to));
        let (first, last) = (self.objects[from_head].next, self.objects[from_head].prev);
        if first == from_head || from_head == to_head {
            return;
        }
        let to_last = std::mem::replace(&mut self.objects[to_head].prev, last);
        self.objects[to_last].next = first;
        self.objects[first].prev = to_last;
        self.objects[last].next = to_head;
        let head = &mut self.objects[from_head];
        (head.prev, head.next) = (from_head, from_head);
    }

    /// The objects of a list, in order.
    pub(crate) fn iter_list(&self, list: ListId) -> impl Iterator<Item = ObjectKey> + '_ {
        let head = self.head(list);
        let mut at = self.objects[head].next;
        std::iter::from_fn(move || {
            let key = (at != head).then_some(at)?;
            at = self.objects[key].next;
            Some(key)
        })
    }

    /// Objects in a list.
    pub(crate) fn list_len(&self, list: ListId) -> u64 {
        self.iter_list(list).count() as u64
    }
}
