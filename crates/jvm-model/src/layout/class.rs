//! The layout of a class, given that of its superclass.
//!
//! Mirrors `fieldLayoutBuilder.cpp:FieldLayoutBuilder`: primitives first, largest first and otherwise in the order of
//! the class file, then references; both may fill holes, also those of superclasses. Statics are in the mirror.

use super::blocks::Blocks;
use super::injected::injected_fields;
use super::mirror::mirror_base_bytes;
use super::{FieldType, Mode};
use crate::rules::{Rule, rule};

/// A field as the class file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// Its name.
    pub name: String,
    /// Its type.
    pub field_type: FieldType,
    /// Whether it lives in the class's mirror.
    pub is_static: bool,
    /// `@Contended`: `Some("")` for a group of its own, `Some(name)` for a named group.
    pub contended: Option<String>,
}

impl FieldInfo {
    /// An ordinary instance field.
    pub fn instance(name: &str, field_type: FieldType) -> FieldInfo {
        FieldInfo { name: name.to_owned(), field_type, is_static: false, contended: None }
    }
}

/// A class as its class file declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassInfo {
    /// Its name with dots: `java.lang.Object`. Some of the JDK's own classes have fields that the VM injects.
    pub name: String,
    /// The class itself is `@Contended`.
    pub is_contended: bool,
    /// Loaded by the boot or the platform loader, so that `@Contended` counts even with `RestrictContended`.
    pub is_privileged: bool,
    /// Its fields, static and not, in class-file order.
    pub fields: Vec<FieldInfo>,
}

/// An instance field and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedField {
    /// Its name.
    pub name: String,
    /// Its type.
    pub field_type: FieldType,
    /// From the start of the object. Unit: bytes.
    pub offset: u32,
    /// How many superclasses up it was declared; 0 for the class's own.
    pub depth: u32,
    /// Added by the VM, not in the class file.
    pub is_injected: bool,
}

/// Where everything of a class is.
///
/// ```
/// use jvm_model::layout::{ClassLayout, FieldType, Mode};
/// let node = ClassLayout::of_record(&[FieldType::Long, FieldType::Reference], &Mode::default());
/// assert_eq!(node.offsets(), [16, 12], "the reference fills the gap behind the header");
/// assert_eq!(node.instance_bytes(), 24);
/// assert_eq!(node.reference_offsets(), [12]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassLayout {
    /// Offsets of the declared fields, statics in the mirror, in class-file order.
    offsets: Vec<u32>,
    /// All instance fields, inherited and injected ones included, by increasing offset.
    fields: Vec<PlacedField>,
    /// Offsets of the references among them, increasing.
    reference_offsets: Vec<u32>,
    /// Bytes of an instance, rounded.
    instance_bytes: u32,
    /// Bytes of the class's mirror, rounded.
    mirror_bytes: u32,
    /// This class or a superclass has something `@Contended` that counts.
    has_contended: bool,
}

impl ClassLayout {
    /// Lays out a class below `superclass`; `None` for `java.lang.Object` alone.
    pub fn of(class: &ClassInfo, superclass: Option<&ClassLayout>, mode: &Mode) -> ClassLayout {
        Builder::new(class, superclass, mode).build()
    }

    /// Lays out a class with just these fields below `java.lang.Object`.
    pub fn of_record(fields: &[FieldType], mode: &Mode) -> ClassLayout {
        let fields = fields.iter().map(|&field_type| FieldInfo::instance("", field_type)).collect();
        let class = ClassInfo { fields, ..ClassInfo::default() };
        ClassLayout::of(&class, Some(&ClassLayout::of_object(mode)), mode)
    }

    /// The layout of `java.lang.Object`: a header.
    pub fn of_object(mode: &Mode) -> ClassLayout {
        ClassLayout::of(&ClassInfo { name: "java.lang.Object".to_owned(), ..ClassInfo::default() }, None, mode)
    }

    /// Bytes of an instance, header and rounding included.
    #[inline]
    pub fn instance_bytes(&self) -> u32 {
        self.instance_bytes
    }

    /// Bytes of the class's mirror (its `java.lang.Class`), where its statics are.
    #[inline]
    pub fn mirror_bytes(&self) -> u32 {
        self.mirror_bytes
    }

    /// Offsets of the declared fields in class-file order: of instance fields in the object, of statics in the mirror.
    #[inline]
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// All instance fields, inherited and injected ones included, by increasing offset.
    pub fn fields(&self) -> &[PlacedField] {
        &self.fields
    }

    /// Offsets of all references of an instance, increasing: the order in which a collector visits them.
    #[inline]
    pub fn reference_offsets(&self) -> &[u32] {
        &self.reference_offsets
    }
}

/// The fields of one group, as `FieldGroup`: indices into the class's fields, then injected ones.
#[derive(Default)]
struct Group {
    primitives: Vec<usize>,
    references: Vec<usize>,
}

struct Builder<'a> {
    mode: &'a Mode,
    superclass: Option<&'a ClassLayout>,
    class: &'a ClassInfo,
    /// Declared fields followed by injected ones.
    all: Vec<(&'a str, FieldType)>,
    offsets: Vec<u32>,
    blocks: Blocks,
    /// Fields may go into holes.
    fills_holes: bool,
    has_contended: bool,
}

impl<'a> Builder<'a> {
    fn new(class: &'a ClassInfo, superclass: Option<&'a ClassLayout>, mode: &'a Mode) -> Builder<'a> {
        let declared = class.fields.iter().map(|field| (field.name.as_str(), field.field_type));
        let all: Vec<_> = declared.chain(injected_fields(&class.name, mode.version).iter().copied()).collect();
        let offsets = vec![0; all.len()];
        let has_contended = superclass.is_some_and(|layout| layout.has_contended);
        let (blocks, fills_holes) = match superclass {
            // The start of `Object`'s layout is its end: there is nothing to fill.
            None => (Blocks::after_header(mode.header_bytes()), false),
            Some(layout) => Builder::inherit(layout, mode),
        };
        Builder { mode, superclass, class, all, offsets, blocks, fills_holes, has_contended }
    }

    /// The superclass's layout as something to add to. `FieldLayout::initialize_instance_layout`, `fill_holes`.
    fn inherit(layout: &ClassLayout, mode: &Mode) -> (Blocks, bool) {
        let placed: Vec<_> = layout.fields.iter().map(|field| (field.offset, field.field_type.bytes(mode))).collect();
        let mut blocks = Blocks::after_fields(mode.header_bytes(), &placed);
        let is_padded = layout.has_contended && rule(Rule::PaddingStaysEmpty);
        if is_padded {
            blocks.close_holes();
            blocks.pad(mode.contended_padding_bytes);
        }
        if !mode.empty_slots_in_supers {
            blocks.align_end(mode.reference_bytes());
        }
        let is_open = mode.empty_slots_in_supers && !is_padded;
        (blocks, is_open || placed.is_empty())
    }

    /// Whether `@Contended` counts in this class.
    fn honours_contended(&self) -> bool {
        self.mode.enable_contended && (self.class.is_privileged || !self.mode.restrict_contended)
    }

    fn build(mut self) -> ClassLayout {
        let (statics, root, contended) = self.sorted_groups();
        let is_contended = self.class.is_contended && self.honours_contended();
        let mut needs_tail = is_contended;
        if is_contended {
            self.fills_holes = false;
            self.blocks.pad(self.mode.contended_padding_bytes);
        }
        // Since 25 references go first where the superclass ends with one, so that both are visited in one sweep.
        let ends_with_reference = self.superclass.and_then(|layout| layout.fields.last());
        if self.mode.version >= crate::Version::V25
            && ends_with_reference.is_some_and(|f| f.field_type.is_reference())
            && rule(Rule::ReferencesFollowReferences)
        {
            self.place(&root.references);
            self.place(&root.primitives);
        } else {
            self.place(&root.primitives);
            self.place(&root.references);
        }
        for group in &contended {
            self.fills_holes = false;
            self.blocks.pad(self.mode.contended_padding_bytes);
            self.place(&group.primitives);
            self.place(&group.references);
            needs_tail = true;
        }
        if needs_tail {
            self.has_contended = true;
            self.blocks.pad(self.mode.contended_padding_bytes);
        }
        let mirror_bytes = self.place_statics(&statics);
        self.finish(mirror_bytes)
    }

    /// Statics, ordinary instance fields, contended groups in first-seen order; primitives by decreasing size.
    /// `FieldLayoutBuilder::regular_field_sorting`.
    fn sorted_groups(&self) -> (Group, Group, Vec<Group>) {
        let (mut statics, mut root) = (Group::default(), Group::default());
        let mut contended: Vec<(&str, Group)> = Vec::new();
        let honours = self.honours_contended();
        for (idx, &(_, field_type)) in self.all.iter().enumerate() {
            let declared = self.class.fields.get(idx);
            let group_name = declared.and_then(|field| field.contended.as_deref()).filter(|_| honours);
            let group = match (declared.is_some_and(|field| field.is_static), group_name) {
                (true, _) => &mut statics,
                (false, None) => &mut root,
                (false, Some(name)) => {
                    let known = contended.iter().position(|&(other, _)| !name.is_empty() && other == name);
                    let place = known.unwrap_or_else(|| {
                        contended.push((name, Group::default()));
                        contended.len() - 1
                    });
                    &mut contended[place].1
                }
            };
            if field_type.is_reference() { group.references.push(idx) } else { group.primitives.push(idx) }
        }
        let mut contended: Vec<Group> = contended.into_iter().map(|(_, group)| group).collect();
        for group in [&mut statics, &mut root].into_iter().chain(&mut contended) {
            // Stable, as the C library's merge sort behind HotSpot's `qsort` is.
            if rule(Rule::LargestPrimitivesFirst) {
                group.primitives.sort_by_key(|&idx| std::cmp::Reverse(self.all[idx].1.bytes(self.mode)));
            }
        }
        (statics, root, contended)
    }

    fn place(&mut self, group: &[usize]) {
        for &idx in group {
            let bytes = self.all[idx].1.bytes(self.mode);
            self.offsets[idx] = if self.fills_holes { self.blocks.add(bytes) } else { self.blocks.append(bytes) };
        }
    }

    /// References first, without gaps, then primitives; gaps are never filled. Answers the mirror's size.
    fn place_statics(&mut self, statics: &Group) -> u32 {
        let mut blocks = Blocks::after_header(mirror_base_bytes(self.mode));
        for &idx in statics.references.iter().chain(&statics.primitives) {
            self.offsets[idx] = blocks.append(self.all[idx].1.bytes(self.mode));
        }
        self.mode.align_object(u64::from(blocks.end())) as u32
    }

    fn finish(self, mirror_bytes: u32) -> ClassLayout {
        let inherited = self.superclass.map_or(&[][..], |layout| &layout.fields);
        let mut fields: Vec<_> = inherited.iter().map(|f| PlacedField { depth: f.depth + 1, ..f.clone() }).collect();
        let n_declared = self.class.fields.len();
        for (idx, &(name, field_type)) in self.all.iter().enumerate() {
            if self.class.fields.get(idx).is_some_and(|field| field.is_static) {
                continue;
            }
            let (offset, is_injected) = (self.offsets[idx], idx >= n_declared);
            fields.push(PlacedField { name: name.to_owned(), field_type, offset, depth: 0, is_injected });
        }
        fields.sort_by_key(|field| field.offset);
        let references = fields.iter().filter(|field| field.field_type.is_reference());
        let mut offsets = self.offsets;
        offsets.truncate(n_declared);
        ClassLayout {
            offsets,
            reference_offsets: references.map(|field| field.offset).collect(),
            instance_bytes: self.mode.align_object(u64::from(self.blocks.end().next_multiple_of(8))) as u32,
            mirror_bytes,
            has_contended: self.has_contended,
            fields,
        }
    }
}
