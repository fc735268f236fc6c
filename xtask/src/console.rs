//! What all commands share: how they end, how they write, what they take.

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

/// Why a command cannot do what it was asked: misuse, said on stderr.
pub(crate) struct Misuse(pub(crate) String);

impl<T: fmt::Display> From<T> for Misuse {
    fn from(reason: T) -> Misuse {
        Misuse(reason.to_string())
    }
}

/// Ends a command: `true` is exit code 0, `false` is 1, misuse is 2.
pub(crate) fn conclude(command: impl FnOnce(&mut dyn Write) -> Result<bool, Misuse>) -> ExitCode {
    let mut out = anstream::stdout().lock();
    let done = command(&mut out).and_then(|is_as_expected| match out.flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritten(&error)),
        _ => Ok(is_as_expected),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(Misuse(reason)) => {
            // Nobody may be there to read it any more.
            let _ = writeln!(std::io::stderr(), "{}", reason.trim_end());
            ExitCode::from(2)
        }
    }
}

/// How results are written.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// Complete, for programs: docs/formats.md describes it
    Json,
}

/// `NAME=VALUE`, for clap.
pub(crate) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, as in n=100000".to_owned()),
    }
}

/// Writes results. Who closes the pipe (`| head`) has seen enough: that is no error.
pub(crate) fn print(out: &mut dyn Write, text: &str) -> Result<(), Misuse> {
    match out.write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritten(&error)),
        _ => Ok(()),
    }
}

fn unwritten(error: &std::io::Error) -> Misuse {
    Misuse(format!("the results could not be written: {error}"))
}

/// Columns of the terminal; 100 where there is none.
pub(crate) fn width() -> usize {
    if !std::io::stdout().is_terminal() {
        return 100;
    }
    terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0).clamp(72, 160))
}
