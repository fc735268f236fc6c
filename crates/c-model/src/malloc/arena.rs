//! Which arena a thread uses: its own, one that a thread left behind, a new one, or in turn those that there are.
//!
//! Mirrors glibc 2.36 `malloc/arena.c:ptmalloc_init`, `arena_get2`, `reused_arena`, `__malloc_arena_thread_freeres`.
//! Differs: calls do not overlap here, so no arena is ever found locked by another thread.

use super::chunk::{arena, bin_at, unsorted};
use super::rules::{Rule, rule};
use super::stop::Step;
use super::{Glibc, System};

/// Arenas for each core. Source: `malloc/malloc.c:NARENAS_FROM_NCORES`.
const ARENAS_PER_CORE: u64 = 8;

impl<S: System> Glibc<S> {
    /// What happens once, at the first call: `ptmalloc_init`.
    #[inline]
    pub(super) fn need_init(&mut self) -> Step<()> {
        if self.is_initialised { Ok(()) } else { self.init() }
    }

    #[cold]
    fn init(&mut self) -> Step<()> {
        self.is_initialised = true;
        let av = self.main_arena;
        self.threads[self.thread].arena = av;
        self.store(av + arena::NEXT, av)?;
        self.store(av + arena::ATTACHED_THREADS, 1)?;
        self.init_state(av)
    }

    /// `malloc_init_state`.
    pub(super) fn init_state(&mut self, av: u64) -> Step<()> {
        for index in 1..arena::N_BINS {
            let bin = bin_at(av, index);
            self.set_fd(bin, bin)?;
            self.set_bk(bin, bin)?;
        }
        if av != self.main_arena {
            self.set_noncontiguous(av)?;
        }
        self.set_fast_chunks(av, false)?;
        self.set_top(av, unsorted(av))
    }

    /// The arena for a call of the current thread: the main one while there is only one thread.
    #[inline]
    pub(super) fn arena_for_call(&mut self, bytes: u64) -> Step<u64> {
        if self.is_threaded { self.arena_get(bytes) } else { Ok(self.main_arena) }
    }

    /// The current thread's arena; it gets one if it has none. 0: there is none to be had.
    #[inline]
    pub(super) fn arena_get(&mut self, bytes: u64) -> Step<u64> {
        let av = self.threads[self.thread].arena;
        if av != 0 {
            return Ok(av);
        }
        if rule(Rule::ThreadsHaveArenas) { self.arena_get2(bytes) } else { Ok(self.main_arena) }
    }

    #[cold]
    fn arena_get2(&mut self, bytes: u64) -> Step<u64> {
        let free = self.free_list;
        if free != 0 && rule(Rule::FreeArenasAreReused) {
            self.free_list = self.load(free + arena::NEXT_FREE)?;
            self.store(free + arena::ATTACHED_THREADS, 1)?;
            self.detach(self.threads[self.thread].arena)?;
            self.threads[self.thread].arena = free;
            return Ok(free);
        }
        if self.arenas_limit == 0 {
            if self.parameters.arena_max != 0 {
                self.arenas_limit = self.parameters.arena_max;
            } else if self.n_arenas > self.parameters.arena_test || !rule(Rule::LimitIsComputedLate) {
                self.arenas_limit = ARENAS_PER_CORE * self.cores;
            }
        }
        // With no limit yet this is 2^64 - 1.
        if self.n_arenas > self.arenas_limit.wrapping_sub(1) && rule(Rule::ArenasAreLimited) {
            return self.reused_arena();
        }
        let av = self.new_arena(bytes)?;
        if av != 0 {
            self.n_arenas += 1;
        }
        Ok(av)
    }

    /// The next arena in turn. Its lock is always free here, so the one that just failed is not avoided.
    fn reused_arena(&mut self) -> Step<u64> {
        if self.next_to_use == 0 {
            self.next_to_use = self.main_arena;
        }
        let av = self.next_to_use;
        self.detach(self.threads[self.thread].arena)?;
        self.remove_from_free_list(av)?;
        let attached = self.load(av + arena::ATTACHED_THREADS)?;
        self.store(av + arena::ATTACHED_THREADS, attached + 1)?;
        self.threads[self.thread].arena = av;
        if rule(Rule::ArenasAreUsedInTurn) {
            self.next_to_use = self.load(av + arena::NEXT)?;
        }
        Ok(av)
    }

    /// Another arena than the one that had no memory: `arena_get_retry`.
    pub(super) fn arena_get_retry(&mut self, av: u64, bytes: u64) -> Step<u64> {
        if av != self.main_arena {
            return Ok(self.main_arena);
        }
        let another = self.arena_get2(bytes)?;
        if !rule(Rule::FailureMovesThread) {
            self.threads[self.thread].arena = av;
        }
        Ok(another)
    }

    fn remove_from_free_list(&mut self, av: u64) -> Step<()> {
        let mut in_list = self.free_list;
        let mut previous = 0;
        while in_list != 0 {
            let next = self.load(in_list + arena::NEXT_FREE)?;
            if in_list == av {
                if previous == 0 {
                    self.free_list = next;
                } else {
                    self.store(previous + arena::NEXT_FREE, next)?;
                }
                break;
            }
            previous = in_list;
            in_list = next;
        }
        Ok(())
    }

    pub(super) fn detach(&mut self, av: u64) -> Step<()> {
        if av == 0 {
            return Ok(());
        }
        let attached = self.load(av + arena::ATTACHED_THREADS)?;
        self.store(av + arena::ATTACHED_THREADS, attached - 1)
    }

    /// The current thread ends: its tcache is given up, and its arena if nobody else uses it.
    pub(super) fn thread_exit(&mut self) -> Step<()> {
        self.tcache_shutdown()?;
        let av = std::mem::take(&mut self.threads[self.thread].arena);
        if av == 0 {
            return Ok(());
        }
        self.detach(av)?;
        if self.load(av + arena::ATTACHED_THREADS)? == 0 && rule(Rule::ExitGivesArenaUp) {
            self.store(av + arena::NEXT_FREE, self.free_list)?;
            self.free_list = av;
        }
        Ok(())
    }

    /// Every arena, the main one first, then the newest first.
    pub(super) fn arenas(&self) -> Step<Vec<u64>> {
        let mut arenas = vec![self.main_arena];
        loop {
            let next = self.load(arenas[arenas.len() - 1] + arena::NEXT)?;
            if next == self.main_arena || next == 0 || arenas.len() as u64 > self.n_arenas {
                return Ok(arenas);
            }
            arenas.push(next);
        }
    }
}
