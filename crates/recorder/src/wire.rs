//! What the recorder and `cargo xtask record` share: the header of the ring and the records in it.
//!
//! The file begins with a page of 64-bit words, the header; the rest is the ring, its size a power of two. Records are
//! one to four words. The recorder publishes whole records by raising `HEAD`, the reader gives room back by raising
//! `TAIL`; both count bytes since the start and never wrap.
//!
//! Bits 0..6 of the first word are the [`Op`]. Unless that says otherwise, bit 6 says that the first argument is in a word of its own (it needs more
//! than 56 bits), bit 7 is the answer of calls that return 0 or 1, bits 8.. are the first argument. An argument that is a
//! block has its `Kind` in bits 62 and 63; so has a result. A mapped result is followed by the offset in its mapping.

/// The environment variable that names the file with the ring.
pub(crate) const RING_VARIABLE: &str = "HEAPTWIN_RING";

/// The first word of the file: this version of the layout.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"htring01");

/// Where the ring begins in the file. Unit: bytes.
pub(crate) const RING_OFFSET_BYTES: u64 = 4096;

/// Words of the header, as byte offsets.
pub(crate) mod header {
    /// [`super::MAGIC`], written by the reader before the program starts.
    pub(crate) const MAGIC: u64 = 0;
    /// Bytes of the ring, a power of two.
    pub(crate) const RING_BYTES: u64 = 8;
    /// The process that reads the ring: without it nothing can be recorded.
    pub(crate) const READER: u64 = 16;
    /// What to record, written by the reader: 0: calls of malloc; 1: those of Python's allocator.
    pub(crate) const IS_PYTHON: u64 = 24;
    /// Bytes read so far.
    pub(crate) const TAIL: u64 = 64;
    /// Bytes written so far.
    pub(crate) const HEAD: u64 = 128;
    /// The recorded process; 0: the library was never loaded.
    pub(crate) const PROCESS: u64 = 192;
    /// The break before the first event; 0: there was none.
    pub(crate) const BASE: u64 = 200;
    /// The page of the first mapped chunk; 0: there was none.
    pub(crate) const MAPPED_BASE: u64 = 208;
    /// Cores that the process may run on, as glibc counts them.
    pub(crate) const CORES: u64 = 216;
    /// glibc's version: 2.36 is 236.
    pub(crate) const GLIBC: u64 = 224;
    /// 1: glibc's main arena was found, thread heaps are announced when they are made; 0: when they are first seen.
    pub(crate) const HAS_ARENA: u64 = 232;
    /// 1: the process ended by `exit`.
    pub(crate) const HAS_ENDED: u64 = 240;
    /// 1: the process is an interpreter of Python, and its allocator is recorded.
    pub(crate) const HAS_PYTHON: u64 = 248;
    /// The interpreter's version, as text.
    pub(crate) const PYTHON_VERSION: u64 = 256;
}

/// Room for the text of a version. Unit: bytes.
pub(crate) const VERSION_BYTES: u64 = 32;

/// What a record is about. The words after the first are given in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Op {
    /// Bytes `[result]`.
    Malloc = 1,
    /// Elements `[bytes of one, result]`.
    Calloc = 2,
    /// Bytes `[old block, result]`.
    Realloc = 3,
    /// A block from bit 8 on, its [`kind`] in bits 6 and 7.
    Free = 4,
    /// Alignment `[bytes, result]`.
    Memalign = 5,
    /// Alignment `[bytes, result]`.
    AlignedAlloc = 6,
    /// Alignment `[bytes, result]`.
    PosixMemalign = 7,
    /// Bytes `[result]`.
    Valloc = 8,
    /// Bytes `[result]`.
    Pvalloc = 9,
    /// Bytes usable `[block]`.
    UsableSize = 10,
    /// Padding.
    Trim = 11,
    /// The value; `[the option]`.
    Mallopt = 12,
    /// The thread of the records that follow.
    Thread = 13,
    /// The thread has ended: its number. It is also that of the records that follow.
    ThreadExit = 14,
    /// The break after the call before.
    Break = 15,
    /// The break as somebody else left it.
    ForeignBreak = 16,
    /// A thread heap.
    Region = 17,
    /// `malloc` of less than [`SMALL_BYTES`], with a block of the main heap as its result: the size from bit 6, the block
    /// less its four zero bits from bit [`SMALL_BLOCK_SHIFT`].
    SmallMalloc = 18,
    /// Python's allocator: bytes `[answer]`.
    PythonMalloc = 19,
    /// Bytes in all `[answer]`.
    PythonCalloc = 20,
    /// Bytes `[old block, answer]`.
    PythonRealloc = 21,
    /// A block.
    PythonFree = 22,
    /// An arena `[its bytes]`.
    PythonArenaMade = 23,
    /// An arena `[its bytes]`.
    PythonArenaReleased = 24,
}

/// Sizes below this fit in a word with their block. Unit: bytes.
pub(crate) const SMALL_BYTES: usize = 1 << 15;
/// Where the size begins.
pub(crate) const SMALL_SIZE_SHIFT: u32 = 6;
/// Where the block begins, which needs 47 bits less four.
pub(crate) const SMALL_BLOCK_SHIFT: u32 = 21;
/// Where the kind of a freed block is.
pub(crate) const FREE_KIND_SHIFT: u32 = 6;

/// The first argument is in the second word.
pub(crate) const IS_WIDE: u64 = 0x40;
/// The answer is 1.
pub(crate) const IS_TRUE: u64 = 0x80;
/// Where the first argument begins.
pub(crate) const ARGUMENT_SHIFT: u32 = 8;

/// Where a block is, as its chunk's header says.
pub(crate) mod kind {
    /// In the main heap, or no block at all.
    pub(crate) const HEAP: u64 = 0;
    /// In a thread heap.
    pub(crate) const REGION: u64 = 1 << 62;
    /// In a mapping of its own.
    pub(crate) const MAPPED: u64 = 2 << 62;
    /// The bits.
    pub(crate) const MASK: u64 = 3 << 62;
}
