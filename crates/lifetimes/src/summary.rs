//! A run in figures.

use memory_trait::{FaultKind, FaultLog, Reclaimer, Tick, Usage};
use serde::Serialize;

use crate::tally::Tally;
use crate::timeline::{Point, Timeline};

/// A run in figures. Objects are those that the workload created; what the runtime made for itself shows in
/// [`UsageSummary`] only.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Objects created, wherever they lived.
    pub n_objects: u64,
    /// Of these, on the heap.
    pub n_heap_objects: u64,
    /// In automatic storage.
    pub n_automatic_objects: u64,
    /// In caches and in the program itself.
    pub n_static_objects: u64,
    /// Bytes that the program asked for when it created those on the heap. Growth comes on top.
    pub born_payload_bytes: u64,
    /// Bytes that these took at birth, with headers and rounding.
    pub born_total_bytes: u64,
    /// When the program's last thread ended.
    pub end_tick: Tick,
    /// When the process exited. The same as `end_tick`, or later when finalizers ran.
    pub exit_tick: Tick,
    /// What became of the objects that died.
    pub deaths: Deaths,
    /// How long they lingered.
    pub drag: Drag,
    /// How many were reclaimed, by whom, whether they died before the end or not.
    pub reclaimed: Reclaimed,
    /// Collections by generation, the youngest first.
    pub generations: Vec<Generation>,
    /// Collections of the whole heap, among those above.
    pub n_full_collections: u64,
    /// Moves of the workload's objects.
    pub n_moves: u64,
    /// Bytes of these objects, counted at each move.
    pub moved_bytes: u64,
    /// Calls, finalizers and threads' bottom frames included.
    pub n_calls: u64,
    /// The most frames on one thread's stack.
    pub depth_max: u64,
    /// The most bytes on one thread's stack.
    pub stack_peak_bytes: u64,
    /// Where the heap's bytes were.
    pub usage: UsageSummary,
    /// The faults by kind, those that occurred, in the order of [`FaultKind::ALL`].
    pub faults: Vec<FaultCount>,
}

/// What became of the objects that died: those that became unreachable before the program ended. `n_at_death`,
/// `n_early`, `n_late` and `n_never` add up to `n_died`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Deaths {
    /// Objects that died.
    pub n_died: u64,
    /// Reclaimed in the step in which they died.
    pub n_at_death: u64,
    /// Reclaimed before, while there were references to them.
    pub n_early: u64,
    /// Reclaimed later.
    pub n_late: u64,
    /// Not reclaimed until the exit.
    pub n_never: u64,
    /// Members of cycles when they died, or held by dead cycles.
    pub n_cyclic: u64,
    /// The longest time that a reference outlived its object. Unit: ticks.
    pub early_ticks_max: u64,
}

impl Deaths {
    /// The share of those that died that were reclaimed at once or before, 0 to 1; `None` when nothing died.
    pub fn at_death_share(&self) -> Option<f64> {
        (self.n_died > 0).then(|| (self.n_at_death + self.n_early) as f64 / self.n_died as f64)
    }
}

/// How long the objects that died lingered: from unreachable to reclaimed, or to the exit when nobody did. Those
/// reclaimed early did not linger, and count as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Drag {
    /// The mean. Unit: ticks.
    pub mean_ticks: f64,
    /// Half of them lingered no longer than this. Exact below 1024 ticks; above, rounded down by at most a 512th.
    pub median_ticks: u64,
    /// Nine in ten lingered no longer than this; exactness as above.
    pub p90_ticks: u64,
    /// The longest, exact.
    pub max_ticks: u64,
    /// The mean of those counted in [`Deaths::n_cyclic`]. Unit: ticks.
    pub cyclic_mean_ticks: f64,
    /// The longest of these, exact.
    pub cyclic_max_ticks: u64,
    /// The sum of bytes times ticks: memory that was held for nothing, and for how long.
    pub byte_ticks: u64,
}

/// Objects by who reclaimed them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reclaimed {
    /// By an explicit `free`.
    pub n_free: u64,
    /// By the return of the function in whose frame they lived.
    pub n_scope: u64,
    /// By their count.
    pub n_count: u64,
    /// By a collection of cycles.
    pub n_cycle: u64,
    /// By a young collection.
    pub n_young: u64,
    /// By a full collection.
    pub n_full: u64,
    /// By the exit.
    pub n_exit: u64,
    /// By nobody.
    pub n_nobody: u64,
}

/// The collections of one generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Generation {
    /// Which, 0 the youngest.
    pub generation: u8,
    /// How many collections.
    pub n_collections: u64,
    /// Objects reclaimed by them, the runtime's own included.
    pub n_reclaimed: u64,
    /// Objects moved by them, the runtime's own included.
    pub n_moved: u64,
    /// Bytes moved by them.
    pub moved_bytes: u64,
}

/// Where the heap's bytes were.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UsageSummary {
    /// The highest value of each component, each at its own time.
    pub peak: Usage,
    /// The moment with the most bytes in use; `None` without samples.
    pub fullest: Option<Point>,
    /// Bytes used beyond the payload at that moment, per byte of payload.
    pub overhead_at_fullest: f64,
    /// The highest share of the heap that was free, 0 to 1.
    pub free_share_max: f64,
    /// Its mean over the samples.
    pub free_share_mean: f64,
    /// The most bytes that were taken from the operating system, between samples too.
    pub heap_peak_bytes: u64,
    /// Ticks from one point of the series to the next.
    pub stride_ticks: u64,
    /// The series, at most [`Timeline::POINTS_MAX`] points.
    pub points: Vec<Point>,
}

/// Faults of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FaultCount {
    /// Which kind.
    pub kind: FaultKind,
    /// How many.
    pub n_faults: u64,
}

impl Summary {
    pub(crate) fn new(tally: &Tally, end: Tick, exit: Tick, timeline: &Timeline, faults: &FaultLog) -> Self {
        let fault_counts = FaultKind::ALL.map(|kind| FaultCount { kind, n_faults: faults.count(kind) });
        Summary {
            n_objects: tally.n_heap_objects + tally.n_automatic_objects + tally.n_static_objects,
            n_heap_objects: tally.n_heap_objects,
            n_automatic_objects: tally.n_automatic_objects,
            n_static_objects: tally.n_static_objects,
            born_payload_bytes: tally.born_payload_bytes,
            born_total_bytes: tally.born_total_bytes,
            end_tick: end,
            exit_tick: exit,
            deaths: Deaths {
                n_died: tally.n_died,
                n_at_death: tally.n_at_death,
                n_early: tally.n_early,
                n_late: tally.n_late,
                n_never: tally.n_never,
                n_cyclic: tally.n_cyclic,
                early_ticks_max: tally.early_ticks_max,
            },
            drag: Drag {
                mean_ticks: tally.drag.mean(),
                median_ticks: tally.drag.percentile(50),
                p90_ticks: tally.drag.percentile(90),
                max_ticks: tally.drag.max(),
                cyclic_mean_ticks: tally.cyclic_drag.mean(),
                cyclic_max_ticks: tally.cyclic_drag.max(),
                byte_ticks: tally.drag_byte_ticks,
            },
            reclaimed: Reclaimed::new(&tally.n_reclaimed),
            generations: tally.generations.clone(),
            n_full_collections: tally.n_full_collections,
            n_moves: tally.n_moves,
            moved_bytes: tally.moved_bytes,
            n_calls: tally.n_calls,
            depth_max: tally.depth_max,
            stack_peak_bytes: tally.stack_peak_bytes,
            usage: UsageSummary {
                peak: timeline.peak(),
                fullest: timeline.fullest(),
                overhead_at_fullest: timeline.fullest().map_or(0.0, |fullest| fullest.usage.overhead()),
                free_share_max: timeline.free_share_max(),
                free_share_mean: timeline.free_share_mean(),
                heap_peak_bytes: tally.heap_peak_bytes.max(timeline.peak().heap_bytes),
                stride_ticks: timeline.stride_ticks(),
                points: timeline.points(),
            },
            faults: fault_counts.into_iter().filter(|count| count.n_faults > 0).collect(),
        }
    }
}

impl Reclaimed {
    fn new(counts: &[u64; Reclaimer::ALL.len() + 1]) -> Self {
        let [n_free, n_scope, n_count, n_cycle, n_young, n_full, n_exit, n_nobody] = *counts;
        Reclaimed { n_free, n_scope, n_count, n_cycle, n_young, n_full, n_exit, n_nobody }
    }
}
