//! `cargo xtask bench jvm`: the model of the JVM beside the real one, interpreting and compiling.

mod heap_programs;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use comfy_table::Table;
use jvm_model::{Flags, Jvm as Model, Version};
use memory_trait::{Event, Moment, Observer};
use tempfile::TempDir;
use workload::{Code, Ending, Options, interpret};

use super::rounds::{Contender, Spread, take_turns};
use crate::console::{Misuse, conclude, print};
use crate::gallery::{self, Found};
use crate::oracle::jvm::machine::{Jvm, compile, find_javac};
use crate::table::lines;

/// The model of the JVM beside the real one, on the same programs.
///
/// First the heap alone: programs of integers that make, link and drop objects on a root table, a million each.
/// `garbage` dies in eden, of `survivors` and `trees` much is copied and promoted. Then whole programs: workloads of the gallery run on the model, with the address of every object; the same programs, written in Java
/// statement by statement, run on a real JVM with the same heap: with -Xint, and with the compilers, which have run the
/// program ten times before it counts (heap programs: five times). Collections are part of it, the start of the VM is not. The unit is an object
/// that the program makes.
///
/// `of -Xint` and `of the JIT` are the medians of the ratios of each round, with their quartiles: below 1, the model
/// takes less time. Without a JVM or a javac there is nothing to compare with, and that is said.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A JVM of release 17, 21 or 25
    #[arg(long, value_name = "PATH", default_value = "java")]
    java: PathBuf,
    /// Rounds that count; one more comes before them
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=10000))]
    rounds: u16,
}

const PROGRAMS: &str = include_str!("jvm/Programs.java");

/// The heap of both.
const FLAGS: &str = "-XX:+UseSerialGC -Xms64m -Xmx64m -Xmn8m";

/// Objects of a heap program.
const N_OBJECTS: u32 = 1_000_000;

/// How often the compilers see a heap program before it counts.
const JIT_BEFORE: u64 = 5;

/// How often the compilers see a program before it counts, and that time.
const JIT_TIMES: &str = "11";

/// Workloads with their parameters, in the order of the arguments of the Java methods. In the first one most objects die
/// in eden, in the second nearly all survive their first collection or more, in the third all die in cycles.
const SUBJECTS: [(&str, &[(&str, &str)]); 3] = [
    ("linked_list", &[("n", "100000"), ("rounds", "10")]),
    ("binary_trees", &[("n", "14")]),
    ("cycle_ring", &[("rings", "100000"), ("length", "8")]),
];

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    conclude(|out| {
        print(out, &lines(&bench(args)?))?;
        Ok(true)
    })
}

/// The programs, compiled, and the JVM for them. The files go when it does.
struct Real {
    jvm: Jvm,
    classes: TempDir,
}

impl Real {
    fn build(java: &Path) -> Result<Real, String> {
        let jvm = Jvm::find(java)?;
        let javac = find_javac(std::slice::from_ref(&jvm)).ok_or("there is no javac for the programs")?;
        let classes = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
        let source = classes.path().join("Programs.java");
        std::fs::write(&source, PROGRAMS).map_err(|error| format!("{}: {error}", source.display()))?;
        compile(&javac, &[source], classes.path())?;
        Ok(Real { jvm, classes })
    }

    /// Nanoseconds that the program takes the `times`-th time.
    fn measure(&self, mode: &str, times: &str, name: &str, arguments: &[&str]) -> Result<f64, String> {
        let classes = self.classes.path().to_string_lossy();
        let mut command: Vec<&str> = FLAGS.split(' ').collect();
        command.extend([mode, "-cp", &classes, "Programs", name, times]);
        command.extend(arguments);
        let output = self.jvm.run(&command)?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().map_err(|_| format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim_end()))
    }
}

fn bench(args: &Args) -> Result<Table, Misuse> {
    let real = Real::build(&args.java).map_err(|why| eprintln!("skipped: no real JVM beside the model: {why}")).ok();
    let version = real.as_ref().map_or_else(Version::default, |real| real.jvm.version);
    let mut table =
        super::table(&["", "objects", "", "ns an object", "of -Xint", "quartiles", "of the JIT", "quartiles"]);
    let flags = Flags::parse(version, FLAGS.split(' ').chain(["-Xint"])).map_err(|error| error.to_string())?;
    let heap_real = real.as_ref().map(|real| heap_programs::Real::build(&real.jvm)).transpose()?;
    for subject in heap_programs::Subject::all(N_OBJECTS) {
        let per_object = |ns: f64| ns / subject.n_objects as f64;
        let mut contenders: Vec<Contender<'_>> = vec![Box::new(|| subject.on_model(&flags).map(per_object))];
        if let Some(real) = &heap_real {
            for (mode, n_before) in [("-Xint", 0), ("-Xmixed", JIT_BEFORE)] {
                let line = format!("{FLAGS} {mode}");
                let (subject, flags) = (&subject, &flags);
                contenders.push(Box::new(move || real.measure(subject, flags, &line, n_before).map(per_object)));
            }
        }
        let samples = take_turns(usize::from(args.rounds), &mut contenders)?;
        rows(&mut table, subject.name, subject.n_objects, version, real.as_ref(), &samples);
    }
    for (name, parameters) in SUBJECTS {
        let Found::Workload(workload) = gallery::find(name)? else { return Err(Misuse(format!("no workload {name}"))) };
        let code = workload.compile(parameters)?;
        let n_objects = objects(&code, version)?;
        let per_object = |ns: f64| ns / n_objects as f64;
        let arguments: Vec<&str> = parameters.iter().map(|(_, value)| *value).collect();
        let mut contenders: Vec<Contender<'_>> = vec![Box::new(|| on_model(&code, version).map(per_object))];
        if let Some(real) = &real {
            let arguments = &arguments;
            contenders.push(Box::new(move || real.measure("-Xint", "1", name, arguments).map(per_object)));
            contenders.push(Box::new(move || real.measure("-Xmixed", JIT_TIMES, name, arguments).map(per_object)));
        }
        let samples = take_turns(usize::from(args.rounds), &mut contenders)?;
        rows(&mut table, name, n_objects, version, real.as_ref(), &samples);
    }
    Ok(table)
}

/// Adds the rows of a program: the model, and what it was compared with.
fn rows(table: &mut Table, name: &str, n_objects: u64, version: Version, real: Option<&Real>, samples: &[Vec<f64>]) {
    let ns = |sample: &[f64]| format!("{:.1}", Spread::of(sample).expect("there is at least one round").median);
    let mut row = vec![name.to_owned(), n_objects.to_string(), format!("model of {version}"), ns(&samples[0])];
    for other in &samples[1..] {
        let ratio = Spread::of_ratio(&samples[0], other).expect("there is at least one round");
        row.extend([format!("{:.2}", ratio.median), format!("{:.2}..{:.2}", ratio.low, ratio.high)]);
    }
    table.add_row(row);
    if let Some(real) = real {
        for (mode, sample) in ["-Xint", "JIT"].iter().zip(&samples[1..]) {
            table.add_row(["", "", &format!("{} {mode}", real.jvm.build()), &ns(sample)]);
        }
    }
}

fn ended(code: &Code, ending: &Ending) -> Result<(), String> {
    match ending {
        Ending::Faulted(fault) => Err(format!("{}: {fault}", code.name)),
        Ending::Finished => Ok(()),
    }
}

/// Counts births.
#[derive(Default)]
struct Births(u64);

impl Observer for Births {
    fn observe(&mut self, _at: Moment, event: &Event<'_>) {
        self.0 += u64::from(matches!(event, Event::Born { .. }));
    }
}

/// Objects that a workload makes.
fn objects(code: &Code, version: Version) -> Result<u64, String> {
    let builder = Model::builder().version(version).flags(FLAGS).observer(Births::default());
    let mut machine = builder.build().map_err(|error| error.to_string())?;
    let run = interpret::run(code, &mut machine, &Options::default());
    ended(code, &run.ending)?;
    Ok(machine.observer().0)
}

/// Nanoseconds of a run on the model.
fn on_model(code: &Code, version: Version) -> Result<f64, String> {
    let built = Model::builder().version(version).flags(FLAGS).build();
    let mut machine = built.map_err(|error| error.to_string())?;
    let begin = Instant::now();
    let run = interpret::run(code, &mut machine, &Options::default());
    let taken = begin.elapsed().as_nanos() as f64;
    ended(code, &run.ending)?;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_in_java_come_to_their_ends_as_the_workloads_do() {
        let real = match Real::build(Path::new("java")) {
            Ok(real) => real,
            Err(why) => {
                eprintln!("skipped: {why}");
                return;
            }
        };
        for (name, parameters) in SUBJECTS {
            let small: Vec<&str> = parameters.iter().map(|_| "4").collect();
            assert!(real.measure("-Xint", "2", name, &small).unwrap() > 0.0, "{name}");
        }
    }

    #[test]
    fn the_objects_of_a_workload_are_counted() {
        let Ok(Found::Workload(workload)) = gallery::find("linked_list") else { panic!("it is in the gallery") };
        let code = workload.compile(&[("n", "10"), ("rounds", "3")]).unwrap();
        assert_eq!(objects(&code, Version::V17).unwrap(), 30);
        assert!(on_model(&code, Version::V17).unwrap() > 0.0);
    }
}
