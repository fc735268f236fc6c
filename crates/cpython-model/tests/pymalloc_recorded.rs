//! pymalloc against recordings of real interpreters, and the replay against recordings that are not right.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use cpython_model::obmalloc::replay::{Exact, Failure, RecordingKind, replay};
use flate2::read::GzDecoder;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/cpython").join(name)
}

fn text(name: &str) -> String {
    let mut text = String::new();
    GzDecoder::new(File::open(path(name)).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn check(name: &str, expected: &Exact) {
    let text = text(name);
    let kind = RecordingKind::of(&text.as_bytes()[..300]).unwrap();
    let file = BufReader::new(File::open(path(name)).unwrap());
    match replay(file, kind) {
        Ok(exact) => assert_eq!(&exact, expected, "{name}"),
        Err(failure) => panic!("{name}: {failure}"),
    }
}

/// A recorded sequence of 3.8, as text.
fn recorded_3_8() -> String {
    let all = text("pymalloc_sequences-3.8.18-3.9.18.jsonl.gz");
    all.lines().find(|line| line.contains("3.8.18")).unwrap().to_owned()
}

fn mismatch(text: &str) -> (u64, String, String, String) {
    match replay(text.as_bytes(), RecordingKind::Sequence) {
        Err(Failure::Mismatch { mismatch, .. }) => {
            (mismatch.call_index, mismatch.call, mismatch.expected, mismatch.predicted)
        }
        other => panic!("no mismatch: {other:?}"),
    }
}

fn input_error(text: &str, kind: RecordingKind) -> String {
    match replay(text.as_bytes(), kind) {
        Err(failure @ Failure::Input { .. }) => failure.to_string(),
        other => panic!("no input error: {other:?}"),
    }
}

/// A sequence of one line, for what is wrong with it.
fn sequence(version: &str, ops: &str, rel: &str, events: &str) -> String {
    format!(
        r#"{{"version":"{version}","profile":"p","seed":1,"arena_size":1048576,"pool_size":16384,"skew":0,"slots":2,"ops":[{ops}],"rel":[{rel}],"arena_events":[{events}]}}"#
    )
}

#[test]
fn sequences_of_3_11_to_3_13_are_exact() {
    let expected = Exact { n_recordings: 5, n_calls: 22_500, n_arena_events: 6 };
    check("pymalloc_sequences-3.11.7-3.12.1-3.13.0.jsonl.gz", &expected);
}

#[test]
fn sequences_of_3_8_and_3_9_are_exact() {
    let expected = Exact { n_recordings: 2, n_calls: 24_000, n_arena_events: 44 };
    check("pymalloc_sequences-3.8.18-3.9.18.jsonl.gz", &expected);
}

#[test]
fn traces_of_real_programs_are_exact_from_a_snapshot_on() {
    for (name, n_arena_events) in [("3.11.7-ast", 0), ("3.12.1-json", 1), ("3.13.0-graph", 1)] {
        let name = format!("real_program_traces-{name}.jsonl.gz");
        check(&name, &Exact { n_recordings: 1, n_calls: 50_000, n_arena_events });
    }
}

#[test]
fn the_rules_of_3_9_fail_on_data_of_3_8() {
    let text = recorded_3_8().replace("3.8.18", "3.9.18");
    let (call_index, _, expected, predicted) = mismatch(&text);
    assert_eq!((call_index, predicted.as_str()), (11_175, "no arena made or released"));
    assert!(expected.ends_with("released"), "{expected}");
}

#[test]
fn the_first_wrong_address_is_shown_with_the_state_around_it() {
    let text = sequence("3.12.1", "0,0,199,0,1,200,1,0,0,0,0,208", "48,256,0,464", "[0,1,0]");
    let failure = replay(text.as_bytes(), RecordingKind::Sequence).unwrap_err();
    let expected = "\
line 1: 3.12.1 profile p seed 1, call 3 of 4: malloc(208)
  expected   0x7f00000001d0 (+464)
  predicted  0x7f0000000030 (+48)
  after the call:
  used pool 0x7f0000000000: class 12, 2 in use, nextoffset 672, 1 free: 0x7f00000001d0
  usable arena 0 at 0x7f0000000000: 63 of 64 pools free, next is 0x7f0000004000";
    assert_eq!(failure.to_string(), expected);
}

#[test]
fn an_arena_that_only_the_recording_makes_is_a_mismatch() {
    let (call, _, expected, predicted) = mismatch(&sequence("3.12.1", "0,0,8,0,1,8", "48,64", "[0,1,0],[1,1,0]"));
    assert_eq!((call, expected.as_str()), (1, "arena 0x7f0000000000 made"));
    assert_eq!(predicted, "no arena made or released");
    let (call, _, expected, predicted) = mismatch(&sequence("3.12.1", "0,0,8", "48", ""));
    assert_eq!((call, expected.as_str()), (0, "no arena made or released"));
    assert_eq!(predicted, "arena 0x7f0000000000 made");
}

#[test]
fn what_contradicts_itself_is_refused_with_its_line() {
    let check = |text: &str, what: &str| assert_eq!(input_error(text, RecordingKind::Sequence), what);
    check("", "line 1: the file is empty");
    check("\n\n{\"version\":", "line 3: EOF while parsing a value (column 11)");
    check("[]", "line 1: invalid length 0, expected struct Sequence with 10 elements (column 2)");
    check(
        &sequence("3.14.0", "", "", ""),
        "line 1: CPython version \"3.14.0\" is not modelled; known are 3.8, 3.9, 3.10, 3.11, 3.12, 3.13",
    );
    check(
        &sequence("3.9.18", "", "", ""),
        "line 1: arenas of 1048576 and pools of 16384 bytes; 3.9 has 262144 and 4096 bytes",
    );
    check(&sequence("3.12.1", "0,0,8", "", ""), "line 1: 3 integers of calls and 0 answers");
    check(&sequence("3.12.1", "0,2,8", "48", "[0,1,0]"), "line 1: call 0: slot 2, there are 2");
    check(&sequence("3.12.1", "1,0,0", "0", ""), "line 1: call 0: free(0x0) of slot 0, which is not in use");
    check(&sequence("3.12.1", "9,0,0", "0", ""), "line 1: call 0: kind 9; known are 0 to 3");
    check(
        &sequence("3.12.1", "0,0,8,0,0,8", "48,64", "[0,1,0]"),
        "line 1: call 1: malloc(8) into slot 0, which is in use",
    );
    check(&sequence("3.12.1", "", "", "[0,3,0]"), "line 1: arena event 3 at call 0; known are 1 and 2");
    check(
        &sequence("3.12.1", "", "", "[5,1,0]"),
        "line 1: arena event at call 5, which is out of order or beyond the end",
    );
}

#[test]
fn a_truncated_file_is_refused() {
    let bytes = std::fs::read(path("pymalloc_sequences-3.8.18-3.9.18.jsonl.gz")).unwrap();
    let failure = replay(&bytes[..bytes.len() / 2], RecordingKind::Sequence).unwrap_err();
    assert!(matches!(failure, Failure::Input { line: 1 | 2, .. }), "{failure}");
    let failure = replay(&[0x1f, 0x8b, 9, 9][..], RecordingKind::Sequence).unwrap_err();
    assert!(failure.to_string().starts_with("line 1: cannot be read: "), "{failure}");
}

#[test]
fn a_snapshot_that_cannot_be_is_refused() {
    let trace = |snapshot: &str| {
        format!(
            r#"{{"version":"3.12.1","workload":"w","arena_size":1048576,"pool_size":16384,"snapshot":[{snapshot}],"arenas":[],"events":[]}}"#
        )
    };
    let check = |snapshot: &str, what: &str| {
        assert_eq!(input_error(&trace(snapshot), RecordingKind::Trace), format!("line 1: {what}"));
    };
    check("", "snapshot, integer 0: a number of classes expected");
    check("32,1", "snapshot, integer 0: a number of classes expected");
    check("1,0,0,0,0", "snapshot: 1 size classes, there are 32");
    let classes = "32,".to_owned() + &"0,".repeat(32);
    check(&(classes.clone() + "0,0,0,7"), "snapshot, integer 36: the end expected");
    check(&(classes.clone() + "1,0,0,0"), "snapshot: arena slot 0 is in 0 lists of arenas");
    check(&(classes + "1,1048577,0,0,0,0,0,0,0"), "snapshot: arena slot 0: 0x100001 is no address of a mapping");
}

#[test]
fn the_kind_is_known_by_content() {
    let sequence = sequence("3.12.1", "", "", "");
    assert_eq!(RecordingKind::of(sequence.as_bytes()), Some(RecordingKind::Sequence));
    let trace = r#"{"version":"3.11.7","workload":"ast","arena_size":1048576,"pool_size":16384,"snapshot":[32,1"#;
    assert_eq!(RecordingKind::of(trace.as_bytes()), Some(RecordingKind::Trace));
    for other in [&b"{\"type\":\"sizes\"}"[..], b"", b"\xfd7zXZ", b"heap-trace 1 \"skew\" \"ops\" \"arena_size\""] {
        assert_eq!(RecordingKind::of(other), None);
    }
}
