//! A whole-heap check: reads emulated memory as a debugger would, and shares no code with the allocator.
//!
//! A heap is sound when
//! 1. in each run of memory (the main heap, what follows a foreign `sbrk`, each thread heap) the chunks, followed by
//!    their sizes, end exactly at top or at a fence, and top ends where the memory ends;
//! 2. a chunk is free if the one behind it says so; then its size is repeated at its end, it carries no flag of a
//!    thread arena, and neither neighbour is free;
//! 3. each free chunk is in exactly one bin, in the one for its size; the bins are closed rings; large ones descend by
//!    size and their skip list has the first chunk of each size; the map of bins has a bit for each that is not empty;
//! 4. each chunk in a fastbin or tcache is a chunk in use of the right size, in one such list only; the counts are right;
//! 5. the bytes of each arena add up to what it says it has from the operating system;
//! 6. the chunks in use that are in no such list are as many, and take as many bytes, as blocks were handed out.

use std::fmt;

use memory_trait::Address;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Glibc, System};
use crate::memory::{Memory, RawMemory, Unmapped};

/// What is wrong with a heap, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The chunk, list head or arena concerned.
    pub at: Address,
    /// What does not hold.
    pub what: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

impl std::error::Error for Damage {}

impl From<Unmapped> for Damage {
    fn from(Unmapped(at): Unmapped) -> Self {
        Damage { at, what: "nothing is mapped here" }
    }
}

/// What was counted in a sound heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Chunks of blocks that are handed out, mapped ones not included.
    pub n_live: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// Chunks in bins.
    pub n_free: u64,
    /// Their bytes.
    pub free_bytes: u64,
    /// Chunks in fastbins and tcaches.
    pub n_cached: u64,
    /// Their bytes.
    pub cached_bytes: u64,
}

type Checked<T> = Result<T, Damage>;

fn hold(holds: bool, at: u64, what: &'static str) -> Checked<()> {
    if holds { Ok(()) } else { Err(Damage { at: Address(at), what }) }
}

/// A chunk that the walk came to.
struct Chunk {
    size: u64,
    arena: u64,
    is_free: bool,
    is_of_thread_arena: bool,
}

struct Walk<'a> {
    memory: &'a Memory,
    main_arena: u64,
    chunks: FxHashMap<u64, Chunk>,
    /// Chunks that were found in a list.
    listed: FxHashSet<u64>,
    census: Census,
}

impl<S: System> Glibc<S> {
    /// Checks the whole heap.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify(&self) -> Result<Census, Damage> {
        let mut walk = Walk {
            memory: &self.memory,
            main_arena: self.main_arena,
            chunks: FxHashMap::default(),
            listed: FxHashSet::default(),
            census: Census::default(),
        };
        if !self.is_initialised || self.parameters.sbrk_base == 0 {
            return Ok(walk.census);
        }
        let mut arena = self.main_arena;
        loop {
            if arena == self.main_arena {
                walk.main_heap(&self.segments, self.brk)?;
            } else {
                walk.thread_heaps(arena)?;
            }
            walk.bins(arena)?;
            walk.fastbins(arena)?;
            arena = walk.word(arena.wrapping_add(2160))?;
            if arena == self.main_arena {
                break;
            }
        }
        for thread in self.threads.iter().filter(|thread| thread.tcache != 0) {
            walk.tcache(thread.tcache, self.tcache_key)?;
        }
        let census = walk.count()?;
        let statistics = self.statistics();
        let n_mapped = self.parameters.n_mmaps as u64;
        hold(census.n_live + n_mapped == statistics.n_live, 0, "blocks are lost or were counted twice")?;
        let live_bytes = census.live_bytes + self.parameters.mmapped_mem;
        hold(live_bytes == statistics.live_bytes, 0, "bytes of blocks are lost or were counted twice")?;
        Ok(census)
    }
}

impl Walk<'_> {
    fn word(&self, at: u64) -> Checked<u64> {
        Ok(self.memory.read_u64(Address(at))?)
    }

    fn half(&self, at: u64) -> Checked<u64> {
        let mut bytes = [0; 4];
        self.memory.read(Address(at), &mut bytes)?;
        Ok(u64::from(u32::from_le_bytes(bytes)))
    }

    fn main_heap(&mut self, segments: &[u64], brk: u64) -> Checked<()> {
        let arena = self.main_arena;
        let top = self.word(arena + 96)?;
        for (i, &start) in segments.iter().enumerate() {
            let is_last = i + 1 == segments.len();
            self.run(arena, start, is_last.then_some(top))?;
        }
        let end = top.wrapping_add(self.word(top.wrapping_add(8))? & !7);
        let is_one_piece = self.half(arena + 4)? & 2 == 0;
        if is_one_piece {
            hold(end <= brk && end.is_multiple_of(4096), top, "top does not end where the memory ends")?;
            let system_bytes = self.word(arena + 2184)?;
            let first = segments.first().copied().unwrap_or(top);
            hold(end - (first & !4095) == system_bytes, arena, "the bytes of the arena do not add up")?;
        }
        Ok(())
    }

    fn thread_heaps(&mut self, arena: u64) -> Checked<()> {
        let top = self.word(arena + 96)?;
        let mut heap = top & !((64 << 20) - 1);
        let mut bytes = 0;
        let mut end_of_run = Some(top);
        loop {
            let (owner, previous) = (self.word(heap)?, self.word(heap.wrapping_add(8))?);
            let size = self.word(heap.wrapping_add(16))?;
            hold(owner == arena, heap, "a thread heap that belongs to another arena")?;
            hold(
                size <= self.word(heap.wrapping_add(24))? && size <= 64 << 20,
                heap,
                "a thread heap larger than what is accessible",
            )?;
            bytes += size;
            if end_of_run.is_some() {
                let end = top.wrapping_add(self.word(top.wrapping_add(8))? & !7);
                hold(end == heap + size, top, "top does not end where its heap ends")?;
            }
            let first = if previous == 0 { heap + 0x8d0 } else { heap + 0x30 };
            self.run(arena, first, end_of_run.take())?;
            if previous == 0 {
                break;
            }
            heap = previous;
        }
        hold(bytes == self.word(arena + 2184)?, arena, "the bytes of the arena do not add up")
    }

    /// Follows the chunks from `start` to `top`, or to a fence if top is elsewhere.
    fn run(&mut self, arena: u64, start: u64, top: Option<u64>) -> Checked<()> {
        let mut at = start;
        let mut is_previous_free = false;
        loop {
            let head = self.word(at + 8)?;
            let (size, is_previous_in_use) = (head & !7, head & 1 != 0);
            hold(is_previous_in_use != is_previous_free, at, "free, but not to its neighbour")?;
            let is_fence = size <= 16;
            if Some(at) == top {
                hold(head & 6 == 0, at, "top has a flag it cannot have")?;
                hold(!is_previous_free, at, "a free chunk in front of top")?;
                return Ok(());
            }
            if is_fence {
                return hold(top.is_none(), at, "a fence before top");
            }
            hold(size >= 32 && size.is_multiple_of(16), at, "a size that no chunk has")?;
            hold(head & 2 == 0, at, "a mapped chunk inside the heap")?;
            let next = at.wrapping_add(size);
            hold(next > at && top.is_none_or(|top| next <= top), at, "a chunk that reaches beyond top")?;
            let is_free = self.word(next.wrapping_add(8))? & 1 == 0;
            if is_free {
                hold(is_previous_in_use, at, "two free chunks side by side")?;
                hold(head & 4 == 0, at, "a free chunk with the flag of a thread arena")?;
                hold(self.word(next)? == size, at, "the size at the end of a free chunk is another")?;
            }
            let is_of_thread_arena = head & 4 != 0;
            self.chunks.insert(at, Chunk { size, arena, is_free, is_of_thread_arena });
            is_previous_free = is_free;
            at = next;
        }
    }

    /// A chunk that a list leads to.
    fn listed(&mut self, arena: Option<u64>, at: u64, is_free: bool) -> Checked<u64> {
        let Some(chunk) = self.chunks.get(&at) else {
            return Err(Damage { at: Address(at), what: "a list leads here, where no chunk begins" });
        };
        hold(chunk.is_free == is_free, at, "in a list that is not for it")?;
        hold(arena.is_none_or(|arena| arena == chunk.arena), at, "in a list of another arena")?;
        hold(self.listed.insert(at), at, "in two lists, or twice in one")?;
        Ok(chunk.size)
    }

    fn bins(&mut self, arena: u64) -> Checked<()> {
        for index in 1..128_u64 {
            let bin = arena + 80 + 16 * index;
            let mut previous = bin;
            let mut at = self.word(bin + 16)?;
            let mut sizes = Vec::new();
            while at != bin {
                hold(self.word(at.wrapping_add(24))? == previous, at, "its neighbour in the bin does not know it")?;
                let size = self.listed(Some(arena), at, true)?;
                hold(index == 1 || bin_of(size) == index, at, "in the bin for another size")?;
                sizes.push((at, size));
                previous = at;
                at = self.word(at + 16)?;
            }
            hold(self.word(bin + 24)? == previous, bin, "the ring of the bin is not closed")?;
            if index == 1 || sizes.is_empty() {
                continue;
            }
            let map = self.half(arena + 2144 + 4 * (index / 32))?;
            hold(map >> (index % 32) & 1 == 1, bin, "the map of bins says it is empty")?;
            if index >= 64 {
                self.skip_list(&sizes)?;
            }
        }
        Ok(())
    }

    fn skip_list(&self, sizes: &[(u64, u64)]) -> Checked<()> {
        hold(sizes.is_sorted_by(|a, b| a.1 >= b.1), sizes[0].0, "a large bin that does not descend")?;
        let mut firsts: Vec<u64> = Vec::new();
        for (i, &(at, size)) in sizes.iter().enumerate() {
            if i == 0 || sizes[i - 1].1 != size {
                firsts.push(at);
            } else {
                hold(self.word(at + 32)? == 0, at, "in the skip list, but not the first of its size")?;
            }
        }
        for (i, &at) in firsts.iter().enumerate() {
            let smaller = firsts[(i + 1) % firsts.len()];
            let larger = firsts[(i + firsts.len() - 1) % firsts.len()];
            let links = (self.word(at + 32)?, self.word(at + 40)?);
            hold(links == (smaller, larger), at, "the skip list does not go by sizes")?;
        }
        Ok(())
    }

    fn fastbins(&mut self, arena: u64) -> Checked<()> {
        for index in 0..10 {
            let mut at = self.word(arena + 16 + 8 * index)?;
            if at != 0 {
                hold(self.half(arena + 8)? != 0, arena, "chunks in a fastbin that nobody looks for")?;
            }
            while at != 0 {
                let size = self.listed(Some(arena), at, false)?;
                hold(size == 32 + 16 * index, at, "in the fastbin for another size")?;
                self.cached(size);
                at = self.word(at + 16)? ^ ((at + 16) >> 12);
            }
        }
        Ok(())
    }

    fn tcache(&mut self, tcache: u64, key: u64) -> Checked<()> {
        let own = self.chunks.get(&(tcache - 16)).is_some_and(|chunk| chunk.size >= 656 && !chunk.is_free);
        hold(own && self.listed.insert(tcache - 16), tcache, "a tcache that is not in a chunk of its own")?;
        for index in 0..64 {
            let mut bytes = [0; 2];
            self.memory.read(Address(tcache + 2 * index), &mut bytes)?;
            let mut block = self.word(tcache + 128 + 8 * index)?;
            let mut n = 0;
            while block != 0 {
                let size = self.listed(None, block.wrapping_sub(16), false)?;
                hold(size == 32 + 16 * index, block, "in the tcache bin for another size")?;
                hold(self.word(block + 8)? == key, block, "in a tcache without the key")?;
                self.cached(size);
                n += 1;
                block = self.word(block)? ^ (block >> 12);
            }
            hold(n == u16::from_le_bytes(bytes), tcache, "the count of a tcache bin is wrong")?;
        }
        Ok(())
    }

    fn cached(&mut self, size: u64) {
        self.census.n_cached += 1;
        self.census.cached_bytes += size;
    }

    /// Counts what is in no list.
    fn count(mut self) -> Checked<Census> {
        for (&at, chunk) in &self.chunks {
            if chunk.is_free {
                hold(self.listed.contains(&at), at, "a free chunk in no bin")?;
                self.census.n_free += 1;
                self.census.free_bytes += chunk.size;
            } else if !self.listed.contains(&at) {
                let is_of_thread_arena = chunk.arena != self.main_arena;
                hold(chunk.is_of_thread_arena == is_of_thread_arena, at, "the flag of another arena")?;
                self.census.n_live += 1;
                self.census.live_bytes += chunk.size;
            }
        }
        Ok(self.census)
    }
}

/// The bin for a size, from the table in the comments: 64 bins of 16 bytes, then 64, 512, 4 KiB, 32 KiB, 256 KiB apart.
/// The steps are where glibc's rule of thumb has them, which is not exactly at the table's bounds.
fn bin_of(size: u64) -> u64 {
    const STEPS: [(u64, u64, u64); 5] = [
        // (last size + 1, bytes a bin, number of the bin that would hold size 0)
        (3136, 64, 48),
        (10752, 512, 91),
        (45056, 4096, 110),
        (163_840, 32768, 119),
        (786_432, 262_144, 124),
    ];
    if size < 1024 {
        return size / 16;
    }
    STEPS.iter().find(|step| size < step.0).map_or(126, |step| step.2 + size / step.1)
}
