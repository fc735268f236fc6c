//! Functions, methods, cells, weak references, generators, and frames on the data stack.

use super::GC_HEADER_BYTES;
use crate::Version;

/// What a function asks for. Source: `PyFunctionObject` of each version.
pub const fn function_bytes(version: Version) -> u64 {
    match version {
        Version::V3_8 | Version::V3_9 => 136,
        Version::V3_10 => 144,
        Version::V3_11 => 152,
        Version::V3_12 | Version::V3_13 => 160,
    }
}

/// What a bound method (`a.method`) asks for. Source: `PyMethodObject`.
pub const fn bound_method_bytes() -> u64 {
    64
}

/// What the cell of a closed-over variable asks for. Source: `PyCellObject`.
pub const fn cell_bytes() -> u64 {
    40
}

/// What a weak reference asks for. Source: `PyWeakReference`; 3.11 added `vectorcall`.
pub const fn weakref_bytes(version: Version) -> u64 {
    if version as u8 >= Version::V3_11 as u8 { 80 } else { 72 }
}

/// Words of a frame on the data stack beside locals and evaluation stack. Source: `FRAME_SPECIALS_SIZE`, 3.11 to 3.13.
pub const FRAME_SPECIALS_WORDS: u64 = 9;

/// Words of a frame on the data stack.
///
/// - `n_locals_plus`: parameters, locals, cells and free variables.
/// - `stack_words`: the code's `co_stacksize`.
pub const fn frame_words(n_locals_plus: u64, stack_words: u64) -> u64 {
    FRAME_SPECIALS_WORDS + n_locals_plus + stack_words
}

/// Bytes of a frame: on the data stack from 3.11 on, before as an object of its own.
pub const fn frame_bytes(n_locals_plus: u64, stack_words: u64, version: Version) -> u64 {
    match version {
        Version::V3_8 | Version::V3_9 => 384 + 8 * (n_locals_plus + stack_words),
        Version::V3_10 => 376 + 8 * (n_locals_plus + stack_words),
        Version::V3_11 | Version::V3_12 | Version::V3_13 => 8 * frame_words(n_locals_plus, stack_words),
    }
}

/// The header of a chunk of the data stack, in words. Source: `_PyStackChunk`.
pub const STACK_CHUNK_HEADER_WORDS: u64 = 3;

/// What a chunk of the data stack asks the *arena* allocator for, so that a frame of `words` fits with 1000 words to
/// spare: 16 KiB, doubled as often as needed.
///
/// # Source
/// CPython 3.11 to 3.13 `Python/pystate.c:push_chunk`.
pub const fn stack_chunk_bytes(words: u64) -> u64 {
    let mut bytes = 16 << 10;
    while bytes < 8 * (words + 1000) {
        bytes *= 2;
    }
    bytes
}

/// What a generator asks for. From 3.11 on its frame is inside; before, the frame is an object of its own.
///
/// # Source
/// CPython 3.11 `Objects/genobject.c:make_gen`.
pub const fn generator_bytes(n_locals_plus: u64, stack_words: u64, version: Version) -> u64 {
    match version {
        Version::V3_8 | Version::V3_9 => 112,
        Version::V3_10 => 104,
        Version::V3_11 => GC_HEADER_BYTES + 152 + 8 * (n_locals_plus + stack_words),
        Version::V3_12 | Version::V3_13 => GC_HEADER_BYTES + 144 + 8 * (n_locals_plus + stack_words),
    }
}
