//! `_int_free`, and `malloc_consolidate`, which is a free of everything in the fastbins.
//!
//! Mirrors glibc 2.36 `malloc/malloc.c:_int_free`, `malloc_consolidate`. Differs: nothing known.

use super::chunk::{
    ALIGNMENT, BK, FD, FLAGS, HEADER_BYTES, IS_MMAPPED, MIN_CHUNK_BYTES, PREV_INUSE, arena, fastbin_index, heap,
    is_small, mangle, unsorted,
};
use super::params::CONSOLIDATION_BYTES;
use super::rules::{Rule, rule};
use super::stop::{CHUNKS_MAX, Check, Step, ensure};
use super::{Glibc, System};

impl<S: System> Glibc<S> {
    /// Gives a chunk back to its arena. `have_lock`: the caller is malloc itself.
    pub(super) fn int_free(&mut self, av: u64, chunk: u64, have_lock: bool) -> Step<()> {
        let head = self.head(chunk)?;
        let size = head & !FLAGS;
        ensure(chunk <= size.wrapping_neg() && chunk.is_multiple_of(ALIGNMENT), Check::FreePointer)?;
        ensure(size >= MIN_CHUNK_BYTES && size.is_multiple_of(ALIGNMENT), Check::FreeSize)?;
        if rule(Rule::FreeFillsTcache)
            && let Some(index) = self.tcache_bin(size)
        {
            if self.load(chunk + BK)? == self.tcache_key {
                self.check_double_free(chunk + FD, index)?;
            }
            if self.tcache_has_room(index)? {
                return self.tcache_put(chunk, index);
            }
        }
        if size <= self.parameters.max_fast && rule(Rule::FreeFillsFastbins) {
            return self.free_fast(av, chunk, size, have_lock);
        }
        if head & IS_MMAPPED != 0 {
            return self.munmap_chunk(chunk);
        }
        self.free_and_merge(av, chunk, head)
    }

    #[inline]
    fn perturb_freed(&mut self, chunk: u64, size: u64) -> Step<()> {
        if self.parameters.perturb != 0 && self.writes_contents() {
            self.fill_contents(chunk + FD, self.parameters.perturb, size - HEADER_BYTES)?;
        }
        Ok(())
    }

    fn free_fast(&mut self, av: u64, chunk: u64, size: u64, have_lock: bool) -> Step<()> {
        let next_head = self.head(chunk + size)?;
        let next_is_sane = next_head > HEADER_BYTES && next_head & !FLAGS < self.system_mem(av)?;
        ensure(next_is_sane, Check::FreeNextSizeFast)?;
        self.perturb_freed(chunk, size)?;
        self.set_fast_chunks(av, true)?;
        let index = fastbin_index(size);
        let bin = av + arena::FASTBINS + 8 * index;
        let old = self.load_of_arena(bin)?;
        ensure(old != chunk, Check::FastTop)?;
        self.set_fd(chunk, mangle(chunk + FD, old))?;
        self.store_in_arena(bin, chunk)?;
        if have_lock && old != 0 {
            ensure(fastbin_index(self.size(old)?) == index, Check::FreeFastEntry)?;
        }
        Ok(())
    }

    fn free_and_merge(&mut self, av: u64, chunk: u64, head: u64) -> Step<()> {
        let (mut chunk, mut size) = (chunk, head & !FLAGS);
        let next = chunk.wrapping_add(size);
        let top = self.top(av)?;
        ensure(chunk != top, Check::FreeTop)?;
        if self.is_contiguous(av)? {
            ensure(next < top.wrapping_add(self.size(top)?), Check::FreeOut)?;
        }
        let next_head = self.head(next)?;
        ensure(next_head & PREV_INUSE != 0, Check::FreeNotInUse)?;
        let next_size = next_head & !FLAGS;
        ensure(next_head > HEADER_BYTES && next_size < self.system_mem(av)?, Check::FreeNextSizeNormal)?;
        self.perturb_freed(chunk, size)?;

        if head & PREV_INUSE == 0 {
            let prev_size = self.prev_size(chunk)?;
            size = size.wrapping_add(prev_size);
            chunk = chunk.wrapping_sub(prev_size);
            ensure(self.size(chunk)? == prev_size, Check::FreePrevSize)?;
            self.unlink(chunk)?;
        }
        if next == top {
            size = size.wrapping_add(next_size);
            self.set_head(chunk, size | PREV_INUSE)?;
            self.set_top(av, chunk)?;
        } else {
            if self.is_prev_inuse(next.wrapping_add(next_size))? {
                self.set_head(next, next_head & !PREV_INUSE)?;
            } else {
                self.unlink(next)?;
                size = size.wrapping_add(next_size);
            }
            self.link_unsorted(av, chunk, size, Check::FreeUnsorted)?;
            self.set_head(chunk, size | PREV_INUSE)?;
            self.set_foot(chunk, size)?;
        }
        let large = if rule(Rule::LargeFreeIs64Kib) { CONSOLIDATION_BYTES } else { 2 * CONSOLIDATION_BYTES };
        if size >= large || !rule(Rule::TrimNeedsLargeFree) { self.after_large_free(av) } else { Ok(()) }
    }

    /// A large free empties the fastbins, and gives memory back when top has grown beyond the trim threshold.
    fn after_large_free(&mut self, av: u64) -> Step<()> {
        if self.has_fast_chunks(av)? && rule(Rule::LargeFreeConsolidates) {
            self.consolidate(av)?;
        }
        let top = self.top(av)?;
        if av == self.main_arena {
            if self.size(top)? >= self.parameters.trim_threshold && rule(Rule::TopIsTrimmed) {
                let pad = if rule(Rule::TrimKeepsPad) { self.parameters.top_pad } else { 0 };
                self.systrim(av, pad)?;
            }
            return Ok(());
        }
        let last_heap = Self::heap_of(top);
        ensure(self.load(last_heap + heap::ARENA)? == av, Check::AssertHeapArena)?;
        self.heap_trim(last_heap, self.parameters.top_pad)
    }

    /// Merges everything in the fastbins with its neighbours and moves it to the unsorted bin.
    pub(super) fn consolidate(&mut self, av: u64) -> Step<()> {
        self.set_fast_chunks(av, false)?;
        for index in 0..arena::N_FASTBINS {
            let index = if rule(Rule::ConsolidateAscends) { index } else { arena::N_FASTBINS - 1 - index };
            let bin = av + arena::FASTBINS + 8 * index;
            let mut chunk = self.load_of_arena(bin)?;
            if chunk != 0 {
                self.store_in_arena(bin, 0)?;
            }
            let mut n = 0_u64;
            while chunk != 0 {
                ensure(chunk.is_multiple_of(ALIGNMENT), Check::ConsolidateUnaligned)?;
                let head = self.head(chunk)?;
                ensure(fastbin_index(head & !FLAGS) == index, Check::ConsolidateSize)?;
                let next_in_bin = mangle(chunk.wrapping_add(FD), self.fd(chunk)?);
                self.consolidate_chunk(av, chunk, head)?;
                chunk = next_in_bin;
                n += 1;
                ensure(n < CHUNKS_MAX, Check::Endless)?;
            }
        }
        Ok(())
    }

    fn consolidate_chunk(&mut self, av: u64, chunk: u64, head: u64) -> Step<()> {
        let (mut chunk, mut size) = (chunk, head & !FLAGS);
        let next = chunk.wrapping_add(size);
        let next_size = self.size(next)?;
        if head & PREV_INUSE == 0 && rule(Rule::ConsolidateMerges) {
            let prev_size = self.prev_size(chunk)?;
            size = size.wrapping_add(prev_size);
            chunk = chunk.wrapping_sub(prev_size);
            ensure(self.size(chunk)? == prev_size, Check::ConsolidatePrevSize)?;
            self.unlink(chunk)?;
        }
        if next == self.top(av)? {
            self.set_head(chunk, size.wrapping_add(next_size) | PREV_INUSE)?;
            return self.set_top(av, chunk);
        }
        if self.is_prev_inuse(next.wrapping_add(next_size))? {
            let next_head = self.head(next)?;
            self.set_head(next, next_head & !PREV_INUSE)?;
        } else {
            size = size.wrapping_add(next_size);
            self.unlink(next)?;
        }
        let bin = unsorted(av);
        let bin = if rule(Rule::ConsolidateInsertsAtHead) { bin } else { self.bk(bin)? };
        let first = self.first_of(bin)?;
        self.set_first_of(bin, chunk)?;
        self.set_bk(first, chunk)?;
        if !is_small(size) {
            self.clear_nextsize(chunk)?;
        }
        self.set_head(chunk, size | PREV_INUSE)?;
        self.set_links(chunk, first, bin)?;
        self.set_foot(chunk, size)
    }
}
