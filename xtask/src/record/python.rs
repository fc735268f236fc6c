//! What an interpreter of Python asks of its own allocator, written as a pymalloc trace.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Command;

use cpython_model::Version;
use cpython_model::obmalloc::Snapshot;
use cpython_model::params::{N_SIZE_CLASSES, arena_bytes, pool_bytes};
use heap_trace::Sink;

use super::convert::Words;
use super::ring::Recording;
use super::wire::{ARGUMENT_SHIFT, IS_WIDE, Op};

/// So much of a trace is kept: `verify` reads a trace as one line, which may have 256 MiB. Unit: bytes.
const TRACE_BYTES_MAX: u64 = 250 << 20;

/// What a trace is about.
#[derive(Default)]
#[expect(clippy::struct_field_names, reason = "counts begin with n_ everywhere")]
pub(super) struct Summary {
    pub(super) n_calls: u64,
    /// Calls that came after the trace was full.
    pub(super) n_left_out: u64,
    pub(super) n_arenas_made: u64,
    pub(super) n_arenas_released: u64,
}

/// The interpreter itself, where the command names a script that finds one.
pub(super) fn interpreter(command: &[OsString]) -> Result<Vec<OsString>, String> {
    let (program, arguments) = command.split_first().ok_or("which interpreter?")?;
    for variable in ["PYTHONMALLOC", "PYTHONDEVMODE"] {
        if std::env::var_os(variable).is_some_and(|value| !value.is_empty()) {
            return Err(format!("{variable} is set: the interpreter would replace its allocator"));
        }
    }
    let name = program.display();
    // Without the program's own modules: only the name of the interpreter is wanted.
    let output = Command::new(program)
        .args(["-I", "-S", "-c", "import sys; sys.stdout.write(sys.executable)"])
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    let executable = output.stdout;
    if !output.status.success() || !executable.starts_with(b"/") {
        return Err(format!("{name}: is not an interpreter of Python"));
    }
    let mut command = vec![OsString::from_vec(executable)];
    command.extend_from_slice(arguments);
    Ok(command)
}

/// The version of the recorded interpreter, if it is one that is modelled.
pub(super) fn version(recording: &Recording) -> Result<Version, String> {
    if !recording.has_python {
        return Err("the program is no interpreter of Python: it does not export `PyMem_SetAllocator`".to_owned());
    }
    recording.python_version.parse().map_err(|error| format!("{error}"))
}

/// Writes the trace. The result is to be finished.
pub(super) fn convert<W: Write>(
    recording: &Recording,
    version: Version,
    workload: &Path,
    to: Sink<W>,
) -> io::Result<(Summary, Sink<W>)> {
    // Recorded from the interpreter's start on: nothing is there yet.
    let empty = Snapshot { used_pools: vec![Vec::new(); N_SIZE_CLASSES], ..Snapshot::default() };
    let mut to = Counted { to: io::BufWriter::with_capacity(1 << 16, to), n_bytes: 0 };
    let head = serde_json::json!({
        "version": recording.python_version,
        "workload": workload.file_name().unwrap_or_default().to_string_lossy(),
        "arena_size": arena_bytes(version),
        "pool_size": pool_bytes(version),
        "snapshot": empty.to_integers(),
    });
    let head = head.to_string();
    write!(to, "{},\"events\":[", head.trim_end_matches('}'))?;
    let mut arenas: Vec<(u8, u64)> = Vec::new();
    let mut summary = Summary::default();
    let mut words = Words::of(recording)?;
    while words.left_bytes > 0 {
        let first = words.next()?;
        let n = if first & IS_WIDE == 0 { first >> ARGUMENT_SHIFT } else { words.next()? };
        let op = (first & (IS_WIDE - 1)) as u8;
        let quad = if op == Op::PythonMalloc as u8 {
            [0, n, 0, words.next()?]
        } else if op == Op::PythonFree as u8 {
            [1, 0, n, 0]
        } else if op == Op::PythonRealloc as u8 {
            let (old, answer) = (words.next()?, words.next()?);
            // `realloc` of nothing is `malloc`.
            if old == 0 { [0, n, 0, answer] } else { [2, n, old, answer] }
        } else if op == Op::PythonCalloc as u8 {
            [3, n, 0, words.next()?]
        } else if op == Op::PythonArenaMade as u8 || op == Op::PythonArenaReleased as u8 {
            // From 3.11 on stacks of frames come from the same function, in smaller pieces.
            if words.next()? == arena_bytes(version) {
                let is_made = op == Op::PythonArenaMade as u8;
                *(if is_made { &mut summary.n_arenas_made } else { &mut summary.n_arenas_released }) += 1;
                arenas.push((if is_made { 1 } else { 2 }, n));
            }
            continue;
        } else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the program has overwritten the records"));
        };
        if quad == [1, 0, 0, 0] {
            // NULL: nothing happens.
            continue;
        }
        if to.n_bytes > TRACE_BYTES_MAX {
            summary.n_left_out += 1;
            continue;
        }
        let comma = if summary.n_calls == 0 { "" } else { "," };
        let [kind, bytes, block, answer] = quad;
        write!(to, "{comma}{kind},{bytes},{block},{answer}")?;
        summary.n_calls += 1;
    }
    writeln!(to, "],\"arenas\":{}}}", serde_json::to_string(&arenas)?)?;
    let sink = to.to.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok((summary, sink))
}

/// Says on stderr what was recorded, and how it is verified.
pub(super) fn report(recording: &Recording, summary: &Summary, output: &Path) {
    let Summary { n_calls, n_left_out, n_arenas_made, n_arenas_released } = summary;
    if *n_left_out > 0 {
        eprintln!("the trace is full: the last {n_left_out} calls are left out");
    }
    eprintln!(
        "{}: {n_calls} calls of Python {}'s allocator, {n_arenas_made} arenas made, {n_arenas_released} released",
        output.display(),
        recording.python_version,
    );
    eprintln!("verify it with: cargo xtask verify {}", output.display());
}

/// Counts what is written.
struct Counted<W: Write> {
    to: W,
    n_bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.to.write(bytes)?;
        self.n_bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
