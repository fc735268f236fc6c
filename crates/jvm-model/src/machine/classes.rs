//! The classes of a run: the program's records, and those of the JDK that it uses.
//!
//! Layouts come from [`crate::layout`]; what is here is which fields the JDK's classes declare, in class-file order.

use memory_trait::{Kind, Label, Program};

use super::places::{
    ENTRY, FINALIZER, LIST, Levels, Places, REFERENCE, SOFT, TEXT, key_iterator, key_set, layouts, map,
};
use crate::heap::klass::{ArrayUse, Klass, KlassId, KlassKind, KlassTable, ReferenceKind};
use crate::layout::{ClassLayout, FieldType, Mode};

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

/// The ids of all classes.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    pub(super) records: Vec<KlassId>,
    pub(super) fields: Vec<FieldPlace>,
    meanings: Vec<Meaning>,
    pub(super) places: Places,
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
    /// `LinkedHashMap$LinkedKeySet`.
    pub(super) key_set: KlassId,
    /// `LinkedHashMap$LinkedKeyIterator`.
    pub(super) key_iterator: KlassId,
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

pub(super) fn field_type(kind: Kind) -> FieldType {
    match kind {
        Kind::Int => FieldType::Long,
        Kind::Float => FieldType::Double,
        Kind::Bool => FieldType::Boolean,
        Kind::Reference => FieldType::Reference,
    }
}

struct Builder<'a> {
    table: &'a mut KlassTable,
    meanings: Vec<Meaning>,
    mode: Mode,
    places: Places,
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
        let klass = Klass::array(name, kind, &self.mode).with_label(label);
        self.add(klass, meaning)
    }

    fn numbers(&mut self, name: &str, log2_bytes: u8, meaning: Meaning) -> KlassId {
        self.array(name, KlassKind::Numbers { log2_bytes, array_use: ArrayUse::Payload }, meaning)
    }

    /// A class whose instances are all header, but for `payload_bytes`, up to where its last field ends.
    fn instance(&mut self, name: &str, kind: KlassKind, levels: Levels, payload_bytes: u64) -> Klass {
        let layout = layouts(levels, &self.mode).pop().expect("there is `java.lang.Object` at least");
        let end = layout.fields().last().map_or(0, |field| field.offset + field.field_type.bytes(&self.mode));
        let end = end.max(self.mode.header_bytes());
        // Of a reference object, the collector itself looks after the referent, the queue and the discovered list.
        let Places { referent, reference_queue, reference_discovered, .. } = self.places;
        let special = [referent, reference_queue, reference_discovered].map(|half| half as u32 * 4);
        let is_ordinary = |offset: &u32| !matches!(kind, KlassKind::Reference(_)) || !special.contains(offset);
        let references: Vec<u32> = layout.reference_offsets().iter().copied().filter(is_ordinary).collect();
        let header_bytes = if kind == KlassKind::Box { 0 } else { u64::from(end) - payload_bytes };
        Klass::instance(name, kind, u64::from(layout.instance_bytes()), payload_bytes, &references, &self.mode)
            .with_header_bytes(header_bytes)
    }
}

impl Classes {
    /// Makes the classes that every run may need.
    pub(super) fn new(table: &mut KlassTable, mode: Mode) -> Self {
        use FieldType::{Boolean, Double, Long};
        assert_eq!(table.len(), 2, "nothing but the filler classes yet");
        let places = Places::new(&mode);
        let mut to = Builder { table, meanings: vec![Meaning::Internal; 2], mode, places };
        let reference_bytes = u64::from(mode.reference_bytes());
        let lists = KINDS.map(|kind| {
            let klass = to.instance("java.util.ArrayList", KlassKind::List, LIST, 0);
            let klass = klass.with_list_size_at(places.list_size as u32 * 4);
            to.add(klass.with_label(Label::List), Meaning::List(kind))
        });
        let maps = [Kind::Int, Kind::Reference].map(|key| {
            KINDS.map(|value| {
                let klass = to.instance("java.util.LinkedHashMap", KlassKind::Instance, map(&mode), 0);
                to.add(klass.with_label(Label::Map), Meaning::Map { key, value })
            })
        });
        let name = "java.util.LinkedHashMap$Entry";
        let entry = to.instance(name, KlassKind::Instance, ENTRY, 2 * reference_bytes);
        let name = "java.util.LinkedHashMap$LinkedKeySet";
        let key_set = to.instance(name, KlassKind::Instance, key_set(&mode), 0);
        let name = "java.util.LinkedHashMap$LinkedKeyIterator";
        let key_iterator = to.instance(name, KlassKind::Instance, key_iterator(&mode), 0);
        let text = to.instance("java.lang.String", KlassKind::Instance, TEXT, 0);
        let (long_box, double_box, boolean_box) = (
            to.instance("java.lang.Long", KlassKind::Box, &[&[Long]], 0),
            to.instance("java.lang.Double", KlassKind::Box, &[&[Double]], 0),
            to.instance("java.lang.Boolean", KlassKind::Box, &[&[Boolean]], 0),
        );
        let mut of_kind = |name: &str, kind, levels: Levels, payload_bytes| {
            let klass = to.instance(name, KlassKind::Reference(kind), levels, payload_bytes);
            let meaning = if kind == ReferenceKind::Final { Meaning::Internal } else { Meaning::Weak };
            to.add(klass.with_label(Label::Weak), meaning)
        };
        let weak = of_kind("java.lang.ref.WeakReference", ReferenceKind::Weak, REFERENCE, reference_bytes);
        let soft = of_kind("java.lang.ref.SoftReference", ReferenceKind::Soft, SOFT, reference_bytes);
        let phantom = of_kind("java.lang.ref.PhantomReference", ReferenceKind::Phantom, REFERENCE, reference_bytes);
        let finalizer = of_kind("java.lang.ref.Finalizer", ReferenceKind::Final, FINALIZER, 0);
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
            key_set: to.add(key_set, Meaning::Internal),
            key_iterator: to.add(key_iterator, Meaning::Internal),
            text: to.add(text.with_label(Label::Text), Meaning::Text),
            long_box: to.add(long_box, Meaning::Internal),
            double_box: to.add(double_box, Meaning::Internal),
            boolean_box: to.add(boolean_box, Meaning::Internal),
            weak,
            soft,
            phantom,
            finalizer,
            meanings: to.meanings,
            places,
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
                &mode,
            )
            .with_header_bytes(u64::from(mode.header_bytes()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    #[test]
    fn the_jdks_classes_are_as_large_as_in_the_jdk() {
        for version in Version::ALL {
            let mode = Mode::new(version);
            let mut table = KlassTable::new(&mode);
            let classes = Classes::new(&mut table, mode);
            let bytes = |klass: KlassId| table.get(klass).instance_words * 8;
            assert_eq!(bytes(classes.list(Kind::Int)), 24);
            let is_17 = version == Version::V17;
            assert_eq!(bytes(classes.map(Kind::Int, Kind::Int)), if is_17 { 56 } else { 64 });
            assert_eq!([classes.key_set, classes.key_iterator].map(bytes), [if is_17 { 16 } else { 24 }, 32]);
            assert_eq!(bytes(classes.entry), 40);
            assert_eq!(bytes(classes.text), 24);
            assert_eq!([classes.long_box, classes.double_box, classes.boolean_box].map(bytes), [24, 24, 16]);
            assert_eq!([classes.weak, classes.soft, classes.finalizer].map(bytes), [32, 40, 40]);
        }
    }

    #[test]
    fn the_collector_follows_no_referent_and_no_queue() {
        let mode = Mode::new(Version::V17);
        let mut table = KlassTable::new(&mode);
        let classes = Classes::new(&mut table, mode);
        assert_eq!(&*table.get(classes.weak).reference_runs, [(5, 1)]);
        assert_eq!(&*table.get(classes.finalizer).reference_runs, [(5, 1), (7, 2)]);
        assert_eq!(&*table.get(classes.entry).reference_runs, [(4, 5)]);
        assert_eq!(&*table.get(classes.text).reference_runs, [(5, 1)]);
        assert_eq!(&*table.get(classes.list(Kind::Bool)).reference_runs, [(5, 1)]);
        assert_eq!(&*table.get(classes.map(Kind::Int, Kind::Bool)).reference_runs, [(3, 2), (9, 2), (12, 2)]);
    }
}
