//! The comparison table: every cell a verdict computed from runs, with the figure and the workload that back it.
//!
//! What textbooks say stands beside it. A cell that measures something else says so: that is a finding, not an error.

use lifetimes::{Determinism, Reclaimed};
use memory_trait::FaultKind;
use serde::Serialize;

use crate::model::Model;
use crate::run::{Examined, ModelRun};

/// A cell of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The verdict, computed.
    pub verdict: &'static str,
    /// The figures that it was computed from.
    pub figure: String,
    /// What textbooks say, in the words of the verdicts.
    pub textbook: &'static str,
    /// Whether the two agree.
    pub agrees: bool,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The short name, for `--why`.
    pub key: &'static str,
    /// The name.
    pub title: &'static str,
    /// How the verdict follows from the figures.
    pub rule: &'static str,
    /// The workloads that the figures were measured on.
    pub workload: &'static str,
    /// A cell a model, in the order of [`Model::ALL`].
    pub cells: Vec<Cell>,
}

/// What the table is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Every workload of the gallery on every model.
    pub runs: &'a [Examined],
    /// `deep_recursion` without a bottom, on every model: where the stack ends.
    pub bottomless: &'a [ModelRun],
}

/// The workload that the table needs beside the gallery: its name, and the parameter that makes it bottomless.
pub const BOTTOMLESS: (&str, (&str, &str)) = ("deep_recursion", ("depth", "9999999"));

/// Workloads that do something wrong on purpose.
const MISUSE: [&str; 6] =
    ["use_after_free", "double_free", "overflow_by_one", "uninitialised_read", "escaped_frame", "leak"];

struct Rule {
    key: &'static str,
    title: &'static str,
    verdict_from: &'static str,
    workload: &'static str,
    textbook: [&'static str; 3],
    cell: fn(&Evidence<'_>, Model) -> Computed,
}

const RULES: [Rule; 12] = [
    Rule {
        key: "allocation",
        title: "primary allocation model",
        verdict_from: "local records that are not on the heap (call_tree), and numbers that are objects of their own (matrix)",
        workload: "call_tree, matrix",
        textbook: [
            "stack for locals, heap by request",
            "everything on the heap",
            "numbers in frames, objects on the heap",
        ],
        cell: primary_allocation,
    },
    Rule {
        key: "stack",
        title: "stack allocation",
        verdict_from: "what a frame holds: whole records, or numbers and references, or references only",
        workload: "call_tree, matrix",
        textbook: ["records and numbers", "references only", "numbers and references"],
        cell: stack_allocation,
    },
    Rule {
        key: "heap",
        title: "heap allocation",
        verdict_from: "whether anything is ever reclaimed that the program did not free",
        workload: "the gallery, leak",
        textbook: ["by hand", "automatic", "automatic"],
        cell: heap_allocation,
    },
    Rule {
        key: "management",
        title: "memory management",
        verdict_from: "who reclaimed the objects of the whole gallery",
        workload: "the gallery",
        textbook: ["manual", "reference counts and a cycle collector", "tracing collector"],
        cell: management,
    },
    Rule {
        key: "determinism",
        title: "determinism of reclamation",
        verdict_from: "objects reclaimed at the same tick under every perturbation, among those that died before the end",
        workload: "the workloads that do not ask for a collection",
        textbook: ["full", "partial", "none"],
        cell: determinism,
    },
    Rule {
        key: "performance",
        title: "performance: heap traffic",
        verdict_from: "heap objects at the peak of a workload that computes with numbers, against what it created",
        workload: "matrix, binary_trees",
        textbook: ["light", "heavy: everything on the heap", "light"],
        cell: performance,
    },
    Rule {
        key: "safety",
        title: "safety",
        verdict_from: "mistakes that the runtime lets pass in the six workloads that make one",
        workload: "use_after_free, double_free, overflow_by_one, uninitialised_read, escaped_frame, leak",
        textbook: ["low", "high", "high"],
        cell: safety,
    },
    Rule {
        key: "stack-size",
        title: "stack size",
        verdict_from: "what ends a recursion without end: a limit of calls, or bytes of the stack",
        workload: "deep_recursion without a bottom",
        textbook: ["bytes, set per thread", "the C stack, indirectly", "bytes, set per thread"],
        cell: stack_size,
    },
    Rule {
        key: "collection",
        title: "garbage collection",
        verdict_from: "collections in the gallery, and whether they find all garbage or cycles only",
        workload: "the gallery",
        textbook: ["none", "cyclic", "generational tracing"],
        cell: collection,
    },
    Rule {
        key: "fragmentation",
        title: "fragmentation",
        verdict_from: "whether objects are moved together; the share of the heap that lies free (checkerboard)",
        workload: "checkerboard",
        textbook: ["holes stay", "holes stay", "compaction"],
        cell: fragmentation,
    },
    Rule {
        key: "references",
        title: "references",
        verdict_from: "objects moved while referred to, and references that outlived their object",
        workload: "the gallery",
        textbook: ["raw, may dangle", "keep the object", "follow the object as it moves"],
        cell: references,
    },
    Rule {
        key: "lifetime",
        title: "lifetime control",
        verdict_from: "what reclaims most objects of the gallery, and how many go in the step in which they die",
        workload: "the gallery",
        textbook: ["free and scope", "the count", "a collection"],
        cell: lifetime_control,
    },
];

/// The keys of all rows.
pub fn keys() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.key)
}

/// Computes the table. Cells whose workloads or models were not run are left out, and rows without cells too.
pub fn table(evidence: &Evidence<'_>) -> Vec<Row> {
    let row = |rule: &Rule| {
        let cells: Option<Vec<Cell>> = Model::ALL
            .into_iter()
            .zip(rule.textbook)
            .map(|(model, textbook)| {
                let (verdict, figure) = (rule.cell)(evidence, model)?;
                Some(Cell { verdict, figure, textbook, agrees: verdict == textbook })
            })
            .collect();
        let Rule { key, title, verdict_from, workload, textbook: _, cell: _ } = *rule;
        cells.map(|cells| Row { key, title, rule: verdict_from, workload, cells })
    };
    RULES.iter().filter_map(row).collect()
}

impl<'a> Evidence<'a> {
    fn run(&self, workload: &str, model: Model) -> Option<&'a ModelRun> {
        self.runs.iter().map(|examined| &examined.run).find(|run| run.workload == workload && run.model == model)
    }

    fn of(&self, model: Model) -> impl Iterator<Item = &'a Examined> {
        self.runs.iter().filter(move |examined| examined.run.model == model)
    }

    /// Sums over the gallery.
    fn reclaimed(&self, model: Model) -> Option<Reclaimed> {
        self.of(model).map(|examined| examined.run.summary().reclaimed).reduce(|a, b| Reclaimed {
            n_free: a.n_free + b.n_free,
            n_scope: a.n_scope + b.n_scope,
            n_count: a.n_count + b.n_count,
            n_cycle: a.n_cycle + b.n_cycle,
            n_young: a.n_young + b.n_young,
            n_full: a.n_full + b.n_full,
            n_exit: a.n_exit + b.n_exit,
            n_nobody: a.n_nobody + b.n_nobody,
        })
    }
}

/// The verdict and the figures that back it; `None` without the runs for it.
type Computed = Option<(&'static str, String)>;

fn primary_allocation(evidence: &Evidence<'_>, model: Model) -> Computed {
    let locals = evidence.run("call_tree", model)?.summary();
    let numbers = evidence.run("matrix", model)?.summary();
    let boxed_bytes = numbers.usage.peak.boxed_bytes;
    let verdict = match (locals.n_automatic_objects > 0, boxed_bytes > 0) {
        (true, _) => "stack for locals, heap by request",
        (false, true) => "everything on the heap",
        (false, false) => "numbers in frames, objects on the heap",
    };
    let figure = format!(
        "{} of {} local records in frames; {} bytes of boxed numbers",
        locals.n_automatic_objects, locals.n_objects, boxed_bytes
    );
    Some((verdict, figure))
}

fn stack_allocation(evidence: &Evidence<'_>, model: Model) -> Computed {
    let calls = evidence.run("call_tree", model)?.summary();
    let boxed_bytes = evidence.run("matrix", model)?.summary().usage.peak.boxed_bytes;
    let verdict = match (calls.n_automatic_objects > 0, boxed_bytes > 0) {
        (true, _) => "records and numbers",
        (false, true) => "references only",
        (false, false) => "numbers and references",
    };
    let figure = format!(
        "{} bytes of stack for {} frames, {} records in them",
        calls.stack_peak_bytes, calls.depth_max, calls.n_automatic_objects
    );
    Some((verdict, figure))
}

fn heap_allocation(evidence: &Evidence<'_>, model: Model) -> Computed {
    let Reclaimed { n_free, n_scope: _, n_count, n_cycle, n_young, n_full, n_exit: _, n_nobody: _ } =
        evidence.reclaimed(model)?;
    let unasked = n_count + n_cycle + n_young + n_full;
    let leaked = evidence.run("leak", model)?.fault_count(FaultKind::Leak);
    let verdict = if unasked > 0 { "automatic" } else { "by hand" };
    let figure = format!("{n_free} objects freed by the program, {unasked} reclaimed unasked, {leaked} leaked");
    Some((verdict, figure))
}

fn management(evidence: &Evidence<'_>, model: Model) -> Computed {
    let Reclaimed { n_free, n_scope, n_count, n_cycle, n_young, n_full, n_exit, n_nobody } =
        evidence.reclaimed(model)?;
    let verdict = if n_count > 0 {
        "reference counts and a cycle collector"
    } else if n_young + n_full > 0 {
        "tracing collector"
    } else {
        "manual"
    };
    let parts = [
        ("free", n_free),
        ("scope", n_scope),
        ("count", n_count),
        ("cycle", n_cycle),
        ("young", n_young),
        ("full", n_full),
        ("exit", n_exit),
        ("nobody", n_nobody),
    ];
    let figure: Vec<String> = parts.iter().filter(|(_, n)| *n > 0).map(|(by, n)| format!("{n} by {by}")).collect();
    Some((verdict, figure.join(", ")))
}

fn determinism(evidence: &Evidence<'_>, model: Model) -> Computed {
    // Who asks for a collection decides when it comes; what the runtime does by itself shows elsewhere.
    let found: Vec<&Determinism> = evidence
        .of(model)
        .filter(|examined| !examined.run.asks_for_collections)
        .filter_map(|examined| examined.determinism.as_ref())
        .collect();
    let n_fixed: u64 = found.iter().map(|d| d.n_fixed()).sum();
    let n_varying: u64 = found.iter().map(|d| d.n_varying()).sum();
    let n_never: u64 = found.iter().map(|d| d.n_never()).sum();
    let n_cyclic: u64 = found.iter().map(|d| d.cyclic.n_varying).sum();
    let verdict = match (n_fixed, n_varying) {
        (0, 0) => return None,
        (_, 0) => "full",
        (0, _) => "none",
        (_, _) => "partial",
    };
    let figure = format!(
        "{n_fixed} fixed, {n_varying} varying ({n_cyclic} of them in cycles), {n_never} never reclaimed before the exit"
    );
    Some((verdict, figure))
}

fn performance(evidence: &Evidence<'_>, model: Model) -> Computed {
    let numbers = evidence.run("matrix", model)?.summary();
    let trees = evidence.run("binary_trees", model)?.summary();
    let peak = numbers.usage.peak.n_objects;
    // An object a number means hundreds of objects where the program made three.
    let verdict = if peak > 10 * numbers.n_objects { "heavy: everything on the heap" } else { "light" };
    let figure = format!(
        "{peak} heap objects at the peak for {} created (matrix); {:.1} bytes an object, {} bytes moved (binary_trees)",
        numbers.n_objects,
        trees.born_total_bytes as f64 / trees.n_heap_objects.max(1) as f64,
        trees.generations.iter().map(|generation| generation.moved_bytes).sum::<u64>()
    );
    Some((verdict, figure))
}

fn safety(evidence: &Evidence<'_>, model: Model) -> Computed {
    let runs: Option<Vec<&ModelRun>> = MISUSE.iter().map(|workload| evidence.run(workload, model)).collect();
    let runs = runs?;
    let first_is_fatal = |run: &&&ModelRun| run.faults.first().map(|fault| fault.is_fatal);
    let silent = runs.iter().filter(|run| first_is_fatal(run) == Some(false)).count();
    let stopped = runs.iter().filter(|run| first_is_fatal(run) == Some(true)).count();
    let verdict = if silent > 0 { "low" } else { "high" };
    let harmless = runs.iter().filter(|run| run.faults.is_empty()).count();
    let figure = format!(
        "of {} mistakes {silent} pass unnoticed when made, {stopped} stop the program, {harmless} are none here",
        MISUSE.len()
    );
    Some((verdict, figure))
}

fn stack_size(evidence: &Evidence<'_>, model: Model) -> Computed {
    let run = evidence.bottomless.iter().find(|run| run.model == model)?;
    let summary = run.summary();
    let fault = run.faults.iter().find(|fault| fault.kind == FaultKind::StackOverflow)?;
    let verdict = if fault.message.contains("recursion depth") { "a limit of calls" } else { "bytes, set per thread" };
    let figure = format!("{} calls deep, {} bytes of stack", summary.depth_max, summary.stack_peak_bytes);
    Some((verdict, figure))
}

fn collection(evidence: &Evidence<'_>, model: Model) -> Computed {
    let mut n_collections = [0; 3];
    for generation in evidence.of(model).flat_map(|examined| &examined.run.summary().generations) {
        n_collections[usize::from(generation.generation).min(2)] += generation.n_collections;
    }
    let reclaimed = evidence.reclaimed(model)?;
    let verdict = if n_collections.iter().sum::<u64>() == 0 {
        "none"
    } else if reclaimed.n_count > 0 {
        "cyclic"
    } else {
        "generational tracing"
    };
    let figure = format!(
        "collections by generation, youngest first: {}, {}, {}",
        n_collections[0], n_collections[1], n_collections[2]
    );
    Some((verdict, figure))
}

fn fragmentation(evidence: &Evidence<'_>, model: Model) -> Computed {
    let board = evidence.run("checkerboard", model)?.summary();
    let n_moved: u64 = board.generations.iter().map(|generation| generation.n_moved).sum();
    let verdict = if n_moved > 0 { "compaction" } else { "holes stay" };
    let fullest = board.usage.fullest?.usage;
    let figure = format!(
        "{} bytes in use at the fullest, in a heap of {}, {:.0} % of it free; {n_moved} objects moved together",
        fullest.used_bytes(),
        fullest.heap_bytes,
        fullest.free_share() * 100.0
    );
    Some((verdict, figure))
}

fn references(evidence: &Evidence<'_>, model: Model) -> Computed {
    evidence.of(model).next()?;
    let n_moves: u64 = evidence.of(model).map(|examined| examined.run.summary().n_moves).sum();
    let n_dangling: u64 = evidence
        .of(model)
        .map(|examined| {
            examined.run.fault_count(FaultKind::UseAfterFree) + examined.run.fault_count(FaultKind::EscapedFrame)
        })
        .sum();
    let verdict = if n_dangling > 0 {
        "raw, may dangle"
    } else if n_moves > 0 {
        "follow the object as it moves"
    } else {
        "keep the object"
    };
    Some((verdict, format!("{n_moves} moves, {n_dangling} uses of a dangling reference")))
}

fn lifetime_control(evidence: &Evidence<'_>, model: Model) -> Computed {
    let Reclaimed { n_free, n_scope, n_count, n_cycle, n_young, n_full, n_exit: _, n_nobody: _ } =
        evidence.reclaimed(model)?;
    let verdict =
        [(n_free + n_scope, "free and scope"), (n_count, "the count"), (n_cycle + n_young + n_full, "a collection")]
            .into_iter()
            .max_by_key(|(n, _)| *n)?
            .1;
    let n_died: u64 = evidence.of(model).map(|examined| examined.run.summary().deaths.n_died).sum();
    let n_prompt: u64 = evidence
        .of(model)
        .map(|examined| examined.run.summary().deaths)
        .map(|deaths| deaths.n_at_death + deaths.n_early)
        .sum();
    let drag_ticks: f64 = evidence
        .of(model)
        .map(|examined| examined.run.summary())
        .map(|summary| summary.drag.mean_ticks * summary.deaths.n_died as f64)
        .sum::<f64>()
        / (n_died.max(1)) as f64;
    let figure = format!("{n_prompt} of {n_died} that died went at once; mean drag {drag_ticks:.1} ticks");
    Some((verdict, figure))
}
