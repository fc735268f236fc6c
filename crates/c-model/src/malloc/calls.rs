//! The functions a program calls.
//!
//! Mirrors glibc 2.36 `malloc/malloc.c:__libc_malloc` to `__posix_memalign`.

use memory_trait::{Address, Allocator, Outcome, ThreadId};

use super::chunk::{
    ALIGNMENT, FD, FLAGS, HEADER_BYTES, IS_MMAPPED, PAGE_BYTES, SIZE, checked_chunk_bytes, heap, tcache_index,
};
use super::params::MMAP_THRESHOLD_BYTES_MAX;
use super::rules::{Rule, rule};
use super::stop::{Check, Step, ensure};
use super::{Glibc, System, Thread};

impl<S: System> Glibc<S> {
    /// Whether a block is none, a mapping, or of this arena: what glibc asserts of each result.
    #[inline]
    pub(super) fn belongs(&self, block: u64, av: u64) -> Step<bool> {
        if block == 0 {
            return Ok(true);
        }
        let chunk = block.wrapping_sub(FD);
        let head = self.head(chunk)?;
        Ok(head & IS_MMAPPED != 0 || self.arena_of(chunk, head)? == av)
    }

    #[inline]
    pub(super) fn libc_malloc(&mut self, bytes: u64) -> Step<u64> {
        self.need_init()?;
        let Some(nb) = checked_chunk_bytes(bytes) else { return Ok(0) };
        self.need_tcache()?;
        let index = tcache_index(nb);
        let is_cached = index < self.parameters.tcache_bins && self.tcache != 0 && self.tcache_count(index)? > 0;
        if is_cached && rule(Rule::TcacheServesMalloc) {
            return self.tcache_get(index);
        }
        if !self.is_threaded {
            let block = self.int_malloc(self.main_arena, bytes)?;
            ensure(self.belongs(block, self.main_arena)?, Check::AssertMallocMain)?;
            return Ok(block);
        }
        let mut av = self.arena_get(bytes)?;
        let mut block = self.int_malloc(av, bytes)?;
        if block == 0 && av != 0 && rule(Rule::FailureTriesAnotherArena) {
            av = self.arena_get_retry(av, bytes)?;
            block = self.int_malloc(av, bytes)?;
        }
        ensure(self.belongs(block, av)?, Check::AssertMalloc)?;
        Ok(block)
    }

    #[inline]
    pub(super) fn libc_free(&mut self, block: u64) -> Step<()> {
        let chunk = block.wrapping_sub(FD);
        let head = self.head(chunk)?;
        if head & IS_MMAPPED != 0 {
            if rule(Rule::DynamicThreshold)
                && !self.parameters.no_dyn_threshold
                && head > self.parameters.mmap_threshold
                && (head <= MMAP_THRESHOLD_BYTES_MAX || !rule(Rule::DynamicThresholdLimit))
            {
                self.parameters.mmap_threshold = head & !FLAGS;
                if rule(Rule::DynamicTrimThreshold) {
                    self.parameters.trim_threshold = 2 * (head & !FLAGS);
                }
            }
            return self.munmap_chunk(chunk);
        }
        if rule(Rule::FreeMakesArena) {
            self.need_tcache()?;
        }
        let av = self.arena_of(chunk, head)?;
        self.int_free(av, chunk, false)
    }

    fn libc_realloc(&mut self, block: u64, bytes: u64) -> Step<u64> {
        let chunk = block.wrapping_sub(FD);
        let head = self.head(chunk)?;
        let old_size = head & !FLAGS;
        let mut av = 0;
        if head & IS_MMAPPED == 0 {
            self.need_tcache()?;
            av = self.arena_of(chunk, head)?;
        }
        let is_sane = chunk <= old_size.wrapping_neg() && chunk.is_multiple_of(ALIGNMENT);
        ensure(is_sane, Check::ReallocPointer)?;
        let Some(nb) = checked_chunk_bytes(bytes) else { return Ok(0) };
        if head & IS_MMAPPED != 0 {
            let stays = nb >= self.parameters.mmap_threshold || rule(Rule::MappedStaysMapped);
            let resized = if stays { self.mremap_chunk(chunk, nb)? } else { 0 };
            if resized != 0 {
                return Ok(resized + FD);
            }
            if old_size.wrapping_sub(SIZE) >= nb && rule(Rule::MappedStaysMapped) {
                return Ok(block);
            }
            let new = self.libc_malloc(bytes)?;
            if new != 0 {
                self.copy_contents(block, new, old_size.wrapping_sub(HEADER_BYTES))?;
                self.munmap_chunk(chunk)?;
            }
            return Ok(new);
        }
        let mut new = self.int_realloc(av, chunk, old_size, nb)?;
        ensure(self.belongs(new, av)?, Check::AssertRealloc)?;
        if new == 0 && self.is_threaded {
            new = self.libc_malloc(bytes)?;
            if new != 0 {
                let bytes = self.size(chunk)?.wrapping_sub(SIZE);
                self.copy_contents(block, new, bytes)?;
                self.int_free(av, chunk, false)?;
            }
        }
        Ok(new)
    }

    fn libc_calloc(&mut self, bytes: u64) -> Step<u64> {
        if !rule(Rule::CallocSkipsTcache) {
            return self.libc_malloc(bytes);
        }
        self.need_init()?;
        self.need_tcache()?;
        let mut av = self.arena_for_call(bytes)?;
        let (old_top, old_top_size) = if self.writes_contents() { self.fresh_from(av)? } else { (0, 0) };
        let mut block = self.int_malloc(av, bytes)?;
        ensure(self.belongs(block, av)?, Check::AssertCalloc)?;
        if block == 0 && av != 0 && self.is_threaded {
            av = self.arena_get_retry(av, bytes)?;
            block = self.int_malloc(av, bytes)?;
        }
        if block == 0 || !self.writes_contents() {
            return Ok(block);
        }
        let chunk = block - FD;
        let head = self.head(chunk)?;
        if head & IS_MMAPPED != 0 {
            if self.parameters.perturb != 0 {
                self.fill_contents(block, 0, bytes)?;
            }
            return Ok(block);
        }
        let mut size = head & !FLAGS;
        if self.parameters.perturb == 0 && chunk == old_top && size > old_top_size {
            size = old_top_size;
        }
        ensure(size >= 32, Check::AssertCallocClears)?;
        self.fill_contents(block, 0, size - SIZE)?;
        Ok(block)
    }

    /// Top, and how many of its bytes may have been written before: what lies beyond is fresh and zero. On Linux glibc
    /// is built with `MORECORE_CLEARS` 2: what `sbrk` gives is zero even where the break has been before.
    fn fresh_from(&self, av: u64) -> Step<(u64, u64)> {
        if av == 0 {
            return Ok((0, 0));
        }
        let top = self.top(av)?;
        let size = self.size(top)?;
        if av == self.main_arena {
            return Ok((top, size));
        }
        let heap = Self::heap_of(top);
        let written_end = heap.wrapping_add(self.load(heap + heap::MPROTECT_SIZE)?);
        Ok((top, size.max(written_end.wrapping_sub(top))))
    }

    fn libc_usable_size(&self, block: u64) -> Step<u64> {
        let chunk = block.wrapping_sub(FD);
        let head = self.head(chunk)?;
        let size = head & !FLAGS;
        if head & IS_MMAPPED != 0 {
            return Ok(size.wrapping_sub(HEADER_BYTES));
        }
        Ok(if self.is_prev_inuse(chunk.wrapping_add(size))? { size.wrapping_sub(SIZE) } else { 0 })
    }

    /// Counts a block that was handed out.
    #[inline]
    fn count_in(&mut self, block: u64) -> Step<Address> {
        if block != 0 {
            let chunk = block - FD;
            let bytes = self.taken_bytes(chunk, self.head(chunk)?)?;
            self.count(bytes);
        }
        Ok(Address(block))
    }

    /// Bytes of a block that may be about to be given back.
    #[inline]
    fn count_out(&self, block: u64) -> Step<u64> {
        let chunk = block.wrapping_sub(FD);
        self.taken_bytes(chunk, self.head(chunk)?)
    }

    #[inline]
    fn count(&mut self, bytes: u64) {
        self.statistics.n_live = self.statistics.n_live.wrapping_add(1);
        self.statistics.live_bytes = self.statistics.live_bytes.wrapping_add(bytes);
    }

    #[inline]
    fn uncount(&mut self, bytes: u64) {
        self.statistics.n_live = self.statistics.n_live.wrapping_sub(1);
        self.statistics.live_bytes = self.statistics.live_bytes.wrapping_sub(bytes);
    }

    fn counted_free(&mut self, block: u64) -> Step<()> {
        let bytes = self.count_out(block)?;
        self.libc_free(block)?;
        self.uncount(bytes);
        Ok(())
    }

    fn counted_realloc(&mut self, block: u64, bytes: u64) -> Step<Address> {
        self.need_init()?;
        let had = self.count_out(block)?;
        let new = self.libc_realloc(block, bytes)?;
        if new == 0 {
            return Ok(Address::NULL);
        }
        self.uncount(had);
        self.count_in(new)
    }

    /// `malloc` where the cache has nothing.
    #[inline(never)]
    fn malloc_elsewhere(&mut self, request_bytes: u64) -> Outcome<Address> {
        let step = self.libc_malloc(request_bytes).and_then(|block| self.count_in(block));
        self.finish(step, Address::NULL)
    }

    /// `free` where the cache takes nothing.
    #[inline(never)]
    fn free_elsewhere(&mut self, block: Address) -> Outcome<()> {
        if block.is_null() {
            return Ok(());
        }
        let step = self.counted_free(block.0);
        self.finish(step, block)
    }

    /// A thread that has not called before.
    #[cold]
    fn add_thread(&mut self, thread: ThreadId) -> usize {
        let place = self.vacant_threads.pop().unwrap_or_else(|| {
            self.threads.push(Thread::default());
            self.threads.len() - 1
        });
        self.thread_index.insert(thread.0, place);
        place
    }

    /// `posix_memalign`; NULL where it answers `EINVAL` or `ENOMEM`.
    pub fn posix_memalign(&mut self, alignment_bytes: u64, request_bytes: u64) -> Outcome<Address> {
        if !alignment_bytes.is_multiple_of(8) || !(alignment_bytes / 8).is_power_of_two() {
            return Ok(Address::NULL);
        }
        self.memalign(alignment_bytes, request_bytes)
    }

    /// `aligned_alloc`: `memalign` under another name.
    pub fn aligned_alloc(&mut self, alignment_bytes: u64, request_bytes: u64) -> Outcome<Address> {
        self.memalign(alignment_bytes, request_bytes)
    }

    /// `valloc`: a block at the start of a page.
    pub fn valloc(&mut self, request_bytes: u64) -> Outcome<Address> {
        self.memalign(PAGE_BYTES, request_bytes)
    }

    /// `pvalloc`: a block at the start of a page that is meant to fill its pages. (glibc rounds with `-(pagesize - 1)`,
    /// which leaves the size odd rather than a multiple of the page.)
    pub fn pvalloc(&mut self, request_bytes: u64) -> Outcome<Address> {
        match request_bytes.checked_add(PAGE_BYTES - 1) {
            Some(rounded) => self.memalign(PAGE_BYTES, rounded & (PAGE_BYTES - 1).wrapping_neg()),
            None => Ok(Address::NULL),
        }
    }

    /// `mallopt`: whether it succeeded. The options are those of `malloc.h`: 1 `M_MXFAST`, -1 `M_TRIM_THRESHOLD`,
    /// -2 `M_TOP_PAD`, -3 `M_MMAP_THRESHOLD`, -4 `M_MMAP_MAX`, -6 `M_PERTURB`, -7 `M_ARENA_TEST`, -8 `M_ARENA_MAX`.
    pub fn mallopt(&mut self, option: i32, value: i32) -> Outcome<bool> {
        let step = self
            .need_init()
            .and_then(|()| if rule(Rule::MalloptConsolidates) { self.consolidate(self.main_arena) } else { Ok(()) });
        self.finish(step, Address::NULL)?;
        Ok(self.parameters.set_option(option, value))
    }

    /// `malloc_trim` as it is, with the fault of a damaged heap.
    pub fn malloc_trim(&mut self, pad_bytes: u64) -> Outcome<bool> {
        let step = self.libc_trim(pad_bytes);
        self.finish(step, Address::NULL)
    }

    /// `malloc_usable_size` as it is, with the fault of a wild address.
    pub fn malloc_usable_size(&self, block: Address) -> Outcome<u64> {
        if block.is_null() { Ok(0) } else { self.finish(self.libc_usable_size(block.0), block) }
    }
}

impl<S: System> Allocator for Glibc<S> {
    #[inline]
    fn malloc(&mut self, request_bytes: u64) -> Outcome<Address> {
        match self.take_cached(request_bytes) {
            Some((block, head)) => {
                self.count(head & !FLAGS);
                Ok(Address(block))
            }
            None => self.malloc_elsewhere(request_bytes),
        }
    }

    fn calloc(&mut self, n_elements: u64, element_bytes: u64) -> Outcome<Address> {
        let Some(bytes) = n_elements.checked_mul(element_bytes).filter(|&bytes| i64::try_from(bytes).is_ok()) else {
            return Ok(Address::NULL);
        };
        let step = self.libc_calloc(bytes).and_then(|block| self.count_in(block));
        self.finish(step, Address::NULL)
    }

    fn realloc(&mut self, block: Address, request_bytes: u64) -> Outcome<Address> {
        if block.is_null() {
            return self.malloc(request_bytes);
        }
        if request_bytes == 0 {
            self.free(block)?;
            return Ok(Address::NULL);
        }
        let step = self.counted_realloc(block.0, request_bytes);
        self.finish(step, block)
    }

    fn memalign(&mut self, alignment_bytes: u64, request_bytes: u64) -> Outcome<Address> {
        let step = self
            .need_init()
            .and_then(|()| self.mid_memalign(alignment_bytes, request_bytes))
            .and_then(|block| self.count_in(block));
        self.finish(step, Address::NULL)
    }

    #[inline]
    fn free(&mut self, block: Address) -> Outcome<()> {
        match self.put_cached(block.0) {
            Some(head) => {
                self.uncount(head & !FLAGS);
                Ok(())
            }
            None => self.free_elsewhere(block),
        }
    }

    fn usable_size(&mut self, block: Address) -> u64 {
        self.malloc_usable_size(block).unwrap_or(0)
    }

    fn trim(&mut self, pad_bytes: u64) -> bool {
        self.malloc_trim(pad_bytes).unwrap_or(false)
    }

    fn switch_thread(&mut self, thread: ThreadId) {
        if thread == self.thread_id {
            return;
        }
        self.is_threaded = true;
        if self.threads[self.thread] == Thread::default() {
            // It is gone, or has never called: nothing is known of it.
            self.thread_index.remove(&self.thread_id.0);
            self.vacant_threads.push(self.thread);
        }
        self.thread = match self.thread_index.get(&thread.0) {
            Some(&known) => known,
            None => self.add_thread(thread),
        };
        self.thread_id = thread;
        self.tcache = self.threads[self.thread].tcache;
    }

    /// Differs: glibc keeps nothing of a thread that is gone; if its number is used again here, it is a new thread.
    fn end_thread(&mut self) -> Outcome<()> {
        let step = self.thread_exit();
        self.finish(step, Address::NULL)?;
        self.threads[self.thread] = Thread::default();
        Ok(())
    }

    fn heap_bytes(&self) -> u64 {
        self.statistics.system_bytes
    }
}
