//! The machine: a Python interpreter without the language, as [`Machine`] wants it.
//!
//! What each operation means is what the bytecode of a straightforward program would do. The operations are in the
//! modules below, by subject; here is what they share: slots, the settling of deaths and collections, and the trait.

mod arithmetic;
mod builder;
mod calls;
mod collector;
mod containers;
pub(crate) mod creation;
mod errors;
mod loops;
mod maps;
mod placing;
pub(crate) mod recorded;
mod records;
pub(crate) mod tape;
mod texts;
mod values;

use memory_trait::{
    Allocator, Calculation, ConstantId, Event, FaultLog, FieldIndex, FunctionId, Kind, Machine, Moment, ObjectKey,
    Observer, Operand, Outcome, Place, Program, Reclaimer, RecordId, Site, Slot, ThreadId, Unwatched, Usage,
};

pub use self::builder::{Builder, DEFAULT_HEAP_LIMIT_BYTES, DEFAULT_RECURSION_LIMIT};
use crate::frames::{FrameShape, MODULE_FRAMES, Stack};
use crate::object::heap::Heap;
use crate::{PageAllocator, Pymalloc};

/// A `CPython` interpreter that runs workloads. See the crate's documentation for what it models.
///
/// - `O`: who watches; with [`Unwatched`] all work for events is compiled away.
/// - `A`: what serves requests above 512 bytes.
#[derive(Debug)]
pub struct CPython<O = Unwatched, A = PageAllocator> {
    pub(crate) heap: Heap<O, A>,
    pub(crate) program: Program,
    pub(crate) frame_shapes: Vec<FrameShape>,
    /// References of the program's code.
    pub(crate) constants: Vec<ObjectKey>,
    /// What was there before the program, and the defaults that classes and arrays use.
    pub(crate) ambient: Vec<ObjectKey>,
    pub(crate) zero_float: Option<ObjectKey>,
    /// `gc.garbage`, once it was asked for.
    pub(crate) garbage: Option<ObjectKey>,
    n_ambient_objects: u64,
    recursion_limit: u32,
    /// The current thread's frames.
    pub(crate) stack: Stack,
    /// Where the current frame's slots begin.
    base: usize,
    current: ThreadId,
    /// The other threads' frames, by thread.
    pub(crate) parked: Vec<Option<Stack>>,
    pub(crate) parked_bytes: u64,
    /// What is left to do of operations that wait for deaths or collections, with the number of finalizers that were
    /// running when they began.
    pub(crate) pending: Vec<(usize, Pending)>,
    /// Finalizers running.
    pub(crate) n_finalizers: usize,
    pub(crate) is_finished: bool,
    specialised: arithmetic::Specialised,
    /// The allocator that takes over when the program is loaded.
    start: Option<Pymalloc<A>>,
    keeps_calls: bool,
}

/// The rest of an operation.
#[derive(Debug)]
pub(crate) enum Pending {
    /// A new object goes to a slot (its place in the flat vector); `temporaries` die first.
    Place { at: usize, key: ObjectKey, temporaries: [Option<ObjectKey>; 2] },
    /// The array proper is made, once the list it is multiplied from exists.
    Array {
        at: usize,
        temporary: ObjectKey,
        temporaries: [Option<ObjectKey>; 2],
        n: u64,
        naming: memory_trait::journal::Naming,
    },
    /// A record is created.
    Create(Box<creation::Creation>),
    /// An iterator goes to a slot.
    Iterate { dst: Slot, key: ObjectKey },
    /// A weak reference is made, called with this tuple.
    Weak { dst: Slot, arguments: ObjectKey, naming: memory_trait::journal::Naming },
    /// `gc.collect()` has collected, and answers a number.
    Collected,
    /// The current frame is cleared from slot `next` on, then popped.
    Return { next: usize, value: Option<ObjectKey> },
}

impl CPython {
    /// Begins to set up an interpreter.
    ///
    /// ```
    /// use cpython_model::{CPython, Version};
    /// let machine = CPython::builder().version(Version::V3_13).threshold([700, 10, 10]).build();
    /// assert_eq!(machine.version(), Version::V3_13);
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl<O: Observer, A: Allocator> CPython<O, A> {
    fn new(heap: Heap<O, A>, recursion_limit: u32, n_ambient_objects: u64) -> Self {
        CPython {
            heap,
            program: Program::default(),
            frame_shapes: Vec::new(),
            constants: Vec::new(),
            ambient: Vec::new(),
            zero_float: None,
            garbage: None,
            n_ambient_objects,
            recursion_limit,
            stack: Stack::new(MODULE_FRAMES),
            base: 0,
            current: ThreadId(0),
            parked: vec![None],
            parked_bytes: 0,
            pending: Vec::new(),
            n_finalizers: 0,
            is_finished: false,
            specialised: arithmetic::Specialised::default(),
            start: None,
            keeps_calls: false,
        }
    }

    /// The observer.
    pub fn observer(&self) -> &O {
        &self.heap.journal.observer
    }

    /// The observer, to change.
    pub fn observer_mut(&mut self) -> &mut O {
        &mut self.heap.journal.observer
    }

    /// The observer, for whoever is done with the machine.
    pub fn into_observer(self) -> O {
        self.heap.journal.observer
    }

    /// What is in a slot, if anything.
    pub(crate) fn slot_value(&self, slot: Slot) -> Option<ObjectKey> {
        self.stack.slots[self.base + slot.index()]
    }

    /// What is in a slot.
    ///
    /// # Errors
    /// `UnboundLocalError` when it is unset.
    #[inline]
    fn read(&mut self, slot: Slot) -> Outcome<ObjectKey> {
        match self.stack.slots[self.base + slot.index()] {
            Some(key) => Ok(key),
            None => Err(self.unbound(slot)),
        }
    }

    /// Writes a slot, taking over the reference; what it held is dropped afterwards.
    #[inline]
    fn write(&mut self, slot: Slot, key: ObjectKey) {
        self.write_at(self.base + slot.index(), Some(key));
    }

    #[inline]
    fn write_at(&mut self, at: usize, key: Option<ObjectKey>) {
        let old = std::mem::replace(&mut self.stack.slots[at], key);
        self.tell_stored(Place::Slot, old, key);
        if let Some(old) = old {
            self.heap.drop_reference(old);
        }
    }

    /// Tells that a reference was written over, if the workload knows the old object or the new one.
    #[inline]
    fn tell_stored(&mut self, place: Place, old: Option<ObjectKey>, new: Option<ObjectKey>) {
        if O::WATCHES {
            // What goes over a container holds it.
            let old = old.and_then(|key| self.heap.objects.id(self.heap.iterated(key)));
            let new = new.and_then(|key| self.heap.objects.id(self.heap.iterated(key)));
            if old.is_some() || new.is_some() {
                self.heap.journal.tell(|| Event::Stored { place, old, new });
            }
        }
    }

    /// The same for a place inside an object.
    #[inline]
    fn tell_stored_in(&mut self, owner: ObjectKey, index: u64, old: Option<ObjectKey>, new: Option<ObjectKey>) {
        if O::WATCHES
            && let Some(object) = self.heap.objects.id(owner)
        {
            self.tell_stored(Place::Inside { object, index }, old, new);
        }
    }

    fn defer(&mut self, pending: Pending) {
        self.pending.push((self.n_finalizers, pending));
    }

    /// Goes on with what is to do until nothing is left above the innermost running finalizer, or one is due.
    fn settle(&mut self) -> Outcome<()> {
        while self.heap.run() {
            match self.pending.last() {
                Some(&(n_finalizers, _)) if n_finalizers == self.n_finalizers => {}
                _ => break,
            }
            let Some((_, pending)) = self.pending.pop() else { break };
            match pending {
                Pending::Place { at, key, temporaries } => self.place(at, key, temporaries),
                Pending::Array { at, temporary, temporaries, n, naming } => {
                    self.make_array(at, temporary, temporaries, n, naming)?;
                }
                Pending::Return { next, value } => self.clear_frame(next, value)?,
                Pending::Create(creation) => self.go_on_creating(*creation)?,
                Pending::Iterate { dst, key } => self.place_iterator(dst, key),
                Pending::Weak { dst, arguments, naming } => self.make_weak_of(dst, arguments, naming)?,
                Pending::Collected => self.answer_collected()?,
            }
        }
        Ok(())
    }

    /// Everything that the workload created and that still exists is reclaimed, in order of creation.
    fn reclaim_all(&mut self) {
        let mut left: Vec<_> = self.heap.objects.iter().filter_map(|(key, _)| self.heap.objects.id(key)).collect();
        left.sort_unstable();
        for object in left {
            self.heap.journal.tell(|| Event::Reclaimed { object, by: Reclaimer::Exit });
        }
    }
}

impl<O: Observer, A: Allocator> Machine for CPython<O, A> {
    fn name(&self) -> &'static str {
        "cpython"
    }

    fn load_program(&mut self, program: &Program) -> Outcome<()> {
        self.load(program)
    }

    #[inline]
    fn at(&mut self, site: Site) {
        self.at_site(site);
    }

    #[inline]
    fn set_moment(&mut self, now: Moment) {
        self.heap.journal.now = now;
    }

    fn call(&mut self, function: FunctionId, arguments: &[Slot], result: Option<Slot>) -> Outcome<()> {
        self.call_function(function, arguments, result)
    }

    fn ret(&mut self, value: Option<Slot>) -> Outcome<()> {
        self.return_value(value)
    }

    #[inline]
    fn set_int(&mut self, dst: Slot, value: i64) -> Outcome<()> {
        self.write_int(dst, value)
    }

    #[inline]
    fn set_float(&mut self, dst: Slot, value: f64) -> Outcome<()> {
        let key = self.heap.float(value)?;
        self.write(dst, key);
        Ok(())
    }

    #[inline]
    fn calculate_int(&mut self, dst: Slot, value: i64, how: Calculation) -> Outcome<()> {
        self.write_calculated_int(dst, value, how)
    }

    #[inline]
    fn calculate_float(&mut self, dst: Slot, value: f64, how: Calculation) -> Outcome<()> {
        self.write_calculated_float(dst, value, how)
    }

    #[inline]
    fn set_bool(&mut self, dst: Slot, value: bool) -> Outcome<()> {
        let key = self.heap.bool(value);
        self.write(dst, key);
        Ok(())
    }

    #[inline]
    fn set_null(&mut self, dst: Slot) -> Outcome<()> {
        let key = self.heap.none();
        self.write(dst, key);
        Ok(())
    }

    #[inline]
    fn set_constant(&mut self, dst: Slot, constant: ConstantId) -> Outcome<()> {
        let key = self.constants[constant.index()];
        self.heap.incref(key);
        self.write(dst, key);
        Ok(())
    }

    #[inline]
    fn copy(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        let key = self.read(src)?;
        self.heap.incref(key);
        self.write(dst, key);
        Ok(())
    }

    #[inline]
    fn take(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        self.move_value(dst, src)
    }

    #[inline]
    fn clear(&mut self, slot: Slot) -> Outcome<()> {
        self.write_at(self.base + slot.index(), None);
        Ok(())
    }

    #[inline]
    fn int(&mut self, src: Slot) -> Outcome<i64> {
        self.read_int(src)
    }

    #[inline]
    fn float(&mut self, src: Slot) -> Outcome<f64> {
        self.read_float(src)
    }

    #[inline]
    fn bool(&mut self, src: Slot) -> Outcome<bool> {
        self.read_bool(src)
    }

    #[inline]
    fn is_null(&mut self, src: Slot) -> Outcome<bool> {
        Ok(self.read(src)? == self.heap.singletons.none)
    }

    #[inline]
    fn same(&mut self, a: Slot, b: Slot) -> Outcome<bool> {
        Ok(self.read(a)? == self.read(b)?)
    }

    #[inline]
    fn new_record(&mut self, dst: Slot, record: RecordId) -> Outcome<()> {
        self.create_record(dst, record, &[], &[])
    }

    fn new_local(&mut self, slot: Slot) -> Outcome<()> {
        self.create_local(slot, &[], &[])
    }

    #[inline]
    fn create(&mut self, dst: Slot, record: RecordId, fields: &[FieldIndex], values: &[Slot]) -> Outcome<()> {
        self.create_record(dst, record, fields, values)
    }

    /// Automatic storage is the heap like everything else.
    fn create_local(&mut self, slot: Slot, fields: &[FieldIndex], values: &[Slot]) -> Outcome<()> {
        let record = self.record_of_local(slot);
        self.create_record(slot, record, fields, values)
    }

    fn begin_each(&mut self, dst: Slot, container: Slot) -> Outcome<()> {
        self.begin_loop_over(dst, container)
    }

    fn begin_range(&mut self, from: Operand, to: Operand) -> Outcome<()> {
        self.begin_loop_over_range(from, to)
    }

    fn end_range(&mut self) {
        self.end_loop_over_range();
    }

    #[inline]
    fn loop_back(&mut self, is_tested: bool) -> Outcome<()> {
        self.jump_back(is_tested)
    }

    #[inline]
    fn load(&mut self, dst: Slot, object: Slot, field: FieldIndex) -> Outcome<()> {
        self.load_field(dst, object, field)
    }

    #[inline]
    fn store(&mut self, object: Slot, field: FieldIndex, src: Slot) -> Outcome<()> {
        self.store_field(object, field, src)
    }

    fn new_array(&mut self, dst: Slot, element: Kind, n_elements: i64) -> Outcome<()> {
        self.begin_array(dst, element, n_elements, Operand::None)
    }

    fn create_array(&mut self, dst: Slot, element: Kind, n_elements: i64, length: Operand) -> Outcome<()> {
        self.begin_array(dst, element, n_elements, length)
    }

    fn new_bytes(&mut self, dst: Slot, n_bytes: i64) -> Outcome<()> {
        self.make_bytes(dst, n_bytes)
    }

    fn new_list(&mut self, dst: Slot, _element: Kind) -> Outcome<()> {
        self.make_list(dst)
    }

    #[inline]
    fn element(&mut self, dst: Slot, container: Slot, index: i64) -> Outcome<()> {
        self.read_element(dst, container, index)
    }

    #[inline]
    fn set_element(&mut self, container: Slot, index: i64, src: Slot) -> Outcome<()> {
        self.write_element(container, index, src)
    }

    #[inline]
    fn push(&mut self, list: Slot, src: Slot) -> Outcome<()> {
        self.append(list, src)
    }

    #[inline]
    fn pop(&mut self, dst: Slot, list: Slot) -> Outcome<()> {
        self.pop_last(dst, list)
    }

    fn len(&mut self, object: Slot) -> Outcome<i64> {
        self.length(object)
    }

    fn new_map(&mut self, dst: Slot, _key: Kind, _value: Kind) -> Outcome<()> {
        self.make_map(dst)
    }

    fn get(&mut self, dst: Slot, map: Slot, key: Slot) -> Outcome<bool> {
        self.map_get(dst, map, key)
    }

    fn put(&mut self, map: Slot, key: Slot, value: Slot) -> Outcome<()> {
        self.map_put(map, key, value)
    }

    fn remove(&mut self, map: Slot, key: Slot) -> Outcome<bool> {
        self.map_remove(map, key)
    }

    fn next_key(&mut self, dst: Slot, map: Slot, position: i64) -> Outcome<Option<i64>> {
        self.map_next_key(dst, map, position)
    }

    fn new_text(&mut self, dst: Slot, text: &str) -> Outcome<()> {
        self.make_text(dst, text)
    }

    fn number_text(&mut self, dst: Slot, text: &str, number: Operand) -> Outcome<()> {
        self.make_number_text(dst, text, number)
    }

    fn concat(&mut self, dst: Slot, a: Slot, b: Slot) -> Outcome<()> {
        self.concatenate(dst, a, b)
    }

    fn read_text(&mut self, src: Slot, into: &mut String) -> Outcome<()> {
        self.copy_text(src, into)
    }

    /// Nothing: Python has no such thing. The variable keeps its object.
    fn free(&mut self, slot: Slot) -> Outcome<()> {
        self.read(slot).map(|_| ())
    }

    /// `gc.collect()`.
    fn collect(&mut self) -> Outcome<()> {
        self.defer(Pending::Collected);
        self.heap.begin_requested(crate::cycle::N_GENERATIONS - 1);
        self.settle()
    }

    fn new_weak(&mut self, dst: Slot, target: Slot) -> Outcome<()> {
        self.make_weak(dst, target)
    }

    fn weak_get(&mut self, dst: Slot, weak: Slot) -> Outcome<()> {
        self.read_weak(dst, weak)
    }

    fn begin_finalizer(&mut self) -> Outcome<Option<FunctionId>> {
        self.call_finalizer()
    }

    fn start_thread(&mut self, function: FunctionId, arguments: &[Slot]) -> Outcome<ThreadId> {
        self.spawn(function, arguments)
    }

    fn switch_thread(&mut self, thread: ThreadId) -> Outcome<()> {
        self.switch_to(thread);
        Ok(())
    }

    fn finish(&mut self) {
        if !std::mem::replace(&mut self.is_finished, true) {
            self.reclaim_all();
        }
    }

    fn usage(&self) -> Usage {
        let stack_bytes = self.stack.bytes + self.parked_bytes;
        let allocator = &self.heap.allocator;
        let pool_header_bytes = allocator.stats().pool_header_bytes;
        let mut usage = self.heap.account.usage(allocator.heap_bytes(), stack_bytes);
        usage.header_bytes += pool_header_bytes;
        usage.free_bytes -= pool_header_bytes;
        if self.is_finished {
            let heap_bytes = usage.heap_bytes;
            return Usage { free_bytes: heap_bytes, heap_bytes, ..Usage::default() };
        }
        usage
    }

    fn faults(&self) -> &FaultLog {
        self.heap.journal.faults()
    }
}
