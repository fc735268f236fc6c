//! Small random graphs: every collection finds what a search by brute force finds, and leaves nothing behind.

use memory_trait::ObjectKey;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;
use rustc_hash::FxHashSet;

use super::{Graph, GraphOperation as Op, N_KEYS};
use crate::Version;
use crate::cycle::brute_force;
use crate::object::Body;
use crate::verify::references;

const N_SLOTS: usize = 6;

/// An operation that the graph can do now.
fn random_operation(graph: &Graph, random: &mut Pcg32, id: u64) -> Op {
    let mut below = |n: usize| random.next_u32() as usize % n;
    let (a, b, c) = (below(N_SLOTS), below(N_SLOTS), below(N_SLOTS));
    let (key, choice) = (below(N_KEYS), below(24));
    let type_name = |slot: usize| graph.heap.object(graph.slots[slot]).type_name();
    let has_weak_field = |slot: usize| {
        let class = graph.heap.object(graph.slots[slot]).body.class();
        class == Some(graph.weak_node) || class == Some(graph.finalizable)
    };
    match (choice, type_name(a)) {
        (0..=5, "list") => Op::Append(a, b),
        (0..=5, "dict") => Op::SetItem(a, b, key),
        (0..=5, "instance") => Op::SetField(a, below(2), b),
        (6, "list") if !graph.heap.list_ref(graph.slots[a]).items.is_empty() => Op::Pop(a),
        (7, "list" | "dict" | "instance") => Op::Clear(a),
        (8, _) if has_weak_field(a) && type_name(b) == "instance" => Op::WeakField(a, b, id),
        (9, _) if type_name(b) == "instance" => Op::WeakSlot(a, b, id),
        (10, _) => Op::DropWeak(a),
        (11, _) => Op::Collect(below(3)),
        (12, _) => Op::NewPair(a, b, c),
        (13, _) => Op::NewListOfTwo(a, b, c),
        (14, _) => Op::NewDictOfOne(a, b, key),
        (15, _) => Op::NewObject(a),
        (16, _) => Op::NewWeakNode(a),
        (17, _) => Op::NewFinalizable { a, id, rescue: (below(4) == 0).then_some(c) },
        (18, _) => Op::Copy(a, b),
        (19, _) => Op::NewDict(a),
        (20, _) => Op::NewList(a),
        (21, _) => Op::Drop(a),
        _ => Op::NewNode(a),
    }
}

/// Objects that nothing leads to.
fn n_unreachable(graph: &Graph) -> usize {
    let heap = &graph.heap;
    let mut reached: FxHashSet<ObjectKey> = FxHashSet::default();
    let mut todo: Vec<ObjectKey> =
        [&graph.slots, &graph.weak_slots, &graph.keys].into_iter().flatten().copied().collect();
    todo.push(graph.garbage);
    while let Some(key) = todo.pop() {
        if reached.insert(key) {
            todo.extend(references(&heap.objects[key]));
        }
    }
    let is_lost = |key: ObjectKey| !reached.contains(&key) && heap.objects[key].body.is_gc();
    let is_empty_tuple = |key: ObjectKey| matches!(&heap.objects[key].body, Body::Tuple(items) if items.is_empty());
    heap.objects.iter().filter(|&(key, _)| is_lost(key) && !is_empty_tuple(key)).count()
}

#[test]
fn every_collection_finds_what_a_search_by_brute_force_finds() {
    for version in [Version::V3_11, Version::V3_12, Version::V3_13] {
        let n_checked = brute_force::checking(|| {
            for seed in 0..40 {
                let mut random = Pcg32::seed_from_u64(seed);
                let mut graph = Graph::new(version, [1 + random.next_u32() % 8, 2, 2], N_SLOTS);
                for id in 0..200 {
                    let operation = random_operation(&graph, &mut random, id);
                    if let Err(error) = graph.step(operation) {
                        panic!("seed {seed}, operation {id}, {operation}: {error}");
                    }
                }
            }
        });
        assert!(n_checked > 500, "{n_checked} collections of {version} are too few");
    }
}

#[test]
fn full_collections_leave_nothing_that_cannot_be_reached() {
    for version in [Version::V3_11, Version::V3_12, Version::V3_13] {
        for seed in 0..40 {
            let mut random = Pcg32::seed_from_u64(seed);
            let mut graph = Graph::new(version, [u32::MAX, 2, 2], N_SLOTS);
            for id in 0..60 {
                let operation = random_operation(&graph, &mut random, id);
                if let Err(error) = graph.step(operation) {
                    panic!("seed {seed}, operation {id}, {operation}: {error}");
                }
            }
            // What a finalizer rescued is garbage in the next collection, at the latest.
            for _ in 0..3 {
                graph.step(Op::Collect(2)).unwrap();
            }
            // The loop's iterator is held by the loop.
            assert_eq!(n_unreachable(&graph), 1, "seed {seed}, {version}");
        }
    }
}
