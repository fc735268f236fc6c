//! The text of a snapshot: outcome, figures, determinism and a window of the lifetimes of one workload on one model.

use std::fmt::{Display, Write};

use harness::{Examined, Model, ModelRun, Settings, perturbations};
use lifetimes::{Determinism, Group, Summary};
use workload::Code;

use crate::table;

/// Faults that are written out; the rest is counted.
const FAULTS_MAX: usize = 12;

/// Lines of output that are shown.
const OUTPUT_LINES_MAX: usize = 8;

/// The snapshot of a workload on a model.
pub fn text(code: &Code, model: Model, settings: &Settings, examined: &Examined) -> String {
    let mut text = Text::default();
    let params: Vec<String> = code.params.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    text.title(&format!("{} on {}", code.name, model.title()));
    text.row("runtime", runtime(model));
    text.row("params", if params.is_empty() { "none".to_owned() } else { params.join(", ") });
    text.row("seed", settings.seed);
    outcome(&mut text, &examined.run);
    figures(&mut text, examined.run.summary());
    match &examined.determinism {
        Some(found) => determinism(&mut text, found),
        None => text.title("determinism: not measured"),
    }
    table::write(&mut text, &examined.run.lifetimes);
    text.lines
}

/// Lines with a heading each; no line ends in a space.
#[derive(Default)]
pub(crate) struct Text {
    lines: String,
}

impl Text {
    pub(crate) fn line(&mut self, line: &str) {
        let _ = writeln!(self.lines, "{}", line.trim_end());
    }

    pub(crate) fn title(&mut self, title: &str) {
        if !self.lines.is_empty() {
            self.line("");
        }
        self.line(title);
    }

    fn row(&mut self, heading: &str, value: impl Display) {
        self.line(&format!("  {heading:<12}{value}"));
    }
}

/// Which runtime it is, as the harness builds it without a perturbation.
fn runtime(model: Model) -> String {
    let name = match model {
        Model::C => "glibc 2.36".to_owned(),
        Model::CPython => format!("CPython {}", cpython_model::Version::V3_12),
        Model::Jvm => format!("HotSpot {}, Serial", jvm_model::Version::default()),
    };
    format!("{name}, {}", perturbations(model)[0].name)
}

fn outcome(text: &mut Text, run: &ModelRun) {
    text.title(if run.is_as_expected { "outcome: as expected" } else { "outcome: NOT AS EXPECTED" });
    text.row("ticks", run.ticks);
    let lines: Vec<&str> = run.output.lines().collect();
    text.row("output", if lines.is_empty() { "none" } else { lines[0] });
    for line in lines.iter().take(OUTPUT_LINES_MAX).skip(1) {
        text.row("", line);
    }
    if lines.len() > OUTPUT_LINES_MAX {
        text.row("", format!("... {} more lines", lines.len() - OUTPUT_LINES_MAX));
    }
    if run.faults.is_empty() {
        text.row("faults", "none");
    }
    for (index, fault) in run.faults.iter().take(FAULTS_MAX).enumerate() {
        let end = if fault.is_fatal { " [the program ends]" } else { "" };
        text.row(if index == 0 { "faults" } else { "" }, format!("{fault}{end}"));
    }
    let n_faults: u64 = run.summary().faults.iter().map(|count| count.n_faults).sum();
    if n_faults > FAULTS_MAX as u64 {
        text.row("", format!("... {} more", n_faults - FAULTS_MAX as u64));
    }
}

fn figures(text: &mut Text, summary: &Summary) {
    let Summary { n_objects, n_heap_objects, n_automatic_objects, n_static_objects, deaths, drag, reclaimed, .. } =
        summary;
    text.title("figures");
    let places = [("heap", n_heap_objects), ("automatic", n_automatic_objects), ("static", n_static_objects)];
    text.row("objects", format!("{n_objects}: {}", listed(places.map(|(name, n)| (name, *n)))));
    if let Some(fullest) = summary.usage.fullest {
        let usage = fullest.usage;
        text.row(
            "fullest",
            format!("tick {}: {} bytes in {} objects", fullest.tick, usage.used_bytes(), usage.n_objects),
        );
        let (payload, header) = (usage.payload_bytes, usage.header_bytes);
        let used = format!("payload {payload} + header {header} + rounding {}", usage.rounding_bytes);
        let boxed = format!("boxed {} + free {} = heap {}", usage.boxed_bytes, usage.free_bytes, usage.heap_bytes);
        text.row("", format!("{used} + {boxed}"));
    }
    text.row("heap peak", format!("{} bytes", summary.usage.heap_peak_bytes));
    text.row(
        "stack peak",
        format!("{} bytes, {} frames deep, {} calls", summary.stack_peak_bytes, summary.depth_max, summary.n_calls),
    );
    let by = [
        ("free", reclaimed.n_free),
        ("scope", reclaimed.n_scope),
        ("count", reclaimed.n_count),
        ("cycle", reclaimed.n_cycle),
        ("young", reclaimed.n_young),
        ("full", reclaimed.n_full),
        ("exit", reclaimed.n_exit),
        ("nobody", reclaimed.n_nobody),
    ];
    text.row("reclaimed", listed(by));
    let fates = [
        ("at death", deaths.n_at_death),
        ("early", deaths.n_early),
        ("late", deaths.n_late),
        ("never", deaths.n_never),
    ];
    text.row("died", format!("{} before the end: {}; {} cyclic", deaths.n_died, listed(fates), deaths.n_cyclic));
    text.row(
        "drag",
        format!(
            "mean {:.1}, median {}, p90 {}, longest {} ticks; {} byte ticks",
            drag.mean_ticks, drag.median_ticks, drag.p90_ticks, drag.max_ticks, drag.byte_ticks
        ),
    );
    if summary.generations.is_empty() {
        text.row("collections", "none");
    }
    for (index, generation) in summary.generations.iter().enumerate() {
        text.row(
            if index == 0 { "collections" } else { "" },
            format!(
                "generation {}: {}; {} reclaimed, {} moved ({} bytes)",
                generation.generation,
                generation.n_collections,
                generation.n_reclaimed,
                generation.n_moved,
                generation.moved_bytes
            ),
        );
    }
    text.row("moved", format!("{} moves of the workload's objects, {} bytes", summary.n_moves, summary.moved_bytes));
}

/// `free 3, exit 1`: what is not zero; `none` when everything is.
fn listed<const N: usize>(counts: [(&str, u64); N]) -> String {
    let parts: Vec<String> =
        counts.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn determinism(text: &mut Text, found: &Determinism) {
    text.title(&format!("determinism: {}", found.verdict.name()));
    text.row("compared", format!("{} objects; {} incomparable", found.n_compared, found.n_incomparable));
    let counts =
        |group: &Group| format!("{} fixed, {} varying, {} never", group.n_fixed, group.n_varying, group.n_never);
    text.row("acyclic", counts(&found.others));
    text.row("cyclic", counts(&found.cyclic));
    let example = found.others.example.as_ref().or(found.cyclic.example.as_ref());
    let Some(example) = example else {
        text.row("under", found.perturbations.join("; "));
        return;
    };
    text.row("varies", format!("{} is reclaimed at", example.object));
    for (name, tick) in found.perturbations.iter().zip(&example.reclaimed_ticks) {
        text.row("", format!("{:>9}  {name}", tick.map_or("exit".to_owned(), |tick| tick.to_string())));
    }
}
