//! What is in an object's header: the mark word, the class, the length of an array.
//!
//! ```text
//!          63                               8 7 6    3 2 1 0
//! word 0  | tag                              |0| age  |0|lock|    lock 01: an object; 11: forwarded, the rest is where to
//!          63                  32 31                        0
//! word 1  | length, first fields | class                     |
//!
//! without compressed class pointers the class takes word 1, and the length is in the lower half of word 2;
//! compact headers have the class in bits 42 and up of word 0, and the length in the lower half of word 1.
//! ```
//!
//! HotSpot keeps the identity hash in the bits between age and class and leaves the rest unused. No program here asks
//! for an identity hash or locks an object, so the model keeps its own *tag* there: who the object is to the workload.
//! It moves with the object at no cost. Tag 0 is an object of the runtime's own: a box, a backing array. Objects of the
//! runtime's own may also have a number there, marked by the highest bit.
//! Differs: in HotSpot a mark with a hash in it is preserved over a full collection, any other is made anew; here
//! the tag is preserved, and the age made anew all the same. A forwarded object has a word index where HotSpot has an
//! address.

use super::klass::{KlassId, KlassTable};
use super::memory::Memory;
use crate::layout::{ClassInfo, ClassLayout, FieldInfo, FieldType, Mode, array_base_bytes};
use crate::params::WORD_BYTES;
use crate::rules::{Rule, rule};

/// The mark of an object nobody locked, hashed or moved (`markWord::prototype`); compact headers add the class.
pub(crate) const PROTOTYPE: u64 = 1;
/// The two lock bits of a mark word.
const LOCK_MASK: u64 = 3;
const LOCK_BITS: u32 = 2;
/// Lock bits: the rest of the mark is where the copy is.
const FORWARDED: u64 = 3;
const AGE_SHIFT: u32 = 3;
const AGE_MASK: u64 = 0xf << AGE_SHIFT;
/// The oldest an object gets; unit: young collections survived.
pub const MAX_AGE: u32 = 15;
/// Words of the largest header: mark, class, length.
pub(crate) const HEADER_WORDS_MAX: usize = 3;
const TAG_SHIFT: u32 = 8;
/// Where the class begins in a compact header. `markWord::klass_shift`.
const COMPACT_CLASS_SHIFT: u32 = 42;

/// How objects are built and where in them things are: what follows from the mode of the VM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The class is in the mark word.
    is_compact: bool,
    /// Bits of the mark word that are the class: none unless headers are compact.
    class_mask: u64,
    /// Bits of a word index.
    index_bits: u32,
    /// Where a forwarded object keeps its tag, if that fits.
    forwarded_tag_shift: u32,
    /// Bits that there are for it.
    forwarded_tag_bits: u32,
    /// Where an array has its length, in 4-byte halves from its start.
    length_half: usize,
    /// 4-byte halves that a reference takes, as a power of two.
    pub(crate) reference_log2_halves: u32,
    /// Where an `Object[]` has its first element, in 4-byte halves from its start.
    pub(crate) elements_half: usize,
    /// Objects begin at multiples of this. Unit: words.
    pub(crate) alignment_words: usize,
    /// The smallest hole there can be. Unit: words. `CollectedHeap::min_fill_size`.
    pub(crate) min_fill_words: usize,
    /// The smallest hole that an `int[]` fills. Unit: words. `CollectedHeap::filler_array_min_size`.
    pub(crate) min_fill_array_words: usize,
    /// Words kept at the end of an allocation buffer, so that it can always be filled up with an object. Under -Xint and
    /// C1; with C2 the prefetch distance of the CPU comes on top, which the model leaves out.
    /// `CollectedHeap::tlab_alloc_reserve`.
    pub(crate) tlab_reserve_words: usize,
    /// Where fields of a `java.lang.ref.Reference` are.
    pub(crate) reference_fields: ReferenceFields,
}

/// Where the collectors find the fields of a `java.lang.ref.Reference`, in 4-byte halves from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReferenceFields {
    pub(crate) referent: usize,
    pub(crate) next: usize,
    /// `SoftReference.timestamp`: the word.
    pub(crate) timestamp_word: usize,
}

impl ReferenceFields {
    fn new(mode: &Mode) -> Self {
        let fields = |types: &[FieldType]| ClassInfo {
            fields: types.iter().map(|&field_type| FieldInfo::instance("", field_type)).collect(),
            ..ClassInfo::default()
        };
        let object = ClassLayout::of_object(mode);
        let reference = ClassLayout::of(&fields(&[FieldType::Reference; 4]), Some(&object), mode);
        let soft = ClassLayout::of(&fields(&[FieldType::Long]), Some(&reference), mode);
        let half = |index: usize| reference.offsets()[index] as usize / 4;
        ReferenceFields { referent: half(0), next: half(2), timestamp_word: soft.offsets()[0] as usize / 8 }
    }
}

impl Shape {
    /// The shape of objects in a mode, on a heap of so many words.
    pub(crate) fn new(mode: &Mode, heap_words: usize) -> Self {
        let is_compact = mode.compact_headers;
        let index_bits = usize::BITS - heap_words.leading_zeros();
        let forwarded_tag_shift = LOCK_BITS + index_bits;
        let mark_bits = if is_compact { COMPACT_CLASS_SHIFT } else { u64::BITS };
        let header_bytes = mode.header_bytes() as usize;
        let word = WORD_BYTES as usize;
        let alignment_words = mode.object_alignment_bytes as usize / word;
        let align = |words: usize| words.next_multiple_of(alignment_words);
        // An object without fields, and an `int[]` without elements.
        let header_words = header_bytes.div_ceil(word);
        let array_words = (array_base_bytes(FieldType::Int, mode) as usize).div_ceil(word);
        let min_fill_words = align(header_words);
        let has_small_holes = header_words > alignment_words || !rule(Rule::AlignedBuffersNeedNoReserve);
        let needs_reserve = has_small_holes && rule(Rule::BuffersHaveReserve);
        Shape {
            is_compact,
            class_mask: if is_compact { !0 << COMPACT_CLASS_SHIFT } else { 0 },
            index_bits,
            forwarded_tag_shift,
            forwarded_tag_bits: mark_bits.saturating_sub(forwarded_tag_shift),
            length_half: header_bytes / 4,
            reference_log2_halves: mode.reference_bytes().trailing_zeros() - 2,
            elements_half: array_base_bytes(FieldType::Reference, mode) as usize / 4,
            alignment_words,
            min_fill_words,
            min_fill_array_words: align(array_words),
            tlab_reserve_words: if needs_reserve { min_fill_words } else { 0 },
            reference_fields: ReferenceFields::new(mode),
        }
    }

    /// What a tag has to be below.
    pub(crate) fn tag_limit(&self) -> u64 {
        1 << (self.number_bit() - TAG_SHIFT)
    }

    /// The bit of the mark that says that the tag is a number of the runtime's own.
    fn number_bit(&self) -> u32 {
        if self.is_compact { COMPACT_CLASS_SHIFT - 1 } else { u64::BITS - 1 }
    }

    /// The mark of a new object with this tag.
    #[inline]
    pub(crate) fn mark_with_tag(&self, tag: u64) -> u64 {
        debug_assert!(tag < self.tag_limit(), "tag {tag} has no room in a mark word");
        tag << TAG_SHIFT | PROTOTYPE
    }

    /// The mark with this number of the runtime's own in place of a tag.
    pub(crate) fn mark_with_number(&self, mark: u64, number: u32) -> u64 {
        let kept = mark & (self.class_mask | AGE_MASK | LOCK_MASK);
        kept | u64::from(number) << TAG_SHIFT | 1 << self.number_bit()
    }

    /// The number of the runtime's own in a mark.
    pub(crate) fn number_of(&self, mark: u64) -> u32 {
        debug_assert!(mark >> self.number_bit() & 1 == 1, "mark {mark:#x} has no number");
        (mark >> TAG_SHIFT) as u32
    }

    /// Reads the tag out of a mark word; 0 if it has none.
    #[inline]
    pub(crate) fn tag_of(&self, mark: u64) -> u64 {
        if mark >> self.number_bit() & 1 == 1 { 0 } else { (mark & !self.class_mask) >> TAG_SHIFT }
    }

    /// The mark of an object that was copied to `to`.
    #[inline]
    pub(crate) fn forwarding_mark(&self, mark: u64, to: usize) -> u64 {
        mark & self.class_mask | (to as u64) << LOCK_BITS | FORWARDED
    }

    /// The mark of an object that will be moved to `to` and of which nothing but the class and the tag is to be kept;
    /// whether its mark has to be kept elsewhere because there is no room for the tag.
    #[inline]
    pub(crate) fn forwarding_mark_with_tag(&self, mark: u64, to: usize) -> (u64, bool) {
        let forwarding = self.forwarding_mark(mark, to);
        let tag = (mark & !self.class_mask) >> TAG_SHIFT;
        let elsewhere = self.tag_elsewhere();
        let is_elsewhere = tag >= elsewhere;
        (forwarding | tag.min(elsewhere) << self.forwarded_tag_shift, is_elsewhere)
    }

    /// What a forwarded object has for a tag when it is kept elsewhere.
    #[inline]
    fn tag_elsewhere(&self) -> u64 {
        (1 << self.forwarded_tag_bits) - 1
    }

    /// The mark that a moved object gets back, at age 0; `None` if it was kept elsewhere.
    #[inline]
    pub(crate) fn mark_of_forwarded(&self, forwarding: u64) -> Option<u64> {
        let tag = (forwarding & !self.class_mask) >> self.forwarded_tag_shift;
        (tag != self.tag_elsewhere()).then_some(forwarding & self.class_mask | tag << TAG_SHIFT | PROTOTYPE)
    }

    /// Where the copy is.
    #[inline]
    pub(crate) fn forwardee(&self, mark: u64) -> usize {
        (mark >> LOCK_BITS) as usize & ((1 << self.index_bits) - 1)
    }

    /// The mark of a dead object that was forwarded: as a new one's.
    pub(crate) fn unforwarded(&self, mark: u64) -> u64 {
        mark & self.class_mask | PROTOTYPE
    }

    /// The class of the object at `object`.
    #[inline]
    pub(crate) fn class_of(&self, memory: &Memory, object: usize) -> KlassId {
        if self.is_compact {
            KlassId((memory.word(object) >> COMPACT_CLASS_SHIFT) as u32)
        } else {
            KlassId(memory.word(object + 1) as u32)
        }
    }

    /// The length of the array at `array`.
    #[inline]
    pub(crate) fn length_of(&self, memory: &Memory, array: usize) -> u32 {
        memory.half(array * 2 + self.length_half)
    }

    /// Words the object at `object` takes.
    #[inline]
    pub(crate) fn size_words(&self, memory: &Memory, klasses: &KlassTable, object: usize) -> usize {
        let klass = klasses.get(self.class_of(memory, object));
        match klass.instance_words {
            0 => klass.array_words(self.length_of(memory, object)),
            n_words => n_words as usize,
        }
    }

    /// Writes the header of a new object over its words, which are otherwise zero.
    #[inline]
    pub(crate) fn write_header(&self, words: &mut [u64], mark: u64, klass: KlassId, length: u32) {
        let (klass, length) = (u64::from(klass.0), u64::from(length));
        match words {
            [first, second, ..] if self.length_half == 3 => (*first, *second) = (mark, length << 32 | klass),
            [first, rest @ ..] if self.is_compact => {
                *first = klass << COMPACT_CLASS_SHIFT | mark;
                if let [second, ..] = rest {
                    *second = length;
                }
            }
            [first, second, rest @ ..] => {
                (*first, *second) = (mark, klass);
                if let [third, ..] = rest {
                    *third = length;
                }
            }
            _ => unreachable!("an object of {} words", words.len()),
        }
    }
}

/// Reads the age out of a mark word.
#[inline]
pub(crate) fn age_of(mark: u64) -> u32 {
    ((mark & AGE_MASK) >> AGE_SHIFT) as u32
}

/// The same mark, one collection older; an age does not grow beyond [`MAX_AGE`].
#[inline]
pub(crate) fn older(mark: u64) -> u64 {
    if age_of(mark) < MAX_AGE { mark + (1 << AGE_SHIFT) } else { mark }
}

/// The same mark at age 0.
#[inline]
pub(crate) fn ageless(mark: u64) -> u64 {
    mark & !AGE_MASK
}

/// Whether a mark says that the object has been copied.
#[inline]
pub(crate) fn is_forwarded(mark: u64) -> bool {
    mark & LOCK_MASK == FORWARDED
}
