//! The project's rules, where a machine can check them.

use std::fs;
use std::path::{Path, PathBuf};

use cross_model_tests::gallery::folder;

use crate::support::no_complaints;

/// The longest file. Unit: lines.
const LINES_MAX: usize = 600;

/// The crates that model a runtime.
const MODELS: [&str; 3] = ["c-model", "cpython-model", "jvm-model"];

/// The crate that is preloaded into other programs, and cannot do without `unsafe`.
const UNSAFE_CRATE: &str = "recorder";

struct File {
    /// From the root of the workspace, with slashes.
    path: String,
    text: String,
}

fn root() -> &'static Path {
    folder().parent().expect("the package is in the workspace")
}

/// All text files of these endings in the workspace, but not what a build or a recording left there.
fn files(endings: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    let mut to_do: Vec<PathBuf> = vec![root().to_owned()];
    while let Some(directory) = to_do.pop() {
        for entry in fs::read_dir(&directory).expect("a folder of the workspace can be listed") {
            let entry = entry.expect("a folder of the workspace can be listed");
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            if entry.file_type().expect("a file has a type").is_dir() {
                let is_ours = ![".git", "target", "oracle"].contains(&name.as_str());
                to_do.extend(is_ours.then_some(path));
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let relative = path.strip_prefix(root()).expect("it is below the root").to_string_lossy().into_owned();
                let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{relative}: {error}"));
                found.push(File { path: relative.replace('\\', "/"), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no file ends in {endings:?}");
    found
}

fn sources() -> Vec<File> {
    files(&[".rs"])
}

/// Complaints about files for which `is_wrong` says what is wrong.
fn check(files: &[File], is_wrong: impl Fn(&File) -> Option<String>) {
    let complaint = |file: &File| is_wrong(file).map(|what| format!("{}: {what}", file.path));
    no_complaints(&files.iter().filter_map(complaint).collect::<Vec<_>>());
}

fn folders_with_a_manifest() -> Vec<String> {
    let manifests = files(&["Cargo.toml"]);
    manifests.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml").map(str::to_owned)).collect()
}

#[test]
fn every_source_file_says_at_its_head_what_it_is() {
    check(&sources(), |file| (!file.text.starts_with("//! ")).then(|| "does not begin with `//!`".to_owned()));
}

#[test]
fn no_source_file_is_too_long_to_read() {
    check(&sources(), |file| {
        let n_lines = file.text.lines().count();
        (n_lines > LINES_MAX).then(|| format!("{n_lines} lines, {LINES_MAX} are the most"))
    });
}

#[test]
fn every_crate_forbids_unsafe_code() {
    let sources = sources();
    for folder in folders_with_a_manifest() {
        if folder.ends_with(UNSAFE_CRATE) {
            continue;
        }
        let roots: Vec<&File> = ["src/lib.rs", "src/main.rs"]
            .iter()
            .filter_map(|root| sources.iter().find(|file| file.path == format!("{folder}/{root}")))
            .collect();
        assert!(!roots.is_empty(), "{folder} has no root");
        for root in roots {
            assert!(root.text.contains("#![forbid(unsafe_code)]"), "{} does not forbid unsafe code", root.path);
        }
    }
}

#[test]
fn nothing_is_left_undone_or_untested() {
    // Put together, so that this file does not find itself.
    let forbidden =
        [concat!("#[ign", "ore"), concat!("tod", "o!("), concat!("unimple", "mented!("), concat!("db", "g!(")];
    check(&sources(), |file| {
        let found = forbidden.iter().find(|word| file.text.contains(*word));
        found.map(|word| format!("contains `{word}`"))
    });
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let forbidden = [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];
    let texts = files(&[".rs", ".toml", ".md", ".wl", ".snap", ".yaml", ".yml", ".ci/run"]);
    check(&texts, |file| {
        let line = file.text.lines().position(|line| forbidden.iter().any(|path| line.contains(path)));
        line.map(|line| format!("line {} has a path of some machine", line + 1))
    });
}

#[test]
fn modules_are_named_after_themselves() {
    check(&sources(), |file| file.path.ends_with("/mod.rs").then(|| "is a `mod.rs`".to_owned()));
}

/// The names on the left of the equal signs in all tables of dependencies of a manifest.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut is_table_of_dependencies = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if let Some(table) = line.trim().strip_prefix('[') {
            is_table_of_dependencies = table.trim_end_matches(']').ends_with("dependencies");
        } else if is_table_of_dependencies && let Some((name, _)) = line.split_once('=') {
            found.push(name.trim().trim_end_matches(".workspace"));
        }
    }
    found
}

/// The same without those of tests.
fn run_time_part(manifest: &str) -> Vec<&str> {
    let tests = manifest.find("[dev-dependencies]").unwrap_or(manifest.len());
    dependencies(&manifest[..tests])
}

#[test]
fn dependencies_point_one_way() {
    let crates = files(&["Cargo.toml"]);
    let names: Vec<&str> =
        crates.iter().filter_map(|file| file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")).collect();
    assert!(MODELS.iter().all(|model| names.contains(model)), "the models are among {names:?}");
    check(&crates, |file| {
        let name = file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
        let forbidden = |dependency: &&str| match name {
            "memory-trait" => names.contains(dependency),
            "workload" | "lifetimes" | "heap-trace" => MODELS.contains(dependency) || *dependency == "harness",
            // The vocabulary and what reads recordings, but nothing above them, and not each other. Their tests may run
            // workloads, which know no model.
            model if MODELS.contains(&model) => {
                let is_for_tests = *dependency == "workload" && !run_time_part(&file.text).contains(&"workload");
                !["memory-trait", "heap-trace"].contains(dependency) && !is_for_tests
            }
            _ => false,
        };
        let ours = dependencies(&file.text).into_iter().filter(|dependency| names.contains(dependency));
        let wrong: Vec<&str> = ours.filter(forbidden).collect();
        (!wrong.is_empty()).then(|| format!("depends on {}", wrong.join(", ")))
    });
}

#[test]
fn a_manifest_is_read_table_by_table() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = { path = \"..\" }\n[lints]\nc = 1\n\
                    [dev-dependencies]\nd = \"1\"\n";
    assert_eq!(dependencies(manifest), ["a", "b", "d"]);
}
