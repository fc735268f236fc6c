//! What a program can do wrong, as values.
//!
//! A fault is *fatal* when the program cannot go on in that runtime: an uncaught exception, a signal, an abort.
//! A fatal fault is the `Err` of the operation. A fault that the runtime would not notice (most of what C programs
//! do wrong) is recorded in the machine's [`FaultLog`] and the operation goes on with whatever is really there.

use std::fmt;

use crate::event::ObjectName;
use crate::units::{Moment, Tick};

/// The result of an operation; `Err` is a fatal fault. Boxed, so that the good case stays in registers.
pub type Outcome<T> = Result<T, Box<Fault>>;

/// The classes of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum FaultKind {
    /// Something was read or written through null.
    NullDereference,
    /// Something was read or written in a block after it was freed.
    UseAfterFree,
    /// A block was freed twice.
    DoubleFree,
    /// Something that is not the start of a heap block was freed.
    InvalidFree,
    /// An index or address outside the object.
    OutOfBounds,
    /// Something was read that nobody had written.
    Uninitialised,
    /// Automatic storage was used after its frame had returned.
    EscapedFrame,
    /// A block that was never freed, found at exit.
    Leak,
    /// The stack is full, or the runtime's limit of calls is reached.
    StackOverflow,
    /// A request for memory could not be met.
    OutOfMemory,
    /// The runtime noticed that its own data are damaged, and stopped the program.
    Corruption,
    /// An address where nothing is mapped.
    Segfault,
    /// An integer result outside 64 bits.
    IntegerOverflow,
    /// Division or remainder by zero.
    DivisionByZero,
    /// A key that is not in the map, an item taken from an empty list.
    Missing,
    /// A map changed while a loop went over it.
    ModifiedInLoop,
    /// A count or length that makes no sense.
    InvalidValue,
    /// An `expect` that did not hold.
    ExpectFailed,
    /// All threads wait for each other.
    Deadlock,
    /// More steps than the run was allowed.
    StepLimit,
}

impl FaultKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [FaultKind; 20] = [
        FaultKind::NullDereference,
        FaultKind::UseAfterFree,
        FaultKind::DoubleFree,
        FaultKind::InvalidFree,
        FaultKind::OutOfBounds,
        FaultKind::Uninitialised,
        FaultKind::EscapedFrame,
        FaultKind::Leak,
        FaultKind::StackOverflow,
        FaultKind::OutOfMemory,
        FaultKind::Corruption,
        FaultKind::Segfault,
        FaultKind::IntegerOverflow,
        FaultKind::DivisionByZero,
        FaultKind::Missing,
        FaultKind::ModifiedInLoop,
        FaultKind::InvalidValue,
        FaultKind::ExpectFailed,
        FaultKind::Deadlock,
        FaultKind::StepLimit,
    ];

    /// The stable name, as workloads and reports write it: `use_after_free`.
    pub const fn name(self) -> &'static str {
        match self {
            FaultKind::NullDereference => "null_dereference",
            FaultKind::UseAfterFree => "use_after_free",
            FaultKind::DoubleFree => "double_free",
            FaultKind::InvalidFree => "invalid_free",
            FaultKind::OutOfBounds => "out_of_bounds",
            FaultKind::Uninitialised => "uninitialised",
            FaultKind::EscapedFrame => "escaped_frame",
            FaultKind::Leak => "leak",
            FaultKind::StackOverflow => "stack_overflow",
            FaultKind::OutOfMemory => "out_of_memory",
            FaultKind::Corruption => "corruption",
            FaultKind::Segfault => "segfault",
            FaultKind::IntegerOverflow => "integer_overflow",
            FaultKind::DivisionByZero => "division_by_zero",
            FaultKind::Missing => "missing",
            FaultKind::ModifiedInLoop => "modified_in_loop",
            FaultKind::InvalidValue => "invalid_value",
            FaultKind::ExpectFailed => "expect_failed",
            FaultKind::Deadlock => "deadlock",
            FaultKind::StepLimit => "step_limit",
        }
    }

    /// The kind of that stable name.
    pub fn from_name(name: &str) -> Option<FaultKind> {
        FaultKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One thing that went wrong: what, when, where, to which object, in whose words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// When and where.
    pub at: Moment,
    /// The object concerned, if it is known.
    pub object: Option<ObjectName>,
    /// When that object was reclaimed, if it was.
    pub reclaimed: Option<Tick>,
    /// What the runtime itself would print: `free(): double free detected in tcache 2`,
    /// `IndexError: list index out of range`. Empty where the runtime says nothing.
    pub message: String,
    /// Whether the program ends here.
    pub is_fatal: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(object) = &self.object {
            write!(f, " of {object}")?;
        }
        if self.at.line.0 != 0 {
            write!(f, " at line {}", self.at.line.0)?;
        }
        write!(f, ", tick {}", self.at.tick)?;
        if let Some(reclaimed) = self.reclaimed {
            write!(f, " (reclaimed at tick {reclaimed})")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// The faults of a run: all are counted, the first [`FaultLog::KEPT`] are kept whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultLog {
    kept: Vec<Fault>,
    counts: [u64; FaultKind::ALL.len()],
}

impl FaultLog {
    /// How many faults are kept whole. A loop that faults a million times needs no million reports.
    pub const KEPT: usize = 1000;

    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        self.counts[fault.kind as usize] += 1;
        if self.kept.len() < Self::KEPT {
            self.kept.push(fault);
        }
    }

    /// The first faults, in order.
    pub fn first(&self) -> &[Fault] {
        &self.kept
    }

    /// How many faults of `kind` there were.
    pub fn count(&self, kind: FaultKind) -> u64 {
        self.counts[kind as usize]
    }

    /// How many faults there were.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: FaultKind, tick: u64) -> Fault {
        let at = Moment { tick: Tick(tick), ..Moment::default() };
        Fault { kind, at, object: None, reclaimed: None, message: String::new(), is_fatal: false }
    }

    #[test]
    fn every_kind_stands_once_in_the_list_and_is_found_by_its_name() {
        for (place, kind) in FaultKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place, "{kind} is at its place");
            assert_eq!(FaultKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(FaultKind::from_name("no_such_fault"), None);
    }

    #[test]
    fn all_faults_are_counted_and_only_the_first_are_kept() {
        let mut log = FaultLog::default();
        for tick in 0..FaultLog::KEPT as u64 + 5 {
            log.push(fault(FaultKind::OutOfBounds, tick));
        }
        log.push(fault(FaultKind::Leak, 0));
        assert_eq!(log.first().len(), FaultLog::KEPT);
        assert_eq!(log.first()[FaultLog::KEPT - 1].at.tick, Tick(FaultLog::KEPT as u64 - 1));
        assert_eq!(log.count(FaultKind::OutOfBounds), FaultLog::KEPT as u64 + 5);
        assert_eq!(log.count(FaultKind::Leak), 1);
        assert_eq!(log.count(FaultKind::DoubleFree), 0);
        assert_eq!(log.total(), FaultLog::KEPT as u64 + 6);
    }

    #[test]
    fn a_fault_says_what_when_where_and_in_whose_words() {
        let object = Some(ObjectName { label: "Node".to_owned(), ordinal: 3 });
        let full = Fault { object, reclaimed: Some(Tick(4)), message: "words".to_owned(), ..fault(FaultKind::Leak, 5) };
        assert_eq!(full.to_string(), "leak of Node#3, tick 5 (reclaimed at tick 4): words");
        assert_eq!(fault(FaultKind::Deadlock, 6).to_string(), "deadlock, tick 6");
    }
}
