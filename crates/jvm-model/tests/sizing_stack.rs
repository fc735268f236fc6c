//! Depths of `StackOverflowError` under `-Xint`, recorded and measured.

use std::path::PathBuf;

use jvm_model::Version;
use jvm_model::recorded::compare_facts;
use jvm_model::stack::{ThreadStack, frame_bytes};

/// `static void f() { depth++; f(); }`
const F: u64 = frame_bytes(0);
fn facts() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/hotspot/misc17.jsonl");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_recorded_depth_text_queue_and_hash_of_17_is_exact() {
    let (comparison, n_left_out) = compare_facts(facts().as_bytes()).unwrap();
    assert_eq!((comparison.to_string(), n_left_out), ("exact: 36 of 36 facts".to_owned(), 28));
}

#[test]
fn a_fact_that_is_wrong_is_found_and_said() {
    let spoiled = facts().replace("2 1 0", "1 2 0").replace("1795", "1796");
    let wrong = compare_facts(spoiled.as_bytes()).unwrap().0.first_wrong.unwrap();
    assert_eq!((wrong.line, &*wrong.subject, &*wrong.predicted), (6, "soe", "[Some(1795), Some(1234)]"));
    let error = compare_facts("{\"t\":\"moon\"}".as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "line 1: `moon` is no kind of fact");
}

/// Depths of `f` from `main` (two locals) at -Xss256k, 1024k and 2048k.
fn check_main(version: Version, expect: [u64; 3]) {
    let depths = [256, 1024, 2048].map(|k| ThreadStack::of_main(version, k << 10).depth(frame_bytes(2), F));
    assert_eq!(depths, expect);
}

#[test]
fn each_version_has_its_own_depth() {
    check_main(Version::V17, [1796, 10733, 22648]);
    check_main(Version::V21, [1796, 10733, 22649]);
    check_main(Version::V25, [1795, 10732, 22648]);
}

#[test]
fn a_new_threads_stack_is_whole_pages() {
    let stack = |bytes| ThreadStack::of_thread(Version::V17, bytes);
    assert_eq!(stack(1_000_000), stack(1_003_520));
    assert_ne!(stack(1_000_000), stack(999_424));
}

#[test]
fn a_stack_smaller_than_its_guards_holds_nothing() {
    assert_eq!(ThreadStack::of_main(Version::V17, 4096).depth(0, F), 0);
}
