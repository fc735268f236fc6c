//! Whole files of recordings of the collector, and the comparison itself against recordings that are not right.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use cpython_model::cycle::recorded::{ExactRuns, compare, is_runs};
use cpython_model::obmalloc::replay::Failure;
use flate2::read::GzDecoder;

const GC_POINTS: &str = "gc_points-3.11.7-3.12.1-3.13.0.jsonl.gz";
const GC_CONTROL: &str = "gc_control-3.11.7-3.12.1-3.13.0.jsonl.gz";
const OBJECT_ADDRESSES: &str = "object_addresses-3.11.7-3.12.1-3.13.0.jsonl.gz";
const FINALIZER_ORDER: &str = "finalizer_order-3.11.7-3.12.1-3.13.0.jsonl.gz";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/cpython").join(name)
}

fn text(name: &str) -> String {
    let mut text = String::new();
    GzDecoder::new(File::open(path(name)).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// The first program of a file and its run by this version with these thresholds.
fn one_run(version: &str, thresholds: &str) -> String {
    let text = text(GC_POINTS);
    let is_it = |line: &&str| line.contains(version) && line.contains(thresholds);
    let (program, run) = (text.lines().next().unwrap(), text.lines().find(is_it).unwrap());
    format!("{program}\n{run}\n")
}

fn failure(text: &str) -> Failure {
    compare(text.as_bytes()).expect_err("not exact")
}

fn input_error(text: &str) -> String {
    match failure(text) {
        failure @ Failure::Input { .. } => failure.to_string(),
        other @ Failure::Mismatch { .. } => panic!("no input error: {other}"),
    }
}

#[test]
fn every_collection_of_eight_programs_is_where_it_was() {
    let exact = compare(BufReader::new(File::open(path(GC_POINTS)).unwrap())).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(exact, ExactRuns { n_runs: 72, n_rows: 1728, n_events: 0, n_addresses: 0 });
}

#[test]
fn finalizers_and_callbacks_run_in_the_recorded_order_and_count_as_much() {
    let file = BufReader::new(File::open(path(FINALIZER_ORDER)).unwrap());
    let exact = compare(file).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(exact, ExactRuns { n_runs: 36, n_rows: 273, n_events: 27801, n_addresses: 0 });
}

#[test]
fn every_object_is_where_it_was() {
    let file = BufReader::new(File::open(path(OBJECT_ADDRESSES)).unwrap());
    let exact = compare(file).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(exact, ExactRuns { n_runs: 3, n_rows: 18, n_events: 0, n_addresses: 4275 });
}

#[test]
fn another_address_is_a_difference_and_shows_its_pool() {
    let text = text(OBJECT_ADDRESSES);
    let right = text.split_inclusive('\n').take(2).collect::<String>();
    let start = right.find("\"ids\":[0,").unwrap() + "\"ids\":[0,".len();
    let end = start + right[start..].find(',').unwrap();
    let id: u64 = right[start..end].parse().unwrap();
    let wrong = format!("{}{}{}", &right[..start], id + 64, &right[end..]);
    let expected = format!("\n  expected   id {:#x}\n  predicted  id {id:#x}\n", id + 64);
    let message = failure(&wrong).to_string();
    assert!(message.contains("value 0: operation 0, S[370] = Obj()") && message.contains(&expected), "{message}");
    assert!(message.contains("\n  its pool 0x"), "{message}");
    let without = right.replacen("\"snapshot\":", "\"snapshot_of_old\":", 1);
    assert_eq!(input_error(&without), "line 2: ids without the snapshot that they follow from");
}

#[test]
fn a_finalizer_out_of_order_is_a_difference() {
    let text = text(FINALIZER_ORDER);
    let mut lines = text.lines();
    let (program, run) = (lines.next().unwrap(), lines.next().unwrap());
    let start = run.find("\"events\":[").unwrap() + "\"events\":[".len();
    let (index, rest) = run[start..].split_once(',').unwrap();
    let (id, rest) = rest.split_once(',').unwrap();
    let with_events = |events: &str| format!("{program}\n{}{events},{rest}\n", &run[..start]);
    assert_eq!(compare(with_events(&format!("{index},{id}")).as_bytes()).map(|exact| exact.n_runs), Ok(1));
    let message = failure(&with_events(&format!("{index},987654"))).to_string();
    let expected =
        format!("\n  expected   finalizers and callbacks 987654\n  predicted  finalizers and callbacks {id}");
    assert!(message.contains(&format!("operation {index}, ")) && message.contains(&expected), "{message}");
}

#[test]
fn a_file_is_recognised_by_its_start() {
    assert!(is_runs(&text(GC_POINTS).as_bytes()[..40]));
    assert!(is_runs(b"{ \"type\": \"workload\", \"profile\": "));
    for other in ["", "{}", "{\"type\":\"sizes\",", "{\"version\":\"3.11.7\"", "H page+"] {
        assert!(!is_runs(other.as_bytes()), "{other}");
    }
}

#[test]
fn another_versions_rules_do_not_explain_a_recording() {
    let releases = ["3.11.7", "3.12.1", "3.13.0"];
    for recorded in releases {
        let right = one_run(recorded, "[20,2,2]");
        assert_eq!(compare(right.as_bytes()).map(|exact| exact.n_runs), Ok(1));
        for other in releases.into_iter().filter(|&other| other != recorded) {
            let wrong = right.replace(&format!("\"version\":\"{recorded}\""), &format!("\"version\":\"{other}\""));
            assert!(matches!(failure(&wrong), Failure::Mismatch { .. }), "{other}'s rules explain {recorded}");
        }
    }
}

#[test]
fn a_collector_that_is_switched_off_frozen_or_told_to_keep_garbage_does_as_it_did() {
    let exact =
        compare(BufReader::new(File::open(path(GC_CONTROL)).unwrap())).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(exact, ExactRuns { n_runs: 9, n_rows: 246, n_events: 0, n_addresses: 0 });
}

#[test]
fn a_difference_tells_the_operation_and_both_rows() {
    let right = one_run("3.12.1", "[100,5,5]");
    let wrong = right.replacen("\"log\":[[", "\"log\":[[100,0,1,0,0,1,2,3,4,5],[", 1);
    check_message(
        &failure(&wrong).to_string(),
        "line 2: 3.12.1 profile mixed, thresholds 100 5 5, value 0: operation 100, ",
        "\n  expected   generation 0 collected: 0 objects, counts 1 2 3, long-lived 4 pending, 5 in total\n  \
         predicted  no collection\n  recorded next: operation ",
    );
}

#[test]
fn a_collection_that_was_not_recorded_is_a_difference() {
    let right = one_run("3.12.1", "[100,5,5]");
    let start = right.find("\"log\":[").unwrap() + "\"log\":[".len();
    let end = start + right[start..].find("],").unwrap() + "],".len();
    let wrong = [&right[..start], &right[end..]].concat();
    let message = failure(&wrong).to_string();
    assert!(message.contains("\n  expected   no collection\n  predicted  generation 0 collected: "), "{message}");
}

#[test]
fn what_is_no_recording_is_said_with_its_line() {
    let right = one_run("3.12.1", "[100,5,5]");
    let run = right.lines().nth(1).unwrap();
    assert_eq!(input_error(run), "line 1: a run without a workload before it");
    assert_eq!(input_error(""), "line 1: the file is empty");
    let check = |from: &str, to: &str, expected: &str| {
        assert!(right.contains(from), "{from}");
        assert_eq!(input_error(&right.replacen(from, to, 1)), expected);
    };
    check("\"ops\":[", "\"ops\":[0,", "line 1: 16001 integers of ops: no multiple of 4");
    check("\"ops\":[", "\"ops\":[77,0,0,0,", "line 2: operation 0 [77, 0, 0, 0]: is not known");
    check(
        "\"ops\":[",
        "\"ops\":[0,600,0,0,",
        "line 2: operation 0 [0, 600, 0, 0]: there is no such slot, key or generation",
    );
    check("\"ops\":[", "\"ops\":[9,0,0,0,", "line 2: operation 0 [9, 0, 0, 0]: the slot holds a NoneType");
    check(
        "\"version\":\"3.12.1\"",
        "\"version\":\"3.9.18\"",
        "line 2: the collector of CPython 3.9 is not modelled, only its allocator",
    );
    check(
        "\"init\":{\"count\":[1,",
        "\"init\":{\"count\":[2,",
        "line 2: the run starts from a state that is not clean: something other than the loop's iterator is there",
    );
}

#[track_caller]
fn check_message(message: &str, start: &str, end: &str) {
    assert!(message.starts_with(start) && message.contains(end), "{message}");
}
