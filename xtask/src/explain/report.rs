//! Everything that is said of a heap at one moment; serialised, it is the JSON that docs/formats.md describes.

use c_model::malloc::{Glibc, Part, System};
use c_model::memory::PAGE_BYTES;
use c_model::pages::{Pin, Returns, Rung, Survey, ladder, pins, returns};
use memory_trait::{Address, Fault};
use serde::Serialize;

use super::map;
use super::timeline::Sample;
use super::walk::{Block, Books, Writes};

/// The version of the JSON.
const SCHEMA: &str = "heaptwin.explain/1";

#[derive(Serialize)]
pub(super) struct Report {
    schema: &'static str,
    pub(super) trace: String,
    /// The moment: after this event, which is in this line.
    pub(super) event: u64,
    pub(super) line: u64,
    /// Where the addresses are not those of the recording: the first call that does not give what was recorded.
    pub(super) difference: Option<String>,
    /// Which bytes the program is taken to have written.
    pub(super) writes: Writes,
    page_bytes: u64,
    pub(super) live: Live,
    pub(super) places: Vec<Place>,
    pub(super) pages: Pages,
    /// Of the bytes of live chunks, the share that nobody asked for.
    pub(super) internal_fragmentation: f64,
    /// Of the resident bytes, the share that is in no live chunk.
    pub(super) external_fragmentation: f64,
    pub(super) returns: Returned,
    pub(super) pins: Vec<Pinning>,
    pub(super) break_held_by: Vec<Held>,
    pub(super) timeline: Vec<Sample>,
    pub(super) areas: Vec<Area>,
    #[serde(skip)]
    pub(super) survey: Survey,
}

#[derive(Serialize)]
pub(super) struct Live {
    pub(super) n_blocks: u64,
    pub(super) requested_bytes: u64,
    pub(super) header_bytes: u64,
    pub(super) rounding_bytes: u64,
}

#[derive(Serialize)]
pub(super) struct Place {
    /// `null`: mapped blocks.
    pub(super) arena: Option<usize>,
    pub(super) part: &'static str,
    pub(super) n: u64,
    pub(super) bytes: u64,
    pub(super) resident_bytes: u64,
}

/// Resident pages by where they are, and those of arenas by how much of them is live (or the allocator's own).
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON, which says what each counts")]
pub(super) struct Pages {
    pub(super) n_resident: u64,
    pub(super) n_resident_max: u64,
    pub(super) n_faults: u64,
    pub(super) n_heap: u64,
    pub(super) n_thread_heaps: u64,
    pub(super) n_mapped: u64,
    pub(super) n_full: u64,
    pub(super) n_half: u64,
    pub(super) n_less: u64,
    pub(super) n_tenth: u64,
    pub(super) n_nothing_live: u64,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON, which says what each counts")]
pub(super) struct Returned {
    pub(super) by_trim_bytes: i64,
    pub(super) by_flush_and_trim_bytes: i64,
    pub(super) by_compaction_bytes: i64,
}

#[derive(Serialize)]
pub(super) struct Pinning {
    pub(super) block: String,
    pub(super) requested_bytes: u64,
    pub(super) chunk_bytes: u64,
    pub(super) born_event: u64,
    pub(super) born_line: u64,
    pub(super) thread: u32,
    pub(super) age_events: u64,
    pub(super) n_pages_on: u64,
    pub(super) by_free_bytes: i64,
    pub(super) by_free_and_trim_bytes: i64,
    pub(super) pinned_bytes: i64,
}

#[derive(Serialize)]
pub(super) struct Held {
    pub(super) n_blocks: u64,
    pub(super) bytes: u64,
    pub(super) lowest: String,
    pub(super) break_falls_bytes: u64,
    pub(super) resident_bytes: u64,
}

#[derive(Serialize)]
pub(super) struct Area {
    pub(super) arena: usize,
    pub(super) start: String,
    pub(super) n_pages: usize,
    /// Runs of pages with their letter.
    pub(super) map: String,
}

/// How a part of the heap is called.
pub(super) const fn name(part: Part) -> &'static str {
    match part {
        Part::Live => "live",
        Part::Own => "own",
        Part::Tcache => "tcache",
        Part::Fastbin => "fastbins",
        Part::Unsorted => "unsorted",
        Part::SmallBin => "small_bins",
        Part::LargeBin => "large_bins",
        Part::Top => "top",
    }
}

/// What there is to say, besides the heap itself.
pub(super) struct Told {
    pub(super) trace: String,
    pub(super) difference: Option<String>,
    pub(super) writes: Writes,
    pub(super) rows: usize,
}

impl Report {
    /// Looks at a heap.
    ///
    /// # Errors
    /// The fault that following a damaged heap is.
    pub(super) fn of<S: System + Clone>(glibc: &Glibc<S>, books: &Books, told: Told) -> Result<Report, Box<Fault>> {
        let live = books.live();
        let addresses: Vec<Address> = live.iter().map(|block| block.at).collect();
        let survey = Survey::take(glibc, addresses.iter().copied())?;
        let watched = glibc.pages().expect("watched from the start");
        let in_live = survey.total(Part::Live);
        let n_mapped = survey.places.iter().filter(|place| place.arena.is_none()).map(|place| place.n).sum::<u64>();
        let header_bytes = 8 * (in_live.n - n_mapped) + 16 * n_mapped;
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let resident_bytes = survey.n_resident * PAGE_BYTES;
        let pinned = pins(glibc, &addresses, told.rows)?;
        Ok(Report {
            schema: SCHEMA,
            trace: told.trace,
            event: books.n_events,
            line: books.line,
            difference: told.difference,
            writes: told.writes,
            page_bytes: PAGE_BYTES,
            live: Live {
                n_blocks: in_live.n,
                requested_bytes: books.requested_bytes,
                header_bytes,
                rounding_bytes: in_live.bytes.saturating_sub(header_bytes + books.requested_bytes),
            },
            places: survey.places.iter().map(Place::of).collect(),
            pages: Pages::of(&survey, watched.n_resident_max(), watched.n_faults()),
            internal_fragmentation: share(in_live.bytes.saturating_sub(books.requested_bytes), in_live.bytes),
            external_fragmentation: share(resident_bytes - in_live.resident_bytes, resident_bytes),
            returns: Returned::of(returns(glibc, &survey)?),
            pins: pinned.iter().map(|pin| Pinning::of(pin, &live, books.n_events)).collect(),
            break_held_by: ladder(glibc, told.rows.min(5))?.into_iter().map(Held::of).collect(),
            timeline: books.timeline.samples().to_vec(),
            areas: survey.areas.iter().map(Area::of).collect(),
            survey,
        })
    }

    pub(super) fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("maps in it have texts as keys");
        text.push('\n');
        text
    }
}

impl Place {
    fn of(place: &c_model::pages::Place) -> Self {
        let &c_model::pages::Place { arena, part, n, bytes, resident_bytes } = place;
        Place { arena, part: name(part), n, bytes, resident_bytes }
    }
}

impl Pages {
    fn of(survey: &Survey, n_resident_max: u64, n_faults: u64) -> Self {
        let mut pages = Pages {
            n_resident: survey.n_resident,
            n_resident_max,
            n_faults,
            n_heap: 0,
            n_thread_heaps: 0,
            n_mapped: survey.mapped_pages.1,
            n_full: 0,
            n_half: 0,
            n_less: 0,
            n_tenth: 0,
            n_nothing_live: 0,
        };
        for area in &survey.areas {
            let place = if area.arena == 0 { &mut pages.n_heap } else { &mut pages.n_thread_heaps };
            *place += area.pages.iter().filter(|page| page.is_resident).count() as u64;
            for &page in &area.pages {
                match map::letter(page) {
                    'f' => pages.n_full += 1,
                    'h' => pages.n_half += 1,
                    'l' => pages.n_less += 1,
                    't' => pages.n_tenth += 1,
                    'c' | 'e' => pages.n_nothing_live += 1,
                    _ => {}
                }
            }
        }
        pages
    }
}

impl Returned {
    fn of(returns: Returns) -> Self {
        let bytes = |n_pages: i64| n_pages * PAGE_BYTES as i64;
        let Returns { n_resident, n_by_trim, n_by_flush_and_trim, n_if_compact } = returns;
        Returned {
            by_trim_bytes: bytes(n_by_trim),
            by_flush_and_trim_bytes: bytes(n_by_flush_and_trim),
            by_compaction_bytes: bytes(n_resident as i64 - n_if_compact as i64),
        }
    }
}

impl Pinning {
    fn of(pin: &Pin, live: &[Block], now: u64) -> Self {
        let place = live.binary_search_by_key(&pin.block, |block| block.at).expect("what pins is a live block");
        let Block { at, requested_bytes, born, line, thread } = live[place];
        let bytes = |n_pages: i64| n_pages * PAGE_BYTES as i64;
        Pinning {
            block: at.to_string(),
            requested_bytes,
            chunk_bytes: pin.chunk_bytes,
            born_event: born,
            born_line: line,
            thread,
            age_events: now - born,
            n_pages_on: pin.n_on,
            by_free_bytes: bytes(pin.n_by_free),
            by_free_and_trim_bytes: bytes(pin.n_by_free_and_trim),
            pinned_bytes: bytes(pin.n_pinned),
        }
    }
}

impl Held {
    fn of(rung: Rung) -> Self {
        let Rung { n_blocks, bytes, lowest, break_bytes, n_pages } = rung;
        Held {
            n_blocks,
            bytes,
            lowest: lowest.to_string(),
            break_falls_bytes: break_bytes,
            resident_bytes: n_pages * PAGE_BYTES,
        }
    }
}

impl Area {
    fn of(area: &c_model::pages::Area) -> Self {
        Area { arena: area.arena, start: area.start.to_string(), n_pages: area.pages.len(), map: map::runs(area) }
    }
}
