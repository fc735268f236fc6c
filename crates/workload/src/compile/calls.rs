//! Calls of functions, of what is built in, of methods; creations of containers and threads.

use memory_trait::Kind;

use super::Compiler;
use super::places::Value;
use crate::ast::{Expr, Name};
use crate::check::{Binding, Builtin, Method};
use crate::code::{Op, Reg};
use crate::types::Type;

impl Compiler<'_> {
    /// A call whose result is needed.
    pub(super) fn call_expression(&mut self, function: &Name, arguments: &[Expr], ty: &Type, dst: Option<Reg>) -> Reg {
        match self.input.checked.binding(function.id) {
            Binding::Builtin(builtin) => self.builtin(builtin, arguments, dst),
            Binding::Function(id) => {
                let values = self.evaluate(arguments);
                let dst = self.destination(dst, ty.kind());
                self.call(id.0, &values, dst);
                dst
            }
            other => panic!("`{}` is {other:?}", function.text),
        }
    }

    /// A call as a statement: its value, if any, is dropped.
    pub(super) fn call_statement(&mut self, function: &Name, arguments: &[Expr]) {
        if let Binding::Function(id) = self.input.checked.binding(function.id) {
            let values = self.evaluate(arguments);
            self.call(id.0, &values, Op::NO_RESULT);
        } else {
            let dst = self.call_expression(function, arguments, &Type::Unknown, None);
            self.drop_value(Value::Temporary(dst));
        }
    }

    /// Evaluates arguments in order. They move with the call, so that their temporaries are free.
    fn evaluate(&mut self, arguments: &[Expr]) -> Vec<Reg> {
        let values: Vec<Value> = arguments.iter().map(|argument| self.slot_value(argument)).collect();
        for &value in &values {
            self.release(value);
        }
        values.into_iter().map(Value::slot).collect()
    }

    fn call(&mut self, function: u32, values: &[Reg], result: Reg) {
        let arguments = self.arguments(values);
        self.emit(Op::Call { function, arguments, n: values.len() as u16, result });
    }

    pub(super) fn spawn(&mut self, function: &Name, arguments: &[Expr], dst: Option<Reg>) -> Reg {
        let Binding::Function(id) = self.input.checked.binding(function.id) else { unreachable!("a function") };
        let values = self.evaluate(arguments);
        let dst = self.destination(dst, Kind::Int);
        let arguments = self.arguments(&values);
        self.emit(Op::Spawn { dst, n: values.len() as u16, function: id.0, arguments });
        dst
    }

    fn builtin(&mut self, builtin: Builtin, arguments: &[Expr], dst: Option<Reg>) -> Reg {
        let first = self.slot_value(&arguments[0]);
        match builtin {
            Builtin::Len => {
                self.release(first);
                let (dst, variable) = self.destination_after(dst, Kind::Int, &[first]);
                self.emit(Op::Len { dst, object: first.slot() });
                self.clear_unless(first, dst);
                self.move_to(variable, dst)
            }
            Builtin::Str => {
                let kind = self.input.checked.type_of(&arguments[0]).kind();
                let a = self.operand(first);
                let dst = self.destination(dst, Kind::Reference);
                self.emit(Op::ToText { dst, kind, a });
                dst
            }
            Builtin::Int => {
                let a = self.operand(first);
                let dst = self.destination(dst, Kind::Int);
                self.emit(Op::ToInt { dst, a });
                dst
            }
            Builtin::Float => {
                let a = self.operand(first);
                let dst = self.destination(dst, Kind::Float);
                self.emit(Op::ToFloat { dst, a });
                dst
            }
            Builtin::Bytes => {
                let n = self.operand(first);
                let (dst, variable) = self.destination_after(dst, Kind::Reference, &[first]);
                self.emit(Op::Bytes { dst, n });
                self.move_to(variable, dst)
            }
            Builtin::Rand => {
                let second = self.slot_value(&arguments[1]);
                self.release(first);
                self.release(second);
                let dst = self.destination(dst, Kind::Int);
                let (from, to) = (Self::operand_unless(first, dst), Self::operand_unless(second, dst));
                self.emit(Op::Rand { dst, from, to });
                dst
            }
            Builtin::Weak => {
                self.release(first);
                let (dst, variable) = self.destination_after(dst, Kind::Reference, &[first]);
                self.emit(Op::Weak { dst, target: first.slot() });
                self.clear_unless(first, dst);
                self.move_to(variable, dst)
            }
        }
    }

    pub(super) fn container(&mut self, ty: &Type, arguments: &[Expr], dst: Option<Reg>) -> Reg {
        match ty {
            Type::Array(element) => {
                let length = self.slot_value(&arguments[0]);
                let n = self.operand(length);
                let (dst, variable) = self.destination_after(dst, Kind::Reference, &[length]);
                self.emit(Op::Array { dst, element: element.kind(), n });
                self.move_to(variable, dst)
            }
            Type::List(element) => {
                let dst = self.destination(dst, Kind::Reference);
                self.emit(Op::List { dst, element: element.kind() });
                dst
            }
            Type::Map(key, value) => {
                let dst = self.destination(dst, Kind::Reference);
                self.emit(Op::Map { dst, key: key.kind(), value: value.kind() });
                dst
            }
            other => panic!("{other:?} is not a container"),
        }
    }

    fn method_of(&self, method: &Name) -> Method {
        match self.input.checked.binding(method.id) {
            Binding::Method(method) => method,
            other => panic!("`{}` is {other:?}", method.text),
        }
    }

    /// A method whose result is needed.
    pub(super) fn method(
        &mut self,
        expression: &Expr,
        object: &Expr,
        method: &Name,
        arguments: &[Expr],
        dst: Option<Reg>,
    ) -> Reg {
        let kind = self.input.checked.type_of(expression).kind();
        let known = self.method_of(method);
        match known {
            Method::Pop | Method::Get => {
                let object = self.value(object);
                self.release(object);
                let (dst, variable) = self.destination_after(dst, kind, &[object]);
                self.emit(match known {
                    Method::Pop => Op::Pop { dst, list: object.slot() },
                    _ => Op::WeakGet { dst, weak: object.slot() },
                });
                self.clear_unless(object, dst);
                self.move_to(variable, dst)
            }
            Method::Has | Method::Remove => {
                self.method_test(object, method, arguments);
                let dst = self.destination(dst, Kind::Bool);
                self.emit(Op::Flag { dst });
                dst
            }
            Method::Push => unreachable!("push has no value"),
        }
    }

    /// `has` and `remove`: the answer is in the flag. Whether the method is one of them.
    pub(super) fn method_test(&mut self, object: &Expr, method: &Name, arguments: &[Expr]) -> bool {
        let known = self.method_of(method);
        if !matches!(known, Method::Has | Method::Remove) {
            return false;
        }
        let value_kind = match self.input.checked.type_of(object).without_null() {
            Type::Map(_, value) => value.kind(),
            other => panic!("{other:?} is not a map"),
        };
        let map = self.value(object);
        let key = self.slot_value(&arguments[0]);
        if known == Method::Has {
            let scratch = self.slots.temporary(value_kind);
            self.emit(Op::Has { map: map.slot(), key: key.slot(), scratch });
            self.slots.release(scratch);
        } else {
            self.emit(Op::Remove { map: map.slot(), key: key.slot() });
        }
        self.drop_value(map);
        self.drop_value(key);
        true
    }

    /// A method as a statement.
    pub(super) fn method_statement(&mut self, call: &Expr, object: &Expr, method: &Name, arguments: &[Expr]) {
        match self.method_of(method) {
            Method::Push => {
                let list = self.value(object);
                let value = self.slot_value(&arguments[0]);
                let src = self.source(value);
                self.emit(Op::Push { list: list.slot(), src });
                self.after_store(value);
                self.drop_value(list);
            }
            Method::Has | Method::Remove => {
                self.method_test(object, method, arguments);
            }
            Method::Pop | Method::Get => {
                let dst = self.method(call, object, method, arguments, None);
                self.drop_value(Value::Temporary(dst));
            }
        }
    }
}
