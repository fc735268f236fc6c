//! Recorded flag sets of real JVMs: every size, address and refusal (`tests/oracle/hotspot`).

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use jvm_model::Version;
use jvm_model::recorded::{Recorded, compare_sizings};

fn recorded(name: &str) -> BufReader<impl Read> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/hotspot").join(name);
    BufReader::new(GzDecoder::new(File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))))
}

fn check(name: &str, expect: &str) {
    assert_eq!(compare_sizings(recorded(name), None).unwrap().to_string(), expect);
}

#[test]
fn every_recorded_flag_set_of_17_is_exact() {
    check("sizing17.jsonl.gz", "exact: 400 of 400 flag sets");
}

#[test]
fn legal_and_illegal_flag_sets_of_17_are_exact() {
    check("sizing_live17.jsonl.gz", "exact: 300 of 300 flag sets");
}

#[test]
fn legal_and_illegal_flag_sets_of_21_are_exact() {
    check("sizing_live21.jsonl.gz", "exact: 151 of 151 flag sets");
}

#[test]
fn legal_and_illegal_flag_sets_of_25_are_exact() {
    check("sizing_live25.jsonl.gz", "exact: 151 of 151 flag sets");
}

#[test]
fn generations_and_addresses_of_recorded_runs_are_exact() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/hotspot/sizing_serial.jsonl");
    let comparison = compare_sizings(BufReader::new(File::open(path).unwrap()), None).unwrap();
    assert_eq!(comparison.to_string(), "exact: 8 of 8 flag sets");
}

#[test]
fn the_rules_of_25_are_not_those_of_17() {
    let mut text = String::new();
    recorded("sizing_live25.jsonl.gz").read_to_string(&mut text).unwrap();
    let as_17 = compare_sizings(text.replace("25.0.3", "17.0.15").as_bytes(), Some(Version::V17)).unwrap();
    assert!(as_17.n_exact < as_17.n_total, "{as_17}");
}

#[test]
fn a_wrong_size_is_found_and_said() {
    let row = r#"{"flags": ["-Xmx64m", "-Xms64m"], "phys": 1073741824,
        "real": {"minheap": 67108864, "young": [22347776, 22347776, 22413312]}}"#;
    let comparison = compare_sizings(row.replace('\n', " ").as_bytes(), Some(Version::V17)).unwrap();
    assert_eq!(
        comparison.to_string(),
        "wrong: 0 of 1 flag sets exact; first: line 1: young [min, init, max]: expected [22347776, 22347776, 22413312], \
         predicted [22347776, 22347776, 22347776]\n  JDK 17, 1073741824 bytes of memory: -Xmx64m -Xms64m"
    );
}

#[test]
fn a_refusal_has_to_be_predicted_and_worded_as_recorded() {
    let compare = |row: &str| compare_sizings(row.as_bytes(), Some(Version::V17)).unwrap().is_exact();
    assert!(compare(r#"{"flags":["-Xmx1m"],"phys":1073741824,"real":{"err":"Too small maximum heap"}}"#));
    assert!(compare(r#"{"flags":["-Xmx1m"],"phys":1073741824,"real":{"err":1}}"#));
    assert!(compare(r#"{"flags":["-Xmx1m"],"phys":1073741824,"err":"Too small maximum heap","real":null}"#));
    assert!(!compare(r#"{"flags":["-Xmx64m"],"phys":1073741824,"err":1}"#));
    assert!(!compare(r#"{"flags":["-Xmx1m"],"phys":1073741824,"real":{"err":"Too small initial heap"}}"#));
    assert!(!compare(r#"{"flags":["-Xmx64m"],"phys":1073741824,"real":{"err":1}}"#));
    assert!(!compare(r#"{"flags":["-Xmx1m"],"phys":1073741824,"real":{"minheap":1048576}}"#));
    assert!(!compare(r#"{"flags":["-Xmx64m"],"phys":1073741824,"real":{"oominit":1}}"#));
}

#[test]
fn damaged_files_are_refused_with_their_line() {
    let error = |text: &str| compare_sizings(text.as_bytes(), Some(Version::V17)).unwrap_err().to_string();
    assert_eq!(error(""), "the file is empty");
    assert!(error("{\"flags\": [\"-Xmx").starts_with("line 1: not a flag set: "));
    let other = r#"{"flags":[],"phys":1,"jvm":"11","real":{}}"#;
    assert_eq!(error(other), "line 1: unknown JDK version `11`: the model has 17, 21 and 25");
}

#[test]
fn a_file_is_recognised_by_its_first_line() {
    let name = "sizing17.jsonl.gz";
    let first = recorded(name).lines().next().unwrap().unwrap();
    assert_eq!(Recorded::of_first_line(&first), Some(Recorded::Sizings));
    assert_eq!(Recorded::of_first_line("{\"head\":{}}"), None);
    assert_eq!(Recorded::of_first_line("\u{1f}\u{8b}"), None);
}
