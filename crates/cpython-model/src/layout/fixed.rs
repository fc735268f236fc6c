//! Objects whose size depends on their type alone: iterators, views, what the builtins hand out.

use crate::Version;

/// A type whose objects are all of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fixed {
    /// `object()`.
    Object,
    /// `list_iterator` and `tuple_iterator`.
    SequenceIterator,
    /// `dict_keyiterator` and its like.
    DictIterator,
    /// `range`.
    Range,
    /// `slice`.
    Slice,
    /// `enumerate`.
    Enumerate,
    /// `zip` of two.
    Zip,
    /// `map`.
    Map,
    /// `builtin_function_or_method`, bound: `a.append`.
    BuiltinMethod,
    /// `property`.
    Property,
    /// `super`.
    Super,
    /// `memoryview` of one dimension; the managed buffer behind it is 128 bytes more.
    MemoryView,
    /// `collections.deque`, without its blocks of 528 bytes.
    Deque,
    /// `collections.OrderedDict`, without its keys.
    OrderedDict,
    /// `collections.defaultdict`, without its keys.
    DefaultDict,
    /// An exception class of the program's own, without arguments.
    Exception,
    /// A class.
    Class,
}

/// What such an object asks for, with the collector's header and the pre-header where it has them.
pub const fn fixed_bytes(fixed: Fixed, version: Version) -> u64 {
    let minor = version as u8;
    let is_3_10 = minor >= Version::V3_10 as u8;
    let is_3_11 = minor >= Version::V3_11 as u8;
    match fixed {
        Fixed::Object => 16,
        Fixed::SequenceIterator | Fixed::Range | Fixed::Map => 48,
        Fixed::DictIterator | Fixed::BuiltinMethod | Fixed::DefaultDict => 72,
        Fixed::Slice | Fixed::Super => 56,
        Fixed::Enumerate => {
            if is_3_11 {
                72
            } else {
                64
            }
        }
        Fixed::Zip => {
            if is_3_10 {
                64
            } else {
                56
            }
        }
        Fixed::Property => {
            if is_3_10 {
                80
            } else {
                72
            }
        }
        Fixed::MemoryView => 184,
        Fixed::Deque => {
            if is_3_11 {
                232
            } else {
                96
            }
        }
        Fixed::OrderedDict => 128,
        Fixed::Exception => match version {
            Version::V3_8 | Version::V3_9 | Version::V3_10 => 88,
            Version::V3_11 => 96,
            Version::V3_12 | Version::V3_13 => 104,
        },
        Fixed::Class => match version {
            Version::V3_8 | Version::V3_9 => 936,
            Version::V3_10 => 944,
            Version::V3_11 => 960,
            Version::V3_12 => 976,
            Version::V3_13 => 984,
        },
    }
}
