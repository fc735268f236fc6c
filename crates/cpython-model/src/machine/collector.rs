//! What module `gc` offers to control the collector, beside `gc.collect()`.

use memory_trait::{Address, Allocator, ObjectName, Observer, Outcome};

use super::CPython;
use crate::cycle::N_GENERATIONS;
use crate::object::Body;

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// The number that `gc.collect()` answers, and drops here.
    pub(super) fn answer_collected(&mut self) -> Outcome<()> {
        let n_collected = self.heap.gc.n_collected_last as i64;
        let key = self.heap.counted(n_collected)?;
        self.heap.drop_reference(key);
        Ok(())
    }

    /// `gc.enable()`.
    pub fn gc_enable(&mut self) {
        self.heap.gc.is_enabled = true;
    }

    /// `gc.disable()`: nothing is collected automatically. Allocations go on counting.
    pub fn gc_disable(&mut self) {
        self.heap.gc.is_enabled = false;
    }

    /// `gc.isenabled()`.
    pub fn gc_is_enabled(&self) -> bool {
        self.heap.gc.is_enabled
    }

    /// `gc.set_threshold()`: 0 for the first is as good as [`CPython::gc_disable`]. Unit: objects, collections,
    /// collections. Differs: the tuple of arguments is not made.
    pub fn gc_set_threshold(&mut self, thresholds: [u32; N_GENERATIONS]) {
        self.heap.gc.thresholds = thresholds;
    }

    /// `gc.freeze()`: what is tracked now is never looked at again. It still dies when its count becomes zero.
    pub fn gc_freeze(&mut self) {
        self.heap.freeze();
    }

    /// `gc.unfreeze()`: what was frozen is in the oldest generation.
    pub fn gc_unfreeze(&mut self) {
        self.heap.unfreeze();
    }

    /// `gc.set_debug(gc.DEBUG_SAVEALL)`, or with 0: what a collection finds is no longer taken apart but kept in
    /// `gc.garbage`. That is as old as the interpreter, and its object is not in the emulated heap; its table is.
    ///
    /// Nothing else ever gets there: since 3.4 an object with `__del__` in a cycle is finalized and collected like any
    /// other. *Uncollectable* are only instances of types written in C that still have a `tp_del`, and there are none
    /// here.
    pub fn gc_save_all(&mut self, saves_all: bool) {
        let heap = &mut self.heap;
        let garbage = *self.garbage.get_or_insert_with(|| heap.insert(Body::List(Box::default()), Address::NULL));
        self.heap.gc.saves_into = saves_all.then_some(garbage);
    }

    /// `gc.garbage`: what was kept there, in the order of its finding. `None` for what the workload did not create.
    pub fn gc_garbage(&self) -> Vec<Option<ObjectName>> {
        let items = self.garbage.map_or(&[][..], |garbage| &self.heap.list_ref(garbage).items);
        items.iter().map(|&item| self.object_name(item)).collect()
    }

    /// `gc.garbage.clear()`.
    ///
    /// # Errors
    /// Those of finalizers' frames.
    pub fn gc_garbage_clear(&mut self) -> Outcome<()> {
        let Some(garbage) = self.garbage else { return Ok(()) };
        self.heap.clear_container(garbage);
        self.settle()
    }

    /// `gc.get_freeze_count()`.
    pub fn gc_freeze_count(&self) -> u64 {
        self.heap.list_len(crate::cycle::lists::ListId::Permanent)
    }
}
