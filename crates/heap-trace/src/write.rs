//! Writing a trace: in our format, and in those of other tools.

mod mtrace;
mod plain;
mod rep;

use std::collections::BTreeMap;
use std::io::{self, Write};

pub use mtrace::MtraceWriter;
pub use rep::{RepSize, RepWriter};

use crate::record::{Header, Record};

/// Writes the text format, line by line; compressing is the caller's.
#[derive(Debug)]
pub struct Writer<W: Write> {
    to: W,
}

impl<W: Write> Writer<W> {
    /// Begins a trace. The header of a foreign log is written as it is, empty: what follows has names, no addresses.
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

/// What a format cannot say, and how often that was so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    counts: BTreeMap<&'static str, u64>,
}

impl Losses {
    fn add(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// What was lost, in sentences for the user, with how often.
    pub fn sentences(&self) -> Vec<String> {
        self.counts.iter().map(|(what, n)| format!("{what} ({n} times)").replace("(1 times)", "(once)")).collect()
    }
}
