//! Recorded heap programs: what a real Serial heap did with them, collection by collection and address by address.
//!
//! The program works on a root table R in old; the heap is taken over as it was when the recording began.

use std::collections::VecDeque;
use std::io::BufRead;

use serde::Deserialize;

use super::collections::{Gc, Start};
use super::program::{HeapProgram, Stop};
use super::{Comparison, RecordedError, Wrong, json_message, lines};
use crate::params::Flags;
use crate::sizing::{CompressedOops, Sizing};
use crate::version::Version;

/// A line of the file; each has one of these.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Row {
    Hdr(Header),
    Init(Init),
    Ops(Vec<u32>),
    Snap(usize, Vec<u64>),
    Gc(Gc),
    End(usize, u32),
}

#[derive(Deserialize)]
struct Header {
    jvm: String,
    flags: Vec<String>,
    nslots: u32,
}

#[derive(Deserialize)]
struct Init {
    #[serde(flatten)]
    start: Start,
    #[serde(rename = "R")]
    root_table: u64,
}

/// What the model did, one entry a recorded line.
enum Done {
    Gc(Box<Gc>),
    Snap(usize, Vec<u64>),
    /// The last operation, and 1 if it found no memory.
    End(usize, u32),
}

impl Done {
    fn end(&self) -> Option<(usize, u32)> {
        match *self {
            Done::End(at, out_of_memory) => Some((at, out_of_memory)),
            Done::Gc(_) | Done::Snap(..) => None,
        }
    }
}

/// A program on its heap.
struct Replay {
    program: HeapProgram,
    base: u64,
    ops: Vec<u32>,
    /// How it ended.
    end: Option<(usize, u32)>,
}

impl Replay {
    fn new(header: &Header, init: &Init, ops: Vec<u32>) -> Result<Self, String> {
        let words = header.jvm.split_once("(build ").map_or(header.jvm.as_str(), |(_, build)| build);
        let version: Version = words.parse().map_err(|error: crate::UnknownVersion| error.to_string())?;
        let known = header.flags.iter().filter(|flag| *flag != "-XX:+UseSerialGC");
        let flags = Flags::parse(version, known).map_err(|error| error.to_string())?;
        let mut sizing = Sizing::of(&flags).map_err(|error| error.to_string())?;
        if sizing.placement.mode == CompressedOops::Off {
            // The operating system chose it, at random.
            sizing.placement.base = init.start.places.eden[0];
        }
        let base = sizing.placement.base;
        let state = init.start.resumption(version, base)?;
        let program = HeapProgram::resume(&flags, &sizing, &state, init.root_table, header.nslots)?;
        Ok(Replay { program, base, ops, end: None })
    }

    /// Runs until something is to be compared; `None` at the end of the program.
    fn advance(&mut self) -> Option<Vec<Done>> {
        let stop = self.program.advance(&self.ops);
        match stop {
            Stop::Snapshot(at) => return Some(vec![Done::Snap(at, self.program.reachable_addresses())]),
            Stop::Ended(at) => self.end = Some((at, 0)),
            Stop::OutOfMemory(at) => self.end = Some((at, 1)),
            Stop::Collected | Stop::Exhausted => {}
        }
        let reports = self.program.take_reports();
        let done =
            reports.iter().map(|(collection, report)| Done::Gc(Box::new(Gc::of(self.base, *collection, report))));
        let done: Vec<Done> = done.collect();
        (!done.is_empty()).then_some(done)
    }
}

/// Runs a recorded program on the model and compares every collection and every snapshot of addresses with what the
/// JVM did. Counted are collections, and snapshots as one each.
///
/// # Errors
/// A line that is not what the format says; a file without a program; flags or a JVM that the model does not have.
pub fn compare_serial(reader: impl BufRead) -> Result<Comparison, RecordedError> {
    let mut header = None;
    let mut init = None;
    let mut ops = Vec::new();
    let mut replay: Option<Replay> = None;
    let mut done = [VecDeque::new(), VecDeque::new()];
    let mut comparison = Comparison { what: "collections and snapshots", n_exact: 0, n_total: 0, first_wrong: None };
    for entry in lines(reader) {
        let (line, text) = entry?;
        let row = serde_json::from_str(&text)
            .map_err(|error| RecordedError::at(line, json_message("a line of a heap program", &error)))?;
        let recorded = match row {
            Row::Hdr(row) => {
                header = Some(row);
                continue;
            }
            Row::Init(row) => {
                init = Some(row);
                continue;
            }
            Row::Ops(row) => {
                ops.extend(row);
                continue;
            }
            Row::Snap(at, addresses) => Done::Snap(at, addresses),
            Row::Gc(gc) => Done::Gc(Box::new(gc)),
            Row::End(at, out_of_memory) => Done::End(at, out_of_memory),
        };
        if replay.is_none() {
            let (Some(header), Some(init)) = (&header, &init) else {
                return Err(RecordedError::at(line, "something happens before `hdr` and `init`"));
            };
            let made = Replay::new(header, init, std::mem::take(&mut ops));
            replay = Some(made.map_err(|message| RecordedError::at(line, message))?);
        }
        let replay = replay.as_mut().expect("made above");
        // Snapshots and collections are recorded apart, each in the order of the program.
        let is_snapshot = matches!(recorded, Done::Snap(..));
        let is_end = matches!(recorded, Done::End(..));
        let mut predicted = if is_end { None } else { done[usize::from(is_snapshot)].pop_front() };
        while predicted.is_none() {
            let Some(more) = replay.advance() else { break };
            for entry in more {
                done[usize::from(matches!(entry, Done::Snap(..)))].push_back(entry);
            }
            predicted = if is_end { None } else { done[usize::from(is_snapshot)].pop_front() };
        }
        if is_end {
            predicted = replay.end.map(|(at, out_of_memory)| Done::End(at, out_of_memory));
        }
        comparison.n_total += 1;
        match difference(&recorded, predicted.as_ref()) {
            None => comparison.n_exact += 1,
            Some((subject, expected, predicted)) if comparison.first_wrong.is_none() => {
                let context = format!("after {} of {} numbers of the program", replay.program.at(), replay.ops.len());
                comparison.first_wrong = Some(Wrong { line, subject, expected, predicted, context });
            }
            Some(_) => {}
        }
    }
    let Some(mut replay) = replay else {
        return Err(RecordedError::at(0, "the file has no heap program, or nothing happens in it"));
    };
    while let Some(more) = replay.advance() {
        done[0].extend(more);
    }
    if let Some(more) = done.iter_mut().find_map(VecDeque::pop_front)
        && comparison.first_wrong.is_none()
    {
        let predicted = match more {
            Done::Gc(gc) => format!("{gc:?}"),
            Done::Snap(at, _) => format!("a snapshot at {at}"),
            Done::End(at, _) => format!("the end at {at}"),
        };
        let (subject, expected) = ("the end of the file".to_owned(), "nothing more".to_owned());
        comparison.first_wrong = Some(Wrong { line: 0, subject, expected, predicted, context: String::new() });
    }
    Ok(comparison)
}

/// What is different first: subject, expected, predicted.
fn difference(recorded: &Done, predicted: Option<&Done>) -> Option<(String, String, String)> {
    let none = || "none".to_owned();
    match (recorded, predicted) {
        (Done::Gc(recorded), Some(Done::Gc(predicted))) => (recorded != predicted)
            .then(|| (format!("{} collection", recorded.kind), format!("{recorded:?}"), format!("{predicted:?}"))),
        (Done::Snap(at, recorded), Some(Done::Snap(predicted_at, predicted))) => {
            let wrong = recorded.iter().zip(predicted).position(|(recorded, predicted)| recorded != predicted);
            if wrong.is_none() && recorded.len() == predicted.len() && at == predicted_at {
                return None;
            }
            let wrong = wrong.unwrap_or(recorded.len().min(predicted.len()));
            let of = |addresses: &[u64]| addresses.get(wrong).map_or_else(none, |address| format!("{address:#x}"));
            let subject = format!("object {wrong} of the snapshot at {at} (the model's is at {predicted_at})");
            Some((subject, of(recorded), of(predicted)))
        }
        (Done::End(..), Some(Done::End(..))) if recorded.end() == predicted.and_then(Done::end) => None,
        (Done::End(..), _) => {
            let said = |done: Option<&Done>| match done.and_then(Done::end) {
                Some((at, 0)) => format!("at {at}"),
                Some((at, _)) => format!("at {at}, out of memory"),
                None => none(),
            };
            Some(("end of the program".to_owned(), said(Some(recorded)), said(predicted)))
        }
        (Done::Gc(recorded), _) => Some((format!("{} collection", recorded.kind), format!("{recorded:?}"), none())),
        (Done::Snap(at, _), _) => Some((format!("snapshot at {at}"), "a snapshot".to_owned(), none())),
    }
}
