//! The misuse detector: what it knows beyond what the machine needs to run.
//!
//! The machine itself knows of every pointer which object it was made from, because a C compiler knows its type. On top
//! of that the detector judges each use:
//!
//! | verdict | when |
//! |---|---|
//! | `UseAfterFree` | the object was freed, even if another one lies at its address now |
//! | `EscapedFrame` | the object was in automatic storage and its scope has ended |
//! | `OutOfBounds` | an index outside the elements, or a pointer that was not made from any object |
//! | `Uninitialised` | bytes, or a variable, that nobody has written since they came to be |
//! | `DoubleFree` | `free` of an object that was freed |
//! | `InvalidFree` | `free` of anything else that is not a heap object |
//! | `Leak` | at exit, a heap object that was not freed and that no live variable leads to |
//!
//! `NullDereference`, `Segfault`, `StackOverflow` and `OutOfMemory` are found without it: the processor, the kernel and
//! the allocator see to those.
//!
//! It watches and never interferes: the program goes on with what is really in memory. Where the processor or the
//! allocator stops the program at the same access, there is one fault: the detector's kind and object, the runtime's
//! message.
//!
//! Shadow memory holds a bit for each byte, *written since it came to be*, in pages that exist only where a program has
//! objects. Switched off, there is no shadow memory and a test of one flag is all that it costs.

mod written;

pub(crate) use written::Written;

/// The detector's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Detector {
    /// Whether it is on.
    pub(crate) is_on: bool,
    written: Written,
}

impl Detector {
    pub(crate) fn new(is_on: bool) -> Self {
        Detector { is_on, written: Written::default() }
    }

    /// Storage came to be at `at`: from `malloc` and on the stack nothing is written, from `calloc` all is.
    #[inline]
    pub(crate) fn born(&mut self, at: u64, bytes: u64, is_written: bool) {
        if self.is_on {
            self.written.fill(at, bytes, is_written);
        }
    }

    /// `bytes` bytes at `at` were written.
    #[inline]
    pub(crate) fn wrote(&mut self, at: u64, bytes: u64) {
        if self.is_on {
            self.written.fill(at, bytes, true);
        }
    }

    /// Whether reading `bytes` bytes at `at` reads what nobody has written.
    #[inline]
    pub(crate) fn is_unwritten(&mut self, at: u64, bytes: u64) -> bool {
        self.is_on && !self.written.is_all(at, bytes)
    }

    /// Drops the shadow of what is not mapped any more.
    pub(crate) fn retain(&mut self, is_mapped: impl FnMut(u64) -> bool) {
        self.written.retain(is_mapped);
    }

    /// Pages of shadow memory in use; each stands for 4 KiB.
    pub(crate) fn n_pages(&self) -> usize {
        self.written.n_pages()
    }
}
