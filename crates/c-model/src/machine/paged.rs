//! A sparse table over the address space: pages of 4 KiB that come to be when they are first written.
//!
//! It must not know what is in the pages. Found pages are remembered in a small direct-mapped cache, as a processor
//! does, because programs go back to the pages that they have just used.

use rustc_hash::FxHashMap;

/// Bytes of address space a page stands for, as a power of two.
pub(crate) const PAGE_SHIFT: u32 = 12;

const N_RECENT: usize = 256;
const NO_PAGE: u64 = u64::MAX;

/// Pages of `P`, by address.
#[derive(Clone, Debug)]
pub(crate) struct Paged<P> {
    directory: FxHashMap<u64, u32>,
    pages: Vec<(u64, P)>,
    recent: Box<[(u64, u32)]>,
}

impl<P> Default for Paged<P> {
    fn default() -> Self {
        Paged {
            directory: FxHashMap::default(),
            pages: Vec::new(),
            recent: vec![(NO_PAGE, 0); N_RECENT].into_boxed_slice(),
        }
    }
}

impl<P: Default> Paged<P> {
    /// The page that `at` is in, if it was ever written.
    #[inline]
    pub(crate) fn get(&mut self, at: u64) -> Option<&mut P> {
        let number = at >> PAGE_SHIFT;
        let (recent, place) = self.recent[number as usize % N_RECENT];
        if recent == number {
            return Some(&mut self.pages[place as usize].1);
        }
        self.find(number)
    }

    /// The page that `at` is in.
    #[inline]
    pub(crate) fn make(&mut self, at: u64) -> &mut P {
        let number = at >> PAGE_SHIFT;
        let (recent, place) = self.recent[number as usize % N_RECENT];
        if recent == number {
            return &mut self.pages[place as usize].1;
        }
        if !self.directory.contains_key(&number) {
            self.directory.insert(number, self.pages.len() as u32);
            self.pages.push((number, P::default()));
        }
        self.find(number).expect("just made")
    }

    #[inline(never)]
    fn find(&mut self, number: u64) -> Option<&mut P> {
        let &place = self.directory.get(&number)?;
        self.recent[number as usize % N_RECENT] = (number, place);
        Some(&mut self.pages[place as usize].1)
    }

    /// All pages, in no order that means anything.
    pub(crate) fn pages(&self) -> impl Iterator<Item = &P> {
        self.pages.iter().map(|(_, page)| page)
    }

    /// Drops the pages for whose first address `keep` answers false.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u64) -> bool) {
        self.pages.retain(|&(number, _)| keep(number << PAGE_SHIFT));
        self.directory = self.pages.iter().enumerate().map(|(place, &(number, _))| (number, place as u32)).collect();
        self.recent.fill((NO_PAGE, 0));
    }

    /// How many pages there are.
    pub(crate) fn n_pages(&self) -> usize {
        self.pages.len()
    }
}

/// Cuts `bytes` bytes from `at` at the borders of pages: the first address and the length of each part.
pub(crate) fn parts(at: u64, bytes: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let start = at.wrapping_add(done);
        let left_in_page = (1 << PAGE_SHIFT) - (start & ((1 << PAGE_SHIFT) - 1));
        let n = left_in_page.min(bytes - done);
        done += n;
        (n > 0).then_some((start, n))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_comes_to_be_when_it_is_made_and_goes_when_it_is_dropped() {
        let mut paged: Paged<u8> = Paged::default();
        assert!(paged.get(0x5000).is_none());
        *paged.make(0x5fff) = 7;
        *paged.make(0x5000 + ((N_RECENT as u64) << PAGE_SHIFT)) = 8;
        assert_eq!(paged.get(0x5000), Some(&mut 7));
        assert_eq!(paged.n_pages(), 2);
        paged.retain(|at| at != 0x5000);
        assert!(paged.get(0x5000).is_none());
        assert_eq!(paged.get(0x5800 + ((N_RECENT as u64) << PAGE_SHIFT)), Some(&mut 8));
    }

    #[test]
    fn a_range_is_cut_where_pages_end() {
        let cut: Vec<_> = parts(0x1ff8, 0x1010).collect();
        assert_eq!(cut, [(0x1ff8, 8), (0x2000, 0x1000), (0x3000, 8)]);
        assert_eq!(parts(0x1000, 0).count(), 0);
    }
}
