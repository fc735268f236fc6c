//! A sequence: random calls on an empty heap, the arenas where the recorder put them.

use memory_trait::Address;
use serde::Deserialize;

use super::what_if::NamedCall;
use super::{Call, ELSEWHERE, Elsewhere, Exact, Run, Stop, arena_event_text, version_of};
use crate::Version;
use crate::obmalloc::heap::ArenaEvent;
use crate::obmalloc::{ArenaSource, Pymalloc};

/// A line of a file of sequences.
///
/// Arena number s is at `s * 2 * arena_size + skew`, s being the lowest number not in use; addresses are relative.
#[derive(Clone, Debug, Deserialize)]
pub struct Sequence {
    version: String,
    #[serde(default)]
    profile: String,
    #[serde(default)]
    seed: u64,
    arena_size: u64,
    pool_size: u64,
    skew: u64,
    slots: usize,
    /// Triples: kind (0 malloc, 1 free, 2 realloc, 3 calloc), slot, size.
    ops: Vec<u64>,
    /// The address that each returned; 0 for a free, -1 when not served by pymalloc.
    rel: Vec<i64>,
    /// Call, 1 made or 2 released, address.
    arena_events: Vec<(u64, u8, i64)>,
}

/// The most slots a sequence may have: a wrong number must not take all memory.
const N_SLOTS_MAX: usize = 1 << 28;

impl Sequence {
    /// Replays the sequence and adds what was compared to `exact`.
    pub fn replay(&self, exact: &mut Exact) -> Result<(), Stop> {
        let version = version_of(&self.version, self.arena_size, self.pool_size)?;
        self.check()?;
        let base = ArenaSource::DEFAULT_BASE;
        let source = ArenaSource::slots(base.offset(self.skew), 2 * self.arena_size);
        let mut run = Run {
            pymalloc: Pymalloc::with(version, source, Elsewhere),
            recording: self.name(),
            n_calls: self.rel.len() as u64,
        };
        let mut slots = vec![Address::NULL; self.slots];
        let mut recorded_events = self.arena_events.iter().peekable();
        for ((op, &rel), index) in self.ops.chunks_exact(3).zip(&self.rel).zip(0_u64..) {
            let n_events = run.pymalloc.n_arena_events();
            let wrong = |what: String| Stop::Input(format!("call {index}: {what}"));
            let slot = usize::try_from(op[1]).ok().and_then(|slot| slots.get_mut(slot));
            let slot = slot.ok_or_else(|| wrong(format!("slot {}, there are {}", op[1], self.slots)))?;
            let call = match op[0] {
                0 => Call::Malloc(op[2]),
                1 => Call::Free(*slot),
                2 => Call::Realloc(*slot, op[2]),
                3 => Call::Calloc(op[2]),
                kind => return Err(wrong(format!("kind {kind}; known are 0 to 3"))),
            };
            match call {
                Call::Malloc(_) | Call::Calloc(_) if !slot.is_null() => {
                    return Err(wrong(format!("{call} into slot {}, which is in use", op[1])));
                }
                Call::Free(block) | Call::Realloc(block, _) if block.is_null() => {
                    return Err(wrong(format!("{call} of slot {}, which is not in use", op[1])));
                }
                _ => {}
            }
            let answer = run.call(index, call)?;
            *slot = answer;
            let expected = match rel {
                _ if op[0] == 1 => Address::NULL,
                -1 => ELSEWHERE,
                rel => base.offset(rel as u64),
            };
            if answer != expected {
                return Err(run.mismatch(index, call, place(expected, base), place(answer, base)));
            }
            if run.pymalloc.n_arena_events() != n_events || recorded_events.peek().is_some_and(|event| event.0 <= index)
            {
                let made: Vec<ArenaEvent> = run.pymalloc.arena_events_since(n_events).collect();
                for i in 0.. {
                    let expected = recorded_events
                        .next_if(|event| event.0 == index)
                        .map(|event| ArenaEvent { is_made: event.1 == 1, address: base.offset(event.2 as u64) });
                    let predicted = made.get(i).copied();
                    if expected != predicted {
                        let (expected, predicted) = (arena_event_text(expected), arena_event_text(predicted));
                        return Err(run.mismatch(index, call, expected, predicted));
                    }
                    if expected.is_none() {
                        break;
                    }
                    exact.n_arena_events += 1;
                }
            }
        }
        if let Some((index, ..)) = recorded_events.next() {
            return Err(Stop::Input(format!("arena event at call {index}, which is out of order or beyond the end")));
        }
        exact.n_calls += self.rel.len() as u64;
        Ok(())
    }

    /// Version, profile and seed.
    pub(super) fn name(&self) -> String {
        format!("{} profile {} seed {}", self.version, self.profile, self.seed)
    }

    /// The version, the skew of the arenas, and the calls: a block's name is its slot, from 1.
    pub(super) fn named_calls(&self) -> Result<(Version, u64, Vec<NamedCall>), Stop> {
        let version = version_of(&self.version, self.arena_size, self.pool_size)?;
        self.check()?;
        let mut calls = Vec::with_capacity(self.rel.len());
        for (op, index) in self.ops.chunks_exact(3).zip(0_u64..) {
            let wrong = |what: String| Err(Stop::Input(format!("call {index}: {what}")));
            if op[1] >= self.slots as u64 {
                return wrong(format!("slot {}, there are {}", op[1], self.slots));
            }
            let name = op[1] + 1;
            let (call, answer) = match op[0] {
                0 => (Call::Malloc(op[2]), name),
                1 => (Call::Free(Address(name)), 0),
                2 => (Call::Realloc(Address(name), op[2]), name),
                3 => (Call::Calloc(op[2]), name),
                kind => return wrong(format!("kind {kind}; known are 0 to 3")),
            };
            calls.push(NamedCall { call, answer });
        }
        Ok((version, self.skew, calls))
    }

    fn check(&self) -> Result<(), Stop> {
        let wrong = |what| Err(Stop::Input(what));
        if self.ops.len() != 3 * self.rel.len() {
            return wrong(format!("{} integers of calls and {} answers", self.ops.len(), self.rel.len()));
        }
        if self.skew >= self.arena_size || !self.skew.is_multiple_of(4096) {
            return wrong(format!("a skew of {}", self.skew));
        }
        if self.slots > N_SLOTS_MAX {
            return wrong(format!("{} slots", self.slots));
        }
        if let Some(event) = self.arena_events.iter().find(|event| !matches!(event.1, 1 | 2)) {
            return wrong(format!("arena event {} at call {}; known are 1 and 2", event.1, event.0));
        }
        Ok(())
    }
}

fn place(address: Address, base: Address) -> String {
    match address {
        Address::NULL => "nothing".to_owned(),
        ELSEWHERE => "the allocator below".to_owned(),
        address => format!("{address} (+{})", address.0.wrapping_sub(base.0)),
    }
}
