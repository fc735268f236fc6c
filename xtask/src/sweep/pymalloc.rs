//! A recording of pymalloc's calls under other versions.

use std::io::Write;
use std::path::Path;

use cpython_model::obmalloc::replay::what_if::{Measured, Recording, Setting, State, each_recording};
use cpython_model::obmalloc::replay::{Failure, RecordingKind, Stop};
use cpython_model::{PymallocStats, Version};
use serde::Serialize;

use super::{Args, Column, Line, combinations, figures};
use crate::console::{Format, Misuse, print};
use crate::progress::in_parallel;

/// All of it.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    file: String,
    recordings: Vec<OneRecording>,
}

/// A recording and its settings, as recorded first.
#[derive(Serialize)]
struct OneRecording {
    recording: String,
    n_calls: u64,
    settings: Vec<Row>,
}

/// A setting and what came of it.
#[derive(Serialize)]
struct Row {
    setting: String,
    n_arenas_at_start: u64,
    n_arenas_made: u64,
    n_arenas_released: u64,
    n_arenas_max: u64,
    fullest: Moment,
    at_end: Moment,
}

/// The heap at a moment: where the bytes of the arenas are.
#[derive(Serialize)]
struct Moment {
    n_arenas: u64,
    arena_bytes: u64,
    n_used_pools: u64,
    requested_bytes: u64,
    rounding_bytes: u64,
    free_block_bytes: u64,
    free_pool_bytes: u64,
    header_bytes: u64,
    lost_bytes: u64,
}

impl Moment {
    fn of(state: &State) -> Moment {
        let PymallocStats { n_arenas, arena_bytes, n_used_pools, free_block_bytes, free_pool_bytes, .. } = state.stats;
        Moment {
            n_arenas,
            arena_bytes,
            n_used_pools,
            requested_bytes: state.requested_bytes,
            rounding_bytes: state.rounding_bytes(),
            free_block_bytes,
            free_pool_bytes,
            header_bytes: state.stats.pool_header_bytes + state.stats.quantization_bytes + state.stats.alignment_bytes,
            lost_bytes: state.lost_bytes(),
        }
    }
}

impl Row {
    fn new(setting: String, measured: &Measured) -> Row {
        let Measured { n_calls: _, n_arenas_at_start, n_arenas_made, n_arenas_released, n_arenas_max, fullest, at_end } =
            measured;
        Row {
            setting,
            n_arenas_at_start: *n_arenas_at_start,
            n_arenas_made: *n_arenas_made,
            n_arenas_released: *n_arenas_released,
            n_arenas_max: *n_arenas_max,
            fullest: Moment::of(fullest),
            at_end: Moment::of(at_end),
        }
    }
}

const COLUMNS: [Column<Row>; 9] = [
    Column::count("made", |row| row.n_arenas_made),
    Column::count("released", |row| row.n_arenas_released),
    Column::count("peak", |row| row.n_arenas_max),
    Column::bytes("arenas", |row| row.fullest.arena_bytes),
    Column::count("pools", |row| row.fullest.n_used_pools),
    Column::bytes("lost", |row| row.fullest.lost_bytes),
    Column::bytes("arenas, end", |row| row.at_end.arena_bytes),
    Column::count("pools, end", |row| row.at_end.n_used_pools),
    Column::bytes("lost, end", |row| row.at_end.lost_bytes),
];

/// The versions to try.
fn versions(args: &Args) -> Result<Vec<Version>, Misuse> {
    if args.set.is_empty() {
        return Ok(Version::ALL.to_vec());
    }
    let settings = combinations(&args.set)?;
    let version = |setting: &Vec<(String, String)>| match setting.as_slice() {
        [(name, value)] if name == "version" => Ok(value.parse::<Version>()?),
        _ => Err(Misuse("a recording of pymalloc can be swept over version=3.8,...,3.13".to_owned())),
    };
    settings.iter().map(version).collect()
}

/// Sweeps the recordings of a file.
pub(super) fn sweep(args: &Args, path: &Path, kind: RecordingKind, out: &mut dyn Write) -> Result<bool, Misuse> {
    let versions = versions(args)?;
    let source = heap_trace::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut recordings = Vec::new();
    let mut number = 0;
    let read = each_recording(source, kind, |recording| {
        number += 1;
        if args.recording.is_none_or(|wanted| wanted == number) {
            recordings.push(one(recording, &versions)?);
        }
        Ok(())
    });
    let n_recordings = read.map_err(|failure| match failure {
        Failure::Input { line, what } => Misuse(format!("{}:{line}: {what}", path.display())),
        failure @ Failure::Mismatch { .. } => Misuse(format!("{}: {failure}", path.display())),
    })?;
    if recordings.is_empty() {
        return Err(Misuse(format!("{}: {n_recordings} recordings are in it", path.display())));
    }
    let report = Report { schema: "heaptwin.sweep-pymalloc/1", file: path.display().to_string(), recordings };
    match args.format {
        Format::Text => print(out, &report.to_text())?,
        Format::Json => print(out, &(serde_json::to_string_pretty(&report)? + "\n"))?,
    }
    Ok(true)
}

fn one(recording: &Recording, versions: &[Version]) -> Result<OneRecording, Stop> {
    let settings: Vec<Setting> =
        std::iter::once(Setting::AsRecorded).chain(versions.iter().copied().map(Setting::Version)).collect();
    let title = |setting: &Setting| match setting {
        Setting::AsRecorded => "as recorded".to_owned(),
        Setting::Version(version) => version.to_string(),
    };
    let measured = in_parallel(&settings, title, |&setting| recording.under(setting));
    let rows = settings.iter().zip(measured).map(|(setting, measured)| Ok(Row::new(title(setting), &measured?)));
    Ok(OneRecording {
        recording: recording.name().to_owned(),
        n_calls: recording.n_calls(),
        settings: rows.collect::<Result<_, Stop>>()?,
    })
}

impl Report {
    fn to_text(&self) -> String {
        use std::fmt::Write as _;
        let mut out = String::new();
        for recording in &self.recordings {
            let _ = writeln!(out, "{}: {} calls of CPython {}\n", self.file, recording.n_calls, recording.recording);
            let rows: Vec<Line<'_, Row>> = recording
                .settings
                .iter()
                .map(|row| Line { title: &row.setting, is_whole: true, measured: row })
                .collect();
            out.push_str(&figures(&rows, &COLUMNS));
            out.push('\n');
        }
        out.push_str(
            "made, released, peak: arenas; then the bytes of arenas, the pools in use, and the bytes of\n\
             arenas that nobody asked for: when most was in use, and at the end; * the least of its column.\n\
             Under a version the blocks from before the recording are allocated anew, close together; sizes\n\
             are those recorded\n",
        );
        out
    }
}
