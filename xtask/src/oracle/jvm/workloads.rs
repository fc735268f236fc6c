//! Workloads, emitted as Java, on the real Serial collector: every collection beside the machine's.
//!
//! The program runs twice in one JVM. After the first run its classes and constants are there; full collections put
//! everything into old. The second run is the one that is measured. Its heap is taken over as it was then.

use std::fmt::Write as _;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use jvm_model::recorded::{Comparison, RecordedError, WorkloadRecording};
use jvm_model::sizing::Sizing;
use jvm_model::{Flags, Version};
use serde_json::json;
use workload::emit::{Language, emit};
use workload::{Bare, Ending, Options, Workload, interpret};

use super::log::{Log, SELECTION};
use super::machine::{Jvm, compile_with};
use super::program::Draw;
use super::{Args, keep, random_workload, say, serial, settings};
use crate::gallery::{self, Found};

/// The Java half; `PROGRAM` is the workload's class.
const WORKLOAD_PROGRAM: &str = include_str!("WorkloadProgram.java");

/// Workloads of the gallery, with parameters that make them allocate some ten megabytes.
const CHOICE: [&str; 17] = [
    "binary_trees:n=12",
    "call_tree:depth=16",
    "checkerboard:blocks=4000",
    "cycle_ring:rings=20000",
    "fifo_queue:n=60000",
    "graph_churn:rounds=120",
    "growable_array:n=30000,rounds=12",
    "large_objects:n=100",
    "linked_list:n=30000,rounds=12",
    "lru_cache:requests=60000",
    "matrix:size=40,rounds=30",
    "out_of_memory:size=100000",
    "overflow_by_one",
    "request_handler:requests=30000",
    "resurrection",
    "string_builder:n=3000",
    "weak_cache:n=20000",
];

/// Statements of a random workload, roughly.
const TICKS: u64 = 1_000_000;
/// What a workload is called that is drawn at random; its seed follows.
const RANDOM: &str = "random_";

/// Runs the workloads; whether all of them were exact.
pub(super) fn part(args: &Args, jvms: &[Jvm], javac: &Path, dir: &Path) -> Result<bool, String> {
    let random = (args.seed..args.seed + args.programs).map(|seed| format!("{RANDOM}{seed}"));
    let asked: Vec<String> = if args.workload.is_empty() {
        CHOICE.map(str::to_owned).into_iter().chain(random).collect()
    } else {
        args.workload.clone()
    };
    let mut is_exact = true;
    let programs = compile_all(&asked, javac, dir, args.seed)?;
    for jvm in jvms {
        let (mut n_exact, mut n_run, mut n_collections) = (0, 0, 0);
        for (program, asked) in programs.iter().zip(&asked) {
            for seed in args.seed..args.seed + args.rounds {
                match program.run(jvm, dir, seed, args)? {
                    Err(reason) => eprintln!("{asked}, seed {seed}: skipped: {reason}"),
                    Ok((comparison, recording)) => {
                        n_run += 1;
                        n_collections += comparison.n_total - 1;
                        let this_one = comparison.is_exact();
                        n_exact += u64::from(this_one);
                        if !this_one || args.keep_all {
                            // A file's name may have folders before it.
                            let stem = Path::new(program.workload.name()).file_stem().unwrap_or_default().display();
                            let name = format!("workload{}_{stem}_{seed}.jsonl", jvm.version);
                            keep(args, &name, &recording, &comparison)?;
                        }
                    }
                }
            }
        }
        is_exact &= n_exact == n_run;
        say(&format!("{}: {n_exact} of {n_run} runs of workloads exact: {n_collections} collections", jvm.build()));
    }
    Ok(is_exact)
}

/// Runs a recorded workload on the model, and compares.
///
/// # Errors
/// A line that is not what the format says; a workload or a start that is not what it was.
pub(crate) fn compare_workload(reader: impl BufRead) -> Result<Comparison, RecordedError> {
    let recording = WorkloadRecording::read(reader)?;
    let wrong = |message: String| RecordedError { line: 1, message };
    let workload = Workload::parse(recording.name(), recording.source()).map_err(|error| wrong(error.to_string()))?;
    let code = workload.compile(&recording.set()).map_err(|error| wrong(error.to_string()))?;
    let mut jvm = recording.machine()?.build().map_err(|error| wrong(error.to_string()))?;
    let options = Options { seed: recording.seed(), steps_max: u64::MAX, ..Options::default() };
    let run = interpret::run(&code, &mut jvm, &options);
    let fault = match &run.ending {
        Ending::Finished => None,
        Ending::Faulted(fault) => Some(fault),
    };
    Ok(recording.compare(&jvm, &run.output, fault))
}

/// Compiles all that is asked for at once.
fn compile_all(asked: &[String], javac: &Path, dir: &Path, seed: u64) -> Result<Vec<Program>, String> {
    let (sources, classes) = (dir.join("workload-sources"), dir.join("workload-classes"));
    let io = |error: std::io::Error| format!("{}: {error}", sources.display());
    std::fs::create_dir_all(&sources).and_then(|()| std::fs::create_dir_all(&classes)).map_err(io)?;
    let (mut programs, mut files) = (Vec::new(), Vec::new());
    for (number, asked) in asked.iter().enumerate() {
        let program = Program::parse(asked, number, seed, &classes)?;
        let class = Language::Java.program_name(&program.workload);
        // A package each: a workload may be there twice, with other parameters.
        let package = sources.join(&program.package);
        std::fs::create_dir_all(&package).map_err(io)?;
        for (name, source) in
            [(&*class, program.java.clone()), ("WorkloadProgram", WORKLOAD_PROGRAM.replace("PROGRAM", &class))]
        {
            let file = package.join(name).with_extension("java");
            std::fs::write(&file, format!("package {};\n{source}", program.package)).map_err(io)?;
            files.push(file);
        }
        programs.push(program);
    }
    compile_with(javac, &["--release", "17", "-g"], &files, &classes)?;
    Ok(programs)
}

/// Rounds of a random workload that take about as long as all others.
fn rounds(workload: &Workload) -> u64 {
    let code = workload.compile(&[]).expect("its own parameters");
    let run = interpret::run(&code, &mut Bare::with_room(1 << 24), &Options::default());
    (40 * TICKS / run.ticks.max(1)).clamp(10, 20_000)
}

/// A workload in Java.
struct Program {
    workload: Box<Workload>,
    set: Vec<(String, String)>,
    seed: u64,
    /// Its place among the others.
    number: u64,
    package: String,
    java: String,
    classes: PathBuf,
}

impl Program {
    fn parse(asked: &str, number: usize, seed: u64, classes: &Path) -> Result<Program, String> {
        let (target, set) = asked.split_once(':').unwrap_or((asked, ""));
        let workload = if let Some(number) = target.strip_prefix(RANDOM) {
            let drawn: u64 = number.parse().map_err(|error| format!("{asked}: {error}"))?;
            let source = random_workload::draw(&mut Draw::new(drawn));
            Box::new(Workload::parse(target, &source).map_err(|error| error.render(false))?)
        } else {
            let found = gallery::find(target).map_err(|misuse| misuse.0)?;
            let Found::Workload(workload) = found else { return Err(format!("{target} is a heap trace")) };
            workload
        };
        let mut set: Vec<(String, String)> = set
            .split(',')
            .filter(|one| !one.is_empty())
            .map(crate::console::assignment)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("{asked}: {error}"))?;
        if set.is_empty() && target.starts_with(RANDOM) {
            set.push(("rounds".to_owned(), rounds(&workload).to_string()));
        }
        let pairs: Vec<(&str, &str)> = set.iter().map(|(name, value)| (&**name, &**value)).collect();
        let java = emit(&workload, Language::Java, &pairs, seed).map_err(|error| error.to_string())?;
        let package = format!("workload{number}");
        Ok(Program { workload, set, seed, number: number as u64, package, java, classes: classes.to_owned() })
    }

    /// Flags that leave the JDK room to come up in, and make eden small enough to be filled again and again.
    fn flags(&self, version: Version, seed: u64, args: &Args) -> Vec<String> {
        let mut random = Draw::new(seed * 1000 + self.number);
        loop {
            let mut options = settings::draw(&mut random);
            options.extend(args.vm.iter().cloned());
            let known = options.iter().filter(|flag| *flag != "-XX:+UseSerialGC");
            let Ok(flags) = Flags::parse(version, known) else { continue };
            let Ok(sizing) = Sizing::of(&flags) else { continue };
            // A log says six digits of a buffer's average, which has many samples by then: buffers keep their size here.
            if options.iter().all(|option| option != "-XX:-UseTLAB") {
                options.push("-XX:-ResizeTLAB".to_owned());
            }
            if sizing.boot_refusal().is_none()
                && sizing.old.max >= 3 << 20
                && (64 << 10..2 << 20).contains(&sizing.spaces.eden)
            {
                return options;
            }
        }
    }

    /// Runs it once; the inner error is why there is nothing to compare.
    fn run(
        &self,
        jvm: &Jvm,
        dir: &Path,
        seed: u64,
        args: &Args,
    ) -> Result<Result<(Comparison, String), String>, String> {
        let options = self.flags(jvm.version, seed, args);
        let log_file = dir.join("workload-log");
        let mut arguments = options.clone();
        arguments.push(format!("-Xlog:{SELECTION}:file={}:timenanos,level,tags:filecount=0", log_file.display()));
        arguments.extend(["-cp".to_owned(), self.classes.display().to_string()]);
        arguments.push(format!("{}.WorkloadProgram", self.package));
        let output = jvm.run(&arguments)?;
        let log = std::fs::read_to_string(&log_file).map_err(|error| format!("{}: {error}", log_file.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let parts: Vec<&str> = said.split('\u{1}').collect();
        let [_, printed, words] = parts[..] else {
            let errors = String::from_utf8_lossy(&output.stderr);
            let line = errors.lines().chain(said.lines()).next().unwrap_or("nothing").to_owned();
            return Ok(Err(format!("it did not come to its end ({}): {line}", output.status)));
        };
        let mut words = words.trim_end().splitn(3, ' ');
        let mut nanoseconds = || words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        let (begin_ns, end_ns) = (nanoseconds(), nanoseconds());
        let thrown = words.next().filter(|thrown| *thrown != "null");
        Ok(self.record(jvm, &options, &Log::read(&log), (begin_ns, end_ns), printed, thrown).and_then(|recording| {
            let comparison = compare_workload(recording.as_bytes()).map_err(|error| error.to_string())?;
            Ok((comparison, recording))
        }))
    }

    fn record(
        &self,
        jvm: &Jvm,
        options: &[String],
        log: &Log,
        (begin_ns, end_ns): (u64, u64),
        printed: &str,
        thrown: Option<&str>,
    ) -> Result<String, String> {
        let n_before = log.collections.iter().filter(|gc| gc.start_ns < begin_ns).count();
        let init = serial::start(jvm.version, log, n_before)?;
        let set: serde_json::Map<String, serde_json::Value> =
            self.set.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let mut text = json!({"workload": {
            "jvm": jvm.name, "flags": options, "name": self.workload.name(), "source": self.workload.source(),
            "set": set, "seed": self.seed,
        }})
        .to_string()
            + "\n";
        let mut line = |value: serde_json::Value| writeln!(text, "{value}").expect("a string grows");
        line(json!({"init": init}));
        for gc in log.collections[n_before..].iter().filter(|gc| gc.start_ns <= end_ns) {
            line(json!({"gc": gc}));
        }
        line(json!({"end": {"output": printed, "thrown": thrown}}));
        Ok(text)
    }
}
