//! Random workloads: programs that nobody wrote, to hold a machine against its runtime with.
//!
//! Each ends by itself after some ten thousand ticks, frees nothing that is used afterwards, and does the same on every
//! machine. They make records of random shapes, link, keep and drop them, grow and empty lists and maps, join texts, and
//! call each other.

use std::fmt::Write;

use crate::format::format;
use crate::splitmix::SplitMix64;

/// The source of the workload with this number: the same number, the same source.
///
/// ```
/// let source = workload::random::source(7);
/// assert!(workload::Workload::parse("random", &source).is_ok());
/// assert_eq!(source, workload::random::source(7));
/// ```
pub fn source(seed: u64) -> String {
    let mut author = Author::new(seed);
    author.program();
    format("random", &author.text).expect("it is a program")
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Int,
    Float,
    Bool,
    Text,
    /// `R0?`
    Record(usize),
    /// `list<int>?`
    Numbers,
    /// `array<R0?>?`
    Records(usize),
    /// `weak<R0>?`
    Weak(usize),
}

struct Author {
    random: SplitMix64,
    text: String,
    depth: usize,
    /// The fields of each record.
    records: Vec<Vec<Field>>,
    n_functions: usize,
    /// The function being written.
    function: usize,
    n_names: usize,
    /// Variables in scope: names of ints that are not negative.
    ints: Vec<String>,
    /// And of records, with which.
    objects: Vec<(String, usize)>,
    /// Loops around.
    n_loops: usize,
    /// Calls that this function may still make.
    n_calls: usize,
}

impl Author {
    fn new(seed: u64) -> Author {
        Author {
            random: SplitMix64::new(seed),
            text: String::new(),
            depth: 0,
            records: Vec::new(),
            n_functions: 0,
            function: 0,
            n_names: 0,
            ints: Vec::new(),
            objects: Vec::new(),
            n_loops: 0,
            n_calls: 0,
        }
    }

    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        (self.random.next() % n as u64) as usize
    }

    fn line(&mut self, text: impl AsRef<str>) {
        for line in text.as_ref().lines() {
            let line = line.trim();
            self.depth -= usize::from(line.starts_with('}'));
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{}{line}", "    ".repeat(self.depth));
            self.depth += usize::from(line.ends_with('{'));
        }
    }

    fn name(&mut self, prefix: &str) -> String {
        self.n_names += 1;
        format!("{prefix}{}", self.n_names)
    }

    fn program(&mut self) {
        self.line("param rounds = 60 in 0..100000\n");
        let n_records = 1 + self.below(4);
        self.records = (0..n_records).map(|_| self.fields(n_records)).collect();
        for (index, fields) in self.records.clone().into_iter().enumerate() {
            self.line(format!("record R{index} {{"));
            for (number, field) in fields.into_iter().enumerate() {
                self.line(format!("f{number}: {}", type_of(field)));
            }
            self.line("}");
        }
        self.world();
        self.n_functions = 2 + self.below(4);
        for function in 0..self.n_functions {
            self.function(function);
        }
        self.main();
    }

    fn fields(&mut self, n_records: usize) -> Vec<Field> {
        let mut fields = vec![Field::Int];
        for _ in 0..self.below(7) {
            let record = self.below(n_records);
            fields.push(match self.below(9) {
                0 | 1 => Field::Int,
                2 => Field::Float,
                3 => Field::Bool,
                4 => Field::Text,
                5 => Field::Numbers,
                6 => Field::Records(record),
                7 => Field::Weak(record),
                _ => Field::Record(record),
            });
        }
        fields
    }

    /// What the whole program keeps.
    fn world(&mut self) {
        self.line("record World {");
        for index in 0..self.records.len() {
            self.line(format!("all{index}: list<R{index}>\nby{index}: map<int, R{index}>"));
        }
        self.line(
            "words: map<str, int>\ntexts: list<str>\nnumbers: list<int>\nratios: list<float>\nblobs: list<bytes>",
        );
        self.line("total: int\n}");
    }

    fn function(&mut self, function: usize) {
        (self.function, self.n_calls, self.n_loops) = (function, 2, 0);
        (self.ints, self.objects) = (vec!["n".to_owned()], Vec::new());
        self.line(format!("fn step{function}(w: World, n: int) -> int {{"));
        let n_statements = 3 + self.below(6);
        self.statements(n_statements);
        let result = self.int();
        self.line(format!("return ({result}) % 1009\n}}"));
    }

    fn main(&mut self) {
        self.line("fn main() {");
        let mut fields = String::new();
        for index in 0..self.records.len() {
            let _ = write!(fields, "all{index}: list<R{index}>(), by{index}: map<int, R{index}>(), ");
        }
        self.line(format!(
            "var w = World {{ {fields}words: map<str, int>(), texts: list<str>(), numbers: list<int>(), \
             ratios: list<float>(), blobs: list<bytes>(), total: 0 }}"
        ));
        self.line("for i in 0..rounds {\nw.total = (w.total + step0(w, i)) % 1000003");
        for (list, least) in [("texts", 150), ("numbers", 400), ("ratios", 400), ("blobs", 60)] {
            self.line(format!("while len(w.{list}) > {least} {{\nw.{list}.pop()\n}}"));
        }
        for index in 0..self.records.len() {
            let most = 20 + self.below(300);
            self.line(format!("while len(w.all{index}) > {most} {{\nw.all{index}.pop()\n}}"));
        }
        self.line("}\nprint w.total, len(w.words), len(w.texts), len(w.numbers), len(w.ratios), len(w.blobs)");
        for index in 0..self.records.len() {
            self.line(format!("print len(w.all{index}), len(w.by{index})"));
        }
        self.line("}");
    }

    /// A block's statements; what they declare is out of scope afterwards.
    fn statements(&mut self, n: usize) {
        let (n_ints, n_objects) = (self.ints.len(), self.objects.len());
        (0..n).for_each(|_| self.statement());
        if self.depth > 1 {
            self.ints.truncate(n_ints);
            self.objects.truncate(n_objects);
        }
    }

    fn statement(&mut self) {
        let record = self.below(self.records.len());
        match self.below(18) {
            0 => {
                let (name, value) = (self.name("x"), self.natural());
                self.line(format!("var {name} = {value}"));
                self.ints.push(name);
            }
            1 | 2 => {
                let (name, value) = (self.name("r"), self.creation(record));
                self.line(format!("var {name} = {value}"));
                self.objects.push((name, record));
            }
            3 => {
                let value = self.creation(record);
                self.line(format!("w.all{record}.push({value})"));
            }
            4 => {
                let (key, value) = (self.natural(), self.object(record));
                self.line(format!("w.by{record}[{key} % 37] = {value}"));
            }
            5 => {
                let (key, found) = (self.name("k"), self.name("r"));
                let value = self.natural();
                self.line(format!("var {key} = {value} % 37\nif w.by{record}.has({key}) {{"));
                self.line(format!("var {found} = w.by{record}[{key}]\nw.by{record}.remove({key})"));
                self.write_field(&found, record);
                self.line("}");
            }
            6 => {
                let (floor, last) = (self.below(12), self.name("r"));
                self.line(format!("if len(w.all{record}) > {floor} {{\nvar {last} = w.all{record}.pop()"));
                self.write_field(&last, record);
                self.line("}");
            }
            7 | 8 if self.n_loops < 2 => {
                let (index, n) = (self.name("i"), 2 + self.below(5));
                self.line(format!("for {index} in 0..{n} {{"));
                self.ints.push(index);
                self.n_loops += 1;
                let n_statements = 1 + self.below(3);
                self.statements(n_statements);
                self.n_loops -= 1;
                self.ints.pop();
                self.line("}");
            }
            9 => {
                let item = self.name("r");
                self.line(format!("for {item} in w.all{record} {{\nw.total = (w.total + {item}.f0) % 1000003"));
                self.write_field(&item, record);
                self.line("}");
            }
            10 => {
                let key = self.name("k");
                let step = self.below(100);
                self.line(format!("for {key} in w.words {{\nw.words[{key}] = (w.words[{key}] + {step}) % 5003\n}}"));
            }
            11 => {
                let (a, b) = (self.natural(), self.int());
                self.line(format!("w.texts.push(\"t\" + str({a}))\nw.words[str({a} % 41)] = {b}"));
            }
            12 => {
                let (size, number) = (self.below(900), self.int());
                let ratio = self.float();
                self.line(format!("w.blobs.push(bytes({size}))\nw.numbers.push({number})\nw.ratios.push({ratio})"));
            }
            13 if self.n_calls > 0 && self.n_loops < 2 && self.function + 1 < self.n_functions => {
                self.n_calls -= 1;
                let callee = self.function + 1 + self.below(self.n_functions - self.function - 1);
                let argument = self.natural();
                self.line(format!("w.total = (w.total + step{callee}(w, {argument})) % 1000003"));
            }
            14 | 15 => self.passing(),
            16 => {
                if let Some((name, record)) = self.some_object() {
                    self.write_field(&name, record);
                }
            }
            _ => {
                let (condition, n) = (self.condition(), 1 + self.below(2));
                self.line(format!("if {condition} {{"));
                self.statements(n);
                self.line("}");
            }
        }
    }

    /// Something that is made, used and given back.
    fn passing(&mut self) {
        let (name, size) = (self.name("t"), self.natural());
        match self.below(4) {
            0 => {
                let index = self.name("i");
                self.line(format!(
                    "var {name} = list<int>()\nfor {index} in 0..{size} % 40 {{\n{name}.push({index})\n}}"
                ));
            }
            1 => self.line(format!("var {name} = bytes({size} % 5000)")),
            2 => self.line(format!("var {name} = \"passing \" + str({size})")),
            _ => self.line(format!("var {name} = array<float>({size} % 90)")),
        }
        self.line(format!("w.total = (w.total + len({name})) % 1000003\nfree {name}"));
    }

    fn write_field(&mut self, object: &str, record: usize) {
        let number = self.below(self.records[record].len());
        let value = self.value(self.records[record][number]);
        self.line(format!("{object}.f{number} = {value}"));
    }

    fn creation(&mut self, record: usize) -> String {
        let fields = self.records[record].clone();
        let mut text = format!("R{record} {{");
        for (number, field) in fields.into_iter().enumerate() {
            let value = self.value(field);
            let _ = write!(text, "{} f{number}: {value}", if number > 0 { "," } else { "" });
        }
        text.push_str(" }");
        text
    }

    fn value(&mut self, field: Field) -> String {
        match field {
            Field::Int => self.int(),
            Field::Float => self.float(),
            Field::Bool => self.condition(),
            Field::Text if self.below(2) == 0 => format!("\"text {}\"", self.below(5)),
            Field::Text => format!("str({})", self.natural()),
            Field::Record(record) => self.latest(record).unwrap_or("null").to_owned(),
            Field::Numbers => (if self.below(2) == 0 { "list<int>()" } else { "null" }).to_owned(),
            Field::Records(record) => format!("array<R{record}?>({})", self.below(12)),
            Field::Weak(record) => match self.latest(record) {
                Some(name) => format!("weak({name})"),
                None => "null".to_owned(),
            },
        }
    }

    /// A record in a variable.
    fn some_object(&mut self) -> Option<(String, usize)> {
        if self.objects.is_empty() {
            return None;
        }
        let index = self.below(self.objects.len());
        Some(self.objects[index].clone())
    }

    /// The variable that holds a record of a type and was declared last.
    fn latest(&self, record: usize) -> Option<&str> {
        self.objects.iter().rev().find(|(_, known)| *known == record).map(|(name, _)| name.as_str())
    }

    /// A record of a type, if need be a new one.
    fn object(&mut self, record: usize) -> String {
        match self.latest(record) {
            Some(name) => name.to_owned(),
            None => self.creation(record),
        }
    }

    /// An int that is not negative and below a million.
    fn natural(&mut self) -> String {
        match self.below(5) {
            0 => self.below(300).to_string(),
            1 => format!("rand(0, {})", 1 + self.below(5000)),
            2 => format!("len(w.{})", ["texts", "numbers", "words", "blobs"][self.below(4)]),
            _ => {
                let index = self.below(self.ints.len());
                self.ints[index].clone()
            }
        }
    }

    /// An int whose square fits.
    fn int(&mut self) -> String {
        match self.below(6) {
            0 => format!("w.total - {}", self.below(2000)),
            1 => format!("({} * {} + {}) % 100003", self.natural(), self.natural(), self.below(50)),
            2 => (1_000_000 + self.below(1_000_000)).to_string(),
            3 => match self.some_object() {
                Some((name, _)) => format!("{name}.f0 % 70001"),
                None => self.natural(),
            },
            _ => format!("{} + {}", self.natural(), self.natural()),
        }
    }

    fn float(&mut self) -> String {
        match self.below(3) {
            0 => format!("{}.5", self.below(1000)),
            1 => format!("float({}) / 8.0", self.natural()),
            _ => format!("float(w.total) * 0.25 + {}.0", self.below(9)),
        }
    }

    fn condition(&mut self) -> String {
        match self.below(4) {
            0 => format!("{} % 3 == {}", self.natural(), self.below(3)),
            1 => format!("{} < {}", self.natural(), self.natural()),
            2 => format!("w.total % 2 == 0 and {} > {}", self.natural(), self.below(100)),
            _ => "rand(0, 2) == 1".to_owned(),
        }
    }
}

fn type_of(field: Field) -> String {
    match field {
        Field::Int => "int".to_owned(),
        Field::Float => "float".to_owned(),
        Field::Bool => "bool".to_owned(),
        Field::Text => "str".to_owned(),
        Field::Record(record) => format!("R{record}?"),
        Field::Numbers => "list<int>?".to_owned(),
        Field::Records(record) => format!("array<R{record}?>?"),
        Field::Weak(record) => format!("weak<R{record}>?"),
    }
}
