//! The state of pymalloc: what is in `struct _obmalloc_state`, in flat tables.
//!
//! Pools are numbered: 0 to 31 are the heads of the lists of used pools, then come 64 numbers for each slot of the table
//! of arenas. Must not know what is below pymalloc.

use memory_trait::Address;

use super::arena_source::ArenaSource;
use super::arenas::ArenaObject;
use super::map::PoolMap;
use super::pools::Pool;
use crate::Version;
use crate::params::{ALIGNMENT_BYTES, N_SIZE_CLASSES, pool_bytes};

/// The number of the first pool of the first arena.
pub(super) const FIRST_POOL: u32 = N_SIZE_CLASSES as u32;

/// Pools of an arena, if its address is a multiple of the size of a pool.
pub(super) const ARENA_POOLS_MAX: usize = 64;

/// Units of 16 bytes in the largest pools.
pub(super) const GRANULES_MAX: usize = 1024;

/// No arena.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
pub(super) struct Heap {
    pub(super) version: Version,
    pub(super) pool_granules_log2: u32,
    pub(super) pools: Vec<Pool>,
    pub(super) map: PoolMap,

    pub(super) arenas: Vec<ArenaObject>,
    /// Arenas with a free pool, the fewest free pools first.
    pub(super) usable: u32,
    /// Slots without an arena.
    pub(super) unused: u32,
    /// The last arena in `usable` with that many free pools (`nfp2lasta`).
    pub(super) last_with: [u32; ARENA_POOLS_MAX + 1],
    pub(super) source: ArenaSource,
    /// The table of arenas, a block of the allocator below.
    pub(super) table: Address,
    /// Middle and bottom nodes of the radix tree that exist, by the address bits they stand for.
    pub(super) radix_mids: Vec<u64>,
    pub(super) radix_bots: Vec<u64>,

    /// Blocks in use, by class.
    pub(super) n_live: [u64; N_SIZE_CLASSES],
    /// Pools with a block in use, by class.
    pub(super) n_pools: [u64; N_SIZE_CLASSES],
    pub(super) n_arenas: u64,
    pub(super) n_arenas_highwater: u64,
    /// Pools of all arenas there are, used or not.
    pub(super) n_pools_total: u64,
    pub(super) n_arena_events: u64,
    pub(super) last_arena_events: [ArenaEvent; 2],
    pub(super) n_arenas_made: u64,
}

/// An arena was made or released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArenaEvent {
    /// Made, or released.
    pub is_made: bool,
    /// Where the arena is.
    pub address: Address,
}

impl Heap {
    pub(super) fn new(version: Version, source: ArenaSource) -> Self {
        let head = |class: usize| Pool { next: class as u32, prev: class as u32, ..Pool::UNUSED };
        Heap {
            version,
            pool_granules_log2: (pool_bytes(version) / ALIGNMENT_BYTES).trailing_zeros(),
            pools: (0..N_SIZE_CLASSES).map(head).collect(),
            map: PoolMap::new(pool_bytes(version)),
            arenas: Vec::new(),
            usable: NONE,
            unused: NONE,
            last_with: [NONE; ARENA_POOLS_MAX + 1],
            source,
            table: Address::NULL,
            radix_mids: Vec::new(),
            radix_bots: Vec::new(),
            n_live: [0; N_SIZE_CLASSES],
            n_pools: [0; N_SIZE_CLASSES],
            n_arenas: 0,
            n_arenas_highwater: 0,
            n_pools_total: 0,
            n_arena_events: 0,
            last_arena_events: [ArenaEvent::default(); 2],
            n_arenas_made: 0,
        }
    }

    #[inline]
    pub(super) fn pool_bytes(&self) -> u64 {
        ALIGNMENT_BYTES << self.pool_granules_log2
    }

    /// The link of the block that starts `granule` x 16 bytes into pool `id`.
    #[inline]
    pub(super) fn link(&self, id: u32, granule: u16) -> u16 {
        self.pools[id as usize].links[usize::from(granule)]
    }

    /// The same, to change.
    #[inline]
    pub(super) fn link_mut(&mut self, id: u32, granule: u16) -> &mut u16 {
        &mut self.pools[id as usize].links[usize::from(granule)]
    }

    /// The number of the first pool of the arena in slot `arena`.
    #[inline]
    pub(super) fn first_pool_of(arena: u32) -> u32 {
        FIRST_POOL + arena * ARENA_POOLS_MAX as u32
    }

    /// The slot of the arena of pool `id`.
    #[inline]
    pub(super) fn arena_of(id: u32) -> u32 {
        (id - FIRST_POOL) / ARENA_POOLS_MAX as u32
    }
}
