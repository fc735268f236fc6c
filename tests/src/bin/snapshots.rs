//! Prints the texts of all snapshots, or of those workloads that are named: `snapshots [WORKLOAD...]`.
#![forbid(unsafe_code)]

use std::io::Write;

use cross_model_tests::gallery::run_all;

fn main() -> std::io::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    for case in run_all(1) {
        if wanted.is_empty() || wanted.contains(&case.workload) {
            write!(out, "==> {}@{}\n{}", case.workload, case.model.name(), case.text)?;
        }
    }
    out.flush()
}
