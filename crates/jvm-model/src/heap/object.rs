//! What is in an object's header: the mark word, the class, the length of an array.
//!
//! ```text
//!          63                               8 7 6    3 2 1 0
//! word 0  | tag                              |0| age  |0|lock|    lock 01: an object; 11: forwarded, the rest is where to
//!          63                  32 31                        0
//! word 1  | length, first fields | class                     |
//! ```
//!
//! HotSpot keeps the identity hash in bits 8 to 38 and leaves the rest unused. No program here asks for an identity
//! hash or locks an object, so the model keeps its own *tag* there: who the object is to the workload. It moves with
//! the object at no cost. Tag 0 is an object of the runtime's own: a box, a backing array, an entry.
//! Differs: in HotSpot a mark with a hash in it is preserved over a full collection, any other is made anew; here
//! the tag is preserved, and the age made anew all the same.

use super::klass::{KlassId, KlassTable};
use super::memory::Memory;

/// The mark of an object nobody locked, hashed or moved (`markWord::prototype`).
pub(crate) const PROTOTYPE: u64 = 1;
/// The two lock bits of a mark word.
const LOCK_MASK: u64 = 3;
/// Lock bits: the rest of the mark is the address of the copy.
const FORWARDED: u64 = 3;
const AGE_SHIFT: u32 = 3;
const AGE_MASK: u64 = 0xf << AGE_SHIFT;
/// The oldest an object gets; unit: young collections survived.
pub const MAX_AGE: u32 = 15;
const TAG_SHIFT: u32 = 8;
/// Tags are below this.
pub const TAG_LIMIT: u64 = 1 << (64 - TAG_SHIFT);

/// Words of an object's header: the mark, and the class with the length of an array beside it.
pub const HEADER_WORDS: usize = 2;

/// The mark of a new object with this tag.
#[inline]
pub(crate) fn mark_with_tag(tag: u64) -> u64 {
    debug_assert!(tag < TAG_LIMIT, "tag {tag} has no room in a mark word");
    tag << TAG_SHIFT | PROTOTYPE
}

/// Reads the tag out of a mark word.
#[inline]
pub(crate) fn tag_of(mark: u64) -> u64 {
    mark >> TAG_SHIFT
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

/// The mark that says where the copy is.
#[inline]
pub(crate) fn forwarding_mark(memory: &Memory, to: usize) -> u64 {
    memory.address(to).0 | FORWARDED
}

/// Where the copy is.
#[inline]
pub(crate) fn forwardee(memory: &Memory, mark: u64) -> usize {
    memory.index_of(memory_trait::Address(mark & !LOCK_MASK))
}

/// The class of the object at `object`.
#[inline]
pub(crate) fn klass_of(memory: &Memory, object: usize) -> KlassId {
    KlassId(memory.word(object + 1) as u32)
}

/// The length of the array at `array`.
#[inline]
pub(crate) fn length_of(memory: &Memory, array: usize) -> u32 {
    (memory.word(array + 1) >> 32) as u32
}

/// Words the object at `object` takes.
#[inline]
pub(crate) fn size_words(memory: &Memory, klasses: &KlassTable, object: usize) -> usize {
    let second = memory.word(object + 1);
    klasses.get(KlassId(second as u32)).size_words((second >> 32) as u32)
}

/// Writes a header over the first words of a new object whose body is zero.
#[inline]
pub(crate) fn write_header(memory: &mut Memory, object: usize, mark: u64, klass: KlassId, length: u32) {
    memory.set_word(object, mark);
    memory.set_word(object + 1, u64::from(length) << 32 | u64::from(klass.0));
}
