//! The whole heap after every call, on random programs of every kind of call.

use c_model::{Glibc, RawMemory};
use memory_trait::{Address, Allocator, ThreadId};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;

/// A program that makes random calls and checks the heap.
struct Program {
    heap: Glibc,
    random: Pcg32,
    live: Vec<Address>,
    n_threads: u32,
}

impl Program {
    fn new(heap: Glibc, seed: u64, n_threads: u32) -> Self {
        Program { heap, random: Pcg32::seed_from_u64(seed), live: Vec::new(), n_threads }
    }

    fn below(&mut self, n: u32) -> u32 {
        self.random.next_u32() % n
    }

    fn size(&mut self) -> u64 {
        let magnitude = [32, 128, 1100, 5000, 70_000, 300_000][self.below(6) as usize];
        u64::from(self.below(magnitude))
    }

    fn any_block(&mut self) -> u64 {
        let pick = self.below(self.live.len().max(1) as u32) as usize;
        self.live.get(pick).map_or(0x5555_5555_9010, |block| block.0)
    }

    fn step(&mut self) {
        if self.n_threads > 1 && self.below(10) == 0 {
            let thread = ThreadId(self.below(self.n_threads));
            self.heap.switch_thread(thread);
            if thread.0 > 0 && self.below(20) == 0 {
                self.heap.end_thread().unwrap();
            }
        }
        let pick = self.below(self.live.len().max(1) as u32) as usize;
        match self.below(100) {
            0..40 => {
                let size = self.size();
                let block = self.heap.malloc(size).unwrap();
                self.live.push(block);
            }
            40..45 => {
                let size = self.size();
                let block = self.heap.calloc(1, size).unwrap();
                self.live.push(block);
            }
            45..50 => {
                let (alignment, size) = (1 << self.below(14), self.size());
                let block = self.heap.memalign(alignment, size).unwrap();
                assert!(block.0.is_multiple_of(alignment), "{block} at a multiple of {alignment}");
                self.live.push(block);
            }
            50..60 if !self.live.is_empty() => {
                let size = self.size() + 1;
                self.live[pick] = self.heap.realloc(self.live[pick], size).unwrap();
            }
            60 => {
                let pad = self.size();
                self.heap.malloc_trim(pad).unwrap();
            }
            61 => {
                let brk = self.heap.program_break();
                assert!(self.heap.move_break(brk.offset(u64::from(self.random.next_u32() % 9000))));
            }
            _ if !self.live.is_empty() => {
                let block = self.live.swap_remove(pick);
                self.heap.free(block).unwrap();
            }
            _ => {}
        }
    }
}

fn check(heap: Glibc, seed: u64, n_threads: u32, n_steps: usize) {
    let mut program = Program::new(heap, seed, n_threads);
    for step in 0..n_steps {
        program.step();
        if let Err(damage) = program.heap.verify() {
            panic!("seed {seed}, step {step}: {damage}");
        }
    }
    for block in std::mem::take(&mut program.live) {
        program.heap.free(block).unwrap();
    }
    let census = program.heap.verify().unwrap();
    assert_eq!((census.n_live, census.live_bytes), (0, 0), "seed {seed}");
    assert_eq!(program.heap.statistics().n_live, 0);
}

#[test]
fn the_heap_of_a_random_program_is_sound_after_every_call() {
    for seed in 0..4 {
        check(Glibc::builder().build(), seed, 1, 2000);
    }
}

#[test]
fn the_heaps_of_random_threads_are_sound_after_every_call() {
    for seed in 10..14 {
        check(Glibc::builder().cores(1).build(), seed, 20, 2000);
    }
}

#[test]
fn the_heap_is_sound_under_every_tunable() {
    for (seed, tunables) in (20..).zip([
        "tcache_count=0",
        "tcache_count=2:tcache_max=100",
        "mxfast=0",
        "mxfast=160",
        "mmap_max=0",
        "mmap_threshold=1000:trim_threshold=5000:top_pad=0",
        "arena_max=1",
        "tcache_unsorted_limit=1",
        "perturb=165",
    ]) {
        check(Glibc::builder().tunables(tunables).unwrap().build(), seed, 3, 600);
    }
}

#[test]
fn a_heap_that_cannot_grow_refuses_and_stays_sound() {
    for n_threads in [1, 3] {
        let mut heap = Glibc::builder().limit_bytes(1 << 20).build();
        let mut blocks = Vec::new();
        for i in 0.. {
            heap.switch_thread(ThreadId(i % n_threads));
            let block = heap.malloc(5000).unwrap();
            if block.is_null() {
                break;
            }
            blocks.push(block);
            heap.verify().unwrap();
        }
        assert!(blocks.len() > 150, "{} blocks in 1 MiB", blocks.len());
        for block in blocks {
            heap.free(block).unwrap();
        }
        heap.verify().unwrap();
        assert!(!heap.malloc(5000).unwrap().is_null());
    }
}

/// A program that scribbles over its heap, headers and lists included. It may be stopped, by a check or a signal; the
/// model itself must not fall over.
#[test]
fn a_heap_in_ruins_stops_the_program_and_never_the_model() {
    let mut n_stopped = 0;
    for seed in 0..200 {
        let mut program = Program::new(Glibc::builder().cores(1).build(), seed, 1 + seed as u32 % 4);
        let mut scribble = || -> Result<(), Box<memory_trait::Fault>> {
            for _ in 0..60 {
                program.step();
            }
            for _ in 0..400 {
                let at = program.any_block().wrapping_add_signed(i64::from(program.below(12)) * 8 - 48);
                let neighbour = program.any_block();
                let word = [0, 0x31, 0x1234, neighbour, neighbour - 16, u64::MAX, 1 << 63, u64::MAX - 15]
                    [program.below(8) as usize];
                let _ = program.heap.write_u64(Address(at), word);
                let (size, alignment) = (program.size(), 1 << program.below(14));
                match program.below(6) {
                    0 => program.heap.free(Address(neighbour))?,
                    1 => {
                        program.heap.realloc(Address(neighbour), size + 1)?;
                    }
                    2 => {
                        program.heap.memalign(alignment, size)?;
                    }
                    3 => {
                        program.heap.malloc_trim(0)?;
                    }
                    4 if program.n_threads > 1 => {
                        let thread = ThreadId(program.below(program.n_threads));
                        program.heap.switch_thread(thread);
                        if thread.0 == 3 {
                            program.heap.end_thread()?;
                        }
                    }
                    _ => program.live.push(program.heap.malloc(size)?),
                }
                program.live.retain(|block| !block.is_null());
            }
            Ok(())
        };
        n_stopped += u32::from(scribble().is_err());
        let _ = program.heap.verify();
        let _ = program.heap.arena_states();
    }
    assert!(n_stopped > 160, "{n_stopped} of 200 programs were stopped");
}
