//! `Glibc::verify` against damage: a word is overwritten in a sound heap, and what is said is the damage.

use c_model::{Glibc, RawMemory};
use memory_trait::{Address, Allocator, ThreadId};

/// Where `main_arena` is, found by where the bins of a fresh heap lead to.
fn main_arena(heap: &Glibc) -> u64 {
    heap.arena_states().unwrap()[0].arena.0
}

/// A heap with something of everything: blocks, chunks in the tcache, a fastbin, the unsorted bin, a small bin and a large
/// bin with two sizes and two equals; a thread with an arena of its own.
struct Rig {
    heap: Glibc,
    /// A block in use, and its neighbours.
    live: [Address; 3],
    /// The free chunks' user addresses.
    cached: Address,
    fast: [Address; 2],
    unsorted: Address,
    small: Address,
    large: [Address; 3],
    of_thread: Address,
}

impl Rig {
    fn new() -> Rig {
        let mut heap = Glibc::builder().build();
        let mut malloc = |bytes| heap.malloc(bytes).unwrap();
        let live = [malloc(500), malloc(500), malloc(500)];
        // Each chunk that is going to be free has one in use behind it.
        let mut kept = |bytes: u64| {
            let block = malloc(bytes);
            malloc(1100);
            block
        };
        let fasts: [Address; 9] = std::array::from_fn(|_| kept(60));
        let smalls: [Address; 8] = std::array::from_fn(|_| kept(300));
        let large = [kept(2000), kept(2000), kept(3000)];
        let unsorted = kept(5000);
        for block in fasts.iter().chain(&smalls).chain(&large) {
            heap.free(*block).unwrap();
        }
        // Bins what is unsorted, and takes from top.
        heap.malloc(9000).unwrap();
        // The large request has emptied the fastbins; the small bin has filled the tcache. Fill them anew.
        let again: [Address; 9] = std::array::from_fn(|_| heap.malloc(60).unwrap());
        for block in again {
            heap.free(block).unwrap();
        }
        heap.free(unsorted).unwrap();
        heap.switch_thread(ThreadId(1));
        let of_thread = heap.malloc(100).unwrap();
        heap.switch_thread(ThreadId(0));
        heap.verify().unwrap();
        let states = heap.arena_states().unwrap();
        let main = &states[0];
        let user = |chunk: Address| chunk.offset(16);
        let bin = |index: usize| main.bins.iter().find(|bin| bin.0 as usize == index).unwrap();
        let fast = &main.fastbins[0].1;
        assert_eq!((fast.len(), main.bins.iter().filter(|bin| bin.0 >= 64).count()), (2, 2));
        let fast = [user(fast[0].chunk), user(fast[1].chunk)];
        let cached = heap.tcache_bins(ThreadId(0)).unwrap()[0].blocks[0];
        Rig { live, cached, fast, unsorted, small: user(bin(0x140 / 16).1[0].chunk), large, of_thread, heap }
    }

    fn word(&self, at: u64) -> u64 {
        self.heap.read_u64(Address(at)).unwrap()
    }
}

/// What `verify` says after words of the sound heap are changed.
fn check_all<const N: usize>(expected: &str, damage: impl FnOnce(&Rig) -> [(u64, u64); N]) {
    let mut rig = Rig::new();
    for (at, value) in damage(&rig) {
        assert_ne!(rig.word(at), value, "that is no damage");
        rig.heap.write_u64(Address(at), value).unwrap();
    }
    match rig.heap.verify() {
        Err(found) => assert_eq!(found.what, expected, "{found}"),
        Ok(_) => panic!("not noticed: {expected}"),
    }
}

/// The same for one word.
fn check(expected: &str, damage: impl FnOnce(&Rig) -> (u64, u64)) {
    check_all(expected, |rig| [damage(rig)]);
}

#[test]
fn damage_to_a_header_is_noticed() {
    check("a size that no chunk has", |rig| (rig.live[0].0 - 8, 0x208 | 1));
    check("a mapped chunk inside the heap", |rig| (rig.live[0].0 - 8, 0x200 | 3));
    check("a chunk that reaches beyond top", |rig| (rig.live[0].0 - 8, 0x1000_0000 | 1));
    check("the size at the end of a free chunk is another", |rig| (rig.live[1].0 - 8, 0x200));
    // The first chunk of all, the tcache's: there is none before it that could be free.
    check("free, but not to its neighbour", |rig| (rig.live[0].0 - 0x298, 0x290));
    check("the flag of another arena", |rig| (rig.live[1].0 - 8, 0x200 | 5));
    check("the flag of another arena", |rig| (rig.of_thread.0 - 8, rig.word(rig.of_thread.0 - 8) & !4));
    check("a fence before top", |rig| (rig.live[0].0 - 8, 0x10 | 1));
    check("blocks are lost or were counted twice", |rig| (rig.live[0].0 - 8, 0x400 | 1));
    // The first block begins 16 bytes later, and the tcache has them.
    check_all("bytes of blocks are lost or were counted twice", |rig| {
        [(rig.live[0].0 - 0x298, 0x2a0 | 1), (rig.live[0].0 + 8, 0x1f0 | 1)]
    });
}

#[test]
fn damage_to_a_free_chunk_is_noticed() {
    let size = |rig: &Rig| rig.word(rig.unsorted.0 - 8) & !7;
    check("the size at the end of a free chunk is another", |rig| (rig.unsorted.0 - 16 + size(rig), 64));
    check("a free chunk with the flag of a thread arena", |rig| (rig.unsorted.0 - 8, size(rig) | 5));
    check("its neighbour in the bin does not know it", |rig| (rig.unsorted.0 + 8, 0));
    check("nothing is mapped here", |rig| (rig.unsorted.0, 0x10));
    check("a list leads here, where no chunk begins", |rig| (rig.fast[0].0, (rig.fast[0].0 >> 12) ^ (rig.fast[1].0)));
    check("in a list that is not for it", |rig| (rig.fast[0].0, (rig.fast[0].0 >> 12) ^ (rig.small.0 - 16)));
    check("in two lists, or twice in one", |rig| (rig.fast[1].0, (rig.fast[1].0 >> 12) ^ (rig.fast[0].0 - 16)));
    check("in the fastbin for another size", |rig| (rig.fast[1].0, (rig.fast[1].0 >> 12) ^ (rig.live[0].0 - 16)));
    check("in the skip list, but not the first of its size", |rig| {
        let second = rig.large.iter().find(|block| rig.word(block.0 + 16) == 0).unwrap();
        (second.0 + 16, rig.large[2].0 - 16)
    });
    check_all("two free chunks side by side", |rig| {
        // The block behind the unsorted chunk, of 1120 bytes with its header, says that it is free.
        let end = rig.unsorted.0 - 16 + size(rig) + 1120;
        [(end, 1120), (end + 8, rig.word(end + 8) & !1)]
    });
    check("the skip list does not go by sizes", |rig| (rig.large[2].0 + 16, rig.large[2].0));
}

#[test]
fn damage_to_the_tcache_is_noticed() {
    let tcache = |rig: &Rig| {
        let first = rig.heap.statistics();
        assert!(first.own_bytes >= 0x290);
        rig.live[0].0 - 0x290
    };
    check("the count of a tcache bin is wrong", |rig| (tcache(rig), rig.word(tcache(rig)) ^ 1));
    check("in a tcache without the key", |rig| (rig.cached.0 + 8, 0));
    check("in the tcache bin for another size", |rig| {
        let bins = tcache(rig) + 128;
        let index = (0..64).find(|index| rig.word(bins + 8 * index) != 0).unwrap();
        (bins + 8 * index, rig.live[0].0)
    });
}

#[test]
fn damage_to_an_arena_is_noticed() {
    check("chunks in a fastbin that nobody looks for", |rig| {
        let at = main_arena(&rig.heap) + 8;
        (at, rig.word(at) & !0xffff_ffff)
    });
    check("the bytes of the arena do not add up", |rig| (main_arena(&rig.heap) + 2184, 0x1000));
    check("the map of bins says it is empty", |rig| (main_arena(&rig.heap) + 2144, 0));
    check("top does not end where the memory ends", |rig| {
        let top = rig.word(main_arena(&rig.heap) + 96);
        (top + 8, (rig.word(top + 8) & !7) + 0x1001)
    });
    check_all("a free chunk in front of top", |rig| {
        let top = rig.word(main_arena(&rig.heap) + 96);
        let size_of_last = (9000 + 23) & !15;
        [(top, size_of_last), (top + 8, rig.word(top + 8) & !1)]
    });
    check("top has a flag it cannot have", |rig| {
        let top = rig.word(main_arena(&rig.heap) + 96);
        (top + 8, rig.word(top + 8) | 4)
    });
    let bin = |rig: &Rig| {
        assert_eq!(rig.word(rig.unsorted.0), rig.word(rig.unsorted.0 + 8), "the only one in its bin");
        rig.word(rig.unsorted.0)
    };
    check("the ring of the bin is not closed", |rig| (bin(rig) + 16, bin(rig)));
    check_all("a free chunk in no bin", |rig| [(bin(rig) + 16, bin(rig)), (bin(rig) + 24, bin(rig))]);
}

#[test]
fn damage_to_a_thread_heap_is_noticed() {
    let heap = |rig: &Rig| rig.of_thread.0 & !((64 << 20) - 1);
    check("a thread heap that belongs to another arena", |rig| (heap(rig), main_arena(&rig.heap)));
    check("a thread heap larger than what is accessible", |rig| (heap(rig) + 16, 64 << 20));
    check("top does not end where its heap ends", |rig| (heap(rig) + 16, rig.word(heap(rig) + 16) - 0x1000));
    check("the bytes of the arena do not add up", |rig| (heap(rig) + 48 + 2184, 0x1000));
}
