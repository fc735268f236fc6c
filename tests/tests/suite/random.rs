//! Random programs on the real models: Merlin against brute force, and the models against the smallest machines.

use harness::Model;
use lifetimes::Run;
use memory_trait::{
    ConstantId, FaultLog, FieldIndex, FunctionId, Kind, Machine, Moment, Outcome, Program, Reclaimer, RecordId, Slot,
    Storage, ThreadId, Usage,
};

use crate::machines::{Job, agreed, meaning, observers, with_machine};
use crate::program::{self, Recipe, shapes};
use crate::smallest::{Counted, Manual, Traced};

/// A machine that does not free when told so, and whose books are balanced before every operation.
///
/// Without `free` and without records in frames there is nothing that a random program could do wrong in C.
struct Careful<'m> {
    machine: &'m mut dyn Machine,
    frees: bool,
    n_locals: u64,
}

macro_rules! passed_on {
    ($(fn $name:ident(&mut self $(, $argument:ident: $of:ty)*) -> $result:ty;)*) => {
        $(fn $name(&mut self $(, $argument: $of)*) -> $result {
            self.machine.$name($($argument),*)
        })*
    };
}

impl Machine for Careful<'_> {
    fn name(&self) -> &'static str {
        self.machine.name()
    }

    fn set_moment(&mut self, now: Moment) {
        let usage = self.machine.usage();
        assert_eq!(usage.balance(), 0, "{}, before tick {}: {usage:?}", self.machine.name(), now.tick);
        self.machine.set_moment(now);
    }

    fn free(&mut self, slot: Slot) -> Outcome<()> {
        if self.frees { self.machine.free(slot) } else { Ok(()) }
    }

    fn new_local(&mut self, slot: Slot) -> Outcome<()> {
        self.n_locals += 1;
        self.machine.new_local(slot)
    }

    fn finish(&mut self) {
        self.machine.finish();
    }

    fn usage(&self) -> Usage {
        self.machine.usage()
    }

    fn faults(&self) -> &FaultLog {
        self.machine.faults()
    }

    passed_on! {
        fn load_program(&mut self, program: &Program) -> Outcome<()>;
        fn call(&mut self, function: FunctionId, arguments: &[Slot], result: Option<Slot>) -> Outcome<()>;
        fn ret(&mut self, value: Option<Slot>) -> Outcome<()>;
        fn set_int(&mut self, dst: Slot, value: i64) -> Outcome<()>;
        fn set_float(&mut self, dst: Slot, value: f64) -> Outcome<()>;
        fn set_bool(&mut self, dst: Slot, value: bool) -> Outcome<()>;
        fn set_null(&mut self, dst: Slot) -> Outcome<()>;
        fn set_constant(&mut self, dst: Slot, constant: ConstantId) -> Outcome<()>;
        fn copy(&mut self, dst: Slot, src: Slot) -> Outcome<()>;
        fn take(&mut self, dst: Slot, src: Slot) -> Outcome<()>;
        fn clear(&mut self, slot: Slot) -> Outcome<()>;
        fn int(&mut self, src: Slot) -> Outcome<i64>;
        fn float(&mut self, src: Slot) -> Outcome<f64>;
        fn bool(&mut self, src: Slot) -> Outcome<bool>;
        fn is_null(&mut self, src: Slot) -> Outcome<bool>;
        fn same(&mut self, a: Slot, b: Slot) -> Outcome<bool>;
        fn new_record(&mut self, dst: Slot, record: RecordId) -> Outcome<()>;
        fn load(&mut self, dst: Slot, object: Slot, field: FieldIndex) -> Outcome<()>;
        fn store(&mut self, object: Slot, field: FieldIndex, src: Slot) -> Outcome<()>;
        fn new_array(&mut self, dst: Slot, element: Kind, n_elements: i64) -> Outcome<()>;
        fn new_bytes(&mut self, dst: Slot, n_bytes: i64) -> Outcome<()>;
        fn new_list(&mut self, dst: Slot, element: Kind) -> Outcome<()>;
        fn element(&mut self, dst: Slot, container: Slot, index: i64) -> Outcome<()>;
        fn set_element(&mut self, container: Slot, index: i64, src: Slot) -> Outcome<()>;
        fn push(&mut self, list: Slot, src: Slot) -> Outcome<()>;
        fn pop(&mut self, dst: Slot, list: Slot) -> Outcome<()>;
        fn len(&mut self, object: Slot) -> Outcome<i64>;
        fn new_map(&mut self, dst: Slot, key: Kind, value: Kind) -> Outcome<()>;
        fn get(&mut self, dst: Slot, map: Slot, key: Slot) -> Outcome<bool>;
        fn put(&mut self, map: Slot, key: Slot, value: Slot) -> Outcome<()>;
        fn remove(&mut self, map: Slot, key: Slot) -> Outcome<bool>;
        fn next_key(&mut self, dst: Slot, map: Slot, position: i64) -> Outcome<Option<i64>>;
        fn new_text(&mut self, dst: Slot, text: &str) -> Outcome<()>;
        fn concat(&mut self, dst: Slot, a: Slot, b: Slot) -> Outcome<()>;
        fn read_text(&mut self, src: Slot, into: &mut String) -> Outcome<()>;
        fn collect(&mut self) -> Outcome<()>;
        fn new_weak(&mut self, dst: Slot, target: Slot) -> Outcome<()>;
        fn weak_get(&mut self, dst: Slot, weak: Slot) -> Outcome<()>;
        fn begin_finalizer(&mut self) -> Outcome<Option<FunctionId>>;
        fn start_thread(&mut self, function: FunctionId, arguments: &[Slot]) -> Outcome<ThreadId>;
        fn switch_thread(&mut self, thread: ThreadId) -> Outcome<()>;
    }
}

/// Runs a random program; afterwards, how many records in automatic storage it made.
struct RandomProgram {
    recipe: Recipe,
    frees: bool,
    n_locals: u64,
}

impl Job for RandomProgram {
    fn run<M: Machine>(&mut self, machine: &mut M) {
        let mut careful = Careful { machine, frees: self.frees, n_locals: 0 };
        program::run(&mut careful, self.recipe);
        self.n_locals = careful.n_locals;
    }
}

fn on(model: Model, recipe: Recipe, frees: bool) -> Run {
    let mut observers = observers(&shapes(), recipe.seed);
    let mut job = RandomProgram { recipe, frees, n_locals: 0 };
    let faults = with_machine(model, &mut observers, &mut job);
    agreed(observers, &faults, &format!("{recipe:?} on {}", model.title()))
}

/// One of the smallest machines, built, run and checked.
macro_rules! smallest {
    ($machine:ident, $job:ident, $recipe:ident) => {{
        let mut machine = $machine::new(observers(&shapes(), $recipe.seed));
        $job.run(&mut machine);
        let faults = machine.faults().clone();
        agreed(machine.journal.observer, &faults, concat!("smallest ", stringify!($machine)))
    }};
}

/// What the smallest machines make of it, and how many records in automatic storage there were.
fn on_the_smallest(recipe: Recipe, frees: bool) -> (Run, u64) {
    let mut job = RandomProgram { recipe, frees, n_locals: 0 };
    let counted = smallest!(Counted, job, recipe);
    let traced = smallest!(Traced, job, recipe);
    assert_eq!(meaning(&counted), meaning(&traced), "{recipe:?}");
    let manual = smallest!(Manual, job, recipe);
    if !frees && job.n_locals == 0 {
        assert_eq!(meaning(&counted), meaning(&manual), "{recipe:?}");
    }
    (counted, job.n_locals)
}

#[test]
fn the_managed_models_agree_with_the_smallest_machines_on_random_programs() {
    let (mut n_objects, mut n_cycle) = (0, 0);
    for seed in 5000..5090 {
        let recipe = Recipe { seed, n_operations: 60 + seed % 60 * 6, looks: false };
        let (smallest, _) = on_the_smallest(recipe, true);
        let cpython = on(Model::CPython, recipe, true);
        let jvm = on(Model::Jvm, recipe, true);
        assert_eq!(meaning(&cpython), meaning(&smallest), "{recipe:?}");
        assert_eq!(meaning(&jvm), meaning(&smallest), "{recipe:?}");
        n_objects += smallest.lifetimes.len();
        n_cycle += cpython.summary.reclaimed.n_cycle;
        for lifetime in &cpython.lifetimes {
            let is_at_death = lifetime.reclaimed_by == Some(Reclaimer::Count) && lifetime.drag_ticks() == Some(0);
            assert!(is_at_death || lifetime.is_cyclic || lifetime.storage == Storage::Static, "{recipe:?}: {lifetime}");
        }
    }
    assert!(
        n_objects > 2000 && n_cycle > 100,
        "{n_objects} objects, {n_cycle} of them reclaimed by collections of cycles"
    );
}

#[test]
fn all_models_agree_with_the_smallest_machines_on_random_programs_without_misuse() {
    let (mut n_programs, mut n_objects) = (0, 0);
    for seed in 6000..6300 {
        let recipe = Recipe { seed, n_operations: 40 + seed % 50, looks: false };
        let (smallest, n_locals) = on_the_smallest(recipe, false);
        if n_locals > 0 {
            continue;
        }
        n_programs += 1;
        n_objects += smallest.lifetimes.len();
        for model in Model::ALL {
            assert_eq!(meaning(&on(model, recipe, false)), meaning(&smallest), "{recipe:?} on {}", model.title());
        }
    }
    assert!(n_programs > 20 && n_objects > 300, "{n_programs} programs with {n_objects} objects");
}

#[test]
fn merlin_and_brute_force_agree_where_finalizers_resurrect() {
    for seed in 7000..7060 {
        let recipe = Recipe { seed, n_operations: 60 + seed % 60 * 6, looks: true };
        on(Model::CPython, recipe, true);
        on(Model::Jvm, recipe, true);
    }
}
