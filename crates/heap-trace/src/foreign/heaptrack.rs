//! heaptrack's data: what its preloaded library writes (raw), and what `heaptrack_interpret` makes of it.
//!
//! Both begin with `v HEAPTRACK FORMAT`; a raw file goes on with the program's path (`x`), an interpreted one with its
//! command line (`X`). All numbers are hexadecimal. A raw file says `+ BYTES TRACE POINTER` and `- POINTER`. An
//! interpreted one numbers the pairs of size and call path (`a BYTES TRACE`, from 0) and says `+ NUMBER`, `- NUMBER`.
//!
//! Source: heaptrack 1.4 and 1.5 `src/track/libheaptrack.cpp:HeapTrack`, `src/interpret/heaptrack_interpret.cpp:main`,
//! `src/analyze/accumulatedtracedata.cpp:read`; format versions 0 to 3.

use super::{frees, gives, named};
use crate::cursor::{Cursor, Parsed, Wrong};
use crate::record::{Pointer, Record, Request};

/// The newest version of the format. Source: heaptrack 1.5 `src/util/config.h.cmake:HEAPTRACK_FILE_FORMAT_VERSION`.
const VERSION_MAX: u64 = 3;

const LOSSES_RAW: [&str; 5] = [
    "heaptrack has realloc as free and malloc: it is replayed as that, and no block grows in place",
    "heaptrack has calloc and the functions with an alignment as malloc: they are replayed as that",
    "heaptrack has no memalign and no pvalloc, no failed call and no free of NULL",
    "heaptrack has no threads: all calls are taken to be of one, in the order in which they were written down",
    "heaptrack does not say where the break was: addresses are predicted, not compared",
];

const LOSSES_INTERPRETED: [&str; 6] = [
    LOSSES_RAW[0],
    LOSSES_RAW[1],
    LOSSES_RAW[2],
    LOSSES_RAW[3],
    "interpreted heaptrack data has no addresses: they are predicted, not compared",
    "interpreted heaptrack data says of a freed block its size and call path only: the youngest such block is taken",
];

/// Data that is being read.
#[derive(Default)]
pub(crate) struct Data {
    style: Option<Style>,
    /// Of the format; `None` before the first line.
    version: Option<u64>,
    n_traces: u64,
    /// Interpreted data: by number, the size and the live blocks, the youngest last.
    allocations: Vec<(u64, Vec<u64>)>,
    n_blocks: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// With pointers.
    Raw,
    /// With numbers of allocations.
    Interpreted,
}

impl Data {
    pub(super) fn losses(&self) -> &'static [&'static str] {
        match self.style {
            Some(Style::Interpreted) => &LOSSES_INTERPRETED,
            _ => &LOSSES_RAW,
        }
    }

    pub(super) fn line(&mut self, text: &[u8]) -> Parsed<Option<Record>> {
        let mut line = Cursor::new(text);
        let Some(version) = self.version else {
            return self.begin(line);
        };
        let Some(style) = self.style else {
            self.style = Some(match line.peek() {
                Some(b'x') => Style::Raw,
                // Before version 1, interpreting left the pointers as they were.
                Some(b'X') if version == 0 => Style::Raw,
                Some(b'X') => Style::Interpreted,
                _ => {
                    return Err(line.wrong("`x`, the program of a raw file, or `X`, the command of an interpreted one"));
                }
            });
            return Ok(None);
        };
        let Some(letter) = line.peek() else { return Ok(None) };
        line.at += 1;
        match (letter, style) {
            // What the heap has no part in: modules, strings, instructions, suppressions, the system, times, sizes.
            (b'm' | b's' | b'i' | b'S' | b'I' | b'X' | b'x' | b'c' | b'R' | b'A' | b'#', _) => Ok(None),
            (b't', _) => {
                line.space()?;
                line.hex("an instruction")?;
                line.space()?;
                let parent = Wrong { column: line.at + 1, expected: "the number of a `t` line above, or 0" };
                if line.hex(parent.expected)? > self.n_traces {
                    return Err(parent);
                }
                self.n_traces += 1;
                line.end()?;
                Ok(None)
            }
            (b'+', Style::Raw) => {
                let bytes = self.size_and_trace(&mut line)?;
                line.space()?;
                let at = named(line.hex("a pointer in hexadecimal")?);
                line.end()?;
                Ok(Some(gives(0, Request::Malloc { bytes }, at)))
            }
            (b'-', Style::Raw) => {
                line.space()?;
                let block = named(line.hex("a pointer in hexadecimal")?);
                line.end()?;
                Ok(Some(frees(0, block)))
            }
            (b'a', Style::Interpreted) => {
                let bytes = self.size_and_trace(&mut line)?;
                line.end()?;
                self.allocations.push((bytes, Vec::new()));
                Ok(None)
            }
            (b'+', Style::Interpreted) => {
                self.n_blocks += 1;
                let name = self.n_blocks;
                let (bytes, blocks) = self.allocation(&mut line)?;
                blocks.push(name);
                Ok(Some(gives(0, Request::Malloc { bytes: *bytes }, Pointer::Named(name))))
            }
            (b'-', Style::Interpreted) => {
                let column = line.at + 2;
                let (_, blocks) = self.allocation(&mut line)?;
                let name = blocks.pop().ok_or(Wrong { column, expected: "an allocation with a block that is live" })?;
                Ok(Some(frees(0, Pointer::Named(name))))
            }
            _ => {
                line.at -= 1;
                Err(line.wrong("a line of heaptrack's: one of `tams+-iIScRxXA#` and a space"))
            }
        }
    }

    fn begin(&mut self, mut line: Cursor<'_>) -> Parsed<Option<Record>> {
        line.literal(b"v ", "`v` and the version of heaptrack")?;
        let heaptrack = line.hex("the version of heaptrack")?;
        let mut version = 0;
        if line.skip(b" ") {
            let expected = "a version of the format, 0 to 3";
            let column = line.at + 1;
            version = line.hex(expected)?;
            if version > VERSION_MAX {
                return Err(Wrong { column, expected });
            }
        } else if heaptrack == 0x1_02_00 {
            version = 1;
        }
        line.end()?;
        self.version = Some(version);
        Ok(None)
    }

    fn size_and_trace(&self, line: &mut Cursor<'_>) -> Parsed<u64> {
        line.space()?;
        let bytes = line.hex("a size in hexadecimal, below 2^64")?;
        line.space()?;
        let trace = Wrong { column: line.at + 1, expected: "the number of a `t` line above, or 0" };
        if line.hex(trace.expected)? > self.n_traces { Err(trace) } else { Ok(bytes) }
    }

    fn allocation(&mut self, line: &mut Cursor<'_>) -> Parsed<&mut (u64, Vec<u64>)> {
        const EXPECTED: &str = "the number of an `a` line above";
        line.space()?;
        let column = line.at + 1;
        let number = line.hex(EXPECTED)?;
        line.end()?;
        let allocation = usize::try_from(number).ok().and_then(|number| self.allocations.get_mut(number));
        allocation.ok_or(Wrong { column, expected: EXPECTED })
    }
}
