//! A program with a variable of each sort, a machine that runs it, and an observer that writes down what it sees.
#![allow(dead_code, reason = "each test file uses a part of it")]

use c_model::{C, Glibc, KernighanRitchie, ProcessHeap};
use memory_trait::{
    Constant, ConstantId, Event, FaultKind, FieldIndex, FunctionId, Kind, Line, Machine, Moment, Observer, Place,
    Program, RecordId, Slot, SlotShape, Tick,
};

pub(crate) const A: Slot = Slot(0);
pub(crate) const B: Slot = Slot(1);
pub(crate) const D: Slot = Slot(2);
pub(crate) const I: Slot = Slot(3);
pub(crate) const J: Slot = Slot(4);
pub(crate) const F: Slot = Slot(5);
pub(crate) const T: Slot = Slot(6);
/// A record in automatic storage.
pub(crate) const LOCAL: Slot = Slot(7);
/// A temporary reference.
pub(crate) const TEMP: Slot = Slot(8);
/// A temporary integer.
pub(crate) const TEMP_INT: Slot = Slot(9);

pub(crate) const VALUE: FieldIndex = FieldIndex(0);
pub(crate) const SEEN: FieldIndex = FieldIndex(1);
pub(crate) const NEXT: FieldIndex = FieldIndex(2);
pub(crate) const WEIGHT: FieldIndex = FieldIndex(3);

pub(crate) const HELLO: ConstantId = ConstantId(0);
pub(crate) const SEVEN: ConstantId = ConstantId(1);
pub(crate) const HALF: ConstantId = ConstantId(2);
pub(crate) const HELLO_AGAIN: ConstantId = ConstantId(3);
pub(crate) const UMLAUT: ConstantId = ConstantId(4);

/// The ids of what [`program`] has.
#[derive(Clone, Copy)]
pub(crate) struct Ids {
    pub(crate) node: RecordId,
    pub(crate) file: RecordId,
    pub(crate) main: FunctionId,
    /// One reference parameter, a local `Node`; returns what it likes.
    pub(crate) helper: FunctionId,
    /// Eight integers.
    pub(crate) eight: FunctionId,
    /// The finalizer of `File`: one parameter, and a local integer.
    pub(crate) close: FunctionId,
}

/// `Node { value: int, seen: bool, next: Node?, weight: float }`, `File { handle: int }` with a finalizer.
pub(crate) fn program() -> (Program, Ids) {
    let mut program = Program::default();
    let fields = [("value", Kind::Int), ("seen", Kind::Bool), ("next", Kind::Reference), ("weight", Kind::Float)];
    let node = program.record("Node", &fields);
    let file = program.record("File", &[("handle", Kind::Int)]);
    let references = [("a", Kind::Reference), ("b", Kind::Reference), ("d", Kind::Reference)];
    let mut locals = references.to_vec();
    locals.extend([("i", Kind::Int), ("j", Kind::Int), ("f", Kind::Float), ("t", Kind::Bool)]);
    let main = program.function("main", &[], &locals);
    let slots = &mut program.functions[main.index()].slots;
    slots.push(SlotShape { name: Some("local".to_owned()), kind: Kind::Reference, automatic: Some(node) });
    slots.push(SlotShape { name: None, kind: Kind::Reference, automatic: None });
    slots.push(SlotShape { name: None, kind: Kind::Int, automatic: None });
    let helper = program.function("helper", &[("p", Kind::Reference)], &[]);
    let automatic = SlotShape { name: Some("local".to_owned()), kind: Kind::Reference, automatic: Some(node) };
    program.functions[helper.index()].slots.push(automatic);
    let eight = program.function("eight", &[("p", Kind::Int); 8], &[]);
    let close = program.function("close", &[("file", Kind::Reference)], &[("i", Kind::Int)]);
    program.records[file.index()].finalizer = Some(close);
    for constant in [
        Constant::Text("hello".to_owned()),
        Constant::Int(7),
        Constant::Float(0.5),
        Constant::Text("hello".to_owned()),
        Constant::Text("größer".to_owned()),
    ] {
        program.constant(constant);
    }
    (program, Ids { node, file, main, helper, eight, close })
}

/// Writes events down in a line each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diary {
    pub(crate) lines: Vec<String>,
}

impl Diary {
    /// The lines since the last time, only those that begin with one of `kinds`.
    pub(crate) fn drain(&mut self, kinds: &[&str]) -> Vec<String> {
        let lines = std::mem::take(&mut self.lines);
        lines.into_iter().filter(|line| kinds.iter().any(|kind| line.starts_with(kind))).collect()
    }
}

impl Observer for Diary {
    fn observe(&mut self, at: Moment, event: &Event<'_>) {
        let id = |id: Option<memory_trait::ObjectId>| id.map_or("-".to_owned(), |id| id.0.to_string());
        self.lines.push(match *event {
            Event::Called { function, stack_bytes } => format!("called {} {stack_bytes}", function.0),
            Event::Returned { stack_bytes } => format!("returned {stack_bytes}"),
            Event::ThreadStarted { thread } => format!("thread {} started", thread.0),
            Event::ThreadEnded => format!("thread {} ended", at.thread.0),
            Event::Born { object, ordinal, storage, payload_bytes, total_bytes, .. } => {
                format!("born {} #{ordinal} {storage:?} {payload_bytes}/{total_bytes}", object.0)
            }
            Event::Resized { object, payload_bytes, total_bytes } => {
                format!("resized {} {payload_bytes}/{total_bytes}", object.0)
            }
            Event::Used { object } => format!("used {}", object.0),
            Event::Stored { place: Place::Slot, old, new } => format!("stored slot {} -> {}", id(old), id(new)),
            Event::Stored { place: Place::Inside { object, index }, old, new } => {
                format!("stored {}[{index}] {} -> {}", object.0, id(old), id(new))
            }
            Event::Moved { object, .. } => format!("moved {}", object.0),
            Event::Reclaimed { object, by } => format!("reclaimed {} {}", object.0, by.name()),
            Event::CollectionBegan(_) | Event::CollectionEnded { .. } => "collection".to_owned(),
            Event::HeapResized { heap_bytes } => format!("heap {heap_bytes:#x}"),
            Event::Faulted(fault) => format!("fault {fault}"),
        });
    }
}

/// A machine in `main`, with glibc's allocator.
pub(crate) fn in_main() -> (C, Ids) {
    enter(C::builder().build())
}

/// The same with K&R's allocator.
pub(crate) fn in_main_kr() -> (C<memory_trait::Unwatched, KernighanRitchie>, Ids) {
    enter(C::builder().allocator(KernighanRitchie::default()).build())
}

/// The same with a diary; what it took to get there is not in it.
pub(crate) fn watched() -> (C<Diary, Glibc>, Ids) {
    let (mut machine, ids) = enter(C::builder().observer(Diary::default()).build());
    machine.observer_mut().lines.clear();
    (machine, ids)
}

/// Loads the program and calls `main`.
pub(crate) fn enter<O: Observer, H: ProcessHeap>(mut machine: C<O, H>) -> (C<O, H>, Ids) {
    let (program, ids) = program();
    machine.load_program(&program).unwrap();
    machine.call(ids.main, &[], None).unwrap();
    at(&mut machine, 1);
    (machine, ids)
}

/// What follows happens at this tick.
pub(crate) fn at(machine: &mut impl Machine, tick: u64) {
    machine.set_moment(Moment { tick: Tick(tick), line: Line(0), ..Moment::default() });
}

/// The faults so far, in words.
pub(crate) fn faults(machine: &impl Machine) -> Vec<String> {
    machine.faults().first().iter().map(ToString::to_string).collect()
}

/// The kinds of the faults so far.
pub(crate) fn kinds(machine: &impl Machine) -> Vec<FaultKind> {
    machine.faults().first().iter().map(|fault| fault.kind).collect()
}

/// Writes an integer to a field.
pub(crate) fn set_field(machine: &mut impl Machine, object: Slot, field: FieldIndex, value: i64) {
    machine.set_int(I, value).unwrap();
    machine.store(object, field, I).unwrap();
}

/// Reads an integer from a field.
pub(crate) fn field(machine: &mut impl Machine, object: Slot, field: FieldIndex) -> i64 {
    machine.load(J, object, field).unwrap();
    machine.int(J).unwrap()
}

/// Reads an integer from an element.
pub(crate) fn element(machine: &mut impl Machine, container: Slot, index: i64) -> i64 {
    machine.element(J, container, index).unwrap();
    machine.int(J).unwrap()
}

/// Writes an integer to an element.
pub(crate) fn set_element(machine: &mut impl Machine, container: Slot, index: i64, value: i64) {
    machine.set_int(I, value).unwrap();
    machine.set_element(container, index, I).unwrap();
}

/// Reads a text.
pub(crate) fn text(machine: &mut impl Machine, slot: Slot) -> String {
    let mut text = String::from("what was there before");
    machine.read_text(slot, &mut text).unwrap();
    text
}
