//! Values, objects and frames, the same for all three smallest machines.

use memory_trait::journal::Naming;
use memory_trait::{Address, ConstantId, FunctionId, Kind, ObjectKey, Program, Slot, Storage};

/// Bytes in front of every object. Unit: bytes.
pub(crate) const HEADER_BYTES: u64 = 16;
/// Bytes of a slot, field or element. Unit: bytes.
pub(crate) const CELL_BYTES: u64 = 8;

/// What a slot, field or element holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    /// Nothing yet, or no longer.
    Unset,
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
    /// A text of the program's own: not an object.
    Constant(ConstantId),
    Object(ObjectKey),
}

impl Value {
    /// What cleared memory means.
    pub(crate) fn zero(kind: Kind) -> Value {
        match kind {
            Kind::Int => Value::Int(0),
            Kind::Float => Value::Float(0.0),
            Kind::Bool => Value::Bool(false),
            Kind::Reference => Value::Null,
        }
    }

    /// The object it refers to.
    pub(crate) fn key(self) -> Option<ObjectKey> {
        if let Value::Object(key) = self { Some(key) } else { None }
    }
}

/// What is inside an object.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Fields, elements, or a map's keys and values in turn; a removed entry leaves two unset cells.
    Cells(Vec<Value>),
    /// So many zeros.
    Bytes(u64),
    /// Characters.
    Text(String),
    /// A reference that does not keep.
    Weak(ObjectKey),
}

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) naming: Naming,
    pub(crate) storage: Storage,
    pub(crate) address: Address,
    pub(crate) body: Body,
    /// The kind of its elements.
    pub(crate) element: Kind,
    /// What runs before it is reclaimed, until it has run.
    pub(crate) finalizer: Option<FunctionId>,
    /// How many slots and cells refer to it. Only counts look at it.
    pub(crate) n_holders: u64,
}

impl Object {
    /// Bytes that the program asked for.
    pub(crate) fn payload_bytes(&self) -> u64 {
        match &self.body {
            Body::Cells(cells) => cells.len() as u64 * CELL_BYTES,
            Body::Bytes(n_bytes) => *n_bytes,
            Body::Text(text) => text.len() as u64,
            Body::Weak(_) => CELL_BYTES,
        }
    }

    /// Bytes with the header.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.payload_bytes() + HEADER_BYTES
    }

    /// Its cells.
    pub(crate) fn cells(&mut self) -> &mut Vec<Value> {
        match &mut self.body {
            Body::Cells(cells) => cells,
            body => panic!("{body:?} has no cells"),
        }
    }

    /// The objects that it keeps, in order; weak references keep nothing.
    pub(crate) fn references(&self) -> Vec<ObjectKey> {
        match &self.body {
            Body::Cells(cells) => cells.iter().filter_map(|cell| cell.key()).collect(),
            Body::Bytes(_) | Body::Text(_) | Body::Weak(_) => Vec::new(),
        }
    }
}

/// A frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) function: FunctionId,
    pub(crate) slots: Vec<Value>,
    /// Where in the caller's frame its value goes.
    pub(crate) result: Option<Slot>,
    /// The object whose finalizer this is.
    pub(crate) finalizes: Option<ObjectKey>,
}

impl Frame {
    pub(crate) fn new(program: &Program, function: FunctionId) -> Frame {
        let slots = vec![Value::Unset; program.function_shape(function).slots.len()];
        Frame { function, slots, result: None, finalizes: None }
    }

    /// Bytes on the stack, without what is in automatic storage.
    pub(crate) fn stack_bytes(&self) -> u64 {
        HEADER_BYTES + self.slots.len() as u64 * CELL_BYTES
    }
}
