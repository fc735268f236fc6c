//! `cargo xtask jvm`: a workload on the emulated JVM, in the JVM's own words.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jvm_model::report::LogConfig;
use jvm_model::{Jvm, Version};
use workload::{Ending, Options, interpret};

use crate::console::{Misuse, assignment, conclude, print};
use crate::gallery::{self, Found};

/// Run a workload on the emulated JVM, and write what a JVM writes.
///
/// The GC log goes to stdout, as -Xlog writes it: readers of GC logs take it. Uptimes are the workload's clock, and
/// collections take no time. With --heap-info and --jstat, what jcmd and jstat say of the heap at the end follows.
///
/// Exit code 0: the workload finished; 1: a fault ended it; 2: misuse.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A workload of the gallery, or a .wl file
    workload: String,
    /// A parameter of the workload: `--set n=100000`; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// A flag of the JVM, as in --vm=-Xmx8m; may be repeated
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    vm: Vec<String>,
    /// Release of the JDK: 17, 21 or 25
    #[arg(long, default_value_t)]
    jdk: Version,
    /// What is logged: the argument of -Xlog, as in `gc`, `gc*`, `gc*=debug,gc+age=trace` or `gc*::none`
    #[arg(long, value_name = "WHAT", default_value = "gc")]
    log: LogConfig,
    /// No uptimes and no durations in the log
    #[arg(long)]
    no_times: bool,
    /// The heap at the end, as `jcmd GC.heap_info` says it
    #[arg(long)]
    heap_info: bool,
    /// The heap at the end, in the columns of jstat -gc
    #[arg(long)]
    jstat: bool,
    /// Write a heap dump (hprof 1.0.2) to this file: of the end, or of the moment that --at says
    #[arg(long, value_name = "FILE")]
    heap_dump: Option<PathBuf>,
    /// Statements after which the heap is dumped, while the frames are there
    #[arg(long, value_name = "N", requires = "heap_dump", value_parser = clap::value_parser!(u64).range(1..))]
    at: Option<u64>,
    /// The seed of the workload's `rand` and of its schedule of threads
    #[arg(long, default_value_t = Options::default().seed)]
    seed: u64,
    /// Statements after which the run is ended
    #[arg(long, value_name = "N", default_value_t = Options::default().steps_max)]
    max_steps: u64,
}

fn dump(machine: &Jvm, file: &Path) -> Result<(), Misuse> {
    let create = || machine.write_heap_dump(BufWriter::new(File::create(file)?));
    create().map_err(|error| Misuse(format!("{}: {error}", file.display())))
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    conclude(|out| {
        let Found::Workload(workload) = gallery::find(&args.workload)? else {
            return Err(Misuse(format!("{} is a heap trace; expected a workload", args.workload)));
        };
        let set: Vec<(&str, &str)> = args.set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let code = workload.compile(&set)?;
        let log = if args.no_times { args.log.clone().without_times() } else { args.log.clone() };
        let flags = args.vm.join(" ");
        let mut machine = Jvm::builder().version(args.jdk).flags(&flags).gc_log(log).build()?;
        let options = Options { seed: args.seed, steps_max: args.max_steps, ..Options::default() };
        let (every, mut dumped) = (args.at.unwrap_or(u64::MAX), None);
        let run = interpret::run_sampled(&code, &mut machine, &options, every, |_, machine: &Jvm| {
            if dumped.is_none() {
                dumped = args.heap_dump.as_deref().map(|file| dump(machine, file));
            }
        });
        match (dumped, &args.heap_dump) {
            (Some(written), _) => written?,
            (None, Some(file)) if args.at.is_none() => dump(&machine, file)?,
            (None, Some(_)) => return Err(Misuse(format!("{} ended before that: no heap dump", code.name))),
            (None, None) => {}
        }
        print(out, machine.gc_log())?;
        if args.heap_info {
            print(out, &machine.heap().heap_info())?;
        }
        if args.jstat {
            print(out, &machine.jstat())?;
        }
        match &run.ending {
            Ending::Finished => Ok(true),
            Ending::Faulted(fault) => {
                eprintln!("{} ended with {fault}", code.name);
                Ok(false)
            }
        }
    })
}
