//! How a number came about. The interpreter computes it; a runtime that boxes numbers makes objects on the way.

use crate::units::Slot;

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`: of integers truncated towards zero.
    Divide,
    /// `a % b`, with the sign of `a`.
    Remainder,
    /// `-a`; there is no `b`.
    Negate,
    /// An integer of a float or the other way round; there is no `b`.
    Convert,
    /// A random integer in `a..b`.
    Draw,
    /// How many elements something has; there are no operands.
    Count,
}

/// One side of a calculation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// There is none.
    None,
    /// A slot, which keeps its value.
    Variable(Slot),
    /// A slot that is used up: it is to be cleared.
    Temporary(Slot),
    /// A constant.
    Int(i64),
    /// A constant.
    Float(f64),
}

/// An operator and its operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calculation {
    /// What is computed.
    pub operator: Operator,
    /// The left side.
    pub a: Operand,
    /// The right side.
    pub b: Operand,
}
