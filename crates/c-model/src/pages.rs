//! Which pages of an emulated process are resident: the kernel's side of `malloc`.
//!
//! A page of anonymous memory is given to a process when it is first written, and taken back when the break falls below
//! it, its mapping goes, or `madvise(MADV_DONTNEED)` says that its contents are not needed. [`Pages`] is that set. The
//! memory tells it of every write and of everything that is given back; it must not know what the bytes mean.
//!
//! # Source
//! Linux 6.18 `mm/memory.c:do_anonymous_page`, `zap_page_range_single`; `mm/mremap.c:move_page_tables`. Differs: pages are
//! of 4 KiB, with no transparent huge pages and no larger folios (what `transparent_hugepage/enabled` at `madvise` or
//! `never` gives); nothing is swapped out; a read of a page that was never written maps the kernel's page of zeroes,
//! which counts neither here nor in `Rss`.

mod pins;
mod survey;

use rustc_hash::FxHashMap;

pub use pins::{Pin, Returns, Rung, estimates, ladder, pin, pins, returns};
pub use survey::{Area, PageUse, Place, Survey};

use crate::memory::PAGE_BYTES;

/// Pages that share a word.
const WORD_PAGES: u64 = 64;

/// No page has this number.
const NO_PAGE: u64 = u64::MAX;

/// The resident pages of a process. A page's number is its address divided by [`PAGE_BYTES`].
#[derive(Clone, Debug)]
pub struct Pages {
    /// By number of the first page divided by 64: a bit a page.
    words: FxHashMap<u64, u64>,
    /// The page that was written last: it is in the set.
    recent: u64,
    n_resident: u64,
    n_resident_max: u64,
    n_faults: u64,
}

impl Default for Pages {
    fn default() -> Self {
        Pages { words: FxHashMap::default(), recent: NO_PAGE, n_resident: 0, n_resident_max: 0, n_faults: 0 }
    }
}

/// The pages that `[start, end)` has a byte of: first, and one past the last.
const fn touched(start: u64, end: u64) -> (u64, u64) {
    if end <= start { (0, 0) } else { (start / PAGE_BYTES, (end - 1) / PAGE_BYTES + 1) }
}

/// Calls `visit` with each word that the pages `[first, last)` have a bit in: its number, and those bits.
fn for_each_word(first: u64, last: u64, mut visit: impl FnMut(u64, u64)) {
    let mut page = first;
    while page < last {
        let word = page / WORD_PAGES;
        let end = last.min((word + 1) * WORD_PAGES);
        let n = end - page;
        let bits = if n == WORD_PAGES { u64::MAX } else { ((1 << n) - 1) << (page % WORD_PAGES) };
        visit(word, bits);
        page = end;
    }
}

impl Pages {
    /// Pages that are resident now.
    pub const fn n_resident(&self) -> u64 {
        self.n_resident
    }

    /// The most that were resident at once.
    pub const fn n_resident_max(&self) -> u64 {
        self.n_resident_max
    }

    /// How often a page became resident: the page faults of a process in which nobody reads what nobody has written.
    pub const fn n_faults(&self) -> u64 {
        self.n_faults
    }

    /// Whether the page with this number is resident.
    pub fn has(&self, page: u64) -> bool {
        self.words.get(&(page / WORD_PAGES)).is_some_and(|word| word >> (page % WORD_PAGES) & 1 != 0)
    }

    /// Resident pages that have a byte of `[start, end)`.
    pub fn n_within(&self, start: u64, end: u64) -> u64 {
        let (first, last) = touched(start, end);
        let mut n = 0;
        for_each_word(first, last, |word, bits| {
            n += u64::from(self.words.get(&word).map_or(0, |word| (word & bits).count_ones()));
        });
        n
    }

    /// All resident pages, ascending.
    pub fn numbers(&self) -> Vec<u64> {
        let mut words: Vec<(u64, u64)> = self.words.iter().map(|(&number, &bits)| (number, bits)).collect();
        words.sort_unstable();
        let pages = words.iter().flat_map(|&(number, bits)| {
            (0..WORD_PAGES).filter(move |bit| bits >> bit & 1 != 0).map(move |bit| number * WORD_PAGES + bit)
        });
        pages.collect()
    }

    /// `bytes` bytes from `start` are written.
    #[inline]
    pub(crate) fn write(&mut self, start: u64, bytes: u64) {
        let (first, last) = touched(start, start.wrapping_add(bytes));
        if first == self.recent && last == first + 1 {
            return;
        }
        self.insert(first, last);
    }

    fn insert(&mut self, first: u64, last: u64) {
        let mut n = 0;
        for_each_word(first, last, |word, bits| {
            let old = self.words.entry(word).or_default();
            n += u64::from((bits & !*old).count_ones());
            *old |= bits;
        });
        self.n_resident += n;
        self.n_faults += n;
        self.n_resident_max = self.n_resident_max.max(self.n_resident);
        if last > first {
            self.recent = last - 1;
        }
    }

    /// The pages that lie wholly in `[start, end)` are given back.
    pub(crate) fn release(&mut self, start: u64, end: u64) {
        self.take(start.div_ceil(PAGE_BYTES), end / PAGE_BYTES);
    }

    fn take(&mut self, first: u64, last: u64) {
        let mut n = 0;
        for_each_word(first, last, |word, bits| {
            if let Some(old) = self.words.get_mut(&word) {
                n += u64::from((bits & *old).count_ones());
                *old &= !bits;
                if *old == 0 {
                    self.words.remove(&word);
                }
            }
        });
        self.n_resident -= n;
        self.recent = NO_PAGE;
    }

    /// A mapping of `bytes` at `from` is at `to` now, with its pages: what `mremap` does. `new_bytes` of it are left.
    pub(crate) fn relocate(&mut self, from: u64, to: u64, bytes: u64, new_bytes: u64) {
        self.release(from.saturating_add(new_bytes.min(bytes)), from.saturating_add(bytes));
        if from == to {
            return;
        }
        let first = from / PAGE_BYTES;
        let last = (from + new_bytes.min(bytes)) / PAGE_BYTES;
        let resident: Vec<u64> = (first..last).filter(|&page| self.has(page)).collect();
        let (n_faults, n_max) = (self.n_faults, self.n_resident_max);
        self.take(first, last);
        for page in resident {
            let page = page - first + to / PAGE_BYTES;
            self.insert(page, page + 1);
        }
        (self.n_faults, self.n_resident_max) = (n_faults, n_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: u64 = PAGE_BYTES;

    #[test]
    fn a_page_is_resident_from_its_first_write_until_it_is_given_back() {
        let mut pages = Pages::default();
        pages.write(5 * P + 4090, 8);
        assert_eq!(pages.numbers(), [5, 6]);
        pages.write(100 * P, 70 * P);
        assert_eq!((pages.n_resident(), pages.n_within(0, 101 * P)), (72, 3));
        pages.release(5 * P + 1, 7 * P);
        assert_eq!(pages.n_within(0, 99 * P), 1, "of a page in part nothing is given back");
        pages.release(0, 200 * P);
        assert_eq!((pages.n_resident(), pages.n_resident_max(), pages.n_faults()), (0, 72, 72));
        pages.write(150 * P, 1);
        assert_eq!(pages.n_faults(), 73);
    }

    #[test]
    fn mremap_takes_its_pages_along() {
        let mut pages = Pages::default();
        pages.write(10 * P, 1);
        pages.write(12 * P, 2 * P);
        pages.relocate(10 * P, 1000 * P, 4 * P, 8 * P);
        assert_eq!(pages.numbers(), [1000, 1002, 1003]);
        pages.relocate(1000 * P, 1000 * P, 8 * P, 3 * P);
        assert_eq!(pages.numbers(), [1000, 1002]);
        assert_eq!((pages.n_faults(), pages.n_resident_max()), (3, 3), "nothing was written anew");
    }
}
