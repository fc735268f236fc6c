//! Arrays: a header with the length behind the class pointer, then the elements.
//!
//! Mirrors `oops/arrayOop.hpp`; since 23 the elements of small types begin right behind the length.

use super::{FieldType, Mode};
use crate::params::WORD_BYTES;
use crate::version::Version;

/// Offset of the first element. Unit: bytes. `arrayOopDesc::base_offset_in_bytes`.
pub const fn array_base_bytes(element: FieldType, mode: &Mode) -> u64 {
    let length_end = mode.header_bytes() as u64 + 4;
    let is_early = matches!(mode.version, Version::V17 | Version::V21);
    if is_early || element.bytes(mode) == 8 { length_end.next_multiple_of(WORD_BYTES) } else { length_end }
}

/// Bytes of an array of `length` elements, header and rounding included.
///
/// ```
/// use jvm_model::layout::{FieldType, Mode, array_bytes};
/// assert_eq!(array_bytes(FieldType::Byte, 5, &Mode::default()), 24);
/// assert_eq!(array_bytes(FieldType::Reference, 3, &Mode::default()), 32);
/// ```
#[inline]
pub const fn array_bytes(element: FieldType, length: u64, mode: &Mode) -> u64 {
    mode.align_object(array_base_bytes(element, mode) + length * element.bytes(mode) as u64)
}

/// The longest array there can be, whatever the heap: one more is "Requested array size exceeds VM limit".
/// Unit: elements. `arrayOopDesc::max_array_length`.
pub const fn max_array_length(element: FieldType, mode: &Mode) -> u64 {
    let header_words = array_base_bytes(element, mode).div_ceil(WORD_BYTES);
    let alignment_words = mode.object_alignment_bytes as u64 / WORD_BYTES;
    (i32::MAX as u64 - header_words) / alignment_words * alignment_words
}
