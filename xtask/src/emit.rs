//! `cargo xtask emit`: a workload as source of a real language.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use workload::emit::{Language, emit};

use crate::console::{Misuse, assignment, conclude, print};
use crate::gallery::{self, Found};

/// Write a workload as source of a real language, to be compiled and run there.
///
/// It prints what the emulated run prints, and ends as that does. Parameters and the seed are part of the source.
///
/// Exit code 0: it was written; 2: misuse.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The language: java
    language: Language,
    /// A workload of the gallery, or a .wl file
    workload: String,
    /// A parameter of the workload: `--set n=100000`; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// The seed of the workload's `rand`
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write it into this folder, in a file of the name that the language asks for, instead of to stdout
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    conclude(|out| {
        let Found::Workload(workload) = gallery::find(&args.workload)? else {
            return Err(Misuse(format!("{} is a heap trace; expected a workload", args.workload)));
        };
        let set: Vec<(&str, &str)> = args.set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let source = emit(&workload, args.language, &set, args.seed)?;
        let Some(folder) = &args.into else {
            print(out, &source)?;
            return Ok(true);
        };
        let file =
            folder.join(Path::new(&args.language.program_name(&workload)).with_extension(args.language.extension()));
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&file, source))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        eprintln!("written: {}", file.display());
        Ok(true)
    })
}
