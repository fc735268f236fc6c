//! Which object the reference at an address was made from.
//!
//! A C pointer is an address and, in the language's own rules, a provenance: the object it may be used for. The address
//! is in emulated memory; the provenance is here, a key for each word that a reference was written to. It is believed
//! only as long as the bytes still are the address of that object: whoever overwrites them takes it away.

use memory_trait::ObjectKey;

use super::paged::{PAGE_SHIFT, Paged, parts};

const WORDS: usize = 1 << (PAGE_SHIFT - 3);

#[derive(Clone, Debug)]
struct Page(Box<[ObjectKey; WORDS]>);

impl Default for Page {
    fn default() -> Self {
        Page(Box::new([ObjectKey::default(); WORDS]))
    }
}

/// A key for each word of memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provenance {
    paged: Paged<Page>,
}

const fn word(at: u64) -> usize {
    (at >> 3) as usize % WORDS
}

impl Provenance {
    /// The key of the word at `at`; the null key where no reference was written.
    #[inline]
    pub(crate) fn get(&mut self, at: u64) -> ObjectKey {
        self.paged.get(at).map_or_else(ObjectKey::default, |page| page.0[word(at)])
    }

    /// Sets the key of the word at `at`.
    #[inline]
    pub(crate) fn set(&mut self, at: u64, key: ObjectKey) {
        self.paged.make(at).0[word(at)] = key;
    }

    /// Forgets the key of the word at `at`.
    #[inline]
    pub(crate) fn forget(&mut self, at: u64) {
        if let Some(page) = self.paged.get(at) {
            page.0[word(at)] = ObjectKey::default();
        }
    }

    /// Forgets the keys of `bytes` bytes from `at`.
    pub(crate) fn clear(&mut self, at: u64, bytes: u64) {
        for (start, n) in parts(at, bytes) {
            if let Some(page) = self.paged.get(start) {
                page.0[word(start)..=word(start + n - 1)].fill(ObjectKey::default());
            }
        }
    }

    /// Copies the keys of `n_words` words from `from` to `to`, as a copy of the bytes does.
    pub(crate) fn copy(&mut self, from: u64, to: u64, n_words: u64) {
        for index in 0..n_words {
            let key = self.get(from + 8 * index);
            self.set(to + 8 * index, key);
        }
    }

    /// The keys of `n_words` words from `at`.
    pub(crate) fn slice(&mut self, at: u64, n_words: u64) -> Vec<ObjectKey> {
        (0..n_words).map(|index| self.get(at + 8 * index)).collect()
    }

    /// Sets the keys of words from `at`.
    pub(crate) fn paste(&mut self, at: u64, keys: &[ObjectKey]) {
        for (index, &key) in keys.iter().enumerate() {
            let at = at + 8 * index as u64;
            if key == ObjectKey::default() { self.forget(at) } else { self.set(at, key) }
        }
    }

    /// All keys that are kept somewhere, null ones left out.
    pub(crate) fn keys(&self) -> impl Iterator<Item = ObjectKey> {
        let null = ObjectKey::default();
        self.paged.pages().flat_map(|page| page.0.iter().copied()).filter(move |&key| key != null)
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
