//! From calls of malloc to what they mean: which block is born, which one the program lets go.

use heap_trace::{AddressMap, Answer, Call, Pointer, Problem, Reader, Record, Request, TraceError};
use memory_trait::Address;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Contents;

/// What an event means. What is born is there before what dies is gone, as when a realloc copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The index, before the event, of the live block that the call was given.
    pub given: Option<usize>,
    /// A new block. If there is one at its index, that one dies.
    pub born: Option<Birth>,
    /// The index of a block that dies.
    pub died: Option<usize>,
    /// What was freed is no block, and the program is to blame.
    pub stray: Option<Address>,
}

/// A block that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    /// Its place in a table of live blocks; places are used again.
    pub index: usize,
    /// What was asked for.
    pub payload_bytes: u64,
    /// Where it was.
    pub at: Address,
}

/// The live blocks of a trace, by address.
pub struct Blocks {
    pub(super) contents: Contents,
    map: AddressMap,
    live: FxHashMap<u64, Live>,
    free_indices: Vec<usize>,
    threads: FxHashSet<u32>,
    left_bytes: u64,
    /// Whether the trace shows every block, so that what is freed without having been handed out is a fault.
    is_complete: bool,
}

#[derive(Clone, Copy)]
struct Live {
    index: usize,
    payload_bytes: u64,
}

impl Blocks {
    /// The blocks before the first event of a trace.
    pub fn new(trace: &Reader) -> Self {
        Blocks {
            contents: Contents::default(),
            map: AddressMap::new(trace.header()),
            live: FxHashMap::default(),
            free_indices: Vec::new(),
            threads: FxHashSet::default(),
            left_bytes: 0,
            is_complete: trace.has_addresses(),
        }
    }

    /// Takes note of a record that is no call.
    pub fn note(&mut self, record: &Record) {
        if let Record::Region { number, at } = *record {
            self.map.add_region(number, at);
        }
    }

    /// What was in the trace up to here.
    pub fn into_contents(self) -> Contents {
        Contents {
            n_threads: self.threads.len() as u64,
            n_left: self.live.len() as u64,
            left_bytes: self.left_bytes,
            ..self.contents
        }
    }

    /// The call that was read last from `trace`, and what it means; `None` when it is to be passed over.
    ///
    /// # Errors
    /// An address that is in a thread heap that the trace never said where it is.
    pub fn call(&mut self, trace: &Reader, call: &Call) -> Result<Option<Change>, TraceError> {
        self.contents.n_events += 1;
        self.threads.insert(call.thread);
        let block = match call.request {
            Request::Realloc { block, .. } | Request::Free { block } | Request::UsableSize { block } => block,
            _ => Pointer::Null,
        };
        let answer = match call.answer {
            Answer::Block { at, .. } => at,
            Answer::Nothing | Answer::Number(_) => Pointer::Null,
        };
        let (Some(block), Some(answer)) = (self.resolve(trace, block)?, self.resolve(trace, answer)?) else {
            self.contents.n_skipped += 1;
            return Ok(None);
        };
        let given = self.live.get(&block.0).map(|live| live.index);
        let change = match call.request {
            Request::Malloc { bytes }
            | Request::Memalign { bytes, .. }
            | Request::AlignedAlloc { bytes, .. }
            | Request::PosixMemalign { bytes, .. }
            | Request::Valloc { bytes }
            | Request::Pvalloc { bytes } => self.allocated(answer, bytes),
            Request::Calloc { n, bytes } => self.allocated(answer, n.saturating_mul(bytes)),
            Request::Realloc { bytes, .. } if block.is_null() => self.allocated(answer, bytes),
            Request::Realloc { bytes: 0, .. } if answer.is_null() => self.freed(block),
            Request::Realloc { bytes, .. } => self.reallocated(block, answer, bytes),
            Request::Free { .. } if !block.is_null() => self.freed(block),
            Request::Free { .. }
            | Request::UsableSize { .. }
            | Request::Trim { .. }
            | Request::Mallopt { .. }
            | Request::ThreadExit => Change::default(),
        };
        Ok(Some(Change { given, ..change }))
    }

    /// The address of a pointer; `None` when nobody knows it.
    fn resolve(&self, trace: &Reader, pointer: Pointer) -> Result<Option<Address>, TraceError> {
        match (pointer, self.map.address(pointer)) {
            (Pointer::Null, _) => Ok(Some(Address::NULL)),
            (Pointer::Unknown(_), _) => Ok(None),
            (_, Some(address)) => Ok(Some(address)),
            (_, None) => Err(TraceError {
                file: trace.file().to_owned(),
                line: trace.line(),
                column: 0,
                problem: Problem::Expected {
                    expected: "an address in a thread heap that an `R` line announced before",
                    found: pointer.to_string(),
                },
            }),
        }
    }

    fn allocated(&mut self, at: Address, payload_bytes: u64) -> Change {
        if at.is_null() {
            self.contents.n_refused += 1;
            return Change::default();
        }
        // Where another block is, that one must be gone, whatever became of it.
        let index = match self.live.get(&at.0) {
            Some(live) => live.index,
            None => self.free_indices.pop().unwrap_or(self.live.len()),
        };
        Change { born: Some(self.enter(at, index, payload_bytes)), ..Change::default() }
    }

    fn reallocated(&mut self, block: Address, at: Address, payload_bytes: u64) -> Change {
        if at.is_null() {
            // The old block stays as it is.
            self.contents.n_refused += 1;
            return Change::default();
        }
        let Some(Live { index, .. }) = self.leave(block) else {
            self.contents.n_stray += 1;
            return Change { stray: self.fault(block), ..self.allocated(at, payload_bytes) };
        };
        let died = self.leave(at).map(|live| live.index);
        self.free_indices.extend(died);
        Change { born: Some(self.enter(at, index, payload_bytes)), died, ..Change::default() }
    }

    fn freed(&mut self, block: Address) -> Change {
        if let Some(Live { index, .. }) = self.leave(block) {
            self.free_indices.push(index);
            Change { died: Some(index), ..Change::default() }
        } else {
            self.contents.n_stray += 1;
            Change { stray: self.fault(block), ..Change::default() }
        }
    }

    fn fault(&self, block: Address) -> Option<Address> {
        self.is_complete.then_some(block)
    }

    fn enter(&mut self, at: Address, index: usize, payload_bytes: u64) -> Birth {
        self.contents.n_blocks += 1;
        self.left_bytes = self.left_bytes.saturating_add(payload_bytes);
        if let Some(old) = self.live.insert(at.0, Live { index, payload_bytes }) {
            self.left_bytes = self.left_bytes.saturating_sub(old.payload_bytes);
        }
        Birth { index, payload_bytes, at }
    }

    fn leave(&mut self, at: Address) -> Option<Live> {
        let live = self.live.remove(&at.0)?;
        self.left_bytes = self.left_bytes.saturating_sub(live.payload_bytes);
        Some(live)
    }
}
