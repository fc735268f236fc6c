//! The C machine: what a competent programmer's C program does to memory, operation by operation.
//!
//! Values are bytes in emulated memory: variables on the stack, fields and elements in what `malloc` gave. A read finds
//! what is there, whoever wrote it. Beside each reference the machine keeps which object it was made from: the compiler
//! would know its type from that, the observer is told identities, and the detector judges by it.
//!
//! The parts: `frames` (call and return), `slots` (variables), `handle` (from a variable to an object, and the judgement
//! of that), `records`, `lists`, `maps`, `texts`, `reclaim` (free, weak references, exit), `threads`, and `interface`,
//! which is the [`memory_trait::Machine`] that all of it adds up to.

mod builder;
mod frames;
mod handle;
mod heap;
mod interface;
mod lists;
mod maps;
mod object;
pub(crate) mod paged;
pub(crate) mod provenance;
mod reclaim;
mod records;
mod slots;
mod space;
mod texts;
mod threads;

pub use builder::Builder;

use memory_trait::{Journal, Kind, ObjectKey, Observer, Program, RecordId, ThreadId, Unwatched};

use crate::detector::Detector;
use crate::layout::RecordLayout;
use crate::malloc::Glibc;
use crate::process_heap::ProcessHeap;
use crate::stack::ThreadStack;
use heap::Books;
use object::{Objects, Shape};
use provenance::Provenance;
use slots::SlotState;
use space::Space;
use threads::Thread;

/// A C program's process: its stacks, its heap by the allocator `A`, and a detector of misuse.
///
/// Build one with [`C::builder`], drive it through [`memory_trait::Machine`].
#[derive(Clone, Debug)]
pub struct C<O = Unwatched, A = Glibc> {
    journal: Journal<O>,
    detector: Detector,
    space: Space<A>,
    /// The current thread.
    thread: Thread,
    thread_id: ThreadId,
    /// The other threads; at the current one's place an empty one.
    parked: Vec<Thread>,
    /// Stacks that wait for a thread.
    idle_stacks: Vec<usize>,
    /// In use on the stacks of threads that wait. Unit: bytes.
    waiting_stack_bytes: u64,
    objects: Objects,
    provenance: Provenance,
    books: Books,
    thread_stack: ThreadStack,
    program: Program,
    records: Vec<RecordLayout>,
    functions: Vec<Function>,
    constants: Vec<Value>,
    /// For each field of each record type: what the references in it were last seen to point to.
    inner: Vec<Vec<Shape>>,
    /// An object whose finalizer is due.
    pending: Option<Value>,
    /// Bytes of a text being read.
    scratch: Vec<u8>,
}

/// What a variable or a place in memory holds: the bits, and for a reference the object it was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Value {
    bits: u64,
    key: ObjectKey,
}

/// What is known of a function at a call.
#[derive(Clone, Debug)]
struct Function {
    /// The slots as they are when the frame begins.
    template: Vec<SlotState>,
    /// Those that are storage of a record.
    automatic: Vec<(usize, RecordId)>,
    n_parameters: usize,
    argument_bytes: u64,
    frame_bytes: u64,
}

impl<O: Observer, A: ProcessHeap> C<O, A> {
    /// The allocator, for its own reports and checks.
    pub fn allocator(&self) -> &A {
        &self.space.heap
    }

    /// The observer.
    pub fn observer(&self) -> &O {
        &self.journal.observer
    }

    /// The observer, to be asked or reset between operations.
    pub fn observer_mut(&mut self) -> &mut O {
        &mut self.journal.observer
    }

    /// Ends the machine and gives the observer back.
    pub fn into_observer(self) -> O {
        self.journal.observer
    }

    /// Bytes of the current thread's stack in use.
    pub fn stack_depth_bytes(&self) -> u64 {
        self.thread.depth_bytes()
    }

    /// The width at which a slot of this kind is stored.
    #[inline]
    fn is_byte(kind: Kind) -> bool {
        kind == Kind::Bool
    }
}
