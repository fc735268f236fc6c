//! Recorded heap traces as workloads: the same blocks on all three models, each with its own fate.

use std::path::{Path, PathBuf};

use harness::Model;
use harness::replay::{Contents, Options, Replayed, contents, replay};
use heap_trace::{Reader, TraceError};
use lifetimes::Keep;
use memory_trait::{FaultKind, Storage};

fn oracle(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/glibc-2.36").join(name)
}

fn options() -> Options {
    Options { keep: Keep::First(1000), ..Options::default() }
}

/// A recorded program on all three.
fn replayed(name: &str) -> (Contents, Vec<Replayed>) {
    let open = || Reader::open(&oracle(name));
    let contents = contents(open().unwrap(), |_| {}).unwrap();
    let runs = Model::ALL.map(|model| replay(open, model, &options(), |_| {}).unwrap());
    (contents, runs.into())
}

/// Lines of a trace after its header, which is that of a process without mappings.
fn written(lines: &str) -> impl Fn() -> Result<Reader, TraceError> {
    let text = format!("H page+0 base=55e000 mref=7f0000000000\n{lines}");
    move || Reader::new(std::io::Cursor::new(text.clone().into_bytes()), "written.tr")
}

fn run(lines: &str, model: Model) -> Replayed {
    replay(written(lines), model, &options(), |_| {}).unwrap()
}

fn contents_of(lines: &str) -> Contents {
    contents(written(lines)().unwrap(), |_| {}).unwrap()
}

fn check(lines: &str, model: Model, expected: &[&str]) {
    let replayed = run(lines, model);
    let found: Vec<String> = replayed.run.lifetimes.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{}", model.title());
}

#[test]
fn a_database_has_the_same_objects_on_all_three_and_its_own_addresses_in_c() {
    let (contents, runs) = replayed("sqlite.tr.xz");
    assert_eq!((contents.n_events, contents.n_threads), (58881, 1));
    for Replayed { run, difference } in &runs {
        let summary = run.summary();
        assert_eq!(difference, &None, "{}", run.model.title());
        assert!(run.is_as_expected, "{}: {:?}", run.model.title(), run.faults);
        assert_eq!((run.ticks, summary.n_objects), (58881, contents.n_blocks), "{}", run.model.title());
        assert_eq!(summary.deaths.n_died, contents.n_blocks - contents.n_left, "{}", run.model.title());
        for point in &summary.usage.points {
            assert_eq!(point.usage.balance(), 0, "{} at {}", run.model.title(), point.tick);
        }
    }
    let [c, cpython, jvm] = [0, 1, 2].map(|index: usize| runs[index].run.summary());
    assert_eq!(c.deaths.at_death_share(), Some(1.0), "what is freed is given back at once");
    assert_eq!(cpython.deaths.at_death_share(), Some(1.0), "so is what loses its last reference");
    assert!(jvm.deaths.at_death_share() < Some(0.01), "what becomes unreachable waits for a collection");
    assert!(jvm.generations[0].n_collections > 0);
    let payloads = |run: &Replayed| run.run.lifetimes.iter().map(|life| life.payload_bytes).collect::<Vec<u64>>();
    assert_eq!(payloads(&runs[0]), payloads(&runs[1]));
    assert_eq!(payloads(&runs[0]), payloads(&runs[2]));
}

#[test]
fn blocks_die_at_the_same_event_wherever_they_are() {
    let (_, runs) = replayed("edge9.tr.xz");
    let [c, cpython, jvm] = [0, 1, 2].map(|index: usize| &runs[index].run);
    assert!(c.lifetimes.iter().any(|life| life.unreachable.is_some()));
    for ((in_c, in_cpython), in_jvm) in c.lifetimes.iter().zip(&cpython.lifetimes).zip(&jvm.lifetimes) {
        assert_eq!(in_c.unreachable, in_jvm.unreachable, "{in_c}; {in_jvm}");
        // The empty `bytes` object is one for all, and never dies.
        assert_eq!(in_cpython.storage == Storage::Static, in_c.payload_bytes == 0, "{in_cpython}");
        if in_cpython.storage == Storage::Heap {
            assert_eq!(in_c.unreachable, in_cpython.unreachable, "{in_c}; {in_cpython}");
        }
    }
}

#[test]
fn threads_are_those_of_the_recording_in_c() {
    let (contents, runs) = replayed("edge7.tr.xz");
    assert!(contents.n_threads > 1, "{contents:?}");
    assert!(runs.iter().all(|replayed| replayed.run.is_as_expected));
}

#[test]
fn a_run_is_the_same_every_time() {
    let (_, first) = replayed("edge4.tr.xz");
    let (_, second) = replayed("edge4.tr.xz");
    assert!(format!("{first:?}") == format!("{second:?}"), "two runs of the same trace differ");
}

/// A block that is freed, one that is reallocated and then left.
const SMALL: &str = "0 m 24 = H2a0\nB 21000\n0 m 40 = H2c0\n0 f H2a0\n0 r H2c0 100 = H2c0\n";

#[test]
fn a_small_trace_in_c() {
    check(
        SMALL,
        Model::C,
        &[
            "bytes#1: born 1, unreachable 3, reclaimed 3 by free",
            "bytes#2: born 2, unreachable 4, reclaimed 4 by free",
            "bytes#3: born 4, reachable, reclaimed 5 by exit",
        ],
    );
    assert_eq!(run(SMALL, Model::C).difference, None);
}

#[test]
fn the_same_in_cpython() {
    check(
        SMALL,
        Model::CPython,
        &[
            "bytes#1: born 1, unreachable 3, reclaimed 3 by count",
            "bytes#2: born 2, unreachable 4, reclaimed 4 by count",
            "bytes#3: born 4, reachable, reclaimed 5 by exit",
        ],
    );
}

#[test]
fn the_same_in_the_jvm() {
    check(
        SMALL,
        Model::Jvm,
        &[
            "bytes#1: born 1, unreachable 3, reclaimed 5 by exit",
            "bytes#2: born 2, unreachable 4, reclaimed 5 by exit",
            "bytes#3: born 4, reachable, reclaimed 5 by exit",
        ],
    );
}

#[test]
fn what_was_refused_makes_no_object() {
    let lines = format!(
        "{SMALL}0 m 18446744073709551615 = 0\n0 c 4294967296 4294967296 = 0\n0 r H2c0 9223372036854775807 = 0\n"
    );
    let found = contents_of(&lines);
    assert_eq!((found.n_blocks, found.n_refused, found.n_left, found.left_bytes), (3, 3, 1, 100));
    for model in Model::ALL {
        let replayed = run(&lines, model);
        assert!(replayed.run.is_as_expected, "{}: {:?}", model.title(), replayed.difference);
        assert_eq!((replayed.run.ticks, replayed.run.summary().n_objects), (7, 3));
    }
}

#[test]
fn an_address_that_nobody_knows_is_passed_over() {
    let lines = format!("{SMALL}0 f ?7fff00001234\n0 m 10 = ?7fff00005678\n");
    assert_eq!((contents_of(&lines).n_skipped, contents_of(&lines).n_blocks), (2, 3));
    for model in Model::ALL {
        assert_eq!(run(&lines, model).run.summary().n_objects, 3, "{}", model.title());
    }
}

#[test]
fn to_free_what_is_no_block_is_a_fault_in_c_and_nothing_elsewhere() {
    let lines = format!("{SMALL}0 f H9990\n0 m 24 = H2a0\n");
    assert_eq!(contents_of(&lines).n_stray, 1);
    let c = run(&lines, Model::C);
    assert_eq!(c.run.fault_count(FaultKind::InvalidFree), 1);
    assert_eq!(c.run.faults[0].at.tick.0, 5);
    assert!(!c.run.is_as_expected);
    for model in [Model::CPython, Model::Jvm] {
        let replayed = run(&lines, model);
        assert!(replayed.run.is_as_expected && replayed.run.faults.is_empty());
        assert_eq!(replayed.run.summary().n_objects, 4);
    }
}

#[test]
fn a_result_that_is_not_the_recorded_one_is_said_and_the_run_goes_on_with_its_own() {
    let replayed = run("0 m 24 = H2a0\nB 21000\n0 m 24 = H2d0\n0 f H2a0\n0 r H2d0 50 = H2f0\n", Model::C);
    let difference = replayed.difference.expect("the second block is elsewhere");
    assert!(difference.contains("line 4"), "{difference}");
    assert!(difference.contains("H2d0") && difference.contains("H2c0"), "{difference}");
    assert!(!replayed.run.is_as_expected);
    assert_eq!((replayed.run.ticks, replayed.run.summary().n_objects), (4, 3));
    assert_eq!(replayed.run.summary().reclaimed.n_free, 2);
}

#[test]
fn what_does_not_fit_the_heap_is_that_model_s_fault_at_that_event() {
    let lines = "0 m 24 = H2a0\nB 21000\n0 m 33554432 = M10\n0 f M10\n0 f H2a0\n";
    let options = Options { heap_limit_bytes: 16 << 20, ..options() };
    let run = |model| replay(written(lines), model, &options, |_| {}).unwrap();
    let c = run(Model::C);
    assert!(c.run.is_as_expected, "the recorded program had the memory: {:?}", c.difference);
    for model in [Model::CPython, Model::Jvm] {
        let replayed = run(model);
        assert_eq!(replayed.run.fault_count(FaultKind::OutOfMemory), 1, "{}", model.title());
        let fault = &replayed.run.faults[0];
        assert!(fault.is_fatal && fault.at.tick.0 == 2, "{fault}");
        assert_eq!(replayed.run.ticks, 2);
    }
}

#[test]
fn a_size_that_no_array_has_is_out_of_memory_too() {
    let lines = "0 m 18446744073709551615 = M10\n";
    for model in Model::ALL {
        let replayed = run(lines, model);
        assert_eq!(replayed.run.fault_count(FaultKind::OutOfMemory), 1, "{}", model.title());
        assert!(!replayed.run.is_as_expected);
    }
}

#[test]
fn a_bad_line_is_an_error_with_its_place() {
    let error = |lines: &str, model| replay(written(lines), model, &options(), |_| {}).unwrap_err().to_string();
    for model in Model::ALL {
        let found = error("0 m 24 = H2a0\n0 q 1\n", model);
        assert!(found.starts_with("written.tr:3:3: expected"), "{found}");
        let found = error("0 m 24 = H2a0\n0 f H2", model);
        assert_eq!(found, "written.tr:3: the file ends in the middle of this line");
        let found = error("0 m 24 = T3+8a0\n", model);
        assert_eq!(
            found,
            "written.tr:2: expected an address in a thread heap that an `R` line announced before, found `T3+8a0`"
        );
    }
}

#[test]
fn a_break_that_no_process_has_is_an_error_in_the_first_line() {
    let open = || Reader::new(&b"H page+0 base=fff mref=0\n0 m 1 = H2a0\n"[..], "written.tr");
    let error = replay(open, Model::C, &options(), |_| {}).unwrap_err().to_string();
    assert_eq!(error, "written.tr:1: expected a program break that a process can have, found `base=fff`");
}

fn log(name: &str) -> impl Fn() -> Result<Reader, TraceError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/formats").join(name);
    move || Reader::open(&path)
}

#[test]
fn logs_of_other_tools_run_on_all_three_without_anything_to_compare() {
    for (name, n_events, n_blocks, n_stray) in [
        ("small.mtrace", 48, 29, 0),
        ("small.ltrace", 50, 29, 0),
        ("small.rep", 48, 29, 0),
        ("small.raw.heaptrack.zst", 59, 30, 0),
        ("small.heaptrack.gz", 59, 30, 0),
        ("threads.ltrace.gz", 44, 19, 1),
    ] {
        let contents = contents(log(name)().unwrap(), |_| {}).unwrap();
        assert_eq!((contents.n_events, contents.n_blocks, contents.n_stray), (n_events, n_blocks, n_stray), "{name}");
        for model in Model::ALL {
            let Replayed { run, difference } = replay(log(name), model, &options(), |_| {}).unwrap();
            assert_eq!(difference, None, "{name}");
            assert!(run.is_as_expected, "{name} on {}: {:?}", model.title(), run.faults);
            assert_eq!((run.ticks, run.summary().n_objects), (n_events, n_blocks), "{name} on {}", model.title());
            assert_eq!(run.perturbation, "as is", "{name} on {}", model.title());
        }
    }
}

#[test]
fn a_block_that_a_log_does_not_show_is_freed_by_nobody() {
    let text = "malloc(8) = 0x10\nfree(0x77) = <void>\nrealloc(0x99, 5) = 0x99\nfree(0x99) = <void>\n";
    let open = move || Reader::new(std::io::Cursor::new(text.as_bytes()), "short.ltrace");
    for model in Model::ALL {
        let run = replay(open, model, &options(), |_| {}).unwrap().run;
        assert!(run.is_as_expected, "{}: {:?}", model.title(), run.faults);
        assert_eq!(run.summary().n_objects, 2, "{}", model.title());
    }
}

#[test]
fn a_size_near_two_to_the_64_with_a_block_is_the_end_of_memory_in_a_log_too() {
    let text = "malloc(18446744073709551615) = 0x10\nfree(0x10) = <void>\n";
    let open = move || Reader::new(std::io::Cursor::new(text.as_bytes()), "large.ltrace");
    let run = replay(open, Model::C, &options(), |_| {}).unwrap().run;
    assert!(!run.is_as_expected);
    assert_eq!(run.faults[0].kind, FaultKind::OutOfMemory);
    assert_eq!(run.faults[0].at.tick.0, 1);
}
