//! Depths of `StackOverflowError` under `-Xint`, recorded and measured.

use std::path::PathBuf;

use jvm_model::Version;
use jvm_model::stack::{ThreadStack, frame_bytes};
use serde_json::Value;

/// `static void f() { depth++; f(); }`
const F: u64 = frame_bytes(0);
/// `static void g(long a, long b, Object c) { depth++; g(a, b, c); }`
const G: u64 = frame_bytes(5);

/// Frames of the recording program between `main` and `f` or `g`, on the main thread and on a new one. Unit: bytes.
/// Not recorded: the depths allow 305 to 336 and 177 to 208.
const BELOW: [u64; 2] = [320, 192];

#[test]
fn every_recorded_depth_of_17_is_exact() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/hotspot/misc17.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut n_rows = 0;
    for row in rows.iter().filter(|row| row["t"] == "soe" && row["mode"] == "int") {
        let (stack, below) = match row["xss"].as_str() {
            Some(xss) => {
                let flags = jvm_model::Flags::parse(Version::V17, [format!("-Xss{xss}")]).unwrap();
                (ThreadStack::of_main(Version::V17, flags.thread_stack_bytes), BELOW[0])
            }
            None => (ThreadStack::of_thread(Version::V17, row["bytes"].as_u64().unwrap()), BELOW[1]),
        };
        assert_eq!(stack.depth(below, F), row["f"].as_u64().unwrap(), "{row}");
        assert_eq!(stack.depth(below, G), row["g"].as_u64().unwrap(), "{row}");
        n_rows += 1;
    }
    assert_eq!(n_rows, 9);
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
