//! `cargo xtask oracle c` as it is called: exit codes, what goes where. It skips where there is no gcc or another libc.

use std::process::{Command, Output};

fn oracle_c(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(["oracle", "c"]).args(args).output().expect("the command runs")
}

#[test]
fn classic_errors_on_this_machines_glibc_end_as_predicted() {
    let output = oracle_c(&["--glibc-only", "--runs", "2"]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}");
    if stderr.contains("skipped: ") {
        eprintln!("skipped: {stderr}");
        return;
    }
    assert!(stdout.ends_with("glibc 2.36: 100 of 100 runs as predicted\n"), "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() <= 100), "{stdout}");
}

#[test]
fn the_program_is_printed_with_all_fifty() {
    let output = oracle_c(&["--source"]);
    let source = String::from_utf8_lossy(&output.stdout);
    assert_eq!(source.matches("static void ").count(), 50);
    assert!(source.contains("int main(int argc, char **argv) {"));
}

#[test]
fn an_error_that_nobody_knows_is_misuse_of_the_command() {
    let output = oracle_c(&["uaf_raed"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("no classic error is called \"uaf_raed\"; there are: uaf_read, "), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn workloads_make_the_calls_that_the_machine_makes_when_they_are_compiled() {
    let output = oracle_c(&["--workloads", "string_builder", "escaped_frame", "use_after_free", "lru_cache"]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    if stderr.contains("skipped: ") {
        eprintln!("skipped: {stderr}");
        return;
    }
    assert!(stdout.contains("string_builder: exact: 1202 of 1202 calls, its output and its end\n"), "{stdout}");
    assert!(stdout.contains("glibc 2.36: 4 of 4 workloads exact, "), "{stdout}");
}

#[test]
fn random_workloads_do_so_too() {
    let output = oracle_c(&["--workloads", "--random", "6", "--seed", "1000"]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(
        stderr.contains("skipped: ") || stdout.contains("glibc 2.36: 6 of 6 workloads exact, "),
        "{stdout}{stderr}"
    );
}

#[test]
fn a_workload_that_nobody_knows_is_misuse_of_the_command() {
    let output = oracle_c(&["--workloads", "string_bilder"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("did you mean `string_builder`?"), "{stderr}");
}
