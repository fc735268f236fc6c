//! A whole-heap check of K&R's allocator. It shares no code with the allocator: it reads the emulated memory and knows the
//! form of a header, nothing else.
//!
//! A heap is sound when
//! 1. the headers, followed from the base of the heap by their sizes, end exactly at the break;
//! 2. the free list is a circle through the list's base, in rising order of addresses but for one step;
//! 3. each block in it is one of those headers;
//! 4. no two free blocks touch.

use std::collections::BTreeMap;
use std::fmt;

use memory_trait::Address;

use crate::kernighan_ritchie::KernighanRitchie;
use crate::memory::RawMemory;

/// What was counted in a sound heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Blocks handed out.
    pub n_live: u64,
    /// Their bytes, headers included.
    pub live_bytes: u64,
    /// Free blocks.
    pub n_free: u64,
    /// Their bytes, headers included.
    pub free_bytes: u64,
}

/// What is wrong with a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The header at this address has a size that leads nowhere.
    BadSize(Address),
    /// The list leads to this address, where no block begins.
    NotABlock(Address),
    /// The list comes to this block out of order, or twice.
    OutOfOrder(Address),
    /// The free block at this address touches the next free one.
    NotJoined(Address),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::BadSize(at) => write!(f, "the size in the header at {at} leads nowhere"),
            Damage::NotABlock(at) => write!(f, "the free list leads to {at}, where no block begins"),
            Damage::OutOfOrder(at) => write!(f, "the free list comes to {at} out of order"),
            Damage::NotJoined(at) => write!(f, "the free block at {at} touches the next free one"),
        }
    }
}

impl std::error::Error for Damage {}

/// Checks the whole heap.
pub fn verify_kernighan_ritchie(heap: &KernighanRitchie) -> Result<Census, Damage> {
    let blocks = blocks(heap)?;
    let free = free_list(heap, &blocks)?;
    let mut census = Census::default();
    let mut free_end = None;
    for (&start, &bytes) in &blocks {
        if free.binary_search(&start).is_ok() {
            if free_end == Some(start) {
                return Err(Damage::NotJoined(Address(start)));
            }
            free_end = Some(start + bytes);
            census.n_free += 1;
            census.free_bytes += bytes;
        } else {
            census.n_live += 1;
            census.live_bytes += bytes;
        }
    }
    Ok(census)
}

/// All blocks, by address, with their bytes.
fn blocks(heap: &KernighanRitchie) -> Result<BTreeMap<u64, u64>, Damage> {
    let (start, end) = heap.heap_range();
    let mut blocks = BTreeMap::new();
    let mut at = start.0;
    while at < end.0 {
        let bad = Damage::BadSize(Address(at));
        let units = heap.read_u64(Address(at + 8)).map_err(|_| bad)?;
        let bytes = units.checked_mul(16).filter(|&bytes| bytes > 0 && bytes <= end.0 - at).ok_or(bad)?;
        blocks.insert(at, bytes);
        at += bytes;
    }
    Ok(blocks)
}

/// The free blocks, in rising order of addresses.
fn free_list(heap: &KernighanRitchie, blocks: &BTreeMap<u64, u64>) -> Result<Vec<u64>, Damage> {
    let base = heap.list_base().0;
    let mut free = Vec::new();
    if heap.free_pointer().is_none() {
        return Ok(free);
    }
    let mut at = base;
    loop {
        at = heap.read_u64(Address(at)).map_err(|_| Damage::NotABlock(Address(at)))?;
        if at == base {
            return Ok(free);
        }
        if !blocks.contains_key(&at) {
            return Err(Damage::NotABlock(Address(at)));
        }
        if free.last().is_some_and(|&last| last >= at) {
            return Err(Damage::OutOfOrder(Address(at)));
        }
        free.push(at);
    }
}
