//! How a C machine is set up.

use memory_trait::{Address, Journal, Observer, Program, ThreadId, Unwatched};

use super::C;
use super::heap::Books;
use super::object::Objects;
use super::provenance::Provenance;
use super::space::Space;
use super::threads::Thread;
use crate::detector::Detector;
use crate::malloc::Glibc;
use crate::params::{GUARD_BYTES, LIMIT_HEAP_BYTES, STACK_BYTES, STACK_TOP};
use crate::process_heap::ProcessHeap;
use crate::stack::{Stack, ThreadStack};

/// The parameters of a C machine.
///
/// ```
/// use c_model::{C, KernighanRitchie};
/// let machine = C::builder().allocator(KernighanRitchie::default()).stack_bytes(64 << 10).detect(false).build();
/// assert_eq!(machine.stack_depth_bytes(), 0);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder<O, A> {
    observer: O,
    allocator: A,
    is_detecting: bool,
    stack_top: Address,
    stack_bytes: u64,
    thread_stack_bytes: u64,
    limit_heap_bytes: u64,
}

impl C<Unwatched, Glibc> {
    /// A machine with glibc's allocator, stacks of 8 MiB, a heap of at most 256 MiB and the detector on.
    pub fn builder() -> Builder<Unwatched, Glibc> {
        Builder {
            observer: Unwatched,
            allocator: Glibc::builder().build(),
            is_detecting: true,
            stack_top: STACK_TOP,
            stack_bytes: STACK_BYTES,
            thread_stack_bytes: STACK_BYTES,
            limit_heap_bytes: LIMIT_HEAP_BYTES,
        }
    }
}

impl<O: Observer, A: ProcessHeap> Builder<O, A> {
    /// Who watches.
    pub fn observer<P: Observer>(self, observer: P) -> Builder<P, A> {
        let Builder {
            observer: _,
            allocator,
            is_detecting,
            stack_top,
            stack_bytes,
            thread_stack_bytes,
            limit_heap_bytes,
        } = self;
        Builder { observer, allocator, is_detecting, stack_top, stack_bytes, thread_stack_bytes, limit_heap_bytes }
    }

    /// Whose `malloc` it is.
    pub fn allocator<B: ProcessHeap>(self, allocator: B) -> Builder<O, B> {
        let Builder {
            observer,
            allocator: _,
            is_detecting,
            stack_top,
            stack_bytes,
            thread_stack_bytes,
            limit_heap_bytes,
        } = self;
        Builder { observer, allocator, is_detecting, stack_top, stack_bytes, thread_stack_bytes, limit_heap_bytes }
    }

    /// Whether misuse is looked for. Without it the program runs the same, and nobody tells.
    pub fn detect(mut self, is_detecting: bool) -> Self {
        self.is_detecting = is_detecting;
        self
    }

    /// The address just above the main thread's first frame; a multiple of 16.
    pub fn stack_top(mut self, top: Address) -> Self {
        self.stack_top = top;
        self
    }

    /// The main thread's stack: `ulimit -s`. Unit: bytes.
    pub fn stack_bytes(mut self, bytes: u64) -> Self {
        self.stack_bytes = bytes;
        self
    }

    /// The stacks of the other threads: `pthread_attr_setstacksize`, with the library's part at their top. Unit: bytes.
    pub fn thread_stack_bytes(mut self, bytes: u64) -> Self {
        self.thread_stack_bytes = bytes;
        self
    }

    /// How far the heap may grow before `malloc` answers NULL. Unit: bytes.
    pub fn limit_heap_bytes(mut self, bytes: u64) -> Self {
        self.limit_heap_bytes = bytes;
        self
    }

    /// The machine.
    ///
    /// # Panics
    /// When the top or the size of the main thread's stack is not a multiple of 16 bytes, when that does not fit below its
    /// top, or when the other threads' stacks are smaller than the C library allows.
    pub fn build(self) -> C<O, A> {
        let Builder {
            observer,
            mut allocator,
            is_detecting,
            stack_top,
            stack_bytes,
            thread_stack_bytes,
            limit_heap_bytes,
        } = self;
        for value in [stack_top.0, stack_bytes] {
            assert!(value % 16 == 0, "{value:#x} of a stack is not a multiple of 16");
        }
        let thread_stack = ThreadStack::new(thread_stack_bytes, GUARD_BYTES);
        let thread_stack =
            thread_stack.unwrap_or_else(|| panic!("no thread has a stack of {thread_stack_bytes} bytes"));
        allocator.limit_heap_bytes(limit_heap_bytes);
        let stack = Stack::new(stack_top, stack_bytes);
        let books = Books::new(allocator.heap_bytes());
        C {
            journal: Journal::new(observer),
            detector: Detector::new(is_detecting),
            thread: Thread::new(0, &stack, 0),
            thread_id: ThreadId(0),
            parked: vec![Thread::default()],
            space: Space::new(allocator, stack),
            idle_stacks: Vec::new(),
            waiting_stack_bytes: 0,
            objects: Objects::default(),
            provenance: Provenance::default(),
            books,
            thread_stack,
            program: Program::default(),
            records: Vec::new(),
            functions: Vec::new(),
            constants: Vec::new(),
            inner: Vec::new(),
            pending: None,
            scratch: Vec::new(),
        }
    }
}
