//! What the tests share: the gallery, run once.

use std::sync::OnceLock;

use cross_model_tests::gallery::{Case, run_all};
use harness::Model;

static CASES: OnceLock<Vec<Case>> = OnceLock::new();

/// All workloads on all models; run by the first test that asks, on two threads.
pub(crate) fn cases() -> &'static [Case] {
    CASES.get_or_init(|| run_all(2))
}

/// The three cases of each workload, in the order of [`Model::ALL`].
pub(crate) fn triples() -> impl Iterator<Item = [&'static Case; 3]> {
    let triples = cases().chunks_exact(Model::ALL.len());
    assert!(triples.remainder().is_empty(), "every workload is run on every model");
    triples.map(|triple| {
        let [c, cpython, jvm] = triple else { unreachable!("a chunk of three") };
        assert!(triple.iter().zip(Model::ALL).all(|(case, model)| case.workload == c.workload && case.model == model));
        [c, cpython, jvm]
    })
}

/// Fails with all complaints at once.
pub(crate) fn no_complaints(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
