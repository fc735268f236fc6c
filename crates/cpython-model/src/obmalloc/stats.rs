//! Counts of pools, blocks and bytes: each byte of the arenas is counted once.
//!
//! Mirrors the sums of `obmalloc.c:_PyObject_DebugMallocStats`, kept up to date instead of counted anew.

use super::heap::Heap;
use crate::params::{N_SIZE_CLASSES, POOL_OVERHEAD_BYTES, arena_bytes, class_bytes, pool_bytes};

/// Where the bytes of the arenas are. The last six and [`PymallocStats::live_block_bytes`] sum up to
/// [`PymallocStats::arena_bytes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PymallocStats {
    /// Arenas there are.
    pub n_arenas: u64,
    /// The most arenas there ever were at once.
    pub n_arenas_highwater: u64,
    /// Arenas made so far.
    pub n_arenas_made: u64,
    /// Pools with a block in use.
    pub n_used_pools: u64,
    /// Blocks in use.
    pub n_live_blocks: u64,
    /// Bytes of all arenas.
    pub arena_bytes: u64,
    /// Blocks in use, in whole size classes.
    pub live_block_bytes: u64,
    /// Free blocks of pools that have blocks in use.
    pub free_block_bytes: u64,
    /// Pools without a block in use.
    pub free_pool_bytes: u64,
    /// Headers of pools that have blocks in use.
    pub pool_header_bytes: u64,
    /// Ends of pools where no further block fits.
    pub quantization_bytes: u64,
    /// Ends of arenas that no aligned pool fits into.
    pub alignment_bytes: u64,
}

impl PymallocStats {
    pub(super) fn of(heap: &Heap) -> Self {
        let (arena_bytes, pool_bytes) = (arena_bytes(heap.version), pool_bytes(heap.version));
        let mut stats = PymallocStats {
            n_arenas: heap.n_arenas,
            n_arenas_highwater: heap.n_arenas_highwater,
            n_arenas_made: heap.n_arenas_made,
            arena_bytes: heap.n_arenas * arena_bytes,
            alignment_bytes: heap.n_arenas * arena_bytes - heap.n_pools_total * pool_bytes,
            ..PymallocStats::default()
        };
        for class in ClassStats::of(heap) {
            stats.n_used_pools += class.n_pools;
            stats.n_live_blocks += class.n_live_blocks;
            stats.live_block_bytes += class.n_live_blocks * class.block_bytes;
            stats.free_block_bytes += class.n_free_blocks * class.block_bytes;
            let block_bytes = (class.n_live_blocks + class.n_free_blocks) * class.block_bytes;
            stats.quantization_bytes += class.n_pools * (pool_bytes - POOL_OVERHEAD_BYTES) - block_bytes;
        }
        stats.pool_header_bytes = stats.n_used_pools * POOL_OVERHEAD_BYTES;
        stats.free_pool_bytes = (heap.n_pools_total - stats.n_used_pools) * pool_bytes;
        stats
    }
}

/// The pools of one size class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Pools with a block in use.
    pub n_pools: u64,
    /// Blocks in use.
    pub n_live_blocks: u64,
    /// Blocks of these pools that are not in use.
    pub n_free_blocks: u64,
}

impl ClassStats {
    pub(super) fn of(heap: &Heap) -> [ClassStats; N_SIZE_CLASSES] {
        std::array::from_fn(|class| {
            let (block_bytes, n_pools) = (class_bytes(class), heap.n_pools[class]);
            let n_blocks = n_pools * ((pool_bytes(heap.version) - POOL_OVERHEAD_BYTES) / block_bytes);
            let n_live_blocks = heap.n_live[class];
            ClassStats { block_bytes, n_pools, n_live_blocks, n_free_blocks: n_blocks - n_live_blocks }
        })
    }
}
