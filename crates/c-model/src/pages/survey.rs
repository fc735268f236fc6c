//! A heap at one moment: where its bytes are, and what is on each of its pages.

use memory_trait::{Address, Outcome};

use super::Pages;
use crate::malloc::{Extent, Glibc, Part, System};
use crate::memory::PAGE_BYTES;

/// What one arena, or all mapped blocks together, have of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The arena, in the order of [`Glibc::arena_states`]; `None`: mappings of single blocks.
    pub arena: Option<usize>,
    /// What it is.
    pub part: Part,
    /// How many there are.
    pub n: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
    /// Of these, bytes on resident pages.
    pub resident_bytes: u64,
}

/// A page of an arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageUse {
    /// Whether it is resident.
    pub is_resident: bool,
    /// Bytes of live chunks on it.
    pub live_bytes: u16,
    /// Bytes of the allocator's own on it.
    pub own_bytes: u16,
    /// Bytes of chunks in tcaches on it.
    pub cached_bytes: u16,
}

/// A run of memory of an arena: the heap below the break, a thread heap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// The arena, in the order of [`Glibc::arena_states`].
    pub arena: usize,
    /// Where its first page begins.
    pub start: Address,
    /// Its pages.
    pub pages: Vec<PageUse>,
}

/// A heap at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// By arena, mappings last; then by [`Part`].
    pub places: Vec<Place>,
    /// In order of addresses.
    pub areas: Vec<Area>,
    /// Pages of mapped blocks: all, and resident ones.
    pub mapped_pages: (u64, u64),
    /// Resident pages in all.
    pub n_resident: u64,
}

/// Bytes of `[start, end)` that are on resident pages.
fn resident_bytes(pages: &Pages, start: u64, end: u64) -> u64 {
    let mut bytes = pages.n_within(start, end) * PAGE_BYTES;
    if pages.has(start / PAGE_BYTES) {
        bytes -= start % PAGE_BYTES;
    }
    if end > start && pages.has((end - 1) / PAGE_BYTES) {
        bytes -= end.next_multiple_of(PAGE_BYTES) - end;
    }
    bytes
}

impl Survey {
    /// Looks at a heap whose pages are watched. `blocks` are the addresses of the live blocks: mapped ones are found by
    /// them.
    ///
    /// # Errors
    /// The fault that following a damaged heap is.
    ///
    /// # Panics
    /// If the pages are not watched: see [`crate::malloc::Builder::pages`].
    pub fn take<S: System>(glibc: &Glibc<S>, blocks: impl IntoIterator<Item = Address>) -> Outcome<Survey> {
        let pages = glibc.pages().expect("a survey is of a heap whose pages are watched");
        let extents = glibc.extents()?;
        let mut survey =
            Survey { places: Vec::new(), areas: Vec::new(), mapped_pages: (0, 0), n_resident: pages.n_resident() };
        for extent in &extents {
            let (start, end) = (extent.start.0, extent.end().0);
            survey.add(Some(extent.arena), extent.part, extent.bytes, resident_bytes(pages, start, end));
            survey.area_for(pages, extent).put(extent);
        }
        for block in blocks {
            if let Some((start, bytes)) = glibc.mapping_of(block) {
                let resident = pages.n_within(start.0, start.0 + bytes);
                survey.add(None, Part::Live, bytes, resident * PAGE_BYTES);
                survey.mapped_pages.0 += bytes / PAGE_BYTES;
                survey.mapped_pages.1 += resident;
            }
        }
        survey.places.sort_by_key(|place| (place.arena.unwrap_or(usize::MAX), place.part));
        Ok(survey)
    }

    /// Everything of one part.
    pub fn total(&self, part: Part) -> Place {
        let mut total = Place { arena: None, part, n: 0, bytes: 0, resident_bytes: 0 };
        for place in self.places.iter().filter(|place| place.part == part) {
            total.n += place.n;
            total.bytes += place.bytes;
            total.resident_bytes += place.resident_bytes;
        }
        total
    }

    fn add(&mut self, arena: Option<usize>, part: Part, bytes: u64, resident_bytes: u64) {
        let known = self.places.iter_mut().find(|place| place.arena == arena && place.part == part);
        match known {
            Some(place) => {
                place.n += 1;
                place.bytes += bytes;
                place.resident_bytes += resident_bytes;
            }
            None => self.places.push(Place { arena, part, n: 1, bytes, resident_bytes }),
        }
    }

    /// The area that an extent continues, or begins.
    fn area_for(&mut self, pages: &Pages, extent: &Extent) -> &mut Area {
        let first = extent.start.0 / PAGE_BYTES;
        let end = extent.end().0.div_ceil(PAGE_BYTES);
        let continues = self.areas.last().is_some_and(|area| {
            let area_end = area.start.0 / PAGE_BYTES + area.pages.len() as u64;
            area.arena == extent.arena && first <= area_end && area_end - first <= 1
        });
        if !continues {
            let start = Address(first * PAGE_BYTES);
            self.areas.push(Area { arena: extent.arena, start, pages: Vec::new() });
        }
        let area = self.areas.last_mut().expect("there is one now");
        let next = area.start.0 / PAGE_BYTES + area.pages.len() as u64;
        area.pages.extend((next..end).map(|page| PageUse { is_resident: pages.has(page), ..PageUse::default() }));
        area
    }
}

impl Area {
    fn put(&mut self, extent: &Extent) {
        let (mut at, end) = (extent.start.0, extent.end().0);
        while at < end {
            let next = end.min((at / PAGE_BYTES + 1) * PAGE_BYTES);
            let page = &mut self.pages[((at - self.start.0) / PAGE_BYTES) as usize];
            let bytes = (next - at) as u16;
            match extent.part {
                Part::Live => page.live_bytes += bytes,
                Part::Own => page.own_bytes += bytes,
                Part::Tcache => page.cached_bytes += bytes,
                Part::Fastbin | Part::Unsorted | Part::SmallBin | Part::LargeBin | Part::Top => {}
            }
            at = next;
        }
    }
}
