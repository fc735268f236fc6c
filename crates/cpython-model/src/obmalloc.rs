//! pymalloc, exact: given the calls, the address of every block and every arena made or released.
//!
//! Mirrors `Objects/obmalloc.c` of CPython 3.8 to 3.13: the allocator of the `obj` and `mem` domains. Blocks of up to
//! 512 bytes come from pools of one size class, pools from arenas, arenas from an [`ArenaSource`] that plays the
//! operating system. All else (0 bytes, more than 512) goes to the [`Allocator`] below, and so do the table of arenas
//! and the nodes of the radix tree, as in the real one. The `raw` domain is that allocator itself:
//! [`Pymalloc::below_mut`].
//!
//! ```
//! use cpython_model::{Pymalloc, Version};
//! use memory_trait::Allocator;
//!
//! let mut pymalloc = Pymalloc::new(Version::V3_12);
//! let a = pymalloc.malloc(24)?;
//! let b = pymalloc.malloc(32)?;
//! assert_eq!(b.0 - a.0, 32, "24 and 32 bytes are one size class");
//! pymalloc.free(a)?;
//! assert_eq!(pymalloc.malloc(17)?, a, "the block freed last is used first");
//! # Ok::<(), Box<memory_trait::Fault>>(())
//! ```
//!
//! Not modelled: debug and free-threaded builds, Valgrind mode. Invariant: no call allocates host memory, except one
//! that makes an arena.

use memory_trait::{Address, Allocator, Fault, FaultKind, Moment, Outcome, ThreadId};

use crate::Version;
use crate::params::{arena_bytes, class_of};
use crate::rules::{Rule, rule};

mod arena_source;
mod arenas;
pub mod check;
mod heap;
mod live;
mod map;
mod page_allocator;
mod pools;
pub mod replay;
pub mod snapshot;
mod stats;

pub use arena_source::ArenaSource;
pub use heap::ArenaEvent;
pub use live::LiveBlock;
pub use page_allocator::PageAllocator;
pub use snapshot::Snapshot;
pub use stats::{ClassStats, PymallocStats};

use heap::Heap;
use pools::Misuse;

/// Requests above this are NULL at once. Unit: bytes. Source: `PY_SSIZE_T_MAX`, 3.12 `obmalloc.c:PyObject_Malloc`.
const REQUEST_BYTES_MAX: u64 = i64::MAX as u64;

/// pymalloc over the allocator `A`.
///
/// What the trait's operations do beyond their own description:
///
/// - `realloc` to 0 bytes does not free: the block moves to `malloc(1)`, as `PyObject_Realloc` has it.
/// - `memalign`, `trim` and the threads are the allocator below's own; pymalloc has no such thing.
/// - `usable_size` of a block of pymalloc's is its size class.
///
/// # Errors
/// What the allocator below says, and [`FaultKind::DoubleFree`] or [`FaultKind::InvalidFree`] for an address in an
/// arena where no block in use starts. Differs: the real one does not check. It corrupts its lists, and what follows
/// depends on what the program wrote there; the model stops.
///
/// # Source
/// CPython 3.8 to 3.13 `Objects/obmalloc.c`.
#[derive(Clone, Debug)]
pub struct Pymalloc<A = PageAllocator> {
    heap: Heap,
    below: A,
    /// Blocks got from `below` and not yet given back (`raw_allocated_blocks`). Negative when blocks from before a
    /// snapshot are given back.
    n_raw_blocks: i64,
}

impl Pymalloc {
    /// An empty heap: consecutive arenas from [`ArenaSource::DEFAULT_BASE`], over a [`PageAllocator`].
    pub fn new(version: Version) -> Self {
        Pymalloc::with(version, Self::default_source(version), PageAllocator::default())
    }
}

impl<A: Allocator> Pymalloc<A> {
    /// Arenas one after the other from [`ArenaSource::DEFAULT_BASE`].
    pub fn default_source(version: Version) -> ArenaSource {
        ArenaSource::slots(ArenaSource::DEFAULT_BASE, arena_bytes(version))
    }

    /// An empty heap: arenas from `source`, everything else from `below`.
    pub fn with(version: Version, source: ArenaSource, below: A) -> Self {
        Pymalloc { heap: Heap::new(version, source), below, n_raw_blocks: 0 }
    }

    /// A heap in the state of `snapshot`; further arenas come from `source`.
    ///
    /// Differs: a snapshot does not say where the table of arenas is. When it grows, the table is a new block of the
    /// allocator below, and the old one stays.
    ///
    /// # Errors
    /// What [`check::check`] finds wrong with the snapshot.
    pub fn from_snapshot(
        version: Version,
        snapshot: &Snapshot,
        source: ArenaSource,
        below: A,
    ) -> Result<Self, check::Broken> {
        check::check(snapshot, version)?;
        Ok(Pymalloc { heap: Heap::from_snapshot(version, snapshot, source), below, n_raw_blocks: 0 })
    }

    /// The state, as a value.
    pub fn snapshot(&self) -> Snapshot {
        self.heap.snapshot()
    }

    /// The version whose rules it follows.
    pub fn version(&self) -> Version {
        self.heap.version
    }

    /// The allocator below.
    pub fn below(&self) -> &A {
        &self.below
    }

    /// The allocator below: the `raw` domain.
    pub fn below_mut(&mut self) -> &mut A {
        &mut self.below
    }

    /// Whether `address` is in a pool of pymalloc's.
    #[inline]
    pub fn is_in_arena(&self, address: Address) -> bool {
        self.heap.map.get(address.0) != 0
    }

    /// Where the bytes of the arenas are. Constant time.
    pub fn stats(&self) -> PymallocStats {
        PymallocStats::of(&self.heap)
    }

    /// The pools of each size class. Constant time.
    pub fn class_stats(&self) -> [ClassStats; crate::params::N_SIZE_CLASSES] {
        ClassStats::of(&self.heap)
    }

    /// Middle and bottom nodes of the radix tree that finds arenas; none in 3.8 and 3.9. They are never given back.
    pub fn n_map_nodes(&self) -> [u64; 2] {
        [self.heap.radix_mids.len() as u64, self.heap.radix_bots.len() as u64]
    }

    /// Blocks in use: what `sys.getallocatedblocks()` counts.
    pub fn n_allocated_blocks(&self) -> i64 {
        self.heap.n_live.iter().sum::<u64>() as i64 + self.n_raw_blocks
    }

    /// Arenas made and released so far: compare two moments to see whether there was one in between.
    #[inline]
    pub fn n_arena_events(&self) -> u64 {
        self.heap.n_arena_events
    }

    /// What happened to arenas since [`Pymalloc::n_arena_events`] was `n_before`, in order. A call makes one at most and
    /// releases one at most; only the last two events are kept, so ask after each call.
    pub fn arena_events_since(&self, n_before: u64) -> impl Iterator<Item = ArenaEvent> + '_ {
        let n = self.heap.n_arena_events;
        (n_before.max(n.saturating_sub(2))..n).map(|i| self.heap.last_arena_events[(i % 2) as usize])
    }

    /// Addresses of the arenas there are, by slot of their table.
    pub fn arenas(&self) -> impl Iterator<Item = Address> + '_ {
        self.heap.arenas.iter().filter(|arena| arena.address != 0).map(|arena| Address(arena.address))
    }

    /// A block from a pool that has one, or NULL: nothing is made for it, and the heap does not grow.
    #[inline]
    pub(crate) fn malloc_at_hand(&mut self, request_bytes: u64) -> Address {
        match class_of(request_bytes) {
            Some(class) => Address(self.heap.alloc_at_hand(class)),
            None => Address::NULL,
        }
    }

    /// Bytes of the arena that `malloc` of so many bytes would make: 0 where a pool or an arena has room.
    pub(crate) fn arena_bytes_for(&self, request_bytes: u64) -> u64 {
        match class_of(request_bytes) {
            Some(class) if self.heap.needs_arena(class) => arena_bytes(self.heap.version),
            _ => 0,
        }
    }

    /// A block from a pool, or NULL when pymalloc does not serve the request or has no arena for it.
    #[inline]
    fn malloc_small(&mut self, request_bytes: u64) -> Outcome<Address> {
        match class_of(request_bytes) {
            Some(class) => self.heap.alloc(class, &mut self.below).map(Address),
            None => Ok(Address::NULL),
        }
    }

    #[inline(never)]
    fn free_below(&mut self, block: Address) -> Outcome<()> {
        if !block.is_null() {
            self.below.free(block)?;
            self.n_raw_blocks -= 1;
        }
        Ok(())
    }

    fn count_raw(&mut self, block: Address) -> Address {
        self.n_raw_blocks += i64::from(!block.is_null());
        block
    }

    fn move_block(&mut self, id: u32, block: Address, request_bytes: u64) -> Outcome<Address> {
        let size = self.heap.block_bytes(id, block.0).map_err(|misuse| fault("realloc", block, misuse))?;
        // A shrinking block stays unless a quarter of it can be saved.
        if request_bytes <= size && (4 * request_bytes > 3 * size || !rule(Rule::ReallocMovesWhatShrinks)) {
            return Ok(block);
        }
        let moved = self.malloc(request_bytes)?;
        if !moved.is_null() {
            self.heap.free(id, block.0).map_err(|misuse| fault("realloc", block, misuse))?;
        }
        Ok(moved)
    }
}

impl<A: Allocator> Allocator for Pymalloc<A> {
    #[inline]
    fn malloc(&mut self, request_bytes: u64) -> Outcome<Address> {
        let block = self.malloc_small(request_bytes)?;
        if !block.is_null() {
            return Ok(block);
        }
        if request_bytes > REQUEST_BYTES_MAX {
            return Ok(Address::NULL);
        }
        let block = self.below.malloc(request_bytes.max(1))?;
        Ok(self.count_raw(block))
    }

    #[inline]
    fn calloc(&mut self, n_elements: u64, element_bytes: u64) -> Outcome<Address> {
        let Some(request_bytes) = n_elements.checked_mul(element_bytes).filter(|&n| n <= REQUEST_BYTES_MAX) else {
            return Ok(Address::NULL);
        };
        let block = self.malloc_small(request_bytes)?;
        if !block.is_null() {
            return Ok(block);
        }
        let (n, bytes) = if request_bytes == 0 { (1, 1) } else { (n_elements, element_bytes) };
        let block = self.below.calloc(n, bytes)?;
        Ok(self.count_raw(block))
    }

    #[inline]
    fn realloc(&mut self, block: Address, request_bytes: u64) -> Outcome<Address> {
        if block.is_null() {
            return self.malloc(request_bytes);
        }
        if request_bytes > REQUEST_BYTES_MAX {
            return Ok(Address::NULL);
        }
        match self.heap.map.get(block.0) {
            0 => self.below.realloc(block, request_bytes.max(1)),
            id => self.move_block(id, block, request_bytes),
        }
    }

    fn memalign(&mut self, alignment_bytes: u64, request_bytes: u64) -> Outcome<Address> {
        self.below.memalign(alignment_bytes, request_bytes)
    }

    #[inline]
    fn free(&mut self, block: Address) -> Outcome<()> {
        let id = self.heap.map.get(block.0);
        if id == 0 {
            return self.free_below(block);
        }
        match self.heap.free(id, block.0) {
            Ok(()) => Ok(()),
            Err(misuse) => Err(fault("free", block, misuse)),
        }
    }

    fn usable_size(&mut self, block: Address) -> u64 {
        match self.heap.map.get(block.0) {
            0 => self.below.usable_size(block),
            id => self.heap.block_bytes(id, block.0).unwrap_or(0),
        }
    }

    fn trim(&mut self, pad_bytes: u64) -> bool {
        self.below.trim(pad_bytes)
    }

    fn switch_thread(&mut self, thread: ThreadId) {
        self.below.switch_thread(thread);
    }

    fn end_thread(&mut self) -> Outcome<()> {
        self.below.end_thread()
    }

    fn heap_bytes(&self) -> u64 {
        self.heap.n_arenas * arena_bytes(self.heap.version) + self.below.heap_bytes()
    }
}

#[cold]
#[expect(clippy::unnecessary_box_returns, reason = "it is the `Err` of an outcome, which is boxed")]
fn fault(call: &str, block: Address, misuse: Misuse) -> Box<Fault> {
    let (kind, what) = match misuse {
        Misuse::Free => (FaultKind::DoubleFree, "that block is free"),
        Misuse::NoBlock => (FaultKind::InvalidFree, "no block starts there"),
    };
    let message = format!("{call}({block}): {what}");
    Box::new(Fault { kind, at: Moment::default(), object: None, reclaimed: None, message, is_fatal: true })
}
