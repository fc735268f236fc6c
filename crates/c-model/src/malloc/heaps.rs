//! The heaps of thread arenas: 64 MiB of address space each, accessible as far as they are used.
//!
//! Mirrors glibc 2.36 `malloc/arena.c:alloc_new_heap`, `grow_heap`, `shrink_heap`, `heap_trim`. Differs: a heap is
//! never made inaccessible again when it shrinks, as on a system that overcommits memory.

use super::chunk::{
    ALIGNMENT, FLAGS, HEADER_BYTES, MIN_CHUNK_BYTES, PAGE_BYTES, PREV_INUSE, align_down, align_up, arena, heap,
};
use super::params::{HEAP_BYTES_MAX, HEAP_BYTES_MIN};
use super::rules::{Rule, rule};
use super::stop::{Check, Step, ensure};
use super::{Glibc, System};

impl<S: System> Glibc<S> {
    /// The heap that a chunk of a thread arena is in: `heap_for_ptr`.
    #[inline]
    pub(super) fn heap_of(chunk: u64) -> u64 {
        align_down(chunk, HEAP_BYTES_MAX)
    }

    /// The arena of a chunk: `arena_for_chunk`.
    #[inline]
    pub(super) fn arena_of(&self, chunk: u64, head: u64) -> Step<u64> {
        if head & super::chunk::NON_MAIN_ARENA == 0 {
            Ok(self.main_arena)
        } else {
            self.load(Self::heap_of(chunk) + heap::ARENA)
        }
    }

    /// A heap with room for `bytes`, `pad` more if it can be had.
    pub(super) fn new_heap(&mut self, bytes: u64, pad: u64) -> Step<Option<u64>> {
        let padded = bytes.wrapping_add(pad);
        let size = if padded < HEAP_BYTES_MIN && rule(Rule::ThreadHeapHasMinimum) {
            HEAP_BYTES_MIN
        } else if padded <= HEAP_BYTES_MAX {
            padded
        } else if bytes > HEAP_BYTES_MAX {
            return Ok(None);
        } else {
            HEAP_BYTES_MAX
        };
        let size = align_up(size, PAGE_BYTES);
        let Some(start) = self.system.map_heap() else { return Ok(None) };
        assert!(start.is_multiple_of(HEAP_BYTES_MAX), "a thread heap at {start:#x}");
        if !self.system.protect_heap(start, size) || !self.memory.map_thread_heap(start, size) {
            self.system.unmap_heap(start);
            return Ok(None);
        }
        self.store(start + heap::SIZE, size)?;
        self.store(start + heap::MPROTECT_SIZE, size)?;
        self.store(start + heap::PAGE_SIZE, PAGE_BYTES)?;
        Ok(Some(start))
    }

    /// Makes a heap larger by `bytes`; whether it could.
    pub(super) fn grow_heap(&mut self, heap: u64, bytes: u64) -> Step<bool> {
        let page = self.load(heap + heap::PAGE_SIZE)?;
        let size = self.load(heap + heap::SIZE)?.wrapping_add(align_up(bytes, page));
        if size > HEAP_BYTES_MAX {
            return Ok(false);
        }
        if size > self.load(heap + heap::MPROTECT_SIZE)? {
            if !self.system.protect_heap(heap, size) || !self.memory.resize_thread_heap(heap, size) {
                return Ok(false);
            }
            self.store(heap + heap::MPROTECT_SIZE, size)?;
        }
        self.store(heap + heap::SIZE, size)?;
        Ok(true)
    }

    /// Gives back the end of a heap, as far as its pages go.
    fn shrink_heap(&mut self, heap: u64, bytes: u64) -> Step<bool> {
        let size = self.load(heap + heap::SIZE)?.wrapping_sub(bytes);
        if (size as i64) < heap::BYTES as i64 {
            return Ok(false);
        }
        self.system.discard(heap + size, bytes);
        self.memory.discard(heap + size, bytes)?;
        self.store(heap + heap::SIZE, size)?;
        Ok(true)
    }

    /// Gives back heaps at the end of an arena that hold nothing but top, then what top has too much.
    pub(super) fn heap_trim(&mut self, heap: u64, pad: u64) -> Step<()> {
        let av = self.load(heap + heap::ARENA)?;
        let mut heap = heap;
        let mut top = self.top(av)?;
        while top == heap + heap::BYTES && rule(Rule::EmptyHeapsAreGivenBack) {
            let prev_heap = self.load(heap + heap::PREV)?;
            let prev_heap_size = self.load(prev_heap.wrapping_add(heap::SIZE))?;
            let fence_offset = prev_heap_size.wrapping_sub(MIN_CHUNK_BYTES - HEADER_BYTES);
            let misaligned = prev_heap.wrapping_add(fence_offset) % ALIGNMENT;
            let fence = prev_heap.wrapping_add(fence_offset).wrapping_sub(misaligned);
            ensure(self.head(fence)? == PREV_INUSE, Check::AssertFence)?;
            let mut chunk = fence.wrapping_sub(self.prev_size(fence)?);
            let mut size = self.size(chunk)?.wrapping_add(MIN_CHUNK_BYTES - HEADER_BYTES).wrapping_add(misaligned);
            ensure(size > 0 && size < 2 * MIN_CHUNK_BYTES, Check::AssertFenceSize)?;
            let prev_inuse = self.is_prev_inuse(chunk)?;
            if !prev_inuse {
                size = size.wrapping_add(self.prev_size(chunk)?);
            }
            ensure(size > 0 && size < HEAP_BYTES_MAX, Check::AssertHeapSize)?;
            let page = self.load(heap + heap::PAGE_SIZE)?;
            if size.wrapping_add(HEAP_BYTES_MAX.wrapping_sub(prev_heap_size))
                < pad.wrapping_add(MIN_CHUNK_BYTES).wrapping_add(page)
            {
                break;
            }
            let gone = self.load(heap + heap::SIZE)?;
            self.add_system_mem(av, -(gone as i64))?;
            self.statistics.own_bytes -= heap::BYTES;
            self.system.unmap_heap(heap);
            self.memory.unmap_thread_heap(heap);
            heap = prev_heap;
            if !prev_inuse {
                chunk = chunk.wrapping_sub(self.prev_size(chunk)?);
                self.unlink(chunk)?;
            }
            let heap_end = heap.wrapping_add(self.load(heap + heap::SIZE)?);
            ensure(chunk.wrapping_add(size) == heap_end, Check::AssertHeapEnd)?;
            top = chunk;
            self.set_top(av, top)?;
            self.set_head(top, size | PREV_INUSE)?;
        }
        let top_size = self.head(top)? & !FLAGS;
        if top_size < self.parameters.trim_threshold || !rule(Rule::ThreadHeapShrinks) {
            return Ok(());
        }
        let area = top_size.wrapping_sub(MIN_CHUNK_BYTES + 1);
        if (area as i64) < 0 || area <= pad {
            return Ok(());
        }
        let extra = align_down(area - pad, self.load(heap + heap::PAGE_SIZE)?);
        if extra == 0 || !self.shrink_heap(heap, extra)? {
            return Ok(());
        }
        self.add_system_mem(av, -(extra as i64))?;
        self.set_head(top, (top_size - extra) | PREV_INUSE)
    }

    /// An arena in a heap of its own; the current thread is attached to it. 0 when there is no memory.
    ///
    /// # Source
    /// glibc 2.36 `malloc/arena.c:_int_new_arena`. Differs: nothing known.
    pub(super) fn new_arena(&mut self, bytes: u64) -> Step<u64> {
        let head_bytes = heap::BYTES + arena::BYTES + ALIGNMENT;
        let mut start = self.new_heap(bytes.wrapping_add(head_bytes), self.parameters.top_pad)?;
        if start.is_none() {
            start = self.new_heap(head_bytes, self.parameters.top_pad)?;
        }
        let Some(start) = start else { return Ok(0) };
        let av = start + heap::BYTES;
        self.store(start + heap::ARENA, av)?;
        self.init_state(av)?;
        self.store(av + arena::ATTACHED_THREADS, 1)?;
        let size = self.load(start + heap::SIZE)?;
        self.add_system_mem(av, size as i64)?;
        self.store(av + arena::MAX_SYSTEM_MEM, size)?;
        let top = align_up(av + arena::BYTES, ALIGNMENT);
        self.statistics.own_bytes += top - start;
        self.set_top(av, top)?;
        self.set_head(top, (start + size - top) | PREV_INUSE)?;

        let replaced = std::mem::replace(&mut self.threads[self.thread].arena, av);
        let next = self.load(self.main_arena + arena::NEXT)?;
        self.store(av + arena::NEXT, next)?;
        self.store(self.main_arena + arena::NEXT, av)?;
        self.detach(replaced)?;
        Ok(av)
    }
}
