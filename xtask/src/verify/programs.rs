//! Recordings of whole programs on `CPython` against the machine.

use std::path::Path;

use cpython_model::compare_programs;
use cpython_model::obmalloc::replay::Failure;

use super::Verdict;
use crate::oracle::cpython::workloads::run_on;

pub(super) fn verify(file: &Path) -> Verdict {
    let source = match heap_trace::open(file) {
        Ok(source) => source,
        Err(error) => return Verdict::Unreadable(format!("{}: {error}", file.display())),
    };
    match compare_programs(source, run_on) {
        Ok(exact) => Verdict::Exact {
            n: exact.n_calls + exact.n_collections,
            what: "calls and collections",
            note: format!("{} programs, {} collections", exact.n_programs, exact.n_collections),
        },
        Err(Failure::Input { line, what }) => Verdict::Unreadable(format!("{}:{line}: {what}", file.display())),
        Err(failure @ Failure::Mismatch { n_exact, .. }) => {
            Verdict::Different { n: n_exact, what: "calls", difference: failure.to_string() }
        }
    }
}
