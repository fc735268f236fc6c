//! One trace under several settings at once: each setting has a heap of its own, which makes the same calls.

use std::path::Path;

use c_model::Glibc;
use c_model::malloc::system::SystemCalls;
use c_model::memory::PAGE_BYTES;
use harness::replay::events::OwnCalls;
use harness::replay::{Blocks, Change};
use heap_trace::{Call, Reader, Record, TraceError};
use memory_trait::Address;
use serde::Serialize;

use crate::explain::Writes;

/// What came of a setting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Measured {
    /// The most that the break was above its start.
    pub(super) break_bytes_max: u64,
    pub(super) resident_bytes_max: u64,
    /// After the last event.
    pub(super) resident_bytes: u64,
    /// The most in blocks with a mapping of their own.
    pub(super) mapped_bytes_max: u64,
    pub(super) n_arenas: u64,
    pub(super) calls: Calls,
    /// How often a page became resident.
    pub(super) n_faults: u64,
    /// Events that were done.
    pub(super) n_events: u64,
    /// What stopped the program before the end.
    pub(super) stopped_by: Option<String>,
}

/// System calls by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Calls {
    pub(super) brk: u64,
    pub(super) mmap: u64,
    pub(super) munmap: u64,
    pub(super) mremap: u64,
    pub(super) mprotect: u64,
    pub(super) madvise: u64,
}

/// A setting on its way through the trace.
struct Run {
    glibc: Glibc,
    calls: OwnCalls,
    break_start: u64,
    measured: Measured,
}

impl Run {
    fn event(&mut self, call: &Call, change: Option<&Change>, writes: Writes) {
        if self.measured.stopped_by.is_some() {
            return;
        }
        match self.calls.make(&mut self.glibc, call, change) {
            Ok(at) => {
                if let Some(born) = change.and_then(|change| change.born).filter(|_| writes == Writes::Blocks) {
                    self.glibc.touch(at, born.payload_bytes);
                }
            }
            Err(fault) => {
                let n = self.measured.n_events + 1;
                self.measured.stopped_by = Some(format!("event {n}: {}", fault.message));
                return;
            }
        }
        self.measured.n_events += 1;
        let brk = self.glibc.program_break().0 - self.break_start;
        self.measured.break_bytes_max = self.measured.break_bytes_max.max(brk);
    }

    fn finish(mut self) -> Measured {
        let pages = self.glibc.pages().expect("watched from the start");
        self.measured.resident_bytes_max = pages.n_resident_max() * PAGE_BYTES;
        self.measured.resident_bytes = pages.n_resident() * PAGE_BYTES;
        self.measured.n_faults = pages.n_faults();
        self.measured.mapped_bytes_max = self.glibc.parameters().max_mmapped_mem;
        self.measured.n_arenas = self.glibc.arena_states().map_or(0, |arenas| arenas.len() as u64);
        let SystemCalls { brk, mmap, munmap, mremap, mprotect, madvise } = self.glibc.system_mut().calls();
        self.measured.calls = Calls { brk, mmap, munmap, mremap, mprotect, madvise };
        self.measured
    }
}

/// Makes the calls of a trace on heaps that begin as `builders` say, all in one reading of the file.
///
/// # Errors
/// What is wrong with the trace.
pub(super) fn measure(
    path: &Path,
    builders: &[c_model::malloc::Builder],
    writes: Writes,
) -> Result<Vec<Measured>, TraceError> {
    let mut trace = Reader::open(path)?;
    let mut blocks = Blocks::new(&trace);
    let begin = |builder: &c_model::malloc::Builder| {
        let glibc = builder.clone().contents(false).pages(true).build();
        let Address(break_start) = glibc.program_break();
        Run { glibc, calls: OwnCalls::default(), break_start, measured: Measured::default() }
    };
    let mut runs: Vec<Run> = builders.iter().map(begin).collect();
    while let Some(record) = trace.next_record()? {
        let Record::Call(call) = &record else {
            blocks.note(&record);
            continue;
        };
        let change = blocks.call(&trace, call)?;
        for run in &mut runs {
            run.event(call, change.as_ref(), writes);
        }
    }
    Ok(runs.into_iter().map(Run::finish).collect())
}
