//! The lifetime of one object.

use std::fmt;

use memory_trait::{Line, ObjectId, ObjectName, Reclaimer, Storage, Tick};
use serde::Serialize;

/// The lifetime of one object. All times are workload steps, the same on every machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lifetime {
    /// The n-th object that the workload created, from 0.
    pub object: ObjectId,
    /// Its name, the same on every machine.
    pub name: ObjectName,
    /// The source line that created it; 0 without a source.
    pub site_line: Line,
    /// Where it lived.
    pub storage: Storage,
    /// When it was created.
    #[serde(rename = "born_tick")]
    pub born: Tick,
    /// When it was last read from, written to, or asked about; `None` when it never was.
    #[serde(rename = "last_used_tick")]
    pub last_used: Option<Tick>,
    /// The step at whose end no chain of references led to it any more, nor ever did again; `None` when it was still
    /// reachable at the exit. Weak references do not count. An object that a finalizer or a weak reference makes
    /// reachable again becomes unreachable when that is over: its earlier death does not count.
    #[serde(rename = "unreachable_tick")]
    pub unreachable: Option<Tick>,
    /// When its memory was given back; `None` when it never was, not even by the exit.
    #[serde(rename = "reclaimed_tick")]
    pub reclaimed: Option<Tick>,
    /// By whom.
    pub reclaimed_by: Option<Reclaimer>,
    /// Bytes that the program asked for, as they were last.
    pub payload_bytes: u64,
    /// Bytes that it took, with headers, rounding and its own backing store, as they were last.
    pub total_bytes: u64,
    /// How often it was moved.
    pub n_moves: u64,
    /// Whether it was a member of a cycle when it became unreachable, or held by one that was garbage already: whether
    /// counting references would not have found it.
    pub is_cyclic: bool,
}

impl Lifetime {
    /// Ticks from unreachable to reclaimed. Negative when references to it were left when it was reclaimed, 0 when it
    /// was reclaimed in the step in which it died; `None` when one of the two did not happen.
    pub fn drag_ticks(&self) -> Option<i64> {
        Some(self.reclaimed?.0 as i64 - self.unreachable?.0 as i64)
    }
}

impl fmt::Display for Lifetime {
    /// One line, for messages and tests: `Node#1: born 2, used 3, unreachable 4, reclaimed 6 by young`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: born {}", self.name, self.born)?;
        if let Some(used) = self.last_used {
            write!(f, ", used {used}")?;
        }
        match self.unreachable {
            Some(unreachable) => write!(f, ", unreachable {unreachable}")?,
            None => write!(f, ", reachable")?,
        }
        match (self.reclaimed, self.reclaimed_by) {
            (Some(reclaimed), Some(by)) => write!(f, ", reclaimed {reclaimed} by {}", by.name())?,
            _ => write!(f, ", never reclaimed")?,
        }
        if self.is_cyclic { write!(f, ", cyclic") } else { Ok(()) }
    }
}
