//! `cargo xtask explain` and `sweep` from the outside: what they print, what they refuse.

use std::path::{Path, PathBuf};
use std::process::Command;

use heap_trace::{Reader, Record};
use serde_json::Value;

fn oracle(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/glibc-2.36").join(name);
    path.to_str().unwrap().to_owned()
}

/// Exit code, stdout, stderr.
fn xtask(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = xtask(&[arguments, &["--format", "json"]].concat());
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// A trace with these lines, in a file.
fn written(lines: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("H page+0 base=55e000 mref=7f0000000000\n{lines}")).unwrap();
    file
}

#[test]
fn every_byte_and_every_page_of_a_real_program_is_somewhere() {
    let report = json(&["explain", &oracle("sqlite.tr.xz"), "--rows", "3", "--at", "40000"]);
    assert_eq!(report["schema"], "heaptwin.explain/1");
    assert_eq!((number(&report["event"]), report["difference"].is_null()), (40_000, true));
    let places = report["places"].as_array().unwrap();
    let sum = |field: &str| places.iter().map(|place| number(&place[field])).sum::<u64>();
    let pages = &report["pages"];
    assert_eq!(sum("resident_bytes"), number(&pages["n_resident"]) * 4096);
    assert!(sum("bytes") >= sum("resident_bytes"));
    let live = &report["live"];
    let parts = ["requested_bytes", "header_bytes", "rounding_bytes"].map(|field| number(&live[field]));
    let in_chunks: u64 =
        places.iter().filter(|place| place["part"] == "live").map(|place| number(&place["bytes"])).sum();
    assert_eq!(parts.iter().sum::<u64>(), in_chunks);
    for pin in report["pins"].as_array().unwrap() {
        assert!(pin["pinned_bytes"].as_i64().unwrap() > 0, "{pin}");
        assert!(number(&pin["born_event"]) <= 40_000, "{pin}");
    }
}

#[test]
fn the_text_has_a_map_a_timeline_and_what_could_be_returned() {
    let (code, stdout, stderr) = xtask(&["explain", &oracle("edge7.tr.xz"), "--rows", "2", "--at", "peak"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for part in [
        "live blocks",
        "by arena",
        "resident pages",
        "over time",
        "heap at",
        "by malloc_trim(0)",
        "(blank) not resident",
    ] {
        assert!(stdout.contains(part), "no {part:?} in\n{stdout}");
    }
    let too_long: Vec<_> = stdout.lines().filter(|line| line.chars().count() > 110).collect();
    assert!(too_long.is_empty(), "{too_long:?}");
}

#[test]
fn glibc_s_own_reports_can_be_had_at_any_moment() {
    let trace = oracle("edge4.tr.xz");
    let (_, without, _) = xtask(&["explain", &trace, "--at", "1000", "--as", "malloc-info"]);
    let (_, with, _) = xtask(&["explain", &trace, "--at", "1000", "--as", "malloc-info", "--tcache"]);
    assert!(without.starts_with("<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n"));
    assert!(!without.contains("tcache") && with.contains("<tcache thread=\"0\">"));
    let (_, stats, _) = xtask(&["explain", &trace, "--as", "malloc-stats"]);
    assert!(stats.starts_with("Arena 0:\nsystem bytes     = "));
}

#[test]
fn a_trace_of_another_allocator_is_followed_with_addresses_of_our_own() {
    let file = written("0 m 100 = H10\n0 m 200 = H90\n0 f H10\n");
    let (code, stdout, stderr) = xtask(&["explain", file.path().to_str().unwrap()]);
    assert_eq!(code, 0);
    assert!(stderr.contains("not as glibc 2.36 would give it") && stderr.contains("expected:  H10"), "{stderr}");
    assert!(stdout.contains("1 live blocks: 200 B asked for"), "{stdout}");
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let file = written("0 m 100 = H2a0\nB 21000\n");
    let trace = file.path().to_str().unwrap();
    for (arguments, reason) in [
        (vec!["explain", trace, "--at", "0"], "expected the number of an event from 1 on"),
        (vec!["explain", trace, "--at", "9"], "there is no event 9, the last one is 1"),
        (vec!["explain", trace, "--tunables", "arena_mex=1"], "no tunable of this name"),
        (vec!["explain", "/nowhere.tr"], "/nowhere.tr"),
        (vec!["sweep", trace, "--set", "arena_mex=1"], "no tunable of this name"),
        (vec!["sweep", trace, "--set", "mxfast=161"], "out of range"),
        (vec!["sweep", trace, "--set", "mxfast"], "expected NAME=VALUE"),
    ] {
        let (code, stdout, stderr) = xtask(&arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains(reason), "{arguments:?}: {stderr}");
    }
}

/// The most that the break of a recording was above its start.
fn recorded_break(path: &str) -> u64 {
    let trace = Reader::open(Path::new(path)).unwrap();
    let breaks = trace.filter_map(|record| match record.unwrap() {
        Record::Break(at) => Some(at),
        _ => None,
    });
    breaks.max().unwrap()
}

#[test]
fn the_first_setting_of_a_sweep_is_the_recording() {
    let trace = oracle("sqlite.tr.xz");
    let report = json(&["sweep", &trace, "--set", "top_pad=0,1m", "--set", "mmap_threshold=64k"]);
    let settings = report["settings"].as_array().unwrap();
    let tunables: Vec<_> = settings.iter().map(|setting| setting["tunables"].as_str().unwrap()).collect();
    assert_eq!(tunables, ["", "top_pad=0:mmap_threshold=65536", "top_pad=1048576:mmap_threshold=65536"]);
    assert_eq!(number(&settings[0]["break_bytes_max"]), recorded_break(&trace));
    assert!(number(&settings[1]["calls"]["brk"]) > number(&settings[2]["calls"]["brk"]), "less is asked for each time");
    assert!(settings.iter().all(|setting| number(&setting["n_events"]) == 58881));
}

#[test]
fn a_sweep_is_the_same_each_time_and_its_best_are_marked() {
    let trace = oracle("edge4.tr.xz");
    let [once, again] = [(); 2].map(|()| xtask(&["sweep", &trace]));
    assert_eq!(once.0, 0, "{}", once.2);
    assert!(once.1.contains("as recorded") && once.1.contains('*'));
    assert_eq!(once.1, again.1);
}
