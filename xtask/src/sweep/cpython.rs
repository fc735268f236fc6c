//! A workload on CPython under other versions and thresholds of the collector.

use std::fmt::Write as _;
use std::io::Write;

use cpython_model::Version;
use harness::Settings;
use harness::what_if::{CPythonRun, CPythonSetting, run_cpython};
use lifetimes::Keep;
use serde::Serialize;
use workload::diagnostic::nearest;
use workload::{Code, Workload};

use super::{Args, Column, Line, combinations, figures};
use crate::console::{Format, Misuse, print};
use crate::progress::in_parallel;

/// What is tried when nothing is said.
const GRID: [(&str, &[&str]); 6] = [
    ("threshold0", &["100", "2000", "10000", "50000"]),
    ("threshold1", &["2", "50"]),
    ("threshold2", &["2", "50"]),
    ("gc", &["off"]),
    ("version", &["3.11", "3.13"]),
    ("threshold", &["2000:5:5"]),
];

/// What can be set beside the workload's parameters.
const NAMES: [&str; 6] = ["version", "gc", "threshold", "threshold0", "threshold1", "threshold2"];

/// A setting to try: an interpreter, and parameters of the workload.
#[derive(Default)]
struct Try {
    title: String,
    cpython: CPythonSetting,
    params: Vec<(String, String)>,
}

impl Try {
    fn new(setting: &[(String, String)], workload: &Workload) -> Result<Try, Misuse> {
        let mut attempt = Try::default();
        for (name, value) in setting {
            attempt.set(name, value, workload)?;
        }
        attempt.title = setting.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
        Ok(attempt)
    }

    fn set(&mut self, name: &str, value: &str, workload: &Workload) -> Result<(), Misuse> {
        let wrong = |expected: &str| Misuse(format!("{name}={value}: expected {expected}"));
        let number = |text: &str| text.parse::<u32>().ok();
        let thresholds = &mut self.cpython.thresholds;
        match name {
            "version" => {
                let version: Version = value.parse()?;
                if version < Version::V3_11 {
                    return Err(wrong("3.11, 3.12 or 3.13: of earlier versions only the allocator is modelled"));
                }
                self.cpython.version = version;
            }
            "gc" => {
                self.cpython.is_gc_enabled = match value {
                    "on" => true,
                    "off" => false,
                    _ => return Err(wrong("on or off")),
                }
            }
            "threshold" => {
                let triple: Option<Vec<u32>> = value.split(':').map(number).collect();
                let triple: [u32; 3] = triple
                    .and_then(|triple| triple.try_into().ok())
                    .ok_or_else(|| wrong("three numbers, as in 700:10:10"))?;
                *thresholds = triple.map(Some);
            }
            "threshold0" | "threshold1" | "threshold2" => {
                let generation = usize::from(name.as_bytes()[name.len() - 1] - b'0');
                thresholds[generation] = Some(number(value).ok_or_else(|| wrong("a number of at most 32 bits"))?);
            }
            _ if workload.params().iter().any(|param| param.name == name) => {
                self.params.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                let params = workload.params();
                let known: Vec<&str> =
                    NAMES.into_iter().chain(params.iter().map(|param| param.name.as_str())).collect();
                let hint = nearest(name, known.iter().copied())
                    .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
                let known = known.join(", ");
                return Err(Misuse(format!("`{name}` cannot be set: {hint}Known are {known}")));
            }
        }
        Ok(())
    }

    fn code(&self, workload: &Workload) -> Result<Code, Misuse> {
        let params: Vec<(&str, &str)> = self.params.iter().map(|(name, value)| (&**name, &**value)).collect();
        Ok(workload.compile(&params)?)
    }
}

/// The settings to try, the one of `compare` first.
fn tries(args: &Args, workload: &Workload) -> Result<Vec<Try>, Misuse> {
    let mut tries = vec![Try { title: "as is".to_owned(), ..Try::default() }];
    let settings = if args.set.is_empty() {
        let one_at_a_time = GRID.iter().flat_map(|&(name, values)| values.iter().map(move |&value| (name, value)));
        one_at_a_time.map(|(name, value)| vec![(name.to_owned(), value.to_owned())]).collect()
    } else {
        combinations(&args.set)?
    };
    for setting in &settings {
        tries.push(Try::new(setting, workload)?);
    }
    Ok(tries)
}

/// All of it.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    workload: String,
    model: &'static str,
    seed: u64,
    settings: Vec<Row>,
}

/// A setting and what came of it.
#[derive(Serialize)]
struct Row {
    setting: String,
    version: &'static str,
    thresholds: [u32; 3],
    is_gc_enabled: bool,
    params: Vec<(String, String)>,
    ticks: u64,
    /// By generation, as in `gc.get_stats()`.
    n_collections: [u64; 3],
    n_visited: [u64; 3],
    n_collected: [u64; 3],
    heap_peak_bytes: u64,
    used_peak_bytes: u64,
    n_arenas_max: u64,
    n_arenas_made: u64,
    n_cyclic: u64,
    cyclic_drag_mean_ticks: f64,
    cyclic_drag_max_ticks: u64,
    /// The first fault, if the workload did not end as it should.
    stopped_by: Option<String>,
}

impl Row {
    fn new(attempt: &Try, run: &CPythonRun) -> Row {
        let summary = run.run.summary();
        let fault = || run.run.faults.first().map_or_else(|| "not as expected".to_owned(), ToString::to_string);
        Row {
            setting: attempt.title.clone(),
            version: attempt.cpython.version.name(),
            thresholds: attempt.cpython.thresholds_in_force(),
            is_gc_enabled: attempt.cpython.is_gc_enabled,
            params: attempt.params.clone(),
            ticks: run.run.ticks,
            n_collections: run.gc_stats.map(|stats| stats.n_collections),
            n_visited: run.n_visited,
            n_collected: run.gc_stats.map(|stats| stats.n_collected),
            heap_peak_bytes: summary.usage.heap_peak_bytes,
            used_peak_bytes: summary.usage.fullest.map_or(0, |fullest| fullest.usage.used_bytes()),
            n_arenas_max: run.pymalloc.n_arenas_highwater,
            n_arenas_made: run.pymalloc.n_arenas_made,
            n_cyclic: summary.deaths.n_cyclic,
            cyclic_drag_mean_ticks: summary.drag.cyclic_mean_ticks,
            cyclic_drag_max_ticks: summary.drag.cyclic_max_ticks,
            stopped_by: (!run.run.is_as_expected).then(fault),
        }
    }
}

const COLUMNS: [Column<Row>; 10] = [
    Column::count("gen0", |row| row.n_collections[0]),
    Column::count("gen1", |row| row.n_collections[1]),
    Column::count("gen2", |row| row.n_collections[2]),
    Column::count("visited", |row| row.n_visited.iter().sum()),
    Column::count("collected", |row| row.n_collected.iter().sum()),
    Column::bytes("used", |row| row.used_peak_bytes),
    Column::bytes("heap", |row| row.heap_peak_bytes),
    Column::count("arenas", |row| row.n_arenas_max),
    Column::count("drag", |row| row.cyclic_drag_mean_ticks.round() as u64),
    Column::count("longest", |row| row.cyclic_drag_max_ticks),
];

/// Sweeps a workload.
pub(super) fn sweep(args: &Args, workload: &Workload, out: &mut dyn Write) -> Result<bool, Misuse> {
    let settings = Settings { seed: args.seed, steps_max: args.max_steps, keep: Keep::None, ..Settings::default() };
    let tries = tries(args, workload)?;
    let jobs = tries
        .iter()
        .map(|attempt| Ok((attempt, attempt.code(workload)?)))
        .collect::<Result<Vec<(&Try, Code)>, Misuse>>()?;
    let rows = in_parallel(
        &jobs,
        |(attempt, _)| attempt.title.clone(),
        |(attempt, code)| Row::new(attempt, &run_cpython(code, &attempt.cpython, &settings)),
    );
    let report = Report {
        schema: "heaptwin.sweep-cpython/1",
        workload: workload.name().to_owned(),
        model: "cpython",
        seed: args.seed,
        settings: rows,
    };
    match args.format {
        Format::Text => print(out, &report.to_text())?,
        Format::Json => print(out, &(serde_json::to_string_pretty(&report)? + "\n"))?,
    }
    Ok(report.settings.iter().all(|row| row.stopped_by.is_none()))
}

impl Report {
    fn to_text(&self) -> String {
        let first = &self.settings[0];
        let mut out = format!(
            "{}: {} steps on CPython {}, thresholds {:?}, and under {} other settings\n\n",
            self.workload,
            first.ticks,
            first.version,
            first.thresholds,
            self.settings.len() - 1
        );
        let rows: Vec<Line<'_, Row>> = self
            .settings
            .iter()
            .map(|row| Line { title: &row.setting, is_whole: row.stopped_by.is_none(), measured: row })
            .collect();
        out.push_str(&figures(&rows, &COLUMNS));
        for row in &self.settings {
            if let Some(reason) = &row.stopped_by {
                let _ = writeln!(out, "{}: {reason}", row.setting);
            }
        }
        out.push_str(
            "\ngen0 to gen2: collections of each generation; visited: objects they looked at; collected: as\n\
             gc.get_stats() has it; used, heap: the most bytes in use and taken from the system; arenas: the\n\
             most at once; drag, longest: steps from death to reclamation of members of cycles, mean and\n\
             most; * the least of its column\n",
        );
        out
    }
}
