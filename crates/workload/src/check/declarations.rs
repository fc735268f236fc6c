//! Records, functions and parameters, before any body is looked at: they may stand in any order.

use memory_trait::{FieldIndex, FunctionId, RecordId};

use super::{Binding, Builtin, Checker, FunctionInfo, LocalInfo, RecordInfo, Role, literal_type};
use crate::ast::{Block, Literal, Name, Param, TypeName};
use crate::diagnostic::{Problem, did_you_mean};
use crate::source::Span;
use crate::types::Type;

/// The types of the language, by the names that no record may have.
const TYPE_NAMES: [&str; 10] = ["int", "float", "bool", "str", "bytes", "array", "list", "map", "weak", "thread"];

/// The most fields that a record may have.
pub(crate) const FIELDS_MAX: usize = 64;

impl<'f> Checker<'f> {
    pub(super) fn file(&mut self) {
        let file = self.file;
        for (index, param) in file.params.iter().enumerate() {
            self.param(param);
            if self.params.insert(&param.name.text, index as u32).is_some() {
                self.declared_twice("parameter", &param.name);
            }
        }
        for record in &file.records {
            let id = RecordId(self.checked.records.len() as u32);
            self.checked.records.push(RecordInfo {
                name: record.name.text.clone(),
                fields: Vec::new(),
                finalizer: None,
            });
            if TYPE_NAMES.contains(&record.name.text.as_str()) {
                let problem =
                    Problem::new(record.name.span, format!("`{}` is a type of the language", record.name.text));
                self.report(problem.label("not a new name").help("records usually begin with a capital letter"));
            } else if self.records.insert(&record.name.text, id).is_some() {
                self.declared_twice("record", &record.name);
            }
            self.bind(&record.name, Binding::Record(id));
        }
        for (index, record) in file.records.iter().enumerate() {
            if record.fields.len() > FIELDS_MAX {
                let problem = Problem::new(record.name.span, format!("a record has at most {FIELDS_MAX} fields"));
                self.report(problem.label(format!("this has {}", record.fields.len())));
            }
            for (at, (field, ty)) in record.fields.iter().enumerate() {
                if record.fields[..at].iter().any(|(earlier, _)| earlier.text == field.text) {
                    self.declared_twice("field", field);
                }
                let ty = self.resolve(ty);
                self.checked.records[index].fields.push((field.text.clone(), ty));
                self.bind(field, Binding::Field(FieldIndex(at as u32)));
            }
        }
        self.declare_functions();
        for (index, function) in file.functions.iter().enumerate() {
            self.body(FunctionId(index as u32), function.parameters.iter().map(|(name, _)| name), &function.body);
        }
        let mut next = file.functions.len() as u32;
        for record in &file.records {
            if let Some((this, body)) = &record.finalizer {
                self.body(FunctionId(next), std::iter::once(this), body);
                next += 1;
            }
        }
        self.check_finalizers();
    }

    fn declare_functions(&mut self) {
        let file = self.file;
        for (index, function) in file.functions.iter().enumerate() {
            let id = FunctionId(index as u32);
            let name = &function.name;
            let is_builtin = Builtin::ALL.iter().any(|(builtin, _)| *builtin == name.text);
            if is_builtin || TYPE_NAMES.contains(&name.text.as_str()) {
                let problem = Problem::new(name.span, format!("`{}` is part of the language", name.text));
                self.report(problem.label("not a new name").help("choose another name"));
            } else if self.functions.insert(&name.text, id).is_some() {
                self.declared_twice("function", name);
            }
            self.bind(name, Binding::Function(id));
            let locals = function.parameters.iter().map(|(name, ty)| self.parameter(name, ty)).collect::<Vec<_>>();
            let result = function.result.as_ref().map_or(Type::Nothing, |ty| self.resolve(ty));
            self.checked.functions.push(FunctionInfo {
                name: name.text.clone(),
                n_parameters: locals.len(),
                result,
                locals,
                finalizes: None,
                span: name.span,
            });
        }
        for (index, record) in file.records.iter().enumerate() {
            let Some((this, _)) = &record.finalizer else { continue };
            let record_id = RecordId(index as u32);
            let id = FunctionId(self.checked.functions.len() as u32);
            self.checked.records[index].finalizer = Some(id);
            self.checked.functions.push(FunctionInfo {
                name: format!("{}.finalize", record.name.text),
                n_parameters: 1,
                result: Type::Nothing,
                locals: vec![LocalInfo {
                    name: "self".to_owned(),
                    ty: Type::Record(record_id),
                    role: Role::Parameter,
                    span: this.span,
                }],
                finalizes: Some(record_id),
                span: this.span,
            });
        }
        match file.functions.iter().find(|function| function.name.text == "main") {
            None => {
                let help = "a workload begins with `fn main() { .. }`";
                self.report(Problem::new(Span::default(), "there is no function `main`").help(help));
            }
            Some(main) if !main.parameters.is_empty() || main.result.is_some() => {
                let problem = Problem::new(main.name.span, "`main` has no parameters and returns nothing");
                self.report(
                    problem.label("this is called first").help("values from outside come in as `param name = value`"),
                );
            }
            Some(_) => {}
        }
    }

    fn parameter(&mut self, name: &Name, ty: &TypeName) -> LocalInfo {
        let ty = self.resolve(ty);
        LocalInfo { name: name.text.clone(), ty, role: Role::Parameter, span: name.span }
    }

    fn body(&mut self, id: FunctionId, parameters: impl Iterator<Item = &'f Name>, body: &'f Block) {
        self.current = id;
        self.n_loops = 0;
        self.scopes = vec![Vec::new()];
        for (index, name) in parameters.enumerate() {
            self.check_new_name(name, name.text == "self");
            self.bind(name, Binding::Local(index as u32));
            self.scopes[0].push((&name.text, index as u32));
        }
        let completes = self.block(body);
        let function = &self.checked.functions[id.index()];
        if completes && function.result != Type::Nothing {
            let end = Span { start: body.span.end - 1, end: body.span.end };
            let problem = Problem::new(end, format!("`{}` can end without a `return`", function.name))
                .label("reached without a value")
                .help(format!("it returns `{}` on every way out", self.text(&function.result)));
            self.report(problem);
        }
    }

    fn declared_twice(&mut self, what: &str, name: &Name) {
        let problem = Problem::new(name.span, format!("the {what} `{}` is declared twice", name.text));
        self.report(problem.label("the second"));
    }

    fn param(&mut self, param: &Param) {
        let ty = literal_type(&param.value);
        let Some((from, to)) = &param.range else { return };
        if literal_type(from) != ty || literal_type(to) != ty || !matches!(ty, Type::Int | Type::Float) {
            let problem = Problem::new(param.range_span, "the range does not fit the value")
                .label("a range of other values")
                .help("a range has two ints for an int, two floats for a float");
            return self.report(problem);
        }
        if !is_in_range(&param.value, from, to) {
            let problem = Problem::new(param.value_span, "the value is outside its range")
                .label("not in the range")
                .help("a range contains its start, not its end");
            self.report(problem);
        }
    }

    /// The type that was written.
    pub(super) fn resolve(&mut self, written: &TypeName) -> Type {
        let arguments: Vec<Type> = written.arguments.iter().map(|argument| self.resolve(argument)).collect();
        let base = match (written.name.as_str(), arguments.as_slice()) {
            ("int", []) => Type::Int,
            ("float", []) => Type::Float,
            ("bool", []) => Type::Bool,
            ("str", []) => Type::Str,
            ("bytes", []) => Type::Bytes,
            ("thread", []) => Type::Thread,
            ("array", [element]) => {
                if *element == Type::Thread || element.is_reference() && !element.is_nullable() {
                    let text = self.text(element);
                    let mut problem = Problem::new(written.arguments[0].span, format!("an array cannot hold `{text}`"))
                        .label("has no value to begin with");
                    problem.help = Some(if *element == Type::Thread {
                        "use `list<thread>`".to_owned()
                    } else {
                        format!("its elements are null at first: write `array<{text}?>`")
                    });
                    self.report(problem);
                }
                Type::Array(Box::new(element.clone()))
            }
            ("list", [element]) => Type::List(Box::new(element.clone())),
            ("map", [key, value]) => {
                if !matches!(key, Type::Int | Type::Str | Type::Unknown) {
                    let text = self.text(key);
                    let problem = Problem::new(written.arguments[0].span, format!("`{text}` cannot be a key"));
                    self.report(problem.label("not `int` or `str`").help("keys are `int` or `str`"));
                }
                Type::Map(Box::new(key.clone()), Box::new(value.clone()))
            }
            ("weak", [Type::Record(record)]) => Type::Weak(*record),
            ("weak", [Type::Unknown]) => Type::Unknown,
            ("weak", [_]) => {
                let problem = Problem::new(written.arguments[0].span, "a weak reference is to a record");
                self.report(problem.label("not a record").help("write `weak<R>` with the name of a record"));
                Type::Unknown
            }
            (name, _) if TYPE_NAMES.contains(&name) => {
                let shape = match name {
                    "array" | "list" | "weak" => format!("{name}<T>"),
                    "map" => "map<K, V>".to_owned(),
                    _ => name.to_owned(),
                };
                let problem = Problem::new(written.span, format!("`{name}` has another number of types in `<>`"));
                self.report(problem.label("wrong number").help(format!("write `{shape}`")));
                Type::Unknown
            }
            (name, arguments) => match self.records.get(name) {
                Some(&record) if arguments.is_empty() => Type::Record(record),
                Some(_) => {
                    let problem =
                        Problem::new(written.span, format!("`{name}` is a record and takes no types in `<>`"));
                    self.report(problem.label("not generic"));
                    Type::Unknown
                }
                None => {
                    let known = TYPE_NAMES.into_iter().chain(self.records.keys().copied());
                    let help = did_you_mean(name, known);
                    let problem = Problem::new(written.span, format!("there is no type `{name}`"));
                    self.report(problem.label("unknown type").maybe_help(help));
                    Type::Unknown
                }
            },
        };
        if !written.nullable || base == Type::Unknown {
            return base;
        }
        if !base.is_reference() {
            let text = self.text(&base);
            let problem = Problem::new(written.span, format!("`{text}` is not a reference and cannot be null"));
            self.report(problem.label("cannot be null").help(format!("write `{text}`")));
            return base;
        }
        Type::Nullable(Box::new(base))
    }
}

/// Whether a parameter's value is in its half-open range. Values of different types are not.
pub(crate) fn is_in_range(value: &Literal, from: &Literal, to: &Literal) -> bool {
    match (value, from, to) {
        (Literal::Int(value), Literal::Int(from), Literal::Int(to)) => from <= value && value < to,
        (Literal::Float(value), Literal::Float(from), Literal::Float(to)) => from <= value && value < to,
        _ => false,
    }
}
