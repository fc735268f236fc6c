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

/// References that an operation holds while it allocates: what is in the frames of the JDK's own methods, the youngest
/// first.
pub(super) const N_HANDLES: usize = 5;
/// References among the operands of the current frame that are in none of its slots.
pub(super) const N_OPERANDS: usize = 1;

/// The iterator of a loop over the keys of a map: an object that only the loop knows.
#[derive(Clone, Copy, Debug)]
struct KeyIterator {
    /// How many frames there are with its own.
    n_frames: usize,
    /// The slot of the map that the loop keeps, and that of its variable.
    map: Slot,
    variable: Slot,
    object: Narrow,
}

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
    /// Of the loops over maps, in the order of their frames.
    iterators: Vec<KeyIterator>,
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
    pub(super) operands: [Narrow; N_OPERANDS],
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
            operands: [0; N_OPERANDS],
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
        let n_frames = self.stack.frames.len();
        self.stack.iterators.retain(|iterator| iterator.n_frames <= n_frames);
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

    // --- iterators ---

    /// A loop over the map in a slot has this iterator.
    pub(super) fn keep_iterator(&mut self, map: Slot, variable: Slot, object: Narrow) {
        self.drop_iterator(map);
        self.stack.iterators.push(KeyIterator { n_frames: self.stack.frames.len(), map, variable, object });
    }

    /// The iterator of the loop over the map in a slot of the current frame; 0 if there is none.
    pub(super) fn iterator(&self, map: Slot) -> Narrow {
        let n_frames = self.stack.frames.len();
        let is_it = |iterator: &&KeyIterator| iterator.n_frames == n_frames && iterator.map == map;
        self.stack.iterators.iter().find(is_it).map_or(0, |iterator| iterator.object)
    }

    /// The loop over the map in a slot is over.
    #[inline]
    pub(super) fn drop_iterator(&mut self, map: Slot) {
        if !self.stack.iterators.is_empty() {
            let n_frames = self.stack.frames.len();
            self.stack.iterators.retain(|iterator| iterator.n_frames < n_frames || iterator.map != map);
        }
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

/// Shows what the frames of a stack hold, the youngest first, the slots of each in order. An iterator is in a local
/// before the variable of its loop.
fn visit_stack(
    stack: &mut Stack,
    functions: &[FunctionLayout],
    operands: &mut [Narrow],
    visit: &mut impl FnMut(&mut Narrow),
) {
    let mut operands = Some(operands);
    for (index, frame) in stack.frames.iter().enumerate().rev() {
        let mut iterators = stack.iterators.iter_mut().filter(|iterator| iterator.n_frames == index + 1).peekable();
        for &slot in &functions[frame.function.index()].reference_slots {
            while let Some(iterator) = iterators.next_if(|iterator| iterator.variable.0 <= slot) {
                visit(&mut iterator.object);
            }
            let place = &mut stack.slots[frame.base + slot as usize];
            if *place != 0 {
                visit(place);
            }
        }
        iterators.for_each(|iterator| visit(&mut iterator.object));
        operands.take().into_iter().flatten().for_each(&mut *visit);
    }
}

impl<O: Observer> Mutator for Host<O> {
    const WATCHES: bool = O::WATCHES;

    /// Threads in the order in which they started, frames from the youngest to the oldest, slots in order; then
    /// the VM's own. The youngest frames are those of the JDK's methods that an operation is in.
    fn visit_roots(&mut self, visit: &mut impl FnMut(&mut Narrow)) {
        for thread in 0..self.stacks.len() {
            if thread == self.thread {
                self.handles.iter_mut().for_each(&mut *visit);
                visit_stack(&mut self.stack, &self.functions, &mut self.operands, visit);
            } else {
                visit_stack(&mut self.stacks[thread], &self.functions, &mut [], visit);
            }
        }
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
