//! What is the same for all three: objects, slots, cells, frames, and the telling of what happens to them.

use std::collections::VecDeque;
use std::marker::PhantomData;

use memory_trait::{
    Address, Constant, ConstantId, Event, FaultKind, Journal, Kind, Label, ObjectId, ObjectKey, ObjectName, Observer,
    Outcome, Place, Program, Reclaimer, RecordId, Slot, Storage, ThreadId, Tick,
};
use rustc_hash::{FxHashMap, FxHashSet};
use slotmap::SlotMap;

use super::store::{Body, CELL_BYTES, Frame, Object, Value};

/// Who reclaims, and when: all that sets the three apart.
pub(crate) trait Reclaim<O: Observer>: Sized {
    /// [`Machine::name`].
    const NAME: &'static str;
    /// Whether the runtime manages memory: it checks every access, clears new memory, and has no automatic storage.
    const CHECKS: bool;
    /// A slot or cell now refers to the object.
    fn gained(m: &mut Smallest<Self, O>, key: ObjectKey);
    /// A slot or cell no longer does.
    fn lost(m: &mut Smallest<Self, O>, key: ObjectKey);
    /// The program says that it is done with the object.
    fn free(m: &mut Smallest<Self, O>, key: ObjectKey) -> Outcome<()>;
    /// The object's finalizer has returned.
    fn finalized(m: &mut Smallest<Self, O>, key: ObjectKey);
    /// The program asks for a collection.
    fn collect(m: &mut Smallest<Self, O>);
    /// An object is about to be created.
    fn about_to_create(m: &mut Smallest<Self, O>);
    /// The process exits; nothing is reclaimed yet.
    fn finish(m: &mut Smallest<Self, O>);
}

/// An object that is gone, and what is left where it was.
pub(crate) struct Grave {
    pub(crate) object: Object,
    pub(crate) reclaimed: Tick,
}

/// A smallest machine.
pub(crate) struct Smallest<R, O> {
    pub(super) program: Program,
    pub(crate) journal: Journal<O>,
    pub(crate) objects: SlotMap<ObjectKey, Object>,
    pub(crate) graves: FxHashMap<ObjectKey, Grave>,
    pub(super) threads: Vec<Vec<Frame>>,
    pub(super) current: ThreadId,
    /// Objects whose finalizers are to run.
    pub(crate) due: VecDeque<ObjectKey>,
    /// Finalizers that have not returned.
    pub(crate) n_finalizing: u64,
    /// Whether a collection waits for finalizers.
    pub(crate) is_collection_unfinished: bool,
    pub(crate) n_born: u64,
    /// How many births there are from one collection to the next.
    pub(crate) births_per_collection: u64,
    /// Where the next object goes.
    pub(crate) next: Address,
    pub(super) heap_bytes: u64,
    reclaims: PhantomData<R>,
}

/// Where the heap begins.
const HEAP: Address = Address(0x1000);

impl<R: Reclaim<O>, O: Observer> Smallest<R, O> {
    pub(crate) fn new(observer: O) -> Self {
        Smallest {
            program: Program::default(),
            journal: Journal::new(observer),
            objects: SlotMap::with_key(),
            graves: FxHashMap::default(),
            threads: vec![Vec::new()],
            current: ThreadId(0),
            due: VecDeque::new(),
            n_finalizing: 0,
            is_collection_unfinished: false,
            n_born: 0,
            births_per_collection: 16,
            next: HEAP,
            heap_bytes: 0,
            reclaims: PhantomData,
        }
    }

    // --- what the three build on ---

    /// The objects that are not reclaimed, in order of birth.
    pub(crate) fn live_keys(&self) -> Vec<ObjectKey> {
        let mut keys: Vec<ObjectKey> = self.objects.keys().collect();
        keys.sort_unstable_by_key(|&key| self.objects[key].naming.object);
        keys
    }

    /// What the slots of all threads refer to, and what waits for its finalizer.
    pub(crate) fn roots(&self) -> Vec<ObjectKey> {
        let slots = self.threads.iter().flatten().flat_map(|frame| &frame.slots);
        slots.filter_map(|value| value.key()).chain(self.due.iter().copied()).collect()
    }

    /// What can be reached from `keys`, themselves included.
    pub(crate) fn reached_from(&self, mut keys: Vec<ObjectKey>) -> FxHashSet<ObjectKey> {
        let mut reached = FxHashSet::default();
        while let Some(key) = keys.pop() {
            if reached.insert(key) {
                keys.extend(self.objects[key].references());
            }
        }
        reached
    }

    /// Weak references to these refer to nothing from now on.
    pub(crate) fn clear_weak(&mut self, dead: &FxHashSet<ObjectKey>) {
        for object in self.objects.values_mut() {
            if matches!(&object.body, Body::Weak(target) if dead.contains(target)) {
                object.body = Body::Weak(ObjectKey::default());
            }
        }
    }

    /// Whether it is time for a collection.
    pub(crate) fn is_collection_due(&self) -> bool {
        self.n_born > 0 && self.n_born.is_multiple_of(self.births_per_collection)
    }

    /// Queues the object for its finalizer, which runs only this once.
    pub(crate) fn make_due(&mut self, key: ObjectKey) {
        if !self.due.contains(&key) {
            self.due.push_back(key);
        }
    }

    pub(crate) fn name_of(&self, key: ObjectKey) -> ObjectName {
        self.object(key).naming.name(&self.program)
    }

    /// The object is gone; what it referred to stays as it is.
    pub(crate) fn reclaim(&mut self, key: ObjectKey, by: Reclaimer) {
        let object = self.objects.remove(key).unwrap_or_else(|| panic!("{by:?} reclaims {key:?} twice"));
        let id = object.naming.object;
        self.journal.tell(|| Event::Reclaimed { object: id, by });
        self.graves.insert(key, Grave { object, reclaimed: self.journal.now.tick });
    }

    /// The next object goes to the bottom of the other half.
    pub(crate) fn flip(&mut self) {
        self.next = HEAP;
    }

    /// Moves an object to where the next one goes; answers its bytes.
    pub(crate) fn move_to_end(&mut self, key: ObjectKey) -> u64 {
        let to = self.next;
        let object = &mut self.objects[key];
        let from = std::mem::replace(&mut object.address, to);
        let (id, bytes) = (object.naming.object, object.total_bytes());
        self.next = to.offset(bytes);
        self.journal.tell(|| Event::Moved { object: id, from, to });
        bytes
    }

    /// The heap now ends at `end`.
    pub(crate) fn resize(&mut self, end: Address) {
        self.next = end;
        let heap_bytes = end.0 - HEAP.0;
        if heap_bytes != self.heap_bytes {
            self.heap_bytes = heap_bytes;
            self.journal.tell(|| Event::HeapResized { heap_bytes });
        }
    }

    // --- objects and cells ---

    /// The object, or what is left where it was.
    pub(super) fn object(&self, key: ObjectKey) -> &Object {
        self.objects.get(key).unwrap_or_else(|| &self.graves[&key].object)
    }

    pub(super) fn object_mut(&mut self, key: ObjectKey) -> &mut Object {
        match self.objects.get_mut(key) {
            Some(object) => object,
            None => &mut self.graves.get_mut(&key).expect("a key is of an object that was there once").object,
        }
    }

    /// Creates an object and refers to it from `dst`.
    pub(super) fn create(&mut self, dst: Slot, label: Label, element: Kind, body: Body, storage: Storage) {
        R::about_to_create(self);
        self.n_born += 1;
        let naming = self.journal.name(label);
        let finalizer = match label {
            Label::Record(record) => self.program.record_shape(record).finalizer,
            _ => None,
        };
        let address = self.next;
        let object = Object { naming, storage, address, body, element, finalizer, n_holders: 0 };
        let (payload_bytes, total_bytes) = (object.payload_bytes(), object.total_bytes());
        if storage == Storage::Heap {
            self.resize(address.offset(total_bytes));
        }
        let key = self.objects.insert(object);
        self.journal.tell(|| Event::Born {
            object: naming.object,
            label,
            ordinal: naming.ordinal,
            storage,
            address,
            payload_bytes,
            total_bytes,
        });
        self.write(dst, Value::Object(key));
    }

    pub(super) fn id(&self, value: Value) -> Option<ObjectId> {
        value.key().map(|key| self.object(key).naming.object)
    }

    pub(super) fn tell_stored(&mut self, place: Place, old: Value, new: Value) {
        if old.key().is_some() || new.key().is_some() {
            let (old, new) = (self.id(old), self.id(new));
            self.journal.tell(|| Event::Stored { place, old, new });
        }
    }

    pub(super) fn gain(&mut self, value: Value) {
        if let Some(key) = value.key() {
            R::gained(self, key);
        }
    }

    pub(super) fn lose(&mut self, value: Value) {
        if let Some(key) = value.key() {
            R::lost(self, key);
        }
    }

    /// Writes a cell. What is written where an object was is lost: the place is nobody's.
    pub(super) fn write_cell(&mut self, key: ObjectKey, index: usize, value: Value) {
        let Some(object) = self.objects.get(key).map(|object| object.naming.object) else { return };
        self.gain(value);
        let old = std::mem::replace(&mut self.objects[key].cells()[index], value);
        self.tell_stored(Place::Inside { object, index: index as u64 }, old, value);
        self.lose(old);
    }

    /// A container has as many cells as it has now.
    pub(super) fn resized(&mut self, key: ObjectKey, old_bytes: u64) {
        let object = self.object(key);
        let (id, payload_bytes, total_bytes) = (object.naming.object, object.payload_bytes(), object.total_bytes());
        if self.objects.contains_key(key) {
            self.resize(self.next.offset(total_bytes.saturating_sub(old_bytes)));
            self.journal.tell(|| Event::Resized { object: id, payload_bytes, total_bytes });
        }
    }

    // --- slots ---

    pub(super) fn frame(&mut self) -> &mut Frame {
        self.threads[self.current.index()].last_mut().expect("there is a current frame")
    }

    pub(super) fn write(&mut self, dst: Slot, value: Value) {
        self.gain(value);
        let old = std::mem::replace(&mut self.frame().slots[dst.index()], value);
        self.tell_stored(Place::Slot, old, value);
        self.lose(old);
    }

    /// What is in a slot; reading one that was never written is a fault, and finds zero where nobody checks.
    pub(super) fn read(&mut self, src: Slot) -> Outcome<Value> {
        let frame = self.frame();
        let (function, value) = (frame.function, frame.slots[src.index()]);
        if value != Value::Unset {
            return Ok(value);
        }
        let zero = Value::zero(self.program.slot_shape(function, src).kind);
        self.unless_checked(FaultKind::Uninitialised, None)?;
        Ok(zero)
    }

    /// A fault that is fatal where the runtime checks, and goes unnoticed elsewhere.
    pub(super) fn unless_checked(&mut self, kind: FaultKind, object: Option<ObjectName>) -> Outcome<()> {
        if R::CHECKS {
            return Err(self.journal.fatal(kind, object, "checked"));
        }
        self.journal.fault(kind, object, None, "");
        Ok(())
    }

    /// The object that a slot refers to; a key that has gone stale is a fault, and finds what was there.
    pub(super) fn target(&mut self, src: Slot) -> Outcome<ObjectKey> {
        let key = match self.read(src)? {
            Value::Object(key) => key,
            Value::Null => return Err(self.journal.fatal(FaultKind::NullDereference, None, "null")),
            value => panic!("slot {} holds {value:?}, not an object", src.0),
        };
        if let Some(object) = self.objects.get(key).map(|object| object.naming.object) {
            self.journal.tell(|| Event::Used { object });
        } else {
            assert!(!R::CHECKS, "{} reclaimed {} too early", R::NAME, self.name_of(key));
            let grave = &self.graves[&key];
            let (name, reclaimed) = (grave.object.naming.name(&self.program), grave.reclaimed);
            let kind = match grave.object.storage {
                Storage::Automatic => FaultKind::EscapedFrame,
                Storage::Heap | Storage::Static => FaultKind::UseAfterFree,
            };
            self.journal.fault(kind, Some(name), Some(reclaimed), "");
        }
        Ok(key)
    }

    /// The cell of an index; `None` outside of the object where nobody checks.
    pub(super) fn cell(&mut self, key: ObjectKey, index: i64, n_cells: usize) -> Outcome<Option<usize>> {
        match usize::try_from(index) {
            Ok(index) if index < n_cells => Ok(Some(index)),
            _ => {
                let name = self.name_of(key);
                self.unless_checked(FaultKind::OutOfBounds, Some(name))?;
                Ok(None)
            }
        }
    }

    pub(super) fn read_cell(&mut self, dst: Slot, key: ObjectKey, index: usize, kind: Kind) -> Outcome<()> {
        let mut value = self.object_mut(key).cells()[index];
        if value == Value::Unset {
            let name = self.name_of(key);
            self.unless_checked(FaultKind::Uninitialised, Some(name))?;
            value = Value::zero(kind);
        }
        self.write(dst, value);
        Ok(())
    }

    /// What a new record's fields hold.
    pub(super) fn fields(&self, record: RecordId) -> Body {
        let fields = &self.program.record_shape(record).fields;
        Body::Cells(fields.iter().map(|field| if R::CHECKS { Value::zero(field.kind) } else { Value::Unset }).collect())
    }

    pub(super) fn text(&mut self, src: Slot) -> Outcome<String> {
        if let Value::Constant(constant) = self.read(src)? {
            return Ok(self.constant_text(constant).to_owned());
        }
        let key = self.target(src)?;
        match &self.object(key).body {
            Body::Text(text) => Ok(text.clone()),
            body => panic!("{body:?} is not a text"),
        }
    }

    pub(super) fn constant_text(&self, constant: ConstantId) -> &str {
        match &self.program.constants[constant.index()] {
            Constant::Text(text) => text,
            constant => panic!("{constant:?} is not a text"),
        }
    }

    // --- maps ---

    /// A key's content, for comparison.
    pub(super) fn content(&self, key: Value) -> (i64, &str) {
        match key {
            Value::Int(int) => (int, ""),
            Value::Constant(constant) => (0, self.constant_text(constant)),
            Value::Object(key) => match &self.object(key).body {
                Body::Text(text) => (0, text),
                body => panic!("{body:?} is not a key"),
            },
            value => panic!("{value:?} is not a key"),
        }
    }

    /// The cell of a key.
    pub(super) fn find(&mut self, map: ObjectKey, key: Slot) -> Outcome<Option<usize>> {
        let key = self.read(key)?;
        let Body::Cells(cells) = &self.object(map).body else { panic!("a map has cells") };
        let is_it = |&cell: &usize| cells[cell] != Value::Unset && self.content(cells[cell]) == self.content(key);
        Ok((0..cells.len()).step_by(2).find(is_it))
    }

    // --- frames ---

    pub(super) fn stack_bytes(&self) -> u64 {
        self.threads[self.current.index()].iter().map(|frame| self.frame_bytes(frame)).sum()
    }

    pub(super) fn frame_bytes(&self, frame: &Frame) -> u64 {
        let shapes = &self.program.function_shape(frame.function).slots;
        let automatic = shapes.iter().filter_map(|slot| slot.automatic).filter(|_| !R::CHECKS);
        let cells: usize = automatic.map(|record| self.program.record_shape(record).fields.len()).sum();
        frame.stack_bytes() + cells as u64 * CELL_BYTES
    }

    /// Takes arguments out of the current frame: variables are copied, temporaries move.
    pub(super) fn arguments(&mut self, slots: &[Slot]) -> Outcome<Vec<Value>> {
        let mut values = Vec::new();
        for &slot in slots {
            let value = self.read(slot)?;
            self.gain(value);
            values.push(value);
            let function = self.frame().function;
            if self.program.slot_shape(function, slot).name.is_none() {
                self.write(slot, Value::Unset);
            }
        }
        Ok(values)
    }

    /// Enters a frame of the current thread. The arguments are held already.
    pub(super) fn enter(&mut self, frame: Frame, arguments: Vec<Value>) {
        let function = frame.function;
        self.threads[self.current.index()].push(frame);
        let stack_bytes = self.stack_bytes();
        self.journal.tell(|| Event::Called { function, stack_bytes });
        for (slot, value) in arguments.into_iter().enumerate() {
            self.frame().slots[slot] = value;
            self.tell_stored(Place::Slot, Value::Unset, value);
        }
    }

    /// The record in an automatic slot is gone.
    pub(super) fn leave_scope(&mut self, value: Value) {
        let Some(key) = value.key() else { return };
        if self.objects.get(key).is_some_and(|object| object.storage == Storage::Automatic) {
            self.reclaim(key, Reclaimer::Scope);
        }
    }

    /// What an automatic slot is the storage of.
    pub(super) fn automatic(&mut self, slot: Slot) -> Value {
        let frame = self.frame();
        let (function, value) = (frame.function, frame.slots[slot.index()]);
        if self.program.slot_shape(function, slot).automatic.is_some() { value } else { Value::Unset }
    }
}
