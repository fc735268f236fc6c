//! Whole programs, recorded on the real interpreters, against the machine.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use cpython_model::obmalloc::replay::Failure;
use cpython_model::{CPython, ExactPrograms, RecordedMachine, RecordedProgram, Version, compare_programs, is_programs};
use flate2::bufread::MultiGzDecoder;
use memory_trait::Tick;

use workload::{Options, Workload, interpret};

fn recording() -> String {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/cpython/programs-3.11.7-3.12.1-3.13.0.jsonl.gz");
    let mut text = String::new();
    MultiGzDecoder::new(BufReader::new(File::open(path).unwrap())).read_to_string(&mut text).unwrap();
    text
}

fn run(program: &RecordedProgram, machine: &mut RecordedMachine) -> Result<(), String> {
    let workload = Workload::parse(&program.workload, &program.source).map_err(|error| error.to_string())?;
    let set: Vec<(&str, &str)> = program.set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let code = workload.compile(&set).map_err(|error| error.to_string())?;
    interpret::run(&code, machine, &Options { seed: program.seed, ..Options::default() });
    Ok(())
}

fn compare(text: &str) -> Result<ExactPrograms, Failure> {
    compare_programs(text.as_bytes(), run)
}

/// The first line with something replaced.
fn changed(from: &str, to: &str) -> String {
    let text = recording();
    let line = text.lines().next().unwrap();
    assert!(line.contains(from), "{from} is in the recording");
    line.replacen(from, to, 1)
}

#[test]
fn every_call_of_recorded_programs_is_predicted() {
    let text = recording();
    assert!(is_programs(&text.as_bytes()[..64]));
    let exact = compare(&text).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(exact.n_programs, 18);
    assert!(exact.n_calls > 40_000 && exact.n_collections >= 20, "{exact:?}");
}

#[test]
fn another_version_does_not_make_the_calls_of_this_one() {
    let versions = ["3.11.7", "3.12.1", "3.13.0"];
    for (line, own) in recording().lines().zip(versions) {
        for other in versions {
            let line = line.replacen(&format!("\"version\":\"{own}\""), &format!("\"version\":\"{other}\""), 1);
            assert_eq!(compare(&line).is_ok(), own == other, "{own} as {other}");
        }
    }
}

#[test]
fn a_difference_is_shown_with_the_line_of_the_workload() {
    let Err(Failure::Mismatch { mismatch, .. }) =
        compare(&changed("record Image {\\n", "record Image {\\n    more: int\\n    most: int\\n"))
    else {
        panic!("an image with more fields is larger")
    };
    assert!(mismatch.call.contains("`var image = Image { id: i }`"), "{}", mismatch.call);
    assert!(mismatch.expected.starts_with("malloc(48)"), "{}", mismatch.expected);
    assert!(mismatch.predicted.starts_with("malloc(64)"), "{}", mismatch.predicted);
}

#[test]
fn what_is_no_recording_is_refused_with_a_reason() {
    let check = |text: &str, reason: &str| match compare(text) {
        Err(Failure::Input { line: 1, what }) => assert!(what.contains(reason), "{what}"),
        other => panic!("{other:?}, not {reason}"),
    };
    check(&changed("\"version\":\"3.11.7\"", "\"version\":\"3.9.1\""), "not modelled");
    check(&changed("\"version\":\"3.11.7\"", "\"version\":\"4.0\""), "4.0");
    check(&changed("fn main() {", "fn main( {"), "expected");
    check(&changed("\"events\":[0,", "\"events\":[9,"), "kind 9");
    check(&changed("\"events\":[0,", "\"events\":["), "no multiple of 4");
    check(&changed("\"type\":\"program\"", "\"type\":\"song\""), "song");
    check("{", "EOF");
}

#[test]
fn whole_programs_leave_the_heap_sound_at_every_step() {
    let temporaries = include_str!("../../../tests/oracle/cpython/temporaries.wl").to_owned();
    let random = (1..3).map(workload::random::source);
    for (number, source) in random.chain([temporaries]).enumerate() {
        let workload = Workload::parse("program", &source).unwrap();
        let code = workload.compile(&[]).unwrap();
        for version in [Version::V3_11, Version::V3_12, Version::V3_13] {
            // Often enough that collections come in the middle of everything.
            let mut machine = CPython::builder().version(version).threshold([7, 3, 2]).build();
            let check = |tick: Tick, machine: &CPython| {
                machine
                    .verify()
                    .unwrap_or_else(|wrong| panic!("program {number}, {version}, tick {}: {wrong}", tick.0));
            };
            interpret::run_sampled(&code, &mut machine, &Options::default(), 41, check);
        }
    }
}
