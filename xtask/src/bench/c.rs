//! `cargo xtask bench c`: the model of glibc's malloc beside this machine's real one.

mod calls;
mod model;
mod real;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use comfy_table::Table;

use super::rounds::{Contender, Spread, take_turns};
use calls::Calls;
use real::Real;

/// The model of glibc's malloc beside this machine's real malloc, on the same calls.
///
/// The calls of each trace are read into memory beforehand. In each round the model makes them all, then a C program
/// makes them of the C library, then the model again, so that both meet the same disturbances; every replay starts with
/// a heap that nobody has used. The time is that of the calls and of the page faults they cause. Nobody touches the
/// blocks but the allocators themselves.
///
/// `model` keeps addresses and headers, as `verify` does; `model, contents` also copies and clears what malloc copies
/// and clears; `model, detector` is the same in an emulated process whose misuse detector is on, for traces that only
/// allocate and free. `of the real` is the median of the ratios of each round, with their quartiles: below 1, the model takes
/// less time. Traces with more than one thread are replayed in their recorded order on the model alone. Without gcc, or
/// with another C library than glibc 2.36, there is nothing to compare with, and that is said.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Heap traces, compressed or not [default: those in tests/oracle/glibc-2.36, and a hot pair of malloc and free]
    traces: Vec<PathBuf>,
    /// Rounds that count; one more comes before them
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=10000))]
    rounds: u16,
}

/// A round has at least so many calls: shorter traces are replayed more than once.
const CALLS_PER_ROUND: u64 = 200_000;
/// But not more often than this.
const REPEATS_MAX: u64 = 200;
/// Pairs of calls in the hot pair.
const HOT_PAIRS: u64 = 500_000;
/// Bytes of its block.
const HOT_BYTES: u64 = 24;

/// The contender that the others are compared with; it comes last in each round.
const REAL: &str = "real malloc";

/// Calls with a name.
struct Subject {
    name: String,
    calls: Calls,
}

/// One line of the table.
struct Row {
    who: &'static str,
    /// Nanoseconds a call.
    ns: Spread,
    /// Of the real one's.
    ratio: Option<Spread>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    let subjects = match subjects(args) {
        Ok(subjects) => subjects,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let real = Real::build().map_err(|why| eprintln!("No real malloc beside the model: {why}.")).ok();
    let mut table = super::table(&["trace", "calls", "", "ns a call", "of the real", "quartiles"]);
    let mut ratios: Vec<(&str, Vec<f64>)> = Vec::new();
    for subject in &subjects {
        match measure(subject, real.as_ref(), usize::from(args.rounds)) {
            Ok(rows) => {
                add(&mut table, subject, &rows);
                for row in rows {
                    let Some(ratio) = row.ratio else { continue };
                    match ratios.iter_mut().find(|(who, _)| *who == row.who) {
                        Some((_, ratios)) => ratios.push(ratio.median),
                        None => ratios.push((row.who, vec![ratio.median])),
                    }
                }
            }
            Err(error) => {
                eprintln!("{}: {error}", subject.name);
                return ExitCode::FAILURE;
            }
        }
    }
    for line in table.lines() {
        println!("{}", line.trim_end());
    }
    for (who, ratios) in &ratios {
        let n = ratios.len();
        if let Some(spread) = Spread::of(ratios).filter(|_| n > 1) {
            let Spread { low, median, high } = spread;
            println!("{who}: {median:.2} of the real malloc's time, quartiles {low:.2}..{high:.2} of {n} traces");
        }
    }
    ExitCode::SUCCESS
}

fn subjects(args: &Args) -> Result<Vec<Subject>, String> {
    let mut subjects = Vec::new();
    let mut traces = args.traces.clone();
    if traces.is_empty() {
        let calls = Calls::hot_pair(HOT_PAIRS, HOT_BYTES);
        subjects.push(Subject { name: format!("malloc({HOT_BYTES}), free"), calls });
        traces = recorded()?;
    }
    for trace in traces {
        let name = trace.file_name().unwrap_or(trace.as_os_str()).to_string_lossy().into_owned();
        let calls = Calls::of_trace(&trace)?;
        if calls.n == 0 {
            return Err(format!("{}: no call in it", trace.display()));
        }
        if calls.n_unknown > 0 {
            eprintln!("{name}: {} calls left out, whose block is of before the recording", calls.n_unknown);
        }
        subjects.push(Subject { name, calls });
    }
    Ok(subjects)
}

/// The traces that are in the repository.
fn recorded() -> Result<Vec<PathBuf>, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/glibc-2.36");
    let entries = std::fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut traces: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    traces.retain(|path| path.to_string_lossy().contains(".tr"));
    traces.sort();
    Ok(traces)
}

fn measure(subject: &Subject, real: Option<&Real>, n_rounds: usize) -> Result<Vec<Row>, String> {
    let Subject { name, calls } = subject;
    let n_repeats = (CALLS_PER_ROUND / calls.n).clamp(1, REPEATS_MAX);
    let per_call = |time: Duration| time.as_nanos() as f64 / (calls.n * n_repeats) as f64;
    let model = |keeps_contents| -> Contender<'_> {
        Box::new(move || {
            let mut time = Duration::ZERO;
            for _ in 0..n_repeats {
                time += model::replay(calls, keeps_contents)?.time;
            }
            Ok(per_call(time))
        })
    };
    let on_real = match real {
        Some(_) if calls.n_threads > 1 => {
            eprintln!("{name}: {} threads, so on the model alone, in the recorded order", calls.n_threads);
            None
        }
        Some(real) => Some(real.calls(calls, name)?),
        None => None,
    };
    let mut who = vec!["model", "model, contents"];
    let mut contenders = vec![model(false), model(true)];
    if model::can_be_watched(calls) {
        who.push("model, detector");
        contenders.push(Box::new(|| {
            let mut time = Duration::ZERO;
            for _ in 0..n_repeats {
                time += model::replay_watched(calls)?.time;
            }
            Ok(per_call(time))
        }));
    }
    if let Some(on_real) = &on_real {
        if on_real.replay(1)?.places != model::replay(calls, false)?.places {
            eprintln!("{name}: not the same places on both sides: it was recorded under other conditions");
        }
        who.push(REAL);
        contenders.push(Box::new(|| on_real.replay(n_repeats as u32).map(|replayed| per_call(replayed.time))));
    }
    let samples = take_turns(n_rounds, &mut contenders)?;
    let yardstick = on_real.as_ref().and_then(|_| samples.last());
    let rows = who.into_iter().zip(&samples).map(|(who, sample)| Row {
        who,
        ns: Spread::of(sample).expect("there is at least one round"),
        ratio: yardstick.filter(|_| who != REAL).and_then(|yardstick| Spread::of_ratio(sample, yardstick)),
    });
    Ok(rows.collect())
}

fn add(table: &mut Table, subject: &Subject, rows: &[Row]) {
    for (index, row) in rows.iter().enumerate() {
        let (name, n) = if index == 0 {
            (subject.name.clone(), subject.calls.n.to_string())
        } else {
            (String::new(), String::new())
        };
        let ratio = row.ratio.map_or(String::new(), |ratio| format!("{:.2}", ratio.median));
        let quartiles = row.ratio.map_or(String::new(), |ratio| format!("{:.2}..{:.2}", ratio.low, ratio.high));
        table.add_row([name, n, row.who.to_owned(), format!("{:.1}", row.ns.median), ratio, quartiles]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite() -> Calls {
        let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/glibc-2.36/sqlite.tr.xz");
        Calls::of_trace(&trace).unwrap()
    }

    #[test]
    fn a_trace_becomes_calls_that_need_as_many_slots_as_blocks_lived_at_once() {
        let calls = sqlite();
        assert_eq!((calls.n, calls.n_threads, calls.n_unknown), (58_881, 1, 0));
        assert!(calls.n_slots < 30_000, "slots are used again: {}", calls.n_slots);
        assert_eq!(calls.to_bytes().len(), 24 + 24 * calls.list.len());
    }

    #[test]
    fn the_model_leaves_the_blocks_where_the_real_malloc_leaves_them() {
        let calls = sqlite();
        let places = model::replay(&calls, false).unwrap().places;
        assert_eq!(places, model::replay(&calls, true).unwrap().places, "contents are not looked at");
        assert!(model::can_be_watched(&calls));
        assert_eq!(places, model::replay_watched(&calls).unwrap().places, "the detector does not interfere");
        match Real::build() {
            Ok(real) => assert_eq!(real.calls(&calls, "sqlite").unwrap().replay(1).unwrap().places, places),
            Err(why) => eprintln!("skipped: {why}"),
        }
    }

    #[test]
    fn every_row_has_a_figure_and_those_of_the_model_a_ratio_where_there_is_a_real_malloc() {
        let subject = Subject { name: "pair".to_owned(), calls: Calls::hot_pair(50_000, 24) };
        let real = Real::build().ok();
        let rows = measure(&subject, real.as_ref(), 1).unwrap();
        assert_eq!(rows.len(), 3 + usize::from(real.is_some()));
        assert!(rows.iter().all(|row| row.ns.median > 0.0));
        assert!(rows.iter().all(|row| row.ratio.is_some() == (real.is_some() && row.who != REAL)));
    }
}
