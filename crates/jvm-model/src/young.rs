//! The young collection: everything reachable in eden and from-space is copied, to to-space or into old.
//!
//! Mirrors `gc/serial/defNewGeneration.cpp:DefNewGeneration::collect`. What it must not know: why it is called, and who
//! the objects are. Cheney's algorithm: the copies themselves are the queue.

mod ages;
mod dirty;
mod scan;

pub(crate) use ages::Survivors;

use memory_trait::{Address, Reclaimer};

use crate::heap::klass::KlassTable;
use crate::heap::memory::Narrow;
use crate::heap::object::{self, Shape};
use crate::heap::tally::Census;
use crate::heap::{CollectionReport, Mutator, SerialHeap};
use crate::params::WORD_BYTES;
use crate::rules::{Rule, rule};

/// A young collection on its way.
///
/// `WATCHED` says whether single moves are noted.
pub(crate) struct Scavenge<'h, const WATCHED: bool> {
    heap: &'h mut SerialHeap,
    klasses: &'h KlassTable,
    shape: Shape,
    /// Survivors that stay in young, and what was promoted.
    counted: [Census; 2],
    n_moved: u64,
    moved_words: u64,
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
        let klasses = self.klasses.take();
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
        let shape = heap.shape;
        let mut counted = std::mem::take(&mut heap.counted);
        counted.iter_mut().for_each(Census::clear);
        Scavenge {
            heap,
            klasses,
            shape,
            counted,
            n_moved: 0,
            moved_words: 0,
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
        let objects_before = self.heap.young_census.tally(self.klasses).n_objects;
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
        let Scavenge { heap, klasses, counted, n_moved, moved_words, failed, .. } = self;
        let [survived, promoted] = &counted;
        heap.old_census.add(promoted);
        report.n_moved = n_moved;
        report.moved_bytes = moved_words * WORD_BYTES;
        let is_complete = failed.is_empty();
        if is_complete {
            report.n_reclaimed = objects_before - n_moved;
            heap.young_census.clear();
            heap.young_census.add(survived);
            heap.eden.clear();
            heap.from.clear();
        } else {
            // What was promoted is counted in old; what was copied within young was counted there before.
            heap.young_census.subtract(promoted);
            heap.remove_forwarding(klasses, failed);
            heap.set_young_failed();
            report.has_promotion_failed = true;
        }
        heap.counted = counted;
        // JDK 25 leaves the spaces as they are when promotion failed, its predecessors swap them all the same.
        let swaps = (heap.policy.version < crate::Version::V25) == rule(Rule::FailureSwapsSpaces);
        if is_complete || swaps {
            std::mem::swap(&mut heap.from, &mut heap.to);
        }
        if is_complete {
            let to_words = heap.to.capacity_words() as u64;
            heap.survivors.adjust_threshold(to_words, heap.policy.target_survivor_percent);
            report.age_bytes = heap.survivors.age_bytes();
            report.desired_survivor_bytes = heap.survivors.desired_words * WORD_BYTES;
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
        self.visit::<false>(reference * 2 + self.shape.reference_fields.referent);
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

    /// The reference to where an object is after this collection, to which it is copied if it has not been.
    #[inline]
    pub(crate) fn evacuated(&mut self, reference: Narrow) -> Narrow {
        let object = self.heap.memory.index(reference);
        if object >= self.heap.boundary {
            return reference;
        }
        let copy = self.evacuated_object(object);
        self.heap.memory.narrow(copy)
    }

    /// The place of an object of young after this collection.
    #[inline]
    fn evacuated_object(&mut self, object: usize) -> usize {
        let mark = self.heap.memory.word(object);
        if object::is_forwarded(mark) { self.shape.forwardee(mark) } else { self.copy(object, mark) }
    }

    /// `copy_to_survivor_space`: to to-space if it is young enough and there is room, else into old.
    fn copy(&mut self, object: usize, mark: u64) -> usize {
        let heap = &mut *self.heap;
        let klass_id = self.shape.class_of(&heap.memory, object);
        let klass = self.klasses.get(klass_id);
        let (n_words, length) = if klass.is_array() {
            let length = self.shape.length_of(&heap.memory, object);
            (klass.array_words(length), length)
        } else {
            (klass.instance_words as usize, 0)
        };
        let age = object::age_of(mark);
        let is_young_enough = age < heap.survivors.threshold || !rule(Rule::ThresholdPromotes);
        let in_young = if is_young_enough { heap.to.allocate(n_words) } else { None };
        let census;
        let copy = if let Some(copy) = in_young {
            heap.memory.copy(object, copy, n_words);
            let mark = if rule(Rule::SurvivorsAge) { object::older(mark) } else { mark };
            heap.memory.set_word(copy, mark);
            heap.survivors.add(object::age_of(mark), n_words);
            census = &mut self.counted[0];
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
            census = &mut self.counted[1];
            copy
        };
        if klass.is_array() {
            census.add_array(klass_id, length, n_words);
        } else {
            census.add_instance(klass_id);
            if klass.list_size_half != 0 {
                let size = heap.memory.half(object * 2 + klass.list_size_half as usize);
                census.add_elements(klass_id, i64::from(size));
            }
        }
        self.n_moved += 1;
        self.moved_words += n_words as u64;
        heap.memory.set_word(object, self.shape.forwarding_mark(mark, copy));
        if WATCHED && self.shape.tag_of(mark) != 0 {
            let memory = &self.heap.memory;
            self.moves.push((self.shape.tag_of(mark), memory.address(object), memory.address(copy)));
        }
        copy
    }

    /// `handle_promotion_failure`: the object stays where it is, forwarded to itself, and what it refers to is
    /// followed at once, last in first out.
    #[cold]
    fn fail_promotion(&mut self, object: usize, mark: u64) {
        self.failed.push((object, mark));
        self.heap.memory.set_word(object, self.shape.forwarding_mark(mark, object));
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
                let tag = self.shape.tag_of(mark);
                if !object::is_forwarded(mark) && tag != 0 {
                    mutator.reclaimed(tag, Reclaimer::Young);
                }
                object += self.shape.size_words(&heap.memory, self.klasses, object);
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
                let mark = self.memory.word(object);
                if object::is_forwarded(mark) {
                    self.memory.set_word(object, self.shape.unforwarded(mark));
                }
                object += self.shape.size_words(&self.memory, klasses, object);
            }
        }
        for (object, mark) in failed {
            self.memory.set_word(object, object::ageless(mark));
        }
    }
}
