//! Recorded heap programs of real JVMs: every collection, every space's top, every age and threshold, and the address
//! of every object (`tests/oracle/hotspot`).

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use jvm_model::recorded::compare_serial;

fn recorded(name: &str) -> BufReader<impl Read> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/hotspot").join(name);
    BufReader::new(GzDecoder::new(File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))))
}

fn check(name: &str, expect: &str) {
    assert_eq!(compare_serial(recorded(name)).unwrap().to_string(), expect);
}

#[test]
fn a_program_that_runs_out_of_memory_is_exact() {
    check("serial17_oom_large.jsonl.gz", "exact: 17 of 17 collections and snapshots");
}

#[test]
fn a_program_whose_promotions_fail_is_exact() {
    check("serial17_promofail_arrays.jsonl.gz", "exact: 62 of 62 collections and snapshots");
}

#[test]
fn a_heap_that_grows_with_buffers_that_are_resized_is_exact() {
    check("serial17_tlab_varheap_arrays.jsonl.gz", "exact: 50 of 50 collections and snapshots");
}

#[test]
fn large_objects_born_old_are_exact() {
    check("serial17_large_pretenure.jsonl.gz", "exact: 19 of 19 collections and snapshots");
}

#[test]
fn small_programs_with_the_place_of_their_end_are_exact() {
    check("serial17_small_growing.jsonl.gz", "exact: 22 of 22 collections and snapshots");
    check("serial17_small_large.jsonl.gz", "exact: 14 of 14 collections and snapshots");
}

#[test]
fn a_program_of_21_is_exact() {
    check("serial21_tlab_mix.jsonl.gz", "exact: 22 of 22 collections and snapshots");
}

#[test]
fn a_program_of_25_is_exact() {
    check("serial25_notlab_arrays.jsonl.gz", "exact: 41 of 41 collections and snapshots");
}

#[test]
fn a_program_with_references_of_eight_bytes_is_exact() {
    check("serial17_wide_references.jsonl.gz", "exact: 7 of 7 collections and snapshots");
}

#[test]
fn a_program_with_headers_of_sixteen_bytes_is_exact() {
    check("serial17_wide_headers.jsonl.gz", "exact: 14 of 14 collections and snapshots");
    check("serial21_wide_both.jsonl.gz", "exact: 13 of 13 collections and snapshots");
}

#[test]
fn a_program_with_objects_aligned_to_32_is_exact() {
    check("serial17_align32.jsonl.gz", "exact: 9 of 9 collections and snapshots");
}

#[test]
fn a_program_with_compact_headers_is_exact() {
    check("serial25_compact.jsonl.gz", "exact: 15 of 15 collections and snapshots");
}

/// The whole text of a recording, for tests that spoil it.
fn text(name: &str) -> String {
    let mut text = String::new();
    recorded(name).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn one_wrong_address_is_found_and_said() {
    let text = text("serial21_tlab_mix.jsonl.gz");
    let line = text.lines().position(|line| line.starts_with("{\"snap\"")).unwrap();
    let snapshot = text.lines().nth(line).unwrap();
    let address = snapshot.split(',').nth(40).unwrap();
    let spoiled = text.replacen(snapshot, &snapshot.replacen(address, "4242", 1), 1);
    let comparison = compare_serial(spoiled.as_bytes()).unwrap();
    let wrong = comparison.first_wrong.unwrap();
    assert_eq!((wrong.line, wrong.expected.as_str()), (line as u64 + 1, "0x1092"));
    assert_eq!(comparison.n_exact + 1, comparison.n_total);
}

#[test]
fn a_file_that_is_cut_off_or_empty_is_an_error_with_a_line() {
    let error = |text: &str| compare_serial(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(error(""), "the file has no heap program, or nothing happens in it");
    let text = text("serial21_tlab_mix.jsonl.gz");
    assert!(error(&text[..text.len() / 2]).starts_with("line "), "{}", error(&text[..text.len() / 2]));
    let gc = text.lines().find(|line| line.starts_with("{\"gc\"")).unwrap();
    assert_eq!(error(gc), "line 1: something happens before `hdr` and `init`");
}
