//! What stands above the functions: the docstring, imports, parameters, helpers, and the classes.

use std::collections::BTreeSet;

use memory_trait::{Kind, RecordId};

use super::expressions::{literal, text_literal};
use super::names::Names;
use crate::emit::Emission;
use crate::emit::writer::Writer;

/// What the functions need above them, in the order in which it stands there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Helper {
    Gc,
    Math,
    Time,
    Weakref,
    Missing,
    Quotient,
    Remainder,
    Rand,
    Spawn,
}

impl Helper {
    /// The module to import, if it is one.
    fn module(self) -> Option<&'static str> {
        Some(match self {
            Helper::Gc => "gc",
            Helper::Math => "math",
            Helper::Spawn => "threading",
            Helper::Time => "time",
            Helper::Weakref => "weakref",
            Helper::Missing | Helper::Quotient | Helper::Remainder | Helper::Rand => return None,
        })
    }

    fn code(self, seed: u64) -> Option<String> {
        Some(match self {
            Helper::Quotient => QUOTIENT.to_owned(),
            Helper::Remainder => REMAINDER.to_owned(),
            Helper::Rand => RAND.replace("SEED", &seed.to_string()),
            Helper::Spawn => SPAWN.to_owned(),
            _ => return None,
        })
    }
}

const QUOTIENT: &str = r#"
def _quotient(a, b):
    """The quotient, truncated towards zero."""
    quotient = a // b
    if quotient < 0 and quotient * b != a:
        quotient += 1
    return quotient
"#;

const REMAINDER: &str = r#"
def _remainder(a, b):
    """The remainder, with the sign of the dividend."""
    remainder = a % b
    if remainder != 0 and (a < 0) != (b < 0):
        remainder -= b
    return remainder
"#;

const RAND: &str = r#"
_state = SEED


def _rand(start, stop):
    """An int in range(start, stop), from SplitMix64."""
    global _state
    _state = z = (_state + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return start + (z ^ z >> 31) % (stop - start)
"#;

const SPAWN: &str = r"
def _spawn(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread
";

/// Everything above the classes.
pub(super) fn write(emission: &Emission<'_>, names: &Names, needed: &BTreeSet<Helper>, out: &mut Writer) {
    let workload = emission.workload;
    let comment = workload.head_comment();
    if !comment.is_empty() {
        let comment = comment.replace('\\', "\\\\").replace("\"\"\"", "'''");
        let mut lines: Vec<&str> = comment.lines().collect();
        if lines.len() == 1 && !lines[0].ends_with('"') {
            out.line(format!("\"\"\"{}\"\"\"", lines[0]));
        } else {
            lines[0] = lines[0].trim_start();
            out.line(format!("\"\"\"{}", lines[0]));
            for line in &lines[1..] {
                out.line(line);
            }
            out.line("\"\"\"");
        }
    }
    let modules: BTreeSet<&str> = needed.iter().filter_map(|helper| helper.module()).collect();
    if !modules.is_empty() {
        out.gap();
        for module in modules {
            out.line(format!("import {module}"));
        }
    }
    if !emission.params.is_empty() || needed.contains(&Helper::Missing) {
        out.gap();
    }
    for (index, value) in emission.params.iter().enumerate() {
        out.line(format!("{} = {}", names.param(index as u32), literal(value)));
    }
    if needed.contains(&Helper::Missing) {
        out.line("_missing = object()");
    }
    for code in needed.iter().filter_map(|helper| helper.code(emission.seed)) {
        out.gap();
        out.lines(&code);
    }
}

/// A record: a class whose instances have slots, with the defaults of the fields in `__init__`.
pub(super) fn class(emission: &Emission<'_>, names: &Names, index: usize, out: &mut Writer) {
    let checked = emission.workload.checked();
    let (record, info) = (RecordId(index as u32), &checked.records[index]);
    let attributes = names.attributes(record);
    out.line(format!("class {}:", names.record(record)));
    out.indent();
    let mut slots: Vec<String> = attributes.iter().map(|name| text_literal(name)).collect();
    if checked.is_weakly_referenced(record) {
        slots.push(text_literal("__weakref__"));
    }
    let comma = if slots.len() == 1 { "," } else { "" };
    out.line(format!("__slots__ = ({}{comma})", slots.join(", ")));
    if !attributes.is_empty() {
        let parameters = attributes.iter().zip(&info.fields);
        let parameters: Vec<String> =
            parameters.map(|(name, (_, ty))| format!("{name}={}", default_of(ty.kind()))).collect();
        out.gap();
        out.line(format!("def __init__(self, {}):", parameters.join(", ")));
        out.indent();
        for name in attributes {
            out.line(format!("self.{name} = {name}"));
        }
        out.dedent();
    }
    out.dedent();
}

/// What a field is that was not given.
pub(super) fn default_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "0",
        Kind::Float => "0.0",
        Kind::Bool => "False",
        Kind::Reference => "None",
    }
}
