//! Random programs that make sense: an operation is only ever done on what has it.
//!
//! A shadow knows what each slot holds, how long a list is and which keys a dict has; it knows nothing of memory.

use std::fmt;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Slots that finalizers rescue their objects into, and nothing else writes but `None`.
const N_RESCUE_SLOTS: usize = 20;

/// Callbacks are numbered from here.
const FIRST_CALLBACK_ID: i64 = 1_000_000_000;

/// Keys that dicts are given.
const N_KEYS: i64 = 12;

/// Operations of a sort, each with its weight, and the slots they work on.
pub(super) struct Profile {
    name: &'static str,
    n_slots: usize,
    kind: Kind,
    /// Number of the operation, weight.
    weights: &'static [(i64, u32)],
}

/// How operations are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Graph,
    Finalizers,
}

/// The profiles: what is rare in one is common in another.
pub(super) const PROFILES: &[Profile] = &[
    Profile {
        name: "mixed",
        n_slots: 300,
        kind: Kind::Graph,
        weights: &[
            (0, 6),
            (1, 10),
            (2, 8),
            (3, 4),
            (4, 8),
            (5, 6),
            (6, 6),
            (7, 5),
            (8, 5),
            (9, 4),
            (10, 1),
            (11, 6),
            (12, 5),
            (13, 5),
            (14, 1),
            (15, 3),
            (16, 4),
            (17, 4),
            (18, 3),
            (19, 1),
        ],
    },
    Profile {
        name: "keep",
        n_slots: 20_000,
        kind: Kind::Graph,
        weights: &[(0, 8), (1, 6), (2, 1), (3, 6), (4, 6), (5, 8), (6, 8), (11, 8), (16, 6), (17, 6), (18, 4), (19, 3)],
    },
    Profile {
        name: "dicts",
        n_slots: 60,
        kind: Kind::Graph,
        weights: &[(0, 1), (2, 3), (3, 5), (4, 30), (10, 2), (13, 2), (14, 1), (15, 8), (17, 6), (18, 2)],
    },
    Profile {
        name: "lists",
        n_slots: 30,
        kind: Kind::Graph,
        weights: &[(0, 5), (1, 40), (2, 3), (9, 22), (10, 1), (13, 2), (16, 4), (18, 2)],
    },
    Profile {
        name: "deep",
        n_slots: 8,
        kind: Kind::Graph,
        weights: &[(2, 1), (5, 12), (13, 2), (16, 12), (17, 6), (11, 3), (12, 8), (6, 2), (7, 4)],
    },
    Profile {
        name: "tuples",
        n_slots: 200,
        kind: Kind::Graph,
        weights: &[(0, 2), (2, 12), (5, 14), (13, 4), (14, 1), (18, 10), (19, 12), (11, 4), (12, 4)],
    },
    Profile {
        name: "cycles",
        n_slots: 50,
        kind: Kind::Graph,
        weights: &[(0, 4), (1, 8), (2, 6), (6, 8), (7, 12), (8, 12), (11, 8), (12, 12), (3, 3), (4, 6), (14, 1)],
    },
    Profile {
        name: "control",
        n_slots: 60,
        kind: Kind::Graph,
        weights: &[
            (0, 20),
            (1, 30),
            (2, 30),
            (6, 20),
            (7, 40),
            (8, 40),
            (11, 30),
            (12, 40),
            (5, 20),
            (3, 10),
            (4, 20),
            (14, 3),
            (20, 1),
            (21, 2),
            (22, 1),
            (24, 1),
            (25, 2),
            (26, 2),
        ],
    },
    Profile {
        name: "finalizers",
        n_slots: 150,
        kind: Kind::Finalizers,
        weights: &[(0, 12), (1, 10), (2, 10), (3, 6), (4, 3), (5, 6), (6, 5), (9, 4), (11, 1), (12, 2)],
    },
    Profile {
        name: "weakrefs",
        n_slots: 120,
        kind: Kind::Finalizers,
        weights: &[(0, 6), (1, 8), (2, 8), (3, 6), (4, 2), (5, 5), (6, 8), (7, 8), (8, 8), (9, 3), (10, 3), (11, 1)],
    },
    Profile {
        name: "chains",
        n_slots: 10,
        kind: Kind::Finalizers,
        weights: &[(0, 8), (1, 14), (3, 1), (4, 6), (5, 12), (6, 4), (9, 10), (12, 1)],
    },
];

/// What one run is made of.
pub(super) struct Triple {
    profile: &'static Profile,
    seed: u64,
    thresholds: [u32; 3],
    n_slots: usize,
    ops: Vec<i64>,
}

impl fmt::Display for Triple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [young, middle, old] = self.thresholds;
        write!(f, "profile {}, seed {}, thresholds {young} {middle} {old}", self.profile.name, self.seed)
    }
}

impl Triple {
    pub(super) fn profile(&self) -> &'static str {
        self.profile.name
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether it is one of those whose objects' addresses are compared.
    pub(super) fn is_graph(&self) -> bool {
        self.profile.kind == Kind::Graph
    }

    /// What the driver reads.
    pub(super) fn task(&self) -> String {
        let kind = if self.is_graph() { "graph" } else { "finalizers" };
        let Triple { profile: Profile { name, .. }, seed, thresholds, n_slots, ops } = self;
        format!(
            r#"{{"kind":"{kind}","profile":"{name}","seed":{seed},"threshold":{thresholds:?},"slots":{n_slots},"ops":{ops:?}}}"#
        )
    }

    /// The line `workload` of the transcript.
    pub(super) fn workload(&self) -> String {
        let Triple { profile: Profile { name, .. }, seed, thresholds: _, n_slots, ops } = self;
        let ops: Vec<String> = ops.iter().map(ToString::to_string).collect();
        let ops = ops.join(",");
        format!(r#"{{"type":"workload","profile":"{name}","seed":{seed},"slots":{n_slots},"ops":[{ops}]}}"#)
    }
}

/// So many triples, all different: the profiles in turn.
pub(super) fn triples(seed: u64, n: u64, n_operations: usize) -> Vec<Triple> {
    let triple = |index: u64| {
        let profile = &PROFILES[index as usize % PROFILES.len()];
        let seed = seed.wrapping_mul(1_000_000).wrapping_add(index);
        let mut random = Random(Pcg64Mcg::seed_from_u64(seed));
        let thresholds = random.thresholds();
        let ops = Shadow::new(profile, random).program(n_operations);
        let n_slots = profile.n_slots + if profile.kind == Kind::Finalizers { N_RESCUE_SLOTS } else { 0 };
        Triple { profile, seed, thresholds, n_slots, ops }
    };
    (0..n).map(triple).collect()
}

struct Random(Pcg64Mcg);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    /// The versions' own in some runs, small ones in most: those collect often.
    fn thresholds(&mut self) -> [u32; 3] {
        match self.below(6) {
            0 => [700, 10, 10],
            1 => [2000, 10, 10],
            2 => [100, 5, 5],
            _ => [5 + self.below(120) as u32, 1 + self.below(6) as u32, 1 + self.below(6) as u32],
        }
    }
}

/// What an object is, as far as operations care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    None,
    List {
        len: u32,
    },
    /// A bit for each key.
    Dict {
        keys: u16,
    },
    Tuple,
    Node,
    Object,
}

struct Shadow {
    profile: &'static Profile,
    random: Random,
    /// Objects by number; `None` is the first.
    things: Vec<Thing>,
    /// The number of the object in each slot.
    slots: Vec<usize>,
    n_finalizable: i64,
    n_callbacks: i64,
}

impl Shadow {
    fn new(profile: &'static Profile, random: Random) -> Shadow {
        let slots = vec![0; profile.n_slots];
        Shadow { profile, random, things: vec![Thing::None], slots, n_finalizable: 0, n_callbacks: 0 }
    }

    fn program(mut self, n_operations: usize) -> Vec<i64> {
        let mut ops = Vec::with_capacity(4 * n_operations);
        while ops.len() < 4 * n_operations {
            let kind = self.kind();
            // What cannot be done now is not done: another operation is drawn.
            if let Some([a, b, c]) = match self.profile.kind {
                Kind::Graph => self.graph_operation(kind),
                Kind::Finalizers => self.finalizer_operation(kind),
            } {
                ops.extend([kind, a, b, c]);
            }
        }
        ops
    }

    fn kind(&mut self) -> i64 {
        let sum: u32 = self.profile.weights.iter().map(|&(_, weight)| weight).sum();
        let mut left = self.random.below(sum as usize) as u32;
        for &(kind, weight) in self.profile.weights {
            if left < weight {
                return kind;
            }
            left -= weight;
        }
        unreachable!("{left} is left of a sum of {sum}")
    }

    fn slot(&mut self) -> usize {
        self.random.below(self.slots.len())
    }

    fn thing(&mut self, slot: usize) -> &mut Thing {
        &mut self.things[self.slots[slot]]
    }

    /// A slot whose object is so; not every one that there is will be found.
    fn slot_with(&mut self, is_so: impl Fn(Thing) -> bool) -> Option<usize> {
        (0..12).find_map(|_| {
            let slot = self.slot();
            is_so(*self.thing(slot)).then_some(slot)
        })
    }

    fn put(&mut self, slot: usize, thing: Thing) {
        self.slots[slot] = self.things.len();
        self.things.push(thing);
    }

    fn key(&mut self) -> i64 {
        self.random.below(N_KEYS as usize) as i64
    }

    fn graph_operation(&mut self, kind: i64) -> Option<[i64; 3]> {
        let b = self.slot();
        let c = self.slot();
        let key = self.key();
        let made = |this: &mut Shadow, thing: Thing, b: i64, c: i64| {
            let a = this.slot();
            this.put(a, thing);
            Some([a as i64, b, c])
        };
        let (b_number, c_number) = (b as i64, c as i64);
        match kind {
            0 => made(self, Thing::List { len: 0 }, 0, 0),
            3 => made(self, Thing::Dict { keys: 0 }, 0, 0),
            5 => made(self, Thing::Tuple, b_number, c_number),
            6 => made(self, Thing::Node, 0, 0),
            11 => made(self, Thing::Object, 0, 0),
            16 => made(self, Thing::List { len: 2 }, b_number, c_number),
            17 => made(self, Thing::Dict { keys: 1 << key }, b_number, key),
            18 | 19 => made(self, Thing::Tuple, b_number, 0),
            14 => Some([0, [0, 0, 0, 1, 1, 2][self.random.below(6)], 0]),
            7 | 8 => Some([self.slot_with(|thing| thing == Thing::Node)? as i64, b_number, 0]),
            12 => Some([self.slot_with(|thing| thing == Thing::Object)? as i64, b_number, 0]),
            4 => {
                let a = self.slot_with(|thing| matches!(thing, Thing::Dict { .. }))?;
                if let Thing::Dict { keys } = self.thing(a) {
                    *keys |= 1 << key;
                }
                Some([a as i64, b_number, key])
            }
            15 => {
                let a = self.slot_with(|thing| matches!(thing, Thing::Dict { keys } if keys != 0))?;
                let Thing::Dict { keys } = self.thing(a) else { return None };
                let key = keys.trailing_zeros();
                *keys &= !(1 << key);
                Some([a as i64, 0, i64::from(key)])
            }
            10 => {
                let a = self.slot_with(|thing| matches!(thing, Thing::Dict { .. } | Thing::List { .. }))?;
                match self.thing(a) {
                    Thing::Dict { keys } => *keys = 0,
                    Thing::List { len } => *len = 0,
                    _ => {}
                }
                Some([a as i64, 0, 0])
            }
            1 => self.append(b),
            9 => self.pop(),
            2 => Some(self.drop_slot()),
            20..=22 | 26 => Some([0, 0, 0]),
            24 => Some(self.random.thresholds().map(i64::from)),
            // gc.DEBUG_SAVEALL is 32.
            25 => Some([32 * self.random.below(2) as i64, 0, 0]),
            13 => Some(self.copy(b)),
            _ => unreachable!("operation {kind} is in no profile"),
        }
    }

    fn finalizer_operation(&mut self, kind: i64) -> Option<[i64; 3]> {
        let b = self.slot();
        match kind {
            0 => {
                let a = self.slot();
                self.put(a, Thing::Node);
                self.n_finalizable += 1;
                let is_rescued = self.random.below(8) == 0;
                let rescue = self.slots.len() + self.random.below(N_RESCUE_SLOTS);
                Some([a as i64, self.n_finalizable - 1, if is_rescued { rescue as i64 } else { -1 }])
            }
            1 | 2 => Some([self.slot_with(|thing| thing == Thing::Node)? as i64, b as i64, 0]),
            3 if self.random.below(4) == 0 => {
                Some([(self.slots.len() + self.random.below(N_RESCUE_SLOTS)) as i64, 0, 0])
            }
            3 => Some(self.drop_slot()),
            4 | 6 => {
                let a = self.slot();
                self.put(a, if kind == 4 { Thing::List { len: 0 } } else { Thing::Node });
                Some([a as i64, 0, 0])
            }
            5 => self.append(b),
            7 | 8 => {
                let target = self.slot_with(|thing| thing == Thing::Node)? as i64;
                let a = if kind == 7 { self.slot_with(|thing| thing == Thing::Node)? } else { self.slot() };
                self.n_callbacks += 1;
                Some([a as i64, target, FIRST_CALLBACK_ID + self.n_callbacks - 1])
            }
            9 => Some(self.copy(b)),
            10 => Some([self.slot() as i64, 0, 0]),
            11 => Some([0, [0, 0, 0, 1, 1, 2][self.random.below(6)], 0]),
            12 => self.pop(),
            _ => unreachable!("operation {kind} is in no profile"),
        }
    }

    fn append(&mut self, b: usize) -> Option<[i64; 3]> {
        let a = self.slot_with(|thing| matches!(thing, Thing::List { .. }))?;
        if let Thing::List { len } = self.thing(a) {
            *len += 1;
        }
        Some([a as i64, b as i64, 0])
    }

    fn pop(&mut self) -> Option<[i64; 3]> {
        let a = self.slot_with(|thing| matches!(thing, Thing::List { len } if len > 0))?;
        if let Thing::List { len } = self.thing(a) {
            *len -= 1;
        }
        Some([a as i64, 0, 0])
    }

    fn drop_slot(&mut self) -> [i64; 3] {
        let a = self.slot();
        self.slots[a] = 0;
        [a as i64, 0, 0]
    }

    fn copy(&mut self, b: usize) -> [i64; 3] {
        let a = self.slot();
        self.slots[a] = self.slots[b];
        [a as i64, b as i64, 0]
    }
}
