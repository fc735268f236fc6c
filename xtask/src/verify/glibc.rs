//! Heap traces against the model of glibc's malloc.

use std::io::BufRead;
use std::path::Path;

use c_model::Glibc;
use c_model::malloc::Replay;
use heap_trace::Reader;

use super::{Progress, Verdict};

/// How often a run looks whether it has something to say. Unit: lines.
const PROGRESS_LINES: u64 = 1 << 14;

pub(super) fn verify(file: &Path, source: Box<dyn BufRead>, cores: u64, tunables: &str) -> Verdict {
    let mut trace = match Reader::new(source, &file.display().to_string()) {
        Ok(trace) => trace,
        Err(error) => return Verdict::Unreadable(error.to_string()),
    };
    if !trace.has_addresses() {
        let what = "it does not say where the heap was, so there is nothing to compare; `compare` takes it";
        return Verdict::Unreadable(format!("{}: {}: {what}", file.display(), trace.format()));
    }
    let glibc = match Glibc::builder().cores(cores).tunables(tunables) {
        Ok(glibc) => glibc,
        Err(error) => return Verdict::Unreadable(error.to_string()),
    };
    let mut replay = match Replay::new(&trace.header(), glibc) {
        Ok(replay) => replay,
        Err(error) => return Verdict::Unreadable(format!("{}:1: {error}", file.display())),
    };
    let mut progress = Progress::new();
    loop {
        let outcome = match trace.next_record() {
            Ok(Some(record)) => replay.feed(trace.line(), record).map(|()| None),
            Ok(None) => replay.finish().map(Some),
            Err(error) => {
                let n = replay.tally().n_events;
                return Verdict::Unreadable(format!("{error}\n{}: {n} events before that are exact", file.display()));
            }
        };
        match outcome {
            Ok(None) => {}
            Ok(Some(tally)) => {
                let mut note = Vec::new();
                if tally.n_skipped > 0 {
                    note.push(format!(
                        "{} events skipped, which concern an address that nobody knows",
                        tally.n_skipped
                    ));
                }
                if tally.n_placed > 0 {
                    note.push(format!("{} mappings placed as the kernel placed them", tally.n_placed));
                }
                let note = note.join("; ");
                return Verdict::Exact { n: tally.n_events, what: "events", note };
            }
            Err(difference) => {
                let n = replay.tally().n_events.saturating_sub(1);
                return Verdict::Different { n, what: "events", difference: difference.to_string() };
            }
        }
        if trace.line().is_multiple_of(PROGRESS_LINES) {
            progress.say(|| format!("{}: {} events, line {}", file.display(), replay.tally().n_events, trace.line()));
        }
    }
}
