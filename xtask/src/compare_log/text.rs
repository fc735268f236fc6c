//! The figures of logs for people.

use std::fmt::Write;

use gc_log::{Collection, Comparison, Pauses, Summary};

use super::{Report, Side};
use crate::table::{bytes, lines, lines_table};

/// The whole report.
pub(super) fn report(report: &Report, width: usize) -> String {
    let mut out = String::new();
    let sides: Vec<&Side> = std::iter::once(&report.left).chain(&report.right).collect();
    for (side, name) in sides.iter().zip(["left ", "right"]) {
        let label = if sides.len() > 1 { format!("{name}  ") } else { String::new() };
        let _ = writeln!(out, "{label}{}{}", side.name, virtual_machine(side));
    }
    if sides.len() > 1 {
        out.push('\n');
    }
    out.push_str(&summary(&sides, width));
    if report.right.is_none() {
        return out;
    }
    out.push('\n');
    let mut table = lines_table(&["", "left", "right", ""], width);
    for row in &report.rows {
        table.add_row(beside(row));
    }
    out.push_str(&lines(&table));
    let _ = match report.first_difference {
        None => writeln!(out, "\nNo difference in {} young and full collections.", report.n_compared),
        Some(first) => writeln!(
            out,
            "\nThe first difference is in collection #{first}; {} of {} differ.",
            report.n_different, report.n_compared
        ),
    };
    out
}

fn virtual_machine(side: &Side) -> String {
    let vm = &side.vm;
    let mut parts = Vec::new();
    parts.extend(vm.collector.clone());
    parts.extend(vm.version.as_ref().map(|version| format!("JDK {version}")));
    if let (Some(initial), Some(max)) = (vm.heap_initial_bytes, vm.heap_max_bytes) {
        parts.push(format!("heap {} to {}", bytes(initial), bytes(max)));
    }
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

/// A row a figure, a column a log.
fn summary(sides: &[&Side], width: usize) -> String {
    let columns: &[&str] = if sides.len() == 1 { &["", "", ""] } else { &["", "left", "right", ""] };
    let mut table = lines_table(columns, width);
    let mut row = |name: &str, figure: &dyn Fn(&Side) -> Option<String>| {
        let figures: Vec<Option<String>> = sides.iter().map(|side| figure(side)).collect();
        if figures.iter().any(Option::is_some) {
            let mut cells = vec![name.to_owned()];
            cells.extend(figures.into_iter().map(|figure| figure.unwrap_or_else(|| "-".to_owned())));
            table.add_row(cells);
        }
    };
    row("young collections", &|side| Some(pauses(&side.summary.young)));
    row("full collections", &|side| Some(pauses(&side.summary.full)));
    row("remark and cleanup", &|side| (side.summary.other.n_pauses > 0).then(|| pauses(&side.summary.other)));
    row("concurrent cycles", &|side| {
        (side.summary.n_concurrent_cycles > 0).then(|| side.summary.n_concurrent_cycles.to_string())
    });
    row("of the time in pauses", &|side| in_pauses(&side.summary));
    row("allocated", &|side| Some(bytes(side.summary.allocated_bytes)));
    row("  a second", &|side| a_second(&side.summary, side.summary.allocated_bytes));
    row("promoted", &|side| side.summary.has_generations.then(|| bytes(side.summary.promoted_bytes)));
    row("  a second", &|side| {
        let summary = &side.summary;
        if summary.has_generations { a_second(summary, summary.promoted_bytes) } else { None }
    });
    row("most before a collection", &|side| Some(bytes(side.summary.peak_bytes)));
    row("most after a full one", &|side| side.summary.live_bytes.map(bytes));
    row("most committed", &|side| Some(bytes(side.summary.capacity_bytes)));
    row("failed promotions, evacuations", &|side| {
        (side.summary.n_troubles > 0).then(|| side.summary.n_troubles.to_string())
    });
    row("begun and not ended", &|side| {
        let numbers: Vec<String> = side.unfinished.iter().map(|begun| format!("GC({})", begun.number)).collect();
        (!numbers.is_empty()).then(|| numbers.join(" "))
    });
    let mut causes: Vec<&str> = Vec::new();
    for (cause, _) in sides.iter().flat_map(|side| &side.summary.causes) {
        if !causes.contains(&cause.as_str()) {
            causes.push(cause);
        }
    }
    for cause in causes {
        row(cause, &|side| {
            let known = side.summary.causes.iter().find(|(known, _)| known == cause);
            Some(known.map_or_else(|| "0".to_owned(), |(_, n_times)| n_times.to_string()))
        });
    }
    lines(&table)
}

fn pauses(pauses: &Pauses) -> String {
    match (pauses.n_pauses, pauses.total_ns) {
        (n_pauses, 0) => n_pauses.to_string(),
        (n_pauses, total_ns) => {
            format!("{n_pauses}, {} in all, {} at most", milliseconds(total_ns), milliseconds(pauses.longest_ns))
        }
    }
}

fn milliseconds(ns: u64) -> String {
    format!("{}.{} ms", ns / 1_000_000, ns / 100_000 % 10)
}

fn in_pauses(summary: &Summary) -> Option<String> {
    let span_ns = summary.span_ns.filter(|&ns| ns > 0)?;
    Some(format!("{:.1}%", summary.pauses().total_ns as f64 / span_ns as f64 * 100.0))
}

fn a_second(summary: &Summary, amount: u64) -> Option<String> {
    let span_ns = summary.span_ns.filter(|&ns| ns > 0)?;
    Some(bytes((u128::from(amount) * 1_000_000_000 / u128::from(span_ns)) as u64))
}

/// A row: what both are, the sizes of each, and the first difference. Where they are not the same, each says what it is.
fn beside(row: &Comparison) -> [String; 4] {
    let (name, [left, right]) = match (&row.left, &row.right) {
        (Some(left), Some(right)) if heading(left) == heading(right) => (heading(left), [sizes(left), sizes(right)]),
        (left, right) => {
            let whole = |collection: &Collection| format!("{} {}", heading(collection), sizes(collection));
            (String::new(), [left, right].map(|side| side.as_ref().map_or_else(|| "-".to_owned(), whole)))
        }
    };
    let difference = row.difference.map_or_else(String::new, |difference| format!("≠ {difference}"));
    [format!("#{} {name}", row.place), left, right, difference]
}

/// `Full (System.gc())`.
fn heading(collection: &Collection) -> String {
    let kind = collection.kind.name().trim_start_matches("Pause ");
    collection.cause.as_ref().map_or_else(|| kind.to_owned(), |cause| format!("{kind} ({cause})"))
}

/// `1503K->901K(7936K)`.
fn sizes(collection: &Collection) -> String {
    let Some(heap) = collection.heap_change() else { return String::new() };
    let (unit, shift) = if collection.old().is_some() { ("K", 10) } else { ("M", 20) };
    let capacity = heap.capacity_bytes.map_or_else(String::new, |bytes| format!("({}{unit})", bytes >> shift));
    format!("{}{unit}->{}{unit}{capacity}", heap.before_bytes >> shift, heap.after_bytes >> shift)
}
