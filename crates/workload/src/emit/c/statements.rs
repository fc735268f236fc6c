//! Statements.

use super::Emitter;
use super::expressions::{atom, quoted};
use crate::ast::{Block, Expr, ExprKind, FieldValue, Name, Statement, StatementKind};
use crate::check::Binding;
use crate::source::Span;
use crate::types::Type;

impl Emitter<'_> {
    pub(super) fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn block(&mut self, block: &Block) {
        self.statements(&block.statements);
        self.out.close("}");
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Var { name, value, .. } => self.variable(name, value),
            StatementKind::Local { name, record, fields } => self.automatic(name, record, fields),
            StatementKind::Assign { target, value } => self.assign(target, value),
            StatementKind::If { arms, otherwise } => self.conditional(arms, otherwise.as_ref()),
            StatementKind::While { condition, body } => {
                if self.needs_statements(condition) {
                    self.out.open("for (;;) {");
                    let condition = self.value(condition);
                    self.out.open(format!("if (!{}) {{", atom(&condition)));
                    self.out.line("break;");
                    self.out.close("}");
                } else {
                    let condition = self.value(condition);
                    self.out.open(format!("while ({condition}) {{"));
                }
                self.tick();
                self.block(body);
            }
            StatementKind::ForRange { name, from, to, body } => self.range(name, from, to, body),
            StatementKind::ForEach { name, over, body } => self.each(name, over, body),
            StatementKind::Break => self.out.line("break;"),
            StatementKind::Continue => self.out.line("continue;"),
            StatementKind::Return(value) => {
                let value = value.as_ref().map(|value| {
                    let text = self.value(value);
                    if matches!(value.kind, ExprKind::AddressOf(_)) {
                        self.support.need("address");
                        return format!(" address({text})");
                    }
                    format!(" {text}")
                });
                if self.is_main() && self.names.has_threads {
                    self.out.line("join_all();");
                }
                let nothing = if self.is_main() { " 0" } else { "" };
                self.out.line(format!("return{};", value.as_deref().unwrap_or(nothing)));
            }
            StatementKind::Free(value) => self.free(value),
            StatementKind::Collect => self.out.line("// Nobody collects."),
            StatementKind::Yield if self.names.has_threads => self.out.line("yield_turn();"),
            StatementKind::Yield => self.out.line("// There is nobody to yield to."),
            StatementKind::Join(thread) => {
                let thread = self.value(thread);
                self.out.line(format!("join({thread});"));
            }
            StatementKind::Expect(condition) => {
                self.support.need("expect");
                let value = self.value(condition);
                let said = quoted(&format!("expected {}", self.source(condition.span)));
                self.out.line(format!("expect({value}, {said});"));
            }
            StatementKind::Print(values) => self.print(values),
            StatementKind::Call(call) => {
                let value = self.value(call);
                self.out.line(format!("{value};"));
            }
        }
    }

    /// What was written.
    fn source(&self, span: Span) -> String {
        self.emission.workload.source()[span.start as usize..span.end as usize]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn variable(&mut self, name: &Name, value: &Expr) {
        let name_text = self.local(name);
        if let ExprKind::Create { fields, .. } = &value.kind {
            return self.create(value, fields, &name_text);
        }
        let value = self.value(value);
        let Binding::Local(local) = self.checked.binding(name.id) else { panic!("no variable") };
        let declaration = self.declaration(&self.info().locals[local as usize].ty, &name_text);
        self.out.line(format!("{declaration} = {value};"));
    }

    fn automatic(&mut self, name: &Name, record: &Name, fields: &[FieldValue]) {
        let Binding::Record(record) = self.checked.binding(record.id) else { panic!("no record") };
        let values = self.values(&fields.iter().map(|field| &field.value).collect::<Vec<_>>());
        let (record, name) = (self.names.record(record).to_owned(), self.local(name));
        self.out.line(format!("{record} {name};"));
        for (field, value) in fields.iter().zip(values) {
            self.out.line(format!("{name}.{} = {value};", Self::field(&field.field.text)));
        }
    }

    fn assign(&mut self, target: &Expr, value: &Expr) {
        let (place, value) = match &target.kind {
            ExprKind::Index { container, index } => {
                let ty = self.checked.type_of(container).without_null();
                if matches!(ty, Type::Map(..)) {
                    let put = self.function_of(ty, "put");
                    let values = self.values(&[container, index, value]);
                    return self.out.line(format!("{put}({});", values.join(", ")));
                }
                // Who is in the way of the value is put aside; else it stays as it was written.
                if self.has_to_wait(container, &[index, value]) || self.has_to_wait(index, &[value]) {
                    let values = self.values(&[container, index, value]);
                    (format!("{}->data[{}]", atom(&values[0]), values[1]), values[2].clone())
                } else {
                    let place = self.place(container, index);
                    (place, self.value(value))
                }
            }
            ExprKind::Field { object, field } if self.has_to_wait(object, &[value]) => {
                let values = self.values(&[object, value]);
                (format!("{}->{}", values[0], Self::field(&field.text)), values[1].clone())
            }
            _ => (self.value(target), self.value(value)),
        };
        self.out.line(format!("{place} = {value};"));
    }

    fn conditional(&mut self, arms: &[(Expr, Block)], otherwise: Option<&Block>) {
        // An `else if` whose condition needs statements is an `if` inside the `else`.
        let mut n_nested = 0;
        for (i, (condition, body)) in arms.iter().enumerate() {
            if i > 0 && self.needs_statements(condition) {
                self.out.reopen("} else {");
                n_nested += 1;
                let condition = self.value(condition);
                self.out.open(format!("if ({condition}) {{"));
            } else {
                let condition = self.value(condition);
                match i {
                    0 => self.out.open(format!("if ({condition}) {{")),
                    _ => self.out.reopen(format!("}} else if ({condition}) {{")),
                }
            }
            self.statements(&body.statements);
        }
        if let Some(otherwise) = otherwise {
            self.out.reopen("} else {");
            self.statements(&otherwise.statements);
        }
        (0..=n_nested).for_each(|_| self.out.close("}"));
    }

    fn range(&mut self, name: &Name, from: &Expr, to: &Expr, body: &Block) {
        let values = self.values(&[from, to]);
        let (name, from, mut to_text, mut end) = (self.local(name), &values[0], values[1].clone(), String::new());
        if !self.is_fixed(to) {
            let kept = self.temporary();
            end = format!(", {kept} = {to_text}");
            to_text = kept;
        }
        let to = to_text;
        self.out.open(format!("for (int64_t {name} = {from}{end}; {name} < {to}; {name}++) {{"));
        self.tick();
        self.block(body);
    }

    fn each(&mut self, name: &Name, over: &Expr, body: &Block) {
        let ty = self.checked.type_of(over).without_null().clone();
        let value = self.value(over);
        let over = if self.is_fixed(over) { value } else { self.keep(over, &value) };
        let (name, at) = (self.local(name), self.temporary());
        let (element, read) = match &ty {
            Type::Map(key, _) => {
                let (next, len) = (self.function_of(&ty, "next"), self.temporary());
                let next = format!("({at} = {next}({over}, {at}, {len})) != 0");
                self.out.open(format!("for (size_t {at} = 0, {len} = {over}->len; {next};) {{"));
                (&**key, format!("{over}->entries[{at} - 1].key"))
            }
            Type::Array(element) | Type::List(element) => {
                let n = if matches!(ty, Type::Array(_)) { "n" } else { "len" };
                self.out.open(format!("for (size_t {at} = 0; {at} < {over}->{n}; {at}++) {{"));
                (&**element, format!("{over}->data[{at}]"))
            }
            other => panic!("{other:?} cannot be gone over"),
        };
        let declaration = self.declaration(element, &name);
        self.out.line(format!("{declaration} = {read};"));
        self.tick();
        self.block(body);
    }

    fn tick(&mut self) {
        if self.names.has_threads {
            self.out.line("tick();");
        }
    }

    fn free(&mut self, e: &Expr) {
        let ty = self.checked.type_of(e).without_null();
        let id = self.type_id(ty);
        let value = self.value(e);
        match ty {
            Type::List(_) | Type::Map(..) => {
                let free = self.function_of(ty, "free");
                self.out.line(format!("{free}({value});"));
            }
            Type::Weak(_) => {
                self.support.need("weak_free");
                self.out.line(format!("weak_free({value});"));
            }
            Type::Record(record) if self.checked.records[record.index()].finalizer.is_some() => {
                self.out.line(format!("{id}_free({value});"));
            }
            Type::Record(record) if self.names.weak_targets.contains(record) => {
                self.support.need("weak_forget");
                let value = if self.is_fixed(e) { value } else { self.keep(e, &value) };
                self.out.line(format!("weak_forget({value});"));
                self.out.line(format!("free({value});"));
            }
            _ => self.out.line(format!("free({value});")),
        }
    }

    fn print(&mut self, values: &[Expr]) {
        let texts = self.values(&values.iter().collect::<Vec<_>>());
        let (mut format, mut arguments) = (Vec::new(), String::new());
        for (e, text) in values.iter().zip(texts) {
            let (shape, argument) = match self.checked.type_of(e) {
                Type::Int if text.parse::<i64>().is_ok() => ("%\" PRId64 \"", format!("(int64_t){text}")),
                Type::Int => ("%\" PRId64 \"", text),
                Type::Float => {
                    self.support.need("show_float");
                    ("%s", format!("show_float({text}, (char[32]){{0}})"))
                }
                Type::Bool => ("%s", format!("{} ? \"true\" : \"false\"", atom(&text))),
                _ if text.starts_with("not_null(") => ("%s", format!("(char *){text}")),
                _ => ("%s", text),
            };
            format.push(shape);
            arguments.push_str(", ");
            arguments.push_str(&argument);
        }
        let format = format!("\"{}\\n\"", format.join(" "));
        self.out.line(format!("printf({format}{arguments});"));
    }
}
