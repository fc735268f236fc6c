//! How many bytes each object asks for, and how containers grow and shrink: pure functions of the version.
//!
//! A *request* is what the allocator is asked for: the object with the collector's header (16 bytes for every object the
//! collector may track) and, from 3.12 on, the pre-header of instances. `sys.getsizeof` may say less.
//!
//! ```text
//! 3.11          values | dict      _gc_next  _gc_prev   ob_refcnt  ob_type   fields of the object ...
//! 3.12          dict, weakrefs     _gc_next  _gc_prev   ob_refcnt  ob_type   fields
//! 3.13          dict, weakrefs     _gc_next  _gc_prev   ob_refcnt  ob_type   fields, then the instance's values
//!               pre-header, 16 B   16 B                 16 B
//! ```
//!
//! Must not know addresses: the allocator takes requests from here, and nothing else.

pub mod code;
pub mod dict;
pub mod fixed;
pub mod free_lists;
pub mod instance;
pub mod list;
pub mod recorded;
pub mod scalars;
pub mod set;

pub use code::{
    bound_method_bytes, cell_bytes, frame_bytes, frame_words, function_bytes, generator_bytes, stack_chunk_bytes,
    weakref_bytes,
};
pub use dict::{DictShape, dict_keys_bytes};
pub use fixed::{Fixed, fixed_bytes};
pub use free_lists::{FreeList, free_list_length_max};
pub use instance::{InstanceBlocks, SharedKeys, slots_instance_bytes};
pub use list::{ListShape, list_capacity_after, list_capacity_exact};
pub use scalars::{
    TextKind, bytearray_bytes, bytes_bytes, int_bytes, int_digits, int_digits_bytes, long_sum_bytes, product_bytes,
    str_bytes, tuple_bytes,
};
pub use set::SetTable;

/// The collector's header before an object: two words. Unit: bytes. Source: 3.11 to 3.13 `PyGC_Head`.
pub const GC_HEADER_BYTES: u64 = 16;

/// The header of every object: reference count and type. Unit: bytes. Source: `PyObject`.
pub const OBJECT_BYTES: u64 = 16;

/// A pointer. Unit: bytes.
pub const POINTER_BYTES: u64 = 8;

/// A `float`. Unit: bytes. Source: `PyFloatObject`.
pub const FLOAT_BYTES: u64 = 24;

/// A `complex`. Unit: bytes. Source: `PyComplexObject`.
pub const COMPLEX_BYTES: u64 = 32;

/// A `list` without its items, with the collector's header. Unit: bytes. Source: `PyListObject`.
pub const LIST_BYTES: u64 = 56;

/// A `dict` without its keys, with the collector's header. Unit: bytes. Source: `PyDictObject`.
pub const DICT_BYTES: u64 = 64;

/// A `set` or `frozenset` with its first table of eight entries, with the collector's header. Unit: bytes.
/// Source: `PySetObject`.
pub const SET_BYTES: u64 = 216;
