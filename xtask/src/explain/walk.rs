//! A trace, followed to a moment: the heap there, its live blocks, and how it came to that.

use std::ops::ControlFlow;

use c_model::Glibc;
use c_model::malloc::{Builder, Replay, System};
use harness::replay::Change;
use harness::replay::events::{self, Event, Flow};
use heap_trace::{Reader, TraceError};
use memory_trait::Address;

use super::timeline::Timeline;
use crate::console::Misuse;

/// Which bytes the program writes: a trace does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Writes {
    /// Every block is written, as far as it was asked for, when it is got
    Blocks,
    /// Nothing: resident is what malloc itself writes, clears and copies
    Headers,
}

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    Event(u64),
    End,
}

/// A live block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) at: Address,
    pub(super) requested_bytes: u64,
    /// The event, its line and its thread.
    pub(super) born: u64,
    pub(super) line: u64,
    pub(super) thread: u32,
}

/// What was noted on the way.
#[derive(Default)]
pub(super) struct Books {
    /// By index.
    blocks: Vec<Option<Block>>,
    pub(super) requested_bytes: u64,
    pub(super) timeline: Timeline,
    pub(super) n_events: u64,
    pub(super) line: u64,
    pub(super) n_stray: u64,
    /// The most resident pages after an event, and the first event that had so many.
    pub(super) peak: (u64, u64),
}

/// The heap at the moment.
pub(super) enum Heap {
    /// With the addresses of the recording.
    Recorded(Box<Replay>),
    /// With addresses of its own: the recording has none, or they are another allocator's, and then the first difference.
    Own(Box<Glibc>, Option<String>),
}

impl Books {
    /// The live blocks in order of addresses.
    pub(super) fn live(&self) -> Vec<Block> {
        let mut live: Vec<Block> = self.blocks.iter().flatten().copied().collect();
        live.sort_unstable_by_key(|block| block.at);
        live
    }

    fn note<S: System>(&mut self, event: &Event, glibc: &Glibc<S>, until: Until) -> Flow {
        self.n_events = event.number;
        self.line = event.line;
        if let Some(change) = event.change {
            self.change(event, &change);
        }
        let n_pages = glibc.pages().expect("watched from the start").n_resident();
        if n_pages > self.peak.0 {
            self.peak = (n_pages, event.number);
        }
        self.timeline.sample(event.number, self.requested_bytes, n_pages);
        if until == Until::Event(event.number) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn change(&mut self, event: &Event, change: &Change) {
        self.n_stray += u64::from(change.stray.is_some());
        if let Some(born) = change.born {
            if born.index == self.blocks.len() {
                self.blocks.push(None);
            }
            let block = Block {
                at: event.at,
                requested_bytes: born.payload_bytes,
                born: event.number,
                line: event.line,
                thread: event.thread,
            };
            self.requested_bytes += block.requested_bytes;
            if let Some(old) = self.blocks[born.index].replace(block) {
                self.requested_bytes -= old.requested_bytes;
            }
        }
        if let Some(index) = change.died
            && let Some(old) = self.blocks[index].take()
        {
            self.requested_bytes -= old.requested_bytes;
        }
    }
}

/// Follows a trace. `open` opens it from its beginning; `progress` is told how many events are done.
///
/// # Errors
/// What is wrong with the trace, or with the program that it shows.
pub(super) fn follow(
    open: impl Fn() -> Result<Reader, TraceError>,
    glibc: &Builder,
    writes: Writes,
    until: Until,
    mut progress: impl FnMut(u64),
) -> Result<(Heap, Books), Misuse> {
    let glibc = glibc.clone().pages(true).contents(false);
    let written = |event: &Event| {
        let born = event.change.and_then(|change| change.born).filter(|_| writes == Writes::Blocks);
        born.map(|born| (event.at, born.payload_bytes))
    };
    let trace = open()?;
    if !trace.has_addresses() {
        return follow_on_its_own(trace, glibc.build(), written, until, progress, None);
    }
    let mut books = Books::default();
    let replayed = events::as_recorded(trace, glibc.clone(), |replay, event| {
        if let Some((at, bytes)) = written(event) {
            replay.touch(at, bytes);
        }
        progress(event.number);
        books.note(event, replay.glibc(), until)
    })?;
    match replayed {
        Ok((replay, _)) => Ok((Heap::Recorded(Box::new(replay)), books)),
        Err(difference) => follow_on_its_own(open()?, glibc.build(), written, until, progress, Some(difference)),
    }
}

fn follow_on_its_own(
    trace: Reader,
    mut glibc: Glibc,
    written: impl Fn(&Event) -> Option<(Address, u64)>,
    until: Until,
    mut progress: impl FnMut(u64),
    difference: Option<String>,
) -> Result<(Heap, Books), Misuse> {
    let mut books = Books::default();
    let name = trace.file().to_owned();
    let (_, fault) = events::on_its_own(trace, &mut glibc, |glibc, event| {
        if let Some((at, bytes)) = written(event) {
            glibc.touch(at, bytes);
        }
        progress(event.number);
        books.note(event, glibc, until)
    })?;
    match fault {
        Some(fault) => {
            let (event, line, message) = (books.n_events, books.line, &fault.message);
            Err(format!("{name}:{line}: event {event} stops the program: {message}").into())
        }
        None => Ok((Heap::Own(Box::new(glibc), difference), books)),
    }
}
