//! `cargo xtask bench`: the models beside the real runtimes, in one run.

mod c;
mod cpython;
mod jvm;
mod rounds;

use std::process::ExitCode;

use comfy_table::{CellAlignment, Table};

use crate::table::figures_table;

/// Measure a model beside the real thing, in turn, in one run.
///
/// Every figure is the median of many rounds, and the ratio is that of the same round, with the quartiles beside it:
/// what else the machine does at that moment concerns both.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    C(c::Args),
    #[command(name = "cpython")]
    CPython(cpython::Args),
    Jvm(jvm::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    match &args.what {
        What::C(args) => c::run(args),
        What::CPython(args) => cpython::run(args),
        What::Jvm(args) => jvm::run(args),
    }
}

/// The table of a benchmark: what was measured, how much of it, who was measured, and figures.
fn table(header: &[&str]) -> Table {
    let mut table = figures_table(header);
    if let Some(who) = table.column_mut(2) {
        who.set_cell_alignment(CellAlignment::Left);
    }
    table
}
