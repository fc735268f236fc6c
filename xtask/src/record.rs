//! `cargo xtask record`: what a real program asks of malloc, or Python of its own allocator, written as a trace.

mod convert;
mod library;
mod program;
mod python;
mod ring;
#[path = "../../crates/recorder/src/wire.rs"]
mod wire;

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::BufWriter;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use heap_trace::{Compression, Sink};
use tempfile::NamedTempFile;

use program::Program;
use ring::Recording;

/// Record what a program asks of malloc, as a heap trace.
///
/// Runs the program with the recorder preloaded, which leaves its heap as it would be without. The program must be
/// dynamically linked to glibc and must not be setuid; it may have threads. What it starts itself is not recorded, nor
/// what it becomes by `exec`: of a wrapper script name the real program. Input, output and exit code are the program's;
/// 128 and the number of the signal if one ended it. A program that is killed leaves a trace up to there.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the trace goes; `.gz`, `.xz` or `.zst` at the end compresses it [default: PROGRAM.tr.gz, or
    /// PROGRAM.jsonl.gz with --python]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The program is an interpreter of Python (3.8 to 3.13, also one that pyenv or a virtual environment finds): record
    /// what it asks of its own allocator, pymalloc, from its start on
    #[arg(long)]
    python: bool,
    /// Set when this process ignores the keyboard's signals already
    #[arg(long, hide = true)]
    ignores_keyboard: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    command: Vec<OsString>,
}

/// Misuse, and whatever keeps a trace from being written.
const CODE_MISUSE: u8 = 2;

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    if !args.ignores_keyboard {
        let error = ignore_keyboard();
        eprintln!("env: {error}; an interrupt from the keyboard will end the recording, too");
    }
    match record(args) {
        Ok(status) => {
            let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
            ExitCode::from(code as u8)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(CODE_MISUSE)
        }
    }
}

/// Signals that a terminal sends to all who run in it.
const KEYBOARD_SIGNALS: &str = "INT,QUIT";

/// Goes on as a process that ignores the signals of the keyboard: they are for the program, and its trace has to be written
/// after them. Returns only if that fails.
fn ignore_keyboard() -> std::io::Error {
    let mut arguments = std::env::args_os();
    let command = arguments.by_ref().take(2).last();
    let harness = match std::env::current_exe() {
        Ok(harness) => harness,
        Err(error) => return error,
    };
    Command::new("env")
        .arg(format!("--ignore-signal={KEYBOARD_SIGNALS}"))
        .arg(harness)
        .args(command)
        .arg("--ignores-keyboard")
        .args(arguments)
        .exec()
}

fn record(args: &Args) -> Result<ExitStatus, String> {
    let resolved = if args.python { Some(python::interpreter(&args.command)?) } else { None };
    let program = Program::find(resolved.as_ref().unwrap_or(&args.command))?;
    let ending = if args.python { ".jsonl.gz" } else { ".tr.gz" };
    let output = args.output.clone().unwrap_or_else(|| program.default_output(ending));
    let library = library::build()?;
    // Made before the program runs: an output that cannot be written is no reason to run it.
    let (text, spool) = temporary_files(&output).map_err(|error| format!("{}: {error}", output.display()))?;
    let (recording, status) = observe(&program, &library, spool, args.python)?;
    if recording.process == 0 {
        return Err(format!(
            "{}: the recorder was not loaded, so there is no trace (does the program run with other privileges, or is it \
             linked in an unusual way?)",
            program.path.display()
        ));
    }
    let failed = |error: std::io::Error| format!("{}: {error}", output.display());
    if args.python {
        let version = python::version(&recording).map_err(|why| format!("{}: {why}", program.path.display()))?;
        let summary = write(text, &output, |sink| python::convert(&recording, version, &program.script(), sink));
        report_end(&program, &recording, status);
        python::report(&recording, &summary.map_err(failed)?, &output);
    } else {
        let summary = write(text, &output, |sink| convert::convert(&recording, sink)).map_err(failed)?;
        report_end(&program, &recording, status);
        report(&recording, &summary, &output);
    }
    Ok(status)
}

/// The output under a name of its own, and a file without one for the records.
fn temporary_files(output: &Path) -> std::io::Result<(NamedTempFile, File)> {
    let directory = match output.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if output.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let text = tempfile::Builder::new()
        .prefix(".heaptwin-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory)?;
    Ok((text, tempfile::tempfile_in(directory)?))
}

/// Runs the program and takes what the recorder writes.
fn observe(program: &Program, library: &Path, spool: File, is_python: bool) -> Result<(Recording, ExitStatus), String> {
    let ring = ring::Ring::create(is_python).map_err(|error| format!("cannot make the recorder's buffer: {error}"))?;
    let mut preload = library.as_os_str().to_owned();
    if let Some(others) = std::env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
        preload.push(":");
        preload.push(others);
    }
    let assign = |name: &str, value: &std::ffi::OsStr| {
        let mut assignment = OsString::from(format!("{name}="));
        assignment.push(value);
        assignment
    };
    // env(1) adds to the environment and leaves its order alone, which a program may copy to its heap.
    let mut child = Command::new("env")
        .arg(format!("--default-signal={KEYBOARD_SIGNALS}"))
        .arg(assign("LD_PRELOAD", &preload))
        .arg(assign(wire::RING_VARIABLE, ring.path().as_os_str()))
        .arg(&program.path)
        .args(&program.arguments)
        .spawn()
        .map_err(|error| format!("env: {error}"))?;
    let process = child.id();
    let (recording, status) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| ring.read_into(spool, process));
        let status = child.wait();
        ring.end();
        (reader.join().expect("the reader does not panic"), status)
    });
    let recording = recording.map_err(|error| format!("the records cannot be kept: {error}"))?;
    Ok((recording, status.map_err(|error| format!("the program is lost: {error}"))?))
}

/// What a trace is written to.
type Output<'a> = Sink<BufWriter<&'a File>>;

/// Writes the trace and gives it its name.
fn write<T>(
    text: NamedTempFile,
    output: &Path,
    convert: impl FnOnce(Output<'_>) -> std::io::Result<(T, Output<'_>)>,
) -> std::io::Result<T> {
    let buffered = BufWriter::with_capacity(1 << 16, text.as_file());
    let (summary, sink) = convert(Sink::new(buffered, Compression::by_name(output))?)?;
    sink.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    text.persist(output).map_err(|error| error.error)?;
    Ok(summary)
}

/// Says on stderr how the program ended, if not by `exit`.
fn report_end(program: &Program, recording: &Recording, status: ExitStatus) {
    let name = program.path.display();
    if let Some(signal) = status.signal() {
        eprintln!("{name} was ended by signal {signal}; the trace goes up to there");
    } else if let Some(other) = &recording.became {
        eprintln!("{name} went on as {}, which is not recorded: record that program itself", other.display());
    } else if !recording.has_ended {
        eprintln!("{name} did not end by `exit`: if it went on as another program, record that one itself");
    }
}

/// Says on stderr what was recorded, what of it may surprise, and how it is verified.
fn report(recording: &Recording, summary: &convert::Summary, output: &Path) {
    if recording.glibc != 236 {
        let (major, minor) = (recording.glibc / 100, recording.glibc % 100);
        eprintln!("recorded with glibc {major}.{minor}: the model is that of 2.36, others differ");
    } else if !recording.has_arena {
        eprintln!("glibc's main arena was not found: thread heaps are announced when the first block is in them");
    }
    let convert::Summary { n_events, n_threads, peak_bytes, n_mapped, n_regions } = *summary;
    let mut parts = vec![count(n_events, "event"), count(u64::from(n_threads), "thread")];
    parts.push(format!("the break rose by at most {} KiB", peak_bytes / 1024));
    if n_mapped > 0 {
        parts.push(count(n_mapped, "mapped block"));
    }
    if n_regions > 0 {
        parts.push(count(n_regions as u64, "thread heap"));
    }
    eprintln!("{}: {}", output.display(), parts.join(", "));
    let tunables = match program::tunables() {
        none if none.is_empty() => none,
        some => format!(" --tunables {some}"),
    };
    eprintln!("verify it with: cargo xtask verify --cores {}{tunables} {}", recording.cores, output.display());
}

fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
