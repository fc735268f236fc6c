//! Units and names of things: addresses, ticks, slots, objects. Small copies, never bare integers.

use std::fmt;

slotmap::new_key_type! {
    /// A model's own handle of a live object: generational, so that a handle that outlived its object
    /// is caught when it is used, never silently taken for the object that came after it.
    pub struct ObjectKey;
}

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
        pub struct $name(pub $inner);

        impl $name {
            /// The number as an index.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

unit! {
    /// An emulated virtual address in bytes. 0 is the null pointer.
    Address(u64)
}
unit! {
    /// The clock: workload steps since the start, the same on every machine. Unit: steps.
    Tick(u64)
}
unit! {
    /// A place in the program's code: the same each time what stands there is executed.
    Site(u32)
}
unit! {
    /// A line of the workload's source, from 1; 0 where there is no source (a library user, a recorded trace).
    Line(u32)
}
unit! {
    /// A slot of the current frame: a named local or a temporary, numbered as its [`crate::FunctionShape`] lists them.
    Slot(u32)
}
unit! {
    /// A function, by its place in [`crate::Program::functions`].
    FunctionId(u32)
}
unit! {
    /// A record type, by its place in [`crate::Program::records`].
    RecordId(u32)
}
unit! {
    /// A constant, by its place in [`crate::Program::constants`].
    ConstantId(u32)
}
unit! {
    /// A field, by its place in [`crate::RecordShape::fields`].
    FieldIndex(u32)
}
unit! {
    /// A thread, in order of its start. The main thread is 0.
    ThreadId(u32)
}
unit! {
    /// The n-th object that the workload created, from 0: the same on every machine for the same workload.
    ObjectId(u64)
}

impl Address {
    /// The null pointer.
    pub const NULL: Address = Address(0);

    /// Whether this is the null pointer.
    #[inline]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// The address `bytes` further up.
    #[inline]
    #[must_use]
    pub const fn offset(self, bytes: u64) -> Address {
        Address(self.0.wrapping_add(bytes))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When and where something happened: the only notion of time there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Moment {
    /// The workload step.
    pub tick: Tick,
    /// The source line being executed.
    pub line: Line,
    /// The thread executing it.
    pub thread: ThreadId,
}
