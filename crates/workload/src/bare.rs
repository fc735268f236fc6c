//! The machine that does nothing about memory: it keeps values in flat vectors and reclaims nothing.
//!
//! It is the reference for what a workload *means*: reads give what was written, and what has no meaning is a fault.
//! It has no heap to speak of: `free` and `collect` do nothing, weak references always find their object, finalizers
//! never run, [`Machine::usage`] is zero, and objects take no names.
#![expect(clippy::unnecessary_box_returns, reason = "the error of an `Outcome` is boxed")]

mod heap;
mod values;

use memory_trait::{
    ConstantId, Fault, FaultKind, FaultLog, FieldIndex, FunctionId, Journal, Kind, Machine, Moment, Outcome, Program,
    RecordId, Slot, ThreadId, Unwatched, Usage,
};

use heap::Heap;
use values::{Bits, NULL};

/// The most calls that a thread may be inside of.
const CALLS_MAX: usize = 1 << 20;
/// The most slots that a thread's frames may have together.
const SLOTS_MAX: usize = 1 << 24;

#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Where the caller's slots begin.
    base: usize,
    /// Where the caller wants the value.
    result: Option<Slot>,
    /// Whose frame it is.
    function: FunctionId,
}

#[derive(Clone, Debug, Default)]
struct Stack {
    slots: Vec<Bits>,
    frames: Vec<Frame>,
    base: usize,
}

/// The shape of a function's frames, as far as it matters here.
#[derive(Clone, Debug)]
struct Shape {
    n_slots: usize,
    /// Which slots are the storage of a record: their number of fields.
    automatic: Vec<Option<RecordId>>,
}

/// The machine that does nothing.
#[derive(Clone, Debug, Default)]
pub struct Bare {
    stack: Stack,
    heap: Heap,
    /// The other threads' stacks.
    stacks: Vec<Stack>,
    current: usize,
    shapes: Vec<Shape>,
    n_fields: Vec<usize>,
    constants: Vec<Bits>,
    journal: Journal<Unwatched>,
}

impl Bare {
    /// A machine with room for 512 MiB of values.
    pub fn new() -> Bare {
        Bare::default()
    }

    /// A machine with room for so many values.
    pub fn with_room(values_max: usize) -> Bare {
        Bare { heap: Heap::with_room(values_max), ..Bare::default() }
    }

    #[inline]
    fn read(&self, slot: Slot) -> Bits {
        self.stack.slots[self.stack.base + slot.index()]
    }

    #[inline]
    fn write(&mut self, slot: Slot, value: Bits) {
        let place = self.stack.base + slot.index();
        self.stack.slots[place] = value;
    }

    /// The object in a slot.
    #[inline]
    fn object(&mut self, slot: Slot) -> Outcome<Bits> {
        let value = self.read(slot);
        if value == NULL {
            return Err(self.journal.fatal(FaultKind::NullDereference, None, "null has no fields or elements"));
        }
        Ok(value)
    }

    #[cold]
    fn out_of_memory(&mut self) -> Box<Fault> {
        self.journal.fatal(FaultKind::OutOfMemory, None, "no room for more values")
    }

    #[cold]
    fn out_of_bounds(&mut self, index: i64, length: i64) -> Box<Fault> {
        self.journal.fatal(FaultKind::OutOfBounds, None, &format!("index {index} of {length} elements"))
    }

    fn created(&mut self, dst: Slot, object: Option<Bits>) -> Outcome<()> {
        match object {
            Some(object) => {
                self.write(dst, object);
                Ok(())
            }
            None => Err(self.out_of_memory()),
        }
    }
}

impl Machine for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn load_program(&mut self, program: &Program) -> Outcome<()> {
        self.n_fields = program.records.iter().map(|record| record.fields.len()).collect();
        self.shapes = program
            .functions
            .iter()
            .map(|function| Shape {
                n_slots: function.slots.len(),
                automatic: function.slots.iter().map(|slot| slot.automatic).collect(),
            })
            .collect();
        self.constants = program.constants.iter().map(|constant| self.heap.constant(constant)).collect();
        Ok(())
    }

    #[inline]
    fn set_moment(&mut self, now: Moment) {
        self.journal.now = now;
    }

    #[inline]
    fn call(&mut self, function: FunctionId, arguments: &[Slot], result: Option<Slot>) -> Outcome<()> {
        let n_slots = self.shapes[function.index()].n_slots;
        let new_base = self.stack.slots.len();
        if self.stack.frames.len() >= CALLS_MAX || new_base + n_slots > SLOTS_MAX {
            return Err(self.journal.fatal(FaultKind::StackOverflow, None, "too many calls"));
        }
        let base = self.stack.base;
        for argument in arguments {
            let value = self.stack.slots[base + argument.index()];
            self.stack.slots.push(value);
        }
        self.stack.slots.resize(new_base + n_slots, NULL);
        self.stack.frames.push(Frame { base, result, function });
        self.stack.base = new_base;
        Ok(())
    }

    #[inline]
    fn ret(&mut self, value: Option<Slot>) -> Outcome<()> {
        let value = value.map(|slot| self.read(slot));
        let frame = self.stack.frames.pop().expect("a frame returns");
        self.stack.slots.truncate(self.stack.base);
        self.stack.base = frame.base;
        if let (Some(value), Some(result)) = (value, frame.result) {
            self.write(result, value);
        }
        Ok(())
    }

    #[inline]
    fn set_int(&mut self, dst: Slot, value: i64) -> Outcome<()> {
        self.write(dst, value as Bits);
        Ok(())
    }

    #[inline]
    fn set_float(&mut self, dst: Slot, value: f64) -> Outcome<()> {
        self.write(dst, value.to_bits());
        Ok(())
    }

    #[inline]
    fn set_bool(&mut self, dst: Slot, value: bool) -> Outcome<()> {
        self.write(dst, Bits::from(value));
        Ok(())
    }

    #[inline]
    fn set_null(&mut self, dst: Slot) -> Outcome<()> {
        self.write(dst, NULL);
        Ok(())
    }

    #[inline]
    fn set_constant(&mut self, dst: Slot, constant: ConstantId) -> Outcome<()> {
        self.write(dst, self.constants[constant.index()]);
        Ok(())
    }

    #[inline]
    fn copy(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        self.write(dst, self.read(src));
        Ok(())
    }

    #[inline]
    fn take(&mut self, dst: Slot, src: Slot) -> Outcome<()> {
        self.copy(dst, src)
    }

    #[inline]
    fn clear(&mut self, _slot: Slot) -> Outcome<()> {
        Ok(())
    }

    #[inline]
    fn int(&mut self, src: Slot) -> Outcome<i64> {
        Ok(self.read(src) as i64)
    }

    #[inline]
    fn float(&mut self, src: Slot) -> Outcome<f64> {
        Ok(f64::from_bits(self.read(src)))
    }

    #[inline]
    fn bool(&mut self, src: Slot) -> Outcome<bool> {
        Ok(self.read(src) != 0)
    }

    #[inline]
    fn is_null(&mut self, src: Slot) -> Outcome<bool> {
        Ok(self.read(src) == NULL)
    }

    #[inline]
    fn same(&mut self, a: Slot, b: Slot) -> Outcome<bool> {
        Ok(self.read(a) == self.read(b))
    }

    #[inline]
    fn new_record(&mut self, dst: Slot, record: RecordId) -> Outcome<()> {
        let object = self.heap.record(self.n_fields[record.index()]);
        self.created(dst, object)
    }

    fn new_local(&mut self, slot: Slot) -> Outcome<()> {
        let function = self.stack.frames.last().expect("a frame").function;
        let record = self.shapes[function.index()].automatic[slot.index()].expect("an automatic slot");
        self.new_record(slot, record)
    }

    #[inline]
    fn load(&mut self, dst: Slot, object: Slot, field: FieldIndex) -> Outcome<()> {
        let object = self.object(object)?;
        let Some(value) = self.heap.load(object, field.index()) else {
            return Err(self.journal.fatal(FaultKind::Uninitialised, None, "the field was never written"));
        };
        self.write(dst, value);
        Ok(())
    }

    #[inline]
    fn store(&mut self, object: Slot, field: FieldIndex, src: Slot) -> Outcome<()> {
        let object = self.object(object)?;
        let value = self.read(src);
        self.heap.store(object, field.index(), value);
        Ok(())
    }

    fn new_array(&mut self, dst: Slot, _element: Kind, n_elements: i64) -> Outcome<()> {
        let object = self.heap.array(n_elements);
        self.created(dst, object)
    }

    fn new_bytes(&mut self, dst: Slot, n_bytes: i64) -> Outcome<()> {
        self.new_array(dst, Kind::Int, n_bytes)
    }

    fn new_list(&mut self, dst: Slot, _element: Kind) -> Outcome<()> {
        let object = self.heap.list();
        self.created(dst, object)
    }

    #[inline]
    fn element(&mut self, dst: Slot, container: Slot, index: i64) -> Outcome<()> {
        let container = self.object(container)?;
        let elements = self.heap.elements(container);
        let length = elements.len() as i64;
        match usize::try_from(index).ok().and_then(|index| elements.get(index).copied()) {
            Some(value) => {
                self.write(dst, value);
                Ok(())
            }
            None => Err(self.out_of_bounds(index, length)),
        }
    }

    #[inline]
    fn set_element(&mut self, container: Slot, index: i64, src: Slot) -> Outcome<()> {
        let container = self.object(container)?;
        let value = self.read(src);
        let elements = self.heap.elements_mut(container);
        let length = elements.len() as i64;
        match usize::try_from(index).ok().and_then(|index| elements.get_mut(index)) {
            Some(element) => {
                *element = value;
                Ok(())
            }
            None => Err(self.out_of_bounds(index, length)),
        }
    }

    #[inline]
    fn push(&mut self, list: Slot, src: Slot) -> Outcome<()> {
        let list = self.object(list)?;
        let value = self.read(src);
        if self.heap.push(list, value) { Ok(()) } else { Err(self.out_of_memory()) }
    }

    #[inline]
    fn pop(&mut self, dst: Slot, list: Slot) -> Outcome<()> {
        let list = self.object(list)?;
        match self.heap.pop(list) {
            Some(value) => {
                self.write(dst, value);
                Ok(())
            }
            None => Err(self.journal.fatal(FaultKind::Missing, None, "pop of an empty list")),
        }
    }

    fn len(&mut self, object: Slot) -> Outcome<i64> {
        let object = self.object(object)?;
        Ok(self.heap.len(object))
    }

    fn new_map(&mut self, dst: Slot, key: Kind, _value: Kind) -> Outcome<()> {
        let object = self.heap.map(key);
        self.created(dst, object)
    }

    fn get(&mut self, dst: Slot, map: Slot, key: Slot) -> Outcome<bool> {
        let map = self.object(map)?;
        let value = self.heap.get(map, self.read(key));
        if let Some(value) = value {
            self.write(dst, value);
        }
        Ok(value.is_some())
    }

    fn put(&mut self, map: Slot, key: Slot, value: Slot) -> Outcome<()> {
        let map = self.object(map)?;
        let (key, value) = (self.read(key), self.read(value));
        if self.heap.put(map, key, value) { Ok(()) } else { Err(self.out_of_memory()) }
    }

    fn remove(&mut self, map: Slot, key: Slot) -> Outcome<bool> {
        let map = self.object(map)?;
        let key = self.read(key);
        Ok(self.heap.remove(map, key))
    }

    fn next_key(&mut self, dst: Slot, map: Slot, position: i64) -> Outcome<Option<i64>> {
        let map = self.object(map)?;
        Ok(self.heap.next_key(map, position).map(|(key, next)| {
            self.write(dst, key);
            next
        }))
    }

    fn new_text(&mut self, dst: Slot, text: &str) -> Outcome<()> {
        let object = self.heap.text(text.into());
        self.created(dst, object)
    }

    fn concat(&mut self, dst: Slot, a: Slot, b: Slot) -> Outcome<()> {
        let (a, b) = (self.object(a)?, self.object(b)?);
        let object = self.heap.concat(a, b);
        self.created(dst, object)
    }

    fn read_text(&mut self, src: Slot, into: &mut String) -> Outcome<()> {
        let object = self.object(src)?;
        into.clear();
        into.push_str(self.heap.read_text(object));
        Ok(())
    }

    fn free(&mut self, _slot: Slot) -> Outcome<()> {
        Ok(())
    }

    fn collect(&mut self) -> Outcome<()> {
        Ok(())
    }

    fn new_weak(&mut self, dst: Slot, target: Slot) -> Outcome<()> {
        let target = self.object(target)?;
        self.write(dst, target);
        Ok(())
    }

    fn weak_get(&mut self, dst: Slot, weak: Slot) -> Outcome<()> {
        let weak = self.object(weak)?;
        self.write(dst, weak);
        Ok(())
    }

    fn begin_finalizer(&mut self) -> Outcome<Option<FunctionId>> {
        Ok(None)
    }

    fn start_thread(&mut self, function: FunctionId, arguments: &[Slot]) -> Outcome<ThreadId> {
        let mut slots: Vec<Bits> = arguments.iter().map(|&argument| self.read(argument)).collect();
        slots.resize(self.shapes[function.index()].n_slots, NULL);
        let frames = vec![Frame { base: 0, result: None, function }];
        if self.stacks.is_empty() {
            self.stacks.push(Stack::default());
        }
        self.stacks.push(Stack { slots, frames, base: 0 });
        Ok(ThreadId(self.stacks.len() as u32 - 1))
    }

    fn switch_thread(&mut self, thread: ThreadId) -> Outcome<()> {
        self.stacks[self.current] = std::mem::take(&mut self.stack);
        self.stack = std::mem::take(&mut self.stacks[thread.index()]);
        self.current = thread.index();
        Ok(())
    }

    fn finish(&mut self) {}

    fn usage(&self) -> Usage {
        Usage::default()
    }

    fn faults(&self) -> &FaultLog {
        self.journal.faults()
    }
}
