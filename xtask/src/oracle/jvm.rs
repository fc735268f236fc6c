//! `cargo xtask oracle jvm`: random heap programs on the real JVMs, and what the model says of them.

pub(crate) mod exchange;
mod layout;
mod log;
pub(crate) mod machine;
mod program;
mod random_workload;
mod serial;
mod settings;
mod sizing;
pub(crate) mod workloads;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jvm_model::recorded::Comparison;
use machine::{Jvm, compile, find_javac};
use program::Draw;
use serial::{Outcome, Summary};

/// The Java half of a heap program.
pub(crate) const HEAP_PROGRAM: &str = include_str!("jvm/HeapProgram.java");

/// Run random programs on real JVMs, and compare everything with the model.
///
/// Four parts. *serial*: heap programs under -Xint with the Serial collector; every space before and after each
/// collection, the age table, the tenuring threshold, where the program ended, and the address of every object.
/// *layout*: random classes in all modes of the JVM; every offset and size. *sizing*: random flags; every size, address
/// and refusal. *workloads*: workloads of the gallery and others, emitted as Java; every collection, what is printed,
/// how it ends. What is not exact is kept as a recording, for `cargo xtask verify`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A JVM of release 17, 21 or 25; may be repeated
    #[arg(long, value_name = "PATH", default_value = "java")]
    java: Vec<PathBuf>,
    /// One part alone; may be repeated
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// Heap programs, and random workloads, on each JVM
    #[arg(long, value_name = "N", default_value_t = 20)]
    programs: u64,
    /// Allocations of a heap program at most; small programs make small recordings
    #[arg(long, value_name = "N", default_value_t = 250_000)]
    allocations: u64,
    /// How often a heap program drops everything it has, and collects: old grows and shrinks
    #[arg(long, value_name = "N", default_value_t = 0)]
    drops: u64,
    /// Random classes on each JVM, in each of its modes
    #[arg(long, value_name = "N", default_value_t = 100)]
    classes: u64,
    /// Random sets of flags on each JVM
    #[arg(long, value_name = "N", default_value_t = 50)]
    flag_sets: u64,
    /// Sets of flags that each workload is run under on each JVM
    #[arg(long, value_name = "N", default_value_t = 2)]
    rounds: u64,
    /// A workload to run: `NAME:n=1,m=2`, or `random_7` for that of seed 7; may be repeated. Without it: a choice of
    /// the gallery, and random ones
    #[arg(long, value_name = "WORKLOAD")]
    workload: Vec<String>,
    /// The first seed; each program has the next one
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// A flag for every program, as in --vm=-XX:-UseCompressedOops; may be repeated
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    vm: Vec<String>,
    /// Where recordings of what was not exact go
    #[arg(long, value_name = "DIR", default_value = "target/oracle-jvm")]
    keep: PathBuf,
    /// Keep every recording, exact or not
    #[arg(long)]
    keep_all: bool,
}

/// A part of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Heap programs
    Serial,
    /// Classes
    Layout,
    /// Sizes of the heap
    Sizing,
    /// Workloads, emitted as Java
    Workloads,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut jvms = Vec::new();
    for java in &args.java {
        match Jvm::find(java) {
            Ok(jvm) => jvms.push(jvm),
            Err(reason) => eprintln!("skipped: {reason}"),
        }
    }
    if jvms.is_empty() {
        eprintln!("skipped: there is no JVM; --java says where one is");
        return ExitCode::SUCCESS;
    }
    match parts(args, &jvms) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything that was asked for was exact.
fn parts(args: &Args, jvms: &[Jvm]) -> Result<bool, String> {
    let is_asked = |part: Part| args.only.is_empty() || args.only.contains(&part);
    let dir = tempfile::tempdir().map_err(|error| format!("no directory for temporary files: {error}"))?;
    let mut is_exact = true;
    if is_asked(Part::Sizing) {
        is_exact &= sizing_part(args, jvms)?;
    }
    if [Part::Layout, Part::Serial, Part::Workloads].into_iter().any(is_asked) {
        let Some(javac) = find_javac(jvms) else {
            eprintln!("skipped: there is no javac for classes and heap programs");
            return Ok(is_exact);
        };
        if is_asked(Part::Layout) {
            is_exact &= layout_part(args, jvms, &javac, dir.path())?;
        }
        if is_asked(Part::Serial) {
            is_exact &= serial_part(args, jvms, &javac, dir.path())?;
        }
        if is_asked(Part::Workloads) {
            is_exact &= workloads::part(args, jvms, &javac, dir.path())?;
        }
    }
    Ok(is_exact)
}

/// Keeps a recording and says how it compared.
fn keep(args: &Args, name: &str, recording: &str, comparison: &Comparison) -> Result<(), String> {
    let file = args.keep.join(name);
    let kept = std::fs::create_dir_all(&args.keep).and_then(|()| std::fs::write(&file, recording));
    kept.map_err(|error| format!("{}: {error}", file.display()))?;
    say(&format!("{}: {comparison}", file.display()));
    Ok(())
}

/// The flags; whether all of them were exact.
fn sizing_part(args: &Args, jvms: &[Jvm]) -> Result<bool, String> {
    let mut is_exact = true;
    for jvm in jvms {
        let mut random = Draw::new(args.seed);
        let (mut n_exact, mut wrong, mut n_refused) = (0, String::new(), 0);
        for _ in 0..args.flag_sets {
            let flags = sizing::draw(&mut random, jvm.version);
            let (comparison, row) = sizing::run(jvm, &flags)?;
            n_refused += u64::from(row.contains("\"err\""));
            if comparison.is_exact() {
                n_exact += 1;
            } else {
                say(&format!("{} {}: {comparison}", jvm.build(), flags.join(" ")));
            }
            if !comparison.is_exact() || args.keep_all {
                wrong += &row;
                wrong.push('\n');
            }
        }
        if !wrong.is_empty() {
            let file = args.keep.join(format!("sizing{}_{}.jsonl", jvm.version, args.seed));
            let kept = std::fs::create_dir_all(&args.keep).and_then(|()| std::fs::write(&file, wrong));
            kept.map_err(|error| format!("{}: {error}", file.display()))?;
            eprintln!("kept: {}", file.display());
        }
        is_exact &= n_exact == args.flag_sets;
        say(&format!("{}: {n_exact} of {} flag sets exact, {n_refused} of them refused", jvm.build(), args.flag_sets));
    }
    Ok(is_exact)
}

/// The classes; whether all of them were exact, in all modes.
fn layout_part(args: &Args, jvms: &[Jvm], javac: &Path, dir: &Path) -> Result<bool, String> {
    let classes = layout::Classes::compile(javac, dir, args.seed, args.classes)?;
    let mut is_exact = true;
    for jvm in jvms {
        let (mut n_exact, mut n_total) = (0, 0);
        let modes = layout::modes(jvm.version);
        for (index, mode) in modes.iter().enumerate() {
            let (comparison, recording) = classes.run(jvm, mode)?;
            (n_exact, n_total) = (n_exact + comparison.n_exact, n_total + comparison.n_total);
            if !comparison.is_exact() || args.keep_all {
                keep(args, &format!("layout_{}_{}_{index}.jsonl", jvm.version, args.seed), &recording, &comparison)?;
            }
        }
        is_exact &= n_exact == n_total;
        say(&format!("{}: {n_exact} of {n_total} layouts of classes exact, in {} modes", jvm.build(), modes.len()));
    }
    Ok(is_exact)
}

/// Who closes the pipe early knows enough.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The heap programs; whether all of them were exact.
fn serial_part(args: &Args, jvms: &[Jvm], javac: &Path, dir: &Path) -> Result<bool, String> {
    let source = dir.join("HeapProgram.java");
    let classes = dir.join("classes");
    std::fs::write(&source, HEAP_PROGRAM)
        .and_then(|()| std::fs::create_dir(&classes))
        .map_err(|error| format!("{}: {error}", source.display()))?;
    compile(javac, &[source], &classes)?;
    let mut is_exact = true;
    for jvm in jvms {
        let (mut n_exact, mut n_run, mut sum) = (0, 0, Summary::default());
        for seed in args.seed..args.seed + args.programs {
            let name = format!("serial{}_{seed}.jsonl", jvm.version);
            match serial::run(jvm, &classes, dir, seed, args)? {
                Outcome::Skipped(reason) => eprintln!("seed {seed}: skipped: {reason}"),
                Outcome::Compared { comparison, recording, summary } => {
                    n_run += 1;
                    sum.add(summary);
                    let this_one = comparison.is_exact();
                    n_exact += u64::from(this_one);
                    if !this_one || args.keep_all {
                        keep(args, &name, &recording, &comparison)?;
                    }
                }
            }
        }
        is_exact &= n_exact == n_run;
        say(&format!(
            "{}: {n_exact} of {n_run} heap programs exact: {} collections, {} of them full, {} addresses, {} failed \
             promotions, {} out of memory",
            jvm.build(),
            sum.collections,
            sum.full,
            sum.objects,
            sum.promotion_failures,
            sum.out_of_memory
        ));
    }
    Ok(is_exact)
}
