//! The traces of Malloc Lab. Their header says how much there is, so a trace is read twice.

use std::io::{self, Write};

use rustc_hash::FxHashMap;

use super::Losses;
use super::plain::{Plain, PlainCalls};
use crate::error::TraceError;
use crate::reader::Reader;
use crate::record::{Header, Record};

const OF_THREADS: &str = ".rep traces have no threads: calls of others are written as if of the first";

/// What the header of a trace says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepSize {
    /// The most that was asked for and live at once. Unit: bytes. Malloc Lab calls the number a suggestion for the size
    /// of the heap, and does not use it.
    pub peak_bytes: u64,
    /// Blocks, each with an id of its own.
    pub n_ids: u64,
    /// Operations.
    pub n_operations: u64,
}

impl RepSize {
    /// Of what a trace becomes.
    ///
    /// # Errors
    /// What is wrong with the trace.
    pub fn of(mut trace: Reader) -> Result<RepSize, TraceError> {
        let mut ids = Ids::new(&trace.header());
        while let Some(record) = trace.next_record()? {
            ids.operation(&record);
        }
        Ok(ids.size)
    }
}

/// Writes a trace.
#[derive(Debug)]
pub struct RepWriter<W: Write> {
    to: W,
    ids: Ids,
    size: RepSize,
}

impl<W: Write> RepWriter<W> {
    /// Begins a trace of this size; `header` is that of what it is made of.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn new(mut to: W, header: &Header, size: RepSize) -> io::Result<Self> {
        let RepSize { peak_bytes, n_ids, n_operations } = size;
        writeln!(to, "{peak_bytes}\n{n_ids}\n{n_operations}\n1")?;
        Ok(RepWriter { to, ids: Ids::new(header), size })
    }

    /// Writes what a record is in such a trace, which may be nothing.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        match self.ids.operation(record) {
            Some(Operation::Allocate(id, bytes)) => writeln!(self.to, "a {id} {bytes}"),
            Some(Operation::Reallocate(id, bytes)) => writeln!(self.to, "r {id} {bytes}"),
            Some(Operation::Free(id)) => writeln!(self.to, "f {id}"),
            Some(Operation::FreeNull) => writeln!(self.to, "f -1"),
            None => Ok(()),
        }
    }

    /// The end of the trace, and what it could not say.
    ///
    /// # Errors
    /// Whatever writing gives, and a trace that is not as large as was said at its beginning.
    pub fn finish(mut self) -> io::Result<(W, Losses)> {
        if self.ids.size != self.size {
            return Err(io::Error::other("the trace has changed between two readings"));
        }
        self.to.flush()?;
        Ok((self.to, self.ids.calls.losses))
    }
}

enum Operation {
    Allocate(u64, u64),
    Reallocate(u64, u64),
    Free(u64),
    FreeNull,
}

/// Gives the blocks their ids.
#[derive(Debug)]
struct Ids {
    calls: PlainCalls,
    /// By address: id and size.
    live: FxHashMap<u64, (u64, u64)>,
    live_bytes: u64,
    size: RepSize,
}

impl Ids {
    fn new(header: &Header) -> Self {
        Ids {
            calls: PlainCalls::new(header, OF_THREADS),
            live: FxHashMap::default(),
            live_bytes: 0,
            size: RepSize::default(),
        }
    }

    fn operation(&mut self, record: &Record) -> Option<Operation> {
        let operation = match self.calls.resolve(record)? {
            Plain::Malloc { at, bytes } => self.allocate(at, bytes),
            Plain::Realloc { given, at, bytes } => self.reallocate(given, at, bytes),
            Plain::Free { given } => self.free(given),
            Plain::FreeNull => Some(Operation::FreeNull),
        };
        self.size.n_operations += u64::from(operation.is_some());
        operation
    }

    fn allocate(&mut self, at: u64, bytes: u64) -> Option<Operation> {
        if at == 0 {
            self.calls.losses.add("calls that got no block are left out");
            return None;
        }
        let id = self.size.n_ids;
        self.size.n_ids += 1;
        self.enter(at, id, bytes);
        Some(Operation::Allocate(id, bytes))
    }

    fn reallocate(&mut self, given: u64, at: u64, bytes: u64) -> Option<Operation> {
        if at == 0 {
            self.calls.losses.add("calls that got no block are left out");
            return None;
        }
        let Some((id, _)) = self.leave(given) else {
            self.calls.losses.add("realloc of what is no block is written as malloc");
            return self.allocate(at, bytes);
        };
        self.enter(at, id, bytes);
        Some(Operation::Reallocate(id, bytes))
    }

    fn free(&mut self, block: u64) -> Option<Operation> {
        let Some((id, _)) = self.leave(block) else {
            self.calls.losses.add("free of what is no block is left out");
            return None;
        };
        Some(Operation::Free(id))
    }

    fn enter(&mut self, at: u64, id: u64, bytes: u64) {
        // A block that is where another one is: the trace did not show that the other was freed, and nor do we.
        if let Some((_, old_bytes)) = self.live.insert(at, (id, bytes)) {
            self.live_bytes = self.live_bytes.saturating_sub(old_bytes);
        }
        self.live_bytes = self.live_bytes.saturating_add(bytes);
        self.size.peak_bytes = self.size.peak_bytes.max(self.live_bytes);
    }

    fn leave(&mut self, at: u64) -> Option<(u64, u64)> {
        let left = self.live.remove(&at)?;
        self.live_bytes = self.live_bytes.saturating_sub(left.1);
        Some(left)
    }
}
