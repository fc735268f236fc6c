//! One workload on one model, watched; and how deterministic that was.

use lifetimes::{Determinism, Fates, Keep, Lifetime, Recorder, Summary, Timeline, determinism};
use memory_trait::{Fault, FaultKind, FaultLog, Machine, Tick};
use serde::Serialize;
use workload::code::Op;
use workload::{Code, Ending, Options, interpret};

use crate::model::Model;
use crate::perturb::{Job, Perturbation, perturbations, with_machine};

/// What a run is given, the same on every model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The seed of `rand` and of the schedule of threads.
    pub seed: u64,
    /// Steps after which a run is ended.
    pub steps_max: u64,
    /// How large a heap may grow. Unit: bytes.
    pub heap_limit_bytes: u64,
    /// Which lifetimes are kept whole.
    pub keep: Keep,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            seed: 1,
            steps_max: Options::default().steps_max,
            heap_limit_bytes: 64 << 20,
            keep: Keep::First(1 << 16),
        }
    }
}

/// What a run showed.
#[derive(Clone, Debug, Serialize)]
pub struct ModelRun {
    /// The workload's name.
    pub workload: String,
    /// On which model.
    pub model: Model,
    /// Under which perturbation; `as is` for none.
    pub perturbation: &'static str,
    /// Statements executed.
    pub ticks: u64,
    /// What it printed.
    pub output: String,
    /// Whether it came to its end, and its faults are those that it says are to be expected.
    pub is_as_expected: bool,
    /// Whether the workload asks for collections itself.
    pub asks_for_collections: bool,
    /// The first faults, in order; [`Summary::faults`] counts all.
    pub faults: Vec<Fault>,
    /// The lifetimes that were kept, in order of birth.
    pub lifetimes: Vec<Lifetime>,
    /// The run in figures.
    pub(crate) summary: Summary,
}

impl ModelRun {
    /// The run in figures.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// How many faults of `kind` there were.
    pub fn fault_count(&self, kind: FaultKind) -> u64 {
        self.summary.faults.iter().find(|count| count.kind == kind).map_or(0, |count| count.n_faults)
    }
}

/// A run, and how deterministic the model was on this workload.
#[derive(Clone, Debug, Serialize)]
pub struct Examined {
    /// The run without a perturbation.
    pub run: ModelRun,
    /// Over all perturbations; `None` where that was not asked for.
    pub determinism: Option<Determinism>,
}

/// Runs `code` on `model` as it is.
pub fn run(code: &Code, model: Model, settings: &Settings) -> ModelRun {
    watch(code, model, &perturbations(model)[0], settings, false).0
}

/// Runs `code` on `model` as it is and under every perturbation. A run that does not end has no determinism to speak
/// of, and is not repeated.
pub fn examine(code: &Code, model: Model, settings: &Settings) -> Examined {
    let silent = Settings { keep: Keep::None, ..*settings };
    let [first, others @ ..] = perturbations(model) else { unreachable!("every model has a first perturbation: none") };
    let (run, fates) = watch(code, model, first, settings, true);
    if run.fault_count(FaultKind::StepLimit) > 0 {
        return Examined { run, determinism: None };
    }
    let mut all: Vec<(&str, Fates)> = fates.map(|fates| (first.name, fates)).into_iter().collect();
    for perturbation in others {
        all.extend(watch(code, model, perturbation, &silent, true).1.map(|fates| (perturbation.name, fates)));
    }
    let named: Vec<(&str, &Fates)> = all.iter().map(|(name, fates)| (*name, fates)).collect();
    Examined { run, determinism: Some(determinism(&named)) }
}

fn watch(
    code: &Code,
    model: Model,
    perturbation: &Perturbation,
    settings: &Settings,
    with_fates: bool,
) -> (ModelRun, Option<Fates>) {
    let mut recorder = Recorder::new(&code.program).keep(settings.keep);
    if with_fates {
        recorder = recorder.with_fates();
    }
    let job = Interpret { code, settings };
    let watched = with_machine(perturbation, settings.heap_limit_bytes, &mut recorder, job);
    model_run(code, model, perturbation.name, watched, recorder)
}

/// What a run that is over showed.
pub(crate) fn model_run(
    code: &Code,
    model: Model,
    perturbation: &'static str,
    watched: Watched,
    recorder: Recorder,
) -> (ModelRun, Option<Fates>) {
    let run = recorder.finish(&watched.timeline, &watched.faults);
    let is_as_expected = as_expected(code, model, &watched.faults);
    let model_run = ModelRun {
        workload: code.name.clone(),
        model,
        perturbation,
        ticks: watched.run.ticks,
        output: watched.run.output,
        is_as_expected,
        asks_for_collections: code.ops.contains(&Op::Collect),
        faults: watched.faults.first().to_vec(),
        lifetimes: run.lifetimes,
        summary: run.summary,
    };
    (model_run, run.fates)
}

/// Interprets a workload on a machine, and looks at its heap all the while.
pub(crate) struct Interpret<'a> {
    pub(crate) code: &'a Code,
    pub(crate) settings: &'a Settings,
}

/// What is left of a machine.
pub(crate) struct Watched {
    run: workload::Run,
    timeline: Timeline,
    faults: FaultLog,
}

impl Job for Interpret<'_> {
    type Result = Watched;

    fn run<M: Machine>(self, mut machine: M) -> Watched {
        self.on(&mut machine)
    }
}

impl Interpret<'_> {
    /// Runs to the end; the machine can be asked afterwards.
    pub(crate) fn on<M: Machine>(self, machine: &mut M) -> Watched {
        let Settings { seed, steps_max, .. } = *self.settings;
        let options = Options { seed, steps_max, ..Options::default() };
        let mut timeline = Timeline::default();
        let mut next_sample = 0;
        let run = interpret::run_sampled(self.code, machine, &options, 1, |tick, machine| {
            if tick.0 >= next_sample {
                timeline.sample(tick, machine.usage());
                next_sample = tick.0 + sample_stride_ticks(tick.0);
            }
        });
        timeline.sample(Tick(run.ticks), run.usage);
        let mut faults = machine.faults().clone();
        // What the interpreter found (an `expect` that does not hold, an overflow) the machine does not know of.
        if let Ending::Faulted(fault) = &run.ending
            && !faults.first().contains(fault)
        {
            faults.push(fault.clone());
        }
        Watched { run, timeline, faults }
    }
}

/// Ticks until the heap is looked at again: every tick of a short run, ever more seldom in a long one, so that looking
/// costs less than running.
fn sample_stride_ticks(tick: u64) -> u64 {
    1 + (tick >> 18)
}

/// Every fault is one that the workload expects here, and every fault that it expects is there.
fn as_expected(code: &Code, model: Model, faults: &FaultLog) -> bool {
    FaultKind::ALL.into_iter().all(|kind| code.expects(model.name(), kind) == (faults.count(kind) > 0))
}
