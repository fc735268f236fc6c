//! `sysmalloc`: neither a bin nor top has the room, so the operating system is asked.
//!
//! Mirrors glibc 2.36 `malloc/malloc.c:sysmalloc`, `sysmalloc_mmap_fallback`. Differs: no huge pages of a
//! pool.

use super::chunk::{
    ALIGNMENT, FD, HEADER_BYTES, IS_MMAPPED, MIN_CHUNK_BYTES, NON_MAIN_ARENA, PAGE_BYTES, PREV_INUSE, SIZE, align_up,
    arena, heap, unsorted,
};
use super::rules::{Rule, rule};
use super::stop::{Check, Step, ensure};
use super::{Glibc, System};

/// What is mapped when the break cannot be moved is a multiple of this, as long as the arena is in one piece. Unit:
/// bytes. Source: `malloc/malloc.c:MMAP_AS_MORECORE_SIZE`, which was meant to be the least, and the page to be what
/// sizes are rounded to; 2.36 passes the two the other way round.
const FALLBACK_BYTES: u64 = 1 << 20;

impl<S: System> Glibc<S> {
    /// A block in a chunk of `nb` bytes that needs more memory; 0 when there is none. `av` 0: no arena, only a mapping.
    #[cold]
    pub(super) fn sysmalloc(&mut self, nb: u64, av: u64) -> Step<u64> {
        let may_map = nb >= self.parameters.mmap_threshold
            && (self.parameters.n_mmaps < self.parameters.n_mmaps_max || !rule(Rule::MappingsAreLimited));
        let tried_mapping = av == 0 || may_map;
        if tried_mapping && let Some(block) = self.sysmalloc_mmap(nb)? {
            return Ok(block);
        }
        if av == 0 {
            return Ok(0);
        }
        let old_top = self.top(av)?;
        let old_head = self.head(old_top)?;
        let old_size = old_head & !7;
        let old_end = old_top.wrapping_add(old_size);
        ensure(
            (old_top == unsorted(av) && old_size == 0)
                || (old_size >= MIN_CHUNK_BYTES && old_head & PREV_INUSE != 0 && old_end.is_multiple_of(PAGE_BYTES)),
            Check::AssertOldTop,
        )?;
        ensure(old_size < nb + MIN_CHUNK_BYTES, Check::AssertOldSize)?;

        if av == self.main_arena {
            self.grow_main(nb, old_top, old_size, old_end)?;
        } else if !self.grow_thread_arena(av, nb, old_top, old_size)?
            && !tried_mapping
            && let Some(block) = self.sysmalloc_mmap(nb)?
        {
            return Ok(block);
        }
        let system_mem = self.system_mem(av)?;
        if system_mem > self.load(av + arena::MAX_SYSTEM_MEM)? {
            self.store(av + arena::MAX_SYSTEM_MEM, system_mem)?;
        }
        let top = self.top(av)?;
        let size = self.size(top)?;
        if size < nb + MIN_CHUNK_BYTES {
            return Ok(0);
        }
        self.set_top(av, top + nb)?;
        self.set_head(top, nb | PREV_INUSE | self.arena_flag(av))?;
        self.set_head(top + nb, (size - nb) | PREV_INUSE)?;
        Ok(top + FD)
    }

    /// Makes top of a thread's arena larger, or begins a new heap for it; whether either was possible.
    fn grow_thread_arena(&mut self, av: u64, nb: u64, old_top: u64, old_size: u64) -> Step<bool> {
        let old_heap = Self::heap_of(old_top);
        let old_heap_size = self.load(old_heap + heap::SIZE)?;
        let pad = if rule(Rule::ThreadHeapGrowsUnpadded) { 0 } else { self.parameters.top_pad };
        let missing = (MIN_CHUNK_BYTES + nb + pad - old_size) as i64;
        if missing > 0 && self.grow_heap(old_heap, missing as u64)? {
            let size = self.load(old_heap + heap::SIZE)?;
            self.add_system_mem(av, (size - old_heap_size) as i64)?;
            self.set_head(old_top, (old_heap + size - old_top) | PREV_INUSE)?;
            return Ok(true);
        }
        if !rule(Rule::SecondHeap) {
            return Ok(false);
        }
        let Some(new_heap) = self.new_heap(nb + MIN_CHUNK_BYTES + heap::BYTES, self.parameters.top_pad)? else {
            return Ok(false);
        };
        self.store(new_heap + heap::ARENA, av)?;
        self.store(new_heap + heap::PREV, old_heap)?;
        let size = self.load(new_heap + heap::SIZE)?;
        self.add_system_mem(av, size as i64)?;
        self.statistics.own_bytes += heap::BYTES;
        self.set_top(av, new_heap + heap::BYTES)?;
        self.set_head(new_heap + heap::BYTES, (size - heap::BYTES) | PREV_INUSE)?;

        // The rest of the old top is freed, behind it a fence that might become top again.
        let old_size = (old_size - MIN_CHUNK_BYTES) & !(ALIGNMENT - 1);
        let fence = old_top + old_size;
        self.set_head(fence + HEADER_BYTES, PREV_INUSE)?;
        if old_size >= MIN_CHUNK_BYTES {
            self.set_head(fence, HEADER_BYTES | PREV_INUSE)?;
            self.set_foot(fence, HEADER_BYTES)?;
            self.set_head(old_top, old_size | PREV_INUSE | NON_MAIN_ARENA)?;
            self.int_free(av, old_top, true)?;
        } else {
            self.set_head(old_top, (old_size + HEADER_BYTES) | PREV_INUSE)?;
            self.set_foot(old_top, old_size + HEADER_BYTES)?;
        }
        Ok(true)
    }

    /// Moves the break, or maps memory in its place, and makes it the main arena's top.
    fn grow_main(&mut self, nb: u64, old_top: u64, old_size: u64, old_end: u64) -> Step<()> {
        let av = self.main_arena;
        let pad = if rule(Rule::GrowthIsPadded) { self.parameters.top_pad } else { 0 };
        let mut size = nb.wrapping_add(pad).wrapping_add(MIN_CHUNK_BYTES);
        if self.is_contiguous(av)? && rule(Rule::BreakMovesByWhatTopLacks) {
            size = size.wrapping_sub(old_size);
        }
        let huge = self.parameters.thp_page_bytes;
        size = if huge != 0 && rule(Rule::BreakIsAlignedToHugePages) {
            align_up(self.brk.wrapping_add(size), huge).wrapping_sub(self.brk)
        } else {
            align_up(size, if rule(Rule::BreakIsAligned) { PAGE_BYTES } else { 2 * PAGE_BYTES })
        };
        let mut brk = if size as i64 > 0 { self.sbrk(size as i64) } else { None };
        let mut second_brk = None;
        if brk.is_none()
            && let Some((start, bytes)) = self.map_fallback(size, nb, old_size)?
        {
            size = bytes;
            brk = Some(start);
            second_brk = Some(start + bytes);
        }
        let Some(brk) = brk else { return Ok(()) };
        if self.parameters.sbrk_base == 0 {
            self.parameters.sbrk_base = brk;
        }
        self.add_system_mem(av, size as i64)?;
        if brk == old_end && second_brk.is_none() {
            return self.set_head(old_top, (size + old_size) | PREV_INUSE);
        }
        if self.is_contiguous(av)? {
            ensure(old_size == 0 || brk >= old_end, Check::BreakMoved)?;
        }
        self.begin_new_top(size, old_top, old_size, old_end, brk, second_brk)
    }

    /// Memory that does not continue the old top: the first of all, after a foreign `sbrk`, or mapped.
    fn begin_new_top(
        &mut self,
        size: u64,
        old_top: u64,
        old_size: u64,
        old_end: u64,
        brk: u64,
        second_brk: Option<u64>,
    ) -> Step<()> {
        let av = self.main_arena;
        let (mut start, mut correction, mut second_brk) = (brk, 0, second_brk);
        if self.is_contiguous(av)? {
            if old_size != 0 && rule(Rule::ForeignBytesCount) {
                self.add_system_mem(av, (brk - old_end) as i64)?;
            }
            let misaligned = brk % ALIGNMENT;
            if misaligned > 0 {
                correction = ALIGNMENT - misaligned;
                start += correction;
            }
            correction += old_size;
            let end = brk.wrapping_add(size).wrapping_add(correction);
            correction = correction.wrapping_add(align_up(end, PAGE_BYTES).wrapping_sub(end));
            ensure(correction as i64 >= 0, Check::AssertCorrection)?;
            second_brk = self.sbrk(correction as i64);
            if second_brk.is_none() {
                correction = 0;
                second_brk = self.sbrk(0);
            }
        } else {
            ensure(brk.is_multiple_of(ALIGNMENT), Check::AssertAlignedBreak)?;
            if second_brk.is_none() {
                second_brk = self.sbrk(0);
            }
        }
        let Some(second_brk) = second_brk else { return Ok(()) };
        self.segments.push(start);
        self.set_top(av, start)?;
        self.set_head(start, second_brk.wrapping_sub(start).wrapping_add(correction) | PREV_INUSE)?;
        self.add_system_mem(av, correction as i64)?;
        if old_size != 0 {
            let fences = if rule(Rule::ForeignBreakFences) { 2 * HEADER_BYTES } else { 4 * HEADER_BYTES };
            let old_size = (old_size - fences) & !(ALIGNMENT - 1);
            self.set_head(old_top, old_size | PREV_INUSE)?;
            self.set_head(old_top + old_size, HEADER_BYTES | PREV_INUSE)?;
            self.set_head(old_top + old_size + HEADER_BYTES, HEADER_BYTES | PREV_INUSE)?;
            if old_size >= MIN_CHUNK_BYTES && rule(Rule::ForeignBreakFreesTop) {
                self.int_free(av, old_top, true)?;
            }
        }
        Ok(())
    }

    /// The break cannot be moved: maps memory instead, the first time in units of 1 MiB, from then on without hope for
    /// one piece.
    fn map_fallback(&mut self, size: u64, nb: u64, old_size: u64) -> Step<Option<(u64, u64)>> {
        let av = self.main_arena;
        let mut size = size;
        if self.is_contiguous(av)? {
            let unit = if rule(Rule::FallbackIsInMebibytes) { FALLBACK_BYTES } else { PAGE_BYTES };
            size = align_up(size.wrapping_add(old_size), unit);
        }
        size = size.max(PAGE_BYTES);
        if size <= nb || !rule(Rule::RefusedBreakIsMapped) {
            return Ok(None);
        }
        let Some(start) = self.system.map(size) else { return Ok(None) };
        self.memory.map(memory_trait::Address(start), size);
        self.set_noncontiguous(av)?;
        Ok(Some((start, size)))
    }

    /// A chunk that is a mapping of its own.
    pub(super) fn sysmalloc_mmap(&mut self, nb: u64) -> Step<Option<u64>> {
        let bytes = align_up(nb.wrapping_add(SIZE), PAGE_BYTES);
        if bytes <= nb {
            return Ok(None);
        }
        let Some(start) = self.system.map(bytes) else { return Ok(None) };
        self.memory.map(memory_trait::Address(start), bytes);
        self.set_head(start, bytes | IS_MMAPPED)?;
        self.parameters.n_mmaps += 1;
        self.parameters.max_n_mmaps = self.parameters.max_n_mmaps.max(self.parameters.n_mmaps);
        self.parameters.mmapped_mem += bytes;
        self.parameters.max_mmapped_mem = self.parameters.max_mmapped_mem.max(self.parameters.mmapped_mem);
        self.statistics.system_bytes += bytes;
        Ok(Some(start + FD))
    }
}
