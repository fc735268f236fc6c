//! The traces of Malloc Lab (Bryant and O'Hallaron, *Computer Systems: A Programmer's Perspective*).
//!
//! Four numbers, one a line (a heap size that nobody uses, the number of ids, the number of operations, a weight), then
//! the operations: `a ID BYTES`, `r ID BYTES`, `f ID`; `f -1` frees NULL.

use super::{frees, gives};
use crate::cursor::{Cursor, Parsed, Wrong};
use crate::record::{Pointer, Record, Request};

pub(super) const LOSSES: [&str; 3] = [
    "a .rep trace has no threads: all calls are taken to be of one",
    "a .rep trace has malloc, realloc and free only: what was calloc or aligned is replayed as malloc",
    "a .rep trace has no addresses: they are predicted, not compared",
];

/// A trace that is being read.
#[derive(Default)]
pub(crate) struct Operations {
    /// What the header said, as far as it was read.
    header: [u64; 4],
    n_header: usize,
    n_done: u64,
}

impl Operations {
    pub(super) fn line(&mut self, text: &[u8]) -> Parsed<Option<Record>> {
        let text = text.trim_ascii_end();
        let mut line = Cursor::new(text);
        while line.skip(b" ") {}
        if line.at == text.len() {
            return Ok(None);
        }
        if self.n_header < self.header.len() {
            const EXPECTED: [&str; 4] =
                ["a heap size in decimal", "the number of ids", "the number of operations", "a weight in decimal"];
            self.header[self.n_header] = line.decimal(EXPECTED[self.n_header])?;
            self.n_header += 1;
            line.end()?;
            return Ok(None);
        }
        let letter = line.peek();
        if !matches!(letter, Some(b'a' | b'r' | b'f')) {
            return Err(line.wrong("an operation: `a ID BYTES`, `r ID BYTES` or `f ID`"));
        }
        if self.n_done == self.header[2] {
            return Err(line.wrong("the end of the file, after as many operations as the third line says"));
        }
        line.at += 1;
        spaces(&mut line)?;
        if letter == Some(b'f') && line.skip(b"-1") {
            line.end()?;
            self.n_done += 1;
            return Ok(Some(frees(0, Pointer::Null)));
        }
        let column = line.at + 1;
        let expected = "an id below the number of ids in the second line";
        let id = line.decimal(expected)?;
        if id >= self.header[1] {
            return Err(Wrong { column, expected });
        }
        let block = Pointer::Named(id + 1);
        let record = if letter == Some(b'f') {
            frees(0, block)
        } else {
            spaces(&mut line)?;
            let bytes = line.decimal("a size in decimal, below 2^64")?;
            match letter {
                Some(b'a') => gives(0, Request::Malloc { bytes }, block),
                // As in C: nothing is left of the block.
                _ if bytes == 0 => gives(0, Request::Realloc { block, bytes }, Pointer::Null),
                _ => gives(0, Request::Realloc { block, bytes }, block),
            }
        };
        line.end()?;
        self.n_done += 1;
        Ok(Some(record))
    }

    pub(super) fn end(&self) -> Result<(), &'static str> {
        if self.n_header < self.header.len() {
            return Err("four numbers, one a line: a heap size, the ids, the operations, a weight");
        }
        if self.n_done < self.header[2] {
            return Err("as many operations as the third line says");
        }
        Ok(())
    }
}

fn spaces(line: &mut Cursor<'_>) -> Parsed<()> {
    line.space()?;
    while line.skip(b" ") {}
    Ok(())
}
