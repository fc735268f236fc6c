//! Objects as `CPython` has them: a count, a place in the collector's lists, and a body.
//!
//! Mirrors `PyObject` with its `PyGC_Head`. Everything is an object here, the number 1000 as well as a list of a million
//! elements. What a body *is* lives in this module and its children; when it dies is `refcount`'s business, whether it
//! can be reached `cycle`'s. Knows nothing of frames.

pub(crate) mod account;
pub(crate) mod dict;
pub(crate) mod heap;
pub(crate) mod instances;
pub(crate) mod lists;
pub(crate) mod maps;
pub(crate) mod scalars;
pub(crate) mod spares;
pub(crate) mod texts;

use memory_trait::journal::Naming;
use memory_trait::{Address, ObjectId, ObjectKey};
use slotmap::Key;

use self::dict::Dict;
use crate::layout::TextKind;

/// The reference count of an object that is never reclaimed. Source: 3.12 `Include/object.h:_Py_IMMORTAL_REFCNT`.
pub(crate) const IMMORTAL: u32 = u32::MAX;

/// The count that 3.11 gives its static objects, so that it never reaches zero.
/// Source: 3.11 `pycore_runtime_init.h:_PyObject_IMMORTAL_REFCNT`.
pub(crate) const STATIC_REFCOUNT_3_11: u32 = 999_999_999;

/// What an object is, beyond its count.
#[derive(Debug, Default)]
pub(crate) enum Body {
    /// The head of one of the collector's lists; not an object of the program.
    #[default]
    Sentinel,
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An `int` that fits in 64 bits.
    Int(i64),
    /// A `float`.
    Float(f64),
    /// A `str`.
    Text(Text),
    /// A `bytes` of zeros, so many.
    Bytes(u64),
    /// A `tuple`.
    Tuple(Vec<ObjectKey>),
    /// A `list`.
    List(List),
    /// A `dict`. Boxed: it is large and its own tables are elsewhere anyway.
    Dict(Box<Dict>),
    /// An instance of a class with `__slots__`.
    Instance(Instance),
    /// A `weakref.ref`.
    Weak(Weak),
}

impl Body {
    /// Whether it owns memory of the host's, which would have to be given back.
    pub(crate) fn owns_memory(&self) -> bool {
        match self {
            Body::Sentinel
            | Body::None
            | Body::Bool(_)
            | Body::Int(_)
            | Body::Float(_)
            | Body::Bytes(_)
            | Body::Instance(Instance { class: _, fields: Fields::Inline(_) })
            | Body::Weak(_) => false,
            Body::List(list) => list.items.capacity() > 0,
            Body::Tuple(items) => items.capacity() > 0,
            Body::Text(_) | Body::Dict(_) | Body::Instance(Instance { class: _, fields: Fields::Many(_) }) => true,
        }
    }
}

/// The characters of a `str`.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) chars: String,
    pub(crate) n_chars: u64,
    pub(crate) kind: TextKind,
    /// Its hash, once somebody asked for it: such a string is never grown in place.
    pub(crate) hash: Option<u32>,
}

/// The elements of a `list`. `items.len()` is `ob_size`, `capacity` is `allocated`.
#[derive(Debug, Default)]
pub(crate) struct List {
    pub(crate) items: Vec<ObjectKey>,
    pub(crate) capacity: u64,
    pub(crate) block: Address,
}

/// The slots of an instance, in the order of the record's fields. `None` is NULL: the attribute is not set.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) class: u32,
    pub(crate) fields: Fields,
}

/// How many fields fit into the object itself.
pub(crate) const N_INLINE: usize = 4;

/// Few fields are kept inline: most records have at most four.
#[derive(Debug)]
pub(crate) enum Fields {
    Inline([Option<ObjectKey>; N_INLINE]),
    Many(Box<[Option<ObjectKey>]>),
}

impl Fields {
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<ObjectKey> {
        match self {
            Fields::Inline(fields) => fields[index],
            Fields::Many(fields) => fields[index],
        }
    }

    #[inline]
    pub(crate) fn replace(&mut self, index: usize, value: Option<ObjectKey>) -> Option<ObjectKey> {
        let field = match self {
            Fields::Inline(fields) => &mut fields[index],
            Fields::Many(fields) => &mut fields[index],
        };
        std::mem::replace(field, value)
    }
}

/// A weak reference, linked with the others to the same object.
#[derive(Debug)]
pub(crate) struct Weak {
    /// What it refers to, or `None` when that is gone.
    pub(crate) target: Option<ObjectKey>,
    /// The next and the previous reference to the same target.
    pub(crate) next: Option<ObjectKey>,
    pub(crate) prev: Option<ObjectKey>,
    /// The number of its callback, if it has one still to call.
    pub(crate) callback: Option<u64>,
}

/// An object: header and body.
#[expect(clippy::struct_excessive_bools, reason = "flags that the runtime keeps in spare bits of the header")]
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) refcount: u32,
    /// The collector's working copy of the count.
    pub(crate) gc_refs: u32,
    /// Neighbours in a list of the collector; null when untracked.
    pub(crate) prev: ObjectKey,
    pub(crate) next: ObjectKey,
    /// `id()`.
    pub(crate) address: Address,
    /// The newest weak reference to it.
    pub(crate) weakrefs: Option<ObjectKey>,
    /// Its name, if the workload created it.
    pub(crate) naming: Option<Naming>,
    /// Whether its type takes part in cyclic collection (`Py_TPFLAGS_HAVE_GC`).
    pub(crate) is_gc: bool,
    /// Whether its `__del__` was called.
    pub(crate) is_finalized: bool,
    /// `PREV_MASK_COLLECTING`: in the generation being collected and not yet known to be reachable.
    pub(crate) is_collecting: bool,
    /// `NEXT_MASK_UNREACHABLE`: tentatively unreachable.
    pub(crate) is_unreachable: bool,
    pub(crate) body: Body,
}

impl Object {
    /// An untracked object with one reference.
    #[inline]
    pub(crate) fn new(body: Body, address: Address, is_gc: bool) -> Object {
        Object {
            refcount: 1,
            gc_refs: 0,
            prev: ObjectKey::null(),
            next: ObjectKey::null(),
            address,
            weakrefs: None,
            naming: None,
            is_gc,
            is_finalized: false,
            is_collecting: false,
            is_unreachable: false,
            body,
        }
    }

    /// Whether the collector has it in one of its lists.
    #[inline]
    pub(crate) fn is_tracked(&self) -> bool {
        !self.next.is_null()
    }

    /// Whether it refers to nothing and its death is a matter of a block.
    #[inline]
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self.body, Body::Int(_) | Body::Float(_) | Body::Text(_) | Body::Bytes(_))
    }

    /// Its identity, if the workload created it.
    #[inline]
    pub(crate) fn id(&self) -> Option<ObjectId> {
        self.naming.map(|naming| naming.object)
    }

    /// `_PyObject_GC_MAY_BE_TRACKED`: whether a container that holds it has to be watched by the collector.
    #[inline]
    pub(crate) fn may_be_tracked(&self) -> bool {
        self.is_gc && (!matches!(self.body, Body::Tuple(_)) || self.is_tracked())
    }

    /// The type's name, as error messages give it.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.body {
            Body::Sentinel => "sentinel",
            Body::None => "NoneType",
            Body::Bool(_) => "bool",
            Body::Int(_) => "int",
            Body::Float(_) => "float",
            Body::Text(_) => "str",
            Body::Bytes(_) => "bytes",
            Body::Tuple(_) => "tuple",
            Body::List(_) => "list",
            Body::Dict(_) => "dict",
            Body::Instance(_) => "instance",
            Body::Weak(_) => "weakref",
        }
    }
}
