//! An observer that holds the events against each other: what is told to have been somewhere was told to go there.

use std::collections::{HashMap, HashSet};

use memory_trait::{Event, Moment, ObjectId, Observer, Place};

/// Panics at the first event that contradicts an earlier one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Auditor {
    n_born: u64,
    live: HashSet<ObjectId>,
    /// How many slots refer to each object.
    slots: HashMap<ObjectId, u64>,
    /// What each field, element and entry refers to.
    inside: HashMap<(ObjectId, u64), ObjectId>,
    n_frames: u64,
    pub(crate) n_events: u64,
    /// Whether the program writes through dangling pointers: then what was in a field may be what nobody was told of.
    is_misused: bool,
}

impl Auditor {
    /// An auditor of a program that writes through dangling pointers.
    pub(crate) fn of_misuse() -> Self {
        Auditor { is_misused: true, ..Auditor::default() }
    }

    /// All functions have returned: no slot refers to anything.
    pub(crate) fn assert_no_slot_is_left(&self) {
        assert_eq!(self.n_frames, 0);
        assert!(self.slots.values().all(|&n| n == 0), "{:?}", self.slots);
    }

    /// Everything was reclaimed.
    pub(crate) fn assert_nothing_lives(&self) {
        assert!(self.live.is_empty(), "{:?}", self.live);
    }
}

impl Observer for Auditor {
    fn observe(&mut self, _at: Moment, event: &Event<'_>) {
        self.n_events += 1;
        match *event {
            Event::Called { .. } => self.n_frames += 1,
            Event::Returned { .. } => self.n_frames -= 1,
            Event::Born { object, payload_bytes, total_bytes, .. } => {
                assert_eq!(object.0, self.n_born, "objects are numbered through");
                assert!(payload_bytes <= total_bytes);
                self.n_born += 1;
                self.live.insert(object);
            }
            Event::Used { object } | Event::Resized { object, .. } => assert!(self.live.contains(&object)),
            Event::Reclaimed { object, .. } => assert!(self.live.remove(&object), "{object:?} is reclaimed once"),
            Event::Stored { place, old, new } => {
                assert!(old.is_some() || new.is_some());
                match place {
                    Place::Slot => {
                        *new.map_or(&mut 0, |new| self.slots.entry(new).or_default()) += 1;
                        if let Some(old) = old {
                            let n = self.slots.get_mut(&old).expect("what is dropped was there");
                            *n = n.checked_sub(1).expect("what is dropped was there");
                        }
                    }
                    Place::Inside { object, index } => {
                        assert!(self.live.contains(&object), "what is stored in {object:?} is stored in something");
                        let was = match new {
                            Some(new) => self.inside.insert((object, index), new),
                            None => self.inside.remove(&(object, index)),
                        };
                        assert!(was == old || self.is_misused, "at {index} of {object:?}: {was:?}, not {old:?}");
                    }
                }
            }
            _ => {}
        }
    }
}
