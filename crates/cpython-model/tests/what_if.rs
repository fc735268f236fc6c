//! Recordings under other versions: what must stay the same, and what the versions are known to differ in.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use cpython_model::Version;
use cpython_model::obmalloc::replay::what_if::{Measured, Recording, Setting, each_recording};
use cpython_model::obmalloc::replay::{Failure, RecordingKind, replay};

fn oracle(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/cpython").join(name)
}

fn open(name: &str) -> BufReader<File> {
    BufReader::new(File::open(oracle(name)).unwrap())
}

const TRACE: &str = "real_program_traces-3.12.1-json.jsonl.gz";
const SEQUENCES: &str = "pymalloc_sequences-3.11.7-3.12.1-3.13.0.jsonl.gz";

/// Each recording of a file with what came of each setting, as recorded first.
fn swept(name: &str, kind: RecordingKind) -> Vec<(Version, Vec<Measured>)> {
    let mut all = Vec::new();
    each_recording(open(name), kind, |recording: &Recording| {
        let versions = Version::ALL.map(Setting::Version);
        let settings = [&[Setting::AsRecorded], versions.as_slice()].concat();
        let measured: Result<Vec<Measured>, _> = settings.iter().map(|&setting| recording.under(setting)).collect();
        all.push((recording.version(), measured?));
        Ok(())
    })
    .unwrap();
    assert!(!all.is_empty());
    all
}

#[test]
fn every_byte_that_is_asked_for_is_there_under_every_version() {
    for (_, measured) in swept(TRACE, RecordingKind::Trace).into_iter().chain(swept(SEQUENCES, RecordingKind::Sequence))
    {
        for setting in &measured {
            let first = &measured[0];
            assert_eq!(setting.n_calls, first.n_calls);
            assert_eq!(setting.at_end.requested_bytes, first.at_end.requested_bytes);
            assert_eq!(setting.fullest.requested_bytes, first.fullest.requested_bytes);
            for state in [setting.fullest, setting.at_end] {
                let stats = state.stats;
                let parts = state.rounding_bytes()
                    + stats.free_block_bytes
                    + stats.free_pool_bytes
                    + stats.pool_header_bytes
                    + stats.quantization_bytes
                    + stats.alignment_bytes;
                assert_eq!(state.lost_bytes(), parts, "each byte is lost once");
            }
        }
    }
}

#[test]
fn as_recorded_makes_and_releases_the_arenas_of_the_recording() {
    for (name, kind) in [(TRACE, RecordingKind::Trace), (SEQUENCES, RecordingKind::Sequence)] {
        let exact = replay(open(name), kind).unwrap();
        let all = swept(name, kind);
        let n_events: u64 =
            all.iter().map(|(_, measured)| measured[0].n_arenas_made + measured[0].n_arenas_released).sum();
        assert_eq!((all.len() as u64, n_events), (exact.n_recordings, exact.n_arena_events), "{name}");
    }
}

#[test]
fn from_an_empty_heap_the_recorded_version_is_the_recording_but_for_alignment() {
    let mut n_compared = 0;
    for (version, measured) in swept(SEQUENCES, RecordingKind::Sequence) {
        let index = Version::ALL.iter().position(|&one| one == version).unwrap();
        let (recorded, again) = (&measured[0], &measured[1 + index]);
        if recorded.at_end.stats.alignment_bytes == 0 && recorded.fullest.stats.alignment_bytes == 0 {
            assert_eq!(recorded, again);
            n_compared += 1;
        }
    }
    assert!(n_compared > 0, "some were recorded with aligned arenas");
}

#[test]
fn arenas_of_a_quarter_of_the_size_are_made_more_often() {
    for (_, measured) in swept(TRACE, RecordingKind::Trace) {
        let [_, v3_8, v3_9, v3_10, v3_11, v3_12, v3_13] = measured.as_slice() else { panic!("seven settings") };
        assert!(v3_9.n_arenas_max > v3_10.n_arenas_max);
        assert!(v3_8.n_arenas_made >= v3_9.n_arenas_made, "3.8 gives back the last usable arena as well");
        // pymalloc itself has not changed since.
        assert_eq!([v3_10, v3_11, v3_12], [v3_11, v3_12, v3_13]);
    }
}

#[test]
fn a_recording_that_contradicts_itself_is_refused_with_its_line() {
    let line = |ops: &str| {
        format!(
            "{{\"version\":\"3.12.1\",\"arena_size\":1048576,\"pool_size\":16384,\"skew\":0,\"slots\":2,\
             \"ops\":[{ops}],\"rel\":[0,0],\"arena_events\":[]}}"
        )
    };
    for (ops, expected) in [
        ("0,0,16,0,0,16", "line 1: call 1: answers a block that is in use"),
        ("0,0,16,0,2,16", "line 1: call 1: slot 2, there are 2"),
        ("0,0,16,9,0,16", "line 1: call 1: kind 9; known are 0 to 3"),
    ] {
        let failure = each_recording(line(ops).as_bytes(), RecordingKind::Sequence, |recording| {
            recording.under(Setting::Version(Version::V3_8)).map(drop)
        });
        assert!(matches!(failure, Err(Failure::Input { line: 1, .. })), "{ops}");
        assert_eq!(failure.unwrap_err().to_string(), expected);
    }
}
