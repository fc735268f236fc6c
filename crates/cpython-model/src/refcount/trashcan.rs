//! The trashcan: deaths nested too deeply are put off, which changes their order.
//!
//! Mirrors `Py_TRASHCAN_BEGIN`/`END` and `_PyTrash_thread_destroy_chain`.

use memory_trait::ObjectKey;

use crate::Version;
use crate::rules::{Rule, rule};

/// Nested deaths of containers before the next is put off, up to 3.12.
/// Source: 3.11 `Objects/object.c:_PyTrash_UNWIND_LEVEL`.
const UNWIND_LEVEL: u32 = 50;

/// The same in 3.13, where the limit is what is left of the C stack. Measured at a death that begins in the main loop.
/// Source: 3.13 `Include/cpython/object.h:Py_TRASHCAN_HEADROOM`, `Py_C_RECURSION_LIMIT`.
const C_RECURSION_LEVEL: u32 = 9947;

/// In 3.13 the chain is destroyed only when so many levels are free again.
/// Source: 3.13 `Include/cpython/object.h:Py_TRASHCAN_END`.
const C_RECURSION_DRAIN_LEVEL: u32 = C_RECURSION_LEVEL - 50;

/// The trashcan of a thread.
#[derive(Debug)]
pub(crate) struct Trashcan {
    nesting: u32,
    /// Objects whose death is put off, the newest last.
    later: Vec<ObjectKey>,
    deposit_level: u32,
    drain_level: u32,
}

impl Trashcan {
    pub(crate) fn new(version: Version) -> Trashcan {
        let (deposit_level, drain_level) =
            if version >= Version::V3_13 { (C_RECURSION_LEVEL, C_RECURSION_DRAIN_LEVEL) } else { (UNWIND_LEVEL, 1) };
        Trashcan { nesting: 0, later: Vec::new(), deposit_level, drain_level }
    }

    /// `Py_TRASHCAN_BEGIN`: whether the death may go on; else it was put off.
    #[inline]
    pub(crate) fn begin(&mut self, key: ObjectKey) -> bool {
        if self.nesting >= self.deposit_level && rule(Rule::DeepDeathsArePutOff) {
            self.later.push(key);
            return false;
        }
        self.nesting += 1;
        true
    }

    /// `Py_TRASHCAN_END`: whether the chain of what was put off has to be destroyed now.
    #[inline]
    #[must_use]
    pub(crate) fn end(&mut self) -> bool {
        self.nesting -= 1;
        !self.later.is_empty() && self.nesting < self.drain_level
    }

    /// The chain is being destroyed: that is a level of its own.
    pub(crate) fn enter_chain(&mut self) {
        self.nesting += 1;
    }

    /// The object put off last, or `None`: the chain is done.
    pub(crate) fn next_in_chain(&mut self) -> Option<ObjectKey> {
        let key = self.later.pop();
        if key.is_none() {
            self.nesting -= 1;
        }
        key
    }
}
