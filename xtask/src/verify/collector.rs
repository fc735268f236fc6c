//! Recordings of CPython's collector against the model.

use std::fmt::Write;
use std::path::Path;

use cpython_model::cycle::recorded;
use cpython_model::obmalloc::replay::Failure;

use super::Verdict;

pub(super) fn verify(file: &Path) -> Verdict {
    let source = match heap_trace::open(file) {
        Ok(source) => source,
        Err(error) => return Verdict::Unreadable(format!("{}: {error}", file.display())),
    };
    match recorded::compare(source) {
        Ok(exact) => {
            let mut note = format!("{} runs, {} rows", exact.n_runs, exact.n_rows);
            if exact.n_events > 0 {
                let _ = write!(note, ", {} finalizers and callbacks in the recorded order", exact.n_events);
            }
            if exact.n_addresses > 0 {
                let _ = write!(note, ", {} addresses of objects", exact.n_addresses);
            }
            Verdict::Exact { n: exact.n_values(), what: exact.what(), note }
        }
        Err(Failure::Input { line, what }) => Verdict::Unreadable(format!("{}:{line}: {what}", file.display())),
        Err(failure @ Failure::Mismatch { n_exact, .. }) => {
            Verdict::Different { n: n_exact, what: "values", difference: failure.to_string() }
        }
    }
}
