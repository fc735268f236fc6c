//! `cargo xtask oracle jvm` on the JVM that is installed, if there is one.

use std::process::{Command, Output};

fn oracle(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["oracle", "jvm"]).args(arguments).output().expect("the harness runs")
}

#[test]
fn a_few_programs_classes_and_flags_are_exact_on_the_installed_jvm() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().to_str().unwrap();
    let parts = ["--only", "serial", "--only", "layout", "--only", "sizing"];
    let more = ["--programs", "2", "--classes", "12", "--flag-sets", "3", "--seed", "4", "--keep", dir];
    let output = oracle(&[&parts[..], &more].concat());
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    if errors.contains("skipped: there is no") {
        eprintln!("{}", errors.trim());
        return;
    }
    for what in ["3 of 3 flag sets exact", "layouts of classes exact", "heap programs exact"] {
        assert!(said.contains(what), "{said}\n{errors}");
    }
}

#[test]
fn a_workload_of_the_gallery_and_a_random_one_are_exact_on_the_installed_jvm() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().to_str().unwrap();
    let workloads =
        ["--workload", "lru_cache:requests=60000", "--workload", "resurrection", "--workload", "random_112"];
    let more = ["--only", "workloads", "--rounds", "1", "--seed", "100", "--keep", dir];
    let output = oracle(&[&workloads[..], &more].concat());
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    if errors.contains("skipped: there is no") {
        eprintln!("{}", errors.trim());
        return;
    }
    assert!(said.contains("3 of 3 runs of workloads exact"), "{said}\n{errors}");
}

#[test]
fn a_jvm_that_is_not_there_is_skipped_with_a_word() {
    let output = oracle(&["--java", "/no/such/java"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && output.stdout.is_empty(), "{errors}");
    assert!(errors.contains("skipped: /no/such/java: ") && errors.contains("there is no JVM"), "{errors}");
}
