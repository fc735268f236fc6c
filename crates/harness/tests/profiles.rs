//! Traces as heap profiles, opened with the tools that are for them.

use std::path::{Path, PathBuf};
use std::process::Command;

use c_model::Glibc;
use c_model::report::profile::Unit;
use c_model::report::{dhat, massif};
use harness::replay::{Profiled, profile};
use heap_trace::{Reader, TraceError};
use serde_json::Value;

fn oracle(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle").join(name)
}

fn of(open: impl Fn() -> Result<Reader, TraceError>, unit: Unit) -> Profiled {
    profile(open, &Glibc::builder(), unit, |_| {}).unwrap()
}

fn recorded(name: &str, unit: Unit) -> Profiled {
    let Profiled { profile, difference, fault } = of(|| Reader::open(&oracle(name)), unit);
    assert_eq!((&difference, &fault), (&None, &None), "{name}");
    Profiled { profile, difference, fault }
}

fn written(lines: &str, unit: Unit) -> Profiled {
    let text = format!("H page+0 base=0 mref=0\n{lines}");
    of(|| Reader::new(std::io::Cursor::new(text.clone().into_bytes()), "written.tr"), unit)
}

const LINES: &str = "\
0 m 24 = #1
0 c 10 10 = #2
0 r #1 1000 = #3
0 f #2
0 m 5 = #4
0 r #4 0 = 0
";

#[test]
fn a_small_trace_as_massif_has_it() {
    let Profiled { profile, .. } = written(LINES, Unit::Events);
    let text = massif(&profile, "written #1");
    let values: Vec<&str> = text.lines().filter(|line| line.starts_with("mem_heap")).collect();
    // Headers and rounding: 32 - 8 for 24 bytes are none but the header; 112 for 100, 1008 for 1000, 32 for 5.
    let expected = [[0, 0], [24, 8], [124, 20], [1100, 20], [1000, 8], [1005, 35], [1000, 8]];
    let expected: Vec<String> = expected
        .iter()
        .flat_map(|[payload, extra]| [format!("mem_heap_B={payload}"), format!("mem_heap_extra_B={extra}")])
        .collect();
    assert_eq!(values, expected);
    let peak: Vec<&str> = text.lines().skip_while(|line| *line != "heap_tree=peak").skip(1).take(5).collect();
    let expected = [
        "n2: 1100 (heap allocation functions)",
        " n1: 1000 0x10000: realloc (trace)",
        "  n0: 1000 0x10003: chunks of 1008 bytes (trace)",
        " n1: 100 0x20000: calloc (trace)",
        "  n0: 100 0x20002: chunks of 112 bytes (trace)",
    ];
    assert_eq!(peak, expected);
    assert!(
        text.starts_with("desc: heaptwin: replayed") && text.contains("\ncmd: written  1\ntime_unit: i\n"),
        "{text}"
    );
}

#[test]
fn a_small_trace_as_dhat_has_it() {
    let Profiled { profile, .. } = written(LINES, Unit::Events);
    let document: Value = serde_json::from_str(&dhat(&profile, "a \"b\"")).unwrap();
    assert_eq!((&document["te"], &document["tg"], &document["cmd"]), (&6.into(), &3.into(), &"a \"b\"".into()));
    let point = |index: usize| {
        let point = &document["pps"][index];
        let frames: Vec<&str> = point["fs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|frame| document["ftbl"][frame.as_u64().unwrap() as usize].as_str().unwrap())
            .collect();
        let figures: Vec<u64> = ["tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk"]
            .iter()
            .map(|key| point[key].as_u64().unwrap())
            .collect();
        (frames.join(" > "), figures)
    };
    assert_eq!(point(0), ("malloc > chunks of 32 bytes".to_owned(), vec![29, 2, 3, 24, 1, 0, 0, 0, 0]));
    assert_eq!(point(1), ("calloc > chunks of 112 bytes".to_owned(), vec![100, 1, 2, 100, 1, 100, 1, 0, 0]));
    assert_eq!(point(2), ("realloc > chunks of 1008 bytes".to_owned(), vec![1000, 1, 3, 1000, 1, 1000, 1, 1000, 1]));
}

#[test]
fn the_bytes_of_the_sites_are_those_of_the_heap() {
    for name in ["glibc-2.36/sqlite.tr.xz", "glibc-2.36/edge9.tr.xz", "formats/threads.ltrace.gz"] {
        for unit in [Unit::Events, Unit::Bytes] {
            let Profiled { profile, .. } = recorded(name, unit);
            let text = massif(&profile, name);
            let (mut n_trees, mut heap_bytes, mut last_time) = (0, 0, 0);
            let mut rest: Vec<u64> = Vec::new();
            for line in text.lines() {
                let number = |text: &str| text.split(' ').next().unwrap().parse::<u64>().unwrap();
                if let Some(time) = line.strip_prefix("time=") {
                    assert!(number(time) >= last_time, "{name}: {line}");
                    last_time = number(time);
                } else if let Some(bytes) = line.strip_prefix("mem_heap_B=") {
                    heap_bytes = number(bytes);
                } else if line.starts_with('n') && line.contains("(heap allocation functions)") {
                    assert_eq!(rest.iter().sum::<u64>(), 0, "{name}: the last tree is whole");
                    assert_eq!(number(line.split_once(": ").unwrap().1), heap_bytes, "{name}: {line}");
                    (n_trees, rest) = (n_trees + 1, vec![heap_bytes, 0]);
                } else if line.starts_with(" n") {
                    let bytes = number(line.split_once(": ").unwrap().1);
                    assert_eq!(rest[1], 0, "{name}: {line}");
                    rest[0] -= bytes;
                    rest[1] = bytes;
                } else if line.starts_with("  n") {
                    rest[1] -= number(line.split_once(": ").unwrap().1);
                }
            }
            assert_eq!(rest.iter().sum::<u64>(), 0, "{name}");
            assert!(n_trees >= 1 && text.matches("heap_tree=peak").count() == 1, "{name}: {n_trees} trees");
            assert!(text.matches("snapshot=").count() <= 100, "{name}");
        }
    }
}

#[test]
fn ms_print_opens_a_profile_and_draws_it() {
    let Profiled { profile, .. } = recorded("glibc-2.36/sqlite.tr.xz", Unit::Bytes);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), massif(&profile, "sqlite.tr.xz")).unwrap();
    match Command::new("ms_print").arg(file.path()).output() {
        Err(error) => eprintln!("skipped: ms_print cannot be run here: {error}"),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert!(said.contains("Command:            sqlite.tr.xz"), "{said}");
            assert!(said.contains("Detailed snapshots: [") && said.contains("(peak)"), "{said}");
            assert!(said.contains("malloc (trace)"), "{said}");
        }
    }
}

/// The keys of an object that our profile must have, and the kinds of their values.
fn kinds(of: &Value) -> Vec<(String, &'static str)> {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    of.as_object().unwrap().iter().map(|(key, value)| (key.clone(), kind(value))).collect()
}

#[test]
fn a_dhat_profile_has_the_fields_of_one_that_valgrind_writes() {
    let Profiled { profile, .. } = recorded("glibc-2.36/sqlite.tr.xz", Unit::Events);
    let ours: Value = serde_json::from_str(&dhat(&profile, "sqlite.tr.xz")).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=dhat").arg(format!("--dhat-out-file={}", file.path().display())).args(["/bin/ls", "/"]);
    if !valgrind.output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: valgrind --tool=dhat cannot be run here");
        return;
    }
    let theirs: Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
    assert_eq!(kinds(&ours), kinds(&theirs));
    assert_eq!((&ours["dhatFileVersion"], &ours["mode"]), (&theirs["dhatFileVersion"], &theirs["mode"]));
    // Without `bkacc` there are no accesses in a point.
    assert_eq!((&ours["bkacc"], &theirs["bkacc"]), (&false.into(), &true.into()));
    let mut expected: Vec<(String, &str)> = kinds(&theirs["pps"][0]);
    expected.retain(|(key, _)| !["acc", "rb", "wb"].contains(&key.as_str()));
    for point in ours["pps"].as_array().unwrap() {
        assert_eq!(kinds(point), expected);
    }
}
