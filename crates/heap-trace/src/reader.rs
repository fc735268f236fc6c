//! A trace, read line by line.

use std::io::{self, BufRead, Read};
use std::path::Path;

use crate::error::{Problem, TraceError};
use crate::parse;
use crate::record::{Header, Record};
use crate::source;

/// The longest line that is read. Unit: bytes. The longest lines of the format list all mappings of a process.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// Streams a trace. Memory is that of one line.
pub struct Reader {
    source: Box<dyn BufRead>,
    file: String,
    line: u64,
    text: Vec<u8>,
    header: Header,
    is_in_snapshot: bool,
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
        let mut reader =
            Reader { source, file, line: 0, text: Vec::new(), header: Header::default(), is_in_snapshot: false };
        if !reader.next_line()? {
            reader.line = 1;
            return Err(reader.expected(1, "`H page+...`, the first line of a trace, in a file that is not empty"));
        }
        reader.header = parse::header(&reader.text).map_err(|wrong| reader.expected(wrong.column, wrong.expected))?;
        Ok(reader)
    }

    /// What the first line says.
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

    /// The next line, understood; `None` at the end.
    ///
    /// # Errors
    /// The line is not of the format, or the file or archive ends early. What was returned before stands.
    pub fn next_record(&mut self) -> Result<Option<Record>, TraceError> {
        if !self.next_line()? {
            if self.is_in_snapshot {
                self.line += 1;
                self.text.clear();
                return Err(self.expected(1, "`s end`, the end of the snapshot"));
            }
            return Ok(None);
        }
        match parse::record(&self.text) {
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

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}
