//! The snapshots in `tests/snapshots`: one for each workload and model, none missing, none left over.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cross_model_tests::gallery::{exhibits, names_in};
use harness::Model;

use crate::support::{cases, no_complaints};

/// From this file.
const FOLDER: &str = "../../snapshots";

fn check(model: Model) {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(FOLDER);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_suffix(model.name());
    let differs = |workload: &str, text: &str| {
        // All differences are shown, not just the first.
        let assertion = || settings.bind(|| insta::assert_snapshot!(workload, text));
        catch_unwind(AssertUnwindSafe(assertion)).is_err()
    };
    let different: Vec<String> = cases()
        .iter()
        .filter(|case| case.model == model && differs(&case.workload, &case.text))
        .map(|case| format!("{}@{}", case.workload, model.name()))
        .collect();
    no_complaints(&different);
}

#[test]
fn c_does_what_its_snapshots_say() {
    check(Model::C);
}

#[test]
fn cpython_does_what_its_snapshots_say() {
    check(Model::CPython);
}

#[test]
fn the_jvm_does_what_its_snapshots_say() {
    check(Model::Jvm);
}

/// Whether `cargo test` was asked to write snapshots, so that they may be missing until it is done.
fn is_recording() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|update| !["", "no"].contains(&update.as_str()))
}

#[test]
fn there_is_one_snapshot_for_each_workload_and_model() {
    let name = |workload: &str, model: Model| format!("{workload}@{}", model.name());
    let expected: BTreeSet<String> =
        exhibits().iter().flat_map(|exhibit| Model::ALL.map(|model| name(&exhibit.name, model))).collect();
    let present: BTreeSet<String> = names_in("snapshots", ".snap").into_iter().collect();
    let stale = present.difference(&expected).map(|name| format!("{name}.snap is of no workload and model"));
    let missing = expected.difference(&present).map(|name| format!("{name}.snap is missing"));
    no_complaints(&stale.chain(missing.filter(|_| !is_recording())).collect::<Vec<_>>());
}

#[test]
fn a_snapshot_can_be_read_in_one_sitting() {
    let longest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let is_long = |text: &str| text.lines().count() > 120 || longest(text) > 160;
    let long = cases().iter().filter(|case| is_long(&case.text));
    no_complaints(&long.map(|case| format!("{}@{}", case.workload, case.model.name())).collect::<Vec<_>>());
}
