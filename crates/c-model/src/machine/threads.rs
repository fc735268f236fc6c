//! Threads: each has a stack of its own, and the allocator is told whose calls follow.

use memory_trait::{Address, Event, FunctionId, Observer, Outcome, Slot, ThreadId};

use super::C;
use super::frames::Frame;
use super::slots::SlotState;
use crate::params::{DTV_BYTES, THREAD_STACKS_TOP, THREAD_TOP_BYTES};
use crate::process_heap::ProcessHeap;
use crate::stack::Stack;

/// A thread: its frames, and the variables of all of them in one row.
#[derive(Clone, Debug, Default)]
pub(super) struct Thread {
    pub(super) slots: Vec<SlotState>,
    pub(super) frames: Vec<Frame>,
    /// The current frame's first slot.
    pub(super) base: usize,
    /// The current frame's middle.
    pub(super) rbp: u64,
    /// The stack pointer.
    pub(super) rsp: u64,
    /// Which stack it runs on.
    stack: usize,
    /// The stack pointer before its first call.
    pub(super) top: u64,
    /// The stack's lowest address.
    pub(super) low: u64,
}

impl Thread {
    /// A thread that has called nothing yet, on the stack at place `index`. `above_bytes` of it are the library's.
    pub(super) fn new(index: usize, stack: &Stack, above_bytes: u64) -> Self {
        let (top, low) = (stack.top().0 - above_bytes, stack.low().0);
        Thread { rsp: top, stack: index, top, low, ..Thread::default() }
    }

    /// Bytes of its stack in use.
    #[inline]
    pub(super) fn depth_bytes(&self) -> u64 {
        self.top - self.rsp
    }
}

impl<O: Observer, A: ProcessHeap> C<O, A> {
    /// `pthread_create`: a stack, the library's own block for it, and a bottom frame.
    ///
    /// A stack whose thread has ended is used again, the last one first, as glibc's cache of stacks does. Differs:
    /// glibc unmaps stacks when its cache exceeds 40 MiB; here they stay mapped.
    pub(super) fn spawn(&mut self, function: FunctionId, arguments: &[Slot]) -> Outcome<ThreadId> {
        let thread = ThreadId(self.parked.len() as u32);
        self.space.heap.start_threads();
        let stack = match self.idle_stacks.pop() {
            Some(index) => index,
            None => self.new_stack()?,
        };
        self.parked.push(Thread::new(stack, &self.space.parked[stack], THREAD_TOP_BYTES));
        self.journal.tell(|| Event::ThreadStarted { thread });
        // The new thread runs just long enough to take its arguments.
        let n_parameters = self.functions[function.index()].n_parameters;
        assert_eq!(arguments.len(), n_parameters, "arguments of {}", self.program.function_shape(function).name);
        let (from, base, rbp) = (self.thread_id, self.thread.base, self.thread.rbp);
        let values: Vec<_> = arguments.iter().map(|argument| self.pass(base + argument.index(), rbp)).collect();
        self.exchange(thread);
        let entered = self.push_frame(function, None);
        if entered.is_ok() {
            for (index, &value) in values.iter().enumerate() {
                self.write_parameter(self.thread.base + index, self.thread.rbp, value);
            }
        }
        self.exchange(from);
        entered?;
        for &argument in arguments {
            self.use_up(base + argument.index());
        }
        Ok(thread)
    }

    /// Maps a stack for a thread; returns its place among those that are parked.
    fn new_stack(&mut self) -> Outcome<usize> {
        let n_stacks = self.space.parked.len() as u64;
        let top = THREAD_STACKS_TOP.0 - n_stacks * self.thread_stack.mapping_bytes();
        self.calloc_for_thread(DTV_BYTES)?;
        self.space.parked.push(Stack::new(Address(top), self.thread_stack.stack_bytes));
        Ok(self.space.parked.len() - 1)
    }

    /// Makes another thread the current one.
    pub(super) fn switch_to(&mut self, thread: ThreadId) {
        if thread != self.thread_id {
            self.exchange(thread);
            self.space.heap.switch_thread(thread);
        }
    }

    /// Puts the current thread and its stack aside and takes up `thread` and its stack.
    fn exchange(&mut self, thread: ThreadId) {
        self.waiting_stack_bytes += self.thread.depth_bytes();
        std::mem::swap(&mut self.space.stack, &mut self.space.parked[self.thread.stack]);
        std::mem::swap(&mut self.thread, &mut self.parked[self.thread_id.index()]);
        std::mem::swap(&mut self.thread, &mut self.parked[thread.index()]);
        std::mem::swap(&mut self.space.stack, &mut self.space.parked[self.thread.stack]);
        self.waiting_stack_bytes -= self.thread.depth_bytes();
        self.thread_id = thread;
        self.journal.now.thread = thread;
    }

    /// The current thread's bottom frame has returned. The main thread's end is the process's.
    pub(super) fn end_thread(&mut self) -> Outcome<()> {
        self.journal.tell(|| Event::ThreadEnded);
        if self.thread_id == ThreadId(0) {
            return Ok(());
        }
        self.idle_stacks.push(self.thread.stack);
        self.thread.slots = Vec::new();
        let ended = self.space.heap.end_thread();
        ended.map_err(|fault| self.journal.adopt(fault))
    }
}
