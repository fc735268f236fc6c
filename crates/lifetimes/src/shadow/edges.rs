//! What an object refers to, by field or element: flat as long as that is dense, a table when it is not.

use rustc_hash::FxHashMap;

use super::NodeIndex;

/// Indices below this are kept in the node itself. Unit: elements.
const INLINE: u64 = 4;
/// Indices below this are always dense. Unit: elements.
const DENSE_ALWAYS: u64 = 64;
/// A flat vector may have this many places for each reference in it.
const DENSE_PLACES: u64 = 8;

/// The references of an object.
#[derive(Debug, Default)]
pub(crate) struct Edges {
    inline: [Option<NodeIndex>; INLINE as usize],
    beyond: Option<Box<Beyond>>,
}

/// Those from [`INLINE`] on, numbered from there.
#[derive(Debug, Default)]
struct Beyond {
    dense: Vec<Option<NodeIndex>>,
    n_dense: u64,
    /// All of them, once there was one too far out: a map whose entries come and go, numbered ever higher.
    sparse: Option<FxHashMap<u64, NodeIndex>>,
}

impl Edges {
    /// Writes one reference and answers the one that was there. `payload_bytes`: what the object has room for.
    #[inline]
    pub(crate) fn set(
        &mut self,
        index: u64,
        new: Option<NodeIndex>,
        payload_bytes: impl Fn() -> u64,
    ) -> Option<NodeIndex> {
        if index < INLINE {
            return std::mem::replace(&mut self.inline[index as usize], new);
        }
        if self.beyond.is_none() {
            new?;
        }
        self.beyond.get_or_insert_default().set(index - INLINE, new, payload_bytes)
    }

    /// Calls `visit` with each reference. The order is not defined: what comes of it must not depend on it.
    #[inline]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(NodeIndex)) {
        for &node in self.inline.iter().flatten() {
            visit(node);
        }
        if let Some(beyond) = &self.beyond {
            for &node in beyond.dense.iter().flatten() {
                visit(node);
            }
            for &node in beyond.sparse.iter().flat_map(FxHashMap::values) {
                visit(node);
            }
        }
    }

    /// Places to look at when all references are visited, beyond those in the node itself.
    pub(crate) fn n_places(&self) -> u64 {
        let Some(beyond) = &self.beyond else { return 0 };
        beyond.dense.len() as u64 + beyond.sparse.as_ref().map_or(0, |sparse| sparse.len() as u64)
    }
}

impl Beyond {
    fn set(&mut self, index: u64, new: Option<NodeIndex>, payload_bytes: impl Fn() -> u64) -> Option<NodeIndex> {
        if self.sparse.is_none() {
            if let Some(place) = self.dense.get_mut(index as usize) {
                let old = std::mem::replace(place, new);
                self.n_dense = self.n_dense + u64::from(new.is_some()) - u64::from(old.is_some());
                while self.dense.last() == Some(&None) {
                    self.dense.pop();
                }
                return old;
            }
            new?;
            if index < DENSE_ALWAYS + DENSE_PLACES * self.n_dense || index < payload_bytes() / 4 {
                self.dense.resize(index as usize + 1, None);
                self.dense[index as usize] = new;
                self.n_dense += 1;
                return None;
            }
        }
        self.set_sparse(index, new)
    }

    #[cold]
    fn set_sparse(&mut self, index: u64, new: Option<NodeIndex>) -> Option<NodeIndex> {
        let dense = &mut self.dense;
        let sparse = self.sparse.get_or_insert_with(|| {
            let places = std::mem::take(dense).into_iter().enumerate();
            places.filter_map(|(index, node)| Some((index as u64, node?))).collect()
        });
        match new {
            Some(node) => sparse.insert(index, node),
            None => sparse.remove(&index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(index: u32) -> NodeIndex {
        NodeIndex::new(index)
    }

    fn sorted(edges: &Edges) -> Vec<usize> {
        let mut nodes = Vec::new();
        edges.for_each(|node| nodes.push(node.index()));
        nodes.sort_unstable();
        nodes
    }

    #[test]
    fn writing_answers_what_was_there_in_the_node_beyond_it_and_far_out() {
        for index in [1, 20, 1_000_000] {
            let mut edges = Edges::default();
            assert_eq!(edges.set(index, None, || 16), None);
            assert_eq!(edges.set(index, Some(node(7)), || 16), None);
            assert_eq!(edges.set(index, Some(node(8)), || 16), Some(node(7)));
            assert_eq!(sorted(&edges), [8]);
            assert_eq!(edges.set(index, None, || 16), Some(node(8)));
            assert_eq!(edges.set(index, None, || 16), None);
            assert_eq!(edges.n_places(), 0, "what is empty at the end is not looked at");
        }
    }

    #[test]
    fn a_large_array_is_flat_wherever_it_is_written_first() {
        let mut edges = Edges::default();
        edges.set(999_999, Some(node(3)), || 8_000_000);
        assert!(edges.beyond.as_ref().is_some_and(|beyond| beyond.sparse.is_none()));
        edges.set(5, Some(node(4)), || 8_000_000);
        assert_eq!(sorted(&edges), [3, 4]);
    }

    #[test]
    fn numbers_that_only_rise_do_not_take_ever_more_room() {
        let mut edges = Edges::default();
        for index in 0..100_000 {
            edges.set(index, Some(node(index as u32)), || 160);
            if index >= 10 {
                assert_eq!(edges.set(index - 10, None, || 160), Some(node(index as u32 - 10)));
            }
        }
        assert_eq!(edges.n_places(), 10);
        assert_eq!(sorted(&edges), (99_990..100_000).collect::<Vec<usize>>());
    }
}
