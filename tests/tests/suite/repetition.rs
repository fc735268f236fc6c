//! Everything again, and once more in a fresh process: the same bytes.

use std::process::Command;

use cross_model_tests::gallery::run_all;

use crate::support::cases;

/// As the program in `src/bin` prints them.
fn printed(workload: &str, model: &str, text: &str) -> String {
    format!("==> {workload}@{model}\n{text}")
}

#[test]
fn a_second_run_in_the_same_process_yields_the_same_bytes() {
    // One after the other this time.
    let again = run_all(1);
    assert_eq!(again.len(), cases().len());
    for (first, second) in cases().iter().zip(&again) {
        assert_eq!((&first.workload, first.model), (&second.workload, second.model));
        assert_eq!(first.text, second.text, "{} on {}", first.workload, first.model.title());
    }
}

#[test]
fn a_fresh_process_yields_the_same_bytes() {
    let run = Command::new(env!("CARGO_BIN_EXE_snapshots")).env_clear().current_dir("/").output();
    let run = run.expect("the program in src/bin was built with this test");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let texts: Vec<String> =
        cases().iter().map(|case| printed(&case.workload, case.model.name(), &case.text)).collect();
    let theirs = String::from_utf8(run.stdout).expect("snapshots are text");
    // Line by line, so that a difference is shown and not all the text.
    let ours = texts.concat();
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}
