//! Recordings of whole programs: what a workload, emitted as Python, asked the real interpreter's allocator for, call by
//! call, against the machine that runs the same workload.
//!
//! JSON lines, plain or gzip, one program a line. The state of the allocator at the start is in it, so that addresses
//! are compared, too; of blocks above 512 bytes, which are the system's, that they are the same blocks. So are the
//! collections: how many of each generation there were before each call.
//!
//! Must not know the workload language: whoever compares says how a workload is run on a machine.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;

use memory_trait::{Address, Allocator, Event, FaultLog, Moment, Observer, Outcome, ThreadId};
use serde::Deserialize;

use super::tape::{AllocatorCall, CallKind};
use super::{CPython, DEFAULT_RECURSION_LIMIT};
use crate::Version;
use crate::cycle::N_GENERATIONS;
use crate::obmalloc::replay::{Failure, Mismatch, Stop, each_line, state_around};
use crate::obmalloc::{ArenaSource, Pymalloc, Snapshot};
use crate::params::{SMALL_REQUEST_THRESHOLD_BYTES, arena_bytes};

/// Calls shown before the first one that is wrong.
const N_CALLS_SHOWN: usize = 4;

/// A recorded program.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordedProgram {
    /// `program`.
    #[serde(rename = "type")]
    _type: ProgramTag,
    /// The release of the interpreter.
    pub version: String,
    /// The workload's name.
    pub workload: String,
    /// Its source.
    pub source: String,
    /// Values of its parameters.
    pub set: Vec<(String, String)>,
    /// The seed of its `rand`.
    pub seed: u64,
    /// The exception that ended it, if one did.
    #[serde(default)]
    exception: Option<String>,
    /// The state of the allocator at the start, as [`Snapshot::from_integers`] reads it.
    snapshot: Vec<u64>,
    /// 1 made or 2 released, address; in order.
    arenas: Vec<(u8, u64)>,
    /// Where the numbers of collections change: a call, and how many there were of each generation before it.
    collections: Vec<[u64; 1 + N_GENERATIONS]>,
    /// Quads: kind (0 malloc, 1 free, 2 realloc, 3 calloc), bytes, block, answer.
    events: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ProgramTag {
    Program,
}

/// Recordings that are exact in everything that is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExactPrograms {
    /// Programs in the file.
    pub n_programs: u64,
    /// Calls compared.
    pub n_calls: u64,
    /// Collections compared.
    pub n_collections: u64,
}

impl fmt::Display for ExactPrograms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.n_calls + self.n_collections;
        write!(f, "exact: {n} of {n} calls and collections")
    }
}

/// Whether a file is one of recorded programs, by its first (uncompressed) bytes.
pub fn is_programs(head: &[u8]) -> bool {
    let start: Vec<u8> = head.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(32).collect();
    start.starts_with(b"{\"type\":\"program\"")
}

/// The machine that a recording is compared with.
pub type RecordedMachine = CPython<Watching, Below>;

/// Compares a file of recordings to its end or its first wrong call. `run` runs a workload on a machine to its end; an
/// error is what is wrong with the workload.
///
/// # Errors
/// [`Failure::Mismatch`] at the first difference, with the line of the workload; [`Failure::Input`] for what is no
/// recording.
pub fn compare(
    file: impl BufRead,
    mut run: impl FnMut(&RecordedProgram, &mut RecordedMachine) -> Result<(), String>,
) -> Result<ExactPrograms, Failure> {
    let mut exact = ExactPrograms::default();
    let mut n_before = 0;
    let lines = each_line(file, |program: RecordedProgram| {
        n_before = exact.n_calls;
        program.compare(&mut run, &mut exact)
    });
    lines.map_err(|failure| failure.after(n_before))?;
    Ok(exact)
}

impl RecordedProgram {
    fn compare(
        &self,
        run: &mut impl FnMut(&RecordedProgram, &mut RecordedMachine) -> Result<(), String>,
        exact: &mut ExactPrograms,
    ) -> Result<(), Stop> {
        let input = |what: &dyn fmt::Display| Stop::Input(format!("{}: {what}", self.workload));
        let version: Version = self.version.parse().map_err(|error: crate::version::UnknownVersion| input(&error))?;
        if version < Version::V3_11 {
            return Err(input(&format!("the objects of CPython {version} are not modelled, only its allocator")));
        }
        let recorded = self.calls()?;
        let snapshot = Snapshot::from_integers(&self.snapshot).map_err(|error| input(&error))?;
        let made: Vec<u64> = self.arenas.iter().filter(|event| event.0 == 1).map(|event| event.1).collect();
        let mut arenas: Vec<u64> = snapshot.arenas.iter().flatten().map(|arena| arena.address).collect();
        arenas.extend(&made);
        let is_in_arena =
            |address: Address| arenas.iter().any(|&arena| (arena..arena + arena_bytes(version)).contains(&address.0));
        let elsewhere = recorded.iter().filter(|call| call.kind != CallKind::Free && !is_in_arena(call.answer));
        let below = Below::new(elsewhere.map(|call| (call.bytes, call.answer)).collect());
        let pymalloc = Pymalloc::from_snapshot(version, &snapshot, ArenaSource::recorded(made), below)
            .map_err(|broken| input(&format!("snapshot: {broken}")))?;
        // The program is called by a function, and in 3.11 the call from C counts as well.
        let frames_below = 1 + u32::from(version == Version::V3_11);
        let mut machine = CPython::builder()
            .version(version)
            .heap_limit_bytes(u64::MAX)
            .recursion_limit(DEFAULT_RECURSION_LIMIT - frames_below)
            .large_allocator(Below::new(Vec::new()))
            .observer(Watching)
            .starting_with(pymalloc)
            .keep_calls()
            .build();
        run(self, &mut machine).map_err(|what| input(&what))?;
        let predicted = machine.allocator_calls();
        // What follows an error is the interpreter's own.
        let n = if self.exception.is_some() { predicted.len().min(recorded.len()) } else { recorded.len() };
        for index in 0..n.max(if self.exception.is_some() { 0 } else { predicted.len() }) {
            let (expected, found) = (recorded.get(index), predicted.get(index));
            if !is_same(expected, found) {
                return Err(self.mismatch(index, &recorded, predicted, &machine));
            }
        }
        if self.exception.is_some() != machine_has_ended_badly(&machine) {
            let what = match &self.exception {
                Some(exception) => format!("the interpreter ended with {exception}, the model did not"),
                None => "the model ended with an error, the interpreter did not".to_owned(),
            };
            return Err(input(&what));
        }
        exact.n_programs += 1;
        exact.n_calls += n as u64;
        exact.n_collections += self.collections.last().map_or(0, |last| last[1..].iter().sum::<u64>());
        Ok(())
    }

    /// The calls, with the collections before each.
    fn calls(&self) -> Result<Vec<AllocatorCall>, Stop> {
        if !self.events.len().is_multiple_of(4) {
            return Err(Stop::Input(format!("{} integers of events: no multiple of 4", self.events.len())));
        }
        let mut changes = self.collections.iter().peekable();
        let mut n_collections = [0; N_GENERATIONS];
        let mut calls = Vec::with_capacity(self.events.len() / 4);
        for (event, index) in self.events.chunks_exact(4).zip(0_u64..) {
            while let Some(&&[at, young, middle, old]) = changes.peek()
                && at <= index
            {
                n_collections = [young, middle, old];
                changes.next();
            }
            let kind = match event[0] {
                0 => CallKind::Malloc,
                1 => CallKind::Free,
                2 => CallKind::Realloc,
                3 => CallKind::Calloc,
                kind => return Err(Stop::Input(format!("call {index}: kind {kind}; known are 0 to 3"))),
            };
            let (block, answer) = (Address(event[2]), Address(event[3]));
            let line = memory_trait::Line::default();
            calls.push(AllocatorCall { kind, bytes: event[1], block, answer, line, n_collections });
        }
        Ok(calls)
    }

    #[cold]
    fn mismatch(
        &self,
        index: usize,
        recorded: &[AllocatorCall],
        predicted: &[AllocatorCall],
        machine: &RecordedMachine,
    ) -> Stop {
        let text = |call: Option<&AllocatorCall>| call.map_or_else(|| "no further call".to_owned(), describe);
        let line = predicted.get(index).or(predicted.last()).map_or(0, |call| call.line.0);
        let source = self.source.lines().nth((line as usize).wrapping_sub(1)).unwrap_or_default().trim();
        let first = index.saturating_sub(N_CALLS_SHOWN);
        let mut state: Vec<String> = (first..index)
            .map(|before| format!("before, right: line {}, {}", predicted[before].line.0, describe(&predicted[before])))
            .collect();
        for (what, calls) in [("recorded next", recorded), ("predicted next", predicted)] {
            let next = calls.iter().skip(index + 1).take(N_CALLS_SHOWN).map(describe).collect::<Vec<_>>();
            state.push(format!("{what}: {}", next.join("; ")));
        }
        let blocks: Vec<Address> = recorded.get(index).into_iter().map(|call| call.answer).collect();
        state.extend(state_around(machine.pymalloc(), &blocks, None).into_iter().skip(1));
        Stop::Mismatch(Box::new(Mismatch {
            recording: format!("{} workload {}", self.version, self.workload),
            call_index: index as u64,
            n_calls: Some(recorded.len() as u64),
            call: format!("line {line}, `{source}`"),
            expected: text(recorded.get(index)),
            predicted: text(predicted.get(index)),
            state,
        }))
    }
}

fn is_same(expected: Option<&AllocatorCall>, found: Option<&AllocatorCall>) -> bool {
    match (expected, found) {
        (Some(expected), Some(found)) => AllocatorCall { line: found.line, ..*expected } == *found,
        (None, None) => true,
        _ => false,
    }
}

fn machine_has_ended_badly(machine: &RecordedMachine) -> bool {
    use memory_trait::Machine;
    let faults: &FaultLog = machine.faults();
    faults.first().iter().any(|fault| fault.is_fatal)
}

fn describe(call: &AllocatorCall) -> String {
    let AllocatorCall { kind, bytes, block, answer, n_collections: [young, middle, old], .. } = call;
    let what = match kind {
        CallKind::Malloc => format!("malloc({bytes}) = {answer}"),
        CallKind::Calloc => format!("calloc(1, {bytes}) = {answer}"),
        CallKind::Realloc => format!("realloc({block}, {bytes}) = {answer}"),
        CallKind::Free => format!("free({block})"),
    };
    if young + middle + old == 0 { what } else { format!("{what} after {young}, {middle}, {old} collections") }
}

/// Watches, so that calls are kept.
#[derive(Clone, Copy, Debug)]
pub struct Watching;

impl Observer for Watching {
    fn observe(&mut self, _now: Moment, _event: &Event) {}
}

/// The allocator below, which answers what was recorded.
#[derive(Clone, Debug, Default)]
pub struct Below {
    /// Requests and answers, in order.
    recorded: Vec<(u64, Address)>,
    n_taken: usize,
    /// What is there, by address.
    sizes: HashMap<Address, u64>,
    n_others: u64,
    bytes: u64,
}

/// Where blocks are that no recording has: the allocator's own tables.
const OTHERS: u64 = 1 << 62;

impl Below {
    fn new(recorded: Vec<(u64, Address)>) -> Below {
        Below { recorded, ..Below::default() }
    }

    fn answer(&mut self, bytes: u64) -> Address {
        let asked = |&&(request, _): &&(u64, Address)| request == bytes || bytes <= SMALL_REQUEST_THRESHOLD_BYTES;
        let address = if let Some(&(_, address)) = self.recorded.get(self.n_taken).filter(asked) {
            self.n_taken += 1;
            address
        } else {
            self.n_others += 1;
            Address(OTHERS + (self.n_others << 32))
        };
        self.sizes.insert(address, bytes);
        self.bytes += bytes;
        address
    }

    fn forget(&mut self, block: Address) {
        self.bytes -= self.sizes.remove(&block).unwrap_or(0);
    }
}

impl Allocator for Below {
    fn malloc(&mut self, request_bytes: u64) -> Outcome<Address> {
        Ok(self.answer(request_bytes))
    }

    fn calloc(&mut self, n_elements: u64, element_bytes: u64) -> Outcome<Address> {
        Ok(self.answer(n_elements * element_bytes))
    }

    fn realloc(&mut self, block: Address, request_bytes: u64) -> Outcome<Address> {
        self.forget(block);
        Ok(self.answer(request_bytes))
    }

    fn memalign(&mut self, _alignment_bytes: u64, request_bytes: u64) -> Outcome<Address> {
        Ok(self.answer(request_bytes))
    }

    fn free(&mut self, block: Address) -> Outcome<()> {
        self.forget(block);
        Ok(())
    }

    fn usable_size(&mut self, block: Address) -> u64 {
        self.sizes.get(&block).copied().unwrap_or(0)
    }

    fn trim(&mut self, _pad_bytes: u64) -> bool {
        false
    }

    fn switch_thread(&mut self, _thread: ThreadId) {}

    fn end_thread(&mut self) -> Outcome<()> {
        Ok(())
    }

    fn heap_bytes(&self) -> u64 {
        self.bytes
    }
}
