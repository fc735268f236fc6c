//! Where the value of an expression is: in the code, in a variable, in a temporary.

use memory_trait::{Constant, Kind};

use super::Compiler;
use crate::ast::{BinaryOp, Expr, ExprKind, Literal};
use crate::check::Binding;
use crate::code::{Op, Operand, Reg};

/// A value that has been evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// A constant that fits into the code.
    Int(i64),
    /// A constant that fits into the code.
    Float(f64),
    /// In a variable, which stays as it is.
    Variable(Reg),
    /// In a temporary, which dies when it has been used.
    Temporary(Reg),
}

impl Value {
    /// The slot, once it is in one.
    pub(super) fn slot(self) -> Reg {
        match self {
            Value::Variable(slot) | Value::Temporary(slot) => slot,
            other => panic!("{other:?} is in no slot"),
        }
    }
}

impl Compiler<'_> {
    /// Evaluates an expression to wherever it is cheapest.
    pub(super) fn value(&mut self, expression: &Expr) -> Value {
        if let Some(literal) = self.literal_of(expression) {
            match literal {
                Literal::Int(value) => return Value::Int(value),
                Literal::Float(value) => return Value::Float(value),
                Literal::Bool(_) | Literal::Text(_) => {}
            }
        }
        match &expression.kind {
            ExprKind::Name(_) => match self.input.checked.binding(expression.id) {
                Binding::Local(local) => Value::Variable(self.slots.of_local(local)),
                _ => Value::Temporary(self.compute(expression, None)),
            },
            ExprKind::AddressOf(name) => match self.input.checked.binding(name.id) {
                Binding::Local(local) => Value::Variable(self.slots.of_local(local)),
                other => panic!("the address of {other:?}"),
            },
            ExprKind::NonNull(inner) => {
                let value = self.value(inner);
                self.emit(Op::NotNull { a: value.slot() });
                value
            }
            _ => Value::Temporary(self.compute(expression, None)),
        }
    }

    /// The constant that an expression is: a literal, or a parameter of the workload.
    pub(super) fn literal_of(&self, expression: &Expr) -> Option<Literal> {
        match &expression.kind {
            ExprKind::Literal(literal) => Some(literal.clone()),
            ExprKind::Name(_) => match self.input.checked.binding(expression.id) {
                Binding::Param(param) => Some(self.input.params[param as usize].clone()),
                _ => None,
            },
            _ => folded(expression),
        }
    }

    /// Evaluates an expression into a slot.
    pub(super) fn slot_value(&mut self, expression: &Expr) -> Value {
        let value = self.value(expression);
        self.in_slot(value)
    }

    /// Puts a constant into a temporary.
    pub(super) fn in_slot(&mut self, value: Value) -> Value {
        let (kind, constant) = match value {
            Value::Int(value) => (Kind::Int, Constant::Int(value)),
            Value::Float(value) => (Kind::Float, Constant::Float(value)),
            in_slot => return in_slot,
        };
        let dst = self.slots.temporary(kind);
        let constant = self.constant(constant);
        self.emit(Op::Constant { dst, constant });
        Value::Temporary(dst)
    }

    /// Gives a temporary back without ending its life: whoever uses it does that, or what is written over it.
    pub(super) fn release(&mut self, value: Value) {
        if let Value::Temporary(slot) = value {
            self.slots.release(slot);
        }
    }

    /// Ends the life of a value after its use: unless its slot was written again as `dst`.
    pub(super) fn clear_unless(&mut self, value: Value, dst: Reg) {
        if let Value::Temporary(slot) = value
            && slot != dst
        {
            self.emit(Op::Clear { slot });
        }
    }

    /// Ends the life of a value after its use and gives its slot back.
    pub(super) fn drop_value(&mut self, value: Value) {
        if let Value::Temporary(slot) = value {
            self.emit(Op::Clear { slot });
            self.slots.release(slot);
        }
    }

    /// A number as an operand that dies with the operation, unless that writes over it.
    pub(super) fn operand_unless(value: Value, dst: Reg) -> Operand {
        match value {
            Value::Temporary(slot) if slot != dst => Operand::dying(slot),
            value => Operand::stays(value.slot()),
        }
    }

    /// A number as an operand that dies with the operation; its slot is free.
    pub(super) fn operand(&mut self, value: Value) -> Operand {
        self.release(value);
        Self::operand_unless(value, Reg::MAX)
    }

    /// A value to be stored: numbers die with the operation. For references, [`Compiler::after_store`] does the rest.
    pub(super) fn source(&mut self, value: Value) -> Operand {
        match value {
            Value::Temporary(slot) if self.kind(slot) != Kind::Reference => Operand::dying(slot),
            value => Operand::stays(value.slot()),
        }
    }

    /// Ends the life of what was stored.
    pub(super) fn after_store(&mut self, value: Value) {
        if let Value::Temporary(slot) = value {
            if self.kind(slot) == Kind::Reference {
                self.emit(Op::Clear { slot });
            }
            self.slots.release(slot);
        }
    }

    fn kind(&self, slot: Reg) -> Kind {
        self.slots.kind(slot)
    }

    /// The same for an operation whose operands may be temporaries: they die before a variable is written, so that the
    /// result is a temporary then, and the variable is the second answer.
    pub(super) fn destination_after(
        &mut self,
        wanted: Option<Reg>,
        kind: Kind,
        operands: &[Value],
    ) -> (Reg, Option<Reg>) {
        let is_late = operands.iter().any(|operand| matches!(operand, Value::Temporary(_)));
        match wanted {
            Some(variable) if is_late && !self.slots.is_temporary(variable) => {
                (self.slots.temporary(kind), Some(variable))
            }
            wanted => (self.destination(wanted, kind), None),
        }
    }

    /// Moves a result to the variable that it is for, if that is elsewhere.
    pub(super) fn move_to(&mut self, variable: Option<Reg>, result: Reg) -> Reg {
        let Some(dst) = variable else { return result };
        self.emit(Op::Take { dst, src: result });
        self.slots.release(result);
        dst
    }

    /// The slot to write to: the one that is wanted, or a temporary.
    pub(super) fn destination(&mut self, wanted: Option<Reg>, kind: Kind) -> Reg {
        wanted.unwrap_or_else(|| self.slots.temporary(kind))
    }
}

/// Arithmetic of literals is done beforehand, as the compilers of all three languages do. What would be a fault, or is a
/// function in one of the languages (a negative dividend), is left to the run.
fn folded(expression: &Expr) -> Option<Literal> {
    match &expression.kind {
        ExprKind::Literal(literal @ (Literal::Int(_) | Literal::Float(_))) => Some(literal.clone()),
        ExprKind::Negate(inner) => match folded(inner)? {
            Literal::Int(value) => value.checked_neg().map(Literal::Int),
            Literal::Float(value) => Some(Literal::Float(-value)),
            _ => None,
        },
        ExprKind::Binary { op, left, right } => match (op, folded(left)?, folded(right)?) {
            (BinaryOp::Add, Literal::Int(a), Literal::Int(b)) => a.checked_add(b).map(Literal::Int),
            (BinaryOp::Subtract, Literal::Int(a), Literal::Int(b)) => a.checked_sub(b).map(Literal::Int),
            (BinaryOp::Multiply, Literal::Int(a), Literal::Int(b)) => a.checked_mul(b).map(Literal::Int),
            (BinaryOp::Divide, Literal::Int(a @ 0..), Literal::Int(b @ 1..)) => Some(Literal::Int(a / b)),
            (BinaryOp::Remainder, Literal::Int(a @ 0..), Literal::Int(b @ 1..)) => Some(Literal::Int(a % b)),
            (BinaryOp::Add, Literal::Float(a), Literal::Float(b)) => Some(Literal::Float(a + b)),
            (BinaryOp::Subtract, Literal::Float(a), Literal::Float(b)) => Some(Literal::Float(a - b)),
            (BinaryOp::Multiply, Literal::Float(a), Literal::Float(b)) => Some(Literal::Float(a * b)),
            (BinaryOp::Divide, Literal::Float(a), Literal::Float(b)) if b != 0.0 => Some(Literal::Float(a / b)),
            _ => None,
        },
        _ => None,
    }
}
