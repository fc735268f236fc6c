//! Expressions: operands from left to right, then the operation, straight to where the result belongs.

use memory_trait::{Constant, FieldIndex, Kind, Slot};

use super::Compiler;
use super::places::Value;
use crate::ast::{BinaryOp, Expr, ExprKind, FieldValue, Literal, Name};
use crate::check::Binding;
use crate::code::{Arithmetic, Creation, Op, Reg};
use crate::types::Type;

impl Compiler<'_> {
    /// Evaluates an expression into `dst`, or into a temporary; the slot.
    pub(super) fn compute(&mut self, expression: &Expr, dst: Option<Reg>) -> Reg {
        if let Some(literal) = self.literal_of(expression) {
            return self.literal(&literal, dst);
        }
        let checked = self.input.checked;
        let ty = checked.type_of(expression);
        match &expression.kind {
            ExprKind::Literal(_) => unreachable!("literals are done"),
            ExprKind::Null => {
                let dst = self.destination(dst, Kind::Reference);
                self.emit(Op::Null { dst });
                dst
            }
            ExprKind::NonNull(inner) if !self.variable_inside(inner) => {
                let dst = self.compute(inner, dst);
                self.emit(Op::NotNull { a: dst });
                dst
            }
            // What is in a variable is examined there.
            ExprKind::Name(_) | ExprKind::AddressOf(_) | ExprKind::NonNull(_) => {
                let src = self.value(expression).slot();
                let dst = self.destination(dst, ty.kind());
                self.emit(Op::Copy { dst, src });
                dst
            }
            ExprKind::Field { object, field } => {
                let object = self.value(object);
                self.release(object);
                let (dst, variable) = self.destination_after(dst, ty.kind(), &[object]);
                self.emit(Op::Load { dst, object: object.slot(), field: self.field(field) });
                self.clear_unless(object, dst);
                self.move_to(variable, dst)
            }
            ExprKind::Index { container, index } => self.index(container, index, ty, dst),
            ExprKind::Negate(inner) => {
                let a = self.slot_value(inner);
                self.release(a);
                let dst = self.destination(dst, ty.kind());
                let a = Self::operand_unless(a, dst);
                self.emit(if *ty == Type::Int { Op::Neg { dst, a } } else { Op::FloatNeg { dst, a } });
                dst
            }
            ExprKind::Not(_) => self.truth(expression, dst),
            ExprKind::Binary { op, left, right } => match arithmetic(*op) {
                Some(op) => match ty {
                    Type::Int => self.int_arithmetic(op, left, right, dst),
                    Type::Float => self.float_arithmetic(op, left, right, dst),
                    _ => self.concat(left, right, dst),
                },
                None => self.truth(expression, dst),
            },
            ExprKind::Call { function, arguments } => self.call_expression(function, arguments, ty, dst),
            ExprKind::Method { object, method, arguments } => self.method(expression, object, method, arguments, dst),
            ExprKind::Create { record, fields } => {
                let values = self.field_values(fields);
                let dst = self.destination(dst, Kind::Reference);
                self.create(dst, record, false, fields, &values);
                dst
            }
            ExprKind::Container { arguments, .. } => self.container(ty, arguments, dst),
            ExprKind::Spawn { function, arguments } => self.spawn(function, arguments, dst),
        }
    }

    /// Whether an expression is a variable, with any number of `!` behind it.
    fn variable_inside(&self, expression: &Expr) -> bool {
        match &expression.kind {
            ExprKind::Name(_) | ExprKind::AddressOf(_) => self.literal_of(expression).is_none(),
            ExprKind::NonNull(inner) => self.variable_inside(inner),
            _ => false,
        }
    }

    fn literal(&mut self, literal: &Literal, dst: Option<Reg>) -> Reg {
        let (kind, constant) = match literal {
            Literal::Int(value) => (Kind::Int, Constant::Int(*value)),
            Literal::Float(value) => (Kind::Float, Constant::Float(*value)),
            Literal::Text(text) => (Kind::Reference, Constant::Text(text.clone())),
            Literal::Bool(value) => {
                let dst = self.destination(dst, Kind::Bool);
                self.emit(Op::Bool { dst, value: *value });
                return dst;
            }
        };
        let dst = self.destination(dst, kind);
        let constant = self.constant(constant);
        self.emit(Op::Constant { dst, constant });
        dst
    }

    pub(super) fn field(&self, field: &Name) -> u16 {
        match self.input.checked.binding(field.id) {
            Binding::Field(index) => index.0 as u16,
            other => panic!("`{}` is {other:?}", field.text),
        }
    }

    /// Evaluates the fields of a creation in source order, each into a slot.
    pub(super) fn field_values(&mut self, fields: &[FieldValue]) -> Vec<Value> {
        fields.iter().map(|field| self.slot_value(&field.value)).collect()
    }

    /// Creates a record whose fields have these values, which die then.
    pub(super) fn create(&mut self, dst: Reg, record: &Name, is_local: bool, fields: &[FieldValue], values: &[Value]) {
        let Binding::Record(record) = self.input.checked.binding(record.id) else { unreachable!("a record") };
        let creation = self.code.creations.len() as u32;
        self.code.creations.push(Creation {
            record,
            is_local,
            fields: fields.iter().map(|field| FieldIndex(u32::from(self.field(&field.field)))).collect(),
            values: values.iter().map(|value| Slot(u32::from(value.slot()))).collect(),
        });
        self.emit(Op::Create { dst, creation });
        for &value in values {
            self.drop_value(value);
        }
    }

    fn index(&mut self, container: &Expr, index: &Expr, ty: &Type, dst: Option<Reg>) -> Reg {
        let is_map = matches!(self.input.checked.type_of(container).without_null(), Type::Map(..));
        let key_kind = self.input.checked.type_of(index).kind();
        let container = self.value(container);
        let mut index = self.value(index);
        let fits = matches!(index, Value::Int(value) if i32::try_from(value).is_ok());
        if is_map || !fits {
            index = self.in_slot(index);
        }
        self.release(container);
        self.release(index);
        let (dst, variable) = self.destination_after(dst, ty.kind(), &[container, index]);
        let place = container.slot();
        match index {
            Value::Int(index) => self.emit(Op::ElementConst { dst, container: place, index: index as i32 }),
            key if is_map => {
                self.emit(Op::Get { dst, map: place, key: key.slot(), kind: key_kind });
                self.clear_unless(key, dst);
            }
            index => {
                self.emit(Op::Element { dst, container: place, index: Self::operand_unless(index, dst) });
            }
        }
        self.clear_unless(container, dst);
        self.move_to(variable, dst)
    }

    fn int_arithmetic(&mut self, op: Arithmetic, left: &Expr, right: &Expr, dst: Option<Reg>) -> Reg {
        let left = self.value(left);
        let a = self.in_slot(left);
        let right = self.value(right);
        if let Value::Int(b) = right
            && let Ok(b) = i32::try_from(b)
        {
            self.release(a);
            let dst = self.destination(dst, Kind::Int);
            let a = Self::operand_unless(a, dst);
            self.emit(match op {
                Arithmetic::Add => Op::AddConst { dst, a, b },
                Arithmetic::Subtract => Op::SubConst { dst, a, b },
                Arithmetic::Multiply => Op::MulConst { dst, a, b },
                Arithmetic::Divide => Op::DivConst { dst, a, b },
                Arithmetic::Remainder => Op::RemConst { dst, a, b },
            });
            return dst;
        }
        let b = self.in_slot(right);
        self.release(a);
        self.release(b);
        let dst = self.destination(dst, Kind::Int);
        let (a, b) = (Self::operand_unless(a, dst), Self::operand_unless(b, dst));
        self.emit(match op {
            Arithmetic::Add => Op::Add { dst, a, b },
            Arithmetic::Subtract => Op::Sub { dst, a, b },
            Arithmetic::Multiply => Op::Mul { dst, a, b },
            Arithmetic::Divide => Op::Div { dst, a, b },
            Arithmetic::Remainder => Op::Rem { dst, a, b },
        });
        dst
    }

    fn float_arithmetic(&mut self, op: Arithmetic, left: &Expr, right: &Expr, dst: Option<Reg>) -> Reg {
        let a = self.slot_value(left);
        let right = self.value(right);
        if let Value::Float(b) = right {
            self.release(a);
            let dst = self.destination(dst, Kind::Float);
            self.emit(Op::FloatConst { dst, op, a: Self::operand_unless(a, dst), b });
            return dst;
        }
        self.release(a);
        self.release(right);
        let dst = self.destination(dst, Kind::Float);
        let (a, b) = (Self::operand_unless(a, dst), Self::operand_unless(right, dst));
        self.emit(Op::Float { dst, op, a, b });
        dst
    }

    fn concat(&mut self, left: &Expr, right: &Expr, dst: Option<Reg>) -> Reg {
        let a = self.value(left);
        let b = self.value(right);
        self.release(a);
        self.release(b);
        let dst = self.destination(dst, Kind::Reference);
        self.emit(Op::Concat { dst, a: a.slot(), b: b.slot() });
        self.clear_unless(a, dst);
        self.clear_unless(b, dst);
        dst
    }
}

/// The arithmetic of an operator; `None` for those that answer true or false.
fn arithmetic(op: BinaryOp) -> Option<Arithmetic> {
    Some(match op {
        BinaryOp::Add => Arithmetic::Add,
        BinaryOp::Subtract => Arithmetic::Subtract,
        BinaryOp::Multiply => Arithmetic::Multiply,
        BinaryOp::Divide => Arithmetic::Divide,
        BinaryOp::Remainder => Arithmetic::Remainder,
        _ => return None,
    })
}
