//! Directed experiments: what a recording says of orders, flags and constants, each done again on a [`Graph`].
//!
//! A line `semantics` of a file of tables has an experiment a field. Those that can be told from their name alone and
//! need no more than a graph are done here; the others (functions, generators, slices, bulk builders) are not.

use serde_json::{Map, Value, json};

use super::default_thresholds;
use super::graph::{Graph, GraphOperation as Op};
use crate::Version;
use crate::object::IMMORTAL;
use crate::object::heap::SMALL_INTS;

/// Slots of an experiment: the first is for what is examined.
const N_SLOTS: usize = 8;

/// What the model says of an experiment; `None` when it is not one of those that are done.
pub(crate) fn predict(name: &str, version: Version) -> Option<Value> {
    let mut graph = Graph::new(version, default_thresholds(version), N_SLOTS);
    Some(match name {
        "list_dealloc" => death_of_list(&mut graph, Op::Drop(0)),
        "list_clear" => death_of_list(&mut graph, Op::Clear(0)),
        "dict_dealloc" => death_of_dict(&mut graph),
        "dict_after_overwrite_and_reinsert" => dict_after_overwrite(&mut graph),
        "weakref_order_refcount_death" => {
            run(&mut graph, &[Op::NewFinalizable { a: 0, id: 100, rescue: None }]);
            run(&mut graph, &(0..4).map(|i| Op::WeakSlot(i, 0, i as u64)).collect::<Vec<_>>());
            let mut order: Vec<Value> = run(&mut graph, &[Op::Drop(0)]).into_iter().map(Value::from).collect();
            order.iter_mut().filter(|id| **id == json!(100)).for_each(|id| *id = json!("a"));
            Value::from(order)
        }
        "freeze" => {
            frozen_cycle(&mut graph);
            collect(&mut graph)
        }
        "unfreeze" => {
            frozen_cycle(&mut graph);
            run(&mut graph, &[Op::Unfreeze]);
            collect(&mut graph)
        }
        "saveall" => {
            cycle(&mut graph);
            run(&mut graph, &[Op::SaveAll(true)]);
            let Value::Array(mut answer) = collect(&mut graph) else { return None };
            answer.push(json!(graph.n_garbage()));
            Value::Array(answer)
        }
        "saveall_after" => {
            cycle(&mut graph);
            run(&mut graph, &[Op::SaveAll(true), Op::Collect(2), Op::SaveAll(false), Op::ClearGarbage]);
            collect(&mut graph)
        }
        "disabled_count" => {
            run(&mut graph, &[Op::Disable]);
            let n_before = graph.counts()[0];
            run(&mut graph, &[Op::NewNode(0), Op::NewNode(1)]);
            json!(graph.counts()[0] > n_before)
        }
        "threshold" => json!(default_thresholds(version)),
        "small_int_cache" => json!([SMALL_INTS.start, SMALL_INTS.end - 1]),
        "refcnt_None" if version >= Version::V3_12 => json!(IMMORTAL),
        "refcnt_None" => json!("not immortal"),
        _ => return None,
    })
}

/// What is recorded of the flags of objects: those that are known here.
pub(crate) fn predict_tracked(recorded: &Map<String, Value>, version: Version) -> Map<String, Value> {
    let tracked = |ops: &[Op]| {
        let mut graph = Graph::new(version, default_thresholds(version), N_SLOTS);
        run(&mut graph, ops);
        graph.is_tracked(0)
    };
    let known = [
        ("empty_dict", tracked(&[Op::NewDict(0)])),
        ("list_dict", tracked(&[Op::NewList(1), Op::NewDictOfOne(0, 1, 0)])),
        ("tuple_int", tracked(&[Op::NewTriple(0)])),
        ("instance", tracked(&[Op::NewObject(0)])),
        ("empty_list", tracked(&[Op::NewList(0)])),
    ];
    let known = known.into_iter().filter(|(name, _)| recorded.contains_key(*name));
    known.map(|(name, is_tracked)| (name.to_owned(), json!(is_tracked))).collect()
}

fn run(graph: &mut Graph, ops: &[Op]) -> Vec<u64> {
    let mut logged = Vec::new();
    for &op in ops {
        if let Err(error) = graph.step(op) {
            panic!("{op} in an experiment: {error}");
        }
        logged.extend_from_slice(graph.logged());
    }
    logged
}

/// Objects 1, 2 and 3, which say when they die, in slots of these numbers.
fn three(graph: &mut Graph) {
    for id in 1..=3 {
        run(graph, &[Op::NewFinalizable { a: id, id: id as u64, rescue: None }]);
    }
}

fn death_of_list(graph: &mut Graph, death: Op) -> Value {
    three(graph);
    run(graph, &[Op::NewList(0), Op::Append(0, 1), Op::Append(0, 2), Op::Append(0, 3)]);
    run(graph, &[Op::Drop(1), Op::Drop(2), Op::Drop(3)]);
    json!(run(graph, &[death]))
}

fn death_of_dict(graph: &mut Graph) -> Value {
    dict_of_three(graph);
    json!(run(graph, &[Op::Drop(0)]))
}

/// A value is overwritten, another one deleted and its key set again: the place of the first is kept, not the second's.
fn dict_after_overwrite(graph: &mut Graph) -> Value {
    dict_of_three(graph);
    for (slot, id) in [(4, 9), (5, 8)] {
        run(graph, &[Op::NewFinalizable { a: slot, id, rescue: None }]);
    }
    run(graph, &[Op::SetItem(0, 4, 0), Op::DeleteItem(0, 1), Op::SetItem(0, 5, 1), Op::Drop(4), Op::Drop(5)]);
    json!(run(graph, &[Op::Drop(0)]))
}

fn dict_of_three(graph: &mut Graph) {
    three(graph);
    run(graph, &[Op::NewDict(0), Op::SetItem(0, 1, 0), Op::SetItem(0, 2, 1), Op::SetItem(0, 3, 2)]);
    run(graph, &[Op::Drop(1), Op::Drop(2), Op::Drop(3)]);
}

/// A cycle of two objects, one of which says when it is finalized.
fn cycle(graph: &mut Graph) {
    run(graph, &[Op::NewFinalizable { a: 0, id: 1, rescue: None }, Op::NewList(1)]);
    run(graph, &[Op::SetField(0, 0, 1), Op::Append(1, 0), Op::Drop(0), Op::Drop(1)]);
}

fn frozen_cycle(graph: &mut Graph) {
    cycle(graph);
    run(graph, &[Op::Freeze]);
}

/// What `gc.collect()` answers, and what was finalized; the object is called "c".
fn collect(graph: &mut Graph) -> Value {
    let rows = graph.step(Op::Collect(2)).unwrap_or_else(|error| panic!("gc.collect() in an experiment: {error}"));
    let n_collected: u64 = rows.iter().map(|row| row.n_collected).sum();
    let finalized: Vec<&str> = graph.logged().iter().map(|_| "c").collect();
    json!([n_collected, finalized])
}
