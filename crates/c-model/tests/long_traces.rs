//! What is kept follows what is live, and not how long a program has run.

#[path = "support/churn.rs"]
mod churn;

use c_model::Glibc;
use c_model::malloc::Replay;
use memory_trait::{Allocator, ThreadId};

use churn::Churn;

#[test]
fn a_trace_that_goes_on_needs_no_more_than_it_needed_when_it_was_in_full_swing() {
    let churn = Churn::new(7);
    let mut replay = Replay::new(&churn.header(), Glibc::builder()).unwrap();
    let (mut early, mut late) = (0, 0);
    for (line, record) in (2..).zip(churn.take(400_000)) {
        replay.feed(line, record).unwrap_or_else(|difference| panic!("{difference}"));
        let n = replay.n_entries();
        if line < 100_000 {
            early = early.max(n);
        } else {
            late = late.max(n);
        }
    }
    assert!(early > 10, "mapped blocks come and go: {early}");
    assert!(late <= 2 * early, "{late} entries late in the trace, {early} early");
    assert!(replay.glibc().statistics().system_bytes < 2 << 30);
}

#[test]
fn threads_that_are_gone_leave_nothing_behind() {
    let mut heap = Glibc::builder().contents(false).build();
    let mut entries = Vec::new();
    for thread in 0..2000 {
        heap.switch_thread(ThreadId(thread));
        let block = heap.malloc(100).unwrap();
        heap.free(block).unwrap();
        heap.switch_thread(ThreadId(0));
        let _ = heap.malloc(8).unwrap();
        if thread > 0 {
            heap.switch_thread(ThreadId(thread));
            heap.end_thread().unwrap();
        }
        entries.push(heap.n_entries());
    }
    assert_eq!(entries[1999], entries[20], "as many entries after two thousand threads as after twenty");
    heap.verify().unwrap();
}
