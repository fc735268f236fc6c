//! The card table of the old generation, and where in it blocks start.
//!
//! Mirrors `gc/shared/cardTable.cpp` and `gc/shared/blockOffsetTable.cpp`. Differs: HotSpot's table covers young too, where
//! nobody reads it; here it is for old alone. Where HotSpot's offset table skips back in logarithmic steps, ours keeps
//! the distance to the start of the block itself.

use crate::params::{CARD_BYTES, WORD_BYTES};

/// Words that one card covers.
pub(crate) const CARD_WORDS: usize = (CARD_BYTES / WORD_BYTES) as usize;
/// Cards that are looked at in one step.
const STRIDE: usize = 32;

/// Dirty cards, and the block that the first word of each card lies in. Places are word indices of the heap.
#[derive(Clone, Debug)]
pub(crate) struct CardTable {
    bottom: usize,
    /// A byte a card: 1 when it is dirty.
    dirty: Vec<u8>,
    /// How far before the card the block that its first word lies in starts. Unit: words.
    block_distances: Vec<u32>,
}

impl CardTable {
    /// A clean table for the words from `bottom` to `end`, the reserved old generation.
    pub(crate) fn new(bottom: usize, end: usize) -> Self {
        assert!(bottom.is_multiple_of(CARD_WORDS), "old starts at word {bottom}, in the middle of a card");
        let n_cards = (end - bottom).div_ceil(CARD_WORDS);
        CardTable { bottom, dirty: vec![0; n_cards], block_distances: vec![0; n_cards] }
    }

    #[inline]
    fn card_of(&self, word: usize) -> usize {
        (word - self.bottom) / CARD_WORDS
    }

    /// The first word of a card.
    pub(crate) fn card_start(&self, card: usize) -> usize {
        self.bottom + card * CARD_WORDS
    }

    /// Marks the card of a word.
    #[inline]
    pub(crate) fn mark(&mut self, word: usize) {
        let card = self.card_of(word);
        self.dirty[card] = 1;
    }

    /// Whether the card of a word is dirty.
    pub(crate) fn is_dirty(&self, word: usize) -> bool {
        self.is_dirty_card(self.card_of(word))
    }

    /// Marks the cards of all words from `from` to `end`.
    pub(crate) fn mark_range(&mut self, from: usize, end: usize) {
        if from < end {
            let (first, last) = (self.card_of(from), self.card_of(end - 1));
            self.dirty[first..=last].fill(1);
        }
    }

    /// Cleans the cards from the first that starts at or after `from` to that of the last word before `end`.
    pub(crate) fn clear_range(&mut self, from: usize, end: usize) {
        let first = (from - self.bottom).div_ceil(CARD_WORDS);
        self.clean(first, (end - self.bottom).div_ceil(CARD_WORDS));
    }

    /// Takes the highest run of dirty cards that begins below `below` (a card), and cleans it. Cards are half open.
    pub(crate) fn take_last_run(&mut self, below: usize) -> Option<(usize, usize)> {
        let mut end = below;
        while end >= STRIDE && self.dirty[end - STRIDE..end] == [0; STRIDE] {
            end -= STRIDE;
        }
        let last = self.dirty[..end].iter().rposition(|&dirty| dirty != 0)?;
        let first = self.dirty[..last].iter().rposition(|&dirty| dirty == 0).map_or(0, |clean| clean + 1);
        self.clean(first, last + 1);
        Some((first, last + 1))
    }

    /// The lowest dirty card at or after `from` and below `end`.
    pub(crate) fn first_dirty(&self, from: usize, end: usize) -> Option<usize> {
        let mut from = from;
        while from + STRIDE <= end && self.dirty[from..from + STRIDE] == [0; STRIDE] {
            from += STRIDE;
        }
        self.dirty[from..end].iter().position(|&dirty| dirty != 0).map(|distance| from + distance)
    }

    /// Whether a card is dirty.
    pub(crate) fn is_dirty_card(&self, card: usize) -> bool {
        self.dirty[card] != 0
    }

    /// Cleans cards; half open.
    pub(crate) fn clean(&mut self, first: usize, end: usize) {
        if first < end {
            self.dirty[first..end].fill(0);
        }
    }

    /// The card of a word.
    pub(crate) fn card_at(&self, word: usize) -> usize {
        self.card_of(word)
    }

    /// How many cards the words from the bottom of old to `end` take.
    pub(crate) fn cards_below(&self, end: usize) -> usize {
        (end - self.bottom).div_ceil(CARD_WORDS)
    }

    /// Takes note of a block.
    #[inline]
    pub(crate) fn note_block(&mut self, start: usize, end: usize) {
        let first = (start - self.bottom).div_ceil(CARD_WORDS);
        let after = (end - self.bottom).div_ceil(CARD_WORDS);
        // A block that does not reach the start of a card is found by walking from the block before it.
        for card in first..after {
            self.block_distances[card] = (self.bottom + card * CARD_WORDS - start) as u32;
        }
    }

    /// The start of the block that the first word of `word`'s card lies in.
    pub(crate) fn block_start_of_card(&self, word: usize) -> usize {
        let card = self.card_of(word);
        self.card_start(card) - self.block_distances[card] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirty_table(cards: &[usize]) -> CardTable {
        let mut table = CardTable::new(640, 640 + 20 * CARD_WORDS);
        for &card in cards {
            table.mark(640 + card * CARD_WORDS + 7);
        }
        table
    }

    #[test]
    fn dirty_runs_are_taken_from_the_top_down() {
        let mut table = dirty_table(&[0, 3, 4, 5, 9]);
        let mut runs = Vec::new();
        let mut below = 20;
        while let Some((first, end)) = table.take_last_run(below) {
            runs.push((first, end));
            below = first;
        }
        assert_eq!(runs, [(9, 10), (3, 6), (0, 1)]);
        assert_eq!(table.take_last_run(20), None, "what was taken is clean");
    }

    #[test]
    fn dirty_cards_can_be_looked_for_from_the_bottom_up() {
        let mut table = dirty_table(&[0, 3, 4, 19]);
        assert_eq!(table.first_dirty(1, 20), Some(3));
        assert_eq!(table.first_dirty(5, 19), None);
        table.clean(3, 20);
        assert_eq!(table.first_dirty(1, 20), None);
        assert!(table.is_dirty_card(0) && table.card_at(640 + CARD_WORDS) == 1);
    }

    #[test]
    fn clearing_spares_a_card_that_begins_before_the_range() {
        let mut table = dirty_table(&[1, 2, 3]);
        table.clear_range(640 + CARD_WORDS + 1, 640 + 2 * CARD_WORDS + 1);
        let dirty: Vec<bool> = (1..4).map(|card| table.is_dirty(640 + card * CARD_WORDS)).collect();
        assert_eq!(dirty, [true, false, true]);
    }

    #[test]
    fn a_card_knows_the_block_its_first_word_lies_in() {
        let mut table = dirty_table(&[]);
        table.note_block(640, 650);
        table.note_block(650, 650 + 3 * CARD_WORDS);
        assert_eq!(table.block_start_of_card(641), 640);
        assert_eq!(table.block_start_of_card(640 + 3 * CARD_WORDS - 1), 650);
    }
}
