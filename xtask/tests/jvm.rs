//! `cargo xtask jvm` from the outside: its logs in every form, read by the reader here and by another one.

use std::process::Command;

use gc_log::{Collection, Reader};

/// A workload with some young collections.
const RUN: [&str; 6] = ["jvm", "graph_churn", "--set", "rounds=200", "--vm=-Xmx4m", "--vm=-Xmn1m"];

/// Exit code, stdout, stderr.
fn xtask(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn log(more: &[&str]) -> String {
    let (code, stdout, stderr) = xtask(&[&RUN[..], more].concat());
    assert!(code != 2, "{stderr}");
    stdout
}

fn collections(log: &str) -> Vec<Collection> {
    Reader::new(log.as_bytes(), "the model's log").collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_form_of_the_log_is_read_and_tells_of_the_same_collections() {
    let full = log(&["--log", "gc*=debug,gc+age=trace"]);
    let expected = collections(&full);
    assert!(expected.iter().any(|gc| gc.kind == gc_log::Kind::Young), "{full}");
    assert!(expected.iter().any(|gc| gc.ages.is_some()));
    for jdk in ["17", "21", "25"] {
        for what in ["gc", "gc*", "gc*=debug,gc+age=trace", "gc*::none", "gc*::uptimenanos,tags", "gc,gc+heap"] {
            for times in [&[][..], &["--no-times"]] {
                let read = collections(&log(&[&["--jdk", jdk, "--log", what], times].concat()));
                assert!(!read.is_empty(), "{jdk} {what} {times:?}");
                if jdk == "17" {
                    let heaps = |list: &[Collection]| list.iter().map(|gc| gc.heap).collect::<Vec<_>>();
                    assert_eq!(heaps(&read), heaps(&expected), "{what} {times:?}");
                }
            }
        }
    }
}

/// The reader of GC logs of `jvmind-ce`, a package of PyPI (`pip install --no-deps jvmind-ce==0.1.30`).
const ANOTHER_READER: &str = "
import sys
from react_agent.gc_analyzer import parse_gc_log
found = parse_gc_log(sys.stdin.read())
for gc in found['events']:
    print(gc.id, gc.category, gc.cause, int(gc.heap_before_mb), int(gc.heap_after_mb), int(gc.heap_total_mb))
";

#[test]
fn another_reader_of_gc_logs_finds_the_same_collections() {
    use std::io::Write as _;
    let python = |arguments: &[&str]| {
        let mut command = Command::new("python3");
        command.args(arguments).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::null()).spawn()
    };
    let has_reader = python(&["-c", "import react_agent.gc_analyzer"])
        .and_then(std::process::Child::wait_with_output)
        .is_ok_and(|output| output.status.success());
    if !has_reader {
        eprintln!("skipped: python3 has no module react_agent.gc_analyzer (pip install --no-deps jvmind-ce==0.1.30)");
        return;
    }
    for what in ["gc", "gc*", "gc*=debug,gc+age=trace"] {
        let log = log(&["--log", what]);
        let mut reader = python(&["-c", ANOTHER_READER]).unwrap();
        reader.stdin.take().unwrap().write_all(log.as_bytes()).unwrap();
        let found = String::from_utf8(reader.wait_with_output().unwrap().stdout).unwrap();
        let expected = collections(&log).into_iter().map(|gc| {
            let heap = gc.heap.unwrap();
            let [before, after, total] =
                [heap.before_bytes, heap.after_bytes, heap.capacity_bytes.unwrap()].map(|bytes| bytes >> 20);
            let kind = if gc.kind == gc_log::Kind::Full { "Full" } else { "Young" };
            format!("{} {kind} {} {before} {after} {total}\n", gc.number, gc.cause.unwrap())
        });
        assert_eq!(found, expected.collect::<String>(), "{what}");
    }
}

#[test]
fn what_jcmd_and_jstat_say_follows_the_log() {
    let stdout = log(&["--log", "gc=off", "--heap-info", "--jstat"]);
    assert!(stdout.starts_with(" def new generation   total "), "{stdout}");
    assert!(stdout.contains("\n    S0C         S1C  "), "{stdout}");
}

#[test]
fn a_heap_dump_is_of_the_moment_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("heap.hprof");
    let file = file.to_str().unwrap();
    log(&["--heap-dump", file, "--at", "200"]);
    let dump = std::fs::read(file).unwrap();
    assert!(dump.starts_with(b"JAVA PROFILE 1.0.2\0"));
    let (code, _, stderr) = xtask(&[&RUN[..], &["--heap-dump", file, "--at", "99999999999"]].concat());
    assert!(code == 2 && stderr.contains("ended before that"), "{stderr}");
}

#[test]
fn misuse_is_said() {
    let (code, _, stderr) = xtask(&["jvm", "graph_churn", "--log", "gc+tlab"]);
    assert!(code == 2 && stderr.contains("Invalid tag 'tlab' in log selection"), "{stderr}");
    let (code, _, stderr) = xtask(&["jvm", "graph_churn", "--vm=-Xmx1k"]);
    assert!(code == 2 && stderr.contains("Too small maximum heap"), "{stderr}");
}
