//! Expressions. Operands come from left to right in Java as in a workload; what Java creates before its values, a
//! factory creates after them.

use std::fmt::Write as _;

use super::support::Support;
use super::{Emitter, factory_name, unset};
use crate::ast::{BinaryOp, Expr, ExprKind, FieldValue, Literal, Name};
use crate::check::{Binding, Builtin, Method};
use crate::types::Type;

/// How tightly an expression holds together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bond {
    Or,
    And,
    Equality,
    Relation,
    Sum,
    Product,
    Unary,
    Primary,
}

/// An expression of Java.
pub(super) struct Java {
    pub(super) text: String,
    bond: Bond,
    /// Whether its type is not quite the workload's: an `int`, or a box.
    is_loose: bool,
}

impl Java {
    fn primary(text: impl Into<String>) -> Java {
        Java { text: text.into(), bond: Bond::Primary, is_loose: false }
    }

    fn loose(text: impl Into<String>) -> Java {
        Java { is_loose: true, ..Java::primary(text) }
    }

    fn bound(text: impl Into<String>, bond: Bond) -> Java {
        Java { text: text.into(), bond, is_loose: false }
    }

    /// The text as an operand of something that binds as tightly as `bond`.
    fn within(self, bond: Bond) -> String {
        if self.bond < bond { format!("({})", self.text) } else { self.text }
    }
}

/// A literal of Java.
pub(super) fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Int(value) => format!("{value}L"),
        Literal::Float(value) if value.is_infinite() => {
            if *value > 0.0 { "Double.POSITIVE_INFINITY" } else { "Double.NEGATIVE_INFINITY" }.to_owned()
        }
        Literal::Float(value) => format!("{value:?}"),
        Literal::Bool(value) => value.to_string(),
        Literal::Text(text) => quoted(text),
    }
}

/// A text as a literal of Java.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(b'"') => quoted.push_str("\\\""),
            Ok(b'\\') => quoted.push_str("\\\\"),
            Ok(b'\n') => quoted.push_str("\\n"),
            Ok(b'\t') => quoted.push_str("\\t"),
            Ok(byte @ 0x20..0x7f) => quoted.push(char::from(byte)),
            // Not `\u000a`: javac would see the character itself.
            Ok(byte @ (0..0x20 | 0x7f)) => write!(quoted, "\\{byte:03o}").expect("a string grows"),
            _ => write!(quoted, "\\u{unit:04x}").expect("a string grows"),
        }
    }
    quoted + "\""
}

impl Emitter<'_> {
    /// An expression where Java converts by itself: assigned, returned, compared, passed.
    pub(super) fn value(&mut self, expression: &Expr) -> String {
        self.java(expression).text
    }

    /// An expression of exactly the type that the workload says: a `long`, never an `int` or a `Long`.
    pub(super) fn exact(&mut self, expression: &Expr) -> String {
        self.exactly(expression).text
    }

    fn exactly(&mut self, expression: &Expr) -> Java {
        let java = self.java(expression);
        if !java.is_loose {
            return java;
        }
        let checked = self.checked;
        let ty = self.java_type(checked.type_of(expression));
        Java::bound(format!("({ty}) {}", java.within(Bond::Unary)), Bond::Unary)
    }

    /// Whether evaluating it allocates nothing and calls nothing of the workload's.
    pub(super) fn is_plain(&self, expression: &Expr) -> bool {
        match &expression.kind {
            ExprKind::Literal(_) | ExprKind::Null | ExprKind::Name(_) | ExprKind::AddressOf(_) => true,
            ExprKind::Field { object: inner, .. }
            | ExprKind::NonNull(inner)
            | ExprKind::Negate(inner)
            | ExprKind::Not(inner) => self.is_plain(inner),
            ExprKind::Index { container, index } => {
                !matches!(self.checked.type_of(container).without_null(), Type::Map(..))
                    && self.is_plain(container)
                    && self.is_plain(index)
            }
            ExprKind::Binary { left, right, .. } => {
                *self.checked.type_of(expression) != Type::Str && self.is_plain(left) && self.is_plain(right)
            }
            ExprKind::Call { function, arguments } => {
                let is_pure = matches!(
                    self.checked.binding(function.id),
                    Binding::Builtin(Builtin::Len | Builtin::Int | Builtin::Float)
                );
                is_pure && arguments.iter().all(|argument| self.is_plain(argument))
            }
            _ => false,
        }
    }

    fn java(&mut self, expression: &Expr) -> Java {
        let checked = self.checked;
        let ty = checked.type_of(expression);
        match &expression.kind {
            ExprKind::Literal(value) => Java::primary(literal(value)),
            ExprKind::Null => Java::primary("null"),
            ExprKind::Name(_) => Java::primary(self.named(checked.binding(expression.id))),
            ExprKind::AddressOf(name) => Java::primary(self.named(checked.binding(name.id))),
            ExprKind::Field { object, field } => {
                let object = self.dereferenced(object);
                Java::primary(format!("{object}.{}", self.names.variable(&field.text)))
            }
            ExprKind::Index { container, index } => self.index(container, index),
            ExprKind::NonNull(inner) => {
                self.import("java.util.Objects");
                Java::primary(format!("Objects.requireNonNull({})", self.value(inner)))
            }
            ExprKind::Negate(inner) => self.negated(inner, ty),
            ExprKind::Not(inner) => Java::bound(format!("!{}", self.java(inner).within(Bond::Unary)), Bond::Unary),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, ty),
            ExprKind::Call { function, arguments } => {
                if let Binding::Builtin(builtin) = checked.binding(function.id) {
                    return self.builtin(builtin, arguments);
                }
                let arguments = self.values(arguments);
                Java::primary(format!("{}({arguments})", self.names.function(&function.text)))
            }
            ExprKind::Method { object, method, arguments } => self.method(object, method, arguments),
            ExprKind::Create { record, fields } => Java::primary(self.create(record, fields)),
            ExprKind::Container { arguments, .. } => self.container(ty, arguments),
            ExprKind::Spawn { function, arguments } => {
                let Binding::Function(id) = checked.binding(function.id) else { unreachable!("a function") };
                self.spawned.insert(id.0);
                let arguments = self.values(arguments);
                Java::primary(format!("spawn_{}({arguments})", self.names.function(&function.text)))
            }
        }
    }

    /// An object that is about to be used: Java looks at once whether it is null.
    pub(super) fn dereferenced(&mut self, expression: &Expr) -> String {
        match &expression.kind {
            ExprKind::NonNull(inner) => self.dereferenced(inner),
            _ => self.java(expression).within(Bond::Primary),
        }
    }

    fn values(&mut self, expressions: &[Expr]) -> String {
        let values: Vec<String> = expressions.iter().map(|expression| self.value(expression)).collect();
        values.join(", ")
    }

    /// An index or a length: an `int` of Java.
    pub(super) fn int(&mut self, expression: &Expr) -> String {
        match &expression.kind {
            ExprKind::Literal(Literal::Int(value)) if i32::try_from(*value).is_ok() => value.to_string(),
            _ => {
                let value = self.java(expression);
                let is_int = value.is_loose && matches!(&expression.kind, ExprKind::Call { .. });
                if is_int { value.text } else { format!("Math.toIntExact({})", value.text) }
            }
        }
    }

    fn index(&mut self, container: &Expr, index: &Expr) -> Java {
        let checked = self.checked;
        match checked.type_of(container).without_null() {
            Type::Map(..) => {
                self.support.insert(Support::Get);
                let map = self.value(container);
                Java::loose(format!("get({map}, {})", self.exact(index)))
            }
            Type::List(_) => {
                let list = self.dereferenced(container);
                Java::loose(format!("{list}.get({})", self.int(index)))
            }
            Type::Bytes => {
                let bytes = self.dereferenced(container);
                let text = format!("({bytes}[{}] & 0xff)", self.int(index));
                Java::loose(text)
            }
            _ => {
                let array = self.dereferenced(container);
                Java::primary(format!("{array}[{}]", self.int(index)))
            }
        }
    }

    fn negated(&mut self, inner: &Expr, ty: &Type) -> Java {
        if let ExprKind::Literal(value @ (Literal::Int(_) | Literal::Float(_))) = &inner.kind {
            return Java::bound(format!("-{}", literal(value)), Bond::Unary);
        }
        if *ty == Type::Int {
            return Java::primary(format!("Math.negateExact({})", self.exact(inner)));
        }
        Java::bound(format!("-{}", self.exactly(inner).within(Bond::Primary)), Bond::Unary)
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, ty: &Type) -> Java {
        let checked = self.checked;
        match op {
            BinaryOp::And | BinaryOp::Or => {
                let (bond, symbol) = if op == BinaryOp::And { (Bond::And, "&&") } else { (Bond::Or, "||") };
                let left = self.java(left).within(bond);
                let right = self.java(right).within(bond);
                Java::bound(format!("{left} {symbol} {right}"), bond)
            }
            _ if op.is_comparison() => {
                let is_text = |expression: &Expr| *checked.type_of(expression) == Type::Str;
                if is_text(left) && is_text(right) {
                    return self.text_comparison(op, left, right);
                }
                let bond =
                    if matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) { Bond::Equality } else { Bond::Relation };
                // Two boxes would be compared by identity.
                let left = self.exactly(left).within(Bond::Sum);
                let right = self.exactly(right).within(Bond::Sum);
                Java::bound(format!("{left} {} {right}", op.symbol()), bond)
            }
            _ => match ty {
                Type::Int => self.int_arithmetic(op, left, right),
                Type::Float => self.float_arithmetic(op, left, right),
                _ => {
                    let left = self.java(left).within(Bond::Primary);
                    Java::primary(format!("{left}.concat({})", self.value(right)))
                }
            },
        }
    }

    fn text_comparison(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Java {
        if matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) {
            let left = self.java(left).within(Bond::Primary);
            let text = format!("{left}.equals({})", self.value(right));
            return match op {
                BinaryOp::Equal => Java::primary(text),
                _ => Java::bound(format!("!{text}"), Bond::Unary),
            };
        }
        self.support.insert(Support::Order);
        let (left, right) = (self.value(left), self.value(right));
        Java::bound(format!("order({left}, {right}) {} 0", op.symbol()), Bond::Relation)
    }

    fn int_arithmetic(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Java {
        let is_harmless =
            |divisor: &Expr| matches!(&divisor.kind, ExprKind::Literal(Literal::Int(value)) if *value > 0);
        let (a, b) = (self.exactly(left), self.exactly(right));
        let method = match op {
            BinaryOp::Add => "Math.addExact",
            BinaryOp::Subtract => "Math.subtractExact",
            BinaryOp::Multiply => "Math.multiplyExact",
            BinaryOp::Divide if !is_harmless(right) => {
                self.support.insert(Support::Divide);
                "divide"
            }
            _ => {
                let (a, b) = (a.within(Bond::Product), b.within(Bond::Unary));
                return Java::bound(format!("{a} {} {b}", op.symbol()), Bond::Product);
            }
        };
        Java::primary(format!("{method}({}, {})", a.text, b.text))
    }

    fn float_arithmetic(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Java {
        let divides = matches!(op, BinaryOp::Divide | BinaryOp::Remainder);
        let is_harmless = matches!(&right.kind, ExprKind::Literal(Literal::Float(value)) if *value != 0.0);
        let (a, b) = (self.exactly(left), self.exactly(right));
        if divides && !is_harmless {
            self.support.insert(Support::NonZero);
            let a = a.within(Bond::Product);
            return Java::bound(format!("{a} {} nonZero({})", op.symbol(), b.text), Bond::Product);
        }
        let bond = if matches!(op, BinaryOp::Add | BinaryOp::Subtract) { Bond::Sum } else { Bond::Product };
        let above = if bond == Bond::Sum { Bond::Product } else { Bond::Unary };
        Java::bound(format!("{} {} {}", a.within(bond), op.symbol(), b.within(above)), bond)
    }

    fn builtin(&mut self, builtin: Builtin, arguments: &[Expr]) -> Java {
        let checked = self.checked;
        let first = &arguments[0];
        match builtin {
            Builtin::Len => {
                let object = self.dereferenced(first);
                Java::loose(match checked.type_of(first).without_null() {
                    Type::Array(_) | Type::Bytes => format!("{object}.length"),
                    Type::Str => {
                        self.support.insert(Support::Length);
                        format!("length({object})")
                    }
                    _ => format!("{object}.size()"),
                })
            }
            Builtin::Str => {
                let value = self.value(first);
                Java::primary(match checked.type_of(first) {
                    Type::Float => {
                        self.float_text();
                        format!("toString({value})")
                    }
                    Type::Bool => format!("Boolean.toString({value})"),
                    _ => format!("Long.toString({value})"),
                })
            }
            Builtin::Int => {
                self.support.insert(Support::ToInt);
                Java::primary(format!("toInt({})", self.value(first)))
            }
            Builtin::Float => {
                let value = self.exactly(first).within(Bond::Unary);
                Java::bound(format!("(double) {value}"), Bond::Unary)
            }
            Builtin::Bytes => Java::primary(format!("new byte[{}]", self.int(first))),
            Builtin::Rand => {
                self.support.insert(Support::Rand);
                Java::primary(format!("rand({})", self.values(arguments)))
            }
            Builtin::Weak => {
                self.import("java.lang.ref.WeakReference");
                let value = self.value(first);
                if self.is_plain(first) {
                    return Java::primary(format!("new WeakReference<>({value})"));
                }
                self.support.insert(Support::Weak);
                Java::primary(format!("weak({value})"))
            }
        }
    }

    /// That a float is printed or made a text.
    pub(super) fn float_text(&mut self) {
        self.support.insert(Support::FloatText);
        for class in ["java.math.BigDecimal", "java.math.MathContext", "java.math.RoundingMode"] {
            self.import(class);
        }
    }

    fn method(&mut self, object: &Expr, method: &Name, arguments: &[Expr]) -> Java {
        let Binding::Method(known) = self.checked.binding(method.id) else { unreachable!("a method") };
        match known {
            Method::Push => {
                let list = self.dereferenced(object);
                Java::primary(format!("{list}.add({})", self.exact(&arguments[0])))
            }
            Method::Pop => {
                self.support.insert(Support::Pop);
                self.import("java.util.ArrayList");
                Java::loose(format!("pop({})", self.value(object)))
            }
            Method::Has => {
                let map = self.dereferenced(object);
                Java::primary(format!("{map}.containsKey({})", self.exact(&arguments[0])))
            }
            Method::Remove => {
                self.support.insert(Support::Remove);
                self.import("java.util.LinkedHashMap");
                let map = self.value(object);
                Java::primary(format!("remove({map}, {})", self.exact(&arguments[0])))
            }
            Method::Get => Java::primary(format!("{}.get()", self.dereferenced(object))),
        }
    }

    /// A creation: with the constructor, or with a factory where values come from calls or allocate themselves.
    pub(super) fn create(&mut self, record: &Name, given: &[FieldValue]) -> String {
        let checked = self.checked;
        let Binding::Record(id) = checked.binding(record.id) else { unreachable!("a record") };
        let fields = &checked.records[id.index()].fields;
        let name = self.names.record(id).to_owned();
        let field_of = |value: &FieldValue| match checked.binding(value.field.id) {
            Binding::Field(field) => field.0,
            other => panic!("`{}` is {other:?}", value.field.text),
        };
        let mut values = Vec::new();
        if given.iter().all(|field| self.is_plain(&field.value)) {
            for (index, (_, ty)) in fields.iter().enumerate() {
                let value = given.iter().find(|value| field_of(value) == index as u32);
                values.push(value.map_or_else(|| unset(ty).to_owned(), |value| self.value(&value.value)));
            }
            return format!("new {name}({})", values.join(", "));
        }
        let order: Vec<u32> = given.iter().map(field_of).collect();
        let method = factory_name(fields, &order);
        self.factories.entry(id.0).or_default().insert(order);
        for value in given {
            values.push(self.value(&value.value));
        }
        format!("{name}.{method}({})", values.join(", "))
    }

    fn container(&mut self, ty: &Type, arguments: &[Expr]) -> Java {
        match ty {
            Type::Array(element) => {
                let length = self.int(&arguments[0]);
                let class = self.java_type(element);
                // An array of something generic is created as one of the class alone; so is an array of arrays.
                let (raw, dimensions) = class.split_at(class.find("[]").unwrap_or(class.len()));
                match raw.split_once('<') {
                    Some((generic, _)) => {
                        self.support.insert(Support::Unchecked);
                        Java::bound(format!("({class}[]) new {generic}[{length}]{dimensions}"), Bond::Unary)
                    }
                    None => Java::primary(format!("new {raw}[{length}]{dimensions}")),
                }
            }
            _ => Java::primary(format!("new {}()", self.class_of(ty))),
        }
    }
}
