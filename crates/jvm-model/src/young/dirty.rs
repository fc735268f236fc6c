//! Old objects as roots: the dirty cards.
//!
//! Mirrors `gc/shared/cardTableRS.cpp:ClearNoncleanCardWrapper::do_MemRegion` and
//! `gc/shared/space.cpp:DirtyCardToOopClosure`. The interpreter marks the card of an object's header when a field is
//! written, and that of the element itself when an array is: a dirty run is extended to the end of the last object
//! that starts in it, unless that is an array. Runs are taken from the top down, so that what an extension has covered
//! is not gone through again.

use super::Scavenge;
use crate::Version;
use crate::heap::klass::KlassKind;
use crate::rules::{Rule, rule};

impl<const WATCHED: bool> Scavenge<'_, WATCHED> {
    /// Follows the references on dirty cards of old below `old_top`.
    ///
    /// JDK 17 and 21 take runs of cards from the top down, JDK 25 from the bottom up.
    pub(super) fn scan_dirty_cards(&mut self, old_top: usize) {
        if old_top == self.heap.old.bottom {
            return;
        }
        let n_cards = self.heap.cards.cards_below(old_top);
        if (self.heap.policy.version >= Version::V25) == rule(Rule::CardsHaveTheirOrder) {
            self.scan_dirty_cards_upwards(old_top, n_cards);
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

    /// The dirty cards from the bottom up. An object that is no array and starts on a dirty stretch is gone through
    /// whole, and its cards but the last count as dirty. The last cards of old are not cleaned: what is promoted now
    /// may have dirtied them.
    ///
    /// # Source
    /// JDK 25 `gc/serial/cardTableRS.cpp:CardTableRS::non_clean_card_iterate`.
    fn scan_dirty_cards_upwards(&mut self, old_top: usize, n_cards: usize) {
        let is_aligned = self.heap.cards.card_start(n_cards) == old_top;
        let clean_limit = n_cards.saturating_sub(if is_aligned { 1 } else { 2 });
        let mut from = 0;
        while from < n_cards
            && let Some(first) = self.heap.cards.first_dirty(from, n_cards)
        {
            let bottom = self.heap.cards.card_start(first);
            let mut object = self.block_start(bottom);
            let end = self.first_clean(first + 1, n_cards);
            let top = if end == n_cards { old_top } else { self.heap.cards.card_start(end) };
            self.heap.cards.clean(first.min(clean_limit), end.min(clean_limit));
            while object < top {
                let klass = self.klasses.get(self.shape.class_of(&self.heap.memory, object));
                let after = object + self.size_words(object, klass);
                let is_array = matches!(klass.kind, KlassKind::References { .. });
                self.scan_within::<true>(object, klass, bottom, if is_array { top } else { after });
                object = after;
            }
            from = end + 1;
        }
    }

    /// `find_first_clean_card`: where a dirty stretch ends.
    fn first_clean(&self, from: usize, n_cards: usize) -> usize {
        let cards = &self.heap.cards;
        let mut card = from;
        while card < n_cards {
            if cards.is_dirty_card(card) {
                card += 1;
                continue;
            }
            let start = cards.card_start(card);
            let object = self.block_start(start);
            let klass = self.klasses.get(self.shape.class_of(&self.heap.memory, object));
            if object == start || matches!(klass.kind, KlassKind::References { .. }) {
                return card;
            }
            let n_words = self.size_words(object, klass);
            let last = cards.card_at(object + n_words - 1);
            if !cards.is_dirty_card(last) {
                return last;
            }
            card = last + 1;
        }
        n_cards
    }

    /// The end of the last object that starts before `top`, or `top` itself if that is an array.
    fn extended(&self, top: usize) -> usize {
        if !rule(Rule::RunsAreExtended) {
            return top;
        }
        let last = self.block_start(top - 1);
        let klass = self.klasses.get(self.shape.class_of(&self.heap.memory, last));
        match klass.kind {
            KlassKind::References { .. } | KlassKind::Numbers { .. } => top,
            _ => last + klass.instance_words as usize,
        }
    }

    /// The start of the object that a word of old lies in.
    fn block_start(&self, word: usize) -> usize {
        let mut object = self.heap.cards.block_start_of_card(word);
        loop {
            let next = object + self.shape.size_words(&self.heap.memory, self.klasses, object);
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
            let klass = self.klasses.get(self.shape.class_of(&self.heap.memory, object));
            self.scan_within::<true>(object, klass, bottom, top);
            object += self.size_words(object, klass);
        }
    }
}
