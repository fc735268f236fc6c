//! Where the fields of an object are: headers, field packing, arrays, statics; exact for 17, 21 and 25.
//!
//! Mirrors HotSpot's `classfile/fieldLayoutBuilder.cpp` (the packing of JDK 15 and later), `oops/instanceOop.hpp`,
//! `oops/arrayOop.hpp` and `oops/instanceMirrorKlass.hpp`. Pure functions of the classes and the [`Mode`]: no heap.
//!
//! ```text
//! class Node { long value; Node next; }     without flags, on 17
//!  0                8        12       16               24
//!  +----------------+--------+--------+----------------+
//!  |      mark      | klass  |  next  |     value      |
//!  +----------------+--------+--------+----------------+
//! ```
//! `value` is placed first, at the first multiple of 8; `next` then fills the hole that this left.

mod array;
mod blocks;
mod class;
mod injected;
mod jdk;
mod mirror;

#[cfg(test)]
pub(crate) use blocks::Blocks;

pub use array::{array_base_bytes, array_bytes, max_array_length};
pub use class::{ClassInfo, ClassLayout, FieldInfo, PlacedField};
pub use jdk::jdk_class;

use crate::params::Flags;
use crate::sizing;
use crate::version::Version;

/// The type of a field or element, as far as memory is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// `boolean`, 1 byte.
    Boolean,
    /// `byte`, 1 byte.
    Byte,
    /// `char`, 2 bytes.
    Char,
    /// `short`, 2 bytes.
    Short,
    /// `int`, 4 bytes.
    Int,
    /// `float`, 4 bytes.
    Float,
    /// `long`, 8 bytes.
    Long,
    /// `double`, 8 bytes.
    Double,
    /// A reference: 4 bytes compressed, 8 bytes not.
    Reference,
}

impl FieldType {
    /// The type of a descriptor (`J`, `[I`, `Ljava/lang/Object;`) or of its first letter alone.
    pub fn from_descriptor(descriptor: &str) -> Option<FieldType> {
        Some(match descriptor.as_bytes().first()? {
            b'Z' => FieldType::Boolean,
            b'B' => FieldType::Byte,
            b'C' => FieldType::Char,
            b'S' => FieldType::Short,
            b'I' => FieldType::Int,
            b'F' => FieldType::Float,
            b'J' => FieldType::Long,
            b'D' => FieldType::Double,
            b'L' | b'[' => FieldType::Reference,
            _ => return None,
        })
    }

    /// Bytes it takes, which is also its alignment.
    #[inline]
    pub const fn bytes(self, mode: &Mode) -> u32 {
        match self {
            FieldType::Boolean | FieldType::Byte => 1,
            FieldType::Char | FieldType::Short => 2,
            FieldType::Int | FieldType::Float => 4,
            FieldType::Long | FieldType::Double => 8,
            FieldType::Reference => mode.reference_bytes(),
        }
    }

    /// Whether it is a reference.
    #[inline]
    pub const fn is_reference(self) -> bool {
        matches!(self, FieldType::Reference)
    }
}

/// Everything outside a class that its layout depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of HotSpot under its own name")]
pub struct Mode {
    /// The release.
    pub version: Version,
    /// `UseCompressedOops`: references are 4 bytes.
    pub compressed_oops: bool,
    /// `UseCompressedClassPointers`: the class pointer in the header is 4 bytes.
    pub compressed_class_pointers: bool,
    /// `UseCompactObjectHeaders`: the class pointer is inside the mark word.
    pub compact_headers: bool,
    /// `ObjectAlignmentInBytes`. Unit: bytes.
    pub object_alignment_bytes: u32,
    /// `UseEmptySlotsInSupers`: holes of superclasses are filled.
    pub empty_slots_in_supers: bool,
    /// `ContendedPaddingWidth`, 0 when `EnableContended` is off. Unit: bytes.
    pub contended_padding_bytes: u32,
    /// `EnableContended`: `@Contended` is honoured at all.
    pub enable_contended: bool,
    /// `RestrictContended`: `@Contended` is honoured in the JDK's own classes only.
    pub restrict_contended: bool,
}

impl Mode {
    /// The mode of a VM without any flags on a machine whose heap is small enough for compressed references.
    pub const fn new(version: Version) -> Mode {
        Mode {
            version,
            compressed_oops: true,
            compressed_class_pointers: true,
            compact_headers: false,
            object_alignment_bytes: 8,
            empty_slots_in_supers: true,
            contended_padding_bytes: 128,
            enable_contended: true,
            restrict_contended: true,
        }
    }

    /// The mode that follows from flags; whether references are compressed follows from the size of the heap.
    pub fn from_flags(flags: &Flags) -> Mode {
        Mode {
            version: flags.version,
            compressed_oops: sizing::uses_compressed_oops(flags),
            compressed_class_pointers: flags.use_compressed_class_pointers,
            // 25 warns and turns compact headers off where class pointers are not compressed.
            compact_headers: flags.use_compact_object_headers && flags.use_compressed_class_pointers,
            object_alignment_bytes: flags.object_alignment_bytes as u32,
            empty_slots_in_supers: flags.use_empty_slots_in_supers,
            contended_padding_bytes: flags.contended_padding_bytes as u32,
            enable_contended: flags.enable_contended,
            restrict_contended: flags.restrict_contended,
        }
    }

    /// Bytes of a reference.
    #[inline]
    pub const fn reference_bytes(&self) -> u32 {
        if self.compressed_oops { 4 } else { 8 }
    }

    /// Bytes of an object's header: the mark word and the class pointer. `oopDesc::base_offset_in_bytes`.
    #[inline]
    pub const fn header_bytes(&self) -> u32 {
        if self.compact_headers {
            8
        } else if self.compressed_class_pointers {
            12
        } else {
            16
        }
    }

    /// `bytes` rounded up to the alignment of objects.
    #[inline]
    pub const fn align_object(&self, bytes: u64) -> u64 {
        bytes.next_multiple_of(self.object_alignment_bytes as u64)
    }
}

impl Default for Mode {
    fn default() -> Self {
        Mode::new(Version::default())
    }
}
