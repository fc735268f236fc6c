//! Records are instances of classes with `__slots__`; weak references are `weakref.ref`.

use memory_trait::journal::Naming;
use memory_trait::{Allocator, Event, FaultKind, FieldIndex, Label, ObjectKey, Observer, Outcome, RecordId, Slot};

use super::placing::Made;
use super::{CPython, Pending};
use crate::object::Body;

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// The record whose storage a slot is.
    pub(super) fn record_of_local(&self, slot: Slot) -> RecordId {
        let function = self.stack.frames.last().expect("slots belong to a frame").function;
        let shape = &self.program.functions[function as usize].slots[slot.index()];
        shape.automatic.unwrap_or_else(|| panic!("slot {} is no automatic storage", slot.0))
    }

    #[inline]
    pub(super) fn load_field(&mut self, dst: Slot, object: Slot, field: FieldIndex) -> Outcome<()> {
        let key = self.read(object)?;
        let Some(fields) = self.heap.object(key).body.fields() else { return Err(self.no_attribute(key, field)) };
        let value = fields[field.index()].expect("fields have defaults");
        self.heap.used(key);
        self.heap.incref(value);
        self.write(dst, value);
        Ok(())
    }

    #[inline]
    pub(super) fn store_field(&mut self, object: Slot, field: FieldIndex, src: Slot) -> Outcome<()> {
        let key = self.read(object)?;
        let value = self.read(src)?;
        let Some(fields) = self.heap.objects[key].body.fields_mut() else {
            return Err(self.no_attribute_to_set(key, field));
        };
        let old = fields[field.index()].replace(value);
        self.heap.used(key);
        self.heap.incref(value);
        self.tell_stored_in(key, u64::from(field.0), old, Some(value));
        if let Some(old) = old {
            self.heap.drop_reference(old);
        }
        Ok(())
    }

    /// `weakref.ref(target)`: called with a tuple.
    pub(super) fn make_weak(&mut self, dst: Slot, target: Slot) -> Outcome<()> {
        let target = self.read_object(target, "TypeError: cannot create weak reference to 'NoneType' object")?;
        let object = self.heap.object(target);
        if object.body.class().is_none() {
            let message = format!("TypeError: cannot create weak reference to '{}' object", object.type_name());
            let name = self.object_name(target);
            return Err(self.heap.journal.fatal(FaultKind::InvalidValue, name, &message));
        }
        let naming = self.heap.journal.name(Label::Weak);
        let mut items = self.heap.spares.keys();
        items.push(target);
        self.heap.incref(target);
        let arguments = self.heap.tuple(items)?;
        if self.heap.gc.is_scheduled && self.heap.collects_in_allocation() {
            self.defer(Pending::Weak { dst, arguments, naming });
            self.heap.begin_scheduled();
            return self.settle();
        }
        self.make_weak_of(dst, arguments, naming)
    }

    pub(super) fn make_weak_of(&mut self, dst: Slot, arguments: ObjectKey, naming: Naming) -> Outcome<()> {
        self.heap.track_tuple(arguments);
        let Body::Tuple(items) = &self.heap.object(arguments).body else { unreachable!("a tuple of arguments") };
        let target = items[0];
        let (key, split) = self.heap.weakref(target, None)?;
        if let Some(split) = split {
            self.heap.christen(key, naming, split);
            return self.place_new(dst, key, [Some(arguments), None], Made::ByCall);
        }
        self.heap.christen_existing(key, naming);
        self.heap.drop_reference(arguments);
        self.write(dst, key);
        self.check_after_call()
    }

    pub(super) fn read_weak(&mut self, dst: Slot, weak: Slot) -> Outcome<()> {
        let key = self.read_object(weak, "TypeError: 'NoneType' object is not callable")?;
        self.heap.used(key);
        let value = self.heap.weak_ref(key).target.unwrap_or(self.heap.singletons.none);
        self.heap.incref(value);
        self.write(dst, value);
        self.check_after_call()
    }

    /// An object of the workload takes the place of another in the same memory: the new one is born, the slot holds
    /// it, the old one is gone.
    pub(super) fn rename(
        &mut self,
        key: memory_trait::ObjectKey,
        naming: memory_trait::journal::Naming,
        split: crate::object::account::Split,
    ) {
        let old = self.heap.objects.id(key);
        self.heap.name(key, naming, split);
        let new = Some(naming.object);
        self.heap.journal.tell(|| Event::Stored { place: memory_trait::Place::Slot, old, new });
        if let Some(object) = old {
            let by = self.heap.reclaimer;
            self.heap.journal.tell(|| Event::Reclaimed { object, by });
        }
    }
}
