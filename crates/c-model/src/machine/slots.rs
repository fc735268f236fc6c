//! Variables: a named one is bytes on the stack, a temporary is a register, automatic storage is the record itself.

use memory_trait::{Event, FaultKind, Kind, ObjectKey, Observer, Place, Slot};

use super::{C, Value};
use crate::process_heap::ProcessHeap;

/// The place of a register: no offset from `rbp`.
pub(super) const REGISTER: i32 = i32::MIN;

/// One slot of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotState {
    /// What is in the register, for a temporary.
    pub(super) bits: u64,
    /// For a reference, the object it was made from; for automatic storage, the record in it.
    pub(super) key: ObjectKey,
    /// From `rbp` to its bytes, or [`REGISTER`].
    pub(super) place: i32,
    pub(super) kind: Kind,
    pub(super) is_automatic: bool,
    pub(super) is_temporary: bool,
    /// Whether it was written since the frame began or it was cleared.
    pub(super) is_set: bool,
}

impl SlotState {
    /// Where its bytes are, in the frame at `rbp`.
    #[inline]
    pub(super) fn address(&self, rbp: u64) -> u64 {
        rbp.wrapping_add_signed(i64::from(self.place))
    }
}

const OUTSIDE: &str = "a frame lies in its stack";

impl<O: Observer, A: ProcessHeap> C<O, A> {
    #[inline]
    pub(super) fn slot(&self, slot: Slot) -> SlotState {
        self.thread.slots[self.thread.base + slot.index()]
    }

    #[inline]
    fn slot_mut(&mut self, slot: Slot) -> &mut SlotState {
        &mut self.thread.slots[self.thread.base + slot.index()]
    }

    /// The bits of a slot of the frame at `rbp`.
    #[inline]
    pub(super) fn bits(&self, state: &SlotState, rbp: u64) -> u64 {
        if state.place == REGISTER {
            return state.bits;
        }
        let at = state.address(rbp);
        if state.is_automatic {
            if state.is_set { at } else { 0 }
        } else if Self::is_byte(state.kind) {
            u64::from(self.space.stack.get(at, 1).expect(OUTSIDE)[0])
        } else {
            self.space.stack.word(at).expect(OUTSIDE)
        }
    }

    /// Reads a variable.
    #[inline]
    pub(super) fn read_slot(&mut self, slot: Slot) -> Value {
        let state = self.slot(slot);
        if !state.is_set {
            self.unset();
        }
        Value { bits: self.bits(&state, self.thread.rbp), key: state.key }
    }

    #[cold]
    fn unset(&mut self) {
        if self.detector.is_on {
            self.journal.fault(FaultKind::Uninitialised, None, None, "");
        }
    }

    /// Writes a variable that is not a reference.
    #[inline]
    pub(super) fn write_slot(&mut self, slot: Slot, bits: u64) {
        let rbp = self.thread.rbp;
        let state = self.slot_mut(slot);
        debug_assert!(state.kind != Kind::Reference, "a reference is written with its key");
        state.is_set = true;
        if state.place == REGISTER {
            state.bits = bits;
            return;
        }
        let (at, kind) = (state.address(rbp), state.kind);
        self.put_on_stack(at, kind, bits);
    }

    #[inline]
    fn put_on_stack(&mut self, at: u64, kind: Kind, bits: u64) {
        if Self::is_byte(kind) {
            self.space.stack.get_mut(at, 1).expect(OUTSIDE)[0] = bits as u8;
        } else {
            self.space.stack.put_word(at, bits).expect(OUTSIDE);
        }
    }

    /// Writes a reference.
    #[inline]
    pub(super) fn write_reference(&mut self, slot: Slot, value: Value) {
        let rbp = self.thread.rbp;
        let state = self.slot_mut(slot);
        assert!(!state.is_automatic, "automatic storage is written field by field");
        let old = if state.is_set { state.key } else { ObjectKey::default() };
        state.key = value.key;
        state.is_set = true;
        if state.place == REGISTER {
            state.bits = value.bits;
        } else {
            let at = state.address(rbp);
            self.put_on_stack(at, Kind::Reference, value.bits);
        }
        self.tell_stored(Place::Slot, old, value.key);
    }

    /// Writes a variable of any kind.
    #[inline]
    pub(super) fn write_value(&mut self, slot: Slot, value: Value) {
        if self.slot(slot).kind == Kind::Reference {
            self.write_reference(slot, value);
        } else {
            self.write_slot(slot, value.bits);
        }
    }

    /// Writes a parameter of a new frame, at `index` of the flat slots, in the frame at `rbp`.
    #[inline]
    pub(super) fn write_parameter(&mut self, index: usize, rbp: u64, value: Value) {
        let state = &mut self.thread.slots[index];
        state.key = value.key;
        state.is_set = true;
        let (at, kind) = (state.address(rbp), state.kind);
        self.put_on_stack(at, kind, value.bits);
        if kind == Kind::Reference {
            self.tell_stored(Place::Slot, ObjectKey::default(), value.key);
        }
    }

    /// Makes a slot unset. In C nothing happens: the bytes stay. What it referred to is held no longer, and the record
    /// in automatic storage has left its scope.
    pub(super) fn clear_slot(&mut self, slot: Slot) {
        let state = self.slot_mut(slot);
        let was = *state;
        state.is_set = false;
        if was.kind != Kind::Reference || !was.is_set {
            return;
        }
        state.key = ObjectKey::default();
        self.tell_stored(Place::Slot, was.key, ObjectKey::default());
        if was.is_automatic {
            self.end_scope(was.key);
        }
    }

    /// Tells the observer that a reference was written over.
    #[inline]
    pub(super) fn tell_stored(&mut self, place: Place, old: ObjectKey, new: ObjectKey) {
        if O::WATCHES {
            let (old, new) = (self.objects.id(old), self.objects.id(new));
            if old.is_some() || new.is_some() {
                self.journal.tell(|| Event::Stored { place, old, new });
            }
        }
    }
}
