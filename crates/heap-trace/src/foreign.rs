//! The logs of other tools. A parser takes them line by line; each line makes at most one record.
//!
//! None of these tools says where the break was, so their addresses are names of blocks ([`crate::Pointer::Named`]):
//! what was allocated and given back, and in which order, is known, and where it was is not.

mod heaptrack;
pub(crate) mod ltrace;
mod mtrace;
mod rep;

use crate::cursor::Parsed;
use crate::format::Format;
use crate::record::{Answer, Call, Pointer, Record, Request};

/// Reads the lines of one log.
pub(crate) enum Parser {
    Mtrace(mtrace::Log),
    Heaptrack(heaptrack::Data),
    Rep(rep::Operations),
    Ltrace(ltrace::Output),
}

impl Parser {
    /// For a foreign format; `None` for our own.
    pub(crate) fn new(format: Format) -> Option<Parser> {
        match format {
            Format::HeapTrace => None,
            Format::Mtrace => Some(Parser::Mtrace(mtrace::Log::default())),
            Format::Heaptrack => Some(Parser::Heaptrack(heaptrack::Data::default())),
            Format::Rep => Some(Parser::Rep(rep::Operations::default())),
            Format::Ltrace => Some(Parser::Ltrace(ltrace::Output::default())),
        }
    }

    /// What the next line says, if it says anything of the heap.
    pub(crate) fn line(&mut self, line: &[u8]) -> Parsed<Option<Record>> {
        match self {
            Parser::Mtrace(log) => log.line(line),
            Parser::Heaptrack(data) => data.line(line),
            Parser::Rep(operations) => operations.line(line),
            Parser::Ltrace(output) => output.line(line),
        }
    }

    /// The file is over.
    ///
    /// # Errors
    /// What should have come.
    pub(crate) fn end(&self) -> Result<(), &'static str> {
        match self {
            Parser::Mtrace(log) => log.end(),
            Parser::Rep(operations) => operations.end(),
            Parser::Heaptrack(_) | Parser::Ltrace(_) => Ok(()),
        }
    }

    /// Whether the last line may lack its end: files that people write, and that say how long they are.
    pub(crate) fn may_end_openly(&self) -> bool {
        matches!(self, Parser::Rep(_))
    }

    /// What the recorded program did and the log does not say.
    pub(crate) fn losses(&self) -> &'static [&'static str] {
        match self {
            Parser::Mtrace(_) => &mtrace::LOSSES,
            Parser::Heaptrack(data) => data.losses(),
            Parser::Rep(_) => &rep::LOSSES,
            Parser::Ltrace(_) => &ltrace::LOSSES,
        }
    }
}

/// A call that returns a block.
fn gives(thread: u32, request: Request, at: Pointer) -> Record {
    Record::Call(Call { thread, request, answer: Answer::Block { at, offset: 0 } })
}

/// A call that gives a block back.
fn frees(thread: u32, block: Pointer) -> Record {
    Record::Call(Call { thread, request: Request::Free { block }, answer: Answer::Nothing })
}

/// The name of a block at an absolute address.
fn named(address: u64) -> Pointer {
    if address == 0 { Pointer::Null } else { Pointer::Named(address) }
}
