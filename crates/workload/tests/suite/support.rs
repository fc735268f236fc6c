//! What the tests share.

use workload::{Bare, Ending, Options, Run, Workload, interpret};

/// A workload that is right.
pub(crate) fn parse(source: &str) -> Workload {
    Workload::parse("test.wl", source).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

/// Runs a workload on the machine that does nothing.
pub(crate) fn run(source: &str) -> Run {
    run_with(source, &Options::default())
}

/// As [`run`], with options.
pub(crate) fn run_with(source: &str, options: &Options) -> Run {
    let code = parse(source).compile(&[]).expect("no overrides, no errors");
    interpret::run(&code, &mut Bare::with_room(1 << 23), options)
}

/// Runs a workload to its end; what it printed.
pub(crate) fn output(source: &str) -> String {
    let run = run(source);
    assert_eq!(run.ending, Ending::Finished, "{source}");
    run.output
}

/// Wraps statements into a `main`.
pub(crate) fn in_main(statements: &str) -> String {
    format!("fn main() {{\n{statements}\n}}\n")
}

/// The gallery's sources, by name.
pub(crate) fn gallery() -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/workloads");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the gallery is there")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wl"))
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a readable file"))
        })
        .collect();
    files.sort();
    assert!(files.len() >= 20, "the gallery has {} workloads", files.len());
    files
}
