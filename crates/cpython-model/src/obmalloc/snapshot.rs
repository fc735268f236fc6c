//! The state of pymalloc as a value: read from a real process or taken from the model, written and read as integers.
//!
//! The integers: the number of classes; for each class its list of pools, front to back; the number of slots of the table
//! of arenas; for each slot the address of its arena, 0 when unused, else followed by `pool_address`, `nfreepools`,
//! `ntotalpools`, the list of free pools, and the carved pools, each with address, count, class, `nextoffset`,
//! `maxnextoffset` and its list of free blocks; the list of usable arenas; the list of unused slots. A list is its length
//! followed by its elements, in the order of the real list.

use std::fmt;

use super::arena_source::ArenaSource;
use super::heap::{Heap, NONE};
use super::pools::{LIVE, NO_CLASS};
use crate::Version;
use crate::params::{ALIGNMENT_BYTES, N_SIZE_CLASSES, POOL_OVERHEAD_BYTES, class_bytes};

/// The whole state. Addresses are plain integers: a snapshot may say anything, [`super::check::check`] says whether it
/// can be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// For each class: pools with both used and free blocks, front to back.
    pub used_pools: Vec<Vec<u64>>,
    /// The table of arenas; `None` for an unused slot.
    pub arenas: Vec<Option<ArenaState>>,
    /// Slots of the arenas with free pools, in the order of the list.
    pub usable: Vec<u64>,
    /// Unused slots, in the order of the list.
    pub unused: Vec<u64>,
}

/// An arena.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArenaState {
    /// Where it is.
    pub address: u64,
    /// Where the next pool will be carved.
    pub pool_address: u64,
    /// Pools without a block in use, carved or not.
    pub n_free_pools: u64,
    /// Pools that fit.
    pub n_total_pools: u64,
    /// Carved pools that are free, the last freed first.
    pub free_pools: Vec<u64>,
    /// The pools carved so far.
    pub pools: Vec<PoolState>,
}

/// A pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolState {
    /// Where it is.
    pub address: u64,
    /// Blocks in use.
    pub count: u64,
    /// Its size class, or its last one when it is free.
    pub class: u64,
    /// Offset of the first block that was never used. Unit: bytes.
    pub next_offset: u64,
    /// The largest offset at which a block fits. Unit: bytes.
    pub next_offset_max: u64,
    /// Its free blocks in the order of the list.
    pub free_blocks: Vec<u64>,
}

/// Integers that are no snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Index of the integer at which reading stopped.
    pub index: usize,
    /// What was to come there.
    pub expected: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot, integer {}: {} expected", self.index, self.expected)
    }
}

impl std::error::Error for Malformed {}

struct Integers<'a> {
    all: &'a [u64],
    index: usize,
}

impl Integers<'_> {
    fn next(&mut self, expected: &'static str) -> Result<u64, Malformed> {
        let value = self.all.get(self.index).ok_or(Malformed { index: self.index, expected })?;
        self.index += 1;
        Ok(*value)
    }

    /// A number of things that are still to come: never more than there are integers.
    fn count(&mut self, expected: &'static str) -> Result<usize, Malformed> {
        let index = self.index;
        let n = self.next(expected)?;
        if n > (self.all.len() - self.index) as u64 {
            return Err(Malformed { index, expected });
        }
        Ok(n as usize)
    }

    fn list(&mut self, expected: &'static str) -> Result<Vec<u64>, Malformed> {
        let n = self.count(expected)?;
        let list = self.all[self.index..self.index + n].to_vec();
        self.index += n;
        Ok(list)
    }

    fn arena(&mut self) -> Result<Option<ArenaState>, Malformed> {
        let address = self.next("the address of an arena")?;
        if address == 0 {
            return Ok(None);
        }
        let pool_address = self.next("pool_address")?;
        let n_free_pools = self.next("nfreepools")?;
        let n_total_pools = self.next("ntotalpools")?;
        let free_pools = self.list("a list of free pools")?;
        let n_pools = self.count("a number of pools")?;
        let pools = (0..n_pools).map(|_| self.pool()).collect::<Result<_, _>>()?;
        Ok(Some(ArenaState { address, pool_address, n_free_pools, n_total_pools, free_pools, pools }))
    }

    fn pool(&mut self) -> Result<PoolState, Malformed> {
        Ok(PoolState {
            address: self.next("the address of a pool")?,
            count: self.next("the count of a pool")?,
            class: self.next("szidx")?,
            next_offset: self.next("nextoffset")?,
            next_offset_max: self.next("maxnextoffset")?,
            free_blocks: self.list("a list of free blocks")?,
        })
    }
}

impl Snapshot {
    /// Reads the integers.
    pub fn from_integers(integers: &[u64]) -> Result<Snapshot, Malformed> {
        let mut from = Integers { all: integers, index: 0 };
        let n_classes = from.count("a number of classes")?;
        let used_pools = (0..n_classes).map(|_| from.list("a list of used pools")).collect::<Result<_, _>>()?;
        let n_slots = from.count("a number of arenas")?;
        let arenas = (0..n_slots).map(|_| from.arena()).collect::<Result<_, _>>()?;
        let usable = from.list("a list of usable arenas")?;
        let unused = from.list("a list of unused slots")?;
        if from.index < integers.len() {
            return Err(Malformed { index: from.index, expected: "the end" });
        }
        Ok(Snapshot { used_pools, arenas, usable, unused })
    }

    /// Writes the integers.
    pub fn to_integers(&self) -> Vec<u64> {
        fn list(out: &mut Vec<u64>, elements: &[u64]) {
            out.push(elements.len() as u64);
            out.extend(elements);
        }
        let mut out = vec![self.used_pools.len() as u64];
        self.used_pools.iter().for_each(|pools| list(&mut out, pools));
        out.push(self.arenas.len() as u64);
        for arena in &self.arenas {
            let Some(arena) = arena else {
                out.push(0);
                continue;
            };
            let ArenaState { address, pool_address, n_free_pools, n_total_pools, free_pools, pools } = arena;
            out.extend([address, pool_address, n_free_pools, n_total_pools]);
            list(&mut out, free_pools);
            out.push(pools.len() as u64);
            for pool in pools {
                let PoolState { address, count, class, next_offset, next_offset_max, free_blocks } = pool;
                out.extend([address, count, class, next_offset, next_offset_max]);
                list(&mut out, free_blocks);
            }
        }
        list(&mut out, &self.usable);
        list(&mut out, &self.unused);
        out
    }
}

impl Heap {
    /// The heap in that state. The snapshot was checked: what does not fit is a bug.
    pub(super) fn from_snapshot(version: Version, snapshot: &Snapshot, source: ArenaSource) -> Heap {
        let mut heap = Heap::new(version, source);
        heap.add_unused_slots(snapshot.arenas.len());
        for (slot, state) in snapshot.arenas.iter().enumerate() {
            if let Some(state) = state {
                heap.load_arena(slot as u32, state);
            }
        }
        for (class, pools) in snapshot.used_pools.iter().enumerate() {
            let ids: Vec<u32> = pools.iter().map(|&address| heap.map.get(address)).collect();
            let mut prev = class as u32;
            for id in ids.into_iter().chain([class as u32]) {
                heap.pools[prev as usize].next = id;
                heap.pools[id as usize].prev = prev;
                prev = id;
            }
        }
        heap.usable = snapshot.usable.first().map_or(NONE, |&slot| slot as u32);
        for (i, &slot) in snapshot.usable.iter().enumerate() {
            let object = &mut heap.arenas[slot as usize];
            object.prev = if i == 0 { NONE } else { snapshot.usable[i - 1] as u32 };
            object.next = snapshot.usable.get(i + 1).map_or(NONE, |&next| next as u32);
            heap.last_with[object.n_free as usize] = slot as u32;
        }
        // What was made before is not known; these were.
        heap.n_arenas_made = heap.n_arenas;
        heap.unused = NONE;
        for &slot in snapshot.unused.iter().rev() {
            heap.arenas[slot as usize].next = std::mem::replace(&mut heap.unused, slot as u32);
        }
        heap
    }

    fn load_arena(&mut self, slot: u32, state: &ArenaState) {
        self.place_arena(slot, state.address);
        self.source.adopt();
        self.adopt_nodes(state.address);
        let pool_bytes = self.pool_bytes();
        let granule = |address: u64| ((address & (pool_bytes - 1)) / ALIGNMENT_BYTES) as u16;
        for saved in &state.pools {
            let id = self.map.get(saved.address);
            let class = saved.class as usize;
            let first = POOL_OVERHEAD_BYTES..saved.next_offset;
            for offset in first.step_by(class_bytes(class) as usize) {
                *self.link_mut(id, (offset / ALIGNMENT_BYTES) as u16) = LIVE;
            }
            let mut next = 0;
            for &block in saved.free_blocks.iter().rev() {
                let block = granule(block);
                *self.link_mut(id, block) = std::mem::replace(&mut next, block);
            }
            let pool = &mut self.pools[id as usize];
            pool.count = saved.count as u16;
            pool.free = next;
            pool.next_offset = (saved.next_offset / ALIGNMENT_BYTES) as u16;
            pool.class = class as u8;
            self.n_live[class] += saved.count;
            self.n_pools[class] += u64::from(saved.count > 0);
        }
        let mut free_pools = 0;
        for &address in state.free_pools.iter().rev() {
            let id = self.map.get(address);
            self.pools[id as usize].next = std::mem::replace(&mut free_pools, id);
        }
        let object = &mut self.arenas[slot as usize];
        object.n_carved = state.pools.len() as u32;
        object.n_free = state.n_free_pools as u32;
        object.free_pools = free_pools;
    }

    /// The state of the heap.
    pub(super) fn snapshot(&self) -> Snapshot {
        let used_pools = (0..N_SIZE_CLASSES as u32).map(|head| {
            let ids = follow(self.pools[head as usize].next, head, |id| self.pools[id as usize].next);
            ids.map(|id| self.pools[id as usize].base).collect()
        });
        let next_arena = |slot: u32| self.arenas[slot as usize].next;
        Snapshot {
            used_pools: used_pools.collect(),
            arenas: (0..self.arenas.len() as u32).map(|slot| self.save_arena(slot)).collect(),
            usable: follow(self.usable, NONE, next_arena).map(u64::from).collect(),
            unused: follow(self.unused, NONE, next_arena).map(u64::from).collect(),
        }
    }

    fn save_arena(&self, slot: u32) -> Option<ArenaState> {
        let object = &self.arenas[slot as usize];
        if object.address == 0 {
            return None;
        }
        let first = Heap::first_pool_of(slot);
        let free_pools = follow(object.free_pools, 0, |id| self.pools[id as usize].next);
        Some(ArenaState {
            address: object.address,
            pool_address: Heap::first_pool_address(object.address, self.pool_bytes())
                + u64::from(object.n_carved) * self.pool_bytes(),
            n_free_pools: u64::from(object.n_free),
            n_total_pools: u64::from(object.n_total),
            free_pools: free_pools.map(|id| self.pools[id as usize].base).collect(),
            pools: (first..first + object.n_carved).map(|id| self.save_pool(id)).collect(),
        })
    }

    fn save_pool(&self, id: u32) -> PoolState {
        let pool = &self.pools[id as usize];
        assert!(pool.class != NO_CLASS, "pool {id} was carved and never used");
        let link = |granule: u32| u32::from(self.link(id, granule as u16));
        let free_blocks = follow(u32::from(pool.free), 0, link);
        PoolState {
            address: pool.base,
            count: u64::from(pool.count),
            class: u64::from(pool.class),
            next_offset: u64::from(pool.next_offset) * ALIGNMENT_BYTES,
            next_offset_max: self.pool_bytes() - class_bytes(usize::from(pool.class)),
            free_blocks: free_blocks.map(|granule| pool.base + u64::from(granule) * ALIGNMENT_BYTES).collect(),
        }
    }
}

/// The elements of a linked list.
fn follow(first: u32, end: u32, next: impl Fn(u32) -> u32) -> impl Iterator<Item = u32> {
    let unless_end = move |element: u32| (element != end).then_some(element);
    std::iter::successors(unless_end(first), move |&element| unless_end(next(element)))
}
