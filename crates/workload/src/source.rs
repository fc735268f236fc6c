//! From bytes to text: what may be a workload's source at all, and where in it something stands.

use crate::diagnostic::{Diagnostics, Problem};

/// The largest source that is read. Unit: bytes.
pub const SOURCE_BYTES_MAX: usize = 1 << 20;

/// A piece of the source, half open. Unit: bytes from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The span from `start` to `end`.
    pub const fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    /// From the start of this one to the end of the other.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end.max(self.start) }
    }

    /// The text of the span.
    pub fn text(self, source: &str) -> &str {
        source.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// The lines of a source: which line and column a byte is in.
#[derive(Clone, Debug)]
pub struct Lines {
    starts: Vec<u32>,
}

impl Lines {
    /// Finds the lines.
    pub fn new(source: &str) -> Lines {
        let ends = source.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        Lines { starts: std::iter::once(0).chain(ends.map(|(at, _)| at as u32 + 1)).collect() }
    }

    /// The line of a byte, from 1.
    pub fn line(&self, at: u32) -> u32 {
        self.starts.partition_point(|&start| start <= at) as u32
    }

    /// A line and its neighbours.
    pub(crate) fn around<'s>(&self, source: &'s str, line: u32) -> Vec<&'s str> {
        let place = line as usize - 1;
        let starts = &self.starts[place.saturating_sub(1)..(place + 2).min(self.starts.len())];
        starts.iter().map(|&start| source[start as usize..].split('\n').next().unwrap_or("")).collect()
    }

    /// The column of a byte, from 1. Unit: characters.
    pub fn column(&self, source: &str, at: u32) -> u32 {
        let start = self.starts[self.line(at) as usize - 1];
        source.get(start as usize..at as usize).map_or(1, |text| text.chars().count() as u32 + 1)
    }
}

/// Makes text of the bytes of a file, or says why they cannot be a workload.
///
/// # Errors
/// Nothing but white space, more than [`SOURCE_BYTES_MAX`], a NUL byte, or bytes that are not UTF-8.
pub fn decode<'s>(name: &str, bytes: &'s [u8]) -> Result<&'s str, Diagnostics> {
    let fail = |message: String, help: &str| Err(Diagnostics::without_source(name, message, help));
    if bytes.len() > SOURCE_BYTES_MAX {
        return fail(
            format!("the file has {} bytes; a workload has at most {SOURCE_BYTES_MAX}", bytes.len()),
            "large data belong into a loop that makes them",
        );
    }
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        return fail(
            format!("this is not a text file: byte {at} is NUL"),
            "a workload is UTF-8 text; a recorded trace is read by other commands",
        );
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.trim().is_empty() => {
            fail("the file is empty".to_owned(), "a workload has at least `fn main() {}`")
        }
        Ok(text) => Ok(text),
        Err(error) => {
            let at = error.valid_up_to();
            let line = bytes[..at].split(|&byte| byte == b'\n').count();
            fail(
                format!("line {line} is not UTF-8: byte {at} of the file is {:#04x}", bytes[at]),
                "save the file as UTF-8",
            )
        }
    }
}

/// The problem of a source that is too long to be parsed as it stands.
pub(crate) fn too_long(source: &str) -> Option<Problem> {
    (source.len() > SOURCE_BYTES_MAX).then(|| {
        Problem::new(
            Span::default(),
            format!("the source has {} bytes; a workload has at most {SOURCE_BYTES_MAX}", source.len()),
        )
    })
}
