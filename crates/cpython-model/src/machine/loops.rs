//! Loops: what goes over a container or a range, and the jump back.

use memory_trait::{Allocator, Machine, ObjectKey, Observer, Operand, Outcome, Slot};

use super::{CPython, Pending};
use crate::rules::{Rule, rule};

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// `GET_ITER`.
    pub(super) fn begin_loop_over(&mut self, dst: Slot, container: Slot) -> Outcome<()> {
        let over = self.read_object(container, "TypeError: 'NoneType' object is not iterable")?;
        if !rule(Rule::ContainersHaveIterators) {
            return if dst == container { Ok(()) } else { self.copy(dst, container) };
        }
        self.heap.incref(over);
        let key = self.heap.iterator(over)?;
        if self.heap.gc.is_scheduled && self.heap.collects_in_allocation() {
            self.defer(Pending::Iterate { dst, key });
            self.heap.begin_scheduled();
            return self.settle();
        }
        self.place_iterator(dst, key);
        Ok(())
    }

    pub(super) fn place_iterator(&mut self, dst: Slot, key: ObjectKey) {
        self.heap.track(key);
        self.write(dst, key);
    }

    /// `range(from, to)` and `GET_ITER`.
    pub(super) fn begin_loop_over_range(&mut self, from: Operand, to: Operand) -> Outcome<()> {
        let bounds = [self.int_of(from), self.int_of(to)];
        self.check_after_call()?;
        // The range owns its bounds; no slot is written.
        let nowhere = Slot(u32::MAX);
        let dying = [self.take_operand(from, nowhere), self.take_operand(to, nowhere)];
        if !rule(Rule::RangesHaveIterators) {
            for bound in dying.into_iter().flatten() {
                self.heap.drop_reference(bound);
            }
            return Ok(());
        }
        let key = self.heap.range_iterator(bounds[0], bounds[1], dying)?;
        self.stack.ranges.push(key);
        Ok(())
    }

    pub(super) fn end_loop_over_range(&mut self) {
        if let Some(key) = self.stack.ranges.pop() {
            self.heap.drop_reference(key);
        }
    }

    /// `JUMP_BACKWARD`; where the condition stands at the jump, 3.11 has an instruction of its own, which does not warm
    /// the code.
    #[inline]
    pub(super) fn jump_back(&mut self, is_tested: bool) -> Outcome<()> {
        if self.heap.collects_in_allocation() {
            if !is_tested {
                let function = self.stack.frames.last().expect("a loop is in a frame").function;
                self.warm(function);
            }
            return Ok(());
        }
        self.check_eval_breaker()
    }
}
