//! The calls of a trace, made on the model of glibc one after the other: as recorded, or on a heap of its own.
//!
//! Both tell after each event what became of it. What is done with that, and when it is enough, is the caller's.

use std::ops::ControlFlow;

use c_model::Glibc;
use c_model::malloc::{Builder, Replay, System};
use c_model::params::OUT_OF_MEMORY_MESSAGE;
use heap_trace::{Call, Problem, Reader, Record, Request, TraceError};
use memory_trait::{Address, Allocator, Fault, FaultKind, Moment, ThreadId};

use super::Contents;
use super::blocks::{Blocks, Change};

/// An event that has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number, from 1.
    pub number: u64,
    /// Its line in the trace.
    pub line: u64,
    /// The thread that called.
    pub thread: u32,
    /// What was asked for.
    pub request: Request,
    /// What became of the blocks; `None` when the event was passed over.
    pub change: Option<Change>,
    /// Where the new block is, if there is one. In a heap of its own that is not where it was recorded.
    pub at: Address,
}

/// Whether to go on.
pub type Flow = ControlFlow<()>;

/// Makes the calls with what the operating system answered then, until the end or until `told` has enough. The inner
/// error is the first call that does not give what was recorded.
///
/// # Errors
/// What is wrong with the trace.
pub fn as_recorded(
    mut trace: Reader,
    glibc: Builder,
    mut told: impl FnMut(&mut Replay, &Event) -> Flow,
) -> Result<Result<(Replay, Contents), String>, TraceError> {
    let header = trace.header();
    let mut replay = Replay::new(&header, glibc).map_err(|_| {
        let expected = "a program break that a process can have";
        let problem = Problem::Expected { expected, found: format!("base={:x}", header.base) };
        TraceError { file: trace.file().to_owned(), line: 1, column: 0, problem }
    })?;
    let mut blocks = Blocks::new(&trace);
    // An event waits for the line after it, which may say where the break was then.
    let mut waiting: Option<Event> = None;
    let mut is_over = false;
    while !is_over {
        let record = trace.next_record()?;
        is_over = record.is_none();
        let next = match &record {
            Some(Record::Call(call)) => {
                let change = blocks.call(&trace, call)?;
                let at = change.and_then(|change| change.born).map_or(Address::NULL, |born| born.at);
                let number = blocks.contents.n_events;
                Some(Event { number, line: trace.line(), thread: call.thread, request: call.request, change, at })
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
            && let Some(event) = waiting.take()
            && told(&mut replay, &event).is_break()
        {
            break;
        }
        waiting = next.or(waiting);
    }
    Ok(Ok((replay, blocks.into_contents())))
}

/// Makes the calls on a heap of its own: addresses are its own, and so is the end of memory. What the recorded program
/// was refused is not asked for, and what is no block is not freed. The fault is the one that ended the program.
///
/// # Errors
/// What is wrong with the trace.
pub fn on_its_own<S: System>(
    mut trace: Reader,
    glibc: &mut Glibc<S>,
    mut told: impl FnMut(&mut Glibc<S>, &Event) -> Flow,
) -> Result<(Contents, Option<Box<Fault>>), TraceError> {
    let mut blocks = Blocks::new(&trace);
    let mut own = OwnCalls::default();
    let mut fault = None;
    while fault.is_none()
        && let Some(record) = trace.next_record()?
    {
        let Record::Call(call) = &record else {
            blocks.note(&record);
            continue;
        };
        let change = blocks.call(&trace, call)?;
        let number = blocks.contents.n_events;
        let mut event =
            Event { number, line: trace.line(), thread: call.thread, request: call.request, change, at: Address::NULL };
        match own.make(glibc, call, change.as_ref()) {
            Ok(at) => event.at = at,
            Err(stopped) => fault = Some(stopped),
        }
        if fault.is_some() {
            event.change = None;
        }
        if told(glibc, &event).is_break() {
            break;
        }
    }
    Ok((blocks.into_contents(), fault))
}

/// Makes recorded calls on a heap with addresses of its own: it knows which block is which.
#[derive(Clone, Debug, Default)]
pub struct OwnCalls {
    /// The live blocks, by index.
    places: Vec<Address>,
}

impl OwnCalls {
    /// Makes a call, and answers the block that it gave; `change` is what the call means.
    ///
    /// # Errors
    /// The fault that ends the program.
    pub fn make<S: System>(
        &mut self,
        glibc: &mut Glibc<S>,
        call: &Call,
        change: Option<&Change>,
    ) -> memory_trait::Outcome<Address> {
        let Some(change) = change else { return Ok(Address::NULL) };
        let given = change.given.map_or(Address::NULL, |index| self.places[index]);
        let at = perform(glibc, call, change, given)?;
        if let Some(born) = change.born {
            if born.index == self.places.len() {
                self.places.push(Address::NULL);
            }
            self.places[born.index] = at;
        }
        Ok(at)
    }
}

/// Makes a call, and answers the block that it gave.
fn perform<S: System>(
    glibc: &mut Glibc<S>,
    call: &Call,
    change: &Change,
    given: Address,
) -> memory_trait::Outcome<Address> {
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
