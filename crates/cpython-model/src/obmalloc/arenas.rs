//! Arenas: what pools are carved from, and when they go back to the system.
//!
//! Mirrors `obmalloc.c:new_arena`, `allocate_from_new_pool` (the part before the pool is linked) and
//! `insert_to_freepool`. Usable arenas are sorted by their number of free pools, the fewest first, so that the emptiest
//! are left alone and have a chance to become wholly free. Must not know blocks.

use memory_trait::{Address, Allocator, Outcome};

use super::heap::{ARENA_POOLS_MAX, ArenaEvent, Heap, NONE};
use super::pools::{NO_CLASS, Pool};
use crate::params::{
    ARENA_OBJECT_BYTES, INITIAL_ARENA_OBJECTS, MAP_BOT_COVERED_BITS, MAP_BOT_NODE_BYTES, MAP_MID_COVERED_BITS,
    MAP_MID_NODE_BYTES, arena_bytes, has_radix_tree, keeps_last_arena,
};
use crate::rules::{Rule, rule};

/// A slot of the table of arenas (`struct arena_object`).
#[derive(Clone, Copy, Debug)]
pub(super) struct ArenaObject {
    /// Address of the arena; 0: the slot is unused.
    pub(super) address: u64,
    /// Pools carved so far: where `pool_address` stands.
    pub(super) n_carved: u32,
    /// Pools that are free: in `free_pools` or not carved yet.
    pub(super) n_free: u32,
    pub(super) n_total: u32,
    /// Free pools that were carved before, the last freed first; 0: none.
    pub(super) free_pools: u32,
    pub(super) next: u32,
    pub(super) prev: u32,
}

impl Heap {
    /// A pool that is free, from the usable arena with the fewest free pools; `None` when there is no more memory.
    pub(super) fn take_pool<A: Allocator>(&mut self, below: &mut A) -> Outcome<Option<u32>> {
        if self.usable == NONE {
            let Some(arena) = self.new_arena(below)? else { return Ok(None) };
            let object = &mut self.arenas[arena as usize];
            object.next = NONE;
            object.prev = NONE;
            self.usable = arena;
            self.last_with[object.n_free as usize] = arena;
        }
        let arena = self.usable;
        let object = &mut self.arenas[arena as usize];
        assert!(object.n_free > 0, "usable arena {arena} has no free pool");

        // It has the fewest free pools before and after: its place in the list stays.
        let n_free = object.n_free as usize;
        if self.last_with[n_free] == arena {
            self.last_with[n_free] = NONE;
        }
        if n_free > 1 {
            self.last_with[n_free - 1] = arena;
        }
        object.n_free -= 1;

        let id = if object.free_pools == 0 {
            object.n_carved += 1;
            Heap::first_pool_of(arena) + object.n_carved - 1
        } else {
            let id = object.free_pools;
            object.free_pools = self.pools[id as usize].next;
            id
        };
        if object.n_free == 0 {
            self.usable = object.next;
            if self.usable != NONE {
                self.arenas[self.usable as usize].prev = NONE;
            }
        }
        Ok(Some(id))
    }

    /// Takes back a pool that has become empty, and gives its arena back when that is empty.
    pub(super) fn give_pool_back(&mut self, id: u32) {
        let arena = Heap::arena_of(id);
        let object = &mut self.arenas[arena as usize];
        self.pools[id as usize].next = std::mem::replace(&mut object.free_pools, id);
        let n_free_before = object.n_free as usize;
        object.n_free += 1;
        let ArenaObject { n_free, n_total, next, prev, .. } = *object;

        let last_before = self.last_with[n_free_before];
        if last_before == arena {
            let is_prev_like_it = prev != NONE && self.arenas[prev as usize].n_free as usize == n_free_before;
            self.last_with[n_free_before] = if is_prev_like_it { prev } else { NONE };
        }

        if n_free == n_total && (next != NONE || !(keeps_last_arena(self.version) && rule(Rule::LastArenaIsKept))) {
            self.unlink_arena(arena);
            self.release_arena(arena);
            return;
        }
        if n_free == 1 {
            // It was full and not in the list: to the front.
            let first = std::mem::replace(&mut self.usable, arena);
            let object = &mut self.arenas[arena as usize];
            object.next = first;
            object.prev = NONE;
            if first != NONE {
                self.arenas[first as usize].prev = arena;
            }
            if self.last_with[1] == NONE {
                self.last_with[1] = arena;
            }
            return;
        }
        if self.last_with[n_free as usize] == NONE {
            self.last_with[n_free as usize] = arena;
        }
        if arena == last_before || !rule(Rule::ArenasAreSorted) {
            return;
        }
        // It has more free pools now than its right neighbours: it goes behind the last of those.
        assert!(last_before != NONE, "no last arena with {n_free_before} free pools");
        self.unlink_arena(arena);
        let after = self.arenas[last_before as usize].next;
        let object = &mut self.arenas[arena as usize];
        object.prev = last_before;
        object.next = after;
        if after != NONE {
            self.arenas[after as usize].prev = arena;
        }
        self.arenas[last_before as usize].next = arena;
    }

    fn unlink_arena(&mut self, arena: u32) {
        let ArenaObject { next, prev, .. } = self.arenas[arena as usize];
        if prev == NONE {
            self.usable = next;
        } else {
            self.arenas[prev as usize].next = next;
        }
        if next != NONE {
            self.arenas[next as usize].prev = prev;
        }
    }

    fn release_arena(&mut self, arena: u32) {
        let object = &mut self.arenas[arena as usize];
        let address = std::mem::replace(&mut object.address, 0);
        object.next = std::mem::replace(&mut self.unused, arena);
        let n_total = u64::from(object.n_total);
        self.map.set(Heap::first_pool_address(address, self.pool_bytes()), n_total, 0);
        self.source.give_back(address);
        self.n_arenas -= 1;
        self.n_pools_total -= n_total;
        self.note(ArenaEvent { is_made: false, address: Address(address) });
    }

    /// A new arena in the first unused slot, not yet in the list; `None` when there is no more memory.
    fn new_arena<A: Allocator>(&mut self, below: &mut A) -> Outcome<Option<u32>> {
        if self.unused == NONE && !self.grow_table(below)? {
            return Ok(None);
        }
        let arena = self.unused;
        let Some(address) = self.source.take() else { return Ok(None) };
        if has_radix_tree(self.version) && !self.mark_used(address, below)? {
            self.source.give_back(address);
            return Ok(None);
        }
        self.unused = self.arenas[arena as usize].next;
        self.place_arena(arena, address);
        self.n_arenas_made += 1;
        self.note(ArenaEvent { is_made: true, address: Address(address) });
        Ok(Some(arena))
    }

    /// Fills the slot `arena` with an arena at `address` that nothing was carved from.
    pub(super) fn place_arena(&mut self, arena: u32, address: u64) {
        let pool_bytes = self.pool_bytes();
        let first = Heap::first_pool_address(address, pool_bytes);
        let n_total = ((address + arena_bytes(self.version) - first) / pool_bytes) as u32;
        let first_id = Heap::first_pool_of(arena);
        let n_pools = first_id as usize + ARENA_POOLS_MAX;
        if self.pools.len() < n_pools {
            self.pools.resize(n_pools, Pool::UNUSED);
        }
        for i in 0..n_total {
            let pool = &mut self.pools[(first_id + i) as usize];
            pool.base = first + u64::from(i) * pool_bytes;
            pool.class = NO_CLASS;
        }
        self.map.set(first, u64::from(n_total), first_id);
        self.arenas[arena as usize] =
            ArenaObject { address, n_carved: 0, n_free: n_total, n_total, free_pools: 0, next: NONE, prev: NONE };
        self.n_pools_total += u64::from(n_total);
        self.n_arenas += 1;
        self.n_arenas_highwater = self.n_arenas_highwater.max(self.n_arenas);
    }

    /// Where the first pool of an arena is. Pools are aligned to their size, arenas to a page of the system.
    pub(super) fn first_pool_address(address: u64, pool_bytes: u64) -> u64 {
        address.next_multiple_of(pool_bytes)
    }

    /// Doubles the table of arenas. It is a block of the allocator below.
    fn grow_table<A: Allocator>(&mut self, below: &mut A) -> Outcome<bool> {
        let n_before = self.arenas.len();
        let n = if n_before == 0 { INITIAL_ARENA_OBJECTS } else { 2 * n_before };
        let table = below.realloc(self.table, n as u64 * ARENA_OBJECT_BYTES)?;
        if table.is_null() {
            return Ok(false);
        }
        self.table = table;
        self.add_unused_slots(n);
        Ok(true)
    }

    /// Makes the table `n` slots long; the new ones are the list of unused slots, in order.
    pub(super) fn add_unused_slots(&mut self, n: usize) {
        let n_before = self.arenas.len();
        let slot = |i: usize| ArenaObject {
            address: 0,
            n_carved: 0,
            n_free: 0,
            n_total: 0,
            free_pools: 0,
            next: if i + 1 < n { i as u32 + 1 } else { NONE },
            prev: NONE,
        };
        self.arenas.extend((n_before..n).map(slot));
        self.unused = n_before as u32;
    }

    /// Makes the nodes of the radix tree that the arena at `address` needs. They are blocks of the allocator below and
    /// are never given back.
    fn mark_used<A: Allocator>(&mut self, address: u64, below: &mut A) -> Outcome<bool> {
        for covered in self.radix_addresses(address) {
            let mid = covered >> MAP_MID_COVERED_BITS;
            if !self.radix_mids.contains(&mid) {
                if below.calloc(1, MAP_MID_NODE_BYTES)?.is_null() {
                    return Ok(false);
                }
                self.radix_mids.push(mid);
            }
            let bot = covered >> MAP_BOT_COVERED_BITS;
            if !self.radix_bots.contains(&bot) {
                if below.calloc(1, MAP_BOT_NODE_BYTES)?.is_null() {
                    return Ok(false);
                }
                self.radix_bots.push(bot);
            }
        }
        Ok(true)
    }

    /// Notes the nodes that an arena of a snapshot needs: they exist already.
    pub(super) fn adopt_nodes(&mut self, address: u64) {
        for covered in self.radix_addresses(address) {
            let (mid, bot) = (covered >> MAP_MID_COVERED_BITS, covered >> MAP_BOT_COVERED_BITS);
            if !self.radix_mids.contains(&mid) {
                self.radix_mids.push(mid);
            }
            if !self.radix_bots.contains(&bot) {
                self.radix_bots.push(bot);
            }
        }
    }

    /// The two places of an arena in the radix tree; they are one when its address is a multiple of its size.
    fn radix_addresses(&self, address: u64) -> impl Iterator<Item = u64> + use<> {
        let bytes = arena_bytes(self.version);
        let second = if address.is_multiple_of(bytes) { address } else { address + bytes };
        [address, second].into_iter()
    }

    fn note(&mut self, event: ArenaEvent) {
        self.last_arena_events[(self.n_arena_events % 2) as usize] = event;
        self.n_arena_events += 1;
    }
}
