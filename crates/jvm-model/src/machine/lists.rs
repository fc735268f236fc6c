//! Growable lists: `java.util.ArrayList`.
//!
//! An object of 24 bytes and an `Object[]` that grows by half, from 10 on the first add. Numbers are in boxes.

use memory_trait::{FaultKind, Kind, Label, Observer, Outcome, Slot};

use super::Jvm;
use super::classes::Meaning;
use super::faults::describe_call;
use crate::rules::{Rule, rule};

/// `ArrayList.DEFAULT_CAPACITY`: elements that the first add makes room for.
const DEFAULT_CAPACITY: u32 = 10;

impl<O: Observer> Jvm<O> {
    pub(super) fn create_list(&mut self, dst: Slot, element: Kind) -> Outcome<()> {
        let naming = self.host.journal.name(Label::List);
        let list = self.allocate_named(self.classes.list(element), 0, naming)?;
        let empty = self.empty_capacity()?;
        self.heap.store_field(list, self.classes.places.list_data, empty);
        self.tell_born(list, naming, 0, 0);
        self.write_object(dst, list);
        Ok(())
    }

    #[inline]
    pub(super) fn list_size(&self, list: usize) -> u32 {
        self.heap.memory().half(list * 2 + self.classes.places.list_size)
    }

    /// The list's `elementData`.
    #[inline]
    fn list_data(&self, list: usize) -> usize {
        self.heap.memory().index(self.heap.reference(list, self.classes.places.list_data))
    }

    fn set_list_size(&mut self, list: usize, size: u32) {
        let change = i64::from(size) - i64::from(self.list_size(list));
        self.heap.count_list_elements(list, change);
        self.heap.memory_mut().set_half(list * 2 + self.classes.places.list_size, size);
        self.count_modification(list * 2 + self.classes.places.list_mod_count);
    }

    /// `modCount++`.
    pub(super) fn count_modification(&mut self, half: usize) {
        let count = self.heap.memory().half(half).wrapping_add(1);
        self.heap.memory_mut().set_half(half, count);
    }

    #[inline]
    pub(super) fn list_element(&mut self, list: usize, kind: Kind, index: i64) -> Outcome<u64> {
        let index = self.list_index(list, index)?;
        let reference = self.heap.element(self.list_data(list), index);
        Ok(self.unboxed(kind, reference))
    }

    fn list_index(&mut self, list: usize, index: i64) -> Outcome<usize> {
        let size = self.list_size(list);
        self.checked_index(list, index, size, "java.lang.IndexOutOfBoundsException")
    }

    /// `set(index, value)`. The box is made first, as the argument is evaluated.
    pub(super) fn set_list_element(&mut self, list: Slot, kind: Kind, index: i64, value: u64) -> Outcome<()> {
        let reference = self.boxed(kind, value)?;
        let list = self.object_in(list);
        let index = self.list_index(list, index)?;
        let data = self.list_data(list);
        let old = self.heap.element(data, index);
        self.heap.store_element(data, index, reference);
        if kind == Kind::Reference {
            self.tell_stored_inside(list, index as u64, old, reference);
        }
        Ok(())
    }

    /// The object that a slot refers to, which is known not to be null: after an allocation it may be elsewhere.
    #[inline]
    pub(super) fn object_in(&mut self, slot: Slot) -> usize {
        let reference = self.host.value(slot).expect("a slot that was read before");
        self.heap.memory().index(reference)
    }

    /// `add(value)`.
    pub(super) fn add_to_list(&mut self, list_slot: Slot, src: Slot) -> Outcome<()> {
        let value = self.host.value(src)?;
        let list = self.target(list_slot, |_| describe_call("java.util.ArrayList.add(Object)"))?;
        let Meaning::List(kind) = self.meaning(list) else { panic!("a push to no list") };
        let mut reference = self.boxed(kind, value)?;
        let mut list = self.object_in(list_slot);
        let size = self.list_size(list);
        if size == self.heap.length(self.list_data(list)) {
            // `Arrays.copyOf` has the old elements, `grow` and `add` have the list and the new one.
            let (own, old) =
                (self.heap.memory().narrow(list), self.heap.reference(list, self.classes.places.list_data));
            self.host.handles[..3].copy_from_slice(&[old, own, reference]);
            self.grow_list(list_slot, size)?;
            reference = std::mem::take(&mut self.host.handles)[2];
            list = self.object_in(list_slot);
        }
        let data = self.list_data(list);
        self.heap.store_element(data, size as usize, reference);
        self.set_list_size(list, size + 1);
        if kind == Kind::Reference {
            self.tell_stored_inside(list, u64::from(size), 0, reference);
        }
        Ok(())
    }

    /// `ArrayList.grow`: half as much again, at least 10; `Arrays.copyOf` into it.
    fn grow_list(&mut self, list_slot: Slot, size: u32) -> Outcome<()> {
        let capacity = if size == 0 {
            DEFAULT_CAPACITY
        } else {
            size + (if rule(Rule::ListsGrowByHalf) { size / 2 } else { size }).max(1)
        };
        let data = self.allocate(self.classes.capacity, capacity)?;
        let list = self.object_in(list_slot);
        let old = self.list_data(list);
        self.heap.copy_elements(old, data, size as usize);
        let reference = self.heap.memory().narrow(data);
        self.heap.store_field(list, self.classes.places.list_data, reference);
        if O::WATCHES {
            let payload_bytes = u64::from(size) * self.reference_bytes();
            let total_bytes = (self.heap.size_words(list) + self.heap.size_words(data)) as u64 * 8;
            self.tell_resized(list, payload_bytes, total_bytes);
        }
        Ok(())
    }

    /// `remove(size() - 1)`.
    pub(super) fn remove_last(&mut self, dst: Slot, list_slot: Slot) -> Outcome<()> {
        let list = self.target(list_slot, |_| describe_call("java.util.ArrayList.remove(int)"))?;
        let Meaning::List(kind) = self.meaning(list) else { panic!("a pop from no list") };
        let Some(index) = self.list_size(list).checked_sub(1) else {
            let name = self.name_of(list);
            let message = "java.lang.IndexOutOfBoundsException: Index -1 out of bounds for length 0";
            return self.host.fatal(FaultKind::Missing, name, message);
        };
        let data = self.list_data(list);
        let reference = self.heap.element(data, index as usize);
        let value = self.unboxed(kind, reference);
        self.write(dst, value);
        self.heap.store_element(data, index as usize, 0);
        self.set_list_size(list, index);
        if kind == Kind::Reference {
            self.tell_stored_inside(list, u64::from(index), reference, 0);
        }
        Ok(())
    }
}
