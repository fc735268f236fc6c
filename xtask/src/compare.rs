//! `cargo xtask compare`: one workload, or the whole gallery, or a recorded trace, on all three models.

mod json;
mod text;
mod trace;

use std::io::Write;
use std::process::ExitCode;

use harness::stack_and_heap::{Claim, WORKLOADS, claims};
use harness::table::{BOTTOMLESS, Evidence, Row, keys, table};
use harness::{Examined, Model, ModelRun, Settings, examine, run as run_once};
use workload::diagnostic::nearest;
use workload::{Code, Workload};

use crate::console::{Format, Misuse, assignment, conclude, print, width};
use crate::gallery;
use crate::progress::in_parallel;

/// Run workloads on the three models, and compare.
///
/// Without a name: the whole gallery, the comparison table computed from it, and a line for each workload and model.
/// With the name of a workload of the gallery, or a file (.wl): its lifetimes as a picture, the models side by side.
/// With a recorded heap trace: a real program's allocations on all three.
///
/// Exit code 0: every run as its workload expects; 1: a fault or a result that it does not expect; 2: misuse.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A workload of the gallery, a .wl file, or a recorded heap trace
    target: Option<String>,
    /// A parameter of the workload: `--set n=100000`; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Only these models: c, cpython, jvm
    #[arg(long = "model", value_name = "MODEL", value_delimiter = ',', value_parser = model)]
    models: Vec<Model>,
    /// The evidence for a row of the comparison table
    #[arg(long, value_name = "ROW", conflicts_with_all = ["target", "models"])]
    why: Option<String>,
    /// The seed of `rand` and of the schedule of threads
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
    /// Statements after which a run is ended with the fault `step_limit`
    #[arg(long, value_name = "N", default_value_t = Settings::default().steps_max)]
    max_steps: u64,
    /// How large each heap may grow, with k, m or g; 64m for workloads, 1g for traces by default
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    max_heap: Option<u64>,
    /// How results are written to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Objects in the picture of lifetimes
    #[arg(long, value_name = "N", default_value_t = 24)]
    rows: usize,
    /// List the workloads of the gallery, with their parameters
    #[arg(long, conflicts_with = "target")]
    list: bool,
}

fn model(text: &str) -> Result<Model, String> {
    Model::from_name(text).ok_or_else(|| "expected c, cpython or jvm".to_owned())
}

/// The smallest heap that all three accept, and the largest that the emulated JVM's compressed references reach.
const HEAP_BYTES: std::ops::RangeInclusive<u64> = 4 << 20..=16 << 30;

fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G']);
    let shift = match &text[digits.len()..] {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return Err("expected a number of bytes, as in 64m".to_owned()),
    };
    let count: u64 = digits.parse().map_err(|_| "expected a number of bytes, as in 64m".to_owned())?;
    let bytes = count.saturating_mul(1 << shift);
    if HEAP_BYTES.contains(&bytes) { Ok(bytes) } else { Err("the models' heaps are of 4m to 16g".to_owned()) }
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    conclude(|out| compare(args, out))
}

fn compare(args: &Args, out: &mut dyn Write) -> Result<bool, Misuse> {
    if args.list {
        print(out, &text::list(&gallery::load()?))?;
        return Ok(true);
    }
    match &args.target {
        Some(target) => match gallery::find(target)? {
            gallery::Found::Workload(workload) => one(args, &workload, out),
            gallery::Found::Trace(path) => trace::compare(args, &path, out),
        },
        None => all(args, out),
    }
}

impl Args {
    fn models(&self) -> Vec<Model> {
        Model::ALL.into_iter().filter(|model| self.models.is_empty() || self.models.contains(model)).collect()
    }

    fn settings(&self) -> Settings {
        let default = Settings::default();
        Settings {
            seed: self.seed,
            steps_max: self.max_steps,
            heap_limit_bytes: self.max_heap.unwrap_or(default.heap_limit_bytes),
            ..default
        }
    }

    fn set(&self) -> Vec<(&str, &str)> {
        self.set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// One workload.
fn one(args: &Args, workload: &Workload, out: &mut dyn Write) -> Result<bool, Misuse> {
    let code = workload.compile(&args.set())?;
    let settings = args.settings();
    let examined = in_parallel(&args.models(), |model| model.title(), |&model| examine(&code, model, &settings));
    let report = json::Report { settings, table: Vec::new(), stack_and_heap: Vec::new(), runs: examined };
    write(args, out, &report, |report| text::workload(workload, &code, &report.runs, args.rows, width()))?;
    Ok(report.is_as_expected())
}

/// The gallery.
fn all(args: &Args, out: &mut dyn Write) -> Result<bool, Misuse> {
    if let Some(key) = &args.why {
        known_row(key)?;
    }
    let workloads = gallery::load()?;
    let codes = compile(args, &workloads)?;
    let settings = Settings { keep: lifetimes::Keep::None, ..args.settings() };
    let models = args.models();
    let jobs: Vec<(&Code, Model)> =
        codes.iter().flat_map(|code| models.iter().map(move |&model| (code, model))).collect();
    let runs: Vec<Examined> = in_parallel(
        &jobs,
        |(code, model)| format!("{} on {}", code.name, model.title()),
        |(code, model)| examine(code, *model, &settings),
    );
    let (table, stack_and_heap) = if models.len() == Model::ALL.len() {
        (rows(&workloads, &runs, &settings)?, stack_and_heap(&codes, &settings))
    } else {
        (Vec::new(), Vec::new())
    };
    let report = json::Report { settings, table, stack_and_heap, runs };
    match &args.why {
        Some(key) if args.format == Format::Text => {
            let row = report.table.iter().find(|row| row.key == key).ok_or("the row has no evidence")?;
            print(out, &text::why(row))?;
        }
        _ => write(args, out, &report, |report| text::gallery(report, width()))?,
    }
    Ok(report.is_as_expected())
}

fn known_row(key: &str) -> Result<(), Misuse> {
    if keys().any(|known| known == key) {
        return Ok(());
    }
    let all = keys().collect::<Vec<_>>().join(", ");
    let hint = nearest(key, keys()).map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    Err(Misuse(format!("the table has no row `{key}`: {hint}The rows are {all}")))
}

/// Compiles the gallery. A parameter that is set goes to all workloads that have it; at least one must.
fn compile(args: &Args, workloads: &[Workload]) -> Result<Vec<Code>, Misuse> {
    let has = |workload: &Workload, name: &str| workload.params().iter().any(|param| param.name == name);
    for (name, _) in &args.set {
        if !workloads.iter().any(|workload| has(workload, name)) {
            return Err(Misuse(format!("no workload of the gallery has a parameter `{name}`")));
        }
    }
    let compile = |workload: &Workload| {
        let set: Vec<(&str, &str)> = args.set().into_iter().filter(|(name, _)| has(workload, name)).collect();
        workload.compile(&set).map_err(|error| Misuse(format!("{}: {error}", workload.name())))
    };
    workloads.iter().map(compile).collect()
}

fn rows(workloads: &[Workload], runs: &[Examined], settings: &Settings) -> Result<Vec<Row>, Misuse> {
    let (name, (parameter, value)) = BOTTOMLESS;
    let Some(workload) = workloads.iter().find(|workload| workload.name() == name) else { return Ok(Vec::new()) };
    let code = workload.compile(&[(parameter, value)])?;
    let bottomless: Vec<ModelRun> = in_parallel(
        &Model::ALL,
        |model| format!("the end of the stack on {}", model.title()),
        |&model| run_once(&code, model, settings),
    );
    Ok(table(&Evidence { runs, bottomless: &bottomless }))
}

/// Why the stack is faster, from runs of their own: these keep all lifetimes.
fn stack_and_heap(codes: &[Code], settings: &Settings) -> Vec<Claim> {
    let settings = Settings { keep: lifetimes::Keep::All, ..*settings };
    let [on_stack, on_heap] = WORKLOADS.map(|name| codes.iter().find(|code| code.name == name));
    let (Some(on_stack), Some(on_heap)) = (on_stack, on_heap) else { return Vec::new() };
    let jobs = [(on_stack, Model::C), (on_heap, Model::C), (on_heap, Model::Jvm)];
    let runs = in_parallel(&jobs, |(code, _)| &code.name, |(code, model)| run_once(code, *model, &settings));
    claims(&runs[0], &runs[1], &runs[2])
}

fn write(
    args: &Args,
    out: &mut dyn Write,
    report: &json::Report,
    text: impl FnOnce(&json::Report) -> String,
) -> Result<(), Misuse> {
    match args.format {
        Format::Text => print(out, &text(report)),
        Format::Json => print(out, &report.to_json()),
    }
}
