//! Recorded heap sizes: a line for each set of flags.

use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;

use super::{Comparison, RecordedError, Wrong, json_message, lines};
use crate::params::Flags;
use crate::sizing::{Range, Sizing};
use crate::version::Version;

/// A set of flags and what the JVM made of them.
#[derive(Deserialize)]
struct Row {
    flags: Vec<String>,
    phys: u64,
    #[serde(default)]
    real: Option<Real>,
    #[serde(default)]
    err: Value,
    jvm: Option<String>,
}

/// The JVM's sizes; absent where it refuses.
#[derive(Default, Deserialize)]
struct Real {
    minheap: Option<u64>,
    initheap: Option<u64>,
    maxheap: Option<u64>,
    young: Option<[u64; 3]>,
    old: Option<[u64; 3]>,
    eden: Option<u64>,
    surv: Option<u64>,
    base: Option<u64>,
    #[serde(default)]
    oominit: Value,
    #[serde(default)]
    err: Value,
}

/// Compares recorded flag sets with what the model makes of them.
///
/// A row says its JVM or leaves it to `version`; where that is `None`, the file is taken to be of the version that has
/// most rows right.
///
/// # Errors
/// A line that is not what the format says; an empty file.
pub fn compare_sizings(reader: impl BufRead, version: Option<Version>) -> Result<Comparison, RecordedError> {
    let mut rows = Vec::new();
    for entry in lines(reader) {
        let (line, text) = entry?;
        let row: Row =
            serde_json::from_str(&text).map_err(|error| RecordedError::at(line, json_message("a flag set", &error)))?;
        let own = row.jvm.as_deref().map(str::parse).transpose();
        let own = own.map_err(|error: crate::UnknownVersion| RecordedError::at(line, error.to_string()))?;
        rows.push((line, row, own));
    }
    if rows.is_empty() {
        return Err(RecordedError::at(0, "the file is empty"));
    }
    let candidates = version.map_or(Version::ALL.to_vec(), |version| vec![version]);
    let mut best: Option<Comparison> = None;
    for version in candidates {
        let comparison = compare(&rows, version);
        if best.as_ref().is_none_or(|best| comparison.n_exact > best.n_exact) {
            best = Some(comparison);
        }
    }
    best.ok_or_else(|| RecordedError::at(0, "there is no version to compare with"))
}

fn compare(rows: &[(u64, Row, Option<Version>)], version: Version) -> Comparison {
    let mut comparison = Comparison { what: "flag sets", n_exact: 0, n_total: rows.len() as u64, first_wrong: None };
    for (line, row, own) in rows {
        let version = own.unwrap_or(version);
        match first_difference(row, version) {
            None => comparison.n_exact += 1,
            Some((subject, expected, predicted)) => {
                comparison.first_wrong.get_or_insert_with(|| {
                    let context = format!("  JDK {version}, {} bytes of memory: {}", row.phys, row.flags.join(" "));
                    Wrong { line: *line, subject, expected, predicted, context }
                });
            }
        }
    }
    comparison
}

/// Whether a marker such as `"err": 1` or `"err": "Too small maximum heap"` is set.
fn is_set(marker: &Value) -> bool {
    !matches!(marker, Value::Null | Value::Bool(false)) && marker.as_i64() != Some(0)
}

fn first_difference(row: &Row, version: Version) -> Option<(String, String, String)> {
    let differs = |subject: &str, expected: String, predicted: String| Some((subject.to_owned(), expected, predicted));
    let no_sizes = Real::default();
    let real = row.real.as_ref().unwrap_or(&no_sizes);
    let err = if is_set(&row.err) { &row.err } else { &real.err };
    let is_refused = is_set(err);
    let predicted = Flags::parse(version, &row.flags)
        .map_err(|error| error.to_string())
        .map(|flags| Flags { physical_bytes: row.phys, ..flags })
        .and_then(|flags| Sizing::of(&flags).map_err(|refusal| refusal.to_string()));
    let sizing = match predicted {
        Err(words) if is_refused => {
            let is_said = err.as_str().is_none_or(|said| said.contains(&words) || words.contains(said));
            return if is_said { None } else { differs("refusal", err.to_string(), words) };
        }
        Err(words) => return differs("whether the JVM starts", "a heap".to_owned(), format!("refused: {words}")),
        Ok(sizing) => sizing,
    };
    let boot_refusal = sizing.boot_refusal();
    if is_refused && boot_refusal.is_none() {
        return differs("whether the JVM starts", format!("refused: {err}"), format!("{sizing:?}"));
    }
    let triple = |range: Range| [range.min, range.initial, range.max];
    let numbers = [
        ("minimum heap", real.minheap, sizing.heap.min),
        ("initial heap", real.initheap, sizing.heap.initial),
        ("maximum heap", real.maxheap, sizing.heap.max),
        ("eden", real.eden, sizing.spaces.eden),
        ("survivor", real.surv, sizing.spaces.survivor),
        ("base of the heap", real.base, sizing.placement.base),
    ];
    for (subject, expected, predicted) in numbers {
        if let Some(expected) = expected.filter(|&expected| expected != predicted) {
            return differs(subject, expected.to_string(), predicted.to_string());
        }
    }
    for (subject, expected, range) in
        [("young [min, init, max]", real.young, sizing.young), ("old [min, init, max]", real.old, sizing.old)]
    {
        if let Some(expected) = expected.filter(|&expected| expected != triple(range)) {
            return differs(subject, format!("{expected:?}"), format!("{:?}", triple(range)));
        }
    }
    let is_too_small = is_set(&real.oominit);
    if !is_refused && boot_refusal.is_some() != is_too_small {
        let word = |too_small: bool| if too_small { "does not come up" } else { "comes up" }.to_owned();
        let reason = boot_refusal.map_or_else(String::new, |refusal| format!(": {refusal}"));
        return differs("whether the JVM comes up", word(is_too_small), word(!is_too_small) + &reason);
    }
    None
}
