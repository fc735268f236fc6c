//! Java: a class with the records nested in it and the functions as its static methods.
//!
//! An `int` is a `long` and every result is checked; containers are those of `java.util`. What a workload leaves on the
//! heap is what its source says: support methods allocate nothing that the workload did not ask for, printing included,
//! so that a real heap can be compared with an emulated one. The exception is the text of a `float`.

mod expressions;
mod names;
mod statements;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use memory_trait::FunctionId;

use super::Emission;
use super::writer::Writer;
use crate::ast::{Block, Function, Literal, Record};
use crate::check::{Binding, Checked, FunctionInfo};
use crate::types::Type;
use crate::workload::Workload;
use names::Names;
use support::Support;

/// The class of a workload, which is the name of its file as well.
pub(super) fn class_name(workload: &Workload) -> String {
    Names::new(workload).class().to_owned()
}

/// Emits a workload.
pub(super) fn emit(emission: &Emission<'_>) -> String {
    let mut emitter = Emitter {
        emission,
        checked: emission.workload.checked(),
        names: Names::new(emission.workload),
        out: Writer::default(),
        function: FunctionId(0),
        support: BTreeSet::new(),
        imports: BTreeSet::new(),
        prints: BTreeSet::new(),
        spawned: BTreeSet::new(),
        factories: BTreeMap::new(),
    };
    emitter.out.open(format!("final class {} {{", emitter.names.class()));
    emitter.params();
    emitter.functions();
    emitter.entry();
    // What the functions use of the records is known by now.
    emitter.records();
    emitter.support();
    emitter.out.close("}");
    emitter.finish()
}

/// A class being written.
struct Emitter<'e> {
    emission: &'e Emission<'e>,
    checked: &'e Checked,
    names: Names,
    out: Writer,
    /// The function being written.
    function: FunctionId,
    /// What the class needs beside the workload's own functions.
    support: BTreeSet<Support>,
    /// What it imports from `java.util` and below.
    imports: BTreeSet<&'static str>,
    /// The types of what is printed, by statement.
    prints: BTreeSet<Vec<&'static str>>,
    /// Functions that threads are started with.
    spawned: BTreeSet<u32>,
    /// By record: the fields, in an order of their own, of creations whose values have to be there first.
    factories: BTreeMap<u32, BTreeSet<Vec<u32>>>,
}

impl<'e> Emitter<'e> {
    fn info(&self) -> &'e FunctionInfo {
        &self.checked.functions[self.function.index()]
    }

    fn has_threads(&self) -> bool {
        !self.spawned.is_empty()
    }

    fn import(&mut self, class: &'static str) {
        self.imports.insert(class);
    }

    /// A type as a variable has it.
    fn java_type(&mut self, ty: &Type) -> String {
        match ty.without_null() {
            Type::Int => "long".to_owned(),
            Type::Float => "double".to_owned(),
            Type::Bool => "boolean".to_owned(),
            Type::Array(element) => format!("{}[]", self.java_type(element)),
            _ => self.class_of(ty),
        }
    }

    /// A type as a container has it: a class in any case.
    fn class_of(&mut self, ty: &Type) -> String {
        match ty.without_null() {
            Type::Int => "Long".to_owned(),
            Type::Float => "Double".to_owned(),
            Type::Bool => "Boolean".to_owned(),
            Type::Str => "String".to_owned(),
            Type::Bytes => "byte[]".to_owned(),
            Type::Thread => "Thread".to_owned(),
            Type::Record(record) => self.names.record(*record).to_owned(),
            Type::Array(_) => self.java_type(ty),
            Type::List(element) => {
                self.import("java.util.ArrayList");
                format!("ArrayList<{}>", self.class_of(element))
            }
            Type::Map(key, value) => {
                self.import("java.util.LinkedHashMap");
                format!("LinkedHashMap<{}, {}>", self.class_of(key), self.class_of(value))
            }
            Type::Weak(record) => {
                self.import("java.lang.ref.WeakReference");
                format!("WeakReference<{}>", self.names.record(*record))
            }
            Type::Nothing => "void".to_owned(),
            other => panic!("{other:?} is no type of a value"),
        }
    }

    fn params(&mut self) {
        let file = self.emission.workload.file();
        for (param, value) in file.params.iter().zip(&self.emission.params) {
            let ty = match value {
                Literal::Int(_) => "long",
                Literal::Float(_) => "double",
                Literal::Bool(_) => "boolean",
                Literal::Text(_) => "String",
            };
            let name = self.names.param(&param.name.text);
            let value = expressions::literal(value);
            // Not `final`: then it would be a constant, and what it decides unreachable.
            self.out.line(format!("static {ty} {name} = {value};"));
        }
    }

    fn record(&mut self, index: usize, record: &Record) {
        let checked = self.checked;
        let fields = &checked.records[index].fields;
        let name = self.names.record(memory_trait::RecordId(index as u32)).to_owned();
        self.out.gap();
        self.out.open(format!("static final class {name} {{"));
        let mut parameters = Vec::new();
        for (field, ty) in fields {
            let declared = format!("{} {}", self.java_type(ty), self.names.variable(field));
            self.out.line(format!("{declared};"));
            parameters.push(declared);
        }
        if !fields.is_empty() {
            self.out.gap();
            self.out.open(format!("{name}({}) {{", parameters.join(", ")));
            for (field, _) in fields {
                let field = self.names.variable(field);
                self.out.line(format!("this.{field} = {field};"));
            }
            self.out.close("}");
        }
        for given in self.factories.remove(&(index as u32)).unwrap_or_default() {
            self.factory(&name, fields, &given, &parameters);
        }
        if let (Some((_, body)), Some(function)) = (&record.finalizer, checked.records[index].finalizer) {
            self.function = function;
            self.out.gap();
            self.out.line("@Override");
            self.out.line("@SuppressWarnings({\"deprecation\", \"removal\"})");
            self.out.open("protected void finalize() {");
            self.statements(body);
            self.out.close("}");
        }
        self.out.close("}");
    }

    /// A method that creates a record from values that are there already.
    fn factory(&mut self, name: &str, fields: &[(String, Type)], given: &[u32], parameters: &[String]) {
        self.out.gap();
        self.out.line("/** As the constructor, but what is created comes after all values are there. */");
        let taken: Vec<&str> = given.iter().map(|&field| &*parameters[field as usize]).collect();
        let method = factory_name(fields, given);
        self.out.open(format!("static {name} {method}({}) {{", taken.join(", ")));
        let values: Vec<String> = (0..fields.len() as u32)
            .map(|field| {
                let (name, ty) = &fields[field as usize];
                if given.contains(&field) { self.names.variable(name) } else { unset(ty).to_owned() }
            })
            .collect();
        self.out.line(format!("return new {name}({});", values.join(", ")));
        self.out.close("}");
    }

    fn records(&mut self) {
        let file = &self.emission.workload.file();
        // A finalizer may create records: its record comes first, so that all factories are known in the end.
        let mut order: Vec<usize> = (0..file.records.len()).collect();
        order.sort_by_key(|&index| file.records[index].finalizer.is_none());
        for index in order {
            self.record(index, &file.records[index]);
        }
    }

    fn functions(&mut self) {
        let file = self.emission.workload.file();
        for (index, function) in file.functions.iter().enumerate() {
            self.function = FunctionId(index as u32);
            self.function(function);
        }
    }

    fn function(&mut self, function: &Function) {
        let info = self.info();
        let result = self.java_type(&info.result);
        let parameters: Vec<String> = info.locals[..info.n_parameters]
            .iter()
            .map(|local| format!("{} {}", self.java_type(&local.ty), self.names.variable(&local.name)))
            .collect();
        self.out.gap();
        let name = self.names.function(&function.name.text);
        self.out.open(format!("static {result} {name}({}) {{", parameters.join(", ")));
        self.statements(&function.body);
        self.out.close("}");
    }

    fn statements(&mut self, block: &Block) {
        for statement in &block.statements {
            self.statement(statement);
        }
    }

    /// The text of a whole file: what stands before the class is known when the class is.
    fn finish(self) -> String {
        let mut head = Writer::default();
        let comment = self.emission.workload.head_comment();
        comment.lines().for_each(|line| head.line(format!("// {line}").trim_end()));
        for import in &self.imports {
            head.line(format!("import {import};"));
        }
        if !self.imports.is_empty() || !comment.is_empty() {
            head.gap();
        }
        if self.support.contains(&Support::Unchecked) {
            head.line("@SuppressWarnings(\"unchecked\")");
        }
        head.finish() + &self.out.finish()
    }

    /// The Java name of a variable or parameter that an expression names.
    fn named(&self, binding: Binding) -> String {
        match binding {
            Binding::Local(local) => {
                let info = self.info();
                let name = &info.locals[local as usize].name;
                if info.finalizes.is_some() && local == 0 { "this".to_owned() } else { self.names.variable(name) }
            }
            Binding::Param(param) => {
                let name = &self.emission.workload.file().params[param as usize].name.text;
                let is_hidden =
                    self.info().locals.iter().any(|local| local.name == *name) || self.info().finalizes.is_some();
                let name = self.names.param(name);
                if is_hidden { format!("{}.{name}", self.names.class()) } else { name }
            }
            other => panic!("{other:?} is no value"),
        }
    }
}

/// The method that creates a record from these fields.
fn factory_name(fields: &[(String, Type)], given: &[u32]) -> String {
    if given.iter().copied().eq(0..fields.len() as u32) {
        return "of".to_owned();
    }
    given.iter().fold("of".to_owned(), |name, &field| name + "_" + &fields[field as usize].0)
}

/// What a field holds before it is set.
fn unset(ty: &Type) -> &'static str {
    match ty {
        Type::Int => "0",
        Type::Float => "0.0",
        Type::Bool => "false",
        _ => "null",
    }
}
