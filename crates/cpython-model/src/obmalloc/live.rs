//! Which blocks are in use: for those who ask who keeps an arena from going back.

use memory_trait::{Address, Allocator};

use super::Pymalloc;
use super::heap::{FIRST_POOL, Heap};
use super::pools::LIVE;
use crate::params::{ALIGNMENT_BYTES, class_bytes};

/// A block in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveBlock {
    /// Where it is.
    pub address: Address,
    /// Bytes of its size class.
    pub block_bytes: u64,
}

impl<A: Allocator> Pymalloc<A> {
    /// The blocks in use of the arena at `arena`, by address; none when no arena is there. These are what keeps the
    /// arena from going back to the system.
    pub fn live_blocks_of(&self, arena: Address) -> impl Iterator<Item = LiveBlock> + '_ {
        let slot = self.heap.arenas.iter().position(|object| object.address == arena.0 && arena.0 != 0);
        let pools = slot.map_or(0..0, |slot| {
            let first = Heap::first_pool_of(slot as u32);
            first..first + self.heap.arenas[slot].n_carved
        });
        pools.flat_map(|id| self.live_blocks_of_pool(id))
    }

    fn live_blocks_of_pool(&self, id: u32) -> impl Iterator<Item = LiveBlock> + '_ {
        debug_assert!(id >= FIRST_POOL, "pool {id} is the head of a list");
        let pool = &self.heap.pools[id as usize];
        let is_live = |&(_, &link): &(usize, &u16)| link == LIVE;
        pool.links.iter().enumerate().filter(is_live).map(|(granule, _)| LiveBlock {
            address: Address(pool.base + granule as u64 * ALIGNMENT_BYTES),
            block_bytes: class_bytes(usize::from(pool.class)),
        })
    }
}
