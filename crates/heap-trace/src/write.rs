//! Writing a trace.

use std::io::{self, Write};

use crate::record::{Header, Record};

/// Writes the text format, line by line; compressing is the caller's.
#[derive(Debug)]
pub struct Writer<W: Write> {
    to: W,
}

impl<W: Write> Writer<W> {
    /// Begins a trace.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn new(mut to: W, header: &Header) -> io::Result<Self> {
        let Header { page_offset, base, mapped_base } = header;
        writeln!(to, "H page+{page_offset:x} base={base:x} mref={mapped_base:x}")?;
        Ok(Writer { to })
    }

    /// Writes one line.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        writeln!(self.to, "{record}")
    }

    /// The end of the trace: flushes and returns what was written to.
    ///
    /// # Errors
    /// Whatever flushing gives.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}
