//! Functions, blocks and statements.

use memory_trait::Kind;

use super::Function;
use super::expressions::Effect;
use super::preamble::Helper;
use crate::ast::{Block, Expr, ExprKind, Name, Statement, StatementKind};
use crate::check::{Binding, Method};
use crate::emit::writer::Writer;
use crate::types::Type;

impl Function<'_, '_> {
    pub(super) fn emit(mut self, name: &str, body: &Block, out: &mut Writer) {
        let parameters: Vec<&str> =
            (0..self.info.n_parameters as u32).map(|parameter| self.locals.name(parameter)).collect();
        out.line(format!("def {name}({}):", parameters.join(", ")));
        out.indent();
        self.statements(body, out);
        out.dedent();
    }

    fn statements(&mut self, body: &Block, out: &mut Writer) {
        let before = out.n_bytes();
        for statement in &body.statements {
            self.statement(statement, out);
        }
        if out.n_bytes() == before {
            out.line("pass");
        }
    }

    /// A block inside a function: what its variables refer to dies with it.
    fn block(&mut self, block: &Block, out: &mut Writer) {
        out.indent();
        self.blocks.push(Vec::new());
        let before = out.n_bytes();
        for statement in &block.statements {
            self.statement(statement, out);
        }
        let is_left = matches!(
            block.statements.last().map(|last| &last.kind),
            Some(StatementKind::Break | StatementKind::Continue | StatementKind::Return(_))
        );
        if !is_left {
            self.delete(self.blocks.len() - 1, out);
        }
        if out.n_bytes() == before {
            out.line("pass");
        }
        self.blocks.pop();
        out.dedent();
    }

    /// Deletes the variables of the blocks from `from` on that hold references.
    fn delete(&self, from: usize, out: &mut Writer) {
        let names: Vec<&str> = self.blocks[from..].iter().flatten().map(String::as_str).collect();
        if !names.is_empty() {
            out.line(format!("del {}", names.join(", ")));
        }
    }

    /// From here on the block has this variable.
    fn declared(&mut self, name: &Name, variable: String) {
        if self.kind_of(name) == Kind::Reference {
            self.blocks.last_mut().expect("a statement is in a block").push(variable);
        }
    }

    fn kind_of(&self, name: &Name) -> Kind {
        match self.emission.workload.checked().binding(name.id) {
            Binding::Local(local) => self.info.locals[local as usize].ty.kind(),
            other => panic!("`{}` is {other:?}", name.text),
        }
    }

    fn statement(&mut self, statement: &Statement, out: &mut Writer) {
        match &statement.kind {
            StatementKind::Var { name, value, .. } => {
                let variable = self.variable(name);
                let value = self.expression(value);
                out.line(format!("{variable} = {value}"));
                self.declared(name, variable);
            }
            StatementKind::Local { name, record, fields } => {
                let variable = self.variable(name);
                let value = self.creation(record, fields);
                out.line(format!("{variable} = {value}"));
                self.declared(name, variable);
            }
            StatementKind::Assign { target, value } => self.assign(target, value, out),
            StatementKind::If { arms, otherwise } => {
                for (index, (condition, body)) in arms.iter().enumerate() {
                    let condition = self.expression(condition);
                    out.line(format!("{} {condition}:", if index == 0 { "if" } else { "elif" }));
                    self.block(body, out);
                }
                if let Some(body) = otherwise {
                    out.line("else:");
                    self.block(body, out);
                }
            }
            StatementKind::While { condition, body } => {
                let condition = self.expression(condition);
                out.line(format!("while {condition}:"));
                self.loop_body(body, out);
            }
            StatementKind::ForRange { name, from, to, body } => {
                if let Binding::Local(local) = self.emission.workload.checked().binding(name.id)
                    && self.is_never_negative(from)
                {
                    self.never_negative.insert(local);
                }
                let (from, to) = (self.expression(from), self.expression(to));
                let from = if from == "0" { String::new() } else { format!("{from}, ") };
                out.line(format!("for {} in range({from}{to}):", self.variable(name)));
                self.loop_body(body, out);
            }
            StatementKind::ForEach { name, over, body } => {
                let variable = self.variable(name);
                let over = self.expression(over);
                out.line(format!("for {variable} in {over}:"));
                self.loop_body(body, out);
                if self.kind_of(name) == Kind::Reference {
                    // The variable outlives its loop, which may not have run at all.
                    out.line(format!("{variable} = None"));
                }
            }
            StatementKind::Break | StatementKind::Continue => {
                self.delete(*self.loops.last().expect("the checker demands a loop"), out);
                out.line(if matches!(statement.kind, StatementKind::Break) { "break" } else { "continue" });
            }
            StatementKind::Return(None) => out.line("return"),
            StatementKind::Return(Some(value)) => {
                let value = self.expression(value);
                out.line(format!("return {value}"));
            }
            StatementKind::Free(value) => {
                // There is no such thing; what evaluating the operand does is all that is left.
                if self.effect(value) > Effect::Reads {
                    let value = self.expression(value);
                    out.line(value);
                }
            }
            StatementKind::Collect => {
                self.needed.insert(Helper::Gc);
                out.line("gc.collect()");
            }
            StatementKind::Yield => {
                self.needed.insert(Helper::Time);
                out.line("time.sleep(0)");
            }
            StatementKind::Join(thread) => {
                let thread = self.expression(thread);
                out.line(format!("{thread}.join()"));
            }
            StatementKind::Expect(condition) => {
                let condition = self.expression(condition);
                out.line(format!("assert {condition}"));
            }
            StatementKind::Print(values) => {
                let values: Vec<String> = values.iter().map(|value| self.printed(value)).collect();
                out.line(format!("print({})", values.join(", ")));
            }
            StatementKind::Call(call) => {
                let text = self.call_statement(call);
                out.line(text);
            }
        }
    }

    fn loop_body(&mut self, body: &Block, out: &mut Writer) {
        self.loops.push(self.blocks.len());
        self.block(body, out);
        self.loops.pop();
    }

    fn printed(&mut self, value: &Expr) -> String {
        let text = self.expression(value);
        if *self.emission.workload.checked().type_of(value) == Type::Bool {
            return format!("\"true\" if {text} else \"false\"");
        }
        text
    }

    /// A call whose value is dropped: whether a key was there to be removed need not be asked.
    fn call_statement(&mut self, call: &Expr) -> String {
        if let ExprKind::Method { object, method, arguments } = &call.kind
            && self.emission.workload.checked().binding(method.id) == Binding::Method(Method::Remove)
        {
            let (map, key) = (self.expression(object), self.expression(&arguments[0]));
            return format!("{map}.pop({key}, None)");
        }
        self.expression(call)
    }

    /// Python evaluates the value first, then the target; the language the other way round. Where somebody could tell,
    /// the parts of the target are variables.
    fn assign(&mut self, target: &Expr, value: &Expr, out: &mut Writer) {
        let value_effect = self.effect(value);
        let mut parts = Vec::new();
        let mut part = |this: &mut Self, expression: &Expr, name: &'static str, hoists: bool, out: &mut Writer| {
            let text = this.primary(expression);
            if !hoists || this.effect(expression) == Effect::None {
                return text;
            }
            out.line(format!("{name} = {}", this.expression(expression)));
            parts.push(name);
            name.to_owned()
        };
        let place = match &target.kind {
            ExprKind::Name(_) => self.expression(target),
            ExprKind::Field { object, field } => {
                let hoists = !self.effect(object).commutes_with(value_effect);
                let record = self.record_of(object);
                let object = part(self, object, "_object", hoists, out);
                format!("{object}.{}", self.attribute(record, field))
            }
            ExprKind::Index { container, index } => {
                let effect = self.effect(container).max(self.effect(index));
                let hoists = !effect.commutes_with(value_effect);
                let container = part(self, container, "_object", hoists, out);
                let index = if hoists { part(self, index, "_index", true, out) } else { self.expression(index) };
                format!("{container}[{index}]")
            }
            other => panic!("{other:?} is not a target"),
        };
        let value = self.expression(value);
        out.line(format!("{place} = {value}"));
        if !parts.is_empty() {
            out.line(format!("del {}", parts.join(", ")));
        }
    }
}
