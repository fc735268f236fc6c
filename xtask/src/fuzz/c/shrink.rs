//! Makes a script that shows a difference shorter, as long as it shows one.

use std::sync::Arc;

use super::compare::{Mismatch, compare};
use super::driver::Driver;
use super::script::{Line, Script};

/// Runs of the driver that are spent on it.
const RUNS_MAX: usize = 2000;

/// A shorter script and what it shows.
pub(super) struct Shrunk {
    pub(super) script: Script,
    pub(super) trace: Arc<[u8]>,
    pub(super) mismatch: Box<Mismatch>,
}

/// Leaves out runs of lines, first long ones, then single ones, until none can be left out any more. `None`: another run
/// of the whole script shows no difference.
pub(super) fn shrink(driver: &Driver, script: &Script) -> Option<Shrunk> {
    let attempt = |script: Script| {
        let trace = driver.run(&script).ok()?;
        let mismatch = compare(&trace, &script).err()?;
        Some(Shrunk { script, trace, mismatch })
    };
    let mut best = attempt(script.clone())?;
    let mut length = best.script.lines.len().div_ceil(2);
    let mut n_attempts = 0;
    loop {
        let mut has_shrunk = false;
        // From the end: what comes after the difference goes first.
        let mut end = best.script.lines.len();
        while end > 0 && n_attempts < RUNS_MAX {
            let start = end.saturating_sub(length);
            let lines: Vec<&Line> = best.script.lines[..start].iter().chain(&best.script.lines[end..]).collect();
            n_attempts += 1;
            if let Some(shorter) = attempt(best.script.with_lines(lines)) {
                has_shrunk = true;
                best = shorter;
            }
            end = start.min(best.script.lines.len());
        }
        if n_attempts >= RUNS_MAX || length == 1 && !has_shrunk {
            return Some(best);
        }
        length = if length > 1 { length.div_ceil(2) } else { 1 };
    }
}
