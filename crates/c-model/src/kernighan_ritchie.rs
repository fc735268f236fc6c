//! The allocator of the textbook: Kernighan and Ritchie, *The C Programming Language*, second edition, section 8.7.
//!
//! ```text
//! free block   | next | units |  ...            a header is one unit; all sizes are counted in units
//! live block   |   -  | units | the program's   `next` is what it last was: nobody clears it
//! base         | next |   0   |                 a free block of no size, in the program's own data
//! ```
//!
//! Free blocks are one circular list in order of addresses. `malloc` goes round from where it last was and takes the first
//! block that is big enough, from its end if it is bigger. `free` walks to the block's place in the list and joins it with
//! the neighbours that touch it. Memory is never given back to the operating system.
//!
//! All of it is in emulated memory: who writes beyond a block damages the next header, and no check notices. What the
//! book leaves open is done the plain way: `calloc` clears, `realloc` takes a new block and copies unless the old one is
//! big enough, `memalign` takes a bigger block and frees what lies before and behind.
//!
//! Differs: in the book a damaged list may send `malloc` or `free` round for ever; here the search that has seen more
//! blocks than the heap can have stops the program with [`FaultKind::Corruption`]. Sizes are 64 bits wide, and a request
//! near 2^64 is refused where the book's sum would wrap. The book knows no threads; all callers share the one list.

use memory_trait::{Address, Allocator, Fault, FaultKind, Moment, Outcome, ThreadId};

use crate::memory::{RawMemory, Unmapped};
use crate::params::SEGFAULT_MESSAGE;
use crate::process_heap::ProcessHeap;

/// A header, and what all sizes are counted in. Unit: bytes. Source: section 8.7, `union header`: a pointer and a size,
/// which on a 64-bit machine are 16 bytes.
pub const UNIT_BYTES: u64 = 16;

/// The least that is asked of the operating system. Unit: units. Source: section 8.7, `NALLOC`.
pub const MORECORE_UNITS_MIN: u64 = 1024;

/// Where the heap begins: a position-independent program without address randomisation.
const HEAP_BASE: Address = Address(0x5555_5555_9000);

/// From the list's base, in the program's own data, to the heap. Unit: bytes.
const BASE_BEFORE_HEAP_BYTES: u64 = 0x1000;

/// What is said of a list that never ends. The book's program says nothing: it hangs.
const ENDLESS_MESSAGE: &str = "the free list is damaged: the search never ends";

/// K&R's allocator.
///
/// ```
/// use c_model::KernighanRitchie;
/// use memory_trait::Allocator;
/// let mut heap = KernighanRitchie::default();
/// let (a, b) = (heap.malloc(24)?, heap.malloc(24)?);
/// assert_eq!(a.0 - b.0, 16 + 32, "blocks are cut from the end of a free one");
/// heap.free(a)?;
/// assert_eq!(heap.malloc(20)?, a, "first fit");
/// # Ok::<(), Box<memory_trait::Fault>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KernighanRitchie {
    heap_base: u64,
    /// From the base of the heap to the break.
    heap: Vec<u8>,
    /// The list's base.
    list_base: [u8; UNIT_BYTES as usize],
    /// Where the search begins; 0 before the first call.
    free_pointer: u64,
    limit_bytes: u64,
    n_live: u64,
    live_bytes: u64,
}

impl Default for KernighanRitchie {
    fn default() -> Self {
        KernighanRitchie::at(HEAP_BASE)
    }
}

impl KernighanRitchie {
    /// An allocator whose heap begins at `heap_base`, a multiple of 16.
    ///
    /// # Panics
    /// When it is not, or is below a page.
    pub fn at(heap_base: Address) -> Self {
        assert!(heap_base.0.is_multiple_of(UNIT_BYTES), "a heap at {heap_base} is not aligned");
        assert!(heap_base.0 > BASE_BEFORE_HEAP_BYTES, "a heap at {heap_base} leaves no room for the program");
        KernighanRitchie {
            heap_base: heap_base.0,
            heap: Vec::new(),
            list_base: [0; UNIT_BYTES as usize],
            free_pointer: 0,
            limit_bytes: u64::MAX,
            n_live: 0,
            live_bytes: 0,
        }
    }

    /// The addresses of the heap: its first, and the break.
    pub fn heap_range(&self) -> (Address, Address) {
        (Address(self.heap_base), Address(self.heap_base + self.heap.len() as u64))
    }

    /// The list's base: a header of no size, which is not in the heap.
    pub fn list_base(&self) -> Address {
        Address(self.heap_base - BASE_BEFORE_HEAP_BYTES)
    }

    /// Where the next search begins; `None` before the first call.
    pub fn free_pointer(&self) -> Option<Address> {
        (self.free_pointer != 0).then_some(Address(self.free_pointer))
    }

    /// Blocks handed out and not given back.
    pub fn n_live_blocks(&self) -> u64 {
        self.n_live
    }

    /// Bytes of those, their headers included.
    pub fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    fn next(&self, block: u64) -> Outcome<u64> {
        self.read_u64(Address(block)).or_else(segfault)
    }

    fn units(&self, block: u64) -> Outcome<u64> {
        self.read_u64(Address(block.wrapping_add(8))).or_else(segfault)
    }

    fn set_next(&mut self, block: u64, next: u64) -> Outcome<()> {
        self.write_u64(Address(block), next).or_else(segfault)
    }

    fn set_units(&mut self, block: u64, units: u64) -> Outcome<()> {
        self.write_u64(Address(block.wrapping_add(8)), units).or_else(segfault)
    }

    /// No list of disjoint free blocks is longer than this.
    fn blocks_max(&self) -> u64 {
        self.heap.len() as u64 / UNIT_BYTES + 2
    }

    /// The header of a free block taken for `n_units`, header included; `None` when there is no memory.
    fn take(&mut self, n_units: u64) -> Outcome<Option<u64>> {
        if self.free_pointer == 0 {
            self.free_pointer = self.list_base().0;
            self.set_next(self.free_pointer, self.free_pointer)?;
            self.set_units(self.free_pointer, 0)?;
        }
        let mut before = self.free_pointer;
        let mut block = self.next(before)?;
        let mut n_left = self.blocks_max();
        loop {
            let units = self.units(block)?;
            if units >= n_units {
                let taken = if units == n_units {
                    let next = self.next(block)?;
                    self.set_next(before, next)?;
                    block
                } else {
                    self.set_units(block, units - n_units)?;
                    let tail = block.wrapping_add((units - n_units).wrapping_mul(UNIT_BYTES));
                    self.set_units(tail, n_units)?;
                    tail
                };
                self.free_pointer = before;
                return Ok(Some(taken));
            }
            if block == self.free_pointer {
                // Once round and nothing found.
                if !self.morecore(n_units)? {
                    return Ok(None);
                }
                block = self.free_pointer;
                n_left = self.blocks_max();
            }
            (before, block) = (block, self.next(block)?);
            n_left = n_left.checked_sub(1).map_or_else(endless, Ok)?;
        }
    }

    /// Asks the operating system for memory, and frees it into the list; false when there is none.
    fn morecore(&mut self, n_units: u64) -> Outcome<bool> {
        let bytes = n_units.max(MORECORE_UNITS_MIN).saturating_mul(UNIT_BYTES);
        let heap_bytes = (self.heap.len() as u64).saturating_add(bytes);
        if heap_bytes > self.limit_bytes || self.heap_base.checked_add(heap_bytes).is_none_or(|end| end >= 1 << 47) {
            return Ok(false);
        }
        let block = self.heap_range().1.0;
        self.heap.resize(heap_bytes as usize, 0);
        self.set_units(block, bytes / UNIT_BYTES)?;
        self.insert(block)?;
        Ok(true)
    }

    /// Puts a block into the list, in order of addresses, and joins it with its neighbours.
    fn insert(&mut self, block: u64) -> Outcome<()> {
        let mut before = self.free_pointer;
        let mut n_left = self.blocks_max();
        loop {
            let next = self.next(before)?;
            let is_between = block > before && block < next;
            let is_at_an_end = before >= next && (block > before || block < next);
            if is_between || is_at_an_end {
                break;
            }
            before = next;
            n_left = n_left.checked_sub(1).map_or_else(endless, Ok)?;
        }
        let next = self.next(before)?;
        let end = |block: u64, units: u64| block.wrapping_add(units.wrapping_mul(UNIT_BYTES));
        if end(block, self.units(block)?) == next {
            let units = self.units(block)?.wrapping_add(self.units(next)?);
            self.set_units(block, units)?;
            let after = self.next(next)?;
            self.set_next(block, after)?;
        } else {
            self.set_next(block, next)?;
        }
        if end(before, self.units(before)?) == block {
            let units = self.units(before)?.wrapping_add(self.units(block)?);
            self.set_units(before, units)?;
            let after = self.next(block)?;
            self.set_next(before, after)?;
        } else {
            self.set_next(before, block)?;
        }
        self.free_pointer = before;
        Ok(())
    }

    fn count_in(&mut self, n_units: u64) {
        self.n_live += 1;
        self.live_bytes += n_units * UNIT_BYTES;
    }

    /// A damaged header or a block freed twice may count more than there is.
    fn count_out(&mut self, n_units: u64) {
        self.n_live = self.n_live.saturating_sub(1);
        self.live_bytes = self.live_bytes.saturating_sub(n_units.saturating_mul(UNIT_BYTES));
    }

    fn range(&self, at: Address, n: usize) -> Option<std::ops::Range<usize>> {
        let start = usize::try_from(at.0.checked_sub(self.heap_base)?).ok()?;
        let end = start.checked_add(n)?;
        (end <= self.heap.len()).then_some(start..end)
    }
}

/// How many units a request takes, with its header; `None` when that is more than there can be.
fn units_for(request_bytes: u64) -> Option<u64> {
    Some(request_bytes.checked_add(UNIT_BYTES - 1)? / UNIT_BYTES + 1)
}

fn stop<T>(kind: FaultKind, message: &str) -> Outcome<T> {
    let at = Moment::default();
    Err(Box::new(Fault { kind, at, object: None, reclaimed: None, message: message.to_owned(), is_fatal: true }))
}

fn segfault<T>(_: Unmapped) -> Outcome<T> {
    stop(FaultKind::Segfault, SEGFAULT_MESSAGE)
}

fn endless<T>() -> Outcome<T> {
    stop(FaultKind::Corruption, ENDLESS_MESSAGE)
}

impl Allocator for KernighanRitchie {
    fn malloc(&mut self, request_bytes: u64) -> Outcome<Address> {
        let Some(n_units) = units_for(request_bytes) else { return Ok(Address::NULL) };
        let Some(block) = self.take(n_units)? else { return Ok(Address::NULL) };
        self.count_in(n_units);
        Ok(Address(block.wrapping_add(UNIT_BYTES)))
    }

    fn calloc(&mut self, n_elements: u64, element_bytes: u64) -> Outcome<Address> {
        let Some(bytes) = n_elements.checked_mul(element_bytes) else { return Ok(Address::NULL) };
        let block = self.malloc(bytes)?;
        if !block.is_null() {
            match self.range(block, bytes as usize) {
                Some(range) => self.heap[range].fill(0),
                None => return segfault(Unmapped(block)),
            }
        }
        Ok(block)
    }

    fn realloc(&mut self, block: Address, request_bytes: u64) -> Outcome<Address> {
        if block.is_null() {
            return self.malloc(request_bytes);
        }
        if request_bytes == 0 {
            self.free(block)?;
            return Ok(Address::NULL);
        }
        let old_bytes = self.units(block.0.wrapping_sub(UNIT_BYTES))?.wrapping_sub(1).wrapping_mul(UNIT_BYTES);
        if request_bytes <= old_bytes {
            return Ok(block);
        }
        let new = self.malloc(request_bytes)?;
        if !new.is_null() {
            let mut bytes = vec![0; old_bytes as usize];
            self.read(block, &mut bytes).or_else(segfault)?;
            self.write(new, &bytes).or_else(segfault)?;
            self.free(block)?;
        }
        Ok(new)
    }

    fn memalign(&mut self, alignment_bytes: u64, request_bytes: u64) -> Outcome<Address> {
        let Some(alignment_bytes) = alignment_bytes.max(UNIT_BYTES).checked_next_power_of_two() else {
            return Ok(Address::NULL);
        };
        let wanted = units_for(request_bytes).and_then(|n| n.checked_add(alignment_bytes / UNIT_BYTES));
        let (Some(n_taken), Some(n_units)) = (wanted, units_for(request_bytes)) else { return Ok(Address::NULL) };
        let Some(taken) = self.take(n_taken)? else { return Ok(Address::NULL) };
        let block = (taken + UNIT_BYTES).next_multiple_of(alignment_bytes) - UNIT_BYTES;
        let n_lead = (block - taken) / UNIT_BYTES;
        let n_tail = n_taken - n_lead - n_units;
        self.set_units(block, n_units)?;
        for (part, n_units) in [(taken, n_lead), (block + n_units * UNIT_BYTES, n_tail)] {
            if n_units > 0 {
                self.set_units(part, n_units)?;
                self.insert(part)?;
            }
        }
        self.count_in(n_units);
        Ok(Address(block + UNIT_BYTES))
    }

    fn free(&mut self, block: Address) -> Outcome<()> {
        if block.is_null() {
            return Ok(());
        }
        let header = block.0.wrapping_sub(UNIT_BYTES);
        let n_units = self.units(header)?;
        self.count_out(n_units);
        if self.free_pointer == 0 {
            // The book's program would follow a null pointer.
            return segfault(Unmapped(Address::NULL));
        }
        self.insert(header)
    }

    fn usable_size(&mut self, block: Address) -> u64 {
        if block.is_null() {
            return 0;
        }
        let units = self.units(block.0.wrapping_sub(UNIT_BYTES)).unwrap_or(1);
        units.wrapping_sub(1).wrapping_mul(UNIT_BYTES)
    }

    fn trim(&mut self, _pad_bytes: u64) -> bool {
        false
    }

    fn switch_thread(&mut self, _thread: ThreadId) {}

    fn end_thread(&mut self) -> Outcome<()> {
        Ok(())
    }

    fn heap_bytes(&self) -> u64 {
        self.heap.len() as u64
    }
}

impl ProcessHeap for KernighanRitchie {
    fn header_bytes(&self, _block: Address) -> u64 {
        UNIT_BYTES
    }

    fn own_bytes(&self) -> u64 {
        0
    }

    fn limit_heap_bytes(&mut self, limit_bytes: u64) {
        self.limit_bytes = limit_bytes;
    }

    /// Differs: the book's program would link the foreign bytes into its list and hand them out one day. Here its list
    /// cannot leave the heap: a signal stops the program.
    fn free_foreign(&mut self, _block: Address, start: Address, _bytes: &mut [u8]) -> Outcome<()> {
        segfault(Unmapped(start))
    }
}

impl RawMemory for KernighanRitchie {
    fn read(&self, at: Address, into: &mut [u8]) -> Result<(), Unmapped> {
        if let Some(range) = self.range(at, into.len()) {
            into.copy_from_slice(&self.heap[range]);
            return Ok(());
        }
        let start = usize::try_from(at.0.wrapping_sub(self.list_base().0)).map_err(|_| Unmapped(at))?;
        let end = start.checked_add(into.len()).ok_or(Unmapped(at))?;
        into.copy_from_slice(self.list_base.get(start..end).ok_or(Unmapped(at))?);
        Ok(())
    }

    fn write(&mut self, at: Address, bytes: &[u8]) -> Result<(), Unmapped> {
        if let Some(range) = self.range(at, bytes.len()) {
            self.heap[range].copy_from_slice(bytes);
            return Ok(());
        }
        let start = usize::try_from(at.0.wrapping_sub(self.list_base().0)).map_err(|_| Unmapped(at))?;
        let end = start.checked_add(bytes.len()).ok_or(Unmapped(at))?;
        self.list_base.get_mut(start..end).ok_or(Unmapped(at))?.copy_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn read_u64(&self, at: Address) -> Result<u64, Unmapped> {
        let start = at.0.wrapping_sub(self.heap_base) as usize;
        if let Some(bytes) = start.checked_add(8).and_then(|end| self.heap.get(start..end)) {
            return Ok(u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
        }
        let mut bytes = [0; 8];
        self.read(at, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    #[inline]
    fn write_u64(&mut self, at: Address, value: u64) -> Result<(), Unmapped> {
        let start = at.0.wrapping_sub(self.heap_base) as usize;
        if let Some(bytes) = start.checked_add(8).and_then(|end| self.heap.get_mut(start..end)) {
            bytes.copy_from_slice(&value.to_le_bytes());
            return Ok(());
        }
        self.write(at, &value.to_le_bytes())
    }
}
