//! A recorded heap trace on all three models.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::sync::Once;
use std::thread;
use std::time::Duration;

use harness::Model;
use harness::picture::{Panel, draw};
use harness::replay::{self, Contents, Options, Replayed};
use heap_trace::{Reader, TraceError};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::{Args, text};
use crate::console::{Format, Misuse, print, width};
use crate::table;

/// The version of the JSON document.
const SCHEMA: &str = "heaptwin.compare-trace/1";

pub(super) fn compare(args: &Args, path: &Path, out: &mut dyn Write) -> Result<bool, Misuse> {
    if !args.set.is_empty() {
        return Err(Misuse(format!("{}: a recorded trace has no parameters to `--set`", path.display())));
    }
    let default = Options::default();
    let options = Options { heap_limit_bytes: args.max_heap.unwrap_or(default.heap_limit_bytes), ..default };
    let open = || Reader::open(path);
    let progress = Progress::new();
    let trace = open()?;
    let (format, has_addresses, losses) = (trace.format(), trace.has_addresses(), trace.losses());
    for loss in losses {
        eprintln!("{}: {loss}", path.display());
    }
    let contents = replay::contents(trace, |n_events| progress.read(n_events))?;
    let models = args.models();
    progress.begin(contents.n_events * models.len() as u64);
    let run = &|model: Model| {
        let mut n_done = 0;
        replay::replay(open, model, &options, |n_events| {
            progress.advance(n_events.saturating_sub(n_done));
            n_done = n_events;
        })
    };
    let runs: Vec<Result<Replayed, TraceError>> = thread::scope(|scope| {
        let threads: Vec<_> = models.iter().map(|&model| scope.spawn(move || run(model))).collect();
        threads.into_iter().map(|thread| thread.join().expect("its panic has been told")).collect()
    });
    progress.end();
    let report = Report {
        schema: SCHEMA,
        trace: Trace { file: path.display().to_string(), format: format.name(), has_addresses, losses, contents },
        heap_limit_bytes: options.heap_limit_bytes,
        jvm_flags: replay::jvm_flags(options.heap_limit_bytes),
        runs: runs.into_iter().collect::<Result<_, _>>()?,
    };
    let written = match args.format {
        Format::Text => report.to_text(width()),
        Format::Json => report.to_json(),
    };
    print(out, &written)?;
    Ok(report.runs.iter().all(|replayed| replayed.run.is_as_expected))
}

/// Everything that the runs of a trace showed.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    trace: Trace,
    heap_limit_bytes: u64,
    jvm_flags: String,
    runs: Vec<Replayed>,
}

#[derive(Serialize)]
struct Trace {
    file: String,
    format: &'static str,
    has_addresses: bool,
    losses: &'static [&'static str],
    #[serde(flatten)]
    contents: Contents,
}

const COLUMNS: [&str; 11] =
    ["", "objects", "peak", "over", "heap", "free", "at once", "drag", "collections", "moved", "faults"];

const LEGEND: &str = "\nobjects: blocks handed out; peak: bytes in use at the fullest moment; over: beyond what the program asked\n\
for, at that moment; heap: the most taken from the operating system; free: of the heap, mean over time;\n\
at once: reclaimed at the event in which the program let them go; drag: mean events from there to\n\
reclamation; collections: by generation, youngest first; moved: bytes of these objects\n";

impl Report {
    fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("maps in it have texts as keys");
        text.push('\n');
        text
    }

    fn to_text(&self, width: usize) -> String {
        let mut out = String::new();
        self.head(&mut out);
        let mut rows = table::lines_table(&COLUMNS, width);
        for replayed in &self.runs {
            rows.add_row(figures(replayed));
        }
        let _ = write!(out, "\n{}{LEGEND}", table::lines(&rows));
        let panels: Vec<Panel<'_>> = self.runs.iter().map(panel).collect();
        let _ = write!(out, "\n{}", draw(&panels, 0, width));
        for replayed in &self.runs {
            let run = &replayed.run;
            if run.faults.is_empty() {
                continue;
            }
            let n_events = self.trace.contents.n_events;
            let _ = match run.ticks {
                n if n < n_events => writeln!(out, "\n{}, which ends at event {n} of {n_events}:", run.model.title()),
                _ => writeln!(out, "\n{}:", run.model.title()),
            };
            out.push_str(&text::faults(run));
        }
        out
    }

    /// What the trace is, and how each model takes it.
    fn head(&self, out: &mut String) {
        let Trace { file, contents, format, has_addresses, losses: _ } = &self.trace;
        let &Contents { n_events, n_threads, n_blocks, n_refused, n_skipped, n_stray, n_left, left_bytes } = contents;
        let _ = writeln!(out, "{file}: {format}, {} of {}", count(n_events, "event"), count(n_threads, "thread"));
        let left = table::bytes(left_bytes);
        let _ = writeln!(out, "{} handed out; {n_left} ({left}) still live at the end", count(n_blocks, "block"));
        if n_refused > 0 {
            let _ = writeln!(out, "{} got no block, and make no object", count(n_refused, "request"));
        }
        if n_skipped > 0 {
            let _ = writeln!(
                out,
                "{} passed over: they have to do with an address that nobody knows",
                count(n_skipped, "event")
            );
        }
        if n_stray > 0 {
            let what = if *has_addresses { "a fault in C, nothing in the others" } else { "passed over" };
            let _ = writeln!(out, "{} of what is no block in the trace: {what}", count(n_stray, "free"));
        }
        for Replayed { run, difference } in &self.runs {
            let _ = match (run.model, difference) {
                (Model::C, None) if !has_addresses => {
                    writeln!(out, "c: the calls of the log, at addresses of the model's own")
                }
                (Model::C, None) => writeln!(out, "c: the recorded calls; every result is the recorded address"),
                (Model::C, Some(difference)) => {
                    let how = "the results are not those recorded, so the figures are of addresses of its own";
                    writeln!(out, "c: {how}; the first difference is in {difference}")
                }
                (Model::CPython, _) => writeln!(out, "cpython: bytes objects on one thread, CPython 3.12"),
                (Model::Jvm, _) => writeln!(out, "jvm: byte arrays on one thread, {}", self.jvm_flags),
            };
        }
    }
}

fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A run in a line.
fn figures(replayed: &Replayed) -> Vec<String> {
    let summary = replayed.run.summary();
    vec![
        replayed.run.model.name().to_owned(),
        summary.n_objects.to_string(),
        table::bytes(summary.usage.fullest.map_or(0, |point| point.usage.used_bytes())),
        format!("{:.0}%", summary.usage.overhead_at_fullest * 100.0),
        table::bytes(summary.usage.heap_peak_bytes),
        table::share(Some(summary.usage.free_share_mean)),
        table::share(summary.deaths.at_death_share()),
        text::drag(summary),
        text::collections(summary),
        table::bytes(summary.moved_bytes),
        text::fault_counts(summary),
    ]
}

/// The heap over time; of lifetimes there are too many to draw.
fn panel(replayed: &Replayed) -> Panel<'_> {
    let run = &replayed.run;
    Panel { model: run.model, lifetimes: &[], points: &run.summary().usage.points, end_ticks: run.ticks + 1 }
}

/// How far it is, on stderr, when it takes longer than half a second.
struct Progress {
    bar: ProgressBar,
    shown: Once,
}

impl Progress {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("reading the trace: {pos} events");
        Progress { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())), shown: Once::new() }
    }

    fn read(&self, n_events: u64) {
        self.show_when_due();
        self.bar.set_position(n_events);
    }

    /// The trace is known; the models run, for so many events together.
    fn begin(&self, n_events: u64) {
        let style = ProgressStyle::with_template("{bar:20} {pos}/{len} events, {eta} left");
        self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.bar.set_length(n_events);
        self.bar.set_position(0);
    }

    fn advance(&self, n_events: u64) {
        self.show_when_due();
        self.bar.inc(n_events);
    }

    fn show_when_due(&self) {
        if self.bar.elapsed() > Duration::from_millis(500) {
            self.shown.call_once(|| self.bar.set_draw_target(ProgressDrawTarget::stderr()));
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
