//! Recorded truth: what a real JVM said of its classes and of its heap, line by line against the model.
//!
//! Readers take any [`std::io::BufRead`]; opening and unpacking files is the caller's. The formats, one JSON object a
//! line, are described in `tests/oracle/hotspot/README.md`.

mod collections;
mod facts;
mod layouts;
mod program;
mod serials;
mod sizings;
mod workloads;

pub use facts::compare_facts;
pub use layouts::compare_layouts;
pub use program::{HeapProgram, Stop};
pub use serials::compare_serial;
pub use sizings::compare_sizings;
pub use workloads::WorkloadRecording;

use std::fmt;

/// The kinds of recorded facts.
const FACTS: [&str; 6] = ["soe", "oom", "oom_overhead", "soft", "hash", "reforder"];

/// What a recorded file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recorded {
    /// Layouts of classes: for [`compare_layouts`].
    Layouts,
    /// Flag sets and heap sizes: for [`compare_sizings`].
    Sizings,
    /// A heap program and its collections: for [`compare_serial`].
    Serial,
    /// A workload and its collections: for [`WorkloadRecording`].
    Workload,
    /// Stack depths, texts, orders of queues, hashes: for [`compare_facts`].
    Facts,
}

impl Recorded {
    /// What the first line says of the rest; `None` when it is none of them.
    pub fn of_first_line(line: &str) -> Option<Recorded> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
        let has = |keys: &[&str]| keys.iter().all(|&key| object.contains_key(key));
        if has(&["jvm", "oop", "base", "sizes"]) {
            Some(Recorded::Layouts)
        } else if has(&["flags", "phys"]) && (has(&["real"]) || has(&["err"])) {
            Some(Recorded::Sizings)
        } else if has(&["hdr"]) {
            Some(Recorded::Serial)
        } else if has(&["workload"]) {
            Some(Recorded::Workload)
        } else if object.get("t").is_some_and(|kind| FACTS.contains(&kind.as_str().unwrap_or(""))) {
            Some(Recorded::Facts)
        } else {
            None
        }
    }
}

/// How a whole file compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// What is counted: `classes`, `flag sets`.
    pub what: &'static str,
    /// How many were exact.
    pub n_exact: u64,
    /// How many there are.
    pub n_total: u64,
    /// The first that was not.
    pub first_wrong: Option<Wrong>,
}

impl Comparison {
    /// Whether the model said exactly what the JVM said.
    pub fn is_exact(&self) -> bool {
        self.first_wrong.is_none()
    }
}

impl fmt::Display for Comparison {
    /// `exact: 6744 of 6744 classes`, or what was wrong first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.first_wrong {
            None => write!(f, "exact: {} of {} {}", self.n_exact, self.n_total, self.what),
            Some(wrong) => {
                write!(f, "wrong: {} of {} {} exact; first: {wrong}", self.n_exact, self.n_total, self.what)
            }
        }
    }
}

/// Where the model was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The line of the file, from 1.
    pub line: u64,
    /// Which class or flag set, and what of it.
    pub subject: String,
    /// What the JVM said.
    pub expected: String,
    /// What the model said.
    pub predicted: String,
    /// What led there: the mode, the fields, the flags.
    pub context: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wrong { line, subject, expected, predicted, context } = self;
        write!(f, "line {line}: {subject}: expected {expected}, predicted {predicted}")?;
        if context.is_empty() { Ok(()) } else { write!(f, "\n{context}") }
    }
}

/// A file that cannot be compared: not of the kind it seemed to be, cut off, or of a JVM the model does not have.
#[derive(Debug)]
pub struct RecordedError {
    /// The line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

impl RecordedError {
    fn at(line: u64, message: impl Into<String>) -> RecordedError {
        RecordedError { line, message: message.into() }
    }
}

impl fmt::Display for RecordedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for RecordedError {}

/// Lines of a file with their numbers, blank ones left out; reading errors become [`RecordedError`]s.
fn lines(reader: impl std::io::BufRead) -> impl Iterator<Item = Result<(u64, String), RecordedError>> {
    let numbered = (1..).zip(reader.lines());
    numbered.filter_map(|(number, line)| match line {
        Ok(line) if line.trim().is_empty() => None,
        Ok(line) => Some(Ok((number, line))),
        Err(error) => Some(Err(RecordedError::at(number, error.to_string()))),
    })
}

/// What is wrong with a line of JSON; the line's number within itself, always 1, is left out.
fn json_message(what: &str, error: &serde_json::Error) -> String {
    let words = error.to_string();
    let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
    format!("not {what}: {words} (column {})", error.column())
}
