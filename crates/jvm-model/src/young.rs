//! The young collection: everything reachable in eden and from-space is copied, to to-space or into old.
//!
//! Mirrors `gc/serial/defNewGeneration.cpp:DefNewGeneration::collect`. What it must not know: why it is called, and who
//! the objects are. Cheney's algorithm: the copies themselves are the queue.

mod ages;
mod dirty;
mod scan;

pub(crate) use ages::Survivors;

use memory_trait::{Address, Reclaimer};

use crate::heap::klass::{KlassTable, REFERENT_HALF};
use crate::heap::memory::Narrow;
use crate::heap::object;
use crate::heap::tally::Tally;
use crate::heap::{CollectionReport, Mutator, SerialHeap};
use crate::rules::{Rule, rule};

/// A young collection on its way.
///
/// `WATCHED` says whether single moves are noted.
pub(crate) struct Scavenge<'h, const WATCHED: bool> {
    heap: &'h mut SerialHeap,
    klasses: &'h KlassTable,
    /// Survivors that stay in young.
    young_tally: Tally,
    /// What was promoted.
    promoted_tally: Tally,
    /// How far to-space has been scanned.
    to_scanned: usize,
    /// How far what was promoted has been scanned.
    old_scanned: usize,
    /// Marks of objects that could not be promoted, which are forwarded to themselves.
    failed: Vec<(usize, u64)>,
    /// Those of them whose references have not been followed yet.
    failed_to_scan: Vec<usize>,
    is_draining: bool,
    soft_interval_ms: u64,
    moves: Vec<(u64, Address, Address)>,
}

impl SerialHeap {
    /// Collects young, unless old might not have room for what it promotes.
    pub(crate) fn collect_young<M: Mutator>(&mut self, mutator: &mut M, report: &mut CollectionReport) {
        if !self.young_collection_is_safe() {
            self.set_young_failed();
            report.was_skipped = true;
            return;
        }
        // The classes are needed beside the heap all the time.
        let klasses = std::mem::take(&mut self.klasses);
        if M::WATCHES {
            Scavenge::<true>::new(self, &klasses).run(mutator, report);
        } else {
            Scavenge::<false>::new(self, &klasses).run(mutator, report);
        }
        self.klasses = klasses;
    }
}

impl<'h, const WATCHED: bool> Scavenge<'h, WATCHED> {
    fn new(heap: &'h mut SerialHeap, klasses: &'h KlassTable) -> Self {
        heap.survivors.begin();
        heap.discovered.begin();
        let (to_scanned, old_scanned) = (heap.to.top, heap.old.top);
        let soft_interval_ms = heap.soft_interval_ms();
        Scavenge {
            heap,
            klasses,
            young_tally: Tally::default(),
            promoted_tally: Tally::default(),
            to_scanned,
            old_scanned,
            failed: Vec::new(),
            failed_to_scan: Vec::new(),
            is_draining: false,
            soft_interval_ms,
            moves: Vec::new(),
        }
    }

    fn run<M: Mutator>(mut self, mutator: &mut M, report: &mut CollectionReport) {
        let objects_before = self.heap.young_tally.n_objects;
        let old_top = self.heap.old.top;
        // JDK 25 begins with the old objects that refer to young ones, its predecessors end with them.
        let is_cards_first = self.heap.policy.version >= crate::Version::V25;
        if is_cards_first {
            self.scan_dirty_cards(old_top);
        }
        mutator.visit_roots(&mut |reference| self.visit_root(reference));
        self.visit_pending();
        if !is_cards_first {
            self.scan_dirty_cards(old_top);
        }
        self.evacuate_followers();
        self.process_references(mutator.clock_ms());
        if WATCHED {
            self.tell(mutator);
        }
        let Scavenge { heap, klasses, young_tally, promoted_tally, failed, .. } = self;
        heap.old_tally += promoted_tally;
        report.n_moved = young_tally.n_objects + promoted_tally.n_objects;
        report.moved_bytes = young_tally.total_bytes + promoted_tally.total_bytes;
        let is_complete = failed.is_empty();
        if is_complete {
            report.n_reclaimed = objects_before - report.n_moved;
            heap.young_tally = young_tally;
            heap.eden.clear();
            heap.from.clear();
        } else {
            // What was promoted is counted in old; what was copied within young was counted there before.
            heap.young_tally -= promoted_tally;
            heap.remove_forwarding(klasses, failed);
            heap.set_young_failed();
            report.has_promotion_failed = true;
        }
        // JDK 25 leaves the spaces as they are when promotion failed, its predecessors swap them all the same.
        let swaps = (heap.policy.version < crate::Version::V25) == rule(Rule::FailureSwapsSpaces);
        if is_complete || swaps {
            std::mem::swap(&mut heap.from, &mut heap.to);
        }
        if is_complete {
            let to_words = heap.to.capacity_words() as u64;
            heap.survivors.adjust_threshold(to_words, heap.policy.target_survivor_percent);
            report.age_bytes = heap.survivors.age_bytes();
            report.desired_survivor_bytes = heap.survivors.desired_words * 8;
        }
    }

    #[inline]
    fn visit_root(&mut self, reference: &mut Narrow) {
        if *reference != 0 {
            *reference = self.evacuated(*reference);
        }
    }

    /// References on the VM's pending list are roots as well.
    fn visit_pending(&mut self) {
        let mut pending = std::mem::take(&mut self.heap.pending);
        for reference in &mut pending {
            self.visit_root(reference);
        }
        self.heap.pending = pending;
    }

    pub(crate) fn heap(&self) -> &SerialHeap {
        self.heap
    }

    pub(crate) fn heap_mut(&mut self) -> &mut SerialHeap {
        self.heap
    }

    pub(crate) fn soft_interval_ms(&self) -> u64 {
        self.soft_interval_ms
    }

    /// Keeps the referent of a reference object after all.
    pub(crate) fn evacuate_referent(&mut self, reference: usize) {
        self.visit::<false>(reference * 2 + REFERENT_HALF);
    }

    /// Follows the copies until nothing new is found: to-space first, then what was promoted, and again.
    pub(crate) fn evacuate_followers(&mut self) {
        loop {
            while self.to_scanned < self.heap.to.top
                && (rule(Rule::YoungCopiesFirst) || self.old_scanned >= self.heap.old.top)
            {
                self.to_scanned += self.scan::<false>(self.to_scanned);
            }
            while self.old_scanned < self.heap.old.top {
                self.old_scanned += self.scan::<true>(self.old_scanned);
            }
            if self.to_scanned == self.heap.to.top {
                return;
            }
        }
    }

    /// The place of an object after this collection, to which it is copied if it has not been.
    #[inline]
    pub(crate) fn evacuated(&mut self, reference: Narrow) -> Narrow {
        let object = self.heap.memory.index(reference);
        if object >= self.heap.boundary {
            return reference;
        }
        let mark = self.heap.memory.word(object);
        let copy = if object::is_forwarded(mark) {
            object::forwardee(&self.heap.memory, mark)
        } else {
            self.copy(object, mark)
        };
        self.heap.memory.narrow(copy)
    }

    /// `copy_to_survivor_space`: to to-space if it is young enough and there is room, else into old.
    fn copy(&mut self, object: usize, mark: u64) -> usize {
        let heap = &mut *self.heap;
        let second = heap.memory.word(object + 1);
        let klass = self.klasses.get(crate::heap::klass::KlassId(second as u32));
        let n_words = klass.size_words((second >> 32) as u32);
        let tally = self.klasses.tally_of(&heap.memory, object);
        let age = object::age_of(mark);
        let is_young_enough = age < heap.survivors.threshold || !rule(Rule::ThresholdPromotes);
        let in_young = if is_young_enough { heap.to.allocate(n_words) } else { None };
        let copy = if let Some(copy) = in_young {
            heap.memory.copy(object, copy, n_words);
            let mark = if rule(Rule::SurvivorsAge) { object::older(mark) } else { mark };
            heap.memory.set_word(copy, mark);
            heap.survivors.add(object::age_of(mark), n_words);
            self.young_tally += tally;
            copy
        } else {
            let grown = |heap: &mut SerialHeap| {
                if rule(Rule::OldGrowsForPromotion) { heap.expand_old_and_take(n_words) } else { None }
            };
            let promoted = heap.take_from_old(n_words).or_else(|| grown(heap));
            let Some(copy) = promoted else {
                self.fail_promotion(object, mark);
                return object;
            };
            heap.memory.copy(object, copy, n_words);
            self.promoted_tally += tally;
            copy
        };
        let forwarding = object::forwarding_mark(&self.heap.memory, copy);
        self.heap.memory.set_word(object, forwarding);
        if WATCHED && object::tag_of(mark) != 0 {
            let memory = &self.heap.memory;
            self.moves.push((object::tag_of(mark), memory.address(object), memory.address(copy)));
        }
        copy
    }

    /// `handle_promotion_failure`: the object stays where it is, forwarded to itself, and what it refers to is
    /// followed at once, last in first out.
    #[cold]
    fn fail_promotion(&mut self, object: usize, mark: u64) {
        self.failed.push((object, mark));
        let forwarding = object::forwarding_mark(&self.heap.memory, object);
        self.heap.memory.set_word(object, forwarding);
        self.failed_to_scan.push(object);
        if !self.is_draining && rule(Rule::FailedPromotionIsFollowedAtOnce) {
            self.is_draining = true;
            while let Some(object) = self.failed_to_scan.pop() {
                self.scan::<false>(object);
            }
            self.is_draining = false;
        }
    }

    /// Tells of what moved and, when all went well, of what is gone: whoever in eden or from-space was not forwarded.
    fn tell<M: Mutator>(&mut self, mutator: &mut M) {
        for (tag, from, to) in self.moves.drain(..) {
            mutator.moved(tag, from, to);
        }
        if !self.failed.is_empty() {
            return;
        }
        let heap = &*self.heap;
        let mut spaces = [heap.eden, heap.from];
        spaces.sort_unstable_by_key(|space| space.bottom);
        for space in spaces {
            let mut object = space.bottom;
            while object < space.top {
                let mark = heap.memory.word(object);
                let size_at = if object::is_forwarded(mark) {
                    object::forwardee(&heap.memory, mark)
                } else {
                    if object::tag_of(mark) != 0 {
                        mutator.reclaimed(object::tag_of(mark), Reclaimer::Young);
                    }
                    object
                };
                object += object::size_words(&heap.memory, self.klasses, size_at);
            }
        }
    }
}

impl SerialHeap {
    /// `remove_forwarding_pointers`: the objects that were left behind get their marks back, at age 0. What was copied
    /// away is dead and loses its tag.
    fn remove_forwarding(&mut self, klasses: &KlassTable, failed: Vec<(usize, u64)>) {
        for space in [self.eden, self.from] {
            let mut object = space.bottom;
            while object < space.top {
                if object::is_forwarded(self.memory.word(object)) {
                    self.memory.set_word(object, object::PROTOTYPE);
                }
                object += object::size_words(&self.memory, klasses, object);
            }
        }
        for (object, mark) in failed {
            self.memory.set_word(object, object::ageless(mark));
        }
    }
}
