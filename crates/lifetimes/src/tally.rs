//! What is counted while a run goes on.

use memory_trait::{Collection, Reclaimer, Storage, ThreadId, Tick};

use crate::shadow::Finished;
use crate::summary::Generation;

/// Values below this are counted one by one. Unit: ticks.
const EXACT: u64 = 1024;
/// Above, each power of two is divided into so many steps.
const STEPS: u64 = 512;

/// How often each value occurred: exactly below 1024, to one part in 512 above.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    n_values: u64,
    sum: u128,
    max: u64,
}

impl Histogram {
    #[inline]
    pub(crate) fn add(&mut self, value: u64) {
        let bucket = bucket_of(value);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.n_values += 1;
        self.sum += u128::from(value);
        self.max = self.max.max(value);
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    pub(crate) fn mean(&self) -> f64 {
        if self.n_values == 0 { 0.0 } else { self.sum as f64 / self.n_values as f64 }
    }

    /// The smallest value that at least `percent` of the values do not exceed, rounded down to its step; 0 without
    /// values.
    pub(crate) fn percentile(&self, percent: u64) -> u64 {
        let rank = (self.n_values * percent).div_ceil(100).max(1);
        let mut n_below = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            n_below += count;
            if n_below >= rank {
                return lowest_of(bucket);
            }
        }
        0
    }
}

fn bucket_of(value: u64) -> usize {
    if value < EXACT {
        return value as usize;
    }
    let power = u64::from(value.ilog2());
    let step = (value >> (power - u64::from(STEPS.ilog2()))) - STEPS;
    (EXACT + (power - u64::from(EXACT.ilog2())) * STEPS + step) as usize
}

fn lowest_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < EXACT {
        return bucket;
    }
    let (power, step) = ((bucket - EXACT) / STEPS + u64::from(EXACT.ilog2()), (bucket - EXACT) % STEPS);
    (STEPS + step) << (power - u64::from(STEPS.ilog2()))
}

/// The counts of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) n_heap_objects: u64,
    pub(crate) n_automatic_objects: u64,
    pub(crate) n_static_objects: u64,
    pub(crate) born_payload_bytes: u64,
    pub(crate) born_total_bytes: u64,
    /// By whom, in the order of [`Reclaimer::ALL`]; the last is by nobody.
    pub(crate) n_reclaimed: [u64; Reclaimer::ALL.len() + 1],
    pub(crate) n_died: u64,
    pub(crate) n_at_death: u64,
    pub(crate) n_early: u64,
    pub(crate) n_late: u64,
    pub(crate) n_never: u64,
    pub(crate) n_cyclic: u64,
    pub(crate) early_ticks_max: u64,
    pub(crate) drag: Histogram,
    pub(crate) cyclic_drag: Histogram,
    pub(crate) drag_byte_ticks: u64,
    pub(crate) generations: Vec<Generation>,
    pub(crate) n_full_collections: u64,
    pub(crate) n_moves: u64,
    pub(crate) moved_bytes: u64,
    pub(crate) n_calls: u64,
    depths: Vec<u64>,
    pub(crate) depth_max: u64,
    pub(crate) stack_peak_bytes: u64,
    pub(crate) heap_peak_bytes: u64,
}

impl Tally {
    pub(crate) fn born(&mut self, storage: Storage, payload_bytes: u64, total_bytes: u64) {
        match storage {
            Storage::Heap => {
                self.n_heap_objects += 1;
                self.born_payload_bytes += payload_bytes;
                self.born_total_bytes += total_bytes;
            }
            Storage::Automatic => self.n_automatic_objects += 1,
            Storage::Static => self.n_static_objects += 1,
        }
    }

    /// An object is over. It died if it was unreachable before `end`; if nobody reclaimed it, it lingers until `now`.
    pub(crate) fn finished(&mut self, finished: &Finished<'_>, end: Tick, now: Tick) {
        let Finished { node, facts, unreachable } = *finished;
        if facts.birth.storage == Storage::Static {
            return;
        }
        let by = node.reclaimed.map(|(_, by)| by);
        self.n_reclaimed[by.map_or(Reclaimer::ALL.len(), |by| by as usize)] += 1;
        let Some(unreachable) = unreachable.filter(|&unreachable| unreachable < end) else { return };
        self.n_died += 1;
        self.n_cyclic += u64::from(node.is_cyclic());
        let reclaimed = node.reclaimed.map_or(now, |(reclaimed, _)| reclaimed);
        let drag_ticks = reclaimed.0.saturating_sub(unreachable.0);
        let early_ticks = unreachable.0.saturating_sub(reclaimed.0);
        self.drag.add(drag_ticks);
        if node.is_cyclic() {
            self.cyclic_drag.add(drag_ticks);
        }
        self.drag_byte_ticks = self.drag_byte_ticks.saturating_add(facts.total_bytes.saturating_mul(drag_ticks));
        self.early_ticks_max = self.early_ticks_max.max(early_ticks);
        if matches!(by, None | Some(Reclaimer::Exit)) {
            self.n_never += 1;
        } else if early_ticks > 0 {
            self.n_early += 1;
        } else if drag_ticks > 0 {
            self.n_late += 1;
        } else {
            self.n_at_death += 1;
        }
    }

    pub(crate) fn moved(&mut self, bytes: u64) {
        self.n_moves += 1;
        self.moved_bytes += bytes;
    }

    pub(crate) fn called(&mut self, thread: ThreadId, stack_bytes: u64) {
        self.n_calls += 1;
        self.stack_peak_bytes = self.stack_peak_bytes.max(stack_bytes);
        if thread.index() >= self.depths.len() {
            self.depths.resize(thread.index() + 1, 0);
        }
        let depth = &mut self.depths[thread.index()];
        *depth += 1;
        self.depth_max = self.depth_max.max(*depth);
    }

    pub(crate) fn returned(&mut self, thread: ThreadId) {
        let depth = self.depths.get_mut(thread.index()).filter(|depth| **depth > 0);
        *depth.unwrap_or_else(|| panic!("thread {} returns without having been called", thread.0)) -= 1;
    }

    pub(crate) fn collected(&mut self, collection: Collection, n_reclaimed: u64, n_moved: u64, moved_bytes: u64) {
        let Collection { generation, is_full, cause: _ } = collection;
        while self.generations.len() <= usize::from(generation) {
            let generation = self.generations.len() as u8;
            self.generations.push(Generation { generation, ..Generation::default() });
        }
        let counts = &mut self.generations[usize::from(generation)];
        counts.n_collections += 1;
        counts.n_reclaimed += n_reclaimed;
        counts.n_moved += n_moved;
        counts.moved_bytes += moved_bytes;
        self.n_full_collections += u64::from(is_full);
    }

    pub(crate) fn heap_resized(&mut self, heap_bytes: u64) {
        self.heap_peak_bytes = self.heap_peak_bytes.max(heap_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_a_bucket_at_most_one_512th_below_it() {
        for value in (0..5000).chain((10..64).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])) {
            let lowest = lowest_of(bucket_of(value));
            assert!(lowest <= value && value - lowest <= value / 512, "{value} is counted as {lowest}");
            assert!(value >= EXACT || lowest == value);
        }
        assert_eq!(lowest_of(bucket_of(u64::MAX)), 0x3ff << 54);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50), 0);
        for value in 1..=10 {
            histogram.add(value);
        }
        assert_eq!([50, 90, 91, 100].map(|percent| histogram.percentile(percent)), [5, 9, 10, 10]);
        assert!((histogram.mean() - 5.5).abs() < f64::EPSILON);
        assert_eq!(histogram.max(), 10);
    }
}
