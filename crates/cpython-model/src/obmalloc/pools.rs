//! Pools: 16 KiB (4 KiB up to 3.9) that serve one size class, and the blocks in them.
//!
//! Mirrors `obmalloc.c:pymalloc_alloc`, `pymalloc_pool_extend`, `pymalloc_free`, `insert_to_usedpool`. A free block's
//! first word is the link to the next free block of its pool, as in the real heap; here it is the offset in the pool,
//! in units of 16 bytes, and all that is kept of the block. Must not know where arenas come from.
//!
//! ```text
//! pool   +0 header, 48 bytes   +48 block 0   +48+size block 1   ...   nextoffset: never used yet   ...   +16 KiB
//! ```

use memory_trait::{Allocator, Outcome};

use super::heap::{GRANULES_MAX, Heap, NONE};
use crate::params::{ALIGNMENT_BYTES, N_SIZE_CLASSES, POOL_OVERHEAD_BYTES, class_bytes};
use crate::rules::{Rule, rule};

/// What stands in the link of a block that is in use. No offset reaches it.
pub(super) const LIVE: u16 = u16::MAX;

/// The class of a pool that was never used.
pub(super) const NO_CLASS: u8 = u8::MAX;

/// A pool: its header, and what it says of its blocks. Or the head of a class's list of pools that have both used and free blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pool {
    /// Address of the pool.
    pub(super) base: u64,
    /// In a class's list: the neighbours. In an arena's list of free pools: `next` alone.
    pub(super) next: u32,
    pub(super) prev: u32,
    /// Blocks in use.
    pub(super) count: u16,
    /// The first free block, in units of 16 bytes from the pool; 0 at the end of the list.
    pub(super) free: u16,
    /// The first block that was never used, in the same unit.
    pub(super) next_offset: u16,
    pub(super) class: u8,
    /// What stands in the first word of each block, by the block's offset in units of 16 bytes.
    pub(super) links: [u16; GRANULES_MAX],
}

impl Pool {
    /// A pool that was never used.
    pub(super) const UNUSED: Pool = Pool {
        base: 0,
        next: 0,
        prev: 0,
        count: 0,
        free: 0,
        next_offset: 0,
        class: NO_CLASS,
        links: [0; GRANULES_MAX],
    };
}

/// What is wrong with a block that was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misuse {
    /// It is a block, and it is free.
    Free,
    /// No block starts there.
    NoBlock,
}

impl Heap {
    /// A block of `class` from a pool that has one; 0 when there is no such pool.
    #[inline]
    pub(super) fn alloc_at_hand(&mut self, class: usize) -> u64 {
        let id = self.pools[class].next;
        if id as usize == class {
            return 0;
        }
        let pool = &mut self.pools[id as usize];
        let granule = pool.free;
        let address = pool.base + u64::from(granule) * ALIGNMENT_BYTES;
        // No offset is as large: the remainder is itself, and spares the comparison.
        let next = std::mem::replace(&mut pool.links[usize::from(granule) % GRANULES_MAX], LIVE);
        pool.free = next;
        pool.count += 1;
        self.n_live[class] += 1;
        if next == 0 { self.extend_or_unlink(id, class, address) } else { address }
    }

    /// Whether there is no block of `class` without a new arena.
    pub(super) fn needs_arena(&self, class: usize) -> bool {
        self.pools[class].next as usize == class && self.usable == NONE
    }

    /// A block of `class`; 0 when there is no more memory.
    #[inline]
    pub(super) fn alloc<A: Allocator>(&mut self, class: usize, below: &mut A) -> Outcome<u64> {
        match self.alloc_at_hand(class) {
            0 => self.alloc_from_new_pool(class, below),
            address => Ok(address),
        }
    }

    /// The free list of a pool has come to its end with the block at `address`: one block more, or out of the list.
    #[inline(never)]
    fn extend_or_unlink(&mut self, id: u32, class: usize, address: u64) -> u64 {
        let size = class as u16 + 1;
        let pool = &mut self.pools[id as usize];
        if pool.next_offset + size <= 1 << self.pool_granules_log2 {
            pool.free = pool.next_offset;
            pool.next_offset += size;
            pool.links[usize::from(pool.free)] = 0;
        } else {
            self.unlink(id);
        }
        address
    }

    #[cold]
    fn alloc_from_new_pool<A: Allocator>(&mut self, class: usize, below: &mut A) -> Outcome<u64> {
        let Some(id) = self.take_pool(below)? else { return Ok(0) };
        self.link_in_front(id, class);
        self.n_pools[class] += 1;
        self.n_live[class] += 1;
        let pool = &mut self.pools[id as usize];
        debug_assert_eq!(pool.count, 0, "a pool from an arena has blocks in use");
        pool.count = 1;
        let first = if usize::from(pool.class) == class && rule(Rule::PoolKeepsItsFreeList) {
            // It served this class before: its free list is as good as it was.
            assert!(pool.free != 0, "a free pool of class {class} has no free block");
            let first = pool.free;
            pool.free = pool.links[usize::from(first)];
            debug_assert!(pool.free != 0, "a pool has two blocks at least");
            first
        } else {
            let size = class as u16 + 1;
            let first = (POOL_OVERHEAD_BYTES / ALIGNMENT_BYTES) as u16;
            pool.class = class as u8;
            pool.free = first + size;
            pool.next_offset = first + 2 * size;
            pool.links[usize::from(pool.free)] = 0;
            first
        };
        pool.links[usize::from(first)] = LIVE;
        Ok(pool.base + u64::from(first) * ALIGNMENT_BYTES)
    }

    /// Gives back the block at `address`, which is in pool `id`.
    #[inline]
    pub(super) fn free(&mut self, id: u32, address: u64) -> Result<(), Misuse> {
        let pool = &mut self.pools[id as usize];
        let offset = address.wrapping_sub(pool.base);
        let link = &mut pool.links[(offset / ALIGNMENT_BYTES) as usize % GRANULES_MAX];
        if *link != LIVE || !offset.is_multiple_of(ALIGNMENT_BYTES) {
            return Err(self.misuse(id, address));
        }
        let last_free = std::mem::replace(&mut pool.free, (offset / ALIGNMENT_BYTES) as u16);
        *link = last_free;
        pool.count -= 1;
        self.n_live[usize::from(pool.class) % N_SIZE_CLASSES] -= 1;
        if last_free == 0 || pool.count == 0 {
            self.move_pool(id, last_free == 0);
        }
        Ok(())
    }

    /// A block came back to a pool that was full, or that is empty now.
    #[inline(never)]
    fn move_pool(&mut self, id: u32, was_full: bool) {
        let class = usize::from(self.pools[id as usize].class);
        if was_full {
            // It was in no list.
            self.link_in_front(id, class);
        } else {
            self.n_pools[class] -= 1;
            self.unlink(id);
            self.give_pool_back(id);
        }
    }

    /// Bytes of the live block at `address`, which is in pool `id`.
    #[inline]
    pub(super) fn block_bytes(&self, id: u32, address: u64) -> Result<u64, Misuse> {
        let pool = &self.pools[id as usize];
        let offset = address - pool.base;
        let is_live = self.link(id, (offset / ALIGNMENT_BYTES) as u16) == LIVE;
        if is_live && offset.is_multiple_of(ALIGNMENT_BYTES) {
            Ok(class_bytes(usize::from(pool.class)))
        } else {
            Err(self.misuse(id, address))
        }
    }

    /// Why there is no block in use at `address`, which is in pool `id`.
    #[cold]
    fn misuse(&self, id: u32, address: u64) -> Misuse {
        let pool = &self.pools[id as usize];
        let offset = address - pool.base;
        let Some(in_blocks) = offset.checked_sub(POOL_OVERHEAD_BYTES) else { return Misuse::NoBlock };
        let is_block = pool.class != NO_CLASS
            && in_blocks.is_multiple_of(class_bytes(usize::from(pool.class)))
            && offset / ALIGNMENT_BYTES < u64::from(pool.next_offset);
        if is_block { Misuse::Free } else { Misuse::NoBlock }
    }

    fn link_in_front(&mut self, id: u32, class: usize) {
        let next = std::mem::replace(&mut self.pools[class].next, id);
        self.pools[next as usize].prev = id;
        let pool = &mut self.pools[id as usize];
        pool.next = next;
        pool.prev = class as u32;
    }

    fn unlink(&mut self, id: u32) {
        let Pool { next, prev, .. } = self.pools[id as usize];
        self.pools[next as usize].prev = prev;
        self.pools[prev as usize].next = next;
    }
}
