//! Raw memory: bytes at addresses. What a C program sees of its heap, and where the allocator keeps its headers.
//!
//! [`Memory`] is the emulated address space of a process: the main heap below the break, the C library's own data,
//! the heaps of threads, and everything mapped (large blocks, stacks, globals). It must not know what the bytes mean.

mod flat;
mod image;
mod mapping;

use std::cell::Cell;
use std::collections::BTreeMap;

use memory_trait::Address;

use crate::pages::Pages;

pub(crate) use flat::Words;

use flat::{Flat, LARGE_BYTES, SMALL_BYTES};
use image::Image;
use mapping::Mapping;

/// Unit of mapping and protection. Unit: bytes. Source: x86-64.
pub const PAGE_BYTES: u64 = 4096;

/// Nothing is mapped at this address: the first byte of the access that failed. The processor would raise SIGSEGV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmapped(pub Address);

/// Memory that can be read and written at any mapped address, without a check of what the bytes belong to: headers,
/// free blocks and live blocks alike. An access may cross from one mapping into an adjacent one.
pub trait RawMemory {
    /// Reads `into.len()` bytes from `at`.
    fn read(&self, at: Address, into: &mut [u8]) -> Result<(), Unmapped>;

    /// Writes `bytes` to `at`. Nothing is written when any byte of the range is not mapped.
    fn write(&mut self, at: Address, bytes: &[u8]) -> Result<(), Unmapped>;

    /// Reads a little-endian word.
    fn read_u64(&self, at: Address) -> Result<u64, Unmapped> {
        let mut bytes = [0; 8];
        self.read(at, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes a little-endian word.
    fn write_u64(&mut self, at: Address, value: u64) -> Result<(), Unmapped> {
        self.write(at, &value.to_le_bytes())
    }
}

/// An emulated address space. Fresh memory reads as zero and costs the host nothing until it is written.
#[derive(Clone, Debug)]
pub struct Memory {
    /// From the start of the heap to the break.
    heap: Flat,
    /// The C library's own data: its main arena.
    image: Image,
    /// The heaps of threads, by address.
    thread_heaps: Vec<Flat>,
    /// The thread heap that was accessed last.
    recent: Cell<usize>,
    mappings: BTreeMap<u64, Mapping>,
    /// The resident pages, when somebody wants to know.
    pages: Option<Box<Pages>>,
}

impl Memory {
    /// An address space with an empty heap at `heap_base` and library data from the page of `image_base` on.
    pub(crate) fn new(heap_base: u64, image_base: u64) -> Self {
        Memory {
            heap: Flat::new(heap_base, LARGE_BYTES),
            image: Image::new(image_base),
            thread_heaps: Vec::new(),
            recent: Cell::new(0),
            mappings: BTreeMap::new(),
            pages: None,
        }
    }

    /// From now on it is known which pages are resident; those that were written before do not count. The library's own
    /// data are left out: they are part of a file. A write costs more then; unwatched memory pays nothing.
    pub(crate) fn watch_pages(&mut self) {
        self.pages = Some(Box::default());
        self.heap.watch();
        self.thread_heaps.iter_mut().for_each(Flat::watch);
    }

    /// The resident pages, if they are watched.
    pub fn pages(&self) -> Option<&Pages> {
        self.pages.as_deref()
    }

    /// The program writes `bytes` bytes at `at`, it does not matter what: their pages are resident from then on.
    pub(crate) fn touch(&mut self, at: u64, bytes: u64) {
        if !self.image.has(at)
            && let Some(pages) = &mut self.pages
        {
            pages.write(at, bytes);
        }
    }

    /// What is in `[start, end)` is given back to the operating system.
    fn release(&mut self, start: u64, end: u64) {
        if let Some(pages) = &mut self.pages {
            pages.release(start, end);
        }
    }

    /// Mappings and thread heaps.
    pub(crate) fn n_entries(&self) -> usize {
        self.mappings.len() + self.thread_heaps.len()
    }

    /// Maps `bytes` of zeroed memory at `start`: a stack, global variables. It must not overlap what is mapped.
    pub fn map(&mut self, start: Address, bytes: u64) {
        assert!(bytes > 0, "an empty mapping at {start}");
        self.mappings.insert(start.0, Mapping::new(bytes));
    }

    /// Takes away the mapping that begins at `start`; returns its length in bytes, 0 if there was none.
    pub fn unmap(&mut self, start: Address) -> u64 {
        let bytes = self.mappings.remove(&start.0).map_or(0, |mapping| mapping.bytes());
        self.release(start.0, start.0 + bytes);
        bytes
    }

    /// Moves the mapping at `from` to `to` with a new length, its contents with it.
    pub(crate) fn remap(&mut self, from: u64, to: u64, bytes: u64) {
        let mut mapping = self.mappings.remove(&from).expect("only a mapping that is there is moved");
        if let Some(pages) = &mut self.pages {
            pages.relocate(from, to, mapping.bytes(), bytes);
        }
        mapping.resize(bytes);
        self.mappings.insert(to, mapping);
    }

    /// Whether a mapping begins at `start` and is `bytes` long.
    pub(crate) fn is_mapping(&self, start: u64, bytes: u64) -> bool {
        self.mappings.get(&start).is_some_and(|mapping| mapping.bytes() == bytes)
    }

    /// The end of the heap is now at `end`; memory is there up to the next page boundary. False, and nothing happens,
    /// when the host has no room.
    pub(crate) fn set_break(&mut self, end: u64) -> bool {
        assert!(end >= self.heap.base(), "a break at {end:#x}, below the heap at {:#x}", self.heap.base());
        let had = self.heap.end();
        let is_done = self.heap.resize((end - self.heap.base()).next_multiple_of(PAGE_BYTES));
        self.release(self.heap.end(), had);
        is_done
    }

    /// A thread heap at `base` of which `bytes` can be accessed. False, and nothing happens, when there is one already
    /// or the host has no room.
    pub(crate) fn map_thread_heap(&mut self, base: u64, bytes: u64) -> bool {
        let place = self.thread_heaps.partition_point(|heap| heap.base() < base);
        let is_free = self.thread_heaps.get(place).is_none_or(|heap| heap.base() != base);
        let mut heap = Flat::new(base, SMALL_BYTES);
        if !is_free || !heap.resize(bytes) {
            return false;
        }
        if self.pages.is_some() {
            heap.watch();
        }
        self.thread_heaps.insert(place, heap);
        true
    }

    /// Of the thread heap at `base`, `bytes` can now be accessed; false when there is none.
    pub(crate) fn resize_thread_heap(&mut self, base: u64, bytes: u64) -> bool {
        let Some(heap) = self.thread_heaps.iter_mut().find(|heap| heap.base() == base) else { return false };
        let had = heap.end();
        let is_done = heap.resize(bytes);
        let has = heap.end();
        self.release(has, had);
        is_done
    }

    /// The thread heap at `base` is gone.
    pub(crate) fn unmap_thread_heap(&mut self, base: u64) {
        if let Some(place) = self.thread_heaps.iter().position(|heap| heap.base() == base) {
            let end = self.thread_heaps.remove(place).end();
            self.release(base, end);
        }
        self.recent.set(0);
    }

    /// Drops the contents of mapped pages: they read as zero. What `madvise(MADV_DONTNEED)` does.
    pub(crate) fn discard(&mut self, at: u64, bytes: u64) -> Result<(), Unmapped> {
        self.fill_run(at, 0, bytes)?;
        self.release(at, at + bytes);
        Ok(())
    }

    /// Reads the word at `at`, which is likely to be of the heap.
    #[expect(clippy::inline_always, reason = "most of what an allocator does; left to itself, the compiler calls it")]
    #[inline(always)]
    pub(crate) fn load(&self, at: u64) -> Result<u64, Unmapped> {
        match self.heap.get(at) {
            Some(word) => Ok(word),
            None => self.load_elsewhere(at),
        }
    }

    /// Writes the word at `at`, which is likely to be of the heap.
    #[expect(clippy::inline_always, reason = "most of what an allocator does; left to itself, the compiler calls it")]
    #[inline(always)]
    pub(crate) fn store(&mut self, at: u64, value: u64) -> Result<(), Unmapped> {
        match self.heap.get_mut(at) {
            Some(word) => {
                *word = value;
                Ok(())
            }
            None => self.store_elsewhere(at, value),
        }
    }

    /// Reads the word at `at`, which is likely to be of the library's data.
    #[expect(clippy::inline_always, reason = "most of what an allocator does; left to itself, the compiler calls it")]
    #[inline(always)]
    pub(crate) fn load_of_image(&self, at: u64) -> Result<u64, Unmapped> {
        match self.image.get(at) {
            Some(word) => Ok(word),
            None => self.load_elsewhere(at),
        }
    }

    /// Writes the word at `at`, which is likely to be of the library's data.
    #[expect(clippy::inline_always, reason = "most of what an allocator does; left to itself, the compiler calls it")]
    #[inline(always)]
    pub(crate) fn store_in_image(&mut self, at: u64, value: u64) -> Result<(), Unmapped> {
        match self.image.get_mut(at) {
            Some(word) => {
                *word = value;
                Ok(())
            }
            None => self.store_elsewhere(at, value),
        }
    }

    /// Reads two words at `at`, which are likely to be of the heap.
    #[inline]
    pub(crate) fn load_pair(&self, at: u64) -> Result<[u64; 2], Unmapped> {
        match self.heap.pair(at) {
            Some(pair) => Ok(pair),
            None => Ok([self.load(at)?, self.load(at.wrapping_add(8))?]),
        }
    }

    /// Writes two words at `at`, which are likely to be of the heap.
    #[inline]
    pub(crate) fn store_pair(&mut self, at: u64, pair: [u64; 2]) -> Result<(), Unmapped> {
        if let Some(place) = self.heap.pair_mut(at) {
            *place = pair;
            return Ok(());
        }
        self.store_elsewhere(at, pair[0])?;
        self.store_elsewhere(at.wrapping_add(8), pair[1])
    }

    /// The words of the heap below the break.
    #[inline]
    pub(crate) fn heap_words(&mut self) -> Words<'_> {
        self.heap.words_mut()
    }

    /// Reads the half word at `at`.
    #[inline]
    pub(crate) fn load_u16(&self, at: u64) -> Result<u16, Unmapped> {
        if let Some(word) = self.heap.get(at & !7)
            && at.is_multiple_of(2)
        {
            return Ok((word >> (8 * (at & 7))) as u16);
        }
        let mut bytes = [0; 2];
        self.read(Address(at), &mut bytes)?;
        Ok(u16::from_le_bytes(bytes))
    }

    /// Writes the half word at `at`.
    #[inline]
    pub(crate) fn store_u16(&mut self, at: u64, value: u16) -> Result<(), Unmapped> {
        if let Some(word) = self.heap.get_mut(at & !7)
            && at.is_multiple_of(2)
        {
            let shift = 8 * (at & 7);
            *word = *word & !(0xffff << shift) | u64::from(value) << shift;
            return Ok(());
        }
        self.write(Address(at), &value.to_le_bytes())
    }

    /// Sets `bytes` bytes from `at` to `value`.
    pub(crate) fn fill(&mut self, at: u64, value: u8, bytes: u64) -> Result<(), Unmapped> {
        self.fill_run(at, value, bytes)?;
        self.touch(at, bytes);
        Ok(())
    }

    fn fill_run(&mut self, at: u64, value: u8, bytes: u64) -> Result<(), Unmapped> {
        let (mut at, mut left) = (at, bytes);
        while left > 0 {
            let (run, n) = self.run_mut(at).ok_or(Unmapped(Address(at)))?;
            let n = n.min(left);
            run.fill(at, value, n);
            at += n;
            left -= n;
        }
        Ok(())
    }

    /// Copies `bytes` bytes from `from` to `to`, in rising order of addresses.
    pub(crate) fn copy(&mut self, from: u64, to: u64, bytes: u64) -> Result<(), Unmapped> {
        let is_apart = from.abs_diff(to) >= bytes;
        let is_in_heap = |at| self.heap.has(at) && self.heap.end() - at >= bytes;
        if is_apart && is_in_heap(from) && is_in_heap(to) && self.heap.copy(from, to, bytes) {
            self.touch(to, bytes);
            return Ok(());
        }
        let mut buffer = [0; PAGE_BYTES as usize];
        let mut done = 0;
        while done < bytes {
            let n = (bytes - done).min(PAGE_BYTES) as usize;
            self.read(Address(from + done), &mut buffer[..n])?;
            self.write(Address(to + done), &buffer[..n])?;
            done += n as u64;
        }
        Ok(())
    }

    /// The thread heap that has `at`.
    fn thread_heap(&self, at: u64) -> Option<usize> {
        let recent = self.recent.get();
        if self.thread_heaps.get(recent).is_some_and(|heap| heap.has(at)) {
            return Some(recent);
        }
        let place = self.thread_heaps.partition_point(|heap| heap.base() <= at).checked_sub(1)?;
        self.thread_heaps[place].has(at).then(|| {
            self.recent.set(place);
            place
        })
    }

    /// Reads the word at `at`, wherever it is.
    #[inline(never)]
    fn load_elsewhere(&self, at: u64) -> Result<u64, Unmapped> {
        if let Some(word) = self.image.get(at).or_else(|| self.heap.get(at)) {
            return Ok(word);
        }
        if let Some(place) = self.thread_heap(at)
            && let Some(word) = self.thread_heaps[place].get(at)
        {
            return Ok(word);
        }
        let mut bytes = [0; 8];
        self.read(Address(at), &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes the word at `at`, wherever it is.
    #[inline(never)]
    fn store_elsewhere(&mut self, at: u64, value: u64) -> Result<(), Unmapped> {
        if let Some(word) = self.image.get_mut(at).or_else(|| self.heap.get_mut(at)) {
            *word = value;
            return Ok(());
        }
        if let Some(place) = self.thread_heap(at)
            && let Some(word) = self.thread_heaps[place].get_mut(at)
        {
            *word = value;
            return Ok(());
        }
        self.write(Address(at), &value.to_le_bytes())
    }

    /// What is mapped at `at`, and how many bytes of it from there.
    fn run(&self, at: u64) -> Option<(Run<'_>, u64)> {
        if self.heap.has(at) {
            return Some((Run::Flat(&self.heap), self.heap.end() - at));
        }
        if self.image.has(at) {
            return Some((Run::Image(&self.image), self.image.end() - at));
        }
        if let Some(place) = self.thread_heap(at) {
            let flat = &self.thread_heaps[place];
            return Some((Run::Flat(flat), flat.end() - at));
        }
        let (&start, mapping) = self.mappings.range(..=at).next_back()?;
        let left = mapping.bytes().checked_sub(at - start).filter(|&left| left > 0)?;
        Some((Run::Mapping(start, mapping), left))
    }

    /// The same, to be written.
    fn run_mut(&mut self, at: u64) -> Option<(RunMut<'_>, u64)> {
        if self.heap.has(at) {
            let left = self.heap.end() - at;
            return Some((RunMut::Flat(&mut self.heap), left));
        }
        if self.image.has(at) {
            let left = self.image.end() - at;
            return Some((RunMut::Image(&mut self.image), left));
        }
        if let Some(place) = self.thread_heap(at) {
            let flat = &mut self.thread_heaps[place];
            let left = flat.end() - at;
            return Some((RunMut::Flat(flat), left));
        }
        let (&start, mapping) = self.mappings.range_mut(..=at).next_back()?;
        let left = mapping.bytes().checked_sub(at - start).filter(|&left| left > 0)?;
        Some((RunMut::Mapping(start, mapping), left))
    }
}

/// One mapped run of bytes.
enum Run<'a> {
    Flat(&'a Flat),
    Image(&'a Image),
    Mapping(u64, &'a Mapping),
}

/// One mapped run of bytes, to be written.
enum RunMut<'a> {
    Flat(&'a mut Flat),
    Image(&'a mut Image),
    Mapping(u64, &'a mut Mapping),
}

impl RunMut<'_> {
    fn fill(self, at: u64, value: u8, bytes: u64) {
        match self {
            RunMut::Flat(flat) => flat.fill(at, value, bytes),
            RunMut::Image(image) => image.fill(at, value, bytes),
            RunMut::Mapping(start, mapping) => mapping.fill(at - start, value, bytes),
        }
    }
}

impl RawMemory for Memory {
    fn read(&self, at: Address, into: &mut [u8]) -> Result<(), Unmapped> {
        let (mut at, mut into) = (at.0, into);
        while !into.is_empty() {
            let (run, left) = self.run(at).ok_or(Unmapped(Address(at)))?;
            let (part, rest) = into.split_at_mut(left.min(into.len() as u64) as usize);
            match run {
                Run::Flat(flat) => flat.read(at, part),
                Run::Image(image) => image.read(at, part),
                Run::Mapping(start, mapping) => mapping.read(at - start, part),
            }
            at = at.wrapping_add(part.len() as u64);
            into = rest;
        }
        Ok(())
    }

    fn write(&mut self, at: Address, bytes: &[u8]) -> Result<(), Unmapped> {
        let mut end = at.0;
        while end.wrapping_sub(at.0) < bytes.len() as u64 {
            end = end.wrapping_add(self.run(end).ok_or(Unmapped(Address(end)))?.1);
        }
        self.touch(at.0, bytes.len() as u64);
        let (mut at, mut bytes) = (at.0, bytes);
        while !bytes.is_empty() {
            let (run, left) = self.run_mut(at).expect("just seen to be mapped");
            let (part, rest) = bytes.split_at(left.min(bytes.len() as u64) as usize);
            match run {
                RunMut::Flat(flat) => flat.write(at, part),
                RunMut::Image(image) => image.write(at, part),
                RunMut::Mapping(start, mapping) => mapping.write(at - start, part),
            }
            at = at.wrapping_add(part.len() as u64);
            bytes = rest;
        }
        Ok(())
    }

    #[inline]
    fn read_u64(&self, at: Address) -> Result<u64, Unmapped> {
        self.load(at.0)
    }

    #[inline]
    fn write_u64(&mut self, at: Address, value: u64) -> Result<(), Unmapped> {
        self.store(at.0, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        let mut memory = Memory::new(0x10_0000, 0x7000_0000);
        assert!(memory.set_break(0x10_0000 + 0x3000));
        memory.map(Address(0x10_3000), 0x1000);
        memory
    }

    #[test]
    fn fresh_memory_reads_as_zero_and_past_the_break_nothing_is_mapped() {
        let mut memory = memory();
        assert_eq!(memory.load(0x10_0008), Ok(0));
        assert_eq!(memory.load(0x10_4000), Err(Unmapped(Address(0x10_4000))));
        memory.unmap(Address(0x10_3000));
        assert_eq!(memory.load(0x10_3000), Err(Unmapped(Address(0x10_3000))));
    }

    #[test]
    fn an_access_may_cross_from_one_mapping_into_the_next() {
        let mut memory = memory();
        memory.write(Address(0x10_2ffc), &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        assert_eq!(memory.load(0x10_2ffc), Ok(0x0807_0605_0403_0201));
        let mut half = [0; 4];
        memory.read(Address(0x10_3000), &mut half).unwrap();
        assert_eq!(half, [5, 6, 7, 8]);
    }

    #[test]
    fn a_write_that_ends_outside_writes_nothing() {
        let mut memory = memory();
        assert_eq!(memory.write(Address(0x10_3ffc), &[9; 8]), Err(Unmapped(Address(0x10_4000))));
        let mut bytes = [1; 4];
        memory.read(Address(0x10_3ffc), &mut bytes).unwrap();
        assert_eq!(bytes, [0; 4]);
    }

    #[test]
    fn a_break_that_went_down_and_up_again_leaves_zeroes() {
        let mut memory = memory();
        memory.store(0x10_2000, 7).unwrap();
        assert!(memory.set_break(0x10_1000));
        assert!(memory.set_break(0x10_3000));
        assert_eq!(memory.load(0x10_2000), Ok(0));
    }

    #[test]
    fn a_mapping_that_moves_keeps_what_is_in_it() {
        let mut memory = memory();
        memory.map(Address(0x5000_0000), 0x40_0000);
        memory.write_u64(Address(0x5000_0008), 11).unwrap();
        memory.write_u64(Address(0x5010_0000), 12).unwrap();
        memory.remap(0x5000_0000, 0x6000_0000, 0x20_0000);
        assert_eq!(memory.read_u64(Address(0x6000_0008)), Ok(11));
        assert_eq!(memory.read_u64(Address(0x6010_0000)), Ok(12));
        assert!(memory.read_u64(Address(0x6020_0000)).is_err());
        assert!(memory.read_u64(Address(0x5000_0008)).is_err());
    }
}
