//! What machines get to see of each construct. `%0` is the first temporary.

use workload::{Ending, Options, interpret};

use crate::recorder::Recorder;
use crate::support::parse;

const RECORDS: &str = "
record Node {
    value: int
    next: Node?
}
fn make(value: int, next: Node?) -> Node {
    return Node { value: value, next: next }
}
";

/// The operations that the statements become in `main`, those of callees left out.
fn check(statements: &str, expected: &[&str]) {
    let workload = parse(&format!("{RECORDS}fn main() {{\n{statements}\n}}\n"));
    let code = workload.compile(&[]).unwrap();
    let mut machine = Recorder::default();
    let run = interpret::run(&code, &mut machine, &Options::default());
    assert_eq!(run.ending, Ending::Finished);
    let (mut depth, mut seen) = (0, Vec::new());
    for line in &machine.log {
        if line.starts_with("ret") {
            depth -= 1;
            continue;
        }
        if depth == 1 {
            seen.push(line.as_str());
        }
        depth += i32::from(line.starts_with("call "));
    }
    assert_eq!(seen, expected, "{statements}");
}

#[test]
fn arithmetic_goes_straight_to_its_destination() {
    check("var x = 1\nvar y = x + 2\nx = x * y", &["set_constant x Int(1)", "set_int y 3", "set_int x 3"]);
}

#[test]
fn a_temporary_is_used_again_or_dies_with_the_operation() {
    check(
        "var x = 2\nvar y = x * x + x * 3",
        &["set_constant x Int(2)", "set_int %0 4", "set_int %1 6", "set_int y 10", "clear %0", "clear %1"],
    );
    check(
        "var x = 2\nvar y = x * x * x - 1",
        &["set_constant x Int(2)", "set_int %0 4", "set_int %0 8", "set_int y 7", "clear %0"],
    );
    check("var x = 2\nif x % 2 == 0 {\ncollect\n}", &["set_constant x Int(2)", "set_int %0 0", "clear %0", "collect"]);
}

#[test]
fn a_record_is_created_when_all_its_values_are_there() {
    check(
        "var n = Node { value: 1, next: Node { value: 2, next: null } }",
        &[
            "set_constant %0 Int(1)",
            "set_constant %1 Int(2)",
            "set_null %2",
            "new_record %3 Node",
            "store .0 %3 %1",
            "store .1 %3 %2",
            "clear %1",
            "clear %2",
            "new_record n Node",
            "store .0 n %0",
            "store .1 n %3",
            "clear %0",
            "clear %3",
        ],
    );
}

#[test]
fn an_assigned_record_moves_into_its_variable_when_it_is_complete() {
    check(
        "var n: Node? = null\nn = Node { next: n }",
        &["set_null n", "new_record %0 Node", "store .1 %0 n", "take n %0"],
    );
}

#[test]
fn arguments_are_variables_or_temporaries_that_move() {
    check(
        "var n: Node? = null\nn = make(7, n)\nmake(1, make(2, null))",
        &[
            "set_null n",
            "set_constant %0 Int(7)",
            "call make %0 n -> n",
            "set_constant %0 Int(1)",
            "set_constant %1 Int(2)",
            "set_null %2",
            "call make %1 %2 -> %2",
            "call make %0 %2",
        ],
    );
}

#[test]
fn a_chain_of_fields_walks_in_one_temporary() {
    check(
        "var n = make(1, null)\nn.next = n\nvar v = n.next.next.value\nn.next.value = v",
        &[
            "set_constant %0 Int(1)",
            "set_null %1",
            "call make %0 %1 -> n",
            "store .1 n n",
            "load %1 n .1",
            "load %1 %1 .1",
            "load %0 %1 .0",
            "clear %1",
            "take v %0",
            "load %1 n .1",
            "store .0 %1 v",
            "clear %1",
        ],
    );
}

#[test]
fn references_of_inner_blocks_die_with_the_block_on_every_way_out() {
    check(
        "for i in 0..3 {
    var a = make(i, null)
    if i == 0 {
        var b = a
        continue
    }
    var c = a
    if i == 1 {
        break
    }
}",
        &[
            "set_int i 0",
            "set_null %0",
            "call make i %0 -> a",
            "copy b a",
            "clear a",
            "clear b",
            "set_int i 1",
            "set_null %0",
            "call make i %0 -> a",
            "copy c a",
            "clear a",
            "clear c",
        ],
    );
}

#[test]
fn a_loop_holds_what_it_goes_over_in_a_temporary() {
    check(
        "var xs = list<Node>()\nxs.push(make(1, null))\nfor x in xs {\ncollect\n}",
        &[
            "new_list xs",
            "set_constant %0 Int(1)",
            "set_null %1",
            "call make %0 %1 -> %1",
            "push xs %1",
            "clear %1",
            "copy %1 xs",
            "element x %1 0",
            "collect",
            "clear %1",
            "clear x",
        ],
    );
}

#[test]
fn automatic_storage_is_a_slot_of_its_own() {
    check(
        "local n = Node { value: 1, next: null }\nvar p = &n\np.value = n.value + 1\nmake(0, &n)",
        &[
            "set_constant %0 Int(1)",
            "set_null %1",
            "new_local n",
            "store .0 n %0",
            "store .1 n %1",
            "clear %0",
            "clear %1",
            "copy p n",
            "load %0 n .0",
            "set_int %0 2",
            "store .0 p %0",
            "clear %0",
            "set_constant %0 Int(0)",
            "call make %0 n",
        ],
    );
}

#[test]
fn maps_and_texts() {
    check(
        "var m = map<str, int>()\nm[\"a\"] = 1\nif m.has(\"a\" + \"b\") {\ncollect\n}\nvar v = m[\"a\"]\nvar s = str(v) + \"!\"",
        &[
            "new_map m",
            "set_constant %0 Text(\"a\")",
            "set_constant %1 Int(1)",
            "put m %0 %1",
            "clear %1",
            "clear %0",
            "set_constant %0 Text(\"a\")",
            "set_constant %2 Text(\"b\")",
            "concat %0 %0 %2",
            "clear %2",
            "get %1 m %0",
            "clear %0",
            "set_constant %0 Text(\"a\")",
            "get %1 m %0",
            "clear %0",
            "take v %1",
            "new_text %0 1",
            "set_constant %2 Text(\"!\")",
            "concat s %0 %2",
            "clear %0",
            "clear %2",
        ],
    );
}

#[test]
fn weak_references_and_free() {
    check(
        "var n = make(1, null)\nvar w = weak(n)\nvar back = w.get()\nif w.get() == null {\ncollect\n}",
        &[
            "set_constant %0 Int(1)",
            "set_null %1",
            "call make %0 %1 -> n",
            "new_weak w n",
            "weak_get back w",
            "weak_get %1 w",
            "clear %1",
        ],
    );
}

#[test]
fn the_moment_goes_back_to_the_callers_line_after_a_call() {
    let code = parse("fn f() {\n    collect\n}\nfn main() {\n    f()\n    collect\n}\n").compile(&[]).unwrap();
    let mut machine = Recorder::default();
    interpret::run(&code, &mut machine, &Options::default());
    let seen: Vec<(u64, u32)> = machine.moments.iter().map(|at| (at.tick.0, at.line.0)).collect();
    assert_eq!(seen, [(0, 0), (1, 5), (2, 2), (2, 5), (3, 6), (3, 0)]);
    assert_eq!(machine.log.last().map(String::as_str), Some("finish"));
}
