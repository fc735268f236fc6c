//! What can be wrong with a log, and where.

use std::fmt;
use std::io;

/// A log that cannot be read on.
#[derive(Debug)]
pub struct LogError {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Debug)]
pub enum Problem {
    /// A line of a collection whose figures are not as HotSpot writes them.
    Expected {
        /// What belongs there.
        expected: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// A log in the format of JDK 8 and earlier.
    BeforeUnifiedLogging,
    /// A log of a collector whose lines are others.
    Collector(String),
    /// A line longer than any that HotSpot writes.
    LongLine,
    /// The file has ended, and nothing in it was a line of a GC log.
    NoLog,
    /// The file cannot be read.
    Unreadable(io::Error),
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        match &self.problem {
            Problem::Expected { expected, found } => write!(f, "expected {expected}, found `{found}`"),
            Problem::BeforeUnifiedLogging => {
                write!(f, "a log of JDK 8 or earlier (-XX:+PrintGCDetails); expected one of -Xlog:gc, as of JDK 17")
            }
            Problem::Collector(name) => {
                write!(f, "a log of {name}, whose lines are others; expected one of Serial, Parallel or G1")
            }
            Problem::LongLine => write!(f, "the line is longer than {} bytes", crate::LINE_BYTES_MAX),
            Problem::NoLog => {
                write!(f, "the file ends without a line of a GC log; expected what -Xlog:gc or -Xlog:gc* writes")
            }
            Problem::Unreadable(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}
