//! A run of bytes with a fixed start that grows and shrinks at its end: the heap below the break, a thread's heap.
//!
//! Stored as words, since all that an allocator reads and writes are words at multiples of eight: one comparison tells
//! whether such a word exists. The host's storage is asked for zeroed and in doubling steps, and only pages that hold
//! something are ever written: what the emulated program maps and never touches costs the host address space and no
//! memory.

use super::PAGE_BYTES;

/// The storage that a small run begins with. Unit: bytes.
pub(super) const SMALL_BYTES: usize = 1 << 18;

/// The storage that a run begins with that is likely to grow: so much that it is rarely copied, and more than any host's
/// allocator keeps for itself, so that it is fresh and costs nothing until it is written. Unit: bytes.
pub(super) const LARGE_BYTES: usize = 64 << 20;

/// Bytes of a word.
const WORD: usize = 8;

/// Words of a page.
const PAGE_WORDS: usize = PAGE_BYTES as usize / WORD;

/// Bytes from `base` on, of which the first `mapped` exist.
#[derive(Debug)]
pub(super) struct Flat {
    /// A multiple of the page size.
    base: u64,
    /// A multiple of the word size.
    mapped: u64,
    /// The same in words.
    n_words: usize,
    /// Of these, what [`Flat::get_mut`] answers: all, or nothing when each write is to go the long way.
    n_open: usize,
    is_watched: bool,
    storage_bytes_min: usize,
    /// At least `mapped` bytes; all beyond them are zero.
    words: Vec<u64>,
}

impl Flat {
    /// An empty run that begins with the page of `at`.
    pub(super) const fn new(at: u64, storage_bytes_min: usize) -> Self {
        Flat {
            base: at & !(PAGE_BYTES - 1),
            mapped: 0,
            n_words: 0,
            n_open: 0,
            is_watched: false,
            storage_bytes_min,
            words: Vec::new(),
        }
    }

    /// From now on [`Flat::get_mut`] has nothing, so that whoever writes takes the way on which writes are seen.
    pub(super) const fn watch(&mut self) {
        self.is_watched = true;
        self.n_open = 0;
    }

    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    pub(super) const fn end(&self) -> u64 {
        self.base + self.mapped
    }

    #[inline]
    pub(super) const fn has(&self, at: u64) -> bool {
        at.wrapping_sub(self.base) < self.mapped
    }

    #[inline]
    const fn index(&self, at: u64) -> usize {
        index(self.base, at)
    }

    /// The word at `at`, a multiple of the word size.
    #[inline]
    pub(super) fn get(&self, at: u64) -> Option<u64> {
        let index = self.index(at);
        if index < self.n_words { self.words.get(index).copied() } else { None }
    }

    /// The word at `at`, a multiple of the word size, to be written, if writes are not watched.
    #[inline]
    pub(super) fn get_mut(&mut self, at: u64) -> Option<&mut u64> {
        let index = self.index(at);
        if index < self.n_open { self.words.get_mut(index) } else { None }
    }

    /// All words, to be written; none when writes are watched.
    #[inline]
    pub(super) fn words_mut(&mut self) -> Words<'_> {
        Words { base: self.base, words: &mut self.words[..self.n_open] }
    }

    /// Where the `n` bytes from `at` are, all of which must exist: the first word, and how many bytes of it come before.
    fn place(&self, at: u64, n: usize) -> (usize, usize) {
        let offset = (at - self.base) as usize;
        debug_assert!((offset + n) as u64 <= self.mapped, "{n} bytes at {at:#x} of {:#x}", self.end());
        (offset / WORD, offset % WORD)
    }

    /// Reads the bytes from `at`; all of them must exist.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) {
        let (first, skip) = self.place(at, into.len());
        let (head, rest) = into.split_at_mut(if skip == 0 { 0 } else { (WORD - skip).min(into.len()) });
        let mut words = self.words[first..].iter();
        if !head.is_empty() {
            let word = words.next().expect("the bytes exist").to_le_bytes();
            head.copy_from_slice(&word[skip..skip + head.len()]);
        }
        let mut whole = rest.chunks_exact_mut(WORD);
        for (to, word) in whole.by_ref().zip(words.by_ref()) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        let tail = whole.into_remainder();
        if !tail.is_empty() {
            let word = words.next().expect("the bytes exist").to_le_bytes();
            tail.copy_from_slice(&word[..tail.len()]);
        }
    }

    /// Writes the bytes from `at`; all of them must exist.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        let (first, skip) = self.place(at, bytes.len());
        let (head, rest) = bytes.split_at(if skip == 0 { 0 } else { (WORD - skip).min(bytes.len()) });
        let mut words = self.words[first..].iter_mut();
        if !head.is_empty() {
            overwrite(words.next().expect("the bytes exist"), skip, head);
        }
        let whole = rest.chunks_exact(WORD);
        let tail = whole.remainder();
        for (from, word) in whole.zip(words.by_ref()) {
            *word = u64::from_le_bytes(from.try_into().expect("a chunk of a word's bytes"));
        }
        if !tail.is_empty() {
            overwrite(words.next().expect("the bytes exist"), 0, tail);
        }
    }

    /// Copies `bytes` bytes within the run, all of which must exist, as `memmove` does. False, and nothing happens, when
    /// they do not begin and end with words.
    pub(super) fn copy(&mut self, from: u64, to: u64, bytes: u64) -> bool {
        let is_whole = (from | to | bytes).is_multiple_of(WORD as u64);
        if is_whole {
            let n = bytes as usize / WORD;
            let ((from, _), (to, _)) = (self.place(from, bytes as usize), self.place(to, bytes as usize));
            self.words.copy_within(from..from + n, to);
        }
        is_whole
    }

    /// Sets `bytes` bytes from `at`; pages that are zero already are not touched to become zero.
    pub(super) fn fill(&mut self, at: u64, value: u8, bytes: u64) {
        let (mut at, end) = (at, at + bytes);
        let buffer = [value; WORD];
        while at < end && !at.is_multiple_of(WORD as u64) {
            self.write(at, &buffer[..1]);
            at += 1;
        }
        let n = (end - at) as usize / WORD;
        let (first, _) = self.place(at, n * WORD);
        for part in self.words[first..first + n].chunks_mut(PAGE_WORDS) {
            if value != 0 || part.iter().any(|&word| word != 0) {
                part.fill(u64::from_le_bytes(buffer));
            }
        }
        let done = (n * WORD) as u64;
        self.write(at + done, &buffer[..(end - at - done) as usize]);
    }

    /// The first `mapped` bytes exist from now on. New ones are zero, old ones are forgotten. False, and nothing
    /// happens, when the host has no room for them.
    pub(super) fn resize(&mut self, mapped: u64) -> bool {
        assert!(mapped.is_multiple_of(WORD as u64), "{mapped} bytes are not whole words");
        if mapped < self.mapped {
            self.fill(self.base + mapped, 0, self.mapped - mapped);
        } else if mapped as usize > self.words.len() * WORD {
            let n = (mapped as usize).next_power_of_two().max(self.storage_bytes_min) / WORD;
            if Vec::<u64>::new().try_reserve_exact(n).is_err() {
                return false;
            }
            self.words = self.copy_of_words(n);
        }
        self.mapped = mapped;
        self.n_words = (mapped / WORD as u64) as usize;
        self.n_open = if self.is_watched { 0 } else { self.n_words };
        true
    }

    /// What is mapped, in storage of `n` words. Pages of nothing are not written.
    fn copy_of_words(&self, n: usize) -> Vec<u64> {
        let mut words = vec![0; n];
        for (to, from) in words.chunks_mut(PAGE_WORDS).zip(self.words[..self.n_words].chunks(PAGE_WORDS)) {
            if from.iter().any(|&word| word != 0) {
                to[..from.len()].copy_from_slice(from);
            }
        }
        words
    }
}

impl Clone for Flat {
    fn clone(&self) -> Self {
        Flat { words: self.copy_of_words(self.words.len()), ..*self }
    }
}

/// The words of a run, to be read and written several at a time.
pub(crate) struct Words<'a> {
    base: u64,
    words: &'a mut [u64],
}

impl Words<'_> {
    /// The `N` words at `at`, a multiple of the word size, if all of them exist.
    #[inline]
    pub(crate) fn at<const N: usize>(&mut self, at: u64) -> Option<&mut [u64; N]> {
        self.words.get_mut(index(self.base, at)..)?.first_chunk_mut()
    }
}

/// Which word of a run that begins at `base` is at `at`; beyond all storage if `at` is outside or not a multiple of the
/// word size: such an address leaves its low bits at the top.
#[inline]
const fn index(base: u64, at: u64) -> usize {
    at.wrapping_sub(base).rotate_right(WORD.trailing_zeros()) as usize
}

/// Writes `bytes` into a word, after `skip` of its bytes.
fn overwrite(word: &mut u64, skip: usize, bytes: &[u8]) {
    let mut all = word.to_le_bytes();
    all[skip..skip + bytes.len()].copy_from_slice(bytes);
    *word = u64::from_le_bytes(all);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat() -> Flat {
        let mut flat = Flat::new(0x10_0000, SMALL_BYTES);
        assert!(flat.resize(0x2000));
        flat
    }

    #[test]
    fn bytes_at_any_place_are_read_as_they_were_written() {
        for skip in 0..9 {
            for n in 0..27 {
                let mut flat = flat();
                flat.fill(0x10_0000, 0xee, 0x2000);
                let bytes: Vec<u8> = (1..=n).collect();
                flat.write(0x10_0ff0 + skip, &bytes);
                let mut read = vec![0; bytes.len() + 2];
                flat.read(0x10_0ff0 + skip - 1, &mut read);
                assert_eq!(read[1..=bytes.len()], bytes, "{n} bytes, {skip} after a word");
                assert_eq!((read[0], read[bytes.len() + 1]), (0xee, 0xee), "{n} bytes, {skip} after a word");
            }
        }
    }

    #[test]
    fn a_fill_sets_its_own_bytes_only() {
        for (skip, n) in [(0, 16), (3, 2), (3, 5), (3, 21), (7, 0x1003), (0, 0)] {
            let mut flat = flat();
            flat.fill(0x10_0008 + skip, 7, n);
            let mut bytes = vec![9; n as usize + 2];
            flat.read(0x10_0007 + skip, &mut bytes);
            assert!(bytes[1..=n as usize].iter().all(|&byte| byte == 7), "{n} bytes, {skip} after a word");
            assert_eq!((bytes[0], bytes[n as usize + 1]), (0, 0), "{n} bytes, {skip} after a word");
        }
    }

    #[test]
    fn only_whole_words_that_exist_are_words() {
        let mut flat = flat();
        *flat.get_mut(0x10_1ff8).unwrap() = 5;
        assert_eq!(flat.get(0x10_1ff8), Some(5));
        for outside in [0x10_1ff4, 0x10_1fff, 0x10_2000, 0x0f_fff8, 0, u64::MAX] {
            assert_eq!(flat.get(outside), None, "{outside:#x}");
            assert!(flat.words_mut().at::<1>(outside).is_none(), "{outside:#x}");
        }
        assert_eq!(flat.words_mut().at(0x10_1ff0), Some(&mut [0, 5]));
        assert!(flat.words_mut().at::<3>(0x10_1ff0).is_none());
        assert!(Flat::new(0, SMALL_BYTES).words_mut().at::<1>(0).is_none());
    }
}
