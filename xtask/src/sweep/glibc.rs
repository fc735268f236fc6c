//! A recorded heap trace under other tunables of malloc.

mod measure;

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use c_model::Glibc;
use serde::Serialize;

use super::{Args, Choice, Column, Line, combinations, figures};
use crate::console::{Format, Misuse, print};
use crate::explain::Writes;
use crate::progress::in_parallel;
use measure::{Calls, Measured, measure};

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

/// The values of a tunable: numbers with k, m or g.
fn values((name, list): &Choice) -> Result<(String, Vec<u64>), Misuse> {
    let number = |text: &String| {
        let digits = text.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G']);
        let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
            "" => Some(0),
            "k" => Some(10),
            "m" => Some(20),
            "g" => Some(30),
            _ => None,
        };
        let value = digits.parse::<u64>().ok();
        let bytes = value.zip(shift).and_then(|(value, shift)| value.checked_mul(1 << shift));
        bytes.ok_or_else(|| Misuse(format!("{name}={text}: expected a number, as in mmap_threshold=64k,128k")))
    };
    Ok((name.clone(), list.iter().map(number).collect::<Result<_, _>>()?))
}

/// The settings to try, the recorded one first: what is set beyond it.
fn settings(set: &[Choice]) -> Result<Vec<Vec<(String, u64)>>, Misuse> {
    let mut settings = vec![Vec::new()];
    if set.is_empty() {
        let one_at_a_time = GRID.iter().flat_map(|&(name, values)| values.iter().map(move |&value| (name, value)));
        settings.extend(one_at_a_time.map(|(name, value)| vec![(name.to_owned(), value)]));
        return Ok(settings);
    }
    settings.append(&mut combinations(&set.iter().map(values).collect::<Result<Vec<_>, _>>()?)?);
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

/// Sweeps a trace.
pub(super) fn sweep(args: &Args, trace: &Path, out: &mut dyn Write) -> Result<bool, Misuse> {
    let report = report(args, trace)?;
    match args.format {
        Format::Text => print(out, &report.to_text())?,
        Format::Json => print(out, &(serde_json::to_string_pretty(&report)? + "\n"))?,
    }
    Ok(report.settings.iter().all(|row| row.measured.stopped_by.is_none()))
}

fn report(args: &Args, trace: &Path) -> Result<Report, Misuse> {
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
    let name = trace.display().to_string();
    let measured =
        in_parallel(&shares, |share| format!("{} settings", share.len()), |share| measure(trace, share, args.writes));
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
        trace: name,
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

const COLUMNS: [Column<Measured>; 11] = [
    Column::bytes("break", |measured| measured.break_bytes_max),
    Column::bytes("resident", |measured| measured.resident_bytes_max),
    Column::bytes("at end", |measured| measured.resident_bytes),
    Column::bytes("mapped", |measured| measured.mapped_bytes_max),
    Column::count("brk", |Measured { calls: Calls { brk, .. }, .. }| *brk),
    Column::count("mmap", |Measured { calls: Calls { mmap, .. }, .. }| *mmap),
    Column::count("munmap", |Measured { calls: Calls { munmap, .. }, .. }| *munmap),
    Column::count("mremap", |Measured { calls: Calls { mremap, .. }, .. }| *mremap),
    Column::count("mprotect", |Measured { calls: Calls { mprotect, .. }, .. }| *mprotect),
    Column::count("madvise", |Measured { calls: Calls { madvise, .. }, .. }| *madvise),
    Column::count("faults", |measured| measured.n_faults),
];

impl Report {
    fn to_text(&self) -> String {
        let rows: Vec<Line<'_, Measured>> = self
            .settings
            .iter()
            .map(|row| Line { title: &row.title, is_whole: row.measured.stopped_by.is_none(), measured: &row.measured })
            .collect();
        let n_events = self.settings[0].measured.n_events;
        let mut out = format!("{}: {n_events} events under {} settings\n\n", self.trace, self.settings.len());
        out.push_str(&figures(&rows, &COLUMNS));
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
        let set = ["mmap_threshold=64k,1m", "arena_max=1,2"].map(|text| super::super::choice(text).unwrap());
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
        for refused in ["mxfast=64kk", "top_pad=99999999999g", "top_pad=-1", "top_pad=k"] {
            assert!(values(&super::super::choice(refused).unwrap()).is_err(), "{refused}");
        }
    }
}
