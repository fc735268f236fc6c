//! Thread-local allocation buffers. Mirrors `gc/shared/threadLocalAllocBuffer.cpp`.

use super::average::WeightedAverage;
use super::object::Shape;
use crate::params::{Flags, WORD_BYTES};
use crate::rules::{Rule, rule};

/// The buffer of one thread. `top == end == 0` means that it has none at the moment.
#[derive(Clone, Debug)]
pub struct Tlab {
    pub(crate) start: usize,
    pub(crate) top: usize,
    /// Where allocation ends; what is kept in reserve belongs to the buffer as well.
    pub(crate) end: usize,
    pub(crate) desired_words: usize,
    pub(crate) waste_limit_words: usize,
    pub(crate) fraction: WeightedAverage,
    pub(crate) n_refills: u32,
    pub(crate) allocated_words: u64,
    allocated_words_at_gc: u64,
}

/// Sizes that buffers of all threads have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TlabPolicy {
    pub(crate) is_on: bool,
    pub(crate) is_resized: bool,
    first_words: usize,
    min_words: usize,
    allocation_weight_percent: u32,
    target_refills: usize,
    waste_fraction: usize,
    pub(crate) waste_increment_words: usize,
    alignment_words: usize,
    pub(crate) reserve_words: usize,
}

impl TlabPolicy {
    pub(crate) fn new(flags: &Flags, shape: &Shape) -> Self {
        TlabPolicy {
            is_on: flags.use_tlab,
            is_resized: flags.resize_tlab,
            first_words: (flags.tlab_bytes / WORD_BYTES) as usize,
            min_words: (flags.min_tlab_bytes / WORD_BYTES) as usize,
            allocation_weight_percent: flags.tlab_allocation_weight as u32,
            target_refills: (100 / (2 * flags.tlab_waste_target_percent.max(1)) as usize).max(2),
            waste_fraction: flags.tlab_refill_waste_fraction as usize,
            waste_increment_words: flags.tlab_waste_increment as usize,
            alignment_words: shape.alignment_words,
            reserve_words: shape.tlab_reserve_words,
        }
    }

    fn clamp(&self, words: usize, eden_words: usize) -> usize {
        let min = self.min_words.next_multiple_of(self.alignment_words) + self.reserve_words;
        words.clamp(min, eden_words.max(min)).next_multiple_of(self.alignment_words)
    }

    /// A thread's state when it starts.
    pub(crate) fn new_thread(&self, eden_words: usize, n_allocating_threads: usize) -> Tlab {
        let words = match self.first_words {
            0 => eden_words / (n_allocating_threads * self.target_refills),
            words => words,
        };
        let desired_words = self.clamp(words, eden_words);
        let mut fraction = WeightedAverage::new(self.allocation_weight_percent);
        if eden_words > 0 {
            fraction.sample((desired_words * self.target_refills) as f32 / eden_words as f32);
        }
        Tlab {
            start: 0,
            top: 0,
            end: 0,
            desired_words,
            waste_limit_words: desired_words / self.waste_fraction,
            fraction,
            n_refills: 0,
            allocated_words: 0,
            allocated_words_at_gc: 0,
        }
    }

    /// The size of the next buffer, or `None` when eden has no room for one worth having.
    pub(crate) fn next_words(&self, tlab: &Tlab, object_words: usize, eden_free_words: usize) -> Option<usize> {
        let words = eden_free_words.min(tlab.desired_words + object_words);
        let least = (object_words + self.reserve_words).max(self.min_words);
        (words >= least).then_some(words)
    }

    /// A collection begins: takes the sample of how much of eden this thread allocated.
    pub(crate) fn accumulate(tlab: &mut Tlab, eden_used_words: usize, eden_words: usize) {
        // The buffer in use is retired after this, and counts for the next sample.
        let since = tlab.allocated_words - tlab.allocated_words_at_gc;
        tlab.allocated_words_at_gc = tlab.allocated_words;
        if tlab.n_refills > 0 && (eden_used_words * 2 > eden_words || !rule(Rule::SampleNeedsHalfEden)) {
            tlab.fraction.sample((since as f32 / eden_used_words as f32).min(1.0));
        }
        tlab.n_refills = 0;
    }

    /// A collection ended: computes the size of the buffers to come.
    pub(crate) fn resize(&self, tlab: &mut Tlab, eden_words: usize) {
        let allocated_words = (tlab.fraction.average() * eden_words as f32) as usize;
        tlab.desired_words = self.clamp(allocated_words / self.target_refills, eden_words);
        self.reset_waste_limit(tlab);
    }

    /// Takes a thread's buffers over as they are after `n_samples` collections that led to `fraction` and
    /// `desired_words`.
    pub(crate) fn take_over(&self, tlab: &mut Tlab, fraction: f32, desired_words: usize, n_samples: u32) {
        tlab.fraction = WeightedAverage::resumed(self.allocation_weight_percent, n_samples, fraction);
        tlab.desired_words = desired_words;
        self.reset_waste_limit(tlab);
    }

    /// The waste limit of a fresh buffer.
    pub(crate) fn reset_waste_limit(&self, tlab: &mut Tlab) {
        tlab.waste_limit_words = tlab.desired_words / self.waste_fraction;
    }
}
