//! The faults that a workload itself can cause, whatever the machine.

use memory_trait::FaultKind;
use workload::{Bare, Ending, Options, interpret};

use crate::support::{in_main, parse, run, run_with};

/// The fault that the statements end with: kind, line, message. The first statement is in line 2.
fn check(statements: &str, expected: &str) {
    check_source(&in_main(statements), expected);
}

fn check_source(source: &str, expected: &str) {
    let run = run(source);
    let Ending::Faulted(fault) = &run.ending else { panic!("no fault: {source}") };
    assert!(fault.is_fatal);
    assert_eq!(format!("{} {} {}", fault.kind, fault.at.line.0, fault.message), expected, "{source}");
}

#[test]
fn integers_that_do_not_fit_are_a_fault() {
    let max = "var x = 9223372036854775807\n";
    check(&format!("{max}x = x + 1"), "integer_overflow 3 9223372036854775807 + 1 does not fit into 64 bits");
    check(&format!("{max}x = -2 - x"), "integer_overflow 3 -2 - 9223372036854775807 does not fit into 64 bits");
    check(
        &format!("{max}x = x * x"),
        "integer_overflow 3 9223372036854775807 * 9223372036854775807 does not fit into 64 bits",
    );
    let min = "var x = -9223372036854775808\n";
    check(&format!("{min}x = x / -1"), "integer_overflow 3 -9223372036854775808 / -1 does not fit into 64 bits");
    check(&format!("{min}x = -x"), "integer_overflow 3 0 - -9223372036854775808 does not fit into 64 bits");
    check("var x = int(1e19)", "integer_overflow 2 int(1e+19) does not fit into 64 bits");
    check(
        "var x = int(9223372036854775808.0)",
        "integer_overflow 2 int(9.223372036854776e+18) does not fit into 64 bits",
    );
    check("var i = 1e308 * 10.0\nvar x = int(i - i)", "integer_overflow 3 int(nan) does not fit into 64 bits");
}

#[test]
fn division_by_zero_is_a_fault_for_floats_too() {
    check("var x = 0\nx = 1 / x", "division_by_zero 3 1 / 0");
    check("var x = 0\nx = 1 % x", "division_by_zero 3 1 % 0");
    check("var x = 5\nx = x / 0", "division_by_zero 3 5 / 0");
    check("var x = 5\nx = x % 0", "division_by_zero 3 5 % 0");
    check("var x = 0.0\nx = 1.5 / x", "division_by_zero 3 1.5 / 0.0");
    check("var x = -0.0\nx = 1.5 % x", "division_by_zero 3 1.5 % 0.0");
}

#[test]
fn what_is_not_there_is_missing() {
    check("var m = map<int, int>()\nprint m[5]", "missing 3 there is no key 5");
    check("var m = map<str, int>()\nm[\"a\"] = 1\nprint m[\"b\"]", "missing 4 there is no key \"b\"");
    check("var xs = list<int>()\nprint xs.pop()", "missing 3 pop of an empty list");
}

#[test]
fn a_map_that_changes_under_a_loop_is_a_fault() {
    check(
        "var m = map<int, int>()\nm[1] = 1\nfor k in m {\nm[k + 1] = 1\n}",
        "modified_in_loop 4 the map had 1 keys when the loop began and has 2 now",
    );
    check(
        "var m = map<int, int>()\nm[1] = 1\nm[2] = 1\nfor k in m {\nm.remove(k)\n}",
        "modified_in_loop 5 the map had 2 keys when the loop began and has 1 now",
    );
}

#[test]
fn counts_and_ranges_that_make_no_sense_are_invalid() {
    check("var n = -1\nvar a = array<int>(n)", "invalid_value 3 an array of -1 elements");
    check("var b = bytes(-5)", "invalid_value 2 bytes of -5 elements");
    check("var x = rand(3, 3)", "invalid_value 2 rand(3, 3): the range is empty");
}

#[test]
fn an_expectation_shows_both_sides() {
    check("var x = 2\nexpect x + 1 == 4", "expect_failed 3 expected x + 1 == 4: left is 3, right is 4");
    check("var x = 2.5\nexpect x < 1.0", "expect_failed 3 expected x < 1.0: left is 2.5, right is 1.0");
    check(
        "var s = \"a\"\nexpect s + \"b\" ==\n  \"abc\"",
        "expect_failed 3 expected s + \"b\" == \"abc\": left is \"ab\", right is \"abc\"",
    );
    check("expect 1 == 2", "expect_failed 2 expected 1 == 2: left is 1, right is 2");
    check("var ok = false\nexpect ok", "expect_failed 3 expected ok");
    check(
        "var a = list<int>()\nexpect a != a",
        "expect_failed 3 expected a != a: left is an object, right is an object",
    );
    check("var a: list<int>? = null\nexpect a != null", "expect_failed 3 expected a != null");
    check(
        "var x = 5000000000\nexpect x == 6000000000",
        "expect_failed 3 expected x == 6000000000: left is 5000000000, right is 6000000000",
    );
}

#[test]
fn null_is_not_an_object() {
    let record = "record R {\n    n: int\n    r: R?\n}\n";
    let check = |statements: &str, expected: &str| check_source(&format!("{record}{}", in_main(statements)), expected);
    check("var r: R? = null\nprint r.n", "null_dereference 7 null has no fields or elements");
    check("var r: R? = null\nvar s = r!", "null_dereference 7 `!` of null");
    check("var r = R { n: 1, r: null }\nprint r.r!.n", "null_dereference 7 `!` of null");
    check("var xs: list<int>? = null\nxs.push(1)", "null_dereference 7 null has no fields or elements");
}

#[test]
fn a_field_that_was_never_written_has_no_value() {
    check_source(
        "record R {\n    n: int\n}\nfn main() {\n    var r = R {}\n    print r.n\n}\n",
        "uninitialised 6 the field was never written",
    );
}

#[test]
fn an_index_outside_is_out_of_bounds() {
    check("var a = array<int>(3)\na[3] = 1", "out_of_bounds 3 index 3 of 3 elements");
    check("var a = array<int>(3)\nvar i = -1\nprint a[i]", "out_of_bounds 4 index -1 of 3 elements");
    check("var b = bytes(2)\nprint b[2]", "out_of_bounds 3 index 2 of 2 elements");
}

#[test]
fn recursion_without_end_overflows_the_machines_stack_and_not_ours() {
    check_source(
        "fn f(n: int) -> int {\n    return f(n + 1) + 1\n}\nfn main() {\n    print f(0)\n}\n",
        "stack_overflow 2 too many calls",
    );
}

#[test]
fn an_endless_loop_ends_at_the_limit_of_steps() {
    let options = Options { steps_max: 1000, ..Options::default() };
    let run = run_with(&in_main("while true {\n}"), &options);
    assert_eq!(run.ending.fault(), Some(FaultKind::StepLimit));
    assert_eq!((run.ticks, run.steps), (1000, 1000));
    let Ending::Faulted(fault) = run.ending else { unreachable!() };
    assert_eq!(fault.to_string(), "step_limit at line 2, tick 1000: more than 1000 steps");
}

#[test]
fn endless_output_ends_too() {
    let options = Options { output_bytes_max: 100, ..Options::default() };
    let run = run_with(&in_main("while true {\nprint \"again\"\n}"), &options);
    assert_eq!(run.ending.fault(), Some(FaultKind::StepLimit));
    assert!(run.output.len() < 120, "{} bytes", run.output.len());
}

#[test]
fn allocation_without_end_is_met_by_the_machines_limit() {
    let sources = [
        "var xs = list<int>()\nwhile true {\nxs.push(1)\n}",
        "var s = \"ab\"\nwhile true {\ns = s + s\n}",
        "var m = map<int, int>()\nvar i = 0\nwhile true {\nm[i] = i\ni = i + 1\n}",
        "var a = array<int>(9223372036854775807)",
        "while true {\nvar b = bytes(100)\n}",
    ];
    for source in sources {
        let code = parse(&in_main(source)).compile(&[]).unwrap();
        let run = interpret::run(&code, &mut Bare::with_room(100_000), &Options::default());
        assert_eq!(run.ending.fault(), Some(FaultKind::OutOfMemory), "{source}");
    }
}

#[test]
fn a_fault_in_a_callee_is_at_its_line_and_after_the_return_at_the_callers() {
    let source = "fn zero() -> int {\n    return 0\n}\nfn main() {\n    var x = 1 / zero()\n}\n";
    check_source(source, "division_by_zero 5 1 / 0");
}
