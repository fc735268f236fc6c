//! Allocation: the fast path, allocation buffers, and what happens when eden is full.
//!
//! Mirrors `gc/shared/memAllocator.cpp` and `GenCollectedHeap::mem_allocate_work`, `satisfy_failed_allocation`.

use super::collect::Effort;
use super::klass::KlassId;
use super::object;
use super::tlab::TlabPolicy;
use super::{Mutator, SerialHeap};
use crate::Version;
use crate::rules::{Rule, rule};

/// There is no room for the object even after everything was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapExhausted;

impl SerialHeap {
    /// Allocates an object, collecting if need be, and answers the word it starts at. Its body is zero.
    ///
    /// - `length`: elements of an array; 0 for anything else.
    /// - `tag`: who it is to the mutator; below [`SerialHeap::tag_limit`].
    ///
    /// # Errors
    /// [`HeapExhausted`] when nothing helped; what can be reclaimed has been.
    #[inline]
    pub fn allocate<M: Mutator>(
        &mut self,
        mutator: &mut M,
        klass: KlassId,
        length: u32,
        tag: u64,
    ) -> Result<usize, HeapExhausted> {
        let (n_words, is_array) = {
            let klass = self.klasses.get(klass);
            (klass.size_words(length), klass.is_array())
        };
        let object = self.take_words(mutator, n_words)?;
        self.make_object(object, n_words, self.shape.mark_with_tag(tag), klass, is_array.then_some(length));
        Ok(object)
    }

    /// Writes the header of a new object to words that were taken for it and are zero, and counts it.
    ///
    /// - `length`: that of an array; `None` of anything else.
    #[expect(clippy::inline_always, reason = "every object goes this way, and what is rare makes it look too large")]
    #[inline(always)]
    pub(super) fn make_object(
        &mut self,
        object: usize,
        n_words: usize,
        mark: u64,
        klass: KlassId,
        length: Option<u32>,
    ) {
        self.shape.write_header(self.memory.words_mut(object, n_words), mark, klass, length.unwrap_or(0));
        let census = if object < self.boundary { &mut self.young_census } else { &mut self.old_census };
        match length {
            Some(length) => census.add_array(klass, length, n_words),
            None => census.add_instance(klass),
        }
    }

    /// Allocates an object at the top of old, before the program starts: what the class data archive and the string
    /// table have. Never collects.
    pub(crate) fn allocate_in_image(&mut self, klass: KlassId, length: u32) -> Result<usize, HeapExhausted> {
        let n_words = self.klasses.get(klass).size_words(length);
        let is_array = self.klasses.get(klass).is_array();
        let object = match self.take_from_old(n_words) {
            Some(object) => object,
            None => self.expand_old_and_take(n_words).ok_or(HeapExhausted)?,
        };
        self.memory.clear(object, n_words);
        self.make_object(object, n_words, object::PROTOTYPE, klass, is_array.then_some(length));
        Ok(object)
    }

    /// Takes words, which are zero. As with `ZeroTLAB`, a buffer is zeroed when it is taken: in one go, while it still fits
    /// the cache.
    #[inline]
    fn take_words<M: Mutator>(&mut self, mutator: &mut M, n_words: usize) -> Result<usize, HeapExhausted> {
        let object = self.tlab.top;
        if object + n_words <= self.tlab.end {
            self.tlab.top = object + n_words;
            return Ok(object);
        }
        self.take_words_slowly(mutator, n_words)
    }

    #[cold]
    #[inline(never)]
    fn take_words_slowly<M: Mutator>(&mut self, mutator: &mut M, n_words: usize) -> Result<usize, HeapExhausted> {
        if self.tlab_policy.is_on
            && let Some(object) = self.take_from_new_tlab(n_words)
        {
            return Ok(object);
        }
        let object = self.take_shared(mutator, n_words).ok_or(HeapExhausted)?;
        self.tlab.allocated_words += n_words as u64;
        self.memory.clear(object, n_words);
        Ok(object)
    }

    /// `allocate_inside_tlab_slow`: a new buffer, unless too much would be wasted of the one in use. A buffer is never
    /// larger than what eden has left, so that this alone never leads to a collection.
    fn take_from_new_tlab(&mut self, n_words: usize) -> Option<usize> {
        let policy = self.tlab_policy;
        let tlab = &mut self.tlab;
        if tlab.end - tlab.top > tlab.waste_limit_words && rule(Rule::BufferIsKept) {
            if rule(Rule::WasteLimitGrows) {
                tlab.waste_limit_words += policy.waste_increment_words;
            }
            return None;
        }
        let next_words = policy.next_words(tlab, n_words, self.eden.free_words());
        self.retire_tlab(self.thread);
        let next_words = next_words?;
        let start = self.eden.allocate(next_words).expect("a buffer no larger than what eden has left");
        let tlab = &mut self.tlab;
        (tlab.start, tlab.top, tlab.end) = (start, start + n_words, start + next_words - policy.reserve_words);
        tlab.n_refills += 1;
        policy.reset_waste_limit(tlab);
        self.memory.clear(start, next_words);
        Some(start)
    }

    /// Fills up the rest of a thread's buffer, so that eden can be walked.
    pub(crate) fn retire_tlab(&mut self, thread: usize) {
        let reserve_words = self.tlab_policy.reserve_words;
        let tlab = self.tlab_mut(thread);
        if tlab.end == 0 {
            return;
        }
        tlab.allocated_words += (tlab.top - tlab.start) as u64;
        let (top, end) = (tlab.top, tlab.end + reserve_words);
        (tlab.start, tlab.top, tlab.end) = (0, 0, 0);
        if top < end {
            self.fill(top, end);
        }
    }

    /// `ensure_parsability`, with the samples that come at a collection.
    pub(crate) fn retire_all_tlabs(&mut self) {
        for thread in 0..self.tlabs.len() {
            let (used, capacity) = (self.eden.used_words(), self.eden.capacity_words());
            // Up to JDK 21 the buffer in use counts for the next sample.
            let counts_open = self.policy.version >= Version::V25 || !rule(Rule::OpenBufferCountsLater);
            if counts_open {
                self.retire_tlab(thread);
            }
            TlabPolicy::accumulate(self.tlab_mut(thread), used, capacity);
            self.retire_tlab(thread);
        }
    }

    /// `resize_all_tlabs`.
    pub(crate) fn resize_all_tlabs(&mut self) {
        if self.tlab_policy.is_resized && rule(Rule::BuffersAreResized) {
            let (policy, eden_words) = (self.tlab_policy, self.eden.capacity_words());
            for thread in 0..self.tlabs.len() {
                policy.resize(self.tlab_mut(thread), eden_words);
            }
        }
    }

    /// `DefNewGeneration::should_allocate`: young takes what is below `PretenureSizeThreshold`.
    pub(crate) fn young_takes(&self, n_words: usize) -> bool {
        self.policy.pretenure_words == 0 || n_words < self.policy.pretenure_words || !rule(Rule::PretenureSendsToOld)
    }

    /// `mem_allocate_work` for an object outside the buffers.
    fn take_shared<M: Mutator>(&mut self, mutator: &mut M, n_words: usize) -> Option<usize> {
        if self.young_takes(n_words)
            && let Some(object) = self.eden.allocate(n_words)
        {
            return Some(object);
        }
        // Only what is larger than eden, or heap that is nearly full, gets a shot at old without a collection.
        let is_large = n_words > self.eden.capacity_words() && rule(Rule::LargeObjectsTryOld);
        let tries_old = is_large || self.young_failed;
        if let Some(object) = self.attempt(n_words, !tries_old) {
            return Some(object);
        }
        self.satisfy_failed_allocation(mutator, n_words)
    }

    /// `attempt_allocation`.
    fn attempt(&mut self, n_words: usize, young_only: bool) -> Option<usize> {
        if self.young_takes(n_words) {
            let object = self.take_from_young(n_words);
            if object.is_some() || young_only {
                return object;
            }
        }
        self.take_from_old(n_words)
    }

    fn take_from_young(&mut self, n_words: usize) -> Option<usize> {
        let object = self.eden.allocate(n_words);
        match object {
            None if self.allocates_from_survivors && rule(Rule::FromSpaceServesWhenTight) => {
                self.from.allocate(n_words)
            }
            _ => object,
        }
    }

    /// Takes words from old as it is.
    pub(crate) fn take_from_old(&mut self, n_words: usize) -> Option<usize> {
        let object = self.old.allocate(n_words)?;
        self.cards.note_block(object, object + n_words);
        Some(object)
    }

    /// Takes words from old after expanding it by at least that much, which may be less if it reaches its limit.
    pub(crate) fn expand_old_and_take(&mut self, n_words: usize) -> Option<usize> {
        self.expand_old(n_words as u64 * super::WORD_BYTES, self.policy.min_heap_delta_bytes);
        self.take_from_old(n_words)
    }

    /// `satisfy_failed_allocation`: collect, expand, collect everything including soft references, give up.
    fn satisfy_failed_allocation<M: Mutator>(&mut self, mutator: &mut M, n_words: usize) -> Option<usize> {
        let is_for_old =
            if self.policy.version >= Version::V25 { !self.young_takes(n_words) } else { self.young_failed };
        let effort = if is_for_old { Effort::Full } else { Effort::Young };
        self.collect(mutator, effort, n_words, "Allocation Failure");
        let object = self.attempt(n_words, false).or_else(|| self.expand_for(mutator, n_words));
        if object.is_some() {
            return object;
        }
        self.collect(mutator, Effort::Everything, n_words, "Allocation Failure");
        let object = self.attempt(n_words, false);
        // JDK 25 takes back what that collection may have shrunk.
        if object.is_none() && self.policy.version >= Version::V25 { self.expand_for(mutator, n_words) } else { object }
    }

    /// `expand_heap_and_allocate`.
    fn expand_for<M: Mutator>(&mut self, mutator: &mut M, n_words: usize) -> Option<usize> {
        let before = self.committed_bytes();
        let object = if rule(Rule::OldGrowsForRequest) { self.expand_old_and_take(n_words) } else { None };
        if self.committed_bytes() != before {
            mutator.resized(self.committed_bytes());
        }
        match object {
            None if self.young_takes(n_words) => self.take_from_young(n_words),
            _ => object,
        }
    }
}
