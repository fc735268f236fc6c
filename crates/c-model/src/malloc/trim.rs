//! Giving memory back: `systrim` from the top of the main arena, `malloc_trim` from everywhere.
//!
//! Mirrors glibc 2.36 `malloc/malloc.c:systrim`, `mtrim`, `__malloc_trim`. Differs: nothing known.

use super::chunk::{MIN_CHUNK_BYTES, PAGE_BYTES, PREV_INUSE, align_down, align_up, arena, bin_at, bin_index};
use super::rules::{Rule, rule};
use super::stop::{CHUNKS_MAX, Check, Step, ensure};
use super::{Glibc, System};

/// `sizeof (struct malloc_chunk)`: of a free chunk so much is in use.
const LINKS_BYTES: u64 = 48;

impl<S: System> Glibc<S> {
    /// Lowers the break, keeping `pad` bytes and some in top; whether anything was given back.
    pub(super) fn systrim(&mut self, av: u64, pad: u64) -> Step<bool> {
        let top = self.top(av)?;
        let top_size = self.size(top)?;
        let spared = MIN_CHUNK_BYTES + u64::from(rule(Rule::TrimSparesOneByte));
        let area = top_size.wrapping_sub(spared);
        if area <= pad {
            return Ok(false);
        }
        let huge = self.parameters.thp_page_bytes;
        let extra = align_down(area - pad, if huge != 0 && rule(Rule::TrimGivesHugePages) { huge } else { PAGE_BYTES });
        if extra == 0 {
            return Ok(false);
        }
        let old = self.brk;
        if old != top.wrapping_add(top_size) {
            return Ok(false);
        }
        // Whether this worked is seen from the break afterwards.
        let _ = self.sbrk((extra as i64).wrapping_neg());
        // Negative when top was smaller than the subtraction above assumes: then glibc lets it grow.
        let released = old.wrapping_sub(self.brk);
        if released == 0 {
            return Ok(false);
        }
        self.add_system_mem(av, (released as i64).wrapping_neg())?;
        self.set_head(top, top_size.wrapping_sub(released) | PREV_INUSE)?;
        Ok(true)
    }

    /// Drops the pages inside free chunks of one arena, and lowers the break if it is the main one.
    fn mtrim(&mut self, av: u64, pad: u64) -> Step<bool> {
        if av == self.main_arena || rule(Rule::TrimConsolidatesAll) {
            self.consolidate(av)?;
        }
        let mut any = false;
        let first_large = bin_index(PAGE_BYTES);
        for index in std::iter::once(1).chain(first_large..arena::N_BINS) {
            let bin = bin_at(av, index);
            let mut chunk = self.last_of(bin)?;
            let mut n = 0;
            while chunk != bin {
                n += 1;
                ensure(n < CHUNKS_MAX, Check::Endless)?;
                let size = self.size(chunk)?;
                if size > PAGE_BYTES - 1 + LINKS_BYTES {
                    let start = align_up(chunk + LINKS_BYTES, PAGE_BYTES);
                    let bytes = align_down(size - (start - chunk), PAGE_BYTES);
                    if bytes > 0 {
                        self.system.discard(start, bytes);
                        self.memory.discard(start, bytes)?;
                        any = true;
                    }
                }
                chunk = self.bk(chunk)?;
            }
        }
        if av == self.main_arena && rule(Rule::TrimLowersBreak) {
            any |= self.systrim(av, pad)?;
        } else if !rule(Rule::TrimLeavesThreadHeaps) {
            self.heap_trim(Self::heap_of(self.top(av)?), pad)?;
        }
        Ok(any)
    }

    /// `malloc_trim`.
    pub(super) fn libc_trim(&mut self, pad: u64) -> Step<bool> {
        self.need_init()?;
        let mut any = false;
        for av in self.arenas()? {
            any |= self.mtrim(av, pad)?;
        }
        Ok(any)
    }
}
