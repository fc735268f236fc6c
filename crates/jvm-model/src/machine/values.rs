//! Values in slots, and numbers in boxes.

use memory_trait::{Kind, Observer, Outcome, Place, Slot};

use super::Jvm;
use crate::heap::klass::KlassId;
use crate::heap::memory::Narrow;
use crate::rules::{Rule, rule};

/// `Long.valueOf` answers one of its cached objects from here ...
pub(super) const LONG_CACHE_LOW: i64 = -128;
/// ... to here.
pub(super) const LONG_CACHE_HIGH: i64 = 127;

impl<O: Observer> Jvm<O> {
    /// Writes a slot of the current frame, of whatever kind.
    #[inline]
    pub(super) fn write(&mut self, slot: Slot, value: u64) {
        let old = self.host.replace(slot, value, true);
        if O::WATCHES && self.host.kind(slot) == Kind::Reference {
            let (old, new) = (self.id(old), self.id(value));
            self.host.tell_stored(Place::Slot, old, new);
        }
    }

    /// Writes a reference to the object at a word.
    #[inline]
    pub(super) fn write_object(&mut self, slot: Slot, object: usize) {
        let reference = self.heap.memory().narrow(object);
        self.write(slot, reference);
    }

    /// Makes a slot unset.
    #[inline]
    pub(super) fn unset(&mut self, slot: Slot) {
        let old = self.host.replace(slot, 0, false);
        if O::WATCHES && old != 0 {
            let old = self.id(old);
            self.host.tell_stored(Place::Slot, old, None);
        }
    }

    /// A value as a container keeps it: a reference to itself, or to its box. May allocate.
    pub(super) fn boxed(&mut self, kind: Kind, value: u64) -> Outcome<Narrow> {
        match kind {
            Kind::Reference => Ok(value),
            Kind::Bool => self.boolean(value != 0),
            Kind::Float => self.new_box(self.classes.double_box, value),
            Kind::Int
                if (LONG_CACHE_LOW..=LONG_CACHE_HIGH).contains(&(value as i64))
                    && rule(Rule::SmallNumbersAreCached) =>
            {
                self.cached_long(value as i64)
            }
            Kind::Int => self.new_box(self.classes.long_box, value),
        }
    }

    fn new_box(&mut self, klass: KlassId, value: u64) -> Outcome<Narrow> {
        let object = self.allocate(klass, 0)?;
        self.heap.memory_mut().set_word(object + self.classes.places.box_word, value);
        Ok(self.heap.memory().narrow(object))
    }

    /// What a container keeps, as a value.
    #[inline]
    pub(super) fn unboxed(&self, kind: Kind, reference: Narrow) -> u64 {
        let memory = self.heap.memory();
        match kind {
            Kind::Reference => reference,
            Kind::Bool => u64::from(memory.byte(memory.index(reference) * 8 + self.classes.places.boolean_byte)),
            Kind::Int | Kind::Float => memory.word(memory.index(reference) + self.classes.places.box_word),
        }
    }
}
