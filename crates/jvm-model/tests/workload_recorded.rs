//! Recorded workloads: emitted as Java, run on real JVMs, and now on the machine. Every collection, what is printed, and
//! how it ends (`tests/oracle/hotspot`).

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use jvm_model::recorded::{Comparison, Recorded, WorkloadRecording};
use workload::{Ending, Options, Workload, interpret};

fn text(name: &str) -> String {
    text_in("../../tests/oracle/hotspot", name)
}

fn text_in(folder: &str, name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    BufReader::new(GzDecoder::new(file)).read_to_string(&mut text).unwrap();
    text
}

fn compare(text: &str) -> Comparison {
    let recording = WorkloadRecording::read(text.as_bytes()).unwrap();
    let workload = Workload::parse(recording.name(), recording.source()).unwrap();
    let code = workload.compile(&recording.set()).unwrap();
    let mut jvm = recording.machine().unwrap().build().unwrap();
    let options = Options { seed: recording.seed(), ..Options::default() };
    let run = interpret::run(&code, &mut jvm, &options);
    let fault = match &run.ending {
        Ending::Finished => None,
        Ending::Faulted(fault) => Some(fault),
    };
    jvm.verify().unwrap_or_else(|wrong| panic!("{}: {wrong}", recording.name()));
    recording.compare(&jvm, &run.output, fault)
}

/// `n` are the collections and the end.
fn check(name: &str, n: u64) {
    let said = compare(&text(&format!("{name}.jsonl.gz"))).to_string();
    assert_eq!(said, format!("exact: {n} of {n} collections and the end"), "{name}");
}

#[test]
fn objects_in_frames_lists_and_arrays_live_and_move_as_in_the_jvm() {
    check("workload17_binary_trees", 13);
    check("workload17_growable_array", 9);
    check("workload17_large_objects", 15);
    check("workload25_linked_list", 8);
}

#[test]
fn texts_and_boxes_are_as_many_as_in_the_jvm() {
    check("workload17_string_builder", 5);
    check("workload17_request_handler", 5);
}

#[test]
fn maps_are_as_large_as_in_the_jvm() {
    check("workload21_lru_cache", 2);
}

#[test]
fn weak_references_are_cleared_by_the_same_collection() {
    check("workload17_weak_cache", 4);
}

#[test]
fn finalizers_run_after_the_same_collection_and_their_objects_live_as_long() {
    check("workload17_resurrection", 3);
}

#[test]
fn memory_is_out_at_the_same_object_and_in_the_same_words() {
    check("workload17_out_of_memory", 22);
}

#[test]
fn random_programs_with_objects_in_all_places_are_exact() {
    check("workload17_random_112", 19);
    check("workload17_random_118", 31);
    check("workload21_random_106", 16);
    check("workload25_random_108", 18);
}

/// Differs: what the place of a variable keeps in Java after both arms of an `if` is not kept here.
#[test]
fn a_variable_of_a_finished_block_keeps_nothing_unlike_in_java() {
    let comparison = compare(&text_in("tests/differs", "workload17_finished_block.jsonl.gz"));
    let wrong = comparison.first_wrong.unwrap().to_string();
    assert!(wrong.contains("collection 0, Young: from after: expected 30016 bytes, predicted 0 bytes"), "{wrong}");
}

#[test]
fn what_is_wrong_is_said_with_the_line_of_the_workload() {
    let text = text("workload17_weak_cache.jsonl.gz");
    assert_eq!(Recorded::of_first_line(text.lines().next().unwrap()), Some(Recorded::Workload));
    let fewer = text.replacen("\"n\":\"20000\"", "\"n\":\"19000\"", 1);
    let comparison = compare(&fewer);
    let wrong = comparison.first_wrong.unwrap().to_string();
    assert!(wrong.contains("collection 0, Young: ") || wrong.contains("collection 1, "), "{wrong}");
    assert!(wrong.contains("the model is in line ") && wrong.contains("of weak_cache: "), "{wrong}");
}

#[test]
fn a_recording_that_is_cut_off_is_an_error() {
    let text = text("workload17_weak_cache.jsonl.gz");
    let error = |text: &str| WorkloadRecording::read(text.as_bytes()).err().unwrap().to_string();
    assert_eq!(error(""), "the file has no `workload`, no `init` or no `end`");
    assert!(
        error(&text[..text.len() - 20]).starts_with("line 6: not a line of a workload: "),
        "{}",
        error(&text[..text.len() - 20])
    );
    let short = text.lines().take(4).collect::<Vec<_>>().join("\n");
    assert_eq!(error(&short), "the file has no `workload`, no `init` or no `end`");
}
