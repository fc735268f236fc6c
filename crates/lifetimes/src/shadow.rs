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

/// What is known of an object.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) birth: Birth,
    pub(crate) last_used: Option<Tick>,
    pub(crate) reclaimed: Option<(Tick, Reclaimer)>,
    pub(crate) payload_bytes: u64,
    pub(crate) total_bytes: u64,
    pub(crate) n_moves: u64,
    /// Whether it was cyclic when it died at the tick `dated`.
    pub(crate) is_cyclic: bool,
    /// The stamp that the last pass left it with, if that found it unreachable. A later one is another death.
    dated: Option<Tick>,
    /// The last tick at which it lost a reference; when it is found unreachable, the tick at which it became so.
    pub(crate) stamp: Tick,
    /// Slots that refer to it.
    n_roots: u64,
    edges: Edges,
    /// Whether it was taken away while it may have been reachable: its edges do not keep anything any more, but who
    /// still reads where it was finds what they lead to.
    is_cut: bool,
    /// The pass that saw it last.
    mark: u64,
    is_in_use: bool,
}

/// An object that is over: unreachable and reclaimed, or left at the end.
pub(crate) struct Finished<'n> {
    pub(crate) node: &'n Node,
    /// `None` when it is still reachable.
    pub(crate) unreachable: Option<Tick>,
}

/// Births from one pass to the next, at least. Unit: objects.
const BIRTHS_MIN: u64 = 4096;

/// The shadow graph.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    nodes: Vec<Node>,
    free: Vec<NodeIndex>,
    directory: Directory,
    n_births_since: u64,
    /// Births from one pass to the next, if that is fixed.
    pub(crate) pass_births: Option<u64>,
    /// What the last pass left to look at: nodes and places of references.
    size: u64,
    pass: u64,
    scratch: trace::Scratch,
}

impl Shadow {
    /// The node of an object that is not over.
    #[inline]
    pub(crate) fn node_mut(&mut self, object: ObjectId) -> Option<&mut Node> {
        let index = self.directory.get(object)?;
        Some(&mut self.nodes[index.index()])
    }

    /// An object is born. Nothing refers to it yet.
    pub(crate) fn bear(&mut self, birth: Birth, payload_bytes: u64, total_bytes: u64) {
        self.n_births_since += 1;
        let mut node = Node {
            birth,
            last_used: None,
            reclaimed: None,
            payload_bytes,
            total_bytes,
            n_moves: 0,
            is_cyclic: false,
            dated: None,
            stamp: birth.born,
            n_roots: 0,
            edges: Edges::default(),
            is_cut: false,
            mark: 0,
            is_in_use: true,
        };
        let index = if let Some(index) = self.free.pop() {
            let place = &mut self.nodes[index.index()];
            std::mem::swap(&mut node.edges, &mut place.edges);
            *place = node;
            index
        } else {
            self.nodes.push(node);
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
                if let Some(node) = old.and_then(|object| self.directory.get(object)) {
                    let node = &mut self.nodes[node.index()];
                    assert!(node.n_roots > 0, "a slot drops object {}, which no slot holds", node.birth.object.0);
                    node.n_roots -= 1;
                    node.stamp = now;
                }
            }
            Place::Inside { object, index } => {
                let Some(holder) = self.node_mut(object).filter(|holder| !holder.is_cut) else { return };
                let payload_bytes = holder.payload_bytes;
                if let Some(old) = holder.edges.set(index, new, payload_bytes) {
                    self.nodes[old.index()].stamp = now;
                }
            }
        }
    }

    /// An object was reclaimed.
    ///
    /// What `free` or the end of a frame takes away was reachable until now: what it referred to loses a reference now.
    /// What a collector or a count reclaims was unreachable before, and so was all that only it led to: its references
    /// stay until the next pass has dated them. The exit is the end of everything at once, and changes nothing here.
    pub(crate) fn reclaim(&mut self, now: Tick, object: ObjectId, by: Reclaimer) {
        let Some(index) = self.directory.get(object) else { return };
        let node = &mut self.nodes[index.index()];
        if node.reclaimed.is_some() {
            return;
        }
        node.reclaimed = Some((now, by));
        match by {
            Reclaimer::Free | Reclaimer::Scope => {
                node.is_cut = true;
                trace::visit_edges(&mut self.nodes, index, |target, _| target.stamp = now);
            }
            Reclaimer::Count | Reclaimer::Cycle | Reclaimer::Young | Reclaimer::Full | Reclaimer::Exit => {}
        }
    }

    /// Whether so much was born that another pass costs no more than what there was to do anyway.
    #[inline]
    pub(crate) fn is_pass_due(&self) -> bool {
        self.n_births_since >= self.pass_births.unwrap_or(BIRTHS_MIN.max(self.size))
    }
}
