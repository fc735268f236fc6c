//! The classes of a run: the program's records, and those of the JDK that it uses.
//!
//! Layouts come from [`crate::layout`]; what is here is which fields the JDK's classes declare, in class-file order.
//!
//! Differs: JDK 25 packs fields below a superclass in another order; here the JDK's own classes have the layout of 21
//! in 25 as well, of the same size with some fields in other places. The program's records are laid out as in 25.

use memory_trait::{Kind, Label, Program};

use crate::heap::klass::{ArrayUse, Klass, KlassId, KlassKind, KlassTable, ReferenceKind};
use crate::layout::{ClassInfo, ClassLayout, FieldInfo, FieldType, Mode};
use crate::version::Version;

/// What an object is to the machine, by its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An object of the runtime's own.
    Internal,
    /// A record; its fields are in [`Classes::fields`] from here on.
    Record { first_field: usize },
    /// An array.
    Array(Kind),
    /// A `byte[]`.
    Bytes,
    /// An `ArrayList`.
    List(Kind),
    /// A `LinkedHashMap`.
    Map { key: Kind, value: Kind },
    /// A `String`.
    Text,
    /// A `WeakReference`, or one of the other two.
    Weak,
}

/// Where a field of a record is.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldPlace {
    /// From the start of the object. Unit: bytes.
    pub(super) offset: usize,
    pub(super) kind: Kind,
}

/// 4-byte halves and words of fields of the JDK's classes.
pub(super) mod places {
    /// `Long.value`, `Double.value`: the word.
    pub(crate) const BOX_WORD: usize = 2;
    /// `Boolean.value`: the byte.
    pub(crate) const BOOLEAN_BYTE: usize = 12;
    /// `AbstractList.modCount`.
    pub(crate) const LIST_MOD_COUNT: usize = 3;
    /// `ArrayList.size`.
    pub(crate) const LIST_SIZE: usize = crate::heap::klass::LIST_SIZE_HALF;
    /// `ArrayList.elementData`.
    pub(crate) const LIST_DATA: usize = 5;
    /// `String.hash`.
    pub(crate) const TEXT_HASH: usize = 3;
    /// `String.coder`: the byte; 0 is Latin-1, 1 is UTF-16.
    pub(crate) const TEXT_CODER_BYTE: usize = 16;
    /// `String.hashIsZero`: the byte.
    pub(crate) const TEXT_HASH_IS_ZERO_BYTE: usize = 17;
    /// `String.value`.
    pub(crate) const TEXT_VALUE: usize = 5;
    /// `HashMap.size`.
    pub(crate) const MAP_SIZE: usize = 5;
    /// `HashMap.modCount`.
    pub(crate) const MAP_MOD_COUNT: usize = 6;
    /// `HashMap.threshold`.
    pub(crate) const MAP_THRESHOLD: usize = 7;
    /// `HashMap.loadFactor`.
    pub(crate) const MAP_LOAD_FACTOR: usize = 8;
    /// `HashMap.table`.
    pub(crate) const MAP_TABLE: usize = 9;
    /// `LinkedHashMap.head`.
    pub(crate) const MAP_HEAD: usize = 12;
    /// `LinkedHashMap.tail`.
    pub(crate) const MAP_TAIL: usize = 13;
    /// `HashMap.Node.hash`.
    pub(crate) const ENTRY_HASH: usize = 3;
    /// `HashMap.Node.key`.
    pub(crate) const ENTRY_KEY: usize = 4;
    /// `HashMap.Node.value`.
    pub(crate) const ENTRY_VALUE: usize = 5;
    /// `HashMap.Node.next`.
    pub(crate) const ENTRY_NEXT: usize = 6;
    /// `LinkedHashMap.Entry.before`.
    pub(crate) const ENTRY_BEFORE: usize = 7;
    /// `LinkedHashMap.Entry.after`.
    pub(crate) const ENTRY_AFTER: usize = 8;
    /// The 4 bytes that rounding leaves behind an entry: here its number, which the machine goes by. Java has nothing
    /// there.
    pub(crate) const ENTRY_NUMBER: usize = 9;
    /// `Finalizer.next`.
    pub(crate) const FINALIZER_NEXT: usize = 7;
    /// `Finalizer.prev`.
    pub(crate) const FINALIZER_PREV: usize = 8;
}

/// The ids of all classes.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    pub(super) records: Vec<KlassId>,
    pub(super) fields: Vec<FieldPlace>,
    meanings: Vec<Meaning>,
    pub(super) long_array: KlassId,
    pub(super) double_array: KlassId,
    pub(super) boolean_array: KlassId,
    pub(super) object_array: KlassId,
    pub(super) byte_array: KlassId,
    /// `Object[]` as the capacity of a list.
    pub(super) capacity: KlassId,
    /// `HashMap$Node[]`.
    pub(super) table: KlassId,
    lists: [KlassId; 4],
    maps: [[KlassId; 4]; 2],
    pub(super) entry: KlassId,
    pub(super) text: KlassId,
    pub(super) long_box: KlassId,
    pub(super) double_box: KlassId,
    pub(super) boolean_box: KlassId,
    pub(super) weak: KlassId,
    pub(super) soft: KlassId,
    pub(super) phantom: KlassId,
    pub(super) finalizer: KlassId,
}

const KINDS: [Kind; 4] = [Kind::Int, Kind::Float, Kind::Bool, Kind::Reference];

fn field_type(kind: Kind) -> FieldType {
    match kind {
        Kind::Int => FieldType::Long,
        Kind::Float => FieldType::Double,
        Kind::Bool => FieldType::Boolean,
        Kind::Reference => FieldType::Reference,
    }
}

/// Lays out a class from what it and its superclasses declare, `java.lang.Object`'s nothing left out.
fn layout_of(levels: &[&[FieldType]], mode: &Mode) -> ClassLayout {
    let mut layout = ClassLayout::of_object(mode);
    for level in levels {
        let fields = level.iter().map(|&field_type| FieldInfo::instance("", field_type)).collect();
        layout = ClassLayout::of(&ClassInfo { fields, ..ClassInfo::default() }, Some(&layout), mode);
    }
    layout
}

struct Builder<'a> {
    table: &'a mut KlassTable,
    meanings: Vec<Meaning>,
    mode: Mode,
}

impl Builder<'_> {
    fn add(&mut self, klass: Klass, meaning: Meaning) -> KlassId {
        let id = self.table.add(klass);
        assert_eq!(self.meanings.len(), id.0 as usize, "a meaning for every class");
        self.meanings.push(meaning);
        id
    }

    fn array(&mut self, name: &str, kind: KlassKind, meaning: Meaning) -> KlassId {
        let label = if meaning == Meaning::Bytes { Label::Bytes } else { Label::Array };
        self.add(Klass::array(name, kind).with_label(label), meaning)
    }

    fn numbers(&mut self, name: &str, log2_bytes: u8, meaning: Meaning) -> KlassId {
        self.array(name, KlassKind::Numbers { log2_bytes, array_use: ArrayUse::Payload }, meaning)
    }

    /// A class whose instances are all header, but for `payload_bytes`, up to where its last field ends.
    fn instance(&mut self, name: &str, kind: KlassKind, levels: &[&[FieldType]], payload_bytes: u64) -> Klass {
        let layout = layout_of(levels, &self.mode);
        let end = layout.fields().last().map_or(12, |field| field.offset + field.field_type.bytes(&self.mode));
        // Of a reference object, the collector itself looks after the referent, the queue and the discovered list.
        let references: Vec<u32> = match kind {
            KlassKind::Reference(_) => {
                layout.reference_offsets().iter().copied().filter(|offset| ![12, 16, 24].contains(offset)).collect()
            }
            _ => layout.reference_offsets().to_vec(),
        };
        let header_bytes = if kind == KlassKind::Box { 0 } else { u64::from(end) - payload_bytes };
        Klass::instance(name, kind, u64::from(layout.instance_bytes()), payload_bytes, &references)
            .with_header_bytes(header_bytes)
    }
}

impl Classes {
    /// Makes the classes that every run may need.
    pub(super) fn new(table: &mut KlassTable, mode: Mode) -> Self {
        use FieldType::{Boolean, Byte, Double, Float, Int, Long, Reference};
        assert_eq!(table.len(), 1, "nothing but the filler class yet");
        let mode = Mode { version: mode.version.min(Version::V21), ..mode };
        let mut to = Builder { table, meanings: vec![Meaning::Internal], mode };
        let lists = KINDS.map(|kind| {
            let klass = to.instance("java.util.ArrayList", KlassKind::List, &[&[Int], &[Reference, Int]], 0);
            to.add(klass.with_label(Label::List), Meaning::List(kind))
        });
        let maps = [Kind::Int, Kind::Reference].map(|key| {
            KINDS.map(|value| {
                let hash_map = [Reference, Reference, Int, Int, Int, Float];
                let levels: [&[FieldType]; 3] = [&[Reference, Reference], &hash_map, &[Reference, Reference, Boolean]];
                let klass = to.instance("java.util.LinkedHashMap", KlassKind::Instance, &levels, 0);
                to.add(klass.with_label(Label::Map), Meaning::Map { key, value })
            })
        });
        let node: &[FieldType] = &[Int, Reference, Reference, Reference];
        let entry = to.instance(
            "java.util.LinkedHashMap$Entry",
            KlassKind::Instance,
            &[node, &[Reference, Reference]],
            2 * crate::heap::klass::REFERENCE_BYTES,
        );
        let text = to.instance("java.lang.String", KlassKind::Instance, &[&[Reference, Byte, Int, Boolean]], 0);
        let (long_box, double_box, boolean_box) = (
            to.instance("java.lang.Long", KlassKind::Box, &[&[Long]], 0),
            to.instance("java.lang.Double", KlassKind::Box, &[&[Double]], 0),
            to.instance("java.lang.Boolean", KlassKind::Box, &[&[Boolean]], 0),
        );
        let reference: &[FieldType] = &[Reference, Reference, Reference, Reference];
        let mut of_kind = |name: &str, kind, levels: &[&[FieldType]], payload_bytes| {
            let klass = to.instance(name, KlassKind::Reference(kind), levels, payload_bytes);
            let meaning = if kind == ReferenceKind::Final { Meaning::Internal } else { Meaning::Weak };
            to.add(klass.with_label(Label::Weak), meaning)
        };
        let payload = crate::heap::klass::REFERENCE_BYTES;
        let weak = of_kind("java.lang.ref.WeakReference", ReferenceKind::Weak, &[reference], payload);
        let soft = of_kind("java.lang.ref.SoftReference", ReferenceKind::Soft, &[reference, &[Long]], payload);
        let phantom = of_kind("java.lang.ref.PhantomReference", ReferenceKind::Phantom, &[reference], payload);
        let links: &[FieldType] = &[Reference, Reference];
        let finalizer = of_kind("java.lang.ref.Finalizer", ReferenceKind::Final, &[reference, links], 0);
        let references = |array_use| KlassKind::References { array_use };
        Classes {
            records: Vec::new(),
            fields: Vec::new(),
            long_array: to.numbers("[J", 3, Meaning::Array(Kind::Int)),
            double_array: to.numbers("[D", 3, Meaning::Array(Kind::Float)),
            boolean_array: to.numbers("[Z", 0, Meaning::Array(Kind::Bool)),
            object_array: to.array(
                "[Ljava/lang/Object;",
                references(ArrayUse::Payload),
                Meaning::Array(Kind::Reference),
            ),
            byte_array: to.numbers("[B", 0, Meaning::Bytes),
            capacity: to.array("[Ljava/lang/Object;", references(ArrayUse::Capacity), Meaning::Internal),
            table: to.array("[Ljava/util/HashMap$Node;", references(ArrayUse::Table), Meaning::Internal),
            lists,
            maps,
            entry: to.add(entry, Meaning::Internal),
            text: to.add(text.with_label(Label::Text), Meaning::Text),
            long_box: to.add(long_box, Meaning::Internal),
            double_box: to.add(double_box, Meaning::Internal),
            boolean_box: to.add(boolean_box, Meaning::Internal),
            weak,
            soft,
            phantom,
            finalizer,
            meanings: to.meanings,
        }
    }

    /// Adds the program's records.
    pub(super) fn add_records(&mut self, table: &mut KlassTable, program: &Program, mode: Mode) {
        for (index, shape) in program.records.iter().enumerate() {
            let types: Vec<FieldType> = shape.fields.iter().map(|field| field_type(field.kind)).collect();
            let layout = ClassLayout::of_record(&types, &mode);
            let payload_bytes: u32 = types.iter().map(|field_type| field_type.bytes(&mode)).sum();
            let klass = Klass::instance(
                &shape.name,
                KlassKind::Instance,
                u64::from(layout.instance_bytes()),
                u64::from(payload_bytes),
                layout.reference_offsets(),
            )
            .with_header_bytes(u64::from(OBJECT_HEADER_BYTES))
            .with_label(Label::Record(memory_trait::RecordId(index as u32)));
            self.meanings.push(Meaning::Record { first_field: self.fields.len() });
            self.records.push(table.add(klass));
            for (field, &offset) in shape.fields.iter().zip(layout.offsets()) {
                self.fields.push(FieldPlace { offset: offset as usize, kind: field.kind });
            }
        }
    }

    /// What objects of a class are.
    #[inline]
    pub(super) fn meaning(&self, klass: KlassId) -> Meaning {
        self.meanings[klass.0 as usize]
    }

    /// Where the fields of a record are, from this class's first one on.
    pub(super) fn fields_of(&self, record: KlassId) -> &[FieldPlace] {
        match self.meaning(record) {
            Meaning::Record { first_field } => &self.fields[first_field..],
            _ => &[],
        }
    }

    /// The class of lists of a kind.
    pub(super) fn list(&self, element: Kind) -> KlassId {
        self.lists[element as usize]
    }

    /// The class of maps from a kind to a kind.
    pub(super) fn map(&self, key: Kind, value: Kind) -> KlassId {
        assert!(matches!(key, Kind::Int | Kind::Reference), "keys are integers or texts, not {key:?}");
        self.maps[usize::from(key == Kind::Reference)][value as usize]
    }

    /// The class of arrays of a kind.
    pub(super) fn array(&self, element: Kind) -> KlassId {
        match element {
            Kind::Int => self.long_array,
            Kind::Float => self.double_array,
            Kind::Bool => self.boolean_array,
            Kind::Reference => self.object_array,
        }
    }
}

/// Bytes of an object's header with compressed class pointers.
const OBJECT_HEADER_BYTES: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jdks_classes_are_as_large_as_in_the_jdk() {
        for version in Version::ALL {
            let mut table = KlassTable::new();
            let classes = Classes::new(&mut table, Mode::new(version));
            let bytes = |klass: KlassId| table.get(klass).instance_words * 8;
            assert_eq!(bytes(classes.list(Kind::Int)), 24);
            assert_eq!(bytes(classes.map(Kind::Int, Kind::Int)), 56);
            assert_eq!(bytes(classes.entry), 40);
            assert_eq!(bytes(classes.text), 24);
            assert_eq!([classes.long_box, classes.double_box, classes.boolean_box].map(bytes), [24, 24, 16]);
            assert_eq!([classes.weak, classes.soft, classes.finalizer].map(bytes), [32, 40, 40]);
        }
    }

    #[test]
    fn the_collector_follows_no_referent_and_no_queue() {
        let mut table = KlassTable::new();
        let classes = Classes::new(&mut table, Mode::new(Version::V17));
        assert_eq!(&*table.get(classes.weak).reference_runs, [(5, 1)]);
        assert_eq!(&*table.get(classes.finalizer).reference_runs, [(5, 1), (7, 2)]);
        assert_eq!(&*table.get(classes.entry).reference_runs, [(4, 5)]);
        assert_eq!(&*table.get(classes.text).reference_runs, [(5, 1)]);
        assert_eq!(&*table.get(classes.list(Kind::Bool)).reference_runs, [(5, 1)]);
        assert_eq!(&*table.get(classes.map(Kind::Int, Kind::Bool)).reference_runs, [(3, 2), (9, 2), (12, 2)]);
    }
}
