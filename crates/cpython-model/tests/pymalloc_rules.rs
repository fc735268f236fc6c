//! The rules of pymalloc, one by one.

use cpython_model::{ArenaSource, PageAllocator, Pymalloc, Version};
use memory_trait::{Address, Allocator, FaultKind};

const BASE: u64 = ArenaSource::DEFAULT_BASE.0;

fn new() -> Pymalloc {
    Pymalloc::new(Version::V3_12)
}

/// Fills a pool of 512-byte blocks: 31 of them.
fn fill_pool(pymalloc: &mut Pymalloc) -> Vec<Address> {
    (0..31).map(|_| pymalloc.malloc(512).unwrap()).collect()
}

#[test]
fn the_first_block_follows_the_header_of_the_pool() {
    let mut pymalloc = new();
    assert_eq!(pymalloc.malloc(1).unwrap(), Address(BASE + 48));
    assert_eq!(pymalloc.malloc(16).unwrap(), Address(BASE + 64));
    assert_eq!(pymalloc.malloc(17).unwrap(), Address(BASE + 16384 + 48), "the next class has the next pool");
}

#[test]
fn nothing_and_more_than_512_bytes_go_to_the_allocator_below() {
    let mut pymalloc = new();
    let zero = pymalloc.malloc(0).unwrap();
    let large = pymalloc.calloc(513, 1).unwrap();
    assert!(!pymalloc.is_in_arena(zero) && !pymalloc.is_in_arena(large));
    let largest = pymalloc.malloc(512).unwrap();
    assert!(pymalloc.is_in_arena(largest));
    assert_eq!(pymalloc.n_allocated_blocks(), 3);
    pymalloc.free(zero).unwrap();
    pymalloc.free(large).unwrap();
    assert_eq!(pymalloc.n_allocated_blocks(), 1);
}

#[test]
fn a_full_pool_comes_back_to_the_front() {
    let mut pymalloc = new();
    let first = fill_pool(&mut pymalloc);
    let second = pymalloc.malloc(512).unwrap();
    assert_eq!(second, Address(BASE + 16384 + 48));
    pymalloc.free(first[3]).unwrap();
    assert_eq!(pymalloc.malloc(512).unwrap(), first[3]);
    assert_eq!(pymalloc.malloc(512).unwrap(), second.offset(512));
}

#[test]
fn an_empty_pool_keeps_its_free_list_for_the_same_class() {
    let mut pymalloc = new();
    let blocks = fill_pool(&mut pymalloc);
    let other = pymalloc.malloc(512).unwrap();
    for &block in &blocks {
        pymalloc.free(block).unwrap();
    }
    pymalloc.free(other).unwrap();
    // The pool freed last is taken first; in it the block freed last is taken first.
    assert_eq!(pymalloc.malloc(512).unwrap(), other);
    assert_eq!(pymalloc.malloc(16).unwrap(), Address(BASE + 48), "another class starts the pool anew");
}

#[test]
fn a_block_shrinks_in_place_unless_a_quarter_can_be_saved() {
    let mut pymalloc = new();
    let block = pymalloc.malloc(512).unwrap();
    assert_eq!(pymalloc.realloc(block, 385).unwrap(), block);
    assert_eq!(pymalloc.usable_size(block), 512);
    let moved = pymalloc.realloc(block, 384).unwrap();
    assert_ne!(moved, block);
    assert_eq!(pymalloc.usable_size(moved), 384);
    assert_eq!(pymalloc.malloc(512).unwrap(), block, "the old block is free");
}

#[test]
fn a_block_reallocated_to_nothing_leaves_pymalloc_and_never_comes_back() {
    let mut pymalloc = new();
    let block = pymalloc.malloc(64).unwrap();
    let outside = pymalloc.realloc(block, 0).unwrap();
    assert!(!outside.is_null() && !pymalloc.is_in_arena(outside));
    let grown = pymalloc.realloc(outside, 64).unwrap();
    assert!(!pymalloc.is_in_arena(grown));
    assert_eq!(pymalloc.stats().n_live_blocks, 0);
    pymalloc.free(grown).unwrap();
    assert_eq!(pymalloc.n_allocated_blocks(), 0);
}

#[test]
fn null_is_reallocated_as_by_malloc_and_freed_as_nothing() {
    let mut pymalloc = new();
    assert_eq!(pymalloc.realloc(Address::NULL, 16).unwrap(), Address(BASE + 48));
    pymalloc.free(Address::NULL).unwrap();
    assert_eq!(pymalloc.n_allocated_blocks(), 1);
}

#[test]
fn absurd_requests_are_null() {
    let mut pymalloc = new();
    assert_eq!(pymalloc.malloc(1 << 63).unwrap(), Address::NULL);
    assert_eq!(pymalloc.calloc(u64::MAX, 2).unwrap(), Address::NULL);
    let block = pymalloc.malloc(8).unwrap();
    assert_eq!(pymalloc.realloc(block, u64::MAX).unwrap(), Address::NULL);
    pymalloc.free(block).unwrap();
    assert_eq!(pymalloc.n_allocated_blocks(), 0);
}

#[test]
fn a_misaligned_arena_has_one_pool_less() {
    let source = ArenaSource::slots(Address(BASE + 4096), 1 << 20);
    let mut pymalloc = Pymalloc::with(Version::V3_12, source, PageAllocator::default());
    assert_eq!(pymalloc.malloc(512).unwrap(), Address(BASE + 16384 + 48));
    assert_eq!(pymalloc.stats().alignment_bytes, 16384);
    for _ in 1..63 * 31 {
        pymalloc.malloc(512).unwrap();
    }
    assert_eq!(pymalloc.stats().n_arenas, 1);
    pymalloc.malloc(512).unwrap();
    assert_eq!(pymalloc.stats().n_arenas, 2);
    pymalloc.verify().unwrap();
}

#[test]
fn without_an_arena_small_requests_go_below_too() {
    let source = ArenaSource::slots(ArenaSource::DEFAULT_BASE, 1 << 20).limited(1);
    let mut pymalloc = Pymalloc::with(Version::V3_12, source, PageAllocator::default().limited(1 << 20));
    let blocks: Vec<Address> = (0..64 * 31).map(|_| pymalloc.malloc(512).unwrap()).collect();
    assert!(blocks.iter().all(|&block| pymalloc.is_in_arena(block)));
    let below = pymalloc.malloc(512).unwrap();
    assert!(!below.is_null() && !pymalloc.is_in_arena(below));
    pymalloc.free(blocks[0]).unwrap();
    assert_eq!(pymalloc.malloc(512).unwrap(), blocks[0]);
    pymalloc.verify().unwrap();
}

#[test]
fn the_table_of_arenas_and_the_radix_tree_are_blocks_of_the_allocator_below() {
    let bytes_below = |version: Version| {
        let mut pymalloc = Pymalloc::new(version);
        pymalloc.malloc(1).unwrap();
        pymalloc.below().heap_bytes()
    };
    assert_eq!(bytes_below(Version::V3_9), 4096, "16 slots of 48 bytes");
    assert_eq!(bytes_below(Version::V3_10), 4096 + 8192 + 4096, "and a middle and a bottom node");
}

#[test]
fn freeing_twice_or_inside_a_block_is_caught() {
    let mut pymalloc = new();
    let block = pymalloc.malloc(64).unwrap();
    pymalloc.malloc(64).unwrap();
    let check = |pymalloc: &mut Pymalloc, block: Address, kind: FaultKind| {
        assert_eq!(pymalloc.free(block).unwrap_err().kind, kind, "{block}");
        pymalloc.verify().unwrap();
    };
    check(&mut pymalloc, block.offset(16), FaultKind::InvalidFree);
    check(&mut pymalloc, block.offset(1), FaultKind::InvalidFree);
    check(&mut pymalloc, Address(BASE), FaultKind::InvalidFree);
    check(&mut pymalloc, Address(BASE + 10 * 16384 + 48), FaultKind::InvalidFree);
    check(&mut pymalloc, block.offset(640), FaultKind::InvalidFree);
    pymalloc.free(block).unwrap();
    check(&mut pymalloc, block, FaultKind::DoubleFree);
    assert_eq!(pymalloc.realloc(block, 8).unwrap_err().kind, FaultKind::DoubleFree);
    check(&mut pymalloc, Address(0x1234), FaultKind::InvalidFree);
}

#[test]
fn the_blocks_that_keep_an_arena_are_known() {
    let mut pymalloc = new();
    let blocks: Vec<Address> = (0..2 * 64 * 31).map(|_| pymalloc.malloc(512).unwrap()).collect();
    let arenas: Vec<Address> = pymalloc.arenas().collect();
    assert_eq!(arenas, [Address(BASE), Address(BASE + (1 << 20))]);
    for &block in &blocks {
        if block != blocks[100] && block != blocks[3000] {
            pymalloc.free(block).unwrap();
        }
    }
    let keepers: Vec<_> = pymalloc.live_blocks_of(arenas[1]).collect();
    assert_eq!(keepers.len(), 1);
    assert_eq!((keepers[0].address, keepers[0].block_bytes), (blocks[3000], 512));
    assert_eq!(pymalloc.live_blocks_of(Address::NULL).count(), 0);
    pymalloc.free(blocks[3000]).unwrap();
    let left: Vec<Address> = pymalloc.arenas().collect();
    assert_eq!(left, [arenas[0]], "nothing keeps it any more");
    pymalloc.free(blocks[100]).unwrap();
    assert_eq!(pymalloc.arenas().count(), 1, "the last one is kept");
}

#[test]
fn every_byte_of_the_arenas_is_counted_once() {
    let mut pymalloc = new();
    let block = pymalloc.malloc(400).unwrap();
    let stats = pymalloc.stats();
    assert_eq!((stats.n_used_pools, stats.n_live_blocks, stats.live_block_bytes), (1, 1, 400));
    assert_eq!((stats.pool_header_bytes, stats.quantization_bytes), (48, (16384 - 48) % 400));
    assert_eq!(stats.free_block_bytes, 39 * 400);
    assert_eq!((stats.free_pool_bytes, stats.arena_bytes), (63 * 16384, 1 << 20));
    pymalloc.free(block).unwrap();
    let stats = pymalloc.stats();
    assert_eq!((stats.live_block_bytes, stats.pool_header_bytes, stats.free_pool_bytes), (0, 0, 1 << 20));
}
