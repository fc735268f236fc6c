//! The layouts against tables recorded from real interpreters, and the tables of one version against another.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use cpython_model::layout::recorded::{ExactTables, compare, is_tables};
use cpython_model::obmalloc::replay::Failure;
use flate2::read::GzDecoder;

const TABLES: &str = "size_and_growth_tables-3.8.18-to-3.13.0.jsonl.gz";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/cpython").join(TABLES)
}

fn lines() -> Vec<String> {
    let mut text = String::new();
    GzDecoder::new(File::open(path()).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The line of type `kind` of `from`, said to be of `to`: where it goes wrong.
fn mismatch(kind: &str, from: &str, to: &str) -> String {
    let line = lines()
        .into_iter()
        .find(|line| line.starts_with(&format!("{{\"type\":\"{kind}\",\"version\":\"{from}\"")))
        .unwrap();
    match compare(line.replacen(from, to, 1).as_bytes()) {
        Err(Failure::Mismatch { mismatch, .. }) => {
            format!("{}: {}, not {}", mismatch.call, mismatch.predicted, mismatch.expected)
        }
        other => panic!("{kind} of {from} as {to}: {other:?}"),
    }
}

fn input_error(text: &str) -> String {
    match compare(text.as_bytes()) {
        Err(failure @ Failure::Input { .. }) => failure.to_string(),
        other => panic!("no input error: {other:?}"),
    }
}

#[test]
fn every_recorded_size_is_computed() {
    match compare(BufReader::new(File::open(path()).unwrap())) {
        Ok(exact) => assert_eq!(exact, ExactTables { n_values: 51_374, n_experiments_left: 102 }),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn the_sizes_of_a_version_are_wrong_for_its_neighbours() {
    let neighbours = [
        ("3.8.18", "3.9.18"),
        ("3.9.18", "3.10.13"),
        ("3.10.13", "3.11.7"),
        ("3.11.7", "3.12.1"),
        ("3.12.1", "3.13.0"),
    ];
    for (a, b) in neighbours {
        for kind in ["sizes", "growth"] {
            mismatch(kind, a, b);
            mismatch(kind, b, a);
        }
    }
}

#[test]
fn the_histories_of_a_version_are_wrong_for_its_neighbours() {
    let first_instance = "operation 0 (0, 0, 0): asked for, given back";
    let check = |from, to, what: &str| {
        assert_eq!(mismatch("attr_history", from, to), format!("{first_instance}: {what}"));
    };
    check("3.11.7", "3.12.1", "([48, 264], []), not ([56, 264], [])");
    check("3.12.1", "3.13.0", "([328], []), not ([48, 264], [])");
    check("3.13.0", "3.12.1", "([48, 264], []), not ([328], [])");
}

#[test]
fn what_is_no_table_is_refused_with_its_line() {
    let check = |text: &str, what: &str| assert_eq!(input_error(text), what);
    check("", "line 1: the file is empty");
    check(
        "{\"type\":\"colours\"}",
        "line 1: unknown variant `colours`, expected one of `sizes`, `growth`, `attr_history`, `semantics` (column 17)",
    );
    check("\n{\"type\":\"sizes\",\"version\":\"3.12.1\"}", "line 2: missing field `sizes`");
    check(
        "{\"type\":\"growth\",\"version\":\"3.7\",\"growth\":{}}",
        "line 1: CPython version \"3.7\" is not modelled; known are 3.8, 3.9, 3.10, 3.11, 3.12, 3.13",
    );
    check(
        "{\"type\":\"growth\",\"version\":\"3.12.1\",\"growth\":{\"cap_x\":[1]}}",
        "line 1: 3.12.1 growth cap_x: no table that is known",
    );
    check(
        "{\"type\":\"growth\",\"version\":\"3.12.1\",\"growth\":{\"list_append\":[[99999999,1]]}}",
        "line 1: 3.12.1 growth list_append: 99999999 elements",
    );
    check(
        "{\"type\":\"attr_history\",\"version\":\"3.12.1\",\"seed\":1,\"ops\":[[1,5,0]],\"events\":[[[],[]]]}",
        "line 1: 3.12.1 attr_history seed 1: operation 0: instance 5",
    );
}

#[test]
fn tables_are_known_by_content() {
    assert!(is_tables(lines()[0].as_bytes()));
    assert!(!is_tables(b"{\"type\":\"workload\"") && !is_tables(b"") && !is_tables(b"H page+"));
}
