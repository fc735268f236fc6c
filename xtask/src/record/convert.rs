//! From the recorder's records to a heap trace.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use heap_trace::{Answer, Call, Header, Pointer, Record, Request, Sink, Writer};

use super::ring::Recording;
use super::wire::{
    ARGUMENT_SHIFT, FREE_KIND_SHIFT, IS_TRUE, IS_WIDE, Op, SMALL_BLOCK_SHIFT, SMALL_BYTES, SMALL_SIZE_SHIFT, kind,
};

/// Address space of a thread heap. Unit: bytes. Source: glibc 2.36 `malloc/arena.c:HEAP_MAX_SIZE`.
const REGION_BYTES: u64 = 64 << 20;

/// All operations, by number from 1.
const OPS: [Op; 18] = [
    Op::Malloc,
    Op::Calloc,
    Op::Realloc,
    Op::Free,
    Op::Memalign,
    Op::AlignedAlloc,
    Op::PosixMemalign,
    Op::Valloc,
    Op::Pvalloc,
    Op::UsableSize,
    Op::Trim,
    Op::Mallopt,
    Op::Thread,
    Op::ThreadExit,
    Op::Break,
    Op::ForeignBreak,
    Op::Region,
    Op::SmallMalloc,
];

/// What a trace is about.
#[derive(Default)]
pub(super) struct Summary {
    /// Calls and ends of threads.
    pub(super) n_events: u64,
    pub(super) n_threads: u32,
    /// How far the break rose above the first.
    pub(super) peak_bytes: u64,
    pub(super) n_mapped: u64,
    pub(super) n_regions: usize,
}

/// Writes the trace. The result is to be finished.
pub(super) fn convert<W: Write>(recording: &Recording, to: Sink<W>) -> io::Result<(Summary, Sink<W>)> {
    let base = recording.base;
    let header = Header { page_offset: base % 4096, base, mapped_base: recording.mapped_base };
    let mut trace = Writer::new(io::BufWriter::with_capacity(1 << 16, to), &header)?;
    let mut converter = Converter {
        words: Words::of(recording)?,
        base,
        mapped_base: recording.mapped_base,
        regions: HashMap::new(),
        thread: 0,
        summary: Summary { n_threads: 1, ..Summary::default() },
    };
    while converter.words.left_bytes > 0 {
        if let Some(record) = converter.record()? {
            trace.write(&record)?;
        }
    }
    converter.summary.n_regions = converter.regions.len();
    let sink = trace.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok((converter.summary, sink))
}

/// The words of the records.
pub(super) struct Words<'a> {
    from: BufReader<&'a File>,
    pub(super) left_bytes: u64,
}

impl Words<'_> {
    pub(super) fn of(recording: &Recording) -> io::Result<Words<'_>> {
        let mut records = &recording.records;
        records.seek(SeekFrom::Start(0))?;
        Ok(Words { from: BufReader::with_capacity(1 << 18, records), left_bytes: recording.records_bytes })
    }

    pub(super) fn next(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.from.read_exact(&mut bytes)?;
        self.left_bytes = self.left_bytes.saturating_sub(8);
        Ok(u64::from_le_bytes(bytes))
    }
}

struct Converter<'a> {
    words: Words<'a>,
    base: u64,
    mapped_base: u64,
    /// The numbers of thread heaps.
    regions: HashMap<u64, u32>,
    thread: u32,
    summary: Summary,
}

impl Converter<'_> {
    /// The next record; `None`: one that has no line of its own.
    fn record(&mut self) -> io::Result<Option<Record>> {
        let first = self.words.next()?;
        let op = (first & (IS_WIDE - 1)) as usize;
        let Some(&op) = op.checked_sub(1).and_then(|index| OPS.get(index)) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the program has overwritten the records"));
        };
        match op {
            Op::SmallMalloc => {
                let bytes = first >> SMALL_SIZE_SHIFT & (SMALL_BYTES as u64 - 1);
                let at = self.pointer(first >> SMALL_BLOCK_SHIFT << 4);
                return Ok(Some(self.call(Request::Malloc { bytes }, Answer::Block { at, offset: 0 })));
            }
            Op::Free => {
                let kind = first >> FREE_KIND_SHIFT << 62;
                let block = self.pointer(first >> ARGUMENT_SHIFT | kind);
                return Ok(Some(self.call(Request::Free { block }, Answer::Nothing)));
            }
            _ => {}
        }
        let n = if first & IS_WIDE == 0 { first >> ARGUMENT_SHIFT } else { self.words.next()? };
        let request = match op {
            Op::Malloc => Request::Malloc { bytes: n },
            Op::Calloc => Request::Calloc { n, bytes: self.words.next()? },
            Op::Realloc => Request::Realloc { block: self.block()?, bytes: n },
            Op::Memalign => Request::Memalign { alignment: n, bytes: self.words.next()? },
            Op::AlignedAlloc => Request::AlignedAlloc { alignment: n, bytes: self.words.next()? },
            Op::PosixMemalign => Request::PosixMemalign { alignment: n, bytes: self.words.next()? },
            Op::Valloc => Request::Valloc { bytes: n },
            Op::Pvalloc => Request::Pvalloc { bytes: n },
            Op::UsableSize => Request::UsableSize { block: self.block()? },
            Op::Trim => Request::Trim { pad: n },
            Op::Mallopt => Request::Mallopt { option: self.words.next()? as i32, value: n as i32 },
            Op::Thread => {
                self.thread = n as u32;
                self.summary.n_threads = self.summary.n_threads.max(self.thread + 1);
                return Ok(None);
            }
            Op::ThreadExit => {
                self.thread = n as u32;
                return Ok(Some(self.call(Request::ThreadExit, Answer::Nothing)));
            }
            Op::Break | Op::ForeignBreak => {
                let to = n.wrapping_sub(self.base);
                self.summary.peak_bytes = self.summary.peak_bytes.max(to);
                return Ok(Some(if op == Op::Break { Record::Break(to) } else { Record::ForeignBreak(to) }));
            }
            Op::SmallMalloc
            | Op::Free
            | Op::PythonMalloc
            | Op::PythonCalloc
            | Op::PythonRealloc
            | Op::PythonFree
            | Op::PythonArenaMade
            | Op::PythonArenaReleased => unreachable!("{op:?} is done above, or not among those read"),
            Op::Region => {
                let number = self.regions.len() as u32 + 1;
                // A place is announced once, whatever comes and goes there.
                let is_new = *self.regions.entry(n).or_insert(number) == number;
                return Ok(is_new.then_some(Record::Region { number, at: n }));
            }
        };
        let answer = match op {
            Op::UsableSize => Answer::Number(n),
            Op::Trim | Op::Mallopt => Answer::Number(u64::from(first & IS_TRUE != 0)),
            _ => {
                let word = self.words.next()?;
                let offset = if word & kind::MASK == kind::MAPPED { self.words.next()? } else { 0 };
                self.summary.n_mapped += u64::from(word & kind::MASK == kind::MAPPED);
                Answer::Block { at: self.pointer(word), offset }
            }
        };
        Ok(Some(self.call(request, answer)))
    }

    fn call(&mut self, request: Request, answer: Answer) -> Record {
        self.summary.n_events += 1;
        Record::Call(Call { thread: self.thread, request, answer })
    }

    fn block(&mut self) -> io::Result<Pointer> {
        let word = self.words.next()?;
        Ok(self.pointer(word))
    }

    fn pointer(&self, word: u64) -> Pointer {
        let address = word & !kind::MASK;
        if address == 0 {
            return Pointer::Null;
        }
        let region = address & !(REGION_BYTES - 1);
        match (word & kind::MASK, self.regions.get(&region)) {
            (kind::HEAP, _) => Pointer::Heap(address.wrapping_sub(self.base)),
            (kind::REGION, Some(&number)) => Pointer::Region { number, offset: address - region },
            (kind::MAPPED, _) => Pointer::Mapped(address.wrapping_sub(self.mapped_base) as i64),
            _ => Pointer::Unknown(address),
        }
    }
}
