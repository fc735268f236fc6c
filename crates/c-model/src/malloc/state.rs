//! The allocator's state as one would print it: arenas, bins, free lists. Read from emulated memory, for reports and
//! comparisons; never fast.

use memory_trait::{Address, Outcome, ThreadId};

use super::chunk::tcache::{COUNTS, ENTRIES, N_BINS};
use super::chunk::{FD, arena, bin_at, heap, mangle};
use super::stop::{Check, Step, ensure};
use super::{Glibc, System};

/// A free chunk in a bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeChunk {
    /// Address of the chunk: its user address less 16.
    pub chunk: Address,
    /// The size field with its flags.
    pub head: u64,
}

/// A heap of a thread's arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapState {
    /// Where it begins: a multiple of 64 MiB.
    pub start: Address,
    /// Bytes of it that are in use.
    pub bytes: u64,
    /// Bytes of it that can be accessed.
    pub accessible_bytes: u64,
}

/// One arena.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArenaState {
    /// Address of its `malloc_state`.
    pub arena: Address,
    /// Bytes from the operating system now.
    pub system_mem: u64,
    /// The most there were.
    pub max_system_mem: u64,
    /// The top chunk.
    pub top: Address,
    /// The size field of top.
    pub top_head: u64,
    /// The remainder of the last small split; may be stale. NULL: none yet.
    pub last_remainder: Address,
    /// Whether anything may be in the fastbins.
    pub has_fast_chunks: bool,
    /// Bins that may hold something, bin 0 in bit 0.
    pub binmap: u128,
    /// Fastbins that are not empty: index, chunks from the head.
    pub fastbins: Vec<(u64, Vec<FreeChunk>)>,
    /// Bins that are not empty: index (1: unsorted), chunks from the newest.
    pub bins: Vec<(u64, Vec<FreeChunk>)>,
    /// The heaps of a thread's arena, the newest first; none for the main arena.
    pub heaps: Vec<HeapState>,
}

/// A tcache bin that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcacheBin {
    /// Its number; it holds chunks of 32 + 16 x index bytes.
    pub index: u64,
    /// How many blocks the structure says there are.
    pub count: u64,
    /// The blocks from the head: user addresses.
    pub blocks: Vec<Address>,
}

impl<S: System> Glibc<S> {
    /// All arenas: the main one, then the newest first. Empty before the first call.
    ///
    /// # Errors
    /// The fault that following a damaged list is.
    pub fn arena_states(&self) -> Outcome<Vec<ArenaState>> {
        if !self.is_initialised {
            return Ok(Vec::new());
        }
        let states = self.arenas().and_then(|arenas| arenas.into_iter().map(|av| self.arena_state(av)).collect());
        self.finish(states, Address::NULL)
    }

    /// The threads that have called and are not gone, ascending.
    pub fn threads(&self) -> Vec<ThreadId> {
        let mut threads: Vec<u32> = self.thread_index.keys().copied().collect();
        threads.sort_unstable();
        threads.into_iter().map(ThreadId).collect()
    }

    /// The bins of a thread's tcache that are not empty; none for a thread that never called.
    ///
    /// # Errors
    /// The fault that following a damaged list is.
    pub fn tcache_bins(&self, thread: ThreadId) -> Outcome<Vec<TcacheBin>> {
        let tcache = self.thread_index.get(&thread.0).map_or(0, |&index| self.threads[index].tcache);
        let bins = self.read_tcache(tcache);
        self.finish(bins, Address::NULL)
    }

    /// Chunks in the bins of all arenas, in the words of a difference report: `f3 5 chunks, b1 2 chunks`.
    pub fn describe_bin(&self, chunk_bytes: u64) -> String {
        use std::fmt::Write;
        let mut text = String::new();
        let index = super::chunk::tcache_index(chunk_bytes.max(super::chunk::MIN_CHUNK_BYTES));
        let Ok(arenas) = self.arena_states() else { return "the free lists are damaged".to_owned() };
        if let Ok(bins) = self.tcache_bins(self.thread_id)
            && let Some(bin) = bins.iter().find(|bin| bin.index == index)
        {
            let _ = write!(text, "tcache[{index}]: {} blocks, first {}; ", bin.count, bin.blocks[0]);
        }
        let bin = super::chunk::bin_index(chunk_bytes);
        for (number, state) in arenas.iter().enumerate() {
            let _ = write!(text, "arena {number}: top {} of {:#x}", state.top, state.top_head & !7);
            let fast = state.fastbins.iter().filter(|(i, _)| *i == super::chunk::fastbin_index(chunk_bytes));
            for (i, chunks) in fast {
                let _ = write!(text, ", fastbin {i}: {} chunks, first {}", chunks.len(), chunks[0].chunk);
            }
            for (i, chunks) in state.bins.iter().filter(|(i, _)| *i == 1 || *i >= bin).take(3) {
                let last = chunks[chunks.len() - 1];
                let _ =
                    write!(text, ", bin {i}: {} chunks, oldest {} of {:#x}", chunks.len(), last.chunk, last.head & !7);
            }
            text.push_str("; ");
        }
        text.truncate(text.trim_end_matches("; ").len());
        text
    }

    fn arena_state(&self, av: u64) -> Step<ArenaState> {
        let limit = (self.system_mem(av)? / 16 + 1) as usize;
        let mut fastbins = Vec::new();
        for index in 0..arena::N_FASTBINS {
            let mut chunks = Vec::new();
            let mut chunk = self.load(av + arena::FASTBINS + 8 * index)?;
            while chunk != 0 {
                chunks.push(FreeChunk { chunk: Address(chunk), head: self.head(chunk)? });
                ensure(chunks.len() <= limit, Check::Endless)?;
                chunk = mangle(chunk.wrapping_add(FD), self.fd(chunk)?);
            }
            if !chunks.is_empty() {
                fastbins.push((index, chunks));
            }
        }
        let mut bins = Vec::new();
        for index in 1..arena::N_BINS {
            let mut chunks = Vec::new();
            let bin = bin_at(av, index);
            let mut chunk = self.fd(bin)?;
            while chunk != bin {
                chunks.push(FreeChunk { chunk: Address(chunk), head: self.head(chunk)? });
                ensure(chunks.len() <= limit, Check::Endless)?;
                chunk = self.fd(chunk)?;
            }
            if !chunks.is_empty() {
                bins.push((index, chunks));
            }
        }
        let mut binmap = 0;
        for word in 0..arena::N_BINMAP_WORDS {
            binmap |= u128::from(self.binmap(av, word)?) << (32 * word);
        }
        let top = self.top(av)?;
        Ok(ArenaState {
            arena: Address(av),
            system_mem: self.system_mem(av)?,
            max_system_mem: self.load(av + arena::MAX_SYSTEM_MEM)?,
            top: Address(top),
            top_head: self.head(top)?,
            last_remainder: Address(self.load(av + arena::LAST_REMAINDER)?),
            has_fast_chunks: self.has_fast_chunks(av)?,
            binmap,
            fastbins,
            bins,
            heaps: self.heaps(av, top)?,
        })
    }

    /// The heaps of an arena, the newest first.
    fn heaps(&self, av: u64, top: u64) -> Step<Vec<HeapState>> {
        let mut heaps = Vec::new();
        let mut start = if av == self.main_arena { 0 } else { Self::heap_of(top) };
        while start != 0 {
            heaps.push(HeapState {
                start: Address(start),
                bytes: self.load(start + heap::SIZE)?,
                accessible_bytes: self.load(start + heap::MPROTECT_SIZE)?,
            });
            ensure(heaps.len() < 1 << 20, Check::Endless)?;
            start = self.load(start + heap::PREV)?;
        }
        Ok(heaps)
    }

    fn read_tcache(&self, tcache: u64) -> Step<Vec<TcacheBin>> {
        let mut bins = Vec::new();
        if tcache == 0 {
            return Ok(bins);
        }
        for index in 0..N_BINS {
            let count = u64::from(self.memory.load_u16(tcache + COUNTS + 2 * index)?);
            let mut blocks = Vec::new();
            let mut entry = self.load(tcache + ENTRIES + 8 * index)?;
            while entry != 0 {
                blocks.push(entry);
                ensure(blocks.len() < 1 << 16, Check::Endless)?;
                entry = mangle(entry, self.load(entry)?);
            }
            if count != 0 || !blocks.is_empty() {
                bins.push(TcacheBin { index, count, blocks: blocks.into_iter().map(Address).collect() });
            }
        }
        Ok(bins)
    }
}
