//! Threads and their schedule.

use memory_trait::FaultKind;
use workload::{Ending, Options};

use crate::support::{output, run, run_with};

const COUNTERS: &str = "
record Log {
    text: str
}
fn count(log: Log, name: str, n: int) {
    for i in 0..n {
        log.text = log.text + name
    }
}
fn main() {
    var log = Log { text: \"\" }
    var a = spawn count(log, \"a\", 60)
    var b = spawn count(log, \"b\", 60)
    join a
    join b
    print len(log.text), log.text
}
";

#[test]
fn the_schedule_is_the_seeds_and_repeatable() {
    let at = |seed| run_with(COUNTERS, &Options { seed, ..Options::default() });
    let first = at(1);
    assert_eq!(first.ending, Ending::Finished);
    assert!(first.output.starts_with("120 "), "{}", first.output);
    assert!(first.output.contains("ab") && first.output.contains("ba"), "they take turns: {}", first.output);
    assert_eq!(first, at(1));
    assert_ne!(first.output, at(2).output);
    assert_eq!(first.n_threads, 3);
    assert_eq!(first.ticks, at(2).ticks, "the schedule does not change what is done");
}

#[test]
fn yield_gives_the_turn_to_the_first_in_the_queue() {
    let source = "
fn speak(name: str) {
    for i in 0..3 {
        print name, i
        yield
    }
}
fn main() {
    var a = spawn speak(\"a\")
    var b = spawn speak(\"b\")
    join a
    join b
    print \"done\"
}
";
    assert_eq!(output(source), "a 0\nb 0\na 1\nb 1\na 2\nb 2\ndone\n");
}

#[test]
fn the_end_of_main_waits_for_the_other_threads() {
    let source =
        "fn late() {\nfor i in 0..500 {\n}\nprint \"late\"\n}\nfn main() {\nspawn late()\nprint \"main is done\"\n}\n";
    assert_eq!(output(source), "main is done\nlate\n");
}

#[test]
fn a_thread_that_has_ended_may_be_joined_again() {
    let source = "
fn nothing() {
}
fn main() {
    var threads = list<thread>()
    for i in 0..5 {
        threads.push(spawn nothing())
    }
    for t in threads {
        join t
        join t
    }
    print len(threads)
}
";
    assert_eq!(output(source), "5\n");
    assert_eq!(run(source).n_threads, 6);
}

#[test]
fn threads_that_wait_for_each_other_are_a_deadlock() {
    let source = "
record Box {
    other: thread
}
fn wait(box: Box) {
    while box.other == box.other {
        yield
    }
}
fn main() {
}
";
    let problem = workload::Workload::parse("test.wl", source).unwrap_err().to_string();
    assert!(problem.contains("does not fit"), "{problem}");
    let source = "
record Shared {
    itself: thread
    is_set: bool
}
fn wait(shared: Shared) {
    while not shared.is_set {
        yield
    }
    join shared.itself
}
fn main() {
    var shared = Shared { is_set: false }
    var t = spawn wait(shared)
    shared.itself = t
    shared.is_set = true
    join t
}
";
    let run = run(source);
    assert_eq!(run.ending.fault(), Some(FaultKind::Deadlock));
    let Ending::Faulted(fault) = run.ending else { unreachable!() };
    assert_eq!(fault.message, "all 2 threads wait for one that cannot end");
}

#[test]
fn a_fault_in_a_thread_ends_the_program_and_names_it() {
    let source = "fn bad(x: int) {\nprint 1 / x\n}\nfn main() {\nvar t = spawn bad(0)\njoin t\nprint \"never\"\n}\n";
    let run = run(source);
    let Ending::Faulted(fault) = run.ending else { panic!("no fault") };
    assert_eq!((fault.kind, fault.at.thread.0, fault.at.line.0), (FaultKind::DivisionByZero, 1, 2));
    assert_eq!(run.output, "");
}

#[test]
fn too_many_threads_at_once_are_a_fault() {
    let source = "fn sleep() {\nwhile true {\nyield\n}\n}\nfn main() {\nwhile true {\nspawn sleep()\n}\n}\n";
    assert_eq!(run(source).ending.fault(), Some(FaultKind::OutOfMemory));
}
