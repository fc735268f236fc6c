//! From object to node: pages of numbers, each let go with its last object. Ids come in order and mostly die young, so
//! that there are about as many pages as there are live objects in pages of a thousand.

use memory_trait::ObjectId;

use super::NodeIndex;

/// Objects in a page. Unit: objects.
const PAGE_OBJECTS: u64 = 1024;

#[derive(Debug)]
struct Page {
    nodes: [Option<NodeIndex>; PAGE_OBJECTS as usize],
    n_nodes: u64,
}

/// Which node is whose.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pages: Vec<Option<Box<Page>>>,
}

impl Directory {
    /// The node of an object; `None` before it is born and after it was let go.
    #[inline]
    pub(crate) fn get(&self, object: ObjectId) -> Option<NodeIndex> {
        let page = self.pages.get((object.0 / PAGE_OBJECTS) as usize)?.as_ref()?;
        page.nodes[(object.0 % PAGE_OBJECTS) as usize]
    }

    /// Enters a node.
    #[inline]
    pub(crate) fn insert(&mut self, object: ObjectId, node: NodeIndex) {
        let page_idx = (object.0 / PAGE_OBJECTS) as usize;
        if page_idx >= self.pages.len() {
            self.pages.resize_with(page_idx + 1, || None);
        }
        let page = self.pages[page_idx]
            .get_or_insert_with(|| Box::new(Page { nodes: [None; PAGE_OBJECTS as usize], n_nodes: 0 }));
        let entry = &mut page.nodes[(object.0 % PAGE_OBJECTS) as usize];
        assert!(entry.is_none(), "object {} is born twice", object.0);
        *entry = Some(node);
        page.n_nodes += 1;
    }

    /// Lets an object go.
    pub(crate) fn remove(&mut self, object: ObjectId) {
        let entry = &mut self.pages[(object.0 / PAGE_OBJECTS) as usize];
        let page = entry.as_mut().unwrap_or_else(|| panic!("object {} is let go twice", object.0));
        page.nodes[(object.0 % PAGE_OBJECTS) as usize] = None;
        page.n_nodes -= 1;
        if page.n_nodes == 0 {
            *entry = None;
        }
    }
}
