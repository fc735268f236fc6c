//! A layout under construction: blocks in the order of their offsets, and an endless empty one after the last.
//!
//! Mirrors `fieldLayoutBuilder.cpp:FieldLayout`. Header and fields already placed leave holes between them; padding is
//! a hole that nothing may fill.

use crate::rules::{Rule, rule};

/// A hole that a field may fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    offset: u32,
    bytes: u32,
}

impl Hole {
    /// Whether a field of `bytes`, aligned to its size, fits. `LayoutRawBlock::fit`.
    fn fits(self, bytes: u32) -> bool {
        self.offset.next_multiple_of(bytes) + bytes <= self.offset + self.bytes
    }
}

/// The holes and the end of a layout: all that decides where the next field goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    /// By increasing offset.
    holes: Vec<Hole>,
    /// Where the endless empty block begins.
    end: u32,
}

impl Blocks {
    /// A layout of `reserved_bytes` (a header) and nothing else.
    pub(super) fn after_header(reserved_bytes: u32) -> Blocks {
        Blocks { holes: Vec::new(), end: reserved_bytes }
    }

    /// A layout of a header and of inherited fields, given as (offset, bytes) by increasing offset.
    pub(crate) fn after_fields(reserved_bytes: u32, fields: &[(u32, u32)]) -> Blocks {
        let mut blocks = Blocks::after_header(reserved_bytes);
        for &(offset, bytes) in fields {
            blocks.leave_hole_until(offset);
            blocks.end = offset + bytes;
        }
        blocks
    }

    /// Where the layout ends.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    /// Nothing may be put into the holes there are now. What is left behind by later fields may be filled.
    pub(super) fn close_holes(&mut self) {
        self.holes.clear();
    }

    /// Appends padding that nothing may fill.
    pub(super) fn pad(&mut self, bytes: u32) {
        self.end += bytes;
    }

    /// Moves the end up to a multiple of `alignment`, leaving a hole.
    pub(super) fn align_end(&mut self, alignment: u32) {
        self.leave_hole_until(self.end.next_multiple_of(alignment));
    }

    fn leave_hole_until(&mut self, offset: u32) {
        if offset > self.end {
            self.holes.push(Hole { offset: self.end, bytes: offset - self.end });
        }
        self.end = offset;
    }

    /// Appends a field of `bytes` and answers its offset. The gap its alignment needs becomes a hole.
    pub(super) fn append(&mut self, bytes: u32) -> u32 {
        self.align_end(bytes);
        let offset = self.end;
        self.end += bytes;
        offset
    }

    /// Puts a field into the smallest hole that takes it, of equals the one with the highest offset; or appends it.
    /// `FieldLayout::add`.
    pub(crate) fn add(&mut self, bytes: u32) -> u32 {
        let fitting = self.holes.iter().enumerate().filter(|(_, hole)| rule(Rule::HolesAreFilled) && hole.fits(bytes));
        let rank = |&(idx, hole): &(usize, &Hole)| {
            let from_end = self.holes.len() - idx;
            let place = if rule(Rule::HighestOfEqualHoles) { from_end } else { idx };
            (if rule(Rule::SmallestHoleFirst) { hole.bytes } else { 0 }, place)
        };
        let Some((best_idx, &hole)) = fitting.min_by_key(rank) else { return self.append(bytes) };
        let offset = hole.offset.next_multiple_of(bytes);
        let before = Hole { offset: hole.offset, bytes: offset - hole.offset };
        let after = Hole { offset: offset + bytes, bytes: hole.offset + hole.bytes - (offset + bytes) };
        self.holes.splice(best_idx..=best_idx, [before, after].into_iter().filter(|hole| hole.bytes > 0));
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_goes_into_the_smallest_hole_that_takes_it() {
        let mut blocks = Blocks::after_fields(8, &[(16, 8), (28, 4)]);
        assert_eq!(blocks.add(4), 24, "the hole of 4 at 24, not that of 8 at 8");
        assert_eq!(blocks.add(4), 8);
        assert_eq!(blocks.add(4), 12);
        assert_eq!(blocks.add(4), 32);
    }

    #[test]
    fn of_two_equal_holes_the_higher_is_taken() {
        let mut blocks = Blocks::after_fields(8, &[(12, 4), (20, 4)]);
        assert_eq!(blocks.add(1), 16, "of the holes of 4 at 8 and at 16 the second");
        let mut blocks = Blocks::after_fields(8, &[(16, 8), (32, 8)]);
        assert_eq!(blocks.add(8), 24);
        assert_eq!(blocks.add(8), 8);
    }

    #[test]
    fn a_gap_left_by_alignment_is_filled_later() {
        let mut blocks = Blocks::after_header(12);
        assert_eq!(blocks.add(8), 16);
        assert_eq!(blocks.add(1), 12);
        assert_eq!(blocks.add(2), 14);
        assert_eq!(blocks.add(1), 13);
        assert_eq!(blocks.end(), 24);
    }

    #[test]
    fn closed_holes_and_padding_are_never_filled() {
        let mut blocks = Blocks::after_fields(12, &[(16, 8)]);
        blocks.close_holes();
        blocks.pad(128);
        assert_eq!(blocks.add(4), 152);
    }
}
