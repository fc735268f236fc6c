//! The age table and the tenuring threshold. Mirrors `gc/shared/ageTable.cpp`.

use crate::heap::object::MAX_AGE;
use crate::rules::{Rule, rule};

const TABLE_LEN: usize = MAX_AGE as usize + 1;

/// How many words of each age survived, and what follows for the next collection.
#[derive(Clone, Debug)]
pub(crate) struct Survivors {
    words: [u64; TABLE_LEN],
    max_threshold: u32,
    /// Objects of at least this age are promoted. Unit: young collections survived.
    pub(crate) threshold: u32,
    /// How full a survivor space should be. Unit: words.
    pub(crate) desired_words: u64,
}

impl Survivors {
    /// The threshold starts at its maximum, `MaxTenuringThreshold`.
    pub(crate) fn new(max_threshold: u32) -> Self {
        Survivors { words: [0; TABLE_LEN], max_threshold, threshold: max_threshold, desired_words: 0 }
    }

    /// A young collection begins.
    pub(crate) fn begin(&mut self) {
        self.words = [0; TABLE_LEN];
    }

    /// An object survived and is of this age now.
    #[inline]
    pub(crate) fn add(&mut self, age: u32, n_words: usize) {
        self.words[age as usize] += n_words as u64;
    }

    /// The lowest age at which, with all that is younger, more survived than should; at most the maximum.
    pub(crate) fn adjust_threshold(&mut self, survivor_words: u64, target_percent: u64) {
        let target_percent = if rule(Rule::SurvivorTargetIsShare) { target_percent } else { 100 };
        self.desired_words = (survivor_words as f64 * target_percent as f64 / 100.0) as u64;
        // `AlwaysTenure`, which a maximum of 0 switches on. `NeverTenure` has a flag of its own.
        if self.max_threshold == 0 || !rule(Rule::ThresholdFollowsSurvivors) {
            return;
        }
        let mut total = 0;
        let mut age = 1;
        while (age as usize) < TABLE_LEN {
            total += self.words[age as usize];
            if total > self.desired_words {
                break;
            }
            age += 1;
        }
        self.threshold = age.min(self.max_threshold);
    }

    /// Bytes by age.
    pub(crate) fn age_bytes(&self) -> [u64; TABLE_LEN] {
        self.words.map(|words| words * 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold_after(max: u32, survivors: &[(u32, usize)]) -> u32 {
        let mut table = Survivors::new(max);
        table.begin();
        for &(age, n_words) in survivors {
            table.add(age, n_words);
        }
        table.adjust_threshold(100, 50);
        table.threshold
    }

    #[test]
    fn the_threshold_is_the_age_at_which_survivors_overflow_their_target() {
        assert_eq!(threshold_after(15, &[(1, 50)]), 15);
        assert_eq!(threshold_after(15, &[(1, 51)]), 1);
        assert_eq!(threshold_after(15, &[(1, 30), (2, 20), (3, 1)]), 3);
        assert_eq!(threshold_after(2, &[(1, 30), (2, 20), (3, 1)]), 2);
    }

    #[test]
    fn a_maximum_of_zero_is_kept_and_one_beyond_every_age_is_a_maximum_like_any_other() {
        assert_eq!(threshold_after(0, &[]), 0);
        assert_eq!(threshold_after(16, &[(1, 50)]), 16);
        assert_eq!(threshold_after(16, &[(1, 1000)]), 1);
    }
}
