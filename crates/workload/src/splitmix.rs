//! `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): a generator
//! small enough to be written out, the same, in C, Python and Java.

/// The generator: a counter and a mixing function.
///
/// ```
/// let mut random = workload::splitmix::SplitMix64::new(0);
/// assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// A generator that begins with `seed`.
    pub const fn new(seed: u64) -> SplitMix64 {
        SplitMix64 { state: seed }
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next integer in `from..to`; `None` when there is none.
    ///
    /// It is `from + next mod (to - from)`, in unsigned arithmetic.
    pub const fn in_range(&mut self, from: i64, to: i64) -> Option<i64> {
        if from >= to {
            return None;
        }
        let span = (to as u64).wrapping_sub(from as u64);
        Some((from as u64).wrapping_add(self.next() % span) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_of_seed_1234567_is_that_of_the_reference_implementation() {
        let mut random = SplitMix64::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_range_is_half_open_and_may_span_all_integers() {
        let mut random = SplitMix64::new(7);
        for _ in 0..1000 {
            assert!((3..5).contains(&random.in_range(3, 5).unwrap()));
            assert!(random.in_range(i64::MIN, i64::MAX).unwrap() < i64::MAX);
        }
        assert_eq!(random.in_range(5, 5), None);
        assert_eq!(random.in_range(5, 4), None);
    }
}
