//! What the runtime's own introspection would answer: `gc.get_count()`, `gc.get_stats()`, `gc.get_threshold()`, the
//! lines of `gc.DEBUG_STATS`, `sys._debugmallocstats()`; and who pins an arena, which it does not answer.

mod debug_malloc_stats;
mod pins;

use std::fmt::Write;

use memory_trait::{Allocator, Observer, RecordId, Slot};

use crate::cycle::lists::ListId;
use crate::cycle::{GenerationStats, N_GENERATIONS};
use crate::object::Body;
use crate::{CPython, Pymalloc, Version};

pub use debug_malloc_stats::{DebugMallocStats, FreeListLine};
pub use pins::{ArenaPins, Pin};

/// Lengths of the free lists. Unit: objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FreeListLengths {
    /// Floats.
    pub n_floats: usize,
    /// Lists.
    pub n_lists: usize,
    /// Dictionaries.
    pub n_dicts: usize,
    /// Tables of dictionaries.
    pub n_dict_keys: usize,
    /// Tuples of all sizes.
    pub n_tuples: usize,
}

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// The version that is modelled.
    pub fn version(&self) -> Version {
        self.heap.version
    }

    /// `gc.get_count()`: allocations less deallocations since the last collection of the youngest generation, and
    /// collections of each younger generation since the last of the older one.
    pub fn gc_count(&self) -> [u32; N_GENERATIONS] {
        self.heap.gc.counts
    }

    /// `gc.get_threshold()`.
    pub fn gc_threshold(&self) -> [u32; N_GENERATIONS] {
        self.heap.gc.thresholds
    }

    /// `gc.get_stats()`.
    pub fn gc_stats(&self) -> [GenerationStats; N_GENERATIONS] {
        self.heap.gc.stats
    }

    /// Objects that the collections of each generation have looked at: the population of that generation and of the
    /// younger ones when they began, which is what a collection costs.
    pub fn gc_visited(&self) -> [u64; N_GENERATIONS] {
        self.heap.gc.n_visited
    }

    /// Objects tracked in each generation. Counts them.
    pub fn gc_generation_sizes(&self) -> [u64; N_GENERATIONS] {
        std::array::from_fn(|generation| self.heap.list_len(ListId::Generation(generation)))
    }

    /// Survivors of middle collections since the last full one, and of that: the two sides of the 25 % rule.
    pub fn gc_long_lived(&self) -> (u64, u64) {
        (self.heap.gc.long_lived_pending, self.heap.gc.long_lived_total)
    }

    /// Lengths of the free lists.
    pub fn free_list_lengths(&self) -> FreeListLengths {
        let [n_floats, n_lists, n_dicts, n_dict_keys, n_tuples] = self.heap.free_lists.lengths();
        FreeListLengths { n_floats, n_lists, n_dicts, n_dict_keys, n_tuples }
    }

    /// The name of the type of what is in a slot of the current frame: `int`, `list`, `NoneType`; `instance` for records,
    /// and `unset` when nothing is.
    pub fn kind_of(&self, slot: Slot) -> &'static str {
        self.slot_value(slot).map_or("unset", |key| self.heap.object(key).type_name())
    }

    /// Elements or keys that the list or map in a slot has room for; `None` when there is something else.
    pub fn capacity_of(&self, slot: Slot) -> Option<u64> {
        match &self.heap.object(self.slot_value(slot)?).body {
            Body::List(list) => Some(list.capacity),
            Body::Dict(dict) => Some(dict.capacity() as u64),
            _ => None,
        }
    }

    /// Instances of a record type that have not been reclaimed. Counts them.
    pub fn n_objects_of(&self, record: RecordId) -> u64 {
        let is_one = |body: &Body| body.class() == Some(record.0);
        self.heap.objects.values().filter(|object| is_one(&object.body)).count() as u64
    }

    /// The object allocator: arenas, pools, and the allocator below.
    pub fn pymalloc(&self) -> &Pymalloc<A> {
        &self.heap.allocator
    }

    /// `print(gc.get_stats())`, as Python prints it.
    pub fn gc_stats_text(&self) -> String {
        let generation = |stats: &GenerationStats| {
            let GenerationStats { n_collections, n_collected, n_uncollectable } = stats;
            format!(
                "{{'collections': {n_collections}, 'collected': {n_collected}, 'uncollectable': {n_uncollectable}}}"
            )
        };
        let parts: Vec<String> = self.heap.gc.stats.iter().map(generation).collect();
        format!("[{}]", parts.join(", "))
    }

    /// What `gc.set_debug(gc.DEBUG_STATS)` prints at the start of a collection of `generation`.
    pub fn gc_debug_stats_text(&self, generation: usize) -> String {
        let mut text = format!("gc: collecting generation {generation}...\ngc: objects in each generation:");
        for size in self.gc_generation_sizes() {
            let _ = write!(text, " {size}");
        }
        let n_permanent = self.heap.list_len(ListId::Permanent);
        let _ = write!(text, "\ngc: objects in permanent generation: {n_permanent}\n");
        text
    }

    /// What `gc.set_debug(gc.DEBUG_STATS)` prints at the end of a collection.
    ///
    /// Differs: the time is always 0.0000s. A model has no clock.
    pub fn gc_debug_done_text(n_unreachable: u64, n_uncollectable: u64) -> String {
        format!("gc: done, {n_unreachable} unreachable, {n_uncollectable} uncollectable, 0.0000s elapsed\n")
    }
}
