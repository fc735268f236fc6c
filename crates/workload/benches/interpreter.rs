//! How fast the interpreter is over the machine that does nothing: `cargo bench -p workload`.
//!
//! Each workload runs forty times, a few milliseconds each; the fastest run counts, because whatever slows a run down is
//! not the interpreter.

use std::time::Instant;

use workload::{Bare, Ending, Options, Workload, interpret};

/// Name, source, and how many of the operation in question one run does for each value of `n`.
const WORKLOADS: [(&str, &str, u64); 5] = [
    (
        "loop arithmetic",
        "param n = 1_000_000
fn main() {
    var sum = 0
    for i in 0..n {
        sum = sum + i * 3 % 7
    }
    expect sum > 0
}
",
        1_000_000,
    ),
    (
        "while and if",
        "param n = 1_000_000
fn main() {
    var i = 0
    var even = 0
    while i < n {
        if i % 2 == 0 {
            even = even + 1
        }
        i = i + 1
    }
    expect even == n / 2
}
",
        1_000_000,
    ),
    (
        "calls",
        "param n = 24
fn fib(n: int) -> int {
    if n < 2 {
        return n
    }
    return fib(n - 1) + fib(n - 2)
}
fn main() {
    expect fib(n) == 46368
}
",
        150_049,
    ),
    (
        "linked list",
        "param n = 200_000
record Node {
    value: int
    next: Node?
}
fn main() {
    var head: Node? = null
    for i in 0..n {
        head = Node { value: i, next: head }
    }
    var sum = 0
    var node = head
    while node != null {
        sum = sum + node.value
        node = node.next
    }
    expect sum == n * (n - 1) / 2
}
",
        400_000,
    ),
    (
        "list and map",
        "param n = 100_000
fn main() {
    var items = list<int>()
    for i in 0..n {
        items.push(i % 1000)
    }
    var counts = map<int, int>()
    for item in items {
        if counts.has(item) {
            counts[item] = counts[item] + 1
        } else {
            counts[item] = 1
        }
    }
    expect counts[7] == n / 1000
}
",
        200_000,
    ),
];

fn main() {
    println!("{:<18} {:>12} {:>12} {:>10} {:>10}", "workload", "steps", "M steps/s", "ns/step", "ns/op");
    for (name, source, n_operations) in WORKLOADS {
        let workload = Workload::parse(name, source).expect("the workload is right");
        let code = workload.compile(&[]).expect("it has no overrides");
        let mut best = f64::INFINITY;
        let mut steps = 0;
        for _ in 0..40 {
            let mut machine = Bare::new();
            let begin = Instant::now();
            let run = interpret::run(&code, &mut machine, &Options::default());
            best = best.min(begin.elapsed().as_secs_f64());
            assert_eq!(run.ending, Ending::Finished, "{name}");
            steps = run.steps;
        }
        println!(
            "{name:<18} {steps:>12} {:>12.0} {:>10.2} {:>10.2}",
            steps as f64 / best / 1e6,
            best * 1e9 / steps as f64,
            best * 1e9 / n_operations as f64
        );
    }
}
