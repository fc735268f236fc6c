//! A map of the heap: a letter for a page, or for a run of pages.

use std::fmt::Write;

use c_model::memory::PAGE_BYTES;
use c_model::pages::{Area, PageUse};
use memory_trait::Address;

/// What the letters mean.
pub(super) const LEGEND: &str = "█ live blocks fill it   ▓ half and more   ▒ less than half   ░ less than a tenth\n\
                                 c nothing live, but blocks in a tcache   · nothing live, yet resident   (blank) not resident";

/// Rows of a map at most; a larger area has letters that stand for several pages.
const ROWS_MAX: usize = 16;

/// The state of a page, by its letter in JSON: `f`ull, `h`alf and more, `l`ess, `t`races, `c`ached, `e`mpty, `-` not
/// resident.
pub(super) fn letter(page: PageUse) -> char {
    let live = u64::from(page.live_bytes) + u64::from(page.own_bytes);
    match live {
        _ if !page.is_resident => '-',
        0 if page.cached_bytes > 0 => 'c',
        0 => 'e',
        PAGE_BYTES.. => 'f',
        live if live * 2 >= PAGE_BYTES => 'h',
        live if live * 10 >= PAGE_BYTES => 'l',
        _ => 't',
    }
}

const fn drawn(letter: char) -> char {
    match letter {
        'f' => '█',
        'h' => '▓',
        'l' => '▒',
        't' => '░',
        'c' => 'c',
        'e' => '·',
        _ => ' ',
    }
}

/// The pages in letters, as runs: `12f 3h 40-`.
pub(super) fn runs(area: &Area) -> String {
    let mut text = String::new();
    for run in area.pages.chunk_by(|a, b| letter(*a) == letter(*b)) {
        let separator = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{separator}{}{}", run.len(), letter(run[0]));
    }
    text
}

/// A run of pages as if it were one: resident as most of them are, filled as the resident ones are on average.
fn together(pages: &[PageUse]) -> PageUse {
    let resident: Vec<&PageUse> = pages.iter().filter(|page| page.is_resident).collect();
    let mean = |bytes: fn(&PageUse) -> u16| {
        let sum: usize = resident.iter().map(|page| usize::from(bytes(page))).sum();
        sum.div_ceil(resident.len().max(1)) as u16
    };
    PageUse {
        is_resident: resident.len() * 2 >= pages.len(),
        live_bytes: mean(|page| page.live_bytes),
        own_bytes: mean(|page| page.own_bytes),
        cached_bytes: mean(|page| page.cached_bytes),
    }
}

/// The map of an area, a heading first.
pub(super) fn draw(area: &Area, width: usize) -> String {
    let (n, n_resident) = (area.pages.len(), area.pages.iter().filter(|page| page.is_resident).count());
    let columns = width.saturating_sub(16).clamp(16, 128) / 16 * 16;
    let per_letter = n.div_ceil(columns * ROWS_MAX).next_power_of_two();
    let name = if area.arena == 0 { "heap".to_owned() } else { format!("a heap of arena {}", area.arena) };
    let scale = if per_letter == 1 { "a page".to_owned() } else { format!("{per_letter} pages") };
    let mut out = format!("{name} at {}: {n_resident} of {n} pages resident, a letter for {scale}\n", area.start);
    for (row, pages) in area.pages.chunks(columns * per_letter).enumerate() {
        let letters: String = pages.chunks(per_letter).map(|run| drawn(letter(together(run)))).collect();
        let at = Address(area.start.0 + (row * columns * per_letter) as u64 * PAGE_BYTES);
        let _ = writeln!(out, "{:>14} {}", format!("{at}"), letters.trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn page(live_bytes: u16) -> PageUse {
        PageUse { is_resident: true, live_bytes, own_bytes: 0, cached_bytes: 0 }
    }

    #[test]
    fn each_page_has_the_letter_of_what_is_on_it() {
        let mut pages: Vec<PageUse> = [4096, 2048, 2047, 409, 0].map(page).to_vec();
        pages.push(PageUse { cached_bytes: 32, ..page(0) });
        pages.push(PageUse { own_bytes: 4000, ..page(96) });
        pages.push(PageUse::default());
        let area = Area { arena: 0, start: Address(0x5000), pages };
        assert_eq!(runs(&area), "1f 1h 1l 1t 1e 1c 1f 1-");
        let map = draw(&area, 80);
        assert_eq!(map, "heap at 0x5000: 7 of 8 pages resident, a letter for a page\n        0x5000 █▓▒░·c█\n");
    }

    #[test]
    fn a_large_heap_has_letters_for_runs_of_pages() {
        let mut pages = vec![page(4096); 3000];
        pages.resize(4096, PageUse::default());
        let map = draw(&Area { arena: 2, start: Address(0x400_0000), pages }, 80);
        assert!(map.starts_with("a heap of arena 2 at 0x4000000: 3000 of 4096 pages resident, a letter for 4 pages\n"));
        assert_eq!(map.matches('█').count(), 750);
        assert_eq!(map.lines().count(), 17);
    }
}
