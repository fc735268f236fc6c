//! The checker: what every name means, what type every expression has, and that functions return what they promise.

mod calls;
pub(crate) mod declarations;
mod expressions;
mod finalizers;
mod scope;
mod statements;

use std::collections::BTreeMap;

use memory_trait::{FieldIndex, FunctionId, RecordId};

use crate::ast::{Expr, File, Literal, Name, NodeId};
use crate::diagnostic::Problem;
use crate::source::Span;
use crate::types::Type;

/// What a name stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// Nothing that is known.
    #[default]
    Unbound,
    /// A variable, by its place in [`FunctionInfo::locals`].
    Local(u32),
    /// A parameter of the workload, by its place in [`File::params`].
    Param(u32),
    /// A function.
    Function(FunctionId),
    /// A record.
    Record(RecordId),
    /// A field.
    Field(FieldIndex),
    /// A function that is part of the language.
    Builtin(Builtin),
    /// A method of a container or a weak reference.
    Method(Method),
}

/// The functions that are part of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// `len(x)`
    Len,
    /// `str(x)`
    Str,
    /// `int(x)`
    Int,
    /// `float(x)`
    Float,
    /// `bytes(n)`
    Bytes,
    /// `rand(a, b)`
    Rand,
    /// `weak(x)`
    Weak,
}

impl Builtin {
    /// All of them, by name.
    pub const ALL: [(&'static str, Builtin); 7] = [
        ("len", Builtin::Len),
        ("str", Builtin::Str),
        ("int", Builtin::Int),
        ("float", Builtin::Float),
        ("bytes", Builtin::Bytes),
        ("rand", Builtin::Rand),
        ("weak", Builtin::Weak),
    ];
}

/// The methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `list.push(x)`
    Push,
    /// `list.pop()`
    Pop,
    /// `map.has(k)`
    Has,
    /// `map.remove(k)`
    Remove,
    /// `weak.get()`
    Get,
}

/// A variable of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalInfo {
    /// Its name.
    pub name: String,
    /// Its type; of a `local`, the record's.
    pub ty: Type,
    /// How it came about.
    pub role: Role,
    /// Where it was declared.
    pub span: Span,
}

/// How a variable came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A parameter of the function, or `self`.
    Parameter,
    /// `var`
    Variable,
    /// The variable of a `for`.
    Loop,
    /// `local`: a record in automatic storage.
    Automatic,
}

/// A function or finalizer.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionInfo {
    /// Its name; of a finalizer `Record.finalize`.
    pub name: String,
    /// How many of the locals are parameters; they come first.
    pub n_parameters: usize,
    /// What it returns.
    pub result: Type,
    /// All variables in order of declaration, parameters first.
    pub locals: Vec<LocalInfo>,
    /// The record whose finalizer it is.
    pub finalizes: Option<RecordId>,
    /// Where its name stands.
    pub span: Span,
}

/// A record.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordInfo {
    /// Its name.
    pub name: String,
    /// Names and types of its fields.
    pub fields: Vec<(String, Type)>,
    /// Its finalizer.
    pub finalizer: Option<FunctionId>,
}

/// What the checker found out about a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// The type of each expression, by [`NodeId`].
    pub types: Vec<Type>,
    /// What each name stands for, by [`NodeId`].
    pub bindings: Vec<Binding>,
    /// Functions in source order, then the finalizers in the order of their records.
    pub functions: Vec<FunctionInfo>,
    /// Records in source order.
    pub records: Vec<RecordInfo>,
}

impl Checked {
    /// The type of an expression.
    pub fn type_of(&self, expression: &Expr) -> &Type {
        &self.types[expression.id.0 as usize]
    }

    /// What a name or a [`crate::ast::ExprKind::Name`] stands for.
    pub fn binding(&self, id: NodeId) -> Binding {
        self.bindings[id.0 as usize]
    }

    /// Whether the program makes weak references to objects of a record.
    pub fn is_weakly_referenced(&self, record: RecordId) -> bool {
        self.types.contains(&Type::Weak(record))
    }

    /// The function of a name, if there is one.
    pub fn function(&self, name: &str) -> Option<FunctionId> {
        self.functions
            .iter()
            .position(|function| function.finalizes.is_none() && function.name == name)
            .map(|index| FunctionId(index as u32))
    }
}

/// Checks a file that was parsed without problems.
pub fn check(file: &File) -> (Checked, Vec<Problem>) {
    let mut checker = Checker {
        file,
        checked: Checked {
            types: vec![Type::Unknown; file.n_nodes as usize],
            bindings: vec![Binding::Unbound; file.n_nodes as usize],
            ..Checked::default()
        },
        records: BTreeMap::new(),
        functions: BTreeMap::new(),
        params: BTreeMap::new(),
        current: FunctionId(0),
        scopes: Vec::new(),
        n_loops: 0,
        n_breaks: 0,
        calls: Vec::new(),
        restricted: Vec::new(),
        problems: Vec::new(),
    };
    checker.file();
    (checker.checked, checker.problems)
}

struct Checker<'f> {
    file: &'f File,
    checked: Checked,
    records: BTreeMap<&'f str, RecordId>,
    functions: BTreeMap<&'f str, FunctionId>,
    params: BTreeMap<&'f str, u32>,
    /// The function being checked.
    current: FunctionId,
    /// Names and locals of the blocks around, outermost first.
    scopes: Vec<Vec<(&'f str, u32)>>,
    /// Loops around.
    n_loops: usize,
    /// `break`s of the innermost loop so far.
    n_breaks: usize,
    /// Who calls whom.
    calls: Vec<(FunctionId, FunctionId)>,
    /// What a finalizer may not do: who does it, what, where.
    restricted: Vec<(FunctionId, &'static str, Span)>,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn text(&self, ty: &Type) -> String {
        ty.text(&|record| self.checked.records[record.index()].name.clone())
    }

    fn bind(&mut self, name: &Name, binding: Binding) {
        self.checked.bindings[name.id.0 as usize] = binding;
    }

    /// Demands that what stands at `span` fits where `target` is needed.
    fn demand(&mut self, found: &Type, target: &Type, span: Span) {
        if found.fits(target) {
            return;
        }
        let (found_text, target_text) = (self.text(found), self.text(target));
        if *found == Type::Nothing {
            let problem = Problem::new(span, format!("expected `{target_text}`, but this returns nothing"))
                .label("no value")
                .help("give the function a result: `fn name() -> type`");
            return self.report(problem);
        }
        let help = match (found, target) {
            (Type::Int, Type::Float) => Some("convert it: `float(..)`".to_owned()),
            (Type::Float, Type::Int) => Some("convert it: `int(..)` truncates".to_owned()),
            (Type::Int | Type::Float | Type::Bool, Type::Str) => Some("convert it: `str(..)`".to_owned()),
            (Type::Nullable(inner), _) if **inner == *target => {
                Some("`!` after it demands that it is not null".to_owned())
            }
            (Type::Null, _) if target.is_reference() => Some(format!("only `{target_text}?` may be null")),
            (Type::Null, _) => Some(format!("a `{target_text}` is never null")),
            _ => None,
        };
        let problem = Problem::new(span, format!("expected `{target_text}`, found `{found_text}`"))
            .label(format!("this is `{found_text}`"))
            .maybe_help(help);
        self.report(problem);
    }
}

/// The type of a literal.
pub(crate) fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Int(_) => Type::Int,
        Literal::Float(_) => Type::Float,
        Literal::Bool(_) => Type::Bool,
        Literal::Text(_) => Type::Str,
    }
}
