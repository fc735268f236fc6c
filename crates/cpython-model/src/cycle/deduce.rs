//! Which objects of a generation cannot be reached from outside it.
//!
//! Mirrors `deduce_unreachable`: every object's count is copied, references from within the generation are subtracted,
//! and what is left above zero is held from outside; from there on everything that can be reached is moved back. The
//! order in which objects move between the lists is the runtime's.

use memory_trait::{Allocator, ObjectKey, Observer};

use super::lists::ListId;
use crate::Version;
use crate::object::heap::{Class, Heap};
use crate::object::table::{Place, Table, place_of};
use crate::object::{Body, IMMORTAL, Instance, Mark};

/// The references of an object in the order of its `tp_traverse`: lists and tuples from the last, dictionaries by
/// entry (keys are never collected here), slots by attribute name. A weak reference's callback is no object.
fn traverse(body: &Body, classes: &[Class], mut visit: impl FnMut(ObjectKey)) {
    match body {
        Body::List(list) => list.items.iter().rev().copied().for_each(visit),
        Body::Tuple(items) => items.iter().rev().copied().for_each(visit),
        Body::Iterator(over) => visit(*over),
        Body::Dict(dict) => {
            for entry in dict.entries() {
                if entry.key.is_some() {
                    visit(entry.value);
                }
            }
        }
        Body::LargeInstance(instance) => {
            for &slot in &classes[instance.class as usize].slot_order {
                if let Some(value) = instance.fields[slot as usize] {
                    visit(value);
                }
            }
        }
        _ => {}
    }
}

/// Visits the references of the object in a place, in order, with the table to change.
#[inline]
fn visit_references(
    objects: &mut Table,
    classes: &[Class],
    place: Place,
    mut visit: impl FnMut(&mut Table, ObjectKey),
) {
    if let Body::Instance(Instance { class, fields }) = objects.at(place).body {
        for &slot in &classes[class as usize].slot_order {
            if let Some(value) = fields[slot as usize] {
                visit(objects, value);
            }
        }
        return;
    }
    // The body is borrowed for the time being: nobody looks at it meanwhile.
    let body = std::mem::take(&mut objects.at_mut(place).body);
    traverse(&body, classes, |child| visit(objects, child));
    objects.at_mut(place).body = body;
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
        let has_immortals = self.version >= Version::V3_12;
        let mut n_visited = 0;
        let mut place = self.objects.at(base.head()).next;
        while place != base.head() {
            n_visited += 1;
            let object = self.objects.at_mut(place);
            let next = object.next;
            if has_immortals && object.refcount == IMMORTAL {
                self.objects.move_to(ListId::Permanent, place);
            } else {
                object.gc_refs = object.refcount;
                object.mark = Mark::Collecting;
            }
            place = next;
        }
        n_visited
    }

    fn subtract_refs(&mut self, base: ListId) {
        let mut place = self.objects.at(base.head()).next;
        while place != base.head() {
            visit_references(&mut self.objects, &self.classes, place, |objects, child| {
                let child = &mut objects[child];
                if child.is_collecting() {
                    debug_assert!(child.gc_refs > 0, "more references to a {} than its count", child.type_name());
                    child.gc_refs -= 1;
                }
            });
            place = self.objects.at(place).next;
        }
    }

    fn move_unreachable(&mut self, base: ListId, unreachable: ListId) {
        let mut place = self.objects.at(base.head()).next;
        while place != base.head() {
            let object = self.objects.at_mut(place);
            if object.gc_refs > 0 {
                self.visit_reachable(place, base);
                let object = self.objects.at_mut(place);
                object.mark = Mark::None;
                place = object.next;
            } else {
                let next = object.next;
                object.mark = Mark::Unreachable;
                self.objects.move_to(unreachable, place);
                place = next;
            }
        }
        let mut place = self.objects.at(unreachable.head()).next;
        while place != unreachable.head() {
            let object = self.objects.at_mut(place);
            object.mark = Mark::Collecting;
            place = object.next;
        }
    }

    /// What a reachable object refers to is reachable: objects not yet looked at stay, suspects come back.
    #[inline]
    fn visit_reachable(&mut self, place: Place, base: ListId) {
        visit_references(&mut self.objects, &self.classes, place, |objects, child_key| {
            let child = &mut objects[child_key];
            match child.mark {
                Mark::None => {}
                Mark::Collecting => {
                    if child.gc_refs == 0 {
                        child.gc_refs = 1;
                    }
                }
                Mark::Unreachable => {
                    child.mark = Mark::Collecting;
                    child.gc_refs = 1;
                    objects.move_to(base, place_of(child_key));
                }
            }
        });
    }
}
