//! From lines to collections.

use std::collections::VecDeque;
use std::io::BufRead;

use serde::Serialize;

use crate::collection::{Ages, Change, Collection, Cpu, Kind, Regions};
use crate::error::{LogError, Problem};
use crate::figures::{change, duration_ns, size};
use crate::line::Line;

/// No line of a log is longer: HotSpot's own buffer for a message grows, but its messages do not.
pub const LINE_BYTES_MAX: usize = 1 << 16;

/// Pauses and cycles that may be under way at once; G1 has two. What is older has lost its end.
const UNDER_WAY_MAX: usize = 16;

/// What a log's first lines say of the VM; what they do not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VirtualMachine {
    /// `Serial`, `Parallel` or `G1`.
    pub collector: Option<String>,
    /// `17.0.15+6`.
    pub version: Option<String>,
    /// Memory of the machine. Unit: bytes, of whole M.
    pub memory_bytes: Option<u64>,
    /// The least heap.
    pub heap_min_bytes: Option<u64>,
    /// The first heap.
    pub heap_initial_bytes: Option<u64>,
    /// The largest heap.
    pub heap_max_bytes: Option<u64>,
    /// A region of G1.
    pub region_bytes: Option<u64>,
}

/// A pause that began, and no line says that it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// `GC(number)`.
    pub number: u64,
    /// The last line that spoke of it, from 1.
    pub line: u64,
}

/// Reads a log as a stream of collections, in the order in which they ended.
pub struct Reader<R> {
    source: R,
    file: String,
    line: u64,
    buffer: Vec<u8>,
    vm: VirtualMachine,
    under_way: VecDeque<Collection>,
    /// The collection that ended last: the next line may tell its processor time.
    ended: Option<Collection>,
    first_ns: Option<u64>,
    is_log: bool,
    is_cut_off: bool,
    is_over: bool,
}

impl<R: BufRead> Reader<R> {
    /// A reader of `source`. `file`: what it is called in errors.
    pub fn new(source: R, file: &str) -> Self {
        Reader {
            source,
            file: file.to_owned(),
            line: 0,
            buffer: Vec::new(),
            vm: VirtualMachine::default(),
            under_way: VecDeque::new(),
            ended: None,
            first_ns: None,
            is_log: false,
            is_cut_off: false,
            is_over: false,
        }
    }

    /// What the lines so far say of the VM.
    pub fn vm(&self) -> &VirtualMachine {
        &self.vm
    }

    /// Lines read so far.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Whether the last line has no end: it was not read, the log was cut off in it.
    pub fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// Pauses that have begun and not ended, the oldest first.
    pub fn unfinished(&self) -> Vec<Unfinished> {
        // Of a cycle that G1 is in, the log says little; only pauses have lines from which something is missing.
        self.under_way.iter().map(|begun| Unfinished { number: begun.number, line: begun.line }).collect()
    }

    fn error(&self, problem: Problem) -> LogError {
        LogError { file: self.file.clone(), line: self.line, problem }
    }

    fn expected(&self, expected: &'static str, found: &str) -> LogError {
        let found = found.chars().take(60).collect();
        self.error(Problem::Expected { expected, found })
    }

    /// Reads one line into the buffer; `false` at the end.
    fn fill(&mut self) -> Result<bool, LogError> {
        self.buffer.clear();
        let mut limited = std::io::Read::take(&mut self.source, LINE_BYTES_MAX as u64 + 1);
        let n_bytes = limited.read_until(b'\n', &mut self.buffer);
        self.line += 1;
        match n_bytes {
            Err(error) => Err(self.error(Problem::Unreadable(error))),
            Ok(0) => {
                self.line -= 1;
                Ok(false)
            }
            Ok(_) if self.buffer.last() == Some(&b'\n') => Ok(true),
            Ok(n_bytes) if n_bytes > LINE_BYTES_MAX => Err(self.error(Problem::LongLine)),
            Ok(_) => {
                self.is_cut_off = true;
                self.line -= 1;
                Ok(false)
            }
        }
    }

    fn next_collection(&mut self) -> Result<Option<Collection>, LogError> {
        while self.fill()? {
            let buffer = std::mem::take(&mut self.buffer);
            let text = String::from_utf8_lossy(&buffer);
            let ended = self.take(&text);
            self.buffer = buffer;
            if let Some(collection) = ended? {
                return Ok(Some(collection));
            }
        }
        if !self.is_log {
            return Err(self.error(Problem::NoLog));
        }
        Ok(self.ended.take())
    }

    /// Takes in a line; the collection that no further line can add to, if that is clear now.
    fn take(&mut self, text: &str) -> Result<Option<Collection>, LogError> {
        let line = Line::new(text);
        let at_ns = line.at_ns.map(|ns| ns.saturating_sub(*self.first_ns.get_or_insert(first_of(ns))));
        let Some(number) = line.number else {
            // Brackets are not decorations there.
            if text.starts_with("[GC") || text.starts_with("[Full GC") {
                return Err(self.error(Problem::BeforeUnifiedLogging));
            }
            self.take_general(&line)?;
            return Ok(None);
        };
        self.is_log = true;
        if let Some(times) = line.message.strip_prefix("User=") {
            let cpu = cpu(times).ok_or_else(|| self.expected("User=0.01s Sys=0.00s Real=0.00s", line.message))?;
            if let Some(ended) = self.ended.as_mut().filter(|ended| ended.number == number) {
                ended.cpu = Some(cpu);
                return Ok(self.ended.take());
            }
            return Ok(None);
        }
        let Some((kind, rest)) = kind(line.message) else {
            self.note(number, line.message)?;
            return Ok(None);
        };
        let mut collection = self.begun(number);
        collection.line = self.line;
        let Some(heading) = heading(rest) else {
            return Err(self.expected("(cause), 2M->0M(7M) and 4.367ms after the name of a pause", line.message));
        };
        // The line that says that it begins has neither; that of a model's log, which has no clock, has no time.
        if heading.took_ns.is_none() && heading.heap.is_none() {
            self.under_way.push_back(collection);
            if self.under_way.len() > UNDER_WAY_MAX {
                self.under_way.pop_front();
            }
            return Ok(None);
        }
        (collection.kind, collection.at_ns) = (kind, at_ns);
        (collection.heap, collection.took_ns) = (heading.heap, heading.took_ns);
        let mut groups = heading.groups.into_iter();
        let has_phase = kind == Kind::Young && self.vm.collector.as_deref() != Some("Serial") && groups.len() > 1;
        collection.phase = if has_phase { groups.next() } else { None };
        collection.cause = groups.next();
        collection.troubles.extend(groups);
        Ok(self.ended.replace(collection))
    }

    /// What is known of collection `number`, which is no longer under way.
    fn begun(&mut self, number: u64) -> Collection {
        match self.under_way.iter().position(|begun| begun.number == number) {
            Some(place) => self.under_way.remove(place).expect("it was found there"),
            None => empty(number),
        }
    }

    /// A line about the collection `number`, other than those of its beginning and end.
    fn note(&mut self, number: u64, message: &str) -> Result<(), LogError> {
        if !is_of_interest(message) {
            return Ok(());
        }
        let mut collection = self.begun(number);
        collection.line = self.line;
        let known = add(&mut collection, message);
        self.under_way.push_back(collection);
        if self.under_way.len() > UNDER_WAY_MAX {
            self.under_way.pop_front();
        }
        known
            .ok_or_else(|| self.expected("sizes or regions before and after, as in 2175K(2432K)->255K(2432K)", message))
    }

    /// A line of no collection.
    fn take_general(&mut self, line: &Line<'_>) -> Result<(), LogError> {
        let message = line.message;
        if let Some(collector) = message.strip_prefix("Using ").filter(|_| line.at_ns.is_some() || !self.is_log) {
            match collector {
                "Serial" | "Parallel" | "G1" => self.vm.collector = Some(collector.to_owned()),
                "The Z Garbage Collector" | "Shenandoah" | "Epsilon" => {
                    return Err(self.error(Problem::Collector(collector.to_owned())));
                }
                _ => return Ok(()),
            }
            self.is_log = true;
        } else if message.contains("[GC (") || message.contains("[Full GC (") || message.contains("[GC pause") {
            return Err(self.error(Problem::BeforeUnifiedLogging));
        } else if let Some((name, value)) = message.split_once(": ") {
            let bytes = || size(value).map(|(bytes, _)| bytes);
            match name {
                "Version" => {
                    self.vm.version = value.split([' ', '-']).next().map(str::to_owned);
                    self.is_log = true;
                }
                "Memory" => self.vm.memory_bytes = bytes(),
                "Heap Min Capacity" => self.vm.heap_min_bytes = bytes(),
                "Heap Initial Capacity" => self.vm.heap_initial_bytes = bytes(),
                "Heap Max Capacity" => self.vm.heap_max_bytes = bytes(),
                "Heap Region Size" => self.vm.region_bytes = bytes(),
                _ => {}
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Collection, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.next_collection().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// What times are counted from: the start of the VM, or, by a clock, the log's first line.
fn first_of(ns: u64) -> u64 {
    const YEAR_NS: u64 = 365 * 86_400 * 1_000_000_000;
    if ns < 20 * YEAR_NS { 0 } else { ns }
}

fn empty(number: u64) -> Collection {
    Collection {
        number,
        kind: Kind::Young,
        phase: None,
        cause: None,
        troubles: Vec::new(),
        at_ns: None,
        took_ns: None,
        heap: None,
        generations: Vec::new(),
        regions: Vec::new(),
        metaspace: None,
        ages: None,
        cpu: None,
        line: 0,
    }
}

/// Which collection a line begins or ends, and what follows its name.
fn kind(message: &str) -> Option<(Kind, &str)> {
    [Kind::Young, Kind::Full, Kind::Remark, Kind::Cleanup, Kind::Concurrent]
        .into_iter()
        .find_map(|kind| message.strip_prefix(kind.name()).map(|rest| (kind, rest.trim_start())))
}

/// What follows the name of a pause.
struct Heading {
    groups: Vec<String>,
    heap: Option<Change>,
    took_ns: Option<u64>,
}

/// `(Normal) (G1 Evacuation Pause) 3M->1M(10M) 2.780ms`; each part may be missing.
fn heading(mut rest: &str) -> Option<Heading> {
    let mut groups = Vec::new();
    while let Some(inner) = rest.strip_prefix('(') {
        let mut depth = 1;
        let end = inner.char_indices().find(|(_, c)| {
            depth += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            depth == 0
        });
        let (end, _) = end?;
        groups.push(inner[..end].to_owned());
        rest = inner[end + 1..].trim_start();
    }
    let heap = if rest.contains("->") {
        let (heap, after) = change(rest)?;
        rest = after.trim_start();
        Some(heap)
    } else {
        None
    };
    let took_ns = if rest.is_empty() { None } else { Some(duration_ns(rest.strip_suffix("ms")?, 1_000_000)?) };
    Some(Heading { groups, heap, took_ns })
}

/// Whether a line may add to what is known of a collection.
fn is_of_interest(message: &str) -> bool {
    const BEGINNINGS: [&str; 7] =
        ["DefNew: ", "Tenured: ", "PSYoungGen: ", "ParOldGen: ", "PSOldGen: ", "Metaspace: ", "- age "];
    BEGINNINGS.iter().any(|beginning| message.starts_with(beginning))
        || message.starts_with("Desired survivor size ")
        || message.contains(" regions: ")
        || is_trouble(message)
}

fn is_trouble(message: &str) -> bool {
    matches!(message, "Promotion failed" | "To-space exhausted" | "Evacuation Failure")
}

/// Adds what a line says; `None` if its figures are not as they should be.
fn add(collection: &mut Collection, message: &str) -> Option<()> {
    if is_trouble(message) {
        collection.troubles.push(message.to_owned());
    } else if let Some((name, counts)) = message.split_once(" regions: ") {
        let (before, rest) = size(counts)?;
        let (after, _) = size(rest.strip_prefix("->")?)?;
        collection.regions.push(Regions { name: name.to_owned(), before, after });
    } else if let Some(rest) = message.strip_prefix("Desired survivor size ") {
        let (desired_survivor_bytes, rest) = size(rest)?;
        let (threshold, rest) = size(rest.strip_prefix(" bytes, new threshold ")?)?;
        let (threshold_max, _) = size(rest.strip_prefix(" (max threshold ")?)?;
        collection.ages = Some(Ages { desired_survivor_bytes, threshold, threshold_max, bytes: Vec::new() });
    } else if let Some(rest) = message.strip_prefix("- age ") {
        let (age, rest) = size(rest.trim_start())?;
        let (bytes, _) = size(rest.strip_prefix(':')?.trim_start())?;
        collection.ages.get_or_insert_default().bytes.push((age, bytes));
    } else {
        let mut rest = message;
        while let Some((name, figures)) = rest.split_once(": ") {
            let (change, after) = change(figures)?;
            match name {
                "Metaspace" => collection.metaspace = Some(change),
                "NonClass" | "Class" => {}
                _ => collection.generations.push((name.to_owned(), change)),
            }
            rest = after.trim_start();
        }
    }
    Some(())
}

/// `0.01s Sys=0.00s Real=0.00s`.
fn cpu(times: &str) -> Option<Cpu> {
    let mut parts = times.split_whitespace();
    let mut next = |name: &str| duration_ns(parts.next()?.strip_prefix(name)?.strip_suffix('s')?, 1_000_000_000);
    Some(Cpu { user_ns: next("")?, sys_ns: next("Sys=")?, real_ns: next("Real=")? })
}
