//! How full the heap was over time: exact peaks, and a bounded series of points.

use memory_trait::{Tick, Usage};
use serde::Serialize;

/// The heap at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// When.
    pub tick: Tick,
    /// Where its bytes were.
    pub usage: Usage,
}

/// How full the heap was over time.
///
/// Peaks are over all samples. Of the series, at most [`Timeline::POINTS_MAX`] points are kept: the first sample of
/// each stretch of `stride_ticks`, a power of two that doubles when there are too many. Which points are kept depends
/// only on the samples, not on when the stride grew.
///
/// ```
/// # use lifetimes::Timeline;
/// # use memory_trait::{Tick, Usage};
/// let mut timeline = Timeline::default();
/// for tick in 0..100_000 {
///     timeline.sample(Tick(tick), Usage { heap_bytes: tick, free_bytes: tick, ..Usage::default() });
/// }
/// assert!(timeline.points().len() <= Timeline::POINTS_MAX);
/// assert_eq!(timeline.points()[1].tick, Tick(512));
/// assert_eq!(timeline.peak().heap_bytes, 99_999);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timeline {
    /// Ticks from one point of the series to the next.
    stride_ticks: u64,
    points: Vec<Point>,
    last: Option<Point>,
    /// The highest value of each component, each at its own time.
    peak: Usage,
    /// The first sample with the most bytes in use.
    fullest: Option<Point>,
    n_samples: u64,
    /// Over the samples with a heap.
    free_share_sum: f64,
    n_heaps: u64,
    free_share_max: f64,
}

impl Default for Timeline {
    fn default() -> Self {
        Timeline {
            stride_ticks: 1,
            points: Vec::new(),
            last: None,
            peak: Usage::default(),
            fullest: None,
            n_samples: 0,
            free_share_sum: 0.0,
            n_heaps: 0,
            free_share_max: 0.0,
        }
    }
}

impl Timeline {
    /// How many points are kept at most.
    pub const POINTS_MAX: usize = 256;

    /// Takes note of the heap at `tick`. Ticks do not go back.
    #[inline]
    pub fn sample(&mut self, tick: Tick, usage: Usage) {
        let point = Point { tick, usage };
        debug_assert!(self.last.is_none_or(|last| last.tick <= tick), "tick {tick} after {:?}", self.last);
        self.n_samples += 1;
        if self.fullest.is_none_or(|fullest| fullest.usage.used_bytes() < usage.used_bytes()) {
            self.fullest = Some(point);
        }
        raise(&mut self.peak, &usage);
        if usage.heap_bytes > 0 {
            let free_share = usage.free_share();
            self.n_heaps += 1;
            self.free_share_sum += free_share;
            self.free_share_max = self.free_share_max.max(free_share);
        }
        if self.points.last().is_none_or(|kept| tick.0 / self.stride_ticks > kept.tick.0 / self.stride_ticks) {
            self.keep(point);
        }
        self.last = Some(point);
    }

    #[cold]
    fn keep(&mut self, point: Point) {
        self.points.push(point);
        // One place is for the last sample.
        while self.points.len() >= Self::POINTS_MAX {
            self.stride_ticks *= 2;
            let stride_ticks = self.stride_ticks;
            self.points.dedup_by_key(|point| point.tick.0 / stride_ticks);
        }
    }

    /// The series, in order of time; the last sample is the last point.
    pub fn points(&self) -> Vec<Point> {
        let mut points = self.points.clone();
        points.extend(self.last.filter(|last| points.last() != Some(last)));
        points
    }

    /// Ticks from one point of the series to the next, a power of two.
    pub fn stride_ticks(&self) -> u64 {
        self.stride_ticks
    }

    /// The highest value of each component, each at its own time.
    pub fn peak(&self) -> Usage {
        self.peak
    }

    /// The first sample with the most bytes in use; `None` without samples.
    pub fn fullest(&self) -> Option<Point> {
        self.fullest
    }

    /// The last sample.
    pub fn last(&self) -> Option<Point> {
        self.last
    }

    /// How many samples there were.
    pub fn n_samples(&self) -> u64 {
        self.n_samples
    }

    /// The mean share of the heap that was free, 0 to 1, over the samples that had a heap.
    pub fn free_share_mean(&self) -> f64 {
        if self.n_heaps == 0 { 0.0 } else { self.free_share_sum / self.n_heaps as f64 }
    }

    /// The highest share of the heap that was free, 0 to 1.
    pub fn free_share_max(&self) -> f64 {
        self.free_share_max
    }
}

/// Raises each component to the other's, where that is higher.
fn raise(peak: &mut Usage, usage: &Usage) {
    let Usage {
        n_objects,
        payload_bytes,
        header_bytes,
        rounding_bytes,
        boxed_bytes,
        free_bytes,
        heap_bytes,
        stack_bytes,
    } = usage;
    peak.n_objects = peak.n_objects.max(*n_objects);
    peak.payload_bytes = peak.payload_bytes.max(*payload_bytes);
    peak.header_bytes = peak.header_bytes.max(*header_bytes);
    peak.rounding_bytes = peak.rounding_bytes.max(*rounding_bytes);
    peak.boxed_bytes = peak.boxed_bytes.max(*boxed_bytes);
    peak.free_bytes = peak.free_bytes.max(*free_bytes);
    peak.heap_bytes = peak.heap_bytes.max(*heap_bytes);
    peak.stack_bytes = peak.stack_bytes.max(*stack_bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline_of(samples: impl IntoIterator<Item = (u64, u64)>) -> Timeline {
        let mut timeline = Timeline::default();
        for (tick, payload_bytes) in samples {
            let usage = Usage { payload_bytes, heap_bytes: 1000, free_bytes: 1000 - payload_bytes, ..Usage::default() };
            timeline.sample(Tick(tick), usage);
        }
        timeline
    }

    #[test]
    fn a_short_run_is_kept_whole() {
        let timeline = timeline_of((0..200).map(|tick| (tick, tick)));
        assert_eq!(timeline.stride_ticks(), 1);
        assert_eq!(timeline.points().len(), 200);
    }

    #[test]
    fn a_long_run_is_thinned_to_the_first_sample_of_each_stretch() {
        let timeline = timeline_of((0..10_000).map(|tick| (tick, tick % 1000)));
        assert_eq!(timeline.stride_ticks(), 64);
        let ticks: Vec<u64> = timeline.points().iter().map(|point| point.tick.0).collect();
        assert_eq!(ticks[..3], [0, 64, 128]);
        assert_eq!(ticks.last(), Some(&9999));
        assert!(ticks.len() <= Timeline::POINTS_MAX);
    }

    #[test]
    fn which_points_are_kept_does_not_depend_on_when_the_stride_grew() {
        let sparse: Vec<(u64, u64)> = (0..3000).map(|i| (i * i / 7, i % 500)).collect();
        let timeline = timeline_of(sparse.iter().copied());
        let mut naive = sparse;
        naive.dedup_by_key(|&mut (tick, _)| tick / timeline.stride_ticks());
        let ticks: Vec<u64> = timeline.points().iter().map(|point| point.tick.0).collect();
        assert_eq!(ticks[..ticks.len() - 1], naive.iter().map(|&(tick, _)| tick).collect::<Vec<u64>>());
    }

    #[test]
    fn peaks_are_of_all_samples_and_the_fullest_is_the_first_of_its_height() {
        let timeline = timeline_of((0..5000).map(|tick| (tick, if tick == 4001 || tick == 4003 { 900 } else { 100 })));
        assert_eq!(timeline.peak().payload_bytes, 900);
        assert_eq!(timeline.peak().free_bytes, 900);
        assert_eq!(timeline.fullest().map(|point| point.tick), Some(Tick(4001)));
        assert!((timeline.free_share_max() - 0.9).abs() < 1e-9);
        assert!(timeline.free_share_mean() > 0.89);
    }
}
