//! `_int_malloc`: a chunk of at least so many bytes out of one arena.
//!
//! Each step is a function; [`Glibc::int_malloc`] is their order. Mirrors glibc 2.36 `malloc/malloc.c:_int_malloc`.

use super::chunk::{
    FD, FLAGS, HEADER_BYTES, MIN_CHUNK_BYTES, NON_MAIN_ARENA, PREV_INUSE, arena, bin_at, bin_index,
    checked_chunk_bytes, fastbin_index, is_small, largebin_index, mangle, smallbin_index, unsorted,
};
use super::params::UNSORTED_CHUNKS_MAX;
use super::rules::{Rule, rule};
use super::stop::{CHUNKS_MAX, Check, Step, Stop, ensure};
use super::{Glibc, System};

/// The outcome of a pass over the unsorted bin.
enum Sorted {
    /// A chunk fits: its block.
    Taken(u64),
    /// Nothing was found; exact fits, if any, went to the tcache.
    Nothing { cached: bool },
}

impl<S: System> Glibc<S> {
    /// A block of at least `bytes` from the arena `av`; 0 when there is none. `av` 0: no arena, only a mapping.
    pub(super) fn int_malloc(&mut self, av: u64, bytes: u64) -> Step<u64> {
        let Some(nb) = checked_chunk_bytes(bytes) else { return Ok(0) };
        let block = if av == 0 { self.sysmalloc(nb, av)? } else { self.take(av, nb)? };
        if self.parameters.perturb != 0 && block != 0 && self.writes_contents() {
            self.fill_contents(block, self.parameters.perturb ^ 0xff, bytes)?;
        }
        Ok(block)
    }

    fn take(&mut self, av: u64, nb: u64) -> Step<u64> {
        if nb <= self.parameters.max_fast
            && rule(Rule::FastbinServes)
            && let Some(block) = self.take_fast(av, nb)?
        {
            return Ok(block);
        }
        if is_small(nb) {
            if rule(Rule::SmallBinServes)
                && let Some(block) = self.take_small(av, nb)?
            {
                return Ok(block);
            }
        } else if self.has_fast_chunks(av)? && rule(Rule::LargeRequestConsolidates) {
            self.consolidate(av)?;
        }
        let mut n_seen = 0;
        loop {
            match self.sort_unsorted(av, nb, &mut n_seen)? {
                Sorted::Taken(block) => return Ok(block),
                Sorted::Nothing { cached: true } => return self.tcache_get(super::chunk::tcache_index(nb)),
                Sorted::Nothing { cached: false } => {}
            }
            if !is_small(nb)
                && let Some(block) = self.take_large(av, nb)?
            {
                return Ok(block);
            }
            if let Some(block) = self.take_from_larger_bin(av, nb)? {
                return Ok(block);
            }
            if let Some(block) = self.take_from_top(av, nb)? {
                return Ok(block);
            }
            if !self.has_fast_chunks(av)? || !rule(Rule::LastResortConsolidates) {
                return self.sysmalloc(nb, av);
            }
            self.consolidate(av)?;
        }
    }

    /// The chunk that was freed last into the fastbin of this size; the rest of the bin moves into the tcache.
    fn take_fast(&mut self, av: u64, nb: u64) -> Step<Option<u64>> {
        let index = fastbin_index(nb);
        let bin = av + arena::FASTBINS + 8 * index;
        let victim = self.load_of_arena(bin)?;
        if victim == 0 {
            return Ok(None);
        }
        ensure(victim.is_multiple_of(16), Check::FastUnaligned2)?;
        self.remove_fast(bin, victim)?;
        ensure(fastbin_index(self.size(victim)?) == index, Check::FastSize)?;
        if rule(Rule::FastbinFillsTcache)
            && let Some(cache) = self.tcache_bin(nb)
        {
            while self.tcache_has_room(cache)? {
                let next = self.load_of_arena(bin)?;
                if next == 0 {
                    break;
                }
                ensure(next.is_multiple_of(16), Check::FastUnaligned3)?;
                self.remove_fast(bin, next)?;
                self.tcache_put(next, cache)?;
            }
        }
        Ok(Some(victim + FD))
    }

    /// `REMOVE_FB`: a process with threads looks at the alignment of the next chunk, one without does not.
    #[inline]
    fn remove_fast(&mut self, bin: u64, victim: u64) -> Step<()> {
        let next = mangle(victim.wrapping_add(FD), self.fd(victim)?);
        if self.is_threaded {
            ensure(next.is_multiple_of(16), Check::FastUnaligned)?;
        }
        self.store_in_arena(bin, next)
    }

    /// The oldest chunk of the small bin of this size; the others move into the tcache.
    fn take_small(&mut self, av: u64, nb: u64) -> Step<Option<u64>> {
        let bin = bin_at(av, smallbin_index(nb));
        let victim = self.last_of(bin)?;
        if victim == bin {
            return Ok(None);
        }
        let bck = self.bk(victim)?;
        ensure(self.fd(bck)? == victim, Check::SmallLinks)?;
        self.set_inuse(victim, nb)?;
        self.set_last_of(bin, bck)?;
        self.set_fd(bck, bin)?;
        self.mark_arena(av, victim)?;
        if rule(Rule::SmallBinFillsTcache)
            && let Some(cache) = self.tcache_bin(nb)
        {
            while self.tcache_has_room(cache)? {
                let next = self.last_of(bin)?;
                if next == bin {
                    break;
                }
                if next == 0 {
                    return Err(Stop::abort(Check::Endless));
                }
                let bck = self.bk(next)?;
                self.set_taken(av, next, nb)?;
                self.set_last_of(bin, bck)?;
                self.set_fd(bck, bin)?;
                self.tcache_put(next, cache)?;
            }
        }
        Ok(Some(victim + FD))
    }

    #[inline]
    fn mark_arena(&mut self, av: u64, victim: u64) -> Step<()> {
        if av != self.main_arena {
            let head = self.head(victim)?;
            self.set_head(victim, head | NON_MAIN_ARENA)?;
        }
        Ok(())
    }

    /// Goes over the unsorted chunks from the oldest: takes an exact fit or the last remainder, bins the others.
    /// `n_seen` counts those that were binned in this call of malloc.
    fn sort_unsorted(&mut self, av: u64, nb: u64, n_seen: &mut u64) -> Step<Sorted> {
        let bin = unsorted(av);
        let system_mem = self.system_mem(av)?;
        let cache = self.tcache_bin(nb);
        let mut cached = false;
        let mut n_binned = 0;
        loop {
            let victim = self.last_of(bin)?;
            if victim == bin {
                break;
            }
            let bck = self.bk(victim)?;
            let size = self.size(victim)?;
            let next = victim.wrapping_add(size);
            ensure(size > HEADER_BYTES && size <= system_mem, Check::UnsortedSize)?;
            let next_head = self.head(next)?;
            ensure(next_head >= HEADER_BYTES && next_head <= system_mem, Check::UnsortedNextSize)?;
            ensure(self.prev_size(next)? & !FLAGS == size, Check::UnsortedPrevSize)?;
            ensure(self.fd(bck)? == victim && self.fd(victim)? == bin, Check::UnsortedLinks)?;
            ensure(next_head & PREV_INUSE == 0, Check::UnsortedPrevInuse)?;

            if rule(Rule::LastRemainderServes)
                && (is_small(nb) || !rule(Rule::LastRemainderIsForSmall))
                && (bck == bin || !rule(Rule::LastRemainderIsAlone))
                && (size > nb + MIN_CHUNK_BYTES
                    || (size == nb + MIN_CHUNK_BYTES && !rule(Rule::LastRemainderLeavesChunk)))
                && victim == self.load_of_arena(av + arena::LAST_REMAINDER)?
            {
                return self.split_last_remainder(av, victim, size, nb).map(Sorted::Taken);
            }
            self.set_last_of(bin, bck)?;
            self.set_fd(bck, bin)?;
            if size == nb {
                self.set_taken(av, victim, size)?;
                if rule(Rule::UnsortedFillsTcache)
                    && let Some(cache) = cache
                    && self.tcache_has_room(cache)?
                {
                    self.tcache_put(victim, cache)?;
                    cached = true;
                    continue;
                }
                return Ok(Sorted::Taken(victim + FD));
            }
            self.put_in_bin(av, victim, size)?;
            n_binned += 1;
            *n_seen += 1;
            let limit = self.parameters.tcache_unsorted_limit;
            let is_enough = cached && limit > 0 && *n_seen > limit && rule(Rule::TcacheUnsortedLimit);
            if is_enough || (n_binned >= UNSORTED_CHUNKS_MAX && rule(Rule::UnsortedLimit)) {
                break;
            }
        }
        Ok(Sorted::Nothing { cached })
    }

    /// The only unsorted chunk is what was left of the last small request: it is cut again.
    fn split_last_remainder(&mut self, av: u64, victim: u64, size: u64, nb: u64) -> Step<u64> {
        let bin = unsorted(av);
        let (rest, rest_bytes) = (victim + nb, size - nb);
        self.set_last_of(bin, rest)?;
        self.set_first_of(bin, rest)?;
        if rule(Rule::OwnSplitSetsLastRemainder) {
            self.store_in_arena(av + arena::LAST_REMAINDER, rest)?;
        }
        self.set_links(rest, bin, bin)?;
        if !is_small(rest_bytes) {
            self.clear_nextsize(rest)?;
        }
        self.set_head(victim, nb | PREV_INUSE | self.arena_flag(av))?;
        self.set_head(rest, rest_bytes | PREV_INUSE)?;
        self.set_foot(rest, rest_bytes)?;
        Ok(victim + FD)
    }

    fn put_in_bin(&mut self, av: u64, victim: u64, size: u64) -> Step<()> {
        let index = bin_index(size);
        let bin = bin_at(av, index);
        let (bck, fwd) = if !is_small(size) {
            self.place_large(bin, victim, size)?
        } else if rule(Rule::SmallBinIsFifo) {
            (bin, self.first_of(bin)?)
        } else {
            (self.last_of(bin)?, bin)
        };
        let map = self.binmap(av, index >> 5)?;
        self.set_binmap(av, index >> 5, map | 1 << (index & 31))?;
        self.set_links(victim, fwd, bck)?;
        self.set_bk(fwd, victim)?;
        self.set_fd(bck, victim)
    }

    /// Where a chunk belongs in a large bin: descending by size, second among its equals. Links it into the skip list
    /// of sizes when it is the first of its size.
    fn place_large(&mut self, bin: u64, victim: u64, size: u64) -> Step<(u64, u64)> {
        let first = self.first_of(bin)?;
        if first == bin {
            self.set_fd_nextsize(victim, victim)?;
            self.set_bk_nextsize(victim, victim)?;
            return Ok((bin, bin));
        }
        let size = size | PREV_INUSE;
        let last = self.last_of(bin)?;
        let last_head = self.head(last)?;
        ensure(last_head & NON_MAIN_ARENA == 0, Check::AssertLargeLast)?;
        if size < last_head || !rule(Rule::LargeBinIsSorted) {
            let largest = self.first_of(bin)?;
            let smallest = self.bk_nextsize(largest)?;
            self.set_fd_nextsize(victim, largest)?;
            self.set_bk_nextsize(victim, smallest)?;
            self.set_fd_nextsize(smallest, victim)?;
            self.set_bk_nextsize(largest, victim)?;
            return Ok((last, bin));
        }
        let mut fwd = first;
        let mut fwd_head = self.head(fwd)?;
        ensure(fwd_head & NON_MAIN_ARENA == 0, Check::AssertLargeNext)?;
        let mut n = 0;
        while size < fwd_head {
            fwd = self.fd_nextsize(fwd)?;
            fwd_head = self.head(fwd)?;
            ensure(fwd_head & NON_MAIN_ARENA == 0, Check::AssertLargeNext)?;
            n += 1;
            ensure(n < CHUNKS_MAX, Check::Endless)?;
        }
        if size == fwd_head && rule(Rule::EqualIsInsertedSecond) {
            fwd = self.fd(fwd)?;
        } else {
            let larger = self.bk_nextsize(fwd)?;
            self.set_fd_nextsize(victim, fwd)?;
            self.set_bk_nextsize(victim, larger)?;
            ensure(self.fd_nextsize(larger)? == fwd, Check::LargeNextSize)?;
            self.set_bk_nextsize(fwd, victim)?;
            self.set_fd_nextsize(larger, victim)?;
        }
        let bck = self.bk(fwd)?;
        ensure(self.fd(bck)? == fwd, Check::LargeLinks)?;
        Ok((bck, fwd))
    }

    /// The smallest chunk that fits, in the large bin of this size.
    fn take_large(&mut self, av: u64, nb: u64) -> Step<Option<u64>> {
        let bin = bin_at(av, largebin_index(nb));
        let first = self.first_of(bin)?;
        if first == bin || self.head(first)? < nb {
            return Ok(None);
        }
        let mut victim = self.bk_nextsize(first)?;
        let mut size = self.size(victim)?;
        let mut n = 0;
        while size < nb || (!rule(Rule::LargeBinIsBestFit) && victim != first) {
            victim = self.bk_nextsize(victim)?;
            size = self.size(victim)?;
            n += 1;
            ensure(n < CHUNKS_MAX, Check::Endless)?;
        }
        if victim != self.last_of(bin)? {
            let second = self.fd(victim)?;
            if self.head(victim)? == self.head(second)? && rule(Rule::SecondOfEqualIsTaken) {
                victim = second;
            }
        }
        let block = self.split(av, victim, size, nb, Check::SplitUnsorted)?;
        if !rule(Rule::LargeBinKeepsLastRemainder) && size - nb >= MIN_CHUNK_BYTES {
            self.store(av + arena::LAST_REMAINDER, victim + nb)?;
        }
        Ok(Some(block))
    }

    /// The smallest chunk of the next bin that has one.
    fn take_from_larger_bin(&mut self, av: u64, nb: u64) -> Step<Option<u64>> {
        let mut index = bin_index(nb) + 1;
        while index < arena::N_BINS {
            let word = index >> 5;
            let map = self.binmap(av, word)?;
            let left = map >> (index & 31);
            if left == 0 {
                index = (word + 1) << 5;
                continue;
            }
            index += u64::from(left.trailing_zeros());
            let bin = bin_at(av, index);
            let victim = self.last_of(bin)?;
            if victim == bin {
                self.set_binmap(av, word, map & !(1 << (index & 31)))?;
                index += 1;
                continue;
            }
            let size = self.size(victim)?;
            ensure(size >= nb, Check::AssertBinSize)?;
            let block = self.split(av, victim, size, nb, Check::SplitUnsorted2)?;
            let sets =
                rule(Rule::LargerBinSetsLastRemainder) && (is_small(nb) || !rule(Rule::LargerBinSetsItForSmallOnly));
            if sets && size - nb >= MIN_CHUNK_BYTES {
                self.store_in_arena(av + arena::LAST_REMAINDER, victim + nb)?;
            }
            return Ok(Some(block));
        }
        Ok(None)
    }

    /// Takes a free chunk off its bin; what is left over goes to the unsorted bin.
    fn split(&mut self, av: u64, victim: u64, size: u64, nb: u64, check: Check) -> Step<u64> {
        self.unlink(victim)?;
        let rest_bytes = size.wrapping_sub(nb);
        if rest_bytes < MIN_CHUNK_BYTES || !rule(Rule::SplitLeavesRemainder) {
            self.set_taken(av, victim, size)?;
        } else {
            let rest = victim.wrapping_add(nb);
            self.link_unsorted(av, rest, rest_bytes, check)?;
            self.set_head(victim, nb | PREV_INUSE | self.arena_flag(av))?;
            self.set_head(rest, rest_bytes | PREV_INUSE)?;
            self.set_foot(rest, rest_bytes)?;
        }
        Ok(victim.wrapping_add(FD))
    }

    /// The lower end of top, if top is large enough.
    pub(super) fn take_from_top(&mut self, av: u64, nb: u64) -> Step<Option<u64>> {
        let top = self.top(av)?;
        let size = self.size(top)?;
        ensure(size <= self.system_mem(av)?, Check::TopSize)?;
        let is_mapped_first = nb >= self.parameters.mmap_threshold && !rule(Rule::TopBeforeMapping);
        if size < nb + MIN_CHUNK_BYTES || is_mapped_first {
            return Ok(None);
        }
        self.set_top(av, top + nb)?;
        self.set_head(top, nb | PREV_INUSE | self.arena_flag(av))?;
        self.set_head(top + nb, (size - nb) | PREV_INUSE)?;
        Ok(Some(top + FD))
    }
}
