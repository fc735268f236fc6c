//! Statements, and whether they let those after them be reached.

use super::{Binding, Checker, Role};
use crate::ast::{Block, Expr, ExprKind, FieldValue, Literal, Name, Statement, StatementKind};
use crate::diagnostic::Problem;
use crate::source::Span;
use crate::types::Type;

impl<'f> Checker<'f> {
    /// Checks a block with a scope of its own; whether its end can be reached.
    pub(super) fn block(&mut self, block: &'f Block) -> bool {
        self.scopes.push(Vec::new());
        let mut completes = true;
        let mut is_reported = false;
        for statement in &block.statements {
            if !completes && !is_reported {
                let problem = Problem::new(statement.span, "this is never reached").label("unreachable");
                self.report(problem.help("remove it, or the statement before it that ends the block"));
                is_reported = true;
            }
            completes &= self.statement(statement);
        }
        self.scopes.pop();
        completes
    }

    fn statement(&mut self, statement: &'f Statement) -> bool {
        match &statement.kind {
            StatementKind::Var { name, ty, value } => {
                let wanted = ty.as_ref().map(|ty| self.resolve(ty));
                let found = self.value(value);
                let ty = match wanted {
                    Some(wanted) => {
                        self.demand(&found, &wanted, value.span);
                        wanted
                    }
                    None => self.inferred(name, found, value.span),
                };
                self.declare(name, ty, Role::Variable);
            }
            StatementKind::Local { name, record, fields } => self.local_statement(name, record, fields),
            StatementKind::Assign { target, value } => {
                let wanted = self.target(target);
                let found = self.value(value);
                self.demand(&found, &wanted, value.span);
            }
            StatementKind::If { arms, otherwise } => {
                let mut completes = false;
                for (condition, body) in arms {
                    self.condition(condition);
                    completes |= self.block(body);
                }
                completes |= otherwise.as_ref().is_none_or(|body| self.block(body));
                return completes;
            }
            StatementKind::While { condition, body } => {
                self.condition(condition);
                let n_breaks = self.loop_body(body);
                let is_endless = matches!(condition.kind, ExprKind::Literal(Literal::Bool(true)));
                return !is_endless || n_breaks > 0;
            }
            StatementKind::ForRange { name, from, to, body } => {
                for bound in [from, to] {
                    let found = self.value(bound);
                    self.demand(&found, &Type::Int, bound.span);
                }
                self.for_body(name, Type::Int, body);
            }
            StatementKind::ForEach { name, over, body } => {
                let item = self.item(over);
                self.for_body(name, item, body);
            }
            StatementKind::Break | StatementKind::Continue => {
                if self.n_loops == 0 {
                    self.report(Problem::new(statement.span, "there is no loop around this").label("outside a loop"));
                }
                self.n_breaks += usize::from(statement.kind == StatementKind::Break);
                return false;
            }
            StatementKind::Return(value) => {
                self.return_statement(value.as_ref(), statement.span);
                return false;
            }
            StatementKind::Free(value) => {
                let found = self.value(value);
                if !found.is_reference() && found != Type::Unknown {
                    let text = self.text(&found);
                    let problem =
                        Problem::new(value.span, format!("`{text}` is not a reference: there is nothing to free"));
                    self.report(problem.label(format!("this is `{text}`")));
                }
            }
            StatementKind::Collect => {}
            StatementKind::Yield => self.restrict("yield", statement.span),
            StatementKind::Join(thread) => {
                self.restrict("join", statement.span);
                let found = self.value(thread);
                self.demand(&found, &Type::Thread, thread.span);
            }
            StatementKind::Expect(condition) => self.condition(condition),
            StatementKind::Print(values) => self.print(values),
            StatementKind::Call(call) => {
                self.expression(call);
            }
        }
        true
    }

    /// The type of what a `for` goes over, one at a time.
    fn item(&mut self, over: &'f Expr) -> Type {
        let container = self.value(over);
        let problem = match container.without_null() {
            Type::List(element) | Type::Array(element) => return (**element).clone(),
            Type::Map(key, _) => return (**key).clone(),
            Type::Unknown => return Type::Unknown,
            other => {
                let text = self.text(other);
                let problem = Problem::new(over.span, format!("`{text}` cannot be gone over"));
                problem
                    .label("not a list, array or map")
                    .maybe_help(matches!(container, Type::Int).then(|| "write `for i in 0..n`".to_owned()))
            }
        };
        self.report(problem);
        Type::Unknown
    }

    fn print(&mut self, values: &'f [Expr]) {
        for value in values {
            let found = self.value(value);
            if !matches!(found, Type::Int | Type::Float | Type::Bool | Type::Str | Type::Unknown) {
                let text = self.text(&found);
                let problem = Problem::new(value.span, format!("`{text}` cannot be printed"));
                self.report(problem.label(format!("this is `{text}`")).help("print int, float, bool or str"));
            }
        }
    }

    /// The type of a variable that was declared without one.
    fn inferred(&mut self, name: &Name, found: Type, span: Span) -> Type {
        match found {
            Type::Null => {
                let problem = Problem::new(span, format!("the type of `{}` is not known", name.text));
                self.report(problem.label("null of what?").help(format!("write it: `var {}: T? = null`", name.text)));
                Type::Unknown
            }
            Type::Nothing => {
                self.demand(&Type::Nothing, &Type::Int, span);
                Type::Unknown
            }
            other => other,
        }
    }

    fn local_statement(&mut self, name: &'f Name, record: &'f Name, fields: &'f [FieldValue]) {
        let ty = self.create(record, fields);
        self.declare(name, ty, Role::Automatic);
    }

    fn return_statement(&mut self, value: Option<&'f Expr>, span: Span) {
        let wanted = self.checked.functions[self.current.index()].result.clone();
        match (value, &wanted) {
            (None, Type::Nothing) => {}
            (None, _) => {
                let text = self.text(&wanted);
                let problem = Problem::new(span, format!("expected a value of type `{text}`")).label("returns nothing");
                self.report(problem);
            }
            (Some(value), Type::Nothing) => {
                self.value(value);
                let problem = Problem::new(value.span, "this function returns nothing").label("not expected");
                self.report(problem.help("give it a result: `fn name() -> type`"));
            }
            (Some(value), _) => {
                let found = self.value(value);
                self.demand(&found, &wanted, value.span);
            }
        }
    }

    fn condition(&mut self, condition: &'f Expr) {
        let found = self.value(condition);
        if found.is_nullable() {
            let problem = Problem::new(condition.span, "a reference is not a condition").label("this is a reference");
            return self.report(problem.help("compare it: `x != null`"));
        }
        if found == Type::Int {
            let problem = Problem::new(condition.span, "an int is not a condition").label("this is `int`");
            return self.report(problem.help("compare it: `x != 0`"));
        }
        self.demand(&found, &Type::Bool, condition.span);
    }

    fn for_body(&mut self, name: &'f Name, item: Type, body: &'f Block) {
        self.scopes.push(Vec::new());
        self.declare(name, item, Role::Loop);
        self.loop_body(body);
        self.scopes.pop();
    }

    /// Checks a loop's body; how many `break`s leave it.
    fn loop_body(&mut self, body: &'f Block) -> usize {
        let outer = std::mem::replace(&mut self.n_breaks, 0);
        self.n_loops += 1;
        self.block(body);
        self.n_loops -= 1;
        std::mem::replace(&mut self.n_breaks, outer)
    }

    /// The type of what is assigned to.
    fn target(&mut self, target: &'f Expr) -> Type {
        let ty = self.expression_in(target, true);
        match &target.kind {
            ExprKind::Name(name) => match self.checked.binding(target.id) {
                Binding::Param(_) => {
                    let problem = Problem::new(target.span, format!("`{name}` is a parameter of the workload"));
                    self.report(problem.label("cannot be assigned to").help("copy it into a variable"));
                }
                Binding::Local(local) if self.local(local).role == Role::Loop => {
                    let problem = Problem::new(target.span, format!("`{name}` is the loop's own variable"));
                    self.report(problem.label("cannot be assigned to").help("copy it into a variable, or use `while`"));
                }
                Binding::Local(local) if self.local(local).role == Role::Automatic => {
                    let problem = Problem::new(target.span, format!("`{name}` is a record in automatic storage"));
                    self.report(problem.label("cannot be assigned to").help("assign to its fields"));
                }
                _ => {}
            },
            ExprKind::Index { container, .. } => {
                if matches!(self.checked.type_of(container).without_null(), Type::Bytes) {
                    let problem = Problem::new(target.span, "bytes cannot be changed").label("immutable");
                    self.report(problem.help("use `array<int>` for what changes"));
                }
            }
            _ => {}
        }
        ty
    }
}
