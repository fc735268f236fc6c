//! An observer that keeps its own graph from nothing but events, and holds every collection against it.

use std::collections::{BTreeMap, BTreeSet};

use memory_trait::{Event, Moment, ObjectId, Observer, Place};

/// The graph: who refers to whom, and what frames hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shadow {
    /// Objects that were born and not reclaimed.
    pub(crate) live: BTreeSet<ObjectId>,
    inside: BTreeMap<(ObjectId, u64), ObjectId>,
    in_slots: BTreeMap<ObjectId, i64>,
    full: bool,
    collecting: bool,
    /// Objects that a finalizer may still be due for: they may outlive their reachability.
    pub(crate) finalizable: BTreeSet<ObjectId>,
    /// Records with this label count as finalizable when born.
    pub(crate) finalizable_labels: Vec<memory_trait::Label>,
    /// Collections seen, young and full.
    pub(crate) n_collections: [u64; 2],
    /// Objects reclaimed.
    pub(crate) n_reclaimed: u64,
    /// Full collections after which exactly what can be reached was left.
    pub(crate) n_exact: u64,
    /// Moves seen.
    pub(crate) n_moved: u64,
}

impl Shadow {
    /// All that frames and what they refer to refer to.
    pub(crate) fn reachable(&self) -> BTreeSet<ObjectId> {
        let roots = self.in_slots.iter().filter(|&(_, &n)| n > 0).map(|(&object, _)| object);
        self.reachable_from(roots.collect())
    }

    fn reachable_from(&self, mut found: Vec<ObjectId>) -> BTreeSet<ObjectId> {
        let mut reached = BTreeSet::new();
        while let Some(object) = found.pop() {
            if reached.insert(object) {
                found.extend(self.inside.range((object, 0)..=(object, u64::MAX)).map(|(_, &target)| target));
            }
        }
        reached
    }
}

impl Observer for Shadow {
    fn observe(&mut self, _at: Moment, event: &Event<'_>) {
        match *event {
            Event::Born { object, label, .. } => {
                assert!(self.live.insert(object), "{object:?} is born twice");
                if self.finalizable_labels.contains(&label) {
                    self.finalizable.insert(object);
                }
            }
            Event::Used { object } => assert!(self.live.contains(&object), "{object:?} is used after it is gone"),
            Event::Stored { place, old, new } => {
                for object in [old, new].into_iter().flatten() {
                    assert!(self.live.contains(&object), "{object:?} is stored after it is gone");
                }
                match place {
                    Place::Slot => {
                        for (object, change) in [(old, -1), (new, 1)] {
                            let Some(object) = object else { continue };
                            *self.in_slots.entry(object).or_default() += change;
                        }
                        assert!(self.in_slots.values().all(|&n| n >= 0), "a slot lost what it never held");
                    }
                    Place::Inside { object, index } => {
                        let was = match new {
                            Some(new) => self.inside.insert((object, index), new),
                            None => self.inside.remove(&(object, index)),
                        };
                        assert_eq!(was, old, "{object:?}[{index}] held something else");
                    }
                }
            }
            Event::CollectionBegan(collection) => {
                self.full = collection.is_full;
                self.collecting = true;
            }
            Event::Moved { object, .. } => {
                assert!(self.live.contains(&object), "{object:?} moves after it is gone");
                self.n_moved += 1;
            }
            Event::Reclaimed { object, .. } => {
                if self.collecting {
                    assert!(!self.reachable().contains(&object), "{object:?} is reclaimed and can be reached");
                }
                assert!(self.live.remove(&object), "{object:?} is reclaimed twice");
                self.inside.retain(|&(holder, _), _| holder != object);
                self.finalizable.remove(&object);
                self.n_reclaimed += 1;
            }
            Event::CollectionEnded { .. } => {
                self.collecting = false;
                self.n_collections[usize::from(self.full)] += 1;
                let reachable = self.reachable();
                assert!(reachable.is_subset(&self.live), "something that can be reached is gone");
                // An object that waits for its finalizer keeps more alive than the events tell: what weak references
                // on the way to it refer to.
                if self.full && self.finalizable.is_subset(&reachable) {
                    let over: Vec<_> = self.live.difference(&reachable).collect();
                    assert!(over.is_empty(), "a full collection left {over:?}");
                    self.n_exact += 1;
                }
            }
            _ => {}
        }
    }
}
