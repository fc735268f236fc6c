//! A trace, read line by line.

use std::io::{self, BufRead, Read};
use std::path::Path;

use crate::error::{Problem, TraceError};
use crate::foreign::Parser;
use crate::format::Format;
use crate::parse;
use crate::record::{Header, Record};
use crate::source;

/// The longest line that is read. Unit: bytes. The longest lines of the format list all mappings of a process.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// Streams a trace of any [`Format`], told by its first line. Memory is that of one line; for heaptrack's interpreted
/// data, of what is live as well.
///
/// The blocks of a foreign log have names instead of addresses; see [`Pointer::Named`](crate::Pointer::Named) and
/// [`Reader::has_addresses`]. What such a log leaves out, [`Reader::losses`] says.
pub struct Reader {
    source: Box<dyn BufRead>,
    file: String,
    line: u64,
    text: Vec<u8>,
    format: Format,
    header: Header,
    is_in_snapshot: bool,
    /// For a foreign format.
    foreign: Option<Parser>,
    /// A record that was read before it was asked for.
    ahead: Option<Record>,
    /// The iterator is at an error, and over.
    has_failed: bool,
}

impl Reader {
    /// Opens a trace, compressed with xz, zstd, gzip or not at all: told by its content.
    ///
    /// # Errors
    /// The file cannot be read, or its first line is not that of a trace.
    pub fn open(path: &Path) -> Result<Reader, TraceError> {
        let file = path.display().to_string();
        match source::open(path) {
            Ok(source) => Reader::begin(source, file),
            Err(error) => Err(TraceError { file, line: 1, column: 0, problem: Problem::Unreadable(error) }),
        }
    }

    /// Reads a trace, compressed or not, from memory or a stream. `file` is what errors call it.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn new(source: impl Read + 'static, file: &str) -> Result<Reader, TraceError> {
        match source::decompress(io::BufReader::new(source)) {
            Ok(source) => Reader::begin(source, file.to_owned()),
            Err(error) => {
                Err(TraceError { file: file.to_owned(), line: 1, column: 0, problem: Problem::Unreadable(error) })
            }
        }
    }

    fn begin(source: Box<dyn BufRead>, file: String) -> Result<Reader, TraceError> {
        const FIRST_LINE: &str = "the first line of a heap trace (`H page+P base=B mref=R`), an mtrace log (`= Start`), \
                                  heaptrack data (`v 10400 3`), a .rep trace (a number) or ltrace output (a call)";
        let mut reader = Reader {
            source,
            file,
            line: 0,
            text: Vec::new(),
            format: Format::HeapTrace,
            header: Header::default(),
            is_in_snapshot: false,
            foreign: None,
            ahead: None,
            has_failed: false,
        };
        if !reader.next_line()? {
            reader.line = 1;
            return Err(reader.expected(1, FIRST_LINE));
        }
        reader.format = Format::of(&reader.text).ok_or_else(|| reader.expected(1, FIRST_LINE))?;
        reader.foreign = Parser::new(reader.format);
        if reader.foreign.is_some() {
            reader.ahead = reader.parse_foreign()?;
            // The second line says which of its two kinds heaptrack's data is, and with that what is lost.
            if reader.format == Format::Heaptrack && reader.next_line()? {
                reader.ahead = reader.parse_foreign()?;
            }
        } else {
            reader.header =
                parse::header(&reader.text).map_err(|wrong| reader.expected(wrong.column, wrong.expected))?;
        }
        Ok(reader)
    }

    /// The format, told by the first line.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether pointers say where blocks were. Otherwise they only say which block is meant, results cannot be compared,
    /// and a model is free to place its blocks itself.
    pub fn has_addresses(&self) -> bool {
        self.foreign.is_none() && self.header.base != 0
    }

    /// What the recorded program did and the trace does not say, in sentences for the user. Nothing is lost by our own
    /// format, unless it was made of another.
    pub fn losses(&self) -> &'static [&'static str] {
        match &self.foreign {
            Some(parser) => parser.losses(),
            None if !self.has_addresses() => {
                &["the trace was converted from another tool's log: addresses are predicted, not compared"]
            }
            None => &[],
        }
    }

    /// What the first line of a heap trace says; of a foreign log, nothing.
    pub fn header(&self) -> Header {
        self.header
    }

    /// The number of the line that was read last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The name errors use.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The next record: of our own format, the next line, understood; `None` at the end.
    ///
    /// # Errors
    /// The line is not of the format, or the file or archive ends early. What was returned before stands.
    pub fn next_record(&mut self) -> Result<Option<Record>, TraceError> {
        if self.foreign.is_some() {
            return self.next_foreign();
        }
        if !self.next_line()? {
            if self.is_in_snapshot {
                self.line += 1;
                self.text.clear();
                return Err(self.expected(1, "`s end`, the end of the snapshot"));
            }
            return Ok(None);
        }
        match parse::record(&self.text, self.header.base != 0) {
            Ok(record) => {
                let belongs = matches!(record, Record::SnapshotLine(_)) == self.is_in_snapshot;
                if !belongs {
                    let expected = if self.is_in_snapshot { "`s`, a line of the snapshot" } else { "an event" };
                    return Err(self.expected(1, expected));
                }
                match record {
                    Record::Snapshot { .. } => self.is_in_snapshot = true,
                    Record::SnapshotLine(crate::SnapshotLine::End) => self.is_in_snapshot = false,
                    _ => {}
                }
                Ok(Some(record))
            }
            Err(wrong) => Err(self.expected(wrong.column, wrong.expected)),
        }
    }

    fn next_foreign(&mut self) -> Result<Option<Record>, TraceError> {
        if let Some(record) = self.ahead.take() {
            return Ok(Some(record));
        }
        while self.next_line()? {
            if let Some(record) = self.parse_foreign()? {
                return Ok(Some(record));
            }
        }
        match self.foreign.as_ref().map_or(Ok(()), Parser::end) {
            Ok(()) => Ok(None),
            Err(expected) => {
                self.line += 1;
                self.text.clear();
                Err(self.expected(1, expected))
            }
        }
    }

    /// What the line that was read last says.
    fn parse_foreign(&mut self) -> Result<Option<Record>, TraceError> {
        let Some(parser) = &mut self.foreign else { return Ok(None) };
        parser.line(&self.text).map_err(|wrong| self.expected(wrong.column, wrong.expected))
    }

    /// Reads the next line without its end into `text`; false at the end of the file.
    fn next_line(&mut self) -> Result<bool, TraceError> {
        self.text.clear();
        let read = (&mut self.source).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut self.text);
        if let Ok(0) = read {
            return Ok(false);
        }
        self.line += 1;
        let problem = match read {
            Err(error) => Problem::Unreadable(error),
            Ok(_) if self.text.last() == Some(&b'\n') => {
                self.text.pop();
                return Ok(true);
            }
            Ok(n) if n > LINE_BYTES_MAX => Problem::LongLine,
            Ok(_) if self.foreign.as_ref().is_some_and(Parser::may_end_openly) => return Ok(true),
            Ok(_) => Problem::CutOff,
        };
        Err(TraceError { file: self.file.clone(), line: self.line, column: 0, problem })
    }

    fn expected(&self, column: usize, expected: &'static str) -> TraceError {
        let rest = self.text.get(column - 1..).unwrap_or_default();
        let found = String::from_utf8_lossy(&rest[..rest.len().min(40)]).escape_debug().to_string();
        TraceError { file: self.file.clone(), line: self.line, column, problem: Problem::Expected { expected, found } }
    }
}

impl Iterator for Reader {
    type Item = Result<Record, TraceError>;

    /// After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let next = self.next_record().transpose();
        self.has_failed = matches!(next, Some(Err(_)));
        next
    }
}
