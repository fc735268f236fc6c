//! Recorded classes of real JVMs, every offset and size (`tests/oracle/hotspot`).

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use jvm_model::recorded::{Recorded, compare_layouts};

fn recorded(name: &str) -> BufReader<impl Read> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/hotspot").join(name);
    BufReader::new(GzDecoder::new(File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))))
}

fn check(name: &str, expect: &str) {
    assert_eq!(compare_layouts(recorded(name)).unwrap().to_string(), expect);
}

#[test]
fn every_class_of_17_is_exact() {
    check("layout_17.default.jsonl.gz", "exact: 1776 of 1776 classes");
}

#[test]
fn every_class_of_17_is_exact_without_compressed_pointers() {
    check("layout_17.noboth.jsonl.gz", "exact: 1776 of 1776 classes");
}

#[test]
fn every_class_of_17_is_exact_with_objects_aligned_to_16() {
    check("layout_17.align16.jsonl.gz", "exact: 1776 of 1776 classes");
}

#[test]
fn every_class_of_21_is_exact() {
    check("layout_21.default.jsonl.gz", "exact: 1925 of 1925 classes");
}

#[test]
fn every_class_of_25_is_exact() {
    check("layout_25.default.jsonl.gz", "exact: 1885 of 1885 classes");
}

#[test]
fn every_class_of_25_is_exact_with_compact_headers() {
    check("layout_25.compact.jsonl.gz", "exact: 879 of 879 classes");
}

#[test]
fn every_class_of_25_is_exact_without_compressed_pointers() {
    check("layout_25.noboth.jsonl.gz", "exact: 879 of 879 classes");
}

#[test]
fn a_wrong_offset_is_found_and_said() {
    let mut text = String::new();
    recorded("layout_17.default.jsonl.gz").read_to_string(&mut text).unwrap();
    let damaged = text.replacen("[\"f2\",\"J\",0,16,", "[\"f2\",\"J\",0,20,", 1);
    assert_ne!(text, damaged);
    let comparison = compare_layouts(damaged.as_bytes()).unwrap();
    assert_eq!((comparison.n_exact, comparison.n_total), (1775, 1776));
    let wrong = comparison.first_wrong.unwrap();
    assert_eq!(wrong.subject, "R11_0: offset of field f2");
    assert_eq!((wrong.line, wrong.expected.as_str(), wrong.predicted.as_str()), (3, "20", "16"));
    assert!(wrong.context.contains("superclass: java.lang.Object"), "{}", wrong.context);
}

#[test]
fn damaged_files_are_refused_with_their_line() {
    let first = recorded("layout_17.default.jsonl.gz").lines().next().unwrap().unwrap();
    let error = |text: &str| compare_layouts(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(error(""), "the file is empty");
    assert!(error("{\"hdr\":1}").starts_with("line 1: not a layout header: "));
    assert!(error(&format!("{first}\n{{\"c\":\"A\",\"s\"")).starts_with("line 2: not a class: "));
    let orphan = r#"{"c":"A","s":"B","k":"class","sz":16,"cc":0,"f":[]}"#;
    assert_eq!(error(&format!("{first}\n{orphan}")), "line 2: the superclass B of A is not in the file");
    let circle = r#"{"c":"A","s":"A","k":"class","sz":16,"cc":0,"f":[]}"#;
    assert_eq!(error(&format!("{first}\n{circle}")), "line 2: A is its own superclass");
    assert_eq!(
        error(&first.replace("17.0.15", "11.0.15")),
        "line 1: unknown JDK version `11.0.15+6-Debian-1deb12u1`: the model has 17, 21 and 25"
    );
    let bad_type = r#"{"c":"A","s":null,"k":"class","sz":16,"cc":0,"f":[["x","Q",0,12,null]]}"#;
    assert_eq!(error(&format!("{first}\n{bad_type}")), "line 2: x has no type: \"Q\"");
}

#[test]
fn a_file_is_recognised_by_its_first_line() {
    let name = "layout_17.default.jsonl.gz";
    let first = recorded(name).lines().next().unwrap().unwrap();
    assert_eq!(Recorded::of_first_line(&first), Some(Recorded::Layouts));
    assert_eq!(Recorded::of_first_line("{\"hdr\":{}}"), Some(Recorded::Serial));
    assert_eq!(Recorded::of_first_line("{\"head\":{}}"), None);
    assert_eq!(Recorded::of_first_line("\u{1f}\u{8b}"), None);
}
