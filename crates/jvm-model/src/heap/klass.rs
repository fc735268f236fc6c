//! Classes as a collector sees them: how large an instance is and where its references are.

use memory_trait::Label;

use super::memory::Memory;
use super::object::{self, HEADER_WORDS};
use super::tally::Tally;

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
}

/// The 4-byte half of an `ArrayList` where its `size` is (offset 16).
pub const LIST_SIZE_HALF: usize = 4;
/// The 4-byte half of a `Reference` where its `referent` is (offset 12).
pub const REFERENT_HALF: usize = 3;
/// The 4-byte half of a `Reference` where its `queue` is (offset 16).
pub const QUEUE_HALF: usize = 4;
/// The 4-byte half of a `Reference` where its `next` is (offset 20).
pub const NEXT_HALF: usize = 5;
/// The 4-byte half of a `Reference` where its `discovered` is (offset 24).
pub const DISCOVERED_HALF: usize = 6;

/// Bytes of a compressed reference.
pub const REFERENCE_BYTES: u64 = 4;
/// Bytes of an array's header with compressed class pointers.
pub const ARRAY_HEADER_BYTES: u64 = 16;

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
    /// Runs of reference fields, by increasing offset: first 4-byte half, number. A reference object's `referent` and
    /// `discovered` are not among them.
    pub reference_runs: Box<[(u32, u32)]>,
    /// What an instance adds to the sums; that of an array is computed.
    pub instance_tally: Tally,
}

impl Klass {
    /// A class with fields. `payload_bytes` of an instance are what the program asked for.
    pub fn instance(name: &str, kind: KlassKind, bytes: u64, payload_bytes: u64, reference_offsets: &[u32]) -> Self {
        let mut reference_runs: Vec<(u32, u32)> = Vec::new();
        let mut offsets = reference_offsets.to_vec();
        offsets.sort_unstable();
        for half in offsets.into_iter().map(|offset| offset / REFERENCE_BYTES as u32) {
            match reference_runs.last_mut() {
                Some((first, n)) if *first + *n == half => *n += 1,
                _ => reference_runs.push((half, 1)),
            }
        }
        let boxed_bytes = if kind == KlassKind::Box { bytes } else { 0 };
        Klass {
            name: name.to_owned(),
            kind,
            label: Label::Array,
            instance_words: (bytes / 8) as u32,
            reference_runs: reference_runs.into(),
            instance_tally: Tally { n_objects: 1, payload_bytes, header_bytes: 0, boxed_bytes, total_bytes: bytes },
        }
    }

    /// A class of arrays.
    pub fn array(name: &str, kind: KlassKind) -> Self {
        Klass {
            name: name.to_owned(),
            kind,
            label: Label::Array,
            instance_words: 0,
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

    /// The same class, under this name in workloads.
    #[must_use]
    pub fn with_label(mut self, label: Label) -> Self {
        self.label = label;
        self
    }

    /// Words of an object of this class; `length` matters for arrays only.
    #[inline]
    pub fn size_words(&self, length: u32) -> usize {
        match self.kind {
            KlassKind::Numbers { log2_bytes, .. } => HEADER_WORDS + ((length as usize) << log2_bytes).div_ceil(8),
            KlassKind::References { .. } => HEADER_WORDS + (length as usize).div_ceil(2),
            _ => self.instance_words as usize,
        }
    }

    /// What a new object of this class adds to the sums.
    #[inline]
    pub fn tally(&self, length: u32) -> Tally {
        let (element_bytes, array_use) = match self.kind {
            KlassKind::Numbers { log2_bytes, array_use } => (1 << log2_bytes, array_use),
            KlassKind::References { array_use } => (REFERENCE_BYTES, array_use),
            _ => return self.instance_tally,
        };
        let mut tally = Tally { total_bytes: self.size_words(length) as u64 * 8, ..Tally::default() };
        if array_use != ArrayUse::Filler {
            tally.n_objects = 1;
            tally.header_bytes = ARRAY_HEADER_BYTES;
        }
        match array_use {
            ArrayUse::Payload => tally.payload_bytes = u64::from(length) * element_bytes,
            ArrayUse::Table => tally.header_bytes += u64::from(length) * element_bytes,
            ArrayUse::Capacity | ArrayUse::Filler => {}
        }
        tally
    }
}

/// All classes of a run.
#[derive(Clone, Debug)]
pub struct KlassTable {
    klasses: Vec<Klass>,
}

impl KlassTable {
    /// The class of fillers: `int[]`, as in HotSpot.
    pub const FILLER: KlassId = KlassId(0);

    /// A table with the filler class in it.
    pub fn new() -> Self {
        let kind = KlassKind::Numbers { log2_bytes: 2, array_use: ArrayUse::Filler };
        KlassTable { klasses: vec![Klass::array("[I", kind)] }
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

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.klasses.len()
    }

    /// Whether there is no class; there always is one.
    pub fn is_empty(&self) -> bool {
        self.klasses.is_empty()
    }

    /// What the object at `object` adds to the sums as it is now.
    #[inline]
    pub(crate) fn tally_of(&self, memory: &Memory, object: usize) -> Tally {
        let klass = self.get(object::klass_of(memory, object));
        let mut tally = klass.tally(object::length_of(memory, object));
        if klass.kind == KlassKind::List {
            tally.payload_bytes += u64::from(memory.half(object * 2 + LIST_SIZE_HALF)) * REFERENCE_BYTES;
        }
        tally
    }
}

impl Default for KlassTable {
    fn default() -> Self {
        Self::new()
    }
}
