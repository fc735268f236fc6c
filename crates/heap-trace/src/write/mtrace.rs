//! The log of mtrace(3), as glibc writes it, without the callers, which no trace has.
//!
//! Source: glibc 2.36 `malloc/mtrace-impl.c`; `malloc/mtrace.pl` reads it.

use std::fmt;
use std::io::{self, Write};

use super::Losses;
use super::plain::{Plain, PlainCalls};
use crate::record::{Header, Record};

const OF_THREADS: &str = "mtrace logs have no threads: calls of others are written as if of the first";

/// Writes a log.
#[derive(Debug)]
pub struct MtraceWriter<W: Write> {
    to: W,
    calls: PlainCalls,
}

impl<W: Write> MtraceWriter<W> {
    /// Begins the log of a trace with this header.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn new(mut to: W, header: &Header) -> io::Result<Self> {
        writeln!(to, "= Start")?;
        Ok(MtraceWriter { to, calls: PlainCalls::new(header, OF_THREADS) })
    }

    /// Writes what a record is in such a log, which may be nothing.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        match self.calls.resolve(record) {
            Some(Plain::Malloc { at: 0, bytes }) => self.sized(format_args!("+ (nil)"), bytes),
            Some(Plain::Malloc { at, bytes }) => self.sized(format_args!("+ {at:#x}"), bytes),
            Some(Plain::Realloc { given, at: 0, bytes }) => self.sized(format_args!("! {given:#x}"), bytes),
            Some(Plain::Realloc { given, at, bytes }) => self.sized(format_args!("< {given:#x}\n> {at:#x}"), bytes),
            Some(Plain::Free { given }) => writeln!(self.to, "- {given:#x}"),
            Some(Plain::FreeNull) => {
                self.calls.losses.add("free(NULL) is left out");
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A line that ends with a size, in `%#lx`.
    fn sized(&mut self, line: fmt::Arguments<'_>, bytes: u64) -> io::Result<()> {
        if bytes == 0 { writeln!(self.to, "{line} 0") } else { writeln!(self.to, "{line} {bytes:#x}") }
    }

    /// The end of the log, and what it could not say.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn finish(mut self) -> io::Result<(W, Losses)> {
        writeln!(self.to, "= End")?;
        self.to.flush()?;
        Ok((self.to, self.calls.losses))
    }
}
