//! pymalloc against a naive one: plain vectors, no links, no tables, written from the rules alone.
//!
//! Both make the same random calls; each address and each arena made or released must agree, and the heap stays sound.

use cpython_model::{ArenaSource, PageAllocator, Pymalloc, Version};
use memory_trait::{Address, Allocator};

#[derive(Default)]
struct Pool {
    base: u64,
    class: Option<u64>,
    n_live: u64,
    n_carved: u64,
    /// The last one is used first.
    free: Vec<u64>,
}

struct Arena {
    slot: usize,
    base: u64,
    n_total: usize,
    pools: Vec<Pool>,
    /// Free pools by index; the last one is used first.
    free: Vec<usize>,
}

impl Arena {
    fn n_free(&self) -> usize {
        self.free.len() + self.n_total - self.pools.len()
    }
}

/// Pools are named by (slot of the arena, index).
struct Naive {
    version: Version,
    skew: u64,
    pool_bytes: u64,
    arenas: Vec<Option<Arena>>,
    /// Slots in the order in which they will be used; the last one first.
    unused: Vec<usize>,
    usable: Vec<usize>,
    used: Vec<Vec<(usize, usize)>>,
}

impl Naive {
    fn new(version: Version, skew: u64) -> Self {
        let pool_bytes = if version >= Version::V3_10 { 16384 } else { 4096 };
        let used = (0..32).map(|_| Vec::new()).collect();
        Naive { version, skew, pool_bytes, arenas: Vec::new(), unused: Vec::new(), usable: Vec::new(), used }
    }

    fn arena(&mut self, slot: usize) -> &mut Arena {
        self.arenas[slot].as_mut().unwrap()
    }

    fn n_blocks(&self, class: u64) -> u64 {
        (self.pool_bytes - 48) / (16 * (class + 1))
    }

    fn new_arena(&mut self) {
        if self.unused.is_empty() {
            let n = self.arenas.len();
            let more = if n == 0 { 16 } else { n };
            self.unused = (n..n + more).rev().collect();
            self.arenas.extend((0..more).map(|_| None));
        }
        let slot = self.unused.pop().unwrap();
        let size = 64 * self.pool_bytes;
        let more_than_all = self.arenas.len() as u64;
        let place = |i: u64| 0x1000_0000 + self.skew + i * 2 * size;
        let is_taken = |base: u64| self.arenas.iter().flatten().any(|arena| arena.base == base);
        let base = (0..=more_than_all).map(place).find(|&base| !is_taken(base)).unwrap();
        let n_total = if self.skew == 0 { 64 } else { 63 };
        self.arenas[slot] = Some(Arena { slot, base, n_total, pools: Vec::new(), free: Vec::new() });
        self.usable.push(slot);
    }

    fn malloc(&mut self, bytes: u64) -> u64 {
        let class = (bytes - 1) / 16;
        if self.used[class as usize].is_empty() {
            if self.usable.is_empty() {
                self.new_arena();
            }
            let slot = self.usable[0];
            let (pool_bytes, arena) = (self.pool_bytes, self.arena(slot));
            let pool = arena.free.pop().unwrap_or_else(|| {
                let first = arena.base.div_ceil(pool_bytes) * pool_bytes;
                arena.pools.push(Pool { base: first + arena.pools.len() as u64 * pool_bytes, ..Pool::default() });
                arena.pools.len() - 1
            });
            if arena.pools[pool].class != Some(class) {
                let base = arena.pools[pool].base;
                let free = vec![base + 48 + 16 * (class + 1), base + 48];
                arena.pools[pool] = Pool { base, class: Some(class), n_live: 0, n_carved: 2, free };
            }
            if arena.n_free() == 0 {
                self.usable.remove(0);
            }
            self.used[class as usize].insert(0, (slot, pool));
        }
        let (slot, index) = self.used[class as usize][0];
        let n_blocks = self.n_blocks(class);
        let pool = &mut self.arena(slot).pools[index];
        let block = pool.free.pop().unwrap();
        pool.n_live += 1;
        if pool.free.is_empty() {
            if pool.n_carved < n_blocks {
                pool.free.push(pool.base + 48 + pool.n_carved * 16 * (class + 1));
                pool.n_carved += 1;
            } else {
                self.used[class as usize].remove(0);
            }
        }
        block
    }

    fn free(&mut self, block: u64) {
        let size = 64 * self.pool_bytes;
        let arena = self.arenas.iter().flatten().find(|a| a.base <= block && block < a.base + size).unwrap();
        let slot = arena.slot;
        let index = arena.pools.iter().position(|p| p.base <= block && block < p.base + self.pool_bytes).unwrap();
        let pool = &mut self.arena(slot).pools[index];
        let was_full = pool.free.is_empty();
        pool.free.push(block);
        pool.n_live -= 1;
        let (class, is_empty) = (pool.class.unwrap() as usize, pool.n_live == 0);
        if was_full {
            self.used[class].insert(0, (slot, index));
        } else if is_empty {
            self.used[class].retain(|&pool| pool != (slot, index));
            self.arena(slot).free.push(index);
            self.place(slot);
        }
    }

    /// An arena has one free pool more: where does it go?
    fn place(&mut self, slot: usize) {
        let (n_free, n_total) = (self.arena(slot).n_free(), self.arena(slot).n_total);
        let before = self.usable.iter().position(|&other| other == slot);
        let is_last = before == Some(self.usable.len().wrapping_sub(1));
        if n_free == n_total && !(is_last && self.version >= Version::V3_9) {
            self.usable.remove(before.unwrap());
            self.arenas[slot] = None;
            self.unused.push(slot);
            return;
        }
        if let Some(before) = before {
            self.usable.remove(before);
        }
        // Before the first that has as many free pools or more: those with fewer come first.
        let arenas = &self.arenas;
        let has_fewer = |&other: &usize| arenas[other].as_ref().unwrap().n_free() < n_free;
        let at = self.usable.iter().take_while(|other| has_fewer(other)).count();
        self.usable.insert(at, slot);
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Runs phases that grow and shrink the heap, with blocks of at least `bytes_min`.
fn check(version: Version, skew: u64, bytes_min: u64, seed: u64) {
    let pool_bytes = if version >= Version::V3_10 { 16384 } else { 4096 };
    let source = ArenaSource::slots(Address(0x1000_0000 + skew), 128 * pool_bytes);
    let mut pymalloc = Pymalloc::with(version, source, PageAllocator::default());
    let mut naive = Naive::new(version, skew);
    let mut random = Random(seed);
    let mut live = Vec::new();
    let (mut n_released, mut n_before) = (0, 0);
    for step in 0..40_000_u64 {
        let is_growing = step / 10_000 % 2 == 0;
        let is_malloc = live.is_empty() || random.below(100) < if is_growing { 80 } else { 22 };
        let what = format!("{version} skew {skew} seed {seed} step {step}");
        if is_malloc {
            let bytes = bytes_min + random.below(513 - bytes_min);
            let block = pymalloc.malloc(bytes).unwrap();
            assert_eq!(block.0, naive.malloc(bytes), "{what}: malloc({bytes})");
            live.push(block);
        } else {
            // The oldest go first in one half of the cases: arenas become free.
            let i = if random.below(2) == 0 { 0 } else { random.below(live.len() as u64) as usize };
            let block = live.remove(i);
            pymalloc.free(block).unwrap();
            naive.free(block.0);
        }
        n_released += pymalloc.arena_events_since(n_before).filter(|event| !event.is_made).count();
        n_before = pymalloc.n_arena_events();
        let n_arenas = naive.arenas.iter().flatten().count() as u64;
        assert_eq!(pymalloc.stats().n_arenas, n_arenas, "{what}: arenas");
        if step % 997 == 0 {
            let sound = pymalloc.verify().unwrap_or_else(|broken| panic!("{what}: {broken}"));
            assert_eq!(sound.n_live_blocks, live.len() as u64);
            let naive_usable: Vec<u64> = naive.usable.iter().map(|&slot| slot as u64).collect();
            assert_eq!(pymalloc.snapshot().usable, naive_usable, "{what}: order of arenas");
        }
    }
    for block in live {
        pymalloc.free(block).unwrap();
        naive.free(block.0);
        n_released += pymalloc.arena_events_since(n_before).count();
        n_before = pymalloc.n_arena_events();
    }
    let n_left = pymalloc.stats().n_arenas;
    assert_eq!(n_left, naive.arenas.iter().flatten().count() as u64);
    assert_eq!(n_left, u64::from(version >= Version::V3_9), "the last arena is kept from 3.9 on");
    assert_eq!(pymalloc.verify().unwrap().n_live_blocks, 0);
    assert!(n_released > 0, "no arena was released: the run shows too little");
}

#[test]
fn random_calls_give_the_addresses_of_the_naive_allocator() {
    for (seed, version) in (1..).zip(Version::ALL) {
        check(version, 0, 400, seed);
        check(version, if version >= Version::V3_10 { 4096 } else { 0 }, 1, seed + 100);
    }
}

#[test]
fn a_heap_taken_from_a_snapshot_goes_on_as_the_one_it_was_taken_from() {
    let source = || ArenaSource::slots(Address(0x1000_0000), 1 << 20);
    let mut first = Pymalloc::with(Version::V3_12, source(), PageAllocator::default());
    let mut random = Random(7);
    let mut live = Vec::new();
    for _ in 0..20_000 {
        if live.is_empty() || random.below(5) < 3 {
            live.push(first.malloc(1 + random.below(512)).unwrap());
        } else {
            let block = live.swap_remove(random.below(live.len() as u64) as usize);
            first.free(block).unwrap();
        }
    }
    let snapshot = first.snapshot();
    let integers = snapshot.to_integers();
    assert_eq!(cpython_model::obmalloc::Snapshot::from_integers(&integers).unwrap(), snapshot);
    let far = ArenaSource::slots(Address(0x2000_0000), 1 << 20);
    let mut second = Pymalloc::from_snapshot(Version::V3_12, &snapshot, far, PageAllocator::default()).unwrap();
    assert_eq!(second.snapshot(), snapshot);
    assert_eq!(second.verify().unwrap(), first.verify().unwrap());
    while let Some(block) = live.pop() {
        let bytes = 1 + random.below(64);
        assert_eq!(second.malloc(bytes).unwrap(), first.malloc(bytes).unwrap());
        first.free(block).unwrap();
        second.free(block).unwrap();
    }
    assert_eq!(second.snapshot(), first.snapshot());
}
