//! A workload on the emulated JVM under other flags.

use std::fmt::Write as _;

use jvm_model::report::GcCounters;
use jvm_model::{Flags, Jvm};
use lifetimes::{Keep, Recorder, Timeline};
use memory_trait::Machine;
use serde::Serialize;
use workload::{Code, Ending, Options, Workload, interpret};

use super::{Args, combinations};
use crate::console::{Format, Misuse, print};
use crate::progress::in_parallel;
use crate::table::{bytes, figures_table, lines};

/// Names and values.
type Setting = Vec<(String, String)>;

/// What is tried when nothing is said.
const GRID: [(&str, &[&str]); 5] = [
    ("Xmx", &["8m", "16m", "32m", "128m"]),
    ("Xmn", &["1m", "2m", "8m"]),
    ("NewRatio", &["1", "4"]),
    ("SurvivorRatio", &["4", "20"]),
    ("MaxTenuringThreshold", &["0", "4"]),
];

/// Heaps differ by whole steps of this. Unit: bytes. HotSpot rounds up to it.
const HEAP_STEP_BYTES: u64 = 2 << 20;
/// Young generations differ by whole steps of this. Unit: bytes.
const YOUNG_STEP_BYTES: u64 = 64 << 10;
/// The largest heap that is tried. Unit: bytes.
const HEAP_BYTES_MAX: u64 = 4 << 30;
/// Runs of the first scan for the smallest size; neighbours of its answer follow.
const SCANNED: u64 = 16;

/// A setting and what came of it.
#[derive(Clone, Serialize)]
struct Row {
    flags: String,
    #[serde(skip)]
    title: String,
    n_young: u64,
    n_full: u64,
    /// Full collections that the program asked for.
    n_asked: u64,
    copied_bytes: u64,
    promoted_bytes: u64,
    slid_bytes: u64,
    peak_bytes: u64,
    kept_bytes: u64,
    heap_bytes: u64,
    drag_mean_ticks: Option<f64>,
    /// The refusal of the JVM, or the fault that ended the program.
    stopped_by: Option<String>,
}

impl Row {
    /// It ran to its end, and nothing but the program itself made the JVM collect everything.
    fn is_calm(&self) -> bool {
        self.stopped_by.is_none() && self.n_full == self.n_asked
    }
}

/// The smallest size that needs no full collection.
#[derive(Serialize)]
struct Smallest {
    flag: &'static str,
    /// `None`: there is none within what was tried.
    bytes: Option<u64>,
    /// Sizes that were tried.
    n_tried: usize,
    /// Sizes above the smallest that need one all the same.
    exceptions: Vec<u64>,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    workload: String,
    jdk: String,
    settings: Vec<Row>,
    smallest: Vec<Smallest>,
}

/// A flag of the JVM by its short name: `Xmx`, or one of those that are written with `-XX:`; switches are on or off.
fn flag((name, value): &(String, String)) -> String {
    match name.as_str() {
        "Xmx" | "Xms" | "Xmn" | "Xss" => format!("-{name}{value}"),
        _ if value == "on" => format!("-XX:+{name}"),
        _ if value == "off" => format!("-XX:-{name}"),
        _ => format!("-XX:{name}={value}"),
    }
}

fn title(setting: &Setting) -> String {
    setting.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// Runs the workload; drag is asked for only in the table, since it costs.
fn measure(args: &Args, code: &Code, setting: &Setting, has_drag: bool) -> Row {
    let flags = setting.iter().map(flag).collect::<Vec<_>>().join(" ");
    let mut row = Row {
        flags: flags.clone(),
        title: if setting.is_empty() { "as it is".to_owned() } else { title(setting) },
        n_young: 0,
        n_full: 0,
        n_asked: 0,
        copied_bytes: 0,
        promoted_bytes: 0,
        slid_bytes: 0,
        peak_bytes: 0,
        kept_bytes: 0,
        heap_bytes: 0,
        drag_mean_ticks: None,
        stopped_by: None,
    };
    let builder = Jvm::builder().version(args.jdk).flags(&flags);
    let options = Options { seed: args.seed, steps_max: args.max_steps, ..Options::default() };
    let (run, counters, heap_bytes) = if has_drag {
        let mut recorder = Recorder::new(&code.program).keep(Keep::None);
        let mut machine = match builder.observer(&mut recorder).build() {
            Ok(machine) => machine,
            Err(refusal) => return Row { stopped_by: Some(refusal.to_string()), ..row },
        };
        let run = interpret::run(code, &mut machine, &options);
        let (counters, heap_bytes) = (*machine.gc_counters(), machine.heap().committed_bytes());
        let faults = machine.faults().clone();
        drop(machine);
        let timeline = Timeline::default();
        row.drag_mean_ticks = Some(recorder.finish(&timeline, &faults).summary.drag.mean_ticks);
        (run, counters, heap_bytes)
    } else {
        let mut machine = match builder.build() {
            Ok(machine) => machine,
            Err(refusal) => return Row { stopped_by: Some(refusal.to_string()), ..row },
        };
        let run = interpret::run(code, &mut machine, &options);
        (run, *machine.gc_counters(), machine.heap().committed_bytes())
    };
    let GcCounters {
        n_young, n_full, n_asked, copied_bytes, promoted_bytes, slid_bytes, peak_bytes, kept_bytes, ..
    } = counters;
    Row {
        n_young,
        n_full,
        n_asked,
        copied_bytes,
        promoted_bytes,
        slid_bytes,
        peak_bytes,
        kept_bytes,
        heap_bytes,
        stopped_by: match run.ending {
            Ending::Finished => None,
            Ending::Faulted(fault) => Some(fault.to_string()),
        },
        ..row
    }
}

/// Tries sizes of a flag from the smallest to the largest, in steps, and answers the smallest one without a full
/// collection.
///
/// Whether there is one does not simply follow the size, so that sizes are scanned and not only halved: first a few over
/// the whole range, then all steps between the last that had one and the first that had none, thinned out if there are
/// too many. Larger sizes that have one all the same are said.
fn smallest(args: &Args, code: &Code, name: &'static str, step: u64, least: u64, most: u64) -> Smallest {
    let mut tried: std::collections::BTreeMap<u64, bool> = std::collections::BTreeMap::new();
    let scan = |sizes: Vec<u64>, tried: &mut std::collections::BTreeMap<u64, bool>| {
        let sizes: Vec<u64> = sizes.into_iter().filter(|size| !tried.contains_key(size)).collect();
        let calm = in_parallel(
            &sizes,
            |size| format!("{name}={}", bytes(*size)),
            |&size| measure(args, code, &vec![(name.to_owned(), size.to_string())], false).is_calm(),
        );
        tried.extend(sizes.into_iter().zip(calm));
    };
    // Doubling, so that a small answer does not cost runs of large heaps.
    let doubled = std::iter::successors(Some(least), |size| size.checked_mul(2)).take_while(|&size| size < most);
    scan(doubled.chain([most]).collect(), &mut tried);
    let first_calm = |tried: &std::collections::BTreeMap<u64, bool>| {
        tried.iter().find(|(_, is_calm)| **is_calm).map(|(&size, _)| size)
    };
    while let Some(found) = first_calm(&tried) {
        let below = tried.range(..found).next_back().map_or(least, |(&size, _)| size);
        let n_steps = (found - below) / step;
        if n_steps <= 1 {
            break;
        }
        let stride = n_steps.div_ceil(SCANNED) * step;
        let between: Vec<u64> = (1..(found - below).div_ceil(stride)).map(|index| below + index * stride).collect();
        scan(between, &mut tried);
    }
    let found = first_calm(&tried);
    let exceptions = tried.iter().filter(|&(&size, &is_calm)| !is_calm && found.is_some_and(|found| size > found));
    Smallest { flag: name, bytes: found, n_tried: tried.len(), exceptions: exceptions.map(|(&size, _)| size).collect() }
}

/// Runs the part.
pub(super) fn sweep(args: &Args, workload: &Workload, out: &mut dyn std::io::Write) -> Result<bool, Misuse> {
    // A name that is the workload's own is a parameter; there is one value of it in all settings.
    let (params, flags): (Vec<_>, Vec<_>) =
        args.set.iter().cloned().partition(|(name, _)| workload.params().iter().any(|param| param.name == *name));
    let mut set = Vec::new();
    for (name, values) in &params {
        let [value] = values.as_slice() else {
            return Err(Misuse(format!("{name}: a parameter of the workload has one value in a sweep of the JVM")));
        };
        set.push((name.as_str(), value.as_str()));
    }
    let code = workload.compile(&set)?;
    let mut settings: Vec<Setting> = vec![Vec::new()];
    if flags.is_empty() {
        let one_at_a_time = GRID.iter().flat_map(|&(name, values)| values.iter().map(move |&value| (name, value)));
        settings.extend(one_at_a_time.map(|(name, value)| vec![(name.to_owned(), value.to_owned())]));
    } else {
        settings.extend(combinations(&flags)?);
    }
    // What the JVM refuses as such is misuse; what it refuses of a size is a result.
    for setting in &settings {
        Flags::parse(args.jdk, setting.iter().map(flag))?;
    }
    let rows = in_parallel(&settings, title, |setting| measure(args, &code, setting, true));
    let mut found = Vec::new();
    if args.smallest {
        found.push(smallest(args, &code, "Xmx", HEAP_STEP_BYTES, HEAP_STEP_BYTES, HEAP_BYTES_MAX));
        let heap = rows[0].heap_bytes.max(64 << 20);
        found.push(smallest(args, &code, "Xmn", YOUNG_STEP_BYTES, 3 * YOUNG_STEP_BYTES, heap - HEAP_STEP_BYTES));
    }
    let report = Report {
        schema: "heaptwin.sweep-jvm/1",
        workload: code.name.clone(),
        jdk: args.jdk.to_string(),
        settings: rows,
        smallest: found,
    };
    match args.format {
        Format::Text => print(out, &report.to_text())?,
        Format::Json => print(out, &(serde_json::to_string_pretty(&report)? + "\n"))?,
    }
    Ok(report.settings.iter().all(|row| row.stopped_by.is_none()))
}

impl Report {
    fn to_text(&self) -> String {
        let names = ["", "young", "full", "copied", "promoted", "slid", "peak", "kept", "heap", "mean drag"];
        let mut rows = figures_table(&names);
        for row in &self.settings {
            let drag = row.drag_mean_ticks.map_or_else(|| "-".to_owned(), |ticks| format!("{ticks:.0}"));
            let mut cells = vec![row.title.clone(), row.n_young.to_string(), row.n_full.to_string()];
            let sizes =
                [row.copied_bytes, row.promoted_bytes, row.slid_bytes, row.peak_bytes, row.kept_bytes, row.heap_bytes];
            cells.extend(sizes.map(bytes));
            cells.push(drag);
            rows.add_row(cells);
        }
        let mut out = format!("{} on JDK {} under {} settings\n\n", self.workload, self.jdk, self.settings.len());
        out.push_str(&lines(&rows));
        for row in &self.settings {
            if let Some(reason) = &row.stopped_by {
                let _ = writeln!(out, "{}: {reason}", row.title);
            }
        }
        for Smallest { flag, bytes: found, n_tried, exceptions } in &self.smallest {
            let _ = match found {
                Some(found) => {
                    writeln!(out, "smallest without a full collection: -{flag}{}k ({n_tried} tried)", found >> 10)
                }
                None => writeln!(out, "no -{flag} does without a full collection ({n_tried} tried)"),
            };
            for size in exceptions {
                let _ = writeln!(out, "  but not -{flag}{}k", size >> 10);
            }
        }
        out.push_str(
            "\nyoung, full: collections; copied: by young ones, promoted of it into old; slid: by full ones; peak, kept: the\n\
             most in use before and after a collection; heap: committed at the end; drag: statements from unreachable to\n\
             reclaimed\n",
        );
        out
    }
}
