//! What a collection has to find, the slow way: for tests.
//!
//! Shares no code with the collector: plain sets instead of lists and marks. An object of the generation is held from
//! outside if its count is above the number of references that the generation's other objects have to it; garbage is
//! what no such object leads to.

use std::cell::Cell;

use memory_trait::{Allocator, ObjectKey, Observer};
use rustc_hash::{FxHashMap, FxHashSet};

use super::lists::ListId;
use crate::object::IMMORTAL;
use crate::object::heap::Heap;
use crate::verify::references;

thread_local! {
    /// Collections checked so far in this thread, if they are to be.
    static N_CHECKED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Checks each collection of what `program` does; answers how many there were.
pub(super) fn checking(program: impl FnOnce()) -> u64 {
    N_CHECKED.set(Some(0));
    program();
    N_CHECKED.take().expect("it was switched on")
}

/// What is garbage in a generation that all younger ones were merged into; `None` while nobody checks.
pub(super) fn garbage<O: Observer, A: Allocator>(heap: &Heap<O, A>, generation: ListId) -> Option<Vec<ObjectKey>> {
    N_CHECKED.get()?;
    let keys: Vec<ObjectKey> = heap.objects.in_list(generation).map(|place| heap.objects.key_at(place)).collect();
    let members: FxHashSet<ObjectKey> = keys.iter().copied().collect();
    let mut from_within: FxHashMap<ObjectKey, u32> = FxHashMap::default();
    for &key in &keys {
        for child in references(&heap.objects[key]) {
            *from_within.entry(child).or_default() += 1;
        }
    }
    let is_held = |key: &ObjectKey| {
        let count = heap.objects[*key].refcount;
        count == IMMORTAL || count > from_within.get(key).copied().unwrap_or_default()
    };
    let mut reached: FxHashSet<ObjectKey> = FxHashSet::default();
    let mut todo: Vec<ObjectKey> = keys.iter().copied().filter(is_held).collect();
    while let Some(key) = todo.pop() {
        if members.contains(&key) && reached.insert(key) {
            todo.extend(references(&heap.objects[key]));
        }
    }
    Some(keys.into_iter().filter(|key| !reached.contains(key)).collect())
}

/// Compares that with what the collector has put into its list of unreachable objects.
pub(super) fn compare<O: Observer, A: Allocator>(heap: &Heap<O, A>, expected: Option<Vec<ObjectKey>>) {
    let Some(expected) = expected else { return };
    let found: FxHashSet<ObjectKey> =
        heap.objects.in_list(ListId::Unreachable).map(|place| heap.objects.key_at(place)).collect();
    assert_eq!(found.len(), expected.len(), "objects found unreachable");
    assert!(expected.iter().all(|key| found.contains(key)), "other objects are unreachable");
    N_CHECKED.set(N_CHECKED.get().map(|n| n + 1));
}
