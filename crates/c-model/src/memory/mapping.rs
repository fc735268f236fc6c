//! A mapping of its own: a large block, a stack, global variables.
//!
//! A replayed trace maps millions of large blocks and writes nothing but a 16-byte header into each, so that is all
//! that is stored at first. The first write elsewhere gives the mapping real storage.

use rustc_hash::FxHashMap;

use super::PAGE_BYTES;

/// Mappings beyond this are stored by pages, so that an enormous one costs only what is written. Unit: bytes.
const FLAT_BYTES_MAX: u64 = 1 << 28;

const PAGE: usize = PAGE_BYTES as usize;

/// Bytes that begin somewhere and are addressed from there.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    bytes: u64,
    storage: Storage,
}

#[derive(Clone, Debug)]
enum Storage {
    /// All is zero but the 16 bytes at `at`.
    Header {
        at: u64,
        words: [u8; 16],
    },
    Flat(Vec<u8>),
    Pages(FxHashMap<u64, Box<[u8; PAGE]>>),
}

impl Mapping {
    pub(super) const fn new(bytes: u64) -> Self {
        Mapping { bytes, storage: Storage::Header { at: 0, words: [0; 16] } }
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn read(&self, at: u64, into: &mut [u8]) {
        match &self.storage {
            Storage::Header { at: start, words } => {
                into.fill(0);
                let (from, to) = (at.max(*start), (at + into.len() as u64).min(start + 16));
                if from < to {
                    into[(from - at) as usize..(to - at) as usize]
                        .copy_from_slice(&words[(from - start) as usize..(to - start) as usize]);
                }
            }
            Storage::Flat(bytes) => into.copy_from_slice(&bytes[at as usize..at as usize + into.len()]),
            Storage::Pages(pages) => {
                for_each_page(at, into.len(), |page, in_page, range| match pages.get(&page) {
                    Some(bytes) => {
                        let n = range.len();
                        into[range].copy_from_slice(&bytes[in_page..in_page + n]);
                    }
                    None => into[range].fill(0),
                });
            }
        }
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        if let Storage::Header { at: start, words } = &mut self.storage {
            if *words == [0; 16] {
                *start = at & !15;
            }
            if at >= *start && at + bytes.len() as u64 <= *start + 16 {
                let from = (at - *start) as usize;
                words[from..from + bytes.len()].copy_from_slice(bytes);
                return;
            }
        }
        match self.storage() {
            Storage::Header { .. } => unreachable!("storage() leaves no header"),
            Storage::Flat(storage) => storage[at as usize..at as usize + bytes.len()].copy_from_slice(bytes),
            Storage::Pages(pages) => for_each_page(at, bytes.len(), |page, in_page, range| {
                let to = &mut pages.entry(page).or_insert_with(|| Box::new([0; PAGE]))[in_page..];
                to[..range.len()].copy_from_slice(&bytes[range]);
            }),
        }
    }

    pub(super) fn fill(&mut self, at: u64, value: u8, bytes: u64) {
        if value == 0 && matches!(&self.storage, Storage::Header { words, .. } if *words == [0; 16]) {
            return;
        }
        match self.storage() {
            Storage::Header { .. } => unreachable!("storage() leaves no header"),
            Storage::Flat(storage) => storage[at as usize..(at + bytes) as usize].fill(value),
            Storage::Pages(pages) => for_each_page(at, bytes as usize, |page, in_page, range| {
                if range.len() == PAGE && value == 0 {
                    pages.remove(&page);
                } else {
                    let to = &mut pages.entry(page).or_insert_with(|| Box::new([0; PAGE]))[in_page..];
                    to[..range.len()].fill(value);
                }
            }),
        }
    }

    pub(super) fn resize(&mut self, bytes: u64) {
        match &mut self.storage {
            Storage::Header { at, words } => {
                if *at + 16 > bytes {
                    *words = [0; 16];
                }
            }
            Storage::Flat(storage) => {
                let mut resized = vec![0; bytes as usize];
                let n = storage.len().min(bytes as usize);
                resized[..n].copy_from_slice(&storage[..n]);
                *storage = resized;
            }
            Storage::Pages(pages) => pages.retain(|page, _| page * PAGE_BYTES < bytes),
        }
        self.bytes = bytes;
    }

    /// Storage for all of it.
    fn storage(&mut self) -> &mut Storage {
        if let Storage::Header { at, words } = self.storage {
            self.storage = if self.bytes <= FLAT_BYTES_MAX {
                Storage::Flat(vec![0; self.bytes as usize])
            } else {
                Storage::Pages(FxHashMap::default())
            };
            if words != [0; 16] {
                self.write(at, &words);
            }
        }
        &mut self.storage
    }
}

/// Calls `visit` for each page of a range: its number, where in it the range continues, which part of the range that is.
fn for_each_page(at: u64, bytes: usize, mut visit: impl FnMut(u64, usize, std::ops::Range<usize>)) {
    let mut done = 0;
    while done < bytes {
        let here = at + done as u64;
        let in_page = (here % PAGE_BYTES) as usize;
        let n = (PAGE - in_page).min(bytes - done);
        visit(here / PAGE_BYTES, in_page, done..done + n);
        done += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: u64) {
        let mut mapping = Mapping::new(bytes);
        mapping.write(0x30, &[1; 8]);
        mapping.write(0x38, &[2; 8]);
        assert!(matches!(mapping.storage, Storage::Header { at: 0x30, .. }), "only a header so far");
        mapping.write(bytes - 4, &[3; 4]);
        let mut end = [0; 8];
        mapping.read(bytes - 8, &mut end);
        assert_eq!(end, [0, 0, 0, 0, 3, 3, 3, 3]);
        let mut start = [9; 0x50];
        mapping.read(0, &mut start);
        assert_eq!(start[0x2f..0x41], [0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 0]);
        mapping.fill(0, 0, 0x35);
        mapping.read(0, &mut start);
        assert_eq!(start[0x34..0x37], [0, 1, 1]);
        mapping.resize(bytes / 2);
        mapping.resize(bytes);
        mapping.read(bytes - 8, &mut end);
        assert_eq!(end, [0; 8]);
    }

    #[test]
    fn a_small_mapping_keeps_what_is_written() {
        check(0x4000);
    }

    #[test]
    fn an_enormous_mapping_costs_only_what_is_written() {
        check(1 << 40);
    }
}
