//! Growing and shrinking the generations. Mirrors `gc/shared/cardGeneration.cpp:CardGeneration::compute_new_size` and
//! `gc/serial/defNewGeneration.cpp:DefNewGeneration::compute_new_size`.

use super::space::Space;
use super::{Policy, SerialHeap, WORD_BYTES};
use crate::params::{PAGE_BYTES, SPACE_ALIGNMENT_BYTES};
use crate::rules::{Rule, rule};
use crate::sizing::{YoungSpaces, young_spaces};

/// What young gains for each thread that is no daemon. Unit: bytes. `NewSizeThreadIncrease` on x86-64:
/// `ScaleForWordSize(4 * K)`.
const NEW_SIZE_THREAD_INCREASE_BYTES: u64 = 5320;

impl SerialHeap {
    /// `compute_space_boundaries`: cuts what is committed of young into eden and the survivor spaces, which are empty.
    /// Eden keeps its first `live_words`.
    pub(crate) fn lay_out_young(&mut self, live_words: usize) {
        let bytes = |words: usize| words as u64 * WORD_BYTES;
        let Policy { survivor_ratio, version, .. } = self.policy;
        let YoungSpaces { eden, survivor } =
            young_spaces(bytes(self.young_end), bytes(self.boundary), bytes(live_words), survivor_ratio, version);
        let (eden_words, survivor_words) = ((eden / WORD_BYTES) as usize, (survivor / WORD_BYTES) as usize);
        self.eden = Space { bottom: 0, top: live_words, end: eden_words };
        self.from = Space::new(eden_words, eden_words + survivor_words);
        self.to = Space::new(self.from.end, self.from.end + survivor_words);
    }

    /// `DefNewGeneration::compute_new_size`: young follows old by `NewRatio`, when nothing is in the survivor spaces.
    pub(crate) fn resize_young(&mut self) {
        if !self.from.is_empty() || !self.to.is_empty() || !rule(Rule::YoungFollowsOld) {
            return;
        }
        let old_bytes = self.old.capacity_words() as u64 * WORD_BYTES;
        let for_threads = self.n_threads as u64 * NEW_SIZE_THREAD_INCREASE_BYTES;
        let for_threads = if rule(Rule::ThreadsEnlargeYoung) { for_threads } else { 0 };
        let candidate = old_bytes / self.policy.new_ratio + for_threads;
        let desired_words = (candidate.next_multiple_of(SPACE_ALIGNMENT_BYTES) / WORD_BYTES) as usize;
        let desired_words = desired_words.clamp(self.policy.young_initial_words, self.boundary);
        if desired_words > self.young_end || desired_words < self.young_end && self.eden.is_empty() {
            self.young_end = desired_words;
            self.lay_out_young(self.eden.used_words());
        }
    }

    /// `CardGeneration::expand`: by `least_bytes`, or by `usual_bytes` if that is more and there is so much, or by
    /// whatever there is.
    pub(crate) fn expand_old(&mut self, least_bytes: u64, usual_bytes: u64) {
        if least_bytes == 0 {
            return;
        }
        let page_words = |bytes: u64| (bytes.next_multiple_of(PAGE_BYTES) / WORD_BYTES) as usize;
        let (least_words, usual_words) = (page_words(least_bytes), page_words(usual_bytes));
        let left_words = self.memory.len_words() - self.old.end;
        let words = if usual_words > least_words && usual_words <= left_words && rule(Rule::OldGrowsByDelta) {
            usual_words
        } else {
            least_words.min(left_words)
        };
        self.cards.clear_range(self.old.end, self.old.end + words);
        self.old.end += words;
    }

    fn shrink_old(&mut self, bytes: u64) {
        self.old.end -= (bytes / PAGE_BYTES * PAGE_BYTES / WORD_BYTES) as usize;
        assert!(self.old.end >= self.old.top, "old shrank below what is in it");
    }

    /// `CardGeneration::compute_new_size`: keeps the free share of old between `MinHeapFreeRatio` and
    /// `MaxHeapFreeRatio`.
    pub(crate) fn resize_old(&mut self) {
        let shrink_percent = std::mem::take(&mut self.shrink_percent);
        let used = self.old.used_words() as u64 * WORD_BYTES;
        let capacity = self.old.capacity_words() as u64 * WORD_BYTES;
        let initial = self.policy.old_initial_words as u64 * WORD_BYTES;
        let min_delta = self.policy.min_heap_delta_bytes;
        let is_worth_it = |bytes: u64| bytes >= min_delta || !rule(Rule::SmallChangesAreLeft);
        let max_used_share = 1.0 - self.policy.min_heap_free_percent as f64 / 100.0;
        let least = ((used as f64 / max_used_share) as u64).max(initial);
        if capacity < least {
            if is_worth_it(least - capacity) && rule(Rule::OldGrowsToFreeShare) {
                self.expand_old(least - capacity, 0);
            }
            return;
        }
        let max_shrink = capacity - least;
        let mut shrink = 0;
        if self.policy.max_heap_free_percent < 100 && rule(Rule::OldShrinksToFreeShare) {
            let min_used_share = 1.0 - self.policy.max_heap_free_percent as f64 / 100.0;
            let most = ((used as f64 / min_used_share) as u64).max(initial);
            if capacity > most {
                shrink = capacity - most;
                if self.policy.shrinks_in_steps && rule(Rule::OldShrinksInSteps) {
                    shrink = shrink / 100 * shrink_percent;
                    self.shrink_percent = if shrink_percent == 0 { 10 } else { (shrink_percent * 4).min(100) };
                }
            }
        }
        let capacity_at_prologue = self.old_capacity_at_prologue as u64 * WORD_BYTES;
        if capacity > capacity_at_prologue && rule(Rule::PromotionGrowthIsTakenBack) {
            // Grown for promotions, which the full collection may have made needless.
            shrink = shrink.max((capacity - capacity_at_prologue).min(max_shrink));
        }
        if is_worth_it(shrink) {
            self.shrink_old(shrink);
        }
    }
}
