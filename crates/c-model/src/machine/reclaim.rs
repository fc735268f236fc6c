//! `free`, weak references, and the end of the process.

use memory_trait::{
    Address, Fault, FaultKind, FunctionId, Kind, ObjectKey, Observer, Outcome, Reclaimer, Slot, Storage,
};
use rustc_hash::FxHashSet;

use super::handle::Handle;
use super::object::{Object, Shape, State};
use super::{C, Value};
use crate::layout::{ARRAY_HEAD_BYTES, LIST_DATA, MAP_ENTRIES, MAP_INDEX, WEAK_BYTES};
use crate::params::SEGFAULT_MESSAGE;
use crate::process_heap::ProcessHeap;

impl<O: Observer, A: ProcessHeap> C<O, A> {
    /// `free(slot)`, or the destructor first when the type has one.
    pub(super) fn free_slot(&mut self, slot: Slot) -> Outcome<()> {
        let value = self.read_slot(slot);
        if value.bits == 0 {
            return Ok(());
        }
        if self.finalizer_of(value).is_some() {
            self.pending = Some(value);
            return Ok(());
        }
        self.release(value)
    }

    /// The destructor that is due before an object is freed.
    fn finalizer_of(&self, value: Value) -> Option<FunctionId> {
        let object = self.objects.get(value.key).filter(|object| object.address.0 == value.bits)?;
        if !object.is_live() || object.is_finalized || object.storage != Storage::Heap {
            return None;
        }
        let Shape::Record(record) = object.shape else { return None };
        self.program.record_shape(record).finalizer
    }

    /// Calls the destructor that is due; `free` goes on when it returns.
    pub(super) fn call_finalizer(&mut self) -> Outcome<Option<FunctionId>> {
        let Some(value) = self.pending.take() else { return Ok(None) };
        let function = self.finalizer_of(value).expect("only what has a finalizer waits for one");
        self.objects.get_mut(value.key).expect("a live object").is_finalized = true;
        self.push_frame(function, None)?;
        self.thread.frames.last_mut().expect("just called").frees = Some(value);
        self.write_parameter(self.thread.base, self.thread.rbp, value);
        Ok(Some(function))
    }

    /// Frees the blocks of what a pointer points to, by its type and by what is in memory.
    pub(super) fn release(&mut self, value: Value) -> Outcome<()> {
        let object = self.objects.get(value.key).filter(|object| object.address.0 == value.bits);
        let shape = object.map_or(Shape::Unknown, |object| object.shape);
        let is_good = object.is_some_and(|object| object.is_live() && object.storage == Storage::Heap);
        let verdict = (!is_good).then(|| self.judge_free(value));
        if is_good {
            self.drop_weak(value.key, shape);
        }
        let backing: &[u64] = match shape {
            Shape::List(_) => &[LIST_DATA],
            Shape::Map { .. } => &[MAP_ENTRIES, MAP_INDEX],
            _ => &[],
        };
        for &place in backing {
            let Ok(block) = self.space.word(value.bits + place) else {
                return self.segfault(value.key, verdict.map(|(kind, ..)| kind));
            };
            self.free_or_fault(block, value, verdict.is_some())?;
        }
        self.free_or_fault(value.bits, value, verdict.is_some())?;
        if is_good {
            self.gone(value.key, Reclaimer::Free);
        } else if self.detector.is_on
            && let Some((kind, object, reclaimed)) = verdict
        {
            self.journal.fault(kind, object, reclaimed, "");
        }
        // Whoever owned that block has lost it, whether or not it was meant.
        if !is_good && let Some(victim) = self.objects.live_at(Address(value.bits)) {
            self.gone(victim, Reclaimer::Free);
        }
        Ok(())
    }

    /// What is wrong with freeing a pointer that is not a live heap object's.
    fn judge_free(&self, value: Value) -> (FaultKind, Option<memory_trait::ObjectName>, Option<memory_trait::Tick>) {
        let (_, name, reclaimed) = self.judge(value);
        let object = self.objects.get(value.key).filter(|object| object.address.0 == value.bits);
        let was_freed = |object: &Object| matches!(object.state, State::Dead(_)) && object.storage == Storage::Heap;
        let kind = if object.is_some_and(was_freed) { FaultKind::DoubleFree } else { FaultKind::InvalidFree };
        (kind, name, reclaimed)
    }

    /// Calls `free`. When the allocator stops the program, it is one fault: the allocator's message, and if the detector
    /// knows better what happened, its kind and object.
    fn free_or_fault(&mut self, block: u64, of: Value, is_bad: bool) -> Outcome<()> {
        self.free_block(block).map_err(|fault| {
            if !self.detector.is_on {
                return self.journal.adopt(fault);
            }
            let (kind, object, reclaimed) =
                if is_bad { self.judge_free(of) } else { (fault.kind, self.name_of_key(of.key), fault.reclaimed) };
            self.journal.adopt(Box::new(Fault { kind, object, reclaimed, ..*fault }))
        })
    }

    // --- weak references ---

    /// `dst = malloc(sizeof(void *))`, a handle that `free` of the target sets to NULL.
    ///
    /// C has no weak references; this is what one does by hand. The list of an object's handles, which a program would
    /// keep in the object, is kept in the books. A target in automatic storage is never freed: its handle dangles.
    pub(super) fn make_weak(&mut self, dst: Slot, target: Slot) -> Outcome<()> {
        let target = self.read_slot(target);
        if target.bits == 0 {
            return Err(self.journal.fatal(FaultKind::NullDereference, None, SEGFAULT_MESSAGE));
        }
        let block = self.malloc(WEAK_BYTES)?;
        let key = self.found(Shape::Weak, block, WEAK_BYTES, 0);
        let handle = Handle { at: block.at, key, shape: Shape::Weak, is_live: true };
        self.put_word(&handle, block.at, target.bits)?;
        self.detector.born(block.at, WEAK_BYTES, true);
        self.provenance.set(block.at, target.key);
        let inner = self.shape_of(target.key);
        let next = self.objects.get_mut(target.key).map(|object| std::mem::replace(&mut object.weak, key));
        let weak = self.objects.get_mut(key).expect("just made");
        weak.inner = inner;
        weak.weak = next.unwrap_or_default();
        self.write_reference(dst, Value { bits: block.at, key });
        Ok(())
    }

    /// `dst = weak->target`.
    pub(super) fn read_weak(&mut self, dst: Slot, weak: Slot) -> Outcome<()> {
        let handle = self.handle(weak)?;
        assert!(matches!(handle.shape, Shape::Weak | Shape::Unknown), "the target of a {:?}", handle.shape);
        let bits = self.fetch(&handle, handle.at, Kind::Reference, true)?;
        let inner = self.objects.get(handle.key).map_or(Shape::Unknown, |object| object.inner);
        let value = self.reference(handle.at, bits, inner, handle.is_live);
        self.write_reference(dst, value);
        Ok(())
    }

    /// An object is about to be freed: its handles are set to NULL; a handle leaves its target's list.
    fn drop_weak(&mut self, key: ObjectKey, shape: Shape) {
        if shape == Shape::Weak {
            return self.unlink_weak(key);
        }
        let mut next = self.objects.get_mut(key).map(|object| std::mem::take(&mut object.weak));
        while let Some(weak) = next.and_then(|key| self.objects.get_mut(key)) {
            let at = weak.address.0;
            next = Some(std::mem::take(&mut weak.weak));
            self.space.put_word(at, 0).expect("a live handle is in mapped memory");
            self.provenance.forget(at);
        }
    }

    fn unlink_weak(&mut self, key: ObjectKey) {
        let Some(weak) = self.objects.get(key) else { return };
        let (at, next) = (weak.address.0, weak.weak);
        let mut before = self.provenance.get(at);
        while let Some(object) = self.objects.get_mut(before) {
            if object.weak == key {
                object.weak = next;
                return;
            }
            before = object.weak;
        }
    }

    // --- the end ---

    /// The process exits. Leaks are heap objects that no variable of a live frame leads to: after `main` has returned
    /// there is none, so all that was not freed is a leak; after a fatal fault, what could still be reached is not.
    pub(super) fn exit(&mut self) {
        let live = self.objects.live();
        if self.detector.is_on {
            let reachable = self.reachable();
            for &(_, key) in &live {
                let is_heap = self.objects.get(key).is_some_and(|object| object.storage == Storage::Heap);
                if is_heap && !reachable.contains(&key) {
                    let name = self.name_of_key(key);
                    self.journal.fault(FaultKind::Leak, name, None, "");
                }
            }
        }
        for (_, key) in live {
            self.gone(key, Reclaimer::Exit);
        }
    }

    /// All that the variables of live frames lead to.
    fn reachable(&mut self) -> FxHashSet<ObjectKey> {
        let threads = std::iter::once(&self.thread).chain(&self.parked);
        let slots = threads.flat_map(|thread| &thread.slots).filter(|slot| slot.is_set);
        let mut todo: Vec<ObjectKey> = slots.map(|slot| slot.key).collect();
        let mut reachable = FxHashSet::default();
        while let Some(key) = todo.pop() {
            if self.objects.get(key).is_some_and(Object::is_live) && reachable.insert(key) {
                self.references_in(key, |key| todo.push(key));
            }
        }
        reachable
    }

    /// The references that a live object holds.
    fn references_in(&mut self, key: ObjectKey, mut tell: impl FnMut(ObjectKey)) {
        let object = self.objects.get(key).expect("a live object");
        let handle = Handle { at: object.address.0, key, shape: object.shape, is_live: true };
        let payload_bytes = object.payload_bytes;
        let first = match handle.shape {
            Shape::Record(record) => {
                for (_, offset_bytes) in self.records[record.index()].references() {
                    tell(self.provenance.get(handle.at + offset_bytes));
                }
                return;
            }
            Shape::Array(Kind::Reference) => Ok(handle.at + ARRAY_HEAD_BYTES),
            Shape::List(Kind::Reference) => self.space.word(handle.at + LIST_DATA),
            Shape::Map { .. } => return self.references_in_map(&handle, tell),
            _ => return,
        };
        if let Ok(first) = first {
            for index in 0..payload_bytes / 8 {
                tell(self.provenance.get(first.wrapping_add(8 * index)));
            }
        }
    }
}
