//! What can be wrong with a trace, and where.

use std::fmt;
use std::io;

/// A trace that cannot be read on.
#[derive(Debug)]
pub struct TraceError {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1; of a compressed file, of what is in it.
    pub line: u64,
    /// The column, from 1; 0 when the line as a whole is meant.
    pub column: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Debug)]
pub enum Problem {
    /// Something else stands there than the format has.
    Expected {
        /// What belongs there.
        expected: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// The line is longer than any line of the format.
    LongLine,
    /// The last line has no end: the file was cut off.
    CutOff,
    /// The file or archive cannot be read, or the archive ends early.
    Unreadable(io::Error),
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        match &self.problem {
            Problem::Expected { expected, found } if found.is_empty() => {
                write!(f, ": expected {expected}, found the end of the line")
            }
            Problem::Expected { expected, found } => write!(f, ": expected {expected}, found `{found}`"),
            Problem::LongLine => write!(f, ": the line is longer than {} bytes", crate::LINE_BYTES_MAX),
            Problem::CutOff => write!(f, ": the file ends in the middle of this line"),
            Problem::Unreadable(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                write!(f, ": the archive ends early; this line was the last one begun")
            }
            Problem::Unreadable(error) => write!(f, ": cannot be read: {error}"),
        }
    }
}

impl std::error::Error for TraceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}
