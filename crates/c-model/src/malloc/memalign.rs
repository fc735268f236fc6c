//! `_int_memalign`: a block large enough to hold an aligned one; what is before and behind that is freed.
//!
//! Mirrors glibc 2.36 `malloc/malloc.c:_mid_memalign`, `_int_memalign`. Differs: nothing known.

use super::chunk::{ALIGNMENT, FD, FLAGS, IS_MMAPPED, MIN_CHUNK_BYTES, PREV_INUSE, checked_chunk_bytes};
use super::rules::{Rule, rule};
use super::stop::{Check, Step, ensure};
use super::{Glibc, System};

impl<S: System> Glibc<S> {
    /// A block of `bytes` at a multiple of `alignment`, which is rounded up to a power of two; 0 when there is none.
    pub(super) fn mid_memalign(&mut self, alignment: u64, bytes: u64) -> Step<u64> {
        if alignment <= ALIGNMENT {
            return self.libc_malloc(bytes);
        }
        if alignment > 1 << 63 {
            return Ok(0);
        }
        let alignment = alignment.max(MIN_CHUNK_BYTES);
        let alignment =
            if rule(Rule::AlignmentIsRounded) { alignment.next_power_of_two() } else { 1 << alignment.ilog2() };
        if !rule(Rule::MemalignMakesNoTcache) {
            self.need_tcache()?;
        }
        if !self.is_threaded {
            let block = self.int_memalign(self.main_arena, alignment, bytes)?;
            ensure(self.belongs(block, self.main_arena)?, Check::AssertMemalignMain)?;
            return Ok(block);
        }
        let mut av = self.arena_get(bytes.wrapping_add(alignment).wrapping_add(MIN_CHUNK_BYTES))?;
        let mut block = self.int_memalign(av, alignment, bytes)?;
        if block == 0 && av != 0 {
            av = self.arena_get_retry(av, bytes)?;
            block = self.int_memalign(av, alignment, bytes)?;
        }
        ensure(self.belongs(block, av)?, Check::AssertMemalign)?;
        Ok(block)
    }

    fn int_memalign(&mut self, av: u64, alignment: u64, bytes: u64) -> Step<u64> {
        let Some(nb) = checked_chunk_bytes(bytes) else { return Ok(0) };
        let more = if rule(Rule::MemalignAsksForMore) { MIN_CHUNK_BYTES } else { 0 };
        let padded = nb.wrapping_add(alignment).wrapping_add(more);
        let block =
            if rule(Rule::MemalignSkipsTcache) { self.int_malloc(av, padded)? } else { self.libc_malloc(padded)? };
        if block == 0 {
            return Ok(0);
        }
        let mut chunk = block - FD;
        let flag = self.arena_flag(av);
        if !block.is_multiple_of(alignment) {
            let mut aligned = block.next_multiple_of(alignment) - FD;
            if aligned - chunk < MIN_CHUNK_BYTES {
                aligned += alignment;
            }
            let lead = aligned - chunk;
            let head = self.head(chunk)?;
            let size = (head & !FLAGS).wrapping_sub(lead);
            if head & IS_MMAPPED != 0 {
                let offset = self.prev_size(chunk)?;
                self.store(aligned, offset + lead)?;
                self.set_head(aligned, size | IS_MMAPPED)?;
                return Ok(aligned + FD);
            }
            self.set_head(aligned, size | PREV_INUSE | flag)?;
            self.set_inuse(aligned, size)?;
            self.set_head_size(chunk, lead | flag)?;
            if rule(Rule::MemalignFreesLead) {
                self.int_free(av, chunk, true)?;
            }
            chunk = aligned;
        }
        let head = self.head(chunk)?;
        let size = head & !FLAGS;
        if head & IS_MMAPPED == 0 && size > nb + MIN_CHUNK_BYTES && rule(Rule::MemalignFreesTail) {
            let rest = chunk + nb;
            self.set_head(rest, (size - nb) | PREV_INUSE | flag)?;
            self.set_head_size(chunk, nb)?;
            self.int_free(av, rest, true)?;
        }
        Ok(chunk + FD)
    }
}
