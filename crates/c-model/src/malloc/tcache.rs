//! The thread cache: up to seven blocks of each small size, last in first out, without a look at their neighbours.
//!
//! The structure lives in a chunk of the thread's own arena; the blocks in it still count as in use for everybody else.
//! Mirrors glibc 2.36 `malloc/malloc.c:tcache_put` to `tcache_init`.

use crate::memory::Words;

use super::chunk::{self, ALIGNMENT, FD, HEADER_BYTES, IS_MMAPPED, NON_MAIN_ARENA, SIZE, mangle, tcache_index};
use super::rules::{Rule, rule};
use super::stop::{CHUNKS_MAX, Check, Step, ensure};
use super::{Glibc, System};

use chunk::tcache::{BYTES, COUNTS, ENTRIES, N_BINS};

/// The largest request that the cache can have a block for. Unit: bytes.
const CACHED_BYTES_MAX: u64 = 1032;
/// Words of the structure.
const WORDS: usize = BYTES as usize / 8;
/// Where the list heads are in it. Unit: words.
const ENTRY_WORDS: usize = ENTRIES as usize / 8;
/// A count, four of which are in a word.
const COUNT: u64 = 0xffff;

/// Where the count of a bin is in its word. Unit: bits.
#[inline]
const fn count_shift(index: usize) -> usize {
    16 * (index % 4)
}

impl<S: System> Glibc<S> {
    #[inline]
    pub(super) fn tcache_count(&self, index: u64) -> Step<u64> {
        Ok(u64::from(self.memory.load_u16(self.tcache + COUNTS + 2 * index)?))
    }

    #[inline]
    fn set_tcache_count(&mut self, index: u64, count: u64) -> Step<()> {
        Ok(self.memory.store_u16(self.tcache + COUNTS + 2 * index, count as u16)?)
    }

    /// Whether the bin of a chunk size exists, and which it is.
    #[inline]
    pub(super) fn tcache_bin(&self, chunk_bytes: u64) -> Option<u64> {
        let index = tcache_index(chunk_bytes);
        (self.tcache != 0 && index < self.parameters.tcache_bins).then_some(index)
    }

    /// Whether the bin has room for one more.
    #[inline]
    pub(super) fn tcache_has_room(&self, index: u64) -> Step<bool> {
        Ok(self.tcache_count(index)? < self.parameters.tcache_count)
    }

    /// Puts a chunk at the head of its bin.
    #[inline]
    pub(super) fn tcache_put(&mut self, chunk: u64, index: u64) -> Step<()> {
        let entry = chunk.wrapping_add(FD);
        if put(&mut self.memory.heap_words(), self.tcache, self.tcache_key, entry, index as usize).is_some() {
            return Ok(());
        }
        let head = self.tcache + ENTRIES + 8 * index;
        self.store(entry.wrapping_add(8), self.tcache_key)?;
        let next = self.load(head)?;
        self.store(entry, mangle(entry, next))?;
        self.store(head, entry)?;
        let count = self.tcache_count(index)?;
        self.set_tcache_count(index, count.wrapping_add(1))
    }

    /// Takes the block at the head of a bin that has one.
    #[inline]
    pub(super) fn tcache_get(&mut self, index: u64) -> Step<u64> {
        let head = self.tcache + ENTRIES + 8 * index;
        let entry = self.load(head)?;
        ensure(entry.is_multiple_of(16), Check::TcacheUnaligned)?;
        let next = mangle(entry, self.load(entry)?);
        self.store(head, next)?;
        let count = self.tcache_count(index)?;
        self.set_tcache_count(index, count.wrapping_sub(1))?;
        self.store(entry.wrapping_add(8), 0)?;
        Ok(entry)
    }

    /// `malloc` of a block that the cache has: the block, and the size field of its chunk. `None`, and nothing has
    /// happened, when the cache has none or anything is not as it almost always is.
    #[inline]
    pub(super) fn take_cached(&mut self, request_bytes: u64) -> Option<(u64, u64)> {
        if request_bytes > CACHED_BYTES_MAX || !rule(Rule::TcacheServesMalloc) {
            return None;
        }
        let index = ((request_bytes + HEADER_BYTES - SIZE + ALIGNMENT - 1) >> 4).saturating_sub(2);
        if index >= self.parameters.tcache_bins {
            return None;
        }
        let (index, tcache) = (index as usize, self.tcache);
        let mut words = self.memory.heap_words();
        let bins: &[u64; WORDS] = words.at(tcache)?;
        let entry = bins[ENTRY_WORDS + index];
        if bins[index / 4] >> count_shift(index) & COUNT == 0 || !entry.is_multiple_of(ALIGNMENT) {
            return None;
        }
        let &[_, head, next, _] = words.at(entry.wrapping_sub(FD))?;
        // The pages are marked already: there is something in each.
        let bins: &mut [u64; WORDS] = words.at_mut(tcache)?;
        bins[ENTRY_WORDS + index] = mangle(entry, next);
        bins[index / 4] -= 1 << count_shift(index);
        let [_, key]: &mut [u64; 2] = words.at_mut(entry)?;
        *key = 0;
        Some((entry, head))
    }

    /// `free` of a block that goes to the cache: the size field of its chunk. `None`, and nothing has happened, when
    /// the cache has no room or anything is not as it almost always is.
    #[inline]
    pub(super) fn put_cached(&mut self, block: u64) -> Option<u64> {
        let (tcache, tcache_key) = (self.tcache, self.tcache_key);
        let mut words = self.memory.heap_words();
        let &[_, head, _, key] = words.at(block.wrapping_sub(FD))?;
        let index = (head / ALIGNMENT).wrapping_sub(2);
        let is_usual = rule(Rule::FreeFillsTcache)
            && head & (IS_MMAPPED | NON_MAIN_ARENA | SIZE) == 0
            && block.is_multiple_of(ALIGNMENT);
        if !is_usual || index >= self.parameters.tcache_bins.min(N_BINS) || key == tcache_key {
            return None;
        }
        let index = index as usize;
        let bins: &[u64; WORDS] = words.at(tcache)?;
        let count = bins[index / 4] >> count_shift(index) & COUNT;
        if count >= self.parameters.tcache_count {
            return None;
        }
        put(&mut words, tcache, tcache_key, block, index)?;
        Some(head)
    }

    /// A block that carries the key is about to be freed: is it in the bin already, or is it a coincidence?
    #[cold]
    pub(super) fn check_double_free(&self, entry: u64, index: u64) -> Step<()> {
        let mut in_bin = self.load(self.tcache + ENTRIES + 8 * index)?;
        let mut n = 0;
        while in_bin != 0 {
            ensure(n < self.parameters.tcache_count, Check::FreeTcacheMany)?;
            ensure(in_bin.is_multiple_of(16), Check::FreeTcacheUnaligned)?;
            ensure(in_bin != entry, Check::TcacheDouble)?;
            in_bin = mangle(in_bin, self.load(in_bin)?);
            n += 1;
        }
        Ok(())
    }

    /// Makes the current thread's tcache, unless it has one: `MAYBE_INIT_TCACHE`.
    #[inline]
    pub(super) fn need_tcache(&mut self) -> Step<()> {
        if self.tcache == 0 { self.make_tcache() } else { Ok(()) }
    }

    #[cold]
    fn make_tcache(&mut self) -> Step<()> {
        if self.threads[self.thread].tcache_shutting_down {
            return Ok(());
        }
        self.system.maps_for_itself(true);
        let mut av = self.arena_get(BYTES)?;
        let mut block = self.int_malloc(av, BYTES)?;
        if block == 0 && av != 0 {
            av = self.arena_get_retry(av, BYTES)?;
            block = self.int_malloc(av, BYTES)?;
        }
        self.system.maps_for_itself(false);
        if block != 0 {
            self.memory.fill(block, 0, BYTES)?;
            self.statistics.own_bytes += self.size(block - FD)?;
            self.threads[self.thread].tcache = block;
            self.tcache = block;
        }
        Ok(())
    }

    /// The current thread ends: its blocks go back to the arenas, then the structure itself.
    pub(super) fn tcache_shutdown(&mut self) -> Step<()> {
        let tcache = self.tcache;
        self.threads[self.thread].tcache_shutting_down = true;
        if tcache == 0 || !rule(Rule::ExitFreesTcache) {
            return Ok(());
        }
        self.threads[self.thread].tcache = 0;
        self.tcache = 0;
        for index in 0..N_BINS {
            let index = if rule(Rule::ExitFreesBinsInOrder) { index } else { N_BINS - 1 - index };
            let head = tcache + ENTRIES + 8 * index;
            for n in 0.. {
                let entry = self.load(head)?;
                if entry == 0 {
                    break;
                }
                ensure(n < CHUNKS_MAX, Check::Endless)?;
                ensure(entry.is_multiple_of(16), Check::TcacheShutdownUnaligned)?;
                let next = mangle(entry, self.load(entry)?);
                self.store(head, next)?;
                self.libc_free(entry)?;
            }
        }
        self.statistics.own_bytes -= self.size(tcache - FD)?;
        if rule(Rule::ExitFreesStructure) { self.libc_free(tcache) } else { Ok(()) }
    }
}

/// `tcache_put` where block and structure are of the main heap. `None`, and nothing has happened, when they are not.
#[inline]
fn put(words: &mut Words<'_>, tcache: u64, tcache_key: u64, block: u64, index: usize) -> Option<()> {
    let bins: &[u64; WORDS] = words.at(tcache)?;
    let is_empty = bins[index / 4] >> count_shift(index) & COUNT == 0;
    // The block may be one that a program has forged inside the structure: all happens in glibc's order.
    let [_, key]: &mut [u64; 2] = words.at_mut(block).filter(|_| block.is_multiple_of(ALIGNMENT))?;
    *key = tcache_key;
    words.mark(block);
    let bins: &[u64; WORDS] = words.at(tcache)?;
    let next = bins[ENTRY_WORDS + index];
    let [link]: &mut [u64; 1] = words.at_mut(block)?;
    *link = mangle(block, next);
    if next == 0 || is_empty {
        words.mark(tcache);
        words.mark(tcache + BYTES - 8);
    }
    let bins: &mut [u64; WORDS] = words.at_mut(tcache)?;
    bins[ENTRY_WORDS + index] = block;
    let counts = &mut bins[index / 4];
    let count = (*counts >> count_shift(index)) & COUNT;
    *counts = *counts & !(COUNT << count_shift(index)) | ((count + 1) & COUNT) << count_shift(index);
    Some(())
}
