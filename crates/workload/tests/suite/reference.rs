//! The examples of the language reference are true.
//!
//! A block of `wl` is a program, or statements of a `main` if it declares no function. After it, a block of `output`
//! is what it prints, `fault` the fault it ends with, and `diagnostics` what is said of it.

use workload::{Bare, Ending, Options, Workload, format, interpret};

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/language.md");

pub(crate) struct Block {
    pub(crate) kind: String,
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// The examples of the reference, in order.
pub(crate) fn examples() -> Vec<Block> {
    blocks(&std::fs::read_to_string(REFERENCE).expect("the reference is there"))
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_inside = false;
    for (index, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if is_inside => is_inside = false,
            Some(kind) => {
                blocks.push(Block { kind: kind.to_owned(), text: String::new(), line: index + 1 });
                is_inside = true;
            }
            None if is_inside => {
                let block = blocks.last_mut().expect("inside a block");
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(!is_inside, "the last block is closed");
    blocks
}

/// A whole program: a block without a function is what stands in `main`, its records and parameters apart.
pub(crate) fn program(text: &str) -> String {
    if text.lines().any(|line| line.starts_with("fn main")) {
        return text.to_owned();
    }
    let declares = |line: &str| ["fn ", "record ", "param ", "expect fault "].iter().any(|word| line.starts_with(word));
    let (mut items, mut statements, mut is_inside) = (String::new(), String::new(), false);
    for line in text.lines() {
        let begins = declares(line);
        let into = if is_inside || begins { &mut items } else { &mut statements };
        into.push_str(line);
        into.push('\n');
        if begins && line.ends_with('{') {
            is_inside = true;
        } else if line == "}" {
            is_inside = false;
        }
    }
    format!("{items}fn main() {{\n{statements}}}\n")
}

#[test]
fn every_example_does_what_the_reference_says() {
    let blocks = examples();
    let n_examples = blocks.iter().filter(|block| block.kind == "wl").count();
    assert!(n_examples >= 28, "{n_examples} examples");
    for (index, block) in blocks.iter().enumerate() {
        let next = blocks.get(index + 1);
        match block.kind.as_str() {
            "wl" => check(block, next),
            "output" | "fault" | "diagnostics" => {
                assert!(index > 0 && blocks[index - 1].kind == "wl", "line {}: nothing to compare with", block.line);
            }
            "text" | "c" | "python" | "java" | "rust" | "console" => {}
            other => panic!("line {}: what is `{other}`?", block.line),
        }
    }
}

fn check(block: &Block, next: Option<&Block>) {
    let line = block.line;
    let expected = |kind: &str| next.filter(|next| next.kind == kind).map(|next| next.text.as_str());
    let is_whole = block.text.contains("fn main");
    let source = program(&block.text);
    let workload = match (Workload::parse("example.wl", &source), expected("diagnostics")) {
        (Ok(workload), None) => workload,
        (Err(problems), Some(expected)) => {
            // The lines of statements are counted without the `main` that is put around them.
            let said: Vec<&str> = problems.all.iter().map(|problem| problem.problem.message.as_str()).collect();
            assert_eq!(said.join("\n") + "\n", expected, "line {line}");
            return;
        }
        (Ok(_), Some(_)) => panic!("line {line}: nothing is wrong with it"),
        (Err(problems), None) => panic!("line {line}: {}", problems.render(false)),
    };
    if is_whole {
        assert_eq!(format::format("example.wl", &block.text).unwrap(), block.text, "line {line} is not formatted");
    }
    let code = workload.compile(&[]).unwrap();
    let run = interpret::run(&code, &mut Bare::new(), &Options { steps_max: 1_000_000, ..Options::default() });
    match (&run.ending, expected("fault")) {
        (Ending::Finished, None) => {}
        (Ending::Faulted(fault), Some(expected)) => {
            assert_eq!(format!("{}: {}\n", fault.kind, fault.message), expected, "line {line}");
        }
        (ending, _) => panic!("line {line}: {ending:?}"),
    }
    match expected("output") {
        Some(expected) => assert_eq!(run.output, expected, "line {line}"),
        None => assert!(run.output.is_empty() || run.ending != Ending::Finished, "line {line} prints {:?}", run.output),
    }
}
