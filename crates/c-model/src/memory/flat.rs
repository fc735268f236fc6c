//! A run of bytes with a fixed start that grows and shrinks at its end: the heap below the break, a thread's heap.
//!
//! Stored as words, since all that an allocator reads and writes are words at multiples of eight: one comparison tells
//! whether such a word exists. The host's storage is asked for zeroed and in doubling steps, and a page that nobody has
//! written is never looked at: what the emulated program maps and does not touch costs the host address space and no
//! memory.

use super::PAGE_BYTES;

/// The storage that a small run begins with. Unit: bytes.
pub(super) const SMALL_BYTES: usize = 1 << 18;

/// The storage that a run begins with that is likely to grow: so much that it is rarely copied, and more than any host's
/// allocator keeps for itself, so that it is fresh and costs nothing until it is written. Unit: bytes.
pub(super) const LARGE_BYTES: usize = 64 << 20;

/// Bytes of a word.
pub(super) const WORD: usize = 8;

/// Words of storage in front of the first that is used. Where the host's allocator is glibc, large storage begins 16
/// bytes into a page; so a page of the run is a page of the host's. Unit: words.
const SKIP: usize = (PAGE_BYTES as usize - 16) / WORD;

/// Words of a page.
const PAGE_WORDS: usize = PAGE_BYTES as usize / WORD;

/// Bytes from `base` on, of which the first `mapped` exist.
#[derive(Debug)]
pub(super) struct Flat {
    /// A multiple of the page size.
    base: u64,
    /// A multiple of the page size.
    mapped: u64,
    /// The same in words.
    n_words: usize,
    is_watched: bool,
    storage_bytes_min: usize,
    /// At least `mapped` bytes; all beyond them are zero.
    words: Vec<u64>,
    /// Of each page that exists, whether it may hold anything but zeroes.
    is_written: Vec<bool>,
}

impl Flat {
    /// An empty run that begins with the page of `at`.
    pub(super) const fn new(at: u64, storage_bytes_min: usize) -> Self {
        Flat {
            base: at & !(PAGE_BYTES - 1),
            mapped: 0,
            n_words: 0,
            is_watched: false,
            storage_bytes_min,
            words: Vec::new(),
            is_written: Vec::new(),
        }
    }

    /// From now on [`Flat::get_mut`] has nothing, so that whoever writes takes the way on which writes are seen.
    pub(super) const fn watch(&mut self) {
        self.is_watched = true;
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
        if index < self.n_words { self.words.get(SKIP + index).copied() } else { None }
    }

    /// The word at `at`, a multiple of the word size, to be written, if writes are not watched.
    #[inline]
    pub(super) fn get_mut(&mut self, at: u64) -> Option<&mut u64> {
        let index = self.index(at);
        *self.is_written.get_mut(index / PAGE_WORDS).filter(|_| !self.is_watched)? = true;
        self.words.get_mut(SKIP + index)
    }

    /// Two words at `at`, a multiple of the word size, if both exist, in one page.
    #[inline]
    pub(super) fn pair(&self, at: u64) -> Option<[u64; 2]> {
        let index = self.index(at);
        if index < self.n_words && index % PAGE_WORDS != PAGE_WORDS - 1 {
            self.words.get(SKIP + index..)?.first_chunk().copied()
        } else {
            None
        }
    }

    /// The same, to be written, if writes are not watched.
    #[inline]
    pub(super) fn pair_mut(&mut self, at: u64) -> Option<&mut [u64; 2]> {
        let index = self.index(at);
        if index % PAGE_WORDS == PAGE_WORDS - 1 {
            return None;
        }
        *self.is_written.get_mut(index / PAGE_WORDS).filter(|_| !self.is_watched)? = true;
        self.words.get_mut(SKIP + index..)?.first_chunk_mut()
    }

    /// All words, to be written; none when writes are watched.
    #[inline]
    pub(super) fn words_mut(&mut self) -> Words<'_> {
        let n_words = if self.is_watched { 0 } else { self.n_words };
        let storage = self.words.get_mut(SKIP..SKIP + n_words).unwrap_or_default();
        Words { base: self.base, storage, is_written: &mut self.is_written }
    }

    /// Where the `n` bytes from `at` are, all of which must exist: the first word of storage, and how many bytes of it
    /// come before.
    fn place(&self, at: u64, n: usize) -> (usize, usize) {
        let offset = (at - self.base) as usize;
        debug_assert!((offset + n) as u64 <= self.mapped, "{n} bytes at {at:#x} of {:#x}", self.end());
        (SKIP + offset / WORD, offset % WORD)
    }

    /// Reads the bytes from `at`; all of them must exist.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) {
        let (first, skip) = self.place(at, into.len());
        read_words(&self.words[first..], skip, into);
    }

    /// Writes the bytes from `at`; all of them must exist.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        let (first, skip) = self.place(at, bytes.len());
        self.mark(first, (skip + bytes.len()).div_ceil(WORD));
        write_words(&mut self.words[first..], skip, bytes);
    }

    /// Copies `bytes` bytes within the run, all of which must exist, as `memmove` does. False, and nothing happens, when
    /// they do not begin and end with words.
    pub(super) fn copy(&mut self, from: u64, to: u64, bytes: u64) -> bool {
        let is_whole = (from | to | bytes).is_multiple_of(WORD as u64);
        if is_whole {
            let n = bytes as usize / WORD;
            let ((from, _), (to, _)) = (self.place(from, bytes as usize), self.place(to, bytes as usize));
            self.mark(to, n);
            self.words.copy_within(from..from + n, to);
        }
        is_whole
    }

    /// Words are about to be written.
    fn mark(&mut self, first: usize, n: usize) {
        if n > 0 {
            self.is_written[(first - SKIP) / PAGE_WORDS..=(first - SKIP + n - 1) / PAGE_WORDS].fill(true);
        }
    }

    /// Sets words to zero; pages that are zero already are not touched to become zero.
    fn clear(&mut self, first: usize, end: usize) {
        let mut at = first;
        while at < end {
            let page = (at - SKIP) / PAGE_WORDS;
            let part = at..end.min(SKIP + (page + 1) * PAGE_WORDS);
            at = part.end;
            if self.is_written[page] {
                self.is_written[page] = part.len() < PAGE_WORDS;
                self.words[part].fill(0);
            }
        }
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
        if value == 0 {
            self.clear(first, first + n);
        } else {
            self.mark(first, n);
            self.words[first..first + n].fill(u64::from_le_bytes(buffer));
        }
        let done = (n * WORD) as u64;
        self.write(at + done, &buffer[..(end - at - done) as usize]);
    }

    /// The first `mapped` bytes exist from now on, and all of the last page. New ones are zero, old ones are forgotten.
    /// False, and nothing happens, when the host has no room for them.
    pub(super) fn resize(&mut self, mapped: u64) -> bool {
        let mapped = mapped.next_multiple_of(PAGE_BYTES);
        if mapped < self.mapped {
            self.fill(self.base + mapped, 0, self.mapped - mapped);
        } else if mapped as usize > self.words.len().saturating_sub(SKIP) * WORD {
            let n = (mapped as usize).next_power_of_two().max(self.storage_bytes_min) / WORD;
            if Vec::<u64>::new().try_reserve_exact(SKIP + n).is_err() {
                return false;
            }
            self.words = self.copy_of_words(n);
        }
        self.mapped = mapped;
        self.n_words = (mapped / WORD as u64) as usize;
        self.is_written.resize((mapped / PAGE_BYTES) as usize, false);
        true
    }

    /// What is mapped, in storage for `n` words. Pages of nothing are not written.
    fn copy_of_words(&self, n: usize) -> Vec<u64> {
        let mut words = vec![0; SKIP + n];
        let old = self.words.get(SKIP..).unwrap_or_default();
        let pages = words[SKIP..].chunks_mut(PAGE_WORDS).zip(old[..self.n_words].chunks(PAGE_WORDS));
        for ((to, from), _) in pages.zip(&self.is_written).filter(|(_, is_written)| **is_written) {
            to[..from.len()].copy_from_slice(from);
        }
        words
    }
}

impl Clone for Flat {
    fn clone(&self) -> Self {
        Flat {
            words: self.copy_of_words(self.words.len().saturating_sub(SKIP)),
            is_written: self.is_written.clone(),
            ..*self
        }
    }
}

/// The words of a run, to be read and written several at a time.
pub(crate) struct Words<'a> {
    base: u64,
    storage: &'a mut [u64],
    is_written: &'a mut [bool],
}

impl Words<'_> {
    /// The `N` words at `at`, a multiple of the word size, if all of them exist.
    #[inline]
    pub(crate) fn at<const N: usize>(&self, at: u64) -> Option<&[u64; N]> {
        self.storage.get(index(self.base, at)..)?.first_chunk()
    }

    /// The `N` words at `at`, a multiple of the word size, to be written, if all of them exist. Who makes a word other
    /// than zero that was zero has to [`mark`](Words::mark) it.
    #[inline]
    pub(crate) fn at_mut<const N: usize>(&mut self, at: u64) -> Option<&mut [u64; N]> {
        self.storage.get_mut(index(self.base, at)..)?.first_chunk_mut()
    }

    /// The page of `at` may hold something from now on.
    #[inline]
    pub(crate) fn mark(&mut self, at: u64) {
        if let Some(is_written) = self.is_written.get_mut(index(self.base, at) / PAGE_WORDS) {
            *is_written = true;
        }
    }
}

/// Which word of a run that begins at `base` is at `at`; beyond all storage if `at` is outside or not a multiple of the
/// word size: such an address leaves its low bits at the top.
#[inline]
pub(super) const fn index(base: u64, at: u64) -> usize {
    at.wrapping_sub(base).rotate_right(WORD.trailing_zeros()) as usize
}

/// Reads bytes of words, after `skip` bytes of the first.
pub(super) fn read_words(words: &[u64], skip: usize, into: &mut [u8]) {
    let (head, rest) = into.split_at_mut(if skip == 0 { 0 } else { (WORD - skip).min(into.len()) });
    let mut words = words.iter();
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

/// Writes bytes into words, after `skip` bytes of the first.
pub(super) fn write_words(words: &mut [u64], skip: usize, bytes: &[u8]) {
    let (head, rest) = bytes.split_at(if skip == 0 { 0 } else { (WORD - skip).min(bytes.len()) });
    let mut words = words.iter_mut();
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
    fn pages_that_nobody_has_written_are_not_looked_at_when_they_go() {
        let mut flat = Flat::new(0x10_0000, SMALL_BYTES);
        let n_written = |flat: &Flat| flat.is_written.iter().filter(|&&is_written| is_written).count();
        assert!(flat.resize(0x20_0000));
        *flat.get_mut(0x10_5008).unwrap() = 1;
        *flat.words_mut().at_mut(0x10_8ff8).unwrap() = [2, 3];
        flat.words_mut().mark(0x10_8ff8);
        flat.words_mut().mark(0x10_9000);
        flat.write(0x18_0fff, &[4]);
        assert!(flat.copy(0x10_5000, 0x19_0000, 16));
        assert_eq!(n_written(&flat), 5, "one where a write ends, two where words cross a boundary");
        let copy = flat.clone();
        assert!(flat.resize(0x1000) && flat.resize(0x20_0000));
        assert_eq!(n_written(&flat), 0);
        for at in [0x10_5008, 0x10_8ff8, 0x10_9000, 0x18_0ff8, 0x19_0008] {
            assert_eq!(flat.get(at), Some(0), "{at:#x}");
            assert_ne!(copy.get(at), Some(0), "{at:#x}");
        }
    }

    #[test]
    fn only_whole_words_that_exist_are_words() {
        let mut flat = flat();
        *flat.get_mut(0x10_1ff8).unwrap() = 5;
        assert_eq!(flat.get(0x10_1ff8), Some(5));
        for outside in [0x10_1ff4, 0x10_1fff, 0x10_2000, 0x0f_fff8, 0, u64::MAX] {
            assert_eq!(flat.get(outside), None, "{outside:#x}");
            assert!(flat.words_mut().at_mut::<1>(outside).is_none(), "{outside:#x}");
        }
        assert_eq!(flat.words_mut().at_mut(0x10_1ff0), Some(&mut [0, 5]));
        assert!(flat.words_mut().at_mut::<3>(0x10_1ff0).is_none());
        assert!(Flat::new(0, SMALL_BYTES).words_mut().at_mut::<1>(0).is_none());
    }
}
