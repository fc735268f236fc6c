//! K&R's allocator, against the text of section 8.7 and against a walk over its heap.

use c_model::kernighan_ritchie::{MORECORE_UNITS_MIN, UNIT_BYTES};
use c_model::verify::{Damage, verify_kernighan_ritchie};
use c_model::{KernighanRitchie, ProcessHeap, RawMemory};
use memory_trait::{Address, Allocator, FaultKind, ThreadId};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

fn heap() -> KernighanRitchie {
    KernighanRitchie::default()
}

#[test]
fn memory_is_asked_for_in_pieces_of_at_least_1024_units() {
    let mut heap = heap();
    heap.malloc(1).unwrap();
    assert_eq!(heap.heap_bytes(), MORECORE_UNITS_MIN * UNIT_BYTES);
    heap.malloc(100_000).unwrap();
    assert_eq!(heap.heap_bytes(), MORECORE_UNITS_MIN * UNIT_BYTES + 100_000 + UNIT_BYTES);
}

#[test]
fn a_block_is_the_tail_of_the_first_free_one_that_is_big_enough() {
    let mut heap = heap();
    let (start, _) = heap.heap_range();
    let end = start.0 + MORECORE_UNITS_MIN * UNIT_BYTES;
    let first = heap.malloc(16).unwrap();
    assert_eq!(first.0, end - 16);
    let second = heap.malloc(17).unwrap();
    assert_eq!(second.0, end - 32 - 32, "17 bytes take two units behind the header");
    assert_eq!(heap.usable_size(second), 32);
}

#[test]
fn a_block_that_fits_exactly_leaves_the_list() {
    let mut heap = heap();
    let a = heap.malloc(64).unwrap();
    let guard = heap.malloc(64).unwrap();
    heap.free(a).unwrap();
    let before = verify_kernighan_ritchie(&heap).unwrap();
    assert_eq!(before.n_free, 2);
    assert_eq!(heap.malloc(64).unwrap(), a);
    assert_eq!(verify_kernighan_ritchie(&heap).unwrap().n_free, 1);
    assert_ne!(guard, a);
}

#[test]
fn the_search_goes_on_where_it_last_was() {
    let mut heap = heap();
    let blocks: Vec<_> = (0..4).map(|_| heap.malloc(64).unwrap()).collect();
    heap.free(blocks[3]).unwrap();
    heap.free(blocks[1]).unwrap();
    // The pointer is before the block freed last: that one is looked at first, though the other has a lower address.
    assert_eq!(heap.malloc(64).unwrap(), blocks[1]);
}

#[test]
fn neighbours_that_touch_are_joined_on_both_sides() {
    let mut heap = heap();
    let blocks: Vec<_> = (0..4).map(|_| heap.malloc(100).unwrap()).collect();
    for (freed, n_free) in [(0, 2), (2, 3), (1, 2), (3, 1)] {
        heap.free(blocks[freed]).unwrap();
        assert_eq!(verify_kernighan_ritchie(&heap).unwrap().n_free, n_free, "after block {freed}");
    }
}

#[test]
fn memory_is_never_given_back() {
    let mut heap = heap();
    let block = heap.malloc(1 << 20).unwrap();
    let heap_bytes = heap.heap_bytes();
    heap.free(block).unwrap();
    assert!(!heap.trim(0));
    assert_eq!(heap.heap_bytes(), heap_bytes);
}

#[test]
fn calloc_clears_what_the_last_owner_left() {
    let mut heap = heap();
    let block = heap.malloc(64).unwrap();
    heap.write(block, &[0xff; 64]).unwrap();
    heap.free(block).unwrap();
    let again = heap.calloc(8, 8).unwrap();
    assert_eq!(again, block);
    let mut bytes = [1; 64];
    heap.read(again, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 64]);
    assert_eq!(heap.calloc(u64::MAX, 2).unwrap(), Address::NULL);
}

#[test]
fn realloc_stays_while_it_fits_and_copies_when_it_moves() {
    let mut heap = heap();
    let block = heap.malloc(40).unwrap();
    heap.write(block, b"forty bytes of text, forty bytes of text").unwrap();
    assert_eq!(heap.realloc(block, 48).unwrap(), block, "three units hold 48");
    let moved = heap.realloc(block, 4000).unwrap();
    assert_ne!(moved, block);
    let mut bytes = [0; 40];
    heap.read(moved, &mut bytes).unwrap();
    assert_eq!(&bytes, b"forty bytes of text, forty bytes of text");
    assert_eq!(heap.realloc(moved, 0).unwrap(), Address::NULL);
    assert_eq!(heap.n_live_blocks(), 0);
    assert_ne!(heap.realloc(Address::NULL, 10).unwrap(), Address::NULL);
}

#[test]
fn memalign_gives_what_is_before_and_behind_back() {
    let mut heap = heap();
    for alignment in [1, 16, 64, 256, 4096] {
        let block = heap.memalign(alignment, 100).unwrap();
        assert_eq!(block.0 % alignment, 0);
        assert_eq!(heap.usable_size(block), 112);
        let census = verify_kernighan_ritchie(&heap).unwrap();
        assert_eq!(census.n_live, heap.n_live_blocks());
    }
}

#[test]
fn requests_that_cannot_be_met_answer_null_and_change_nothing() {
    let mut heap = heap();
    heap.limit_heap_bytes(1 << 20);
    heap.malloc(100).unwrap();
    let before = verify_kernighan_ritchie(&heap).unwrap();
    for bytes in [1 << 20, u64::MAX, u64::MAX - 15, 1 << 60] {
        assert_eq!(heap.malloc(bytes).unwrap(), Address::NULL);
        assert_eq!(heap.memalign(64, bytes).unwrap(), Address::NULL);
    }
    assert_eq!(verify_kernighan_ritchie(&heap).unwrap(), before);
}

#[test]
fn null_may_be_freed_and_threads_change_nothing() {
    let mut heap = heap();
    heap.free(Address::NULL).unwrap();
    assert_eq!(heap.usable_size(Address::NULL), 0);
    let block = heap.malloc(10).unwrap();
    heap.switch_thread(ThreadId(1));
    heap.free(block).unwrap();
    heap.end_thread().unwrap();
    assert_eq!(heap.malloc(10).unwrap(), block);
}

#[test]
fn a_block_that_is_in_the_list_already_sends_free_round_for_ever() {
    let mut heap = heap();
    let a = heap.malloc(64).unwrap();
    let _guard = heap.malloc(64).unwrap();
    let b = heap.malloc(64).unwrap();
    let _guard = heap.malloc(64).unwrap();
    heap.free(a).unwrap();
    heap.free(b).unwrap();
    let fault = heap.free(a).unwrap_err();
    assert_eq!((fault.kind, fault.is_fatal), (FaultKind::Corruption, true));
}

#[test]
fn a_block_that_was_joined_is_freed_again_in_silence_and_handed_out_twice() {
    let mut heap = heap();
    let a = heap.malloc(64).unwrap();
    heap.free(a).unwrap();
    heap.free(a).unwrap();
    assert!(verify_kernighan_ritchie(&heap).is_err());
    assert_eq!(heap.malloc(64).unwrap(), a);
    let blocks: Vec<_> = (0..3).map(|_| heap.malloc(64).unwrap()).collect();
    assert!(blocks.contains(&a), "{blocks:?}");
}

#[test]
fn freeing_what_is_not_in_the_heap_is_a_segmentation_fault() {
    let mut heap = heap();
    heap.malloc(1).unwrap();
    assert_eq!(heap.free(Address(0x1234_5670)).unwrap_err().kind, FaultKind::Segfault);
}

#[test]
fn the_check_finds_each_kind_of_damage() {
    let damage = |change: fn(&mut KernighanRitchie, Address, Address)| {
        let mut heap = heap();
        let a = heap.malloc(64).unwrap();
        let b = heap.malloc(64).unwrap();
        let _guard = heap.malloc(64).unwrap();
        heap.free(a).unwrap();
        verify_kernighan_ritchie(&heap).unwrap();
        change(&mut heap, Address(a.0 - 16), Address(b.0 - 16));
        verify_kernighan_ritchie(&heap).unwrap_err()
    };
    assert!(matches!(damage(|heap, a, _| heap.write_u64(Address(a.0 + 8), 0).unwrap()), Damage::BadSize(_)));
    assert!(matches!(damage(|heap, a, _| heap.write_u64(Address(a.0 + 8), 1 << 60).unwrap()), Damage::BadSize(_)));
    assert!(matches!(damage(|heap, a, _| heap.write_u64(a, a.0 + 16).unwrap()), Damage::NotABlock(_)));
    assert!(matches!(damage(|heap, a, _| heap.write_u64(a, 8).unwrap()), Damage::NotABlock(_)));
    assert!(matches!(damage(|heap, a, _| heap.write_u64(a, a.0).unwrap()), Damage::OutOfOrder(_)));
    let joined = damage(|heap, a, b| {
        // The live block before `a` is put into the list by hand, without being joined.
        let first = heap.read_u64(heap.list_base()).unwrap();
        heap.write_u64(Address(first), b.0).unwrap();
        heap.write_u64(b, a.0).unwrap();
    });
    assert!(matches!(joined, Damage::NotJoined(_)), "{joined}");
}

#[test]
fn random_calls_keep_the_heap_sound_and_the_blocks_apart() {
    for seed in 0..3 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut heap = heap();
        let mut live: Vec<(Address, u64, u8)> = Vec::new();
        for step in 0..2000 {
            let size = random.next_u64() % if step % 50 == 0 { 30_000 } else { 300 };
            let mark = step as u8;
            if live.is_empty() || random.next_u64() % 5 < 3 {
                let block = match random.next_u64() % 4 {
                    0 => heap.calloc(size, 1),
                    1 => heap.memalign(1 << (random.next_u64() % 8), size),
                    _ => heap.malloc(size),
                };
                live.push((block.unwrap(), size, mark));
            } else {
                let place = random.next_u64() as usize % live.len();
                let (block, old_size, old_mark) = live.swap_remove(place);
                check(&heap, block, old_size, old_mark);
                if random.next_u64().is_multiple_of(3) && size > 0 {
                    let moved = heap.realloc(block, size).unwrap();
                    check(&heap, moved, old_size.min(size), old_mark);
                    live.push((moved, size, mark));
                } else {
                    heap.free(block).unwrap();
                    continue;
                }
            }
            let &(block, size, mark) = live.last().unwrap();
            heap.write(block, &vec![mark; size as usize]).unwrap();
            let census = verify_kernighan_ritchie(&heap).unwrap();
            assert_eq!(census.n_live, live.len() as u64);
            assert_eq!((census.n_live, census.live_bytes), (heap.n_live_blocks(), heap.live_bytes()));
            assert_eq!(census.live_bytes + census.free_bytes, heap.heap_bytes());
        }
        for (block, size, mark) in live {
            check(&heap, block, size, mark);
            heap.free(block).unwrap();
        }
        assert_eq!(verify_kernighan_ritchie(&heap).unwrap().n_free, 1);
    }
}

/// Nobody else has written to a block.
fn check(heap: &KernighanRitchie, block: Address, size: u64, mark: u8) {
    let mut bytes = vec![0; size as usize];
    heap.read(block, &mut bytes).unwrap();
    assert!(bytes.iter().all(|&byte| byte == mark), "the block at {block} was written to");
}
