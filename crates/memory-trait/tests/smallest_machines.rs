//! The seam holds: three machines that could hardly be smaller, driven by hand through the same programs, compute the
//! same and differ in nothing but who reclaims what, and when.

#[path = "smallest/machines.rs"]
mod smallest;

use std::fmt::Write as _;

use memory_trait::{
    Constant, Event, FaultKind, FieldIndex, FunctionId, Kind, Line, Machine, Moment, Observer, Outcome, Program,
    RecordId, Slot, SlotShape, ThreadId, Tick,
};
use smallest::{Counted, Manual, Traced};

/// Writes down who reclaimed what, and when: `Node#1 free 5`.
#[derive(Default)]
struct Log {
    names: Vec<String>,
    reclaimed: Vec<String>,
    n_moved: u64,
    n_resized: u64,
}

impl Observer for Log {
    fn observe(&mut self, at: Moment, event: &Event<'_>) {
        match event {
            Event::Born { label, ordinal, .. } => {
                let label = label.text(&shapes()).to_owned();
                self.names.push(format!("{label}#{ordinal}"));
            }
            Event::Reclaimed { object, by } => {
                self.reclaimed.push(format!("{} {} {}", self.names[object.index()], by.name(), at.tick));
            }
            Event::Moved { .. } => self.n_moved += 1,
            Event::Resized { .. } => self.n_resized += 1,
            _ => {}
        }
    }
}

const NODE: RecordId = RecordId(0);
const VALUE: FieldIndex = FieldIndex(0);
const NEXT: FieldIndex = FieldIndex(1);
const PHOENIX: RecordId = RecordId(1);
const HOME: FieldIndex = FieldIndex(0);
const MAIN: FunctionId = FunctionId(0);
const RISE: FunctionId = FunctionId(1);
const ESCAPE: FunctionId = FunctionId(2);
const WORKER: FunctionId = FunctionId(3);
const APPLE: memory_trait::ConstantId = memory_trait::ConstantId(0);
// Slots of MAIN.
const A: Slot = Slot(0);
const B: Slot = Slot(1);
const C: Slot = Slot(2);
const I: Slot = Slot(3);
const TEMP: Slot = Slot(4);

fn shapes() -> Program {
    let mut program = Program::default();
    program.record("Node", &[("value", Kind::Int), ("next", Kind::Reference)]);
    let phoenix = program.record("Phoenix", &[("home", Kind::Reference)]);
    let reference = Kind::Reference;
    let main = program.function("main", &[], &[("a", reference), ("b", reference), ("c", reference), ("i", Kind::Int)]);
    program.functions[main.index()].slots.push(SlotShape { name: None, kind: reference, automatic: None });
    let rise = program.function("rise", &[("self", reference)], &[("home", reference)]);
    program.records[phoenix.index()].finalizer = Some(rise);
    let escape = program.function("escape", &[("holder", reference)], &[("inner", reference), ("i", Kind::Int)]);
    program.functions[escape.index()].slots[1].automatic = Some(NODE);
    program.function("worker", &[("list", reference)], &[("own", reference), ("i", Kind::Int)]);
    program.constant(Constant::Text("apple".to_owned()));
    program
}

/// Drives a machine as an interpreter would: a tick for each operation, and finalizers when they are due.
struct Drive<'m> {
    machine: &'m mut dyn Machine,
    tick: u64,
    thread: ThreadId,
}

impl Drive<'_> {
    fn step<T>(&mut self, operation: impl FnOnce(&mut dyn Machine) -> Outcome<T>) -> T {
        self.tick += 1;
        self.machine.set_moment(Moment { tick: Tick(self.tick), line: Line(0), thread: self.thread });
        let answer = operation(self.machine).expect("no program here has a fatal fault");
        self.run_finalizers();
        answer
    }

    fn run_finalizers(&mut self) {
        while let Some(function) = self.machine.begin_finalizer().expect("a finalizer begins") {
            assert_eq!(function, RISE);
            let body: [fn(&mut dyn Machine) -> Outcome<()>; 3] =
                [|m| m.load(B, A, HOME), |m| m.store(B, NEXT, A), |m| m.ret(None)];
            for operation in body {
                self.step(operation);
            }
        }
    }

    fn switch(&mut self, thread: ThreadId) {
        self.step(|m| m.switch_thread(thread));
        self.thread = thread;
    }

    /// Makes a node of `value` in `dst`.
    fn node(&mut self, dst: Slot, value: i64) {
        self.step(|m| m.new_record(dst, NODE));
        self.step(|m| m.set_int(I, value));
        self.step(|m| m.store(dst, VALUE, I));
        self.step(|m| m.set_null(TEMP));
        self.step(|m| m.store(dst, NEXT, TEMP));
        self.step(|m| m.clear(TEMP));
    }

    fn value(&mut self, object: Slot) -> i64 {
        self.step(|m| m.load(I, object, VALUE));
        self.step(|m| m.int(I))
    }
}

/// What a run showed: what the program computed, who reclaimed what, and the faults.
struct Shown {
    result: String,
    log: Log,
    faults: Vec<FaultKind>,
}

fn show<'l, M: Machine>(
    machine: fn(&'l mut Log) -> M,
    log: &'l mut Log,
    program: fn(&mut Drive<'_>) -> String,
) -> (String, Vec<FaultKind>) {
    let mut machine = machine(log);
    machine.load_program(&shapes()).expect("shapes fit");
    let mut drive = Drive { machine: &mut machine, tick: 0, thread: ThreadId(0) };
    drive.step(|m| m.call(MAIN, &[], None));
    let result = program(&mut drive);
    drive.step(|m| m.ret(None));
    assert_eq!(machine.usage().balance(), 0, "{}: every byte of the heap is counted once", machine.name());
    machine.finish();
    assert_eq!(machine.usage().n_objects, 0, "{}: the exit reclaims the rest", machine.name());
    (result, machine.faults().first().iter().map(|fault| fault.kind).collect())
}

/// Runs a program on all three; all must compute the same.
fn on_all(program: fn(&mut Drive<'_>) -> String) -> [Shown; 3] {
    let mut logs = [Log::default(), Log::default(), Log::default()];
    let [manual, counted, traced] = &mut logs;
    let results =
        [show(Manual::new, manual, program), show(Counted::new, counted, program), show(Traced::new, traced, program)];
    let mut shown = results.into_iter().zip(logs).map(|((result, faults), log)| Shown { result, log, faults });
    let shown: [Shown; 3] = std::array::from_fn(|_| shown.next().expect("three runs"));
    assert_eq!(shown[0].result, shown[1].result, "manual and counted compute the same");
    assert_eq!(shown[1].result, shown[2].result, "counted and traced compute the same");
    shown
}

fn reclaimed(shown: &[Shown; 3]) -> [String; 3] {
    std::array::from_fn(|i| shown[i].log.reclaimed.join(", "))
}

/// A list of three nodes, summed, then taken apart from its head.
fn list_building(d: &mut Drive<'_>) -> String {
    d.step(|m| m.set_null(A));
    for value in 1..=3 {
        d.node(B, value);
        d.step(|m| m.store(B, NEXT, A));
        d.step(|m| m.take(A, B));
    }
    let mut sum = 0;
    d.step(|m| m.copy(B, A));
    while !d.step(|m| m.is_null(B)) {
        sum += d.value(B);
        d.step(|m| m.load(B, B, NEXT));
    }
    while !d.step(|m| m.is_null(A)) {
        d.step(|m| m.load(B, A, NEXT));
        d.step(|m| m.free(A));
        d.step(|m| m.take(A, B));
    }
    sum.to_string()
}

#[test]
fn a_list_is_reclaimed_by_hand_by_count_or_by_the_exit() {
    let shown = on_all(list_building);
    assert_eq!(shown[0].result, "6");
    assert_eq!(
        reclaimed(&shown),
        [
            "Node#3 free 43, Node#2 free 47, Node#1 free 51",
            "Node#3 count 44, Node#2 count 48, Node#1 count 52",
            "Node#1 exit 54, Node#2 exit 54, Node#3 exit 54",
        ]
    );
    assert!(shown.iter().all(|shown| shown.faults.is_empty()));
}

fn cycle(d: &mut Drive<'_>) -> String {
    d.node(A, 1);
    d.node(B, 2);
    d.step(|m| m.store(A, NEXT, B));
    d.step(|m| m.store(B, NEXT, A));
    d.step(|m| m.clear(A));
    let value = d.value(B);
    d.step(|m| m.clear(B));
    d.step(|m| m.collect());
    value.to_string()
}

#[test]
fn a_cycle_leaks_waits_for_the_cycle_collector_or_is_garbage_like_any_other() {
    let shown = on_all(cycle);
    assert_eq!(
        reclaimed(&shown),
        ["Node#1 exit 21, Node#2 exit 21", "Node#1 cycle 20, Node#2 cycle 20", "Node#1 full 20, Node#2 full 20"]
    );
    assert_eq!(shown[0].faults, [FaultKind::Leak, FaultKind::Leak]);
}

fn escaped_local(d: &mut Drive<'_>) -> String {
    d.node(A, 1);
    d.step(|m| m.call(ESCAPE, &[A], None));
    d.step(|m| m.new_local(Slot(1)));
    d.step(|m| m.set_int(Slot(2), 7));
    d.step(|m| m.store(Slot(1), VALUE, Slot(2)));
    d.step(|m| m.store(Slot(0), NEXT, Slot(1)));
    d.step(|m| m.ret(None));
    d.step(|m| m.load(B, A, NEXT));
    let value = d.value(B);
    d.step(|m| m.free(A));
    value.to_string()
}

#[test]
fn a_local_dies_with_its_frame_only_where_there_is_automatic_storage() {
    let shown = on_all(escaped_local);
    assert_eq!(shown[0].faults, [FaultKind::EscapedFrame]);
    assert!(shown[1].faults.is_empty() && shown[2].faults.is_empty());
    assert_eq!(
        reclaimed(&shown),
        ["Node#2 scope 13, Node#1 free 17", "Node#1 count 18, Node#2 count 18", "Node#1 exit 18, Node#2 exit 18",]
    );
}

/// The finalizer stores the object into its home: where memory is managed it is there again.
fn resurrection(d: &mut Drive<'_>) -> String {
    d.node(A, 1);
    d.step(|m| m.new_record(B, PHOENIX));
    d.step(|m| m.store(B, HOME, A));
    d.step(|m| m.free(B));
    d.step(|m| m.clear(B));
    d.step(|m| m.collect());
    d.step(|m| m.load(B, A, NEXT));
    let mut result = format!("risen {}", !d.step(|m| m.is_null(B)));
    d.step(|m| m.load(C, B, HOME));
    write!(result, " home {}", d.step(|m| m.same(C, A))).expect("a string takes it");
    for slot in [A, B, C] {
        d.step(|m| m.clear(slot));
    }
    d.step(|m| m.collect());
    result
}

#[test]
fn a_finalizer_saves_an_object_once_and_never_from_free() {
    let shown = on_all(resurrection);
    assert_eq!(shown[0].result, "risen true home true");
    assert_eq!(shown[0].faults, [FaultKind::UseAfterFree, FaultKind::Leak]);
    assert_eq!(
        reclaimed(&shown),
        [
            "Phoenix#1 free 13, Node#1 exit 24",
            "Node#1 cycle 23, Phoenix#1 cycle 23",
            "Node#1 full 23, Phoenix#1 full 23",
        ]
    );
}

fn weak_references(d: &mut Drive<'_>) -> String {
    d.node(A, 1);
    d.step(|m| m.new_weak(B, A));
    d.step(|m| m.weak_get(C, B));
    let mut result = format!("same {}", d.step(|m| m.same(A, C)));
    d.step(|m| m.free(A));
    d.step(|m| m.clear(A));
    d.step(|m| m.clear(C));
    d.step(|m| m.collect());
    d.step(|m| m.weak_get(C, B));
    write!(result, " null {}", d.step(|m| m.is_null(C))).expect("a string takes it");
    d.step(|m| m.free(B));
    result
}

#[test]
fn a_weak_reference_does_not_keep() {
    let shown = on_all(weak_references);
    assert_eq!(shown[0].result, "same true null true");
    assert_eq!(
        reclaimed(&shown),
        ["Node#1 free 11, weak#1 free 17", "Node#1 count 13, weak#1 count 18", "Node#1 full 14, weak#1 exit 18"]
    );
}

fn maps_and_texts(d: &mut Drive<'_>) -> String {
    let mut result = String::new();
    d.step(|m| m.new_map(A, Kind::Reference, Kind::Int));
    d.step(|m| m.set_constant(B, APPLE));
    d.step(|m| m.set_int(I, 1));
    d.step(|m| m.put(A, B, I));
    d.step(|m| m.new_text(B, "pear"));
    d.step(|m| m.set_int(I, 2));
    d.step(|m| m.put(A, B, I));
    d.step(|m| m.new_text(C, "ap"));
    d.step(|m| m.new_text(B, "ple"));
    d.step(|m| m.concat(TEMP, C, B));
    d.step(|m| m.set_int(I, 3));
    d.step(|m| m.put(A, TEMP, I));
    d.step(|m| m.clear(TEMP));
    let mut position = 0;
    while let Some(next) = d.step(|m| m.next_key(B, A, position)) {
        let mut key = String::new();
        d.step(|m| m.read_text(B, &mut key));
        assert!(d.step(|m| m.get(I, A, B)));
        let length = d.step(|m| m.len(B));
        write!(result, "{key}({length})={} ", d.step(|m| m.int(I))).expect("a string takes it");
        position = next;
    }
    d.step(|m| m.new_text(B, "pear"));
    let removed = [d.step(|m| m.remove(A, B)), d.step(|m| m.remove(A, B)), d.step(|m| m.get(I, A, B))];
    write!(result, "removed {removed:?} left {}", d.step(|m| m.len(A))).expect("a string takes it");
    result
}

#[test]
fn a_map_keeps_its_keys_in_order_and_compares_them_by_content() {
    let shown = on_all(maps_and_texts);
    assert_eq!(shown[0].result, "apple(5)=3 pear(4)=2 removed [true, false, false] left 1");
    assert!(shown.iter().all(|shown| shown.log.n_resized == 2), "one for each new key");
}

fn threads(d: &mut Drive<'_>) -> String {
    d.step(|m| m.new_list(A, Kind::Int));
    let worker = d.step(|m| m.start_thread(WORKER, &[A]));
    for round in 0..20 {
        d.switch(worker);
        d.step(|m| m.new_bytes(Slot(1), 10 + round));
        let length = d.step(|m| m.len(Slot(1)));
        d.step(|m| m.set_int(Slot(2), length));
        d.step(|m| m.push(Slot(0), Slot(2)));
        d.switch(ThreadId(0));
        d.step(|m| m.set_int(I, 100));
        d.step(|m| m.push(A, I));
    }
    d.switch(worker);
    d.step(|m| m.ret(None));
    d.switch(ThreadId(0));
    let mut sum = 0;
    while d.step(|m| m.len(A)) > 0 {
        d.step(|m| m.pop(I, A));
        sum += d.step(|m| m.int(I));
    }
    sum.to_string()
}

#[test]
fn threads_share_objects_and_keep_what_their_slots_refer_to() {
    let shown = on_all(threads);
    assert_eq!(shown[0].result, (20 * 100 + (10..30).sum::<i64>()).to_string());
    let by = |shown: &Shown, word: &str| shown.log.reclaimed.iter().filter(|line| line.contains(word)).count();
    assert_eq!([by(&shown[0], "exit"), by(&shown[1], "count"), by(&shown[2], "young")], [21, 21, 14]);
    assert!(shown[2].log.n_moved > 0, "the traced machine moves what survives");
}

#[test]
fn what_the_managed_machines_check_goes_unnoticed_in_the_manual_one() {
    fn read_beyond(m: &mut dyn Machine) -> Outcome<()> {
        m.load_program(&shapes())?;
        m.call(MAIN, &[], None)?;
        m.new_array(A, Kind::Int, 2)?;
        m.element(I, A, 2)
    }
    let mut manual = Manual::new(memory_trait::Unwatched);
    assert!(read_beyond(&mut manual).is_ok());
    assert_eq!(manual.faults().count(FaultKind::OutOfBounds), 1);
    for fault in [
        read_beyond(&mut Counted::new(memory_trait::Unwatched)),
        read_beyond(&mut Traced::new(memory_trait::Unwatched)),
    ] {
        let fault = fault.expect_err("it is checked");
        assert!(fault.is_fatal);
        assert_eq!(fault.to_string(), "out_of_bounds of array#1, tick 0: checked");
    }
}

#[test]
fn null_is_an_object_nowhere() {
    fn through_null(m: &mut dyn Machine) -> Outcome<()> {
        m.load_program(&shapes())?;
        m.call(MAIN, &[], None)?;
        m.set_null(A)?;
        m.load(I, A, VALUE)
    }
    let unwatched = memory_trait::Unwatched;
    for machine in
        [&mut Manual::new(unwatched) as &mut dyn Machine, &mut Counted::new(unwatched), &mut Traced::new(unwatched)]
    {
        assert_eq!(through_null(machine).expect_err("fatal").kind, FaultKind::NullDereference);
    }
}

#[test]
fn a_block_freed_twice_and_a_local_freed_are_told_apart() {
    fn misuse(d: &mut Drive<'_>) -> String {
        d.node(A, 1);
        d.step(|m| m.free(A));
        d.step(|m| m.free(A));
        d.step(|m| m.call(ESCAPE, &[A], None));
        d.step(|m| m.new_local(Slot(1)));
        d.step(|m| m.free(Slot(1)));
        d.step(|m| m.ret(None));
        String::new()
    }
    assert_eq!(on_all(misuse)[0].faults, [FaultKind::DoubleFree, FaultKind::InvalidFree]);
}
