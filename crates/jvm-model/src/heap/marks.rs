//! Mark bits: one for each word of the heap, beside it.

use std::ops::Range;

const BITS: usize = u64::BITS as usize;

/// A bit for each word. Bits that nobody touched cost the host nothing.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    words: Vec<u64>,
}

impl Marks {
    /// None is set.
    pub(crate) fn new(n_bits: usize) -> Self {
        Marks { words: vec![0; n_bits.div_ceil(BITS)] }
    }

    /// Whether a bit is set.
    #[inline]
    pub(crate) fn get(&self, bit: usize) -> bool {
        self.words[bit / BITS] >> (bit % BITS) & 1 == 1
    }

    /// Sets a bit.
    #[inline]
    pub(crate) fn set(&mut self, bit: usize) {
        self.words[bit / BITS] |= 1 << (bit % BITS);
    }

    /// Sets a bit; whether it was not set before.
    #[inline]
    pub(crate) fn insert(&mut self, bit: usize) -> bool {
        let (word, mask) = (&mut self.words[bit / BITS], 1 << (bit % BITS));
        let is_new = *word & mask == 0;
        *word |= mask;
        is_new
    }

    /// The first bit that is set from `from` on, below `end`.
    #[inline]
    pub(crate) fn next(&self, from: usize, end: usize) -> Option<usize> {
        if from >= end {
            return None;
        }
        let mut at = from / BITS;
        // Almost always the next mark is a few bits away.
        let mut bits = self.words[at] >> (from % BITS) << (from % BITS);
        while bits == 0 {
            at += 1;
            if at * BITS >= end {
                return None;
            }
            bits = self.words[at];
        }
        let found = at * BITS + bits.trailing_zeros() as usize;
        (found < end).then_some(found)
    }

    /// Clears a range, and up to 63 bits around it, which are to be clear as well or of no interest any more.
    pub(crate) fn clear_around(&mut self, range: Range<usize>) {
        self.words[range.start / BITS..range.end.div_ceil(BITS)].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_order_and_cleared() {
        let mut marks = Marks::new(1000);
        for bit in [0, 63, 64, 700] {
            assert!(marks.insert(bit));
            assert!(!marks.insert(bit) && marks.get(bit));
        }
        let found = |marks: &Marks| {
            std::iter::successors(marks.next(0, 1000), |&bit| marks.next(bit + 1, 1000)).collect::<Vec<_>>()
        };
        assert_eq!(found(&marks), [0, 63, 64, 700]);
        assert_eq!(marks.next(65, 700), None);
        marks.clear_around(0..64);
        assert_eq!(found(&marks), [64, 700]);
    }
}
