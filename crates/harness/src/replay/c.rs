//! A trace in C: the recorded calls, made again.

use c_model::malloc::Replay;
use c_model::malloc::replay::Difference;
use c_model::params::OUT_OF_MEMORY_MESSAGE;
use c_model::{Glibc, RawMemory};
use heap_trace::{Call, Problem, Reader, Record, Request, TraceError};
use memory_trait::{Address, Allocator, Fault, FaultKind, Moment, ThreadId, Tick};

use super::blocks::{Blocks, Change};
use super::{Options, Outcome};

mod account;

use account::{Account, Chunk};

/// What malloc's header says of a block: the header's second bit is that of a mapped chunk, which has two words before
/// the block; of another, the first word still belongs to its neighbour.
fn chunk_of<S: c_model::malloc::System>(glibc: &Glibc<S>, at: Address) -> Chunk {
    let is_mapped = glibc.read_u64(Address(at.0.wrapping_sub(8))).is_ok_and(|size| size & 2 != 0);
    let header_bytes = if is_mapped { 16 } else { 8 };
    Chunk { at, header_bytes, total_bytes: header_bytes + glibc.malloc_usable_size(at).unwrap_or(0) }
}

fn moment(tick: u64, call: &Call) -> Moment {
    Moment { tick: Tick(tick), thread: ThreadId(call.thread), ..Moment::default() }
}

/// An event that the replay has not run yet: it waits for the line after it.
struct Waiting {
    tick: u64,
    call: Call,
    /// What it means, and the address that it was answered.
    change: Option<(Change, Address)>,
}

/// The calls with what the operating system answered then. The inner error is the first call that does not give what
/// was recorded.
pub(super) fn as_recorded(
    mut trace: Reader,
    options: &Options,
    progress: &mut impl FnMut(u64),
) -> Result<Result<Outcome, String>, TraceError> {
    let mut replay = Replay::new(&trace.header(), Glibc::builder()).map_err(|_| TraceError {
        file: trace.file().to_owned(),
        line: 1,
        column: 0,
        problem: Problem::Expected {
            expected: "a program break that a process can have",
            found: format!("base={:x}", trace.header().base),
        },
    })?;
    let mut blocks = Blocks::new(&trace);
    let mut account = Account::new(options.keep);
    account.sample(Tick(0), replay.glibc().statistics());
    let mut waiting: Option<Waiting> = None;
    loop {
        let record = trace.next_record()?;
        let call = if let Some(Record::Call(call)) = record { Some(call) } else { None };
        let n_run = replay.tally().n_events;
        let fed = match record {
            Some(record) => {
                blocks.note(&record);
                replay.feed(trace.line(), record)
            }
            None => replay.finish().map(|_| ()),
        };
        if let Err(difference) = fed {
            return Ok(Err(said(&difference)));
        }
        if replay.tally().n_events > n_run
            && let Some(Waiting { tick, call, change }) = waiting.take()
        {
            let glibc = replay.glibc();
            let now = moment(tick, &call);
            if let Some((change, at)) = change {
                account.apply(now, &change, change.born.map(|_| chunk_of(glibc, at)));
            }
            account.resized(now, glibc.statistics());
            account.sample(now.tick, glibc.statistics());
            progress(tick);
        }
        if let Some(call) = call {
            let change = blocks.call(&trace, &call)?;
            let tick = blocks.contents.n_events;
            waiting = Some(Waiting { tick, call, change: change.map(|change| (change, blocks.answered(&call))) });
        } else if waiting.is_none() && replay_is_over(&trace, &replay) {
            let n_events = blocks.contents.n_events;
            return Ok(Ok(account.finish(n_events, false)));
        }
    }
}
