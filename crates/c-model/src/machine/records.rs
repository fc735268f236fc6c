//! Records: from `malloc` or in automatic storage; their fields are written and read in place.

use memory_trait::{
    Address, Event, FieldIndex, Kind, ObjectKey, Observer, Outcome, Place, Reclaimer, RecordId, Slot, Storage,
};

use super::handle::Handle;
use super::object::{Object, Shape};
use super::{C, Value};
use crate::process_heap::ProcessHeap;

impl<O: Observer, A: ProcessHeap> C<O, A> {
    /// `dst = malloc(sizeof(struct ...))`. Nothing is cleared.
    pub(super) fn make_record(&mut self, dst: Slot, record: RecordId) -> Outcome<()> {
        let layout = &self.records[record.index()];
        let (size_bytes, payload_bytes) = (layout.size_bytes, layout.payload_bytes);
        let block = self.malloc(size_bytes)?;
        let key = self.found(Shape::Record(record), block, payload_bytes, 0);
        self.furnish(record, block.at);
        self.write_reference(dst, Value { bits: block.at, key });
        Ok(())
    }

    /// `struct ... slot;` A loop that comes by again ends the scope of the record that was there.
    pub(super) fn make_local(&mut self, slot: Slot) {
        let state = self.slot(slot);
        assert!(state.is_automatic, "slot {} is not automatic storage", slot.0);
        let function = self.thread.frames.last().expect("a variable is in a frame").function;
        let shape = self.program.slot_shape(function, slot);
        let record = shape.automatic.expect("automatic storage has a record type");
        self.clear_slot(slot);
        self.sweep_when_due();
        let at = state.address(self.thread.rbp);
        let layout = &self.records[record.index()];
        let (size_bytes, payload_bytes) = (layout.size_bytes, layout.payload_bytes);
        let shape = Shape::Record(record);
        let naming = self.journal.name(shape.label());
        let mut object = Object::new(Address(at), shape, Storage::Automatic, naming.object, naming.ordinal);
        object.payload_bytes = payload_bytes;
        self.journal.tell(|| Event::Born {
            object: naming.object,
            label: naming.label,
            ordinal: naming.ordinal,
            storage: Storage::Automatic,
            address: Address(at),
            payload_bytes,
            total_bytes: size_bytes,
        });
        let key = self.objects.insert(object);
        self.furnish(record, at);
        let state = &mut self.thread.slots[self.thread.base + slot.index()];
        state.key = key;
        state.is_set = true;
        self.tell_stored(Place::Slot, ObjectKey::default(), key);
    }

    /// A new record at `at`: its fields are unset, and refer to nothing that anyone knows of.
    fn furnish(&mut self, record: RecordId, at: u64) {
        let layout = &self.records[record.index()];
        self.detector.born(at, layout.size_bytes, false);
        for (_, offset_bytes) in layout.references() {
            self.provenance.forget(at + offset_bytes);
        }
    }

    /// The scope of a record in automatic storage ends.
    pub(super) fn end_scope(&mut self, key: ObjectKey) {
        if self.objects.get(key).is_some_and(Object::is_live) {
            self.gone(key, Reclaimer::Scope);
        }
    }

    /// Where a field is and what it holds, by the type of the pointer. Of a pointer of unknown type all fields are words.
    #[inline]
    fn field(&self, handle: &Handle, field: FieldIndex) -> (u64, Kind, Shape) {
        match handle.shape {
            Shape::Record(record) => {
                let place = self.records[record.index()].fields[field.index()];
                (handle.at + place.offset_bytes, place.kind, self.inner[record.index()][field.index()])
            }
            Shape::Unknown => (handle.at + 8 * u64::from(field.0), Kind::Int, Shape::Unknown),
            other => panic!("field {} of an object that is no record: {other:?}", field.0),
        }
    }

    /// `dst = object->field`.
    #[inline]
    pub(super) fn load_field(&mut self, dst: Slot, object: Slot, field: FieldIndex) -> Outcome<()> {
        let handle = self.handle(object)?;
        let (at, kind, expected) = self.field(&handle, field);
        let bits = self.fetch(&handle, at, kind, true)?;
        self.deliver(dst, at, bits, expected, handle.is_live);
        Ok(())
    }

    /// Writes what was read at `at` to a variable.
    #[inline]
    pub(super) fn deliver(&mut self, dst: Slot, at: u64, bits: u64, expected: Shape, is_certain: bool) {
        if self.slot(dst).kind == Kind::Reference {
            let value = self.reference(at, bits, expected, is_certain);
            self.write_reference(dst, value);
        } else {
            self.write_slot(dst, bits);
        }
    }

    /// `object->field = src`.
    #[inline]
    pub(super) fn store_field(&mut self, object: Slot, field: FieldIndex, src: Slot) -> Outcome<()> {
        let handle = self.handle(object)?;
        let (at, kind, inner) = self.field(&handle, field);
        let value = self.read_slot(src);
        self.put(&handle, at, kind, value.bits, true)?;
        if kind == Kind::Reference {
            if inner == Shape::Unknown
                && let Shape::Record(record) = handle.shape
            {
                self.inner[record.index()][field.index()] = self.shape_of(value.key);
            }
            self.stored_inside(&handle, at, u64::from(field.0), value.key, true);
        }
        Ok(())
    }

    /// A reference was written at `at`, the place `index` of the object. What it replaces is what was really there, even
    /// if a dangling pointer had put it there and nobody was told.
    #[inline]
    pub(super) fn stored_inside(&mut self, handle: &Handle, at: u64, index: u64, new: ObjectKey, is_inside: bool) {
        if O::WATCHES {
            let old = self.provenance.get(at);
            self.tell_stored_inside(handle, index, old, new, is_inside);
        }
        self.provenance.set(at, new);
    }

    /// Tells the observer. What is written through a pointer that is not good goes to nobody's field.
    pub(super) fn tell_stored_inside(
        &mut self,
        handle: &Handle,
        index: u64,
        old: ObjectKey,
        new: ObjectKey,
        is_inside: bool,
    ) {
        if handle.is_live
            && is_inside
            && let Some(object) = self.objects.id(handle.key)
        {
            self.tell_stored(Place::Inside { object, index }, old, new);
        }
    }
}
