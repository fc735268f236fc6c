//! The passes that date deaths: Merlin.
//!
//! An object becomes unreachable when a reference is cut, either its own or one further up that led to it. So each
//! object that loses a reference is stamped with the tick, and a pass
//!
//! 1. marks what the slots lead to: all else is unreachable;
//! 2. carries the stamps of the unreachable along their references, the latest first, to those with an earlier one.
//!
//! Then the stamp of each unreachable object is the tick at which it became so, because after its death it cannot lose
//! a reference to anything that happens, and until then the last cut on the last path to it was stamped. A pass may
//! come at any time between two steps and finds the same; objects that are unreachable but not reclaimed stay, with
//! their stamps, and may still be made reachable again by a finalizer or a weak reference.
//!
//! 3. takes away, one by one, the unreachable that nothing unreachable holds, as counts would: those that remain are
//!    in cycles or held by them. An object that was reclaimed before another's death does not hold that one.
//!
//! What `free` or the end of a frame took away keeps nothing any more; but while there are references to it, what is
//! left there can be read, and what that leads to be found again. So can what leads on from an object that nobody has
//! reclaimed. None of that is let go before.
//!
//! # Source
//! Hertz, Blackburn, Moss, `McKinley`, Stefanović: Generating object lifetime traces with Merlin, TOPLAS 28(3), 2006. Differs: a tick may contain several events, and weak references are no edges.

use std::cmp::Reverse;

use memory_trait::Tick;

use super::edges::Edges;
use super::{Finished, NEVER, Node, NodeIndex, Shadow};

/// Room that is used again from pass to pass.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    stack: Vec<NodeIndex>,
    unreachable: Vec<(Reverse<Tick>, u32)>,
    n_holders: Vec<u32>,
}

impl Shadow {
    /// Dates deaths, hands out what is over, and lets it go. Between two steps only: within one, a reference may be
    /// nowhere for a moment on its way from one place to another.
    pub(crate) fn pass(&mut self, finished: &mut impl FnMut(&Finished<'_>)) {
        self.date_deaths();
        self.let_go(finished);
        self.n_births_since = 0;
    }

    /// Dates deaths and hands out all that is left, reachable or not.
    pub(crate) fn end(&mut self, finished: &mut impl FnMut(&Finished<'_>)) {
        self.date_deaths();
        for (node, facts) in self.nodes.iter().zip(&self.facts).filter(|(node, _)| node.is_in_use) {
            let unreachable = (node.mark != self.pass).then_some(node.stamp);
            finished(&Finished { node, facts, unreachable });
        }
    }

    /// Afterwards the nodes marked with this pass are the reachable ones, `scratch.unreachable` has the others, and
    /// their stamps are when they died.
    fn date_deaths(&mut self) {
        let mut scratch = std::mem::take(&mut self.scratch);
        self.pass += 1;
        self.mark_from(&mut scratch.stack, |node| node.n_roots > 0);
        scratch.unreachable.clear();
        for (index, node) in self.nodes.iter_mut().enumerate().filter(|(_, node)| node.is_in_use) {
            if node.mark == self.pass {
                node.cyclic_at = NEVER;
            } else {
                scratch.unreachable.push((Reverse(node.stamp), index as u32));
            }
        }
        scratch.unreachable.sort_unstable();
        self.carry_stamps(&mut scratch);
        self.find_cyclic(&mut scratch);
        self.scratch = scratch;
    }

    /// Whether an object was reachable at the beginning of this step, or became so in it. Not for every step: it takes
    /// as long as a pass.
    #[cold]
    pub(super) fn is_reachable(&mut self, index: NodeIndex, now: Tick) -> bool {
        let mut stack = std::mem::take(&mut self.scratch.stack);
        self.pass += 1;
        self.mark_from(&mut stack, |node| node.n_roots > 0 || node.is_in_use && node.stamp == now);
        self.scratch.stack = stack;
        self.nodes[index.index()].mark == self.pass
    }

    /// Marks the nodes that are roots, and what they lead to.
    fn mark_from(&mut self, stack: &mut Vec<NodeIndex>, is_root: impl Fn(&Node) -> bool) {
        let pass = self.pass;
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            if is_root(node) && node.mark != pass {
                node.mark = pass;
                stack.push(NodeIndex::new(index as u32));
            }
            while let Some(index) = stack.pop() {
                self.visit_kept(index, |node, index| {
                    if node.mark != pass {
                        node.mark = pass;
                        stack.push(index);
                    }
                });
            }
        }
    }

    /// Visits what a node keeps.
    #[inline]
    fn visit_kept(&mut self, index: NodeIndex, visit: impl FnMut(&mut Node, NodeIndex)) {
        if !self.nodes[index.index()].is_cut {
            visit_edges(&mut self.nodes, index, visit);
        }
    }

    /// Each unreachable node is done once, with the latest stamp that leads to it. `mark` is one more than the pass
    /// for those that are done.
    fn carry_stamps(&mut self, scratch: &mut Scratch) {
        let (reachable, done) = (self.pass, self.pass + 1);
        for &(Reverse(stamp), index) in &scratch.unreachable {
            let node = &mut self.nodes[index as usize];
            if node.mark == done {
                continue;
            }
            node.mark = done;
            scratch.stack.push(NodeIndex::new(index));
            while let Some(index) = scratch.stack.pop() {
                self.visit_kept(index, |node, index| {
                    if node.mark != reachable && node.mark != done {
                        node.mark = done;
                        node.stamp = stamp;
                        scratch.stack.push(index);
                    }
                });
            }
        }
    }

    /// Takes the unreachable apart as counts would; what cannot be taken apart is cyclic.
    fn find_cyclic(&mut self, scratch: &mut Scratch) {
        let reachable = self.pass;
        scratch.n_holders.clear();
        scratch.n_holders.resize(self.nodes.len(), 0);
        let Scratch { stack, unreachable, n_holders } = scratch;
        for &(_, index) in &*unreachable {
            let holder = &self.nodes[index as usize];
            holder.edges.for_each(|target| {
                let node = &self.nodes[target.index()];
                if node.mark != reachable && holds(holder, node) {
                    n_holders[target.index()] += 1;
                }
            });
        }
        let is_free = |node: &Node, n_holders: u32| n_holders == 0 && !node.is_cyclic();
        for &(_, index) in &*unreachable {
            if is_free(&self.nodes[index as usize], n_holders[index as usize]) {
                stack.push(NodeIndex::new(index));
            }
        }
        while let Some(index) = stack.pop() {
            let holder = &self.nodes[index.index()];
            holder.edges.for_each(|target| {
                let node = &self.nodes[target.index()];
                if node.mark != reachable && holds(holder, node) {
                    n_holders[target.index()] -= 1;
                    if is_free(node, n_holders[target.index()]) {
                        stack.push(target);
                    }
                }
            });
        }
        for &(_, index) in &*unreachable {
            let node = &mut self.nodes[index as usize];
            if n_holders[index as usize] > 0 {
                node.cyclic_at = node.stamp;
            }
        }
    }

    /// Marks what can still be read, by two more than the pass: a pass takes three numbers.
    fn mark_readable(&mut self) {
        let (reachable, readable) = (self.pass, self.pass + 2);
        let mut stack = std::mem::take(&mut self.scratch.stack);
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            if node.is_in_use && if node.mark == reachable { node.is_cut } else { node.reclaimed.is_none() } {
                stack.push(NodeIndex::new(index as u32));
            }
            while let Some(index) = stack.pop() {
                visit_edges(&mut self.nodes, index, |node, index| {
                    if node.mark != reachable && node.mark != readable {
                        node.mark = readable;
                        stack.push(index);
                    }
                });
            }
        }
        self.scratch.stack = stack;
    }

    /// Hands out what is unreachable and reclaimed, and lets it go.
    fn let_go(&mut self, finished: &mut impl FnMut(&Finished<'_>)) {
        self.mark_readable();
        let readable = self.pass + 2;
        let unreachable = std::mem::take(&mut self.scratch.unreachable);
        for &(_, index) in &unreachable {
            let node = &mut self.nodes[index as usize];
            if node.reclaimed.is_none() || node.mark == readable {
                continue;
            }
            let facts = &self.facts[index as usize];
            finished(&Finished { node, facts, unreachable: Some(node.stamp) });
            self.directory.remove(facts.birth.object);
            node.is_in_use = false;
            node.edges = Edges::default();
            self.free.push(NodeIndex::new(index));
        }
        self.size = self.nodes.iter().filter(|node| node.is_in_use).map(|node| 1 + node.edges.n_places()).sum();
        self.scratch.unreachable = unreachable;
        self.pass += 2;
    }
}

/// Whether `holder`, unreachable itself, still held `node` when that became unreachable.
fn holds(holder: &Node, node: &Node) -> bool {
    !holder.is_cut && holder.reclaimed.is_none_or(|(reclaimed, _)| reclaimed >= node.stamp)
}

/// Calls `visit` with each node that the one at `index` refers to.
#[inline]
pub(super) fn visit_edges(nodes: &mut [Node], index: NodeIndex, mut visit: impl FnMut(&mut Node, NodeIndex)) {
    let edges = std::mem::take(&mut nodes[index.index()].edges);
    edges.for_each(|target| visit(&mut nodes[target.index()], target));
    nodes[index.index()].edges = edges;
}
