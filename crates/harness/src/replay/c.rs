//! A trace in C: the recorded calls, made again.

mod account;

use c_model::malloc::{Builder, Replay, Statistics, System};
use c_model::params::OUT_OF_MEMORY_MESSAGE;
use c_model::{Glibc, RawMemory};
use heap_trace::{Call, Problem, Reader, Record, Request, TraceError};
use memory_trait::{Address, Allocator, Fault, FaultKind, Moment, ThreadId, Tick};

use super::blocks::{Blocks, Change};

pub(super) use account::Account;

/// The bit of a chunk's size field that says that it is a mapping of its own. Source: glibc 2.36
/// `malloc/malloc.c:IS_MMAPPED`.
const IS_MMAPPED: u64 = 2;

/// The chunk of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Of the block.
    pub(super) at: Address,
    pub(super) header_bytes: u64,
    /// Header included.
    pub(super) total_bytes: u64,
}

/// The chunk of a live block. A mapped one has two words before the block; of another, the first word still belongs to
/// its neighbour.
fn chunk_of<S: System>(glibc: &Glibc<S>, at: Address) -> Chunk {
    let is_mapped = glibc.read_u64(Address(at.0.wrapping_sub(8))).is_ok_and(|size| size & IS_MMAPPED != 0);
    let header_bytes = if is_mapped { 16 } else { 8 };
    Chunk { at, header_bytes, total_bytes: header_bytes + glibc.malloc_usable_size(at).unwrap_or(0) }
}

fn moment(tick: u64, call: &Call) -> Moment {
    Moment { tick: Tick(tick), thread: ThreadId(call.thread), ..Moment::default() }
}

/// An event that the replay has not run yet: it waits for the line after it.
struct Waiting {
    now: Moment,
    request: Request,
    change: Option<Change>,
}

/// Who keeps the books of a replay.
pub(super) trait Books {
    /// Where the live block of an index is.
    fn address(&self, index: usize) -> Address;
    /// A call has done this; `chunk` is that of the block that was born in it.
    fn apply(&mut self, now: Moment, request: &Request, change: &Change, chunk: Option<Chunk>);
    /// A call is over, or none has been made yet: this is the heap.
    fn settle(&mut self, now: Moment, statistics: Statistics);
}

/// How a replay ended.
pub(super) struct Ended {
    pub(super) n_events: u64,
    /// What ended it before the trace did.
    pub(super) fault: Option<Fault>,
}

/// The calls, with what the operating system answered then. The inner error is the first call that does not give what
/// was recorded.
pub(super) fn as_recorded(
    mut trace: Reader,
    glibc: Builder,
    books: &mut impl Books,
    progress: &mut impl FnMut(u64),
) -> Result<Result<Ended, String>, TraceError> {
    let header = trace.header();
    let mut replay = Replay::new(&header, glibc).map_err(|_| {
        let expected = "a program break that a process can have";
        let problem = Problem::Expected { expected, found: format!("base={:x}", header.base) };
        TraceError { file: trace.file().to_owned(), line: 1, column: 0, problem }
    })?;
    let mut blocks = Blocks::new(&trace);
    books.settle(Moment::default(), replay.glibc().statistics());
    let mut waiting: Option<Waiting> = None;
    let mut is_over = false;
    while !is_over {
        let record = trace.next_record()?;
        is_over = record.is_none();
        let next = match &record {
            Some(Record::Call(call)) => {
                let change = blocks.call(&trace, call)?;
                Some(Waiting { now: moment(blocks.contents.n_events, call), request: call.request, change })
            }
            Some(record) => {
                blocks.note(record);
                None
            }
            None => None,
        };
        let n_run = replay.tally().n_events;
        let fed = match record {
            Some(record) => replay.feed(trace.line(), record),
            None => replay.finish().map(|_| ()),
        };
        if let Err(difference) = fed {
            return Ok(Err(difference.to_string()));
        }
        if replay.tally().n_events > n_run
            && let Some(Waiting { now, request, change }) = waiting.take()
        {
            let glibc = replay.glibc();
            if let Some(change) = change {
                books.apply(now, &request, &change, change.born.map(|born| chunk_of(glibc, born.at)));
            }
            books.settle(now, glibc.statistics());
            progress(now.tick.0);
        }
        waiting = next.or(waiting);
    }
    Ok(Ok(Ended { n_events: blocks.contents.n_events, fault: None }))
}

/// The calls on an operating system of the model's own: addresses are its own, and so is the end of memory. What the
/// recorded program was refused is not asked for, and what is no block is not freed.
pub(super) fn on_its_own(
    mut trace: Reader,
    glibc: Builder,
    books: &mut impl Books,
    progress: &mut impl FnMut(u64),
) -> Result<Ended, TraceError> {
    let mut glibc = glibc.contents(false).build();
    let mut blocks = Blocks::new(&trace);
    books.settle(Moment::default(), glibc.statistics());
    let mut fault = None;
    while fault.is_none()
        && let Some(record) = trace.next_record()?
    {
        let Record::Call(call) = &record else {
            blocks.note(&record);
            continue;
        };
        let change = blocks.call(&trace, call)?;
        let now = moment(blocks.contents.n_events, call);
        if let Some(change) = change {
            let given = change.given.map_or(Address::NULL, |index| books.address(index));
            match perform(&mut glibc, call, &change, given) {
                Ok(at) => books.apply(now, &call.request, &change, change.born.map(|_| chunk_of(&glibc, at))),
                Err(stopped) => fault = Some(Fault { at: now, ..*stopped }),
            }
        }
        books.settle(now, glibc.statistics());
        progress(now.tick.0);
    }
    Ok(Ended { n_events: blocks.contents.n_events, fault })
}

/// Makes a call, and answers the block that it gave.
fn perform(glibc: &mut Glibc, call: &Call, change: &Change, given: Address) -> memory_trait::Outcome<Address> {
    glibc.switch_thread(ThreadId(call.thread));
    let Some(born) = change.born else {
        match call.request {
            Request::Free { .. } | Request::Realloc { bytes: 0, .. } => glibc.free(given)?,
            Request::Trim { pad } => drop(glibc.malloc_trim(pad)?),
            Request::Mallopt { option, value } => drop(glibc.mallopt(option, value)?),
            Request::ThreadExit => glibc.end_thread()?,
            // To ask a size changes nothing, and what was refused is not asked for.
            _ => {}
        }
        return Ok(Address::NULL);
    };
    let at = match call.request {
        Request::Calloc { n, bytes } => glibc.calloc(n, bytes)?,
        Request::Realloc { bytes, .. } => glibc.realloc(given, bytes)?,
        Request::Memalign { alignment, bytes } => glibc.memalign(alignment, bytes)?,
        Request::AlignedAlloc { alignment, bytes } => glibc.aligned_alloc(alignment, bytes)?,
        Request::PosixMemalign { alignment, bytes } => glibc.posix_memalign(alignment, bytes)?,
        Request::Valloc { bytes } => glibc.valloc(bytes)?,
        Request::Pvalloc { bytes } => glibc.pvalloc(bytes)?,
        _ => glibc.malloc(born.payload_bytes)?,
    };
    if at.is_null() {
        return Err(Box::new(Fault {
            kind: FaultKind::OutOfMemory,
            at: Moment::default(),
            object: None,
            reclaimed: None,
            message: OUT_OF_MEMORY_MESSAGE.to_owned(),
            is_fatal: true,
        }));
    }
    Ok(at)
}
