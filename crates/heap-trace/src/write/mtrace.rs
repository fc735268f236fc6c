//! The log of mtrace(3), as glibc writes it, without the callers, which no trace has.
//!
//! Source: glibc 2.36 `malloc/mtrace-impl.c`; `malloc/mtrace.pl` reads it.

use std::io::{self, Write};

use super::Losses;
use crate::address::AddressMap;
use crate::record::{Answer, Header, Pointer, Record, Request};

/// Writes a log.
#[derive(Debug)]
pub struct MtraceWriter<W: Write> {
    to: W,
    map: AddressMap,
    losses: Losses,
}

impl<W: Write> MtraceWriter<W> {
    /// Begins the log of a trace with this header.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn new(mut to: W, header: &Header) -> io::Result<Self> {
        writeln!(to, "= Start")?;
        Ok(MtraceWriter { to, map: AddressMap::new(*header), losses: Losses::default() })
    }

    /// Writes what a record is in such a log, which may be nothing.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let call = match record {
            Record::Call(call) => call,
            Record::Region { number, at } => {
                self.map.add_region(*number, *at);
                return Ok(());
            }
            // Of the system and of snapshots the format knows nothing; nor does a reader of it miss them.
            _ => return Ok(()),
        };
        let given = match call.request {
            Request::Realloc { block, .. } | Request::Free { block } => block,
            _ => Pointer::Null,
        };
        let answer = match call.answer {
            Answer::Block { at, .. } => at,
            Answer::Nothing | Answer::Number(_) => Pointer::Null,
        };
        let (Some(given), Some(at)) = (self.map.address(given), self.map.address(answer)) else {
            self.losses.add("calls with an address that nobody knows are left out");
            return Ok(());
        };
        let (given, at) = (given.0, at.0);
        if call.thread > 0 && call.request != Request::ThreadExit {
            self.losses.add("mtrace logs have no threads: calls of others are written as if of the first");
        }
        match call.request {
            Request::Malloc { bytes } => self.gives(at, bytes),
            Request::Calloc { n, bytes } => {
                self.losses.add("calloc is written as malloc");
                self.gives(at, n.saturating_mul(bytes))
            }
            Request::Memalign { bytes, .. }
            | Request::AlignedAlloc { bytes, .. }
            | Request::PosixMemalign { bytes, .. }
            | Request::Valloc { bytes }
            | Request::Pvalloc { bytes } => {
                self.losses.add("functions with an alignment are written as malloc");
                self.gives(at, bytes)
            }
            Request::Realloc { bytes, .. } if given == 0 => self.gives(at, bytes),
            Request::Realloc { bytes: 0, .. } if at == 0 => writeln!(self.to, "- {given:#x}"),
            Request::Realloc { bytes, .. } if at == 0 => {
                write!(self.to, "! {given:#x}")?;
                self.size(bytes)
            }
            Request::Realloc { bytes, .. } => {
                write!(self.to, "< {given:#x}\n> {at:#x}")?;
                self.size(bytes)
            }
            Request::Free { .. } if given == 0 => {
                self.losses.add("free(NULL) is left out");
                Ok(())
            }
            Request::Free { .. } => writeln!(self.to, "- {given:#x}"),
            Request::UsableSize { .. } | Request::Trim { .. } | Request::Mallopt { .. } => {
                self.losses.add("malloc_usable_size, malloc_trim and mallopt are left out");
                Ok(())
            }
            Request::ThreadExit => Ok(()),
        }
    }

    fn gives(&mut self, at: u64, bytes: u64) -> io::Result<()> {
        if at == 0 {
            write!(self.to, "+ (nil)")?;
        } else {
            write!(self.to, "+ {at:#x}")?;
        }
        self.size(bytes)
    }

    /// `%#lx`, to the end of the line.
    fn size(&mut self, bytes: u64) -> io::Result<()> {
        if bytes == 0 { writeln!(self.to, " 0") } else { writeln!(self.to, " {bytes:#x}") }
    }

    /// The end of the log, and what it could not say.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn finish(mut self) -> io::Result<(W, Losses)> {
        writeln!(self.to, "= End")?;
        self.to.flush()?;
        Ok((self.to, self.losses))
    }
}
