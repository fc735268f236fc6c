//! From an address to its pool, in two loads: `address_in_range`.
//!
//! Mirrors the *answer* of `CPython`'s radix tree (3.10 and later) and of its arena numbers in pool headers (3.8, 3.9),
//! not their shape. Knows pool numbers only.

/// A page of the map, as a power of two: the smaller ones of the two sizes that pools have. Unit: bytes.
const PAGE_BITS: u32 = 12;

/// Pages of one leaf, as a power of two.
const LEAF_PAGES_LOG2: u32 = 12;
const LEAF_PAGES: usize = 1 << LEAF_PAGES_LOG2;

/// A table of the pages of all arenas. 0 stands for "not ours".
#[derive(Clone, Debug, Default)]
pub(super) struct PoolMap {
    pool_pages: u64,
    /// The leaf of key `first_key + i`; 0 where there is none. Leaf 0 is never used.
    roots: Vec<u32>,
    first_key: u64,
    leaves: Vec<[u32; LEAF_PAGES]>,
}

impl PoolMap {
    pub(super) fn new(pool_bytes: u64) -> Self {
        PoolMap { pool_pages: pool_bytes >> PAGE_BITS, roots: Vec::new(), first_key: 0, leaves: vec![[0; LEAF_PAGES]] }
    }

    /// The pool at `address`, or 0.
    #[inline]
    pub(super) fn get(&self, address: u64) -> u32 {
        let page = address >> PAGE_BITS;
        let key = (page >> LEAF_PAGES_LOG2).wrapping_sub(self.first_key);
        match self.roots.get(key as usize) {
            Some(&leaf) => self.leaves[leaf as usize][page as usize % LEAF_PAGES],
            None => 0,
        }
    }

    /// Writes pool numbers `first_pool ..` for `n_pools` pools from `address` on; 0 for all of them when 0.
    pub(super) fn set(&mut self, address: u64, n_pools: u64, first_pool: u32) {
        let first_page = address >> PAGE_BITS;
        for i in 0..n_pools * self.pool_pages {
            let page = first_page + i;
            let leaf = self.leaf(page >> LEAF_PAGES_LOG2);
            let value = if first_pool == 0 { 0 } else { first_pool + (i / self.pool_pages) as u32 };
            self.leaves[leaf as usize][page as usize % LEAF_PAGES] = value;
        }
    }

    fn leaf(&mut self, key: u64) -> u32 {
        if self.roots.is_empty() {
            self.first_key = key;
        }
        if key < self.first_key {
            let n_more = (self.first_key - key) as usize;
            self.roots.splice(0..0, std::iter::repeat_n(0, n_more));
            self.first_key = key;
        }
        let i = (key - self.first_key) as usize;
        if i >= self.roots.len() {
            self.roots.resize(i + 1, 0);
        }
        if self.roots[i] == 0 {
            self.roots[i] = self.leaves.len() as u32;
            self.leaves.push([0; LEAF_PAGES]);
        }
        self.roots[i]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_wherever_the_arenas_are() {
        let mut map = PoolMap::new(16384);
        let bases = [0x7f00_0000_0000_u64, 0x7e00_0010_0000, 0x7f00_0ff0_0000, 0x10_0000, 0xffff_ffe0_0000];
        for (i, &base) in bases.iter().enumerate() {
            map.set(base, 64, 100 * (i as u32 + 1));
        }
        for (i, &base) in bases.iter().enumerate() {
            let first = 100 * (i as u32 + 1);
            assert_eq!(map.get(base), first);
            assert_eq!(map.get(base + 64 * 16384 - 1), first + 63);
            assert_eq!((map.get(base - 1), map.get(base + 64 * 16384)), (0, 0));
        }
        map.set(bases[0], 64, 0);
        assert_eq!((map.get(bases[0]), map.get(bases[2])), (0, 300));
        assert_eq!((map.get(0), map.get(u64::MAX)), (0, 0));
    }
}
