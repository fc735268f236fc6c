//! Loops: the head stands behind the body, so that going round costs one jump.

use memory_trait::Kind;

use super::places::Value;
use super::{Compiler, Label, Loop};
use crate::ast::{Block, Expr, Name};
use crate::check::Binding;
use crate::code::{Op, Reg};
use crate::types::Type;

impl Compiler<'_> {
    /// `while`: the condition stands before the body and, once more, behind it.
    pub(super) fn while_loop(&mut self, condition: &Expr, body: &Block, line: u32) {
        let mut exit = Label::default();
        self.branch(condition, false, &mut exit);
        let mut top = Label::default();
        self.place(&mut top);
        let (mut head, mut exit) = self.loop_body(body, exit);
        self.place(&mut head);
        self.emit(Op::Step { line });
        self.branch(condition, true, &mut top);
        self.place(&mut exit);
    }

    /// `for i in from..to`
    pub(super) fn range_loop(&mut self, name: &Name, from: &Expr, to: &Expr, body: &Block, line: u32) {
        let dst = self.variable(name);
        let counter = self.counters();
        let (from, to) = (self.value(from), self.value(to));
        self.counter(counter, from);
        self.counter(counter + 1, to);
        let mut exit = Label::default();
        self.jump(Op::RangeBegin { dst, counter, target: 0 }, &mut exit);
        let mut top = Label::default();
        self.place(&mut top);
        let (mut head, mut exit) = self.loop_body(body, exit);
        self.place(&mut head);
        self.jump(Op::RangeNext { dst, counter, line, target: 0 }, &mut top);
        self.place(&mut exit);
        self.n_counters -= 2;
    }

    /// `for x in container`: what is gone over is kept in a temporary as long as the loop lasts.
    pub(super) fn each_loop(&mut self, name: &Name, over: &Expr, body: &Block, line: u32) {
        let is_map = matches!(self.input.checked.type_of(over).without_null(), Type::Map(..));
        let dst = self.variable(name);
        let kept = match self.value(over) {
            Value::Variable(src) => {
                let dst = self.slots.temporary(Kind::Reference);
                self.emit(Op::Copy { dst, src });
                dst
            }
            value => value.slot(),
        };
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
        let (mut head, mut exit) = self.loop_body(body, Label::default());
        self.place(&mut head);
        self.emit(Op::Step { line });
        self.place(&mut first);
        let next = if is_map {
            Op::MapNext { dst, map: kept, counter, target: 0 }
        } else {
            Op::ListNext { dst, list: kept, counter, target: 0 }
        };
        self.jump(next, &mut top);
        self.place(&mut exit);
        if self.slots.kind(dst, &self.input.checked.functions[self.function.index()]) == Kind::Reference {
            self.emit(Op::Clear { slot: dst });
        }
        self.drop_value(Value::Temporary(kept));
        self.n_counters -= 2;
    }

    /// Compiles a loop's body; the labels of its head and its exit.
    fn loop_body(&mut self, body: &Block, exit: Label) -> (Label, Label) {
        self.loops.push(Loop { exit, head: Label::default(), n_blocks: self.blocks.len() });
        self.block(body);
        let done = self.loops.pop().expect("the loop that was just begun");
        (done.head, done.exit)
    }

    pub(super) fn variable(&self, name: &Name) -> Reg {
        match self.input.checked.binding(name.id) {
            Binding::Local(local) => local as Reg,
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
        match value {
            Value::Int(value) => self.emit(Op::CounterConst { counter, value }),
            slot => {
                let a = self.operand(slot);
                self.emit(Op::Counter { counter, a });
            }
        }
    }
}
