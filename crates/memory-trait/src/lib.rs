//! The vocabulary of heaptwin: what a program may ask of memory, what can go wrong, and what can be seen.
//!
//! Two seams. [`Allocator`] speaks of addresses: what `malloc` was asked and where it put things.
//! [`Machine`] speaks of objects: everything that a program, in whatever language, does to memory.
//! A model of a runtime implements one or both; a workload drives them without knowing which it drives.
//!
//! Invariant: nothing here knows a model, reads a clock, a file or the environment, or is there for one runtime only.
//! An operation that means nothing to a runtime is the honest no-op that it is in that language
//! (`free` in Python), never a reason for a second trait.
#![forbid(unsafe_code)]

pub mod allocator;
pub mod calculation;
pub mod event;
pub mod fault;
pub mod journal;
pub mod machine;
pub mod program;
pub mod units;
pub mod usage;

pub use allocator::Allocator;
pub use calculation::{Calculation, Operand, Operator};
pub use event::{Collection, Event, Label, ObjectName, Observer, Place, Reclaimer, Storage, Unwatched};
pub use fault::{Fault, FaultKind, FaultLog, Outcome};
pub use journal::Journal;
pub use machine::Machine;
pub use program::{Constant, Field, FunctionShape, Kind, Program, RecordShape, SlotShape};
pub use units::{
    Address, ConstantId, FieldIndex, FunctionId, Line, Moment, ObjectId, ObjectKey, RecordId, Site, Slot, ThreadId,
    Tick,
};
pub use usage::Usage;
