//! Expressions: their types.

use memory_trait::{FieldIndex, RecordId};

use super::{Binding, Checker, Role, literal_type};
use crate::ast::{BinaryOp, Expr, ExprKind, FieldValue, Name};
use crate::diagnostic::{Problem, did_you_mean};
use crate::types::Type;

impl<'f> Checker<'f> {
    /// Checks an expression whose value is needed.
    pub(super) fn value(&mut self, expression: &'f Expr) -> Type {
        let ty = self.expression(expression);
        if ty == Type::Nothing && !matches!(expression.kind, ExprKind::Call { .. }) {
            let problem = Problem::new(expression.span, "this has no value").label("no value");
            self.report(problem.help("it stands as a statement of its own"));
            return Type::Unknown;
        }
        ty
    }

    pub(super) fn expression(&mut self, expression: &'f Expr) -> Type {
        self.expression_in(expression, false)
    }

    /// Checks an expression; the name of a `local` alone is not a value, but its field may be taken.
    pub(super) fn expression_in(&mut self, expression: &'f Expr, may_be_automatic: bool) -> Type {
        let ty = match &expression.kind {
            ExprKind::Literal(literal) => literal_type(literal),
            ExprKind::Null => Type::Null,
            ExprKind::Name(name) => self.name(expression, name, may_be_automatic),
            ExprKind::AddressOf(name) => self.address_of(name),
            ExprKind::Field { object, field } => self.field(object, field),
            ExprKind::Index { container, index } => self.index(container, index),
            ExprKind::NonNull(inner) => match self.value(inner) {
                Type::Nullable(inner) => *inner,
                Type::Unknown => Type::Unknown,
                other => {
                    let text = self.text(&other);
                    let problem = Problem::new(expression.span, format!("`{text}` is never null"));
                    self.report(problem.label("`!` does nothing here").help("remove the `!`"));
                    other
                }
            },
            ExprKind::Negate(inner) => {
                let ty = self.value(inner);
                if matches!(ty, Type::Int | Type::Float | Type::Unknown) {
                    ty
                } else {
                    let text = self.text(&ty);
                    let problem = Problem::new(expression.span, format!("`-` is for numbers, not for `{text}`"));
                    self.report(problem.label(format!("this is `{text}`")));
                    Type::Unknown
                }
            }
            ExprKind::Not(inner) => {
                let ty = self.value(inner);
                self.demand(&ty, &Type::Bool, inner.span);
                Type::Bool
            }
            ExprKind::Binary { op, left, right } => self.binary(expression, *op, left, right),
            ExprKind::Call { function, arguments } => self.call(function, arguments),
            ExprKind::Method { object, method, arguments } => self.method(object, method, arguments),
            ExprKind::Create { record, fields } => self.create(record, fields),
            ExprKind::Container { ty, arguments } => self.container(ty, arguments, expression.span),
            ExprKind::Spawn { function, arguments } => self.spawn(function, arguments, expression.span),
        };
        self.checked.types[expression.id.0 as usize] = ty.clone();
        ty
    }

    fn name(&mut self, expression: &Expr, name: &str, may_be_automatic: bool) -> Type {
        let binding = self.find(name, expression.span);
        self.checked.bindings[expression.id.0 as usize] = binding;
        match binding {
            Binding::Local(local) => {
                if self.local(local).role == Role::Automatic && !may_be_automatic {
                    let problem = Problem::new(expression.span, format!("`{name}` is a record in automatic storage"));
                    self.report(problem.label("not a value").help(format!("write `&{name}` for its address")));
                }
                self.local(local).ty.clone()
            }
            Binding::Param(param) => literal_type(&self.file.params[param as usize].value),
            _ => Type::Unknown,
        }
    }

    fn address_of(&mut self, name: &Name) -> Type {
        let binding = self.find(&name.text, name.span);
        self.bind(name, binding);
        match binding {
            Binding::Local(local) if self.local(local).role == Role::Automatic => self.local(local).ty.clone(),
            Binding::Unbound => Type::Unknown,
            _ => {
                let problem = Problem::new(name.span, format!("`{}` has no address", name.text)).label("not a `local`");
                self.report(problem.help("only a record declared with `local` has an address that can be taken"));
                Type::Unknown
            }
        }
    }

    fn field(&mut self, object: &'f Expr, field: &'f Name) -> Type {
        let ty = self.expression_in(object, true);
        match ty.without_null() {
            Type::Record(record) => match self.find_field(*record, field) {
                Some((_, ty)) => ty,
                None => Type::Unknown,
            },
            Type::Unknown => Type::Unknown,
            other => {
                let text = self.text(other);
                let help = (field.text == "len" || field.text == "length" || field.text == "size")
                    .then(|| "write `len(x)`".to_owned());
                let problem = Problem::new(field.span, format!("`{text}` has no fields"));
                self.report(problem.label("not a field").maybe_help(help));
                Type::Unknown
            }
        }
    }

    fn find_field(&mut self, record: RecordId, field: &Name) -> Option<(FieldIndex, Type)> {
        let info = &self.checked.records[record.index()];
        if let Some(index) = info.fields.iter().position(|(name, _)| *name == field.text) {
            let ty = info.fields[index].1.clone();
            self.bind(field, Binding::Field(FieldIndex(index as u32)));
            return Some((FieldIndex(index as u32), ty));
        }
        let help = did_you_mean(&field.text, info.fields.iter().map(|(name, _)| name.as_str())).or_else(|| {
            let names: Vec<&str> = info.fields.iter().map(|(name, _)| name.as_str()).collect();
            (!names.is_empty()).then(|| format!("it has {}", names.join(", ")))
        });
        let problem = Problem::new(field.span, format!("`{}` has no field `{}`", info.name, field.text));
        self.report(problem.label("not a field").maybe_help(help));
        None
    }

    fn index(&mut self, container: &'f Expr, index: &'f Expr) -> Type {
        let container_type = self.value(container);
        let index_type = self.value(index);
        let (key, item) = match container_type.without_null() {
            Type::Array(element) | Type::List(element) => (Type::Int, (**element).clone()),
            Type::Bytes => (Type::Int, Type::Int),
            Type::Map(key, value) => ((**key).clone(), (**value).clone()),
            Type::Unknown => return Type::Unknown,
            other => {
                let text = self.text(other);
                let problem = Problem::new(container.span, format!("`{text}` has no elements"));
                self.report(problem.label("not an array, list, map or bytes"));
                return Type::Unknown;
            }
        };
        self.demand(&index_type, &key, index.span);
        item
    }

    /// `Record { field: value }`
    pub(super) fn create(&mut self, record: &Name, fields: &'f [FieldValue]) -> Type {
        let id = self.records.get(record.text.as_str()).copied();
        if let Some(id) = id {
            self.bind(record, Binding::Record(id));
        } else {
            let help = did_you_mean(&record.text, self.records.keys().copied());
            let problem = Problem::new(record.span, format!("there is no record `{}`", record.text));
            self.report(problem.label("unknown record").maybe_help(help));
        }
        for (at, field) in fields.iter().enumerate() {
            let found = self.value(&field.value);
            let Some(id) = id else { continue };
            if let Some((_, wanted)) = self.find_field(id, &field.field) {
                self.demand(&found, &wanted, field.value.span);
            }
            if fields[..at].iter().any(|earlier| earlier.field.text == field.field.text) {
                let problem = Problem::new(field.field.span, format!("`{}` is given twice", field.field.text));
                self.report(problem.label("the second"));
            }
        }
        id.map_or(Type::Unknown, Type::Record)
    }

    fn binary(&mut self, expression: &Expr, op: BinaryOp, left: &'f Expr, right: &'f Expr) -> Type {
        let (a, b) = (self.value(left), self.value(right));
        if matches!(op, BinaryOp::And | BinaryOp::Or) {
            self.demand(&a, &Type::Bool, left.span);
            self.demand(&b, &Type::Bool, right.span);
            return Type::Bool;
        }
        let result = |ty: &Type| if op.is_comparison() { Type::Bool } else { ty.clone() };
        let is_equality = matches!(op, BinaryOp::Equal | BinaryOp::NotEqual);
        match (&a, &b) {
            (Type::Unknown, _) | (_, Type::Unknown) => {
                return if op.is_comparison() { Type::Bool } else { Type::Unknown };
            }
            (Type::Int, Type::Int) | (Type::Float, Type::Float) => return result(&a),
            (Type::Str, Type::Str) if op == BinaryOp::Add || op.is_comparison() => return result(&a),
            (Type::Bool, Type::Bool) if is_equality => return Type::Bool,
            _ => {}
        }
        if is_equality && are_comparable(&a, &b) {
            return Type::Bool;
        }
        let (left_text, right_text) = (self.text(&a), self.text(&b));
        let help = match (&a, &b) {
            (Type::Int, Type::Float) | (Type::Float, Type::Int) => {
                Some("convert one of them: `float(..)` or `int(..)`".to_owned())
            }
            (Type::Str, Type::Int | Type::Float | Type::Bool) | (Type::Int | Type::Float | Type::Bool, Type::Str)
                if op == BinaryOp::Add =>
            {
                Some("convert the number: `str(..)`".to_owned())
            }
            (Type::Null, other) | (other, Type::Null) if is_equality => {
                Some(format!("a `{}` is never null", self.text(other)))
            }
            _ if is_equality && *a.without_null() == Type::Str && *b.without_null() == Type::Str => {
                Some("`!` after it demands that it is not null".to_owned())
            }
            _ => None,
        };
        let problem =
            Problem::new(expression.span, format!("`{}` does not fit `{left_text}` and `{right_text}`", op.symbol()))
                .label(format!("`{left_text}` {} `{right_text}`", op.symbol()))
                .maybe_help(help);
        self.report(problem);
        if op.is_comparison() { Type::Bool } else { Type::Unknown }
    }
}

/// Whether two references may be compared for identity.
fn are_comparable(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Null, Type::Null) => true,
        (Type::Null, other) | (other, Type::Null) => other.is_nullable(),
        _ => {
            // Whether two of the others are one object is not the same question in all runtimes.
            a.is_reference()
                && a.without_null() == b.without_null()
                && !matches!(a.without_null(), Type::Str | Type::Bytes | Type::Weak(_))
        }
    }
}
