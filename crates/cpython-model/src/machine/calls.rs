//! Programs, frames, finalizers and threads.

use memory_trait::{
    Allocator, Constant, Event, FaultKind, FunctionId, Kind, ObjectKey, Observer, Outcome, Place, Program, Slot,
    ThreadId,
};

use super::{CPython, Pending};
use crate::frames::{FrameShape, Stack, THREAD_FRAMES};
use crate::refcount::Due;
use crate::rules::{Rule, rule};

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// What is there before the program runs: ambient objects, constants, classes with their defaults.
    pub(super) fn load(&mut self, program: &Program) -> Outcome<()> {
        assert!(self.frame_shapes.is_empty(), "a machine runs one program");
        for _ in 0..self.n_ambient_objects {
            let (key, _) = self.heap.list()?;
            self.heap.track(key);
            self.ambient.push(key);
            if self.heap.begin_scheduled() {
                self.heap.run();
            }
        }
        for constant in &program.constants {
            let key = match constant {
                Constant::Int(value) => self.heap.int(*value)?,
                Constant::Float(value) => self.heap.float(*value)?,
                Constant::Text(text) => self.heap.text(text)?.0,
            };
            self.constants.push(key);
        }
        self.zero_float = Some(self.heap.float(0.0)?);
        for record in &program.records {
            let mut defaults = Vec::new();
            for field in &record.fields {
                let key = match field.kind {
                    Kind::Int => self.heap.int(0)?,
                    Kind::Float => {
                        let key = self.zero_float.expect("it was just made");
                        self.heap.incref(key);
                        key
                    }
                    Kind::Bool => self.heap.bool(false),
                    Kind::Reference => self.heap.none(),
                };
                defaults.push(key);
            }
            let names: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
            let class = self.heap.class(&names, defaults, record.finalizer.is_some());
            if record.is_weakly_referenced && rule(Rule::WeaklyReferencedHaveASlot) {
                self.heap.provide_for_weakrefs(class);
            }
        }
        self.frame_shapes = FrameShape::all(program, self.heap.version);
        self.program = program.clone();
        if let Some(allocator) = self.start.take() {
            self.heap.allocator = allocator;
        }
        self.heap.tape = self.keeps_calls.then(Box::default);
        Ok(())
    }

    pub(super) fn call_function(
        &mut self,
        function: FunctionId,
        arguments: &[Slot],
        result: Option<Slot>,
    ) -> Outcome<()> {
        if self.stack.depth() >= self.recursion_limit {
            let message = "RecursionError: maximum recursion depth exceeded";
            return Err(self.heap.journal.fatal(FaultKind::StackOverflow, None, message));
        }
        let shape = &self.frame_shapes[function.index()];
        assert_eq!(arguments.len(), shape.n_parameters, "arguments of function {}", function.0);
        let (caller_base, base) = (self.base, self.stack.slots.len());
        self.stack.push(function.0, shape, result);
        for (number, &argument) in arguments.iter().enumerate() {
            let key = self.argument(caller_base, argument, self.stack.frames.len() - 2)?;
            self.stack.slots[base + number] = Some(key);
        }
        self.base = base;
        let stack_bytes = self.stack.bytes;
        self.heap.journal.tell(|| Event::Called { function, stack_bytes });
        self.warm(function.0);
        self.check_eval_breaker()
    }

    /// An argument's value with a reference: a temporary's moves, a variable's is copied.
    #[inline]
    fn argument(&mut self, base: usize, slot: Slot, frame: usize) -> Outcome<ObjectKey> {
        let caller = self.stack.frames[frame].function as usize;
        let at = base + slot.index();
        let Some(key) = self.stack.slots[at] else { return Err(self.unbound_in(frame, slot)) };
        self.tell_stored(Place::Slot, None, Some(key));
        if self.frame_shapes[caller].is_temporary[slot.index()] {
            self.stack.slots[at] = None;
            self.tell_stored(Place::Slot, Some(key), None);
        } else {
            self.heap.incref(key);
        }
        Ok(key)
    }

    pub(super) fn return_value(&mut self, value: Option<Slot>) -> Outcome<()> {
        let value = match value {
            Some(slot) => {
                // It is kept until the caller has it: until then its slot counts as holding it.
                let key = self.read(slot)?;
                self.stack.slots[self.base + slot.index()] = None;
                Some(key)
            }
            None => None,
        };
        self.clear_frame(0, value)?;
        self.settle()
    }

    /// `_PyEvalFrameClearAndPop`: drops the slots in order, then the frame. A finalizer that is due comes first.
    pub(super) fn clear_frame(&mut self, first: usize, value: Option<ObjectKey>) -> Outcome<()> {
        let n = self.stack.slots.len() - self.base;
        for number in first..n {
            let Some(key) = self.stack.slots[self.base + number].take() else { continue };
            self.tell_stored(Place::Slot, Some(key), None);
            if !self.heap.is_last_reference(key) {
                continue;
            }
            self.heap.die(key);
            if self.heap.is_suspended() {
                self.defer(Pending::Return { next: number + 1, value });
                return Ok(());
            }
        }
        if self.stack.frames.len() == 1
            && let Some(value) = value
        {
            // Nobody wants the value of a bottom frame: it goes while the frame is still there for its finalizer.
            self.tell_stored(Place::Slot, Some(value), None);
            self.heap.drop_reference(value);
            if self.heap.is_suspended() {
                self.defer(Pending::Return { next: n, value: None });
                return Ok(());
            }
            return self.clear_frame(n, None);
        }
        let function = self.stack.frames.last().expect("there is a frame to return from").function;
        let frame = self.stack.pop(&self.frame_shapes[function as usize]);
        self.base = self.stack.base();
        let stack_bytes = self.stack.bytes;
        self.heap.journal.tell(|| Event::Returned { stack_bytes });
        if let Some(suspended) = frame.suspended {
            self.n_finalizers -= 1;
            self.heap.leave_due(suspended);
        } else if self.stack.frames.is_empty() {
            self.heap.allocator.end_thread()?;
            self.heap.journal.tell(|| Event::ThreadEnded);
        }
        let kept = value;
        match (frame.result, value) {
            (Some(result), value) => {
                // A function without a result returns `None`.
                let value = value.unwrap_or_else(|| self.heap.none());
                let at = self.base + result.index();
                let old = self.stack.slots[at].replace(value);
                self.tell_stored(Place::Slot, old, Some(value));
                self.tell_stored(Place::Slot, kept, None);
                if let Some(old) = old {
                    self.heap.drop_reference(old);
                }
            }
            (None, Some(value)) => {
                self.tell_stored(Place::Slot, kept, None);
                self.heap.drop_reference(value);
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// Begins the `__del__` that the last operation made due.
    pub(super) fn call_finalizer(&mut self) -> Outcome<Option<FunctionId>> {
        while let Some((due, suspended)) = self.heap.enter_due() {
            let Due::Finalizer(key) = due else { panic!("a workload has no callbacks, but {due:?}") };
            let function = self.finalizer_of(key);
            if self.stack.depth() >= self.recursion_limit {
                // The RecursionError is printed ("Exception ignored in") and the object dies without its finalizer.
                let name = self.object_name(key);
                let message = "Exception ignored in __del__: RecursionError: maximum recursion depth exceeded";
                self.heap.journal.fault(FaultKind::StackOverflow, name, None, message);
                self.heap.leave_due(suspended);
                self.settle()?;
                continue;
            }
            self.stack.push(function.0, &self.frame_shapes[function.index()], None);
            self.stack.frames.last_mut().expect("it was just pushed").suspended = Some(suspended);
            self.base = self.stack.base();
            self.n_finalizers += 1;
            self.heap.incref(key);
            self.stack.slots[self.base] = Some(key);
            self.tell_stored(Place::Slot, None, Some(key));
            let stack_bytes = self.stack.bytes;
            self.heap.journal.tell(|| Event::Called { function, stack_bytes });
            self.warm(function.0);
            return Ok(Some(function));
        }
        Ok(None)
    }

    fn finalizer_of(&self, key: ObjectKey) -> FunctionId {
        let class = self.heap.object(key).body.class().expect("only instances have finalizers");
        self.program.records[class as usize].finalizer.expect("the class has a finalizer")
    }

    pub(super) fn spawn(&mut self, function: FunctionId, arguments: &[Slot]) -> Outcome<ThreadId> {
        let thread = ThreadId(self.parked.len() as u32);
        let shape = &self.frame_shapes[function.index()];
        assert_eq!(arguments.len(), shape.n_parameters, "arguments of function {}", function.0);
        let mut stack = Stack::new(THREAD_FRAMES);
        stack.push(function.0, shape, None);
        self.heap.journal.tell(|| Event::ThreadStarted { thread });
        let starter = std::mem::replace(&mut self.heap.journal.now.thread, thread);
        let stack_bytes = stack.bytes;
        self.heap.journal.tell(|| Event::Called { function, stack_bytes });
        self.heap.journal.now.thread = starter;
        let frame = self.stack.frames.len() - 1;
        for (number, &argument) in arguments.iter().enumerate() {
            let key = self.argument(self.base, argument, frame)?;
            stack.slots[number] = Some(key);
        }
        self.parked_bytes += stack.bytes;
        self.parked.push(Some(stack));
        Ok(thread)
    }

    pub(super) fn switch_to(&mut self, thread: ThreadId) {
        if thread == self.current {
            return;
        }
        assert!(self.n_finalizers == 0 && self.pending.is_empty(), "a thread is left in the middle of an operation");
        let next = self.parked[thread.index()].take().unwrap_or_else(|| panic!("thread {} is not there", thread.0));
        self.heap.allocator.switch_thread(thread);
        self.parked_bytes -= next.bytes;
        let left = std::mem::replace(&mut self.stack, next);
        self.parked_bytes += left.bytes;
        self.parked[self.current.index()] = (!left.frames.is_empty()).then_some(left);
        self.current = thread;
        self.base = self.stack.base();
    }
}
