//! A workload as Python: classes with `__slots__`, `list`, `dict`, `weakref.ref`, `__del__`, `range`.
//!
//! What is emitted allocates what the model of `CPython` says that the workload allocates: the order of evaluation is the
//! language's, and a variable that dies with its block is deleted there. `docs/cpython-model.md` has the table.

mod expressions;
mod names;
mod preamble;
mod statements;

use std::collections::{BTreeSet, HashSet};

use super::Emission;
use super::writer::Writer;
use crate::check::FunctionInfo;
use names::{Locals, Names};
use preamble::Helper;

/// Emits the whole file.
pub(super) fn emit(emission: &Emission<'_>) -> String {
    let names = Names::new(emission.workload);
    // The bodies come first: they tell which modules and helpers are needed above them.
    let mut needed = BTreeSet::new();
    let mut body = Writer::default();
    let file = emission.workload.file();
    let mut finalizer = file.functions.len();
    for (index, record) in file.records.iter().enumerate() {
        body.gap();
        body.gap();
        preamble::class(emission, &names, index, &mut body);
        if let Some((_, block)) = &record.finalizer {
            body.indent();
            body.gap();
            Function::new(emission, &names, finalizer, &mut needed).emit("__del__", block, &mut body);
            body.dedent();
            finalizer += 1;
        }
    }
    for (index, function) in file.functions.iter().enumerate() {
        body.gap();
        body.gap();
        let name = names.function(index);
        Function::new(emission, &names, index, &mut needed).emit(name, &function.body, &mut body);
    }
    let mut out = Writer::default();
    preamble::write(emission, &names, &needed, &mut out);
    let mut text = out.finish();
    text.push_str(&body.finish());
    text.push_str("\n\nif __name__ == \"__main__\":\n    main()\n");
    text
}

/// A function being emitted.
struct Function<'w, 'n> {
    emission: &'w Emission<'w>,
    names: &'n Names,
    info: &'w FunctionInfo,
    locals: Locals,
    /// What the preamble has to provide.
    needed: &'n mut BTreeSet<Helper>,
    /// Variables of each block around that hold references, innermost last: they die with it.
    blocks: Vec<Vec<String>>,
    /// How many blocks are around the body of each loop around.
    loops: Vec<usize>,
    /// Variables of loops that never are negative.
    never_negative: HashSet<u32>,
}

impl<'w, 'n> Function<'w, 'n> {
    fn new(
        emission: &'w Emission<'w>,
        names: &'n Names,
        index: usize,
        needed: &'n mut BTreeSet<Helper>,
    ) -> Function<'w, 'n> {
        let info = &emission.workload.checked().functions[index];
        Function {
            emission,
            names,
            info,
            locals: names.locals(info),
            needed,
            blocks: vec![Vec::new()],
            loops: Vec::new(),
            never_negative: HashSet::new(),
        }
    }
}
