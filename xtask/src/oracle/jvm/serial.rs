//! Heap programs on the real Serial collector, recorded in the format that `verify` reads.

use std::fmt::Write as _;
use std::path::Path;

use jvm_model::recorded::{Comparison, compare_serial};
use jvm_model::sizing::Sizing;
use jvm_model::{Flags, Version};
use serde_json::json;

use super::Args;
use super::exchange::{Answer, Question};
use super::log::{Log, SELECTION};
use super::machine::Jvm;
use super::program::{Draw, HeapProgram, Room};
use super::settings;

/// Longs that results may take.
const ROOM_LONGS: u64 = 6_000_000;
/// Numbers of a program on a line of a recording.
const OPS_A_LINE: usize = 20_000;
/// Full collections before a program begins.
const N_PREPARED: usize = 8;

/// How a program came out.
pub(super) enum Outcome {
    /// It ran and was compared; the text is the recording.
    Compared { comparison: Comparison, recording: String, summary: Summary },
    /// It did not come so far, and why.
    Skipped(String),
}

/// What programs went through: how many of each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    pub(super) collections: u64,
    pub(super) full: u64,
    pub(super) objects: u64,
    pub(super) promotion_failures: u64,
    pub(super) out_of_memory: u64,
}

impl Summary {
    pub(super) fn add(&mut self, other: Summary) {
        let Summary { collections, full, objects, promotion_failures, out_of_memory } = other;
        self.collections += collections;
        self.full += full;
        self.objects += objects;
        self.promotion_failures += promotion_failures;
        self.out_of_memory += out_of_memory;
    }
}

/// A program and the flags it runs under, the model having nothing against them.
fn draw(seed: u64, version: Version, args: &Args) -> (Vec<String>, Flags, HeapProgram) {
    let mut random = Draw::new(seed);
    loop {
        let mut options = settings::draw(&mut random);
        options.extend(args.vm.iter().cloned());
        let known = options.iter().filter(|flag| *flag != "-XX:+UseSerialGC");
        let Ok(flags) = Flags::parse(version, known) else { continue };
        let Ok(sizing) = Sizing::of(&flags) else { continue };
        // The JDK itself takes up to 1.5 MiB of old.
        if sizing.boot_refusal().is_some() || sizing.old.max < 3 << 20 || sizing.spaces.eden < 64 << 10 {
            continue;
        }
        let room = Room { eden_bytes: sizing.spaces.eden, heap_bytes: sizing.heap.max };
        let program = HeapProgram::draw(&mut random, room, args.allocations, args.drops);
        return (options, flags, program);
    }
}

/// Runs the program that a seed draws, and compares.
pub(super) fn run(jvm: &Jvm, classes: &Path, dir: &Path, seed: u64, args: &Args) -> Result<Outcome, String> {
    let (options, flags, program) = draw(seed, jvm.version, args);
    let file = dir.join("program");
    let question = Question { ops: &program.ops, n_slots: program.n_slots, n_before: 0, n_results: ROOM_LONGS };
    question.write(&file, &flags)?;
    let log_file = dir.join("log");
    let mut arguments = options.clone();
    arguments.push(format!("-Xlog:{SELECTION}:file={}:timenanos,level,tags:filecount=0", log_file.display()));
    arguments.extend(jvm.unsafe_option().map(str::to_owned));
    arguments.extend(["-cp".to_owned(), classes.display().to_string(), "HeapProgram".to_owned()]);
    arguments.push(file.display().to_string());
    let output = jvm.run(&arguments)?;
    let answer = Answer::read(&file)?;
    let log = std::fs::read_to_string(&log_file).map_err(|error| format!("{}: {error}", log_file.display()))?;
    let mut log = Log::read(&log);
    // The halt allocates, which may be one object too many.
    log.collections.retain(|gc| gc.start_ns <= answer.end_ns);
    match answer.status {
        1 | 2 => {}
        3 => return Ok(Outcome::Skipped("more results than there is room for".to_owned())),
        4 => return Err(format!("{}: the heap has an object of an unknown class", options.join(" "))),
        _ => {
            let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).trim().to_owned());
            let said = said.join("\n");
            let line = said.lines().next().unwrap_or("nothing");
            return Ok(Outcome::Skipped(format!("the JVM did not reach the program ({}): {line}", output.status)));
        }
    }
    match record(jvm, &options, &program, &log, &answer, seed) {
        Err(reason) => Ok(Outcome::Skipped(reason)),
        Ok((recording, summary)) => {
            let comparison = compare_serial(recording.as_bytes()).map_err(|error| error.to_string())?;
            Ok(Outcome::Compared { comparison, recording, summary })
        }
    }
}

/// The state of the heap after the first so many collections, which leave young empty; the error is why there is none.
pub(super) fn start(version: Version, log: &Log, n_collections: usize) -> Result<serde_json::Value, String> {
    let before = &log.collections[..n_collections];
    let last = before.last().ok_or("the log has no collections")?;
    let places = last.after;
    if [places.eden, places.frm, places.to].iter().any(|[bottom, top, _]| bottom != top) {
        return Err("young is not empty when the program begins".to_owned());
    }
    // To 25 a full collection is a sample of what is promoted as well.
    let counts = |kind: &str| kind == "Young" || version >= Version::V25;
    let promoted: Vec<u64> = before
        .iter()
        .filter(|gc| counts(&gc.kind))
        .map(|gc| gc.after.old[1].saturating_sub(gc.before.old[1]))
        .collect();
    let threshold = before.iter().rev().find_map(|gc| gc.thr);
    let tlab = last.tlab.map(|(fraction, words)| {
        // The first sample is the thread's own; a collection that took another one changed the average.
        let fractions = before.iter().filter_map(|gc| gc.tlab.map(|(fraction, _)| fraction));
        let fractions: Vec<f32> = log.first_fraction.into_iter().chain(fractions).collect();
        (fraction, words, 1 + fractions.windows(2).filter(|pair| (pair[0] - pair[1]).abs() > 0.000_015).count())
    });
    let mut init = serde_json::to_value(places).expect("numbers are JSON");
    let more = json!({"full": last.n_full, "thr": threshold, "promoted": promoted, "tlab": tlab});
    init.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    Ok(init)
}

/// Writes what happened as a recording; the error is why there is nothing to record.
fn record(
    jvm: &Jvm,
    options: &[String],
    program: &HeapProgram,
    log: &Log,
    answer: &Answer,
    seed: u64,
) -> Result<(String, Summary), String> {
    let prepared: Vec<usize> =
        (0..log.collections.len()).filter(|&at| log.collections[at].cause == "System.gc()").collect();
    let Some(&last) = prepared.get(N_PREPARED - 1) else { return Err("the log has no collections".to_owned()) };
    let mut init = start(jvm.version, log, last + 1)?;
    init["R"] = answer.table.into();
    let after = &log.collections[last + 1..];
    let is_out = answer.status == 2;
    let header = json!({"hdr": {
        "jvm": jvm.name, "flags": options, "nslots": program.n_slots, "seed": seed, "profile": program.profile.name(),
        "conf": {"young": log.young, "old": log.old, "base": log.base}, "oom": is_out,
    }});
    let mut text = format!("{header}\n{}\n", json!({"init": init}));
    let mut line = |value: serde_json::Value| writeln!(text, "{value}").expect("a string grows");
    program.ops.chunks(OPS_A_LINE).for_each(|ops| line(json!({"ops": ops})));
    for gc in after {
        line(json!({"gc": gc}));
    }
    answer.snapshots.iter().for_each(|(place, addresses)| line(json!({"snap": [place, addresses]})));
    line(json!({"end": [answer.last_op, u32::from(is_out)]}));
    let summary = Summary {
        collections: after.len() as u64,
        full: after.iter().filter(|gc| gc.kind == "Full").count() as u64,
        objects: answer.snapshots.iter().map(|(_, addresses)| addresses.len() as u64).sum(),
        promotion_failures: after.iter().map(|gc| u64::from(gc.pf)).sum(),
        out_of_memory: u64::from(is_out),
    };
    Ok((text, summary))
}
