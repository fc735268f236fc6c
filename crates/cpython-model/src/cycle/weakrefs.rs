//! Weak references to garbage: cleared before anything else, so that nobody can reach it any more.
//!
//! Mirrors `gcmodule.c:handle_weakrefs`.

use memory_trait::{Allocator, ObjectKey, Observer};

use super::lists::ListId;
use crate::object::Body;
use crate::object::heap::Heap;
use crate::rules::{Rule, rule};

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// Clears all weak references in and to what is unreachable. Those with a callback that are not garbage themselves
    /// are kept in [`ListId::Callbacks`], with a reference each.
    pub(super) fn clear_weakrefs_of_garbage(&mut self) {
        let head = ListId::Unreachable.head();
        let mut place = self.objects.at(head).next;
        while place != head {
            let object = self.objects.at(place);
            let next = object.next;
            if matches!(object.body, Body::Weak(_)) {
                self.clear_weak(self.objects.key_at(place));
            } else if object.has_weakrefs {
                self.clear_weakrefs_to_garbage(self.objects.key_at(place));
            }
            place = next;
        }
    }

    fn clear_weakrefs_to_garbage(&mut self, key: ObjectKey) {
        while let Some(weak) = self.newest_weakref(key) {
            self.clear_weak(weak);
            if self.weak_ref(weak).callback.is_some()
                && !(self.objects[weak].is_collecting() && rule(Rule::CallbacksOfGarbageAreSkipped))
            {
                self.incref(weak);
                self.move_to(ListId::Callbacks, weak);
            }
        }
    }

    /// The next callback to call: its weak reference and number.
    pub(super) fn next_callback(&mut self) -> Option<(ObjectKey, u64)> {
        let weak = self.first_of(ListId::Callbacks)?;
        let callback = self.weak_ref(weak).callback;
        Some((weak, callback.expect("only references with a callback are listed")))
    }
}
