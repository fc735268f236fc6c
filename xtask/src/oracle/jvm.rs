//! `cargo xtask oracle jvm`: random heap programs on the real JVMs, and what the model says of them.

mod log;
mod machine;
mod program;
mod serial;
mod settings;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use machine::{Jvm, compile, find_javac};
use serial::{Outcome, Summary};

/// The Java half of a heap program.
const HEAP_PROGRAM: &str = include_str!("jvm/HeapProgram.java");

/// Run random programs on real JVMs, and compare everything with the model.
///
/// Heap programs run under -Xint with the Serial collector: every space before and after each collection, the age
/// table, the tenuring threshold, where the program ended, and the address of every object are compared. What is not
/// exact is kept as a recording, for `cargo xtask verify`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A JVM of release 17, 21 or 25; may be repeated
    #[arg(long, value_name = "PATH", default_value = "java")]
    java: Vec<PathBuf>,
    /// Heap programs on each JVM
    #[arg(long, value_name = "N", default_value_t = 20)]
    programs: u64,
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
    match serial_part(args, &jvms) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Who closes the pipe early knows enough.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The heap programs; whether all of them were exact.
fn serial_part(args: &Args, jvms: &[Jvm]) -> Result<bool, String> {
    let Some(javac) = find_javac(jvms) else {
        eprintln!("skipped: there is no javac for the heap programs");
        return Ok(true);
    };
    let io = |error: std::io::Error| format!("no directory for temporary files: {error}");
    let dir = tempfile::tempdir().map_err(io)?;
    let source = dir.path().join("HeapProgram.java");
    let classes = dir.path().join("classes");
    std::fs::write(&source, HEAP_PROGRAM).and_then(|()| std::fs::create_dir(&classes)).map_err(io)?;
    compile(&javac, &[source], &classes)?;
    let mut is_exact = true;
    for jvm in jvms {
        let (mut n_exact, mut n_run, mut sum) = (0, 0, Summary::default());
        for seed in args.seed..args.seed + args.programs {
            let name = format!("serial{}_{seed}.jsonl", jvm.version);
            match serial::run(jvm, &classes, dir.path(), seed, &args.vm)? {
                Outcome::Skipped(reason) => eprintln!("seed {seed}: skipped: {reason}"),
                Outcome::Compared { comparison, recording, summary } => {
                    n_run += 1;
                    sum.add(summary);
                    let this_one = comparison.is_exact();
                    n_exact += u64::from(this_one);
                    if !this_one || args.keep_all {
                        let file = args.keep.join(name);
                        let kept = std::fs::create_dir_all(&args.keep).and_then(|()| std::fs::write(&file, recording));
                        kept.map_err(|error| format!("{}: {error}", file.display()))?;
                        say(&format!("{}: {comparison}", file.display()));
                    }
                }
            }
        }
        is_exact &= n_exact == n_run;
        say(&format!(
            "{}: {n_exact} of {n_run} heap programs exact: {} collections, {} of them full, {} addresses, {} failed \
             promotions, {} out of memory",
            jvm.build(),
            sum.n_collections,
            sum.n_full,
            sum.n_objects,
            sum.n_promotion_failures,
            sum.n_out_of_memory
        ));
    }
    Ok(is_exact)
}
