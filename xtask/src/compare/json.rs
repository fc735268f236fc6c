//! The results as JSON: complete, stable, versioned. `docs/formats.md` describes it.

use harness::stack_and_heap::Claim;
use harness::table::Row;
use harness::{Examined, Settings};
use serde::Serialize;

/// The version of the document: raised when a field changes its meaning or goes.
const SCHEMA: &str = "heaptwin.compare/1";

/// Everything that a comparison found.
pub(super) struct Report {
    pub(super) settings: Settings,
    pub(super) table: Vec<Row>,
    pub(super) stack_and_heap: Vec<Claim>,
    pub(super) runs: Vec<Examined>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    seed: u64,
    steps_max: u64,
    heap_limit_bytes: u64,
    table: &'a [Row],
    stack_and_heap: &'a [Claim],
    runs: &'a [Examined],
}

impl Report {
    pub(super) fn is_as_expected(&self) -> bool {
        self.runs.iter().all(|examined| examined.run.is_as_expected)
    }

    pub(super) fn to_json(&self) -> String {
        let Settings { seed, steps_max, heap_limit_bytes, keep: _ } = self.settings;
        let Report { settings: _, table, stack_and_heap, runs } = self;
        let document = Document { schema: SCHEMA, seed, steps_max, heap_limit_bytes, table, stack_and_heap, runs };
        let mut text = serde_json::to_string_pretty(&document).expect("maps in it have texts as keys");
        text.push('\n');
        text
    }
}
