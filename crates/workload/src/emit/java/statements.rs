//! Statements.

use super::Emitter;
use super::expressions::quoted;
use super::support::Support;
use crate::ast::{Block, Expr, ExprKind, Literal, Name, Statement, StatementKind};
use crate::check::{Binding, Method};
use crate::types::Type;

impl Emitter<'_> {
    pub(super) fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Var { name, value, .. } => {
                let declared = self.declared(name);
                let value = self.value(value);
                self.out.line(format!("{declared} = {value};"));
            }
            StatementKind::Local { name, record, fields } => {
                let declared = self.declared(name);
                let value = self.create(record, fields);
                self.out.line(format!("{declared} = {value};"));
            }
            StatementKind::Assign { target, value } => self.assign(target, value),
            StatementKind::If { arms, otherwise } => self.if_statement(arms, otherwise.as_ref()),
            StatementKind::While { condition, body } => {
                let condition = self.value(condition);
                self.out.open(format!("while ({condition}) {{"));
                self.statements(body);
                self.out.close("}");
            }
            StatementKind::ForRange { name, from, to, body } => self.range_loop(name, from, to, body),
            StatementKind::ForEach { name, over, body } => self.each_loop(name, over, body),
            StatementKind::Break => self.out.line("break;"),
            StatementKind::Continue => self.out.line("continue;"),
            StatementKind::Return(None) => self.out.line("return;"),
            StatementKind::Return(Some(value)) => {
                let value = self.value(value);
                self.out.line(format!("return {value};"));
            }
            StatementKind::Free(value) => self.free(value, statement),
            StatementKind::Collect => {
                let finalizes = self.checked.records.iter().any(|record| record.finalizer.is_some());
                if finalizes {
                    self.support.insert(Support::Collect);
                }
                self.out.line(if finalizes { "collect();" } else { "System.gc();" });
            }
            StatementKind::Yield => {
                self.support.insert(Support::Turns);
                self.out.line("next();");
            }
            StatementKind::Join(thread) => {
                self.support.insert(Support::Turns);
                let thread = self.value(thread);
                self.out.line(format!("join({thread});"));
            }
            StatementKind::Expect(condition) => self.expect(condition),
            StatementKind::Print(values) => self.print(values),
            StatementKind::Call(call) => self.call(call),
        }
    }

    /// `long total`: a variable as it is declared.
    fn declared(&mut self, name: &Name) -> String {
        let Binding::Local(local) = self.checked.binding(name.id) else { unreachable!("a variable") };
        let info = self.info();
        let ty = self.java_type(&info.locals[local as usize].ty);
        format!("{ty} {}", self.names.variable(&name.text))
    }

    fn assign(&mut self, target: &Expr, value: &Expr) {
        let ExprKind::Index { container, index } = &target.kind else {
            let (target, value) = (self.value(target), self.value(value));
            return self.out.line(format!("{target} = {value};"));
        };
        let checked = self.checked;
        match checked.type_of(container).without_null() {
            Type::Map(..) => {
                let map = self.dereferenced(container);
                let (key, value) = (self.exact(index), self.exact(value));
                self.out.line(format!("{map}.put({key}, {value});"));
            }
            Type::List(_) => {
                let list = self.dereferenced(container);
                let (index, value) = (self.int(index), self.exact(value));
                self.out.line(format!("{list}.set({index}, {value});"));
            }
            _ => {
                let (target, value) = (self.value(target), self.value(value));
                self.out.line(format!("{target} = {value};"));
            }
        }
    }

    fn if_statement(&mut self, arms: &[(Expr, Block)], otherwise: Option<&Block>) {
        for (index, (condition, body)) in arms.iter().enumerate() {
            let condition = self.value(condition);
            if index == 0 {
                self.out.open(format!("if ({condition}) {{"));
            } else {
                self.out.reopen(format!("}} else if ({condition}) {{"));
            }
            self.statements(body);
        }
        if let Some(body) = otherwise {
            self.out.reopen("} else {");
            self.statements(body);
        }
        self.out.close("}");
    }

    /// Both bounds are evaluated once: what may change in the loop is kept apart.
    fn range_loop(&mut self, name: &Name, from: &Expr, to: &Expr, body: &Block) {
        let variable = self.names.variable(&name.text);
        let first = self.value(from);
        let end = self.value(to);
        let head = if self.is_fixed(to, body) {
            format!("for (long {variable} = {first}; {variable} < {end}; {variable}++) {{")
        } else {
            let kept = self.names.extra(&name.text, "end");
            format!("for (long {variable} = {first}, {kept} = {end}; {variable} < {kept}; {variable}++) {{")
        };
        self.out.open(head);
        self.statements(body);
        self.out.close("}");
    }

    /// Whether an expression has the same value all through a loop, whatever it does.
    fn is_fixed(&self, expression: &Expr, body: &Block) -> bool {
        match &expression.kind {
            ExprKind::Literal(Literal::Int(_)) => true,
            ExprKind::Name(_) => match self.checked.binding(expression.id) {
                Binding::Local(local) => !self.assigns(body, local),
                Binding::Param(_) => true,
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether something is assigned to a variable in a block.
    fn assigns(&self, block: &Block, local: u32) -> bool {
        block.statements.iter().any(|statement| match &statement.kind {
            StatementKind::Assign { target, .. } => {
                matches!(target.kind, ExprKind::Name(_)) && self.checked.binding(target.id) == Binding::Local(local)
            }
            StatementKind::If { arms, otherwise } => {
                let mut blocks = arms.iter().map(|(_, body)| body).chain(otherwise);
                blocks.any(|body| self.assigns(body, local))
            }
            StatementKind::While { body, .. }
            | StatementKind::ForRange { body, .. }
            | StatementKind::ForEach { body, .. } => self.assigns(body, local),
            _ => false,
        })
    }

    /// A list may grow and shrink on the way, which an iterator would not allow.
    fn each_loop(&mut self, name: &Name, over: &Expr, body: &Block) {
        let checked = self.checked;
        let declared = self.declared(name);
        match checked.type_of(over).without_null() {
            Type::List(_) => {
                let mut list = self.dereferenced(over);
                if !self.is_fixed(over, body) {
                    let kept = self.names.extra(&name.text, "list");
                    let ty = self.java_type(checked.type_of(over));
                    self.out.line(format!("{ty} {kept} = {list};"));
                    list = kept;
                }
                let at = self.names.extra(&name.text, "at");
                self.out.open(format!("for (int {at} = 0; {at} < {list}.size(); {at}++) {{"));
                self.out.line(format!("{declared} = {list}.get({at});"));
            }
            Type::Map(..) => {
                if self.may_change_maps(body) {
                    return self.watched_loop(name, over, body);
                }
                let map = self.dereferenced(over);
                self.out.open(format!("for ({declared} : {map}.keySet()) {{"));
            }
            _ => {
                let array = self.value(over);
                self.out.open(format!("for ({declared} : {array}) {{"));
            }
        }
        self.statements(body);
        self.out.close("}");
    }

    /// A loop over a map that the loop itself may change: Java's own iterator would not notice it at the end.
    fn watched_loop(&mut self, name: &Name, over: &Expr, body: &Block) {
        for class in ["java.util.Iterator", "java.util.ConcurrentModificationException"] {
            self.import(class);
        }
        self.support.insert(Support::More);
        let checked = self.checked;
        let ty = checked.type_of(over).without_null();
        let Type::Map(key, _) = ty else { unreachable!("a map") };
        let mut map = self.dereferenced(over);
        if !self.is_fixed(over, body) {
            let kept = self.names.extra(&name.text, "map");
            let ty = self.java_type(ty);
            self.out.line(format!("{ty} {kept} = {map};"));
            map = kept;
        }
        let (size, keys) = (self.names.extra(&name.text, "size"), self.names.extra(&name.text, "keys"));
        let key = self.class_of(key);
        self.out.line(format!("int {size} = {map}.size();"));
        self.out.open(format!(
            "for (Iterator<{key}> {keys} = {map}.keySet().iterator(); more({map}, {size}, {keys}); ) {{"
        ));
        let declared = self.declared(name);
        self.out.line(format!("{declared} = {keys}.next();"));
        self.statements(body);
        self.out.close("}");
    }

    /// Whether a block may add keys to a map or remove some: it does, or calls a function that might.
    fn may_change_maps(&self, block: &Block) -> bool {
        let is_call = |expression: &Expr| self.calls(expression);
        block.statements.iter().any(|statement| match &statement.kind {
            StatementKind::Assign { target, value } => {
                let is_map = matches!(&target.kind, ExprKind::Index { container, .. }
                    if matches!(self.checked.type_of(container).without_null(), Type::Map(..)));
                is_map || is_call(target) || is_call(value)
            }
            StatementKind::If { arms, otherwise } => {
                arms.iter().any(|(condition, body)| is_call(condition) || self.may_change_maps(body))
                    || otherwise.as_ref().is_some_and(|body| self.may_change_maps(body))
            }
            StatementKind::While { condition, body } => is_call(condition) || self.may_change_maps(body),
            StatementKind::ForRange { from, to, body, .. } => {
                is_call(from) || is_call(to) || self.may_change_maps(body)
            }
            StatementKind::ForEach { over, body, .. } => is_call(over) || self.may_change_maps(body),
            StatementKind::Var { value, .. }
            | StatementKind::Return(Some(value))
            | StatementKind::Free(value)
            | StatementKind::Join(value)
            | StatementKind::Expect(value)
            | StatementKind::Call(value) => is_call(value),
            StatementKind::Local { fields, .. } => fields.iter().any(|field| is_call(&field.value)),
            StatementKind::Print(values) => values.iter().any(is_call),
            StatementKind::Yield => true,
            StatementKind::Break | StatementKind::Continue | StatementKind::Return(None) | StatementKind::Collect => {
                false
            }
        })
    }

    /// Whether an expression calls a function of the workload, or removes something.
    fn calls(&self, expression: &Expr) -> bool {
        match &expression.kind {
            ExprKind::Literal(_) | ExprKind::Null | ExprKind::Name(_) | ExprKind::AddressOf(_) => false,
            ExprKind::Field { object: inner, .. }
            | ExprKind::NonNull(inner)
            | ExprKind::Negate(inner)
            | ExprKind::Not(inner) => self.calls(inner),
            ExprKind::Index { container, index } => self.calls(container) || self.calls(index),
            ExprKind::Binary { left, right, .. } => self.calls(left) || self.calls(right),
            ExprKind::Call { function, arguments } => {
                matches!(self.checked.binding(function.id), Binding::Function(_))
                    || arguments.iter().any(|argument| self.calls(argument))
            }
            ExprKind::Method { object, method, arguments } => {
                self.checked.binding(method.id) == Binding::Method(Method::Remove)
                    || self.calls(object)
                    || arguments.iter().any(|argument| self.calls(argument))
            }
            ExprKind::Create { fields, .. } => fields.iter().any(|field| self.calls(&field.value)),
            ExprKind::Container { arguments, .. } => arguments.iter().any(|argument| self.calls(argument)),
            ExprKind::Spawn { .. } => true,
        }
    }

    /// There is nothing to free in Java; what makes the reference may still do something.
    fn free(&mut self, value: &Expr, statement: &Statement) {
        if self.is_plain(value) {
            let text = statement.span.text(self.emission.workload.source());
            let text: Vec<&str> = text.split_whitespace().collect();
            return self.out.line(format!("// {}", text.join(" ")));
        }
        match &value.kind {
            ExprKind::NonNull(inner) => self.free(inner, statement),
            ExprKind::Call { .. } | ExprKind::Method { .. } => self.call(value),
            _ => {
                self.import("java.util.Objects");
                let value = self.value(value);
                self.out.line(format!("Objects.requireNonNull({value});"));
            }
        }
    }

    fn expect(&mut self, condition: &Expr) {
        let source = condition.span.text(self.emission.workload.source());
        let words = quoted(&source.split_whitespace().collect::<Vec<_>>().join(" "));
        self.support.insert(Support::Expect);
        let value = self.value(condition);
        self.out.line(format!("expect({value}, {words});"));
    }

    fn print(&mut self, values: &[Expr]) {
        let checked = self.checked;
        let mut types = Vec::new();
        for value in values {
            types.push(match checked.type_of(value) {
                Type::Int => "long",
                Type::Float => {
                    self.float_text();
                    "double"
                }
                Type::Bool => "boolean",
                _ => "String",
            });
        }
        self.support.insert(Support::Print);
        for class in ["java.io.FileDescriptor", "java.io.FileOutputStream", "java.io.IOException"] {
            self.import(class);
        }
        self.prints.insert(types);
        let values: Vec<String> = values.iter().map(|value| self.exact(value)).collect();
        self.out.line(format!("print({});", values.join(", ")));
    }

    /// A call whose value, if any, is dropped.
    fn call(&mut self, call: &Expr) {
        if let ExprKind::Method { object, method, arguments } = &call.kind
            && self.checked.binding(method.id) == Binding::Method(Method::Remove)
        {
            let map = self.dereferenced(object);
            let key = self.exact(&arguments[0]);
            return self.out.line(format!("{map}.remove({key});"));
        }
        let value = self.value(call);
        let is_call = matches!(call.kind, ExprKind::Call { .. } | ExprKind::Method { .. } | ExprKind::Spawn { .. });
        let ends_like_one = value.ends_with(')') && !value.starts_with(['(', '-', '!']);
        if is_call && ends_like_one {
            self.out.line(format!("{value};"));
        } else {
            // An expression that is no statement in Java.
            self.out.line(format!("Object.class.isInstance({value});"));
        }
    }
}
