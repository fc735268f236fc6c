//! What a trace is made of. The letters are those of the text format, see `docs/formats.md`.

use std::fmt;

/// The first line: `H page+P base=B mref=R`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Offset of the break in its page before the first event.
    pub page_offset: u64,
    /// The break before the first event: what `H` pointers are relative to.
    pub base: u64,
    /// The page of the first mapped chunk: what `M` pointers are relative to. 0: there is none.
    pub mapped_base: u64,
}

/// A pointer without address-space randomisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pointer {
    /// `0`.
    #[default]
    Null,
    /// `Hx`: so many bytes above the first break.
    Heap(u64),
    /// `Tk+x`: so many bytes into thread heap k.
    Region {
        /// k.
        number: u32,
        /// x.
        offset: u64,
    },
    /// `Mx`, `M-x`: so many bytes from the page of the first mapped chunk.
    Mapped(i64),
    /// `#x`: a block by its name in the log of another tool, an address or a number. Where it was, nobody knows, and
    /// the same name later may be another block.
    Named(u64),
    /// `?x`: an address that nobody knows.
    Unknown(u64),
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Pointer::Null => f.write_str("0"),
            Pointer::Heap(offset) => write!(f, "H{offset:x}"),
            Pointer::Region { number, offset } => write!(f, "T{number}+{offset:x}"),
            Pointer::Mapped(offset) if offset < 0 => write!(f, "M-{:x}", offset.unsigned_abs()),
            Pointer::Mapped(offset) => write!(f, "M{offset:x}"),
            Pointer::Named(name) => write!(f, "#{name:x}"),
            Pointer::Unknown(address) => write!(f, "?{address:x}"),
        }
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are the arguments of the C functions, under their names")]
pub enum Request {
    /// `m N`
    Malloc { bytes: u64 },
    /// `c M N`
    Calloc { n: u64, bytes: u64 },
    /// `r PTR N`
    Realloc { block: Pointer, bytes: u64 },
    /// `f PTR`
    Free { block: Pointer },
    /// `a A N`
    Memalign { alignment: u64, bytes: u64 },
    /// `l A N`
    AlignedAlloc { alignment: u64, bytes: u64 },
    /// `p A N`
    PosixMemalign { alignment: u64, bytes: u64 },
    /// `v N`
    Valloc { bytes: u64 },
    /// `w N`
    Pvalloc { bytes: u64 },
    /// `u PTR`
    UsableSize { block: Pointer },
    /// `t PAD`
    Trim { pad: u64 },
    /// `o K V`
    Mallopt { option: i32, value: i32 },
    /// `X`: the thread is gone.
    ThreadExit,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Request::Malloc { bytes } => write!(f, "m {bytes}"),
            Request::Calloc { n, bytes } => write!(f, "c {n} {bytes}"),
            Request::Realloc { block, bytes } => write!(f, "r {block} {bytes}"),
            Request::Free { block } => write!(f, "f {block}"),
            Request::Memalign { alignment, bytes } => write!(f, "a {alignment} {bytes}"),
            Request::AlignedAlloc { alignment, bytes } => write!(f, "l {alignment} {bytes}"),
            Request::PosixMemalign { alignment, bytes } => write!(f, "p {alignment} {bytes}"),
            Request::Valloc { bytes } => write!(f, "v {bytes}"),
            Request::Pvalloc { bytes } => write!(f, "w {bytes}"),
            Request::UsableSize { block } => write!(f, "u {block}"),
            Request::Trim { pad } => write!(f, "t {pad}"),
            Request::Mallopt { option, value } => write!(f, "o {option} {value}"),
            Request::ThreadExit => f.write_str("X"),
        }
    }
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The call returns nothing.
    Nothing,
    /// A block.
    Block {
        /// Its user address.
        at: Pointer,
        /// `@O`: its mapping starts at the address less 16 less this. 0 where the trace says nothing.
        offset: u64,
    },
    /// A size, or 0 or 1.
    Number(u64),
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// Who called; 0 is the main thread.
    pub thread: u32,
    /// What for.
    pub request: Request,
    /// With what result.
    pub answer: Answer,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.thread, self.request)?;
        match self.answer {
            Answer::Nothing => Ok(()),
            Answer::Block { at, offset: 0 } => write!(f, " = {at}"),
            Answer::Block { at, offset } => write!(f, " = {at} @{offset:x}"),
            Answer::Number(n) => write!(f, " = {n}"),
        }
    }
}

/// A line of a snapshot; the order is that of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the format, which docs/formats.md explains")]
pub enum SnapshotLine {
    /// `s mp n_mmaps= trim= mmap= mmapped=`
    Parameters { n_mmaps: u64, trim_threshold: u64, mmap_threshold: u64, mmapped_bytes: u64 },
    /// `s arena I sys= max=`
    Arena { number: u32, system_bytes: u64, max_system_bytes: u64 },
    /// `s top=C last=C havefast=0|1`
    Top { chunk: Pointer, last_remainder: Pointer, has_fast_chunks: bool },
    /// `s binmap <hex> topsize=<size field>`
    Binmap { bits: u128, top_head: u64 },
    /// `s fI C SZ`
    Fastbin { index: u32, chunk: Pointer, head: u64 },
    /// `s bI C SZ`
    Bin { index: u32, chunk: Pointer, head: u64 },
    /// `s tI n=COUNT`
    TcacheCount { index: u32, count: u64 },
    /// `s tI U`
    TcacheBlock { index: u32, block: Pointer },
    /// `s end`
    End,
}

impl fmt::Display for SnapshotLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            SnapshotLine::Parameters { n_mmaps, trim_threshold, mmap_threshold, mmapped_bytes } => {
                write!(
                    f,
                    "s mp n_mmaps={n_mmaps} trim={trim_threshold:x} mmap={mmap_threshold:x} mmapped={mmapped_bytes:x}"
                )
            }
            SnapshotLine::Arena { number, system_bytes, max_system_bytes } => {
                write!(f, "s arena {number} sys={system_bytes:x} max={max_system_bytes:x}")
            }
            SnapshotLine::Top { chunk, last_remainder, has_fast_chunks } => {
                write!(f, "s top={chunk} last={last_remainder} havefast={}", u8::from(has_fast_chunks))
            }
            SnapshotLine::Binmap { bits, top_head } => write!(f, "s binmap {bits:032x} topsize={top_head:x}"),
            SnapshotLine::Fastbin { index, chunk, head } => write!(f, "s f{index} {chunk} {head:x}"),
            SnapshotLine::Bin { index, chunk, head } => write!(f, "s b{index} {chunk} {head:x}"),
            SnapshotLine::TcacheCount { index, count } => write!(f, "s t{index} n={count}"),
            SnapshotLine::TcacheBlock { index, block } => write!(f, "s t{index} {block}"),
            SnapshotLine::End => f.write_str("s end"),
        }
    }
}

/// Kinds of requests that the operating system refuses: the letters of an `E` line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Refusals(u8);

impl Refusals {
    /// `b`: to raise the break.
    pub const BREAK: Refusals = Refusals(1);
    /// `m`: to map memory.
    pub const MAP: Refusals = Refusals(2);
    /// `h`: address space for a thread heap.
    pub const HEAP: Refusals = Refusals(4);
    /// `p`: to make more of a thread heap accessible.
    pub const PROTECT: Refusals = Refusals(8);
    /// `r`: to resize a mapping.
    pub const REMAP: Refusals = Refusals(16);

    /// The letters, in the order of the bits.
    const LETTERS: [u8; 5] = *b"bmhpr";

    /// Whether one of these kinds is refused.
    #[must_use]
    pub const fn has(self, kinds: Refusals) -> bool {
        self.0 & kinds.0 != 0
    }

    /// With the kind of this letter; `None` when there is no such kind.
    pub(crate) fn with(self, letter: u8) -> Option<Refusals> {
        let bit = Self::LETTERS.iter().position(|&known| known == letter)?;
        Some(Refusals(self.0 | 1 << bit))
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("-");
        }
        let letters = (0..).zip(Self::LETTERS).filter(|(bit, _)| self.0 >> bit & 1 == 1);
        letters.map(|(_, letter)| char::from(letter)).try_for_each(|letter| write!(f, "{letter}"))
    }
}

/// One line of a trace after the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An event.
    Call(Call),
    /// `B X`: the break after the event above, relative to the base.
    Break(u64),
    /// `K X`: somebody else moved the break, before the next event.
    ForeignBreak(u64),
    /// `E KINDS`: from the next event on the operating system refuses these kinds of requests and no others. Before
    /// the first such line it is not known what it refuses.
    Refusals(Refusals),
    /// `R K ADDR`: where a thread heap is.
    Region {
        /// K.
        number: u32,
        /// ADDR, absolute.
        at: u64,
    },
    /// `V S-E ...`: all mappings before the next event, half-open, ascending.
    Maps(Vec<(u64, u64)>),
    /// `S NEV TID brk=X`: a snapshot begins.
    Snapshot {
        /// Events so far.
        n_events: u64,
        /// The thread it was taken in.
        thread: u32,
        /// The break, relative to the base.
        brk: u64,
    },
    /// A line of that snapshot.
    SnapshotLine(SnapshotLine),
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Call(call) => call.fmt(f),
            Record::Break(at) => write!(f, "B {at:x}"),
            Record::ForeignBreak(at) => write!(f, "K {at:x}"),
            Record::Refusals(kinds) => write!(f, "E {kinds}"),
            Record::Region { number, at } => write!(f, "R {number} {at:x}"),
            Record::Maps(maps) => {
                f.write_str("V")?;
                maps.iter().try_for_each(|(start, end)| write!(f, " {start:x}-{end:x}"))
            }
            Record::Snapshot { n_events, thread, brk } => write!(f, "S {n_events} {thread} brk={brk:x}"),
            Record::SnapshotLine(line) => line.fmt(f),
        }
    }
}
