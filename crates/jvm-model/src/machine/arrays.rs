//! Arrays, and what arrays and lists have in common.

use memory_trait::{FaultKind, Kind, Label, Observer, Outcome, Slot};

use super::Jvm;
use super::classes::{Meaning, field_type};
use crate::heap::klass::KlassId;
use crate::layout::{FieldType, max_array_length};

impl<O: Observer> Jvm<O> {
    pub(super) fn create_array(&mut self, dst: Slot, element: Kind, n_elements: i64) -> Outcome<()> {
        let element_type = field_type(element);
        self.create_elements(dst, Label::Array, self.classes.array(element), n_elements, element_type)
    }

    pub(super) fn create_bytes(&mut self, dst: Slot, n_bytes: i64) -> Outcome<()> {
        self.create_elements(dst, Label::Bytes, self.classes.byte_array, n_bytes, FieldType::Byte)
    }

    fn create_elements(
        &mut self,
        dst: Slot,
        label: Label,
        klass: KlassId,
        length: i64,
        element: FieldType,
    ) -> Outcome<()> {
        let naming = self.host.journal.name(label);
        let length = self.array_length(length, element)?;
        let bytes = u64::from(element.bytes(&self.mode));
        let object = self.allocate_named(klass, length, naming)?;
        self.tell_born(object, naming, u64::from(length) * bytes, 0);
        self.write_object(dst, object);
        Ok(())
    }

    /// The length of a new array, if the VM allows it.
    ///
    /// Differs: a length beyond `int` cannot be written in Java; here it is refused like the lengths just below.
    fn array_length(&mut self, length: i64, element: FieldType) -> Outcome<u32> {
        match length {
            0.. if length as u64 <= max_array_length(element, &self.mode) => Ok(length as u32),
            ..0 => {
                let message = format!("java.lang.NegativeArraySizeException: {length}");
                self.host.fatal(FaultKind::InvalidValue, None, &message)
            }
            _ => {
                let message = "java.lang.OutOfMemoryError: Requested array size exceeds VM limit";
                self.host.fatal(FaultKind::OutOfMemory, None, message)
            }
        }
    }

    /// An index into something of this length.
    #[inline]
    pub(super) fn checked_index(&mut self, object: usize, index: i64, length: u32, exception: &str) -> Outcome<usize> {
        if (0..i64::from(length)).contains(&index) {
            return Ok(index as usize);
        }
        self.out_of_bounds(object, index, length, exception)
    }

    #[inline]
    pub(super) fn read_element(&mut self, dst: Slot, container: Slot, index: i64) -> Outcome<()> {
        let object = self.target(container, |_| "Cannot load from array".to_owned())?;
        let value = match self.meaning(object) {
            Meaning::Array(kind) => {
                let index = self.array_index(object, index)?;
                self.array_element(object, kind, index)
            }
            Meaning::Bytes => {
                let index = self.array_index(object, index)?;
                u64::from(self.heap.memory().byte(self.heap.elements_byte(object) + index))
            }
            Meaning::List(kind) => self.list_element(object, kind, index)?,
            other => panic!("an element of {other:?}"),
        };
        self.write(dst, value);
        Ok(())
    }

    #[inline]
    fn array_index(&mut self, array: usize, index: i64) -> Outcome<usize> {
        let length = self.heap.length(array);
        self.checked_index(array, index, length, "java.lang.ArrayIndexOutOfBoundsException")
    }

    #[inline]
    fn array_element(&self, array: usize, kind: Kind, index: usize) -> u64 {
        let memory = self.heap.memory();
        match kind {
            Kind::Int | Kind::Float => memory.word(self.heap.elements_byte(array) / 8 + index),
            Kind::Bool => u64::from(memory.byte(self.heap.elements_byte(array) + index)),
            Kind::Reference => self.heap.element(array, index),
        }
    }

    #[inline]
    pub(super) fn write_element(&mut self, container: Slot, index: i64, src: Slot) -> Outcome<()> {
        let value = self.host.value(src)?;
        let object = self.target(container, |_| "Cannot store to array".to_owned())?;
        match self.meaning(object) {
            Meaning::Array(kind) => {
                let index = self.array_index(object, index)?;
                match kind {
                    Kind::Int | Kind::Float => {
                        let first = self.heap.elements_byte(object) / 8;
                        self.heap.memory_mut().set_word(first + index, value);
                    }
                    Kind::Bool => {
                        let first = self.heap.elements_byte(object);
                        self.heap.memory_mut().set_byte(first + index, value as u8);
                    }
                    Kind::Reference => {
                        let old = self.heap.element(object, index);
                        self.heap.store_element(object, index, value);
                        self.tell_stored_inside(object, index as u64, old, value);
                    }
                }
                Ok(())
            }
            Meaning::List(kind) => self.set_list_element(container, kind, index, value),
            other => panic!("an element of {other:?} is written"),
        }
    }

    /// Elements, keys, bytes or characters.
    pub(super) fn length(&mut self, slot: Slot) -> Outcome<i64> {
        let object = self.target(slot, |_| "Cannot read the array length".to_owned())?;
        Ok(match self.meaning(object) {
            Meaning::Array(_) | Meaning::Bytes => i64::from(self.heap.length(object)),
            Meaning::List(_) => i64::from(self.list_size(object)),
            Meaning::Map { .. } => i64::from(self.map_size(object)),
            Meaning::Text => self.count_characters(object),
            other => panic!("the length of {other:?}"),
        })
    }
}
