//! What is said of sources that are wrong.

use workload::Workload;
use workload::source::SOURCE_BYTES_MAX;

use crate::support::in_main;

/// The problems of a source, one a line.
fn check(source: &str, expected: &str) {
    let problems = match Workload::parse("t.wl", source) {
        Ok(_) => "nothing".to_owned(),
        Err(problems) => problems.to_string(),
    };
    assert_eq!(problems, expected, "{source}");
}

/// The problems of statements; the first is in line 2.
fn check_main(statements: &str, expected: &str) {
    check(&in_main(statements), expected);
}

#[test]
fn a_report_shows_the_line_the_text_and_a_hint() {
    let problems = Workload::parse("t.wl", "fn main() {\n    var count = 1\n    print cuont\n}\n").unwrap_err();
    assert_eq!(
        problems.render(false),
        "  × there is no variable `cuont`
   ╭─[t.wl:3:11]
 2 │     var count = 1
 3 │     print cuont
   ·           ──┬──
   ·             ╰── not known here
 4 │ }
   ╰────
  help: did you mean `count`?

"
    );
}

#[test]
fn syntax() {
    check_main("var x 1", "t.wl:2:5: `x` has no initial value (every variable has a value from its first moment on)");
    check_main("x = ", "t.wl:2:4: expected a value, found the end of the line");
    check_main("print (1 + 2", "t.wl:3:1: expected `)`, found `}`");
    check_main("print 1;", "t.wl:2:8: `;` is not part of the language (statements end at the line's end)");
    check_main(
        "var x = 1\nx += 1",
        "t.wl:3:4: expected a value, found `=` (write `x = x + y`: there are no combined assignments)",
    );
    check_main("if 1 = 2 {\n}", "t.wl:2:6: expected `{`, found `=` (`==` compares; `=` stands in assignments only)");
    check_main("print 1 < 2 < 3", "t.wl:2:13: comparisons do not chain (write `a < b and b < c`)");
    check_main(
        "print \"abc",
        "t.wl:2:7: the string is not closed (end it with `\"` on the same line; `\\n` is a line end inside)",
    );
    check_main("print \"\\q\"", "t.wl:2:8: there is no such escape (the escapes are \\n \\t \\\" \\\\ and \\u{1F600})");
    check_main("let x = 1", "t.wl:2:1: `let` begins no statement (did you mean `var`?)");
    check_main("retrun", "t.wl:2:1: `retrun` begins no statement (did you mean `return`?)");
    check_main("1 + 2", "t.wl:2:1: this value is not used (assign it or print it)");
    check_main("f() = 2", "t.wl:2:1: this cannot be assigned to");
    check_main("var while = 1", "t.wl:2:5: `while` is a word of the language, not a name (choose another name)");
    check_main(
        "print 99999999999999999999",
        "t.wl:2:7: the number does not fit into 64 bits (an int is from -9223372036854775808 to 9223372036854775807)",
    );
    check_main("print 1e999", "t.wl:2:7: the number does not fit into a float");
    check(
        "fn main() {\n    print 1\n",
        "t.wl:2:12: expected `}`, found the end of the file (is a closing brace missing?)",
    );
    check("main() {\n}\n", "t.wl:1:1: expected `fn`, `record`, `param` or `expect fault`, found `main`");
    check(
        "fn main() {\n    if true {\n    print 1\n}\nfn other() {\n}\n",
        "t.wl:1:11: this block is not closed (is a closing brace missing?)",
    );
    check(
        "expect 1 == 1\nfn main() {\n}\n",
        "t.wl:1:1: `expect` with a condition stands in a function (at the top level it is `expect fault KIND on MACHINE`)",
    );
    check(
        "expect fault use_after_fre on c\nfn main() {\n}\n",
        "t.wl:1:14: there is no fault `use_after_fre` (did you mean `use_after_free`?)",
    );
    check("expect fault leak on jmv\nfn main() {\n}\n", "t.wl:1:22: there is no machine `jmv` (did you mean `jvm`?)");
}

#[test]
fn several_errors_are_reported_in_one_go() {
    check_main(
        "var x 1\nprint 1 +\nvar y = (2\nprint nope",
        "t.wl:2:5: `x` has no initial value (every variable has a value from its first moment on)
t.wl:4:1: expected a value, found `var`
t.wl:5:1: expected `)`, found `print`",
    );
    check_main(
        "print nope\nvar x: itn = 1\nx = true\nmissing(1)",
        "t.wl:2:7: there is no variable `nope`
t.wl:3:8: there is no type `itn` (did you mean `int`?)
t.wl:5:1: there is no function `missing`",
    );
}

#[test]
fn names() {
    check_main("var total = 1\nprint totl", "t.wl:3:7: there is no variable `totl` (did you mean `total`?)");
    check_main("pint(1)", "t.wl:2:1: there is no function `pint` (did you mean `int`?)");
    check_main("var x: itn = 1", "t.wl:2:8: there is no type `itn` (did you mean `int`?)");
    check_main("var x = nil", "t.wl:2:9: there is no variable `nil` (write `null`)");
    check_main(
        "var x = 1\nvar x = 2",
        "t.wl:3:5: `x` is declared already (a name means one thing in a block and the blocks in it)",
    );
    check_main("if true {\nvar x = 1\n}\nprint x", "t.wl:5:7: there is no variable `x`");
    check_main("var self = 1", "t.wl:2:5: `self` is the object in a finalizer (choose another name)");
    check("fn len(x: int) {\n}\nfn main() {\n}\n", "t.wl:1:4: `len` is part of the language (choose another name)");
    check("fn f() {\n}\nfn f() {\n}\nfn main() {\n}\n", "t.wl:3:4: the function `f` is declared twice");
    check("record R {\n    a: int\n    a: int\n}\nfn main() {\n}\n", "t.wl:3:5: the field `a` is declared twice");
    check("fn f() {\n}\n", "t.wl:1:1: there is no function `main` (a workload begins with `fn main() { .. }`)");
    check(
        "fn main(x: int) {\n}\n",
        "t.wl:1:4: `main` has no parameters and returns nothing (values from outside come in as `param name = value`)",
    );
}

#[test]
fn types() {
    check_main("var x: float = 1", "t.wl:2:16: expected `float`, found `int` (convert it: `float(..)`)");
    check_main(
        "var x = 1 + 2.0",
        "t.wl:2:9: `+` does not fit `int` and `float` (convert one of them: `float(..)` or `int(..)`)",
    );
    check_main("var s = \"a\" + 1", "t.wl:2:9: `+` does not fit `str` and `int` (convert the number: `str(..)`)");
    check_main("if 1 {\n}", "t.wl:2:4: an int is not a condition (compare it: `x != 0`)");
    check_main("var x = null", "t.wl:2:9: the type of `x` is not known (write it: `var x: T? = null`)");
    check_main("var x: int? = 1", "t.wl:2:8: `int` is not a reference and cannot be null (write `int`)");
    check_main(
        "var a = array<str>(3)",
        "t.wl:2:15: an array cannot hold `str` (its elements are null at first: write `array<str?>`)",
    );
    check_main("var m = map<float, int>()", "t.wl:2:13: `float` cannot be a key (keys are `int` or `str`)");
    check_main("var m = map<int>()", "t.wl:2:9: `map` has another number of types in `<>` (write `map<K, V>`)");
    check_main("var xs = list<int>()\nxs.add(1)", "t.wl:3:4: `list<int>` has no method `add` (did you mean `push`?)");
    check_main("var xs = list<int>()\nprint xs.len", "t.wl:3:10: `list<int>` has no fields (write `len(x)`)");
    check_main(
        "var xs = list<int>()\nprint xs",
        "t.wl:3:7: `list<int>` cannot be printed (print int, float, bool or str)",
    );
    check_main("var b = bytes(3)\nb[0] = 1", "t.wl:3:1: bytes cannot be changed (use `array<int>` for what changes)");
    check_main("for i in 10 {\n}", "t.wl:2:10: `int` cannot be gone over (write `for i in 0..n`)");
    check_main(
        "for i in 0..3 {\ni = 1\n}",
        "t.wl:3:1: `i` is the loop's own variable (copy it into a variable, or use `while`)",
    );
    check_main("free 1", "t.wl:2:6: `int` is not a reference: there is nothing to free");
    check_main("join 1", "t.wl:2:6: expected `thread`, found `int`");
    check_main("var x = -true", "t.wl:2:9: `-` is for numbers, not for `bool`");
    check_main("break", "t.wl:2:1: there is no loop around this");
}

#[test]
fn records_and_null() {
    let record = "record Node {\n    value: int\n    next: Node?\n}\n";
    let check = |statements: &str, expected: &str| check(&format!("{record}{}", in_main(statements)), expected);
    check("var n = Node { valeu: 1 }", "t.wl:6:16: `Node` has no field `valeu` (did you mean `value`?)");
    check("var n = Nod { value: 1 }", "t.wl:6:9: there is no record `Nod` (did you mean `Node`?)");
    check("var n = Node { value: 1, value: 2 }", "t.wl:6:26: `value` is given twice");
    check("var n = Node(1)", "t.wl:6:9: there is no function `Node` (create a record with `Node { field: value }`)");
    check("var n = Node { value: null }", "t.wl:6:23: expected `int`, found `null` (a `int` is never null)");
    check(
        "var n = Node { value: 1 }\nvar m: Node = n.next",
        "t.wl:7:15: expected `Node`, found `Node?` (`!` after it demands that it is not null)",
    );
    check(
        "var n = Node { value: 1 }\nprint n == null",
        "t.wl:7:7: `==` does not fit `Node` and `null` (a `Node` is never null)",
    );
    check("var n = Node { value: 1 }\nprint n! == n", "t.wl:7:7: `Node` is never null (remove the `!`)");
    check(
        "local n = Node { value: 1 }\nvar m = n",
        "t.wl:7:9: `n` is a record in automatic storage (write `&n` for its address)",
    );
    check(
        "var n = Node { value: 1 }\nvar m = &n",
        "t.wl:7:10: `n` has no address (only a record declared with `local` has an address that can be taken)",
    );
    check("var n: Node? = null\nif n {\n}", "t.wl:7:4: a reference is not a condition (compare it: `x != null`)");
    check(
        "if Node == null {\n}",
        "t.wl:6:4: there is no variable `Node` (`Node` is a record: create one with `Node { .. }`, in parentheses before a block)",
    );
}

#[test]
fn calls_and_returns() {
    let with = |rest: &str| format!("fn f(a: int, b: str) -> int {{\n    return a\n}}\n{rest}");
    let check_call = |statements: &str, expected: &str| check(&with(&in_main(statements)), expected);
    check_call("f(1)", "t.wl:5:1: `f` takes 2 arguments, found 1 (it is `f(a: int, b: str)`)");
    check_call("f(1, \"a\", 2, 3)", "t.wl:5:11: `f` takes 2 arguments, found 4 (it is `f(a: int, b: str)`)");
    check_call(
        "f(\"a\", 1)",
        "t.wl:5:3: expected `int`, found `str`\nt.wl:5:8: expected `str`, found `int` (convert it: `str(..)`)",
    );
    check_call("print len(1)", "t.wl:5:11: `int` has no length (len is for array, list, map, str and bytes)");
    check_call("rand(1)", "t.wl:5:1: `rand` takes 2 arguments, found 1 (it is `rand(from: int, to: int)`)");
    check(
        "fn f() {\n}\nfn main() {\n    var x = f()\n}\n",
        "t.wl:4:13: expected `int`, but this returns nothing (give the function a result: `fn name() -> type`)",
    );
    check(
        "fn f() -> int {\n    if true {\n        return 1\n    }\n}\nfn main() {\n}\n",
        "t.wl:5:1: `f` can end without a `return` (it returns `int` on every way out)",
    );
    check("fn f() -> int {\n    while true {\n    }\n}\nfn main() {\n}\n", "nothing");
    check(
        "fn f() -> int {\n    while true {\n        break\n    }\n}\nfn main() {\n}\n",
        "t.wl:5:1: `f` can end without a `return` (it returns `int` on every way out)",
    );
    check("fn f() -> int {\n    return\n}\nfn main() {\n}\n", "t.wl:2:5: expected a value of type `int`");
    check_main("return 1", "t.wl:2:8: this function returns nothing (give it a result: `fn name() -> type`)");
    check_main(
        "return\nprint 1",
        "t.wl:3:1: this is never reached (remove it, or the statement before it that ends the block)",
    );
    check_main(
        "while true {\n}\nprint 1",
        "t.wl:4:1: this is never reached (remove it, or the statement before it that ends the block)",
    );
}

#[test]
fn parameters() {
    check(
        "param n = 5 in 6..10\nfn main() {\n}\n",
        "t.wl:1:11: the value is outside its range (a range contains its start, not its end)",
    );
    check(
        "param n = 5 in 0.0..10.0\nfn main() {\n}\n",
        "t.wl:1:16: the range does not fit the value (a range has two ints for an int, two floats for a float)",
    );
    check(
        "param n = 5\nfn main() {\n    n = 6\n}\n",
        "t.wl:3:5: `n` is a parameter of the workload (copy it into a variable)",
    );
    check("param n = x\nfn main() {\n}\n", "t.wl:1:11: expected a number, `true`, `false` or a string, found `x`");
}

/// What is said of the bytes of a file.
fn check_bytes(bytes: &[u8], expected: &str) {
    let problems = Workload::from_bytes("t.wl", bytes).unwrap_err();
    assert_eq!(problems.to_string(), expected);
    assert!(problems.render(false).contains("t.wl"), "the report names the file");
}

#[test]
fn files_that_are_no_workloads() {
    check_bytes(b"", "t.wl: the file is empty (a workload has at least `fn main() {}`)");
    check_bytes(b" \n\n", "t.wl: the file is empty (a workload has at least `fn main() {}`)");
    check_bytes(
        b"\x7fELF\x02\x00\x00",
        "t.wl: this is not a text file: byte 5 is NUL (a workload is UTF-8 text; a recorded trace is read by other commands)",
    );
    check_bytes(
        b"fn main() {\n  print \"\xff\"\n}",
        "t.wl: line 2 is not UTF-8: byte 21 of the file is 0xff (save the file as UTF-8)",
    );
    let huge = vec![b' '; SOURCE_BYTES_MAX + 1];
    check_bytes(
        &huge,
        "t.wl: the file has 1048577 bytes; a workload has at most 1048576 (large data belong into a loop that makes them)",
    );
}

#[test]
fn deep_nesting_is_refused_and_not_a_crash() {
    let nested =
        |open: &str, inner: &str, close: &str, n: usize| format!("{}{inner}{}", open.repeat(n), close.repeat(n));
    let expression = format!("var x = {}", nested("(", "1", ")", 100_000));
    check_main(
        &expression,
        "t.wl:2:109: nested too deeply: more than 100 levels (give the inner part a name of its own, or a function)",
    );
    let blocks = nested("if true {\n", "print 1\n", "}\n", 5_000);
    let problems = Workload::parse("t.wl", &in_main(&blocks)).unwrap_err().to_string();
    assert!(problems.contains("nested too deeply"), "{problems}");
    let sum = format!("print 1{}", " + 1".repeat(100_000));
    let problems = Workload::parse("t.wl", &in_main(&sum)).unwrap_err().to_string();
    assert!(problems.contains("the expression is too long: more than 256 steps deep"), "{problems}");
    for text in ["-", "not ", "f(", "a[", "a.b", "!", "list<", "R { a: "] {
        let source = in_main(&format!("print {}", text.repeat(50_000)));
        assert!(Workload::parse("t.wl", &source).is_err(), "{text}");
    }
    check_main(&format!("var x = {}", nested("(", "1", ")", 90)), "nothing");
    check_main(&format!("print 1{}", " + 1".repeat(250)), "nothing");
}
