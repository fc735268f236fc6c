//! A trace: a real program's calls, from a snapshot of the process's state on.

use memory_trait::Address;
use serde::Deserialize;

use super::what_if::{NamedCall, Start};
use super::{Call, ELSEWHERE, Elsewhere, Exact, Run, Stop, arena_event_text, version_of};
use crate::Version;
use crate::obmalloc::heap::ArenaEvent;
use crate::obmalloc::{ArenaSource, Pymalloc, Snapshot};

/// A line of a file of traces. Addresses are those of the process.
#[derive(Clone, Debug, Deserialize)]
pub struct Trace {
    version: String,
    #[serde(default)]
    workload: String,
    arena_size: u64,
    pool_size: u64,
    /// The state at the start, as [`Snapshot::from_integers`] reads it.
    snapshot: Vec<u64>,
    /// 1 made or 2 released, address; in order. May go on after the last call: a recording is cut there.
    arenas: Vec<(u8, u64)>,
    /// Quads: kind (0 malloc, 1 free, 2 realloc, 3 calloc), size, block, answer.
    events: Vec<u64>,
}

impl Trace {
    /// Replays the trace and adds what was compared to `exact`.
    pub fn replay(&self, exact: &mut Exact) -> Result<(), Stop> {
        let input = |what: String| Stop::Input(what);
        let (version, (snapshot, made), calls) = self.named_calls()?;
        let source = ArenaSource::recorded(made);
        let pymalloc = Pymalloc::from_snapshot(version, &snapshot, source, Elsewhere);
        let mut run = Run {
            pymalloc: pymalloc.map_err(|broken| input(format!("snapshot: {broken}")))?,
            recording: self.name(),
            n_calls: calls.len() as u64,
        };
        let mut recorded_arenas =
            self.arenas.iter().map(|&(kind, address)| ArenaEvent { is_made: kind == 1, address: Address(address) });
        for (NamedCall { call, answer: recorded }, index) in calls.into_iter().zip(0_u64..) {
            let recorded = Address(recorded);
            let n_events = run.pymalloc.n_arena_events();
            let answer = run.call(index, call)?;
            let is_right = match call {
                Call::Free(_) => true,
                _ if answer == ELSEWHERE => !run.pymalloc.is_in_arena(recorded),
                _ => answer == recorded,
            };
            if !is_right {
                let predicted = if answer == ELSEWHERE { "the allocator below".to_owned() } else { answer.to_string() };
                return Err(run.mismatch(index, call, recorded.to_string(), predicted));
            }
            if run.pymalloc.n_arena_events() != n_events {
                let made: Vec<ArenaEvent> = run.pymalloc.arena_events_since(n_events).collect();
                for predicted in made {
                    let expected = recorded_arenas.next();
                    if expected != Some(predicted) {
                        let (expected, predicted) = (arena_event_text(expected), arena_event_text(Some(predicted)));
                        return Err(run.mismatch(index, call, expected, predicted));
                    }
                    exact.n_arena_events += 1;
                }
            }
        }
        exact.n_calls += run.n_calls;
        Ok(())
    }

    /// Version and workload.
    pub(super) fn name(&self) -> String {
        format!("{} workload {}", self.version, self.workload)
    }

    /// The version, the state at the start with the arenas made later, and the calls: a block's name is its address.
    pub(super) fn named_calls(&self) -> Result<(Version, Start, Vec<NamedCall>), Stop> {
        let input = |what: String| Stop::Input(what);
        let version = version_of(&self.version, self.arena_size, self.pool_size)?;
        if !self.events.len().is_multiple_of(4) {
            return Err(input(format!("{} integers of events: no multiple of 4", self.events.len())));
        }
        if let Some((kind, address)) =
            self.arenas.iter().find(|&&(kind, address)| !matches!(kind, 1 | 2) || address == 0 || address >> 48 != 0)
        {
            return Err(input(format!("arena event {kind} at {address:#x}")));
        }
        let snapshot = Snapshot::from_integers(&self.snapshot).map_err(|error| input(error.to_string()))?;
        let made = self.arenas.iter().filter(|event| event.0 == 1).map(|event| event.1).collect();
        let mut calls = Vec::with_capacity(self.events.len() / 4);
        for (event, index) in self.events.chunks_exact(4).zip(0_u64..) {
            let (bytes, block) = (event[1], Address(event[2]));
            let call = match event[0] {
                0 => Call::Malloc(bytes),
                1 => Call::Free(block),
                2 => Call::Realloc(block, bytes),
                3 => Call::Calloc(bytes),
                kind => return Err(input(format!("call {index}: kind {kind}; known are 0 to 3"))),
            };
            let answer = if event[0] == 1 { 0 } else { event[3] };
            calls.push(NamedCall { call, answer });
        }
        Ok((version, (snapshot, made), calls))
    }
}
