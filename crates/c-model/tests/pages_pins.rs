//! Who pins which pages: estimates against really freeing each block in a copy of the heap.

use c_model::Glibc;
use c_model::malloc::Part;
use c_model::pages::{Survey, estimates, ladder, pin, pins, returns};
use memory_trait::{Address, Allocator, ThreadId};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

const PAGE_BYTES: u64 = 4096;

fn watched() -> Glibc {
    Glibc::builder().contents(false).pages(true).build()
}

fn n_resident(glibc: &Glibc) -> i64 {
    glibc.pages().unwrap().n_resident() as i64
}

/// A heap that a random program left behind, and its live blocks.
fn random_heap(seed: u64, n_threads: u64) -> (Glibc, Vec<Address>) {
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut below = |n: u64| rng.next_u64() % n;
    let mut glibc = watched();
    let mut live = Vec::new();
    for n in 0..1700 {
        glibc.switch_thread(ThreadId(below(n_threads) as u32));
        let shrinks = n > 1500;
        if below(10) < if shrinks { 7 } else { 4 } && !live.is_empty() {
            let block = live.swap_remove(below(live.len() as u64) as usize);
            glibc.free(block).unwrap();
        } else {
            let bytes = match below(100) {
                0..60 => below(300),
                60..97 => below(9000),
                97..99 => below(100_000),
                _ => 130_000 + below(200_000),
            };
            let block = glibc.malloc(bytes).unwrap();
            glibc.touch(block, bytes);
            live.push(block);
        }
    }
    live.sort_unstable();
    (glibc, live)
}

#[test]
fn what_is_estimated_of_a_block_is_what_freeing_it_returns() {
    let mut n_pinning = 0;
    for seed in 0..2 {
        let (glibc, live) = random_heap(seed, 1);
        let mut trimmed = glibc.clone();
        trimmed.malloc_trim(0).unwrap();
        for (n, (estimate, block)) in estimates(&trimmed, &live).unwrap().into_iter().enumerate() {
            if estimate == 0 && n % 8 != 0 {
                continue;
            }
            let really = pin(&glibc, block, n_resident(&trimmed)).unwrap();
            assert_eq!(estimate as i64, really.n_pinned, "{block} of seed {seed}: {really:?}");
            n_pinning += usize::from(estimate > 0);
        }
    }
    assert!(n_pinning > 80, "{n_pinning} blocks that pin pages");
}

#[test]
fn the_blocks_shown_are_those_that_pin_the_most() {
    for (seed, n_threads) in [(10, 1), (11, 3)] {
        let (glibc, live) = random_heap(seed, n_threads);
        let mut trimmed = glibc.clone();
        trimmed.malloc_trim(0).unwrap();
        let mut all: Vec<i64> =
            live.iter().map(|&block| pin(&glibc, block, n_resident(&trimmed)).unwrap().n_pinned).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        let shown: Vec<i64> = pins(&glibc, &live, 5).unwrap().iter().map(|pin| pin.n_pinned).collect();
        assert_eq!(shown, all[..5], "seed {seed}");
    }
}

#[test]
fn when_the_blocks_of_a_rung_are_gone_the_break_falls_so_far() {
    for seed in 20..26 {
        let (glibc, _) = random_heap(seed, 1);
        let rungs = ladder(&glibc, 4).unwrap();
        assert!(!rungs.is_empty(), "seed {seed}");
        let mut trimmed = glibc.clone();
        trimmed.malloc_trim(0).unwrap();
        for rung in rungs {
            let mut gone = glibc.clone();
            gone.flush_tcaches().unwrap();
            // The rung counts cached blocks: those that are live go one by one, from the top.
            let extents = glibc.extents().unwrap();
            let above =
                extents.iter().filter(|extent| extent.part == Part::Live && extent.start.0 + 16 >= rung.lowest.0);
            for extent in above {
                gone.free_past_tcache(Address(extent.start.0 + 16)).unwrap();
            }
            gone.malloc_trim(0).unwrap();
            let fell = trimmed.program_break().0 - gone.program_break().0;
            assert!(fell >= rung.break_bytes, "seed {seed}: {fell} for {rung:?}");
            // Emptying the caches may have freed what is below the rung as well.
            if !extents.iter().any(|extent| extent.part == Part::Tcache && extent.start.0 + 16 < rung.lowest.0) {
                assert_eq!(fell, rung.break_bytes, "seed {seed}: {rung:?}");
            }
        }
    }
}

#[test]
fn a_survey_counts_every_byte_and_every_page_once() {
    for (seed, n_threads) in [(30, 1), (31, 3)] {
        let (glibc, live) = random_heap(seed, n_threads);
        let survey = Survey::take(&glibc, live.iter().copied()).unwrap();
        let bytes: u64 = survey.places.iter().map(|place| place.bytes).sum();
        assert_eq!(bytes, glibc.statistics().system_bytes);
        let resident: u64 = survey.places.iter().map(|place| place.resident_bytes).sum();
        assert_eq!(resident, survey.n_resident * PAGE_BYTES);
        let in_areas = survey.areas.iter().flat_map(|area| &area.pages).filter(|page| page.is_resident).count() as u64;
        assert_eq!(in_areas + survey.mapped_pages.1, survey.n_resident);
        let live_place = survey.total(Part::Live);
        assert_eq!((live_place.n, live_place.bytes), (live.len() as u64, glibc.statistics().live_bytes));
    }
}

/// The live blocks, allocated anew side by side, take as many pages as is said.
#[test]
fn compaction_is_what_a_fresh_heap_of_the_same_blocks_takes() {
    let mut glibc = watched();
    let blocks: Vec<Address> = (0..2000)
        .map(|n| {
            let block = glibc.malloc(40 + n % 900).unwrap();
            glibc.touch(block, 40 + n % 900);
            block
        })
        .collect();
    let mut fresh = watched();
    let mut live = Vec::new();
    for (n, &block) in blocks.iter().enumerate() {
        if n % 3 == 0 {
            live.push(block);
            let bytes = glibc.malloc_usable_size(block).unwrap();
            let copy = fresh.malloc(bytes).unwrap();
            fresh.touch(copy, bytes);
        } else {
            glibc.free(block).unwrap();
        }
    }
    let survey = Survey::take(&glibc, live).unwrap();
    let said = returns(&glibc, &survey).unwrap();
    assert_eq!(said.n_if_compact, fresh.pages().unwrap().n_resident());
    assert!(said.n_if_compact < said.n_resident / 2);
    assert!(said.n_by_trim <= said.n_by_flush_and_trim);
}

#[test]
fn a_small_block_that_is_freed_goes_on_pinning_from_the_tcache() {
    let mut glibc = watched();
    let below = glibc.malloc(100_000).unwrap();
    glibc.touch(below, 100_000);
    let small = glibc.malloc(24).unwrap();
    let above = glibc.malloc(100_000).unwrap();
    glibc.touch(above, 100_000);
    glibc.free(below).unwrap();
    glibc.free(above).unwrap();
    let [pin] = pins(&glibc, &[small], 3).unwrap()[..] else { panic!("one block pins") };
    assert_eq!((pin.n_by_free, pin.n_by_free_and_trim), (0, 0), "{pin:?}");
    assert_eq!(pin.n_pinned, 1, "the page it is on, of which nothing else is used: {pin:?}");
}
