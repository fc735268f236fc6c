//! Expressions, with no more parentheses than they need.

use std::fmt::Write;

use memory_trait::RecordId;

use super::Function;
use super::preamble::{Helper, default_of};
use crate::ast::{BinaryOp, Expr, ExprKind, FieldValue, Literal, Name};
use crate::check::{Binding, Builtin, Method};
use crate::text::push_float;
use crate::types::Type;

/// How tightly an expression holds together, from the loosest on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Conditional,
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Sign,
    Primary,
}

/// What evaluating an expression does, as far as the order of evaluation can show it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// Nothing, and nothing can change its value: a variable, a literal.
    None,
    /// It reads objects.
    Reads,
    /// It makes objects.
    Makes,
    /// It runs the program's own code, or changes objects.
    Acts,
}

impl Effect {
    /// Whether nobody can tell which of two was evaluated first.
    pub(super) fn commutes_with(self, other: Effect) -> bool {
        match (self.min(other), self.max(other)) {
            (Effect::None, _) => true,
            (Effect::Reads, later) => later <= Effect::Makes,
            _ => false,
        }
    }
}

/// A literal.
pub(super) fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Int(value) => value.to_string(),
        Literal::Float(value) => {
            let mut text = String::new();
            push_float(&mut text, *value);
            if value.is_finite() { text } else { format!("float(\"{text}\")") }
        }
        Literal::Bool(value) => (if *value { "True" } else { "False" }).to_owned(),
        Literal::Text(text) => text_literal(text),
    }
}

/// A text in quotes.
pub(super) fn text_literal(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl Function<'_, '_> {
    /// An expression that stands by itself, or between commas.
    pub(super) fn expression(&mut self, expression: &Expr) -> String {
        self.at(expression, Level::Conditional)
    }

    /// An expression that something follows: `.name`, `[index]`.
    pub(super) fn primary(&mut self, expression: &Expr) -> String {
        self.at(expression, Level::Primary)
    }

    /// An expression, in parentheses unless it holds together at least so tightly.
    fn at(&mut self, expression: &Expr, least: Level) -> String {
        let (text, level) = self.leveled(expression);
        if level < least { format!("({text})") } else { text }
    }

    fn leveled(&mut self, expression: &Expr) -> (String, Level) {
        let primary = |text: String| (text, Level::Primary);
        let checked = self.emission.workload.checked();
        match &expression.kind {
            ExprKind::Literal(value) => {
                let text = literal(value);
                let level = if text.starts_with('-') { Level::Sign } else { Level::Primary };
                (text, level)
            }
            ExprKind::Null => primary("None".to_owned()),
            ExprKind::Name(_) => primary(self.name(expression)),
            ExprKind::AddressOf(name) => primary(self.variable(name)),
            ExprKind::Field { object, field } => {
                let record = self.record_of(object);
                let object = self.at(object, Level::Primary);
                primary(format!("{object}.{}", self.attribute(record, field)))
            }
            ExprKind::Index { container, index } => {
                let container = self.at(container, Level::Primary);
                primary(format!("{container}[{}]", self.expression(index)))
            }
            // `None` is noticed by whoever uses it.
            ExprKind::NonNull(inner) => self.leveled(inner),
            ExprKind::Negate(inner) => (format!("-{}", self.at(inner, Level::Sign)), Level::Sign),
            ExprKind::Not(inner) => (format!("not {}", self.at(inner, Level::Not)), Level::Not),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, checked.type_of(expression)),
            ExprKind::Call { function, arguments } => match checked.binding(function.id) {
                Binding::Builtin(builtin) => self.builtin(builtin, arguments),
                Binding::Function(id) => {
                    let arguments = self.arguments(arguments);
                    primary(format!("{}({arguments})", self.names.function(id.index())))
                }
                other => panic!("`{}` is {other:?}", function.text),
            },
            ExprKind::Method { object, method, arguments } => self.method(object, method, arguments),
            ExprKind::Create { record, fields } => primary(self.creation(record, fields)),
            ExprKind::Container { arguments, .. } => self.container(checked.type_of(expression), arguments),
            ExprKind::Spawn { function, arguments } => {
                self.needed.insert(Helper::Spawn);
                let Binding::Function(id) = checked.binding(function.id) else { unreachable!("a function") };
                let mut all = self.names.function(id.index()).to_owned();
                for argument in arguments {
                    all.push_str(", ");
                    all.push_str(&self.expression(argument));
                }
                primary(format!("_spawn({all})"))
            }
        }
    }

    fn name(&self, expression: &Expr) -> String {
        match self.emission.workload.checked().binding(expression.id) {
            Binding::Local(local) => self.locals.name(local).to_owned(),
            Binding::Param(param) => self.names.param(param).to_owned(),
            other => panic!("{other:?} is no variable"),
        }
    }

    /// A variable by the name that declares it, or in `&name`.
    pub(super) fn variable(&self, name: &Name) -> String {
        match self.emission.workload.checked().binding(name.id) {
            Binding::Local(local) => self.locals.name(local).to_owned(),
            other => panic!("`{}` is {other:?}", name.text),
        }
    }

    pub(super) fn record_of(&self, object: &Expr) -> RecordId {
        match self.emission.workload.checked().type_of(object).without_null() {
            Type::Record(record) => *record,
            other => panic!("{other:?} has no fields"),
        }
    }

    pub(super) fn attribute(&self, record: RecordId, field: &Name) -> String {
        match self.emission.workload.checked().binding(field.id) {
            Binding::Field(index) => self.names.attribute(record, index).to_owned(),
            other => panic!("`{}` is {other:?}", field.text),
        }
    }

    fn arguments(&mut self, arguments: &[Expr]) -> String {
        arguments.iter().map(|argument| self.expression(argument)).collect::<Vec<_>>().join(", ")
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, ty: &Type) -> (String, Level) {
        let is_int = *ty == Type::Int;
        let (symbol, level) = match op {
            BinaryOp::Or => ("or", Level::Or),
            BinaryOp::And => ("and", Level::And),
            BinaryOp::Add => ("+", Level::Sum),
            BinaryOp::Subtract => ("-", Level::Sum),
            BinaryOp::Multiply => ("*", Level::Product),
            BinaryOp::Divide | BinaryOp::Remainder if is_int => {
                let is_plain = self.is_never_negative(left) && self.is_never_negative(right);
                let (symbol, helper, name) = match op {
                    BinaryOp::Divide => ("//", Helper::Quotient, "_quotient"),
                    _ => ("%", Helper::Remainder, "_remainder"),
                };
                if !is_plain {
                    self.needed.insert(helper);
                    let (left, right) = (self.expression(left), self.expression(right));
                    return (format!("{name}({left}, {right})"), Level::Primary);
                }
                (symbol, Level::Product)
            }
            BinaryOp::Divide => ("/", Level::Product),
            BinaryOp::Remainder => {
                self.needed.insert(Helper::Math);
                let (left, right) = (self.expression(left), self.expression(right));
                return (format!("math.fmod({left}, {right})"), Level::Primary);
            }
            BinaryOp::Equal if self.compares_identity(left, right) => ("is", Level::Comparison),
            BinaryOp::NotEqual if self.compares_identity(left, right) => ("is not", Level::Comparison),
            comparison => (comparison.symbol(), Level::Comparison),
        };
        // Comparisons of comparisons would be chains; the others go from left to right.
        let above = match level {
            Level::Or => Level::And,
            Level::And => Level::Not,
            Level::Sum => Level::Product,
            Level::Product => Level::Sign,
            _ => Level::Sum,
        };
        let own = if level == Level::Comparison { above } else { level };
        (format!("{} {symbol} {}", self.at(left, own), self.at(right, above)), level)
    }

    fn compares_identity(&self, left: &Expr, right: &Expr) -> bool {
        let checked = self.emission.workload.checked();
        let is_value =
            |expression: &Expr| matches!(checked.type_of(expression), Type::Int | Type::Float | Type::Bool | Type::Str);
        !is_value(left) || !is_value(right)
    }

    fn builtin(&mut self, builtin: Builtin, arguments: &[Expr]) -> (String, Level) {
        let all = self.arguments(arguments);
        let is_bool = *self.emission.workload.checked().type_of(&arguments[0]) == Type::Bool;
        let text = match builtin {
            Builtin::Len => format!("len({all})"),
            Builtin::Str if is_bool => format!("str({all}).lower()"),
            Builtin::Str => format!("str({all})"),
            Builtin::Int => format!("int({all})"),
            Builtin::Float => format!("float({all})"),
            Builtin::Bytes => format!("bytes({all})"),
            Builtin::Rand => {
                self.needed.insert(Helper::Rand);
                format!("_rand({all})")
            }
            Builtin::Weak => {
                self.needed.insert(Helper::Weakref);
                format!("weakref.ref({all})")
            }
        };
        (text, Level::Primary)
    }

    fn container(&mut self, ty: &Type, arguments: &[Expr]) -> (String, Level) {
        match ty {
            Type::Array(element) => {
                let default = default_of(element.kind());
                if self.effect(&arguments[0]) > Effect::Reads {
                    // The length comes first.
                    return (format!("{} * [{default}]", self.at(&arguments[0], Level::Product)), Level::Product);
                }
                (format!("[{default}] * {}", self.at(&arguments[0], Level::Sign)), Level::Product)
            }
            Type::List(_) => ("[]".to_owned(), Level::Primary),
            Type::Map(..) => ("{}".to_owned(), Level::Primary),
            other => panic!("{other:?} is not a container"),
        }
    }

    fn method(&mut self, object: &Expr, method: &Name, arguments: &[Expr]) -> (String, Level) {
        let checked = self.emission.workload.checked();
        let Binding::Method(known) = checked.binding(method.id) else { panic!("`{}` is no method", method.text) };
        let swaps = arguments.first().is_none_or(|key| self.effect(object).commutes_with(self.effect(key)));
        let value_may_be_none = match checked.type_of(object).without_null() {
            Type::Map(_, value) => value.is_nullable(),
            _ => false,
        };
        let container = self.at(object, Level::Primary);
        let all = self.arguments(arguments);
        match known {
            Method::Push => (format!("{container}.append({all})"), Level::Primary),
            Method::Pop => (format!("{container}.pop()"), Level::Primary),
            Method::Get => (format!("{container}()"), Level::Primary),
            // The key would be evaluated first.
            Method::Has if !swaps => (format!("{container}.__contains__({all})"), Level::Primary),
            Method::Has => {
                let key = self.at(&arguments[0], Level::Sum);
                (format!("{key} in {container}"), Level::Comparison)
            }
            Method::Remove if value_may_be_none => {
                self.needed.insert(Helper::Missing);
                (format!("{container}.pop({all}, _missing) is not _missing"), Level::Comparison)
            }
            Method::Remove => (format!("{container}.pop({all}, None) is not None"), Level::Comparison),
        }
    }

    /// `Record(a, b)`: by position; by name where the order of evaluation can be told.
    pub(super) fn creation(&mut self, record: &Name, fields: &[FieldValue]) -> String {
        let checked = self.emission.workload.checked();
        let Binding::Record(id) = checked.binding(record.id) else { unreachable!("a record") };
        let place = |field: &FieldValue| match checked.binding(field.field.id) {
            Binding::Field(index) => index.index(),
            other => panic!("`{}` is {other:?}", field.field.text),
        };
        let mut arguments = Vec::new();
        // In another order only where nobody can tell.
        let is_movable = fields.iter().enumerate().all(|(at, field)| {
            let effect = self.effect(&field.value);
            let mut later = fields[at + 1..].iter().filter(|other| place(other) < place(field));
            later.all(|other| self.effect(&other.value).commutes_with(effect))
        });
        if is_movable {
            let mut fields: Vec<&FieldValue> = fields.iter().collect();
            fields.sort_by_key(|field| place(field));
            for field in fields {
                let skipped = &checked.records[id.index()].fields[arguments.len()..place(field)];
                arguments.extend(skipped.iter().map(|(_, ty)| default_of(ty.kind()).to_owned()));
                arguments.push(self.expression(&field.value));
            }
        } else {
            for field in fields {
                let value = self.expression(&field.value);
                arguments.push(format!("{}={value}", self.attribute(id, &field.field)));
            }
        }
        format!("{}({})", self.names.record(id), arguments.join(", "))
    }

    /// Whether an int is known to be zero or more: then Python divides as the language does.
    pub(super) fn is_never_negative(&self, expression: &Expr) -> bool {
        let checked = self.emission.workload.checked();
        match &expression.kind {
            ExprKind::Literal(Literal::Int(value)) => *value >= 0,
            ExprKind::Name(_) => match checked.binding(expression.id) {
                Binding::Param(param) => matches!(self.emission.params[param as usize], Literal::Int(0..)),
                Binding::Local(local) => self.never_negative.contains(&local),
                _ => false,
            },
            ExprKind::Binary { op, left, right } => {
                *op != BinaryOp::Subtract && self.is_never_negative(left) && self.is_never_negative(right)
            }
            ExprKind::Call { function, arguments } => match checked.binding(function.id) {
                Binding::Builtin(Builtin::Len) => true,
                Binding::Builtin(Builtin::Rand) => self.is_never_negative(&arguments[0]),
                _ => false,
            },
            _ => false,
        }
    }

    /// What evaluating an expression does.
    pub(super) fn effect(&self, expression: &Expr) -> Effect {
        let checked = self.emission.workload.checked();
        // A collection may come with every new container, and run finalizers.
        let contains =
            if checked.records.iter().any(|record| record.finalizer.is_some()) { Effect::Acts } else { Effect::Makes };
        let all = |expressions: &[Expr]| {
            expressions.iter().map(|expression| self.effect(expression)).max().unwrap_or(Effect::None)
        };
        match &expression.kind {
            ExprKind::Literal(_) | ExprKind::Null | ExprKind::Name(_) | ExprKind::AddressOf(_) => Effect::None,
            ExprKind::Field { object, .. } => self.effect(object).max(Effect::Reads),
            ExprKind::Index { container, index } => self.effect(container).max(self.effect(index)).max(Effect::Reads),
            ExprKind::NonNull(inner) | ExprKind::Not(inner) => self.effect(inner),
            ExprKind::Negate(inner) => self.effect(inner).max(Effect::Makes),
            ExprKind::Binary { op, left, right } => {
                let operands = self.effect(left).max(self.effect(right));
                let is_test = op.is_comparison() || matches!(op, BinaryOp::And | BinaryOp::Or);
                if is_test { operands } else { operands.max(Effect::Makes) }
            }
            ExprKind::Call { function, arguments } => match checked.binding(function.id) {
                Binding::Builtin(Builtin::Rand) => Effect::Acts,
                Binding::Builtin(Builtin::Weak) => all(arguments).max(contains),
                Binding::Builtin(_) => all(arguments).max(Effect::Makes),
                _ => Effect::Acts,
            },
            ExprKind::Method { object, method, arguments } => match checked.binding(method.id) {
                Binding::Method(Method::Has | Method::Get) => {
                    self.effect(object).max(all(arguments)).max(Effect::Reads)
                }
                _ => Effect::Acts,
            },
            ExprKind::Create { fields, .. } => {
                fields.iter().map(|field| self.effect(&field.value)).fold(contains, Effect::max)
            }
            ExprKind::Container { arguments, .. } => all(arguments).max(contains),
            ExprKind::Spawn { .. } => Effect::Acts,
        }
    }
}
