//! Names of variables: where they are declared and where they are seen.

use super::{Binding, Checker, LocalInfo, Role};
use crate::ast::Name;
use crate::diagnostic::{Problem, did_you_mean};
use crate::source::Span;
use crate::types::Type;

/// The most variables that a function may have: code names its slots with 15 bits.
const VARIABLES_MAX: usize = 5000;

impl<'f> Checker<'f> {
    /// Declares a variable in the innermost block.
    pub(super) fn declare(&mut self, name: &'f Name, ty: Type, role: Role) {
        self.check_new_name(name, false);
        let function = &mut self.checked.functions[self.current.index()];
        let index = function.locals.len() as u32;
        if function.locals.len() == VARIABLES_MAX {
            let problem = Problem::new(name.span, format!("a function has at most {VARIABLES_MAX} variables"));
            self.problems.push(problem.label("one too many"));
        }
        function.locals.push(LocalInfo { name: name.text.clone(), ty, role, span: name.span });
        self.bind(name, Binding::Local(index));
        self.scopes.last_mut().expect("a body has a scope").push((&name.text, index));
    }

    /// Reports a name that is taken in this function. Parameters of the workload may be hidden.
    pub(super) fn check_new_name(&mut self, name: &Name, is_self: bool) {
        if name.text == "self" && !is_self {
            let problem = Problem::new(name.span, "`self` is the object in a finalizer");
            return self.report(problem.label("not a new name").help("choose another name"));
        }
        if self.lookup(&name.text).is_some() {
            let problem = Problem::new(name.span, format!("`{}` is declared already", name.text));
            self.report(problem.label("the second").help("a name means one thing in a block and the blocks in it"));
        }
    }

    fn lookup(&self, name: &str) -> Option<u32> {
        self.scopes.iter().rev().flat_map(|scope| scope.iter().rev()).find(|(n, _)| *n == name).map(|&(_, local)| local)
    }

    /// What a name means here; reported if nothing.
    pub(super) fn find(&mut self, name: &str, span: Span) -> Binding {
        if let Some(local) = self.lookup(name) {
            return Binding::Local(local);
        }
        if let Some(&param) = self.params.get(name) {
            return Binding::Param(param);
        }
        let known = self.scopes.iter().flatten().map(|&(name, _)| name).chain(self.params.keys().copied());
        let mut help = did_you_mean(name, known);
        if self.functions.contains_key(name) {
            help = Some(format!("`{name}` is a function: call it with `{name}(..)`"));
        } else if self.records.contains_key(name) {
            help =
                Some(format!("`{name}` is a record: create one with `{name} {{ .. }}`, in parentheses before a block"));
        } else if matches!(name, "None" | "nil" | "NULL" | "nullptr") {
            help = Some("write `null`".to_owned());
        } else if matches!(name, "True" | "False") {
            help = Some(format!("write `{}`", name.to_lowercase()));
        }
        let problem = Problem::new(span, format!("there is no variable `{name}`"));
        self.report(problem.label("not known here").maybe_help(help));
        Binding::Unbound
    }

    pub(super) fn local(&self, index: u32) -> &LocalInfo {
        &self.checked.functions[self.current.index()].locals[index as usize]
    }
}
