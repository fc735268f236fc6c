//! What programs mean.

use workload::{Ending, Options};

use crate::support::{gallery, in_main, output, run, run_with};

/// What the statements print.
fn check(statements: &str, expected: &str) {
    assert_eq!(output(&in_main(statements)), expected, "{statements}");
}

#[test]
fn division_truncates_and_the_remainder_has_the_sign_of_the_dividend() {
    check("print 7 / 2, -7 / 2, 7 / -2, -7 / -2", "3 -3 -3 3\n");
    check("print 7 % 3, -7 % 3, 7 % -3, -7 % -3", "1 -1 1 -1\n");
    check("var min = -9223372036854775807 - 1\nprint min % -1", "0\n");
    check("print -7.5 % 2.0, 7.5 % -2.0", "-1.5 1.5\n");
}

#[test]
fn operators_bind_as_in_c() {
    check("print 2 + 3 * 4 - 10 / 5 % 3", "12\n");
    check("print -2 * -3, -(2 + 3), 10 - 3 - 2", "6 -5 5\n");
    check("print not 1 == 2 and 2 < 3 or false", "true\n");
    check("print (1 < 2) == true, (1 < 2) == (2 < 1), true != false", "true false true\n");
}

#[test]
fn the_smallest_and_the_largest_int_can_be_written() {
    check("print -9223372036854775808, 9_223_372_036_854_775_807", "-9223372036854775808 9223372036854775807\n");
}

#[test]
fn constants_may_stand_on_either_side() {
    check(
        "var x = 5\nprint 3 - x, x - 3, 2 * x, 100 / x, 3 < x, 5 <= x, 6 > x, 5 == x",
        "-2 2 10 20 true true true true\n",
    );
    check("var y = 0.5\nprint 1.0 - y, 1.0 < y, 0.25 < y, y < 0.75", "0.5 false true true\n");
    check("var big = 1\nprint big + 5000000000, big < 5000000000, 5000000000 < big", "5000000001 true false\n");
}

#[test]
fn floats_that_are_not_numbers_compare_as_ieee_says() {
    let nan = "var inf = 1e308 * 10.0\nvar nan = inf - inf\n";
    check(
        &format!("{nan}print nan == nan, nan != nan, nan < 1.0, nan >= 1.0, not nan < 1.0"),
        "false true false false true\n",
    );
    check(&format!("{nan}if nan < 1.0 {{\nprint 1\n}} else {{\nprint 2\n}}"), "2\n");
    check(&format!("{nan}while not nan < 1.0 {{\nprint inf, -inf, nan\nbreak\n}}"), "inf -inf nan\n");
}

#[test]
fn conversions_truncate_and_print() {
    check("print int(2.9), int(-2.9), float(3), str(12) + str(1.0) + str(true)", "2 -2 3.0 121.0true\n");
}

#[test]
fn texts_are_measured_and_ordered_by_code_points() {
    check("print len(\"naïve \\u{1F600}\"), len(\"\")", "7 0\n");
    check(
        "print \"a\" < \"b\", \"Z\" < \"a\", \"a\" < \"aa\", \"\\u{FFFF}\" < \"\\u{1F600}\"",
        "true true true true\n",
    );
    check("var a = \"x\"\nvar b = a + \"y\"\nprint b == \"xy\", b != \"xy\", a + b + a", "true false xxyx\n");
    check("print \"tab\\tquote\\\" back\\\\\"", "tab\tquote\" back\\\n");
}

#[test]
fn logic_stops_as_soon_as_it_is_decided() {
    let source = "
fn say(word: str, answer: bool) -> bool {
    print word
    return answer
}
fn main() {
    var a = say(\"one\", false) and say(\"never\", true)
    var b = say(\"two\", true) or say(\"never\", true)
    var c = not (say(\"three\", true) and say(\"four\", false))
    if say(\"five\", false) or say(\"six\", true) and not say(\"seven\", false) {
        print a, b, c
    }
    print say(\"left\", true) == say(\"right\", true)
}
";
    assert_eq!(output(source), "one\ntwo\nthree\nfour\nfive\nsix\nseven\nfalse true true\nleft\nright\ntrue\n");
}

#[test]
fn everything_is_evaluated_from_left_to_right() {
    let source = "
record Pair {
    a: int
    b: int
}
fn say(n: int) -> int {
    print n
    return n
}
fn pair(p: Pair) -> Pair {
    print \"object\"
    return p
}
fn main() {
    var p = Pair { b: say(1), a: say(2) }
    pair(p).a = say(3)
    var xs = array<int>(9)
    xs[say(4)] = say(5)
    print say(6) + say(7) * say(8), xs[4]
}
";
    assert_eq!(output(source), "1\n2\nobject\n3\n4\n5\n6\n7\n8\n62 5\n");
}

#[test]
fn loops_evaluate_their_bounds_once() {
    check("var n = 3\nfor i in 0..n {\nn = 10\nprint i\n}", "0\n1\n2\n");
    check("for i in 5..2 {\nprint i\n}\nprint \"none\"", "none\n");
    check(
        "for i in 9223372036854775805..9223372036854775807 {\nprint i\n}",
        "9223372036854775805\n9223372036854775806\n",
    );
    check("for i in 0..6 {\nif i == 1 {\ncontinue\n}\nif i == 4 {\nbreak\n}\nprint i\n}", "0\n2\n3\n");
}

#[test]
fn a_list_may_grow_while_a_loop_goes_over_it() {
    check("var xs = list<int>()\nxs.push(1)\nfor x in xs {\nif x < 4 {\nxs.push(x + 1)\n}\nprint x\n}", "1\n2\n3\n4\n");
    check("var xs = array<bool>(2)\nxs[1] = true\nfor x in xs {\nprint x\n}", "false\ntrue\n");
}

#[test]
fn a_loop_keeps_the_list_that_it_began_with() {
    let source = in_main(
        "var xs = list<str>()
xs.push(\"a\")
xs.push(\"b\")
for x in xs {
    xs = list<str>()
    print x, len(xs)
}",
    );
    assert_eq!(output(&source), "a 0\nb 0\n");
}

#[test]
fn maps_keep_the_order_of_insertion() {
    let source = in_main(
        "var m = map<str, int>()
m[\"b\"] = 1
m[\"a\"] = 2
m[\"c\"] = 3
m[\"b\"] = 4
print m.remove(\"a\"), m.remove(\"a\"), m.has(\"a\"), len(m)
m[\"a\"] = 5
for k in m {
    print k, m[k]
}",
    );
    assert_eq!(output(&source), "true false false 2\nb 4\nc 3\na 5\n");
}

#[test]
fn values_of_a_map_may_change_while_a_loop_goes_over_it() {
    check(
        "var m = map<int, int>()\nm[1] = 1\nm[2] = 2\nfor k in m {\nm[k] = m[k] * 10\n}\nprint m[1], m[2]",
        "10 20\n",
    );
}

#[test]
fn references_are_compared_by_identity() {
    let source = "
record R {
    n: int
}
fn main() {
    var a = R { n: 1 }
    var b = R { n: 1 }
    var c: R? = a
    print a == b, a == c, c != null, a != b
    c = null
    print c == null, c == a, null == null
    local d = R { n: 2 }
    var e = &d
    e.n = 3
    print d.n, e == &d, &d == a
}
";
    assert_eq!(output(source), "false true true true\ntrue false true\n3 true false\n");
}

#[test]
fn nullable_references_are_looked_through_when_they_are_there() {
    let source = "
record Node {
    value: int
    next: Node?
}
fn main() {
    var last = Node { value: 2, next: null }
    var first = Node { value: 1, next: last }
    print first.next.value, first.next!.value, first.next!.next == null
    var names: list<str>? = list<str>()
    names.push(\"x\")
    print len(names), names[0]
    for name in names {
        print name
    }
}
";
    assert_eq!(output(source), "2 2 true\n1 x\nx\n");
}

#[test]
fn the_record_on_the_right_may_refer_to_the_variable_on_the_left() {
    let source = "
record Node {
    next: Node?
}
fn depth(node: Node?) -> int {
    if node == null {
        return 0
    }
    return 1 + depth(node.next)
}
fn main() {
    var head: Node? = null
    for i in 0..4 {
        head = Node { next: Node { next: head } }
    }
    print depth(head)
}
";
    assert_eq!(output(source), "8\n");
}

#[test]
fn random_numbers_come_from_the_seed() {
    let source = in_main("for i in 0..3 {\nprint rand(0, 100)\n}");
    let at = |seed| run_with(&source, &Options { seed, ..Options::default() }).output;
    assert_eq!(at(7), at(7));
    assert_ne!(at(7), at(8));
    // The first number of seed 0 is 0xe220a8397b1dcdaf, and that modulo 100 is 7.
    assert_eq!(at(0).lines().next(), Some((0xe220_a839_7b1d_cdaf_u64 % 100).to_string().as_str()));
}

#[test]
fn a_tick_is_a_statement_or_an_evaluation_of_a_loops_head() {
    let check = |statements: &str, ticks: u64| assert_eq!(run(&in_main(statements)).ticks, ticks, "{statements}");
    check("", 0);
    check("var x = 1", 1);
    check("var x = 1\nx = 2\ncollect\nyield", 4);
    // The head is evaluated once more than the body.
    check("for i in 0..10 {\n}", 11);
    check("for i in 0..10 {\ncollect\n}", 21);
    check("var i = 0\nwhile i < 10 {\ni = i + 1\n}", 22);
    check("while true {\nbreak\n}", 2);
    check("var xs = list<int>()\nxs.push(1)\nxs.push(1)\nfor x in xs {\n}", 6);
    check("var m = map<int, int>()\nm[1] = 1\nfor k in m {\n}", 4);
    // An `if` is one statement, however many conditions it tries.
    check("var x = 3\nif x == 1 {\n} else if x == 2 {\n} else {\ncollect\n}", 3);
}

#[test]
fn calls_tick_for_the_statements_of_the_callee() {
    let source = "fn f() -> int {\nvar x = 1\nreturn x\n}\nfn main() {\nvar y = f() + f()\n}\n";
    assert_eq!(run(source).ticks, 5);
}

#[test]
fn the_gallery_runs_on_the_machine_that_reclaims_nothing() {
    let mut n_finished = 0;
    for (name, source) in gallery() {
        let workload = crate::support::parse(&source);
        // Without a heap that reclaims these mean something else, or fault by design.
        let needs_a_heap = source.contains("weak(") || source.contains("finalize");
        if needs_a_heap || !workload.expected_faults().is_empty() {
            continue;
        }
        assert_eq!(run(&source).ending, Ending::Finished, "{name}");
        n_finished += 1;
    }
    assert!(n_finished >= 10, "{n_finished} workloads finished");
}

#[test]
fn runs_are_repeatable() {
    for (name, source) in gallery() {
        assert_eq!(run(&source), run(&source), "{name}");
    }
}

#[test]
fn the_hook_is_called_every_so_many_ticks() {
    let source = in_main("for i in 0..100 {\ncollect\n}");
    let code = crate::support::parse(&source).compile(&[]).unwrap();
    let mut seen = Vec::new();
    let run =
        workload::interpret::run_sampled(&code, &mut workload::Bare::new(), &Options::default(), 50, |tick, _| {
            seen.push(tick.0);
        });
    assert_eq!(seen, [50, 100, 150, 200]);
    assert_eq!(run.ticks, 201);
}
