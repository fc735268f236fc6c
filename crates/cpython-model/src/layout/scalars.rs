//! Numbers, texts, blocks of bytes, tuples: objects of one block whose size follows from the value.

use super::{GC_HEADER_BYTES, OBJECT_BYTES, POINTER_BYTES};
use crate::Version;

/// Header of an `int`: that of every object and the number of digits. Unit: bytes. Source: `PyLongObject`.
const INT_HEADER_BYTES: u64 = OBJECT_BYTES + 8;

/// Bits of an `int`'s digit. Source: `PyLong_SHIFT`.
const DIGIT_BITS: u32 = 30;

/// Digits of 30 bits that `value` has; 0 for 0.
pub const fn int_digits(value: i64) -> u64 {
    (u64::BITS - value.unsigned_abs().leading_zeros()).div_ceil(DIGIT_BITS) as u64
}

/// What room for so many digits asks for. Source: `longobject.c:_PyLong_New`.
pub const fn int_digits_bytes(n_digits: u64) -> u64 {
    digits_bytes(n_digits)
}

const fn digits_bytes(n_digits: u64) -> u64 {
    INT_HEADER_BYTES + 4 * if n_digits == 0 { 1 } else { n_digits }
}

/// What an `int` asks for that is made from a machine number: what arithmetic on numbers of one digit gives, what is
/// read from elsewhere.
///
/// `sys.getsizeof` says 28 for one digit; from 3.11 on the block is `sizeof(PyLongObject)`, with its padding.
///
/// # Source
/// CPython 3.11 and 3.12 `Objects/longobject.c:_PyLong_FromMedium`, `_PyLong_FromLarge`, `_PyLong_New`.
pub const fn int_bytes(value: i64, version: Version) -> u64 {
    match int_digits(value) {
        0 | 1 if version as u8 >= Version::V3_11 as u8 => 32,
        n => digits_bytes(n),
    }
}

/// What the product of two `int`s asks for when one has more than one digit: room for the digits of both, whatever the
/// value needs.
///
/// # Source
/// CPython 3.12 `Objects/longobject.c:x_mul`.
pub const fn product_bytes(n_digits_a: u64, n_digits_b: u64) -> u64 {
    digits_bytes(n_digits_a + n_digits_b)
}

/// What the sum of two `int`s of the same sign asks for when one has more than one digit: room for a carry, whatever
/// the value needs. A difference asks for the digits of the larger: `24 + 4 n`.
///
/// # Source
/// CPython 3.12 `Objects/longobject.c:x_add`, `x_sub`.
pub const fn long_sum_bytes(n_digits_larger: u64) -> u64 {
    digits_bytes(n_digits_larger + 1)
}

/// The four kinds of `str`, by the widest character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextKind {
    /// All below U+0080: one byte each, behind a shorter header.
    #[default]
    Ascii,
    /// All below U+0100: one byte each.
    Latin1,
    /// All below U+10000: two bytes each.
    Ucs2,
    /// Four bytes each.
    Ucs4,
}

impl TextKind {
    /// The kind of a text.
    pub fn of(text: &str) -> TextKind {
        match text.chars().max().unwrap_or_default() as u32 {
            0..0x80 => TextKind::Ascii,
            0x80..0x100 => TextKind::Latin1,
            0x100..0x1_0000 => TextKind::Ucs2,
            _ => TextKind::Ucs4,
        }
    }

    /// Bytes of a character.
    pub const fn char_bytes(self) -> u64 {
        match self {
            TextKind::Ascii | TextKind::Latin1 => 1,
            TextKind::Ucs2 => 2,
            TextKind::Ucs4 => 4,
        }
    }
}

/// What a `str` of `n_chars` characters asks for; a closing null character is part of it.
///
/// # Source
/// CPython 3.11 and 3.12 `Objects/unicodeobject.c:PyUnicode_New`; 3.12 dropped `wstr` from the headers.
pub const fn str_bytes(kind: TextKind, n_chars: u64, version: Version) -> u64 {
    let is_short = version as u8 >= Version::V3_12 as u8;
    let header_bytes = match (kind, is_short) {
        (TextKind::Ascii, false) => 48,
        (TextKind::Ascii, true) => 40,
        (_, false) => 72,
        (_, true) => 56,
    };
    header_bytes + (n_chars + 1) * kind.char_bytes()
}

/// What `bytes` of `n_bytes` asks for; a closing zero is part of it.
pub const fn bytes_bytes(n_bytes: u64) -> u64 {
    OBJECT_BYTES + 8 + 8 + n_bytes + 1
}

/// What a new `bytearray` of `n_bytes` asks for: itself and its buffer, 0 when it has none.
pub const fn bytearray_bytes(n_bytes: u64) -> (u64, u64) {
    (56, if n_bytes == 0 { 0 } else { n_bytes + 1 })
}

/// What a `tuple` of `n_items` asks for. The empty one exists once and is never asked for.
pub const fn tuple_bytes(n_items: u64) -> u64 {
    GC_HEADER_BYTES + OBJECT_BYTES + 8 + POINTER_BYTES * n_items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_int_grows_by_a_digit_of_thirty_bits() {
        let digits = |value| int_digits(value);
        assert_eq!((digits(0), digits(1), digits((1 << 30) - 1), digits(1 << 30)), (0, 1, 1, 2));
        assert_eq!((digits(-(1 << 30)), digits(1 << 60), digits(i64::MIN)), (2, 3, 3));
        assert_eq!((int_bytes(1000, Version::V3_10), int_bytes(1000, Version::V3_11)), (28, 32));
        assert_eq!((int_bytes(1 << 30, Version::V3_12), int_bytes(i64::MAX, Version::V3_12)), (32, 36));
    }

    #[test]
    fn a_text_is_as_wide_as_its_widest_character() {
        let kinds = ["", "a", "\u{e9}", "\u{20ac}", "\u{1f600}"].map(TextKind::of);
        assert_eq!(kinds, [TextKind::Ascii, TextKind::Ascii, TextKind::Latin1, TextKind::Ucs2, TextKind::Ucs4]);
    }
}
