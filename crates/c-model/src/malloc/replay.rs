//! A recorded trace, call by call, against the model: every result, break, usable size and snapshot line.
//!
//! [`Replay`] is fed the records of a trace in order and stops at the first thing that the model predicts differently.
//! What a model cannot know is taken from the trace by [`Recorded`]: where thread heaps are, what others did to the
//! break, when the operating system refused, and the page of a mapped chunk unless the mappings of the process are
//! given, in which case the kernel's choice is predicted as well.

mod difference;
mod recorded;
mod snapshot;

use heap_trace::{AddressMap, Answer, Call, Header, Pointer, Record, Request};
use memory_trait::{Address, Allocator, Outcome, ThreadId};

use super::{Builder, Glibc};

pub use difference::Difference;
pub use recorded::Recorded;

use recorded::Reply;
use snapshot::SnapshotCheck;

/// A call that waits for the line after it, which may say where the break was then.
struct Pending {
    line: u64,
    call: Call,
}

/// A replay in progress.
pub struct Replay {
    glibc: Glibc<Recorded>,
    map: AddressMap,
    base: u64,
    /// The break as the trace last gave it.
    brk: u64,
    maps: Option<Vec<(u64, u64)>>,
    pending: Option<Pending>,
    snapshot: Option<SnapshotCheck>,
    /// A thread heap was announced for the next event.
    has_new_region: bool,
    n_events: u64,
    n_skipped: u64,
    n_placed: u64,
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls, thread exits included.
    pub n_events: u64,
    /// Calls that could not be compared, because they have to do with an address that nobody knows.
    pub n_skipped: u64,
    /// Mappings whose place was predicted and not taken from the trace.
    pub n_placed: u64,
}

impl Replay {
    /// A replay of a trace with this first line. `glibc` says what the trace does not: on how many cores it was
    /// recorded, and under which tunables.
    ///
    /// # Errors
    /// What is impossible about the header.
    pub fn new(header: &Header, glibc: Builder) -> Result<Self, String> {
        if !(4096..1 << 47).contains(&header.base) {
            return Err(format!("a program break at {:#x} is impossible", header.base));
        }
        let glibc = glibc.heap_base(Address(header.base)).contents(false).build_on(Recorded::default());
        Ok(Replay {
            glibc,
            map: AddressMap::new(*header),
            base: header.base,
            brk: header.base,
            maps: None,
            pending: None,
            snapshot: None,
            has_new_region: false,
            n_events: 0,
            n_skipped: 0,
            n_placed: 0,
        })
    }

    /// What was compared so far.
    pub fn tally(&self) -> Tally {
        Tally { n_events: self.n_events, n_skipped: self.n_skipped, n_placed: self.n_placed }
    }

    /// The allocator in its state after the last event.
    pub fn glibc(&self) -> &Glibc<Recorded> {
        &self.glibc
    }

    /// Entries of all tables that are kept beside the emulated bytes: those of the allocator, and places of thread heaps.
    pub fn n_entries(&self) -> usize {
        self.glibc.n_entries() + self.map.n_regions() + self.glibc.system.n_places()
    }

    /// The program writes `bytes` bytes at `at`: see [`Glibc::touch`].
    pub fn touch(&mut self, at: Address, bytes: u64) {
        self.glibc.touch(at, bytes);
    }

    /// Takes the next record, which was in `line`.
    ///
    /// # Errors
    /// The first difference between the trace and the model. Nothing may be fed after it.
    pub fn feed(&mut self, line: u64, record: Record) -> Result<(), Box<Difference>> {
        if let Some(pending) = self.pending.take() {
            let is_break = matches!(record, Record::Break(_));
            if let Record::Break(to) = record {
                self.brk = self.base.wrapping_add(to);
            }
            self.run(&pending)?;
            if is_break {
                return Ok(());
            }
        }
        match record {
            Record::Call(call) => self.pending = Some(Pending { line, call }),
            Record::Break(_) => {
                return Err(impossible(line, "a break that belongs to no event").into());
            }
            Record::ForeignBreak(to) => {
                self.brk = self.base.wrapping_add(to);
                if !self.glibc.move_break(Address(self.brk)) {
                    return Err(impossible(line, "a break that no process can have").into());
                }
            }
            Record::Refusals(kinds) => self.glibc.system_mut().set_refusals(kinds),
            Record::Region { number, at } => {
                if !at.is_multiple_of(64 << 20) || at == 0 {
                    return Err(impossible(line, "a thread heap that is not at a multiple of 64 MiB").into());
                }
                self.map.add_region(number, at);
                self.glibc.system_mut().add_region(at);
                self.has_new_region = true;
            }
            Record::Maps(maps) => self.maps = Some(maps),
            Record::Snapshot { n_events, thread, brk } => {
                self.snapshot = Some(self.begin_snapshot(line, n_events, thread, brk)?);
            }
            Record::SnapshotLine(found) => {
                if let Some(snapshot) = &mut self.snapshot {
                    snapshot.check(line, &found, &self.map, self.brk)?;
                }
            }
        }
        Ok(())
    }

    /// The end of the trace.
    ///
    /// # Errors
    /// As [`Replay::feed`].
    pub fn finish(&mut self) -> Result<Tally, Box<Difference>> {
        if let Some(pending) = self.pending.take() {
            self.run(&pending)?;
        }
        Ok(self.tally())
    }

    /// Makes a call and compares what it did.
    fn run(&mut self, pending: &Pending) -> Result<(), Box<Difference>> {
        let call = pending.call;
        self.n_events += 1;
        let maps = self.maps.take();
        let Some((reply, block)) = self.known(&call, pending.line)? else {
            self.n_skipped += 1;
            return Ok(());
        };
        // A result in a thread heap tells of other threads, and so does a new heap, but for that of a lone thread which
        // got no memory for its tcache.
        let is_in_region = matches!(call.answer, Answer::Block { at: Pointer::Region { .. }, .. });
        let has_new_region = std::mem::take(&mut self.has_new_region);
        if is_in_region || (has_new_region && self.glibc.tcache != 0) {
            self.glibc.set_threaded();
        }
        self.glibc.switch_thread(ThreadId(call.thread));
        let space = if self.glibc.is_threaded { None } else { maps };
        let n_mmaps = self.glibc.parameters().n_mmaps;
        self.glibc.system_mut().begin(reply, self.brk, space.as_deref(), n_mmaps);
        let result = perform(&mut self.glibc, call.request, block);
        self.n_placed += u64::from(self.glibc.system_mut().has_placed());
        let is_as_recorded = match (&result, reply, call.answer) {
            (Ok(Got::Nothing), _, Answer::Nothing) => true,
            (Ok(Got::Block(at)), Reply::Nothing, _) => at.is_null(),
            (Ok(Got::Block(at)), Reply::Block { at: expected, .. }, _) => at.0 == expected,
            (Ok(Got::Number(n)), _, Answer::Number(expected)) => *n == expected,
            _ => false,
        };
        if is_as_recorded && self.glibc.brk == self.brk {
            return Ok(());
        }
        Err(self.difference(pending, &result, is_as_recorded).into())
    }

    /// What the trace says of the result, and the address of the block the call is about. `None`: to be skipped.
    fn known(&self, call: &Call, line: u64) -> Result<Option<(Reply, Address)>, Box<Difference>> {
        let resolve = |pointer: Pointer| -> Result<Option<Address>, Box<Difference>> {
            match pointer {
                Pointer::Unknown(_) => Ok(None),
                _ => match self.map.address(pointer) {
                    Some(address) => Ok(Some(address)),
                    None => {
                        Err(impossible(line, &format!("{pointer} in a thread heap that was never announced")).into())
                    }
                },
            }
        };
        let block = match call.request {
            Request::Realloc { block, .. } | Request::Free { block } | Request::UsableSize { block } => resolve(block)?,
            _ => Some(Address::NULL),
        };
        let reply = match call.answer {
            Answer::Block { at, offset } => resolve(at)?.map(|address| match address {
                Address::NULL => Reply::Nothing,
                Address(at_address) => Reply::Block {
                    at: at_address,
                    mapping: matches!(at, Pointer::Mapped(_)).then(|| at_address.wrapping_sub(16 + offset)),
                },
            }),
            Answer::Nothing | Answer::Number(_) => Some(Reply::Other),
        };
        Ok(reply.zip(block))
    }
}

fn impossible(line: u64, what: &str) -> Difference {
    Difference {
        line,
        call: String::new(),
        expected: format!("{what}, says the trace"),
        predicted: "that is impossible".to_owned(),
        state: String::new(),
    }
}

/// What a call returned.
enum Got {
    Nothing,
    Block(Address),
    Number(u64),
}

fn perform(glibc: &mut Glibc<Recorded>, request: Request, block: Address) -> Outcome<Got> {
    Ok(match request {
        Request::Malloc { bytes } => Got::Block(glibc.malloc(bytes)?),
        Request::Calloc { n, bytes } => Got::Block(glibc.calloc(n, bytes)?),
        Request::Realloc { bytes, .. } => Got::Block(glibc.realloc(block, bytes)?),
        Request::Free { .. } => {
            glibc.free(block)?;
            Got::Nothing
        }
        Request::Memalign { alignment, bytes } => Got::Block(glibc.memalign(alignment, bytes)?),
        Request::AlignedAlloc { alignment, bytes } => Got::Block(glibc.aligned_alloc(alignment, bytes)?),
        Request::PosixMemalign { alignment, bytes } => Got::Block(glibc.posix_memalign(alignment, bytes)?),
        Request::Valloc { bytes } => Got::Block(glibc.valloc(bytes)?),
        Request::Pvalloc { bytes } => Got::Block(glibc.pvalloc(bytes)?),
        Request::UsableSize { .. } => Got::Number(glibc.malloc_usable_size(block)?),
        Request::Trim { pad } => Got::Number(u64::from(glibc.malloc_trim(pad)?)),
        Request::Mallopt { option, value } => Got::Number(u64::from(glibc.mallopt(option, value)?)),
        Request::ThreadExit => {
            glibc.end_thread()?;
            Got::Nothing
        }
    })
}
