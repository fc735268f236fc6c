//! A trace as a heap profile: what was live when, and of which kind.

use c_model::malloc::{Builder, Statistics};
use c_model::report::profile::{Block, Profile, Unit};
use heap_trace::{Reader, Request, TraceError};
use memory_trait::{Address, Moment};

use super::blocks::Change;
use super::c::{self, Books, Chunk};

/// A trace that was replayed for its profile.
#[derive(Clone, Debug)]
pub struct Profiled {
    /// The profile.
    pub profile: Profile,
    /// The first call that does not give what was recorded: the chunks are then those of the model's own heap, as they
    /// are for the log of another tool.
    pub difference: Option<String>,
    /// What ended the replay before its end.
    pub fault: Option<String>,
}

/// Replays a trace through the model of glibc's malloc, with its headers and rounding. `open` opens it, from its
/// beginning each time; `progress` is told how many events are done.
///
/// # Errors
/// What is wrong with the trace.
pub fn profile(
    open: impl Fn() -> Result<Reader, TraceError>,
    glibc: &Builder,
    unit: Unit,
    mut progress: impl FnMut(u64),
) -> Result<Profiled, TraceError> {
    let mut trace = open()?;
    let mut difference = None;
    if trace.has_addresses() {
        let mut sites = Sites::new(unit);
        match c::as_recorded(trace, glibc.clone(), &mut sites, &mut progress)? {
            Ok(ended) => return Ok(sites.finish(ended, None)),
            Err(different) => difference = Some(different),
        }
        trace = open()?;
    }
    let mut sites = Sites::new(unit);
    let ended = c::on_its_own(trace, glibc.clone(), &mut sites, &mut progress)?;
    Ok(sites.finish(ended, difference))
}

/// The live blocks, by index.
struct Sites {
    profile: Profile,
    blocks: Vec<Option<(Address, Block)>>,
}

impl Sites {
    fn new(unit: Unit) -> Self {
        Sites { profile: Profile::new(unit), blocks: Vec::new() }
    }

    fn finish(mut self, ended: c::Ended, difference: Option<String>) -> Profiled {
        self.profile.finish(self.blocks.into_iter().flatten().map(|(_, block)| block));
        Profiled { profile: self.profile, difference, fault: ended.fault.map(|fault| fault.to_string()) }
    }

    fn let_go(&mut self, index: usize) {
        if let Some((_, block)) = self.blocks.get_mut(index).and_then(Option::take) {
            self.profile.died(block);
        }
    }
}

impl Books for Sites {
    fn apply(&mut self, _: Moment, request: &Request, change: &Change, chunk: Option<Chunk>) {
        if let (Some(born), Some(chunk)) = (change.born, chunk) {
            // A realloc is no moment at which there are two blocks, even if it has to copy.
            self.let_go(born.index);
            let block = self.profile.born(function(request), born.payload_bytes, chunk.total_bytes);
            if born.index >= self.blocks.len() {
                self.blocks.resize(born.index + 1, None);
            }
            self.blocks[born.index] = Some((chunk.at, block));
        }
        if let Some(index) = change.died {
            self.let_go(index);
        }
    }

    fn settle(&mut self, now: Moment, _: Statistics) {
        if now.tick.0 > 0 {
            self.profile.end_event();
        }
    }
}

/// The C function of a request.
fn function(request: &Request) -> &'static str {
    match request {
        Request::Malloc { .. } => "malloc",
        Request::Calloc { .. } => "calloc",
        Request::Realloc { .. } => "realloc",
        Request::Memalign { .. } => "memalign",
        Request::AlignedAlloc { .. } => "aligned_alloc",
        Request::PosixMemalign { .. } => "posix_memalign",
        Request::Valloc { .. } => "valloc",
        Request::Pvalloc { .. } => "pvalloc",
        Request::Free { .. } => "free",
        Request::UsableSize { .. } => "malloc_usable_size",
        Request::Trim { .. } => "malloc_trim",
        Request::Mallopt { .. } => "mallopt",
        Request::ThreadExit => "exit of a thread",
    }
}
