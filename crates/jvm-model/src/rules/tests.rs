//! Each rule switched off, on recordings of real JVMs: at least one is then predicted wrongly, or not at all.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use flate2::read::GzDecoder;
use workload::{Ending, Options, Workload, interpret};

use super::{OFF, RULES};
use crate::layout::Blocks;
use crate::recorded::{Recorded, WorkloadRecording, compare_layouts, compare_serial, compare_sizings};

/// The recordings, the quickest first.
const RECORDINGS: [&str; 26] = [
    "sizing17.jsonl",
    "sizing_live17.jsonl",
    "layout_17.default.jsonl",
    "workload17_resurrection.jsonl",
    "workload17_weak_cache.jsonl",
    "workload17_growable_array.jsonl",
    "workload21_lru_cache.jsonl",
    "workload17_random_112.jsonl",
    "workload17_random_118.jsonl",
    "workload21_random_106.jsonl",
    "serial17_small_shrinking.jsonl",
    "serial17_align32.jsonl",
    "serial17_wide_headers.jsonl",
    "serial17_wide_references.jsonl",
    "serial21_wide_both.jsonl",
    "serial25_compact.jsonl",
    "serial17_small_growing.jsonl",
    "serial17_small_large.jsonl",
    "serial17_small_request.jsonl",
    "serial17_oom_large.jsonl",
    "serial17_promofail_arrays.jsonl",
    "serial17_tlab_varheap_arrays.jsonl",
    "serial17_large_pretenure.jsonl",
    "serial21_tlab_mix.jsonl",
    "serial25_notlab_arrays.jsonl",
    "layout_25.default.jsonl",
];

fn recordings() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/hotspot");
    let read = |name: &str| {
        let file = std::fs::File::open(folder.join(format!("{name}.gz"))).unwrap();
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
        text
    };
    RECORDINGS.iter().map(|name| read(name)).collect()
}

fn is_predicted(recording: &str) -> bool {
    let compared = match Recorded::of_first_line(recording.lines().next().unwrap()) {
        Some(Recorded::Layouts) => compare_layouts(recording.as_bytes()),
        Some(Recorded::Sizings) => compare_sizings(recording.as_bytes(), None),
        Some(Recorded::Serial) => compare_serial(recording.as_bytes()),
        Some(Recorded::Workload) => return is_run_predicted(recording),
        other => panic!("{other:?}"),
    };
    compared.is_ok_and(|comparison| comparison.is_exact())
}

/// No class of a recording has two holes of the same size: the case is from `fieldLayoutBuilder.cpp:FieldLayout::add`,
/// which compares with `<` from the end on.
fn equal_holes_are_taken_from_the_end() -> bool {
    Blocks::after_fields(8, &[(12, 4), (20, 4)]).add(1) == 16
}

fn is_run_predicted(recording: &str) -> bool {
    let recording = WorkloadRecording::read(recording.as_bytes()).unwrap();
    let workload = Workload::parse(recording.name(), recording.source()).unwrap();
    let mut jvm = recording.machine().unwrap().build().unwrap();
    let options = Options { seed: recording.seed(), ..Options::default() };
    let run = interpret::run(&workload.compile(&recording.set()).unwrap(), &mut jvm, &options);
    let fault = match &run.ending {
        Ending::Finished => None,
        Ending::Faulted(fault) => Some(fault),
    };
    recording.compare(&jvm, &run.output, fault).is_exact()
}

#[test]
fn without_any_one_of_the_rules_some_recording_is_not_predicted() {
    let recordings = recordings();
    let mut needless = Vec::new();
    for &rule in RULES {
        OFF.set(Some(rule));
        // A heap that breaks a rule may break an assertion, too.
        let shows = |recording: &String| !catch_unwind(AssertUnwindSafe(|| is_predicted(recording))).unwrap_or(false);
        if equal_holes_are_taken_from_the_end() && !recordings.iter().any(shows) {
            needless.push(rule);
        }
        OFF.set(None);
    }
    assert!(needless.is_empty(), "no recording shows {needless:?}");
}
