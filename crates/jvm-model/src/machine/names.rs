//! Who an object is to the workload: what its tag in the mark word stands for.
//!
//! When nobody watches, a tag is the object's ordinal: with the label that its class has, that is its name, and a
//! fault can say it, at no cost and with no table. When somebody watches, a tag is the key of an entry in a table, 32
//! bits of index and 24 of generation, so that a tag that outlived its object is caught, never taken for another's.

use memory_trait::journal::Naming;
use memory_trait::{Label, ObjectId, ObjectKey, ObjectName, Program};
use slotmap::{Key, KeyData, SlotMap};

const INDEX_BITS: u32 = 32;
const GENERATION_BITS: u32 = 24;
const GENERATION_MASK: u64 = (1 << GENERATION_BITS) - 1;

/// The table.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    named: SlotMap<ObjectKey, Naming>,
}

impl Names {
    /// A tag for a new object.
    #[inline]
    pub(super) fn tag(&mut self, naming: Naming, is_watched: bool) -> u64 {
        if !is_watched {
            return naming.ordinal;
        }
        let key = self.named.insert(naming).data().as_ffi();
        debug_assert!(key >> INDEX_BITS <= GENERATION_MASK, "a generation that does not fit a tag");
        key
    }

    fn key(tag: u64) -> ObjectKey {
        ObjectKey::from(KeyData::from_ffi(tag))
    }

    fn naming(&self, tag: u64) -> Naming {
        *self.named.get(Self::key(tag)).unwrap_or_else(|| panic!("tag {tag:#x} is stale: its object was reclaimed"))
    }

    /// The identity behind a tag, when somebody watches.
    pub(super) fn id(&self, tag: u64) -> ObjectId {
        self.naming(tag).object
    }

    /// The object is gone; answers its identity.
    pub(super) fn release(&mut self, tag: u64) -> ObjectId {
        let naming = self.naming(tag);
        // A place whose next generation would not fit a tag is given up: its entry stays.
        if (tag >> INDEX_BITS) + 2 <= GENERATION_MASK {
            self.named.remove(Self::key(tag));
        }
        naming.object
    }

    /// The name behind a tag.
    pub(super) fn name(&self, tag: u64, label: Label, is_watched: bool, program: &Program) -> ObjectName {
        let naming = if is_watched { self.naming(tag) } else { Naming { object: ObjectId(0), label, ordinal: tag } };
        naming.name(program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::object::TAG_LIMIT;

    fn naming(object: u64, ordinal: u64) -> Naming {
        Naming { object: ObjectId(object), label: Label::List, ordinal }
    }

    #[test]
    fn an_object_has_the_same_name_whether_somebody_watches_or_not() {
        let mut names = Names::default();
        let program = Program::default();
        for is_watched in [false, true] {
            let tag = names.tag(naming(40, 7), is_watched);
            assert!((1..TAG_LIMIT).contains(&tag));
            assert_eq!(names.name(tag, Label::List, is_watched, &program).to_string(), "list#7");
        }
    }

    #[test]
    #[should_panic(expected = "stale")]
    fn a_tag_that_outlived_its_object_is_caught() {
        let mut names = Names::default();
        let tag = names.tag(naming(1, 1), true);
        assert_eq!(names.release(tag), ObjectId(1));
        let reused = names.tag(naming(2, 2), true);
        assert_ne!(reused, tag, "the place is the same, the generation is not");
        names.id(tag);
    }
}
