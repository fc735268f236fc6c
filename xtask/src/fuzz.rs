//! `cargo xtask fuzz`: random programs on a real runtime and on its model, compared call by call.

mod c;

use std::process::ExitCode;

/// Hold a model against the real runtime on random programs, until the first difference.
///
/// Exit code 0: all as predicted, or the runtime is not installed, which is said; 1: a difference; 2: misuse.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    model: Model,
}

#[derive(clap::Subcommand)]
enum Model {
    C(c::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    match &args.model {
        Model::C(args) => c::run(args),
    }
}
