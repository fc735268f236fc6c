//! Why the stack is faster than the heap: what textbooks say, each claim with the figures that show it.

use serde::Serialize;

use crate::model::Model;
use crate::run::ModelRun;

/// The workload whose objects live in frames, and the one whose objects live on the heap.
pub const WORKLOADS: [&str; 2] = ["call_tree", "linked_list"];

/// A claim with its figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// What is claimed.
    pub claim: &'static str,
    /// What was measured on the stack.
    pub stack: String,
    /// What was measured on the heap.
    pub heap: String,
}

/// The claims, from a run of each of [`WORKLOADS`] in C with all lifetimes kept, and the heap's workload on the JVM.
///
/// Panics when the runs are of other models: the first two are of C, where both kinds of storage exist.
pub fn claims(stack: &ModelRun, heap: &ModelRun, moving: &ModelRun) -> Vec<Claim> {
    assert_eq!((stack.model, heap.model, moving.model), (Model::C, Model::C, Model::Jvm));
    let (on_stack, on_heap) = (stack.summary(), heap.summary());
    let fullest = on_heap.usage.fullest.map(|point| point.usage).unwrap_or_default();
    let (n_frames, n_blocks) = (on_stack.n_automatic_objects, on_heap.n_heap_objects);
    let beyond_payload = |run: &ModelRun| -> u64 {
        run.lifetimes.iter().map(|lifetime| lifetime.total_bytes - lifetime.payload_bytes).sum()
    };
    let moved_bytes: u64 = moving.summary().generations.iter().map(|generation| generation.moved_bytes).sum();
    vec![
        Claim {
            claim: "contiguous, so nothing lies free in between",
            stack: format!("{} records, at most {} bytes of stack, no holes", n_frames, on_stack.stack_peak_bytes),
            heap: format!(
                "{n_blocks} blocks, {:.0} % of the heap free on average",
                on_heap.usage.free_share_mean * 100.0
            ),
        },
        Claim {
            claim: "one pointer moves, so constant time and no search",
            stack: format!("{n_frames} records made and dropped, no call of the allocator"),
            heap: format!("{n_blocks} records, {} calls of malloc and free", n_blocks + on_heap.reclaimed.n_free),
        },
        Claim {
            claim: "no bookkeeping",
            stack: format!("{} bytes beyond the records' own", beyond_payload(stack)),
            heap: format!(
                "{:.0} bytes a record beyond its own, {} of headers at the fullest moment",
                beyond_payload(heap) as f64 / n_blocks.max(1) as f64,
                fullest.header_bytes
            ),
        },
        Claim {
            claim: "locality: the same few bytes again and again",
            stack: format!("all of them within {} bytes", on_stack.stack_peak_bytes),
            heap: format!("spread over {} bytes", on_heap.usage.heap_peak_bytes),
        },
        Claim {
            claim: "nothing has to be moved together",
            stack: "0 bytes moved".to_owned(),
            heap: format!("{moved_bytes} bytes moved by the JVM on the same workload"),
        },
    ]
}
