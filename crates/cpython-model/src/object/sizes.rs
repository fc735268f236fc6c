//! What the heap asks for each object: the sizes of `layout`, in the terms of this crate's bodies.

use super::TextKind;
use crate::Version;

/// The collector's links before an object. Unit: bytes.
pub(crate) const GC_HEAD_BYTES: u64 = 16;
/// A `float`. Unit: bytes.
pub(crate) const FLOAT_BYTES: u64 = 24;
/// A `list` without its elements, with the collector's links. Unit: bytes.
pub(crate) const LIST_BYTES: u64 = 56;
/// A `dict` without its table, with the collector's links. Unit: bytes.
pub(crate) const DICT_BYTES: u64 = 64;
/// A pointer. Unit: bytes.
pub(crate) const POINTER_BYTES: u64 = 8;

/// Whether `None` and its like are immortal rather than merely much referred to.
pub(crate) const fn has_immortals(version: Version) -> bool {
    version as u8 >= Version::V3_12 as u8
}

/// An `int`.
#[inline]
pub(crate) fn int_bytes(value: i64) -> u64 {
    let magnitude = value.unsigned_abs();
    let n_digits = u64::from((u64::BITS - magnitude.leading_zeros()).div_ceil(30).max(1));
    24 + 4 * n_digits
}

/// `bytes` of `n`.
pub(crate) const fn bytes_bytes(n: u64) -> u64 {
    33 + n
}

/// A `str`.
pub(crate) fn text_bytes(version: Version, kind: TextKind, n_chars: u64) -> u64 {
    let ascii = if version <= Version::V3_11 { 49 } else { 41 };
    let other = if version <= Version::V3_11 { 72 } else { 56 };
    match kind {
        TextKind::Ascii => ascii + n_chars,
        TextKind::Latin1 => other + 1 + n_chars,
        TextKind::Ucs2 => other + 2 + 2 * n_chars,
        TextKind::Ucs4 => other + 4 + 4 * n_chars,
    }
}

/// A `tuple`.
pub(crate) const fn tuple_bytes(n: u64) -> u64 {
    40 + 8 * n
}

/// The table of a `dict`.
pub(crate) fn dict_keys_bytes(log2_size: u32, n_usable: u64, is_unicode: bool) -> u64 {
    let index = match log2_size {
        0..8 => 1 << log2_size,
        8..16 => 1 << (log2_size + 1),
        _ => 1 << (log2_size + 2),
    };
    32 + index + if is_unicode { 16 } else { 24 } * n_usable
}

/// An instance of a class with `n` `__slots__`, with the collector's links.
pub(crate) const fn instance_bytes(n: u64) -> u64 {
    32 + 8 * n
}

/// A `weakref.ref`.
pub(crate) const fn weakref_bytes(_version: Version) -> u64 {
    80
}

/// The capacity of a list that is resized from `capacity` to `n`.
pub(crate) fn list_capacity(n: u64, n_old: u64) -> u64 {
    let capacity = (n + (n >> 3) + 6) & !3;
    if n == 0 {
        0
    } else if n.abs_diff(n_old) > capacity - n && n > n_old {
        (n + 3) & !3
    } else {
        capacity
    }
}

/// A frame on the data stack.
pub(crate) const fn frame_bytes(_version: Version, n_locals: u64, n_temporaries: u64) -> u64 {
    8 * (9 + n_locals + n_temporaries)
}
