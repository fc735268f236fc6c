//! Names: the workload's own, but for those that mean something to Java or to the class around them.

use std::collections::BTreeSet;

use memory_trait::RecordId;

use crate::workload::Workload;

/// Words of Java that are names in a workload.
const WORDS: [&str; 61] = [
    "abstract",
    "assert",
    "boolean",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "enum",
    "exports",
    "extends",
    "final",
    "finally",
    "float",
    "goto",
    "implements",
    "import",
    "instanceof",
    "int",
    "interface",
    "long",
    "module",
    "native",
    "new",
    "non",
    "open",
    "package",
    "permits",
    "private",
    "protected",
    "public",
    "record",
    "sealed",
    "short",
    "static",
    "strictfp",
    "super",
    "switch",
    "synchronized",
    "this",
    "throw",
    "throws",
    "transient",
    "try",
    "var",
    "void",
    "volatile",
    "when",
    "with",
    "yield",
    "_",
    "self",
    "arguments",
    "fault",
    "thread",
    "ticket",
];

/// Fields that a class has beside the workload's parameters.
const FIELDS: [&str; 7] = ["drawn", "end", "out", "random", "served", "stdout", "turn"];

/// Classes that are used by their short names.
const CLASSES: [&str; 28] = [
    "ArithmeticException",
    "ArrayList",
    "AssertionError",
    "BigDecimal",
    "Boolean",
    "ConcurrentModificationException",
    "Double",
    "Error",
    "FileDescriptor",
    "FileOutputStream",
    "IOException",
    "IllegalArgumentException",
    "InterruptedException",
    "LinkedHashMap",
    "Long",
    "MathContext",
    "NoSuchElementException",
    "Object",
    "Iterator",
    "Objects",
    "Override",
    "Runtime",
    "String",
    "SuppressWarnings",
    "System",
    "Thread",
    "Throwable",
    "WeakReference",
];

/// Methods that a class has beside the workload's, and those that every class has.
const METHODS: [&str; 30] = [
    "clone",
    "collect",
    "digit",
    "divide",
    "draw",
    "end",
    "equals",
    "expect",
    "finalize",
    "flush",
    "get",
    "getClass",
    "give",
    "hashCode",
    "join",
    "length",
    "more",
    "next",
    "notify",
    "notifyAll",
    "order",
    "pop",
    "print",
    "put",
    "rand",
    "remove",
    "take",
    "toInt",
    "toString",
    "wait",
];

/// The names of a workload in Java.
pub(super) struct Names {
    class: String,
    records: Vec<String>,
    /// What no variable and no field may be called.
    taken: BTreeSet<String>,
    /// All names that the workload has: an escaped one must not be among them.
    own: BTreeSet<String>,
}

impl Names {
    pub(super) fn new(workload: &Workload) -> Names {
        let checked = workload.checked();
        let params = workload.file().params.iter().map(|param| &param.name.text);
        let functions = checked.functions.iter().map(|function| &function.name);
        let locals = checked.functions.iter().flat_map(|function| &function.locals).map(|local| &local.name);
        let records = checked.records.iter();
        let fields = records.clone().flat_map(|record| &record.fields).map(|(name, _)| name);
        let names = params.chain(functions).chain(locals).chain(fields).chain(records.map(|record| &record.name));
        let mut names = Names {
            class: String::new(),
            records: Vec::new(),
            taken: [&WORDS[..], &CLASSES[..], &["Math"]].concat().into_iter().map(str::to_owned).collect(),
            own: names.cloned().collect(),
        };
        let stem = workload.name().rsplit('/').next().unwrap_or_default();
        let stem = stem.strip_suffix(".wl").unwrap_or(stem);
        let mut class: String =
            stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
        if class.is_empty() || class.starts_with(|c: char| c.is_ascii_digit()) {
            class.insert(0, '_');
        }
        while names.taken.contains(&class) || names.own.contains(&class) || class == "_" {
            class.push('_');
        }
        names.class = class;
        names.records = checked.records.iter().map(|record| names.free(&record.name)).collect();
        names.taken.extend(names.records.iter().cloned());
        names
    }

    /// A name, or a longer one if Java has another use for it.
    fn free(&self, name: &str) -> String {
        if !self.taken.contains(name) {
            return name.to_owned();
        }
        self.longer(name)
    }

    /// A longer name that nobody else has.
    fn longer(&self, name: &str) -> String {
        let mut longer = name.to_owned() + "_";
        while self.taken.contains(&longer) || self.own.contains(&longer) {
            longer.push('_');
        }
        longer
    }

    /// The class that everything is in.
    pub(super) fn class(&self) -> &str {
        &self.class
    }

    pub(super) fn record(&self, record: RecordId) -> &str {
        &self.records[record.index()]
    }

    /// A variable, parameter or field.
    pub(super) fn variable(&self, name: &str) -> String {
        self.free(name)
    }

    /// A parameter of the workload: a field of the class.
    pub(super) fn param(&self, name: &str) -> String {
        if FIELDS.contains(&name) { self.longer(name) } else { self.free(name) }
    }

    pub(super) fn function(&self, name: &str) -> String {
        if METHODS.contains(&name) { self.longer(name) } else { self.free(name) }
    }

    /// A name for a variable that only Java has.
    pub(super) fn extra(&self, name: &str, suffix: &str) -> String {
        let mut extra = format!("{name}_{suffix}");
        while self.own.contains(&extra) {
            extra.push('_');
        }
        extra
    }
}
