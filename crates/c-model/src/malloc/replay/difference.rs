//! The first thing that is not as recorded, said so that one can look into it.

use std::fmt;

use heap_trace::{Answer, Call, Request};
use memory_trait::{Address, Outcome};

use super::{Got, Pending, Replay};
use crate::malloc::chunk::checked_chunk_bytes;

/// A difference between a trace and the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line of the trace.
    pub line: u64,
    /// What was called, as the trace has it; empty where no call is concerned.
    pub call: String,
    /// What the trace says.
    pub expected: String,
    /// What the model says.
    pub predicted: String,
    /// The free lists involved, after the call.
    pub state: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.call.is_empty() {
            write!(f, ": {}", self.call)?;
        }
        write!(f, "\n  expected:  {}\n  predicted: {}", self.expected, self.predicted)?;
        if !self.state.is_empty() {
            write!(f, "\n  state:     {}", self.state)?;
        }
        Ok(())
    }
}

impl std::error::Error for Difference {}

impl Replay {
    pub(super) fn difference(&self, pending: &Pending, result: &Outcome<Got>, is_result_right: bool) -> Difference {
        let Call { request, answer, .. } = pending.call;
        let (expected, predicted) = if is_result_right {
            let relative = |brk: u64| format!("the break at B {:x}", brk.wrapping_sub(self.base));
            (relative(self.brk), relative(self.glibc.brk))
        } else {
            let expected = match answer {
                Answer::Nothing => "no fault".to_owned(),
                Answer::Number(n) => n.to_string(),
                Answer::Block { at, .. } => at.to_string(),
            };
            let predicted = match result {
                Ok(Got::Nothing) => "no result".to_owned(),
                Ok(Got::Number(n)) => n.to_string(),
                Ok(Got::Block(at)) => self.name(*at),
                Err(fault) => format!("the program stops: {}", fault.message),
            };
            (expected, predicted)
        };
        let bytes = match request {
            Request::Calloc { n, bytes } => n.saturating_mul(bytes),
            Request::Malloc { bytes }
            | Request::Realloc { bytes, .. }
            | Request::Memalign { bytes, .. }
            | Request::AlignedAlloc { bytes, .. }
            | Request::PosixMemalign { bytes, .. }
            | Request::Valloc { bytes }
            | Request::Pvalloc { bytes } => bytes,
            _ => 0,
        };
        let state = self.glibc.describe_bin(checked_chunk_bytes(bytes).unwrap_or(u64::MAX));
        Difference { line: pending.line, call: pending.call.to_string(), expected, predicted, state }
    }

    fn name(&self, at: Address) -> String {
        self.map.pointer(at, self.glibc.brk).to_string()
    }
}
