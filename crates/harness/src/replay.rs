//! A recorded heap trace as a workload: what a real program asked of malloc, on any of the three models.
//!
//! What a trace says is the same for all: at this event a block is born, at that one the program lets go of it. In C
//! the recorded calls are made again, and have to give the recorded addresses. In `CPython` a block is a `bytes` object
//! whose last reference goes where the program freed it; in the JVM it is a byte array that becomes unreachable there.
//! Every event is one tick. A realloc that succeeds is the end of one object and the birth of another, on all three.
//!
//! Differs: threads are those of the recording in C; the other two do everything on one thread. Alignment beyond what
//! every block has means nothing to the other two. The table that keeps the live blocks there is the replay's own: it
//! is part of the heap, and no object of the program.
//!
//! Invariant: memory grows with what is live, not with the length of the trace. A trace is read once for each run, and
//! once before, to know how long it is.

mod blocks;
mod c;
pub mod events;
mod objects;
mod profile;

use c_model::Glibc;
use heap_trace::{Reader, Record, TraceError};
use lifetimes::{Keep, Run};
use memory_trait::{Fault, FaultLog};
use serde::Serialize;

use crate::model::Model;
use crate::run::ModelRun;
pub use blocks::{Birth, Blocks, Change};

pub use profile::{Profiled, profile};

/// How often a run says how far it is. Unit: events.
const PROGRESS_EVENTS: u64 = 1 << 13;

/// What is in a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Calls, ends of threads included.
    pub n_events: u64,
    /// Threads that made one.
    pub n_threads: u64,
    /// Blocks that were handed out, those from realloc included: the objects of the workload.
    pub n_blocks: u64,
    /// Requests that got no block. No object comes of them.
    pub n_refused: u64,
    /// Events with an address that nobody knows. They are passed over.
    pub n_skipped: u64,
    /// Events that free what is no block: never handed out, or freed before. Faults of the program, but in the log of
    /// another tool, which may not show where the block came from.
    pub n_stray: u64,
    /// Blocks that were live at the end.
    pub n_left: u64,
    /// Bytes asked for, of these.
    pub left_bytes: u64,
}

/// What a run is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How large a heap may grow. Unit: bytes. In C it was the recorded program's own limit that counted.
    pub heap_limit_bytes: u64,
    /// Which lifetimes are kept whole.
    pub keep: Keep,
}

impl Default for Options {
    fn default() -> Self {
        Options { heap_limit_bytes: 1 << 30, keep: Keep::None }
    }
}

/// A trace on one model.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    /// The run.
    pub run: ModelRun,
    /// In C: the first call that does not give what was recorded. The run is then one with addresses of its own, from
    /// its first event on; as it is for the log of another tool, with which nothing can be compared.
    pub difference: Option<String>,
}

/// The flags of the JVM. HotSpot would begin with a share of the machine's memory, and collect a recording of average
/// length not even once; this begins small and lets the heap grow.
pub fn jvm_flags(heap_limit_bytes: u64) -> String {
    let limit_k = heap_limit_bytes >> 10;
    format!("-XX:+UseSerialGC -Xms{}k -Xmx{limit_k}k", limit_k.min(8 << 10))
}

/// Reads a trace to its end. `progress` is told now and then how many events that were.
///
/// # Errors
/// What is wrong with the trace, and where.
pub fn contents(mut trace: Reader, mut progress: impl FnMut(u64)) -> Result<Contents, TraceError> {
    let mut blocks = Blocks::new(&trace);
    while let Some(record) = trace.next_record()? {
        if let Record::Call(call) = &record {
            blocks.call(&trace, call)?;
            if blocks.contents.n_events.is_multiple_of(PROGRESS_EVENTS) {
                progress(blocks.contents.n_events);
            }
        } else {
            blocks.note(&record);
        }
    }
    Ok(blocks.into_contents())
}

/// Runs a trace on a model. `open` opens it, from its beginning each time; `progress` is told now and then how many
/// events are done.
///
/// # Errors
/// What is wrong with the trace. What is wrong with the program is in the run.
pub fn replay(
    open: impl Fn() -> Result<Reader, TraceError>,
    model: Model,
    options: &Options,
    mut progress: impl FnMut(u64),
) -> Result<Replayed, TraceError> {
    let trace = open()?;
    let name = trace.file().to_owned();
    let has_addresses = trace.has_addresses();
    let mut progress = |n_events: u64| {
        if n_events.is_multiple_of(PROGRESS_EVENTS) {
            progress(n_events);
        }
    };
    let (outcome, difference) = match model {
        Model::C => in_c(&open, trace, options, &mut progress)?,
        Model::CPython => (objects::on_cpython(trace, options, &mut progress)?, None),
        Model::Jvm => (objects::on_jvm(trace, options, &mut progress)?, None),
    };
    let Outcome { run: Run { lifetimes, summary, fates: _ }, faults, n_events } = outcome;
    let is_as_expected = faults.total() == 0 && difference.is_none();
    let perturbation = if model == Model::C && has_addresses && difference.is_none() { "as recorded" } else { "as is" };
    let run = ModelRun {
        workload: name,
        model,
        perturbation,
        ticks: n_events,
        output: String::new(),
        asks_for_collections: false,
        is_as_expected,
        faults: faults.first().to_vec(),
        lifetimes,
        summary,
    };
    Ok(Replayed { run, difference })
}

/// In C: at the recorded addresses, or if that cannot be at its own, with what was different.
fn in_c(
    open: &impl Fn() -> Result<Reader, TraceError>,
    mut trace: Reader,
    options: &Options,
    progress: &mut impl FnMut(u64),
) -> Result<(Outcome, Option<String>), TraceError> {
    let mut difference = None;
    if trace.has_addresses() {
        let mut account = c::Account::new(options.keep);
        match c::as_recorded(trace, Glibc::builder(), &mut account, progress)? {
            Ok(ended) => return Ok((account.finish(ended), None)),
            Err(different) => difference = Some(different),
        }
        trace = open()?;
    }
    let mut account = c::Account::new(options.keep);
    let glibc = Glibc::builder().limit_bytes(options.heap_limit_bytes);
    let ended = c::on_its_own(trace, glibc, &mut account, progress)?;
    Ok((account.finish(ended), difference))
}

/// What came of a run.
struct Outcome {
    run: Run,
    faults: FaultLog,
    /// Events done; fewer than there are when a fault ended the program.
    n_events: u64,
}

/// Adds a fatal fault, where the log does not have it yet.
fn end_with(faults: &mut FaultLog, fault: &Fault) {
    if !faults.first().contains(fault) {
        faults.push(fault.clone());
    }
}
