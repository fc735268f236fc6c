//! The gallery itself: what every workload in it owes its readers, and that the three models agree on its meaning.

use cross_model_tests::gallery::{Exhibit, exhibits};
use memory_trait::FaultKind;

use crate::support::{cases, no_complaints, triples};

/// Complaints about the workloads for which `is_wrong` says what is wrong.
fn check(is_wrong: impl Fn(&Exhibit) -> Option<String>) {
    let complaint = |exhibit: &Exhibit| is_wrong(exhibit).map(|what| format!("{}.wl: {what}", exhibit.name));
    no_complaints(&exhibits().iter().filter_map(complaint).collect::<Vec<_>>());
}

#[test]
fn every_workload_that_was_promised_is_there() {
    let names: Vec<String> = exhibits().into_iter().map(|exhibit| exhibit.name).collect();
    let promised = [
        "binary_trees",
        "call_tree",
        "checkerboard",
        "cycle_ring",
        "deep_recursion",
        "double_free",
        "escaped_frame",
        "fifo_queue",
        "graph_churn",
        "growable_array",
        "large_objects",
        "leak",
        "linked_list",
        "lru_cache",
        "matrix",
        "out_of_memory",
        "overflow_by_one",
        "producer_consumer",
        "request_handler",
        "resurrection",
        "string_builder",
        "uninitialised_read",
        "use_after_free",
        "weak_cache",
    ];
    for name in promised {
        assert!(names.iter().any(|n| n == name), "{name} is missing from {names:?}");
    }
}

#[test]
fn every_workload_is_formatted() {
    check(|exhibit| {
        let formatted = workload::format::format(&exhibit.name, &exhibit.source).expect("it parses");
        (formatted != exhibit.source).then(|| "is not as the formatter would write it".to_owned())
    });
}

#[test]
fn every_workload_says_at_its_head_what_it_shows() {
    check(|exhibit| {
        let head = exhibit.workload().head_comment();
        let is_prose = head.len() > 40 && head.trim_end().ends_with(['.', '?']);
        (!is_prose).then(|| format!("its head comment is {head:?}"))
    });
}

#[test]
fn every_workload_states_what_it_expects() {
    check(|exhibit| {
        let code = exhibit.code(&[]);
        let states_it = !code.expectations.is_empty() || !code.expected_faults.is_empty();
        (!states_it).then(|| "expects neither a value nor a fault".to_owned())
    });
}

#[test]
fn every_workload_ends_as_it_expects_on_every_model() {
    let faults = |case: &cross_model_tests::gallery::Case| {
        case.examined.run.faults.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let wrong = cases().iter().filter(|case| !case.examined.run.is_as_expected);
    let told = wrong.map(|case| format!("{} on {}: {}", case.workload, case.model.title(), faults(case)));
    no_complaints(&told.collect::<Vec<_>>());
}

#[test]
fn every_fault_that_is_expected_occurs_and_no_other() {
    let mut n_expected = 0;
    for exhibit in exhibits() {
        let code = exhibit.code(&[]);
        for case in cases().iter().filter(|case| case.workload == exhibit.name) {
            for kind in FaultKind::ALL {
                let is_expected = code.expects(case.model.name(), kind);
                let n_faults = case.examined.run.fault_count(kind);
                assert_eq!(is_expected, n_faults > 0, "{} on {}: {n_faults} {kind}", exhibit.name, case.model.title());
                n_expected += u64::from(is_expected);
            }
        }
    }
    assert!(n_expected >= 10, "only {n_expected} faults are shown by the gallery");
}

#[test]
fn the_models_print_the_same_and_take_the_same_steps_where_no_fault_is_expected() {
    let mut n_compared = 0;
    for [c, cpython, jvm] in triples() {
        let code = exhibits().into_iter().find(|exhibit| exhibit.name == c.workload).expect("a case has a workload");
        if !code.code(&[]).expected_faults.is_empty() {
            continue;
        }
        n_compared += 1;
        for other in [cpython, jvm] {
            let (ours, theirs) = (&c.examined.run, &other.examined.run);
            assert_eq!(ours.output, theirs.output, "{} on {}", other.workload, other.model.title());
            assert_eq!(ours.ticks, theirs.ticks, "{} on {}", other.workload, other.model.title());
        }
    }
    assert!(n_compared > 10, "only {n_compared} workloads were compared");
}
