//! Recorded workloads: what a real JVM did with the program that a workload was emitted as, collection by collection.
//!
//! Running the workload is the caller's: this crate knows no language. The heap is taken over as it was when the
//! program's measured run began.

use std::collections::BTreeMap;
use std::io::BufRead;

use memory_trait::{Fault, FaultKind, Observer};
use serde::Deserialize;

use super::collections::{Gc, Start};
use super::{Comparison, RecordedError, Wrong, json_message, lines};
use crate::machine::{Builder, Jvm};
use crate::params::Flags;
use crate::sizing::Sizing;
use crate::version::Version;

/// A line of the file; each has one of these.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Row {
    Workload(Header),
    Init(Start),
    Gc(Gc),
    End(End),
}

#[derive(Deserialize)]
struct Header {
    jvm: String,
    flags: Vec<String>,
    name: String,
    source: String,
    set: BTreeMap<String, String>,
    seed: u64,
}

/// How the program ended: what it printed, and the words of what was thrown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct End {
    output: String,
    thrown: Option<String>,
}

/// A workload on a real JVM.
pub struct WorkloadRecording {
    header: Header,
    version: Version,
    base: u64,
    start: Start,
    collections: Vec<(u64, Gc)>,
    end: (u64, End),
}

impl WorkloadRecording {
    /// Reads one.
    ///
    /// # Errors
    /// A line that is not what the format says; a file that ends early; flags or a JVM that the model does not have.
    pub fn read(reader: impl BufRead) -> Result<WorkloadRecording, RecordedError> {
        let (mut header, mut start, mut end, mut collections) = (None, None, None, Vec::new());
        for entry in lines(reader) {
            let (line, text) = entry?;
            let row = serde_json::from_str(&text)
                .map_err(|error| RecordedError::at(line, json_message("a line of a workload", &error)))?;
            match row {
                Row::Workload(row) => header = Some(row),
                Row::Init(row) => start = Some(row),
                Row::Gc(gc) => collections.push((line, gc)),
                Row::End(row) => end = Some((line, row)),
            }
        }
        let (Some(header), Some(start), Some(end)) = (header, start, end) else {
            return Err(RecordedError::at(0, "the file has no `workload`, no `init` or no `end`"));
        };
        let build = header.jvm.split_once("(build ").map_or(&*header.jvm, |(_, build)| build);
        let version: Version =
            build.parse().map_err(|error: crate::UnknownVersion| RecordedError::at(1, error.to_string()))?;
        let known = header.flags.iter().filter(|flag| *flag != "-XX:+UseSerialGC");
        let flags = Flags::parse(version, known).map_err(|error| RecordedError::at(1, error.to_string()))?;
        let sizing = Sizing::of(&flags).map_err(|error| RecordedError::at(1, error.to_string()))?;
        Ok(WorkloadRecording { header, version, base: sizing.placement.base, start, collections, end })
    }

    /// The workload's name.
    pub fn name(&self) -> &str {
        &self.header.name
    }

    /// Its source.
    pub fn source(&self) -> &str {
        &self.header.source
    }

    /// The values of its parameters.
    pub fn set(&self) -> Vec<(&str, &str)> {
        self.header.set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// The seed of its `rand`.
    pub fn seed(&self) -> u64 {
        self.header.seed
    }

    /// The machine to run it on.
    ///
    /// # Errors
    /// A start that is not on this heap.
    pub fn machine(&self) -> Result<Builder, RecordedError> {
        let state = self.start.resumption(self.version, self.base).map_err(|error| RecordedError::at(2, error))?;
        let known = self.header.flags.iter().filter(|flag| *flag != "-XX:+UseSerialGC");
        let builder = known.fold(Jvm::builder().version(self.version), Builder::flag);
        Ok(builder.start(state).keep_collections())
    }

    /// Compares a run on that machine: every collection, what was printed, and how it ended.
    pub fn compare<O: Observer>(&self, jvm: &Jvm<O>, output: &str, fault: Option<&Fault>) -> Comparison {
        let mut comparison = Comparison { what: "collections and the end", n_exact: 0, n_total: 0, first_wrong: None };
        let predicted: Vec<Gc> = jvm
            .collections()
            .iter()
            .map(|collected| Gc::of(self.base, collected.collection, &collected.report))
            .collect();
        let at = |number: usize| {
            let line = jvm.collections().get(number)?.at.line.0;
            let text = self.header.source.lines().nth(line.checked_sub(1)? as usize)?;
            Some(format!("the model is in line {line} of {}: {}", self.header.name, text.trim()))
        };
        let wrong = |comparison: &mut Comparison, line: u64, parts: Vec<(String, String, String)>, context| {
            comparison.n_total += 1;
            let Some((subject, expected, predicted)) = parts.first().cloned() else {
                comparison.n_exact += 1;
                return;
            };
            if comparison.first_wrong.is_none() {
                let more = parts[1..]
                    .iter()
                    .map(|(what, expected, predicted)| format!("\n{what}: expected {expected}, predicted {predicted}"));
                let context: String = std::iter::once(context).chain(more).collect();
                comparison.first_wrong = Some(Wrong { line, subject, expected, predicted, context });
            }
        };
        for (number, (line, recorded)) in self.collections.iter().enumerate() {
            let mut parts = match predicted.get(number) {
                Some(predicted) => recorded.differences(predicted),
                None => vec![(String::new(), recorded.cause.clone(), "none".to_owned())],
            };
            for (subject, ..) in &mut parts {
                *subject = format!("collection {number}, {}: {subject}", recorded.kind);
            }
            wrong(&mut comparison, *line, parts, at(number).unwrap_or_default());
        }
        let (line, end) = &self.end;
        let mut parts = Vec::new();
        if predicted.len() != self.collections.len() {
            let numbers = [self.collections.len(), predicted.len()].map(|number| number.to_string());
            let [expected, predicted] = numbers;
            parts.push(("the number of collections".to_owned(), expected, predicted));
        }
        if end.output != output {
            parts.push(("what was printed".to_owned(), format!("{:?}", end.output), format!("{output:?}")));
        }
        let thrown = fault.map(thrown_for);
        let is_alike = match (&end.thrown, &thrown) {
            (None, None) => true,
            // Of the workload's own faults Java says what the emitter wrote; the class has to be the same.
            (Some(expected), Some(Thrown::Class(classes))) => {
                classes.contains(&expected.split(':').next().unwrap_or_default())
            }
            (Some(expected), Some(Thrown::Words(words))) => expected == words,
            _ => false,
        };
        if !is_alike {
            parts.push(("what was thrown".to_owned(), format!("{:?}", end.thrown), format!("{thrown:?}")));
        }
        wrong(&mut comparison, *line, parts, at(self.collections.len()).unwrap_or_default());
        comparison
    }
}

/// What Java throws for a fault.
#[derive(Debug)]
enum Thrown<'f> {
    /// One of these, with words of the emitter's.
    Class(&'static [&'static str]),
    /// What the model says, word for word.
    Words(&'f str),
}

fn thrown_for(fault: &Fault) -> Thrown<'_> {
    match fault.kind {
        FaultKind::ExpectFailed => Thrown::Class(&["java.lang.AssertionError"]),
        FaultKind::NullDereference => Thrown::Class(&["java.lang.NullPointerException"]),
        FaultKind::IntegerOverflow | FaultKind::DivisionByZero => Thrown::Class(&["java.lang.ArithmeticException"]),
        FaultKind::Missing if fault.message.is_empty() || !fault.message.starts_with("java.") => {
            Thrown::Class(&["java.util.NoSuchElementException"])
        }
        FaultKind::ModifiedInLoop => Thrown::Class(&["java.util.ConcurrentModificationException"]),
        FaultKind::InvalidValue if !fault.message.starts_with("java.") => {
            Thrown::Class(&["java.lang.IllegalArgumentException", "java.lang.NegativeArraySizeException"])
        }
        _ => Thrown::Words(&fault.message),
    }
}
