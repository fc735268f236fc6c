//! `cargo xtask compare-log`: a real GC log in figures, beside another or beside a run of the model.

mod text;

use std::cell::RefCell;
use std::io::{BufRead, Cursor};
use std::path::Path;
use std::process::ExitCode;

use gc_log::{Collection, Comparison, LogError, Reader, Summary, Unfinished, VirtualMachine, compare};
use jvm_model::{Jvm, Version};
use serde::Serialize;
use workload::{Options, Workload, interpret};

use crate::console::{Format, Misuse, assignment, conclude, print, width};
use crate::gallery::{self, Found};

/// The version of the JSON document.
const SCHEMA: &str = "heaptwin.compare-log/1";

/// Put a real GC log beside another, or beside a run of the JVM model.
///
/// LOG is what -Xlog:gc or -Xlog:gc* of JDK 17 or later writes, for Serial, Parallel or G1, with any decorations; it may
/// be compressed. Alone, it is summed up: pauses, causes, what was allocated and promoted, what is live. With a second
/// log, the collections of both stand side by side up to and beyond the first difference. With a workload (a name of the
/// gallery or a .wl file), the second log is that of the model running it, under the heap sizes that LOG tells of.
///
/// Exit code 0: no difference; 1: the logs differ; 2: misuse, or a log that cannot be read.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The log of a JVM
    log: String,
    /// Another log, or a workload for the model
    with: Option<String>,
    /// A parameter of the workload: `--set n=100000`; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// A flag for the model beyond the heap sizes of LOG, as in --vm=-Xmn2m; may be repeated
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    vm: Vec<String>,
    /// Release of the JDK for the model: 17, 21 or 25; that of LOG if it tells
    #[arg(long)]
    jdk: Option<Version>,
    /// The seed of the workload's `rand` and of its schedule of threads
    #[arg(long, default_value_t = Options::default().seed)]
    seed: u64,
    /// Collections shown before and after the first difference
    #[arg(long, value_name = "N", default_value_t = 10)]
    rows: usize,
    /// How results are written to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// One of the two logs, read to its end.
#[derive(Default, Serialize)]
struct Side {
    name: String,
    vm: VirtualMachine,
    summary: Summary,
    n_lines: u64,
    is_cut_off: bool,
    unfinished: Vec<Unfinished>,
}

/// What the command found.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    left: Side,
    right: Option<Side>,
    /// The first collection in which they differ.
    first_difference: Option<u64>,
    n_compared: u64,
    n_different: u64,
    /// Those around the first difference, or the first ones.
    rows: Vec<Comparison>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    conclude(|out| {
        let report = report(args)?;
        for side in std::iter::once(&report.left).chain(&report.right).filter(|side| side.is_cut_off) {
            eprintln!("{}: the last line has no end; the log was cut off in it", side.name);
        }
        let written = match args.format {
            Format::Text => text::report(&report, width()),
            Format::Json => serde_json::to_string_pretty(&report)? + "\n",
        };
        print(out, &written)?;
        Ok(report.first_difference.is_none())
    })
}

fn report(args: &Args) -> Result<Report, Misuse> {
    let left = open(&args.log)?;
    let Some(with) = &args.with else {
        if !args.set.is_empty() || !args.vm.is_empty() || args.jdk.is_some() {
            return Err(Misuse("--set, --vm and --jdk are for a workload, and none is given".to_owned()));
        }
        let left = read(left, &args.log)?;
        return Ok(Report {
            schema: SCHEMA,
            left,
            right: None,
            first_difference: None,
            n_compared: 0,
            n_different: 0,
            rows: Vec::new(),
        });
    };
    let (name, right): (String, Box<dyn BufRead>) = match gallery::find(with)? {
        Found::Workload(workload) => {
            let (command, log) = run_model(args, &workload)?;
            (command, Box::new(Cursor::new(log.into_bytes())))
        }
        Found::Trace(_) => (with.clone(), open(with)?),
    };
    beside(args, Reader::new(left, &args.log), Reader::new(right, &name), name.clone())
}

fn open(name: &str) -> Result<Box<dyn BufRead>, Misuse> {
    heap_trace::open(Path::new(name)).map_err(|error| Misuse(format!("{name}: {error}")))
}

/// Reads a whole log.
fn read(source: Box<dyn BufRead>, name: &str) -> Result<Side, Misuse> {
    let mut reader = Reader::new(source, name);
    let mut summary = Summary::default();
    for collection in reader.by_ref() {
        summary.add(&collection?);
    }
    Ok(side(&reader, name.to_owned(), summary))
}

fn side<R: BufRead>(reader: &Reader<R>, name: String, summary: Summary) -> Side {
    Side {
        name,
        vm: reader.vm().clone(),
        summary,
        n_lines: reader.line(),
        is_cut_off: reader.is_cut_off(),
        unfinished: reader.unfinished(),
    }
}

/// Two logs side by side; no more rows are kept than are shown.
fn beside<L: BufRead, R: BufRead>(
    args: &Args,
    mut left: Reader<L>,
    mut right: Reader<R>,
    right_name: String,
) -> Result<Report, Misuse> {
    let summaries = [RefCell::new(Summary::default()), RefCell::new(Summary::default())];
    let counted = |which: usize| {
        let summary = &summaries[which];
        move |collection: &Result<Collection, LogError>| {
            if let Ok(collection) = collection {
                summary.borrow_mut().add(collection);
            }
        }
    };
    let (mut rows, mut first_difference, mut n_compared, mut n_different) = (Vec::new(), None, 0, 0);
    for row in compare(left.by_ref().inspect(counted(0)), right.by_ref().inspect(counted(1))) {
        let row: Comparison = row?;
        n_compared += 1;
        if row.difference.is_some() {
            n_different += 1;
            first_difference.get_or_insert(row.place);
        }
        // Before the first difference the last rows are kept, from it on the next ones.
        match first_difference {
            None if rows.len() > args.rows => drop(rows.remove(0)),
            Some(first) if row.place > first + args.rows as u64 => continue,
            _ => {}
        }
        rows.push(row);
    }
    let [left_summary, right_summary] = summaries.map(RefCell::into_inner);
    Ok(Report {
        schema: SCHEMA,
        left: side(&left, args.log.clone(), left_summary),
        right: Some(side(&right, right_name, right_summary)),
        first_difference,
        n_compared,
        n_different,
        rows,
    })
}

/// Runs a workload on the model, under the heap sizes of the log; what it ran, and the log of that.
fn run_model(args: &Args, workload: &Workload) -> Result<(String, String), Misuse> {
    let set: Vec<(&str, &str)> = args.set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let code = workload.compile(&set)?;
    // The sizes stand in the first lines, before any collection.
    let mut reader = Reader::new(open(&args.log)?, &args.log);
    let first = reader.next().transpose()?;
    let vm = reader.vm();
    if let Some(other) = vm.collector.as_deref().filter(|collector| *collector != "Serial") {
        eprintln!("{}: a log of {other}; the model is of Serial, so that differences are to be expected", args.log);
    }
    let mut flags = vec!["-XX:+UseSerialGC".to_owned()];
    let sizes = [("-Xms", vm.heap_initial_bytes), ("-Xmx", vm.heap_max_bytes)];
    flags.extend(sizes.iter().filter_map(|(flag, bytes)| bytes.map(|bytes| format!("{flag}{}m", bytes >> 20))));
    if let Some(young) = first.as_ref().and_then(young_bytes) {
        flags.push(format!("-XX:NewSize={young}"));
    }
    flags.extend(args.vm.iter().cloned());
    let version = match (args.jdk, &vm.version) {
        (Some(version), _) => version,
        (None, Some(text)) => text.split('.').next().unwrap_or(text).parse().unwrap_or_default(),
        (None, None) => Version::default(),
    };
    let mut machine = Jvm::builder().version(version).flags(&flags.join(" ")).gc_log("gc*".parse()?).build()?;
    let run = interpret::run(&code, &mut machine, &Options { seed: args.seed, ..Options::default() });
    if let workload::Ending::Faulted(fault) = &run.ending {
        eprintln!("{} ended with {fault}", code.name);
    }
    let command = format!("{} on the model of JDK {version}, {}", code.name, flags.join(" "));
    let log = machine.gc_log();
    if log.is_empty() {
        return Err(Misuse(format!(
            "{command}: nothing was collected; a larger parameter (--set) or a smaller heap will"
        )));
    }
    Ok((command, log.to_owned()))
}

/// The young generation: eden and both survivor spaces.
fn young_bytes(collection: &Collection) -> Option<u64> {
    let capacity = |name: &str| collection.generation(name)?.capacity_before_bytes;
    Some(capacity("Eden")? + 2 * capacity("From")?)
}
