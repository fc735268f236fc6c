//! How a call ends that does not return: glibc stops the program with a message, or the processor does.

use memory_trait::{Address, FaultKind};

use crate::memory::Unmapped;

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident: $kind:ident, $message:literal;)*) => {
        /// The checks of glibc 2.36's malloc, each by the message it stops the program with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Check {
            $(#[doc = concat!("`", $message, "`")] $name,)*
        }

        impl Check {
            /// Every check, in the order of declaration.
            pub const ALL: &[Check] = &[$(Check::$name),*];

            /// The text on stderr, without its newline.
            pub const fn message(self) -> &'static str {
                match self { $(Check::$name => $message,)* }
            }

            /// What the program did wrong, as far as the message tells.
            pub const fn kind(self) -> FaultKind {
                match self { $(Check::$name => FaultKind::$kind,)* }
            }
        }
    };
}

checks! {
    TcacheDouble: DoubleFree, "free(): double free detected in tcache 2";
    FastTop: DoubleFree, "double free or corruption (fasttop)";
    FreeTop: DoubleFree, "double free or corruption (top)";
    FreeOut: DoubleFree, "double free or corruption (out)";
    FreeNotInUse: DoubleFree, "double free or corruption (!prev)";
    FreePointer: InvalidFree, "free(): invalid pointer";
    FreeSize: InvalidFree, "free(): invalid size";
    MunmapPointer: InvalidFree, "munmap_chunk(): invalid pointer";
    MremapPointer: InvalidFree, "mremap_chunk(): invalid pointer";
    ReallocPointer: InvalidFree, "realloc(): invalid pointer";
    ReallocOldSize: Corruption, "realloc(): invalid old size";
    ReallocNextSize: Corruption, "realloc(): invalid next size";
    FreeNextSizeFast: Corruption, "free(): invalid next size (fast)";
    FreeNextSizeNormal: Corruption, "free(): invalid next size (normal)";
    FreeFastEntry: Corruption, "invalid fastbin entry (free)";
    FreeTcacheMany: Corruption, "free(): too many chunks detected in tcache";
    FreeTcacheUnaligned: Corruption, "free(): unaligned chunk detected in tcache 2";
    FreeUnsorted: Corruption, "free(): corrupted unsorted chunks";
    FreePrevSize: Corruption, "corrupted size vs. prev_size while consolidating";
    UnlinkPrevSize: Corruption, "corrupted size vs. prev_size";
    UnlinkLinks: Corruption, "corrupted double-linked list";
    UnlinkNextSize: Corruption, "corrupted double-linked list (not small)";
    ConsolidateUnaligned: Corruption, "malloc_consolidate(): unaligned fastbin chunk detected";
    ConsolidateSize: Corruption, "malloc_consolidate(): invalid chunk size";
    ConsolidatePrevSize: Corruption, "corrupted size vs. prev_size in fastbins";
    TcacheUnaligned: Corruption, "malloc(): unaligned tcache chunk detected";
    TcacheShutdownUnaligned: Corruption, "tcache_thread_shutdown(): unaligned tcache chunk detected";
    FastUnaligned: Corruption, "malloc(): unaligned fastbin chunk detected";
    FastUnaligned2: Corruption, "malloc(): unaligned fastbin chunk detected 2";
    FastUnaligned3: Corruption, "malloc(): unaligned fastbin chunk detected 3";
    FastSize: Corruption, "malloc(): memory corruption (fast)";
    SmallLinks: Corruption, "malloc(): smallbin double linked list corrupted";
    UnsortedSize: Corruption, "malloc(): invalid size (unsorted)";
    UnsortedNextSize: Corruption, "malloc(): invalid next size (unsorted)";
    UnsortedPrevSize: Corruption, "malloc(): mismatching next->prev_size (unsorted)";
    UnsortedLinks: Corruption, "malloc(): unsorted double linked list corrupted";
    UnsortedPrevInuse: Corruption, "malloc(): invalid next->prev_inuse (unsorted)";
    LargeNextSize: Corruption, "malloc(): largebin double linked list corrupted (nextsize)";
    LargeLinks: Corruption, "malloc(): largebin double linked list corrupted (bk)";
    SplitUnsorted: Corruption, "malloc(): corrupted unsorted chunks";
    SplitUnsorted2: Corruption, "malloc(): corrupted unsorted chunks 2";
    TopSize: Corruption, "malloc(): corrupted top size";
    BreakMoved: Corruption, "break adjusted to free malloc space";
    AssertOldTop: Corruption, "Fatal glibc error: malloc assertion failure in sysmalloc: (old_top == initial_top (av) && old_size == 0) || ((unsigned long) (old_size) >= MINSIZE && prev_inuse (old_top) && ((unsigned long) old_end & (pagesize - 1)) == 0)";
    AssertOldSize: Corruption, "Fatal glibc error: malloc assertion failure in sysmalloc: (unsigned long) (old_size) < (unsigned long) (nb + MINSIZE)";
    AssertCorrection: Corruption, "Fatal glibc error: malloc assertion failure in sysmalloc: correction >= 0";
    AssertAlignedBreak: Corruption, "Fatal glibc error: malloc assertion failure in sysmalloc: ((unsigned long) chunk2mem (brk) & MALLOC_ALIGN_MASK) == 0";
    AssertMalloc: Corruption, "Fatal glibc error: malloc assertion failure in __libc_malloc: !victim || chunk_is_mmapped (mem2chunk (victim)) || ar_ptr == arena_for_chunk (mem2chunk (victim))";
    AssertMallocMain: Corruption, "Fatal glibc error: malloc assertion failure in __libc_malloc: !victim || chunk_is_mmapped (mem2chunk (victim)) || &main_arena == arena_for_chunk (mem2chunk (victim))";
    AssertCalloc: Corruption, "Fatal glibc error: malloc assertion failure in __libc_calloc: !mem || chunk_is_mmapped (mem2chunk (mem)) || av == arena_for_chunk (mem2chunk (mem))";
    AssertCallocClears: Corruption, "Fatal glibc error: malloc assertion failure in __libc_calloc: nclears >= 3";
    AssertRealloc: Corruption, "Fatal glibc error: malloc assertion failure in __libc_realloc: !newp || chunk_is_mmapped (mem2chunk (newp)) || ar_ptr == arena_for_chunk (mem2chunk (newp))";
    AssertIntRealloc: Corruption, "Fatal glibc error: malloc assertion failure in _int_realloc: (unsigned long) (newsize) >= (unsigned long) (nb)";
    AssertMemalign: Corruption, "Fatal glibc error: malloc assertion failure in _mid_memalign: !p || chunk_is_mmapped (mem2chunk (p)) || ar_ptr == arena_for_chunk (mem2chunk (p))";
    AssertMemalignMain: Corruption, "Fatal glibc error: malloc assertion failure in _mid_memalign: !p || chunk_is_mmapped (mem2chunk (p)) || &main_arena == arena_for_chunk (mem2chunk (p))";
    AssertLargeLast: Corruption, "Fatal glibc error: malloc assertion failure in _int_malloc: chunk_main_arena (bck->bk)";
    AssertLargeNext: Corruption, "Fatal glibc error: malloc assertion failure in _int_malloc: chunk_main_arena (fwd)";
    AssertBinSize: Corruption, "Fatal glibc error: malloc assertion failure in _int_malloc: (unsigned long) (size) >= (unsigned long) (nb)";
    AssertFence: Corruption, "Fatal glibc error: malloc assertion failure in heap_trim: chunksize_nomask (p) == (0 | PREV_INUSE)";
    AssertFenceSize: Corruption, "Fatal glibc error: malloc assertion failure in heap_trim: new_size > 0 && new_size < (long) (2 * MINSIZE)";
    AssertHeapSize: Corruption, "Fatal glibc error: malloc assertion failure in heap_trim: new_size > 0 && new_size < max_size";
    AssertHeapEnd: Corruption, "Fatal glibc error: malloc assertion failure in heap_trim: ((char *) p + new_size) == ((char *) heap + heap->size)";
    AssertHeapArena: Corruption, "Fatal glibc error: malloc assertion failure in _int_free: heap->ar_ptr == av";
    AssertMremapPrevSize: Corruption, "Fatal glibc error: malloc assertion failure in mremap_chunk: prev_size (p) == offset";
    Endless: Corruption, "a damaged list of chunks never ends";
}

/// A list that goes on for so long has no end: glibc would hang. Unit: chunks.
pub(crate) const CHUNKS_MAX: u64 = 1 << 26;

/// Why a call did not return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A signal: the address is where the access failed.
    Segfault(u64),
    /// One of the library's own checks.
    Abort(Check),
}

/// A call does not return. In a box, so that a result is two registers: this is rare, and results are everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop(Box<Why>);

/// What every inner function of the allocator returns.
pub(crate) type Step<T> = Result<T, Stop>;

impl Stop {
    #[cold]
    #[inline(never)]
    pub(crate) fn abort(check: Check) -> Stop {
        Stop(Box::new(Why::Abort(check)))
    }

    pub(crate) const fn why(&self) -> Why {
        *self.0
    }
}

impl Why {
    pub(crate) const fn kind(self) -> FaultKind {
        match self {
            Why::Segfault(_) => FaultKind::Segfault,
            Why::Abort(check) => check.kind(),
        }
    }
}

impl From<Unmapped> for Stop {
    #[cold]
    #[inline(never)]
    fn from(Unmapped(Address(at)): Unmapped) -> Self {
        Stop(Box::new(Why::Segfault(at)))
    }
}

/// Stops with `check` unless `holds`.
#[inline]
pub(crate) fn ensure(holds: bool, check: Check) -> Step<()> {
    if holds { Ok(()) } else { Err(Stop::abort(check)) }
}
