//! Where the fields of the JDK's classes are, in the VM's mode.

use crate::layout::{ClassInfo, ClassLayout, FieldInfo, FieldType, Mode};
use crate::rules::{Rule, rule};
use crate::version::Version;
use FieldType::{Boolean, Byte, Float, Int, Long, Reference};

/// Own fields of a class and of its superclasses below `java.lang.Object`, in class-file order, the highest class first.
pub(super) type Levels = &'static [&'static [FieldType]];

/// `java.util.ArrayList` below `AbstractList`.
pub(super) const LIST: Levels = &[&[Int], &[Reference, Int]];
const ABSTRACT_MAP: &[FieldType] = &[Reference, Reference];
const HASH_MAP: &[FieldType] = &[Reference, Reference, Int, Int, Int, Float];

/// `java.util.LinkedHashMap` below `HashMap` and `AbstractMap`. JDK 21 added `putMode`.
pub(super) fn map(mode: &Mode) -> Levels {
    if mode.version == Version::V17 || !rule(Rule::MapsGrewIn21) {
        &[ABSTRACT_MAP, HASH_MAP, &[Reference, Reference, Boolean]]
    } else {
        &[ABSTRACT_MAP, HASH_MAP, &[Reference, Reference, Boolean, Int]]
    }
}

/// `LinkedHashMap.LinkedKeySet`: its map, and from 21 on its direction.
pub(super) fn key_set(mode: &Mode) -> Levels {
    if mode.version == Version::V17 { &[&[Reference]] } else { &[&[Boolean, Reference]] }
}

/// `LinkedHashMap.LinkedKeyIterator` below `LinkedHashIterator`: the next entry, the current one, the count of changes,
/// from 21 on the direction, and the map. Up to 17 the class has the map once more.
pub(super) fn key_iterator(mode: &Mode) -> Levels {
    if mode.version == Version::V17 {
        &[&[Reference, Reference, Int, Reference], &[Reference]]
    } else {
        &[&[Reference, Reference, Int, Boolean, Reference], &[]]
    }
}

/// `java.util.LinkedHashMap.Entry` below `HashMap.Node`.
pub(super) const ENTRY: Levels = &[&[Int, Reference, Reference, Reference], &[Reference, Reference]];
/// `java.lang.String`.
pub(super) const TEXT: Levels = &[&[Reference, Byte, Int, Boolean]];
/// `java.lang.ref.WeakReference`, `PhantomReference`.
pub(super) const REFERENCE: Levels = &[&[Reference; 4]];
/// `java.lang.ref.SoftReference`.
pub(super) const SOFT: Levels = &[&[Reference; 4], &[Long]];
/// `java.lang.ref.Finalizer`.
pub(super) const FINALIZER: Levels = &[&[Reference; 4], &[Reference, Reference]];

/// The layout of a class and of its superclasses, the highest first.
pub(super) fn layouts(levels: Levels, mode: &Mode) -> Vec<ClassLayout> {
    let mut layouts: Vec<ClassLayout> = vec![ClassLayout::of_object(mode)];
    for level in levels {
        let fields = level.iter().map(|&field_type| FieldInfo::instance("", field_type)).collect();
        let class = ClassInfo { fields, ..ClassInfo::default() };
        layouts.push(ClassLayout::of(&class, layouts.last(), mode));
    }
    layouts
}

/// Places of fields: in 4-byte halves from the start of an object, or in what the name says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// `Long.value`, `Double.value`.
    pub(super) box_word: usize,
    /// `Boolean.value`.
    pub(super) boolean_byte: usize,
    /// `AbstractList.modCount`.
    pub(super) list_mod_count: usize,
    /// `ArrayList.size`.
    pub(super) list_size: usize,
    /// `ArrayList.elementData`.
    pub(super) list_data: usize,
    /// `String.hash`.
    pub(super) text_hash: usize,
    /// `String.coder`; 0 is Latin-1, 1 is UTF-16.
    pub(super) text_coder_byte: usize,
    /// `String.hashIsZero`.
    pub(super) text_hash_is_zero_byte: usize,
    /// `String.value`.
    pub(super) text_value: usize,
    /// `AbstractMap.keySet`.
    pub(super) map_key_set: usize,
    /// `AbstractMap.values`.
    pub(super) map_values: usize,
    /// `HashMap.entrySet`.
    pub(super) map_entry_set: usize,
    /// `HashMap.size`.
    pub(super) map_size: usize,
    /// `HashMap.modCount`.
    pub(super) map_mod_count: usize,
    /// `HashMap.threshold`.
    pub(super) map_threshold: usize,
    /// `HashMap.loadFactor`.
    pub(super) map_load_factor: usize,
    /// `HashMap.table`.
    pub(super) map_table: usize,
    /// `LinkedHashMap.head`.
    pub(super) map_head: usize,
    /// `LinkedHashMap.tail`.
    pub(super) map_tail: usize,
    /// `LinkedHashMap.accessOrder`.
    pub(super) map_access_order_byte: usize,
    /// `LinkedHashMap.putMode`, where there is one.
    pub(super) map_put_mode: Option<usize>,
    /// `HashMap.Node.hash`.
    pub(super) entry_hash: usize,
    /// `HashMap.Node.key`.
    pub(super) entry_key: usize,
    /// `HashMap.Node.value`.
    pub(super) entry_value: usize,
    /// `HashMap.Node.next`.
    pub(super) entry_next: usize,
    /// `LinkedHashMap.Entry.before`.
    pub(super) entry_before: usize,
    /// `LinkedHashMap.Entry.after`.
    pub(super) entry_after: usize,
    /// `Reference.referent`.
    pub(super) referent: usize,
    /// `Reference.queue`.
    pub(super) reference_queue: usize,
    /// `Reference.next`.
    pub(super) reference_next: usize,
    /// `Reference.discovered`.
    pub(super) reference_discovered: usize,
    /// `SoftReference.timestamp`.
    pub(super) soft_timestamp_byte: usize,
    /// `Finalizer.next`.
    pub(super) finalizer_next: usize,
    /// `Finalizer.prev`.
    pub(super) finalizer_prev: usize,
}

impl Places {
    /// The places in a mode.
    pub(super) fn new(mode: &Mode) -> Self {
        // The field of a number, on a level from 1, that is declared so many fields after the first.
        let byte = |levels: Levels, level: usize, index: usize| layouts(levels, mode)[level].offsets()[index] as usize;
        let map = map(mode);
        let half = |levels: Levels, level: usize, index: usize| byte(levels, level, index) / 4;
        Places {
            box_word: byte(&[&[Long]], 1, 0) / 8,
            boolean_byte: byte(&[&[Boolean]], 1, 0),
            list_mod_count: half(LIST, 1, 0),
            list_size: half(LIST, 2, 1),
            list_data: half(LIST, 2, 0),
            text_hash: half(TEXT, 1, 2),
            text_coder_byte: byte(TEXT, 1, 1),
            text_hash_is_zero_byte: byte(TEXT, 1, 3),
            text_value: half(TEXT, 1, 0),
            map_key_set: half(map, 1, 0),
            map_values: half(map, 1, 1),
            map_entry_set: half(map, 2, 1),
            map_size: half(map, 2, 2),
            map_mod_count: half(map, 2, 3),
            map_threshold: half(map, 2, 4),
            map_load_factor: half(map, 2, 5),
            map_table: half(map, 2, 0),
            map_head: half(map, 3, 0),
            map_tail: half(map, 3, 1),
            map_access_order_byte: byte(map, 3, 2),
            map_put_mode: (map[2].len() > 3).then(|| half(map, 3, 3)),
            entry_hash: half(ENTRY, 1, 0),
            entry_key: half(ENTRY, 1, 1),
            entry_value: half(ENTRY, 1, 2),
            entry_next: half(ENTRY, 1, 3),
            entry_before: half(ENTRY, 2, 0),
            entry_after: half(ENTRY, 2, 1),
            referent: half(REFERENCE, 1, 0),
            reference_queue: half(REFERENCE, 1, 1),
            reference_next: half(REFERENCE, 1, 2),
            reference_discovered: half(REFERENCE, 1, 3),
            soft_timestamp_byte: byte(SOFT, 2, 0),
            finalizer_next: half(FINALIZER, 2, 0),
            finalizer_prev: half(FINALIZER, 2, 1),
        }
    }
}
