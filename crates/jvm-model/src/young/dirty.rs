//! Old objects as roots: the dirty cards.
//!
//! Mirrors `gc/shared/cardTableRS.cpp:ClearNoncleanCardWrapper::do_MemRegion` and
//! `gc/shared/space.cpp:DirtyCardToOopClosure`. The interpreter marks the card of an object's header when a field is
//! written, and that of the element itself when an array is: a dirty run is extended to the end of the last object
//! that starts in it, unless that is an array. Runs are taken from the top down, so that what an extension has covered
//! is not gone through again.

use super::Scavenge;
use crate::Version;
use crate::heap::klass::{KlassId, KlassKind};
use crate::heap::object;

impl<const WATCHED: bool> Scavenge<'_, WATCHED> {
    /// Follows the references on dirty cards of old below `old_top`.
    ///
    /// # Source
    /// JDK 17 and 21 take runs of cards from the top down. Differs: JDK 25 goes from the bottom up, object by object;
    /// here it does so run by run, with the same extension.
    pub(super) fn scan_dirty_cards(&mut self, old_top: usize) {
        if old_top == self.heap.old.bottom {
            return;
        }
        let n_cards = self.heap.cards.cards_below(old_top);
        if self.heap.policy.version >= Version::V25 {
            let mut from = 0;
            let mut done = self.heap.old.bottom;
            while let Some((first, end)) = self.heap.cards.take_first_run(from, n_cards) {
                let bottom = self.heap.cards.card_start(first).max(done);
                let top = self.extended(self.heap.cards.card_start(end).min(old_top));
                if bottom < top {
                    self.scan_region(bottom, top);
                }
                done = top.max(done);
                from = end;
            }
            return;
        }
        let mut below = n_cards;
        let mut done = usize::MAX;
        while let Some((first, end)) = self.heap.cards.take_last_run(below) {
            let bottom = self.heap.cards.card_start(first);
            let top = self.extended(self.heap.cards.card_start(end).min(old_top)).min(done);
            if bottom < top {
                self.scan_region(bottom, top);
            }
            done = bottom;
            below = first;
        }
    }

    /// The end of the last object that starts before `top`, or `top` itself if that is an array.
    fn extended(&self, top: usize) -> usize {
        let last = self.block_start(top - 1);
        let klass = self.klasses.get(object::klass_of(&self.heap.memory, last));
        match klass.kind {
            KlassKind::References { .. } | KlassKind::Numbers { .. } => top,
            _ => last + klass.instance_words as usize,
        }
    }

    /// The start of the object that a word of old lies in.
    fn block_start(&self, word: usize) -> usize {
        let mut object = self.heap.cards.block_start_of_card(word);
        loop {
            let next = object + object::size_words(&self.heap.memory, self.klasses, object);
            if next > word {
                return object;
            }
            object = next;
        }
    }

    /// Follows the references in `bottom..top`; the first object may begin before it, and the last end after it.
    fn scan_region(&mut self, bottom: usize, top: usize) {
        let mut object = self.block_start(bottom);
        while object < top {
            let second = self.heap.memory.word(object + 1);
            let klass = self.klasses.get(KlassId(second as u32));
            let length = (second >> 32) as u32;
            self.scan_within::<true>(object, klass, length, bottom, top);
            object += klass.size_words(length);
        }
    }
}
