//! Live and resident bytes over time: evenly spaced samples of a run of unknown length, and a picture of them.

use c_model::memory::PAGE_BYTES;
use serde::Serialize;

/// So many samples are kept at most.
const SAMPLES_MAX: usize = 512;

const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The heap after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Sample {
    pub(super) event: u64,
    pub(super) requested_bytes: u64,
    pub(super) resident_bytes: u64,
}

/// The run so far. Of each stretch of events the sample with the most resident bytes is kept.
#[derive(Default)]
pub(super) struct Timeline {
    samples: Vec<Sample>,
    /// Events that share a sample; a power of two.
    stride: u64,
}

impl Timeline {
    pub(super) fn sample(&mut self, event: u64, requested_bytes: u64, n_pages: u64) {
        self.stride = self.stride.max(1);
        let sample = Sample { event, requested_bytes, resident_bytes: n_pages * PAGE_BYTES };
        match self.samples.last_mut() {
            Some(last) if (last.event - 1) / self.stride == (event - 1) / self.stride => {
                if sample.resident_bytes >= last.resident_bytes {
                    *last = sample;
                }
            }
            _ => self.samples.push(sample),
        }
        if self.samples.len() > SAMPLES_MAX {
            self.stride *= 2;
            let old = std::mem::take(&mut self.samples);
            for sample in old {
                self.sample(sample.event, sample.requested_bytes, sample.resident_bytes / PAGE_BYTES);
            }
        }
    }

    pub(super) fn samples(&self) -> &[Sample] {
        &self.samples
    }
}

/// Two rows of `width` columns: resident bytes, and what the program has asked for, on one scale.
pub(super) fn draw(samples: &[Sample], end: u64, width: usize) -> [String; 2] {
    let most = samples.iter().map(|sample| sample.resident_bytes.max(sample.requested_bytes)).max().unwrap_or(0).max(1);
    let column = |sample: &Sample| ((sample.event - 1) as usize * width) / (end.max(1) as usize);
    let row = |value: fn(&Sample) -> u64| {
        let mut heights = vec![None; width];
        for sample in samples {
            let height = &mut heights[column(sample).min(width - 1)];
            *height = (*height).max(Some(value(sample)));
        }
        let mut last = 0;
        let letter = |height: Option<u64>| {
            last = height.unwrap_or(last);
            // Something is never drawn as nothing.
            HEIGHTS[(u128::from(last) * 8).div_ceil(u128::from(most)) as usize]
        };
        heights.into_iter().map(letter).collect::<String>()
    };
    [row(|sample| sample.resident_bytes), row(|sample| sample.requested_bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_is_as_many_samples_as_a_short_one_and_keeps_its_peak() {
        let mut timeline = Timeline::default();
        for event in 1..=100_000 {
            timeline.sample(event, event, if event == 54_321 { 99 } else { 7 });
        }
        assert!((SAMPLES_MAX / 2..=SAMPLES_MAX).contains(&timeline.samples().len()));
        let peak = timeline.samples().iter().max_by_key(|sample| sample.resident_bytes).unwrap();
        assert_eq!((peak.event, peak.resident_bytes), (54_321, 99 * PAGE_BYTES));
    }

    #[test]
    fn resident_and_live_are_drawn_on_one_scale() {
        let sample = |event, requested_bytes, resident_bytes| Sample { event, requested_bytes, resident_bytes };
        let samples = [sample(1, 0, 4096), sample(2, 4096, 8192), sample(4, 1, 8192)];
        assert_eq!(draw(&samples, 4, 4), ["▄███", " ▄▄▁"]);
    }
}
