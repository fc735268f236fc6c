//! The collector against recordings of the real one: which operation collects which generation, how many objects, all
//! counters; and the order of every finalizer and callback.
//!
//! The files are the first 1200 operations of longer recordings, made on the interpreters that their names tell.

use cpython_model::Version;
use cpython_model::cycle::graph::{CollectionRow, Graph, GraphOperation};
use serde_json::Value;

const GC_POINTS: &str = include_str!("cycle_recorded/gc_points.cpython-3.11.7-3.12.1-3.13.0.jsonl");
const FINALIZER_ORDER: &str = include_str!("cycle_recorded/finalizer_order.cpython-3.11.7-3.12.1-3.13.0.jsonl");

/// Slots beyond those that the program itself writes: finalizers put their objects there.
const RESCUE_SLOTS: usize = 1000;

fn integers(value: &Value) -> Vec<i64> {
    let items = value.as_array().expect("an array");
    items.iter().map(|item| item.as_i64().expect("an integer")).collect()
}

/// A recorded run with its program.
struct Recorded {
    program: Vec<[i64; 4]>,
    n_slots: usize,
    version: Version,
    thresholds: [u32; 3],
    run: Value,
}

fn recordings(file: &str) -> Vec<Recorded> {
    let mut program = (Vec::new(), 0);
    let mut recordings = Vec::new();
    for line in file.lines() {
        let run: Value = serde_json::from_str(line).expect("a JSON object a line");
        if run["type"] == "workload" {
            let operations = integers(&run["ops"]).chunks(4).map(|quad| quad.try_into().expect("four")).collect();
            program = (operations, run["slots"].as_u64().expect("a number") as usize);
            continue;
        }
        let thresholds = integers(&run["threshold"]);
        recordings.push(Recorded {
            program: program.0.clone(),
            n_slots: program.1 + RESCUE_SLOTS,
            version: run["version"].as_str().expect("a version").parse().expect("a known version"),
            thresholds: [thresholds[0] as u32, thresholds[1] as u32, thresholds[2] as u32],
            run,
        });
    }
    recordings
}

/// What the model predicts: rows as recordings have them, and operations with what was logged.
fn predict(
    recorded: &Recorded,
    version: Version,
    read: impl Fn([i64; 4]) -> Option<GraphOperation>,
) -> (Vec<Vec<i64>>, Vec<i64>) {
    let mut graph = Graph::new(version, recorded.thresholds, recorded.n_slots);
    let (mut rows, mut events) = (Vec::new(), Vec::new());
    for (number, &quad) in (0..).zip(&recorded.program) {
        let operation = read(quad).expect("a known operation");
        for row in graph.step(operation).expect("the program is consistent") {
            let CollectionRow { generation, n_collections, n_collected, counts, long_lived_pending, long_lived_total } =
                row;
            let mut row = vec![number, generation as i64, n_collections as i64, n_collected as i64, 0];
            row.extend(counts.map(i64::from));
            row.extend([long_lived_pending as i64, long_lived_total as i64]);
            rows.push(row);
        }
        events.extend(graph.logged().iter().flat_map(|&id| [number, id as i64]));
    }
    (rows, events)
}

fn recorded_rows(recorded: &Recorded) -> Vec<Vec<i64>> {
    recorded.run["log"].as_array().expect("rows").iter().map(integers).collect()
}

#[test]
fn collections_happen_where_the_real_ones_did_and_find_as_much() {
    let mut n_rows = 0;
    for recorded in recordings(GC_POINTS) {
        let (rows, _) = predict(&recorded, recorded.version, GraphOperation::from_quad);
        assert_eq!(rows, recorded_rows(&recorded), "{}", recorded.version);
        n_rows += rows.len();
    }
    assert!(n_rows > 150, "{n_rows} rows");
}

#[test]
fn another_versions_rules_do_not_explain_a_recording() {
    for recorded in recordings(GC_POINTS) {
        let other = if recorded.version == Version::V3_11 { Version::V3_12 } else { Version::V3_11 };
        let (rows, _) = predict(&recorded, other, GraphOperation::from_quad);
        assert_ne!(rows, recorded_rows(&recorded), "{other} for {}", recorded.version);
    }
}

#[test]
fn finalizers_and_callbacks_run_in_the_recorded_order() {
    let mut n_events = 0;
    for recorded in recordings(FINALIZER_ORDER) {
        let (_, events) = predict(&recorded, recorded.version, GraphOperation::from_finalizer_quad);
        assert_eq!(events, integers(&recorded.run["events"]), "{}", recorded.version);
        n_events += events.len() / 2;
    }
    assert!(n_events > 500, "{n_events} events");
}
