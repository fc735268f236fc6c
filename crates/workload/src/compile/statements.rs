//! Blocks and statements. A variable dies at the end of its block; those of a function's outermost block die with the
//! frame.

use memory_trait::{Constant, Kind};

use super::conditions::test_of;
use super::places::Value;
use super::{Compiler, Label};
use crate::ast::{BinaryOp, Block, Expr, ExprKind, Statement, StatementKind};
use crate::code::{Expectation, Op, Operand, Reg, Side, Test};
use crate::types::Type;

impl Compiler<'_> {
    pub(super) fn function_body(&mut self, body: &Block) {
        self.blocks = vec![Vec::new()];
        for statement in &body.statements {
            self.statement(statement);
        }
    }

    /// A block inside a function.
    pub(super) fn block(&mut self, block: &Block) {
        self.blocks.push(Vec::new());
        for statement in &block.statements {
            self.statement(statement);
        }
        let is_left = matches!(
            block.statements.last().map(|last| &last.kind),
            Some(StatementKind::Break | StatementKind::Continue | StatementKind::Return(_))
        );
        if !is_left {
            self.clear_blocks(self.blocks.len() - 1);
        }
        self.blocks.pop();
    }

    /// Clears the references that the variables of the blocks from `from` on hold, in slot order.
    fn clear_blocks(&mut self, from: usize) {
        let slots: Vec<Reg> = self.blocks[from..].iter().flatten().copied().collect();
        for slot in slots {
            self.emit(Op::Clear { slot });
        }
    }

    /// From here on the block has this variable.
    fn declared(&mut self, slot: Reg) {
        if self.slots.kind(slot) == Kind::Reference {
            self.blocks.last_mut().expect("a statement is in a block").push(slot);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        let line = self.lines.line(statement.span.start);
        self.emit(Op::Step { line });
        match &statement.kind {
            StatementKind::Var { name, value, .. } => {
                let dst = self.variable(name);
                self.compute(value, Some(dst));
                self.declared(dst);
            }
            StatementKind::Local { name, record, fields } => {
                let slot = self.variable(name);
                let values = self.field_values(fields);
                self.create(slot, record, true, fields, &values);
                self.declared(slot);
            }
            StatementKind::Assign { target, value } => self.assign(target, value),
            StatementKind::If { arms, otherwise } => self.if_statement(arms, otherwise.as_ref()),
            StatementKind::While { condition, body } => self.while_loop(condition, body, line),
            StatementKind::ForRange { name, from, to, body } => self.range_loop(name, from, to, body, line),
            StatementKind::ForEach { name, over, body } => self.each_loop(name, over, body, line),
            StatementKind::Break => self.leave(|this| &mut this.exit),
            StatementKind::Continue => self.leave(|this| &mut this.head),
            StatementKind::Return(None) => {
                self.leave_loops();
                self.emit(Op::ReturnNothing);
            }
            StatementKind::Return(Some(value)) => {
                let value = self.slot_value(value);
                self.leave_loops();
                self.emit(Op::Return { src: value.slot() });
                self.release(value);
            }
            StatementKind::Free(value) => {
                let value = self.value(value);
                self.emit(Op::Free { a: value.slot() });
                self.drop_value(value);
            }
            StatementKind::Collect => self.emit(Op::Collect),
            StatementKind::Yield => self.emit(Op::Yield),
            StatementKind::Join(thread) => {
                let value = self.slot_value(thread);
                let a = self.operand(value);
                self.emit(Op::Join { a });
            }
            StatementKind::Expect(condition) => self.expect(condition),
            StatementKind::Print(values) => self.print(values),
            StatementKind::Call(call) => match &call.kind {
                ExprKind::Call { function, arguments } => self.call_statement(function, arguments),
                ExprKind::Method { object, method, arguments } => {
                    self.method_statement(call, object, method, arguments);
                }
                _ => {
                    let value = self.value(call);
                    self.drop_value(value);
                }
            },
        }
        debug_assert!(!self.loops.is_empty() || self.slots.all_are_free(), "temporaries outlive line {line}");
    }

    fn assign(&mut self, target: &Expr, value: &Expr) {
        match &target.kind {
            ExprKind::Name(_) => {
                let dst = self.value(target).slot();
                if matches!(value.kind, ExprKind::Create { .. }) {
                    // The variable keeps what it holds until the record is complete.
                    let src = self.compute(value, None);
                    self.emit(Op::Take { dst, src });
                    self.slots.release(src);
                } else {
                    self.compute(value, Some(dst));
                }
            }
            ExprKind::Field { object, field } => {
                let object = self.value(object);
                let value = self.slot_value(value);
                let src = self.source(value);
                self.emit(Op::Store { object: object.slot(), field: self.field(field), src });
                self.after_store(value);
                self.drop_value(object);
            }
            ExprKind::Index { container, index } => self.assign_element(container, index, value),
            other => panic!("{other:?} is not a target"),
        }
    }

    fn assign_element(&mut self, container: &Expr, index: &Expr, value: &Expr) {
        let is_map = matches!(self.input.checked.type_of(container).without_null(), Type::Map(..));
        let container = self.value(container);
        let mut index = self.value(index);
        let fits = matches!(index, Value::Int(value) if i32::try_from(value).is_ok());
        if is_map || !fits {
            index = self.in_slot(index);
        }
        let value = self.slot_value(value);
        let src = self.source(value);
        let place = container.slot();
        match index {
            Value::Int(index) => self.emit(Op::SetElementConst { container: place, src, index: index as i32 }),
            key if is_map => self.emit(Op::Put { map: place, key: key.slot(), src }),
            index => {
                let index = self.operand(index);
                self.emit(Op::SetElement { container: place, index, src });
            }
        }
        self.after_store(value);
        if is_map {
            self.drop_value(index);
        }
        self.drop_value(container);
    }

    fn if_statement(&mut self, arms: &[(Expr, Block)], otherwise: Option<&Block>) {
        let mut end = Label::default();
        for (index, (condition, body)) in arms.iter().enumerate() {
            let mut next = Label::default();
            self.branch(condition, false, &mut next);
            self.block(body);
            if index + 1 < arms.len() || otherwise.is_some() {
                self.jump(Op::Jump { target: 0 }, &mut end);
            }
            self.place(&mut next);
        }
        if let Some(body) = otherwise {
            self.block(body);
        }
        self.place(&mut end);
    }

    /// `break` and `continue`: the blocks that are left die first.
    fn leave(&mut self, label: impl Fn(&mut super::Loop) -> &mut Label) {
        let mut around = self.loops.pop().expect("the checker demands a loop");
        self.clear_blocks(around.n_blocks);
        self.jump(Op::Jump { target: 0 }, label(&mut around));
        self.loops.push(around);
    }

    fn print(&mut self, values: &[Expr]) {
        let slots: Vec<Value> = values.iter().map(|value| self.slot_value(value)).collect();
        for (index, (value, slot)) in values.iter().zip(&slots).enumerate() {
            let kind = self.input.checked.type_of(value).kind();
            let after = if index + 1 == values.len() { b'\n' } else { b' ' };
            self.emit(Op::Print { kind, a: slot.slot(), after });
        }
        for slot in slots {
            self.drop_value(slot);
        }
    }

    /// Both sides of a comparison live until it is known whether they have to be shown.
    fn expect(&mut self, condition: &Expr) {
        let text = condition.span.text(self.input.source).split_whitespace().collect::<Vec<_>>().join(" ");
        let mut ok = Label::default();
        let checked = self.input.checked;
        let sides = match &condition.kind {
            ExprKind::Binary { op, left, right } if op.is_comparison() => {
                Some((*op, &**left, &**right)).filter(|(_, left, right)| {
                    // Truth values and null say nothing that the condition itself does not say.
                    *checked.type_of(left) != Type::Bool && left.kind != ExprKind::Null && right.kind != ExprKind::Null
                })
            }
            _ => None,
        };
        let Some((op, left, right)) = sides else {
            self.branch(condition, true, &mut ok);
            let expectation = self.expectation(Expectation { text, sides: None });
            self.emit(Op::Fail { expectation });
            self.place(&mut ok);
            return;
        };
        let (a, b) = (self.slot_value(left), self.value(right));
        let b = match b {
            Value::Int(value) if i32::try_from(value).is_err() => self.in_slot(b),
            other => other,
        };
        self.expect_branch(op, (left, a), (right, b), &mut ok);
        let sides = Some((self.side(left, a), self.side(right, b)));
        let expectation = self.expectation(Expectation { text, sides });
        self.emit(Op::Fail { expectation });
        self.place(&mut ok);
        self.drop_value(a);
        self.drop_value(b);
    }

    fn expect_branch(&mut self, op: BinaryOp, left: (&Expr, Value), right: (&Expr, Value), ok: &mut Label) {
        let checked = self.input.checked;
        let test = test_of(op);
        let a = left.1.slot();
        let stays = Operand::stays(a);
        match (checked.type_of(left.0), right.1) {
            (_, Value::Int(b)) => self.jump(Op::BranchConst { test, a: stays, b: b as i32, target: 0 }, ok),
            (_, Value::Float(b)) => self.jump(Op::BranchFloatConst { test, a: stays, target: 0, b }, ok),
            (Type::Int, b) => self.jump(Op::Branch { test, a: stays, b: Operand::stays(b.slot()), target: 0 }, ok),
            (Type::Float, b) => {
                self.jump(Op::BranchFloat { test, a: stays, b: Operand::stays(b.slot()), target: 0 }, ok);
            }
            (Type::Str, b) if *checked.type_of(right.0) == Type::Str => {
                self.emit(Op::TestText { test, a, b: b.slot() });
                self.jump(Op::BranchFlag { when: true, target: 0 }, ok);
            }
            (_, b) => {
                self.emit(Op::TestSame { a, b: b.slot() });
                self.jump(Op::BranchFlag { when: test == Test(Test::EQUAL), target: 0 }, ok);
            }
        }
    }

    fn side(&self, expression: &Expr, value: Value) -> Side {
        let ty = self.input.checked.type_of(expression);
        match value {
            Value::Int(value) => Side::Constant(Constant::Int(value)),
            Value::Float(value) => Side::Constant(Constant::Float(value)),
            Value::Variable(slot) | Value::Temporary(slot) => Side::Slot(slot, ty.kind(), *ty == Type::Str),
        }
    }
}
