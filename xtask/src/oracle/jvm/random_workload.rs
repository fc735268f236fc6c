//! Random workloads: functions that call each other with objects in their variables, temporaries and containers.
//!
//! What they are after is what keeps an object alive, and in which order: frames at many depths, variables of blocks
//! that are over, operands that wait for a call, lists and maps that grow at the wrong moment. Everything that is drawn
//! is valid, ends, and gives a checksum.

use std::fmt::Write as _;

use super::program::Draw;

/// Functions of a workload.
const N_FUNCTIONS: u64 = 6;

/// What a variable holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ty {
    Int,
    Node,
    MaybeNode,
    Text,
    Nodes,
    Ints,
    ById,
    ByName,
    Blob,
    Weak,
}

impl Ty {
    const ALL: [Ty; 10] =
        [Ty::Int, Ty::Node, Ty::MaybeNode, Ty::Text, Ty::Nodes, Ty::Ints, Ty::ById, Ty::ByName, Ty::Blob, Ty::Weak];

    const fn name(self) -> &'static str {
        match self {
            Ty::Int => "int",
            Ty::Node => "Node",
            Ty::MaybeNode => "Node?",
            Ty::Text => "str",
            Ty::Nodes => "list<Node>",
            Ty::Ints => "list<int>",
            Ty::ById => "map<int, Node>",
            Ty::ByName => "map<str, int>",
            Ty::Blob => "bytes",
            Ty::Weak => "weak<Node>",
        }
    }
}

/// The parts that every workload has.
const HEAD: &str = "\
// A random workload: see what keeps objects alive, and in which order.
param rounds = 40

record Node {
    id: int
    left: Node?
    text: str
    right: Node?
    ratio: float
    blob: bytes?
}

record State {
    sum: int
    places: array<Node?>
    kept: list<Node>
}

fn add(s: State, n: int) {
    s.sum = (s.sum * 31 + n) % 1000003
}

fn node(s: State, id: int) -> Node {
    return Node { id: id, left: s.places[id % len(s.places)], text: \"n\", right: null, ratio: 0.5, blob: null }
}

fn pair(a: Node?, b: Node?) -> Node {
    return Node { text: \"pair\", id: 1, right: b, left: a, ratio: 1.5, blob: bytes(3) }
}

fn place(s: State, at: int, n: Node?) {
    s.places[at % len(s.places)] = n
}

fn first(nodes: list<Node>, s: State) -> Node {
    if len(nodes) == 0 {
        return node(s, 7)
    }
    return nodes[len(nodes) - 1]
}

fn keys(by_id: map<int, Node>) -> int {
    var total = 0
    for key in by_id {
        total = (total + key + len(str(key))) % 7919
    }
    return total
}

fn size(n: Node?, most: int) -> int {
    if n == null or most == 0 {
        return 0
    }
    return 1 + size(n.left, most - 1) + size(n.right, most - 1)
}
";

struct Writer<'d> {
    random: &'d mut Draw,
    text: String,
    depth: usize,
    n_names: u64,
    /// Variables in scope.
    scope: Vec<(String, Ty)>,
    /// Loops around, and calls so far in this function.
    n_loops: u64,
    n_calls: u64,
    /// Whether variables may be declared here.
    declares: bool,
}

/// Writes the workload of a seed.
pub(super) fn draw(random: &mut Draw) -> String {
    let mut writer = Writer {
        random,
        text: HEAD.to_owned(),
        depth: 0,
        n_names: 0,
        scope: Vec::new(),
        n_loops: 0,
        n_calls: 0,
        declares: true,
    };
    for function in 0..N_FUNCTIONS {
        writer.function(function);
    }
    writer.text.push_str(
        "
fn step(s: State, a: Node, which: int) -> Node {
    if which == 0 {
        return f0(s, a, 3, null)
    } else if which == 1 {
        return f1(s, a, 3, a.left)
    } else if which == 2 {
        return f2(s, a, 3, node(s, 2))
    } else if which == 3 {
        return f3(s, a, 3, a)
    } else if which == 4 {
        return f4(s, pair(a, null), 3, a)
    }
    return f5(s, pair(null, a), 3, null)
}

fn main() {
    var s = State { sum: 0, places: array<Node?>(PLACES), kept: list<Node>() }
    for round in 0..rounds {
        var n = step(s, node(s, round), round % 6)
        place(s, round * 7 + s.sum, n)
        s.kept.push(n)
        if len(s.kept) > KEPT {
            s.kept = list<Node>()
            for i in 0..len(s.places) {
                s.places[i] = null
            }
        }
        add(s, size(n, 4))
    }
    print s.sum
}
",
    );
    let (places, kept) = (writer.random.between(3, 400), writer.random.between(2, 60));
    writer.text.replace("PLACES", &places.to_string()).replace("KEPT", &kept.to_string())
}

impl Writer<'_> {
    fn line(&mut self, text: &str) {
        writeln!(self.text, "{}{text}", "    ".repeat(self.depth)).expect("a string grows");
    }

    fn open(&mut self, text: &str) {
        self.line(text);
        self.depth += 1;
    }

    fn name(&mut self) -> String {
        self.n_names += 1;
        format!("v{}", self.n_names)
    }

    fn function(&mut self, index: u64) {
        self.text.push('\n');
        self.open(&format!("fn f{index}(s: State, a: Node, depth: int, b: Node?) -> Node {{"));
        self.scope = vec![("a".to_owned(), Ty::Node), ("b".to_owned(), Ty::MaybeNode)];
        (self.n_loops, self.n_calls) = (0, 0);
        let n = self.random.between(6, 14);
        self.statements(n);
        let result = self.expression(Ty::Node, 2);
        self.line(&format!("return {result}"));
        self.depth -= 1;
        self.line("}");
        // Calls go through this one, which ends them.
        self.text.push('\n');
        self.open(&format!("fn step{index}(s: State, a: Node, depth: int, b: Node?) -> Node {{"));
        self.open("if depth <= 0 {");
        self.line("return pair(a, b)");
        self.depth -= 1;
        self.line("}");
        self.line(&format!("return f{index}(s, a, depth, b)"));
        self.depth -= 1;
        self.line("}");
    }

    fn statements(&mut self, n: u64) {
        for _ in 0..n {
            self.statement();
        }
    }

    fn block(&mut self, n: u64) {
        let n_outer = self.scope.len();
        self.statements(n);
        self.scope.truncate(n_outer);
    }

    /// A variable of a type.
    fn variable(&mut self, ty: Ty) -> Option<String> {
        let fitting: Vec<&(String, Ty)> = self.scope.iter().filter(|(_, has)| *has == ty).collect();
        (!fitting.is_empty()).then(|| self.random.of(&fitting).0.clone())
    }

    fn statement(&mut self) {
        match self.random.below(20) {
            0..6 if self.declares => {
                let ty = *self.random.of(&Ty::ALL);
                let value = self.expression(ty, 2);
                let name = self.name();
                self.line(&format!("var {name}: {} = {value}", ty.name()));
                self.scope.push((name, ty));
            }
            0..8 => {
                let ty = *self.random.of(&[Ty::Node, Ty::MaybeNode, Ty::Text, Ty::Nodes]);
                // Parameters and variables alike, but not those of loops.
                if let Some(name) = self.variable(ty).filter(|name| !name.starts_with("each")) {
                    let value = self.expression(ty, 2);
                    self.line(&format!("{name} = {value}"));
                }
            }
            8..10 => {
                let Some(name) = self.variable(Ty::Node) else { return };
                let field = *self.random.of(&["left", "right"]);
                let value = self.expression(Ty::MaybeNode, 2);
                self.line(&format!("{name}.{field} = {value}"));
            }
            10 => {
                let (at, value) = (self.expression(Ty::Int, 1), self.expression(Ty::MaybeNode, 2));
                self.line(&format!("place(s, {at}, {value})"));
            }
            11..13 => self.change_container(),
            13..15 => {
                let condition = self.condition();
                self.open(&format!("if ({condition}) {{"));
                self.block(2);
                self.depth -= 1;
                if self.random.chance(50) {
                    self.open("} else {");
                    // One arm alone has variables: what both leave behind in one place stays there in Java.
                    let declares = std::mem::replace(&mut self.declares, false);
                    self.block(2);
                    self.declares = declares;
                    self.depth -= 1;
                }
                self.line("}");
            }
            15..18 => self.a_loop(),
            18 => {
                let n = self.expression(Ty::Int, 2);
                self.line(&format!("add(s, {n})"));
            }
            _ => {
                if self.n_loops == 0 && self.random.chance(4) {
                    self.line("collect");
                }
            }
        }
    }

    fn change_container(&mut self) {
        let ty = *self.random.of(&[Ty::Nodes, Ty::Ints, Ty::ById, Ty::ByName]);
        let Some(name) = self.variable(ty) else { return };
        match ty {
            Ty::Nodes | Ty::Ints => {
                let element = if ty == Ty::Nodes { Ty::Node } else { Ty::Int };
                let value = self.expression(element, 2);
                match self.random.below(4) {
                    0 => {
                        self.open(&format!("if len({name}) > 2 {{"));
                        self.line(&format!("{name}[1] = {value}"));
                        self.line(&format!("{name}.pop()"));
                        self.depth -= 1;
                        self.line("}");
                    }
                    _ => self.line(&format!("{name}.push({value})")),
                }
            }
            _ => {
                let key = self.expression(if ty == Ty::ById { Ty::Int } else { Ty::Text }, 1);
                let value = self.expression(if ty == Ty::ById { Ty::Node } else { Ty::Int }, 2);
                match self.random.below(4) {
                    0 => self.line(&format!("{name}.remove({key})")),
                    _ => self.line(&format!("{name}[{key}] = {value}")),
                }
            }
        }
    }

    fn a_loop(&mut self) {
        if self.n_loops == 2 {
            return;
        }
        let name = self.name().replace('v', "each");
        let n_outer = self.scope.len();
        match self.random.below(4) {
            0..=2 if self.random.chance(70) => {
                let n = self.random.between(2, if self.n_loops == 0 { 8 } else { 4 });
                self.open(&format!("for {name} in 0..{n} {{"));
                self.scope.push((name, Ty::Int));
            }
            2 if self.declares => {
                // A list that the loop itself does not see under its name.
                let Some(list) = self.variable(Ty::Nodes) else { return };
                let at = self.name();
                self.line(&format!("var {at} = {list}"));
                self.open(&format!("for {name} in {at} {{"));
                self.line(&format!("if len({at}) > 20 {{"));
                self.line("    break");
                self.line("}");
                self.scope.push((name, Ty::Node));
            }
            _ => {
                // In a function of its own, which ends with the loop: its iterator stays in the frame in Java.
                let Some(map) = self.variable(Ty::ById) else { return };
                self.line(&format!("add(s, keys({map}))"));
                return;
            }
        }
        self.n_loops += 1;
        let n = self.random.between(1, 4);
        self.block(n);
        self.n_loops -= 1;
        self.scope.truncate(n_outer);
        self.depth -= 1;
        self.line("}");
    }

    fn condition(&mut self) -> String {
        match self.random.below(5) {
            0 => format!("{} % 3 == 0", self.expression(Ty::Int, 1)),
            1 => {
                let places = format!("s.places[{} % len(s.places)]", self.expression(Ty::Int, 1));
                format!("{} != null", self.variable(Ty::MaybeNode).unwrap_or(places))
            }
            2 => format!("{} == {}", self.expression(Ty::Text, 1), self.expression(Ty::Text, 1)),
            3 => format!("{} == {}", self.expression(Ty::Node, 1), self.expression(Ty::Node, 1)),
            _ => match self.variable(Ty::ById) {
                Some(map) => format!("{map}.has({})", self.expression(Ty::Int, 1)),
                None => "rand(0, 3) == 0".to_owned(),
            },
        }
    }

    fn expression(&mut self, ty: Ty, depth: u64) -> String {
        if self.random.chance(if depth == 0 { 90 } else { 45 })
            && let Some(name) = self.variable(ty)
        {
            return name;
        }
        let deeper = depth.saturating_sub(1);
        match ty {
            Ty::Int => match self.random.below(if depth == 0 { 2 } else { 7 }) {
                0 => self.random.below(100_000).to_string(),
                1 => "rand(0, 500)".to_owned(),
                2 => format!("{}.id", self.expression(Ty::Node, deeper)),
                3 => {
                    let container = *self.random.of(&[Ty::Nodes, Ty::Ints, Ty::ById, Ty::ByName, Ty::Blob]);
                    format!("len({})", self.expression(container, deeper))
                }
                4 => format!("({} + {}) % 7919", self.expression(Ty::Int, deeper), self.expression(Ty::Int, deeper)),
                5 => format!("size({}, 3)", self.expression(Ty::MaybeNode, deeper)),
                _ => format!("len({})", self.expression(Ty::Text, deeper)),
            },
            Ty::Node => self.node(depth),
            Ty::MaybeNode => match self.random.below(if depth == 0 { 2 } else { 6 }) {
                0 => "null".to_owned(),
                1 => "a.left".to_owned(),
                2 => format!("{}.right", self.expression(Ty::Node, deeper)),
                3 => format!("s.places[{} % len(s.places)]", self.expression(Ty::Int, deeper)),
                4 => match self.variable(Ty::Weak) {
                    Some(weak) => format!("{weak}.get()"),
                    None => "b".to_owned(),
                },
                _ => self.expression(Ty::Node, deeper),
            },
            Ty::Text => match self.random.below(if depth == 0 { 2 } else { 5 }) {
                0 => format!("\"{}\"", self.random.of(&["", "x", "long enough to be seen", "\u{e9}", "\u{2713}"])),
                1 => "a.text".to_owned(),
                2 => format!("str({})", self.expression(Ty::Int, deeper)),
                3 => format!("({} + {})", self.short_text(), self.expression(Ty::Text, deeper)),
                _ => format!("({} + {})", self.expression(Ty::Text, deeper), self.short_text()),
            },
            Ty::Nodes => match self.random.below(3) {
                0 => "s.kept".to_owned(),
                _ => "list<Node>()".to_owned(),
            },
            Ty::Ints => "list<int>()".to_owned(),
            Ty::ById => "map<int, Node>()".to_owned(),
            Ty::ByName => "map<str, int>()".to_owned(),
            Ty::Blob => format!("bytes({})", self.random.of(&[0, 1, 40, 333, 5000])),
            Ty::Weak => format!("weak({})", self.expression(Ty::Node, deeper)),
        }
    }

    /// Short, so that texts do not grow without end.
    fn short_text(&mut self) -> String {
        match self.random.below(3) {
            0 => "\"ab\"".to_owned(),
            1 => "str(depth)".to_owned(),
            _ => "\"\"".to_owned(),
        }
    }

    fn node(&mut self, depth: u64) -> String {
        let deeper = depth.saturating_sub(1);
        match self.random.below(if depth == 0 { 2 } else { 9 }) {
            0 => "a".to_owned(),
            1 => format!("node(s, {})", self.expression(Ty::Int, 0)),
            2 | 3 => {
                let (id, text) = (self.expression(Ty::Int, deeper), self.expression(Ty::Text, deeper));
                let (left, right) = (self.expression(Ty::MaybeNode, deeper), self.expression(Ty::MaybeNode, deeper));
                if self.random.chance(50) {
                    return format!(
                        "Node {{ id: {id}, left: {left}, text: {text}, right: {right}, ratio: 0.0, blob: null }}"
                    );
                }
                let blob = self.expression(Ty::Blob, deeper);
                format!("Node {{ text: {text}, right: {right}, left: {left}, id: {id}, blob: {blob}, ratio: 2.5 }}")
            }
            4 | 5 => {
                let (left, right) = (self.expression(Ty::MaybeNode, deeper), self.expression(Ty::MaybeNode, deeper));
                format!("pair({left}, {right})")
            }
            6 => match self.variable(Ty::Nodes) {
                Some(list) => format!("first({list}, s)"),
                None => "a".to_owned(),
            },
            _ => {
                // Few calls, and none in a loop: a run is to end some day.
                if self.n_calls == 3 || self.n_loops > 0 {
                    return "a".to_owned();
                }
                self.n_calls += 1;
                let function = self.random.below(N_FUNCTIONS);
                let (first, last) = (self.expression(Ty::Node, deeper), self.expression(Ty::MaybeNode, deeper));
                format!("step{function}(s, {first}, depth - 1, {last})")
            }
        }
    }
}
