//! Numbers, truth values, and moving values between slots.

use memory_trait::{Allocator, ObjectKey, Observer, Outcome, Place, Slot};

use super::CPython;
use crate::object::Body;

impl<O: Observer, A: Allocator> CPython<O, A> {
    #[inline]
    pub(super) fn write_int(&mut self, dst: Slot, value: i64) -> Outcome<()> {
        let key = self.heap.int(value)?;
        self.write(dst, key);
        Ok(())
    }

    #[inline]
    pub(super) fn read_int(&mut self, src: Slot) -> Outcome<i64> {
        let key = self.read(src)?;
        match self.heap.object(key).body {
            Body::Int(value) => Ok(value),
            ref body => panic!("{body:?} in slot {} is no int", src.0),
        }
    }

    #[inline]
    pub(super) fn read_float(&mut self, src: Slot) -> Outcome<f64> {
        let key = self.read(src)?;
        match self.heap.object(key).body {
            Body::Float(value) => Ok(value),
            ref body => panic!("{body:?} in slot {} is no float", src.0),
        }
    }

    #[inline]
    pub(super) fn read_bool(&mut self, src: Slot) -> Outcome<bool> {
        let key = self.read(src)?;
        match self.heap.object(key).body {
            Body::Bool(value) => Ok(value),
            ref body => panic!("{body:?} in slot {} is no bool", src.0),
        }
    }

    #[inline]
    pub(super) fn move_value(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        let key = self.read(src)?;
        if dst == src {
            return Ok(());
        }
        self.stack.slots[self.base + src.index()] = None;
        let old = self.stack.slots[self.base + dst.index()].replace(key);
        self.tell_stored(Place::Slot, old, Some(key));
        self.tell_stored(Place::Slot, Some(key), None);
        if let Some(old) = old {
            self.heap.drop_reference(old);
        }
        Ok(())
    }

    /// Reads an operand that must not be `None`; `message` is what Python says if it is.
    #[inline]
    pub(super) fn read_object(&mut self, slot: Slot, message: &str) -> Outcome<ObjectKey> {
        let key = self.read(slot)?;
        if key == self.heap.singletons.none { Err(self.none_error(message)) } else { Ok(key) }
    }
}
