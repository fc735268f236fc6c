//! A machine with a small program, and an observer that writes down what happens in words.

use cpython_model::{Builder, CPython, Version};
use memory_trait::{
    Event, FieldIndex, FunctionId, Kind, Machine, Moment, ObjectId, Observer, Place, Program, RecordId, Slot, SlotShape,
};

/// The versions whose objects are modelled.
pub(crate) const VERSIONS: [Version; 3] = [Version::V3_11, Version::V3_12, Version::V3_13];

/// Slots of `main`: eight variables `a` to `h`, then two temporaries, then a local record.
pub(crate) const A: Slot = Slot(0);
pub(crate) const B: Slot = Slot(1);
pub(crate) const C: Slot = Slot(2);
pub(crate) const D: Slot = Slot(3);
pub(crate) const E: Slot = Slot(4);
pub(crate) const TEMP: Slot = Slot(8);
pub(crate) const LOCAL: Slot = Slot(10);

/// Fields of `Node`, in the order of the source.
pub(crate) const NEXT: FieldIndex = FieldIndex(0);
pub(crate) const BEFORE: FieldIndex = FieldIndex(1);
pub(crate) const VALUE: FieldIndex = FieldIndex(2);

/// What was seen, in words; objects are `#id`.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) lines: Vec<String>,
}

impl Observer for Log {
    fn observe(&mut self, _at: Moment, event: &Event<'_>) {
        let name = |object: Option<ObjectId>| object.map_or_else(|| "-".to_owned(), |object| format!("#{}", object.0));
        self.lines.push(match *event {
            Event::Born { object, storage, payload_bytes, total_bytes, .. } => {
                format!("born #{} {storage:?} {payload_bytes}/{total_bytes}", object.0)
            }
            Event::Used { object } => format!("used #{}", object.0),
            Event::Stored { place: Place::Slot, old, new } => format!("slot {} -> {}", name(old), name(new)),
            Event::Stored { place: Place::Inside { object, index }, old, new } => {
                format!("#{}[{index}] {} -> {}", object.0, name(old), name(new))
            }
            Event::Reclaimed { object, by } => format!("reclaimed #{} by {}", object.0, by.name()),
            Event::CollectionBegan(collection) => format!("collection {} {}", collection.generation, collection.cause),
            Event::CollectionEnded { n_reclaimed, .. } => format!("collected {n_reclaimed}"),
            Event::Called { function, stack_bytes } => format!("called {} {stack_bytes}", function.0),
            Event::Returned { stack_bytes } => format!("returned {stack_bytes}"),
            Event::ThreadStarted { thread } => format!("thread {} started", thread.0),
            Event::ThreadEnded => "thread ended".to_owned(),
            Event::HeapResized { heap_bytes } => format!("heap {heap_bytes}"),
            Event::Faulted(fault) => format!("fault {}", fault.kind),
            Event::Resized { object, payload_bytes, total_bytes } => {
                format!("resized #{} {payload_bytes}/{total_bytes}", object.0)
            }
            Event::Moved { .. } => "moved".to_owned(),
        });
    }
}

/// The program's ids.
pub(crate) struct World {
    pub(crate) python: CPython<Log>,
    /// `Node { next, before, value }`.
    pub(crate) node: RecordId,
    /// `Mortal { next, value }` with a `__del__`.
    pub(crate) mortal: RecordId,
    /// `fn callee(x) { var y; temp }`.
    pub(crate) callee: FunctionId,
    /// `fn recurse()`.
    pub(crate) recurse: FunctionId,
}

impl World {
    /// An interpreter of this version in `main`.
    pub(crate) fn new(version: Version) -> World {
        World::with(CPython::builder().version(version))
    }

    /// An interpreter with these parameters in `main`.
    pub(crate) fn with(builder: Builder) -> World {
        let mut program = Program::default();
        let (reference, int) = (Kind::Reference, Kind::Int);
        let node = program.record("Node", &[("next", reference), ("before", reference), ("value", int)]);
        let mortal = program.record("Mortal", &[("next", reference), ("value", int)]);
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let main = program.function("main", &[], &names.map(|name| (name, reference)));
        let temporary = SlotShape { name: None, kind: reference, automatic: None };
        let local = SlotShape { name: Some("local".into()), kind: reference, automatic: Some(node) };
        program.functions[main.index()].slots.extend([temporary.clone(), temporary.clone(), local]);
        let callee = program.function("callee", &[("x", reference)], &[("y", reference)]);
        program.functions[callee.index()].slots.push(temporary);
        let recurse = program.function("recurse", &[], &[]);
        let del = program.function("__del__", &[("self", reference)], &[("t", reference)]);
        program.records[mortal.index()].finalizer = Some(del);
        program.constants.push(memory_trait::Constant::Text("constant".into()));
        program.constants.push(memory_trait::Constant::Int(1_000_000));
        let mut python = builder.observer(Log::default()).build();
        python.load_program(&program).unwrap();
        python.call(main, &[], None).unwrap();
        World { python, node, mortal, callee, recurse }
    }

    /// Runs the finalizers that are due; each does `body`.
    pub(crate) fn finalize(&mut self, mut body: impl FnMut(&mut CPython<Log>)) -> usize {
        let mut n = 0;
        while self.python.begin_finalizer().unwrap().is_some() {
            n += 1;
            body(&mut self.python);
            self.python.ret(None).unwrap();
        }
        self.verify();
        n
    }

    /// The heap is whole.
    pub(crate) fn verify(&self) {
        self.python.verify().unwrap();
    }

    /// What was seen since the last time this was asked, without what is `used` and the stack's height.
    pub(crate) fn seen(&mut self) -> Vec<String> {
        self.verify();
        let all = std::mem::take(&mut self.python.observer_mut().lines);
        all.into_iter().filter(|line| !line.starts_with("used") && !line.starts_with("heap")).collect()
    }

    /// The reclaimed objects since the last time, in order.
    pub(crate) fn reclaimed(&mut self) -> Vec<u64> {
        let number = |line: &String| line.strip_prefix("reclaimed #")?.split(' ').next()?.parse().ok();
        self.seen().iter().filter_map(number).collect()
    }
}
