//! The layout of chunks and arenas: where the fields are, how sizes are rounded, which bin a size belongs to.
//!
//! ```text
//!  chunk  +0  prev_size    size of the chunk below, if that one is free; else user data of the chunk below
//!         +8  size|A|M|P   A: not of the main arena, M: mapped, P: the chunk below is in use
//!  user  +16  fd           free: next in its list; in tcache and fastbins mangled with its own address
//!        +24  bk           free: previous in its list; in tcache the key
//!        +32  fd_nextsize  free and large: first chunk of the next smaller size
//!        +40  bk_nextsize  free and large: first chunk of the next larger size
//! ```
//!
//! Mirrors glibc 2.36 `malloc/malloc.c:malloc_chunk`, `malloc_state`, and `malloc/arena.c:heap_info`.

/// Offset of the size field in a chunk. Unit: bytes.
pub(crate) const SIZE: u64 = 8;
/// Offset of the forward link, and of the user's data. Unit: bytes.
pub(crate) const FD: u64 = 16;
/// Offset of the backward link. Unit: bytes.
pub(crate) const BK: u64 = 24;
/// Offset of the forward link of the skip list. Unit: bytes.
pub(crate) const FD_NEXTSIZE: u64 = 32;
/// Offset of the backward link of the skip list. Unit: bytes.
pub(crate) const BK_NEXTSIZE: u64 = 40;

/// Bytes of a chunk header: `CHUNK_HDR_SZ`.
pub(crate) const HEADER_BYTES: u64 = 16;
/// Bytes that every chunk and block is a multiple of: `MALLOC_ALIGNMENT`.
pub(crate) const ALIGNMENT: u64 = 16;
/// Bytes of the smallest chunk: `MINSIZE`.
pub(crate) const MIN_CHUNK_BYTES: u64 = 32;

/// The chunk below is in use.
pub(crate) const PREV_INUSE: u64 = 1;
/// The chunk is a mapping of its own.
pub(crate) const IS_MMAPPED: u64 = 2;
/// The chunk belongs to a thread's arena.
pub(crate) const NON_MAIN_ARENA: u64 = 4;
/// All flags: `SIZE_BITS`.
pub(crate) const FLAGS: u64 = 7;

/// Bytes of a page.
pub(crate) const PAGE_BYTES: u64 = crate::memory::PAGE_BYTES;

/// Offsets in `malloc_state`. Unit: bytes.
pub(crate) mod arena {
    pub(crate) const FLAGS: u64 = 4;
    pub(crate) const HAVE_FASTCHUNKS: u64 = 8;
    pub(crate) const FASTBINS: u64 = 16;
    pub(crate) const TOP: u64 = 96;
    pub(crate) const LAST_REMAINDER: u64 = 104;
    pub(crate) const BINMAP: u64 = 2144;
    pub(crate) const NEXT: u64 = 2160;
    pub(crate) const NEXT_FREE: u64 = 2168;
    pub(crate) const ATTACHED_THREADS: u64 = 2176;
    pub(crate) const SYSTEM_MEM: u64 = 2184;
    pub(crate) const MAX_SYSTEM_MEM: u64 = 2192;
    /// `sizeof (struct malloc_state)`.
    pub(crate) const BYTES: u64 = 2200;
    /// Number of fastbins: `NFASTBINS`.
    pub(crate) const N_FASTBINS: u64 = 10;
    /// Number of bins; bin 0 does not exist, bin 1 is the unsorted one: `NBINS`.
    pub(crate) const N_BINS: u64 = 128;
    /// Number of 32-bit words in the map of bins: `BINMAPSIZE`.
    pub(crate) const N_BINMAP_WORDS: u64 = 4;
    /// In [`FLAGS`]: the arena's memory is not one piece: `NONCONTIGUOUS_BIT`.
    pub(crate) const NONCONTIGUOUS: u32 = 2;
}

/// Offsets in `heap_info`, the head of each thread heap. Unit: bytes.
pub(crate) mod heap {
    pub(crate) const ARENA: u64 = 0;
    pub(crate) const PREV: u64 = 8;
    pub(crate) const SIZE: u64 = 16;
    pub(crate) const MPROTECT_SIZE: u64 = 24;
    pub(crate) const PAGE_SIZE: u64 = 32;
    /// `sizeof (heap_info)`.
    pub(crate) const BYTES: u64 = 48;
}

/// Offsets in `tcache_perthread_struct`, in its chunk's user data. Unit: bytes.
pub(crate) mod tcache {
    /// 64 counts of 16 bits.
    pub(crate) const COUNTS: u64 = 0;
    /// 64 list heads.
    pub(crate) const ENTRIES: u64 = 128;
    /// Number of bins: `TCACHE_MAX_BINS`.
    pub(crate) const N_BINS: u64 = 64;
    /// `sizeof (tcache_perthread_struct)`.
    pub(crate) const BYTES: u64 = 640;
}

/// The chunk size for a request: `request2size`. The request is below 2^63.
#[inline]
pub(crate) const fn chunk_bytes(request_bytes: u64) -> u64 {
    if request_bytes + 8 + ALIGNMENT - 1 < MIN_CHUNK_BYTES {
        MIN_CHUNK_BYTES
    } else {
        (request_bytes + 8 + ALIGNMENT - 1) & !(ALIGNMENT - 1)
    }
}

/// The chunk size for a request; none above 2^63 - 1: `checked_request2size`.
#[inline]
pub(crate) const fn checked_chunk_bytes(request_bytes: u64) -> Option<u64> {
    if request_bytes > i64::MAX as u64 { None } else { Some(chunk_bytes(request_bytes)) }
}

/// The fastbin of a chunk size: `fastbin_index`.
#[inline]
pub(crate) const fn fastbin_index(chunk_bytes: u64) -> u64 {
    ((chunk_bytes as u32) >> 4).wrapping_sub(2) as u64
}

/// The tcache bin of a chunk size: `csize2tidx`.
#[inline]
pub(crate) const fn tcache_index(chunk_bytes: u64) -> u64 {
    (chunk_bytes - MIN_CHUNK_BYTES).div_ceil(ALIGNMENT)
}

/// Whether chunks of this size live in bins of one size each: `in_smallbin_range`.
#[inline]
pub(crate) const fn is_small(chunk_bytes: u64) -> bool {
    chunk_bytes < 1024
}

/// The bin of a small chunk size: `smallbin_index`.
#[inline]
pub(crate) const fn smallbin_index(chunk_bytes: u64) -> u64 {
    chunk_bytes >> 4
}

/// The bin of a large chunk size: `largebin_index_64`.
#[inline]
pub(crate) const fn largebin_index(chunk_bytes: u64) -> u64 {
    let size = chunk_bytes;
    if size >> 6 <= 48 {
        48 + (size >> 6)
    } else if size >> 9 <= 20 {
        91 + (size >> 9)
    } else if size >> 12 <= 10 {
        110 + (size >> 12)
    } else if size >> 15 <= 4 {
        119 + (size >> 15)
    } else if size >> 18 <= 2 {
        124 + (size >> 18)
    } else {
        126
    }
}

/// The bin of a chunk size: `bin_index`.
#[inline]
pub(crate) const fn bin_index(chunk_bytes: u64) -> u64 {
    if is_small(chunk_bytes) { smallbin_index(chunk_bytes) } else { largebin_index(chunk_bytes) }
}

/// The list head of a bin, as if it were a chunk: its links are where a chunk has them: `bin_at`.
#[inline]
pub(crate) const fn bin_at(arena: u64, index: u64) -> u64 {
    arena + 96 + (index - 1) * 16
}

/// The unsorted bin.
#[inline]
pub(crate) const fn unsorted(arena: u64) -> u64 {
    bin_at(arena, 1)
}

/// Mangles or reveals a link of a singly linked list with the address it is stored at: `PROTECT_PTR`.
#[inline]
pub(crate) const fn mangle(stored_at: u64, pointer: u64) -> u64 {
    (stored_at >> 12) ^ pointer
}

/// Rounds up, wrapping: `ALIGN_UP`. `unit` is a power of two.
#[inline]
pub(crate) const fn align_up(value: u64, unit: u64) -> u64 {
    value.wrapping_add(unit - 1) & !(unit - 1)
}

/// Rounds down: `ALIGN_DOWN`. `unit` is a power of two.
#[inline]
pub(crate) const fn align_down(value: u64, unit: u64) -> u64 {
    value & !(unit - 1)
}

const _: () = {
    assert!(chunk_bytes(0) == 32 && chunk_bytes(24) == 32 && chunk_bytes(25) == 48);
    assert!(chunk_bytes(tcache::BYTES) == 0x290);
    assert!(bin_at(0, arena::N_BINS) == arena::BINMAP - FD, "the bins end where the map begins");
    assert!(tcache_index(1040) == tcache::N_BINS - 1);
    assert!(largebin_index(1024) == 64 && largebin_index(u64::MAX) == 126);
    assert!(fastbin_index(chunk_bytes(160)) + 1 == arena::N_FASTBINS);
};
