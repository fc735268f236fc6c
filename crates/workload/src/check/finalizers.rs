//! What a finalizer may not do, itself or through the functions it calls.
//!
//! Finalizers run at different times on different machines. What would make the rest of the run depend on when they run
//! is refused: drawing random numbers, starting threads and waiting for them.

use std::collections::{BTreeMap, BTreeSet};

use memory_trait::FunctionId;

use super::Checker;
use crate::diagnostic::Problem;
use crate::source::Span;

impl Checker<'_> {
    /// Notes that the current function does what no finalizer may do.
    pub(super) fn restrict(&mut self, what: &'static str, span: Span) {
        self.restricted.push((self.current, what, span));
    }

    pub(super) fn check_finalizers(&mut self) {
        let mut callees: BTreeMap<FunctionId, Vec<FunctionId>> = BTreeMap::new();
        for &(caller, callee) in &self.calls {
            callees.entry(caller).or_default().push(callee);
        }
        let mut reached: BTreeSet<FunctionId> = BTreeSet::new();
        let mut waiting: Vec<FunctionId> = self.checked.records.iter().filter_map(|record| record.finalizer).collect();
        while let Some(function) = waiting.pop() {
            if reached.insert(function) {
                waiting.extend(callees.remove(&function).unwrap_or_default());
            }
        }
        for (function, what, span) in std::mem::take(&mut self.restricted) {
            if !reached.contains(&function) {
                continue;
            }
            let info = &self.checked.functions[function.index()];
            let who = if info.finalizes.is_some() {
                "a finalizer".to_owned()
            } else {
                format!("`{}`, which a finalizer calls,", info.name)
            };
            let problem = Problem::new(span, format!("{who} cannot use `{what}`"))
                .label("not in a finalizer")
                .help("finalizers run at other times on other machines: the rest of the run must not depend on it");
            self.report(problem);
        }
    }
}
