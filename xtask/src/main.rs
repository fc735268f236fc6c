//! The harness of heaptwin: one file a command.
//!
//! Exit codes: 0 as expected, 1 a difference or a fault of the workload, 2 misuse.
#![forbid(unsafe_code)]

mod bench;
mod compare;
mod compare_log;
mod console;
mod convert;
mod emit;
mod explain;
mod fuzz;
mod gallery;
mod jvm;
mod layout;
mod oracle;
mod progress;
mod record;
mod sweep;
mod table;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// One workload, three memory managers, every claim held against the real runtime.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(bench::Args),
    Compare(compare::Args),
    CompareLog(compare_log::Args),
    Convert(convert::Args),
    Emit(emit::Args),
    Explain(explain::Args),
    Fuzz(fuzz::Args),
    Jvm(jvm::Args),
    Layout(layout::Args),
    Oracle(oracle::Args),
    Record(record::Args),
    Sweep(sweep::Args),
    Verify(verify::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::CompareLog(args) => compare_log::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Emit(args) => emit::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Jvm(args) => jvm::run(&args),
        Command::Layout(args) => layout::run(&args),
        Command::Oracle(args) => oracle::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Verify(args) => verify::run(&args),
    }
}
