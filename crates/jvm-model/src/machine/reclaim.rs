//! References weaker than the usual, queues and finalizers.

use memory_trait::{FunctionId, Kind, Label, Observer, Outcome, Slot};

use super::Jvm;
use super::classes::Meaning;
use super::faults::describe_call;
use crate::heap::klass::{KlassId, KlassKind, ReferenceKind};
use crate::heap::memory::Narrow;

/// A `java.lang.ref.ReferenceQueue`.
///
/// Differs: the queue object itself is not on the heap; its head is one of the VM's own roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueId(u32);

impl<O: Observer> Jvm<O> {
    /// `new WeakReference<>(target)`, without a queue.
    pub(super) fn create_weak(&mut self, dst: Slot, target: Slot) -> Outcome<()> {
        self.create_reference(dst, target, self.classes.weak, None)
    }

    /// Creates a `ReferenceQueue`.
    pub fn new_queue(&mut self) -> QueueId {
        self.host.statics.push(0);
        QueueId(self.host.statics.len() as u32 - 1)
    }

    /// Creates a `WeakReference` to the object in `target`, registered with a queue.
    pub fn new_weak_in(&mut self, dst: Slot, target: Slot, queue: QueueId) -> Outcome<()> {
        self.create_reference(dst, target, self.classes.weak, Some(queue))
    }

    /// Creates a `SoftReference` to the object in `target`. Its time starts at the clock of the last collection.
    pub fn new_soft(&mut self, dst: Slot, target: Slot, queue: Option<QueueId>) -> Outcome<()> {
        self.create_reference(dst, target, self.classes.soft, queue)
    }

    /// Creates a `PhantomReference` to the object in `target`. [`memory_trait::Machine::weak_get`] of it is null.
    pub fn new_phantom(&mut self, dst: Slot, target: Slot, queue: QueueId) -> Outcome<()> {
        self.create_reference(dst, target, self.classes.phantom, Some(queue))
    }

    /// `queue.poll()`: the reference that was put on the queue last, or null. The order is HotSpot's: within one
    /// collection that in which it came upon the references, collections from the last to the first.
    pub fn poll(&mut self, dst: Slot, queue: QueueId) -> Outcome<()> {
        let reference = self.take_from_queue(queue.0 as usize);
        self.write(dst, reference);
        Ok(())
    }

    fn create_reference(&mut self, dst: Slot, target: Slot, klass: KlassId, queue: Option<QueueId>) -> Outcome<()> {
        let referent = self.host.value(target)?;
        if referent == 0 {
            let class = &self.heap.klasses().get(klass).name;
            let what = format!("Cannot make a \"{class}\"");
            return self.null_pointer(target, &what);
        }
        let naming = self.host.journal.name(Label::Weak);
        self.host.handles[0] = referent;
        let weak = self.allocate_named(klass, 0, naming)?;
        let referent = std::mem::take(&mut self.host.handles[0]);
        self.heap.store_field(weak, self.classes.places.referent, referent);
        let queue = queue.map_or(0, |queue| queue.0);
        self.heap.memory_mut().set_half(weak * 2 + self.classes.places.reference_queue, queue);
        if self.heap.klasses().get(klass).kind == KlassKind::Reference(ReferenceKind::Soft) {
            self.heap.touch_soft(weak);
        }
        self.tell_born(weak, naming, self.reference_bytes(), 0);
        self.write_object(dst, weak);
        Ok(())
    }

    /// `Reference.get()`; of a soft reference, that counts as its last use.
    pub(super) fn get_referent(&mut self, dst: Slot, weak: Slot) -> Outcome<()> {
        let object = self.target(weak, |_| describe_call("java.lang.ref.Reference.get()"))?;
        assert_eq!(self.meaning(object), Meaning::Weak, "a referent of something else");
        let mut referent = self.heap.reference(object, self.classes.places.referent);
        match self.heap.klasses().get(self.heap.klass_of(object)).kind {
            KlassKind::Reference(ReferenceKind::Phantom) => referent = 0,
            KlassKind::Reference(ReferenceKind::Soft) => self.heap.touch_soft(object),
            _ => {}
        }
        self.write(dst, referent);
        Ok(())
    }

    // --- queues ---

    /// What the VM's reference handler does: everything pending goes to the head of its queue.
    #[cold]
    pub(super) fn enqueue_pending(&mut self) {
        for narrow in self.heap.take_pending() {
            let reference = self.heap.memory().index(narrow);
            let queue = self.heap.memory().half(reference * 2 + self.classes.places.reference_queue) as usize;
            if queue == 0 {
                continue;
            }
            let head = self.host.statics[queue];
            // The last of a queue is its own successor.
            self.heap.store_field(reference, self.classes.places.reference_next, if head == 0 { narrow } else { head });
            self.host.statics[queue] = narrow;
        }
    }

    fn take_from_queue(&mut self, queue: usize) -> Narrow {
        let head = self.host.statics[queue];
        if head == 0 {
            return 0;
        }
        let reference = self.heap.memory().index(head);
        let next = self.heap.reference(reference, self.classes.places.reference_next);
        self.host.statics[queue] = if next == head { 0 } else { next };
        // No longer on a queue, and never to be put on one again.
        self.heap.store_field(reference, self.classes.places.reference_next, head);
        self.heap.memory_mut().set_half(reference * 2 + self.classes.places.reference_queue, 0);
        head
    }

    // --- finalizers ---

    /// `Finalizer.register`: a `Finalizer` for a new object, at the head of the list of those that have not run.
    pub(super) fn register_finalizer(&mut self, object: usize) -> Outcome<()> {
        self.host.handles[0] = self.heap.memory().narrow(object);
        let finalizer = self.allocate(self.classes.finalizer, 0)?;
        let object = std::mem::take(&mut self.host.handles[0]);
        let reference = self.heap.memory().narrow(finalizer);
        self.heap.store_field(finalizer, self.classes.places.referent, object);
        self.heap
            .memory_mut()
            .set_half(finalizer * 2 + self.classes.places.reference_queue, self.statics.finalizer_queue as u32);
        let head = std::mem::replace(&mut self.host.statics[self.statics.unfinalized], reference);
        if head != 0 {
            self.heap.store_field(finalizer, self.classes.places.finalizer_next, head);
            let head = self.heap.memory().index(head);
            self.heap.store_field(head, self.classes.places.finalizer_prev, reference);
        }
        Ok(())
    }

    /// `Finalizer.runFinalizer` for the first on the queue.
    ///
    /// Differs: HotSpot has a thread for it, which runs when it is scheduled; here it is the current thread, before
    /// its next operation.
    #[inline]
    pub(super) fn run_finalizer(&mut self) -> Outcome<Option<FunctionId>> {
        match self.host.statics.get(self.statics.finalizer_queue) {
            None | Some(0) => Ok(None),
            Some(_) => self.run_first_finalizer().map(Some),
        }
    }

    fn run_first_finalizer(&mut self) -> Outcome<FunctionId> {
        let reference = self.take_from_queue(self.statics.finalizer_queue);
        let finalizer = self.heap.memory().index(reference);
        self.unlink_finalizer(finalizer);
        let referent = self.heap.reference(finalizer, self.classes.places.referent);
        self.heap.store_field(finalizer, self.classes.places.referent, 0);
        let object = self.heap.memory().index(referent);
        let Label::Record(record) = self.heap.klasses().get(self.heap.klass_of(object)).label else {
            panic!("only records have finalizers")
        };
        let function = self.program.record_shape(record).finalizer.expect("registered for its finalizer");
        debug_assert_eq!(self.program.slot_shape(function, Slot(0)).kind, Kind::Reference);
        self.call_with_reference(function, referent)?;
        Ok(function)
    }

    fn unlink_finalizer(&mut self, finalizer: usize) {
        let next = self.heap.reference(finalizer, self.classes.places.finalizer_next);
        let prev = self.heap.reference(finalizer, self.classes.places.finalizer_prev);
        match prev {
            0 => self.host.statics[self.statics.unfinalized] = next,
            prev => {
                let prev = self.heap.memory().index(prev);
                self.heap.store_field(prev, self.classes.places.finalizer_next, next);
            }
        }
        if next != 0 {
            let next = self.heap.memory().index(next);
            self.heap.store_field(next, self.classes.places.finalizer_prev, prev);
        }
        self.heap.store_field(finalizer, self.classes.places.finalizer_next, 0);
        self.heap.store_field(finalizer, self.classes.places.finalizer_prev, 0);
    }
}
