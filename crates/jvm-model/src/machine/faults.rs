//! What the VM throws, in its own words.
//!
//! Null dereferences are described as JDK 15 and later do (`bytecodeUtils.cpp`), for classes compiled with `javac -g`.
//! Differs: where HotSpot describes an expression (`because "a.next" is null`), a temporary here has no description.

use memory_trait::{FaultKind, FieldIndex, ObjectName, Observer, Outcome, Slot};

use super::Jvm;

impl<O: Observer> Jvm<O> {
    #[cold]
    pub(super) fn out_of_memory<T>(&mut self) -> Outcome<T> {
        self.host.fatal(FaultKind::OutOfMemory, None, "java.lang.OutOfMemoryError: Java heap space")
    }

    /// The workload's name of an object.
    pub(super) fn name_of(&self, object: usize) -> Option<ObjectName> {
        let tag = self.heap.tag(object);
        let label = self.heap.klasses().get(self.heap.klass_of(object)).label;
        (tag != 0).then(|| self.host.names.name(tag, label, O::WATCHES, &self.program))
    }

    #[cold]
    pub(super) fn out_of_bounds<T>(&mut self, object: usize, index: i64, length: u32, exception: &str) -> Outcome<T> {
        // Inside a list it is the list that has the name.
        let name = self.name_of(object);
        let message = format!("{exception}: Index {index} out of bounds for length {length}");
        self.host.fatal(FaultKind::OutOfBounds, name, &message)
    }

    #[cold]
    pub(super) fn null_pointer<T>(&mut self, slot: Slot, what: &str) -> Outcome<T> {
        let function = self.host.function();
        let because = match &self.program.slot_shape(function, slot).name {
            Some(name) => format!(" because \"{name}\" is null"),
            None => String::new(),
        };
        let message = format!("java.lang.NullPointerException: {what}{because}");
        self.host.fatal(FaultKind::NullDereference, None, &message)
    }

    /// `Cannot read field "next"`. Which record it would have been is not known of null: the field is named if all
    /// records that have so many fields call it the same.
    pub(super) fn describe_field(&self, verb: &str, field: FieldIndex) -> String {
        let mut names = self.program.records.iter().filter_map(|record| record.fields.get(field.index()));
        match names.next() {
            Some(first) if names.all(|other| other.name == first.name) => {
                format!("Cannot {verb} field \"{}\"", first.name)
            }
            _ => format!("Cannot {verb} field"),
        }
    }
}

/// `Cannot invoke "java.util.ArrayList.add(Object)"`.
pub(super) fn describe_call(method: &str) -> String {
    format!("Cannot invoke \"{method}\"")
}
