//! How deterministic the three smallest machines are, measured as it is for the real ones.

#[path = "random/program.rs"]
mod program;
#[path = "../../memory-trait/tests/smallest/machines.rs"]
mod smallest;

use lifetimes::{Determinism, Fate, Fates, Keep, Recorder, Timeline, Verdict, determinism};
use memory_trait::{FaultLog, Machine, ObjectId, Tick};
use program::{Recipe, shapes};
use smallest::{Counted, Manual, Traced};

/// The perturbation: how many births there are from one collection to the next.
const BIRTHS: [(&str, u64); 3] = [("16 births", 16), ("11 births", 11), ("50 births", 50)];

fn recorder() -> Recorder {
    Recorder::new(&shapes()).keep(Keep::None).with_fates()
}

/// Runs a program under each perturbation on the machine that `make` makes.
macro_rules! measure {
    ($machine:ident, $recipe:expr) => {{
        let fates: Vec<(&str, Fates)> = BIRTHS
            .iter()
            .map(|&(name, births)| {
                let mut machine = $machine::new(recorder());
                machine.births_per_collection = births;
                program::run(&mut machine, $recipe);
                let run = machine.journal.observer.finish(&Timeline::default(), &FaultLog::default());
                (name, run.fates.expect("fates were asked for"))
            })
            .collect();
        let runs: Vec<(&str, &Fates)> = fates.iter().map(|(name, fates)| (*name, fates)).collect();
        (determinism(&runs), fates)
    }};
}

fn recipe(seed: u64) -> Recipe {
    Recipe { seed, n_operations: 500, looks: false }
}

fn check_sums(found: &Determinism) {
    let sum = found.n_fixed() + found.n_varying() + found.n_never();
    assert_eq!(sum, found.n_compared, "{found:?}");
    assert_eq!(found.n_incomparable, 0, "the meaning is the same under every perturbation: {found:?}");
}

#[test]
fn manual_memory_is_fully_deterministic() {
    for seed in 0..20 {
        let (found, _) = measure!(Manual, recipe(seed));
        check_sums(&found);
        assert_eq!(found.n_varying(), 0);
        assert_eq!(found.verdict, Verdict::Full);
        assert!(found.n_never() > 0, "random programs leak");
    }
}

#[test]
fn counted_memory_is_deterministic_but_for_cycles() {
    let mut n_varying = 0;
    for seed in 0..20 {
        let (found, _) = measure!(Counted, recipe(seed));
        check_sums(&found);
        assert_eq!(found.others.n_varying + found.others.n_never, 0, "seed {seed}: {found:?}");
        assert!(found.others.n_fixed > 0);
        n_varying += found.cyclic.n_varying;
    }
    assert!(n_varying > 50, "cycles vary: {n_varying}");
}

#[test]
fn traced_memory_is_hardly_deterministic_and_the_example_shows_it() {
    let (mut n_fixed, mut n_varying) = (0, 0);
    for seed in 0..20 {
        let (found, fates) = measure!(Traced, recipe(seed));
        check_sums(&found);
        let example = found.others.example.clone().expect("something varies that is in no cycle");
        assert_eq!(example.reclaimed_ticks.len(), BIRTHS.len());
        assert!(example.reclaimed_ticks.iter().any(|&tick| tick != example.reclaimed_ticks[0]));
        let object =
            (0..fates[0].1.n_objects()).map(ObjectId).find(|&o| fates[0].1.name(o).as_ref() == Some(&example.object));
        let object = object.expect("the example is an object of the run");
        for (ticks, (_, fates)) in example.reclaimed_ticks.iter().zip(&fates) {
            assert_eq!(ticks.map_or(Fate::Never, Fate::Reclaimed), fates.fate(object));
        }
        n_fixed += found.n_fixed();
        n_varying += found.n_varying();
    }
    // What the program's own `collect` finds is fixed on any machine.
    assert!(n_varying > 3 * n_fixed, "{n_fixed} fixed, {n_varying} varying");
}

#[test]
fn fates_are_what_the_lifetimes_say() {
    let mut machine = Counted::new(Recorder::new(&shapes()).with_fates().trace_every(3));
    program::run(&mut machine, recipe(77));
    let faults = machine.faults().clone();
    let run = machine.journal.observer.finish(&Timeline::default(), &faults);
    let fates = run.fates.expect("fates were asked for");
    assert_eq!(fates.n_objects(), run.lifetimes.len() as u64);
    let mut n_of_each = [0; 3];
    for lifetime in &run.lifetimes {
        assert_eq!(fates.name(lifetime.object).as_ref(), Some(&lifetime.name));
        assert_eq!(fates.is_cyclic(lifetime.object), lifetime.is_cyclic);
        let has_died = lifetime.unreachable.is_some_and(|unreachable| unreachable < run.summary.end_tick);
        let (expected, kind) = match (has_died, lifetime.reclaimed_by.map(memory_trait::Reclaimer::name)) {
            (false, _) => (Fate::Held, 0),
            (true, None | Some("exit")) => (Fate::Never, 1),
            (true, Some(_)) => (Fate::Reclaimed(lifetime.reclaimed.expect("by somebody")), 2),
        };
        assert_eq!(fates.fate(lifetime.object), expected, "{lifetime}");
        n_of_each[kind] += 1;
    }
    assert!(n_of_each.iter().all(|&n| n > 0), "each kind occurs: {n_of_each:?}");
    assert_eq!(fates.fate(ObjectId(1 << 40)), Fate::Held);
}

#[test]
fn a_single_run_varies_in_nothing() {
    let (_, fates) = measure!(Traced, recipe(5));
    let found = determinism(&[("alone", &fates[0].1)]);
    assert_eq!(found.n_varying(), 0);
    assert_eq!(found.perturbations, ["alone"]);
}

#[test]
fn results_are_serialised_under_stable_names() {
    let (found, _) = measure!(Counted, recipe(1));
    let json = serde_json::to_value(&found).expect("it serialises");
    assert_eq!(json["verdict"], "partial");
    assert_eq!(json["perturbations"][1], "11 births");
    assert!(json["cyclic"]["example"]["object"].as_str().is_some_and(|name| name.contains('#')));

    let mut machine = Traced::new(Recorder::new(&shapes()));
    program::run(&mut machine, recipe(1));
    let mut timeline = Timeline::default();
    timeline.sample(Tick(1), machine.usage());
    let faults = machine.faults().clone();
    let run = machine.journal.observer.finish(&timeline, &faults);
    let json = serde_json::to_value(&run.lifetimes[0]).expect("it serialises");
    let names: Vec<&String> = json.as_object().expect("a lifetime is an object").keys().collect();
    assert_eq!(
        names,
        [
            "born_tick",
            "is_cyclic",
            "last_used_tick",
            "n_moves",
            "name",
            "object",
            "payload_bytes",
            "reclaimed_by",
            "reclaimed_tick",
            "site_line",
            "storage",
            "total_bytes",
            "unreachable_tick",
        ]
    );
    assert_eq!(json["name"], "list#1");
    assert_eq!(json["storage"], "heap");
    let json = serde_json::to_value(&run.summary).expect("it serialises");
    assert_eq!(json["deaths"]["n_died"], run.summary.deaths.n_died);
    assert_eq!(json["usage"]["points"][0]["tick"], 1);
}
