//! What a machine has to know of a program before it runs: the shapes of its records, frames and constants.
//!
//! Shapes say what a thing *holds*, never how many bytes it takes: that is the runtime's decision.

use crate::units::{ConstantId, FieldIndex, FunctionId, RecordId, Slot};

/// What a slot, field or element holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A signed 64-bit integer.
    Int,
    /// An IEEE 754 double.
    Float,
    /// True or false.
    Bool,
    /// A reference to an object (record, array, list, map, text, bytes, weak reference), or null.
    Reference,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the source.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// A record type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordShape {
    /// Its name in the source.
    pub name: String,
    /// Its fields in source order.
    pub fields: Vec<Field>,
    /// The function that runs before an object of this type is reclaimed; its only parameter is the object.
    pub finalizer: Option<FunctionId>,
    /// Whether the program makes weak references to objects of this type: some runtimes have to provide for them.
    pub is_weakly_referenced: bool,
}

/// A slot of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotShape {
    /// The variable's name, or `None` for a temporary (in C a register, not a place on the stack).
    pub name: Option<String>,
    /// What it holds.
    pub kind: Kind,
    /// `Some` when the slot is the storage of a record itself, as `struct Node n;` is in C, and not a reference to
    /// one. Its kind is [`Kind::Reference`]: what is read from it is the record's address.
    pub automatic: Option<RecordId>,
}

/// A function: the shape of its frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionShape {
    /// Its name in the source.
    pub name: String,
    /// How many of the slots are parameters; they come first.
    pub n_parameters: usize,
    /// All slots: parameters, named locals, temporaries.
    pub slots: Vec<SlotShape>,
}

/// A constant: part of the program, not an object that it creates.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string literal.
    Text(String),
}

/// The shapes of a whole program.
///
/// ```
/// use memory_trait::{Kind, Program};
/// let mut program = Program::default();
/// let node = program.record("Node", &[("value", Kind::Int), ("next", Kind::Reference)]);
/// let main = program.function("main", &[], &[("list", Kind::Reference), ("i", Kind::Int)]);
/// assert_eq!(program.records[node.index()].fields.len(), 2);
/// assert_eq!(program.functions[main.index()].slots.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// Record types.
    pub records: Vec<RecordShape>,
    /// Functions.
    pub functions: Vec<FunctionShape>,
    /// Constants.
    pub constants: Vec<Constant>,
}

impl Program {
    /// Adds a record type without a finalizer.
    pub fn record(&mut self, name: &str, fields: &[(&str, Kind)]) -> RecordId {
        let fields = fields.iter().map(|&(name, kind)| Field { name: name.to_owned(), kind }).collect();
        self.records.push(RecordShape { name: name.to_owned(), fields, finalizer: None, is_weakly_referenced: false });
        RecordId(self.records.len() as u32 - 1)
    }

    /// Adds a function; its slots are the parameters followed by the locals, all of them named.
    pub fn function(&mut self, name: &str, parameters: &[(&str, Kind)], locals: &[(&str, Kind)]) -> FunctionId {
        let slots = parameters
            .iter()
            .chain(locals)
            .map(|&(name, kind)| SlotShape { name: Some(name.to_owned()), kind, automatic: None })
            .collect();
        self.functions.push(FunctionShape { name: name.to_owned(), n_parameters: parameters.len(), slots });
        FunctionId(self.functions.len() as u32 - 1)
    }

    /// Adds a constant.
    pub fn constant(&mut self, constant: Constant) -> ConstantId {
        self.constants.push(constant);
        ConstantId(self.constants.len() as u32 - 1)
    }

    /// The shape of a function.
    #[inline]
    pub fn function_shape(&self, function: FunctionId) -> &FunctionShape {
        &self.functions[function.index()]
    }

    /// The shape of a record type.
    #[inline]
    pub fn record_shape(&self, record: RecordId) -> &RecordShape {
        &self.records[record.index()]
    }

    /// The kind of a field.
    #[inline]
    pub fn field_kind(&self, record: RecordId, field: FieldIndex) -> Kind {
        self.records[record.index()].fields[field.index()].kind
    }

    /// The shape of a slot.
    #[inline]
    pub fn slot_shape(&self, function: FunctionId, slot: Slot) -> &SlotShape {
        &self.functions[function.index()].slots[slot.index()]
    }
}
