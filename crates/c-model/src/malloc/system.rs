//! The operating system under the allocator: the break, mappings, address space, and when they fail.
//!
//! [`System`] is the seam; [`Linux`] answers as the kernel does, from nothing but the calls; a recorded trace answers
//! with what was recorded (see [`crate::malloc::replay`]).

use super::params::HEAP_BYTES_MAX;
use super::rules::{Rule, rule};

/// What malloc asks of the operating system. Addresses and lengths are multiples of the page size, but for the break.
pub trait System {
    /// The break is to move from `from` to `to`; whether it may. Lowering it always succeeds.
    fn move_break(&mut self, from: u64, to: u64) -> bool;

    /// `mmap` of `bytes` anywhere: where, or `None`.
    fn map(&mut self, bytes: u64) -> Option<u64>;

    /// What is mapped from now on is for malloc itself, or is for the program again. A recorded trace knows the places
    /// of mappings from results, and no result is in one of malloc's own.
    fn maps_for_itself(&mut self, _for_itself: bool) {}

    /// `munmap`.
    fn unmap(&mut self, start: u64, bytes: u64);

    /// `mremap` with `MREMAP_MAYMOVE`: where the mapping is now, or `None`.
    fn remap(&mut self, start: u64, bytes: u64, new_bytes: u64) -> Option<u64>;

    /// Address space for a thread heap: 64 MiB at a multiple of 64 MiB, as `malloc/arena.c:alloc_new_heap` finds it.
    fn map_heap(&mut self) -> Option<u64>;

    /// The address space of a thread heap is given back.
    fn unmap_heap(&mut self, start: u64);

    /// The first `bytes` of the thread heap at `start` are to be accessible; whether they may. The first call for a
    /// heap comes right after it was mapped.
    fn protect_heap(&mut self, start: u64, bytes: u64) -> bool;

    /// `madvise(MADV_DONTNEED)`: what is in these pages is not needed any more. Who keeps no pages has nothing to do.
    fn discard(&mut self, _start: u64, _bytes: u64) {}
}

/// System calls that malloc has made, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the names of the calls")]
pub struct SystemCalls {
    pub brk: u64,
    pub mmap: u64,
    pub munmap: u64,
    pub mremap: u64,
    pub mprotect: u64,
    pub madvise: u64,
}

/// Address space of a process, and where the kernel puts a new mapping in it.
///
/// Top-down first fit below the end of the highest mapping; a length that is a multiple of 2 MiB is placed by finding
/// room for 2 MiB more and aligning up.
///
/// # Source
/// Linux 6.18 `mm/mmap.c:vm_unmapped_area`, `mm/huge_memory.c:__thp_get_unmapped_area`. Differs: the gap that the
/// kernel keeps below a stack is not modelled, nothing is searched for above the highest mapping.
#[derive(Clone, Debug, Default)]
pub struct AddressSpace {
    /// Half-open, ascending, none adjacent to the next.
    ranges: Vec<(u64, u64)>,
    /// Mappings are placed below this.
    ceiling: u64,
}

/// Length whose multiples are placed at multiples of it. Unit: bytes. Source: x86-64 `PMD_SIZE`.
const HUGE_PAGE_BYTES: u64 = 2 << 20;

impl AddressSpace {
    /// A process with nothing mapped; mappings go below `ceiling`.
    pub fn below(ceiling: u64) -> Self {
        AddressSpace { ranges: Vec::new(), ceiling }
    }

    /// A process with these mappings: half-open, ascending. The last one is the stack and mappings go below the end of
    /// the one before it.
    pub fn of(ranges: &[(u64, u64)]) -> Self {
        let ceiling = ranges.len().checked_sub(2).map_or(0, |under_stack| ranges[under_stack].1);
        AddressSpace { ranges: ranges.to_vec(), ceiling }
    }

    /// Where the kernel would put a mapping of `bytes`.
    pub fn find(&self, bytes: u64) -> Option<u64> {
        if bytes >= HUGE_PAGE_BYTES
            && bytes.is_multiple_of(HUGE_PAGE_BYTES)
            && rule(Rule::HugeMappingsAreAligned)
            && let Some(start) = self.find_plain(bytes.checked_add(HUGE_PAGE_BYTES)?)
        {
            return Some((start + 1).next_multiple_of(HUGE_PAGE_BYTES));
        }
        self.find_plain(bytes)
    }

    fn find_plain(&self, bytes: u64) -> Option<u64> {
        let mut end = self.ceiling;
        for &(start, stop) in self.ranges.iter().rev() {
            if stop > end {
                end = end.min(start);
                continue;
            }
            if end - stop >= bytes && rule(Rule::MappingsFillGaps) {
                return Some(end - bytes);
            }
            end = start;
        }
        // The lowest page is never given out (vm.mmap_min_addr).
        (end >= bytes.checked_add(65536)?).then(|| end - bytes)
    }

    /// Marks `[start, start + bytes)` as mapped.
    pub fn insert(&mut self, start: u64, bytes: u64) {
        let mut end = start + bytes;
        let mut place = self.ranges.partition_point(|&(_, stop)| stop < start);
        let mut start = start;
        while place < self.ranges.len() && self.ranges[place].0 <= end {
            start = start.min(self.ranges[place].0);
            end = end.max(self.ranges[place].1);
            self.ranges.remove(place);
        }
        place = self.ranges.partition_point(|&(from, _)| from < start);
        self.ranges.insert(place, (start, end));
    }

    /// Marks `[start, start + bytes)` as not mapped.
    pub fn remove(&mut self, start: u64, bytes: u64) {
        let end = start + bytes;
        let mut place = self.ranges.partition_point(|&(_, stop)| stop <= start);
        while place < self.ranges.len() && self.ranges[place].0 < end {
            let (from, to) = self.ranges.remove(place);
            if from < start {
                self.ranges.insert(place, (from, start));
                place += 1;
            }
            if to > end {
                self.ranges.insert(place, (end, to));
                break;
            }
        }
    }

    /// Where a mapping ends up that grows or shrinks: in place when it shrinks or the gap above is large enough.
    pub fn find_resized(&self, start: u64, bytes: u64, new_bytes: u64) -> Option<u64> {
        if new_bytes <= bytes {
            return Some(start);
        }
        let end = start + bytes;
        let above = self.ranges.iter().find(|&&(from, _)| from > start).map_or(u64::MAX, |&(from, _)| from);
        let is_last_of_its_range = self.ranges.iter().any(|&(_, stop)| stop == end);
        if is_last_of_its_range && above - end >= new_bytes - bytes && rule(Rule::MremapGrowsInPlace) {
            return Some(start);
        }
        self.find(new_bytes)
    }
}

/// A Linux process with nothing in it but the allocator: deterministic, optionally with a limit.
#[derive(Clone, Debug)]
pub struct Linux {
    space: AddressSpace,
    /// The next 64 MiB that are known to be free and aligned: glibc's `aligned_heap_area`.
    heap_area: u64,
    /// Thread heaps: start, accessible bytes.
    heaps: Vec<(u64, u64)>,
    used_bytes: u64,
    limit_bytes: u64,
    calls: SystemCalls,
}

impl Linux {
    /// The end of the highest mapping below the stack of an amd64 process without address randomisation.
    pub const MAPPINGS_END: u64 = 0x7fff_f7ff_f000;

    /// - `heap_base`: the break before the first call.
    /// - `image`: start and length of what the program and its libraries occupy below [`Linux::MAPPINGS_END`].
    /// - `limit_bytes`: memory that may be had in all.
    pub(crate) fn new(heap_base: u64, image: (u64, u64), limit_bytes: u64) -> Self {
        let mut space = AddressSpace::below(Self::MAPPINGS_END);
        space.insert(image.0, image.1);
        space.insert(heap_base - super::chunk::PAGE_BYTES, super::chunk::PAGE_BYTES);
        Linux { space, heap_area: 0, heaps: Vec::new(), used_bytes: 0, limit_bytes, calls: SystemCalls::default() }
    }

    /// From now on this much memory may be had in all. Unit: bytes.
    pub fn set_limit_bytes(&mut self, limit_bytes: u64) {
        self.limit_bytes = limit_bytes;
    }

    /// The system calls that were made up to now. A thread heap takes up to five: see `alloc_new_heap`.
    pub fn calls(&self) -> SystemCalls {
        self.calls
    }

    fn take(&mut self, bytes: u64) -> bool {
        let fits = self.used_bytes.checked_add(bytes).is_some_and(|used| used <= self.limit_bytes);
        if fits {
            self.used_bytes += bytes;
        }
        fits
    }
}

impl System for Linux {
    fn move_break(&mut self, from: u64, to: u64) -> bool {
        // The library asks once where the break is.
        self.calls.brk += 1 + u64::from(self.calls.brk == 0);
        if to <= from {
            self.used_bytes -= from - to;
            self.space.remove(to, from - to);
            return true;
        }
        let above = self.space.ranges.iter().find(|&&(start, _)| start >= from).map_or(u64::MAX, |&(start, _)| start);
        if to > above || !self.take(to - from) {
            return false;
        }
        self.space.insert(from, to - from);
        true
    }

    fn map(&mut self, bytes: u64) -> Option<u64> {
        self.calls.mmap += 1;
        let start = self.space.find(bytes)?;
        if !self.take(bytes) {
            return None;
        }
        self.space.insert(start, bytes);
        Some(start)
    }

    fn unmap(&mut self, start: u64, bytes: u64) {
        self.calls.munmap += 1;
        self.used_bytes = self.used_bytes.saturating_sub(bytes);
        self.space.remove(start, bytes);
    }

    fn remap(&mut self, start: u64, bytes: u64, new_bytes: u64) -> Option<u64> {
        self.calls.mremap += 1;
        let to = self.space.find_resized(start, bytes, new_bytes)?;
        if new_bytes > bytes && !self.take(new_bytes - bytes) {
            return None;
        }
        if new_bytes < bytes {
            self.used_bytes -= bytes - new_bytes;
        }
        self.space.remove(start, bytes);
        self.space.insert(to, new_bytes);
        Some(to)
    }

    fn map_heap(&mut self) -> Option<u64> {
        let hint = std::mem::take(&mut self.heap_area);
        let is_free = |start: u64, space: &AddressSpace| {
            start != 0 && !space.ranges.iter().any(|&(from, to)| from < start + HEAP_BYTES_MAX && to > start)
        };
        self.calls.mmap += u64::from(hint != 0);
        let start = if is_free(hint, &self.space) {
            hint
        } else {
            // Where the hint is taken, the mapping that came instead goes again.
            self.calls.munmap += u64::from(hint != 0);
            self.calls.mmap += 1;
            let found = self.space.find(2 * HEAP_BYTES_MAX)?;
            let aligned = found.next_multiple_of(HEAP_BYTES_MAX);
            self.calls.munmap += 1 + u64::from(aligned != found);
            if aligned == found {
                self.heap_area = aligned + HEAP_BYTES_MAX;
            }
            aligned
        };
        self.space.insert(start, HEAP_BYTES_MAX);
        self.heaps.push((start, 0));
        Some(start)
    }

    fn unmap_heap(&mut self, start: u64) {
        self.calls.munmap += 1;
        if start + HEAP_BYTES_MAX == self.heap_area {
            self.heap_area = 0;
        }
        self.space.remove(start, HEAP_BYTES_MAX);
        if let Some(place) = self.heaps.iter().position(|heap| heap.0 == start) {
            self.used_bytes -= self.heaps.remove(place).1;
        }
    }

    /// Address space that may not be accessed is free of charge, as it is for the kernel.
    fn protect_heap(&mut self, start: u64, bytes: u64) -> bool {
        self.calls.mprotect += 1;
        let Some(place) = self.heaps.iter().position(|heap| heap.0 == start) else { return false };
        let more = bytes.saturating_sub(self.heaps[place].1);
        let fits = self.take(more);
        if fits {
            self.heaps[place].1 += more;
        }
        fits
    }

    fn discard(&mut self, _start: u64, _bytes: u64) {
        self.calls.madvise += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_placed_top_down_in_the_first_gap_that_fits() {
        let mut space = AddressSpace::below(0x10_0000_0000);
        let first = space.find(0x5000).unwrap();
        space.insert(first, 0x5000);
        let second = space.find(0x3000).unwrap();
        space.insert(second, 0x3000);
        assert_eq!((first, second), (0xf_ffff_b000, 0xf_ffff_8000));
        space.remove(first, 0x5000);
        assert_eq!(space.find(0x6000), Some(second - 0x6000), "too large for the gap");
        assert_eq!(space.find(0x4000), Some(0xf_ffff_c000), "at the end of the gap");
    }

    #[test]
    fn multiples_of_two_mebibytes_are_aligned() {
        let space = AddressSpace::below(0x10_0000_3000);
        assert_eq!(space.find(HUGE_PAGE_BYTES), Some(0x10_0000_0000 - HUGE_PAGE_BYTES));
        assert_eq!(space.find(HUGE_PAGE_BYTES + 4096), Some(0x10_0000_3000 - HUGE_PAGE_BYTES - 4096));
    }

    #[test]
    fn a_mapping_grows_in_place_when_the_gap_above_is_large_enough() {
        let mut space = AddressSpace::below(0x10_0000_0000);
        space.insert(0x1000_0000, 0x4000);
        space.insert(0x1000_8000, 0x1000);
        assert_eq!(space.find_resized(0x1000_0000, 0x4000, 0x8000), Some(0x1000_0000));
        assert_eq!(space.find_resized(0x1000_0000, 0x4000, 0x9000), Some(0x10_0000_0000 - 0x9000));
        assert_eq!(space.find_resized(0x1000_0000, 0x4000, 0x1000), Some(0x1000_0000));
        assert_eq!(space.find_resized(0x1000_0000, 0x1000, 0x2000), Some(0x10_0000_0000 - 0x2000), "a neighbour above");
    }

    #[test]
    fn taking_a_range_away_splits_what_it_is_in() {
        let mut space = AddressSpace::below(0x10_0000_0000);
        space.insert(0x1000, 0x9000);
        space.remove(0x3000, 0x1000);
        assert_eq!(space.ranges, [(0x1000, 0x3000), (0x4000, 0xa000)]);
        space.insert(0x3000, 0x1000);
        assert_eq!(space.ranges, [(0x1000, 0xa000)]);
        space.remove(0, 0x10000);
        assert_eq!(space.ranges, []);
    }
}
