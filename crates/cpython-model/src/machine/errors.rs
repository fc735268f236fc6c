//! The exceptions that end a program, in Python's own words.
#![expect(clippy::unnecessary_box_returns, reason = "each is the `Err` of an outcome, which is boxed")]

use memory_trait::{Allocator, Fault, FaultKind, FieldIndex, ObjectKey, ObjectName, Observer, Slot};

use super::CPython;
use crate::Version;

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// A variable is read before it was assigned.
    #[cold]
    pub(super) fn unbound(&mut self, slot: Slot) -> Box<Fault> {
        self.unbound_in(self.stack.frames.len() - 1, slot)
    }

    /// The same in another frame than the current one.
    #[cold]
    pub(super) fn unbound_in(&mut self, frame: usize, slot: Slot) -> Box<Fault> {
        let function = self.stack.frames[frame].function;
        let shape = &self.program.functions[function as usize].slots[slot.index()];
        let name = shape.name.as_deref().unwrap_or("temporary");
        let message =
            format!("UnboundLocalError: cannot access local variable '{name}' where it is not associated with a value");
        self.heap.journal.fatal(FaultKind::Uninitialised, None, &message)
    }

    /// An attribute of `None` is read.
    #[cold]
    pub(super) fn no_attribute(&mut self, object: ObjectKey, field: FieldIndex) -> Box<Fault> {
        self.expect_none(object);
        let message = self.attribute_message(field);
        self.heap.journal.fatal(FaultKind::NullDereference, None, &message)
    }

    /// An attribute of `None` is written.
    #[cold]
    pub(super) fn no_attribute_to_set(&mut self, object: ObjectKey, field: FieldIndex) -> Box<Fault> {
        self.expect_none(object);
        let mut message = self.attribute_message(field);
        if self.heap.version >= Version::V3_13 {
            message.push_str(" and no __dict__ for setting new attributes");
        }
        self.heap.journal.fatal(FaultKind::NullDereference, None, &message)
    }

    /// Programs are checked: what has no attributes where one is read or written is `None`.
    fn expect_none(&self, object: ObjectKey) {
        assert!(object == self.heap.singletons.none, "a {} has no attributes", self.heap.object(object).type_name());
    }

    /// The name is known when all records that have such a field agree on it: the operation does not say which record
    /// it expected.
    fn attribute_message(&self, field: FieldIndex) -> String {
        let mut names: Vec<&str> = self
            .program
            .records
            .iter()
            .filter_map(|record| Some(record.fields.get(field.index())?.name.as_str()))
            .collect();
        names.dedup();
        match names.as_slice() {
            [name] => format!("AttributeError: 'NoneType' object has no attribute '{name}'"),
            _ => "AttributeError: 'NoneType' object has no attribute".to_owned(),
        }
    }

    /// `None` where another object is needed.
    #[cold]
    pub(super) fn none_error(&mut self, message: &str) -> Box<Fault> {
        self.heap.journal.fatal(FaultKind::NullDereference, None, message)
    }

    /// An index outside an object.
    #[cold]
    pub(super) fn index_error(&mut self, object: ObjectKey, message: &str) -> Box<Fault> {
        let name = self.object_name(object);
        self.heap.journal.fatal(FaultKind::OutOfBounds, name, message)
    }

    /// An index below zero counts from the end in Python: nobody notices that it was not meant.
    #[cold]
    pub(super) fn note_negative_index(&mut self, object: ObjectKey) {
        let name = self.object_name(object);
        self.heap.journal.fault(FaultKind::OutOfBounds, name, None, "");
    }

    /// The name that the workload knows an object by.
    pub(super) fn object_name(&self, object: ObjectKey) -> Option<ObjectName> {
        self.heap.objects.name(object).map(|naming| naming.name(&self.program))
    }
}
