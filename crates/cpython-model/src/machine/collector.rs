//! What module `gc` offers to control the collector, beside `gc.collect()`.

use memory_trait::{Allocator, Observer, Outcome};

use super::CPython;
use crate::cycle::N_GENERATIONS;

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

    /// `gc.get_freeze_count()`.
    pub fn gc_freeze_count(&self) -> u64 {
        self.heap.list_len(crate::cycle::lists::ListId::Permanent)
    }
}
