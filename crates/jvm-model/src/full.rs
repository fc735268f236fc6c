//! The full collection: everything reachable is marked and slid together, into old as far as it goes.
//!
//! Mirrors `gc/serial/genMarkSweep.cpp:GenMarkSweep::invoke_at_safepoint`. Four phases: mark, compute new addresses,
//! adjust references, move. What it must not know: why it is called, and who the objects are.
//!
//! Differs: HotSpot marks in the mark word; here a bitmap beside the heap has the marks, and the mark word of what
//! moves the new address, as in HotSpot, with the tag beside it where there is room.

mod compact;
mod mark;

pub(crate) use mark::Marking;

use memory_trait::Reclaimer;

use crate::heap::klass::KlassTable;
use crate::heap::{CollectionReport, Mutator, SerialHeap};

impl SerialHeap {
    /// Collects the whole heap. `clears_everything`: soft references too, and no dead wood is left.
    pub(crate) fn collect_everything<M: Mutator>(
        &mut self,
        mutator: &mut M,
        clears_everything: bool,
        report: &mut CollectionReport,
    ) {
        self.n_full_collections += 1;
        let objects_before = self.tally().n_objects;
        let old_before = self.old;
        let klasses = self.klasses.take();
        Marking::new(self, &klasses, clears_everything).run(mutator);
        if M::WATCHES {
            self.tell_of_the_dead(&klasses, mutator);
        }
        let plan = self.plan_compaction(&klasses, clears_everything, report.before.to.top);
        self.adjust_references(&klasses, mutator);
        self.move_objects(&klasses, mutator, plan, report);
        self.klasses = klasses;
        self.clear_marks(old_before.top);
        let young_is_empty = self.eden.is_empty() && self.from.is_empty();
        if young_is_empty {
            self.cards.clear_range(old_before.bottom, old_before.top);
        } else {
            self.cards.clear_range(self.old.top, old_before.top.max(self.old.top));
            self.cards.mark_range(self.old.bottom, self.old.top);
        }
        report.n_reclaimed = objects_before - self.tally().n_objects;
        self.note_used_and_capacity();
    }

    /// Tells of every object that was not marked, in order of address.
    fn tell_of_the_dead<M: Mutator>(&self, klasses: &KlassTable, mutator: &mut M) {
        let mut spaces = [self.eden, self.from, self.to, self.old];
        spaces.sort_unstable_by_key(|space| space.bottom);
        for space in spaces {
            let mut object = space.bottom;
            while object < space.top {
                let tag = self.shape.tag_of(self.memory.word(object));
                if tag != 0 && !self.marks.get(object) {
                    mutator.reclaimed(tag, Reclaimer::Full);
                }
                object += self.shape.size_words(&self.memory, klasses, object);
            }
        }
    }

    fn clear_marks(&mut self, old_top: usize) {
        self.marks.clear_around(0..self.young_end);
        self.marks.clear_around(self.boundary..old_top.max(self.old.top));
    }
}
