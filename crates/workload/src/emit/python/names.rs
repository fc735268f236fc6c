//! Names: those of the workload, unless Python has a use for them itself.

use std::collections::{HashMap, HashSet};

use memory_trait::{FieldIndex, Kind, RecordId};

use crate::check::FunctionInfo;
use crate::workload::Workload;

/// Words of the language, and what emitted programs use of it.
const TAKEN: [&str; 55] = [
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "bytes",
    "float",
    "gc",
    "int",
    "len",
    "math",
    "print",
    "range",
    "str",
    "threading",
    "time",
    "weakref",
    "_index",
    "_object",
    "_missing",
    "_quotient",
    "_rand",
    "_remainder",
    "_spawn",
    "_state",
];

/// The names of a file.
pub(super) struct Names {
    params: Vec<String>,
    records: Vec<String>,
    functions: Vec<String>,
    /// Of each record its attributes.
    attributes: Vec<Vec<String>>,
    /// All names of the module.
    module: HashSet<String>,
}

/// The names of a function's variables.
pub(super) struct Locals(Vec<String>);

impl Locals {
    pub(super) fn name(&self, local: u32) -> &str {
        &self.0[local as usize]
    }
}

impl Names {
    pub(super) fn new(workload: &Workload) -> Names {
        let (file, checked) = (workload.file(), workload.checked());
        let mut module = HashSet::new();
        let mut fresh = |name: &str| {
            let name = free_name(name, |name| TAKEN.contains(&name) || module.contains(name));
            module.insert(name.clone());
            name
        };
        let records = checked.records.iter().map(|record| fresh(&record.name)).collect();
        let functions = file.functions.iter().map(|function| fresh(&function.name.text)).collect();
        let params = file.params.iter().map(|param| fresh(&param.name.text)).collect();
        let attributes = checked.records.iter().map(|record| {
            let mut own: Vec<String> = Vec::new();
            for (field, _) in &record.fields {
                // What begins with two underscores means something else inside a class.
                let field = if field.starts_with("__") { format!("f{field}") } else { field.clone() };
                let is_taken = |name: &str| name == "self" || TAKEN[..35].contains(&name);
                own.push(free_name(&field, |name| is_taken(name) || own.iter().any(|other| other == name)));
            }
            own
        });
        let attributes = attributes.collect();
        Names { params, records, functions, attributes, module }
    }

    pub(super) fn param(&self, param: u32) -> &str {
        &self.params[param as usize]
    }

    pub(super) fn record(&self, record: RecordId) -> &str {
        &self.records[record.index()]
    }

    pub(super) fn function(&self, function: usize) -> &str {
        &self.functions[function]
    }

    pub(super) fn attribute(&self, record: RecordId, field: FieldIndex) -> &str {
        &self.attributes[record.index()][field.index()]
    }

    pub(super) fn attributes(&self, record: RecordId) -> &[String] {
        &self.attributes[record.index()]
    }

    /// Variables of one name and kind are one variable: they never live at the same time.
    pub(super) fn locals(&self, info: &FunctionInfo) -> Locals {
        let mut given: HashMap<String, (&str, Kind)> = HashMap::new();
        let mut names = Vec::new();
        for local in &info.locals {
            let mine = (local.name.as_str(), local.ty.kind());
            let name = free_name(&local.name, |name| {
                TAKEN.contains(&name)
                    || self.module.contains(name)
                    || given.get(name).is_some_and(|&other| other != mine)
            });
            names.push(name.clone());
            given.insert(name, mine);
        }
        Locals(names)
    }
}

/// `name`, or with underscores behind it until it is free.
fn free_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut name = name.to_owned();
    while is_taken(&name) {
        name.push('_');
    }
    name
}
