//! What the interpreter runs: the shapes of the program and its register code.
//!
//! The registers are the slots of the machine's frames. An operation that reads numbers from temporaries also ends
//! their lives ([`Operand::dies`]); references in temporaries are cleared by operations of their own, so that the
//! finalizers they release run before anything else happens.

mod op;

use memory_trait::{Constant, FaultKind, FieldIndex, FunctionId, Kind, Program, RecordId, Slot};

use crate::ast::ExpectedFault;
pub use op::{Arithmetic, Op, Operand, Reg, Target, Test};

/// One side of an `expect`'s comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Side {
    /// A slot, and what it holds; texts are told apart from other references.
    Slot(Reg, Kind, bool),
    /// A constant.
    Constant(Constant),
}

/// What is said when an `expect` does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The condition as it was written.
    pub text: String,
    /// Both sides of a comparison.
    pub sides: Option<(Side, Side)>,
}

/// What is created, and from what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// The record.
    pub record: RecordId,
    /// Whether it is in automatic storage.
    pub is_local: bool,
    /// The fields that are given, in source order.
    pub fields: Box<[FieldIndex]>,
    /// Where their values are.
    pub values: Box<[Slot]>,
}

/// A function's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its first operation.
    pub target: Target,
    /// How many loop counters it needs.
    pub n_counters: u16,
}

/// A compiled workload, with its parameters fixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Code {
    /// The workload's name.
    pub name: String,
    /// The shapes for the machine.
    pub program: Program,
    /// All operations.
    pub ops: Vec<Op>,
    /// The functions, as [`Program::functions`] lists them.
    pub entries: Vec<Entry>,
    /// The arguments of all calls.
    pub arguments: Vec<Slot>,
    /// All creations of records.
    pub creations: Vec<Creation>,
    /// What is expected.
    pub expectations: Vec<Expectation>,
    /// Where the program begins.
    pub main: FunctionId,
    /// Whether any record has a finalizer.
    pub has_finalizers: bool,
    /// Faults that the workload says are to be expected.
    pub expected_faults: Vec<ExpectedFault>,
    /// The parameters' values, as names and texts in source order.
    pub params: Vec<(String, String)>,
}

impl Code {
    /// Whether the workload says that this fault is to be expected on this machine.
    pub fn expects(&self, machine: &str, kind: FaultKind) -> bool {
        self.expected_faults
            .iter()
            .any(|expected| expected.kind == kind && expected.machines.iter().any(|m| m == machine))
    }
}
