//! How an interpreter is set up: version, thresholds, limits, the allocator for large blocks, who watches.

use memory_trait::{Allocator, Observer, Unwatched};

use super::CPython;
use crate::cycle::{N_GENERATIONS, default_thresholds};
use crate::{PageAllocator, Pymalloc, Version};

/// The heap may grow to this unless told otherwise. Unit: bytes. Ours: the real one takes what the system gives.
pub const DEFAULT_HEAP_LIMIT_BYTES: u64 = 256 << 20;

/// Frames before `RecursionError`. Source: `pycore_ceval.h:Py_DEFAULT_RECURSION_LIMIT`.
pub const DEFAULT_RECURSION_LIMIT: u32 = 1000;

/// Parameters of an interpreter; see [`CPython::builder`].
#[derive(Clone, Debug)]
pub struct Builder<O = Unwatched, A = PageAllocator> {
    version: Version,
    thresholds: Option<[u32; N_GENERATIONS]>,
    recursion_limit: u32,
    heap_limit_bytes: u64,
    n_ambient_objects: u64,
    large_allocator: A,
    observer: O,
    start: Option<Pymalloc<A>>,
    keeps_calls: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            version: Version::V3_12,
            thresholds: None,
            recursion_limit: DEFAULT_RECURSION_LIMIT,
            heap_limit_bytes: DEFAULT_HEAP_LIMIT_BYTES,
            n_ambient_objects: 0,
            large_allocator: PageAllocator::default(),
            observer: Unwatched,
            start: None,
            keeps_calls: false,
        }
    }
}

impl<O: Observer, A: Allocator> Builder<O, A> {
    /// The version: 3.11, 3.12 (the default) or 3.13. Of earlier ones only the allocator is modelled:
    /// [`Builder::build`] panics.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// `gc.set_threshold`; 0 for the first disables automatic collections. Unit: objects, collections, collections.
    #[must_use]
    pub fn threshold(mut self, thresholds: [u32; N_GENERATIONS]) -> Self {
        self.thresholds = Some(thresholds);
        self
    }

    /// `sys.setrecursionlimit`. Unit: frames.
    #[must_use]
    pub fn recursion_limit(mut self, limit: u32) -> Self {
        self.recursion_limit = limit;
        self
    }

    /// Where `MemoryError` comes. Unit: bytes.
    #[must_use]
    pub fn heap_limit_bytes(mut self, limit_bytes: u64) -> Self {
        self.heap_limit_bytes = limit_bytes;
        self
    }

    /// So many empty lists exist before the program starts, as after an import: a perturbation that shifts the
    /// collector's counts and the addresses. Unit: objects.
    #[must_use]
    pub fn ambient_objects(mut self, n_objects: u64) -> Self {
        self.n_ambient_objects = n_objects;
        self
    }

    /// What serves requests above 512 bytes.
    #[must_use]
    pub fn large_allocator<B: Allocator>(self, allocator: B) -> Builder<O, B> {
        let Builder { version, thresholds, recursion_limit, heap_limit_bytes, n_ambient_objects, observer, .. } = self;
        Builder {
            version,
            thresholds,
            recursion_limit,
            heap_limit_bytes,
            n_ambient_objects,
            large_allocator: allocator,
            observer,
            start: None,
            keeps_calls: self.keeps_calls,
        }
    }

    /// The allocator that the program finds: classes and constants are there before, and somewhere else.
    #[must_use]
    pub fn starting_with(mut self, allocator: Pymalloc<A>) -> Self {
        self.start = Some(allocator);
        self
    }

    /// The calls of the allocator are kept, for [`CPython::allocator_calls`]. Only with an observer that watches.
    #[must_use]
    pub fn keep_calls(mut self) -> Self {
        self.keeps_calls = true;
        self
    }

    /// Who watches.
    #[must_use]
    pub fn observer<P: Observer>(self, observer: P) -> Builder<P, A> {
        let Builder { version, thresholds, recursion_limit, heap_limit_bytes, .. } = self;
        Builder {
            version,
            thresholds,
            recursion_limit,
            heap_limit_bytes,
            n_ambient_objects: self.n_ambient_objects,
            large_allocator: self.large_allocator,
            observer,
            start: self.start,
            keeps_calls: self.keeps_calls,
        }
    }

    /// The interpreter.
    pub fn build(self) -> CPython<O, A> {
        let Builder {
            version,
            thresholds,
            recursion_limit,
            heap_limit_bytes,
            n_ambient_objects,
            large_allocator,
            observer,
            start,
            keeps_calls,
        } = self;
        let thresholds = thresholds.unwrap_or_else(|| default_thresholds(version));
        let source = Pymalloc::<A>::default_source(version);
        let allocator = Pymalloc::with(version, source, large_allocator);
        let heap = crate::object::heap::Heap::new(version, thresholds, heap_limit_bytes, allocator, observer);
        let mut machine = CPython::new(heap, recursion_limit, n_ambient_objects);
        machine.start = start;
        machine.keeps_calls = keeps_calls;
        machine
    }
}
