//! `cargo xtask fuzz c`: the model of malloc against this machine's C library.

mod compare;
mod driver;
mod generate;
mod script;
mod shrink;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use c_model::malloc::replay::Tally;
use indicatif::{ProgressBar, ProgressDrawTarget};

use compare::{Mismatch, compare};
use driver::{Driver, Missing};
use script::Script;

/// Calls of a round: one process, one set of parameters.
const ROUND_CALLS: u64 = 20_000;

/// Random calls of malloc's whole family on this machine's glibc and on the model.
///
/// A program in C, compiled on the spot with gcc, makes the calls in a process of its own and writes a heap trace of
/// them: malloc and its kin down to `malloc_trim` and `mallopt`, and others that move the break; by threads that take turns, are created and end; under random
/// tunables; with system calls that are refused. The model has to predict every result, every move of the break and
/// snapshots of all bins.
///
/// At the first difference the round is made as short as it can be and written to a file that `cargo xtask verify`
/// takes. Without gcc, or with another version of glibc, nothing is compared, and that is said.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Calls to make, about
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    calls: u64,
    /// The calls follow from the seed
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The round to begin with
    #[arg(long, value_name = "R", default_value_t = 0, hide_default_value = true)]
    round: u64,
    /// Run these scripts instead of random ones, and write the trace of each beside it, as FILE.tr
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["calls", "seed", "round"])]
    script: Vec<PathBuf>,
    /// Where to write the trace of a difference
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// Write script and trace of every round
    #[arg(long)]
    keep: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    let driver = match Driver::build() {
        Ok(driver) => driver,
        Err(Missing::Skipped(why)) => {
            eprintln!("skipped: {why}");
            return ExitCode::SUCCESS;
        }
        Err(Missing::Failed(why)) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let outcome = if args.script.is_empty() { random(&driver, args) } else { scripts(&driver, &args.script) };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn random(driver: &Driver, args: &Args) -> Result<ExitCode, String> {
    let progress = ProgressBar::with_draw_target(Some(args.calls), ProgressDrawTarget::stderr());
    let mut total = Tally::default();
    let mut number = args.round;
    while total.n_events < args.calls {
        let n_calls = ROUND_CALLS.min(args.calls - total.n_events);
        let script = generate::round(args.seed, number, n_calls);
        let trace = driver.run(&script).map_err(|error| format!("seed {}, round {number}: {error}", args.seed))?;
        let path = args.out.join(format!("fuzz-c-{}-{number}", args.seed));
        match compare(&trace, &script) {
            Ok(tally) => {
                if args.keep {
                    keep(&script, &trace, &path)?;
                }
                total.n_events += tally.n_events;
                total.n_placed += tally.n_placed;
            }
            Err(mismatch) => {
                println!("seed {}, round {number}: different after {} calls that are right", args.seed, total.n_events);
                report(driver, &script, &mismatch, &path)?;
                return Ok(ExitCode::FAILURE);
            }
        }
        number += 1;
        progress.set_position(total.n_events);
    }
    progress.finish_and_clear();
    let (n, n_rounds) = (total.n_events, number - args.round);
    println!("c: exact: {n} of {n} calls in {n_rounds} rounds, seed {}; {} mappings placed", args.seed, total.n_placed);
    Ok(ExitCode::SUCCESS)
}

/// Says what is different, and writes the shortest script that shows it and its trace.
fn report(driver: &Driver, script: &Script, mismatch: &Mismatch, path: &Path) -> Result<(), String> {
    println!("{}", mismatch.text);
    // As it is, should nobody wait for the short one.
    keep(script, &mismatch.trace, path)?;
    eprintln!("shortening the round of {} operations", script.lines.len());
    let shrunk = shrink::shrink(driver, script);
    let (script, trace, text) = match &shrunk {
        Some(shrunk) => (&shrunk.script, &shrunk.trace, &shrunk.mismatch.text),
        None => (script, &mismatch.trace, &mismatch.text),
    };
    keep(script, trace, path)?;
    println!("in {} operations:\n{text}", script.lines.len());
    let tunables = if script.tunables.is_empty() { String::new() } else { format!(" --tunables {}", script.tunables) };
    println!("cargo xtask verify --cores {}{tunables} {}", script.cores, path.with_extension("tr").display());
    Ok(())
}

/// Writes a script and its trace.
fn keep(script: &Script, trace: &[u8], path: &Path) -> Result<(), String> {
    let text = format!("# cores={}\n# tunables={}\n{}", script.cores, script.tunables, script.text());
    write(&path.with_extension("script"), text.as_bytes())?;
    write(&path.with_extension("tr"), trace)
}

fn scripts(driver: &Driver, files: &[PathBuf]) -> Result<ExitCode, String> {
    let mut code = ExitCode::SUCCESS;
    for file in files {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
        let script = Script::parse(&text).map_err(|error| format!("{name}:{error}"))?;
        let trace = driver.run(&script).map_err(|error| format!("{name}: {error}"))?;
        write(&file.with_extension("tr"), &trace)?;
        match compare(&trace, &script) {
            Ok(tally) => println!("{name}: exact: {0} of {0} events", tally.n_events),
            Err(mismatch) => {
                println!("{name}: {}", mismatch.text);
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}
