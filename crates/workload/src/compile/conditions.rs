//! Conditions: jumps instead of values, wherever a jump is what is wanted.

use memory_trait::Kind;

use super::places::Value;
use super::{Compiler, Label};
use crate::ast::{BinaryOp, Expr, ExprKind, Literal};
use crate::code::{Op, Reg, Test};
use crate::types::Type;

/// The results of a comparison that make `op` true.
pub(super) fn test_of(op: BinaryOp) -> Test {
    Test(match op {
        BinaryOp::Equal => Test::EQUAL,
        BinaryOp::NotEqual => Test::LESS | Test::GREATER | Test::UNORDERED,
        BinaryOp::Less => Test::LESS,
        BinaryOp::LessEqual => Test::LESS | Test::EQUAL,
        BinaryOp::Greater => Test::GREATER,
        BinaryOp::GreaterEqual => Test::GREATER | Test::EQUAL,
        other => panic!("`{}` does not compare", other.symbol()),
    })
}

/// The test with its sides exchanged.
fn mirrored(test: Test) -> Test {
    let less = if test.0 & Test::GREATER == 0 { 0 } else { Test::LESS };
    let greater = if test.0 & Test::LESS == 0 { 0 } else { Test::GREATER };
    Test(test.0 & (Test::EQUAL | Test::UNORDERED) | less | greater)
}

impl Compiler<'_> {
    /// Jumps to `label` when the condition is `when`, and goes on otherwise.
    pub(super) fn branch(&mut self, condition: &Expr, when: bool, label: &mut Label) {
        if let Some(Literal::Bool(value)) = self.literal_of(condition) {
            if value == when {
                self.jump(Op::Jump { target: 0 }, label);
            }
            return;
        }
        match &condition.kind {
            ExprKind::Not(inner) => self.branch(inner, !when, label),
            ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), left, right } => {
                // `and` is decided by a false left side, `or` by a true one.
                let decides = *op == BinaryOp::Or;
                if decides == when {
                    self.branch(left, when, label);
                    self.branch(right, when, label);
                } else {
                    let mut undecided = Label::default();
                    self.branch(left, decides, &mut undecided);
                    self.branch(right, when, label);
                    self.place(&mut undecided);
                }
            }
            ExprKind::Binary { op, left, right } => self.comparison(*op, left, right, when, label),
            ExprKind::Method { object, method, arguments } if self.method_test(object, method, arguments) => {
                self.jump(Op::BranchFlag { when, target: 0 }, label);
            }
            _ => {
                let value = self.slot_value(condition);
                let a = self.operand(value);
                self.jump(Op::BranchBool { when, a, target: 0 }, label);
            }
        }
    }

    fn comparison(&mut self, op: BinaryOp, left: &Expr, right: &Expr, when: bool, label: &mut Label) {
        let checked = self.input.checked;
        match (checked.type_of(left), checked.type_of(right)) {
            (Type::Int | Type::Float, _) => {
                let (a, b) = (self.value(left), self.value(right));
                let (a, b, test) = self.arrange(a, b, test_of(op));
                let test = if when { test } else { test.negated() };
                self.number_branch(a, b, test, label);
            }
            (Type::Bool, _) => self.bool_comparison(op, left, right, when, label),
            (Type::Str, Type::Str) => {
                self.text_test(op, left, right);
                self.jump(Op::BranchFlag { when, target: 0 }, label);
            }
            _ => self.identity(op, left, right, when, label),
        }
    }

    /// Brings a constant to the right side, where the code has room for it.
    pub(super) fn arrange(&mut self, a: Value, b: Value, test: Test) -> (Value, Value, Test) {
        let is_constant = |value: Value| matches!(value, Value::Int(_) | Value::Float(_));
        let (a, b, test) = if is_constant(a) && !is_constant(b) { (b, a, mirrored(test)) } else { (a, b, test) };
        let a = self.in_slot(a);
        let b = match b {
            Value::Int(value) if i32::try_from(value).is_err() => self.in_slot(b),
            other => other,
        };
        (a, b, test)
    }

    fn number_branch(&mut self, a: Value, b: Value, test: Test, label: &mut Label) {
        let is_float = matches!(b, Value::Float(_)) || self.slot_is(a, Kind::Float);
        let a = self.operand(a);
        let op = match b {
            Value::Int(b) => Op::BranchConst { test, a, b: b as i32, target: 0 },
            Value::Float(b) => Op::BranchFloatConst { test, a, target: 0, b },
            slot => {
                let b = self.operand(slot);
                if is_float { Op::BranchFloat { test, a, b, target: 0 } } else { Op::Branch { test, a, b, target: 0 } }
            }
        };
        self.jump(op, label);
    }

    fn slot_is(&self, value: Value, kind: Kind) -> bool {
        self.slots.kind(value.slot()) == kind
    }

    /// `==` and `!=` of truth values: both sides are evaluated, then the left one says what the right one must be.
    fn bool_comparison(&mut self, op: BinaryOp, left: &Expr, right: &Expr, when: bool, label: &mut Label) {
        let (a, b) = (self.slot_value(left), self.slot_value(right));
        let wanted = (op == BinaryOp::Equal) == when;
        let (a, b) = (self.operand(a), self.operand(b));
        let (mut is_true, mut end) = (Label::default(), Label::default());
        self.jump(Op::BranchBool { when: true, a, target: 0 }, &mut is_true);
        self.jump(Op::BranchBool { when: !wanted, a: b, target: 0 }, label);
        self.jump(Op::Jump { target: 0 }, &mut end);
        self.place(&mut is_true);
        self.jump(Op::BranchBool { when: wanted, a: b, target: 0 }, label);
        self.place(&mut end);
    }

    fn text_test(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        let (a, b) = (self.value(left), self.value(right));
        self.emit(Op::TestText { test: test_of(op), a: a.slot(), b: b.slot() });
        self.drop_value(a);
        self.drop_value(b);
    }

    fn identity(&mut self, op: BinaryOp, left: &Expr, right: &Expr, when: bool, label: &mut Label) {
        let when = (op == BinaryOp::Equal) == when;
        let is_null = |expression: &Expr| expression.kind == ExprKind::Null;
        let one = match (is_null(left), is_null(right)) {
            (true, true) => {
                if when {
                    self.jump(Op::Jump { target: 0 }, label);
                }
                return;
            }
            (true, false) => right,
            (false, true) => left,
            (false, false) => {
                let (a, b) = (self.value(left), self.value(right));
                self.emit(Op::TestSame { a: a.slot(), b: b.slot() });
                self.drop_value(a);
                self.drop_value(b);
                return self.jump(Op::BranchFlag { when, target: 0 }, label);
            }
        };
        match self.value(one) {
            Value::Variable(a) => self.jump(Op::BranchNull { when, a, target: 0 }, label),
            value => {
                self.emit(Op::TestNull { a: value.slot() });
                self.drop_value(value);
                self.jump(Op::BranchFlag { when, target: 0 }, label);
            }
        }
    }

    /// A condition as a value.
    pub(super) fn truth(&mut self, expression: &Expr, dst: Option<Reg>) -> Reg {
        let (mut is_false, mut end) = (Label::default(), Label::default());
        self.branch(expression, false, &mut is_false);
        let dst = self.destination(dst, Kind::Bool);
        self.emit(Op::Bool { dst, value: true });
        self.jump(Op::Jump { target: 0 }, &mut end);
        self.place(&mut is_false);
        self.emit(Op::Bool { dst, value: false });
        self.place(&mut end);
        dst
    }
}
