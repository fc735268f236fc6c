//! `_int_realloc`: grows into top or a free neighbour, splits, or moves.
//!
//! Mirrors glibc 2.36 `malloc/malloc.c:_int_realloc`. Differs: nothing known.

use super::chunk::{ALIGNMENT, FD, FLAGS, HEADER_BYTES, MIN_CHUNK_BYTES, PREV_INUSE};
use super::rules::{Rule, rule};
use super::stop::{Check, Step, ensure};
use super::{Glibc, System};

impl<S: System> Glibc<S> {
    /// The block that `chunk` becomes when it is to have `nb` bytes; 0 when there is no memory.
    pub(super) fn int_realloc(&mut self, av: u64, chunk: u64, old_size: u64, nb: u64) -> Step<u64> {
        let system_mem = self.system_mem(av)?;
        ensure(self.head(chunk)? > HEADER_BYTES && old_size < system_mem, Check::ReallocOldSize)?;
        let next = chunk.wrapping_add(old_size);
        let next_head = self.head(next)?;
        let next_size = next_head & !FLAGS;
        ensure(next_head > HEADER_BYTES && next_size < system_mem, Check::ReallocNextSize)?;
        if old_size >= nb {
            return self.shrink_to(av, chunk, old_size, nb);
        }
        let joined = old_size + next_size;
        if next == self.top(av)? {
            if joined >= nb + MIN_CHUNK_BYTES && rule(Rule::ReallocGrowsIntoTop) {
                let flag = self.arena_flag(av);
                self.set_head_size(chunk, nb | flag)?;
                self.set_top(av, chunk + nb)?;
                self.set_head(chunk + nb, (joined - nb) | PREV_INUSE)?;
                return Ok(chunk + FD);
            }
        } else if joined >= nb && !self.is_prev_inuse(next + next_size)? && rule(Rule::ReallocGrowsIntoNext) {
            self.unlink(next)?;
            return self.shrink_to(av, chunk, joined, nb);
        }
        let request_bytes = nb - (ALIGNMENT - 1);
        let new_block = if rule(Rule::ReallocSkipsTcache) {
            self.int_malloc(av, request_bytes)?
        } else {
            self.libc_malloc(request_bytes)?
        };
        if new_block == 0 {
            return Ok(0);
        }
        let new = new_block - FD;
        if new == next && rule(Rule::ReallocMergesNewNext) {
            let joined = old_size + self.size(new)?;
            return self.shrink_to(av, chunk, joined, nb);
        }
        if self.writes_contents() {
            let bytes = self.size(chunk)? - 8;
            self.copy_contents(chunk + FD, new_block, bytes)?;
        }
        self.int_free(av, chunk, true)?;
        Ok(new_block)
    }

    /// Cuts a chunk of `size` bytes down to `nb`; the rest is freed, if it can be a chunk.
    fn shrink_to(&mut self, av: u64, chunk: u64, size: u64, nb: u64) -> Step<u64> {
        ensure(size >= nb, Check::AssertIntRealloc)?;
        let flag = self.arena_flag(av);
        let rest_bytes = size - nb;
        if rest_bytes < MIN_CHUNK_BYTES || !rule(Rule::ReallocFreesRest) {
            self.set_head_size(chunk, size | flag)?;
            self.set_inuse(chunk, size)?;
        } else {
            let rest = chunk + nb;
            self.set_head_size(chunk, nb | flag)?;
            self.set_head(rest, rest_bytes | PREV_INUSE | flag)?;
            self.set_inuse(rest, rest_bytes)?;
            self.int_free(av, rest, true)?;
        }
        Ok(chunk + FD)
    }
}
