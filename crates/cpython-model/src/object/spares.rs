//! Recycled buffers of ours, so that a run does not allocate for every object of the program. No trace of them is
//! visible in the model: the emulated addresses come from the emulated allocator.

use memory_trait::ObjectKey;

use super::dict::Dict;
use super::{List, Text};

/// How many buffers of a sort are kept.
const KEPT: usize = 1024;

/// Larger buffers are given back rather than kept. Unit: elements or bytes.
const LARGEST: usize = 1 << 16;

/// The buffers at hand.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    keys: Vec<Vec<ObjectKey>>,
    #[expect(clippy::vec_box, reason = "the box itself is what is recycled")]
    lists: Vec<Box<List>>,
    #[expect(clippy::vec_box, reason = "the box itself is what is recycled")]
    texts: Vec<Box<Text>>,
    #[expect(clippy::vec_box, reason = "the box itself is what is recycled")]
    dicts: Vec<Box<Dict>>,
}

impl Spares {
    /// An empty vector.
    #[inline]
    pub(crate) fn keys(&mut self) -> Vec<ObjectKey> {
        self.keys.pop().unwrap_or_default()
    }

    /// Takes a vector back.
    #[inline]
    pub(crate) fn give_keys(&mut self, mut keys: Vec<ObjectKey>) {
        if keys.capacity() != 0 && keys.capacity() <= LARGEST && self.keys.len() < KEPT {
            keys.clear();
            self.keys.push(keys);
        }
    }

    /// An empty list.
    #[expect(clippy::unnecessary_box_returns, reason = "the box moves from owner to owner")]
    #[inline]
    pub(crate) fn list(&mut self) -> Box<List> {
        let mut list = self.lists.pop().unwrap_or_default();
        list.items = self.keys();
        list
    }

    /// Takes a list back whose items were taken out.
    #[inline]
    pub(crate) fn give_list(&mut self, list: Box<List>) {
        debug_assert!(list.items.is_empty() && list.block.is_null(), "a list that goes has items");
        if self.lists.len() < KEPT {
            self.lists.push(list);
        }
    }

    /// An empty text.
    #[expect(clippy::unnecessary_box_returns, reason = "the box moves from owner to owner")]
    #[inline]
    pub(crate) fn text(&mut self) -> Box<Text> {
        self.texts.pop().unwrap_or_default()
    }

    /// Takes a text back.
    #[inline]
    pub(crate) fn give_text(&mut self, mut text: Box<Text>) {
        if text.chars.capacity() <= LARGEST && self.texts.len() < KEPT {
            text.chars.clear();
            self.texts.push(text);
        }
    }

    /// An empty dictionary.
    #[expect(clippy::unnecessary_box_returns, reason = "the box moves from owner to owner")]
    #[inline]
    pub(crate) fn dict(&mut self) -> Box<Dict> {
        self.dicts.pop().unwrap_or_default()
    }

    /// Takes a dictionary back.
    #[inline]
    pub(crate) fn give_dict(&mut self, mut dict: Box<Dict>) {
        if dict.host_capacity() <= LARGEST && self.dicts.len() < KEPT {
            dict.reset();
            self.dicts.push(dict);
        }
    }
}
