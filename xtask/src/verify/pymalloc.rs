//! Recordings of CPython's allocator, and tables of its sizes, against the model.

use std::path::Path;

use cpython_model::layout::recorded;
use cpython_model::obmalloc::replay::{self, Failure, RecordingKind};

use super::Verdict;

/// The kinds of recordings.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Calls of pymalloc.
    Calls(RecordingKind),
    /// Sizes and growth of objects.
    Tables,
}

impl Kind {
    pub(super) fn of(head: &[u8]) -> Option<Kind> {
        if recorded::is_tables(head) { Some(Kind::Tables) } else { RecordingKind::of(head).map(Kind::Calls) }
    }
}

pub(super) fn verify(file: &Path, kind: Kind) -> Verdict {
    let source = match heap_trace::open(file) {
        Ok(source) => source,
        Err(error) => return Verdict::Unreadable(format!("{}: {error}", file.display())),
    };
    let (outcome, what) = match kind {
        Kind::Calls(kind) => {
            let replayed = replay::replay(source, kind);
            let note = |exact: &replay::Exact| {
                format!("{} recordings, {} arenas made or released", exact.n_recordings, exact.n_arena_events)
            };
            (replayed.map(|exact| (exact.n_calls, note(&exact))), "calls")
        }
        Kind::Tables => {
            let note =
                |n: u64| if n == 0 { String::new() } else { format!("{n} experiments of semantics are not compared") };
            (recorded::compare(source).map(|exact| (exact.n_values, note(exact.n_experiments_left))), "sizes")
        }
    };
    match outcome {
        Ok((n, note)) => Verdict::Exact { n, what, note },
        Err(Failure::Input { line, what }) => Verdict::Unreadable(format!("{}:{line}: {what}", file.display())),
        Err(failure @ Failure::Mismatch { n_exact, .. }) => {
            Verdict::Different { n: n_exact, what, difference: failure.to_string() }
        }
    }
}
