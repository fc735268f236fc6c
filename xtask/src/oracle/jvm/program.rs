//! Random heap programs, in the integer code of the recordings.

use std::collections::HashMap;

use workload::splitmix::SplitMix64;

/// What a program is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    /// Small records, much linked.
    Records,
    /// Arrays of all kinds, some of a few KiB.
    Arrays,
    /// Everything.
    Mix,
    /// Records and a few arrays that are large for the heap.
    Large,
    /// Records that form long chains and trees.
    Chains,
}

impl Profile {
    const ALL: [Profile; 5] = [Profile::Records, Profile::Arrays, Profile::Mix, Profile::Large, Profile::Chains];

    pub(super) fn draw(random: &mut Draw) -> Profile {
        *random.of(&Profile::ALL)
    }

    /// What recordings call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Profile::Records => "records",
            Profile::Arrays => "arrays",
            Profile::Mix => "mix",
            Profile::Large => "large",
            Profile::Chains => "chains",
        }
    }

    /// How often kinds 0 to 10 are drawn.
    fn weights(self) -> [u64; 11] {
        match self {
            Profile::Records => [10, 20, 20, 10, 5, 5, 2, 1, 1, 2, 15],
            Profile::Arrays => [0, 0, 7, 0, 0, 0, 33, 20, 13, 27, 0],
            Profile::Mix => [5, 14, 14, 14, 5, 9, 14, 5, 5, 9, 9],
            Profile::Large => [0, 25, 25, 17, 0, 0, 17, 8, 2, 8, 0],
            Profile::Chains => [0, 30, 40, 10, 5, 0, 2, 0, 0, 2, 20],
        }
    }

    /// Bytes of an object on average, roughly.
    fn bytes(self) -> u64 {
        match self {
            Profile::Records | Profile::Chains => 40,
            Profile::Arrays => 1000,
            Profile::Mix => 100,
            Profile::Large => 300,
        }
    }

    /// How many links a hundred allocations come with.
    fn links_percent(self) -> u64 {
        match self {
            Profile::Records | Profile::Mix => 45,
            Profile::Arrays => 25,
            Profile::Large => 40,
            Profile::Chains => 90,
        }
    }
}

/// Choices of a program; the same seed makes the same ones.
pub(super) struct Draw(SplitMix64);

impl Draw {
    pub(super) fn new(seed: u64) -> Draw {
        Draw(SplitMix64::new(seed))
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0.next() % n.max(1)
    }

    /// A number from `least` to `most`, both included.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// True in `percent` of a hundred cases.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// A number up to `most`, small ones as likely as large ones, digit for digit.
    fn skewed(&mut self, most: u64) -> u64 {
        let bits = self.below(u64::from(most.max(1).ilog2()) + 1);
        self.below((2 << bits).min(most + 1))
    }
}

/// What the heap it runs on can take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) eden_bytes: u64,
    pub(super) heap_bytes: u64,
}

/// A program and the slots of its table.
pub(super) struct HeapProgram {
    pub(super) ops: Vec<i32>,
    pub(super) n_slots: u32,
    pub(super) profile: Profile,
}

/// References an object of a kind has; arrays have their length.
const N_REFERENCES: [u32; 11] = [0, 1, 2, 3, 8, 0, 0, 0, 0, 0, 2];
/// Collections after everything was dropped: old shrinks in steps.
const N_COLLECTIONS_EMPTY: usize = 4;
/// Slots at most.
const MAX_SLOTS: u64 = 25_000;

/// Who is in which slot, and refers to whom: just enough to write programs that never follow a null.
struct Writer<'d> {
    random: &'d mut Draw,
    profile: Profile,
    room: Room,
    ops: Vec<i32>,
    slots: Vec<Option<usize>>,
    /// By object: how many references it has.
    n_references: Vec<u32>,
    references: HashMap<(usize, u32), usize>,
}

impl HeapProgram {
    /// Writes one. `n_drops`: how often it drops everything it has, on its way.
    pub(super) fn draw(random: &mut Draw, room: Room, max_allocations: u64, n_drops: u64) -> HeapProgram {
        let profile = Profile::draw(random);
        // Most programs fit well, some hardly, a few not at all.
        let live_percent = match random.below(10) {
            0..5 => random.between(10, 45),
            5..8 => random.between(45, 75),
            _ => random.between(70, 110),
        };
        let n_slots = (room.heap_bytes * live_percent / 100 / (profile.bytes() + 8)).clamp(50, MAX_SLOTS);
        let n_collections = random.between(4, 40);
        let n_news = (room.eden_bytes * n_collections / profile.bytes()).max(2000).min(max_allocations.max(100));
        let n_snapshots = random.between(3, 8);
        let mut writer = Writer {
            random,
            profile,
            room,
            ops: Vec::new(),
            slots: vec![None; n_slots as usize],
            n_references: Vec::new(),
            references: HashMap::new(),
        };
        let gap = n_news / n_snapshots;
        for at in 0..n_news {
            writer.step();
            if at % gap == gap / 2 {
                writer.ops.push(6);
            }
            if writer.random.below(n_news * 2 / 3) == 0 {
                writer.ops.push(7);
            }
            if n_drops > 0 && (at + 1) % (n_news / n_drops).max(1) == 0 {
                writer.drop_everything();
            }
        }
        writer.ops.extend([6, 0]);
        HeapProgram { ops: writer.ops, n_slots: n_slots as u32, profile }
    }
}

impl Writer<'_> {
    /// One allocation and what goes with it.
    fn step(&mut self) {
        self.create();
        if self.random.chance(self.profile.links_percent()) {
            self.link();
        }
        if self.random.chance(5) {
            let (from, to) = (self.slot(), self.slot());
            self.slots[to] = self.slots[from];
            self.ops.extend([5, from as i32, to as i32]);
        }
        if self.random.chance(8) {
            let slot = self.slot();
            self.slots[slot] = None;
            self.ops.extend([4, slot as i32]);
        }
        if self.random.chance(8) {
            self.load_or_unlink();
        }
    }

    /// Empties the table, with collections before and after it: old is full, and then it is empty.
    fn drop_everything(&mut self) {
        self.ops.push(7);
        for (slot, object) in self.slots.iter_mut().enumerate() {
            if object.take().is_some() {
                self.ops.extend([4, slot as i32]);
            }
        }
        self.ops.extend([7; N_COLLECTIONS_EMPTY]);
    }

    fn slot(&mut self) -> usize {
        self.random.below(self.slots.len() as u64) as usize
    }

    fn kind(&mut self) -> usize {
        let weights = self.profile.weights();
        let mut at = self.random.below(weights.iter().sum());
        for (kind, weight) in weights.into_iter().enumerate() {
            if at < weight {
                return kind;
            }
            at -= weight;
        }
        unreachable!("{at} beyond the weights")
    }

    fn length(&mut self, kind: usize) -> u64 {
        let element_bytes = [1, 4, 8, 4][kind - 6];
        if self.profile == Profile::Large && self.random.below(400) == 0 {
            let most = (self.room.eden_bytes * 5 / 4).min(self.room.heap_bytes / 4) / element_bytes;
            return self.random.between(most / 20, most);
        }
        let most = match (self.profile, kind) {
            (Profile::Arrays, 9) => 600,
            (Profile::Arrays, _) => 2000,
            (_, 9) => 60,
            (Profile::Records | Profile::Chains, _) => 100,
            _ => 400,
        };
        self.random.skewed(most)
    }

    fn create(&mut self) {
        let (kind, slot) = (self.kind(), self.slot());
        let mut n_references = N_REFERENCES[kind];
        if (6..10).contains(&kind) {
            let length = self.length(kind);
            self.ops.extend([2, kind as i32, length as i32, slot as i32]);
            if kind == 9 {
                n_references = length as u32;
            }
        } else {
            self.ops.extend([1, kind as i32, slot as i32]);
        }
        self.slots[slot] = Some(self.n_references.len());
        self.n_references.push(n_references);
    }

    /// A slot with an object that has references: the latest one, or any.
    fn holder(&mut self) -> Option<(usize, usize)> {
        for _ in 0..8 {
            let slot = self.slot();
            if let Some(object) = self.slots[slot]
                && self.n_references[object] > 0
            {
                return Some((slot, object));
            }
        }
        None
    }

    fn link(&mut self) {
        let Some((slot, object)) = self.holder() else { return };
        let index = self.random.below(u64::from(self.n_references[object])) as u32;
        let from = self.slot();
        match self.slots[from] {
            Some(target) => self.references.insert((object, index), target),
            None => self.references.remove(&(object, index)),
        };
        self.ops.extend([3, slot as i32, index as i32, from as i32]);
    }

    fn load_or_unlink(&mut self) {
        let Some((slot, object)) = self.holder() else { return };
        let index = self.random.below(u64::from(self.n_references[object])) as u32;
        if self.random.chance(60) {
            let to = self.slot();
            self.slots[to] = self.references.get(&(object, index)).copied();
            self.ops.extend([8, slot as i32, index as i32, to as i32]);
        } else {
            self.references.remove(&(object, index));
            self.ops.extend([9, slot as i32, index as i32]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_writes_the_same_program() {
        let room = Room { eden_bytes: 1 << 20, heap_bytes: 8 << 20 };
        let [one, other, third] = [7, 7, 8].map(|seed| HeapProgram::draw(&mut Draw::new(seed), room, 5000, 0).ops);
        assert_eq!(one, other);
        assert_ne!(one, third);
    }
}
