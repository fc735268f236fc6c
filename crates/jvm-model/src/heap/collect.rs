//! When to collect what. Mirrors `GenCollectedHeap::do_collection`; the collections themselves are
//! [`crate::young`] and [`crate::full`].

use memory_trait::Collection;

use super::space::Space;
use super::{Mutator, SerialHeap, WORD_BYTES};
use crate::Version;
use crate::heap::object::MAX_AGE;
use crate::rules::{Rule, rule};

/// Free bytes in old below which a young collection is followed by a full one.
/// `tenuredGeneration.cpp:TenuredGeneration::should_collect`.
const MIN_OLD_FREE_BYTES: u64 = 10_000;

/// The spaces at a moment. Places are word indices; [`super::memory::Memory::address`] makes addresses of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spaces {
    /// Eden.
    pub eden: Space,
    /// The survivor space with objects in it.
    pub from: Space,
    /// The survivor space that the next young collection copies to.
    pub to: Space,
    /// The old generation.
    pub old: Space,
}

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectionReport {
    /// Its number, from 0; HotSpot's `GC(n)`. A full collection that follows a young one has a number of its own.
    pub number: u64,
    /// The spaces before it.
    pub before: Spaces,
    /// The spaces after it, resized if they were.
    pub after: Spaces,
    /// Objects reclaimed.
    pub n_reclaimed: u64,
    /// Objects copied or moved.
    pub n_moved: u64,
    /// Bytes of those.
    pub moved_bytes: u64,
    /// Whether old had no room for what was to be promoted.
    pub has_promotion_failed: bool,
    /// Whether a young collection was not even tried, because old might not have room for what it promotes.
    pub was_skipped: bool,
    /// Whether a full collection follows at once, which ends what this one began.
    pub leads_to_full: bool,
    /// The tenuring threshold after it.
    pub tenuring_threshold: u32,
    /// Bytes of survivors by age; index 0 is unused.
    pub age_bytes: [u64; MAX_AGE as usize + 1],
    /// How full a survivor space should be. Unit: bytes.
    pub desired_survivor_bytes: u64,
}

/// What is collected at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Young, and old if that was not enough.
    Young,
    /// The whole heap.
    Full,
    /// The whole heap, without leaving dead wood and without soft references.
    Everything,
}

impl SerialHeap {
    /// `System.gc()`: a full collection.
    pub fn collect_all<M: Mutator>(&mut self, mutator: &mut M) {
        self.collect(mutator, Effort::Full, 0, "System.gc()");
    }

    /// `do_collection`. `request_words` is the allocation that failed, 0 if none did.
    pub(crate) fn collect<M: Mutator>(
        &mut self,
        mutator: &mut M,
        effort: Effort,
        request_words: usize,
        cause: &'static str,
    ) {
        let committed_before = self.committed_bytes();
        if self.policy.version >= Version::V25 {
            self.collect_25(mutator, effort, cause);
            if self.committed_bytes() != committed_before {
                mutator.resized(self.committed_bytes());
            }
            return;
        }
        let mut request_words = request_words;
        // `ScavengeBeforeFullGC` is off with Serial. Young has to collect what it is allowed to allocate only.
        let collects_young = effort == Effort::Young && self.young_takes(request_words);
        let mut collects_old = true;
        self.prepare_collection();
        if collects_young {
            let collection = Collection { generation: 0, is_full: false, cause };
            let mut report = self.begin(mutator, collection);
            self.collect_young(mutator, &mut report);
            self.sample_promotion();
            if request_words * WORD_BYTES as usize <= self.eden.free_words() * WORD_BYTES as usize {
                request_words = 0;
            }
            collects_old = self.old_should_be_collected(request_words);
            report.leads_to_full = collects_old;
            if !collects_old {
                self.resize_young();
                self.finish_collection(false);
            }
            self.end(mutator, collection, report);
        }
        if collects_old {
            let collection = Collection { generation: 1, is_full: true, cause };
            let mut report = self.begin(mutator, collection);
            self.collect_everything(mutator, effort == Effort::Everything, &mut report);
            self.resize_old();
            self.resize_young();
            self.finish_collection(true);
            self.end(mutator, collection, report);
        }
        if self.committed_bytes() != committed_before {
            mutator.resized(self.committed_bytes());
        }
    }

    /// The collections of JDK 25: a young one, if it is safe; a full one if it is not, or fails. Nothing else leads from
    /// one to the other, and a full one counts as one that promoted nothing.
    ///
    /// # Source
    /// JDK 25 `gc/serial/serialHeap.cpp:SerialHeap::collect_at_safepoint`, `do_young_collection`, `do_full_collection`.
    fn collect_25<M: Mutator>(&mut self, mutator: &mut M, effort: Effort, cause: &'static str) {
        if effort == Effort::Young && self.young_collection_is_safe() {
            let collection = Collection { generation: 0, is_full: false, cause };
            self.prepare_collection();
            let mut report = self.begin(mutator, collection);
            self.collect_young(mutator, &mut report);
            let has_failed = report.has_promotion_failed;
            if !has_failed {
                self.sample_promotion();
            }
            self.resize_young();
            self.finish_collection(false);
            self.end(mutator, collection, report);
            if !has_failed {
                return;
            }
        }
        let collection = Collection { generation: 1, is_full: true, cause };
        self.prepare_collection();
        let mut report = self.begin(mutator, collection);
        self.collect_everything(mutator, effort == Effort::Everything, &mut report);
        self.resize_old();
        self.resize_young();
        let promoted_words = self.old.used_words().saturating_sub(self.old_used_at_prologue);
        self.promoted.sample((promoted_words as u64 * WORD_BYTES) as f32);
        self.finish_collection(true);
        self.end(mutator, collection, report);
    }

    /// `gc_prologue`.
    fn prepare_collection(&mut self) {
        self.retire_all_tlabs();
        self.old_capacity_at_prologue = self.old.capacity_words();
        self.old_used_at_prologue = self.old.used_words();
    }

    fn begin<M: Mutator>(&mut self, mutator: &mut M, collection: Collection) -> CollectionReport {
        mutator.began(collection);
        let number = self.n_collections;
        self.n_collections += 1;
        CollectionReport { number, before: self.spaces(), ..CollectionReport::default() }
    }

    fn end<M: Mutator>(&mut self, mutator: &mut M, collection: Collection, mut report: CollectionReport) {
        report.after = self.spaces();
        report.tenuring_threshold = self.survivors.threshold;
        mutator.ended(collection, &report);
    }

    /// `TenuredGeneration::update_gc_stats`: what a young collection promoted goes into the average, 0 for one that was
    /// not tried.
    fn sample_promotion(&mut self) {
        if let Some(promoted_words) = self.old.used_words().checked_sub(self.old_used_at_prologue) {
            self.promoted.sample((promoted_words as u64 * WORD_BYTES) as f32);
        }
    }

    /// Takes a sample of promoted bytes made elsewhere (a recorded run that goes on here).
    pub fn note_promoted_bytes(&mut self, bytes: u64) {
        self.promoted.sample(bytes as f32);
    }

    /// `TenuredGeneration::should_collect` after a young collection.
    fn old_should_be_collected(&self, unmet_words: usize) -> bool {
        unmet_words > 0 && rule(Rule::UnmetRequestLeadsToFull)
            || (self.old.free_words() as u64 * WORD_BYTES) < MIN_OLD_FREE_BYTES
            || self.old_capacity_at_prologue < self.old.capacity_words() && rule(Rule::GrowthLeadsToFull)
    }

    /// `DefNewGeneration::collection_attempt_is_safe`: whether old has room for what young usually promotes, or for all
    /// of young.
    pub(crate) fn young_collection_is_safe(&self) -> bool {
        if !self.to.is_empty() {
            return false;
        }
        let available = (self.memory.len_words() - self.old.top) as u64 * WORD_BYTES;
        let young_used = (self.eden.used_words() + self.from.used_words()) as u64 * WORD_BYTES;
        let is_usual = rule(Rule::AveragePromotionIsEnough) && available >= self.promoted.padded() as u64;
        is_usual || available >= young_used || !rule(Rule::UnsafeCollectionIsSkipped)
    }

    /// A young collection failed, or was not tried.
    pub(crate) fn set_young_failed(&mut self) {
        self.young_failed = true;
    }

    /// `gc_epilogue`.
    fn finish_collection(&mut self, was_full: bool) {
        self.resize_all_tlabs();
        if self.policy.version >= Version::V25 {
            // `_is_heap_almost_full`: a full collection left something in eden.
            self.young_failed = !self.eden.is_empty() && (self.young_failed || was_full);
        } else if was_full {
            let is_tight = !self.young_collection_is_safe() && !self.eden.is_empty();
            self.young_failed = is_tight;
            self.allocates_from_survivors = is_tight;
        }
    }

    /// `update_capacity_and_used_at_gc`: what the policy of soft references goes by.
    pub(crate) fn note_used_and_capacity(&mut self) {
        let capacity_words = self.eden.capacity_words() + self.from.capacity_words() + self.old.capacity_words();
        let used_words = self.eden.used_words() + self.from.used_words() + self.old.used_words();
        self.capacity_bytes_at_gc = capacity_words as u64 * WORD_BYTES;
        self.used_bytes_at_gc = used_words as u64 * WORD_BYTES;
    }

    /// How long a soft reference is kept after its last use. Unit: milliseconds.
    ///
    /// # Source
    /// JDK 17 `gc/shared/referencePolicy.cpp`: `LRUMaxHeapPolicy` with the C2 compiler, `LRUCurrentHeapPolicy` under
    /// -Xint, where the heap that is not taken yet does not count.
    pub(crate) fn soft_interval_ms(&self) -> u64 {
        let free_bytes = if self.policy.is_interpreted {
            self.capacity_bytes_at_gc - self.used_bytes_at_gc
        } else {
            self.policy.max_heap_bytes.saturating_sub(self.used_bytes_at_gc)
        };
        (free_bytes >> 20) * self.policy.soft_ref_ms_per_mb
    }
}
