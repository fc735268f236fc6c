//! Recorded tables of sizes and growth against the layouts: every row computed, every row compared.
//!
//! A file of tables has JSON lines of four types. `sizes`: what expressions ask the allocator for. `growth`: capacities
//! and walks of containers. `attr_history`: the requests of instances and attribute stores. `semantics`: directed
//! experiments with the whole interpreter; those that a graph of objects can do are compared, the others counted.

use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;

use crate::Version;
use crate::cycle::semantics;
use crate::obmalloc::replay::{Failure, Mismatch, Stop, each_line};

mod attributes;
mod growth;
mod objects;
mod sizes;
mod walks;

/// Tables that are exact in every row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExactTables {
    /// Values compared: a size, a capacity, a step of a walk, an operation of a history.
    pub n_values: u64,
    /// Experiments of lines of type `semantics` that are not compared.
    pub n_experiments_left: u64,
}

impl fmt::Display for ExactTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exact: {0} of {0} sizes", self.n_values)
    }
}

/// Whether a file is one of tables, by its first (uncompressed) bytes.
pub fn is_tables(head: &[u8]) -> bool {
    let is_row = |kind: &str| {
        let head = head.trim_ascii_start();
        head.starts_with(format!("{{\"type\":\"{kind}\"").as_bytes())
    };
    ["sizes", "growth", "semantics", "attr_history"].into_iter().any(is_row)
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Row {
    Sizes {
        version: String,
        sizes: serde_json::Map<String, Value>,
    },
    Growth {
        version: String,
        growth: serde_json::Map<String, Value>,
    },
    AttrHistory {
        version: String,
        seed: u64,
        ops: Vec<(u64, u64, u32)>,
        events: Vec<(Vec<i64>, Vec<i64>)>,
    },
    Semantics {
        version: String,
        #[serde(flatten)]
        experiments: serde_json::Map<String, Value>,
    },
}

/// Compares a file of tables to its end or its first wrong row.
pub fn compare(file: impl BufRead) -> Result<ExactTables, Failure> {
    let mut exact = ExactTables::default();
    // Values in the lines that are compared to their end.
    let mut n_before = 0;
    let lines = each_line(file, |row: Row| {
        n_before = exact.n_values;
        match row {
            Row::Sizes { version, sizes } => sizes::compare(&mut Comparison::new(&version, &mut exact)?, &sizes),
            Row::Growth { version, growth } => growth::compare(&mut Comparison::new(&version, &mut exact)?, &growth),
            Row::AttrHistory { version, seed, ops, events } => {
                let mut comparison = Comparison::new(&version, &mut exact)?;
                comparison.row = format!("attr_history seed {seed}");
                attributes::compare(&mut comparison, &ops, &events)
            }
            Row::Semantics { version, experiments } => {
                let mut comparison = Comparison::new(&version, &mut exact)?;
                "semantics".clone_into(&mut comparison.row);
                semantics(&mut comparison, &experiments)
            }
        }
    });
    lines.map_err(|failure| failure.after(n_before))?;
    Ok(exact)
}

/// The experiments of a line that are known: each is a value.
fn semantics(comparison: &mut Comparison<'_>, experiments: &serde_json::Map<String, Value>) -> Result<(), Stop> {
    for (name, recorded) in experiments {
        let predicted = match (name.as_str(), recorded) {
            _ if comparison.version < Version::V3_11 => None,
            ("tracked", Value::Object(flags)) => {
                for (flag, predicted) in semantics::predict_tracked(flags, comparison.version) {
                    comparison.value(|| format!("tracked.{flag}"), &flags[&flag], &predicted)?;
                }
                continue;
            }
            _ => semantics::predict(name, comparison.version),
        };
        match predicted {
            Some(predicted) => comparison.value(|| name.clone(), recorded, &predicted)?,
            None => comparison.exact.n_experiments_left += 1,
        }
    }
    Ok(())
}

/// Comparing the values of one row.
struct Comparison<'a> {
    version: Version,
    release: &'a str,
    row: String,
    n_before: u64,
    exact: &'a mut ExactTables,
}

impl<'a> Comparison<'a> {
    fn new(release: &'a str, exact: &'a mut ExactTables) -> Result<Self, Stop> {
        let version =
            release.parse().map_err(|error: crate::version::UnknownVersion| Stop::Input(error.to_string()))?;
        let n_before = exact.n_values;
        Ok(Comparison { version, release, row: String::new(), n_before, exact })
    }

    /// One value, or what is wrong with it; `what` says which.
    fn value<T: PartialEq + fmt::Debug>(
        &mut self,
        what: impl FnOnce() -> String,
        expected: &T,
        predicted: &T,
    ) -> Result<(), Stop> {
        if expected == predicted {
            self.exact.n_values += 1;
            return Ok(());
        }
        Err(Stop::Mismatch(Box::new(Mismatch {
            recording: format!("{} {}", self.release, self.row),
            call_index: self.exact.n_values - self.n_before,
            n_calls: None,
            call: what(),
            expected: format!("{expected:?}"),
            predicted: format!("{predicted:?}"),
            state: Vec::new(),
        })))
    }

    fn input(&self, what: &str) -> Stop {
        Stop::Input(format!("{} {}: {what}", self.release, self.row))
    }

    /// A JSON value as `T`.
    fn read<T: serde::de::DeserializeOwned>(&self, value: &Value) -> Result<T, Stop> {
        T::deserialize(value).map_err(|error| self.input(&error.to_string()))
    }
}
