//! Recorded truth against the model: every call of a recording is made on [`Pymalloc`], every address compared.
//!
//! Two kinds of files, JSON lines, plain or gzip, one recording a line. *Sequences* start from an empty heap with arenas
//! at places chosen by the recorder. *Traces* start from a snapshot of a real process and follow a real program. What
//! goes to the allocator below is not compared but for the fact that it does.
//!
//! Memory is bounded by the longest line. Must not know where files are: it reads what it is given.

use std::fmt;
use std::io::{BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use memory_trait::{Address, Allocator, Outcome, ThreadId};

use super::Pymalloc;
use super::heap::ArenaEvent;
use crate::Version;
use crate::params::{arena_bytes, class_of};

pub mod sequence;
pub mod trace;
pub mod what_if;

/// The longest line that is read. Unit: bytes.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// The kinds of recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingKind {
    /// Random calls on an empty heap.
    Sequence,
    /// A real program's calls on a live heap.
    Trace,
}

impl RecordingKind {
    /// The kind of a file, by the first (uncompressed) bytes of it; a few hundred are enough. `None`: neither.
    pub fn of(head: &[u8]) -> Option<RecordingKind> {
        let has = |key: &[u8]| head.windows(key.len()).any(|window| window == key);
        if !head.trim_ascii_start().starts_with(b"{") || !has(b"\"arena_size\"") {
            None
        } else if has(b"\"skew\"") && has(b"\"ops\"") {
            Some(RecordingKind::Sequence)
        } else if has(b"\"workload\"") && has(b"\"snapshot\"") {
            Some(RecordingKind::Trace)
        } else {
            None
        }
    }
}

/// A file that is exact in every call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exact {
    /// Recordings in the file.
    pub n_recordings: u64,
    /// Calls compared.
    pub n_calls: u64,
    /// Arenas made and released, compared.
    pub n_arena_events: u64,
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exact: {0} of {0} calls", self.n_calls)
    }
}

/// Why a file is not exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The file is not what it should be.
    Input {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The model does something else than the real thing.
    Mismatch {
        /// The line, from 1.
        line: u64,
        /// What was compared before and found right, in the whole file.
        n_exact: u64,
        /// The first difference.
        mismatch: Box<Mismatch>,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Input { line, what } => write!(f, "line {line}: {what}"),
            Failure::Mismatch { line, mismatch, .. } => write!(f, "line {line}: {mismatch}"),
        }
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// The same, with what was right in the lines before.
    pub(crate) fn after(mut self, n_in_lines_before: u64) -> Self {
        if let Failure::Mismatch { n_exact, mismatch, .. } = &mut self {
            *n_exact = n_in_lines_before + mismatch.call_index;
        }
        self
    }
}

/// The first difference between a recording and the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The recording: version and name.
    pub recording: String,
    /// The call, from 0.
    pub call_index: u64,
    /// Calls of the recording, if that is known.
    pub n_calls: Option<u64>,
    /// The call in words.
    pub call: String,
    /// What was recorded.
    pub expected: String,
    /// What the model says.
    pub predicted: String,
    /// The state of the model around it, a line each.
    pub state: Vec<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", self.recording)?;
        match self.n_calls {
            Some(n_calls) => writeln!(f, "call {} of {n_calls}: {}", self.call_index, self.call)?,
            None => writeln!(f, "value {}: {}", self.call_index, self.call)?,
        }
        writeln!(f, "  expected   {}", self.expected)?;
        write!(f, "  predicted  {}", self.predicted)?;
        for line in &self.state {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

/// What stops a recording: it contradicts itself, or the model contradicts it.
#[derive(Debug)]
pub enum Stop {
    /// What is wrong with the recording.
    Input(String),
    /// What the model does differently.
    Mismatch(Box<Mismatch>),
}

/// Replays a file of `kind` to its end or its first wrong call.
pub fn replay(file: impl BufRead, kind: RecordingKind) -> Result<Exact, Failure> {
    let mut exact = Exact::default();
    let n_recordings = match kind {
        RecordingKind::Sequence => each_line(file, |row: sequence::Sequence| row.replay(&mut exact)),
        RecordingKind::Trace => each_line(file, |row: trace::Trace| row.replay(&mut exact)),
    };
    exact.n_recordings = n_recordings.map_err(|failure| failure.after(exact.n_calls))?;
    Ok(exact)
}

/// Reads a row from each line, plain or gzip, and compares it; how many rows there were.
pub(crate) fn each_line<Row: serde::de::DeserializeOwned>(
    mut file: impl BufRead,
    mut compare: impl FnMut(Row) -> Result<(), Stop>,
) -> Result<u64, Failure> {
    let input = |line, what: String| Failure::Input { line, what };
    let is_gzip = file.fill_buf().map_err(|error| input(1, error.to_string()))?.starts_with(&[0x1f, 0x8b]);
    let mut file: Box<dyn BufRead + '_> =
        if is_gzip { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) };
    let mut n_rows = 0;
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let n = (&mut *file).take(LINE_BYTES_MAX).read_until(b'\n', &mut text);
        let n = n.map_err(|error| input(line, format!("cannot be read: {error}")))? as u64;
        if n == 0 {
            break;
        }
        if n == LINE_BYTES_MAX {
            return Err(input(line, format!("longer than {LINE_BYTES_MAX} bytes")));
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let row = serde_json::from_slice(&text).map_err(|error| {
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or_default();
            // What the row as a whole is wrong with has no column.
            let column = if error.column() > 0 { format!(" (column {})", error.column()) } else { String::new() };
            input(line, format!("{what}{column}"))
        })?;
        n_rows += 1;
        compare(row).map_err(|stop| match stop {
            Stop::Input(what) => input(line, what),
            Stop::Mismatch(mismatch) => Failure::Mismatch { line, n_exact: 0, mismatch },
        })?;
    }
    if n_rows == 0 {
        return Err(input(1, "the file is empty".to_owned()));
    }
    Ok(n_rows)
}

/// The version of a row, and that its arenas are those of the version.
fn version_of(text: &str, arena_size: u64, pool_size: u64) -> Result<Version, Stop> {
    let version: Version =
        text.parse().map_err(|error: crate::version::UnknownVersion| Stop::Input(error.to_string()))?;
    let sizes = (arena_bytes(version), crate::params::pool_bytes(version));
    if sizes != (arena_size, pool_size) {
        let what = format!(
            "arenas of {arena_size} and pools of {pool_size} bytes; {version} has {} and {} bytes",
            sizes.0, sizes.1
        );
        return Err(Stop::Input(what));
    }
    Ok(version)
}

/// The allocator below, of which only is known that it was asked.
#[derive(Clone, Copy, Debug, Default)]
struct Elsewhere;

/// What it answers: an address that no recording has.
const ELSEWHERE: Address = Address(1 << 63);

impl Allocator for Elsewhere {
    fn malloc(&mut self, _request_bytes: u64) -> Outcome<Address> {
        Ok(ELSEWHERE)
    }

    fn calloc(&mut self, _n_elements: u64, _element_bytes: u64) -> Outcome<Address> {
        Ok(ELSEWHERE)
    }

    fn realloc(&mut self, _block: Address, _request_bytes: u64) -> Outcome<Address> {
        Ok(ELSEWHERE)
    }

    fn memalign(&mut self, _alignment_bytes: u64, _request_bytes: u64) -> Outcome<Address> {
        Ok(ELSEWHERE)
    }

    fn free(&mut self, _block: Address) -> Outcome<()> {
        Ok(())
    }

    fn usable_size(&mut self, _block: Address) -> u64 {
        0
    }

    fn trim(&mut self, _pad_bytes: u64) -> bool {
        false
    }

    fn switch_thread(&mut self, _thread: ThreadId) {}

    fn end_thread(&mut self) -> Outcome<()> {
        Ok(())
    }

    fn heap_bytes(&self) -> u64 {
        0
    }
}

/// A call of a recording.
#[derive(Clone, Copy, Debug)]
enum Call {
    Malloc(u64),
    Free(Address),
    Realloc(Address, u64),
    Calloc(u64),
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |block: &Address| if *block == ELSEWHERE { "elsewhere".to_owned() } else { block.to_string() };
        match self {
            Call::Malloc(bytes) => write!(f, "malloc({bytes})"),
            Call::Free(block) => write!(f, "free({})", name(block)),
            Call::Realloc(block, bytes) => write!(f, "realloc({}, {bytes})", name(block)),
            Call::Calloc(bytes) => write!(f, "calloc(1, {bytes})"),
        }
    }
}

/// A recording being replayed.
struct Run {
    pymalloc: Pymalloc<Elsewhere>,
    recording: String,
    n_calls: u64,
}

impl Run {
    /// Makes a call; NULL for a free.
    #[inline]
    fn call(&mut self, index: u64, call: Call) -> Result<Address, Stop> {
        let answer = match call {
            Call::Malloc(bytes) => self.pymalloc.malloc(bytes),
            Call::Free(block) => self.pymalloc.free(block).map(|()| Address::NULL),
            Call::Realloc(block, bytes) => self.pymalloc.realloc(block, bytes),
            Call::Calloc(bytes) => self.pymalloc.calloc(1, bytes),
        };
        answer.map_err(|fault| self.mismatch(index, call, "the call works".to_owned(), fault.message))
    }

    #[cold]
    fn mismatch(&self, call_index: u64, call: Call, expected: String, predicted: String) -> Stop {
        Stop::Mismatch(Box::new(Mismatch {
            recording: self.recording.clone(),
            call_index,
            n_calls: Some(self.n_calls),
            call: call.to_string(),
            expected,
            predicted,
            state: self.state(call),
        }))
    }

    /// What of the state may explain a call: its pool or its class, and the arenas.
    fn state(&self, call: Call) -> Vec<String> {
        let (blocks, bytes) = match call {
            Call::Malloc(bytes) | Call::Calloc(bytes) => (vec![], bytes),
            Call::Free(block) => (vec![block], 0),
            Call::Realloc(block, bytes) => (vec![block], bytes),
        };
        state_around(&self.pymalloc, &blocks, class_of(bytes))
    }
}

/// The state of the allocator around these blocks and this size class: their pools, those in use, the arenas.
pub(crate) fn state_around<A: Allocator>(
    pymalloc: &Pymalloc<A>,
    blocks: &[Address],
    class: Option<usize>,
) -> Vec<String> {
    let snapshot = pymalloc.snapshot();
    let mut lines = vec!["after the call:".to_owned()];
    let pools = || snapshot.arenas.iter().flatten().flat_map(|arena| &arena.pools);
    let mut show = |name: &str, address: u64| {
        if let Some(pool) = pools().find(|pool| pool.address == address) {
            let first: Vec<String> = pool.free_blocks.iter().take(4).map(|block| format!("{block:#x}")).collect();
            let n_free = pool.free_blocks.len();
            lines.push(format!(
                "{name} {address:#x}: class {}, {} in use, nextoffset {}, {n_free} free: {}",
                pool.class,
                pool.count,
                pool.next_offset,
                first.join(" ")
            ));
        }
    };
    for block in blocks {
        show("its pool", block.0 & !(crate::params::pool_bytes(pymalloc.version()) - 1));
    }
    if let Some(class) = class {
        for &pool in snapshot.used_pools[class].iter().take(3) {
            show("used pool", pool);
        }
    }
    for &slot in snapshot.usable.iter().take(4) {
        if let Some(arena) = &snapshot.arenas[slot as usize] {
            lines.push(format!(
                "usable arena {slot} at {:#x}: {} of {} pools free, next is {:#x}",
                arena.address,
                arena.n_free_pools,
                arena.n_total_pools,
                arena.free_pools.first().unwrap_or(&arena.pool_address)
            ));
        }
    }
    lines
}

/// An arena event in words, `base` subtracted.
pub(crate) fn arena_event_text(event: Option<ArenaEvent>) -> String {
    match event {
        None => "no arena made or released".to_owned(),
        Some(ArenaEvent { is_made, address }) => {
            format!("arena {address} {}", if is_made { "made" } else { "released" })
        }
    }
}
