//! A trace on a machine of objects: blocks are `bytes`, kept in a list.

use c_model::Glibc;
use cpython_model::{CPython, Version};
use heap_trace::{Reader, Record, TraceError};
use jvm_model::Jvm;
use lifetimes::{Recorder, Timeline};
use memory_trait::{
    Event, FaultLog, FunctionShape, Kind, Machine, Moment, ObjectId, Observer, Place, Program, Slot, SlotShape, Tick,
};

use super::blocks::{Birth, Blocks, Change};
use super::{Options, Outcome, end_with, jvm_flags};

/// The list of live blocks.
const TABLE: Slot = Slot(0);
/// Always null.
const NULL: Slot = Slot(1);
/// What was just created, until it is in the table.
const FRESH: Slot = Slot(2);

pub(super) fn on_cpython(
    trace: Reader,
    options: &Options,
    progress: &mut impl FnMut(u64),
) -> Result<Outcome, TraceError> {
    let program = program();
    let mut recorder = Recorder::new(&program).keep(options.keep);
    // What is in a `bytes` object, its machine knows. The allocator below it keeps headers only.
    let large = Glibc::builder().contents(false).limit_bytes(options.heap_limit_bytes).build();
    let machine = CPython::builder()
        .version(Version::V3_12)
        .heap_limit_bytes(options.heap_limit_bytes)
        .large_allocator(large)
        .observer(WithoutTable(&mut recorder))
        .build();
    let ended = drive(trace, &program, machine, progress)?;
    Ok(ended.outcome(recorder))
}

pub(super) fn on_jvm(trace: Reader, options: &Options, progress: &mut impl FnMut(u64)) -> Result<Outcome, TraceError> {
    let program = program();
    let mut recorder = Recorder::new(&program).keep(options.keep);
    let flags = jvm_flags(options.heap_limit_bytes);
    let machine = Jvm::builder().flags(&flags).observer(WithoutTable(&mut recorder)).build();
    let machine = machine.unwrap_or_else(|error| panic!("the flags `{flags}` are in order: {error}"));
    let ended = drive(trace, &program, machine, progress)?;
    Ok(ended.outcome(recorder))
}

/// One function that keeps the blocks and never returns.
fn program() -> Program {
    let slot = |name: Option<&str>| SlotShape { name: name.map(str::to_owned), kind: Kind::Reference, automatic: None };
    let slots = vec![slot(Some("blocks")), slot(Some("nothing")), slot(None)];
    let main = FunctionShape { name: "main".to_owned(), n_parameters: 0, slots };
    Program { functions: vec![main], ..Program::default() }
}

/// The observer of a replay: the table is no object of the program, and what it keeps, the program keeps.
struct WithoutTable<'r>(&'r mut Recorder);

/// The table is the first object that is created. The blocks after it are numbered from 0.
const fn block(object: ObjectId) -> Option<ObjectId> {
    match object.0.checked_sub(1) {
        Some(number) => Some(ObjectId(number)),
        None => None,
    }
}

impl Observer for WithoutTable<'_> {
    fn observe(&mut self, at: Moment, event: &Event<'_>) {
        let mut event = *event;
        match &mut event {
            Event::Born { object, .. }
            | Event::Used { object }
            | Event::Resized { object, .. }
            | Event::Moved { object, .. }
            | Event::Reclaimed { object, .. } => match block(*object) {
                Some(block) => *object = block,
                None => return,
            },
            Event::Stored { place, old, new } => {
                *place = Place::Slot;
                *old = old.and_then(block);
                *new = new.and_then(block);
                if old.is_none() && new.is_none() {
                    return;
                }
            }
            Event::Called { .. }
            | Event::Returned { .. }
            | Event::ThreadStarted { .. }
            | Event::ThreadEnded
            | Event::CollectionBegan(_)
            | Event::CollectionEnded { .. }
            | Event::HeapResized { .. }
            | Event::Faulted(_) => {}
        }
        self.0.observe(at, &event);
    }
}

/// A run that is over, but for its lifetimes.
struct Ended {
    timeline: Timeline,
    faults: FaultLog,
    n_events: u64,
    /// When the process exited, unless a fault ended it.
    exit: Option<Moment>,
}

impl Ended {
    fn outcome(self, mut recorder: Recorder) -> Outcome {
        let Ended { timeline, faults, n_events, exit } = self;
        if let Some(exit) = exit {
            recorder.observe(exit, &Event::ThreadEnded);
        }
        Outcome { run: recorder.finish(&timeline, &faults), faults, n_events }
    }
}

fn at(tick: u64) -> Moment {
    Moment { tick: Tick(tick), ..Moment::default() }
}

fn drive<M: Machine>(
    mut trace: Reader,
    program: &Program,
    machine: M,
    progress: &mut impl FnMut(u64),
) -> Result<Ended, TraceError> {
    let mut blocks = Blocks::new(&trace);
    let mut table = Table { machine, n_places: 0 };
    let mut timeline = Timeline::default();
    let mut fault = table.begin(program).err();
    timeline.sample(Tick(0), table.machine.usage());
    while fault.is_none()
        && let Some(record) = trace.next_record()?
    {
        let Record::Call(call) = &record else {
            blocks.note(&record);
            continue;
        };
        let change = blocks.call(&trace, call)?;
        let n_events = blocks.contents.n_events;
        table.machine.set_moment(at(n_events));
        fault = change.and_then(|change| table.apply(&change).err());
        timeline.sample(Tick(n_events), table.machine.usage());
        progress(n_events);
    }
    let n_events = blocks.contents.n_events;
    let exit = fault.is_none().then(|| at(n_events + 1));
    table.machine.set_moment(exit.unwrap_or_else(|| at(n_events)));
    table.machine.finish();
    let mut faults = table.machine.faults().clone();
    if let Some(fault) = &fault {
        end_with(&mut faults, fault);
    }
    Ok(Ended { timeline, faults, n_events, exit })
}

/// The list of live blocks on a machine.
struct Table<M> {
    machine: M,
    n_places: usize,
}

impl<M: Machine> Table<M> {
    fn begin(&mut self, program: &Program) -> memory_trait::Outcome<()> {
        self.machine.load_program(program)?;
        self.machine.call(memory_trait::FunctionId(0), &[], None)?;
        self.machine.new_list(TABLE, Kind::Reference)?;
        self.machine.set_null(NULL)
    }

    fn apply(&mut self, change: &Change) -> memory_trait::Outcome<()> {
        if let Some(Birth { index, payload_bytes, at: _ }) = change.born {
            // A size that no object can have is refused by the machine, in its own words.
            self.machine.new_bytes(FRESH, i64::try_from(payload_bytes).unwrap_or(i64::MAX))?;
            if index < self.n_places {
                self.machine.set_element(TABLE, index as i64, FRESH)?;
            } else {
                assert_eq!(index, self.n_places, "places are given out in order");
                self.machine.push(TABLE, FRESH)?;
                self.n_places += 1;
            }
            self.machine.clear(FRESH)?;
        }
        if let Some(index) = change.died {
            self.machine.set_element(TABLE, index as i64, NULL)?;
        }
        Ok(())
    }
}
