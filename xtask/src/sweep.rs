//! `cargo xtask sweep`: the same trace under other tunables.

mod measure;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use c_model::Glibc;
use serde::Serialize;

use crate::console::{Format, Misuse, conclude, print};
use crate::explain::Writes;
use crate::progress::in_parallel;
use crate::table::{bytes, figures_table, lines};
use measure::{Calls, Measured, measure};

/// What if: a recorded program under other tunables of glibc's malloc.
///
/// The same calls are made on a heap for each setting, many at once. The first line is the setting it was recorded
/// under; the best of each column is marked. Without --set: a grid that varies one tunable at a time.
///
/// A trace names blocks by where they were; here a block is the one that was handed out at that event, wherever it is
/// now. What is not decided anew: the order of the threads, calls of mallopt that the program makes, and what it does
/// with `malloc_usable_size`. The operating system is the model's own, so nothing else moves the break.
///
/// Exit code 0: all settings ran to the end; 1: one was stopped before; 2: misuse.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A recorded heap trace, compressed or not
    trace: PathBuf,
    /// Values of a tunable, with k, m or g; given several times: every combination
    #[arg(long = "set", value_name = "NAME=VALUE,...", value_parser = values)]
    set: Vec<(String, Vec<u64>)>,
    /// The `GLIBC_TUNABLES` it was recorded under, such as `tcache_count=0:arena_max=2`; they hold in all settings
    #[arg(long, default_value = "", hide_default_value = true)]
    tunables: String,
    /// Cores of the machine
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=65536))]
    cores: u64,
    /// What the program writes
    #[arg(long, value_enum, default_value_t = Writes::Blocks)]
    writes: Writes,
    /// How results are written to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// What is tried when nothing is said.
const GRID: [(&str, &[u64]); 7] = [
    ("arena_max", &[1, 2]),
    ("mmap_threshold", &[64 << 10, 1 << 20, 32 << 20]),
    ("trim_threshold", &[32 << 10, 16 << 20]),
    ("top_pad", &[0, 1 << 20]),
    ("tcache_count", &[0, 32]),
    ("tcache_max", &[256]),
    ("mxfast", &[0]),
];

/// So many settings are too many to be meant.
const SETTINGS_MAX: usize = 4096;

fn values(text: &str) -> Result<(String, Vec<u64>), String> {
    let expected = || "expected NAME=VALUE,VALUE as in mmap_threshold=64k,128k".to_owned();
    let (name, list) = text.split_once('=').ok_or_else(expected)?;
    let number = |text: &str| {
        let digits = text.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G']);
        let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
            "" => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            _ => return Err(expected()),
        };
        let value: u64 = digits.parse().map_err(|_| expected())?;
        value.checked_mul(1 << shift).ok_or_else(expected)
    };
    Ok((name.to_owned(), list.split(',').map(number).collect::<Result<_, _>>()?))
}

/// The settings to try, the recorded one first: what is set beyond it.
fn settings(set: &[(String, Vec<u64>)]) -> Result<Vec<Vec<(String, u64)>>, Misuse> {
    let mut settings = vec![Vec::new()];
    if set.is_empty() {
        let one_at_a_time = GRID.iter().flat_map(|&(name, values)| values.iter().map(move |&value| (name, value)));
        settings.extend(one_at_a_time.map(|(name, value)| vec![(name.to_owned(), value)]));
        return Ok(settings);
    }
    let n: usize = set.iter().map(|(_, values)| values.len()).product();
    if n > SETTINGS_MAX {
        return Err(format!("{n} combinations, at most {SETTINGS_MAX} are run at once").into());
    }
    let mut product = vec![Vec::new()];
    for (name, values) in set {
        product = product
            .into_iter()
            .flat_map(|setting: Vec<(String, u64)>| {
                values.iter().map(move |&value| [setting.as_slice(), &[(name.clone(), value)]].concat())
            })
            .collect();
    }
    settings.append(&mut product);
    Ok(settings)
}

/// A setting and what came of it.
#[derive(Serialize)]
struct Row {
    /// As `GLIBC_TUNABLES` has it, without prefixes; what was recorded included.
    tunables: String,
    #[serde(skip)]
    title: String,
    #[serde(flatten)]
    measured: Measured,
}

/// All of it.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    trace: String,
    cores: u64,
    writes: Writes,
    settings: Vec<Row>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    conclude(|out| {
        let report = sweep(args)?;
        match args.format {
            Format::Text => print(out, &report.to_text())?,
            Format::Json => print(out, &(serde_json::to_string_pretty(&report)? + "\n"))?,
        }
        Ok(report.settings.iter().all(|row| row.measured.stopped_by.is_none()))
    })
}

fn sweep(args: &Args) -> Result<Report, Misuse> {
    let settings = settings(&args.set)?;
    let recorded = Glibc::builder().cores(args.cores).tunables(&args.tunables)?;
    let tunables = |setting: &Vec<(String, u64)>| {
        let set: Vec<String> = setting.iter().map(|(name, value)| format!("{name}={value}")).collect();
        set.join(":")
    };
    let builders = settings
        .iter()
        .map(|setting| Ok(recorded.clone().tunables(&tunables(setting))?))
        .collect::<Result<Vec<_>, Misuse>>()?;
    // Each share is a run of neighbouring settings, for which the trace is read once.
    let n_shares = std::thread::available_parallelism().map_or(1, usize::from);
    let shares: Vec<_> = builders.chunks(builders.len().div_ceil(n_shares)).collect();
    let name = args.trace.display().to_string();
    let measured = in_parallel(
        &shares,
        |share| format!("{} settings", share.len()),
        |share| measure(&args.trace, share, args.writes),
    );
    let mut rows = Vec::new();
    for share in measured {
        rows.append(&mut share?);
    }
    let rows = settings.iter().zip(rows).map(|(setting, measured)| Row {
        tunables: [args.tunables.clone(), tunables(setting)]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(":"),
        title: title(setting),
        measured,
    });
    Ok(Report {
        schema: "heaptwin.sweep/1",
        trace: name.clone(),
        cores: args.cores,
        writes: args.writes,
        settings: rows.collect(),
    })
}

/// A setting as the table has it.
fn title(setting: &[(String, u64)]) -> String {
    if setting.is_empty() {
        return "as recorded".to_owned();
    }
    let short = |value: u64| match value {
        0 => "0".to_owned(),
        _ if value.is_multiple_of(1 << 20) => format!("{}m", value >> 20),
        _ if value.is_multiple_of(1 << 10) => format!("{}k", value >> 10),
        _ => value.to_string(),
    };
    setting.iter().map(|(name, value)| format!("{name}={}", short(*value))).collect::<Vec<_>>().join(" ")
}

type Column = (&'static str, fn(&Measured) -> u64, bool);

const COLUMNS: [Column; 11] = [
    ("break", |measured| measured.break_bytes_max, true),
    ("resident", |measured| measured.resident_bytes_max, true),
    ("at end", |measured| measured.resident_bytes, true),
    ("mapped", |measured| measured.mapped_bytes_max, true),
    ("brk", |Measured { calls: Calls { brk, .. }, .. }| *brk, false),
    ("mmap", |Measured { calls: Calls { mmap, .. }, .. }| *mmap, false),
    ("munmap", |Measured { calls: Calls { munmap, .. }, .. }| *munmap, false),
    ("mremap", |Measured { calls: Calls { mremap, .. }, .. }| *mremap, false),
    ("mprotect", |Measured { calls: Calls { mprotect, .. }, .. }| *mprotect, false),
    ("madvise", |Measured { calls: Calls { madvise, .. }, .. }| *madvise, false),
    ("faults", |measured| measured.n_faults, false),
];

impl Report {
    fn to_text(&self) -> String {
        // A column in which nothing ever happens is left out.
        let whole = |row: &&Row| row.measured.stopped_by.is_none();
        let columns: Vec<&Column> =
            COLUMNS.iter().filter(|column| self.settings.iter().any(|row| column.1(&row.measured) > 0)).collect();
        let names: Vec<&str> = std::iter::once("").chain(columns.iter().map(|column| column.0)).collect();
        let mut rows = figures_table(&names);
        for row in &self.settings {
            let mut cells = vec![row.title.clone()];
            for (_, value, is_bytes) in &columns {
                let all = || self.settings.iter().filter(whole).map(|row| value(&row.measured));
                let (least, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
                let mine = value(&row.measured);
                let mark = if whole(&row) && mine == least && least < most { "*" } else { " " };
                let text = if *is_bytes { bytes(mine) } else { mine.to_string() };
                cells.push(format!("{text}{mark}"));
            }
            rows.add_row(cells);
        }
        let n_events = self.settings[0].measured.n_events;
        let mut out = format!("{}: {n_events} events under {} settings\n\n", self.trace, self.settings.len());
        out.push_str(&lines(&rows));
        for row in &self.settings {
            if let Some(reason) = &row.measured.stopped_by {
                let _ = writeln!(out, "{}: stopped at {reason}", row.title);
            }
        }
        out.push_str(
            "\nbreak, resident, mapped: the most there was; at end: resident after the last event; then system calls, and\n\
             page faults; * the best of its column. Not decided anew: the order of the threads, the program's own calls\n\
             of mallopt, what it does with malloc_usable_size\n",
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_every_combination_and_the_recorded_one_first() {
        let set = [values("mmap_threshold=64k,1m").unwrap(), values("arena_max=1,2").unwrap()];
        let Ok(settings) = settings(&set) else { panic!("four combinations are not too many") };
        let titles: Vec<String> = settings.iter().map(|setting| title(setting)).collect();
        assert_eq!(
            titles,
            [
                "as recorded",
                "mmap_threshold=64k arena_max=1",
                "mmap_threshold=64k arena_max=2",
                "mmap_threshold=1m arena_max=1",
                "mmap_threshold=1m arena_max=2"
            ]
        );
        for refused in ["mxfast", "mxfast=", "mxfast=64kk", "top_pad=99999999999g", "top_pad=-1"] {
            assert!(values(refused).is_err(), "{refused}");
        }
    }
}
