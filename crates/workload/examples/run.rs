//! Runs a workload on the machine that does nothing about memory: `cargo run -p workload --example run -- FILE [NAME=VALUE ...]`.

use std::process::ExitCode;

use workload::{Bare, Ending, Options, Workload, interpret};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: run FILE [NAME=VALUE ...]");
        return ExitCode::from(2);
    };
    let overrides: Vec<String> = arguments.collect();
    let overrides: Vec<(&str, &str)> = overrides.iter().filter_map(|given| given.split_once('=')).collect();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::from(2);
        }
    };
    let workload = match Workload::from_bytes(&path, &bytes) {
        Ok(workload) => workload,
        Err(diagnostics) => {
            eprint!("{}", diagnostics.render(false));
            return ExitCode::from(2);
        }
    };
    let code = match workload.compile(&overrides) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::from(2);
        }
    };
    let run = interpret::run(&code, &mut Bare::new(), &Options::default());
    print!("{}", run.output);
    match run.ending {
        Ending::Finished => {
            eprintln!("{} ticks", run.ticks);
            ExitCode::SUCCESS
        }
        Ending::Faulted(fault) => {
            eprintln!("{path}: {fault}");
            ExitCode::FAILURE
        }
    }
}
