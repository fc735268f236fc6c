//! Random programs on graphs of objects, on every interpreter there is and on the model.
//!
//! A run is a triple: a profile of operations, a seed, thresholds of the collector. The interpreter does the program and
//! says what it saw ([`driver.py`](cpython/driver.py)); that makes a transcript as `cargo xtask verify` reads them, and
//! is compared as there.

pub(crate) mod extension;
pub(crate) mod interpreters;
mod programs;
pub(crate) mod workloads;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use cpython_model::cycle::recorded::{self, ExactRuns};

use self::interpreters::Interpreter;
use self::programs::Triple;
use crate::console::{Misuse, conclude};
use crate::progress::in_parallel;

/// Random object graphs, or workloads, on the installed `CPython` 3.11, 3.12 and 3.13.
///
/// Compared are: which operation collects which generation, how many objects, all counters after it; the order of every
/// `__del__` and weakref callback; and, from a snapshot of the process's allocator on, the `id()` of every object made.
/// With --workloads, the workloads of the gallery are emitted as Python and run: compared are every call of the
/// allocator, with its size and its address, and which collections there were before it; gcc is needed for that.
///
/// Interpreters are looked for in PATH (`python3.11` ...) and in pyenv's versions. A run that differs is saved for
/// `cargo xtask verify`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs for each interpreter, each with a profile, a seed and thresholds of its own
    #[arg(long, default_value_t = 100)]
    triples: u64,
    /// Where the random programs begin: the same seed gives the same programs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Operations of each program
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    operations: u32,
    /// An interpreter to use instead of all that are found; may be given several times
    #[arg(long)]
    python: Vec<PathBuf>,
    /// Where transcripts of runs that differ are written
    #[arg(long, value_name = "DIR", default_value = "target/oracle")]
    transcripts: PathBuf,
    /// Write the transcripts of all runs, not only of those that differ
    #[arg(long)]
    keep: bool,
    /// Emit workloads as Python and compare every call of the allocator
    #[arg(long)]
    workloads: bool,
    /// Only these workloads; all if none is named
    #[arg(requires = "workloads")]
    names: Vec<String>,
    /// So many random workloads instead, the first of them that of the seed
    #[arg(long, default_value_t = 0, requires = "workloads", conflicts_with = "names")]
    random: u64,
}

/// How a run came out.
enum Verdict {
    Exact(ExactRuns),
    Different(String),
    /// The interpreter did not do it.
    Failed(String),
}

/// All runs of an interpreter, added up.
#[derive(Default)]
struct Sum {
    exact: ExactRuns,
    n_different: u64,
    n_failed: u64,
    n_without_addresses: u64,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    conclude(|out| if args.workloads { workloads::compare(args, out) } else { compare(args, out) })
}

fn compare(args: &Args, out: &mut dyn Write) -> Result<bool, Misuse> {
    let found = interpreters::find(&args.python)?;
    for skipped in &found.skipped {
        eprintln!("skipped: {skipped}");
    }
    let triples = programs::triples(args.seed, args.triples, args.operations as usize);
    let mut is_exact = true;
    let mut first_difference = None;
    let mut table = Table::new();
    table.load_style(NOTHING).force_no_tty();
    table.set_header(["interpreter", "runs", "operations", "rows", "finalizers", "addresses", "different"]);
    for index in 1..7 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for interpreter in &found.interpreters {
        eprintln!("{interpreter}");
        let verdicts = in_parallel(&triples, Triple::to_string, |triple| run_one(interpreter, triple, args));
        let mut sum = Sum::default();
        for (triple, verdict) in triples.iter().zip(verdicts) {
            match verdict {
                Verdict::Exact(exact) => {
                    sum.n_without_addresses += u64::from(triple.is_graph() && exact.n_addresses == 0);
                    sum.add(&exact);
                }
                Verdict::Different(difference) => {
                    sum.n_different += 1;
                    first_difference.get_or_insert(format!("{interpreter}, {triple}: {difference}"));
                }
                Verdict::Failed(why) => {
                    sum.n_failed += 1;
                    first_difference.get_or_insert(format!("{interpreter}, {triple}: {why}"));
                }
            }
        }
        if sum.n_without_addresses > 0 {
            eprintln!(
                "{interpreter}: the addresses of {} runs are not known: {}",
                sum.n_without_addresses,
                interpreter.why_no_addresses()
            );
        }
        is_exact &= sum.n_different == 0 && sum.n_failed == 0;
        table.add_row([
            interpreter.version().to_owned(),
            triples.len().to_string(),
            (triples.len() * args.operations as usize).to_string(),
            sum.exact.n_rows.to_string(),
            sum.exact.n_events.to_string(),
            sum.exact.n_addresses.to_string(),
            (sum.n_different + sum.n_failed).to_string(),
        ]);
    }
    if found.interpreters.is_empty() {
        let _ = writeln!(out, "nothing compared: no interpreter of a modelled version is installed");
        return Ok(true);
    }
    let _ = writeln!(out, "{table}");
    if let Some(difference) = first_difference {
        let _ = writeln!(out, "first difference: {difference}");
    }
    Ok(is_exact)
}

impl Sum {
    fn add(&mut self, exact: &ExactRuns) {
        let ExactRuns { n_runs, n_rows, n_events, n_addresses } = *exact;
        self.exact.n_runs += n_runs;
        self.exact.n_rows += n_rows;
        self.exact.n_events += n_events;
        self.exact.n_addresses += n_addresses;
    }
}

/// Does a program on an interpreter and on the model.
fn run_one(interpreter: &Interpreter, triple: &Triple, args: &Args) -> Verdict {
    let transcript = match interpreter.record(triple) {
        Ok(transcript) => transcript,
        Err(why) => return Verdict::Failed(why),
    };
    let verdict = recorded::compare(transcript.as_bytes());
    let mut saved = String::new();
    if args.keep || verdict.is_err() {
        saved = match save(&args.transcripts, interpreter, triple, &transcript) {
            Ok(path) => format!("\n  saved as {}", path.display()),
            Err(error) => format!("\n  not saved in {}: {error}", args.transcripts.display()),
        };
    }
    match verdict {
        Ok(exact) => Verdict::Exact(exact),
        Err(failure) => Verdict::Different(format!("{failure}{saved}")),
    }
}

fn save(folder: &Path, interpreter: &Interpreter, triple: &Triple, transcript: &str) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{}-{}-{}.jsonl", interpreter.version(), triple.profile(), triple.seed()));
    std::fs::write(&path, transcript)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few runs on whatever is installed; without an interpreter there is nothing to hold the model against.
    #[test]
    fn a_few_fresh_programs_go_as_the_model_says() {
        let found = interpreters::find(&[]).unwrap_or_else(|Misuse(why)| panic!("{why}"));
        if found.interpreters.is_empty() {
            eprintln!("skipped: no CPython 3.11, 3.12 or 3.13 is installed");
        }
        let folder = tempfile::tempdir().unwrap();
        let args = Args {
            triples: 0,
            seed: 0,
            operations: 1500,
            python: Vec::new(),
            transcripts: folder.path().to_owned(),
            keep: false,
            workloads: false,
            names: Vec::new(),
            random: 0,
        };
        for interpreter in &found.interpreters {
            for triple in programs::triples(20_261_123, programs::PROFILES.len() as u64, args.operations as usize) {
                match run_one(interpreter, &triple, &args) {
                    Verdict::Exact(exact) => assert_eq!(exact.n_runs, 1),
                    Verdict::Different(why) | Verdict::Failed(why) => panic!("{interpreter}, {triple}: {why}"),
                }
            }
        }
    }
}
