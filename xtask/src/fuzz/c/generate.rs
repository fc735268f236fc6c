//! Random scripts. What a round is like (sizes, threads, parameters, refusals) is drawn first, then its calls.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;

use super::script::Script;

/// Slots of a round, at most. The driver has 65,536.
const SLOTS_MAX: u64 = 3000;
/// Chunks whose freeing raises the thresholds, and around which behaviour changes. Unit: bytes.
const EDGES: [u64; 14] =
    [24, 120, 128, 136, 1008, 1032, 1040, 4072, 65_512, 131_048, 135_128, 262_120, 1 << 20, 33_554_400];

/// How large requests are.
#[derive(Clone, Copy)]
enum Sizes {
    /// Fastbins and tcache.
    Tiny,
    /// Up to the first large bins.
    Small,
    /// A few sizes, so that equal ones meet.
    Few,
    /// All magnitudes up to 100 KB.
    Mixed,
    /// Large bins.
    Large,
    /// Where rules change, give or take a few bytes.
    Edges,
    /// Around the mmap threshold and beyond.
    Mapped,
}

/// Draws one round.
struct Round {
    random: Pcg32,
    script: Script,
    sizes: Sizes,
    n_slots: u64,
    /// Threads that are there, 0 first.
    threads: Vec<u32>,
    n_threads_ever: u32,
    n_threads_max: usize,
    /// One call in so many is mallopt, changes refusals, moves the break, notes the mappings; 0: none.
    mallopt_every: u64,
    refuse_every: u64,
    foreign_break_every: u64,
    maps_every: u64,
    is_refusing: bool,
    /// Of a hundred calls so many hand blocks out; drawn anew from time to time.
    growth: u64,
}

/// The script of round `number`, of about `n_calls` calls; the same for the same seed.
pub(super) fn round(seed: u64, number: u64, n_calls: u64) -> Script {
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number;
    let (mut random, huge) = (Pcg32::seed_from_u64(mixed), Pcg32::seed_from_u64(!mixed));
    let sizes = [Sizes::Tiny, Sizes::Small, Sizes::Few, Sizes::Mixed, Sizes::Large, Sizes::Edges, Sizes::Mapped]
        [below(&mut random, 7) as usize];
    let script = Script { cores: 1 + below(&mut random, 3), tunables: tunables(&mut random, huge), lines: Vec::new() };
    let mut every = |of: u64, calls: u64| if below(&mut random, of) == 0 { calls } else { 0 };
    let (mallopt_every, refuse_every, foreign_break_every) = (every(3, 150), every(4, 80), every(5, 120));
    let maps_every = every(3, 12);
    let n_threads_max = if every(2, 1) == 0 { 1 } else { 2 + below(&mut random, 30) as usize };
    let slots_max = if below(&mut random, 3) == 0 { 40 } else { SLOTS_MAX };
    let n_slots = 1 + below(&mut random, slots_max);
    let mut round = Round {
        random,
        script,
        sizes,
        n_slots,
        threads: vec![0],
        n_threads_ever: 1,
        n_threads_max,
        mallopt_every,
        refuse_every,
        foreign_break_every,
        maps_every,
        is_refusing: false,
        growth: 50,
    };
    for call in 0..n_calls {
        round.step(call);
    }
    round.say(0, "S".to_owned());
    round.script
}

fn below(random: &mut Pcg32, n: u64) -> u64 {
    random.next_u64() % n
}

/// Half of the rounds have none.
fn tunables(random: &mut Pcg32, mut huge: Pcg32) -> String {
    let mut settings = Vec::new();
    let n = [0, 0, 0, 1, 2, 4][below(random, 6) as usize];
    for _ in 0..n {
        let small = below(random, 4);
        let (name, value) = match below(random, 11) {
            0 => ("tcache_count", [0, 1, 2, 20][small as usize]),
            1 => ("tcache_max", below(random, 1033)),
            2 => ("tcache_unsorted_limit", 1 + small),
            3 => ("mxfast", below(random, 161)),
            4 => ("top_pad", [0, 1, 4096, 1 << 20][small as usize]),
            5 => ("mmap_threshold", [0, 1000, 40_000, 1 << 20][small as usize]),
            6 => ("trim_threshold", [0, 4096, 300_000, u64::MAX][small as usize]),
            7 => ("mmap_max", small),
            8 => ("arena_max", 1 + small),
            9 => ("arena_test", 1 + small),
            _ => ("perturb", below(random, 256)),
        };
        settings.push(format!("{name}={value}"));
    }
    // A draw of its own, so that the others stay what they were.
    if below(&mut huge, 12) == 0 {
        settings.push("hugetlb=1".to_owned());
    }
    settings.join(":")
}

impl Round {
    fn below(&mut self, n: u64) -> u64 {
        below(&mut self.random, n)
    }

    fn is_due(&mut self, every: u64) -> bool {
        every > 0 && self.below(every) == 0
    }

    fn say(&mut self, thread: u32, text: String) {
        self.script.push(thread, text);
    }

    fn size(&mut self) -> u64 {
        if self.below(300) == 0 {
            return self.impossible_size();
        }
        let sizes = if self.below(20) == 0 { Sizes::Mixed } else { self.sizes };
        match sizes {
            Sizes::Tiny => self.below(200),
            Sizes::Small => self.below(1500),
            Sizes::Few => {
                const FEW: [u64; 8] = [40, 100, 600, 1040, 1050, 2500, 5000, 70_000];
                FEW[self.below(8) as usize] + 16 * self.below(2)
            }
            Sizes::Mixed => {
                let magnitude = 5 + self.below(13);
                self.below(1 << magnitude)
            }
            Sizes::Large => {
                let spread = [500, 3000, 20_000, 100_000][self.below(4) as usize];
                1000 + self.below(spread)
            }
            Sizes::Edges => {
                let edges = if self.below(50) == 0 { EDGES.len() } else { EDGES.len() - 1 };
                (EDGES[self.below(edges as u64) as usize] + self.below(48)).saturating_sub(24)
            }
            Sizes::Mapped => match self.below(40) {
                0 => 2_097_152 * (1 + self.below(8)) - [0, 16, 24, 4096][self.below(4) as usize],
                1 => self.below(40 << 20),
                2..20 => 120_000 + self.below(300_000),
                _ => self.below(140_000),
            },
        }
    }

    /// What no system has, or what does not even fit into a chunk.
    fn impossible_size(&mut self) -> u64 {
        let bits = 46 + self.below(19);
        let near = if bits == 64 { 0 } else { 1_u64 << bits };
        near.wrapping_add(self.below(9000)).wrapping_sub(4500).max(1 << 47)
    }

    fn slot(&mut self) -> u64 {
        self.below(self.n_slots)
    }

    fn step(&mut self, call: u64) {
        if call.is_multiple_of(400) {
            self.growth = 20 + self.below(55);
        }
        if call % 2500 == 2499 {
            let thread = self.thread();
            self.say(thread, "S".to_owned());
        }
        if self.n_threads_max > 1 && self.below(60) == 0 {
            self.create_or_join();
        }
        if self.is_due(self.refuse_every) {
            self.change_refusals();
        }
        // Refusals do not last: a program that gets no memory for long does nothing of interest.
        if self.is_refusing && self.below(12) == 0 {
            self.is_refusing = false;
            self.say(0, "E -".to_owned());
        }
        if self.is_due(self.foreign_break_every) {
            let change = if self.below(2) == 0 { self.below(40_000) } else { 4096 * (1 + self.below(40)) };
            self.say(0, format!("k {change}"));
        }
        let thread = self.thread();
        if self.is_due(self.mallopt_every) {
            let text = self.mallopt();
            self.say(thread, text);
        }
        let size = self.call(thread);
        if self.threads.len() == 1 && size > 100_000 && self.is_due(self.maps_every.min(2))
            || self.is_due(20 * self.maps_every)
        {
            let note = self.script.lines.len() - 1;
            self.script.lines.insert(note, super::script::Line { thread, text: "V".to_owned() });
        }
    }

    /// The thread for the next call: mostly the one that made the last.
    fn thread(&mut self) -> u32 {
        let last = self.script.lines.last().map_or(0, |line| line.thread);
        if self.below(4) > 0 && self.threads.contains(&last) {
            return last;
        }
        let pick = self.below(self.threads.len() as u64);
        self.threads[pick as usize]
    }

    fn create_or_join(&mut self) {
        let by = self.thread();
        if self.threads.len() > 1 && (self.threads.len() == self.n_threads_max || self.below(3) == 0) {
            let gone = 1 + self.below(self.threads.len() as u64 - 1) as usize;
            if self.threads[gone] != by {
                let gone = self.threads.remove(gone);
                self.say(by, format!("- {gone}"));
            }
        } else if self.threads.len() < self.n_threads_max && self.n_threads_ever < 1000 {
            let new = self.n_threads_ever;
            self.n_threads_ever += 1;
            self.threads.push(new);
            self.say(by, format!("+ {new}"));
        }
    }

    fn change_refusals(&mut self) {
        const KINDS: [&str; 10] = ["b", "m", "bm", "bm", "h", "p", "r", "bmr", "bmhp", "bmhpr"];
        self.is_refusing = true;
        let kinds = KINDS[self.below(10) as usize];
        self.say(0, format!("E {kinds}"));
    }

    fn mallopt(&mut self) -> String {
        let pick = self.below(5) as usize;
        let (option, value) = match self.below(10) {
            0 => (1, [0, 40, 128, 160, 161][pick]),
            1 => (-1, [0, 4096, 131_072, 1 << 20, -1][pick]),
            2 => (-2, [0, 1, 4096, 131_072, 1 << 18][pick]),
            3 => (-3, [0, 4096, 131_072, 1 << 20, 1 << 25][pick]),
            4 => (-4, [0, 1, 100, 65_536, -1][pick]),
            5 => (-5, pick as i32),
            6 => (-6, [0, 1, 255, 256, -1][pick]),
            7 => (-7, [0, 1, 2, 8, -1][pick]),
            8 => (-8, [0, 1, 2, 5, -1][pick]),
            _ => (self.below(200) as i32 - 100, 1),
        };
        format!("o {option} {value}")
    }

    /// One call; the size it asks for.
    fn call(&mut self, thread: u32) -> u64 {
        let (slot, size) = (self.slot(), self.size());
        if self.below(100) < self.growth {
            // A block whose slot is taken would be lost.
            self.say(thread, format!("f {slot}"));
            let text = match self.below(20) {
                0..13 => format!("m {slot} {size}"),
                13..16 => {
                    let n = [1, 1, 3, 10][self.below(4) as usize];
                    format!("c {slot} {n} {}", size / n)
                }
                16 => format!("v {slot} {size}"),
                17 => format!("w {slot} {size}"),
                _ => self.aligned(slot, size),
            };
            self.say(thread, text);
            return size;
        }
        match self.below(50) {
            0..12 => {
                self.say(thread, format!("r {slot} {size}"));
                size
            }
            12..15 => {
                self.say(thread, format!("u {slot}"));
                0
            }
            15 => {
                let pad = if self.below(2) == 0 { 0 } else { self.below(200_000) };
                if self.below(8) == 0 {
                    self.say(thread, format!("t {pad}"));
                }
                0
            }
            _ => {
                self.say(thread, format!("f {slot}"));
                u64::from(self.sizes as u8 == Sizes::Mapped as u8) * 200_000
            }
        }
    }

    fn aligned(&mut self, slot: u64, size: u64) -> String {
        let letter = ['a', 'l', 'p'][self.below(3) as usize];
        let alignment = match self.below(12) {
            0 => self.below(300),
            1 => 1 << (12 + self.below(10)),
            2 => 1 << 63,
            3 => (1 << 63) + 1,
            _ => 1_u64 << self.below(13),
        };
        format!("{letter} {slot} {alignment} {size}")
    }
}
