//! `cargo xtask bench cpython`: the model of CPython beside the installed interpreters.

mod pymalloc;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use comfy_table::Table;
use cpython_model::{CPython, Version};
use workload::{Code, Options, interpret};

use super::rounds::{Contender, Spread, take_turns};
use crate::console::{Misuse, conclude, print};
use crate::gallery::{self, Found};
use crate::oracle::cpython::interpreters::{Interpreter, find};
use crate::table::lines;
use pymalloc::{Calls, Extension};

/// The model of CPython beside the installed interpreters, on the same programs.
///
/// Workloads of the gallery run on the model, with the address of every object; the same programs, written in Python
/// statement by statement, run on each installed interpreter of a modelled version, without its start. The unit is a
/// step of the workload. `pymalloc` is the allocator alone: the same random calls on the model and, in an extension
/// that gcc compiles on the spot, on the real one.
///
/// `of the real` is the median of the ratios of each round, with their quartiles: below 1, the model takes less time.
/// Interpreters that are not installed, and what is missing to compile the extension, are said.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Interpreters to compare with [default: those in PATH and of pyenv, of 3.11, 3.12 and 3.13]
    #[arg(long, value_name = "PATH")]
    python: Vec<PathBuf>,
    /// Rounds that count; one more comes before them
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=10000))]
    rounds: u16,
}

const PROGRAMS: &str = include_str!("cpython/programs.py");

/// Calls of pymalloc in a round.
const N_CALLS: usize = 1_000_000;

/// Workloads with their parameters, in the order of the arguments of the Python functions: some 100,000 steps each.
const SUBJECTS: [(&str, &[(&str, &str)]); 4] = [
    ("linked_list", &[("n", "5000"), ("rounds", "10")]),
    ("binary_trees", &[("n", "10")]),
    ("growable_array", &[("n", "20000"), ("rounds", "5")]),
    ("cycle_ring", &[("rings", "5000"), ("length", "8")]),
];

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    conclude(|out| {
        print(out, &lines(&bench(args)?))?;
        Ok(true)
    })
}

fn bench(args: &Args) -> Result<Table, Misuse> {
    let found = find(&args.python)?;
    for skipped in &found.skipped {
        eprintln!("skipped: {skipped}");
    }
    let mut table = super::table(&["", "steps", "", "ns a step", "of the real", "quartiles"]);
    let n_rounds = usize::from(args.rounds);
    for (name, parameters) in SUBJECTS {
        let Found::Workload(workload) = gallery::find(name)? else { return Err(Misuse(format!("no workload {name}"))) };
        let code = workload.compile(parameters)?;
        let n_steps = steps(&code)?;
        let arguments: Vec<&str> = parameters.iter().map(|(_, value)| *value).collect();
        for (version, interpreter) in versions(&found.interpreters) {
            let mut contenders: Vec<Contender<'_>> =
                vec![Box::new(|| on_model(&code, version).map(|ns| ns / n_steps as f64))];
            if let Some(interpreter) = interpreter {
                let arguments = &arguments;
                contenders.push(Box::new(move || {
                    on_interpreter(interpreter.path(), name, arguments).map(|ns| ns / n_steps as f64)
                }));
            }
            let samples = take_turns(n_rounds, &mut contenders)?;
            rows(&mut table, name, n_steps, version, interpreter, &samples);
        }
    }
    let calls = Calls::random(1, N_CALLS);
    for (version, interpreter) in versions(&found.interpreters) {
        let extension = interpreter.and_then(|interpreter| {
            Extension::build(interpreter.path(), &calls)
                .map_err(|why| eprintln!("skipped: pymalloc of {interpreter}: {why}"))
                .ok()
        });
        let mut contenders: Vec<Contender<'_>> = vec![Box::new(|| calls.on_model(version))];
        if let Some(extension) = &extension {
            contenders.push(Box::new(|| extension.measure(&calls)));
        }
        let samples = take_turns(n_rounds, &mut contenders)?;
        let interpreter = interpreter.filter(|_| extension.is_some());
        rows(&mut table, "pymalloc", N_CALLS as u64, version, interpreter, &samples);
    }
    Ok(table)
}

/// Each modelled version, with the first interpreter that there is of it.
fn versions(interpreters: &[Interpreter]) -> impl Iterator<Item = (Version, Option<&Interpreter>)> {
    Version::ALL
        .into_iter()
        .filter(|&version| version >= Version::V3_11)
        .map(|version| (version, interpreters.iter().find(|interpreter| interpreter.minor() == Some(version))))
}

fn rows(
    table: &mut Table,
    name: &str,
    n_steps: u64,
    version: Version,
    interpreter: Option<&Interpreter>,
    samples: &[Vec<f64>],
) {
    let spread = |sample: &[f64]| Spread::of(sample).expect("there is at least one round");
    let ns = |sample: &[f64]| format!("{:.1}", spread(sample).median);
    let ratio = samples.get(1).and_then(|real| Spread::of_ratio(&samples[0], real));
    table.add_row([
        name.to_owned(),
        n_steps.to_string(),
        format!("model of {version}"),
        ns(&samples[0]),
        ratio.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median)),
        ratio.map_or_else(String::new, |ratio| format!("{:.2}..{:.2}", ratio.low, ratio.high)),
    ]);
    if let (Some(interpreter), Some(real)) = (interpreter, samples.get(1)) {
        table.add_row([String::new(), String::new(), format!("CPython {}", interpreter.version()), ns(real)]);
    }
}

fn steps(code: &Code) -> Result<u64, Misuse> {
    let mut machine = CPython::builder().build();
    let run = interpret::run(code, &mut machine, &Options::default());
    if !machine_ended(&run.ending) {
        return Err(Misuse(format!("{}: did not come to its end", code.name)));
    }
    Ok(run.ticks)
}

fn machine_ended(ending: &workload::Ending) -> bool {
    !matches!(ending, workload::Ending::Faulted(_))
}

/// Nanoseconds of a run on the model, its building included.
fn on_model(code: &Code, version: Version) -> Result<f64, String> {
    let begin = Instant::now();
    let mut machine = CPython::builder().version(version).build();
    let run = interpret::run(code, &mut machine, &Options::default());
    let taken = begin.elapsed().as_nanos() as f64;
    if machine_ended(&run.ending) { Ok(taken) } else { Err(format!("{}: did not come to its end", code.name)) }
}

/// Nanoseconds of a run on an interpreter, without its start.
fn on_interpreter(python: &Path, name: &str, arguments: &[&str]) -> Result<f64, String> {
    let output = Command::new(python)
        .args(["-I", "-S", "-c", PROGRAMS, name])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", python.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .map_err(|_| format!("{}: {name}: {}", python.display(), String::from_utf8_lossy(&output.stderr).trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_in_python_come_to_their_ends_as_the_workloads_do() {
        let found = find(&[]).unwrap_or_else(|Misuse(reason)| panic!("{reason}"));
        let Some(interpreter) = found.interpreters.first() else {
            eprintln!("skipped: no CPython of a modelled version is installed");
            return;
        };
        for (name, parameters) in SUBJECTS {
            let small: Vec<&str> = parameters.iter().map(|_| "4").collect();
            assert!(on_interpreter(interpreter.path(), name, &small).unwrap() > 0.0, "{name}");
        }
    }

    #[test]
    fn random_calls_give_back_what_they_got() {
        let calls = Calls::random(3, 5000);
        assert!(calls.on_model(Version::V3_12).unwrap() > 0.0);
    }
}
