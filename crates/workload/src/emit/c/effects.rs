//! What evaluating an expression notices and changes: which operands have to be evaluated one before the other.

use std::collections::BTreeSet;

use super::Emitter;
use crate::ast::{BinaryOp, Block, Expr, ExprKind, StatementKind};
use crate::check::{Binding, Builtin, Checked, Method};
use crate::types::Type;

/// What evaluating an expression does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effects {
    /// It gives the same whenever it is done.
    None,
    /// It may end the program.
    Checks,
    /// It reads memory.
    Reads,
    /// It changes memory, or asks for some.
    Writes,
}

/// The variables of a function that are assigned to after their declaration.
#[derive(Default)]
pub(super) struct Assigned(BTreeSet<u32>);

impl Assigned {
    pub(super) fn of(body: &Block, checked: &Checked) -> Assigned {
        let mut assigned = Assigned::default();
        assigned.block(body, checked);
        assigned
    }

    fn block(&mut self, block: &Block, checked: &Checked) {
        for statement in &block.statements {
            match &statement.kind {
                StatementKind::Assign { target, .. } => {
                    if let (ExprKind::Name(_), Binding::Local(local)) = (&target.kind, checked.binding(target.id)) {
                        self.0.insert(local);
                    }
                }
                StatementKind::If { arms, otherwise } => {
                    for (_, block) in arms {
                        self.block(block, checked);
                    }
                    if let Some(block) = otherwise {
                        self.block(block, checked);
                    }
                }
                StatementKind::While { body, .. }
                | StatementKind::ForRange { body, .. }
                | StatementKind::ForEach { body, .. } => self.block(body, checked),
                _ => {}
            }
        }
    }
}

impl Emitter<'_> {
    /// What an expression does.
    pub(super) fn effects(&self, e: &Expr) -> Effects {
        let operands = operands(e).into_iter().map(|operand| self.effects(operand)).max().unwrap_or(Effects::None);
        let own = match &e.kind {
            ExprKind::Literal(_) | ExprKind::Null | ExprKind::Name(_) | ExprKind::AddressOf(_) | ExprKind::Not(_) => {
                Effects::None
            }
            ExprKind::Field { .. } | ExprKind::Index { .. } => Effects::Reads,
            ExprKind::NonNull(_) => Effects::Checks,
            ExprKind::Negate(inner) => self.of_arithmetic(inner),
            ExprKind::Binary { op, left, .. } => match (op, self.checked.type_of(left)) {
                (BinaryOp::Add, Type::Str) => Effects::Writes,
                (_, Type::Str) => Effects::Reads,
                (BinaryOp::Divide | BinaryOp::Remainder, _) => Effects::Checks,
                (BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply, _) => self.of_arithmetic(left),
                _ => Effects::None,
            },
            ExprKind::Call { function, .. } => match self.checked.binding(function.id) {
                Binding::Builtin(Builtin::Float) => Effects::None,
                Binding::Builtin(Builtin::Int) => Effects::Checks,
                Binding::Builtin(Builtin::Len) => Effects::Reads,
                _ => Effects::Writes,
            },
            ExprKind::Method { method, .. } => match self.checked.binding(method.id) {
                Binding::Method(Method::Has | Method::Get) => Effects::Reads,
                _ => Effects::Writes,
            },
            ExprKind::Create { .. } | ExprKind::Container { .. } | ExprKind::Spawn { .. } => Effects::Writes,
        };
        own.max(operands)
    }

    /// Arithmetic of ints is checked.
    fn of_arithmetic(&self, operand: &Expr) -> Effects {
        if *self.checked.type_of(operand) == Type::Float { Effects::None } else { Effects::Checks }
    }

    /// Whether statements have to stand before what an expression becomes.
    pub(super) fn needs_statements(&self, e: &Expr) -> bool {
        let operands = operands(e);
        let is_lazy = matches!(&e.kind, ExprKind::Binary { op: BinaryOp::And | BinaryOp::Or, .. });
        matches!(e.kind, ExprKind::Create { .. })
            || operands.iter().any(|operand| self.needs_statements(operand))
            || !is_lazy && (0..operands.len()).any(|i| self.has_to_wait(operands[i], &operands[i + 1..]))
    }

    /// Whether it shows if one of the later operands is evaluated before this one.
    pub(super) fn has_to_wait(&self, operand: &Expr, later: &[&Expr]) -> bool {
        let (own, later) = (self.effects(operand), later.iter().map(|later| self.effects(later)).max());
        let later = later.unwrap_or(Effects::None);
        own.max(later) == Effects::Writes && own.min(later) > Effects::None
    }

    /// Whether a name means the same value throughout the function.
    pub(super) fn is_fixed(&self, e: &Expr) -> bool {
        match &e.kind {
            ExprKind::Literal(_) => true,
            ExprKind::Name(_) => match self.checked.binding(e.id) {
                Binding::Local(local) => !self.assigned.0.contains(&local),
                _ => true,
            },
            _ => false,
        }
    }
}

/// The operands of an expression in the order of their evaluation.
fn operands(e: &Expr) -> Vec<&Expr> {
    match &e.kind {
        ExprKind::Literal(_) | ExprKind::Null | ExprKind::Name(_) | ExprKind::AddressOf(_) => Vec::new(),
        ExprKind::Field { object: inner, .. }
        | ExprKind::NonNull(inner)
        | ExprKind::Negate(inner)
        | ExprKind::Not(inner) => vec![inner],
        ExprKind::Index { container, index } => vec![container, index],
        ExprKind::Binary { left, right, .. } => vec![left, right],
        ExprKind::Call { arguments, .. }
        | ExprKind::Container { arguments, .. }
        | ExprKind::Spawn { arguments, .. } => arguments.iter().collect(),
        ExprKind::Method { object, arguments, .. } => std::iter::once(&**object).chain(arguments).collect(),
        ExprKind::Create { fields, .. } => fields.iter().map(|field| &field.value).collect(),
    }
}
