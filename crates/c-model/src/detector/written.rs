//! One bit for each byte of memory: written since it came to be.

use bitvec::order::Lsb0;
use bitvec::vec::BitVec;

use crate::machine::paged::{PAGE_SHIFT, Paged, parts};

const BYTES: u64 = 1 << PAGE_SHIFT;

#[derive(Clone, Debug)]
struct Page(BitVec<u64, Lsb0>);

impl Default for Page {
    fn default() -> Self {
        Page(BitVec::repeat(false, BYTES as usize))
    }
}

/// The bits of all memory. What has no page is unwritten.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    paged: Paged<Page>,
}

/// The bits of `n` bytes from `at`, when they are in one word of a page: the word's place and the mask.
#[inline]
const fn within_word(at: u64, n: u64) -> Option<(usize, u64)> {
    let (place, shift) = ((at % BYTES / 64) as usize, at % 64);
    if n == 0 || n + shift > 64 { None } else { Some((place, (u64::MAX >> (64 - n)) << shift)) }
}

impl Written {
    /// Sets the bits of `bytes` bytes from `at`.
    #[inline]
    pub(crate) fn fill(&mut self, at: u64, bytes: u64, is_written: bool) {
        let Some((place, mask)) = within_word(at, bytes) else {
            return self.fill_range(at, bytes, is_written);
        };
        let word = &mut self.paged.make(at).0.as_raw_mut_slice()[place];
        *word = if is_written { *word | mask } else { *word & !mask };
    }

    fn fill_range(&mut self, at: u64, bytes: u64, is_written: bool) {
        for (start, n) in parts(at, bytes) {
            let first = (start % BYTES) as usize;
            self.paged.make(start).0[first..first + n as usize].fill(is_written);
        }
    }

    /// Whether `bytes` bytes from `at` have all been written.
    #[inline]
    pub(crate) fn is_all(&mut self, at: u64, bytes: u64) -> bool {
        match within_word(at, bytes) {
            Some((place, mask)) => self.paged.get(at).is_some_and(|page| page.0.as_raw_slice()[place] & mask == mask),
            None => parts(at, bytes).all(|(start, n)| {
                let first = (start % BYTES) as usize;
                self.paged.get(start).is_some_and(|page| page.0[first..first + n as usize].all())
            }),
        }
    }

    /// The bits of `bytes` bytes from `at`.
    pub(crate) fn slice(&mut self, at: u64, bytes: u64) -> BitVec<u64, Lsb0> {
        let mut bits = BitVec::with_capacity(bytes as usize);
        for (start, n) in parts(at, bytes) {
            let first = (start % BYTES) as usize;
            match self.paged.get(start) {
                Some(page) => bits.extend_from_bitslice(&page.0[first..first + n as usize]),
                None => bits.resize(bits.len() + n as usize, false),
            }
        }
        bits
    }

    /// Sets the bits of bytes from `at`.
    pub(crate) fn paste(&mut self, at: u64, bits: &BitVec<u64, Lsb0>) {
        let mut done = 0;
        for (start, n) in parts(at, bits.len() as u64) {
            let (first, n) = ((start % BYTES) as usize, n as usize);
            self.paged.make(start).0[first..first + n].copy_from_bitslice(&bits[done..done + n]);
            done += n;
        }
    }

    /// Drops the pages whose addresses are not mapped any more.
    pub(crate) fn retain(&mut self, is_mapped: impl FnMut(u64) -> bool) {
        self.paged.retain(is_mapped);
    }

    /// How many pages are kept.
    pub(crate) fn n_pages(&self) -> usize {
        self.paged.n_pages()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_exact_to_the_byte() {
        let mut written = Written::default();
        written.fill(0x1003, 2, true);
        assert!(written.is_all(0x1003, 2));
        assert!(!written.is_all(0x1002, 2));
        assert!(!written.is_all(0x1004, 2));
        written.fill(0x1004, 1, false);
        assert!(written.is_all(0x1003, 1));
        assert!(!written.is_all(0x1004, 1));
    }

    #[test]
    fn bits_can_be_carried_from_place_to_place() {
        let mut written = Written::default();
        written.fill(0x1ffa, 3, true);
        written.fill(0x2001, 1, true);
        let bits = written.slice(0x1ff9, 10);
        written.fill(0x5000, 0x100, true);
        written.paste(0x5003, &bits);
        let copied: Vec<bool> = (0x5002..0x500e).map(|at| written.is_all(at, 1)).collect();
        assert_eq!(copied, [1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 1].map(|bit| bit == 1));
    }

    #[test]
    fn ranges_may_cross_words_and_pages() {
        let mut written = Written::default();
        written.fill(0x1fe0, 0x1100, true);
        assert!(written.is_all(0x1fe0, 0x1100));
        assert!(!written.is_all(0x1fdf, 0x1100));
        assert!(!written.is_all(0x1fe0, 0x1101));
        written.fill(0x203c, 8, false);
        assert!(!written.is_all(0x2000, 0x60));
        assert!(written.is_all(0x2044, 8));
    }

    #[test]
    fn every_length_at_every_place_agrees_with_a_table_of_booleans() {
        for start in 0x1fc0..0x2040_u64 {
            for bytes in 0..20 {
                let mut written = Written::default();
                written.fill(start, bytes, true);
                for at in start - 2..start + 22 {
                    assert_eq!(
                        written.is_all(at, 1),
                        (start..start + bytes).contains(&at),
                        "{start:#x} {bytes} {at:#x}"
                    );
                }
            }
        }
    }
}
