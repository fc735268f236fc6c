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
    /// The language: c, java, python
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::{Command, Output};

    use cpython_model::CPython;
    use workload::{Ending, Options, Workload, interpret};

    use super::*;
    use crate::oracle::cpython::interpreters::{Interpreter, find};

    /// Where `MemoryError` comes: the real one takes what the system gives. Unit: KiB.
    const MEMORY_KIB_MAX: &str = "1000000";

    fn run_on(interpreter: &Interpreter, source: &Path) -> Output {
        let limited = "ulimit -v $1; exec \"$2\" -I \"$3\"";
        Command::new("sh")
            .args(["-c", limited, "sh", MEMORY_KIB_MAX])
            .arg(interpreter.path())
            .arg(source)
            .output()
            .unwrap_or_else(|error| panic!("{interpreter}: {error}"))
    }

    fn check(workload: &Workload, interpreter: &Interpreter, folder: &Path) {
        let seed = 7;
        // Large blocks leave the interpreter room to say that there is none for another.
        let overrides: &[(&str, &str)] = match workload.name() {
            "out_of_memory" => &[("size", "50000000")],
            _ => &[],
        };
        let path = folder.join(format!("{}.py", workload.name()));
        std::fs::write(&path, emit(workload, Language::Python, overrides, seed).unwrap()).unwrap();
        let version = interpreter.minor().unwrap();
        let mut machine = CPython::builder().version(version).build();
        let options = Options { seed, ..Options::default() };
        let run = interpret::run(&workload.compile(overrides).unwrap(), &mut machine, &options);
        let real = run_on(interpreter, &path);
        let name = workload.name();
        let last_words = String::from_utf8_lossy(&real.stderr).into_owned();
        assert_eq!(String::from_utf8_lossy(&real.stdout), run.output, "{name} on {interpreter}: {last_words}");
        match run.ending {
            Ending::Finished => assert!(real.status.success(), "{name} on {interpreter}: {last_words}"),
            Ending::Faulted(fault) => {
                let exception = fault.message.split(':').next().unwrap();
                let last_line = last_words.lines().last().unwrap_or_default();
                assert!(last_line.starts_with(exception), "{name} on {interpreter}: {last_line}, not {exception}");
            }
        }
    }

    #[test]
    fn every_workload_of_the_gallery_prints_in_python_what_it_prints_on_the_model() {
        let found = find(&[]).unwrap_or_else(|Misuse(reason)| panic!("{reason}"));
        if found.interpreters.is_empty() {
            eprintln!("skipped: no CPython 3.11, 3.12 or 3.13 is installed");
        }
        let folder = tempfile::tempdir().unwrap();
        for workload in gallery::load().unwrap_or_else(|Misuse(reason)| panic!("{reason}")) {
            for interpreter in &found.interpreters {
                check(&workload, interpreter, folder.path());
            }
        }
    }
}
