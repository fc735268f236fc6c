//! `cargo xtask oracle c`: the fifty classic errors, compiled and run here.

mod programs;
mod tool;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use c_model::classic_errors::{ClassicError, c_program};
use c_model::process::{Finding, Process};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ColumnConstraint, ContentArrangement, Table};
use memory_trait::Address;
use tempfile::TempDir;
use workload::{Options, Workload};

use crate::console::{self, Misuse, conclude};
use crate::gallery::{self, Found};
use programs::Verdict;
use tool::{MODELLED_GLIBC, Ran, Tools};

/// Compile fifty classic errors of C with gcc, run them on this machine's glibc, under memcheck and with
/// `AddressSanitizer`, and compare. Or, with --workloads, the workloads of the gallery.
///
/// glibc's verdict is predicted, for the heap's address of each run; memcheck's and `AddressSanitizer`'s are compared with
/// what was recorded (valgrind 3.19, gcc 12). What is missing is skipped.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these errors or workloads; all if none is named
    names: Vec<String>,
    /// Emit workloads as C, compile and record them: every call of malloc, every address, the output and the end
    #[arg(long, conflicts_with_all = ["runs", "glibc_only", "source"])]
    workloads: bool,
    /// So many random workloads instead, the first of them that of the seed
    #[arg(long, default_value_t = 0, requires = "workloads", conflicts_with = "names")]
    random: u64,
    /// The seed of the workloads' `rand`
    #[arg(long, default_value_t = 1, requires = "workloads")]
    seed: u64,
    /// How often each program runs on glibc: addresses are random
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Only glibc: neither memcheck nor `AddressSanitizer`
    #[arg(long)]
    glibc_only: bool,
    /// Print the C program and do nothing else
    #[arg(long)]
    source: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    if args.workloads {
        return conclude(|out| workloads(args, out));
    }
    if args.source {
        return print(&c_program());
    }
    let chosen = match chosen(&args.names) {
        Ok(chosen) => chosen,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let directory = match TempDir::new() {
        Ok(directory) => directory,
        Err(error) => {
            eprintln!("no temporary directory: {error}");
            return ExitCode::from(2);
        }
    };
    let tools = match Tools::build(directory.path(), &c_program(), !args.glibc_only) {
        Ok(tools) => tools,
        Err(skipped) => {
            eprintln!("skipped: {skipped}");
            return ExitCode::SUCCESS;
        }
    };
    for word in &tools.skipped {
        eprintln!("skipped: {word}");
    }
    let mut report = Report::new(&tools);
    for error in chosen {
        eprintln!("{}", error.name);
        report.add(error, &tools, args.runs);
    }
    let text = report.text();
    let is_as_expected = report.differences.is_empty();
    let printed = print(&text);
    if is_as_expected { printed } else { ExitCode::from(1) }
}

/// Holds the workloads against the programs that they are emitted as.
fn workloads(args: &Args, out: &mut dyn Write) -> Result<bool, Misuse> {
    let chosen = match &args.names[..] {
        [] if args.random > 0 => (0..args.random).map(|i| gallery::random(args.seed.wrapping_add(i))).collect(),
        [] => gallery::load()?,
        names => names.iter().map(|name| workload(name)).collect::<Result<_, _>>()?,
    };
    let version = tool::glibc_version()?;
    if version != MODELLED_GLIBC {
        eprintln!("skipped: this machine's C library is glibc {version}, and {MODELLED_GLIBC} is modelled");
        return Ok(true);
    }
    let directory = TempDir::new().map_err(|error| format!("no temporary directory: {error}"))?;
    let options = Options { seed: args.seed, ..Options::default() };
    let (mut n_exact, mut n, mut n_calls) = (0, 0, 0);
    for workload in &chosen {
        let name = workload.name();
        match programs::judge(workload, directory.path(), &options)? {
            Verdict::Exact(calls) => {
                (n_exact, n, n_calls) = (n_exact + 1, n + 1, n_calls + calls);
                console::print(out, &format!("{name}: exact: {calls} of {calls} calls, its output and its end\n"))?;
            }
            Verdict::Different(difference) => {
                n += 1;
                console::print(out, &format!("{name}: different: {difference}\n"))?;
            }
            Verdict::Skipped(why) => eprintln!("{name}: skipped: {why}"),
        }
    }
    console::print(out, &format!("glibc {version}: {n_exact} of {n} workloads exact, {n_calls} calls\n"))?;
    Ok(n_exact == n)
}

fn workload(name: &str) -> Result<Workload, Misuse> {
    match gallery::find(name)? {
        Found::Workload(workload) => Ok(*workload),
        Found::Trace(path) => Err(Misuse(format!("{} is no workload", path.display()))),
    }
}

fn print(text: &str) -> ExitCode {
    // Who closes the pipe early knows enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn chosen(names: &[String]) -> Result<Vec<&'static ClassicError>, String> {
    if names.is_empty() {
        return Ok(ClassicError::all().collect());
    }
    let find = |name: &String| {
        let known = || ClassicError::all().map(|error| error.name).collect::<Vec<_>>().join(", ");
        ClassicError::named(name).ok_or_else(|| format!("no classic error is called {name:?}; there are: {}", known()))
    };
    names.iter().map(find).collect()
}

/// How many of how many were right.
#[derive(Default)]
struct Count {
    n_right: u64,
    n: u64,
}

impl Count {
    fn add(&mut self, is_right: bool) {
        self.n += 1;
        self.n_right += u64::from(is_right);
    }
}

struct Report {
    table: Table,
    differences: Vec<String>,
    glibc: Count,
    memcheck: Option<Count>,
    sanitizer: Option<Count>,
}

impl Report {
    fn new(tools: &Tools) -> Self {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(100)
            .force_no_tty();
        table.set_header(["error", "glibc", "memcheck", "AddressSanitizer", "our detector"]);
        table.column_mut(0).expect("just set").set_constraint(ColumnConstraint::ContentWidth);
        Report {
            table,
            differences: Vec::new(),
            glibc: Count::default(),
            memcheck: tools.has_memcheck().then(Count::default),
            sanitizer: tools.has_sanitizer().then(Count::default),
        }
    }

    fn add(&mut self, error: &ClassicError, tools: &Tools, n_runs: u32) {
        let mut said = BTreeSet::new();
        for _ in 0..n_runs {
            let Ran { verdict, heap_base } = tools.on_glibc(error.name);
            let predicted = match heap_base {
                Some(base) => predict(error, base),
                None => "(the program said nothing of its heap)".to_owned(),
            };
            self.glibc.add(predicted == verdict);
            if predicted != verdict {
                let at = heap_base.map_or_else(String::new, |base| format!(" with its heap at {base}"));
                let what = format!("{}{at}: predicted `{predicted}`, glibc said `{verdict}`", error.name);
                self.differences.push(what);
            }
            said.insert(verdict);
        }
        let memcheck = self.memcheck.as_mut().map_or_else(String::new, |count| {
            judge(
                count,
                &mut self.differences,
                "memcheck",
                error.name,
                error.memcheck,
                &tools.under_memcheck(error.name),
            )
        });
        let sanitizer = self.sanitizer.as_mut().map_or_else(String::new, |count| {
            let said = tools.with_sanitizer(error.name);
            judge(count, &mut self.differences, "AddressSanitizer", error.name, error.address_sanitizer, &said)
        });
        let said = said.into_iter().collect::<Vec<_>>().join(" | ");
        self.table.add_row([error.name.to_owned(), said, memcheck, sanitizer, findings(error)]);
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.table);
        for difference in &self.differences {
            let _ = writeln!(text, "different: {difference}");
        }
        let Count { n_right, n } = self.glibc;
        let _ = writeln!(text, "glibc {MODELLED_GLIBC}: {n_right} of {n} runs as predicted");
        for (name, count) in [("memcheck", &self.memcheck), ("AddressSanitizer", &self.sanitizer)] {
            if let Some(Count { n_right, n }) = count {
                let _ = writeln!(text, "{name}: {n_right} of {n} as recorded");
            }
        }
        text
    }
}

/// What the model says of the program in a process whose heap begins there.
fn predict(error: &ClassicError, heap_base: Address) -> String {
    error.run(&mut Process::builder().heap_base(heap_base).detector(false).build()).said
}

/// Our detector's findings, each once.
fn findings(error: &ClassicError) -> String {
    let mut process = Process::builder().build();
    error.run(&mut process);
    let mut summaries: Vec<String> = process.findings().iter().map(Finding::summary).collect();
    summaries.dedup();
    summaries.join("; ")
}

/// Whether a tool says what was recorded of it; returns what to show of it.
fn judge(
    count: &mut Count,
    differences: &mut Vec<String>,
    tool: &str,
    name: &str,
    recorded: &str,
    said: &[String],
) -> String {
    let is_right = match recorded {
        "silent" => said.is_empty(),
        _ => recorded
            .split("; ")
            .all(|part| said.iter().any(|line| line.contains(part.trim_start_matches("N bytes in M blocks ")))),
    };
    count.add(is_right);
    let shown = if said.is_empty() { "silent".to_owned() } else { said.join("; ") };
    if !is_right {
        differences.push(format!("{name}: {tool} was recorded with `{recorded}` and said `{shown}`"));
    }
    if is_right { recorded.replace(" / delete / delete[] / realloc()", "") } else { shown }
}
