//! The three real models with an observer of the test's own, set up so that short programs see collections.

use c_model::{C, Glibc};
use cpython_model::CPython;
use harness::Model;
use jvm_model::Jvm;
use lifetimes::{BruteForce, Recorder, Run, Timeline};
use memory_trait::{FaultLog, Machine, ObjectId, Program, Tick};

/// How far the heaps may grow. Unit: bytes.
const HEAP_LIMIT_BYTES: u64 = 16 << 20;

/// Merlin and brute force, side by side.
pub(crate) type Observers = (Recorder, BruteForce);

/// The two, for a run of `program`. Merlin looks at odd times.
pub(crate) fn observers(program: &Program, seed: u64) -> Observers {
    (Recorder::new(program).trace_every(3 + seed % 40), BruteForce::new())
}

/// A thing to do with a machine, whichever it is.
pub(crate) trait Job {
    /// Does it.
    fn run<M: Machine>(&mut self, machine: &mut M);
}

/// Builds a model's machine with those observers and does `job` with it; answers what it holds against the program.
pub(crate) fn with_machine(model: Model, observers: &mut Observers, job: &mut impl Job) -> FaultLog {
    fn run<M: Machine>(mut machine: M, job: &mut impl Job) -> FaultLog {
        job.run(&mut machine);
        machine.faults().clone()
    }
    match model {
        Model::C => run(C::builder().limit_heap_bytes(HEAP_LIMIT_BYTES).observer(observers).build(), job),
        Model::CPython => {
            let builder = CPython::builder().threshold([20, 3, 3]).heap_limit_bytes(HEAP_LIMIT_BYTES);
            run(builder.large_allocator(Glibc::builder().build()).observer(observers).build(), job)
        }
        Model::Jvm => {
            let flags = format!("-XX:+UseSerialGC -Xms2m -Xmn320k -XX:-UseTLAB -Xmx{HEAP_LIMIT_BYTES}");
            run(Jvm::builder().flags(&flags).observer(observers).build().expect("the flags are in order"), job)
        }
    }
}

/// The run is over: asserts that Merlin and brute force say the same of every object.
pub(crate) fn agreed(observers: Observers, faults: &FaultLog, context: &str) -> Run {
    let (merlin, brute_force) = observers;
    let run = merlin.finish(&Timeline::default(), faults);
    let naive = brute_force.finish();
    assert_eq!(run.lifetimes.len(), naive.len(), "{context}: both know all objects");
    let found = run.lifetimes.iter().map(|lifetime| (lifetime.object, lifetime.unreachable, lifetime.is_cyclic));
    for (ours, theirs) in found.zip(naive) {
        assert_eq!(ours, theirs, "{context}: {}", run.lifetimes[ours.0.index()]);
    }
    run
}

/// What a run means whatever the machine: objects by number and name, when they were born and became unreachable.
pub(crate) fn meaning(run: &Run) -> Vec<(ObjectId, String, Tick, Option<Tick>)> {
    run.lifetimes.iter().map(|l| (l.object, l.name.to_string(), l.born, l.unreachable)).collect()
}
