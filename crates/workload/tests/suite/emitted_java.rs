//! What is emitted as Java is compiled and run: it prints what the emulated run prints, and ends as that does.
//!
//! All programs run in one JVM, one after the other. Where there is no JDK, the test says so and is done.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use workload::emit::{Language, emit};
use workload::{Bare, Ending, Options, Workload, interpret};

use crate::reference::{examples, program};
use crate::support::gallery;

/// Runs the classes it is given, and says how each ended.
const DRIVER: &str = r#"
final class Driver {
    public static void main(String[] names) throws Exception {
        for (String name : names) {
            System.out.println("\u0001" + name);
            System.out.flush();
            String ending = "finished";
            try {
                Class.forName(name).getDeclaredMethod("main", String[].class).invoke(null, (Object) new String[0]);
            } catch (java.lang.reflect.InvocationTargetException e) {
                ending = e.getCause().getClass().getSimpleName();
            }
            System.out.println("\u0002" + ending);
        }
    }
}
"#;

/// More than the gallery and the reference use: what Java would do otherwise, and names that mean something to it.
const ODDITIES: &str = r#"
param random = 3
param public = "static"
record String {
    long: int
    ok: bool
    ratio: float
    next: String?
}
record Object {
    boxes: list<list<int>?>?
}
fn put(this_one: int) -> int {
    return this_one + random
}
fn note(n: int) -> int {
    print "note", n
    return n
}
fn order(a: str, b: str) -> bool {
    return a < b
}
fn catch(new: int) -> str {
    var int = new
    var random = random + int
    return str(random) + public
}
fn main() {
    print put(4), catch(5), order("a\u{FF5E}", "a\u{1F600}"), order("b", "a"), "é\u{1F600}\t\"\\"
    var big = list<int>()
    var other = list<int>()
    for i in 0..300 {
        big.push(i * 1000)
        other.push(i * 1000)
    }
    var same = 0
    for i in 0..300 {
        if big[i] == other[i] {
            same = same + 1
        }
    }
    print same, len(big) + len(other), len("\u{1F600}!") * 3, -len(big)
    var total = 0
    for x in big {
        total = total + x
        if len(big) > 290 {
            big.pop()
        }
    }
    print total, big.pop() - big.pop()
    var end = 3
    for i in 0..end {
        end = end + 1
    }
    print end
    var s = String { ratio: float(note(1)) / 4.0, long: note(2), ok: false, next: null }
    print s.ratio, s.long, s.ok, s.next == null
    var grid = array<array<int>?>(2)
    grid[1] = array<int>(3)
    grid[1][2] = 9
    grid[1]![1] = grid[1][2] % 4 - 7 / 2 * -3
    print grid[1][1], grid[0] == null, len(grid[1]!)
    var boxes = Object { boxes: list<list<int>?>() }
    boxes.boxes.push(null)
    boxes.boxes.push(list<int>())
    boxes.boxes[1].push(4)
    print len(boxes.boxes!), boxes.boxes[1][0]
    var table = map<int, String?>()
    table[7] = null
    table[5000] = s
    print table.has(7), table[7] == null, table.remove(7), table.remove(7), table[5000].long
    for key in table {
        print key
    }
    var flags = list<bool>()
    flags.push(1 < 2)
    flags.push(not flags[0])
    print flags[0] == flags[1], flags[0] and not flags[1], not (flags[0] or flags[1])
    var blob = bytes(3)
    print blob[2] + 1, len(blob) % 2
    print 1.5, 0.1 + 0.2, 1e300 * 10.0, 5e-324, 9007199254740993.0, 1.0 / 3.0, 123456.789, 1e22, 2e-44 % 3e-50
    print int(-2.9), float(7) / 2.0, 5.684341886080802e-14, 9.5367431640625e-07, 2.2250738585072014e-308
    print -9223372036854775807 - 1, 7 % -3, -7 % 3, rand(-9223372036854775807, 9223372036854775807), rand(0, 10)
    expect 9223372036854775807 + int(float(same) / 300.0) == 0
}
"#;

fn java_of(kind: &str) -> &[&str] {
    match kind {
        "expect_failed" => &["AssertionError"],
        "null_dereference" => &["NullPointerException"],
        "integer_overflow" | "division_by_zero" => &["ArithmeticException"],
        "missing" => &["NoSuchElementException", "IndexOutOfBoundsException"],
        "modified_in_loop" => &["ConcurrentModificationException"],
        "invalid_value" => &["IllegalArgumentException", "NegativeArraySizeException"],
        "out_of_bounds" => &["ArrayIndexOutOfBoundsException", "IndexOutOfBoundsException"],
        "out_of_memory" => &["OutOfMemoryError"],
        other => panic!("what is {other} in Java?"),
    }
}

struct Expected {
    output: Option<String>,
    endings: Vec<&'static str>,
}

/// What the emulated run of a workload does; a fault that the gallery expects of a JVM comes before that.
fn expected(workload: &Workload) -> Expected {
    let code = workload.compile(&[]).unwrap();
    let run = interpret::run(&code, &mut Bare::with_room(1 << 23), &Options::default());
    let on_jvm = workload.expected_faults().iter().find(|fault| fault.machines.iter().any(|name| name == "jvm"));
    // What the machine that does nothing cannot say: who is collected, and what an unset field holds.
    let needs_collector = ["weak(", "finalize"].iter().any(|word| workload.source().contains(word))
        || matches!(&run.ending, Ending::Faulted(fault) if fault.kind.name() == "uninitialised");
    match (on_jvm, run.ending) {
        (Some(fault), _) => Expected { output: None, endings: java_of(fault.kind.name()).to_vec() },
        (None, Ending::Faulted(fault)) if !needs_collector => {
            Expected { output: Some(run.output), endings: java_of(fault.kind.name()).to_vec() }
        }
        (None, _) => Expected { output: (!needs_collector).then_some(run.output), endings: vec!["finished"] },
    }
}

pub(crate) fn workloads() -> Vec<Workload> {
    let mut sources = gallery();
    sources.push(("oddities".to_owned(), ODDITIES.to_owned()));
    let blocks = examples();
    for (index, block) in blocks.iter().enumerate() {
        let next = blocks.get(index + 1).map(|next| (next.kind.as_str(), next.text.as_str()));
        let is_endless = next.is_some_and(|(_, text)| text.starts_with("step_limit"));
        if block.kind == "wl" && !is_endless && next.is_none_or(|(kind, _)| kind != "diagnostics") {
            sources.push((format!("example{}", block.line), program(&block.text)));
        }
    }
    sources.iter().map(|(name, source)| Workload::parse(name, source).unwrap()).collect()
}

pub(crate) fn tool(name: &str, version: &str) -> Option<Command> {
    match Command::new(name).arg(version).output() {
        Ok(said) if said.status.success() => Some(Command::new(name)),
        _ => {
            eprintln!("skipped: there is no {name}");
            None
        }
    }
}

#[test]
fn what_is_emitted_does_what_the_emulated_run_does() {
    let (Some(mut javac), Some(mut java)) = (tool("javac", "-version"), tool("java", "-version")) else { return };
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emitted-java");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("Driver.java"), DRIVER).unwrap();
    let mut all = BTreeMap::new();
    javac.args(["-nowarn", "-d"]).arg(&dir).arg(dir.join("Driver.java"));
    for workload in workloads() {
        let class = Language::Java.program_name(&workload);
        let file = dir.join(format!("{class}.java"));
        std::fs::write(&file, emit(&workload, Language::Java, &[], 0).unwrap()).unwrap();
        javac.arg(&file);
        all.insert(class, expected(&workload));
    }
    let said = javac.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    java.args(["-Xmx64m", "-XX:+UseSerialGC", "-cp"]).arg(&dir).arg("Driver").args(all.keys());
    let said = java.output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    let mut wrong = String::new();
    for part in text.split('\u{1}').skip(1) {
        let (name, rest) = part.split_once('\n').unwrap();
        let expected = all.remove(name).expect("each runs once");
        let (output, ending) = rest.split_once('\u{2}').expect("it ends");
        let is_output = expected.output.as_ref().is_none_or(|expected| expected == output);
        if !is_output || !expected.endings.contains(&ending.trim_end()) {
            let Expected { output: expected, endings } = expected;
            writeln!(wrong, "{name}: {ending}, expected {endings:?}\n{output}\nexpected: {expected:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}\n{}", String::from_utf8_lossy(&said.stderr));
    assert!(all.is_empty(), "not run: {:?}\n{}", all.keys(), String::from_utf8_lossy(&said.stderr));
}
