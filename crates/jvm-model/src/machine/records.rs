//! Records: classes with fields.

use memory_trait::{FieldIndex, Kind, Label, Observer, Outcome, RecordId, Slot};

use super::Jvm;
use super::classes::{FieldPlace, Meaning};
use crate::rules::{Rule, rule};

impl<O: Observer> Jvm<O> {
    /// `new`. A class with a finalizer registers the object with a `Finalizer`, as `Object`'s constructor does.
    pub(super) fn create_record(&mut self, dst: Slot, record: RecordId) -> Outcome<()> {
        let naming = self.host.journal.name(Label::Record(record));
        let klass = self.classes.records[record.index()];
        let object = self.allocate_named(klass, 0, naming)?;
        let payload_bytes = if O::WATCHES { self.heap.klasses().get(klass).instance_tally.payload_bytes } else { 0 };
        self.tell_born(object, naming, payload_bytes, 0);
        self.write_object(dst, object);
        if self.program.record_shape(record).finalizer.is_some() && rule(Rule::FinalizersAreObjects) {
            self.register_finalizer(object)?;
        }
        Ok(())
    }

    /// A record in automatic storage is an ordinary object in Java.
    pub(super) fn create_local(&mut self, slot: Slot) -> Outcome<()> {
        let function = self.host.function();
        let shape = self.program.slot_shape(function, slot);
        let record = shape.automatic.unwrap_or_else(|| panic!("slot {} is no record of its own", slot.0));
        self.unset(slot);
        self.create_record(slot, record)
    }

    #[inline]
    fn field(&self, object: usize, field: FieldIndex) -> FieldPlace {
        match self.meaning(object) {
            Meaning::Record { first_field } => self.classes.fields[first_field + field.index()],
            other => panic!("a field of {other:?}"),
        }
    }

    #[inline]
    pub(super) fn load_field(&mut self, dst: Slot, object: Slot, field: FieldIndex) -> Outcome<()> {
        let object = self.target(object, |jvm| jvm.describe_field("read", field))?;
        let FieldPlace { offset, kind } = self.field(object, field);
        let memory = self.heap.memory();
        let value = match kind {
            Kind::Int | Kind::Float => memory.word(object + offset / 8),
            Kind::Bool => u64::from(memory.byte(object * 8 + offset)),
            Kind::Reference => memory.reference(object * 2 + offset / 4),
        };
        self.write(dst, value);
        Ok(())
    }

    #[inline]
    pub(super) fn store_field(&mut self, object: Slot, field: FieldIndex, src: Slot) -> Outcome<()> {
        let value = self.host.value(src)?;
        let object = self.target(object, |jvm| jvm.describe_field("assign", field))?;
        let FieldPlace { offset, kind } = self.field(object, field);
        match kind {
            Kind::Int | Kind::Float => self.heap.memory_mut().set_word(object + offset / 8, value),
            Kind::Bool => self.heap.memory_mut().set_byte(object * 8 + offset, value as u8),
            Kind::Reference => {
                let old = self.heap.reference(object, offset / 4);
                self.heap.store_field(object, offset / 4, value);
                self.tell_stored_inside(object, u64::from(field.0), old, value);
            }
        }
        Ok(())
    }
}
