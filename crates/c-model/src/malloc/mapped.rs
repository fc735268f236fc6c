//! Chunks that are mappings of their own: given back with `munmap`, resized with `mremap`.
//!
//! Mirrors glibc 2.36 `malloc/malloc.c:munmap_chunk`, `mremap_chunk`. Differs: a forged header that makes glibc unmap
//! pages which are not a whole mapping leaves them accessible here.

use memory_trait::Address;

use super::chunk::{FLAGS, IS_MMAPPED, PAGE_BYTES, SIZE, align_up};
use super::rules::{Rule, rule};
use super::stop::{Check, Step, ensure};
use super::{Glibc, System};

/// Where a mapped chunk is in its mapping.
struct Extent {
    /// Start of the mapping.
    start: u64,
    /// Bytes of the mapping below the chunk.
    offset: u64,
    /// Bytes of the mapping.
    bytes: u64,
}

impl<S: System> Glibc<S> {
    fn extent(&self, chunk: u64, check: Check) -> Step<Extent> {
        let offset = self.prev_size(chunk)?;
        let bytes = offset.wrapping_add(self.size(chunk)?);
        let start = chunk.wrapping_sub(offset);
        let in_page = chunk.wrapping_add(16) % PAGE_BYTES;
        let is_aligned = (start | bytes).is_multiple_of(PAGE_BYTES) && in_page & in_page.wrapping_sub(1) == 0;
        ensure(is_aligned, check)?;
        Ok(Extent { start, offset, bytes })
    }

    /// Gives a mapped chunk back.
    pub(super) fn munmap_chunk(&mut self, chunk: u64) -> Step<()> {
        let Extent { start, bytes, .. } = self.extent(chunk, Check::MunmapPointer)?;
        self.parameters.n_mmaps = self.parameters.n_mmaps.wrapping_sub(1);
        self.parameters.mmapped_mem = self.parameters.mmapped_mem.wrapping_sub(bytes);
        if self.memory.is_mapping(start, bytes) {
            self.statistics.system_bytes -= bytes;
            self.system.unmap(start, bytes);
            self.memory.unmap(Address(start));
        }
        Ok(())
    }

    /// Resizes a mapped chunk to hold `nb` bytes; the chunk's place afterwards, 0 when that failed.
    pub(super) fn mremap_chunk(&mut self, chunk: u64, nb: u64) -> Step<u64> {
        let Extent { start, offset, bytes } = self.extent(chunk, Check::MremapPointer)?;
        let counted = if rule(Rule::MremapCountsOffset) { offset } else { 0 };
        let new_bytes = align_up(nb.wrapping_add(counted).wrapping_add(SIZE), PAGE_BYTES);
        if bytes == new_bytes {
            return Ok(chunk);
        }
        if !self.memory.is_mapping(start, bytes) {
            return Ok(0);
        }
        let Some(to) = self.system.remap(start, bytes, new_bytes) else { return Ok(0) };
        self.memory.remap(start, to, new_bytes);
        let chunk = to + offset;
        ensure(self.prev_size(chunk)? == offset, Check::AssertMremapPrevSize)?;
        self.set_head(chunk, new_bytes.wrapping_sub(offset) | IS_MMAPPED)?;
        let change = new_bytes.wrapping_sub(bytes);
        self.parameters.mmapped_mem = self.parameters.mmapped_mem.wrapping_add(change);
        self.parameters.max_mmapped_mem = self.parameters.max_mmapped_mem.max(self.parameters.mmapped_mem);
        self.statistics.system_bytes = self.statistics.system_bytes.wrapping_add(change);
        Ok(chunk)
    }

    /// Bytes of all pages of a mapped chunk, of another chunk its size.
    #[inline]
    pub(super) fn taken_bytes(&self, chunk: u64, head: u64) -> Step<u64> {
        let size = head & !FLAGS;
        Ok(if head & IS_MMAPPED == 0 { size } else { size.wrapping_add(self.prev_size(chunk)?) })
    }
}
