//! Objects as `CPython` has them: a count, a place in the collector's lists, and a body.
//!
//! Mirrors `PyObject` with its `PyGC_Head`. Everything is an object here, the number 1000 as well as a list of a million
//! elements. What a body *is* lives in this module and its children; when it dies is `refcount`'s business, whether it
//! can be reached `cycle`'s. Knows nothing of frames.

pub(crate) mod account;
pub(crate) mod dict;
pub(crate) mod heap;
pub(crate) mod instances;
pub(crate) mod iterators;
pub(crate) mod lists;
pub(crate) mod longs;
pub(crate) mod maps;
pub(crate) mod scalars;
pub(crate) mod spares;
pub(crate) mod table;
pub(crate) mod texts;

use memory_trait::{Address, ObjectKey};

use self::dict::Dict;
use self::table::{NOWHERE, Place};
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
    Text(Box<Text>),
    /// A `bytes` of zeros, so many.
    Bytes(u64),
    /// A `tuple`.
    Tuple(Vec<ObjectKey>),
    /// A `list`.
    List(Box<List>),
    /// A `dict`.
    Dict(Box<Dict>),
    /// An instance of a class with few slots, which are here.
    Instance(Instance),
    /// An instance of a class with many slots, which are elsewhere.
    LargeInstance(LargeInstance),
    /// A `weakref.ref`.
    Weak(Box<Weak>),
    /// What goes over a list or dict.
    Iterator(ObjectKey),
    /// What goes over a range.
    Range,
}

/// The slots of an instance, in the order of the record's fields. `None` is NULL: the attribute is not set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instance {
    pub(crate) class: u32,
    pub(crate) fields: [Option<ObjectKey>; N_INLINE],
}

/// The same for more slots than fit into the record of an object.
#[derive(Debug)]
pub(crate) struct LargeInstance {
    pub(crate) class: u32,
    pub(crate) fields: Box<[Option<ObjectKey>]>,
}

/// How many slots fit into the record of an object: most classes have at most three.
pub(crate) const N_INLINE: usize = 3;

impl Body {
    /// Whether its type takes part in cyclic collection (`Py_TPFLAGS_HAVE_GC`).
    #[inline]
    pub(crate) fn is_gc(&self) -> bool {
        matches!(
            self,
            Body::Tuple(_)
                | Body::List(_)
                | Body::Dict(_)
                | Body::Instance(_)
                | Body::LargeInstance(_)
                | Body::Weak(_)
                | Body::Iterator(_)
        )
    }

    /// Whether it owns memory of the host's, which would have to be given back.
    pub(crate) fn owns_memory(&self) -> bool {
        match self {
            Body::Sentinel
            | Body::None
            | Body::Bool(_)
            | Body::Int(_)
            | Body::Float(_)
            | Body::Bytes(_)
            | Body::Instance(_)
            | Body::Iterator(_)
            | Body::Range => false,
            Body::Tuple(items) => items.capacity() > 0,
            Body::Text(_) | Body::List(_) | Body::Dict(_) | Body::LargeInstance(_) | Body::Weak(_) => true,
        }
    }

    /// The class of an instance.
    #[inline]
    pub(crate) fn class(&self) -> Option<u32> {
        match self {
            Body::Instance(instance) => Some(instance.class),
            Body::LargeInstance(instance) => Some(instance.class),
            _ => None,
        }
    }

    /// The slots of an instance.
    #[inline]
    pub(crate) fn fields(&self) -> Option<&[Option<ObjectKey>]> {
        match self {
            Body::Instance(instance) => Some(&instance.fields),
            Body::LargeInstance(instance) => Some(&instance.fields),
            _ => None,
        }
    }

    /// The slots of an instance, to change.
    #[inline]
    pub(crate) fn fields_mut(&mut self) -> Option<&mut [Option<ObjectKey>]> {
        match self {
            Body::Instance(instance) => Some(&mut instance.fields),
            Body::LargeInstance(instance) => Some(&mut instance.fields),
            _ => None,
        }
    }
}

/// The characters of a `str`.
#[derive(Debug, Default)]
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

/// What the collector knows of an object while it collects its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It is not collecting that generation.
    None,
    /// `PREV_MASK_COLLECTING`: not yet known to be reachable.
    Collecting,
    /// `NEXT_MASK_UNREACHABLE` as well: tentatively unreachable.
    Unreachable,
}

/// An object: header and body, in one cache line.
#[derive(Debug)]
pub(crate) struct Object {
    /// Which of the objects that were in its place it is; odd while it lives.
    version: u32,
    pub(crate) refcount: u32,
    /// Neighbours in a list of the collector; [`NOWHERE`] when untracked.
    pub(crate) prev: Place,
    pub(crate) next: Place,
    /// `id()`.
    pub(crate) address: Address,
    /// The collector's working copy of the count. Of an `int`, which it never sees, what its block has if that is more
    /// than the value needs, else 0. Unit: bytes.
    pub(crate) gc_refs: u32,
    pub(crate) mark: Mark,
    /// Whether there is a weak reference to it.
    pub(crate) has_weakrefs: bool,
    /// Whether its `__del__` was called.
    pub(crate) is_finalized: bool,
    /// Whether the workload created it, and has a name for it.
    is_named: bool,
    pub(crate) body: Body,
}

impl Object {
    /// An untracked object with one reference.
    #[inline]
    fn new(body: Body, address: Address) -> Object {
        Object {
            version: 1,
            refcount: 1,
            prev: NOWHERE,
            next: NOWHERE,
            address,
            gc_refs: 0,
            mark: Mark::None,
            has_weakrefs: false,
            is_finalized: false,
            is_named: false,
            body,
        }
    }

    /// Whether the collector has it in one of its lists.
    #[inline]
    pub(crate) fn is_tracked(&self) -> bool {
        self.next != NOWHERE
    }

    /// Whether a collection of its generation is running that does not know yet whether it can be reached.
    #[inline]
    pub(crate) fn is_collecting(&self) -> bool {
        self.mark != Mark::None
    }

    /// `_PyObject_GC_MAY_BE_TRACKED`: whether a container that holds it has to be watched by the collector.
    #[inline]
    pub(crate) fn may_be_tracked(&self) -> bool {
        self.body.is_gc() && (!matches!(self.body, Body::Tuple(_)) || self.is_tracked())
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
            Body::Instance(_) | Body::LargeInstance(_) => "instance",
            Body::Weak(_) => "weakref",
            Body::Iterator(_) => "iterator",
            Body::Range => "range_iterator",
        }
    }
}
