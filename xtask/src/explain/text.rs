//! What is said of a heap, for people.

use std::fmt::Write;

use c_model::malloc::Part;
use c_model::memory::PAGE_BYTES;

use super::report::{Report, name};
use super::walk::Writes;
use super::{map, timeline};
use crate::table::{bytes, bytes_changed, figures_table, lines};

/// Thread heaps beyond so many are not drawn.
const MAPS_MAX: usize = 6;

const PARTS: [(Part, &str); 8] = [
    (Part::Live, "live blocks"),
    (Part::Own, "malloc's own"),
    (Part::Tcache, "tcaches"),
    (Part::Fastbin, "fastbins"),
    (Part::Unsorted, "unsorted bin"),
    (Part::SmallBin, "small bins"),
    (Part::LargeBin, "large bins"),
    (Part::Top, "top"),
];

impl Report {
    pub(super) fn to_text(&self, width: usize) -> String {
        let mut out = String::new();
        self.head(&mut out).expect("a string takes everything");
        self.places(&mut out);
        self.pages(&mut out).expect("a string takes everything");
        self.over_time(width, &mut out).expect("a string takes everything");
        self.maps(width, &mut out);
        self.returned(&mut out);
        self.held(&mut out);
        self.pinned(&mut out);
        out
    }

    fn head(&self, out: &mut String) -> std::fmt::Result {
        let Report { trace, event, line, live, .. } = self;
        writeln!(out, "{trace}: after event {event}, line {line}")?;
        match self.writes {
            Writes::Blocks => writeln!(out, "taken for written: every block, as far as it was asked for")?,
            Writes::Headers => writeln!(out, "taken for written: what malloc itself writes, and nothing else")?,
        }
        writeln!(
            out,
            "\n{} live blocks: {} asked for, {} of headers, {} of rounding",
            live.n_blocks,
            bytes(live.requested_bytes),
            bytes(live.header_bytes),
            bytes(live.rounding_bytes)
        )
    }

    fn places(&self, out: &mut String) {
        let mut totals = figures_table(&["", "number", "bytes", "resident"]);
        for (part, title) in PARTS {
            let place = self.survey.total(part);
            if place.n > 0 {
                totals.add_row([
                    title.to_owned(),
                    place.n.to_string(),
                    bytes(place.bytes),
                    bytes(place.resident_bytes),
                ]);
            }
        }
        let _ = write!(out, "\n{}", lines(&totals));
        let mut arenas: Vec<Option<usize>> = self.places.iter().map(|place| place.arena).collect();
        arenas.dedup();
        if arenas.len() < 2 {
            return;
        }
        let mut by_arena = figures_table(&[
            "by arena", "live", "own", "tcache", "fast", "unsorted", "small", "large", "top", "resident",
        ]);
        for arena in arenas {
            let of_arena = || self.places.iter().filter(|place| place.arena == arena);
            let title = match arena {
                None => "mapped blocks".to_owned(),
                Some(0) => "main".to_owned(),
                Some(number) => format!("{number}"),
            };
            let mut row = vec![title];
            for (part, _) in PARTS {
                let found = of_arena().find(|place| place.part == name(part));
                row.push(found.map_or_else(|| "-".to_owned(), |place| bytes(place.bytes)));
            }
            row.push(bytes(of_arena().map(|place| place.resident_bytes).sum()));
            by_arena.add_row(row);
        }
        let _ = write!(out, "\n{}", lines(&by_arena));
    }

    fn pages(&self, out: &mut String) -> std::fmt::Result {
        let pages = &self.pages;
        writeln!(
            out,
            "\n{} resident pages, {}: {} of the heap, {} of thread heaps, {} of mapped blocks",
            pages.n_resident,
            bytes(pages.n_resident * PAGE_BYTES),
            pages.n_heap,
            pages.n_thread_heaps,
            pages.n_mapped
        )?;
        writeln!(
            out,
            "  of arenas: {} full of live blocks, {} half and more, {} less, {} less than a tenth, {} nothing live",
            pages.n_full, pages.n_half, pages.n_less, pages.n_tenth, pages.n_nothing_live
        )?;
        writeln!(
            out,
            "  at most {} were resident ({}); {} page faults",
            pages.n_resident_max,
            bytes(pages.n_resident_max * PAGE_BYTES),
            pages.n_faults
        )?;
        writeln!(
            out,
            "fragmentation: internal {:.1} % (of live chunks, not asked for), external {:.1} % (of resident, not live)",
            self.internal_fragmentation * 100.0,
            self.external_fragmentation * 100.0
        )
    }

    fn over_time(&self, width: usize, out: &mut String) -> std::fmt::Result {
        let columns = width.saturating_sub(10).clamp(10, 90);
        let [resident, live] = timeline::draw(&self.timeline, self.event, columns);
        let most = self.timeline.iter().map(|sample| sample.resident_bytes.max(sample.requested_bytes)).max();
        writeln!(out, "\nover time, events 1 to {}; the tallest is {}", self.event, bytes(most.unwrap_or(0)))?;
        writeln!(out, "resident  {}", resident.trim_end())?;
        writeln!(out, "live      {}", live.trim_end())
    }

    fn maps(&self, width: usize, out: &mut String) {
        out.push('\n');
        for area in self.survey.areas.iter().take(MAPS_MAX) {
            out.push_str(&map::draw(area, width));
        }
        if let Some(n) = self.survey.areas.len().checked_sub(MAPS_MAX).filter(|&n| n > 0) {
            let _ = writeln!(out, "and {n} more, which --format json has");
        }
        let _ = writeln!(out, "{}", map::LEGEND);
    }

    fn returned(&self, out: &mut String) {
        let mut rows = figures_table(&["what could be returned", "bytes", "resident then"]);
        let resident = (self.pages.n_resident * PAGE_BYTES) as i64;
        for (title, returned) in [
            ("by malloc_trim(0)", self.returns.by_trim_bytes),
            ("by emptying all tcaches, then malloc_trim(0)", self.returns.by_flush_and_trim_bytes),
            ("if the live blocks of each arena lay side by side", self.returns.by_compaction_bytes),
        ] {
            rows.add_row([title.to_owned(), bytes_changed(returned), bytes((resident - returned) as u64)]);
        }
        let _ = write!(out, "\n{}", lines(&rows));
    }

    fn held(&self, out: &mut String) {
        if self.break_held_by.is_empty() {
            return;
        }
        let mut rows = figures_table(&[
            "what holds the break up, after a trim",
            "bytes",
            "down to",
            "the break falls",
            "resident",
        ]);
        for held in &self.break_held_by {
            let blocks = if held.n_blocks == 1 {
                "the topmost block".to_owned()
            } else {
                format!("the {} topmost blocks", held.n_blocks)
            };
            rows.add_row([
                blocks,
                bytes(held.bytes),
                held.lowest.clone(),
                bytes(held.break_falls_bytes),
                bytes(held.resident_bytes),
            ]);
        }
        let _ = write!(out, "\n{}", lines(&rows));
    }

    fn pinned(&self, out: &mut String) {
        if self.pins.is_empty() {
            out.push_str("\nno single block keeps a page that could be returned without it\n");
            return;
        }
        let columns =
            ["blocks that pin the most", "asked", "born", "line", "thread", "age", "on", "free", "and trim", "pins"];
        let mut rows = figures_table(&columns);
        for pin in &self.pins {
            rows.add_row([
                pin.block.clone(),
                bytes(pin.requested_bytes),
                pin.born_event.to_string(),
                pin.born_line.to_string(),
                pin.thread.to_string(),
                pin.age_events.to_string(),
                pin.n_pages_on.to_string(),
                bytes_changed(pin.by_free_bytes),
                bytes_changed(pin.by_free_and_trim_bytes),
                bytes_changed(pin.pinned_bytes),
            ]);
        }
        let _ = write!(
            out,
            "\n{}born, age: events; on: pages it lies on; free: returned by free alone; and trim: by free and\n\
             malloc_trim, beyond malloc_trim alone; pins: the same if it were elsewhere, or its tcache bin full\n",
            lines(&rows)
        );
    }
}
