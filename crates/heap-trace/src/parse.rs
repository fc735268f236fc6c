//! One line of the text format, from bytes to a record. Allocates only for the mappings of a `V` line.

use crate::cursor::{Cursor, Parsed, Wrong};
use crate::record::{Answer, Call, Header, Pointer, Record, Refusals, Request, SnapshotLine};

pub(crate) fn header(line: &[u8]) -> Parsed<Header> {
    let mut line = Cursor::new(line);
    line.literal(b"H page+", "`H page+P base=B mref=R`, the first line of a trace")?;
    let page_offset = line.hex("a hexadecimal offset")?;
    line.literal(b" base=", "` base=`")?;
    let base = line.hex("a hexadecimal address")?;
    line.literal(b" mref=", "` mref=`")?;
    let mapped_base = line.hex("a hexadecimal address")?;
    line.end()?;
    Ok(Header { page_offset, base, mapped_base })
}

/// A line after the header. `has_addresses`: the header says where the heap was.
pub(crate) fn record(line: &[u8], has_addresses: bool) -> Parsed<Record> {
    let mut line = Cursor::new(line);
    line.has_addresses = has_addresses;
    let record = match line.peek() {
        Some(b'0'..=b'9') => call(&mut line)?,
        Some(b'B') => Record::Break(line.after(b"B ")?.hex("a hexadecimal break")?),
        Some(b'K') => Record::ForeignBreak(line.after(b"K ")?.hex("a hexadecimal break")?),
        Some(b'E') => Record::Refusals(refusals(line.after(b"E ")?)?),
        Some(b'R') => {
            let number = line.after(b"R ")?.small("the number of a thread heap")?;
            line.space()?;
            Record::Region { number, at: line.hex("a hexadecimal address")? }
        }
        Some(b'V') => maps(&mut line)?,
        Some(b'S') => {
            let n_events = line.after(b"S ")?.decimal("a number of events")?;
            line.space()?;
            let thread = line.small("a thread")?;
            line.literal(b" brk=", "` brk=`")?;
            Record::Snapshot { n_events, thread, brk: line.hex("a hexadecimal break")? }
        }
        Some(b's') => Record::SnapshotLine(snapshot_line(&mut line)?),
        _ => return Err(line.wrong("a thread number, `B`, `E`, `K`, `R`, `V`, `S` or `s`")),
    };
    line.end()?;
    Ok(record)
}

fn call(line: &mut Cursor<'_>) -> Parsed<Record> {
    const BYTES: &str = "a size in decimal, below 2^64";
    let thread = line.small("a thread number below 2^32")?;
    line.space()?;
    let letter = line.peek();
    line.at += 1;
    if letter != Some(b'X') {
        line.space().map_err(|_| Wrong { column: line.at, expected: "one of the calls `mcrfalpvwutoX`" })?;
    }
    let request = match letter {
        Some(b'm') => Request::Malloc { bytes: line.decimal(BYTES)? },
        Some(b'c') => {
            let n = line.decimal("a number of elements, below 2^64")?;
            Request::Calloc { n, bytes: line.spaced_decimal(BYTES)? }
        }
        Some(b'r') => {
            let block = pointer(line)?;
            Request::Realloc { block, bytes: line.spaced_decimal(BYTES)? }
        }
        Some(b'f') => Request::Free { block: pointer(line)? },
        Some(letter @ (b'a' | b'l' | b'p')) => {
            let alignment = line.decimal("an alignment in decimal, below 2^64")?;
            let bytes = line.spaced_decimal(BYTES)?;
            match letter {
                b'a' => Request::Memalign { alignment, bytes },
                b'l' => Request::AlignedAlloc { alignment, bytes },
                _ => Request::PosixMemalign { alignment, bytes },
            }
        }
        Some(b'v') => Request::Valloc { bytes: line.decimal(BYTES)? },
        Some(b'w') => Request::Pvalloc { bytes: line.decimal(BYTES)? },
        Some(b'u') => Request::UsableSize { block: pointer(line)? },
        Some(b't') => Request::Trim { pad: line.decimal(BYTES)? },
        Some(b'o') => {
            let option = line.signed()?;
            line.space()?;
            Request::Mallopt { option, value: line.signed()? }
        }
        Some(b'X') => Request::ThreadExit,
        _ => {
            line.at -= 2;
            return Err(line.wrong("one of the calls `mcrfalpvwutoX`"));
        }
    };
    let answer = match request {
        Request::Free { .. } | Request::ThreadExit => Answer::Nothing,
        Request::UsableSize { .. } | Request::Trim { .. } | Request::Mallopt { .. } => {
            line.literal(b" = ", "` = ` and the result")?;
            Answer::Number(line.decimal("a number in decimal")?)
        }
        _ => {
            line.literal(b" = ", "` = ` and the result")?;
            let at = pointer(line)?;
            let offset = if line.peek() == Some(b' ') { line.after(b" @")?.hex("a hexadecimal offset")? } else { 0 };
            Answer::Block { at, offset }
        }
    };
    Ok(Record::Call(Call { thread, request, answer }))
}

fn refusals(line: &mut Cursor<'_>) -> Parsed<Refusals> {
    const EXPECTED: &str = "kinds of refused requests, some of `bmhpr`, or `-`";
    let mut kinds = Refusals::default();
    if line.skip(b"-") {
        return Ok(kinds);
    }
    let start = line.at;
    while let Some(letter) = line.peek() {
        kinds = kinds.with(letter).ok_or(line.wrong(EXPECTED))?;
        line.at += 1;
    }
    if line.at == start { Err(line.wrong(EXPECTED)) } else { Ok(kinds) }
}

fn maps(line: &mut Cursor<'_>) -> Parsed<Record> {
    line.at += 1;
    let mut maps: Vec<(u64, u64)> = Vec::new();
    while line.at < line.line.len() {
        line.space()?;
        let column = line.at + 1;
        let start = line.hex("a mapping `START-END` in hexadecimal")?;
        line.literal(b"-", "`-` and the end of the mapping")?;
        let end = line.hex("the end of the mapping in hexadecimal")?;
        if end <= start || maps.last().is_some_and(|last| last.1 > start) {
            return Err(Wrong { column, expected: "mappings that are not empty, in rising order" });
        }
        maps.push((start, end));
    }
    Ok(Record::Maps(maps))
}

fn snapshot_line(line: &mut Cursor<'_>) -> Parsed<SnapshotLine> {
    line.literal(b"s ", "`s ` and a line of a snapshot")?;
    if line.skip(b"end") {
        return Ok(SnapshotLine::End);
    }
    if line.skip(b"mp n_mmaps=") {
        let n_mmaps = line.decimal("a number of mappings")?;
        line.literal(b" trim=", "` trim=`")?;
        let trim_threshold = line.hex("a threshold")?;
        line.literal(b" mmap=", "` mmap=`")?;
        let mmap_threshold = line.hex("a threshold")?;
        line.literal(b" mmapped=", "` mmapped=`")?;
        let mmapped_bytes = line.hex("a number of bytes")?;
        return Ok(SnapshotLine::Parameters { n_mmaps, trim_threshold, mmap_threshold, mmapped_bytes });
    }
    if line.skip(b"arena ") {
        let number = line.small("the number of an arena")?;
        line.literal(b" sys=", "` sys=`")?;
        let system_bytes = line.hex("a number of bytes")?;
        line.literal(b" max=", "` max=`")?;
        return Ok(SnapshotLine::Arena { number, system_bytes, max_system_bytes: line.hex("a number of bytes")? });
    }
    if line.skip(b"top=") {
        let chunk = pointer(line)?;
        line.literal(b" last=", "` last=`")?;
        let last_remainder = pointer(line)?;
        line.literal(b" havefast=", "` havefast=`")?;
        let has_fast_chunks = line.decimal("0 or 1")? != 0;
        return Ok(SnapshotLine::Top { chunk, last_remainder, has_fast_chunks });
    }
    if line.skip(b"binmap ") {
        let bits = line.wide_hex()?;
        line.literal(b" topsize=", "` topsize=`")?;
        return Ok(SnapshotLine::Binmap { bits, top_head: line.hex("a size field")? });
    }
    let letter = line.peek();
    line.at += 1;
    if !matches!(letter, Some(b'f' | b'b' | b't')) {
        line.at -= 1;
        return Err(line.wrong("`mp`, `arena`, `top=`, `binmap`, `f`, `b`, `t` or `end`"));
    }
    let index = line.small("the number of a bin")?;
    line.space()?;
    match letter {
        Some(b't') if line.skip(b"n=") => {
            Ok(SnapshotLine::TcacheCount { index, count: line.decimal("a number of blocks")? })
        }
        Some(b't') => Ok(SnapshotLine::TcacheBlock { index, block: pointer(line)? }),
        _ => {
            let chunk = pointer(line)?;
            line.space()?;
            let head = line.hex("a size field")?;
            Ok(if letter == Some(b'f') {
                SnapshotLine::Fastbin { index, chunk, head }
            } else {
                SnapshotLine::Bin { index, chunk, head }
            })
        }
    }
}

fn pointer(line: &mut Cursor<'_>) -> Parsed<Pointer> {
    const EXPECTED: &str = "a pointer: `0`, `Hx`, `Tk+x`, `Mx`, `M-x` or `?x`";
    const EXPECTED_NAME: &str = "`0`, `#x` or `?x`: the header has base=0, so that blocks have names only";
    let letter = line.peek();
    line.at += 1;
    match letter {
        Some(b'0') => Ok(Pointer::Null),
        Some(b'#') if !line.has_addresses => line.hex(EXPECTED_NAME).map(Pointer::Named),
        Some(b'?') => line.hex(EXPECTED).map(Pointer::Unknown),
        _ if !line.has_addresses => {
            line.at -= 1;
            Err(line.wrong(EXPECTED_NAME))
        }
        Some(b'H') => line.hex(EXPECTED).map(Pointer::Heap),
        Some(b'T') => {
            let number = line.small(EXPECTED)?;
            line.literal(b"+", EXPECTED)?;
            Ok(Pointer::Region { number, offset: line.hex(EXPECTED)? })
        }
        Some(b'M') => {
            let is_negative = line.skip(b"-");
            let column = line.at + 1;
            let offset = i64::try_from(line.hex(EXPECTED)?).map_err(|_| Wrong { column, expected: EXPECTED })?;
            Ok(Pointer::Mapped(if is_negative { -offset } else { offset }))
        }
        _ => {
            line.at -= 1;
            Err(line.wrong(EXPECTED))
        }
    }
}
