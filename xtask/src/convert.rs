//! `cargo xtask convert`: a recorded trace in another format, or as a profile.

use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use c_model::Glibc;
use c_model::report;
use c_model::report::profile::Unit;
use harness::replay::{Profiled, profile};
use heap_trace::{Compression, Losses, MtraceWriter, Reader, RepSize, RepWriter, Sink, Writer};
use tempfile::NamedTempFile;

/// Write a recorded trace in another format, or as a heap profile.
///
/// Read are heap traces, and the logs of mtrace, heaptrack, Malloc Lab (.rep) and ltrace;
/// compressed or not, known by their content. The new format follows from the ending of OUTPUT,
/// or is given with `--to`:
///
///   heap-trace  .tr          ours; the log of another tool keeps the names of its blocks
///   mtrace      .mtrace      for mtrace(1)
///   rep         .rep         for Malloc Lab
///   massif      massif.out*  for `ms_print`; .massif as well
///   dhat        dhat.out*    for `dh_view.html`; .dhat as well
///
/// With .gz, .xz or .zst behind it, OUTPUT is compressed. The two profiles are of the trace
/// replayed through the model of glibc's malloc, with its headers and rounding. What a format
/// cannot say is told on stderr. OUTPUT is there when it is complete, or not at all.
///
/// Exit code 0: done; 1: the replay differs from what was recorded, or ended early, and the
/// profile is that of the model's own addresses; 2: misuse, or a trace that cannot be read.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The trace
    input: PathBuf,
    /// Where to; `-` or nothing for stdout
    output: Option<PathBuf>,
    /// The new format, where the ending of OUT does not say it
    #[arg(long, value_enum)]
    to: Option<Target>,
    /// What a profile counts time in; by default bytes for massif, events for dhat
    #[arg(long, value_enum)]
    time: Option<Time>,
    /// Cores of the machine the trace was recorded on, for a profile
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=65536))]
    cores: u64,
    /// The `GLIBC_TUNABLES` the trace was recorded under, for a profile
    #[arg(long, default_value = "", hide_default_value = true)]
    tunables: String,
}

/// What a trace is made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// Our own format
    HeapTrace,
    /// The log of mtrace(3)
    Mtrace,
    /// A trace of Malloc Lab
    Rep,
    /// massif's output file
    Massif,
    /// DHAT's output file
    Dhat,
}

/// What time is counted in.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Time {
    /// Calls of malloc's functions
    Events,
    /// Bytes of chunks allocated or freed
    Bytes,
}

impl Target {
    /// By the ending of a file, that of its compression left out.
    fn of_name(path: &Path) -> Option<Target> {
        let inner = if Compression::by_name(path) == Compression::None { path } else { Path::new(path.file_stem()?) };
        let name = inner.file_name()?.to_str()?;
        if name.starts_with("massif.out") {
            return Some(Target::Massif);
        }
        if name.starts_with("dhat.out") {
            return Some(Target::Dhat);
        }
        match inner.extension()?.to_str()? {
            "tr" => Some(Target::HeapTrace),
            "mtrace" => Some(Target::Mtrace),
            "rep" => Some(Target::Rep),
            "massif" => Some(Target::Massif),
            "dhat" => Some(Target::Dhat),
            _ => None,
        }
    }
}

/// Why nothing was written.
struct Failure(String);

impl<T: fmt::Display> From<T> for Failure {
    fn from(reason: T) -> Failure {
        Failure(reason.to_string())
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    match convert(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(Failure(reason)) => {
            let _ = writeln!(io::stderr(), "{}", reason.trim_end());
            ExitCode::from(2)
        }
    }
}

fn convert(args: &Args) -> Result<bool, Failure> {
    let output = args.output.as_deref().filter(|output| *output != Path::new("-"));
    let compression = output.map_or(Ok(Compression::None), compression)?;
    let target = args.to.or_else(|| Target::of_name(output?)).ok_or_else(|| match output {
        Some(output) => format!("{}: its ending says no format: choose one with --to", output.display()),
        None => "stdout has no ending that says the format: choose one with --to".to_owned(),
    })?;
    let trace = Reader::open(&args.input)?;
    for loss in trace.losses() {
        eprintln!("{}: {loss}", args.input.display());
    }
    let Some(output) = output else {
        let mut stdout = io::stdout().lock();
        return match write(args, target, trace, &mut stdout) {
            // Who closes the pipe early has seen enough.
            Err(error) if error.is_broken_pipe() => Ok(true),
            other => Ok(other?),
        };
    };
    let unwritten = |error: &dyn fmt::Display| Failure(format!("{}: cannot be written: {error}", output.display()));
    if output.is_dir() {
        return Err(unwritten(&"it is a folder"));
    }
    if fs::metadata(output).is_ok_and(|there| !there.is_file()) {
        // A device or a pipe is not to be replaced by a file.
        let file = fs::OpenOptions::new().write(true).open(output).map_err(|error| unwritten(&error))?;
        return Ok(compressed(args, target, trace, BufWriter::new(file), compression)?.1);
    }
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(".convert-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(|error| unwritten(&error))?;
    let (file, is_as_recorded) = compressed(args, target, trace, BufWriter::new(file), compression)?;
    let file: NamedTempFile = file.into_inner().map_err(|error| unwritten(&error))?;
    file.persist(output).map_err(|error| unwritten(&error))?;
    Ok(is_as_recorded)
}

fn compression(output: &Path) -> Result<Compression, Failure> {
    match output.extension().and_then(|ending| ending.to_str()) {
        Some(ending @ ("bz2" | "lz" | "lz4" | "lzma" | "zip" | "br" | "Z")) => {
            Err(Failure(format!("{}: .{ending} cannot be written: .gz, .xz and .zst can", output.display())))
        }
        _ => Ok(Compression::by_name(output)),
    }
}

fn compressed<W: Write>(
    args: &Args,
    target: Target,
    trace: Reader,
    to: W,
    compression: Compression,
) -> Result<(W, bool), Unwritten> {
    let mut sink = Sink::new(to, compression)?;
    let is_as_recorded = write(args, target, trace, &mut sink)?;
    Ok((sink.finish()?, is_as_recorded))
}

/// What went wrong in the middle.
enum Unwritten {
    Output(io::Error),
    Other(String),
}

impl Unwritten {
    fn is_broken_pipe(&self) -> bool {
        matches!(self, Unwritten::Output(error) if error.kind() == ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unwritten::Output(error) => write!(f, "the output cannot be written: {error}"),
            Unwritten::Other(reason) => f.write_str(reason),
        }
    }
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Unwritten::Output(error)
    }
}

impl From<heap_trace::TraceError> for Unwritten {
    fn from(error: heap_trace::TraceError) -> Self {
        Unwritten::Other(error.to_string())
    }
}

/// Writes the trace as `target`. Answers whether a replay went as recorded.
fn write(args: &Args, target: Target, mut trace: Reader, to: &mut impl Write) -> Result<bool, Unwritten> {
    let open = || Reader::open(&args.input);
    let header = trace.header();
    let losses = match target {
        Target::HeapTrace => {
            let mut writer = Writer::new(to, &header)?;
            while let Some(record) = trace.next_record()? {
                writer.write(&record)?;
            }
            writer.finish()?;
            Losses::default()
        }
        Target::Mtrace => {
            let mut writer = MtraceWriter::new(to, &header)?;
            while let Some(record) = trace.next_record()? {
                writer.write(&record)?;
            }
            writer.finish()?.1
        }
        Target::Rep => {
            let mut writer = RepWriter::new(to, &header, RepSize::of(open()?)?)?;
            while let Some(record) = trace.next_record()? {
                writer.write(&record)?;
            }
            writer.finish()?.1
        }
        Target::Massif | Target::Dhat => {
            drop(trace);
            return write_profile(args, target, to);
        }
    };
    for loss in losses.sentences() {
        eprintln!("{}: {loss}", args.input.display());
    }
    Ok(true)
}

fn write_profile(args: &Args, target: Target, to: &mut impl Write) -> Result<bool, Unwritten> {
    let input = args.input.display().to_string();
    let usual = if target == Target::Massif { Time::Bytes } else { Time::Events };
    let unit = match args.time.unwrap_or(usual) {
        Time::Events => Unit::Events,
        Time::Bytes => Unit::Bytes,
    };
    let glibc = Glibc::builder().cores(args.cores).tunables(&args.tunables);
    let glibc = glibc.map_err(|error| Unwritten::Other(error.to_string()))?;
    let Profiled { profile, difference, fault } = profile(|| Reader::open(&args.input), &glibc, unit, |_| {})?;
    eprintln!("{input}: traces have no call stacks: sites are the functions called, and the size classes of chunks");
    if let Some(difference) = &difference {
        eprintln!("{input}: not as recorded, so the chunks are of a heap of the model's own; {difference}");
    }
    if let Some(fault) = &fault {
        eprintln!("{input}: the replay ends early: {fault}");
    }
    let text = if target == Target::Massif { report::massif(&profile, &input) } else { report::dhat(&profile, &input) };
    to.write_all(text.as_bytes())?;
    Ok(difference.is_none() && fault.is_none())
}
