//! A trace in C: the recorded calls, made again.

mod account;

use c_model::malloc::{Replay, System};
use c_model::params::OUT_OF_MEMORY_MESSAGE;
use c_model::{Glibc, RawMemory};
use heap_trace::{Call, Problem, Reader, Record, Request, TraceError};
use memory_trait::{Address, Allocator, Fault, FaultKind, Moment, ThreadId, Tick};

use super::blocks::{Blocks, Change};
use super::{Options, Outcome};

use account::{Account, Chunk};

/// The bit of a chunk's size field that says that it is a mapping of its own. Source: glibc 2.36
/// `malloc/malloc.c:IS_MMAPPED`.
const IS_MMAPPED: u64 = 2;

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
    change: Option<Change>,
}

/// The calls, with what the operating system answered then. The inner error is the first call that does not give what
/// was recorded.
pub(super) fn as_recorded(
    mut trace: Reader,
    options: &Options,
    progress: &mut impl FnMut(u64),
) -> Result<Result<Outcome, String>, TraceError> {
    let header = trace.header();
    let mut replay = Replay::new(&header, Glibc::builder()).map_err(|_| {
        let expected = "a program break that a process can have";
        let problem = Problem::Expected { expected, found: format!("base={:x}", header.base) };
        TraceError { file: trace.file().to_owned(), line: 1, column: 0, problem }
    })?;
    let mut blocks = Blocks::new(&trace);
    let mut account = Account::new(options.keep);
    account.sample(Tick(0), replay.glibc().statistics());
    let mut waiting: Option<Waiting> = None;
    let mut is_over = false;
    while !is_over {
        let record = trace.next_record()?;
        is_over = record.is_none();
        let next = match &record {
            Some(Record::Call(call)) => {
                let change = blocks.call(&trace, call)?;
                Some(Waiting { now: moment(blocks.contents.n_events, call), change })
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
            && let Some(Waiting { now, change }) = waiting.take()
        {
            let glibc = replay.glibc();
            if let Some(change) = change {
                account.apply(now, &change, change.born.map(|born| chunk_of(glibc, born.at)));
            }
            account.resized(now, glibc.statistics());
            account.sample(now.tick, glibc.statistics());
            progress(now.tick.0);
        }
        waiting = next.or(waiting);
    }
    Ok(Ok(account.finish(blocks.contents.n_events, None)))
}

/// The calls on an operating system of the model's own: addresses are its own, and so is the end of memory. What the
/// recorded program was refused is not asked for, and what is no block is not freed.
pub(super) fn on_its_own(
    mut trace: Reader,
    options: &Options,
    progress: &mut impl FnMut(u64),
) -> Result<Outcome, TraceError> {
    let mut glibc = Glibc::builder().contents(false).limit_bytes(options.heap_limit_bytes).build();
    let mut blocks = Blocks::new(&trace);
    let mut account = Account::new(options.keep);
    account.sample(Tick(0), glibc.statistics());
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
            match perform(&mut glibc, call, &change, &account) {
                Ok(at) => account.apply(now, &change, change.born.map(|_| chunk_of(&glibc, at))),
                Err(stopped) => fault = Some(Fault { at: now, ..*stopped }),
            }
        }
        account.resized(now, glibc.statistics());
        account.sample(now.tick, glibc.statistics());
        progress(now.tick.0);
    }
    Ok(account.finish(blocks.contents.n_events, fault))
}

/// Makes a call, and answers the block that it gave.
fn perform(glibc: &mut Glibc, call: &Call, change: &Change, account: &Account) -> memory_trait::Outcome<Address> {
    glibc.switch_thread(ThreadId(call.thread));
    let given = change.given.map_or(Address::NULL, |index| account.address(index));
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
