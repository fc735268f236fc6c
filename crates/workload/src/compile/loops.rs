//! Loops: the head stands behind the body, so that going round costs one jump.

use memory_trait::Kind;

use super::places::Value;
use super::{Compiler, Held, Label, Loop};
use crate::ast::{Block, Expr, Name};
use crate::check::Binding;
use crate::code::{Op, Operand, Reg};
use crate::types::Type;

impl Compiler<'_> {
    /// `while`: the condition stands before the body and, once more, behind it.
    pub(super) fn while_loop(&mut self, condition: &Expr, body: &Block, line: u32) {
        let mut exit = Label::default();
        self.branch(condition, false, &mut exit);
        let mut top = Label::default();
        self.place(&mut top);
        let (mut head, mut exit) = self.loop_body(body, exit, Held::Nothing);
        self.place(&mut head);
        self.emit(Op::Step { line });
        let is_tested = self.literal_of(condition).is_none();
        self.branch(condition, false, &mut exit);
        self.jump(Op::LoopBack { target: 0, is_tested }, &mut top);
        self.place(&mut exit);
    }

    /// `for i in from..to`
    pub(super) fn range_loop(&mut self, name: &Name, from: &Expr, to: &Expr, body: &Block, line: u32) {
        let dst = self.variable(name);
        let counter = self.counters();
        let (from, to) = (self.value(from), self.value(to));
        self.counter(counter, from);
        self.counter(counter + 1, to);
        let (from, to) = (self.bound(from), self.bound(to));
        self.emit(Op::RangeOpen { counter, from, to });
        let mut exit = Label::default();
        self.jump(Op::RangeBegin { dst, counter, target: 0 }, &mut exit);
        let mut top = Label::default();
        self.place(&mut top);
        let (mut head, mut exit) = self.loop_body(body, exit, Held::Range);
        self.place(&mut head);
        if self.code.has_finalizers {
            // Finalizers may run in between; else the next operation does it.
            self.go_round();
        }
        self.jump(Op::RangeNext { dst, counter, line, target: 0 }, &mut top);
        self.place(&mut exit);
        self.emit(Op::RangeClose);
        self.n_counters -= 2;
    }

    /// `for x in container`: what goes over it is kept in a temporary as long as the loop lasts.
    pub(super) fn each_loop(&mut self, name: &Name, over: &Expr, body: &Block, line: u32) {
        let is_map = matches!(self.input.checked.type_of(over).without_null(), Type::Map(..));
        let dst = self.variable(name);
        let container = self.value(over);
        let kept = match container {
            Value::Variable(_) => self.slots.temporary(Kind::Reference),
            value => value.slot(),
        };
        self.emit(Op::EachBegin { dst: kept, container: container.slot() });
        let counter = self.counters();
        if is_map {
            self.emit(Op::MapBegin { map: kept, counter });
        } else {
            self.emit(Op::CounterConst { counter, value: 0 });
        }
        let mut first = Label::default();
        self.jump(Op::Jump { target: 0 }, &mut first);
        let mut top = Label::default();
        self.place(&mut top);
        let (mut head, mut exit) = self.loop_body(body, Label::default(), Held::Each(kept));
        self.place(&mut head);
        self.go_round();
        self.emit(Op::Step { line });
        self.place(&mut first);
        let next = if is_map {
            Op::MapNext { dst, map: kept, counter, target: 0 }
        } else {
            Op::ListNext { dst, list: kept, counter, target: 0 }
        };
        self.jump(next, &mut top);
        self.place(&mut exit);
        self.drop_value(Value::Temporary(kept));
        if self.slots.kind(dst) == Kind::Reference {
            self.emit(Op::Clear { slot: dst });
        }
        self.n_counters -= 2;
    }

    /// The jump back to a head that is the next operation.
    fn go_round(&mut self) {
        let target = self.here() + 1;
        self.emit(Op::LoopBack { target, is_tested: false });
    }

    /// Compiles a loop's body; the labels of its head and its exit.
    fn loop_body(&mut self, body: &Block, exit: Label, held: Held) -> (Label, Label) {
        self.loops.push(Loop { exit, head: Label::default(), n_blocks: self.blocks.len(), held });
        self.block(body);
        let done = self.loops.pop().expect("the loop that was just begun");
        (done.head, done.exit)
    }

    /// Ends what all loops around keep, the innermost first: the function returns.
    pub(super) fn leave_loops(&mut self) {
        for index in (0..self.loops.len()).rev() {
            match self.loops[index].held {
                Held::Nothing => {}
                Held::Range => self.emit(Op::RangeClose),
                Held::Each(slot) => self.emit(Op::Clear { slot }),
            }
        }
    }

    pub(super) fn variable(&self, name: &Name) -> Reg {
        match self.input.checked.binding(name.id) {
            Binding::Local(local) => self.slots.of_local(local),
            other => panic!("`{}` is {other:?}", name.text),
        }
    }

    /// Two counters, the first of them.
    fn counters(&mut self) -> u16 {
        self.n_counters += 2;
        self.n_counters_max = self.n_counters_max.max(self.n_counters);
        self.n_counters - 2
    }

    fn counter(&mut self, counter: u16, value: Value) {
        self.emit(match value {
            Value::Int(value) => Op::CounterConst { counter, value },
            slot => Op::Counter { counter, a: Operand::stays(slot.slot()) },
        });
    }

    /// A bound, which dies when the range is there.
    fn bound(&mut self, value: Value) -> Operand {
        match value {
            Value::Int(_) => Operand::ELSEWHERE,
            slot => self.operand(slot),
        }
    }
}
