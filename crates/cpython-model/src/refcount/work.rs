//! The stack of what is still to do: one entry for each C function of the runtime that would be active.

use memory_trait::{Address, Allocator, ObjectKey, Observer};

use super::Due;
use crate::object::dict::Dict;
use crate::object::heap::Heap;

/// Something still to do.
#[derive(Debug)]
pub(crate) enum Work {
    /// `list_dealloc`, `tupledealloc`: drop these items from the last, then the block, then the object.
    Items { owner: Owner, items: Vec<ObjectKey>, block: Address },
    /// `dictkeys_decref`, and `dict_dealloc` when there is an object to free: drop keys and values from entry `next`.
    Entries { owner: Option<ObjectKey>, dict: Box<Dict>, next: usize },
    /// `clear_slots`, and the rest of `subtype_dealloc` if the object dies: clear slots from `next` on.
    Slots { key: ObjectKey, next: usize, dies: bool },
    /// `PyObject_CallFinalizerFromDealloc` after the call.
    FinalizerReturned { key: ObjectKey },
    /// `PyObject_ClearWeakRefs`: call these callbacks, then go on with the death of `key`. `holder` is the tuple that
    /// keeps the weak references.
    Callbacks { key: ObjectKey, holder: Option<ObjectKey>, calls: Vec<(ObjectKey, u64)> },
    /// `_PyTrash_thread_destroy_chain`.
    Chain,
    /// Drops this reference.
    Drop(ObjectKey),
    /// A phase of the running collection.
    Collect(crate::cycle::Phase),
}

/// Whose items are dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner {
    /// A list that is only cleared, and lives on.
    Cleared,
    /// A dying list.
    List(ObjectKey),
    /// A dying tuple of so many items.
    Tuple(ObjectKey, usize),
    /// A dying iterator, which asked for so many bytes.
    Iterator(ObjectKey, u64),
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// Does what is to do until nothing is left above the innermost running finalizer, or another one is due. Whether
    /// nothing is left.
    #[inline]
    pub(crate) fn run(&mut self) -> bool {
        if self.refcounting.work.len() > self.refcounting.base {
            self.run_work();
        }
        self.refcounting.due.is_none()
    }

    fn run_work(&mut self) {
        while self.refcounting.work.len() > self.refcounting.base && self.refcounting.due.is_none() {
            self.step();
        }
    }

    #[inline]
    pub(crate) fn push_work(&mut self, work: Work) {
        self.refcounting.work.push(work);
    }

    /// The program has to run something first.
    pub(crate) fn suspend(&mut self, due: Due) {
        debug_assert!(self.refcounting.due.is_none(), "two things are due at once");
        self.refcounting.due = Some(due);
    }

    fn step(&mut self) {
        let Some(work) = self.refcounting.work.pop() else { return };
        match work {
            Work::Items { owner, items, block } => self.drop_items(owner, items, block),
            Work::Entries { owner, dict, next } => self.drop_entries(owner, dict, next),
            Work::Slots { key, next, dies } => self.drop_slots(key, next, dies),
            Work::FinalizerReturned { key } => self.finalizer_returned(key),
            Work::Callbacks { key, holder, calls } => self.call_callbacks(key, holder, calls),
            Work::Chain => self.destroy_chain(),
            Work::Drop(key) => {
                self.release(key);
            }
            Work::Collect(phase) => self.collect_step(phase),
        }
    }
}
