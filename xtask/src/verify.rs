//! `cargo xtask verify`: the models against recorded truth of any known kind, recognised by content.

mod collector;
mod glibc;
mod hotspot_recorded;
mod programs;
mod pymalloc;

use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cpython_model::cycle::recorded;
use jvm_model::recorded::Recorded;

/// Hold the models against recordings of the real runtimes.
///
/// For each file one line, `FILE: exact: N of N events`; at the first wrong event what was expected and what was
/// predicted. Exit code 0: all exact; 1: a difference; 2: a file that cannot be read or is of no known kind.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Recordings, compressed with xz, zstd or gzip or not at all
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Cores of the machine a heap trace was recorded on: the limit of malloc's arenas follows from it
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=65536))]
    cores: u64,
    /// The `GLIBC_TUNABLES` a heap trace was recorded under, such as `tcache_count=0:arena_max=2`
    #[arg(long, default_value = "", hide_default_value = true)]
    tunables: String,
}

/// How one file came out.
enum Verdict {
    /// As recorded: how much of what; the note is for stderr.
    Exact { n: u64, what: &'static str, note: String },
    /// The first thing that is not as recorded, and how much was right before it.
    Different { n: u64, what: &'static str, difference: String },
    /// Nothing could be compared, or no longer.
    Unreadable(String),
}

/// The kinds of recordings.
enum Kind {
    /// A heap trace, or the log of another tool, which is refused with a better word.
    HeapTrace,
    /// Layouts or heap sizes of a JVM.
    Hotspot(Recorded),
    /// Calls of pymalloc, or sizes of Python's objects.
    Pymalloc(pymalloc::Kind),
    /// Programs on graphs of Python's objects, and what the collector did.
    Collector,
    /// Workloads on Python, and what they asked of its allocator.
    Program,
}

impl Kind {
    fn of(head: &[u8]) -> Option<Kind> {
        if head.starts_with(b"H page+") {
            return Some(Kind::HeapTrace);
        }
        if let Some(kind) = pymalloc::Kind::of(head) {
            return Some(Kind::Pymalloc(kind));
        }
        if cpython_model::is_programs(head) {
            return Some(Kind::Program);
        }
        if recorded::is_runs(head) {
            return Some(Kind::Collector);
        }
        let first_line = head.split(|&byte| byte == b'\n').next()?;
        let of_hotspot = std::str::from_utf8(first_line).ok().and_then(Recorded::of_first_line);
        of_hotspot.map(Kind::Hotspot).or_else(|| heap_trace::Format::of(head).map(|_| Kind::HeapTrace))
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut code = 0;
    for file in &args.files {
        let (line, file_code) = match verify(file, args) {
            Verdict::Exact { n, what, note } => {
                if !note.is_empty() {
                    eprintln!("{}: {note}", file.display());
                }
                (format!("exact: {n} of {n} {what}"), 0)
            }
            Verdict::Different { n, what, difference } => {
                (format!("different after {n} {what} that are right\n{difference}"), 1)
            }
            Verdict::Unreadable(error) => {
                eprintln!("{error}");
                code = 2;
                continue;
            }
        };
        // Who closes the pipe early knows enough.
        let _ = writeln!(std::io::stdout(), "{}: {line}", file.display());
        code = code.max(file_code);
    }
    ExitCode::from(code)
}

fn verify(file: &Path, args: &Args) -> Verdict {
    let unreadable = |error: &dyn Display| Verdict::Unreadable(format!("{}: {error}", file.display()));
    if file.is_dir() {
        return unreadable(&"is a directory, not a recording");
    }
    let mut source = match heap_trace::open(file) {
        Ok(source) => source,
        Err(error) => return unreadable(&error),
    };
    let kind = match source.fill_buf() {
        Ok([]) => return unreadable(&"the file is empty"),
        Ok(head) => Kind::of(head),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return unreadable(&"the archive ends early");
        }
        Err(error) => return unreadable(&error),
    };
    match kind {
        // Read on from here, and not from the start: a heap trace may come through a pipe.
        Some(Kind::HeapTrace) => glibc::verify(file, source, args.cores, &args.tunables),
        Some(Kind::Hotspot(recorded)) => hotspot_recorded::verify(file, recorded),
        Some(Kind::Pymalloc(kind)) => pymalloc::verify(file, kind),
        Some(Kind::Collector) => collector::verify(file),
        Some(Kind::Program) => programs::verify(file),
        None => unreadable(&"not a recording of a known kind (a heap trace begins with `H page+`)"),
    }
}

/// What a long run says of itself on stderr, once a second and on a terminal only.
pub(crate) struct Progress {
    said_at: Option<Instant>,
    has_said: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Progress { said_at: std::io::stderr().is_terminal().then(Instant::now), has_said: false }
    }

    pub(crate) fn say(&mut self, text: impl FnOnce() -> String) {
        if let Some(said_at) = &mut self.said_at
            && said_at.elapsed() >= Duration::from_secs(1)
        {
            *said_at = Instant::now();
            self.has_said = true;
            eprint!("\r{}\x1b[K", text());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.has_said {
            eprint!("\r\x1b[K");
        }
    }
}
