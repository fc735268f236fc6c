//! Merlin's deaths are those that brute force finds, on random programs on all three smallest machines.

#[path = "random/program.rs"]
mod program;
#[path = "../../memory-trait/tests/smallest/machines.rs"]
mod smallest;

use lifetimes::{BruteForce, Keep, Lifetime, Recorder, Run, Timeline};
use memory_trait::{Machine, ObjectId, Reclaimer, Storage, Tick};
use program::{Recipe, shapes};
use smallest::{Counted, Manual, Traced};

type Observers = ((Recorder, Recorder), BruteForce);

fn observers(seed: u64) -> Observers {
    let often = Recorder::new(&shapes()).trace_every(1 + seed % 7);
    ((Recorder::new(&shapes()), often), BruteForce::new())
}

/// Compares what a recorder found with what brute force found, and a recorder that never looks before the end with one
/// that looks all the time; answers the lifetimes.
fn check(machine: &str, recipe: Recipe, observers: Observers) -> Run {
    let ((at_the_end, often), brute_force) = observers;
    let [run, often] = [at_the_end, often].map(|r| r.finish(&Timeline::default(), &memory_trait::FaultLog::default()));
    let found = |run: &Run| -> Vec<(ObjectId, Option<Tick>, bool)> {
        run.lifetimes.iter().map(|l| (l.object, l.unreachable, l.is_cyclic)).collect()
    };
    for (ours, naive) in found(&run).into_iter().zip(brute_force.finish()) {
        assert_eq!(ours, naive, "{machine}, {recipe:?}: {}", run.lifetimes[ours.0.index()]);
    }
    for (at_the_end, often) in run.lifetimes.iter().zip(&often.lifetimes) {
        assert_eq!(at_the_end, often, "{machine}, {recipe:?}: it does not matter when Merlin looks");
    }
    assert_eq!(run.summary, often.summary, "{machine}, {recipe:?}");
    run
}

/// Runs a program on all three.
fn on_all(recipe: Recipe) -> [Run; 3] {
    let mut manual = Manual::new(observers(recipe.seed));
    program::run(&mut manual, recipe);
    let mut counted = Counted::new(observers(recipe.seed));
    program::run(&mut counted, recipe);
    let mut traced = Traced::new(observers(recipe.seed));
    program::run(&mut traced, recipe);
    [
        check(manual.name(), recipe, manual.journal.observer),
        check(counted.name(), recipe, counted.journal.observer),
        check(traced.name(), recipe, traced.journal.observer),
    ]
}

fn n_of(run: &Run, is_one: impl Fn(&Lifetime) -> bool) -> usize {
    run.lifetimes.iter().filter(|lifetime| is_one(lifetime)).count()
}

#[test]
fn merlin_and_brute_force_agree_on_random_programs() {
    let (mut n_objects, mut n_cyclic, mut n_early, mut n_late) = (0, 0, 0, 0);
    for seed in 0..200 {
        let runs = on_all(Recipe { seed, n_operations: 60 + seed * 2, looks: false });
        for run in &runs {
            n_objects += run.lifetimes.len();
            n_cyclic += n_of(run, |l| l.is_cyclic);
            n_early += n_of(run, |l| l.drag_ticks().is_some_and(|drag_ticks| drag_ticks < 0));
            n_late += n_of(run, |l| l.drag_ticks().is_some_and(|drag_ticks| drag_ticks > 0));
        }
    }
    println!("{n_objects} objects: {n_cyclic} cyclic, {n_early} reclaimed early, {n_late} late");
    assert!(n_objects > 20_000 && n_cyclic > 1000 && n_early > 500 && n_late > 5000, "the programs show something");
}

#[test]
fn merlin_and_brute_force_agree_where_finalizers_resurrect() {
    for seed in 1000..1200 {
        on_all(Recipe { seed, n_operations: 60 + seed % 200 * 2, looks: true });
    }
}

#[test]
fn what_is_not_cyclic_is_what_counts_reclaim_at_death() {
    let mut n_cycle = 0;
    for seed in 2000..2100 {
        let [_, counted, _] = on_all(Recipe { seed, n_operations: 300, looks: seed % 2 == 0 });
        for lifetime in &counted.lifetimes {
            let is_at_death = lifetime.reclaimed_by == Some(Reclaimer::Count) && lifetime.drag_ticks() == Some(0);
            assert!(is_at_death || lifetime.is_cyclic, "seed {seed}: {lifetime}");
            n_cycle += usize::from(!is_at_death);
        }
    }
    assert!(n_cycle > 100, "{n_cycle} objects in cycles");
}

#[test]
fn all_machines_create_the_same_objects_and_lose_them_at_the_same_time() {
    for seed in 3000..3050 {
        let [manual, counted, traced] = on_all(Recipe { seed, n_operations: 300, looks: false });
        let meaning = |run: &Run| -> Vec<(String, Tick, Option<Tick>)> {
            run.lifetimes.iter().map(|l| (l.name.to_string(), l.born, l.unreachable)).collect()
        };
        assert_eq!(meaning(&counted), meaning(&traced), "seed {seed}");
        let names = |run: &Run| -> Vec<String> { run.lifetimes.iter().map(|l| l.name.to_string()).collect() };
        assert_eq!(names(&manual), names(&counted), "seed {seed}");
        assert_eq!(counted.summary.deaths.n_early + traced.summary.deaths.n_early, 0, "seed {seed}");
    }
}

#[test]
fn what_is_kept_does_not_change_what_is_counted() {
    let recipe = Recipe { seed: 7, n_operations: 400, looks: true };
    let run = |keep: Keep| {
        let mut machine = Traced::new(Recorder::new(&shapes()).keep(keep).trace_every(5));
        program::run(&mut machine, recipe);
        let faults = machine.faults().clone();
        machine.journal.observer.finish(&Timeline::default(), &faults)
    };
    let (all, some, none) = (run(Keep::All), run(Keep::First(10)), run(Keep::None));
    assert_eq!(all.lifetimes.len() as u64, all.summary.n_objects);
    assert_eq!(some.lifetimes, all.lifetimes[..10]);
    assert!(none.lifetimes.is_empty());
    assert_eq!(all.summary, some.summary);
    assert_eq!(all.summary, none.summary);
}

#[test]
fn a_summary_adds_up() {
    for seed in 4000..4020 {
        for run in on_all(Recipe { seed, n_operations: 400, looks: true }) {
            let summary = &run.summary;
            let deaths = summary.deaths;
            assert_eq!(deaths.n_at_death + deaths.n_early + deaths.n_late + deaths.n_never, deaths.n_died);
            let n_dead = n_of(&run, |l| l.unreachable.is_some_and(|unreachable| unreachable < summary.end_tick));
            assert_eq!(deaths.n_died, n_dead as u64);
            let drags = run.lifetimes.iter().filter(|l| l.unreachable.is_some_and(|u| u < summary.end_tick));
            let drags: Vec<i64> = drags.map(|l| l.drag_ticks().expect("all are reclaimed").max(0)).collect();
            assert_eq!(summary.drag.max_ticks as i64, drags.iter().copied().max().unwrap_or(0));
            let mean_ticks = drags.iter().sum::<i64>() as f64 / drags.len().max(1) as f64;
            assert!((summary.drag.mean_ticks - mean_ticks).abs() < 1e-9);
            assert_eq!(summary.n_automatic_objects, n_of(&run, |l| l.storage == Storage::Automatic) as u64);
            assert_eq!(summary.n_moves, run.lifetimes.iter().map(|l| l.n_moves).sum::<u64>());
        }
    }
}
