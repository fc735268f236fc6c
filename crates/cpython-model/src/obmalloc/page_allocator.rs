//! The simplest allocator that can stand below pymalloc: a mapping of its own for each block.
//!
//! For library users who do not care where blocks above 512 bytes are. Differs: nothing real is like it; plug a model of
//! `malloc` in where those addresses matter.

use std::collections::BTreeMap;

use memory_trait::{Address, Allocator, Fault, FaultKind, Moment, Outcome, ThreadId};

/// The size of a page. Unit: bytes.
const PAGE_BYTES: u64 = 4096;

/// Each block has whole pages to itself. Pages that were given back serve the next block of as many pages, the last
/// given back first; else blocks follow each other upwards.
#[derive(Clone, Debug)]
pub struct PageAllocator {
    next: u64,
    /// Pages of each live block, and what it was asked for is at most that.
    live: BTreeMap<u64, u64>,
    /// Blocks given back, by pages.
    free: BTreeMap<u64, Vec<u64>>,
    heap_bytes: u64,
    heap_bytes_max: u64,
}

impl Default for PageAllocator {
    fn default() -> Self {
        PageAllocator::new(Self::DEFAULT_BASE)
    }
}

impl PageAllocator {
    /// Where its blocks begin when nobody says otherwise.
    pub const DEFAULT_BASE: Address = Address(0x5500_0000_0000);

    /// An empty one whose first block is at `base`, rounded up to a page.
    pub fn new(base: Address) -> Self {
        PageAllocator {
            next: base.0.next_multiple_of(PAGE_BYTES),
            live: BTreeMap::new(),
            free: BTreeMap::new(),
            heap_bytes: 0,
            heap_bytes_max: u64::MAX,
        }
    }

    /// The same with a limit: what would take more than `heap_bytes_max` at once is answered with NULL.
    #[must_use]
    pub fn limited(mut self, heap_bytes_max: u64) -> Self {
        self.heap_bytes_max = heap_bytes_max;
        self
    }

    fn take(&mut self, request_bytes: u64, alignment_bytes: u64) -> Address {
        let Some(bytes) = request_bytes.max(1).checked_next_multiple_of(PAGE_BYTES) else { return Address::NULL };
        if self.heap_bytes.checked_add(bytes).is_none_or(|sum| sum > self.heap_bytes_max) {
            return Address::NULL;
        }
        let n_pages = bytes / PAGE_BYTES;
        let reusable = self.free.get_mut(&n_pages).filter(|_| alignment_bytes <= PAGE_BYTES).and_then(Vec::pop);
        let address = if let Some(address) = reusable {
            address
        } else {
            let Some(address) = self.next.checked_next_multiple_of(alignment_bytes) else { return Address::NULL };
            let Some(next) = address.checked_add(bytes) else { return Address::NULL };
            self.next = next;
            address
        };
        self.live.insert(address, n_pages);
        self.heap_bytes += bytes;
        Address(address)
    }
}

impl Allocator for PageAllocator {
    fn malloc(&mut self, request_bytes: u64) -> Outcome<Address> {
        Ok(self.take(request_bytes, PAGE_BYTES))
    }

    fn calloc(&mut self, n_elements: u64, element_bytes: u64) -> Outcome<Address> {
        Ok(n_elements.checked_mul(element_bytes).map_or(Address::NULL, |bytes| self.take(bytes, PAGE_BYTES)))
    }

    fn realloc(&mut self, block: Address, request_bytes: u64) -> Outcome<Address> {
        if block.is_null() {
            return self.malloc(request_bytes);
        }
        if request_bytes == 0 {
            self.free(block)?;
            return Ok(Address::NULL);
        }
        let is_enough = match self.live.get(&block.0) {
            Some(&n_pages) => request_bytes.div_ceil(PAGE_BYTES) == n_pages,
            None => return Err(Box::new(invalid_free("realloc", block))),
        };
        if is_enough {
            return Ok(block);
        }
        let moved = self.malloc(request_bytes)?;
        if !moved.is_null() {
            self.free(block)?;
        }
        Ok(moved)
    }

    fn memalign(&mut self, alignment_bytes: u64, request_bytes: u64) -> Outcome<Address> {
        Ok(self.take(request_bytes, alignment_bytes.max(PAGE_BYTES)))
    }

    fn free(&mut self, block: Address) -> Outcome<()> {
        if block.is_null() {
            return Ok(());
        }
        let Some(n_pages) = self.live.remove(&block.0) else { return Err(Box::new(invalid_free("free", block))) };
        self.heap_bytes -= n_pages * PAGE_BYTES;
        self.free.entry(n_pages).or_default().push(block.0);
        Ok(())
    }

    fn usable_size(&mut self, block: Address) -> u64 {
        self.live.get(&block.0).map_or(0, |&n_pages| n_pages * PAGE_BYTES)
    }

    fn trim(&mut self, _pad_bytes: u64) -> bool {
        false
    }

    fn switch_thread(&mut self, _thread: ThreadId) {}

    fn end_thread(&mut self) -> Outcome<()> {
        Ok(())
    }

    fn heap_bytes(&self) -> u64 {
        self.heap_bytes
    }
}

fn invalid_free(call: &str, block: Address) -> Fault {
    Fault {
        kind: FaultKind::InvalidFree,
        at: Moment::default(),
        object: None,
        reclaimed: None,
        message: format!("{call}({block}): no block is there"),
        is_fatal: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_each_other_and_pages_are_used_again() {
        let mut pages = PageAllocator::new(Address(0x10_0000));
        let a = pages.malloc(4097).unwrap();
        let b = pages.calloc(10, 100).unwrap();
        assert_eq!((a, b), (Address(0x10_0000), Address(0x10_2000)));
        assert_eq!(pages.usable_size(a), 8192);
        pages.free(a).unwrap();
        assert_eq!(pages.malloc(1).unwrap(), Address(0x10_3000), "one page does not take a place for two");
        assert_eq!(pages.malloc(8192).unwrap(), a);
        assert_eq!(pages.heap_bytes(), 4 * 4096);
    }

    #[test]
    fn a_block_is_reallocated_in_place_while_it_needs_as_many_pages() {
        let mut pages = PageAllocator::default();
        let a = pages.malloc(1000).unwrap();
        assert_eq!(pages.realloc(a, 4096).unwrap(), a);
        assert_ne!(pages.realloc(a, 4097).unwrap(), a);
        assert_eq!(pages.heap_bytes(), 8192);
    }

    #[test]
    fn what_cannot_be_had_is_null_and_what_is_not_there_is_a_fault() {
        let mut pages = PageAllocator::default().limited(8192);
        assert_eq!(pages.malloc(8193).unwrap(), Address::NULL);
        assert_eq!(pages.malloc(u64::MAX).unwrap(), Address::NULL);
        assert_eq!(pages.calloc(u64::MAX, 2).unwrap(), Address::NULL);
        let a = pages.memalign(1 << 20, 1).unwrap();
        assert!(a.0.is_multiple_of(1 << 20));
        pages.free(a).unwrap();
        assert_eq!(pages.free(a).unwrap_err().kind, FaultKind::InvalidFree);
        assert_eq!(pages.heap_bytes(), 0);
    }
}
