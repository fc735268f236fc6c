//! Recorded layouts, heap sizes and heap programs of real JVMs against the model of `HotSpot`.

use std::path::Path;

use jvm_model::recorded::{Recorded, RecordedError, compare_facts, compare_layouts, compare_serial, compare_sizings};

use super::Verdict;
use crate::oracle::jvm::workloads::compare_workload;

pub(super) fn verify(file: &Path, recorded: Recorded) -> Verdict {
    let unreadable = |error: RecordedError| {
        let place = if error.line > 0 { format!(":{}", error.line) } else { String::new() };
        Verdict::Unreadable(format!("{}{place}: {}", file.display(), error.message))
    };
    let source = match heap_trace::open(file) {
        Ok(source) => source,
        Err(error) => return Verdict::Unreadable(format!("{}: {error}", file.display())),
    };
    let mut note = String::new();
    let comparison = match recorded {
        Recorded::Facts => compare_facts(source).map(|(comparison, n_left_out)| {
            if n_left_out > 0 {
                note = format!(
                    "{n_left_out} lines of other collectors, compiled code and memory outside the heap are not compared"
                );
            }
            comparison
        }),
        Recorded::Layouts => compare_layouts(source),
        Recorded::Sizings => compare_sizings(source, None),
        Recorded::Serial => compare_serial(source),
        Recorded::Workload => compare_workload(source),
    };
    match comparison {
        Err(error) => unreadable(error),
        Ok(comparison) => match comparison.first_wrong {
            None => Verdict::Exact { n: comparison.n_total, what: comparison.what, note },
            Some(wrong) => {
                let (n, what) = (comparison.n_exact, comparison.what);
                Verdict::Different { n, what, difference: wrong.to_string() }
            }
        },
    }
}
