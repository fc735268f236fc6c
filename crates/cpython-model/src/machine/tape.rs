//! The calls of the allocator that a run makes, written down.

use memory_trait::{Address, Allocator, Line, Observer};

use super::CPython;
use crate::cycle::N_GENERATIONS;

/// A function of the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// `PyObject_Malloc`
    Malloc,
    /// `PyObject_Free`
    Free,
    /// `PyObject_Realloc`
    Realloc,
    /// `PyObject_Calloc`
    Calloc,
}

/// A call of the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocatorCall {
    /// Which function.
    pub kind: CallKind,
    /// Bytes asked for; 0 of a free.
    pub bytes: u64,
    /// The block that is freed or moved.
    pub block: Address,
    /// The block that was given.
    pub answer: Address,
    /// The line of the workload that was being executed.
    pub line: Line,
    /// Collections of each generation before it.
    pub n_collections: [u64; N_GENERATIONS],
}

/// All of them, in order.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    pub(crate) calls: Vec<AllocatorCall>,
}

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// The calls of the allocator since the program was loaded, if they were to be kept ([`super::Builder::keep_calls`]).
    pub fn allocator_calls(&self) -> &[AllocatorCall] {
        self.heap.tape.as_ref().map_or(&[], |tape| &tape.calls)
    }

    /// `gc.get_stats()`: collections of each generation since the program was loaded.
    pub fn n_collections(&self) -> [u64; N_GENERATIONS] {
        self.heap.gc.stats.map(|stats| stats.n_collections)
    }
}
