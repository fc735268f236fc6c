//! Unreachability found the long way round: after every step, everything that can be reached is looked up anew.
//!
//! A reference for the [`crate::Recorder`], with which it shares no code; its time is the number of objects times the
//! number of steps.

use std::collections::{BTreeMap, BTreeSet};

use memory_trait::{Event, Moment, ObjectId, Observer, Place, Tick};

/// An observer that knows of each object when it became unreachable.
#[derive(Clone, Debug, Default)]
pub struct BruteForce {
    now: Tick,
    /// All objects ever born.
    born: BTreeSet<ObjectId>,
    reclaimed: BTreeMap<ObjectId, Tick>,
    /// One entry for each slot that refers to it.
    slots: BTreeMap<ObjectId, u64>,
    /// What is where inside each object.
    inside: BTreeMap<ObjectId, BTreeMap<u64, ObjectId>>,
    unreachable: BTreeMap<ObjectId, Tick>,
    cyclic: BTreeSet<ObjectId>,
}

impl BruteForce {
    /// An observer at the start of a run.
    pub fn new() -> Self {
        BruteForce::default()
    }

    /// The run is over: for each object, in order of birth, when it became unreachable (`None`: never), and whether it
    /// was then in a cycle or held by a dead one.
    pub fn finish(mut self) -> Vec<(ObjectId, Option<Tick>, bool)> {
        self.end_of_step();
        let found =
            |&object: &ObjectId| (object, self.unreachable.get(&object).copied(), self.cyclic.contains(&object));
        self.born.iter().map(found).collect()
    }

    fn reached_from(&self, from: impl IntoIterator<Item = ObjectId>) -> BTreeSet<ObjectId> {
        let mut reached = BTreeSet::new();
        let mut to_do: Vec<ObjectId> = from.into_iter().collect();
        while let Some(object) = to_do.pop() {
            if reached.insert(object) {
                to_do.extend(self.inside.get(&object).into_iter().flat_map(BTreeMap::values));
            }
        }
        reached
    }

    fn end_of_step(&mut self) {
        let reachable = self.reached_from(self.slots.keys().copied());
        self.unreachable.retain(|object, _| !reachable.contains(object));
        self.cyclic.retain(|object| !reachable.contains(object));
        let new: Vec<ObjectId> =
            self.born.iter().filter(|o| !reachable.contains(o) && !self.unreachable.contains_key(o)).copied().collect();
        for &object in &new {
            self.unreachable.insert(object, self.now);
        }
        // What collectors reclaim keeps its references to the end of the step, so that its neighbours see them.
        let in_cycles = |object: &ObjectId| {
            let targets = self.inside.get(object).into_iter().flat_map(BTreeMap::values).copied();
            self.reached_from(targets).contains(object)
        };
        let dead = self.unreachable.keys().copied();
        let is_held_by: Vec<ObjectId> = if new.is_empty() {
            Vec::new()
        } else {
            dead.filter(|object| self.cyclic.contains(object) || in_cycles(object)).collect()
        };
        let held = self.reached_from(is_held_by);
        self.cyclic.extend(new.into_iter().filter(|object| held.contains(object)));
        let reclaimed = &self.reclaimed;
        self.inside.retain(|object, _| !reclaimed.contains_key(object));
    }
}

impl Observer for BruteForce {
    fn observe(&mut self, at: Moment, event: &Event<'_>) {
        if at.tick != self.now {
            self.end_of_step();
            self.now = at.tick;
        }
        match *event {
            Event::Born { object, .. } => {
                self.born.insert(object);
            }
            Event::Reclaimed { object, by } => {
                self.reclaimed.entry(object).or_insert(at.tick);
                if matches!(by.name(), "free" | "scope") {
                    self.inside.remove(&object);
                }
            }
            Event::Stored { place: Place::Slot, old, new } => {
                if let Some(object) = new {
                    *self.slots.entry(object).or_insert(0) += 1;
                }
                if let Some(object) = old {
                    let n_slots = self.slots.get_mut(&object).expect("a slot drops what it held");
                    *n_slots -= 1;
                    if *n_slots == 0 {
                        self.slots.remove(&object);
                    }
                }
            }
            Event::Stored { place: Place::Inside { object, index }, old: _, new } => {
                let inside = self.inside.entry(object).or_default();
                match new {
                    Some(new) => inside.insert(index, new),
                    None => inside.remove(&index),
                };
            }
            _ => {}
        }
    }
}
