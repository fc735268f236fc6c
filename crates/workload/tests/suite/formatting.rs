//! The formatter.

use workload::format::format;
use workload::lexer::{TokenKind, tokens};

use crate::support::gallery;

fn check(source: &str, expected: &str) {
    let once = format("t.wl", source).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(once, expected);
    assert_eq!(format("t.wl", &once).unwrap(), once, "formatting twice changes nothing");
}

#[test]
fn spaces_and_indentation_are_decided() {
    check(
        "param   n=3 in 0 .. 10\nrecord A{\nv:int\nnext:A?}\nfn f(a:int,b:list<int>)->int{\n  var x=-a+ -3*(b[0]-1)\nif x<0 and not(x==-5){return -x}\n\treturn  x\n}\nfn main( ){\n}\n",
        "param n = 3 in 0..10

record A {
    v: int
    next: A? }

fn f(a: int, b: list<int>) -> int {
    var x = -a + -3 * (b[0] - 1)
    if x < 0 and not (x == -5) { return -x }
    return x
}

fn main() {
}
",
    );
}

#[test]
fn brackets_of_types_and_comparisons_are_told_apart() {
    check(
        "fn f(list:int,b:int){\nvar m=map < int , list< A ?> > ( )\nprint list<b,b>list\n}",
        "fn f(list: int, b: int) {\n    var m = map<int, list<A?>>()\n    print list < b, b > list\n}\n",
    );
}

#[test]
fn comments_are_kept_and_those_behind_code_aligned() {
    check(
        "//head\n\n\n\nfn main() {\n\n  //own\n  var x = 1 //one\n  var longer = 2      // two\n\n//----\n  print x , // three\n longer\n\n}\n// end",
        "// head

fn main() {
    // own
    var x = 1       // one
    var longer = 2  // two

    // ----
    print x,  // three
        longer
}
// end
",
    );
}

#[test]
fn long_expressions_and_creations_keep_their_lines() {
    check(
        "fn main() {\nvar x = 1 +\n2 *\n3\nvar r = R {\na : 1 ,\nb: f(\n1\n)\n}\n}",
        "fn main() {
    var x = 1 +
        2 *
        3
    var r = R {
        a: 1,
        b: f(
            1
        )
    }
}
",
    );
}

#[test]
fn what_cannot_be_parsed_is_not_formatted() {
    assert!(format("t.wl", "fn main( {").is_err());
}

#[test]
fn the_gallery_is_formatted_and_its_tokens_are_its_own() {
    for (name, source) in gallery() {
        let formatted = format(&name, &source).unwrap();
        let significant = |text: &str| -> Vec<(TokenKind, String)> {
            let (tokens, _) = tokens(text);
            let kept = tokens.into_iter().filter(|token| token.kind != TokenKind::Newline);
            kept.map(|token| (token.kind, token.span.text(text).to_owned())).collect()
        };
        assert_eq!(significant(&formatted), significant(&source), "{name}");
        assert_eq!(format(&name, &formatted).unwrap(), formatted, "{name}");
    }
}
