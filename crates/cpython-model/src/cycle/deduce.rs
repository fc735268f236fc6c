//! Which objects of a generation cannot be reached from outside it.
//!
//! Mirrors `deduce_unreachable`: every object's count is copied, references from within the generation are subtracted,
//! and what is left above zero is held from outside; from there on everything that can be reached is moved back. The
//! order in which objects move between the lists is the runtime's.

use memory_trait::{Allocator, ObjectKey, Observer};

use super::lists::ListId;
use crate::Version;
use crate::object::heap::{Class, Heap};
use crate::object::{Body, Fields, IMMORTAL};

/// The references of an object in the order of its `tp_traverse`: lists and tuples from the last, dictionaries by
/// entry (keys are never collected here), slots by attribute name. A weak reference's callback is no object.
pub(crate) fn traverse(body: &Body, classes: &[Class], mut visit: impl FnMut(ObjectKey)) {
    match body {
        Body::List(list) => list.items.iter().rev().copied().for_each(visit),
        Body::Tuple(items) => items.iter().rev().copied().for_each(visit),
        Body::Dict(dict) => {
            for entry in dict.entries() {
                if entry.key.is_some() {
                    visit(entry.value);
                }
            }
        }
        Body::Instance(instance) => {
            let fields: &[Option<ObjectKey>] = match &instance.fields {
                Fields::Inline(fields) => fields,
                Fields::Many(fields) => fields,
            };
            for &slot in &classes[instance.class as usize].slot_order {
                if let Some(value) = fields[slot as usize] {
                    visit(value);
                }
            }
        }
        _ => {}
    }
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// Moves what cannot be reached from outside `base` to `unreachable`, which is empty before. Both keep their order
    /// but for what was suspected wrongly: that goes to the end of `base`. Answers how many objects were looked at.
    pub(super) fn deduce_unreachable(&mut self, base: ListId, unreachable: ListId) -> u64 {
        let n_visited = self.update_refs(base);
        self.subtract_refs(base);
        self.move_unreachable(base, unreachable);
        n_visited
    }

    fn update_refs(&mut self, base: ListId) -> u64 {
        let head = self.head(base);
        let has_immortals = self.version >= Version::V3_12;
        let mut n_visited = 0;
        let mut key = self.objects[head].next;
        while key != head {
            n_visited += 1;
            let object = &mut self.objects[key];
            let next = object.next;
            if has_immortals && object.refcount == IMMORTAL {
                self.move_to(ListId::Permanent, key);
            } else {
                object.gc_refs = object.refcount;
                object.is_collecting = true;
            }
            key = next;
        }
        n_visited
    }

    fn subtract_refs(&mut self, base: ListId) {
        let head = self.head(base);
        let mut key = self.objects[head].next;
        while key != head {
            let body = std::mem::take(&mut self.objects[key].body);
            let objects = &mut self.objects;
            traverse(&body, &self.classes, |child| {
                let child = &mut objects[child];
                if child.is_collecting {
                    debug_assert!(child.gc_refs > 0, "more references to a {} than its count", child.type_name());
                    child.gc_refs -= 1;
                }
            });
            let object = &mut self.objects[key];
            object.body = body;
            key = object.next;
        }
    }

    fn move_unreachable(&mut self, base: ListId, unreachable: ListId) {
        let head = self.head(base);
        let mut key = self.objects[head].next;
        while key != head {
            if self.objects[key].gc_refs > 0 {
                self.visit_reachable(key, base);
                let object = &mut self.objects[key];
                object.is_collecting = false;
                key = object.next;
            } else {
                let next = self.objects[key].next;
                self.move_to(unreachable, key);
                self.objects[key].is_unreachable = true;
                key = next;
            }
        }
        let head = self.head(unreachable);
        let mut key = self.objects[head].next;
        while key != head {
            let object = &mut self.objects[key];
            object.is_unreachable = false;
            key = object.next;
        }
    }

    /// What a reachable object refers to is reachable: objects not yet looked at stay, suspects come back.
    fn visit_reachable(&mut self, key: ObjectKey, base: ListId) {
        let body = std::mem::take(&mut self.objects[key].body);
        let mut rescued = std::mem::take(&mut self.gc.scratch);
        let objects = &mut self.objects;
        traverse(&body, &self.classes, |child_key| {
            let child = &mut objects[child_key];
            if !child.is_collecting {
                return;
            }
            if child.is_unreachable {
                child.is_unreachable = false;
                child.gc_refs = 1;
                rescued.push(child_key);
            } else if child.gc_refs == 0 {
                child.gc_refs = 1;
            }
        });
        self.objects[key].body = body;
        for &child in &rescued {
            self.move_to(base, child);
        }
        rescued.clear();
        self.gc.scratch = rescued;
    }
}
