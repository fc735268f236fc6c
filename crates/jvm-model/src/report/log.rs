//! The text of a unified GC log, line by line as HotSpot writes it for Serial.
//!
//! Mirrors `genCollectedHeap.cpp:do_collection`, `gcTraceTime.cpp`, `gcInitLogger.cpp`, `ageTable.cpp` and
//! `logFileStreamOutput.cpp` of JDK 17; `serialHeap.cpp` of JDK 25.
//!
//! Differs: uptimes are the workload's clock, which stands still while there is a collection: every duration is 0. Left
//! out are metaspace, since no class metadata is modelled, `gc+tlab`, `gc+ref`, `gc+phases+ref`, `gc+jni`, and the line
//! for each object of a failed promotion (`gc+promotion=debug`).

use std::fmt::Write as _;

use memory_trait::Collection;

use super::selection::{Decorator, Level, LogConfig};
use super::shape::{self, Shape};
use crate::heap::{CollectionReport, Spaces};
use crate::params::{Flags, G, K, M};
use crate::sizing::{Placement, Sizing};
use crate::version::Version;

/// Processors of the emulated machine: one thread runs at a time.
const N_PROCESSORS: u32 = 1;

/// `byte_size_in_exact_unit`: the largest unit without a remainder.
fn exact_size(bytes: u64) -> String {
    let unit =
        [(G, "G"), (M, "M"), (K, "K")].into_iter().find(|&(unit, _)| bytes >= unit && bytes.is_multiple_of(unit));
    unit.map_or_else(|| format!("{bytes}B"), |(unit, name)| format!("{}{name}", bytes / unit))
}

/// `byte_size_in_proper_unit`: three digits at least.
fn proper_size(bytes: u64) -> String {
    let unit = [(G, "G"), (M, "M"), (K, "K")].into_iter().find(|&(unit, _)| bytes >= 100 * unit);
    unit.map_or_else(|| format!("{bytes}B"), |(unit, name)| format!("{}{name}", bytes / unit))
}

/// What the rules were held against, as the VM writes it.
fn release(version: Version) -> &'static str {
    match version {
        Version::V17 => "17.0.15+6",
        Version::V21 => "21.0.8+9",
        Version::V25 => "25.0.3+9",
    }
}

/// A part of a full collection, and the parts that it has in turn.
struct Phase {
    level: Level,
    name: &'static str,
    parts: &'static [Phase],
}

const fn part(name: &'static str, parts: &'static [Phase]) -> Phase {
    Phase { level: Level::Debug, name, parts }
}

const fn phase(name: &'static str, parts: &'static [Phase]) -> Phase {
    Phase { level: Level::Info, name, parts }
}

const UNLOADING_17: [Phase; 2] = [part("ClassLoaderData", &[]), part("Trigger cleanups", &[])];
const UNLOADING_21: [Phase; 5] = [
    part("ClassLoaderData", &[]),
    part("Trigger cleanups", &[]),
    part("Purge Unlinked NMethods", &[]),
    part("Unregister NMethods", &[]),
    part("Free Code Blobs", &[]),
];
const MARK_17: [Phase; 4] = [
    part("Reference Processing", &[]),
    part("Weak Processing", &[]),
    part("Class Unloading", &UNLOADING_17),
    part("Report Object Count", &[]),
];
const MARK_21: [Phase; 4] = [
    part("Reference Processing", &[]),
    part("Weak Processing", &[]),
    part("Class Unloading", &UNLOADING_21),
    part("Report Object Count", &[]),
];
const COMPUTE: Phase = phase("Phase 2: Compute new object addresses", &[]);
const ADJUST: Phase = phase("Phase 3: Adjust pointers", &[]);
const MOVE: Phase = phase("Phase 4: Move objects", &[]);
const FULL_17: [Phase; 4] = [phase("Phase 1: Mark live objects", &MARK_17), COMPUTE, ADJUST, MOVE];
const FULL_21: [Phase; 4] = [phase("Phase 1: Mark live objects", &MARK_21), COMPUTE, ADJUST, MOVE];

/// The lines so far, and how wide their decorations have become.
#[derive(Clone, Debug)]
struct Writer {
    config: LogConfig,
    /// The lines, each with its end.
    text: String,
    /// By decorator: the longest so far, to which all later ones are filled up.
    widths: [usize; 5],
}

impl Writer {
    /// A line of HotSpot's that is not written here; the column of tags is as wide as if it were.
    fn leave_out(&mut self, level: Level, tags: &[&str]) {
        if self.config.takes(level, tags) {
            let width = &mut self.widths[Decorator::Tags as usize];
            *width = tags.join(",").len().max(*width);
        }
    }

    /// Writes a line, if it is wanted. `number`: of the collection that it is about.
    fn line(&mut self, at_ns: u64, level: Level, tags: &[&str], number: Option<u64>, message: &str) {
        if !self.config.takes(level, tags) {
            return;
        }
        for &decorator in &self.config.decorators {
            let decoration = match decorator {
                Decorator::Uptime => format!("{}.{:03}s", at_ns / 1_000_000_000, at_ns / 1_000_000 % 1000),
                Decorator::UptimeMillis => format!("{}ms", at_ns / 1_000_000),
                Decorator::UptimeNanos => format!("{at_ns}ns"),
                Decorator::Level => level.name().to_owned(),
                Decorator::Tags => tags.join(","),
            };
            let width = &mut self.widths[decorator as usize];
            *width = decoration.len().max(*width);
            write!(self.text, "[{decoration:<width$}]").expect("a string grows");
        }
        if !self.config.decorators.is_empty() {
            self.text.push(' ');
        }
        if let Some(number) = number {
            write!(self.text, "GC({number}) ").expect("a string grows");
        }
        self.text.push_str(message);
        self.text.push('\n');
    }
}

/// A GC log that is being written.
///
/// ```
/// use jvm_model::Jvm;
/// use memory_trait::Machine;
/// let builder = Jvm::builder().flags("-Xms8m -Xmx16m").gc_log("gc".parse()?);
/// let mut jvm = builder.build()?;
/// jvm.collect()?;
/// assert_eq!(
///     jvm.gc_log(),
///     "[0.000s][info][gc] Using Serial\n\
///      [0.000s][info][gc] GC(0) Pause Full (System.gc()) 0M->0M(7M) 0.000ms\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct GcLog {
    writer: Writer,
    shape: Shape,
    max_threshold: u64,
    /// The spaces before the young collection that a full one follows.
    before_young: Option<Spaces>,
    /// Collections as the heap counts them: a full one that follows a young one is of the same.
    n_invocations: u64,
    n_young: u64,
    n_full: u64,
    has_ended: bool,
}

impl GcLog {
    /// A log with the lines that a VM of these flags begins with.
    pub fn new(config: LogConfig, flags: &Flags, sizing: &Sizing) -> Self {
        let boundary = (sizing.young.max / crate::params::WORD_BYTES) as usize;
        let end = boundary + (sizing.old.max / crate::params::WORD_BYTES) as usize;
        let shape = Shape { version: flags.version, base: sizing.placement.base, boundary, end };
        let mut log = GcLog {
            writer: Writer { config, text: String::new(), widths: [0; 5] },
            shape,
            max_threshold: flags.max_tenuring_threshold,
            before_young: None,
            n_invocations: 0,
            n_young: 0,
            n_full: 0,
            has_ended: false,
        };
        log.begin(flags, sizing);
        log
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        &self.writer.text
    }

    /// The text since this was last asked, which a long run need not keep.
    pub fn take_text(&mut self) -> String {
        std::mem::take(&mut self.writer.text)
    }

    fn begin(&mut self, flags: &Flags, sizing: &Sizing) {
        let Sizing { heap, placement, .. } = *sizing;
        let version = flags.version;
        let mut line = |level, tags: &[&str], message: &str| self.writer.line(0, level, tags, None, message);
        if version >= Version::V21 {
            line(Level::Info, &["gc", "init"], "CardTable entry size: 512");
        }
        let sizes = [heap.min, heap.initial, heap.max];
        let [min, initial, max] = sizes;
        let bounds = format!("Minimum heap {min}  Initial heap {initial}  Maximum heap {max}");
        line(Level::Debug, &["gc", "heap"], &bounds);
        line(Level::Info, &["gc"], "Using Serial");
        line(Level::Debug, &["gc", "heap", "coops"], &coops(&placement, max));
        let [min, initial, max] = sizes.map(exact_size);
        for message in [
            format!("Version: {} (release)", release(version)),
            format!("CPUs: {N_PROCESSORS} total, {N_PROCESSORS} available"),
            format!("Memory: {}", proper_size(flags.physical_bytes)),
            "Large Page Support: Disabled".to_owned(),
            "NUMA Support: Disabled".to_owned(),
            format!("Compressed Oops: Enabled ({})", placement.mode.name()),
            format!("Heap Min Capacity: {min}"),
            format!("Heap Initial Capacity: {initial}"),
            format!("Heap Max Capacity: {max}"),
            "Pre-touch: Disabled".to_owned(),
        ] {
            line(Level::Info, &["gc", "init"], &message);
        }
        self.writer.leave_out(Level::Info, &["gc", "metaspace"]);
    }

    /// Writes what is said of a collection.
    ///
    /// - `at_ns`: the clock when it was.
    pub fn note(&mut self, at_ns: u64, collection: Collection, report: &CollectionReport) {
        let CollectionReport { number, before, after, .. } = report;
        let is_25 = self.shape.version >= Version::V25;
        let title = format!("Pause {} ({})", if collection.is_full { "Full" } else { "Young" }, collection.cause);
        let follows = self.before_young.take();
        self.line(at_ns, Level::Info, &["gc", "start"], *number, &title);
        self.heap(at_ns, *number, if is_25 { "Before" } else { "before" }, before);
        if follows.is_none() {
            self.n_invocations += 1;
        }
        if collection.is_full {
            self.n_full += 1;
            let phases = if is_25 || self.shape.version == Version::V21 { &FULL_21 } else { &FULL_17 };
            self.phases(at_ns, *number, phases);
        } else {
            self.n_young += 1;
            self.young(at_ns, report);
        }
        let generation = |spaces: &Spaces| shape::bytes(spaces.from.end.max(spaces.to.end) - spaces.eden.bottom);
        if generation(before) != generation(after) {
            let [from, to] = [before, after].map(|spaces| generation(spaces) / K);
            let [eden, survivor] = [after.eden, after.from].map(|space| shape::bytes(space.capacity_words()) / K);
            let message = format!("New generation size {from}K->{to}K [eden={eden}K,survivor={survivor}K]");
            self.line(at_ns, Level::Debug, &["gc", "ergo", "heap"], *number, &message);
        }
        if report.leads_to_full {
            self.before_young = Some(*before);
        } else {
            // A full collection that follows a young one compares with what was before both.
            for message in shape::change_lines(&follows.unwrap_or(*before), after) {
                self.line(at_ns, Level::Info, &["gc", "heap"], *number, &message);
            }
        }
        self.heap(at_ns, *number, if is_25 { "After" } else { "after" }, after);
        let mut message = format!("{title} {}", shape::pause_change(before, after));
        if self.writer.config.has_times {
            message.push_str(" 0.000ms");
        }
        self.line(at_ns, Level::Info, &["gc"], *number, &message);
        if self.writer.config.has_times {
            self.line(at_ns, Level::Info, &["gc", "cpu"], *number, "User=0.00s Sys=0.00s Real=0.00s");
        }
    }

    /// Writes what is said when the VM exits, once.
    pub fn end(&mut self, at_ns: u64, spaces: &Spaces) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let is_25 = self.shape.version >= Version::V25;
        let tags: &[&str] = if is_25 { &["gc", "exit"] } else { &["gc", "heap", "exit"] };
        self.writer.line(at_ns, Level::Info, tags, None, "Heap");
        for message in self.shape.lines(spaces) {
            self.writer.line(at_ns, Level::Info, tags, None, &message);
        }
        if self.writer.config.has_times && !is_25 {
            for (name, n) in [("young", self.n_young), ("old", self.n_full)] {
                let message =
                    format!("Accumulated {name} generation GC time 0.0000000 secs, {n} GC's, avg GC time 0.0000000");
                self.writer.line(at_ns, Level::Debug, tags, None, &message);
            }
        }
    }

    fn line(&mut self, at_ns: u64, level: Level, tags: &[&str], number: u64, message: &str) {
        self.writer.line(at_ns, level, tags, Some(number), message);
    }

    fn heap(&mut self, at_ns: u64, number: u64, when: &str, spaces: &Spaces) {
        if !self.writer.config.takes(Level::Debug, &["gc", "heap"]) {
            return;
        }
        let (n, n_full) = (self.n_invocations, self.n_full);
        let title = format!("Heap {when} GC invocations={n} (full {n_full}):");
        for message in std::iter::once(title).chain(self.shape.lines(spaces)) {
            self.line(at_ns, Level::Debug, &["gc", "heap"], number, &message);
        }
    }

    fn phases(&mut self, at_ns: u64, number: u64, phases: &[Phase]) {
        for Phase { level, name, parts } in phases {
            self.line(at_ns, *level, &["gc", "phases", "start"], number, name);
            self.phases(at_ns, number, parts);
            let time = if self.writer.config.has_times { " 0.000ms" } else { "" };
            self.line(at_ns, *level, &["gc", "phases"], number, &format!("{name}{time}"));
        }
    }

    /// The age table, or why there is none.
    fn young(&mut self, at_ns: u64, report: &CollectionReport) {
        let number = report.number;
        if report.has_promotion_failed {
            self.line(at_ns, Level::Info, &["gc", "promotion"], number, "Promotion failed");
        }
        if report.has_promotion_failed || report.was_skipped {
            return;
        }
        let (threshold, max) = (report.tenuring_threshold, self.max_threshold);
        let desired = report.desired_survivor_bytes;
        let message = format!("Desired survivor size {desired} bytes, new threshold {threshold} (max threshold {max})");
        self.line(at_ns, Level::Debug, &["gc", "age"], number, &message);
        let title = if self.shape.version >= Version::V25 {
            "Age table:".to_owned()
        } else {
            format!("Age table with threshold {threshold} (max threshold {max})")
        };
        self.line(at_ns, Level::Trace, &["gc", "age"], number, &title);
        let mut total = 0;
        for (age, &bytes) in report.age_bytes.iter().enumerate().skip(1).filter(|&(_, &bytes)| bytes > 0) {
            total += bytes;
            let message = format!("- age {age:>3}: {bytes:>10} bytes, {total:>10} total");
            self.line(at_ns, Level::Trace, &["gc", "age"], number, &message);
        }
    }
}

/// `CompressedOops::print_mode`.
fn coops(placement: &Placement, heap_bytes: u64) -> String {
    let Placement { base, mode, shift, oop_base } = *placement;
    let mut text =
        format!("Heap address: {base:#018x}, size: {} MB, Compressed Oops mode: {}", heap_bytes / M, mode.name());
    if oop_base != 0 {
        write!(text, ": {oop_base:#018x}").expect("a string grows");
    }
    if shift != 0 {
        write!(text, ", Oop shift amount: {shift}").expect("a string grows");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_units_of_the_vm() {
        assert_eq!([8 << 20, 6_553_600, 1 << 30, 100].map(exact_size), ["8M", "6400K", "1G", "100B"]);
        assert_eq!([25_276_100_000, 200 << 30, 5000].map(proper_size), ["24105M", "200G", "5000B"]);
    }
}
