//! The results for people: tables that fit the terminal, a picture of lifetimes.

use std::fmt::Write;

use comfy_table::presets::{UTF8_FULL, UTF8_FULL_CONDENSED};
use comfy_table::{ContentArrangement, Table};
use harness::picture::{LEGEND, Panel, draw};
use harness::stack_and_heap::{Claim, WORKLOADS};
use harness::table::Row;
use harness::{Examined, ModelRun};
use lifetimes::Summary;
use workload::{Code, Workload};

use super::json::Report;
use crate::table::{bytes, lines, lines_table, share};

/// The workloads of the gallery: names, parameters, the first sentence of their head comments.
pub(super) fn list(workloads: &[Workload]) -> String {
    let mut out = String::new();
    for workload in workloads {
        let params: Vec<String> =
            workload.params().iter().map(|param| format!("{}={}", param.name, param.default)).collect();
        let _ = writeln!(out, "{:<20} {}", workload.name(), params.join(" "));
        for line in workload.head_comment().lines() {
            let _ = writeln!(out, "    {line}");
        }
    }
    out
}

/// The whole gallery: the comparison table, then a line for each workload and model.
pub(super) fn gallery(report: &Report, width: usize) -> String {
    let mut out = String::new();
    if !report.table.is_empty() {
        let _ = writeln!(out, "{}", comparison(&report.table, width));
        let _ =
            writeln!(out, "≠ marks a verdict that is not the textbook's; `--why ROW` shows the evidence for a row.\n");
    }
    if !report.stack_and_heap.is_empty() {
        let _ = writeln!(out, "{}\n", claims(&report.stack_and_heap, width));
    }
    let mut table = lines_table(&COLUMNS, width);
    let mut last = "";
    for examined in &report.runs {
        if examined.run.workload != last {
            last = &examined.run.workload;
            table.add_row([last]);
        }
        table.add_row(figures(examined));
    }
    out.push_str(&lines(&table));
    out.push_str(LINES_LEGEND);
    let unexpected: Vec<&Examined> = report.runs.iter().filter(|examined| !examined.run.is_as_expected).collect();
    let _ = match unexpected.len() {
        0 => writeln!(
            out,
            "\nAll {} runs are as their workloads expect. Seed {}.",
            report.runs.len(),
            report.settings.seed
        ),
        n => writeln!(out, "\n{n} of {} runs are not as their workloads expect:", report.runs.len()),
    };
    for examined in unexpected {
        let _ = writeln!(out, "{} on {}:", examined.run.workload, examined.run.model.title());
        out.push_str(&faults(&examined.run));
    }
    out
}

const LINES_LEGEND: &str = "\nobjects: created by the workload; peak: bytes in use at the fullest moment; over: beyond the payload, at that\n\
moment; free: of the heap, mean over time; at once: reclaimed in the step in which they died; drag: mean\n\
ticks from death to reclamation; collections: by generation, youngest first; fixed: reclaimed at the same\n\
tick under every perturbation, of those that died before the end\n";

const COLUMNS: [&str; 11] =
    ["", "objects", "peak", "over", "free", "at once", "drag", "collections", "moved", "fixed", "faults"];

/// A run in a line.
fn figures(examined: &Examined) -> Vec<String> {
    let summary = examined.run.summary();
    let fixed = examined.determinism.as_ref().map_or_else(
        || "-".to_owned(),
        |found| match (found.n_fixed(), found.n_varying(), found.n_never()) {
            (0, 0, 0) => "-".to_owned(),
            (0, 0, _) => "never".to_owned(),
            (fixed, varying, _) => share(Some(fixed as f64 / (fixed + varying) as f64)),
        },
    );
    let n_moved: u64 = summary.generations.iter().map(|generation| generation.n_moved).sum();
    vec![
        format!("  {}", examined.run.model.name()),
        summary.n_objects.to_string(),
        bytes(summary.usage.fullest.map_or(0, |point| point.usage.used_bytes())),
        format!("{:.0}%", summary.usage.overhead_at_fullest * 100.0),
        share(Some(summary.usage.free_share_mean)),
        share(summary.deaths.at_death_share()),
        drag(summary),
        collections(summary),
        n_moved.to_string(),
        fixed,
        fault_counts(summary),
    ]
}

pub(super) fn drag(summary: &Summary) -> String {
    if summary.deaths.n_died == 0 { "-".to_owned() } else { format!("{:.0}", summary.drag.mean_ticks) }
}

/// How many of each generation.
pub(super) fn collections(summary: &Summary) -> String {
    match summary.generations.as_slice() {
        [] => "-".to_owned(),
        generations => generations.iter().map(|g| g.n_collections.to_string()).collect::<Vec<_>>().join("/"),
    }
}

pub(super) fn fault_counts(summary: &Summary) -> String {
    let count = |fault: &lifetimes::FaultCount| match fault.n_faults {
        1 => fault.kind.name().to_owned(),
        n => format!("{} x{n}", fault.kind.name()),
    };
    summary.faults.iter().map(count).collect::<Vec<_>>().join(", ")
}

/// The comparison table.
fn comparison(rows: &[Row], width: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width as u16)
        .force_no_tty();
    table.set_header(["", "C", "CPython", "JVM"]);
    for row in rows {
        let mut cells = vec![format!("{}\n`{}`, measured on {}", row.title, row.key, row.workload)];
        cells.extend(row.cells.iter().map(|cell| {
            let mark = if cell.agrees { "" } else { " ≠" };
            format!("{}{mark}\n{}", cell.verdict.to_uppercase(), cell.figure)
        }));
        table.add_row(cells);
    }
    table.to_string()
}

/// Why the stack is faster than the heap.
fn claims(claims: &[Claim], width: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width as u16)
        .force_no_tty();
    let [stack, heap] = WORKLOADS;
    table.set_header([
        "why the stack is faster",
        &format!("the stack: {stack} in C"),
        &format!("the heap: {heap} in C"),
    ]);
    table.add_rows(claims.iter().map(|Claim { claim, stack, heap }| [claim, stack.as_str(), heap]));
    table.to_string()
}

/// The evidence for a row.
pub(super) fn why(row: &Row) -> String {
    let mut out = format!("{}\nThe verdict: {}.\nMeasured on {}.\n", row.title, row.rule, row.workload);
    for (cell, model) in row.cells.iter().zip(harness::Model::ALL) {
        let _ = writeln!(out, "\n{}: {}", model.title(), cell.verdict);
        let _ = writeln!(out, "  measured   {}", cell.figure);
        let agrees = if cell.agrees { "and so it is" } else { "which is not what was measured" };
        let _ = writeln!(out, "  textbooks  {}, {agrees}", cell.textbook);
    }
    out.push_str("\n`cargo xtask compare NAME` shows the lifetimes of a workload.\n");
    out
}

/// One workload: what it shows, the figures, the picture, what went wrong, how deterministic it was.
pub(super) fn workload(workload: &Workload, code: &Code, runs: &[Examined], rows: usize, width: usize) -> String {
    let mut out = String::new();
    let params: Vec<String> = code.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let _ = writeln!(
        out,
        "{}\n{}\n",
        [&[workload.name().to_owned()], params.as_slice()].concat().join(" "),
        workload.head_comment()
    );
    out.push_str(&picture_of(runs, rows, width));
    out.push('\n');
    let mut table = lines_table(&COLUMNS, width);
    for examined in runs {
        table.add_row(figures(examined));
    }
    out.push_str(&lines(&table));
    out.push_str(LINES_LEGEND);
    for examined in runs {
        let run = &examined.run;
        let said = faults(run);
        if !said.is_empty() || !run.output.is_empty() {
            let _ = writeln!(out, "\n{}:", run.model.title());
        }
        for line in run.output.lines().take(20) {
            let _ = writeln!(out, "  prints: {line}");
        }
        out.push_str(&said);
    }
    out.push_str(&determinism(runs));
    let _ = writeln!(out, "\n{}", verdict(runs));
    out
}

fn verdict(runs: &[Examined]) -> String {
    let wrong: Vec<&str> = runs.iter().filter(|e| !e.run.is_as_expected).map(|e| e.run.model.title()).collect();
    if wrong.is_empty() {
        "As the workload expects.".to_owned()
    } else {
        format!("Not as the workload expects: {}.", wrong.join(", "))
    }
}

/// The picture of lifetimes with its legend; empty when nothing was created.
pub(super) fn picture_of(runs: &[Examined], rows: usize, width: usize) -> String {
    let panels: Vec<Panel<'_>> = runs
        .iter()
        .map(|examined| Panel {
            model: examined.run.model,
            lifetimes: &examined.run.lifetimes,
            points: &examined.run.summary().usage.points,
            end_ticks: examined.run.ticks + 1,
        })
        .collect();
    let n_kept = panels.iter().map(|panel| panel.lifetimes.len()).max().unwrap_or(0);
    let ticks = panels.iter().map(|panel| panel.end_ticks).max().unwrap_or(0);
    if n_kept == 0 {
        return format!("It creates no objects. {ticks} ticks.\n");
    }
    let n_objects = runs.iter().map(|examined| examined.run.summary().n_objects).max().unwrap_or(0);
    let shown = rows.min(n_kept);
    let of = match (shown as u64 == n_objects, n_kept as u64 == n_objects) {
        (true, _) => format!("{n_objects} objects"),
        (false, true) => format!("{shown} of {n_objects} objects"),
        // Not all lifetimes of a long run are kept.
        (false, false) => format!("{shown} of the first {n_kept} objects of {n_objects}"),
    };
    format!("{}\n{of}, {ticks} ticks from left to right\n{LEGEND}\n", draw(&panels, rows, width))
}

const FAULTS_SHOWN: usize = 5;

pub(super) fn faults(run: &ModelRun) -> String {
    let mut out = String::new();
    for fault in run.faults.iter().take(FAULTS_SHOWN) {
        let end = if fault.is_fatal { " (the program ends)" } else { "" };
        let _ = writeln!(out, "  {fault}{end}");
    }
    let n_faults: u64 = run.summary().faults.iter().map(|count| count.n_faults).sum();
    if n_faults > FAULTS_SHOWN as u64 {
        let _ = writeln!(out, "  and {} more", n_faults - FAULTS_SHOWN as u64);
    }
    if run.faults.is_empty() && !run.is_as_expected {
        out.push_str("  a fault that the workload expects did not happen\n");
    }
    out
}

fn determinism(runs: &[Examined]) -> String {
    let mut out = String::new();
    for examined in runs {
        let Some(found) = &examined.determinism else { continue };
        let _ = writeln!(
            out,
            "\n{}, determinism of reclamation: {}. {} fixed, {} varying, {} never reclaimed before the exit.",
            examined.run.model.title(),
            found.verdict.name(),
            found.n_fixed(),
            found.n_varying(),
            found.n_never()
        );
        if let Some(example) = found.others.example.as_ref().or(found.cyclic.example.as_ref()) {
            let _ = writeln!(out, "  {} is reclaimed", example.object);
            for (perturbation, tick) in found.perturbations.iter().zip(&example.reclaimed_ticks) {
                let when = tick.map_or_else(|| "at the exit".to_owned(), |tick| format!("at tick {tick}"));
                let _ = writeln!(out, "    {when:<18} {perturbation}");
            }
        }
    }
    out
}
