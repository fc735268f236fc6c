//! Calls: of functions, of what is built in, of methods; creations of containers and threads.

use super::{Binding, Builtin, Checker, Method};
use crate::ast::{Expr, Name, TypeName};
use crate::diagnostic::{Problem, did_you_mean};
use crate::source::Span;
use crate::types::Type;

impl<'f> Checker<'f> {
    pub(super) fn call(&mut self, function: &'f Name, arguments: &'f [Expr]) -> Type {
        if let Some(&(_, builtin)) = Builtin::ALL.iter().find(|(name, _)| *name == function.text) {
            self.bind(function, Binding::Builtin(builtin));
            return self.builtin(builtin, function, arguments);
        }
        self.user_call(function, arguments).unwrap_or(Type::Unknown)
    }

    /// Checks a call of a function of the workload; its result.
    fn user_call(&mut self, function: &'f Name, arguments: &'f [Expr]) -> Option<Type> {
        let found: Vec<Type> = arguments.iter().map(|argument| self.value(argument)).collect();
        let Some(&id) = self.functions.get(function.text.as_str()) else {
            let names = self.functions.keys().copied().chain(Builtin::ALL.into_iter().map(|(name, _)| name));
            let help = if self.records.contains_key(function.text.as_str()) {
                Some(format!("create a record with `{} {{ field: value }}`", function.text))
            } else if matches!(function.text.as_str(), "array" | "list" | "map") {
                Some(
                    "the type of the elements belongs to it: `list<int>()`, `array<int>(n)`, `map<int, str>()`"
                        .to_owned(),
                )
            } else {
                did_you_mean(&function.text, names)
            };
            let problem = Problem::new(function.span, format!("there is no function `{}`", function.text));
            self.report(problem.label("unknown function").maybe_help(help));
            return None;
        };
        self.bind(function, Binding::Function(id));
        self.calls.push((self.current, id));
        let info = &self.checked.functions[id.index()];
        let wanted: Vec<Type> = info.locals[..info.n_parameters].iter().map(|local| local.ty.clone()).collect();
        let result = info.result.clone();
        let shape: Vec<String> = info.locals[..info.n_parameters]
            .iter()
            .map(|local| format!("{}: {}", local.name, self.text(&local.ty)))
            .collect();
        if self.arity(function, arguments, wanted.len(), &format!("{}({})", function.text, shape.join(", "))) {
            for ((found, wanted), argument) in found.iter().zip(&wanted).zip(arguments) {
                self.demand(found, wanted, argument.span);
            }
        }
        Some(result)
    }

    /// Whether the number of arguments is right; reported if not.
    fn arity(&mut self, name: &Name, arguments: &[Expr], n_wanted: usize, shape: &str) -> bool {
        let n_found = arguments.len();
        if n_found == n_wanted {
            return true;
        }
        let plural = if n_wanted == 1 { "" } else { "s" };
        let message = format!("`{}` takes {n_wanted} argument{plural}, found {n_found}", name.text);
        let span =
            if n_found > n_wanted { arguments[n_wanted].span.to(arguments[n_found - 1].span) } else { name.span };
        let label = if n_found > n_wanted { "too many" } else { "too few" };
        self.report(Problem::new(span, message).label(label).help(format!("it is `{shape}`")));
        false
    }

    fn builtin(&mut self, builtin: Builtin, name: &Name, arguments: &'f [Expr]) -> Type {
        let found: Vec<Type> = arguments.iter().map(|argument| self.value(argument)).collect();
        let (n_wanted, shape, result) = match builtin {
            Builtin::Len => (1, "len(x)", Type::Int),
            Builtin::Str => (1, "str(x)", Type::Str),
            Builtin::Int => (1, "int(x: float)", Type::Int),
            Builtin::Float => (1, "float(x: int)", Type::Float),
            Builtin::Bytes => (1, "bytes(n: int)", Type::Bytes),
            Builtin::Rand => (2, "rand(from: int, to: int)", Type::Int),
            Builtin::Weak => (1, "weak(x)", Type::Unknown),
        };
        if builtin == Builtin::Rand {
            self.restrict("rand", name.span);
        }
        if !self.arity(name, arguments, n_wanted, shape) {
            return result;
        }
        let (first, span) = (&found[0], arguments[0].span);
        match builtin {
            Builtin::Len => {
                let ok = matches!(
                    first.without_null(),
                    Type::Array(_) | Type::List(_) | Type::Map(..) | Type::Str | Type::Bytes | Type::Unknown
                );
                self.allow(ok, first, span, "has no length", "len is for array, list, map, str and bytes");
            }
            Builtin::Str => {
                let ok = matches!(first, Type::Int | Type::Float | Type::Bool | Type::Unknown);
                self.allow(ok, first, span, "cannot be converted to `str`", "str is for int, float and bool");
            }
            Builtin::Int => {
                let ok = matches!(first, Type::Float | Type::Unknown);
                self.allow(ok, first, span, "cannot be converted to `int`", "int is for float");
            }
            Builtin::Float => {
                let ok = matches!(first, Type::Int | Type::Unknown);
                self.allow(ok, first, span, "cannot be converted to `float`", "float is for int");
            }
            Builtin::Bytes => self.demand(first, &Type::Int, span),
            Builtin::Rand => {
                for (found, argument) in found.iter().zip(arguments) {
                    self.demand(found, &Type::Int, argument.span);
                }
            }
            Builtin::Weak => {
                if let Type::Record(record) = first.without_null() {
                    return Type::Weak(*record);
                }
                let ok = *first == Type::Unknown;
                self.allow(ok, first, span, "cannot be referred to weakly", "weak is for records");
            }
        }
        result
    }

    fn allow(&mut self, ok: bool, found: &Type, span: Span, message: &str, help: &str) {
        if ok {
            return;
        }
        let text = self.text(found);
        let problem = Problem::new(span, format!("`{text}` {message}"));
        self.report(problem.label(format!("this is `{text}`")).help(help));
    }

    pub(super) fn method(&mut self, object: &'f Expr, method: &Name, arguments: &'f [Expr]) -> Type {
        let object_type = self.value(object);
        let found: Vec<Type> = arguments.iter().map(|argument| self.value(argument)).collect();
        if object_type == Type::Unknown {
            return Type::Unknown;
        }
        let (known, wanted, result) = match (object_type.without_null(), method.text.as_str()) {
            (Type::List(element), "push") => (Method::Push, Some((**element).clone()), Type::Nothing),
            (Type::List(element), "pop") => (Method::Pop, None, (**element).clone()),
            (Type::Map(key, _), "has") => (Method::Has, Some((**key).clone()), Type::Bool),
            (Type::Map(key, _), "remove") => (Method::Remove, Some((**key).clone()), Type::Bool),
            (Type::Weak(record), "get") => (Method::Get, None, Type::Nullable(Box::new(Type::Record(*record)))),
            (other, name) => {
                let methods: &[&str] = match other {
                    Type::List(_) => &["push", "pop"],
                    Type::Map(..) => &["has", "remove"],
                    Type::Weak(_) => &["get"],
                    _ => &[],
                };
                let help = match name {
                    "append" | "add" if matches!(other, Type::List(_)) => Some("did you mean `push`?".to_owned()),
                    "contains" | "containsKey" if matches!(other, Type::Map(..)) => {
                        Some("did you mean `has`?".to_owned())
                    }
                    "len" | "length" | "size" => Some("write `len(x)`".to_owned()),
                    _ => did_you_mean(name, methods.iter().copied())
                        .or_else(|| (!methods.is_empty()).then(|| format!("it has {}", methods.join(", ")))),
                };
                let text = self.text(other);
                let problem = Problem::new(method.span, format!("`{text}` has no method `{name}`"));
                self.report(problem.label("unknown method").maybe_help(help));
                return Type::Unknown;
            }
        };
        self.bind(method, Binding::Method(known));
        let shape = if wanted.is_some() { format!("{}(x)", method.text) } else { format!("{}()", method.text) };
        if self.arity(method, arguments, usize::from(wanted.is_some()), &shape)
            && let Some(wanted) = wanted
        {
            self.demand(&found[0], &wanted, arguments[0].span);
        }
        result
    }

    /// `array<T>(n)`, `list<T>()`, `map<K, V>()`
    pub(super) fn container(&mut self, written: &'f TypeName, arguments: &'f [Expr], span: Span) -> Type {
        let ty = self.resolve(written);
        let found: Vec<Type> = arguments.iter().map(|argument| self.value(argument)).collect();
        let n_wanted = match &ty {
            Type::Array(_) => 1,
            Type::List(_) | Type::Map(..) => 0,
            Type::Unknown => return Type::Unknown,
            other => {
                let text = self.text(other);
                let problem = Problem::new(span, format!("`{text}` cannot be created like this"));
                self.report(problem.label("not an array, list or map").help("a weak reference is made with `weak(x)`"));
                return Type::Unknown;
            }
        };
        if found.len() != n_wanted {
            let shape = if n_wanted == 1 { "the number of its elements in parentheses" } else { "empty parentheses" };
            let problem = Problem::new(span, format!("`{}` takes {shape}", written.name));
            self.report(problem.label(format!("found {} arguments", found.len())));
        } else if let (Some(found), Some(argument)) = (found.first(), arguments.first()) {
            self.demand(found, &Type::Int, argument.span);
        }
        ty
    }

    pub(super) fn spawn(&mut self, function: &'f Name, arguments: &'f [Expr], span: Span) -> Type {
        self.restrict("spawn", span);
        if Builtin::ALL.iter().any(|(name, _)| *name == function.text) {
            let problem = Problem::new(function.span, format!("`{}` is part of the language", function.text));
            self.report(
                problem.label("not a function of the workload").help("a thread runs a function of the workload"),
            );
            return Type::Thread;
        }
        // What the thread's function calls is not called by this one.
        let n_calls = self.calls.len();
        self.user_call(function, arguments);
        self.calls.truncate(n_calls);
        Type::Thread
    }
}
