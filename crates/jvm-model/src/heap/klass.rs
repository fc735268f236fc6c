//! Classes as a collector sees them: how large an instance is and where its references are.

use memory_trait::Label;

use super::tally::Tally;
use crate::layout::{ClassLayout, FieldType, Mode, array_base_bytes};
use crate::params::WORD_BYTES;

/// A class, by its place in the [`KlassTable`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KlassId(pub u32);

/// The strength of a reference object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// `java.lang.ref.SoftReference`.
    Soft,
    /// `java.lang.ref.WeakReference`.
    Weak,
    /// `java.lang.ref.Finalizer`.
    Final,
    /// `java.lang.ref.PhantomReference`.
    Phantom,
}

/// What the elements of an array are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayUse {
    /// The program asked for them.
    Payload,
    /// The table of a map.
    Table,
    /// The capacity of a list: what is in use counts with the list.
    Capacity,
    /// Nobody asked for them: a hole made walkable.
    Filler,
}

/// Of what make the instances of a class are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KlassKind {
    /// Fields at fixed places.
    Instance,
    /// A number in an object of its own.
    Box,
    /// An `ArrayList`: its field `size` says how much of its capacity is payload.
    List,
    /// A reference object.
    Reference(ReferenceKind),
    /// An array of numbers or truth values; elements of `1 << log2_bytes` bytes.
    Numbers {
        /// The logarithm of the bytes of an element.
        log2_bytes: u8,
        /// What they are for.
        array_use: ArrayUse,
    },
    /// An array of references.
    References {
        /// What they are for.
        array_use: ArrayUse,
    },
    /// Nobody's object: a hole too small for an array.
    Filler,
}

/// A class.
#[derive(Clone, Debug)]
pub struct Klass {
    /// Its name in Java.
    pub name: String,
    /// Of what make its instances are.
    pub kind: KlassKind,
    /// What a workload calls its objects; only objects with a tag have a name.
    pub label: Label,
    /// Words of an instance; 0 for arrays.
    pub instance_words: u32,
    /// Where the first element of an array is. Unit: bytes.
    pub base_bytes: u32,
    /// The logarithm of the bytes of an element.
    log2_bytes: u8,
    /// What an array's size is rounded up to, less one. Unit: bytes.
    rounding_bytes: u32,
    /// Where in a list the number of its elements is, in 4-byte halves from its start; 0 for anything else.
    pub(crate) list_size_half: u32,
    /// Runs of reference fields, by increasing offset: first 4-byte half, number. A reference object's `referent` and
    /// `discovered` are not among them.
    pub reference_runs: Box<[(u32, u32)]>,
    /// What an instance adds to the sums; that of an array is computed.
    pub instance_tally: Tally,
}

impl Klass {
    /// A class with fields. `payload_bytes` of an instance are what the program asked for.
    pub fn instance(
        name: &str,
        kind: KlassKind,
        bytes: u64,
        payload_bytes: u64,
        reference_offsets: &[u32],
        mode: &Mode,
    ) -> Self {
        let mut reference_runs: Vec<(u32, u32)> = Vec::new();
        let mut offsets = reference_offsets.to_vec();
        offsets.sort_unstable();
        for offset in offsets {
            let half = offset / 4;
            match reference_runs.last_mut() {
                Some((first, n)) if *first * 4 + *n * mode.reference_bytes() == offset => *n += 1,
                _ => reference_runs.push((half, 1)),
            }
        }
        let boxed_bytes = if kind == KlassKind::Box { bytes } else { 0 };
        Klass {
            name: name.to_owned(),
            kind,
            label: Label::Array,
            instance_words: (bytes / WORD_BYTES) as u32,
            base_bytes: 0,
            log2_bytes: 0,
            rounding_bytes: 0,
            list_size_half: 0,
            reference_runs: reference_runs.into(),
            instance_tally: Tally { n_objects: 1, payload_bytes, header_bytes: 0, boxed_bytes, total_bytes: bytes },
        }
    }

    /// A class of arrays.
    pub fn array(name: &str, kind: KlassKind, mode: &Mode) -> Self {
        let log2_bytes = match kind {
            KlassKind::Numbers { log2_bytes, .. } => log2_bytes,
            _ => mode.reference_bytes().trailing_zeros() as u8,
        };
        let element = match log2_bytes {
            _ if matches!(kind, KlassKind::References { .. }) => FieldType::Reference,
            0 => FieldType::Byte,
            1 => FieldType::Short,
            2 => FieldType::Int,
            _ => FieldType::Long,
        };
        Klass {
            name: name.to_owned(),
            kind,
            label: Label::Array,
            instance_words: 0,
            base_bytes: array_base_bytes(element, mode) as u32,
            log2_bytes,
            rounding_bytes: mode.object_alignment_bytes - 1,
            list_size_half: 0,
            reference_runs: Box::default(),
            instance_tally: Tally::default(),
        }
    }

    /// The same class, with `bytes` of each instance counted as header.
    #[must_use]
    pub fn with_header_bytes(mut self, bytes: u64) -> Self {
        self.instance_tally.header_bytes = bytes;
        self
    }

    /// The same class, of lists that have the number of their elements at this offset. Unit: bytes.
    #[must_use]
    pub fn with_list_size_at(mut self, offset: u32) -> Self {
        self.list_size_half = offset / 4;
        self
    }

    /// The same class, under this name in workloads.
    #[must_use]
    pub fn with_label(mut self, label: Label) -> Self {
        self.label = label;
        self
    }

    /// Whether its objects are arrays.
    #[inline]
    pub fn is_array(&self) -> bool {
        self.instance_words == 0
    }

    /// Words of an object of this class; `length` matters for arrays only.
    #[inline]
    pub fn size_words(&self, length: u32) -> usize {
        match self.instance_words {
            0 => self.array_words(length),
            n_words => n_words as usize,
        }
    }

    /// Words of an array of this class.
    #[inline]
    pub(crate) fn array_words(&self, length: u32) -> usize {
        let bytes = self.base_bytes as usize + ((length as usize) << self.log2_bytes);
        ((bytes + self.rounding_bytes as usize) & !(self.rounding_bytes as usize)) / WORD_BYTES as usize
    }
}

/// All classes of a run.
#[derive(Clone, Debug)]
pub struct KlassTable {
    klasses: Vec<Klass>,
    mode: Mode,
}

impl KlassTable {
    /// The class of fillers: `int[]`, as in HotSpot.
    pub const FILLER: KlassId = KlassId(0);
    /// The class of fillers that are too small for an array: `java.lang.Object`, as in 17.
    pub const SMALL_FILLER: KlassId = KlassId(1);

    /// A table with the classes of fillers in it.
    pub fn new(mode: &Mode) -> Self {
        let kind = KlassKind::Numbers { log2_bytes: 2, array_use: ArrayUse::Filler };
        let bytes = u64::from(ClassLayout::of_object(mode).instance_bytes());
        let small = Klass::instance("java.lang.Object", KlassKind::Filler, bytes, 0, &[], mode);
        KlassTable { klasses: vec![Klass::array("[I", kind, mode), small], mode: *mode }
    }

    /// Takes the table out of the heap, which does without while it is collected.
    pub(crate) fn take(&mut self) -> KlassTable {
        let mode = self.mode;
        std::mem::replace(self, KlassTable { klasses: Vec::new(), mode })
    }

    /// The mode that the classes are laid out for.
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// Bytes of a reference.
    pub(crate) fn reference_bytes(&self) -> u64 {
        u64::from(self.mode.reference_bytes())
    }

    /// Adds a class.
    pub fn add(&mut self, klass: Klass) -> KlassId {
        self.klasses.push(klass);
        KlassId(self.klasses.len() as u32 - 1)
    }

    /// The class of this id.
    #[inline]
    pub fn get(&self, klass: KlassId) -> &Klass {
        &self.klasses[klass.0 as usize]
    }

    /// Where the references of an instance are, in 4-byte halves from its start, by increasing address. A reference
    /// object's `referent` and `discovered` are not among them.
    pub fn reference_halves(&self, klass: KlassId) -> impl Iterator<Item = usize> {
        let step = self.mode.reference_bytes() as usize / 4;
        let runs = self.get(klass).reference_runs.iter();
        runs.flat_map(move |&(first, n)| (0..n as usize).map(move |index| first as usize + index * step))
    }

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.klasses.len()
    }

    /// Whether there is no class; there always are two.
    pub fn is_empty(&self) -> bool {
        self.klasses.is_empty()
    }
}
