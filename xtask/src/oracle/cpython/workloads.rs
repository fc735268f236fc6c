//! Workloads, emitted as Python, on every interpreter there is and on the model.
//!
//! An extension ([`watch.c`](watch.c)) that gcc compiles on the spot writes down what the program asks of the
//! allocator; that makes a recording as `cargo xtask verify` reads them, and is compared as there.

use std::io::Write;
use std::path::Path;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use cpython_model::{ExactPrograms, RecordedMachine, RecordedProgram, compare_programs};
use tempfile::TempDir;
use workload::code::Op;
use workload::emit::{Language, emit};
use workload::{Options, Workload, interpret};

use super::Args;
use super::extension::compile;
use super::interpreters::{self, Interpreter};
use crate::console::Misuse;
use crate::gallery::{self, Found};

const DRIVER: &str = concat!(include_str!("memory.py"), include_str!("program.py"));
const EXTENSION: &str = include_str!("watch.c");

/// Calls of a program that are written down, at most.
const N_CALLS_MAX: u64 = 4_000_000;

/// Runs a recorded workload on the machine that it is compared with.
pub(crate) fn run_on(program: &RecordedProgram, machine: &mut RecordedMachine) -> Result<(), String> {
    let workload = Workload::parse(&program.workload, &program.source).map_err(|error| error.to_string())?;
    let set: Vec<(&str, &str)> = program.set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let code = workload.compile(&set).map_err(|error| error.to_string())?;
    interpret::run(&code, machine, &Options { seed: program.seed, ..Options::default() });
    Ok(())
}

/// Why a workload is not compared, if it is not.
fn reason_to_skip(workload: &Workload) -> Option<&'static str> {
    let code = workload.compile(&[]).expect("its own values are allowed");
    if code.ops.iter().any(|op| matches!(op, Op::Spawn { .. })) {
        return Some("threads make objects of their own");
    }
    if code.expects("cpython", memory_trait::FaultKind::OutOfMemory) {
        return Some("it takes all memory there is");
    }
    None
}

/// Runs the command.
pub(super) fn compare(args: &Args, out: &mut dyn Write) -> Result<bool, Misuse> {
    let found = interpreters::find(&args.python)?;
    for skipped in &found.skipped {
        eprintln!("skipped: {skipped}");
    }
    let all = match &args.names[..] {
        [] if args.random > 0 => (0..args.random).map(|i| gallery::random(args.seed.wrapping_add(i))).collect(),
        [] => gallery::load()?,
        names => names.iter().map(|name| named(name)).collect::<Result<_, _>>()?,
    };
    let mut workloads = Vec::new();
    for workload in all {
        match reason_to_skip(&workload) {
            Some(why) => eprintln!("{}: skipped: {why}", workload.name()),
            None => workloads.push(workload),
        }
    }
    let mut table = Table::new();
    table.load_style(NOTHING).force_no_tty();
    table.set_header(["interpreter", "workloads", "calls", "collections", "different"]);
    let mut first_difference = None;
    for interpreter in &found.interpreters {
        let folder = TempDir::new().map_err(|error| format!("no temporary directory: {error}"))?;
        if let Err(why) = compile(interpreter.path(), "heaptwin_watch", EXTENSION, folder.path()) {
            eprintln!("skipped: {interpreter}: {why}");
            continue;
        }
        let (mut exact, mut n_different) = (ExactPrograms::default(), 0);
        for workload in &workloads {
            eprintln!("{interpreter}: {}", workload.name());
            match compare_one(interpreter, workload, folder.path(), args) {
                Ok(one) => {
                    exact.n_programs += one.n_programs;
                    exact.n_calls += one.n_calls;
                    exact.n_collections += one.n_collections;
                }
                Err(Unlike::Unwatched(why)) => {
                    eprintln!("skipped: {interpreter}: {why}");
                    break;
                }
                Err(Unlike::Different(difference)) => {
                    n_different += 1;
                    first_difference.get_or_insert(format!("{interpreter}, {}: {difference}", workload.name()));
                }
            }
        }
        table.add_row([
            interpreter.version().to_owned(),
            (exact.n_programs + n_different).to_string(),
            exact.n_calls.to_string(),
            exact.n_collections.to_string(),
            n_different.to_string(),
        ]);
    }
    if found.interpreters.is_empty() {
        let _ = writeln!(out, "nothing compared: no interpreter of a modelled version is installed");
        return Ok(true);
    }
    let _ = writeln!(out, "{table}");
    if let Some(difference) = &first_difference {
        let _ = writeln!(out, "first difference: {difference}");
    }
    Ok(first_difference.is_none())
}

/// Why a workload is not exact.
enum Unlike {
    /// The interpreter cannot be watched.
    Unwatched(String),
    Different(String),
}

fn compare_one(
    interpreter: &Interpreter,
    workload: &Workload,
    folder: &Path,
    args: &Args,
) -> Result<ExactPrograms, Unlike> {
    let source = emit(workload, Language::Python, &[], args.seed).expect("its own values are allowed");
    let task = serde_json::json!({
        "head": { "workload": workload.name(), "source": workload.source(), "set": [], "seed": args.seed },
        "source": source,
        "folder": folder,
        "seed": args.seed,
        "most": N_CALLS_MAX,
    });
    let recording = interpreter.ask(DRIVER, &task.to_string()).map_err(|why| {
        if why.contains("cannot be watched") { Unlike::Unwatched(why) } else { Unlike::Different(why) }
    })?;
    let verdict = compare_programs(recording.as_bytes(), run_on);
    if !args.keep && verdict.is_ok() {
        return Ok(verdict.unwrap_or_default());
    }
    let name = Path::new(workload.name()).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let path = args.transcripts.join(format!("{}-{name}.jsonl", interpreter.version()));
    let saved = std::fs::create_dir_all(&args.transcripts).and_then(|()| std::fs::write(&path, recording + "\n"));
    let saved = match saved {
        Ok(()) => format!("saved as {}", path.display()),
        Err(error) => format!("not saved: {error}"),
    };
    verdict.map_err(|failure| Unlike::Different(format!("{failure}\n  {saved}")))
}

fn named(name: &str) -> Result<Workload, Misuse> {
    match gallery::find(name)? {
        Found::Workload(workload) => Ok(*workload),
        Found::Trace(_) => Err(Misuse(format!("{name} is a heap trace; expected a workload"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_exact_on_the_interpreters_that_are_installed() {
        let args = Args {
            triples: 0,
            seed: 3,
            operations: 0,
            python: Vec::new(),
            transcripts: std::env::temp_dir(),
            keep: false,
            workloads: true,
            names: ["resurrection", "weak_cache", "call_tree", "matrix"].map(str::to_owned).to_vec(),
            random: 0,
        };
        let mut out = Vec::new();
        let is_exact = compare(&args, &mut out).unwrap_or_else(|Misuse(why)| panic!("{why}"));
        assert!(is_exact, "{}", String::from_utf8_lossy(&out));
    }
}
