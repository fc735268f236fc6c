//! New objects on their way to their slots, and when a collection that they made due begins.

use memory_trait::{Allocator, ObjectKey, Observer, Outcome, Place, Slot};

use super::{CPython, Pending};

/// How the runtime makes an object, which decides when a scheduled collection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// By a call, after which the eval breaker is looked at while the result is still on the evaluation stack.
    ByCall,
    /// By an instruction of its own; the eval breaker is looked at later.
    ByInstruction,
}

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// Puts a new object into its slot, with the collection that its allocation may have made due: in 3.11 before it is
    /// tracked, later when the eval breaker is looked at.
    #[inline]
    pub(super) fn place_new(
        &mut self,
        dst: Slot,
        key: ObjectKey,
        temporaries: [Option<ObjectKey>; 2],
        made: Made,
    ) -> Outcome<()> {
        let at = self.base + dst.index();
        // The reference is told with the birth, though it is written after the collection.
        self.tell_stored(Place::Slot, self.stack.slots[at], Some(key));
        if self.heap.gc.is_scheduled {
            return self.place_and_collect(at, key, temporaries, made);
        }
        self.place(at, key, temporaries);
        Ok(())
    }

    #[cold]
    fn place_and_collect(
        &mut self,
        at: usize,
        key: ObjectKey,
        temporaries: [Option<ObjectKey>; 2],
        made: Made,
    ) -> Outcome<()> {
        if !self.heap.collects_in_allocation() {
            if made == Made::ByInstruction {
                // The eval breaker is looked at later.
                self.place(at, key, temporaries);
                return Ok(());
            }
            self.heap.track(key);
        }
        self.defer(Pending::Place { at, key, temporaries });
        self.heap.begin_scheduled();
        self.settle()
    }

    pub(super) fn place(&mut self, at: usize, key: ObjectKey, temporaries: [Option<ObjectKey>; 2]) {
        self.heap.track_new(key);
        for temporary in temporaries.into_iter().flatten() {
            self.heap.drop_reference(temporary);
        }
        let old = self.stack.slots[at].replace(key);
        if let Some(old) = old {
            self.heap.drop_reference(old);
        }
    }

    /// The eval breaker of 3.12 and later: a scheduled collection begins here, unless a finalizer is due first.
    #[inline]
    pub(super) fn check_eval_breaker(&mut self) -> Outcome<()> {
        if self.heap.gc.is_scheduled && !self.heap.is_suspended() && self.heap.begin_scheduled() {
            return self.settle();
        }
        Ok(())
    }

    /// The same where a call of a function in C ends. 3.11 does not wait until then.
    #[inline]
    pub(super) fn check_after_call(&mut self) -> Outcome<()> {
        if self.heap.collects_in_allocation() { Ok(()) } else { self.check_eval_breaker() }
    }
}
