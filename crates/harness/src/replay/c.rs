//! A trace in C: the recorded calls, made again.

mod account;

use std::ops::ControlFlow;

use c_model::malloc::{Builder, Statistics, System};
use c_model::{Glibc, RawMemory};
use heap_trace::{Reader, Request, TraceError};
use memory_trait::{Address, Fault, Moment, ThreadId, Tick};

use super::blocks::Change;
use super::events::{self, Event};

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

fn moment(event: &Event) -> Moment {
    Moment { tick: Tick(event.number), thread: ThreadId(event.thread), ..Moment::default() }
}

/// Who keeps the books of a replay.
pub(super) trait Books {
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

/// Takes note of an event that has happened.
fn note<S: System>(books: &mut impl Books, glibc: &Glibc<S>, event: &Event) {
    let now = moment(event);
    if let Some(change) = event.change {
        books.apply(now, &event.request, &change, change.born.map(|_| chunk_of(glibc, event.at)));
    }
    books.settle(now, glibc.statistics());
}

/// The calls, with what the operating system answered then. The inner error is the first call that does not give what
/// was recorded.
pub(super) fn as_recorded(
    trace: Reader,
    glibc: Builder,
    books: &mut impl Books,
    progress: &mut impl FnMut(u64),
) -> Result<Result<Ended, String>, TraceError> {
    books.settle(Moment::default(), Statistics::default());
    let replayed = events::as_recorded(trace, glibc, |replay, event| {
        note(books, replay.glibc(), event);
        progress(event.number);
        ControlFlow::Continue(())
    })?;
    Ok(replayed.map(|(_, contents)| Ended { n_events: contents.n_events, fault: None }))
}

/// The calls on an operating system of the model's own: addresses are its own, and so is the end of memory. What the
/// recorded program was refused is not asked for, and what is no block is not freed.
pub(super) fn on_its_own(
    trace: Reader,
    glibc: Builder,
    books: &mut impl Books,
    progress: &mut impl FnMut(u64),
) -> Result<Ended, TraceError> {
    let mut glibc = glibc.contents(false).build();
    books.settle(Moment::default(), glibc.statistics());
    let mut last = Moment::default();
    let (contents, fault) = events::on_its_own(trace, &mut glibc, |glibc, event| {
        last = moment(event);
        note(books, glibc, event);
        progress(event.number);
        ControlFlow::Continue(())
    })?;
    Ok(Ended { n_events: contents.n_events, fault: fault.map(|stopped| Fault { at: last, ..*stopped }) })
}
