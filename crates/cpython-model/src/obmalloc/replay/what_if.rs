//! What if: the calls of a recording under the rules of another version.
//!
//! A recording names blocks by where they were, a sequence by their slots; here a block is the one that was handed out
//! at that call, wherever it is now. The calls are those of the recorded version: that another one makes larger or
//! smaller objects is not decided anew, only where they go.

use std::io::BufRead;

use memory_trait::{Address, Allocator};
use rustc_hash::FxHashMap;

use super::sequence::Sequence;
use super::trace::Trace;
use super::{Call, ELSEWHERE, Elsewhere, Failure, RecordingKind, Run, Stop, each_line};
use crate::Version;
use crate::obmalloc::{ArenaSource, LiveBlock, Pymalloc, PymallocStats, Snapshot};
use crate::params::{SMALL_REQUEST_THRESHOLD_BYTES, arena_bytes};

/// A recording whose calls can be made under any version.
#[derive(Clone, Debug)]
pub struct Recording {
    name: String,
    version: Version,
    /// The state at the start and where arenas came from then on; `None`: an empty heap.
    start: Option<Start>,
    /// Where arenas are that a sequence was recorded with.
    skew_bytes: u64,
    calls: Vec<NamedCall>,
}

/// The state of a process, and where the arenas were that it made from then on.
pub(super) type Start = (Snapshot, Vec<u64>);

/// A call whose blocks have names: 0 for NULL, else any number that no other block has at that time.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamedCall {
    /// With the name in place of an address.
    pub(super) call: Call,
    /// The name of the block that it answers, 0 for a free or where it failed.
    pub(super) answer: u64,
}

/// Under which rules the calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The recorded version, from the recorded state, with arenas where they were.
    AsRecorded,
    /// That version. The blocks that were in use at the start are allocated first, in order of their addresses; arenas
    /// are one after the other and lose nothing to alignment.
    Version(Version),
}

/// What came of a setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Calls made.
    pub n_calls: u64,
    /// Arenas before the first call.
    pub n_arenas_at_start: u64,
    /// Arenas made by the calls.
    pub n_arenas_made: u64,
    /// Arenas given back to the system by the calls.
    pub n_arenas_released: u64,
    /// The most arenas there were at once.
    pub n_arenas_max: u64,
    /// When the most bytes were asked for and not freed.
    pub fullest: State,
    /// After the last call.
    pub at_end: State,
}

/// The heap at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Asked for in blocks of at most 512 bytes that are in use; of those from before the recording, the whole block.
    pub requested_bytes: u64,
    /// Where the bytes of the arenas are.
    pub stats: PymallocStats,
}

impl State {
    /// Bytes of the arenas that nobody asked for.
    pub fn lost_bytes(&self) -> u64 {
        self.stats.arena_bytes - self.requested_bytes
    }

    /// Bytes lost because blocks are larger than what was asked for.
    pub fn rounding_bytes(&self) -> u64 {
        self.stats.live_block_bytes - self.requested_bytes
    }
}

/// Hands the recordings of a file to `each`, in order; how many there are.
///
/// # Errors
/// [`Failure::Input`]: what is wrong with the file. What `each` says is wrong is given the line of its recording.
pub fn each_recording(
    file: impl BufRead,
    kind: RecordingKind,
    mut each: impl FnMut(&Recording) -> Result<(), Stop>,
) -> Result<u64, Failure> {
    match kind {
        RecordingKind::Sequence => each_line(file, |row: Sequence| each(&Recording::of_sequence(&row)?)),
        RecordingKind::Trace => each_line(file, |row: Trace| each(&Recording::of_trace(&row)?)),
    }
}

impl Recording {
    fn of_sequence(row: &Sequence) -> Result<Recording, Stop> {
        let (version, skew_bytes, calls) = row.named_calls()?;
        Ok(Recording { name: row.name(), version, start: None, skew_bytes, calls })
    }

    fn of_trace(row: &Trace) -> Result<Recording, Stop> {
        let (version, start, calls) = row.named_calls()?;
        Ok(Recording { name: row.name(), version, start: Some(start), skew_bytes: 0, calls })
    }

    /// Version and name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that was recorded.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Calls of the recording.
    pub fn n_calls(&self) -> u64 {
        self.calls.len() as u64
    }

    /// Makes the calls under `setting`.
    ///
    /// # Errors
    /// [`Stop::Input`]: the recording contradicts itself. Under [`Setting::AsRecorded`] also where it does not have the
    /// arenas that it needs.
    pub fn under(&self, setting: Setting) -> Result<Measured, Stop> {
        let mut replay = self.begin(setting)?;
        for (named, index) in self.calls.iter().zip(0_u64..) {
            replay.make(index, *named)?;
        }
        Ok(replay.finish(self.n_calls()))
    }

    fn begin(&self, setting: Setting) -> Result<Replay, Stop> {
        let recorded = if let Some((snapshot, arenas)) = &self.start {
            let source = ArenaSource::recorded(arenas.clone());
            Pymalloc::from_snapshot(self.version, snapshot, source, Elsewhere)
                .map_err(|broken| Stop::Input(format!("snapshot: {broken}")))?
        } else {
            let base = ArenaSource::DEFAULT_BASE.offset(self.skew_bytes);
            let source = ArenaSource::slots(base, 2 * arena_bytes(self.version));
            Pymalloc::with(self.version, source, Elsewhere)
        };
        let mut live: Vec<LiveBlock> =
            recorded.arenas().flat_map(|arena| recorded.live_blocks_of(arena).collect::<Vec<_>>()).collect();
        live.sort_by_key(|block| block.address);
        let mut pymalloc = match setting {
            Setting::AsRecorded => recorded,
            Setting::Version(version) => {
                Pymalloc::with(version, Pymalloc::<Elsewhere>::default_source(version), Elsewhere)
            }
        };
        let mut blocks = FxHashMap::default();
        let mut requested_bytes = 0;
        for block in live {
            let own = match setting {
                Setting::AsRecorded => block.address,
                Setting::Version(_) => {
                    pymalloc.malloc(block.block_bytes).map_err(|fault| Stop::Input(fault.to_string()))?
                }
            };
            blocks.insert(block.address.0, Block { address: own, request_bytes: block.block_bytes });
            requested_bytes += block.block_bytes;
        }
        let stats = pymalloc.stats();
        let start = State { requested_bytes, stats };
        let run = Run { pymalloc, recording: self.name.clone(), n_calls: self.n_calls() };
        Ok(Replay { run, blocks, requested_bytes, is_fuller: false, start, fullest: start })
    }
}

/// A small block in use.
#[derive(Clone, Copy)]
struct Block {
    address: Address,
    request_bytes: u64,
}

/// A recording on its way under a setting.
struct Replay {
    run: Run,
    /// The small blocks in use by name. A name that is not here is of the allocator below.
    blocks: FxHashMap<u64, Block>,
    requested_bytes: u64,
    /// There is more in use than at the fullest moment, and it has not been looked at yet.
    is_fuller: bool,
    start: State,
    fullest: State,
}

impl Replay {
    fn make(&mut self, index: u64, NamedCall { call, answer }: NamedCall) -> Result<(), Stop> {
        let (block, request_bytes) = match call {
            Call::Malloc(bytes) | Call::Calloc(bytes) => (0, bytes),
            Call::Free(block) => (block.0, 0),
            Call::Realloc(block, bytes) => (block.0, bytes),
        };
        let is_free = matches!(call, Call::Free(_));
        if answer == 0 && (!is_free || block == 0) {
            // It failed, or had nothing to do.
            return Ok(());
        }
        let old = self.blocks.remove(&block);
        let address = match (old, block) {
            (Some(old), _) => old.address,
            (None, 0) => Address::NULL,
            (None, _) => ELSEWHERE,
        };
        let own = match call {
            Call::Free(_) => Call::Free(address),
            Call::Realloc(_, bytes) => Call::Realloc(address, bytes),
            Call::Malloc(_) | Call::Calloc(_) => call,
        };
        // What makes the heap emptier ends a moment that may have been the fullest.
        let old_bytes = old.map_or(0, |old| old.request_bytes);
        if self.is_fuller && old_bytes > 0 {
            self.look();
        }
        let got = self.run.call(index, own).map_err(|stop| match stop {
            Stop::Mismatch(mismatch) => Stop::Input(format!("call {index}: {}: {}", mismatch.call, mismatch.predicted)),
            stop @ Stop::Input(_) => stop,
        })?;
        self.requested_bytes -= old_bytes;
        if !is_free && got != ELSEWHERE {
            // realloc to 0 bytes gives a block of one byte.
            let request_bytes = request_bytes.clamp(1, SMALL_REQUEST_THRESHOLD_BYTES);
            if self.blocks.insert(answer, Block { address: got, request_bytes }).is_some() {
                return Err(Stop::Input(format!("call {index}: answers a block that is in use")));
            }
            self.requested_bytes += request_bytes;
        }
        self.is_fuller = self.requested_bytes > self.fullest.requested_bytes;
        Ok(())
    }

    fn look(&mut self) {
        self.fullest = self.state();
        self.is_fuller = false;
    }

    fn state(&self) -> State {
        State { requested_bytes: self.requested_bytes, stats: self.run.pymalloc.stats() }
    }

    fn finish(mut self, n_calls: u64) -> Measured {
        if self.is_fuller {
            self.look();
        }
        let at_end = self.state();
        let n_arenas_at_start = self.start.stats.n_arenas;
        let n_arenas_made = at_end.stats.n_arenas_made - self.start.stats.n_arenas_made;
        Measured {
            n_calls,
            n_arenas_at_start,
            n_arenas_made,
            n_arenas_released: n_arenas_at_start + n_arenas_made - at_end.stats.n_arenas,
            n_arenas_max: at_end.stats.n_arenas_highwater,
            fullest: self.fullest,
            at_end,
        }
    }
}
