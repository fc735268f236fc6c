//! A run of bytes with a fixed start that grows and shrinks at its end: the heap below the break, a thread's heap.
//!
//! The host's storage is asked for zeroed and in doubling steps, and only pages that hold something are ever written:
//! what the emulated program maps and never touches costs the host address space and no memory.

use super::PAGE_BYTES;

/// The storage that a small run begins with. Unit: bytes.
pub(super) const SMALL_BYTES: usize = 1 << 18;

/// The storage that a run begins with that is likely to grow: so much that it is rarely copied, and more than any host's
/// allocator keeps for itself, so that it is fresh and costs nothing until it is written. Unit: bytes.
pub(super) const LARGE_BYTES: usize = 64 << 20;

/// A page of nothing, to compare with.
static ZEROES: [u8; PAGE_BYTES as usize] = [0; PAGE_BYTES as usize];

/// Bytes from `base` on, of which the first `mapped` exist.
#[derive(Debug)]
pub(super) struct Flat {
    base: u64,
    mapped: u64,
    /// Of `mapped`, what [`Flat::get_mut`] answers: all, or nothing when each write is to go the long way.
    open: u64,
    is_watched: bool,
    storage_bytes_min: usize,
    /// At least `mapped` bytes; all beyond them are zero.
    storage: Vec<u8>,
}

impl Flat {
    pub(super) const fn new(base: u64, storage_bytes_min: usize) -> Self {
        Flat { base, mapped: 0, open: 0, is_watched: false, storage_bytes_min, storage: Vec::new() }
    }

    /// From now on [`Flat::get_mut`] has nothing, so that whoever writes takes the way on which writes are seen.
    pub(super) const fn watch(&mut self) {
        self.is_watched = true;
        self.open = 0;
    }

    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    pub(super) const fn end(&self) -> u64 {
        self.base + self.mapped
    }

    #[inline]
    pub(super) const fn has(&self, at: u64) -> bool {
        at.wrapping_sub(self.base) < self.mapped
    }

    /// The `N` bytes at `at`, if all of them exist.
    #[inline]
    pub(super) fn get<const N: usize>(&self, at: u64) -> Option<&[u8; N]> {
        let offset = at.wrapping_sub(self.base);
        if offset.checked_add(N as u64)? > self.mapped {
            return None;
        }
        self.storage.get(offset as usize..)?.first_chunk()
    }

    /// The `N` bytes at `at`, to be written, if all of them exist and writes are not watched.
    #[inline]
    pub(super) fn get_mut<const N: usize>(&mut self, at: u64) -> Option<&mut [u8; N]> {
        let offset = at.wrapping_sub(self.base);
        if offset.checked_add(N as u64)? > self.open {
            return None;
        }
        self.storage.get_mut(offset as usize..)?.first_chunk_mut()
    }

    /// `n` bytes from `at`; all of them must exist.
    pub(super) fn slice(&self, at: u64, n: usize) -> &[u8] {
        let offset = (at - self.base) as usize;
        debug_assert!((offset + n) as u64 <= self.mapped, "{n} bytes at {at:#x} of {:#x}", self.end());
        &self.storage[offset..offset + n]
    }

    /// `n` bytes from `at`, to be written; all of them must exist.
    pub(super) fn slice_mut(&mut self, at: u64, n: usize) -> &mut [u8] {
        let offset = (at - self.base) as usize;
        debug_assert!((offset + n) as u64 <= self.mapped, "{n} bytes at {at:#x} of {:#x}", self.end());
        &mut self.storage[offset..offset + n]
    }

    /// Sets `bytes` bytes from `at`; pages that are zero already are not touched to become zero.
    pub(super) fn fill(&mut self, at: u64, value: u8, bytes: u64) {
        for part in self.slice_mut(at, bytes as usize).chunks_mut(PAGE_BYTES as usize) {
            if value != 0 || *part != ZEROES[..part.len()] {
                part.fill(value);
            }
        }
    }

    /// The first `mapped` bytes exist from now on. New ones are zero, old ones are forgotten. False, and nothing
    /// happens, when the host has no room for them.
    pub(super) fn resize(&mut self, mapped: u64) -> bool {
        if mapped < self.mapped {
            self.fill(self.base + mapped, 0, self.mapped - mapped);
        } else if mapped as usize > self.storage.len() {
            let bytes = (mapped as usize).next_power_of_two().max(self.storage_bytes_min);
            if Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
                return false;
            }
            self.storage = self.copy_of_storage(bytes);
        }
        self.mapped = mapped;
        self.open = if self.is_watched { 0 } else { mapped };
        true
    }

    /// What is mapped, in storage of `bytes`. Pages of nothing are not written.
    fn copy_of_storage(&self, bytes: usize) -> Vec<u8> {
        let mut storage = vec![0; bytes];
        let old = &self.storage[..self.mapped as usize];
        for (to, from) in storage.chunks_mut(PAGE_BYTES as usize).zip(old.chunks(PAGE_BYTES as usize)) {
            if *from != ZEROES[..from.len()] {
                to[..from.len()].copy_from_slice(from);
            }
        }
        storage
    }
}

impl Clone for Flat {
    fn clone(&self) -> Self {
        Flat { storage: self.copy_of_storage(self.storage.len()), ..*self }
    }
}
