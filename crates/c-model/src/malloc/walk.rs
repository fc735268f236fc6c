//! All chunks of a heap, in order of addresses, with what each is: for reports, never fast.

use memory_trait::{Address, Outcome, ThreadId};
use rustc_hash::FxHashMap;

use super::chunk::{FD, HEADER_BYTES, IS_MMAPPED, MIN_CHUNK_BYTES, SIZE, heap, tcache};
use super::stop::{Check, Step, ensure};
use super::{ArenaState, Glibc, System};

/// What a part of the heap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A block that was handed out and not given back.
    Live,
    /// Of the allocator's own: a tcache structure, an arena, the head of a thread heap, a fence.
    Own,
    /// In the tcache of a thread.
    Tcache,
    /// In a fastbin.
    Fastbin,
    /// In the unsorted bin.
    Unsorted,
    /// In a small bin.
    SmallBin,
    /// In a large bin.
    LargeBin,
    /// The end of the arena's newest memory, from which new chunks are cut.
    Top,
}

/// A chunk, or what lies before the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it begins.
    pub start: Address,
    /// How long it is.
    pub bytes: u64,
    /// What it is.
    pub part: Part,
    /// The arena it belongs to, in the order of [`Glibc::arena_states`].
    pub arena: usize,
}

impl Extent {
    /// The first byte behind it.
    pub const fn end(&self) -> Address {
        Address(self.start.0 + self.bytes)
    }
}

impl<S: System> Glibc<S> {
    /// All chunks of all arenas in order of addresses; mapped ones are not in an arena.
    ///
    /// # Errors
    /// The fault that following a damaged heap is.
    pub fn extents(&self) -> Outcome<Vec<Extent>> {
        let states = self.arena_states()?;
        let mut parts = FxHashMap::default();
        for state in &states {
            let fast = state.fastbins.iter().flat_map(|(_, chunks)| chunks).map(|free| (free.chunk.0, Part::Fastbin));
            parts.extend(fast);
            for (index, chunks) in &state.bins {
                let part = match index {
                    1 => Part::Unsorted,
                    2..64 => Part::SmallBin,
                    _ => Part::LargeBin,
                };
                parts.extend(chunks.iter().map(|free| (free.chunk.0, part)));
            }
            parts.insert(state.top.0, Part::Top);
        }
        for thread in self.threads() {
            let bins = self.tcache_bins(thread)?;
            parts.extend(bins.iter().flat_map(|bin| &bin.blocks).map(|block| (block.0.wrapping_sub(FD), Part::Tcache)));
        }
        let own = self.threads.iter().filter(|thread| thread.tcache != 0);
        parts.extend(own.map(|thread| (thread.tcache - FD, Part::Own)));
        let extents = self.all_runs(&states, &parts);
        self.finish(extents, Address::NULL)
    }

    fn all_runs(&self, states: &[ArenaState], parts: &FxHashMap<u64, Part>) -> Step<Vec<Extent>> {
        let mut extents = Vec::new();
        for (arena, state) in states.iter().enumerate() {
            let top = state.top.0;
            if state.heaps.is_empty() {
                for &start in &self.segments {
                    self.run(start, u64::MAX, top, arena, parts, &mut extents)?;
                }
            }
            for (n, heap) in state.heaps.iter().enumerate() {
                let is_first = n + 1 == state.heaps.len();
                let head_bytes = if is_first {
                    (heap::BYTES + super::chunk::arena::BYTES).next_multiple_of(HEADER_BYTES)
                } else {
                    heap::BYTES
                };
                extents.push(Extent { start: heap.start, bytes: head_bytes, part: Part::Own, arena });
                let start = heap.start.0 + head_bytes;
                self.run(start, heap.start.0 + heap.bytes, top, arena, parts, &mut extents)?;
            }
        }
        extents.sort_unstable_by_key(|extent| extent.start);
        Ok(extents)
    }

    /// The chunks from `start` to top, to a fence or to `end`.
    fn run(
        &self,
        start: u64,
        end: u64,
        top: u64,
        arena: usize,
        parts: &FxHashMap<u64, Part>,
        extents: &mut Vec<Extent>,
    ) -> Step<()> {
        let mut at = start;
        loop {
            let bytes = self.size(at)?;
            let part = parts.get(&at).copied();
            if at != top && bytes < MIN_CHUNK_BYTES {
                // A fence: what is left of the run is the allocator's own.
                let bytes = if end == u64::MAX { 2 * HEADER_BYTES } else { end - at };
                extents.push(Extent { start: Address(at), bytes, part: Part::Own, arena });
                return Ok(());
            }
            let next = at.wrapping_add(bytes);
            ensure(next > at && next <= end, Check::Endless)?;
            extents.push(Extent { start: Address(at), bytes, part: part.unwrap_or(Part::Live), arena });
            if at == top {
                return Ok(());
            }
            at = next;
        }
    }

    /// The mapping that a block is in, start and length in bytes; `None` for a block of an arena.
    pub fn mapping_of(&self, block: Address) -> Option<(Address, u64)> {
        let chunk = block.0.wrapping_sub(FD);
        let head = self.head(chunk).ok().filter(|head| head & IS_MMAPPED != 0)?;
        let below = self.prev_size(chunk).ok()?;
        Some((Address(chunk.wrapping_sub(below)), below.wrapping_add(head & !7)))
    }

    /// Frees a block as if the tcache had no room for it: it can merge with its neighbours.
    ///
    /// # Errors
    /// As [`memory_trait::Allocator::free`].
    pub fn free_past_tcache(&mut self, block: Address) -> Outcome<()> {
        let count = std::mem::take(&mut self.parameters.tcache_count);
        let outcome = memory_trait::Allocator::free(self, block);
        self.parameters.tcache_count = count;
        outcome
    }

    /// Frees what is in the tcaches of all threads; the structures stay.
    ///
    /// # Errors
    /// The fault that a damaged heap is.
    pub fn flush_tcaches(&mut self) -> Outcome<()> {
        let count = std::mem::take(&mut self.parameters.tcache_count);
        let before = self.thread_id;
        let threads = self.threads();
        let flushed = threads.into_iter().try_for_each(|thread| self.flush_tcache(thread));
        memory_trait::Allocator::switch_thread(self, before);
        self.parameters.tcache_count = count;
        self.finish(flushed, Address::NULL)
    }

    fn flush_tcache(&mut self, thread: ThreadId) -> Step<()> {
        memory_trait::Allocator::switch_thread(self, thread);
        if self.tcache == 0 {
            return Ok(());
        }
        for index in 0..tcache::N_BINS {
            while self.tcache_count(index)? > 0 {
                let block = self.tcache_get(index)?;
                self.libc_free(block)?;
            }
        }
        Ok(())
    }

    /// Bytes between the start of a chunk and its block, as the program sees them.
    pub(crate) const fn block_of(extent: &Extent) -> Address {
        Address(extent.start.0 + FD)
    }
}

const _: () = assert!(SIZE + 8 == FD);
