//! The collector's lists: doubly linked through the objects themselves.
//!
//! Mirrors `gc_list_append`, `gc_list_move`, `gc_list_merge`. The order of a list decides in which order finalizers
//! and callbacks run, so it is part of what is modelled. Links are places in the table of objects: what is in a list is
//! alive, and takes itself out before it goes.

use memory_trait::{Address, Allocator, ObjectKey, Observer};

use super::N_GENERATIONS;
use crate::object::heap::Heap;
use crate::object::table::{NOWHERE, Place, Table, place_of};
use crate::object::{Body, Mark};

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

    /// The place of its head. The heads are the first in the table.
    #[inline]
    pub(crate) fn head(self) -> Place {
        NOWHERE + 1 + self.index() as Place
    }
}

/// Makes the heads of the lists in an empty table.
pub(super) fn make_heads(objects: &mut Table) {
    for place in NOWHERE + 1..=N_LISTS as Place {
        let head = objects.insert(Body::Sentinel, Address::NULL);
        assert_eq!(place_of(head), place, "the heads are the first in the table");
        let object = objects.at_mut(place);
        (object.prev, object.next) = (place, place);
    }
}

impl Table {
    /// The first place in a list.
    #[inline]
    pub(crate) fn first_in(&self, list: ListId) -> Option<Place> {
        let first = self.at(list.head()).next;
        (first != list.head()).then_some(first)
    }

    /// Appends an object that is in no list.
    #[inline]
    pub(crate) fn append_to(&mut self, list: ListId, place: Place) {
        debug_assert!(!self.at(place).is_tracked(), "an object is in one list at most");
        let head = list.head();
        let before = std::mem::replace(&mut self.at_mut(head).prev, place);
        self.at_mut(before).next = place;
        let object = self.at_mut(place);
        (object.prev, object.next) = (before, head);
    }

    /// Takes an object out of its list. The collector's mark stays.
    #[inline]
    fn detach(&mut self, place: Place) {
        let object = self.at_mut(place);
        let prev = std::mem::replace(&mut object.prev, NOWHERE);
        let next = std::mem::replace(&mut object.next, NOWHERE);
        self.at_mut(prev).next = next;
        self.at_mut(next).prev = prev;
    }

    /// Takes an object out of its list, and the collector's mark off it.
    #[inline]
    pub(crate) fn unlink(&mut self, place: Place) {
        self.at_mut(place).mark = Mark::None;
        self.detach(place);
    }

    /// Moves an object to the end of a list. The collector's mark stays.
    #[inline]
    pub(crate) fn move_to(&mut self, list: ListId, place: Place) {
        self.detach(place);
        self.append_to(list, place);
    }

    /// Appends a whole list to another; it is empty then.
    pub(crate) fn merge(&mut self, from: ListId, to: ListId) {
        let (from, to) = (from.head(), to.head());
        let (first, last) = (self.at(from).next, self.at(from).prev);
        if first == from || from == to {
            return;
        }
        let to_last = std::mem::replace(&mut self.at_mut(to).prev, last);
        self.at_mut(to_last).next = first;
        self.at_mut(first).prev = to_last;
        self.at_mut(last).next = to;
        let head = self.at_mut(from);
        (head.prev, head.next) = (from, from);
    }

    /// The places in a list, in order.
    pub(crate) fn in_list(&self, list: ListId) -> impl Iterator<Item = Place> + '_ {
        let head = list.head();
        let mut at = self.at(head).next;
        std::iter::from_fn(move || {
            let place = (at != head).then_some(at)?;
            at = self.at(place).next;
            Some(place)
        })
    }
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// The first object of a list.
    #[inline]
    pub(crate) fn first_of(&self, list: ListId) -> Option<ObjectKey> {
        self.objects.first_in(list).map(|place| self.objects.key_at(place))
    }

    /// Moves an object to the end of a list. The collector's mark stays.
    #[inline]
    pub(crate) fn move_to(&mut self, list: ListId, key: ObjectKey) {
        self.objects.move_to(list, place_of(key));
    }

    /// Objects in a list.
    pub(crate) fn list_len(&self, list: ListId) -> u64 {
        self.objects.in_list(list).count() as u64
    }
}
