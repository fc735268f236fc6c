//! Weighted averages in single precision, as the sizing policies keep them. Mirrors `gc/shared/gcUtil.cpp`.

use crate::rules::{Rule, rule};

/// Samples after which the configured weight alone counts.
const OLD_THRESHOLD_SAMPLES: u32 = 100;

/// `AdaptiveWeightedAverage`: the first samples weigh more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightedAverage {
    weight_percent: u32,
    n_samples: u32,
    average: f32,
}

impl WeightedAverage {
    /// No samples yet.
    pub fn new(weight_percent: u32) -> Self {
        WeightedAverage { weight_percent, n_samples: 0, average: 0.0 }
    }

    /// As if `n_samples` had led to `average`.
    pub fn resumed(weight_percent: u32, n_samples: u32, average: f32) -> Self {
        WeightedAverage { weight_percent, n_samples, average }
    }

    /// The average so far.
    pub fn average(&self) -> f32 {
        self.average
    }

    fn smooth(&self, sample: f32, average: f32) -> f32 {
        let young_weight =
            if self.n_samples > OLD_THRESHOLD_SAMPLES { 0 } else { OLD_THRESHOLD_SAMPLES / self.n_samples };
        let weight = self.weight_percent.max(young_weight) as f32;
        (100.0 - weight) * average / 100.0 + weight * sample / 100.0
    }

    /// Takes a sample.
    pub fn sample(&mut self, sample: f32) {
        self.n_samples += 1;
        self.average = self.smooth(sample, self.average);
    }
}

/// `AdaptivePaddedNoZeroDevAverage`: an average with its deviation on top; samples of 0 do not count as a deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaddedAverage {
    average: WeightedAverage,
    padding: f32,
    deviation: f32,
    padded: f32,
}

impl PaddedAverage {
    /// No samples yet.
    pub fn new(weight_percent: u32, padding: u32) -> Self {
        PaddedAverage {
            average: WeightedAverage::new(weight_percent),
            padding: padding as f32,
            deviation: 0.0,
            padded: 0.0,
        }
    }

    /// The average plus `padding` deviations.
    pub fn padded(&self) -> f32 {
        self.padded
    }

    /// Takes a sample.
    pub fn sample(&mut self, sample: f32) {
        self.average.sample(sample);
        let average = self.average.average();
        if sample != 0.0 {
            self.deviation = self.average.smooth((sample - average).abs(), self.deviation);
        }
        let padding = if rule(Rule::AverageIsPadded) { self.padding } else { 0.0 };
        self.padded = average + padding * self.deviation;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_samples_weigh_in_full_and_the_rest_by_the_weight() {
        let mut average = WeightedAverage::new(35);
        let mut seen = Vec::new();
        for sample in [100.0, 0.0, 0.0, 0.0] {
            average.sample(sample);
            seen.push(average.average());
        }
        assert_eq!(seen, [100.0, 50.0, 32.5, 21.125]);
    }

    #[test]
    fn a_sample_of_zero_is_no_deviation() {
        let mut promoted = PaddedAverage::new(10, 3);
        promoted.sample(0.0);
        assert!(promoted.padded() == 0.0);
        promoted.sample(1000.0);
        // Average 500, the deviation of 500 counted half.
        assert!((promoted.padded() - (500.0 + 3.0 * 250.0)).abs() < 0.001, "{}", promoted.padded());
    }
}
