//! Which live blocks pin which pages: what would be returned to the operating system if a block were not there.
//!
//! A page goes back when the break falls below it, when `malloc_trim` finds it inside a free chunk, or with its mapping.
//! A live block keeps the pages it lies on, and it keeps the free memory on both sides from becoming one chunk that can
//! be returned. Each figure here is the outcome of really making the calls on a copy of the heap; only which blocks are
//! worth that is estimated, from the free memory around each.

use std::cmp::Reverse;

use memory_trait::{Address, Allocator, Outcome};

use crate::malloc::{Extent, Glibc, Part, System};
use crate::memory::PAGE_BYTES;

/// What a live block keeps. Unit of all: pages; negative where a free writes on pages that were not resident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The block.
    pub block: Address,
    /// Bytes of its chunk; of a mapped one, of its mapping.
    pub chunk_bytes: u64,
    /// Pages that its chunk has a byte of.
    pub n_on: u64,
    /// Returned by `free` of it, and nothing else.
    pub n_by_free: i64,
    /// Returned by `free` of it and `malloc_trim(0)`, beyond what `malloc_trim(0)` returns without.
    pub n_by_free_and_trim: i64,
    /// The same if it left no chunk in a tcache: what it pins. `free` leaves a small block in the tcache, where it goes on
    /// pinning; if the block were elsewhere, or the tcache full, so much would be returned.
    pub n_pinned: i64,
}

/// What can be returned, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returns {
    /// Pages that are resident.
    pub n_resident: u64,
    /// Pages returned by `malloc_trim(0)`.
    pub n_by_trim: i64,
    /// Pages returned if all tcaches were emptied and then `malloc_trim(0)` called.
    pub n_by_flush_and_trim: i64,
    /// Pages that would be left if the live blocks lay side by side in their arenas.
    pub n_if_compact: u64,
}

/// What keeps the break of the main heap up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Blocks, live or in a tcache, above the free memory: those that would have to go.
    pub n_blocks: u64,
    /// Bytes of their chunks.
    pub bytes: u64,
    /// The lowest of them.
    pub lowest: Address,
    /// How far the break would fall. Unit: bytes.
    pub break_bytes: u64,
    /// Resident pages that would go with it.
    pub n_pages: u64,
}

/// So many candidates are tried for each one that is shown.
const CANDIDATES_PER_PIN: usize = 2;

/// Bytes at the start of a free chunk that stay in use: `sizeof (struct malloc_chunk)`.
const LINKS_BYTES: u64 = 48;

fn n_resident<S: System>(glibc: &Glibc<S>) -> i64 {
    glibc.pages().expect("the pages of the heap are watched").n_resident() as i64
}

/// What could be returned from a heap whose pages are watched.
///
/// # Errors
/// The fault that a damaged heap is.
pub fn returns<S: System + Clone>(glibc: &Glibc<S>, survey: &super::Survey) -> Outcome<Returns> {
    let now = n_resident(glibc);
    let mut trimmed = glibc.clone();
    trimmed.malloc_trim(0)?;
    let mut flushed = glibc.clone();
    flushed.flush_tcaches()?;
    flushed.malloc_trim(0)?;
    // Of each arena its own data, its live chunks, and the header of top.
    let n_arenas = survey.places.iter().filter_map(|place| place.arena).max().map_or(0, |arena| arena + 1);
    let packed = (0..n_arenas).map(|arena| {
        let kept = |part| matches!(part, Part::Live | Part::Own);
        let places = survey.places.iter().filter(|place| place.arena == Some(arena) && kept(place.part));
        (places.map(|place| place.resident_bytes).sum::<u64>() + 16).div_ceil(PAGE_BYTES)
    });
    Ok(Returns {
        n_resident: now as u64,
        n_by_trim: now - n_resident(&trimmed),
        n_by_flush_and_trim: now - n_resident(&flushed),
        n_if_compact: packed.sum::<u64>() + survey.mapped_pages.1,
    })
}

/// The live blocks that pin the most, the worst first: at most `n_max`, none that pins nothing.
///
/// # Errors
/// The fault that a damaged heap is.
pub fn pins<S: System + Clone>(glibc: &Glibc<S>, blocks: &[Address], n_max: usize) -> Outcome<Vec<Pin>> {
    let mut trimmed = glibc.clone();
    trimmed.malloc_trim(0)?;
    let mut candidates = estimates(&trimmed, blocks)?;
    candidates.retain(|&(n_pages, _)| n_pages > 0);
    candidates.sort_unstable_by_key(|&(n_pages, block)| (Reverse(n_pages), block));
    candidates.truncate(n_max * CANDIDATES_PER_PIN + 8);
    let without = n_resident(&trimmed);
    let mut pins = candidates.iter().map(|&(_, block)| pin(glibc, block, without)).collect::<Outcome<Vec<Pin>>>()?;
    pins.retain(|pin| pin.n_pinned > 0 || pin.n_by_free > 0);
    pins.sort_unstable_by_key(|pin| (Reverse(pin.n_pinned), Reverse(pin.n_by_free), pin.block));
    pins.truncate(n_max);
    Ok(pins)
}

/// What one block pins, by really freeing it in copies of the heap. `without`: pages that `malloc_trim(0)` leaves.
///
/// # Errors
/// The fault that freeing it is.
pub fn pin<S: System + Clone>(glibc: &Glibc<S>, block: Address, without: i64) -> Outcome<Pin> {
    let (start, chunk_bytes) = match glibc.mapping_of(block) {
        Some(mapping) => mapping,
        None => (Address(block.0 - 16), glibc.malloc_usable_size(block)? + 8),
    };
    let mut freed = glibc.clone();
    freed.free(block)?;
    let n_by_free = n_resident(glibc) - n_resident(&freed);
    freed.malloc_trim(0)?;
    let mut gone = glibc.clone();
    gone.free_past_tcache(block)?;
    gone.malloc_trim(0)?;
    Ok(Pin {
        block,
        chunk_bytes,
        n_on: (start.0 + chunk_bytes).div_ceil(PAGE_BYTES) - start.0 / PAGE_BYTES,
        n_by_free,
        n_by_free_and_trim: without - n_resident(&freed),
        n_pinned: without - n_resident(&gone),
    })
}

/// For each block of a heap that was just trimmed, how many pages it pins as far as the free memory around it tells.
///
/// # Errors
/// The fault that following a damaged heap is.
pub fn estimates<S: System>(trimmed: &Glibc<S>, blocks: &[Address]) -> Outcome<Vec<(u64, Address)>> {
    let pages = trimmed.pages().expect("the pages of the heap are watched");
    let extents = trimmed.extents()?;
    let n_by_chunk = |index: usize| -> u64 {
        let extent = &extents[index];
        let neighbour = |index: Option<usize>| {
            let free = index.and_then(|index| extents.get(index)).filter(|other| {
                other.arena == extent.arena
                    && matches!(other.part, Part::Unsorted | Part::SmallBin | Part::LargeBin | Part::Top)
            });
            free.filter(|other| other.end() == extent.start || other.start == extent.end())
        };
        let start = neighbour(index.checked_sub(1)).map_or(extent.start.0, |below| below.start.0);
        let above = neighbour(Some(index + 1));
        let end = above.map_or(extent.end().0, |above| above.end().0);
        if above.is_some_and(|above| above.part == Part::Top) {
            // Top keeps its header and what is left of that page. In a thread's arena only `free` trims, and only when
            // enough is free: an estimate from above.
            return pages.n_within((start + 33).next_multiple_of(PAGE_BYTES), end);
        }
        if end - start <= PAGE_BYTES - 1 + LINKS_BYTES {
            return 0;
        }
        let (first, last) = ((start + LINKS_BYTES).next_multiple_of(PAGE_BYTES), end - end % PAGE_BYTES);
        if last > first { pages.n_within(first, last) } else { 0 }
    };
    let estimate = |&block: &Address| {
        let n_pages = match trimmed.mapping_of(block) {
            Some((start, bytes)) => pages.n_within(start.0, start.0 + bytes),
            None => {
                extents.binary_search_by_key(&block.0.wrapping_sub(16), |extent| extent.start.0).map_or(0, n_by_chunk)
            }
        };
        (n_pages, block)
    };
    Ok(blocks.iter().map(estimate).collect())
}

/// What holds the break up, after a trim: for the largest free runs, how many blocks above them would have to go; at most
/// `n_max` rungs, from the top down.
///
/// # Errors
/// The fault that a damaged heap is.
pub fn ladder<S: System + Clone>(glibc: &Glibc<S>, n_max: usize) -> Outcome<Vec<Rung>> {
    let mut trimmed = glibc.clone();
    trimmed.malloc_trim(0)?;
    let brk = trimmed.program_break().0;
    let extents = trimmed.extents()?;
    let mut main: Vec<&Extent> = extents.iter().filter(|extent| extent.arena == 0).collect();
    main.sort_unstable_by_key(|extent| Reverse(extent.start));
    let Some(top) = main.first().filter(|extent| extent.part == Part::Top && extent.end().0 == brk) else {
        return Ok(Vec::new());
    };
    let pages = trimmed.pages().expect("the pages of the heap are watched");
    let mut rungs: Vec<(u64, Rung)> = Vec::new();
    let (mut n_blocks, mut bytes, mut lowest, mut end) = (0, 0, top.start, top.start);
    for extent in &main[1..] {
        // Beyond a gap or the allocator's own the break cannot fall.
        if extent.end() != end || extent.part == Part::Own {
            break;
        }
        end = extent.start;
        if matches!(extent.part, Part::Live | Part::Tcache | Part::Fastbin) {
            n_blocks += 1;
            bytes += extent.bytes;
            lowest = Glibc::<S>::block_of(extent);
            continue;
        }
        if n_blocks == 0 {
            continue;
        }
        let new_break = (extent.start.0 + 33).next_multiple_of(PAGE_BYTES).min(brk);
        let n_pages = pages.n_within(new_break, brk);
        rungs.push((extent.bytes, Rung { n_blocks, bytes, lowest, break_bytes: brk - new_break, n_pages }));
    }
    rungs.sort_by_key(|(free_bytes, rung)| (Reverse(*free_bytes), rung.n_blocks));
    rungs.truncate(n_max);
    rungs.sort_by_key(|(_, rung)| rung.n_blocks);
    Ok(rungs.into_iter().map(|(_, rung)| rung).collect())
}
