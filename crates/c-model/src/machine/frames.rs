//! Call and return: the program's shapes, frames on the stack, the depth at which it overflows.

use memory_trait::{Constant, Event, FaultKind, FunctionId, Kind, ObjectKey, Observer, Outcome, Place, Program, Slot};

use indexmap::IndexMap;

use super::object::{Object, Shape};
use super::slots::{REGISTER, SlotState};
use super::{C, Function, Value};
use crate::layout::{FrameLayout, RecordLayout, SlotPlace};
use crate::params::{CODE_BASE, FRAME_LINK_BYTES, SEGFAULT_MESSAGE};
use crate::process_heap::ProcessHeap;

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) function: FunctionId,
    /// Its first slot among the thread's.
    pub(super) base: usize,
    pub(super) rbp: u64,
    pub(super) rsp: u64,
    /// Where in the caller's frame the result goes.
    pub(super) result: Option<Slot>,
    /// For a finalizer: what is freed when it returns.
    pub(super) frees: Option<Value>,
}

impl Function {
    fn new(program: &Program, function: usize, records: &[RecordLayout]) -> Self {
        let shape = &program.functions[function];
        let layout = FrameLayout::new(shape, records);
        let slots = shape.slots.iter().zip(&layout.slots);
        let template = slots.map(|(slot, &place)| SlotState {
            bits: 0,
            key: ObjectKey::default(),
            place: if let SlotPlace::Stack(offset) = place { offset } else { REGISTER },
            kind: slot.kind,
            is_automatic: slot.automatic.is_some(),
            is_temporary: slot.name.is_none(),
            is_set: false,
        });
        let automatic = shape.slots.iter().enumerate();
        Function {
            template: template.collect(),
            automatic: automatic.filter_map(|(slot, shape)| Some((slot, shape.automatic?))).collect(),
            n_parameters: shape.n_parameters,
            argument_bytes: layout.argument_bytes,
            frame_bytes: layout.frame_bytes(),
        }
    }
}

impl<O: Observer, A: ProcessHeap> C<O, A> {
    /// Lays the program out. Equal string literals are one, as the linker makes them.
    pub(super) fn lay_out(&mut self, program: &Program) {
        self.records = program.records.iter().map(RecordLayout::new).collect();
        self.inner = program.records.iter().map(|record| vec![Shape::Unknown; record.fields.len()]).collect();
        self.functions = (0..program.functions.len()).map(|f| Function::new(program, f, &self.records)).collect();
        let mut literals: IndexMap<&str, Value> = IndexMap::new();
        for constant in &program.constants {
            let value = match constant {
                Constant::Int(value) => Value { bits: *value as u64, key: ObjectKey::default() },
                Constant::Float(value) => Value { bits: value.to_bits(), key: ObjectKey::default() },
                Constant::Text(text) => *literals.entry(text).or_insert_with(|| {
                    let bits = self.space.add_literal(text);
                    let literal = Object::literal(memory_trait::Address(bits), text.len() as u64);
                    Value { bits, key: self.objects.insert(literal) }
                }),
            };
            self.constants.push(value);
        }
        self.program = program.clone();
    }

    /// Where the function that is running now goes on after a call.
    fn return_address(&self) -> u64 {
        let caller = self.thread.frames.last().map_or(0, |frame| u64::from(frame.function.0) + 1);
        CODE_BASE.0 + 16 * caller
    }

    /// Calls a function with slots of the current frame.
    pub(super) fn enter(&mut self, function: FunctionId, arguments: &[Slot], result: Option<Slot>) -> Outcome<()> {
        let n_parameters = self.functions[function.index()].n_parameters;
        assert_eq!(arguments.len(), n_parameters, "arguments of {}", self.program.function_shape(function).name);
        let (caller_base, caller_rbp) = (self.thread.base, self.thread.rbp);
        self.push_frame(function, result)?;
        for (index, &argument) in arguments.iter().enumerate() {
            let value = self.pass(caller_base + argument.index(), caller_rbp);
            self.write_parameter(self.thread.base + index, self.thread.rbp, value);
        }
        for &argument in arguments {
            self.use_up(caller_base + argument.index());
        }
        Ok(())
    }

    /// Reads an argument, at `index` of the flat slots, of the frame at `rbp`.
    pub(super) fn pass(&mut self, index: usize, rbp: u64) -> Value {
        let state = self.thread.slots[index];
        if !state.is_set && self.detector.is_on {
            self.journal.fault(FaultKind::Uninitialised, None, None, "");
        }
        Value { bits: self.bits(&state, rbp), key: state.key }
    }

    /// An argument, at `index` of the flat slots, that was a temporary has moved into its parameter.
    #[inline]
    pub(super) fn use_up(&mut self, index: usize) {
        let state = &mut self.thread.slots[index];
        if state.is_temporary && state.is_set && !state.is_automatic {
            state.is_set = false;
            let old = std::mem::take(&mut state.key);
            self.tell_stored(Place::Slot, old, ObjectKey::default());
        }
    }

    /// Makes a frame for `function`, its slots unset, and makes it the current one.
    pub(super) fn push_frame(&mut self, function: FunctionId, result: Option<Slot>) -> Outcome<()> {
        let layout = &self.functions[function.index()];
        let thread = &mut self.thread;
        if thread.rsp - thread.low < layout.frame_bytes {
            return Err(self.journal.fatal(FaultKind::StackOverflow, None, SEGFAULT_MESSAGE));
        }
        let rbp = thread.rsp - layout.argument_bytes - FRAME_LINK_BYTES;
        let base = thread.slots.len();
        thread.slots.extend_from_slice(&layout.template);
        let rsp = thread.rsp - layout.frame_bytes;
        let link = (self.return_address(), self.thread.rbp);
        self.space.stack.put_word(rbp + 8, link.0).expect("the frame fits");
        self.space.stack.put_word(rbp, link.1).expect("the frame fits");
        self.thread.frames.push(Frame { function, base, rbp, rsp, result, frees: None });
        self.thread.base = base;
        self.thread.rbp = rbp;
        self.thread.rsp = rsp;
        let stack_bytes = self.thread.depth_bytes();
        self.journal.tell(|| Event::Called { function, stack_bytes });
        Ok(())
    }

    /// Returns from the current function. Who has overwritten the return address or the caller's `rbp` jumps nowhere.
    pub(super) fn leave(&mut self, value: Option<Slot>) -> Outcome<()> {
        let value = value.map(|slot| self.read_slot(slot));
        let frame = self.thread.frames.pop().expect("a function that returns was called");
        let caller = self.thread.frames.last();
        let (base, rbp, rsp) = caller.map_or((0, 0, self.thread.top), |caller| (caller.base, caller.rbp, caller.rsp));
        let link = (self.space.stack.word(frame.rbp + 8), self.space.stack.word(frame.rbp));
        if link != (Some(self.return_address()), Some(rbp)) {
            return Err(self.journal.fatal(FaultKind::Segfault, None, SEGFAULT_MESSAGE));
        }
        (self.thread.base, self.thread.rbp, self.thread.rsp) = (base, rbp, rsp);
        if let (Some(slot), Some(value)) = (frame.result, value) {
            self.write_value(slot, value);
        }
        self.drop_slots(&frame);
        self.thread.slots.truncate(frame.base);
        let stack_bytes = self.thread.depth_bytes();
        self.journal.tell(|| Event::Returned { stack_bytes });
        if let Some(value) = frame.frees {
            self.release(value)?;
        }
        if self.thread.frames.is_empty() { self.end_thread() } else { Ok(()) }
    }

    /// All slots of a frame are dropped, then what is in automatic storage is gone.
    fn drop_slots(&mut self, frame: &Frame) {
        if O::WATCHES {
            for index in frame.base..self.thread.slots.len() {
                let state = self.thread.slots[index];
                if state.is_set && state.kind == Kind::Reference {
                    self.tell_stored(Place::Slot, state.key, ObjectKey::default());
                }
            }
        }
        for index in 0..self.functions[frame.function.index()].automatic.len() {
            let (slot, _) = self.functions[frame.function.index()].automatic[index];
            let state = self.thread.slots[frame.base + slot];
            if state.is_set {
                self.end_scope(state.key);
            }
        }
    }
}
