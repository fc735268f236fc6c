//! Expressions.

use std::fmt::Write;

use super::Emitter;
use super::effects::Effects;
use crate::ast::{BinaryOp, Expr, ExprKind, FieldValue, Literal, Name};
use crate::check::{Binding, Builtin, Method};
use crate::text::{push_float, push_int};
use crate::types::Type;

impl Emitter<'_> {
    /// A literal.
    pub(super) fn literal(literal: &Literal) -> String {
        let mut text = String::new();
        match literal {
            Literal::Int(i64::MIN) => text.push_str("INT64_MIN"),
            Literal::Int(value) => push_int(&mut text, *value),
            Literal::Float(value) => push_float(&mut text, *value),
            Literal::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
            Literal::Text(value) => text = quoted(value),
        }
        text
    }

    /// Several expressions that are evaluated one after the other; those that would notice a later one stand in
    /// variables of their own.
    pub(super) fn values(&mut self, operands: &[&Expr]) -> Vec<String> {
        let evaluate = |(i, operand): (usize, &&Expr)| {
            let value = self.value(operand);
            if self.has_to_wait(operand, &operands[i + 1..]) { self.keep(operand, &value) } else { value }
        };
        operands.iter().enumerate().map(evaluate).collect()
    }

    /// Puts a value into a variable of its own.
    pub(super) fn keep(&mut self, e: &Expr, value: &str) -> String {
        let name = self.temporary();
        let declaration = self.declaration(self.checked.type_of(e), &name);
        self.out.line(format!("{declaration} = {value};"));
        name
    }

    pub(super) fn temporary(&mut self) -> String {
        self.n_temporaries += 1;
        format!("tmp{}", self.n_temporaries)
    }

    /// An expression; the statements it needs are written before.
    pub(super) fn value(&mut self, e: &Expr) -> String {
        match &e.kind {
            ExprKind::Literal(literal) => Self::literal(literal),
            ExprKind::Null => "NULL".to_owned(),
            ExprKind::Name(_) => match self.checked.binding(e.id) {
                Binding::Local(local) => self.names.local(self.function, local as usize).to_owned(),
                Binding::Param(param) => self.names.param(param as usize).to_owned(),
                other => panic!("{other:?} is no value"),
            },
            ExprKind::AddressOf(name) => format!("&{}", self.local(name)),
            ExprKind::Field { object, field } => format!("{}{}", self.object(object), Self::field(&field.text)),
            ExprKind::Index { container, index } => self.element(container, index),
            ExprKind::NonNull(inner) => {
                self.support.need("not_null");
                format!("not_null({})", self.value(inner))
            }
            ExprKind::Negate(inner) => {
                let value = self.value(inner);
                if *self.checked.type_of(inner) == Type::Float || matches!(inner.kind, ExprKind::Literal(_)) {
                    return format!("-{}", atom(&value));
                }
                self.support.need("subtract");
                format!("subtract(0, {value})")
            }
            ExprKind::Not(inner) => format!("!{}", atom(&self.value(inner))),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right),
            ExprKind::Call { function, arguments } => self.call(function, arguments),
            ExprKind::Method { object, method, arguments } => self.method(object, method, arguments),
            ExprKind::Create { fields, .. } => {
                let name = self.temporary();
                self.create(e, fields, &name);
                name
            }
            ExprKind::Container { arguments, .. } => {
                let new = self.function_of(self.checked.type_of(e), "new");
                let arguments = self.values(&arguments.iter().collect::<Vec<_>>());
                format!("{new}({})", arguments.join(", "))
            }
            ExprKind::Spawn { function, arguments } => {
                let Binding::Function(id) = self.checked.binding(function.id) else { panic!("no function to spawn") };
                self.spawned.insert(id);
                let arguments = self.values(&arguments.iter().collect::<Vec<_>>());
                format!("{}_spawn({})", self.names.function(id.index()), arguments.join(", "))
            }
        }
    }

    pub(super) fn local(&self, name: &Name) -> String {
        match self.checked.binding(name.id) {
            Binding::Local(local) => self.names.local(self.function, local as usize).to_owned(),
            other => panic!("{other:?} is no variable"),
        }
    }

    /// An object with what goes before the name of a member: `head->`, `point.`
    fn object(&mut self, object: &Expr) -> String {
        if let ExprKind::Name(_) = &object.kind
            && let Binding::Local(local) = self.checked.binding(object.id)
            && self.info().locals[local as usize].role == crate::check::Role::Automatic
        {
            return format!("{}.", self.value(object));
        }
        let value = self.value(object);
        let is_untyped = matches!(object.kind, ExprKind::NonNull(_))
            || matches!(&object.kind, ExprKind::Method { method, .. }
                if self.checked.binding(method.id) == Binding::Method(Method::Get));
        if is_untyped {
            return format!("(({}){value})->", self.declaration(self.checked.type_of(object), "").trim_end());
        }
        format!("{}->", atom(&value))
    }

    /// `container[index]`
    fn element(&mut self, container: &Expr, index: &Expr) -> String {
        let ty = self.checked.type_of(container).without_null();
        if matches!(ty, Type::Map(..)) {
            let get = self.function_of(ty, "get");
            return format!("{get}({})", self.values(&[container, index]).join(", "));
        }
        let place = self.place(container, index);
        if *ty == Type::Bytes { format!("(int64_t){place}") } else { place }
    }

    /// The place of an element of an array, list or bytes.
    pub(super) fn place(&mut self, container: &Expr, index: &Expr) -> String {
        if self.has_to_wait(container, &[index]) {
            let value = self.value(container);
            let kept = self.keep(container, &value);
            return format!("{kept}->data[{}]", self.value(index));
        }
        let object = self.object(container);
        format!("{object}data[{}]", self.value(index))
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> String {
        let is_or = op == BinaryOp::Or;
        if is_or || op == BinaryOp::And {
            let first = self.value(left);
            if !self.needs_statements(right) {
                return format!("{} {} {}", atom(&first), if is_or { "||" } else { "&&" }, atom(&self.value(right)));
            }
            let name = self.keep(left, &first);
            self.out.open(format!("if ({}{name}) {{", if is_or { "!" } else { "" }));
            let second = self.value(right);
            self.out.line(format!("{name} = {second};"));
            self.out.close("}");
            return name;
        }
        let (ty, other) = (self.checked.type_of(left).clone(), self.checked.type_of(right).clone());
        let [a, b] = &self.values(&[left, right])[..] else { unreachable!("two operands have two values") };
        let function = |emitter: &mut Self, name: &'static str| {
            emitter.support.need(name);
            format!("{name}({a}, {b})")
        };
        match (op, &ty) {
            (BinaryOp::Add, Type::Int) => function(self, "add"),
            (BinaryOp::Subtract, Type::Int) => function(self, "subtract"),
            (BinaryOp::Multiply, Type::Int) => function(self, "multiply"),
            (BinaryOp::Divide, Type::Int) => function(self, "divide"),
            (BinaryOp::Remainder, Type::Int) => function(self, "remain"),
            (BinaryOp::Add, Type::Str) => function(self, "text_join"),
            (BinaryOp::Divide, _) => {
                self.support.need("divisor");
                format!("{} / divisor({b})", atom(a))
            }
            (BinaryOp::Remainder, _) => {
                self.support.need("divisor");
                self.support.include("math.h");
                format!("fmod({a}, divisor({b}))")
            }
            (op, Type::Str) if other == Type::Str => {
                self.support.include("string.h");
                format!("strcmp({a}, {b}) {} 0", op.symbol())
            }
            (op, _) => format!("{} {} {}", atom(a), op.symbol(), atom(b)),
        }
    }

    fn call(&mut self, function: &Name, arguments: &[Expr]) -> String {
        if let Binding::Builtin(Builtin::Len) = self.checked.binding(function.id) {
            return self.len(&arguments[0]);
        }
        let values = self.values(&arguments.iter().collect::<Vec<_>>());
        match self.checked.binding(function.id) {
            Binding::Function(id) => format!("{}({})", self.names.function(id.index()), values.join(", ")),
            Binding::Builtin(builtin) => self.builtin(builtin, arguments, &values),
            other => panic!("{other:?} is no function"),
        }
    }

    fn len(&mut self, object: &Expr) -> String {
        match self.checked.type_of(object).without_null() {
            Type::Str => {
                self.support.need("text_len");
                format!("text_len({})", self.value(object))
            }
            Type::Array(_) | Type::Bytes => format!("(int64_t){}n", self.object(object)),
            _ => format!("(int64_t){}len", self.object(object)),
        }
    }

    fn builtin(&mut self, builtin: Builtin, arguments: &[Expr], values: &[String]) -> String {
        let first = self.checked.type_of(&arguments[0]).without_null();
        let (piece, name) = match (builtin, first) {
            (Builtin::Len, _) => unreachable!("it is no function in C"),
            (Builtin::Str, Type::Int) => ("text_of_int", "text_of_int"),
            (Builtin::Str, Type::Float) => ("text_of_float", "text_of_float"),
            (Builtin::Str, _) => {
                self.support.need("text_copy");
                return format!("text_copy({} ? \"true\" : \"false\")", atom(&values[0]));
            }
            (Builtin::Int, _) => ("truncated", "truncated"),
            (Builtin::Float, _) => return format!("(double){}", atom(&values[0])),
            (Builtin::Bytes, _) => ("bytes_new", "bytes_new"),
            (Builtin::Rand, _) => ("rand", "rand_between"),
            (Builtin::Weak, _) => ("weak_new", "weak_new"),
        };
        self.support.need(piece);
        format!("{name}({})", values.join(", "))
    }

    pub(super) fn method(&mut self, object: &Expr, method: &Name, arguments: &[Expr]) -> String {
        let Binding::Method(method) = self.checked.binding(method.id) else { panic!("`{}` is no method", method.text) };
        let operands: Vec<&Expr> = std::iter::once(object).chain(arguments).collect();
        let values = self.values(&operands).join(", ");
        let name = match method {
            Method::Push => "push",
            Method::Pop => "pop",
            Method::Has => "find",
            Method::Remove => "remove",
            Method::Get => {
                self.support.need("weak_get");
                return format!("weak_get({values})");
            }
        };
        let function = self.function_of(self.checked.type_of(object), name);
        let has = if method == Method::Has { " != 0" } else { "" };
        format!("{function}({values}){has}")
    }

    /// Declares a variable with a new record in it.
    pub(super) fn create(&mut self, e: &Expr, fields: &[FieldValue], name: &str) {
        let ty = self.checked.type_of(e);
        // Asking for memory comes behind the values: what they read must not be after it.
        let values: Vec<String> = (0..fields.len())
            .map(|i| {
                let (value, later) = (&fields[i].value, fields[i + 1..].iter().map(|field| &field.value));
                let text = self.value(value);
                let has_to_wait =
                    self.effects(value) > Effects::Checks || self.has_to_wait(value, &later.collect::<Vec<_>>());
                if has_to_wait && !is_kept(&text) { self.keep(value, &text) } else { text }
            })
            .collect();
        self.support.need("checked");
        let declaration = self.declaration(ty, name);
        self.out.line(format!("{declaration} = checked(malloc(sizeof *{name}));"));
        for (field, value) in fields.iter().zip(&values) {
            self.out.line(format!("{name}->{} = {value};", Self::field(&field.field.text)));
        }
    }
}

/// Whether a value is in a variable of its own already.
fn is_kept(value: &str) -> bool {
    value.strip_prefix("tmp").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// In parentheses, unless it is one name, number, member or call.
pub(super) fn atom(value: &str) -> String {
    let mut depth = 0;
    let mut in_text = false;
    let mut last = ' ';
    for c in value.chars() {
        match c {
            '"' if last != '\\' => in_text = !in_text,
            _ if in_text => {}
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ' ' if depth == 0 => return format!("({value})"),
            _ => {}
        }
        last = c;
    }
    if value.starts_with(['-', '&', '!']) {
        return format!("({value})");
    }
    value.to_owned()
}

/// A text as a literal of C.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // Three digits, so that a digit behind it is not one of them.
            c if c.is_ascii_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\{:03o}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
