//! `cargo xtask compare-log` from the outside.

use std::path::PathBuf;
use std::process::Command;

fn log(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/hotspot/gc-logs");
    folder.join(format!("{name}.log.gz")).to_str().unwrap().to_owned()
}

/// Exit code, stdout, stderr.
fn compare_log(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("compare-log").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_log_alone_is_summed_up() {
    let (code, stdout, stderr) = compare_log(&[&log("17-Serial-gcs")]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for line in [
        "young collections        17, 21.2 ms in all, 4.3 ms at most",
        "Allocation Failure                                       22",
    ] {
        assert!(stdout.lines().any(|found| found == line), "{stdout}");
    }
}

#[test]
fn a_log_beside_itself_does_not_differ_and_beside_another_it_does() {
    let serial = log("17-Serial-gcs");
    let (code, stdout, _) = compare_log(&[&serial, &serial]);
    assert!(code == 0 && stdout.ends_with("No difference in 25 young and full collections.\n"), "{stdout}");
    let (code, stdout, _) = compare_log(&[&serial, &log("25-Serial-gcs"), "--rows", "3"]);
    assert_eq!(code, 1);
    assert!(stdout.contains("The first difference is in collection #0; 25 of 25 differ."), "{stdout}");
    let mut table = stdout.lines().filter(|line| !line.starts_with("left ") && !line.starts_with("right "));
    assert!(table.all(|line| line.chars().count() <= 100), "{stdout}");
}

#[test]
fn a_workload_runs_under_the_heap_sizes_of_the_log() {
    let serial = log("17-Serial-gcs");
    let (code, stdout, _) = compare_log(&[&serial, "graph_churn", "--set", "rounds=400"]);
    assert_eq!(code, 1, "it is another program");
    let run = "graph_churn on the model of JDK 17, -XX:+UseSerialGC -Xms8m -Xmx16m -XX:NewSize=2752512";
    assert!(stdout.contains(run), "{stdout}");
    // Eden and from of the real heap, the same in the model's first collection.
    let first = stdout.lines().find(|line| line.starts_with("#0 ")).unwrap();
    assert_eq!(first.matches("(7936K)").count(), 2, "{first}");
}

#[test]
fn what_is_no_log_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0.1: [GC (Allocation Failure) 1K->2K(3K), 0.1 secs]\n").unwrap();
    let (code, stdout, stderr) = compare_log(&[file.path().to_str().unwrap()]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(
        stderr
            .ends_with(":1: a log of JDK 8 or earlier (-XX:+PrintGCDetails); expected one of -Xlog:gc, as of JDK 17\n"),
        "{stderr}"
    );
    let (code, _, stderr) = compare_log(&[&log("17-Serial"), "--vm=-Xmn1m"]);
    assert_eq!((code, stderr.as_str()), (2, "--set, --vm and --jdk are for a workload, and none is given\n"));
}
