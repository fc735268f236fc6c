//! The interpreter: runs code on a machine.
//!
//! It computes; the machine stores. It keeps an explicit stack of its own, so that recursion without end is met by the
//! machine's stack and never by ours. One tick is one statement, or one evaluation of a loop's head; what finalizers do
//! takes steps, but no ticks, because they run at different times on different machines.

mod engine;
mod messages;
mod threads;
mod turns;
mod values;

use memory_trait::{Fault, FaultKind, Machine, Tick, Usage};

use crate::code::Code;
use engine::Engine;

/// How a run is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The seed of `rand` and of the threads' schedule.
    pub seed: u64,
    /// The most steps, those of finalizers included; one more is the fault `step_limit`.
    pub steps_max: u64,
    /// The most bytes of output; more is the fault `step_limit` too.
    pub output_bytes_max: usize,
}

impl Default for Options {
    /// Seed 0, 100 million steps, 64 MiB of output.
    fn default() -> Self {
        Options { seed: 0, steps_max: 100_000_000, output_bytes_max: 64 << 20 }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All threads returned.
    Finished,
    /// A fault ended the program.
    Faulted(Fault),
}

impl Ending {
    /// The kind of the fault that ended the program.
    pub fn fault(&self) -> Option<FaultKind> {
        match self {
            Ending::Finished => None,
            Ending::Faulted(fault) => Some(fault.kind),
        }
    }
}

/// What a run was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub ending: Ending,
    /// The clock at the end: statements executed, evaluations of loops' heads included.
    pub ticks: u64,
    /// Ticks and the steps of finalizers.
    pub steps: u64,
    /// What was printed.
    pub output: String,
    /// How many threads there were, the main thread included.
    pub n_threads: u64,
    /// The heap just before the process exited.
    pub usage: Usage,
}

/// Runs code on a machine, from loading the program to the exit of the process.
///
/// The machine is a new one. What it recorded (faults that its runtime does not notice) is there to be asked after.
pub fn run<M: Machine>(code: &Code, machine: &mut M, options: &Options) -> Run {
    Engine::new(code, options, u64::MAX, |_, _: &M| {}).run(machine)
}

/// As [`run`], and calls `hook` after every `every_ticks` ticks, between two statements, with the clock and the machine.
///
/// A run without a hook pays nothing for it: both share the one comparison that also enforces the limit of steps.
pub fn run_sampled<M: Machine>(
    code: &Code,
    machine: &mut M,
    options: &Options,
    every_ticks: u64,
    hook: impl FnMut(Tick, &M),
) -> Run {
    Engine::new(code, options, every_ticks.max(1), hook).run(machine)
}
