//! From a variable to an object: is the pointer good, and what is really there when it is not.

use memory_trait::{
    Address, Event, Fault, FaultKind, Kind, ObjectKey, ObjectName, Observer, Outcome, Slot, Storage, Tick,
};

use super::object::{Object, Shape, State};
use super::{C, Value};
use crate::layout::size_of;
use crate::params::SEGFAULT_MESSAGE;
use crate::process_heap::ProcessHeap;

/// An object about to be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handle {
    /// Its address.
    pub(super) at: u64,
    pub(super) key: ObjectKey,
    /// What its type says.
    pub(super) shape: Shape,
    /// Whether the object is there. If not, that has been reported, and what is at its address is used instead.
    pub(super) is_live: bool,
}

impl<O: Observer, A: ProcessHeap> C<O, A> {
    /// The object that a variable refers to, about to be used.
    #[inline]
    pub(super) fn handle(&mut self, slot: Slot) -> Outcome<Handle> {
        let state = self.slot(slot);
        let value = Value { bits: self.bits(&state, self.thread.rbp), key: state.key };
        if state.is_set {
            return self.handle_of(value);
        }
        if self.detector.is_on {
            self.journal.fault(FaultKind::Uninitialised, None, None, "");
        }
        self.bad_handle(value, false)
    }

    /// The object that a reference refers to, about to be used.
    #[inline]
    pub(super) fn handle_of(&mut self, value: Value) -> Outcome<Handle> {
        if let Some(object) = self.objects.get(value.key)
            && object.state == State::Live
            && object.address.0 == value.bits
        {
            let handle = Handle { at: value.bits, key: value.key, shape: object.shape, is_live: true };
            if O::WATCHES
                && let Some(object) = object.id()
            {
                self.journal.tell(|| Event::Used { object });
            }
            return Ok(handle);
        }
        self.bad_handle(value, true)
    }

    /// A pointer that is not good: reported, and used all the same if anything is mapped there.
    #[cold]
    fn bad_handle(&mut self, value: Value, is_news: bool) -> Outcome<Handle> {
        if value.bits == 0 {
            return Err(self.journal.fatal(FaultKind::NullDereference, None, SEGFAULT_MESSAGE));
        }
        let (kind, name, reclaimed) = self.judge(value);
        let is_mapped = self.space.byte(value.bits).is_ok();
        if !is_mapped {
            let kind = if self.detector.is_on { kind } else { FaultKind::Segfault };
            return self.fatal(kind, name, reclaimed, SEGFAULT_MESSAGE);
        }
        if is_news && self.detector.is_on {
            self.journal.fault(kind, name, reclaimed, "");
        }
        let object = self.objects.get(value.key).filter(|object| object.address.0 == value.bits);
        let shape = object.map_or(Shape::Unknown, |object| object.shape);
        Ok(Handle { at: value.bits, key: value.key, shape, is_live: false })
    }

    /// What is wrong with using a pointer that is not good, of which object, and when that was reclaimed.
    pub(super) fn judge(&self, value: Value) -> (FaultKind, Option<ObjectName>, Option<Tick>) {
        let object = self.objects.get(value.key).filter(|object| object.address.0 == value.bits);
        match object {
            Some(object) => match object.state {
                State::Dead(tick) if object.storage == Storage::Automatic => {
                    (FaultKind::EscapedFrame, self.name_of(object), Some(tick))
                }
                State::Dead(tick) => (FaultKind::UseAfterFree, self.name_of(object), Some(tick)),
                State::Live | State::Wild => (FaultKind::OutOfBounds, self.name_of(object), None),
            },
            None => (FaultKind::OutOfBounds, None, None),
        }
    }

    fn name_of(&self, object: &Object) -> Option<ObjectName> {
        if object.ordinal == 0 {
            return None;
        }
        let label = object.shape.label().text(&self.program).to_owned();
        Some(ObjectName { label, ordinal: object.ordinal })
    }

    /// The name of what a key stands for.
    pub(super) fn name_of_key(&self, key: ObjectKey) -> Option<ObjectName> {
        self.name_of(self.objects.get(key)?)
    }

    /// A fault that ends the program, with the time at which the object was reclaimed.
    fn fatal<T>(
        &mut self,
        kind: FaultKind,
        object: Option<ObjectName>,
        reclaimed: Option<Tick>,
        message: &str,
    ) -> Outcome<T> {
        let at = self.journal.now;
        let fault = Fault { kind, at, object, reclaimed, message: message.to_owned(), is_fatal: true };
        Err(self.journal.adopt(Box::new(fault)))
    }

    /// The processor found nothing mapped while `key`'s object was used; with the detector's word for it, if any.
    #[cold]
    pub(super) fn segfault<T>(&mut self, key: ObjectKey, cause: Option<FaultKind>) -> Outcome<T> {
        let kind = cause.filter(|_| self.detector.is_on).unwrap_or(FaultKind::Segfault);
        let name = if self.detector.is_on { self.name_of_key(key) } else { None };
        self.fatal(kind, name, None, SEGFAULT_MESSAGE)
    }

    /// Reads a word that belongs to the object's own administration.
    #[inline]
    pub(super) fn word(&mut self, handle: &Handle, at: u64) -> Outcome<u64> {
        match self.space.word(at) {
            Ok(word) => Ok(word),
            Err(_) => self.segfault(handle.key, None),
        }
    }

    /// Writes a word that belongs to the object's own administration.
    #[inline]
    pub(super) fn put_word(&mut self, handle: &Handle, at: u64, value: u64) -> Outcome<()> {
        match self.space.put_word(at, value) {
            Ok(()) => Ok(()),
            Err(_) => self.segfault(handle.key, None),
        }
    }

    /// Reads a field or element. `is_inside`: the address is inside the object, as far as anyone knows.
    #[inline]
    pub(super) fn fetch(&mut self, handle: &Handle, at: u64, kind: Kind, is_inside: bool) -> Outcome<u64> {
        let Ok(bits) = self.space.value(at, kind) else {
            return self.segfault(handle.key, (!is_inside).then_some(FaultKind::OutOfBounds));
        };
        if !is_inside {
            self.out_of_bounds(handle);
        } else if handle.is_live && self.detector.is_unwritten(at, size_of(kind)) {
            self.unwritten(handle);
        }
        Ok(bits)
    }

    /// Writes a field or element. `is_inside`: the address is inside the object, as far as anyone knows.
    #[inline]
    pub(super) fn put(&mut self, handle: &Handle, at: u64, kind: Kind, bits: u64, is_inside: bool) -> Outcome<()> {
        if self.space.put_value(at, kind, bits).is_err() {
            return self.segfault(handle.key, (!is_inside).then_some(FaultKind::OutOfBounds));
        }
        if !is_inside {
            self.out_of_bounds(handle);
        }
        self.detector.wrote(at, size_of(kind));
        Ok(())
    }

    #[cold]
    pub(super) fn out_of_bounds(&mut self, handle: &Handle) {
        if self.detector.is_on {
            let name = self.name_of_key(handle.key);
            self.journal.fault(FaultKind::OutOfBounds, name, None, "");
        }
    }

    #[cold]
    pub(super) fn unwritten(&mut self, handle: &Handle) {
        let name = self.name_of_key(handle.key);
        self.journal.fault(FaultKind::Uninitialised, name, None, "");
    }

    /// What the reference with these bits, read at `at`, was made from. When it is not certain that a reference of this
    /// type was written there (`is_certain`), only an object of the `expected` shape will do.
    #[inline]
    pub(super) fn reference(&mut self, at: u64, bits: u64, expected: Shape, is_certain: bool) -> Value {
        if bits == 0 {
            return Value::default();
        }
        let key = self.provenance.get(at);
        if let Some(object) = self.objects.get(key)
            && object.address.0 == bits
            && (is_certain || object.shape == expected)
        {
            return Value { bits, key };
        }
        self.wild_reference(bits, expected)
    }

    /// A reference that was not made from any object: the compiler takes it for one of the expected shape.
    #[cold]
    fn wild_reference(&mut self, bits: u64, expected: Shape) -> Value {
        self.sweep_when_due();
        Value { bits, key: self.objects.insert(Object::wild(Address(bits), expected)) }
    }

    /// The shape of what a reference points to.
    #[inline]
    pub(super) fn shape_of(&self, key: ObjectKey) -> Shape {
        self.objects.get(key).map_or(Shape::Unknown, |object| object.shape)
    }
}
