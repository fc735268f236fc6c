//! Every workload of the gallery, made small: Merlin against brute force on the three models, and every byte accounted
//! for after every step.

use cross_model_tests::gallery::exhibits;
use harness::Model;
use lifetimes::{Lifetime, Run};
use memory_trait::{Machine, Reclaimer, Storage};
use workload::{Code, Options, interpret};

use crate::machines::{Job, agreed, observers, with_machine};
use crate::support::triples;

/// Brute force looks at every object after every step: more than that takes too long. Unit: ticks.
const TICKS_MAX: u64 = 6000;

/// Parameters that make the longer workloads short.
fn small(workload: &str) -> &'static [(&'static str, &'static str)] {
    match workload {
        "binary_trees" => &[("n", "4")],
        "call_tree" => &[("depth", "6")],
        "checkerboard" => &[("blocks", "80"), ("size", "6000")],
        "cycle_ring" => &[("rings", "50")],
        "deep_recursion" => &[("depth", "1200")],
        "fifo_queue" => &[("length", "20"), ("n", "150")],
        "graph_churn" => &[("entries", "16"), ("rounds", "40")],
        "growable_array" => &[("n", "400"), ("rounds", "1")],
        "linked_list" => &[("n", "100"), ("rounds", "2")],
        "lru_cache" => &[("capacity", "8"), ("requests", "200"), ("keys", "16")],
        "matrix" => &[("size", "8"), ("rounds", "2")],
        "producer_consumer" => &[("n", "100")],
        "request_handler" => &[("requests", "120")],
        _ => &[],
    }
}

/// Interprets a workload and balances the heap's books after every tick.
struct Balance<'c> {
    code: &'c Code,
}

impl Job for Balance<'_> {
    fn run<M: Machine>(&mut self, machine: &mut M) {
        let name = machine.name();
        let options = Options { seed: 1, steps_max: TICKS_MAX * 2, ..Options::default() };
        let run = interpret::run_sampled(self.code, machine, &options, 1, |tick, machine| {
            let usage = machine.usage();
            assert_eq!(usage.balance(), 0, "{} on {name}, tick {tick}: {usage:?}", self.code.name);
        });
        assert!(
            run.ticks < TICKS_MAX,
            "{} on {name}: {} ticks are too many for brute force",
            self.code.name,
            run.ticks
        );
    }
}

fn check(model: Model) -> Vec<(Code, Run)> {
    let mut runs = Vec::new();
    for exhibit in exhibits() {
        let code = exhibit.code(small(&exhibit.name));
        let mut observers = observers(&code.program, exhibit.source.len() as u64);
        let mut job = Balance { code: &code };
        let faults = with_machine(model, &mut observers, &mut job);
        let run = agreed(observers, &faults, &format!("{} on {}", code.name, model.title()));
        runs.push((code, run));
    }
    runs
}

fn n_collections(runs: &[(Code, Run)], generation: usize) -> u64 {
    runs.iter().filter_map(|(_, run)| run.summary.generations.get(generation)).map(|g| g.n_collections).sum()
}

#[test]
fn merlin_and_brute_force_agree_on_the_gallery_in_c() {
    let runs = check(Model::C);
    let n_early: u64 = runs.iter().map(|(_, run)| run.summary.deaths.n_early).sum();
    assert!(n_early > 100, "{n_early} objects were freed while there were references to them");
}

#[test]
fn merlin_and_brute_force_agree_on_the_gallery_in_cpython() {
    let runs = check(Model::CPython);
    assert!(n_collections(&runs, 0) > 20 && n_collections(&runs, 1) > 3, "the runs see collections");
    for (code, run) in &runs {
        dies_at_once(code, &run.lifetimes, run.summary.end_tick.0);
    }
}

#[test]
fn merlin_and_brute_force_agree_on_the_gallery_on_the_jvm() {
    let runs = check(Model::Jvm);
    assert!(n_collections(&runs, 0) > 3 && n_collections(&runs, 1) > 3, "the runs see collections");
}

/// What is in no cycle and has no finalizer dies, in `CPython`, in the step in which the last reference to it goes.
fn dies_at_once(code: &Code, lifetimes: &[Lifetime], end_tick: u64) {
    let finalized: Vec<&str> =
        code.program.records.iter().filter(|record| record.finalizer.is_some()).map(|r| r.name.as_str()).collect();
    for lifetime in lifetimes {
        let dies_before_the_end = lifetime.unreachable.is_some_and(|unreachable| unreachable.0 < end_tick);
        let is_counted = lifetime.storage == Storage::Heap && !lifetime.is_cyclic;
        if dies_before_the_end && is_counted && !finalized.contains(&lifetime.name.label.as_str()) {
            assert_eq!(lifetime.reclaimed_by, Some(Reclaimer::Count), "{}: {lifetime}", code.name);
            assert_eq!(lifetime.drag_ticks(), Some(0), "{}: {lifetime}", code.name);
        }
    }
}

#[test]
fn counts_reclaim_at_once_in_the_whole_gallery() {
    for [_, cpython, _] in triples() {
        let exhibit =
            exhibits().into_iter().find(|exhibit| exhibit.name == cpython.workload).expect("it is a workload");
        let run = &cpython.examined.run;
        dies_at_once(&exhibit.code(&[]), &run.lifetimes, run.summary().end_tick.0);
    }
}

#[test]
fn the_models_create_the_same_objects_and_lose_them_at_the_same_step() {
    for [c, cpython, jvm] in triples() {
        let [c, cpython, jvm] = [c, cpython, jvm].map(|case| &case.examined.run);
        // A run that a fault ended is the same up to there.
        let name = &c.workload;
        for (ours, theirs) in c.lifetimes.iter().zip(&cpython.lifetimes).chain(c.lifetimes.iter().zip(&jvm.lifetimes)) {
            let born = |l: &Lifetime| (l.object, l.name.to_string(), l.born, l.site_line);
            assert_eq!(born(ours), born(theirs), "{name}");
        }
        if c.ticks == cpython.ticks && c.ticks == jvm.ticks {
            assert_eq!([cpython.lifetimes.len(), jvm.lifetimes.len()], [c.lifetimes.len(); 2], "{name}");
        }
        // Which finalizer ran when, and so when what it saved died, is the runtime's business. What is static is no
        // object of the heap, and nobody follows who refers to it.
        let is_followed = |l: &Lifetime| l.storage != Storage::Static;
        if cpython.ticks == jvm.ticks && name != "resurrection" {
            let pairs = cpython.lifetimes.iter().zip(&jvm.lifetimes);
            for (ours, theirs) in pairs.filter(|(ours, theirs)| is_followed(ours) && is_followed(theirs)) {
                assert_eq!(ours.unreachable, theirs.unreachable, "{name}: {ours} in CPython, {theirs} on the JVM");
            }
        }
    }
}
