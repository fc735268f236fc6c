//! The shadow graph: which object refers to which, and what is known of each.
//!
//! A node stands for an object from its birth until it is both unreachable and reclaimed, and that was noticed. Slots
//! are counted, as roots; references inside objects are edges, by field or element. Each node carries a *stamp*: the
//! last tick at which it lost a reference, or at which something died that led to it. `trace` makes of the stamps the
//! exact tick at which each object became unreachable.

mod directory;
mod edges;
mod trace;

use std::num::NonZeroU32;

use memory_trait::{Label, Line, ObjectId, Place, Reclaimer, Storage, Tick};

use directory::Directory;
use edges::Edges;

/// A node, by its place in the slab. Not zero, so that the absence of one takes no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeIndex(NonZeroU32);

impl NodeIndex {
    /// The n-th node.
    pub(crate) fn new(index: u32) -> NodeIndex {
        NodeIndex(NonZeroU32::MIN.saturating_add(index))
    }

    /// Its place.
    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// What an object was born with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Birth {
    pub(crate) object: ObjectId,
    pub(crate) label: Label,
    pub(crate) ordinal: u64,
    pub(crate) site: Line,
    pub(crate) storage: Storage,
    pub(crate) born: Tick,
}

/// An object as a pass sees it. What a pass need not look at is in its [`Facts`].
#[derive(Debug)]
pub(crate) struct Node {
    /// The last tick at which it lost a reference; when it is found unreachable, the tick at which it became so.
    stamp: Tick,
    pub(crate) reclaimed: Option<(Tick, Reclaimer)>,
    /// The death at which it was found cyclic. A later stamp is another death.
    cyclic_at: Tick,
    edges: Edges,
    /// Slots that refer to it.
    n_roots: u32,
    /// The pass that saw it last, and as what.
    mark: u32,
    /// Whether it was taken away while it may have been reachable: its edges do not keep anything any more, but who
    /// still reads where it was finds what they lead to.
    is_cut: bool,
    is_in_use: bool,
}

/// No death.
const NEVER: Tick = Tick(u64::MAX);

impl Node {
    /// Whether it was cyclic when it died.
    pub(crate) fn is_cyclic(&self) -> bool {
        self.cyclic_at == self.stamp
    }
}

/// What else is known of an object.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) birth: Birth,
    pub(crate) last_used: Option<Tick>,
    pub(crate) payload_bytes: u64,
    pub(crate) total_bytes: u64,
    pub(crate) n_moves: u64,
}

/// An object that is over: unreachable and reclaimed, or left at the end.
pub(crate) struct Finished<'n> {
    pub(crate) node: &'n Node,
    pub(crate) facts: &'n Facts,
    /// `None` when it is still reachable.
    pub(crate) unreachable: Option<Tick>,
}

/// Births from one pass to the next, at least. Unit: objects.
const BIRTHS_MIN: u64 = 4096;

/// The shadow graph.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    nodes: Vec<Node>,
    /// Of each node.
    facts: Vec<Facts>,
    free: Vec<NodeIndex>,
    directory: Directory,
    n_births_since: u64,
    /// Births from one pass to the next, if that is fixed.
    pub(crate) pass_births: Option<u64>,
    /// What the last pass left to look at: nodes and places of references.
    size: u64,
    pass: u32,
    scratch: trace::Scratch,
}

impl Shadow {
    /// What is known of an object that is not over.
    #[inline]
    pub(crate) fn facts_mut(&mut self, object: ObjectId) -> Option<&mut Facts> {
        let index = self.directory.get(object)?;
        Some(&mut self.facts[index.index()])
    }

    /// An object is born. Nothing refers to it yet.
    pub(crate) fn bear(&mut self, birth: Birth, payload_bytes: u64, total_bytes: u64) {
        self.n_births_since += 1;
        let node = Node {
            stamp: birth.born,
            reclaimed: None,
            cyclic_at: NEVER,
            edges: Edges::default(),
            n_roots: 0,
            mark: 0,
            is_cut: false,
            is_in_use: true,
        };
        let facts = Facts { birth, last_used: None, payload_bytes, total_bytes, n_moves: 0 };
        let index = if let Some(index) = self.free.pop() {
            self.nodes[index.index()] = node;
            self.facts[index.index()] = facts;
            index
        } else {
            self.nodes.push(node);
            self.facts.push(facts);
            NodeIndex::new(self.nodes.len() as u32 - 1)
        };
        self.directory.insert(birth.object, index);
    }

    /// A slot, field or element was written over. Objects that are over already do not come back: a reference to one
    /// (found by reading memory that belongs to something else by now) is no reference.
    #[inline]
    pub(crate) fn store(&mut self, now: Tick, place: Place, old: Option<ObjectId>, new: Option<ObjectId>) {
        let new = new.and_then(|object| self.directory.get(object));
        match place {
            Place::Slot => {
                if let Some(node) = new {
                    self.nodes[node.index()].n_roots += 1;
                }
                let Some(object) = old else { return };
                if let Some(node) = self.directory.get(object) {
                    let node = &mut self.nodes[node.index()];
                    assert!(node.n_roots > 0, "a slot drops object {}, which no slot holds", object.0);
                    node.n_roots -= 1;
                    node.stamp = now;
                }
            }
            Place::Inside { object, index } => {
                let Some(holder) = self.directory.get(object) else { return };
                let (node, facts) = (&mut self.nodes[holder.index()], &self.facts[holder.index()]);
                if node.is_cut {
                    return;
                }
                if let Some(old) = node.edges.set(index, new, || facts.payload_bytes) {
                    self.nodes[old.index()].stamp = now;
                }
            }
        }
    }

    /// An object was reclaimed.
    ///
    /// What `free` or the end of a frame takes away was reachable until now: what it referred to loses a reference now.
    /// It was not if a stale address was freed that something else has got by now; that is looked up, being rare.
    /// What a collector or a count reclaims was unreachable before, and so was all that only it led to: its references
    /// stay until the next pass has dated them. The exit is the end of everything at once, and changes nothing here.
    pub(crate) fn reclaim(&mut self, now: Tick, object: ObjectId, by: Reclaimer) {
        let Some(index) = self.directory.get(object) else { return };
        let node = &mut self.nodes[index.index()];
        if node.reclaimed.is_some() {
            return;
        }
        node.reclaimed = Some((now, by));
        let is_held = node.n_roots > 0 || node.stamp == now;
        let takes_away = matches!(by, Reclaimer::Free | Reclaimer::Scope);
        if takes_away && (is_held || self.is_reachable(index, now)) {
            self.nodes[index.index()].is_cut = true;
            trace::visit_edges(&mut self.nodes, index, |target, _| target.stamp = now);
        }
    }

    /// Whether so much was born that another pass costs no more than what there was to do anyway.
    #[inline]
    pub(crate) fn is_pass_due(&self) -> bool {
        self.n_births_since >= self.pass_births.unwrap_or(BIRTHS_MIN.max(self.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shadow graph driven by hand; what is over is collected as `object unreachable cyclic?`.
    #[derive(Default)]
    struct Hand {
        shadow: Shadow,
        over: Vec<String>,
    }

    impl Hand {
        fn bear(&mut self, object: u64, tick: u64) {
            let (label, storage) = (Label::Array, Storage::Heap);
            let (object, born) = (ObjectId(object), Tick(tick));
            self.shadow.bear(Birth { object, label, ordinal: object.0 + 1, site: Line(0), storage, born }, 64, 80);
        }

        fn slot(&mut self, tick: u64, old: Option<u64>, new: Option<u64>) {
            self.shadow.store(Tick(tick), Place::Slot, old.map(ObjectId), new.map(ObjectId));
        }

        fn field(&mut self, tick: u64, object: u64, index: u64, new: Option<u64>) {
            let object = ObjectId(object);
            self.shadow.store(Tick(tick), Place::Inside { object, index }, None, new.map(ObjectId));
        }

        fn reclaim(&mut self, tick: u64, object: u64, by: Reclaimer) {
            self.shadow.reclaim(Tick(tick), ObjectId(object), by);
        }

        /// What is over, by a pass or at the end.
        fn over(mut self, is_end: bool) -> String {
            let mut write = |finished: &Finished<'_>| {
                let unreachable = finished.unreachable.map_or("-".to_owned(), |tick| tick.to_string());
                let cyclic = if finished.node.is_cyclic() { " cyclic" } else { "" };
                self.over.push(format!("{} {unreachable}{cyclic}", finished.facts.birth.object.0));
            };
            if is_end {
                self.shadow.end(&mut write);
            } else {
                self.shadow.pass(&mut write);
            }
            self.over.sort();
            self.over.join(", ")
        }
    }

    /// 0 -> 1 -> 2, held by a slot until tick 5.
    fn chain() -> Hand {
        let mut hand = Hand::default();
        for object in 0..3 {
            hand.bear(object, object);
        }
        hand.slot(0, None, Some(0));
        hand.field(1, 0, 0, Some(1));
        hand.field(2, 1, 3, Some(2));
        hand.slot(5, Some(0), None);
        hand
    }

    #[test]
    fn a_chain_dies_when_its_head_does() {
        assert_eq!(chain().over(true), "0 5, 1 5, 2 5");
    }

    #[test]
    fn what_is_not_reclaimed_is_not_over() {
        let mut hand = chain();
        hand.reclaim(9, 0, Reclaimer::Full);
        assert_eq!(hand.over(false), "0 5");
    }

    #[test]
    fn what_was_cut_off_before_died_before() {
        let mut hand = Hand::default();
        for object in 0..4 {
            hand.bear(object, 0);
        }
        hand.slot(0, None, Some(0));
        hand.field(1, 0, 0, Some(1));
        hand.field(1, 1, 0, Some(2));
        hand.field(3, 1, 0, None);
        hand.field(4, 0, 0, Some(3));
        assert_eq!(hand.over(true), "0 -, 1 4, 2 3, 3 -");
    }

    #[test]
    fn a_cycle_dies_as_one_and_what_it_held_with_it() {
        let mut hand = chain();
        hand.field(3, 1, 0, Some(0));
        assert_eq!(hand.over(true), "0 5 cyclic, 1 5 cyclic, 2 5 cyclic");
    }

    #[test]
    fn what_a_dead_cycle_still_holds_is_cyclic_and_what_a_reclaimed_one_held_is_not() {
        for (reclaimed_tick, found) in [(7, "3 9"), (20, "3 9 cyclic")] {
            let mut hand = chain();
            hand.field(3, 1, 0, Some(0));
            hand.bear(3, 4);
            hand.slot(4, None, Some(3));
            hand.field(4, 1, 1, Some(3));
            for object in 0..3 {
                hand.reclaim(reclaimed_tick, object, Reclaimer::Cycle);
            }
            hand.slot(9, Some(3), None);
            assert!(hand.over(true).ends_with(found), "reclaimed at {reclaimed_tick}");
        }
    }

    #[test]
    fn what_free_takes_away_drops_what_it_held_at_once_and_stays_until_the_last_reference_goes() {
        let mut hand = Hand::default();
        hand.bear(0, 0);
        hand.bear(1, 0);
        hand.slot(0, None, Some(0));
        hand.field(1, 0, 0, Some(1));
        hand.reclaim(3, 0, Reclaimer::Free);
        hand.slot(6, Some(0), None);
        assert_eq!(hand.over(true), "0 6, 1 3");
    }

    #[test]
    fn what_a_stale_address_frees_may_have_been_dead_already() {
        let mut hand = chain();
        hand.reclaim(9, 0, Reclaimer::Free);
        hand.reclaim(9, 1, Reclaimer::Free);
        assert_eq!(hand.over(true), "0 5, 1 5, 2 5");

        let mut hand = chain();
        hand.bear(3, 4);
        hand.slot(4, None, Some(3));
        hand.field(4, 3, 9, Some(1));
        hand.reclaim(9, 1, Reclaimer::Free);
        assert_eq!(hand.over(true), "0 5, 1 -, 2 9, 3 -");
    }

    #[test]
    fn what_freed_memory_leads_to_is_kept_while_somebody_can_read_there() {
        for (is_readable, over) in [(true, ""), (false, "0 6, 1 3")] {
            let mut hand = Hand::default();
            hand.bear(0, 0);
            hand.bear(1, 0);
            hand.slot(0, None, Some(0));
            hand.field(1, 0, 0, Some(1));
            hand.reclaim(3, 0, Reclaimer::Free);
            hand.reclaim(4, 1, Reclaimer::Free);
            if !is_readable {
                hand.slot(6, Some(0), None);
            }
            assert_eq!(hand.over(false), over);
        }
    }

    #[test]
    fn what_is_made_reachable_again_dies_again() {
        let mut hand = chain();
        hand.shadow.pass(&mut |finished| panic!("{} is over", finished.facts.birth.object.0));
        hand.slot(8, None, Some(1));
        hand.slot(11, Some(1), None);
        assert_eq!(hand.over(true), "0 5, 1 11, 2 11");
    }

    #[test]
    fn the_graph_follows_what_is_alive() {
        let mut shadow = Shadow::default();
        let mut n_over = 0;
        for object in 0..200_000 {
            let (label, storage, site) = (Label::Text, Storage::Heap, Line(0));
            if shadow.is_pass_due() {
                shadow.pass(&mut |_| n_over += 1);
            }
            let (object, born) = (ObjectId(object), Tick(object));
            shadow.bear(Birth { object, label, ordinal: 1, site, storage, born }, 8, 24);
            shadow.store(born, Place::Slot, None, Some(object));
            shadow.store(born, Place::Slot, Some(object), None);
            shadow.reclaim(born, object, Reclaimer::Count);
        }
        assert!(shadow.nodes.len() as u64 <= 2 * BIRTHS_MIN, "{} nodes", shadow.nodes.len());
        assert!(n_over > 190_000);
    }

    #[test]
    fn the_next_pass_waits_until_as_much_was_born_as_there_is_to_look_at() {
        let mut hand = Hand::default();
        hand.bear(0, 0);
        hand.slot(0, None, Some(0));
        for index in 0..20_000 {
            hand.field(0, 0, index, Some(0));
        }
        hand.shadow.pass(&mut |_| {});
        let mut n_births = 0;
        while !hand.shadow.is_pass_due() {
            n_births += 1;
            hand.bear(n_births, 1);
        }
        assert!((19_990..=20_001).contains(&n_births), "{n_births} births");
    }

    #[test]
    #[should_panic(expected = "a slot drops object 0, which no slot holds")]
    fn a_slot_cannot_drop_what_no_slot_holds() {
        let mut hand = Hand::default();
        hand.bear(0, 0);
        hand.slot(1, Some(0), None);
    }
}
