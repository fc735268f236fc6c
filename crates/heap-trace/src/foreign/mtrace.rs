//! The log of mtrace(3).
//!
//! Source: glibc 2.36 `malloc/mtrace-impl.c`: `malloc_mtrace_after`, `realloc_mtrace_after`, `free_mtrace`, `tr_where`.

use super::{frees, gives, named};
use crate::cursor::{Cursor, Parsed};
use crate::record::{Pointer, Record, Request};

pub(super) const LOSSES: [&str; 4] = [
    "an mtrace log has no threads: all calls are taken to be of one",
    "an mtrace log has calloc and the functions with an alignment as malloc: they are replayed as that",
    "an mtrace log has no calls of malloc_usable_size, malloc_trim and mallopt, and no free of NULL",
    "an mtrace log does not say where the break was: addresses are predicted, not compared",
];

const EVENT: &str = "`+`, `-`, `<`, `>`, `!` or `=`, after `@ caller ` or alone";

/// A log that is being read.
#[derive(Default)]
pub(crate) struct Log {
    /// The block of a `<` line, until its `>` line.
    resized: Option<Pointer>,
}

impl Log {
    pub(super) fn line(&mut self, text: &[u8]) -> Parsed<Option<Record>> {
        let mut line = Cursor::new(text);
        if line.skip(b"@ ") {
            // A path may have spaces, an address in brackets has none.
            let Some(end) = text.windows(2).rposition(|two| two == b"] ") else {
                return Err(line.wrong("a caller `file:(function+0x1)[0x1234]` and a space"));
            };
            line.at = end + 2;
        }
        let letter = line.peek();
        if letter == Some(b'>') {
            if self.resized.is_none() {
                return Err(line.wrong("a `<` line before the `>` line"));
            }
        } else if self.resized.is_some() {
            return Err(line.wrong("a `>` line after the `<` line"));
        }
        line.at += 1;
        match letter {
            Some(b'+' | b'-' | b'<' | b'>' | b'!') => line.space()?,
            Some(b'=') if line.skip(b" Start") || line.skip(b" End") => {
                line.end()?;
                return Ok(None);
            }
            _ => {
                line.at -= 1;
                return Err(line.wrong(EVENT));
            }
        }
        let block = pointer(&mut line)?;
        let record = match letter {
            Some(b'+') => {
                line.space()?;
                Some(gives(0, Request::Malloc { bytes: number(&mut line)? }, block))
            }
            Some(b'-') => Some(frees(0, block)),
            Some(b'<') => {
                self.resized = Some(block);
                None
            }
            Some(b'>') => {
                line.space()?;
                let old = self.resized.take().expect("a `<` line came before");
                Some(gives(0, Request::Realloc { block: old, bytes: number(&mut line)? }, block))
            }
            _ => {
                line.space()?;
                Some(gives(0, Request::Realloc { block, bytes: number(&mut line)? }, Pointer::Null))
            }
        };
        line.end()?;
        Ok(record)
    }

    pub(super) fn end(&self) -> Result<(), &'static str> {
        if self.resized.is_some() { Err("a `>` line after the `<` line") } else { Ok(()) }
    }
}

/// `%p`.
fn pointer(line: &mut Cursor<'_>) -> Parsed<Pointer> {
    const EXPECTED: &str = "a pointer: `0x` and hexadecimal digits, or `(nil)`";
    if line.skip(b"(nil)") {
        return Ok(Pointer::Null);
    }
    line.literal(b"0x", EXPECTED)?;
    line.hex(EXPECTED).map(named)
}

/// `%#lx`, which writes zero as `0`.
fn number(line: &mut Cursor<'_>) -> Parsed<u64> {
    const EXPECTED: &str = "a size in hexadecimal, `0x20`, below 2^64";
    if line.skip(b"0x") {
        return line.hex(EXPECTED);
    }
    line.literal(b"0", EXPECTED)?;
    Ok(0)
}
