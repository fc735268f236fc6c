//! Finalizers: they run between operations, take steps but no ticks, and disturb nothing.

use memory_trait::FaultKind;
use workload::{Ending, Options, Run, Workload, interpret};

use crate::recorder::Recorder;
use crate::support::parse;

/// Runs on a machine that finalizes at every `free`.
fn run(source: &str) -> Run {
    let code = parse(source).compile(&[]).unwrap();
    interpret::run(&code, &mut Recorder::default(), &Options::default())
}

const SOURCE: &str = "
record File {
    name: str
    closed: int
    finalize {
        for i in 0..3 {
            self.closed = self.closed + 1
        }
        note(self)
    }
}
fn note(file: File) {
    print \"finalized\", file.name, file.closed
}
fn main() {
    var file = File { name: \"a\", closed: 0 }
    for i in 0..2 {
        free file
        print \"after\", i
    }
}
";

#[test]
fn a_finalizer_runs_right_after_the_operation_and_the_loop_goes_on() {
    let run = run(SOURCE);
    assert_eq!(run.ending, Ending::Finished);
    assert_eq!(run.output, "finalized a 3\nafter 0\nfinalized a 6\nafter 1\n");
}

#[test]
fn finalizers_take_steps_but_no_ticks() {
    let run = run(SOURCE);
    assert_eq!(run.ticks, 1 + 3 + 4);
    // Each runs 4 heads, 3 assignments, a call and a print.
    assert_eq!(run.steps, run.ticks + 2 * 9);
}

#[test]
fn an_endless_finalizer_ends_at_the_limit_of_steps() {
    let source = "record R {\n    n: int\n    finalize {\n        while true {\n        }\n    }\n}\nfn main() {\n    free R { n: 1 }\n}\n";
    let code = parse(source).compile(&[]).unwrap();
    let options = Options { steps_max: 500, ..Options::default() };
    let run = interpret::run(&code, &mut Recorder::default(), &options);
    assert_eq!(run.ending.fault(), Some(FaultKind::StepLimit));
    assert_eq!((run.ticks, run.steps), (1, 500));
}

#[test]
fn a_finalizer_between_a_test_and_its_jump_changes_nothing() {
    let source = "
record R {
    n: int
    finalize {
        var other = R { n: 2 }
        if self == other {
            print \"never\"
        }
        if \"a\" + \"b\" == \"c\" {
            print \"never\"
        }
    }
}
fn made(r: R) -> R {
    free r
    return r
}
fn main() {
    var r = R { n: 1 }
    if made(r) == r {
        print \"same\"
    }
}
";
    assert_eq!(run(source).output, "same\n");
}

#[test]
fn what_depends_on_when_it_runs_is_refused_in_finalizers() {
    let source = "
record R {
    n: int
    finalize {
        self.n = rand(0, 2)
        helper()
    }
}
fn helper() {
    yield
    var t = spawn other()
}
fn other() {
    var x = rand(0, 2)
}
fn main() {
    var x = rand(0, 2)
}
";
    let problems = Workload::parse("test.wl", source).unwrap_err().to_string();
    let lines: Vec<&str> = problems.lines().filter_map(|line| line.split(" (").next()).collect();
    assert_eq!(
        lines,
        [
            "test.wl:5:18: a finalizer cannot use `rand`",
            "test.wl:10:5: `helper`, which a finalizer calls, cannot use `yield`",
            "test.wl:11:13: `helper`, which a finalizer calls, cannot use `spawn`",
        ]
    );
}
