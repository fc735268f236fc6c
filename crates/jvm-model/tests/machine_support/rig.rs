//! A machine with one frame that has slots of every kind, and short names for what tests do with it.

use jvm_model::{Builder, Jvm};
use memory_trait::{
    Constant, ConstantId, Event, Fault, FaultKind, FieldIndex, FunctionId, Kind, Label, Machine, Moment, ObjectId,
    Observer, Outcome, Program, Reclaimer, RecordId, Slot, SlotShape,
};

/// References; each is a variable of its own.
pub(crate) const A: Slot = Slot(0);
pub(crate) const B: Slot = Slot(1);
pub(crate) const C: Slot = Slot(2);
pub(crate) const D: Slot = Slot(3);
/// An integer, a float and a truth value.
pub(crate) const INT: Slot = Slot(4);
pub(crate) const FLOAT: Slot = Slot(5);
pub(crate) const BOOL: Slot = Slot(6);
/// A temporary reference.
pub(crate) const TEMPORARY: Slot = Slot(7);

/// `Node { long value; double weight; boolean flag; Object next }`
pub(crate) const NODE: RecordId = RecordId(0);
pub(crate) const VALUE: FieldIndex = FieldIndex(0);
pub(crate) const WEIGHT: FieldIndex = FieldIndex(1);
pub(crate) const FLAG: FieldIndex = FieldIndex(2);
pub(crate) const NEXT: FieldIndex = FieldIndex(3);
/// `Last { Object next }`, with a finalizer.
pub(crate) const LAST: RecordId = RecordId(1);
/// The only field of `Last`.
pub(crate) const LAST_NEXT: FieldIndex = FieldIndex(0);

pub(crate) const MAIN: FunctionId = FunctionId(0);
/// Takes a reference and returns one; has a reference of its own.
pub(crate) const HELPER: FunctionId = FunctionId(1);
/// The finalizer of `Last`.
pub(crate) const FINALIZER: FunctionId = FunctionId(2);

/// The literals `literal` and `straße €`.
pub(crate) const LITERAL: ConstantId = ConstantId(0);
pub(crate) const WIDE: ConstantId = ConstantId(1);

/// What happened, in words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diary {
    pub(crate) lines: Vec<String>,
    names: std::collections::BTreeMap<ObjectId, String>,
}

impl Diary {
    fn name(&self, object: ObjectId) -> &str {
        &self.names[&object]
    }

    /// The lines since the last call that contain `word`.
    pub(crate) fn of(&self, word: &str) -> Vec<&str> {
        self.lines.iter().filter(|line| line.contains(word)).map(String::as_str).collect()
    }
}

impl Observer for Diary {
    fn observe(&mut self, _at: Moment, event: &Event<'_>) {
        let line = match *event {
            Event::Born { object, label, ordinal, payload_bytes, total_bytes, .. } => {
                let label = match label {
                    Label::Record(record) if record == NODE => "Node",
                    Label::Record(_) => "Last",
                    Label::Array => "array",
                    Label::List => "list",
                    Label::Map => "map",
                    Label::Text => "text",
                    Label::Bytes => "bytes",
                    Label::Weak => "weak",
                };
                self.names.insert(object, format!("{label}#{ordinal}"));
                format!("born {label}#{ordinal} {payload_bytes} of {total_bytes}")
            }
            Event::Used { object } => format!("used {}", self.name(object)),
            Event::Resized { object, payload_bytes, total_bytes } => {
                format!("resized {} {payload_bytes} of {total_bytes}", self.name(object))
            }
            Event::Stored { place, old, new } => {
                let name = |object: Option<ObjectId>| object.map_or("-", |object| self.name(object)).to_owned();
                let place = match place {
                    memory_trait::Place::Slot => "slot".to_owned(),
                    memory_trait::Place::Inside { object, index } => format!("{}[{index}]", self.name(object)),
                };
                format!("stored {place} {} -> {}", name(old), name(new))
            }
            Event::Moved { object, .. } => format!("moved {}", self.name(object)),
            Event::Reclaimed { object, by } => format!("{} {}", Reclaimer::name(by), self.name(object)),
            Event::CollectionBegan(collection) => {
                format!("collection {} {}", if collection.is_full { "full" } else { "young" }, collection.cause)
            }
            Event::CollectionEnded { n_reclaimed, n_moved, .. } => format!("ended -{n_reclaimed} ~{n_moved}"),
            Event::HeapResized { heap_bytes } => format!("heap {heap_bytes}"),
            Event::Called { function, .. } => format!("called {}", function.0),
            Event::Returned { .. } => "returned".to_owned(),
            Event::ThreadStarted { thread } => format!("thread {}", thread.0),
            Event::ThreadEnded => "thread ended".to_owned(),
            Event::Faulted(fault) => format!("fault {fault}"),
        };
        self.lines.push(line);
    }
}

fn program() -> Program {
    let mut program = Program::default();
    let fields = [("value", Kind::Int), ("weight", Kind::Float), ("flag", Kind::Bool), ("next", Kind::Reference)];
    program.record("Node", &fields);
    program.record("Last", &[("next", Kind::Reference)]);
    program.records[LAST.index()].finalizer = Some(FINALIZER);
    let reference = Kind::Reference;
    let locals = [
        ("a", reference),
        ("b", reference),
        ("c", reference),
        ("d", reference),
        ("i", Kind::Int),
        ("x", Kind::Float),
        ("p", Kind::Bool),
    ];
    program.function("main", &[], &locals);
    program.functions[MAIN.index()].slots.push(SlotShape { name: None, kind: reference, automatic: None });
    let local = SlotShape { name: Some("here".to_owned()), kind: reference, automatic: Some(NODE) };
    program.functions[MAIN.index()].slots.push(local);
    program.function("helper", &[("x", reference)], &[("own", reference)]);
    program.function("last", &[("self", reference)], &[("other", reference)]);
    program.constant(Constant::Text("literal".to_owned()));
    program.constant(Constant::Text("straße €".to_owned()));
    program
}

/// The machine.
pub(crate) struct Rig<O: Observer = Diary> {
    pub(crate) jvm: Jvm<O>,
}

impl Rig {
    /// A watched machine with these flags, in its bottom frame, all references null.
    pub(crate) fn new(flags: &str) -> Rig {
        Rig::built(Jvm::builder().flags(flags).observer(Diary::default()))
    }

    /// Forgets what has been told so far.
    pub(crate) fn forget(&mut self) -> Vec<String> {
        // The diary's names stay.
        std::mem::take(&mut self.jvm.observer_mut().lines)
    }

    /// What was told that has `word` in it.
    pub(crate) fn told(&self, word: &str) -> Vec<&str> {
        self.jvm.observer().of(word)
    }
}

impl<O: Observer> Rig<O> {
    pub(crate) fn built(builder: Builder<O>) -> Rig<O> {
        let mut jvm = builder.build().expect("a configuration that HotSpot takes");
        jvm.load_program(&program()).unwrap();
        jvm.call(MAIN, &[], None).unwrap();
        for slot in [A, B, C, D] {
            jvm.set_null(slot).unwrap();
        }
        Rig { jvm }
    }

    pub(crate) fn node(&mut self, dst: Slot) {
        self.jvm.new_record(dst, NODE).unwrap();
    }

    pub(crate) fn int(&mut self, value: i64) -> Slot {
        self.jvm.set_int(INT, value).unwrap();
        INT
    }

    pub(crate) fn text(&mut self, dst: Slot, text: &str) {
        self.jvm.new_text(dst, text).unwrap();
    }

    pub(crate) fn read(&mut self, slot: Slot) -> String {
        let mut text = String::new();
        self.jvm.read_text(slot, &mut text).unwrap();
        text
    }

    pub(crate) fn clear(&mut self, slots: &[Slot]) {
        for &slot in slots {
            self.jvm.set_null(slot).unwrap();
        }
    }

    /// Garbage of about so many bytes, in arrays of 4 KB.
    pub(crate) fn garbage(&mut self, bytes: u64) {
        for _ in 0..bytes / 4096 {
            self.jvm.new_bytes(TEMPORARY, 4096 - 16).unwrap();
        }
        self.jvm.clear(TEMPORARY).unwrap();
    }

    /// Checks the heap, its sums included.
    pub(crate) fn check(&mut self) {
        self.jvm.verify().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(self.jvm.usage().balance(), 0);
    }
}

/// The fault of an operation that ends the program.
pub(crate) fn fault<T: std::fmt::Debug>(outcome: Outcome<T>) -> Fault {
    let fault = *outcome.expect_err("a fault");
    assert!(fault.is_fatal);
    fault
}

/// Kind, object and words of a fault.
pub(crate) fn words<T: std::fmt::Debug>(outcome: Outcome<T>) -> (FaultKind, String, String) {
    let fault = fault(outcome);
    (fault.kind, fault.object.map(|name| name.to_string()).unwrap_or_default(), fault.message)
}
