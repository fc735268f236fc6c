//! Logs that real VMs wrote, and what becomes of them when they are damaged.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use gc_log::{Collection, Difference, Kind, LogError, Problem, Reader, Summary, compare};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/hotspot/gc-logs")
}

fn log(name: &str) -> String {
    let path = folder().join(format!("{name}.log.gz"));
    let mut text = String::new();
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    GzDecoder::new(file).read_to_string(&mut text).expect("the archive is whole");
    text
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".log.gz").map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn read(text: &str) -> Result<Vec<Collection>, LogError> {
    Reader::new(text.as_bytes(), "gc.log").collect()
}

#[test]
fn every_line_that_ends_a_collection_comes_back_as_it_was() {
    assert!(names().len() >= 9);
    for name in names() {
        let text = log(&name);
        let ends = |line: &&str| {
            let is_of_collection = line.contains(") Pause ") || line.contains(") Concurrent Mark Cycle ");
            is_of_collection && line.ends_with("ms") && !line.contains("Phase")
        };
        let expected: Vec<&str> =
            text.lines().filter(ends).map(|line| &line[line.find("GC(").expect("it has a number")..]).collect();
        let collections = read(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found: Vec<String> = collections.iter().map(Collection::to_string).collect();
        assert_eq!(found, expected, "{name}");
        assert!(found.len() > 10, "{name}");
    }
}

#[test]
fn generations_ages_and_processor_time_are_those_of_the_lines() {
    let text = log("17-Serial-debug");
    let first = &read(&text).expect("it reads")[0];
    let [young, old] = [first.young().expect("DefNew"), first.old().expect("Tenured")];
    assert_eq!(
        (young.before_bytes, young.after_bytes, young.capacity_bytes),
        (2175 << 10, 256 << 10, Some(2432 << 10))
    );
    assert_eq!((old.before_bytes, old.after_bytes, old.capacity_bytes), (0, 465 << 10, Some(5504 << 10)));
    assert_eq!(first.generation("Eden").map(|eden| eden.after_bytes), Some(0));
    let ages = first.ages.as_ref().expect("the age table was logged");
    assert_eq!((ages.desired_survivor_bytes, ages.threshold, ages.threshold_max), (131_072, 1, 15));
    assert_eq!(ages.bytes, [(1, 262_144)]);
    assert!(first.cpu.is_some());
    assert_eq!(first.at_ns, Some(66_000_000));
    assert_eq!(first.heap_change().map(|heap| heap.after_bytes), Some((256 + 465) << 10));
}

#[test]
fn the_first_lines_tell_of_the_vm() {
    for (name, collector, version) in [
        ("17-Serial-gcs", "Serial", "17.0.15+6"),
        ("17-Parallel-gcs", "Parallel", "17.0.15+6"),
        ("25-G1-gcs", "G1", "25.0.3+9"),
    ] {
        let text = log(name);
        let mut reader = Reader::new(text.as_bytes(), name);
        assert!(reader.by_ref().all(|collection| collection.is_ok()));
        let vm = reader.vm();
        assert_eq!((vm.collector.as_deref(), vm.version.as_deref()), (Some(collector), Some(version)), "{name}");
        assert_eq!((vm.heap_initial_bytes, vm.heap_max_bytes), (Some(8 << 20), Some(16 << 20)), "{name}");
        assert!(!reader.is_cut_off());
    }
}

#[test]
fn a_log_without_times_is_a_log() {
    let text = "GC(0) Pause Young (Allocation Failure)\n\
                GC(0) DefNew: 273K(320K)->31K(320K)\n\
                GC(0) Tenured: 0K(1728K)->12K(1728K)\n\
                GC(0) Pause Young (Allocation Failure) 0M->0M(2M)\n";
    let collections = read(text).expect("it reads");
    assert_eq!(collections.len(), 1);
    assert_eq!((collections[0].took_ns, collections[0].at_ns), (None, None));
    assert_eq!(collections[0].heap_change().map(|heap| heap.after_bytes), Some(43 << 10));
}

#[test]
fn the_regions_and_the_phase_of_g1_are_read() {
    let collections = read(&log("17-G1-gcs")).expect("it reads");
    let first = &collections[0];
    assert_eq!(first.phase.as_deref(), Some("Normal"));
    assert_eq!(first.cause.as_deref(), Some("G1 Evacuation Pause"));
    assert_eq!((first.regions[0].name.as_str(), first.regions[0].before, first.regions[0].after), ("Eden", 3, 0));
    assert!(collections.iter().any(|collection| collection.kind == Kind::Concurrent));
    assert!(collections.iter().any(|collection| collection.kind == Kind::Remark));
    let exhausted = read(&log("17-G1")).expect("it reads");
    assert!(exhausted.iter().any(|collection| collection.troubles == ["To-space exhausted"]));
}

#[test]
fn a_log_stands_beside_itself_without_a_difference() {
    for name in names() {
        let text = log(&name);
        let (left, right) = (Reader::new(text.as_bytes(), "left"), Reader::new(text.as_bytes(), "right"));
        let rows: Vec<_> = compare(left, right).map(|row| row.expect("it reads")).collect();
        assert!(rows.iter().all(|row| row.difference.is_none()), "{name}");
    }
}

#[test]
fn the_first_difference_is_named() {
    let text = log("17-Serial-gcs");
    let first_difference = |other: &str| {
        compare(Reader::new(text.as_bytes(), "left"), Reader::new(other.as_bytes(), "right"))
            .map(|row| row.expect("it reads"))
            .find_map(|row| row.difference.map(|difference| (row.place, difference)))
    };
    assert_eq!(first_difference(&text.replacen("Tenured: 472K", "Tenured: 471K", 1)), Some((1, Difference::Before)));
    assert_eq!(first_difference(&text.replacen("->774K(5504K)", "->775K(5504K)", 1)), Some((1, Difference::After)));
    assert_eq!(first_difference(&text.replacen("->774K(5504K)", "->774K(5505K)", 1)), Some((1, Difference::Capacity)));
    let cut = &text[..text.find("GC(23) Pause Full (Allocation Failure) 15M").expect("it is there")];
    let cut = &cut[..=cut.rfind('\n').expect("lines")];
    assert_eq!(first_difference(cut), Some((23, Difference::Length)));
    let reader = &mut Reader::new(cut.as_bytes(), "cut");
    assert_eq!(reader.count(), 23);
    assert_eq!(reader.unfinished().iter().map(|begun| begun.number).collect::<Vec<_>>(), [23]);
}

#[test]
fn a_summary_adds_up() {
    let mut summary = Summary::default();
    let collections = read(&log("17-Serial-gcs")).expect("it reads");
    for collection in &collections {
        summary.add(collection);
    }
    assert_eq!(summary.young.n_pauses + summary.full.n_pauses, collections.len() as u64);
    let promoted: u64 = collections
        .iter()
        .filter(|collection| collection.kind == Kind::Young)
        // One that Serial gave up at once has no lines on generations.
        .filter_map(Collection::old)
        .map(|old| old.after_bytes.saturating_sub(old.before_bytes))
        .sum();
    assert_eq!(summary.promoted_bytes, promoted);
    // What was made is in the heap at the end, or was collected.
    let collected: u64 = collections
        .iter()
        .filter(|collection| collection.old().is_some())
        .filter_map(Collection::heap_change)
        .map(|heap| heap.before_bytes.saturating_sub(heap.after_bytes))
        .sum();
    let left = collections.last().and_then(Collection::heap_change).expect("sizes").after_bytes;
    let rounding = (collections.len() as u64 * 4) << 10;
    assert!((collected + left).abs_diff(summary.allocated_bytes) <= rounding);
    assert_eq!(summary.causes.iter().map(|(_, n_times)| n_times).sum::<u64>(), collections.len() as u64);
}

#[test]
fn other_logs_are_refused_with_a_word() {
    let problem = |text: &str| read(text).expect_err("it is refused");
    let old = "0.123: [GC (Allocation Failure) [PSYoungGen: 1K->2K(3K)] 1K->2K(3K), 0.0012 secs]\n";
    assert!(matches!(problem(old).problem, Problem::BeforeUnifiedLogging));
    assert!(matches!(problem(&old[7..]).problem, Problem::BeforeUnifiedLogging));
    let z = problem("[0.1s][info][gc] Using The Z Garbage Collector\n");
    assert_eq!(
        z.to_string(),
        "gc.log:1: a log of The Z Garbage Collector, whose lines are others; expected one of Serial, Parallel or G1"
    );
    assert!(matches!(problem("").problem, Problem::NoLog));
    assert!(matches!(problem("hello\nworld\n").problem, Problem::NoLog));
    assert!(matches!(problem(&"x".repeat(1 << 20)).problem, Problem::LongLine));
    let wrong = problem("[0.1s][info][gc] Using Serial\n[0.2s] GC(0) Pause Young (Allocation Failure) 2M-0M(7M) 4ms\n");
    assert_eq!(wrong.line, 2);
    assert!(matches!(wrong.problem, Problem::Expected { .. }));
    let wrong = problem("[0.2s] GC(0) Tenured: 0K(5504K)->472(5504K\n");
    assert!(matches!(wrong.problem, Problem::Expected { .. }));
}

#[test]
fn a_damaged_log_is_an_error_or_another_log_and_never_a_panic() {
    let mut random = Pcg32::seed_from_u64(7);
    for name in names() {
        let text = log(&name).into_bytes();
        for _ in 0..60 {
            let mut damaged = text.clone();
            for _ in 0..=random.next_u32() % 8 {
                let place = random.next_u32() as usize % damaged.len().max(1);
                match random.next_u32() % 3 {
                    0 => damaged.insert(place, random.next_u32() as u8),
                    1 => drop(damaged.drain(place..(place + 40).min(damaged.len()))),
                    _ => damaged.truncate(place + 1),
                }
            }
            let mut reader = Reader::new(damaged.as_slice(), &name);
            let n_good = reader.by_ref().take_while(Result::is_ok).count();
            assert!(n_good <= text.len());
        }
    }
}
