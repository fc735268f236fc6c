//! Parameters from outside, and what a workload tells of itself.

use memory_trait::FaultKind;
use workload::{Bare, Options, ParamInfo, interpret};

use crate::support::parse;

const SOURCE: &str = "// Shows nothing.
//
//   Indented.
param count = 10 in 1..1_000
param ratio = 0.5
param name = \"a\"
param loud = false
expect fault leak on c
expect fault out_of_memory on cpython, jvm
fn main() {
    print count, ratio, name, loud
    if loud {
        print count * 2 + count
    }
}
";

/// What is printed with these values, or what is said of them.
fn check(overrides: &[(&str, &str)], expected: &str) {
    let workload = parse(SOURCE);
    let result = match workload.compile(overrides) {
        Ok(code) => interpret::run(&code, &mut Bare::new(), &Options::default()).output,
        Err(error) => error.to_string(),
    };
    assert_eq!(result, expected);
}

#[test]
fn parameters_take_values_from_outside() {
    check(&[], "10 0.5 a false\n");
    check(&[("count", "999"), ("ratio", "2"), ("name", "x y"), ("loud", "true")], "999 2.0 x y true\n2997\n");
    check(&[("count", "1_0")], "10 0.5 a false\n");
    check(&[("count", "5"), ("count", "6")], "6 0.5 a false\n");
}

#[test]
fn wrong_values_and_names_are_refused() {
    check(&[("cuont", "1")], "the workload has no parameter `cuont`: did you mean `count`?");
    check(&[("zzzzzz", "1")], "the workload has no parameter `zzzzzz`: it has count, ratio, name, loud");
    check(&[("count", "many")], "`many` is not an int: the parameter `count` is 10 by default");
    check(&[("count", "1.5")], "`1.5` is not an int: the parameter `count` is 10 by default");
    check(&[("ratio", "inf")], "`inf` is not a float: the parameter `ratio` is 0.5 by default");
    check(&[("loud", "yes")], "`yes` is not `true` or `false`: the parameter `loud` is false by default");
    check(&[("count", "0")], "0 is outside the range of the parameter `count`: 1..1000 (half open)");
    check(&[("count", "1000")], "1000 is outside the range of the parameter `count`: 1..1000 (half open)");
    check(
        &[("count", "99999999999999999999")],
        "`99999999999999999999` is not an int: the parameter `count` is 10 by default",
    );
    let bare = parse("fn main() {\n}\n").compile(&[("n", "1")]).unwrap_err();
    assert_eq!(bare.to_string(), "the workload has no parameter `n`: it has none");
}

#[test]
fn a_workload_tells_its_comment_parameters_and_expected_faults() {
    let workload = parse(SOURCE);
    assert_eq!(workload.head_comment(), "Shows nothing.\n\n  Indented.");
    let count = ParamInfo {
        name: "count".to_owned(),
        default: "10".to_owned(),
        range: Some(("1".to_owned(), "1000".to_owned())),
    };
    assert_eq!(workload.params()[0], count);
    let code = workload.compile(&[("ratio", "0.25")]).unwrap();
    assert!(code.expects("c", FaultKind::Leak));
    assert!(!code.expects("jvm", FaultKind::Leak));
    assert!(code.expects("jvm", FaultKind::OutOfMemory));
    assert_eq!(code.params[1], ("ratio".to_owned(), "0.25".to_owned()));
}
