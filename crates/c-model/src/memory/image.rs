//! The C library's own data: where its main arena is. Always there, never larger or smaller, and part of a file, so that
//! nobody asks which of its pages are resident.

use super::PAGE_BYTES;
use super::flat::{WORD, index, read_words, write_words};

/// Pages that are emulated: the main arena may lie across a boundary.
const N_PAGES: u64 = 2;

/// Words of the image.
const N_WORDS: usize = (N_PAGES * PAGE_BYTES) as usize / WORD;

/// Some pages of data.
#[derive(Clone, Debug)]
pub(super) struct Image {
    base: u64,
    words: Box<[u64; N_WORDS]>,
}

impl Image {
    /// Pages of zeroes from the page of `at` on.
    pub(super) fn new(at: u64) -> Self {
        Image { base: at & !(PAGE_BYTES - 1), words: Box::new([0; N_WORDS]) }
    }

    pub(super) const fn end(&self) -> u64 {
        self.base + N_PAGES * PAGE_BYTES
    }

    #[inline]
    pub(super) const fn has(&self, at: u64) -> bool {
        at.wrapping_sub(self.base) < N_PAGES * PAGE_BYTES
    }

    /// The word at `at`, a multiple of the word size.
    #[inline]
    pub(super) fn get(&self, at: u64) -> Option<u64> {
        self.words.get(index(self.base, at)).copied()
    }

    /// The word at `at`, a multiple of the word size, to be written.
    #[inline]
    pub(super) fn get_mut(&mut self, at: u64) -> Option<&mut u64> {
        self.words.get_mut(index(self.base, at))
    }

    /// Reads the bytes from `at`; all of them must exist.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) {
        let offset = (at - self.base) as usize;
        read_words(&self.words[offset / WORD..], offset % WORD, into);
    }

    /// Writes the bytes from `at`; all of them must exist.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        let offset = (at - self.base) as usize;
        write_words(&mut self.words[offset / WORD..], offset % WORD, bytes);
    }

    /// Sets `bytes` bytes from `at`; all of them must exist.
    pub(super) fn fill(&mut self, at: u64, value: u8, bytes: u64) {
        self.write(at, &vec![value; bytes as usize]);
    }
}
