//! Who an object is to the workload: what its tag in the mark word stands for.
//!
//! When nobody watches, a tag is the object's ordinal: with the label that its class has, that is its name, and a
//! fault can say it, at no cost and with no table. When somebody watches, a tag is the key of an entry in a table, an
//! index and a generation, so that a tag that outlived its object is caught, never taken for another's. A tag has 55
//! bits: 32 of index and 23 of generation. With compact headers it has 33, of which 5 are the generation's.

use memory_trait::journal::Naming;
use memory_trait::{Label, ObjectId, ObjectKey, ObjectName, Program};
use slotmap::{Key, KeyData, SlotMap};

/// Bits of an index in a key as it is kept by the table.
const KEY_INDEX_BITS: u32 = 32;
/// The largest index that there is room for beside a generation.
const INDEX_BITS_MAX: u32 = 32;
/// The fewest bits of a generation.
const GENERATION_BITS_MIN: u32 = 5;

/// The table.
#[derive(Clone, Debug)]
pub(super) struct Names {
    named: SlotMap<ObjectKey, Naming>,
    index_bits: u32,
    /// The largest generation that fits a tag.
    generation_max: u64,
    tag_limit: u64,
}

impl Names {
    /// No names yet, and tags below this.
    pub(super) fn new(tag_limit: u64) -> Self {
        let tag_bits = tag_limit.ilog2();
        let index_bits = (tag_bits - GENERATION_BITS_MIN).min(INDEX_BITS_MAX);
        let generation_max = (1 << (tag_bits - index_bits)) - 1;
        Names { named: SlotMap::default(), index_bits, generation_max, tag_limit }
    }

    /// A tag for a new object.
    #[inline]
    pub(super) fn tag(&mut self, naming: Naming, is_watched: bool) -> u64 {
        if !is_watched {
            // An ordinal beyond all tags is no name.
            return if naming.ordinal < self.tag_limit { naming.ordinal } else { 0 };
        }
        let key = self.named.insert(naming).data().as_ffi();
        let (index, generation) = (key & ((1 << KEY_INDEX_BITS) - 1), key >> KEY_INDEX_BITS);
        assert!(index >> self.index_bits == 0, "more than 2^{} objects with a name at once", self.index_bits);
        debug_assert!(generation <= self.generation_max, "generation {generation} does not fit a tag");
        generation << self.index_bits | index
    }

    fn key(&self, tag: u64) -> ObjectKey {
        let (index, generation) = (tag & ((1 << self.index_bits) - 1), tag >> self.index_bits);
        ObjectKey::from(KeyData::from_ffi(generation << KEY_INDEX_BITS | index))
    }

    fn naming(&self, tag: u64) -> Naming {
        *self.named.get(self.key(tag)).unwrap_or_else(|| panic!("tag {tag:#x} is stale: its object was reclaimed"))
    }

    /// The identity behind a tag, when somebody watches.
    pub(super) fn id(&self, tag: u64) -> ObjectId {
        self.naming(tag).object
    }

    /// The object is gone; answers its identity.
    pub(super) fn release(&mut self, tag: u64) -> ObjectId {
        let naming = self.naming(tag);
        // A place whose next generation would not fit a tag is given up: its entry stays.
        if (tag >> self.index_bits) + 2 <= self.generation_max {
            self.named.remove(self.key(tag));
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

    /// Tags of usual headers, and of compact ones.
    const LIMITS: [u64; 2] = [1 << 55, 1 << 33];

    fn naming(object: u64, ordinal: u64) -> Naming {
        Naming { object: ObjectId(object), label: Label::List, ordinal }
    }

    #[test]
    fn an_object_has_the_same_name_whether_somebody_watches_or_not() {
        let program = Program::default();
        for limit in LIMITS {
            let mut names = Names::new(limit);
            for is_watched in [false, true] {
                let tag = names.tag(naming(40, 7), is_watched);
                assert!((1..limit).contains(&tag));
                assert_eq!(names.name(tag, Label::List, is_watched, &program).to_string(), "list#7");
            }
        }
    }

    #[test]
    fn an_ordinal_beyond_all_tags_is_no_name() {
        assert_eq!(Names::new(LIMITS[1]).tag(naming(1, 1 << 33), false), 0);
    }

    #[test]
    fn a_place_is_given_up_when_its_generations_are_used_up() {
        let mut names = Names::new(LIMITS[1]);
        let mut tags = std::collections::HashSet::new();
        for object in 0..100 {
            let tag = names.tag(naming(object, object), true);
            assert!(tag < LIMITS[1] && tags.insert(tag), "tag {tag:#x} again");
            assert_eq!(names.release(tag), ObjectId(object));
        }
    }

    #[test]
    #[should_panic(expected = "stale")]
    fn a_tag_that_outlived_its_object_is_caught() {
        let mut names = Names::new(LIMITS[0]);
        let tag = names.tag(naming(1, 1), true);
        assert_eq!(names.release(tag), ObjectId(1));
        let reused = names.tag(naming(2, 2), true);
        assert_ne!(reused, tag, "the place is the same, the generation is not");
        names.id(tag);
    }
}
