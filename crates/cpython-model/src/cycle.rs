//! The cyclic collector: counts, thresholds, generations.
//!
//! Mirrors `Modules/gcmodule.c` (3.11, 3.12) and `Python/gc.c` (3.13.0, which has the classic collector). When a
//! collection is due is decided here, how it goes in the modules below. Knows nothing of frames: what refers to an object from outside shows in its count.

#[cfg(test)]
mod brute_force;
pub(crate) mod collection;
pub(crate) mod deduce;
pub mod graph;
pub(crate) mod lists;
pub mod recorded;
pub(crate) mod semantics;
pub(crate) mod weakrefs;

use memory_trait::{Allocator, ObjectKey, Observer};

pub(crate) use self::collection::Phase;
use self::collection::Running;
use self::lists::ListId;
use crate::Version;
use crate::object::Body;
use crate::object::heap::Heap;
use crate::object::table::{Table, place_of};
use crate::rules::{Rule, rule};

/// Generations of the collector. Source: `pycore_gc.h:NUM_GENERATIONS`.
pub const N_GENERATIONS: usize = 3;

/// When `gc.set_threshold` was never called.
/// Source: 3.11, 3.12 `gcmodule.c:_PyGC_InitState`; 3.13.0 `pycore_runtime_init.h`.
pub const fn default_thresholds(version: Version) -> [u32; N_GENERATIONS] {
    if version as u8 >= Version::V3_13 as u8 { [2000, 10, 10] } else { [700, 10, 10] }
}

/// A full collection waits until objects that survived a middle collection are more than 1 in this many of those that
/// survived the last full one. Source: `gcmodule.c:gc_collect_generations`.
const LONG_LIVED_SHARE: u64 = 4;

/// What `gc.get_stats()` tells of a generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GenerationStats {
    /// Collections of it.
    pub n_collections: u64,
    /// Objects collected.
    pub n_collected: u64,
    /// Objects found that could not be collected: always 0, nothing here has a legacy finalizer.
    pub n_uncollectable: u64,
}

/// The collector's state.
#[derive(Debug)]
pub(crate) struct Gc {
    pub(crate) thresholds: [u32; N_GENERATIONS],
    pub(crate) counts: [u32; N_GENERATIONS],
    pub(crate) is_enabled: bool,
    pub(crate) is_collecting: bool,
    /// A threshold was exceeded, and the collection has not been tried yet.
    pub(crate) is_scheduled: bool,
    pub(crate) long_lived_pending: u64,
    pub(crate) long_lived_total: u64,
    pub(crate) stats: [GenerationStats; N_GENERATIONS],
    /// Objects that the collections of each generation looked at.
    pub(crate) n_visited: [u64; N_GENERATIONS],
    /// `gc.DEBUG_SAVEALL`: garbage is not cleared but kept in this list, `gc.garbage`.
    pub(crate) saves_into: Option<ObjectKey>,
    /// The collection in progress.
    pub(crate) running: Option<Running>,
    /// What the last collection collected: what `gc.collect()` answers.
    pub(crate) n_collected_last: u64,
}

impl Gc {
    pub(crate) fn new(thresholds: [u32; N_GENERATIONS], objects: &mut Table) -> Gc {
        lists::make_heads(objects);
        Gc {
            thresholds,
            counts: [0; N_GENERATIONS],
            is_enabled: true,
            is_collecting: false,
            is_scheduled: false,
            long_lived_pending: 0,
            long_lived_total: 0,
            stats: [GenerationStats::default(); N_GENERATIONS],
            n_visited: [0; N_GENERATIONS],
            saves_into: None,
            running: None,
            n_collected_last: 0,
        }
    }

    /// `_PyObject_GC_Link`: an object was allocated, not taken from a free list.
    #[inline]
    pub(crate) fn count_allocation(&mut self) {
        self.counts[0] += 1;
        if self.counts[0] > self.thresholds[0] && self.is_enabled && !self.is_collecting && self.thresholds[0] != 0 {
            self.is_scheduled = true;
        }
    }

    /// `PyObject_GC_Del`.
    #[inline]
    pub(crate) fn count_deallocation(&mut self) {
        self.counts[0] = self.counts[0].saturating_sub(1);
    }

    /// The oldest generation whose count exceeds its threshold.
    pub(crate) fn due_generation(&self) -> Option<usize> {
        (0..N_GENERATIONS).rev().find(|&generation| {
            let is_over = self.counts[generation] > self.thresholds[generation];
            let is_full = generation == N_GENERATIONS - 1;
            let is_too_soon = self.long_lived_pending < self.long_lived_total / LONG_LIVED_SHARE;
            is_over && !(is_full && is_too_soon && rule(Rule::FullCollectionsWait))
        })
    }
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// Where a scheduled collection begins: in 3.11 within the allocation, later at the eval breaker, where the counts
    /// are looked at again. Puts the collection on the stack of work; whether there is one.
    #[inline]
    pub(crate) fn begin_scheduled(&mut self) -> bool {
        if !self.gc.is_scheduled {
            return false;
        }
        self.gc.is_scheduled = false;
        if !self.gc.is_enabled || self.gc.is_collecting {
            return false;
        }
        match self.gc.due_generation() {
            Some(generation) => {
                self.begin_collection(generation, "threshold");
                true
            }
            None => false,
        }
    }

    /// Whether collections happen inside the allocation that exceeds the threshold.
    #[inline]
    pub(crate) fn collects_in_allocation(&self) -> bool {
        self.version <= Version::V3_11 || !rule(Rule::CollectionsAreDeferred)
    }

    /// Begins a scheduled collection after an allocation of the runtime's own, where the version does so.
    #[inline]
    pub(crate) fn poll_in_allocation(&mut self) {
        if self.gc.is_scheduled && self.collects_in_allocation() {
            self.begin_scheduled();
        }
    }

    /// `gc.collect(generation)`: puts the collection on the stack of work, unless one is running.
    pub(crate) fn begin_requested(&mut self, generation: usize) {
        if !self.gc.is_collecting {
            self.begin_collection(generation, "gc.collect()");
        }
    }

    /// `gc.freeze()`: whatever is tracked is never looked at again, until [`Heap::unfreeze`].
    pub(crate) fn freeze(&mut self) {
        for generation in 0..N_GENERATIONS {
            self.objects.merge(ListId::Generation(generation), ListId::Permanent);
            self.gc.counts[generation] = 0;
        }
    }

    /// `gc.unfreeze()`: all of that is in the oldest generation again.
    pub(crate) fn unfreeze(&mut self) {
        self.objects.merge(ListId::Permanent, ListId::Generation(N_GENERATIONS - 1));
    }

    /// `PyObject_GC_Track`: into the youngest generation, if it is not tracked yet.
    #[inline]
    pub(crate) fn track(&mut self, key: ObjectKey) {
        if !self.objects[key].is_tracked() {
            self.objects.append_to(ListId::Generation(0), place_of(key));
        }
    }

    /// Tracks a new object that is complete, if its type is tracked from the beginning.
    #[inline]
    pub(crate) fn track_new(&mut self, key: ObjectKey) {
        let object = &self.objects[key];
        if object.body.is_gc() && !object.is_tracked() && !matches!(object.body, Body::Dict(_)) {
            self.objects.append_to(ListId::Generation(0), place_of(key));
        }
    }

    /// `PyObject_GC_UnTrack`.
    #[inline]
    pub(crate) fn untrack(&mut self, key: ObjectKey) {
        if self.objects[key].is_tracked() {
            self.objects.unlink(place_of(key));
        }
    }
}
