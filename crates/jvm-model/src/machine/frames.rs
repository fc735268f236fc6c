//! Calls, returns and threads.
//!
//! Differs: a variable keeps nothing once its block is over. The interpreter of `HotSpot` takes what javac's place of it
//! holds for a root as long as every way there left a reference in it.

use memory_trait::{Event, FunctionId, Kind, Observer, Outcome, Reclaimer, Slot, ThreadId};

use super::Jvm;
use crate::heap::memory::Narrow;

/// Arguments that are passed without a vector of their own.
const N_FAST: usize = 8;

impl<O: Observer> Jvm<O> {
    pub(super) fn call_function(
        &mut self,
        function: FunctionId,
        arguments: &[Slot],
        result: Option<Slot>,
    ) -> Outcome<()> {
        self.with_arguments(arguments, |jvm, values| jvm.enter(function, values, result))
    }

    /// Takes arguments out of the current frame: variables are copied, temporaries move.
    fn with_arguments(
        &mut self,
        arguments: &[Slot],
        then: impl FnOnce(&mut Self, &[u64]) -> Outcome<()>,
    ) -> Outcome<()> {
        if arguments.len() > N_FAST {
            let mut values = vec![0; arguments.len()];
            self.take_arguments(arguments, &mut values)?;
            return then(self, &values);
        }
        let mut values = [0; N_FAST];
        self.take_arguments(arguments, &mut values)?;
        then(self, &values[..arguments.len()])
    }

    #[inline]
    fn take_arguments(&mut self, arguments: &[Slot], values: &mut [u64]) -> Outcome<()> {
        for (value, &slot) in values.iter_mut().zip(arguments) {
            *value = self.host.value(slot)?;
            if self.host.layout().is_temporary[slot.index()] {
                self.unset(slot);
            }
        }
        Ok(())
    }

    /// Makes a frame with its parameters set.
    fn enter(&mut self, function: FunctionId, values: &[u64], result: Option<Slot>) -> Outcome<()> {
        self.host.enter(function, result)?;
        for (index, &value) in values.iter().enumerate() {
            self.write(Slot(index as u32), value);
        }
        Ok(())
    }

    /// Calls a function for the VM itself, with one reference.
    pub(super) fn call_with_reference(&mut self, function: FunctionId, reference: Narrow) -> Outcome<()> {
        self.enter(function, &[reference], None)
    }

    pub(super) fn return_value(&mut self, value: Option<Slot>) -> Outcome<()> {
        let value = match value {
            Some(slot) => Some(self.host.value(slot)?),
            None => None,
        };
        if O::WATCHES {
            let n_slots = self.host.layout().kinds.len() as u32;
            for slot in (0..n_slots).map(Slot) {
                if self.host.kind(slot) == Kind::Reference {
                    self.unset(slot);
                }
            }
        }
        let result = self.host.leave();
        if self.host.has_ended() {
            self.host.journal.tell(|| Event::ThreadEnded);
            self.heap.end_thread();
        } else if let Some((slot, value)) = result.zip(value) {
            self.write(slot, value);
        }
        Ok(())
    }

    /// Differs: the `java.lang.Thread` object itself is not on the heap.
    pub(super) fn start(&mut self, function: FunctionId, arguments: &[Slot]) -> Outcome<ThreadId> {
        let starter = self.host.thread();
        let thread = self.host.add_thread();
        let heap_thread = self.heap.start_thread();
        assert_eq!(heap_thread, thread.index(), "threads and allocation buffers are numbered alike");
        self.with_arguments(arguments, |jvm, values| {
            jvm.host.journal.tell(|| Event::ThreadStarted { thread });
            jvm.switch(thread);
            jvm.enter(function, values, None)
        })?;
        self.switch(starter);
        Ok(thread)
    }

    pub(super) fn switch(&mut self, thread: ThreadId) {
        self.host.switch_thread(thread);
        self.heap.switch_thread(thread.index());
    }

    /// The process exits: what is left is told of, in order of address.
    pub(super) fn exit(&mut self) {
        let now_ns = self.host.clock_ns();
        if let Some(log) = &mut self.host.gc_log {
            log.end(now_ns, &self.heap.spaces());
        }
        if O::WATCHES && !std::mem::replace(&mut self.has_exited, true) {
            for object in self.heap.objects_in_address_order() {
                let tag = self.heap.tag(object);
                if tag != 0 {
                    let object = self.host.names.release(tag);
                    self.host.journal.tell(|| Event::Reclaimed { object, by: Reclaimer::Exit });
                }
            }
        }
    }
}
