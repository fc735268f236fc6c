//! Recordings of the real collector against the model: every operation done on a [`Graph`], every row compared.
//!
//! JSON lines, plain or gzip. A line `workload` has a program on a graph of objects; each line `run` after it says what
//! an interpreter did with that program: a row for each operation and generation collected during it. Some runs have the
//! order of all finalizers and callbacks as well, or the address of every object created, which follow from the
//! allocator's state at the start; which, the line tells.
//!
//! Memory is bounded by the longest line. Must not know where files are: it reads what it is given.

use std::fmt;
use std::io::BufRead;

use memory_trait::Address;
use serde::Deserialize;

use super::N_GENERATIONS;
use super::graph::{CollectionRow, Graph, GraphOperation};
use crate::Version;
use crate::obmalloc::replay::{Failure, Mismatch, Stop, each_line, state_around};
use crate::obmalloc::{ArenaSource, PageAllocator, Pymalloc, Snapshot};

/// More slots than any program has: what asks for more is not a program.
const N_SLOTS_MAX: usize = 1 << 24;

/// Rows shown before the first one that is wrong.
const N_ROWS_SHOWN: usize = 2;

/// How the four numbers of an operation are read.
type ReadQuad = fn([i64; 4]) -> Option<GraphOperation>;

/// Recordings that are exact in everything that is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExactRuns {
    /// Runs in the file.
    pub n_runs: u64,
    /// Rows compared: a generation collected during an operation, and all counters after it.
    pub n_rows: u64,
    /// Finalizers and callbacks compared.
    pub n_events: u64,
    /// Addresses of objects compared.
    pub n_addresses: u64,
}

impl ExactRuns {
    /// Everything compared: rows, finalizers and callbacks, addresses.
    pub fn n_values(&self) -> u64 {
        self.n_rows + self.n_events + self.n_addresses
    }

    /// What that is, in words.
    pub fn what(&self) -> &'static str {
        match (self.n_events, self.n_addresses) {
            (0, 0) => "rows",
            (_, 0) => "rows, finalizers and callbacks",
            (0, _) => "rows and addresses",
            _ => "rows, finalizers, callbacks and addresses",
        }
    }
}

impl fmt::Display for ExactRuns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exact: {0} of {0} {1}", self.n_values(), self.what())
    }
}

/// Whether a file is one of recordings of the collector, by its first (uncompressed) bytes.
pub fn is_runs(head: &[u8]) -> bool {
    let start: Vec<u8> = head.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(32).collect();
    start.starts_with(b"{\"type\":\"workload\"")
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    Workload(Workload),
    Run(Box<Run>),
}

#[derive(Deserialize)]
struct Workload {
    /// Quads, as [`GraphOperation::from_quad`] reads them, or [`GraphOperation::from_finalizer_quad`].
    ops: Vec<i64>,
    slots: usize,
}

#[derive(Deserialize)]
struct Run {
    version: String,
    #[serde(default)]
    profile: String,
    threshold: [u32; N_GENERATIONS],
    init: Init,
    log: Vec<[i64; 10]>,
    /// Pairs: the operation, and what a finalizer or callback logged during it. Only where the program has such.
    events: Option<Vec<i64>>,
    /// Pairs: the operation, and the address of an object made by it.
    #[serde(default)]
    ids: Vec<u64>,
    /// The state of the allocator at the start, as [`Snapshot::from_integers`] reads it. Where there are `ids`.
    snapshot: Option<Vec<u64>>,
    /// 1 made or 2 released, address; in order.
    #[serde(default)]
    arenas: Vec<(u8, u64)>,
}

/// The state at the start.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Init {
    count: [u64; N_GENERATIONS],
    sizes: [u64; N_GENERATIONS],
    pending: u64,
    total: u64,
    fl_list: u64,
    fl_dict: u64,
    fl_float: u64,
    fl_tuple: Vec<u64>,
}

impl Init {
    /// Whether nothing is there but the loop's iterator.
    fn is_clean(&self) -> bool {
        let Init { count, sizes, pending, total, fl_list, fl_dict, fl_float, fl_tuple } = self;
        let is_start = *count == [1, 0, 0] && *sizes == [1, 0, 0];
        is_start && [pending, total, fl_list, fl_dict, fl_float].into_iter().chain(fl_tuple).all(|&n| n == 0)
    }
}

/// Compares a file of recordings to its end or its first wrong row.
///
/// # Errors
/// [`Failure::Mismatch`] at the first difference, whose index counts the rows of its run that are right;
/// [`Failure::Input`] for what is no recording or contradicts itself.
pub fn compare(file: impl BufRead) -> Result<ExactRuns, Failure> {
    let mut exact = ExactRuns::default();
    let mut n_before = 0;
    let mut workload = None;
    let lines = each_line(file, |line: Line| {
        n_before = exact.n_values();
        match line {
            Line::Workload(new) => {
                if !new.ops.len().is_multiple_of(4) {
                    return Err(Stop::Input(format!("{} integers of ops: no multiple of 4", new.ops.len())));
                }
                if new.slots > N_SLOTS_MAX {
                    return Err(Stop::Input(format!("{} slots; at most {N_SLOTS_MAX} are taken", new.slots)));
                }
                workload = Some(new);
                Ok(())
            }
            Line::Run(run) => match &workload {
                Some(workload) => run.compare(workload, &mut exact),
                None => Err(Stop::Input("a run without a workload before it".to_owned())),
            },
        }
    });
    lines.map_err(|failure| failure.after(n_before))?;
    Ok(exact)
}

impl Workload {
    fn quads(&self) -> impl ExactSizeIterator<Item = [i64; 4]> {
        self.ops.chunks_exact(4).map(|quad| [quad[0], quad[1], quad[2], quad[3]])
    }

    /// Slots of a program with finalizers: `slots` are those it writes at random, others follow them.
    fn n_slots_with_finalizers(&self) -> usize {
        let greatest = self.quads().map(|[kind, a, b, c]| match kind {
            0 => a.max(c),
            1 | 2 | 5 | 7 | 8 | 9 => a.max(b),
            _ => a,
        });
        let greatest = greatest.max().and_then(|slot| usize::try_from(slot).ok()).unwrap_or(0);
        self.slots.max(greatest.saturating_add(1)).min(N_SLOTS_MAX)
    }
}

impl Run {
    fn compare(&self, workload: &Workload, exact: &mut ExactRuns) -> Result<(), Stop> {
        let version: Version =
            self.version.parse().map_err(|error: crate::version::UnknownVersion| Stop::Input(error.to_string()))?;
        if version < Version::V3_11 {
            return Err(Stop::Input(format!("the collector of CPython {version} is not modelled, only its allocator")));
        }
        if !self.init.is_clean() {
            let what =
                "the run starts from a state that is not clean: something other than the loop's iterator is there";
            return Err(Stop::Input(what.to_owned()));
        }
        let (read, n_slots): (ReadQuad, usize) = match self.events {
            Some(_) => (GraphOperation::from_finalizer_quad, workload.n_slots_with_finalizers()),
            None => (GraphOperation::from_quad, workload.slots),
        };
        let mut graph = Graph::over(self.pymalloc(version)?, self.threshold, n_slots);
        let mut recorded = Cursor::new(self);
        for (quad, index) in workload.quads().zip(0_i64..) {
            let input = |what: &dyn fmt::Display| Stop::Input(format!("operation {index} {quad:?}: {what}"));
            let operation = read(quad).ok_or_else(|| input(&"is not known"))?;
            let rows = graph.step(operation).map_err(|error| input(&error))?;
            recorded.check_events(index, operation, graph.logged())?;
            recorded.check_rows(index, operation, &rows)?;
            recorded.check_address(index, operation, &graph)?;
        }
        recorded.check_end()?;
        exact.n_runs += 1;
        exact.n_rows += self.log.len() as u64;
        exact.n_events += recorded.n_events as u64;
        exact.n_addresses += recorded.n_addresses as u64;
        Ok(())
    }

    /// The allocator at the start: that of the process, or an empty one where the recording has no addresses.
    fn pymalloc(&self, version: Version) -> Result<Pymalloc, Stop> {
        let Some(snapshot) = &self.snapshot else {
            if self.ids.is_empty() {
                return Ok(Pymalloc::new(version));
            }
            return Err(Stop::Input("ids without the snapshot that they follow from".to_owned()));
        };
        if !self.ids.len().is_multiple_of(2) {
            return Err(Stop::Input(format!("{} integers of ids: no multiple of 2", self.ids.len())));
        }
        let input = |what: &dyn fmt::Display| Stop::Input(format!("snapshot: {what}"));
        let snapshot = Snapshot::from_integers(snapshot).map_err(|error| Stop::Input(error.to_string()))?;
        let made = self.arenas.iter().filter(|event| event.0 == 1).map(|event| event.1);
        let source = ArenaSource::recorded(made.collect());
        Pymalloc::from_snapshot(version, &snapshot, source, PageAllocator::default()).map_err(|broken| input(&broken))
    }
}

/// How far a run is compared.
struct Cursor<'a> {
    run: &'a Run,
    n_rows: usize,
    n_events: usize,
    n_addresses: usize,
}

impl<'a> Cursor<'a> {
    fn new(run: &'a Run) -> Self {
        Cursor { run, n_rows: 0, n_events: 0, n_addresses: 0 }
    }

    /// What finalizers and callbacks logged during an operation.
    fn check_events(&mut self, index: i64, operation: GraphOperation, logged: &[u64]) -> Result<(), Stop> {
        let Some(events) = &self.run.events else { return Ok(()) };
        let rest = &events[(2 * self.n_events).min(events.len())..];
        let recorded: Vec<i64> =
            rest.chunks(2).take_while(|pair| pair[0] == index).map(|pair| pair[pair.len() - 1]).collect();
        if recorded.len() == logged.len() && recorded.iter().zip(logged).all(|(&a, &b)| u64::try_from(a) == Ok(b)) {
            self.n_events += logged.len();
            return Ok(());
        }
        let text = |ids: &mut dyn Iterator<Item = String>| {
            let ids: Vec<String> = ids.collect();
            if ids.is_empty() {
                "no finalizer or callback".to_owned()
            } else {
                format!("finalizers and callbacks {}", ids.join(" "))
            }
        };
        let expected = text(&mut recorded.iter().map(ToString::to_string));
        let predicted = text(&mut logged.iter().map(ToString::to_string));
        Err(self.mismatch(index, &operation.to_string(), expected, predicted))
    }

    /// The rows of an operation.
    fn check_rows(&mut self, index: i64, operation: GraphOperation, rows: &[CollectionRow]) -> Result<(), Stop> {
        let recorded = self.run.log[self.n_rows..].iter().take_while(|row| row[0] == index);
        let mut recorded: Vec<Row> = recorded.map(Row::of_recorded).collect();
        recorded.reverse();
        let mut predicted = rows.iter().map(Row::of_predicted);
        loop {
            match (recorded.pop(), predicted.next()) {
                (None, None) => return Ok(()),
                (expected, predicted) if expected == predicted => self.n_rows += 1,
                (expected, predicted) => {
                    let text = |row: Option<Row>| row.map_or_else(|| "no collection".to_owned(), |row| row.to_string());
                    return Err(self.mismatch(index, &operation.to_string(), text(expected), text(predicted)));
                }
            }
        }
    }

    /// The address of the object that an operation made.
    fn check_address(&mut self, index: i64, operation: GraphOperation, graph: &Graph) -> Result<(), Stop> {
        let Some(slot) = operation.made_slot() else { return Ok(()) };
        if self.run.ids.is_empty() {
            return Ok(());
        }
        let predicted = graph.address(slot).unwrap_or(Address::NULL);
        let recorded = self.run.ids.get(2 * self.n_addresses..2 * self.n_addresses + 2);
        if recorded == Some(&[index as u64, predicted.0]) {
            self.n_addresses += 1;
            return Ok(());
        }
        let expected = match recorded {
            Some(&[at, id]) if at == index as u64 => format!("id {id:#x}"),
            _ => "no id".to_owned(),
        };
        let mut stop = self.mismatch(index, &operation.to_string(), expected, format!("id {predicted}"));
        if let Stop::Mismatch(mismatch) = &mut stop {
            let recorded = recorded.map(|pair| Address(pair[1])).filter(|&address| address != predicted);
            let blocks: Vec<Address> = recorded.into_iter().chain([predicted]).collect();
            mismatch.state.extend(state_around(graph.pymalloc(), &blocks, None));
        }
        Err(stop)
    }

    /// That nothing is left.
    fn check_end(&self) -> Result<(), Stop> {
        if let Some([operation, ..]) = self.run.log.get(self.n_rows) {
            return Err(Stop::Input(format!("row {} is of operation {operation}, which is not next", self.n_rows)));
        }
        if let Some(operation) = self.run.ids.get(2 * self.n_addresses) {
            let what = format!("id {} is of operation {operation}, which is not next", self.n_addresses);
            return Err(Stop::Input(what));
        }
        match &self.run.events {
            Some(events) if events.len() != 2 * self.n_events => {
                let what =
                    format!("event {} is of operation {}, which is not next", self.n_events, events[2 * self.n_events]);
                Err(Stop::Input(what))
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn mismatch(&self, index: i64, operation: &str, expected: String, predicted: String) -> Stop {
        let Run { version, profile, threshold: [young, middle, old], log, .. } = self.run;
        let mut state = Vec::new();
        let before = log[..self.n_rows].iter().rev().take(N_ROWS_SHOWN).rev();
        state.extend(before.map(|row| format!("before, right: operation {}, {}", row[0], Row::of_recorded(row))));
        if let Some(row) = log[self.n_rows..].iter().find(|row| row[0] > index) {
            state.push(format!("recorded next: operation {}, {}", row[0], Row::of_recorded(row)));
        }
        Stop::Mismatch(Box::new(Mismatch {
            recording: format!("{version} profile {profile}, thresholds {young} {middle} {old}"),
            call_index: (self.n_rows + self.n_events + self.n_addresses) as u64,
            n_calls: None,
            call: format!("operation {index}, {operation}"),
            expected,
            predicted,
            state,
        }))
    }
}

/// A row without its operation, recorded or predicted.
#[derive(PartialEq, Eq)]
struct Row([i64; 9]);

impl Row {
    fn of_recorded(row: &[i64; 10]) -> Row {
        let [_, row @ ..] = *row;
        Row(row)
    }

    fn of_predicted(row: &CollectionRow) -> Row {
        let CollectionRow { generation, n_collections, n_collected, counts, long_lived_pending, long_lived_total } =
            *row;
        let [young, middle, old] = counts.map(i64::from);
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        // Nothing is ever uncollectable here.
        let n_uncollectable = 0;
        Row([
            generation as i64,
            number(n_collections),
            number(n_collected),
            n_uncollectable,
            young,
            middle,
            old,
            number(long_lived_pending),
            number(long_lived_total),
        ])
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row([generation, n_collections, n_collected, n_uncollectable, young, middle, old, pending, total]) = self;
        write!(f, "generation {generation} collected")?;
        if *n_collections != 1 {
            write!(f, " {n_collections} times")?;
        }
        write!(f, ": {n_collected} objects, ")?;
        if *n_uncollectable != 0 {
            write!(f, "{n_uncollectable} uncollectable, ")?;
        }
        write!(f, "counts {young} {middle} {old}, long-lived {pending} pending, {total} in total")
    }
}
