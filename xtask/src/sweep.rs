//! `cargo xtask sweep`: the same program under other settings of its runtime.
//!
//! One part for each kind of program; here is what they share: the choices on the command line, and the table.

mod cpython;
mod glibc;
mod jvm;
mod pymalloc;

use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;

use cpython_model::obmalloc::replay::RecordingKind;
use harness::{Model, Settings};

use crate::console::{Format, Misuse, conclude};
use crate::explain::Writes;
use crate::gallery;
use crate::table::{bytes, figures_table, lines};

/// What if: the same program under other settings of its memory manager.
///
/// What can be swept:
/// - a recorded heap trace: tunables of glibc's malloc (`--set mmap_threshold=64k,1m`);
/// - a workload with `--model cpython`: version=3.11,3.12,3.13, gc=on,off, threshold=700:10:10,2000:5:5 or
///   threshold0, threshold1, threshold2 by themselves, and the workload's own parameters;
/// - a workload with `--model jvm`: flags by their names (Xmx=8m,16m, Xmn=1m, `NewRatio=1,4`, `UseCompressedOops=on,off`),
///   on the release that `--jdk` says; with `--smallest` also the smallest heap and young generation without a full collection;
/// - a recording of pymalloc's calls: version=3.8,...,3.13.
///
/// Every setting has a heap of its own; many run at once. The first line is the program as it was recorded, or as
/// `compare` runs it; the least of each column is marked. Without --set: a grid that varies one thing at a time. With
/// several: every combination.
///
/// A heap trace names blocks by where they were; here a block is the one that was handed out at that event, wherever it
/// is now. What is not decided anew: the order of the threads, calls of mallopt that the program makes, and what it does
/// with `malloc_usable_size`. The operating system is the model's own, so nothing else moves the break. A recording of
/// pymalloc keeps the sizes that its version asked for.
///
/// Exit code 0: all settings ran to the end; 1: one was stopped before; 2: misuse.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A recorded heap trace, compressed or not; a recording of pymalloc; a workload of the gallery or a .wl file
    target: String,
    /// On which model a workload runs
    #[arg(long, value_name = "MODEL", value_parser = model)]
    model: Option<Model>,
    /// Release of the JDK for `--model jvm`: 17, 21 or 25
    #[arg(long, default_value_t)]
    jdk: jvm_model::Version,
    /// Values to choose from, sizes with k, m or g; given several times: every combination
    #[arg(long = "set", value_name = "NAME=VALUE,...", value_parser = choice)]
    set: Vec<Choice>,
    /// The `GLIBC_TUNABLES` a heap trace was recorded under, such as `tcache_count=0:arena_max=2`; they hold in all
    /// settings
    #[arg(long, default_value = "", hide_default_value = true)]
    tunables: String,
    /// Cores of the machine of a heap trace
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=65536))]
    cores: u64,
    /// What the program of a heap trace writes
    #[arg(long, value_enum, default_value_t = Writes::Blocks)]
    writes: Writes,
    /// Only this recording of a file of several, from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    recording: Option<u64>,
    /// The seed of a workload's `rand` and of its schedule of threads
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
    /// Statements of a workload after which a run is ended with the fault `step_limit`
    #[arg(long, value_name = "N", default_value_t = Settings::default().steps_max)]
    max_steps: u64,
    /// Look for the smallest -Xmx and -Xmn without a full collection: a workload with `--model jvm`
    #[arg(long)]
    smallest: bool,
    /// How results are written to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

fn model(text: &str) -> Result<Model, String> {
    match Model::from_name(text) {
        Some(model @ (Model::CPython | Model::Jvm)) => Ok(model),
        Some(Model::C) => Err("a workload can be swept on cpython and jvm; glibc, with a heap trace".to_owned()),
        None => Err("expected cpython or jvm".to_owned()),
    }
}

/// A name and the values to choose from.
type Choice = (String, Vec<String>);

fn choice(text: &str) -> Result<Choice, String> {
    let values = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
    match text.split_once('=') {
        Some((name, list)) if !name.is_empty() && list.split(',').all(|value| !value.is_empty()) => {
            Ok((name.to_owned(), values(list)))
        }
        _ => Err("expected NAME=VALUE,VALUE as in mmap_threshold=64k,128k".to_owned()),
    }
}

/// So many settings are too many to be meant.
const SETTINGS_MAX: usize = 4096;

/// Every combination of the choices, the last one varying first.
fn combinations<T: Clone>(choices: &[(String, Vec<T>)]) -> Result<Vec<Vec<(String, T)>>, Misuse> {
    let n = choices.iter().try_fold(1_usize, |n, (_, values)| n.checked_mul(values.len())).unwrap_or(usize::MAX);
    if n > SETTINGS_MAX {
        return Err(format!("{n} combinations, at most {SETTINGS_MAX} are run at once").into());
    }
    let mut product = vec![Vec::new()];
    for (name, values) in choices {
        product = product
            .into_iter()
            .flat_map(|setting: Vec<(String, T)>| {
                values.iter().map(move |value| [setting.as_slice(), &[(name.clone(), value.clone())]].concat())
            })
            .collect();
    }
    Ok(product)
}

/// A column of figures of which less is better.
struct Column<R> {
    name: &'static str,
    value: fn(&R) -> u64,
    is_bytes: bool,
}

impl<R> Column<R> {
    const fn bytes(name: &'static str, value: fn(&R) -> u64) -> Column<R> {
        Column { name, value, is_bytes: true }
    }

    const fn count(name: &'static str, value: fn(&R) -> u64) -> Column<R> {
        Column { name, value, is_bytes: false }
    }
}

/// A setting in the table.
struct Line<'a, R> {
    title: &'a str,
    /// Whether it ran to the end, so that its figures may be compared.
    is_whole: bool,
    measured: &'a R,
}

/// The table: the least of each column is marked with `*`, a column in which nothing ever happens is left out.
fn figures<R>(rows: &[Line<'_, R>], columns: &[Column<R>]) -> String {
    let columns: Vec<&Column<R>> =
        columns.iter().filter(|column| rows.iter().any(|row| (column.value)(row.measured) > 0)).collect();
    let names: Vec<&str> = std::iter::once("").chain(columns.iter().map(|column| column.name)).collect();
    let mut table = figures_table(&names);
    for row in rows {
        let mut cells = vec![row.title.to_owned()];
        for column in &columns {
            let all = || rows.iter().filter(|row| row.is_whole).map(|row| (column.value)(row.measured));
            let (least, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
            let mine = (column.value)(row.measured);
            let mark = if row.is_whole && mine == least && least < most { "*" } else { " " };
            let text = if column.is_bytes { bytes(mine) } else { mine.to_string() };
            cells.push(format!("{text}{mark}"));
        }
        table.add_row(cells);
    }
    lines(&table)
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    conclude(|out| match (gallery::find(&args.target)?, args.model) {
        (gallery::Found::Workload(workload), Some(Model::Jvm)) => jvm::sweep(args, &workload, out),
        (_, _) if args.smallest => Err(Misuse("--smallest is for a workload with --model jvm".to_owned())),
        (gallery::Found::Workload(workload), Some(_)) => cpython::sweep(args, &workload, out),
        (gallery::Found::Workload(_), None) => {
            Err(Misuse(format!("on which model is {} to run? Say --model cpython or --model jvm", args.target)))
        }
        (gallery::Found::Trace(_), Some(_)) => {
            Err(Misuse(format!("{}: --model is for workloads; a recording is of its own runtime", args.target)))
        }
        (gallery::Found::Trace(path), None) => match kind_of(&path)? {
            Some(kind) => pymalloc::sweep(args, &path, kind, out),
            None => glibc::sweep(args, &path, out),
        },
    })
}

/// Whether a file is a recording of pymalloc; `None`: take it for a heap trace, whose reader says what else is wrong.
fn kind_of(path: &Path) -> Result<Option<RecordingKind>, Misuse> {
    let named = |error: &dyn std::fmt::Display| Misuse(format!("{}: {error}", path.display()));
    let mut source = heap_trace::open(path).map_err(|error| named(&error))?;
    Ok(RecordingKind::of(source.fill_buf().map_err(|error| named(&error))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_every_combination() {
        let choices = [choice("version=3.11,3.12").unwrap(), choice("gc=on,off").unwrap()];
        let Ok(settings) = combinations(&choices) else { panic!("four combinations are not too many") };
        let titles: Vec<String> = settings
            .iter()
            .map(|setting| setting.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(titles, ["version=3.11 gc=on", "version=3.11 gc=off", "version=3.12 gc=on", "version=3.12 gc=off"]);
        assert!(combinations(&vec![("n".to_owned(), vec![0; 5]); 6]).is_err(), "15625 are too many");
        assert!(combinations(&vec![("n".to_owned(), vec![0; 1 << 16]); 4]).is_err(), "more than can be counted");
        for refused in ["gc", "gc=", "=on", "gc=on,"] {
            assert!(choice(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn the_least_of_a_column_is_marked_and_what_was_stopped_does_not_compete() {
        let columns = [Column::count("calls", |&n: &u64| n), Column::bytes("never", |_| 0)];
        let rows = [("as is", true, 7), ("less", true, 5), ("stopped", false, 1)];
        let rows: Vec<Line<'_, u64>> =
            rows.iter().map(|(title, is_whole, n)| Line { title, is_whole: *is_whole, measured: n }).collect();
        let table = figures(&rows, &columns);
        let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words, [vec!["calls"], vec!["as", "is", "7"], vec!["less", "5*"], vec!["stopped", "1"]]);
    }
}
