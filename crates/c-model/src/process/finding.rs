//! What the detector reports: the error, the access, the object, where that was born and where it was over.

use std::fmt;

use memory_trait::Address;

/// An error in the program, by the rules of C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Misuse {
    /// A block was used after `free` or `realloc`.
    UseAfterFree,
    /// A local was used after its function had returned.
    UseAfterReturn,
    /// A local was used after its block had ended.
    UseAfterScope,
    /// An access outside the object that the pointer was made from.
    OutOfBounds,
    /// A null pointer was used.
    NullDereference,
    /// A pointer made from a number, to where no object is, was used.
    WildPointer,
    /// `free` or `realloc` of a block that was freed.
    DoubleFree,
    /// `free` or `realloc` of anything that is not the beginning of a block.
    InvalidFree,
    /// A decision or a system call depends on bytes that nobody has written.
    Uninitialised,
    /// `memcpy` between ranges that overlap.
    Overlap,
    /// A request of more bytes than an object may have, as a negative number makes.
    FishySize,
    /// The stack has no room for the frame.
    StackOverflow,
    /// At exit, no pointer in reachable memory leads to a block.
    Leak,
}

impl Misuse {
    /// The stable name: `use_after_free`.
    pub const fn name(self) -> &'static str {
        match self {
            Misuse::UseAfterFree => "use_after_free",
            Misuse::UseAfterReturn => "use_after_return",
            Misuse::UseAfterScope => "use_after_scope",
            Misuse::OutOfBounds => "out_of_bounds",
            Misuse::NullDereference => "null_dereference",
            Misuse::WildPointer => "wild_pointer",
            Misuse::DoubleFree => "double_free",
            Misuse::InvalidFree => "invalid_free",
            Misuse::Uninitialised => "uninitialised",
            Misuse::Overlap => "overlap",
            Misuse::FishySize => "fishy_size",
            Misuse::StackOverflow => "stack_overflow",
            Misuse::Leak => "leak",
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the program was doing. Lengths in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading so many bytes.
    Read(u64),
    /// Writing so many bytes.
    Write(u64),
    /// Deciding by so many bytes.
    Branch(u64),
    /// Handing so many bytes to the kernel.
    Syscall(u64),
    /// `memcpy` of so many bytes.
    Copy(u64),
    /// `free`.
    Free,
    /// `realloc`.
    Realloc,
    /// A request of so many bytes.
    Request(u64),
    /// A call whose frame needs so many bytes.
    Call(u64),
    /// The end of the process.
    Exit,
}

struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Access::Read(bytes) => write!(f, "read of {}", Bytes(bytes)),
            Access::Write(bytes) => write!(f, "write of {}", Bytes(bytes)),
            Access::Branch(bytes) => write!(f, "branch on {}", Bytes(bytes)),
            Access::Syscall(bytes) => write!(f, "system call with {}", Bytes(bytes)),
            Access::Copy(bytes) => write!(f, "memcpy of {}", Bytes(bytes)),
            Access::Free => f.write_str("free"),
            Access::Realloc => f.write_str("realloc"),
            Access::Request(bytes) => write!(f, "request of {}", Bytes(bytes)),
            Access::Call(bytes) => write!(f, "frame of {}", Bytes(bytes)),
            Access::Exit => f.write_str("exit"),
        }
    }
}

/// Where objects live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A block of `malloc`'s.
    Heap,
    /// A local variable, or what `alloca` gave.
    Stack,
    /// A global variable.
    Global,
}

/// A place in the program: the function that ran, and how many steps had been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Empty outside of any function: before `main`, and after it.
    pub function: &'static str,
    /// Counted from 1.
    pub step: u64,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.function {
            "" => write!(f, "at step {}", self.step),
            function => write!(f, "in {function} at step {}", self.step),
        }
    }
}

/// The object that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// `malloc#3`, or the variable's name.
    pub name: String,
    /// Where it lives.
    pub storage: Storage,
    /// Where it begins.
    pub address: Address,
    /// Exactly, as asked for or declared.
    pub bytes: u64,
    /// Where it came to be.
    pub born: Site,
    /// Where it was freed or went out of scope, if it did.
    pub over: Option<Site>,
}

/// One error that the detector found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of error.
    pub misuse: Misuse,
    /// What the program was doing.
    pub access: Access,
    /// Where in the program.
    pub at: Site,
    /// The address concerned.
    pub address: Address,
    /// The object concerned, if it is known.
    pub owner: Option<Owner>,
}

impl Finding {
    /// The error and the object in three words: `use_after_free of malloc#1`.
    pub fn summary(&self) -> String {
        match &self.owner {
            Some(owner) => format!("{} of {}", self.misuse, owner.name),
            None => self.misuse.name().to_owned(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { misuse, access, at, address, owner } = self;
        write!(f, "{misuse} {at}: {access}")?;
        let Some(Owner { name, storage: _, address: start, bytes, born, over }) = owner else {
            return if address.is_null() { Ok(()) } else { write!(f, " at {address}") };
        };
        match (address.0.wrapping_sub(start.0) as i64, access) {
            (0, Access::Free | Access::Realloc) => write!(f, " of {name}")?,
            (_, Access::Exit) => write!(f, " without {name}")?,
            (offset, _) => write!(f, " at offset {offset} of {name}")?,
        }
        write!(f, " ({}, born {born}", Bytes(*bytes))?;
        match over {
            Some(over) => write!(f, ", over {over})"),
            None => f.write_str(")"),
        }
    }
}
