//! `cargo xtask oracle`: the models against the runtimes that are installed, live.

mod c;
pub(crate) mod cpython;
pub(crate) mod jvm;

use std::process::ExitCode;

/// Run programs on the real runtimes, and hold the models against what they do.
///
/// A runtime that is not there is skipped with a word on stderr. Exit code 0: everything was exact, or skipped; 1: a
/// difference; 2: misuse.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    runtime: Runtime,
}

#[derive(clap::Subcommand)]
enum Runtime {
    C(c::Args),
    Cpython(cpython::Args),
    Jvm(jvm::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    match &args.runtime {
        Runtime::C(args) => c::run(args),
        Runtime::Cpython(args) => cpython::run(args),
        Runtime::Jvm(args) => jvm::run(args),
    }
}
