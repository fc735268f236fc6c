//! A check of the whole heap, from first principles: it works on a [`Snapshot`] and shares no code with the allocator.
//!
//! What holds in every state of pymalloc that is not in the middle of a call:
//!
//! - Arenas do not overlap. The pools of an arena are its aligned parts, carved from the lowest up.
//! - Of the blocks carved from a pool, each is either in use or once in the pool's free list.
//! - A pool is empty and once in its arena's free list; or full and in no list; or neither, has a free block at hand,
//!   and is once in its class's list.
//! - An arena with free pools is once in the usable list, one without is not; the list is sorted by free pools; a slot
//!   without an arena is once in the unused list.
//! - From 3.9 on an arena that is wholly free is the last usable one; in 3.8 there is none.

use std::collections::{HashMap, HashSet};
use std::fmt;

use memory_trait::Allocator;

use super::Pymalloc;
use super::snapshot::{ArenaState, PoolState, Snapshot};
use crate::Version;

/// What a sound heap holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sound {
    /// Arenas there are.
    pub n_arenas: u64,
    /// Pools with a block in use.
    pub n_used_pools: u64,
    /// Blocks in use.
    pub n_live_blocks: u64,
    /// Blocks in use, in whole size classes.
    pub live_block_bytes: u64,
}

/// A heap that cannot be: what is wrong, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What is wrong and where.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Broken {}

macro_rules! require {
    ($condition:expr, $($what:tt)*) => {
        if !$condition {
            return Err(Broken { what: format!($($what)*) });
        }
    };
}

/// Sizes by version, written out once more on purpose.
struct Sizes {
    arena: u64,
    pool: u64,
    is_last_kept: bool,
}

/// Checks a state.
pub fn check(snapshot: &Snapshot, version: Version) -> Result<Sound, Broken> {
    let sizes = match version {
        Version::V3_8 => Sizes { arena: 262_144, pool: 4096, is_last_kept: false },
        Version::V3_9 => Sizes { arena: 262_144, pool: 4096, is_last_kept: true },
        Version::V3_10 | Version::V3_11 | Version::V3_12 | Version::V3_13 => {
            Sizes { arena: 1_048_576, pool: 16_384, is_last_kept: true }
        }
    };
    let mut sound = Sound::default();
    let listed = listed_pools(snapshot)?;
    let mut n_listed = 0;
    let mut ends = Vec::new();
    for (slot, arena) in snapshot.arenas.iter().enumerate() {
        let Some(arena) = arena else { continue };
        check_arena(slot, arena, &sizes)?;
        ends.push((arena.address, arena.address + sizes.arena));
        sound.n_arenas += 1;
        let free: HashSet<u64> = arena.free_pools.iter().copied().collect();
        for pool in &arena.pools {
            check_pool(pool, &sizes)?;
            let PoolState { address, count, class, .. } = *pool;
            let is_full = pool.free_blocks.is_empty();
            require!(
                !is_full || pool.next_offset > pool.next_offset_max,
                "pool {address:#x} has no free block at hand, but room for one"
            );
            require!(
                free.contains(&address) == (count == 0),
                "pool {address:#x} with {count} blocks in use: is it free or not?"
            );
            let is_to_be_listed = count > 0 && !is_full;
            let listed_as = listed.get(&address);
            require!(
                listed_as == is_to_be_listed.then_some(&class),
                "pool {address:#x} of class {class} with {count} blocks in use and {} free ones at hand is in the list \
                 of class {listed_as:?}",
                pool.free_blocks.len()
            );
            n_listed += usize::from(is_to_be_listed);
            sound.n_used_pools += u64::from(count > 0);
            sound.n_live_blocks += count;
            sound.live_block_bytes += count * 16 * (class + 1);
        }
    }
    require!(n_listed == listed.len(), "{} used pools are listed, {n_listed} of them exist", listed.len());
    ends.sort_unstable();
    for pair in ends.windows(2) {
        require!(pair[0].1 <= pair[1].0, "arenas {:#x} and {:#x} overlap", pair[0].0, pair[1].0);
    }
    check_arena_lists(snapshot, &sizes)?;
    Ok(sound)
}

/// The class in whose list each used pool is.
fn listed_pools(snapshot: &Snapshot) -> Result<HashMap<u64, u64>, Broken> {
    require!(snapshot.used_pools.len() == 32, "{} size classes, there are 32", snapshot.used_pools.len());
    let mut listed = HashMap::new();
    for (class, pools) in snapshot.used_pools.iter().enumerate() {
        for &pool in pools {
            let before = listed.insert(pool, class as u64);
            require!(before.is_none(), "pool {pool:#x} is twice in lists of used pools");
        }
    }
    Ok(listed)
}

fn check_arena(slot: usize, arena: &ArenaState, sizes: &Sizes) -> Result<(), Broken> {
    let ArenaState { address, pool_address, n_free_pools, n_total_pools, free_pools, pools } = arena;
    require!(
        *address > 0 && address % 4096 == 0 && *address < 1 << 48,
        "arena slot {slot}: {address:#x} is no address of a mapping"
    );
    let first = address.div_ceil(sizes.pool) * sizes.pool;
    let n_fitting = (address + sizes.arena - first) / sizes.pool;
    require!(*n_total_pools == n_fitting, "arena {address:#x} has {n_total_pools} pools, {n_fitting} fit");
    let n_carved = pools.len() as u64;
    require!(n_carved <= n_fitting, "arena {address:#x}: {n_carved} pools were carved, {n_fitting} fit");
    require!(
        *pool_address == first + n_carved * sizes.pool,
        "arena {address:#x}: the next pool is at {pool_address:#x}, but {n_carved} were carved"
    );
    let n_free = n_fitting - n_carved + free_pools.len() as u64;
    require!(*n_free_pools == n_free, "arena {address:#x} says {n_free_pools} free pools, there are {n_free}");

    let places: HashSet<u64> = (0..n_carved).map(|i| first + i * sizes.pool).collect();
    let mut seen = HashSet::new();
    for pool in pools {
        let pool = pool.address;
        require!(places.contains(&pool), "arena {address:#x}: a pool at {pool:#x} was not carved from it");
        require!(seen.insert(pool), "arena {address:#x}: pool {pool:#x} is there twice");
    }
    let mut seen = HashSet::new();
    for pool in free_pools {
        require!(places.contains(pool), "arena {address:#x}: free pool {pool:#x} was not carved from it");
        require!(seen.insert(*pool), "arena {address:#x}: pool {pool:#x} is twice in its free list");
    }
    Ok(())
}

fn check_pool(pool: &PoolState, sizes: &Sizes) -> Result<(), Broken> {
    let PoolState { address, count, class, next_offset, next_offset_max, free_blocks } = pool;
    require!(*class < 32, "pool {address:#x} is of class {class}, the last is 31");
    let size = 16 * (class + 1);
    require!(
        *next_offset_max == sizes.pool - size,
        "pool {address:#x} of class {class}: maxnextoffset {next_offset_max}"
    );
    let is_block_end = *next_offset >= 48 + 2 * size
        && (next_offset - 48).is_multiple_of(size)
        && *next_offset <= next_offset_max + size;
    require!(is_block_end, "pool {address:#x} of class {class}: nextoffset {next_offset}");
    let n_carved = (next_offset - 48) / size;
    let n_free = free_blocks.len() as u64;
    require!(
        count.checked_add(n_free) == Some(n_carved),
        "pool {address:#x}: {count} blocks in use and {n_free} free are not the {n_carved} that were carved"
    );
    let mut seen = HashSet::new();
    for block in free_blocks {
        let is_block = block
            .checked_sub(address + 48)
            .is_some_and(|offset| offset.is_multiple_of(size) && offset / size < n_carved);
        require!(is_block, "pool {address:#x}: free block {block:#x} is none of its blocks");
        require!(seen.insert(*block), "pool {address:#x}: block {block:#x} is twice in the free list");
    }
    Ok(())
}

fn check_arena_lists(snapshot: &Snapshot, sizes: &Sizes) -> Result<(), Broken> {
    let mut places = vec![0; snapshot.arenas.len()];
    let mut n_free_before = 0;
    for (i, &slot) in snapshot.usable.iter().enumerate() {
        let arena = usize::try_from(slot).ok().and_then(|slot| snapshot.arenas.get(slot)?.as_ref());
        let Some(arena) = arena else { return Err(Broken { what: format!("usable arena {slot} does not exist") }) };
        places[slot as usize] += 1;
        let n_free = arena.n_free_pools;
        require!(n_free > 0, "usable arena {slot} has no free pool");
        require!(n_free >= n_free_before, "usable arena {slot} has {n_free} free pools, the one before more");
        n_free_before = n_free;
        let may_be_empty = sizes.is_last_kept && i + 1 == snapshot.usable.len();
        require!(may_be_empty || n_free < arena.n_total_pools, "arena {slot} is wholly free and still there");
    }
    for &slot in &snapshot.unused {
        let is_empty_slot = usize::try_from(slot).is_ok_and(|i| matches!(snapshot.arenas.get(i), Some(None)));
        require!(is_empty_slot, "unused slot {slot} is none, or has an arena");
        places[slot as usize] += 1;
    }
    for (slot, arena) in snapshot.arenas.iter().enumerate() {
        let is_to_be_listed = arena.as_ref().is_none_or(|arena| arena.n_free_pools > 0);
        require!(
            places[slot] == u32::from(is_to_be_listed),
            "arena slot {slot} is in {} lists of arenas",
            places[slot]
        );
    }
    Ok(())
}

impl<A: Allocator> Pymalloc<A> {
    /// Checks the whole heap: the state as [`check`] does, and that the counts and the marks of live blocks agree with
    /// it. Takes time in proportion to the heap: for tests.
    pub fn verify(&self) -> Result<Sound, Broken> {
        let sound = check(&self.snapshot(), self.version())?;
        let stats = self.stats();
        let counted = Sound {
            n_arenas: stats.n_arenas,
            n_used_pools: stats.n_used_pools,
            n_live_blocks: stats.n_live_blocks,
            live_block_bytes: stats.live_block_bytes,
        };
        require!(counted == sound, "the counts say {counted:?}, the heap {sound:?}");
        let parts = stats.live_block_bytes
            + stats.free_block_bytes
            + stats.free_pool_bytes
            + stats.pool_header_bytes
            + stats.quantization_bytes
            + stats.alignment_bytes;
        require!(parts == stats.arena_bytes, "{parts} bytes are accounted for, the arenas have {}", stats.arena_bytes);
        let n_marked = self.arenas().map(|arena| self.live_blocks_of(arena).count() as u64).sum::<u64>();
        require!(n_marked == sound.n_live_blocks, "{n_marked} blocks are marked, {} in use", sound.n_live_blocks);
        Ok(sound)
    }
}
