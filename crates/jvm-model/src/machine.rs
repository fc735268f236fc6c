//! The machine: a program's frames, variables and objects on the Serial heap.
//!
//! What each operation means is what a competent Java programmer would have written; see the crate's documentation.
//! The operations are in modules by what they are about; [`Machine`] is implemented in one place, below.

mod arrays;
mod builder;
mod classes;
mod dump;
mod faults;
mod frames;
mod host;
mod lists;
mod maps;
mod names;
mod places;
mod reclaim;
mod records;
mod statics;
mod texts;
mod values;

pub use builder::{Builder, ConfigError};
pub use host::Collected;
pub use reclaim::QueueId;

use memory_trait::journal::Naming;
use memory_trait::{
    ConstantId, Event, FaultLog, FieldIndex, FunctionId, Kind, Machine, Moment, ObjectId, Observer, Outcome, Place,
    Program, RecordId, Slot, Storage, ThreadId, Unwatched, Usage,
};

use crate::heap::klass::KlassId;
use crate::heap::memory::Narrow;
use crate::heap::tally::Tally;
use crate::heap::{Resumption, SerialHeap};
use crate::layout::Mode;
use crate::params::Flags;
use crate::report::GcCounters;
use crate::verify::Verified;
use classes::{Classes, Meaning};
use host::Host;
use maps::Cursors;
use statics::Statics;

/// A Java virtual machine with the Serial collector.
///
/// ```
/// use jvm_model::Jvm;
/// use memory_trait::{Kind, Machine, Program, Slot};
/// let mut program = Program::default();
/// let node = program.record("Node", &[("value", Kind::Int)]);
/// let main = program.function("main", &[], &[("n", Kind::Reference)]);
/// let mut jvm = Jvm::builder().max_heap_bytes(16 << 20).build()?;
/// jvm.load_program(&program)?;
/// jvm.call(main, &[], None)?;
/// jvm.new_record(Slot(0), node)?;
/// assert_eq!(jvm.usage().payload_bytes, 8, "a long");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Jvm<O: Observer = Unwatched> {
    flags: Flags,
    mode: Mode,
    heap: SerialHeap,
    host: Host<O>,
    classes: Classes,
    program: Program,
    statics: Statics,
    cursors: Cursors,
    n_entries: u32,
    has_exited: bool,
    /// What the heap begins with.
    start: Option<Resumption>,
}

impl Jvm<Unwatched> {
    /// Starts to configure a machine.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl<O: Observer> Jvm<O> {
    /// The flags that the machine was made with.
    pub fn flags(&self) -> &Flags {
        &self.flags
    }

    /// The heap, to look at.
    pub fn heap(&self) -> &SerialHeap {
        &self.heap
    }

    /// Who watches.
    pub fn observer(&self) -> &O {
        &self.host.journal.observer
    }

    /// Who watches, to be asked for what was seen since.
    pub fn observer_mut(&mut self) -> &mut O {
        &mut self.host.journal.observer
    }

    /// The machine is done; answers who watched.
    pub fn into_observer(self) -> O {
        self.host.journal.observer
    }

    /// The log of the collections so far; empty unless [`Builder::gc_log`] asked for it.
    pub fn gc_log(&self) -> &str {
        self.host.gc_log.as_ref().map_or("", |log| log.text())
    }

    /// The log since this was last asked, so that a long run need not keep it.
    pub fn take_gc_log(&mut self) -> String {
        self.host.gc_log.as_mut().map_or_else(String::new, crate::report::GcLog::take_text)
    }

    /// What every collection so far did; empty unless [`Builder::keep_collections`] asked for it.
    pub fn collections(&self) -> &[Collected] {
        self.host.collections.as_deref().unwrap_or_default()
    }

    /// What is counted of the collections so far.
    pub fn gc_counters(&self) -> &GcCounters {
        &self.host.counters
    }

    /// What `jstat -gc` prints; see [`crate::report`].
    pub fn jstat(&self) -> String {
        self.host.counters.jstat(&self.heap.spaces())
    }

    /// Checks the whole heap; see [`crate::verify`].
    ///
    /// # Errors
    /// The first thing that is wrong, in words.
    pub fn verify(&mut self) -> Result<Verified, String> {
        self.heap.verify(&mut self.host)
    }

    // --- what the operations build on ---

    /// Allocates an object of the runtime's own.
    #[inline]
    fn allocate(&mut self, klass: KlassId, length: u32) -> Outcome<usize> {
        self.allocate_tagged(klass, length, 0)
    }

    #[inline]
    fn allocate_tagged(&mut self, klass: KlassId, length: u32, tag: u64) -> Outcome<usize> {
        match self.heap.allocate(&mut self.host, klass, length, tag) {
            Ok(object) => {
                if self.heap.has_pending() {
                    self.enqueue_pending();
                }
                Ok(object)
            }
            Err(_) => self.out_of_memory(),
        }
    }

    /// Allocates an object of the workload.
    #[inline]
    fn allocate_named(&mut self, klass: KlassId, length: u32, naming: Naming) -> Outcome<usize> {
        let tag = self.host.names.tag(naming, O::WATCHES);
        self.allocate_tagged(klass, length, tag)
    }

    /// Tells of a new object. `parts` are its own backing store.
    #[inline]
    fn tell_born(&mut self, object: usize, naming: Naming, payload_bytes: u64, parts_bytes: u64) {
        if O::WATCHES {
            let address = self.heap.memory().address(object);
            let total_bytes = self.heap.size_words(object) as u64 * 8 + parts_bytes;
            self.host.journal.tell(|| Event::Born {
                object: naming.object,
                label: naming.label,
                ordinal: naming.ordinal,
                storage: Storage::Heap,
                address,
                payload_bytes,
                total_bytes,
            });
        }
    }

    /// Tells that an object's backing store is another size now.
    fn tell_resized(&mut self, object: usize, payload_bytes: u64, total_bytes: u64) {
        if let Some(object) = self.id_at(object) {
            self.host.journal.tell(|| Event::Resized { object, payload_bytes, total_bytes });
        }
    }

    #[inline]
    fn tell_used(&mut self, object: usize) {
        if O::WATCHES
            && let Some(object) = self.id_at(object)
        {
            self.host.journal.tell(|| Event::Used { object });
        }
    }

    /// The identity of the object at a word, if it is the workload's. Only when somebody watches.
    fn id_at(&self, object: usize) -> Option<ObjectId> {
        let tag = self.heap.tag(object);
        (O::WATCHES && tag != 0).then(|| self.host.names.id(tag))
    }

    fn id(&self, reference: Narrow) -> Option<ObjectId> {
        if reference == 0 { None } else { self.id_at(self.heap.memory().index(reference)) }
    }

    /// Tells of a reference written over in an object.
    #[inline]
    fn tell_stored_inside(&mut self, object: usize, index: u64, old: Narrow, new: Narrow) {
        if O::WATCHES
            && let Some(object) = self.id_at(object)
        {
            let (old, new) = (self.id(old), self.id(new));
            self.host.tell_stored(Place::Inside { object, index }, old, new);
        }
    }

    /// The object that a slot refers to. `what` is how the VM would describe the access that fails on null.
    #[inline]
    fn target(&mut self, slot: Slot, what: impl FnOnce(&Self) -> String) -> Outcome<usize> {
        let reference = self.host.value(slot)?;
        if reference == 0 {
            let what = what(self);
            return self.null_pointer(slot, &what);
        }
        let object = self.heap.memory().index(reference);
        self.tell_used(object);
        Ok(object)
    }

    /// Bytes of a reference.
    fn reference_bytes(&self) -> u64 {
        u64::from(self.mode.reference_bytes())
    }

    #[inline]
    fn meaning(&self, object: usize) -> Meaning {
        self.classes.meaning(self.heap.klass_of(object))
    }
}

impl<O: Observer> Machine for Jvm<O> {
    fn name(&self) -> &'static str {
        "jvm"
    }

    fn load_program(&mut self, program: &Program) -> Outcome<()> {
        self.load(program)
    }

    #[inline]
    fn set_moment(&mut self, now: Moment) {
        self.host.set_moment(now);
    }

    fn call(&mut self, function: FunctionId, arguments: &[Slot], result: Option<Slot>) -> Outcome<()> {
        self.call_function(function, arguments, result)
    }

    fn ret(&mut self, value: Option<Slot>) -> Outcome<()> {
        self.return_value(value)
    }

    #[inline]
    fn set_int(&mut self, dst: Slot, value: i64) -> Outcome<()> {
        self.host.set_number(dst, value as u64);
        Ok(())
    }

    #[inline]
    fn set_float(&mut self, dst: Slot, value: f64) -> Outcome<()> {
        self.host.set_number(dst, value.to_bits());
        Ok(())
    }

    #[inline]
    fn set_bool(&mut self, dst: Slot, value: bool) -> Outcome<()> {
        self.host.set_number(dst, u64::from(value));
        Ok(())
    }

    fn set_null(&mut self, dst: Slot) -> Outcome<()> {
        self.write(dst, 0);
        Ok(())
    }

    fn set_constant(&mut self, dst: Slot, constant: ConstantId) -> Outcome<()> {
        let value = self.constant(constant);
        self.write(dst, value);
        Ok(())
    }

    #[inline]
    fn copy(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        let value = self.host.value(src)?;
        self.write(dst, value);
        Ok(())
    }

    #[inline]
    fn take(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        let value = self.host.value(src)?;
        self.write(dst, value);
        self.unset(src);
        Ok(())
    }

    #[inline]
    fn clear(&mut self, slot: Slot) -> Outcome<()> {
        self.host.drop_iterator(slot);
        self.unset(slot);
        Ok(())
    }

    #[inline]
    fn int(&mut self, src: Slot) -> Outcome<i64> {
        Ok(self.host.value(src)? as i64)
    }

    #[inline]
    fn float(&mut self, src: Slot) -> Outcome<f64> {
        Ok(f64::from_bits(self.host.value(src)?))
    }

    #[inline]
    fn bool(&mut self, src: Slot) -> Outcome<bool> {
        Ok(self.host.value(src)? != 0)
    }

    #[inline]
    fn is_null(&mut self, src: Slot) -> Outcome<bool> {
        Ok(self.host.value(src)? == 0)
    }

    #[inline]
    fn same(&mut self, a: Slot, b: Slot) -> Outcome<bool> {
        Ok(self.host.value(a)? == self.host.value(b)?)
    }

    fn new_record(&mut self, dst: Slot, record: RecordId) -> Outcome<()> {
        self.create_record(dst, record)
    }

    fn new_local(&mut self, slot: Slot) -> Outcome<()> {
        self.create_local(slot)
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
        self.create_array(dst, element, n_elements)
    }

    fn new_bytes(&mut self, dst: Slot, n_bytes: i64) -> Outcome<()> {
        self.create_bytes(dst, n_bytes)
    }

    fn new_list(&mut self, dst: Slot, element: Kind) -> Outcome<()> {
        self.create_list(dst, element)
    }

    #[inline]
    fn element(&mut self, dst: Slot, container: Slot, index: i64) -> Outcome<()> {
        self.read_element(dst, container, index)
    }

    #[inline]
    fn set_element(&mut self, container: Slot, index: i64, src: Slot) -> Outcome<()> {
        self.write_element(container, index, src)
    }

    fn push(&mut self, list: Slot, src: Slot) -> Outcome<()> {
        self.add_to_list(list, src)
    }

    fn pop(&mut self, dst: Slot, list: Slot) -> Outcome<()> {
        self.remove_last(dst, list)
    }

    fn len(&mut self, object: Slot) -> Outcome<i64> {
        self.length(object)
    }

    fn new_map(&mut self, dst: Slot, key: Kind, value: Kind) -> Outcome<()> {
        self.create_map(dst, key, value)
    }

    fn get(&mut self, dst: Slot, map: Slot, key: Slot) -> Outcome<bool> {
        self.get_value(dst, map, key)
    }

    fn put(&mut self, map: Slot, key: Slot, value: Slot) -> Outcome<()> {
        self.put_value(map, key, value)
    }

    fn remove(&mut self, map: Slot, key: Slot) -> Outcome<bool> {
        self.remove_key(map, key)
    }

    fn next_key(&mut self, dst: Slot, map: Slot, position: i64) -> Outcome<Option<i64>> {
        self.next_key_from(dst, map, position)
    }

    fn new_text(&mut self, dst: Slot, text: &str) -> Outcome<()> {
        self.create_text(dst, text)
    }

    fn concat(&mut self, dst: Slot, a: Slot, b: Slot) -> Outcome<()> {
        self.concat_texts(dst, a, b)
    }

    fn read_text(&mut self, src: Slot, into: &mut String) -> Outcome<()> {
        self.read_text_into(src, into)
    }

    /// There is no such thing in Java: the object goes when nothing refers to it any more.
    fn free(&mut self, slot: Slot) -> Outcome<()> {
        self.host.value(slot).map(|_| ())
    }

    /// `System.gc()`.
    fn collect(&mut self) -> Outcome<()> {
        self.heap.collect_all(&mut self.host);
        self.enqueue_pending();
        Ok(())
    }

    fn new_weak(&mut self, dst: Slot, target: Slot) -> Outcome<()> {
        self.create_weak(dst, target)
    }

    fn weak_get(&mut self, dst: Slot, weak: Slot) -> Outcome<()> {
        self.get_referent(dst, weak)
    }

    #[inline]
    fn begin_finalizer(&mut self) -> Outcome<Option<FunctionId>> {
        self.run_finalizer()
    }

    fn start_thread(&mut self, function: FunctionId, arguments: &[Slot]) -> Outcome<ThreadId> {
        self.start(function, arguments)
    }

    fn switch_thread(&mut self, thread: ThreadId) -> Outcome<()> {
        self.switch(thread);
        Ok(())
    }

    fn finish(&mut self) {
        self.exit();
    }

    fn usage(&self) -> Usage {
        let tally = self.heap.tally();
        let Tally { n_objects, payload_bytes, header_bytes, boxed_bytes, total_bytes } = tally;
        let heap_bytes = self.heap.committed_bytes();
        Usage {
            n_objects,
            payload_bytes,
            header_bytes,
            rounding_bytes: tally.rounding_bytes(),
            boxed_bytes,
            free_bytes: heap_bytes - total_bytes,
            heap_bytes,
            stack_bytes: self.host.stack_bytes(),
        }
    }

    fn faults(&self) -> &FaultLog {
        self.host.journal.faults()
    }
}
