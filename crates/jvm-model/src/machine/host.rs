//! Everything beside the heap: thread stacks, the VM's own roots, the journal. It is the heap's [`Mutator`].

use memory_trait::{
    Address, Collection, Event, FaultKind, FunctionId, FunctionShape, Journal, Kind, Moment, ObjectId, ObjectName,
    Observer, Outcome, Place, Reclaimer, Slot, ThreadId,
};

use super::names::Names;
use crate::heap::memory::Narrow;
use crate::heap::{CollectionReport, Mutator};
use crate::report::{GcCounters, GcLog};
use crate::stack;
use crate::version::Version;

/// References that an operation holds while it allocates: the VM's handles.
pub(super) const N_HANDLES: usize = 4;

/// A frame of a thread's stack.
#[derive(Clone, Debug)]
struct Frame {
    function: FunctionId,
    base: usize,
    result: Option<Slot>,
}

/// A thread's stack: values in slots, primitives and references alike.
#[derive(Clone, Debug, Default)]
struct Stack {
    slots: Vec<u64>,
    /// Whether a slot has been written: what javac's rule of definite assignment looks at.
    is_set: Vec<bool>,
    frames: Vec<Frame>,
    /// Where the slots of the youngest frame begin.
    base: usize,
    bytes: u64,
    limit_bytes: u64,
}

/// What frames of a function are like.
#[derive(Clone, Debug)]
pub(super) struct FunctionLayout {
    pub(super) kinds: Box<[Kind]>,
    pub(super) is_temporary: Box<[bool]>,
    reference_slots: Box<[u32]>,
    stack_bytes: u64,
}

impl FunctionLayout {
    /// A variable is one of the method's locals, of which `long` and `double` take two; temporaries are on its operand
    /// stack.
    ///
    /// Differs: operands that are there while another method is called take a word each, and are not counted.
    pub(super) fn new(shape: &FunctionShape) -> Self {
        let locals = shape.slots.iter().filter(|slot| slot.name.is_some()).map(|slot| match slot.kind {
            Kind::Int | Kind::Float => 2,
            Kind::Bool | Kind::Reference => 1,
        });
        let stack_bytes = stack::frame_bytes(locals.sum());
        let kinds: Box<[Kind]> = shape.slots.iter().map(|slot| slot.kind).collect();
        let is_reference = |&slot: &u32| kinds[slot as usize] == Kind::Reference;
        FunctionLayout {
            reference_slots: (0..kinds.len() as u32).filter(is_reference).collect(),
            is_temporary: shape.slots.iter().map(|slot| slot.name.is_none()).collect(),
            kinds,
            stack_bytes,
        }
    }
}

/// Everything beside the heap.
#[derive(Clone, Debug)]
pub(super) struct Host<O> {
    pub(super) journal: Journal<O>,
    pub(super) names: Names,
    pub(super) functions: Vec<FunctionLayout>,
    /// The current thread's stack is taken out of here.
    stacks: Vec<Stack>,
    stack: Stack,
    thread: usize,
    /// What frames may take on the main thread's stack, and on another's.
    limits_bytes: [u64; 2],
    all_stacks_bytes: u64,
    pub(super) handles: [Narrow; N_HANDLES],
    /// The VM's own roots: constants, caches, heads of queues.
    pub(super) statics: Vec<Narrow>,
    pub(super) ticks_per_ms: u64,
    version: Version,
    pub(super) gc_log: Option<GcLog>,
    pub(super) counters: GcCounters,
    /// What every collection did, if somebody wants to know.
    pub(super) collections: Option<Vec<Collected>>,
}

/// A collection, and when the program caused it.
#[derive(Clone, Copy, Debug)]
pub struct Collected {
    /// Which.
    pub collection: Collection,
    /// What it did.
    pub report: CollectionReport,
    /// When and where in the program.
    pub at: Moment,
}

impl<O: Observer> Host<O> {
    pub(super) fn new(
        observer: O,
        version: Version,
        limits_bytes: [u64; 2],
        ticks_per_ms: u64,
        tag_limit: u64,
        gc_log: Option<GcLog>,
    ) -> Self {
        Host {
            journal: Journal::new(observer),
            names: Names::new(tag_limit),
            functions: Vec::new(),
            stacks: vec![Stack::default()],
            stack: Stack { limit_bytes: limits_bytes[0], ..Stack::default() },
            thread: 0,
            limits_bytes,
            all_stacks_bytes: 0,
            handles: [0; N_HANDLES],
            statics: Vec::new(),
            ticks_per_ms,
            version,
            gc_log,
            counters: GcCounters::default(),
            collections: None,
        }
    }

    /// The clock of the log. Unit: ns.
    pub(super) fn clock_ns(&self) -> u64 {
        let ns = u128::from(self.journal.now.tick.0) * 1_000_000 / u128::from(self.ticks_per_ms);
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    pub(super) fn set_moment(&mut self, now: Moment) {
        debug_assert_eq!(now.thread.index(), self.thread, "the moment is of the thread last switched to");
        self.journal.now = now;
    }

    /// Bytes of all threads' stacks in use.
    pub(super) fn stack_bytes(&self) -> u64 {
        self.all_stacks_bytes
    }

    // --- threads ---

    /// Adds a thread without frames.
    pub(super) fn add_thread(&mut self) -> ThreadId {
        self.stacks.push(Stack { limit_bytes: self.limits_bytes[1], ..Stack::default() });
        ThreadId(self.stacks.len() as u32 - 1)
    }

    pub(super) fn switch_thread(&mut self, thread: ThreadId) {
        let next = thread.index();
        if next != self.thread {
            self.stacks[self.thread] = std::mem::replace(&mut self.stack, std::mem::take(&mut self.stacks[next]));
            self.thread = next;
        }
        self.journal.now.thread = thread;
    }

    pub(super) fn thread(&self) -> ThreadId {
        ThreadId(self.thread as u32)
    }

    /// Threads that were ever started.
    pub(super) fn n_threads(&self) -> usize {
        self.stacks.len()
    }

    /// The frames of a thread, the youngest first, with what is in their slots of references.
    pub(super) fn frames(&self, thread: usize) -> impl Iterator<Item = (FunctionId, Vec<Narrow>)> {
        let stack = if thread == self.thread { &self.stack } else { &self.stacks[thread] };
        stack.frames.iter().rev().map(|frame| {
            let slots = &self.functions[frame.function.index()].reference_slots;
            let references = slots.iter().map(|&slot| stack.slots[frame.base + slot as usize]);
            (frame.function, references.collect())
        })
    }

    // --- slots ---

    /// What a slot holds, bit by bit.
    #[inline]
    pub(super) fn value(&mut self, slot: Slot) -> Outcome<u64> {
        let at = self.stack.base + slot.index();
        if self.stack.is_set[at] {
            return Ok(self.stack.slots[at]);
        }
        self.read_unset()
    }

    #[cold]
    fn read_unset<T>(&mut self) -> Outcome<T> {
        Err(self.journal.fatal(FaultKind::Uninitialised, None, "error: variable might not have been initialized"))
    }

    /// Writes a value that is no reference.
    #[inline]
    pub(super) fn set_number(&mut self, slot: Slot, value: u64) {
        let at = self.stack.base + slot.index();
        debug_assert_ne!(self.kind(slot), Kind::Reference, "a number goes to slot {}", slot.0);
        self.stack.slots[at] = value;
        self.stack.is_set[at] = true;
    }

    /// Writes a slot and answers what it held if that was a reference that somebody wants to be told of.
    #[inline]
    pub(super) fn replace(&mut self, slot: Slot, value: u64, is_set: bool) -> Narrow {
        let at = self.stack.base + slot.index();
        self.stack.is_set[at] = is_set;
        let old = std::mem::replace(&mut self.stack.slots[at], value);
        if O::WATCHES && self.kind(slot) == Kind::Reference { old } else { 0 }
    }

    /// The kind of a slot of the current frame.
    #[inline]
    pub(super) fn kind(&self, slot: Slot) -> Kind {
        self.layout().kinds[slot.index()]
    }

    #[inline]
    pub(super) fn function(&self) -> FunctionId {
        self.stack.frames.last().expect("there is a current frame").function
    }

    #[inline]
    pub(super) fn layout(&self) -> &FunctionLayout {
        &self.functions[self.function().index()]
    }

    // --- frames ---

    /// Makes a frame; its slots are unset.
    pub(super) fn enter(&mut self, function: FunctionId, result: Option<Slot>) -> Outcome<()> {
        let layout = &self.functions[function.index()];
        let bytes = layout.stack_bytes;
        if self.stack.bytes + bytes > self.stack.limit_bytes {
            return Err(self.journal.fatal(FaultKind::StackOverflow, None, "java.lang.StackOverflowError"));
        }
        let n_slots = layout.kinds.len();
        self.stack.bytes += bytes;
        self.all_stacks_bytes += bytes;
        let base = self.stack.slots.len();
        self.stack.slots.resize(base + n_slots, 0);
        self.stack.is_set.resize(base + n_slots, false);
        self.stack.base = base;
        self.stack.frames.push(Frame { function, base, result });
        let stack_bytes = self.stack.bytes;
        self.journal.tell(|| Event::Called { function, stack_bytes });
        Ok(())
    }

    /// The frame is gone; answers where the caller wants the result.
    pub(super) fn leave(&mut self) -> Option<Slot> {
        let frame = self.stack.frames.pop().expect("there is a frame to return from");
        let bytes = self.functions[frame.function.index()].stack_bytes;
        self.stack.slots.truncate(frame.base);
        self.stack.is_set.truncate(frame.base);
        self.stack.base = self.stack.frames.last().map_or(0, |frame| frame.base);
        self.stack.bytes -= bytes;
        self.all_stacks_bytes -= bytes;
        let stack_bytes = self.stack.bytes;
        self.journal.tell(|| Event::Returned { stack_bytes });
        frame.result
    }

    /// Whether the current thread has no frame left.
    pub(super) fn has_ended(&self) -> bool {
        self.stack.frames.is_empty()
    }

    // --- telling ---

    /// Tells of a reference written over.
    pub(super) fn tell_stored(&mut self, place: Place, old: Option<ObjectId>, new: Option<ObjectId>) {
        if old.is_some() || new.is_some() {
            self.journal.tell(|| Event::Stored { place, old, new });
        }
    }

    /// A fault that ends the program.
    #[cold]
    pub(super) fn fatal<T>(&mut self, kind: FaultKind, object: Option<ObjectName>, message: &str) -> Outcome<T> {
        Err(self.journal.fatal(kind, object, message))
    }
}

fn visit_stack(stack: &mut Stack, functions: &[FunctionLayout], visit: &mut impl FnMut(&mut Narrow)) {
    for frame in stack.frames.iter().rev() {
        for &slot in &functions[frame.function.index()].reference_slots {
            let place = &mut stack.slots[frame.base + slot as usize];
            if *place != 0 {
                visit(place);
            }
        }
    }
}

impl<O: Observer> Mutator for Host<O> {
    const WATCHES: bool = O::WATCHES;

    /// Threads in the order in which they started, frames from the youngest to the oldest, slots in order; then
    /// handles, then the VM's own.
    fn visit_roots(&mut self, visit: &mut impl FnMut(&mut Narrow)) {
        for thread in 0..self.stacks.len() {
            let stack = if thread == self.thread { &mut self.stack } else { &mut self.stacks[thread] };
            visit_stack(stack, &self.functions, visit);
        }
        self.handles.iter_mut().for_each(&mut *visit);
        self.statics.iter_mut().for_each(visit);
    }

    fn clock_ms(&self) -> u64 {
        self.journal.now.tick.0 / self.ticks_per_ms
    }

    fn began(&mut self, collection: Collection) {
        self.journal.tell(|| Event::CollectionBegan(collection));
    }

    fn moved(&mut self, tag: u64, from: Address, to: Address) {
        let object = self.names.id(tag);
        self.journal.tell(|| Event::Moved { object, from, to });
    }

    fn reclaimed(&mut self, tag: u64, by: Reclaimer) {
        let object = self.names.release(tag);
        self.journal.tell(|| Event::Reclaimed { object, by });
    }

    fn ended(&mut self, collection: Collection, report: &CollectionReport) {
        self.counters.add(self.version, collection, report);
        if let Some(collections) = &mut self.collections {
            collections.push(Collected { collection, report: *report, at: self.journal.now });
        }
        let now_ns = self.clock_ns();
        if let Some(log) = &mut self.gc_log {
            log.note(now_ns, collection, report);
        }
        let CollectionReport { n_reclaimed, n_moved, moved_bytes, .. } = *report;
        self.journal.tell(|| Event::CollectionEnded { collection, n_reclaimed, n_moved, moved_bytes });
    }

    fn resized(&mut self, heap_bytes: u64) {
        self.journal.tell(|| Event::HeapResized { heap_bytes });
    }
}
