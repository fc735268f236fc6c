//! What the VM itself says of its heap: lines of `-Xlog:gc` and `gc+heap`, and `jcmd GC.heap_info`.
//!
//! Mirrors `gc/shared/gcTraceTime.cpp`, `genCollectedHeap.cpp:print_heap_change` and `space.cpp:print_on` of JDK 17.
//! Differs: no decorations and no pause times, since there is no clock but the program's own.

use std::fmt::Write as _;

use memory_trait::Collection;

use crate::cards::CARD_WORDS;
use crate::heap::space::Space;
use crate::heap::{CollectionReport, SerialHeap, Spaces};
use crate::params::{K, M, WORD_BYTES};

fn bytes(words: usize) -> u64 {
    words as u64 * WORD_BYTES
}

/// The text of `-Xlog:gc`, and of `gc+heap=info` if wanted.
#[derive(Clone, Debug, Default)]
pub struct GcLog {
    /// The lines so far, each with its end.
    text: String,
    has_spaces: bool,
}

impl GcLog {
    /// An empty log.
    pub fn new(has_spaces: bool) -> Self {
        GcLog { text: String::new(), has_spaces }
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn note(&mut self, collection: Collection, report: &CollectionReport) {
        let number = report.number;
        if self.has_spaces {
            for line in space_lines(&report.before, &report.after) {
                writeln!(self.text, "GC({number}) {line}").expect("a string grows");
            }
        }
        let kind = if collection.is_full { "Full" } else { "Young" };
        let used =
            |spaces: &Spaces| bytes(spaces.eden.used_words() + spaces.from.used_words() + spaces.old.used_words()) / M;
        let capacity = bytes(
            report.after.eden.capacity_words() + report.after.from.capacity_words() + report.after.old.capacity_words(),
        );
        writeln!(
            self.text,
            "GC({number}) Pause {kind} ({cause}) {before}M->{after}M({capacity}M)",
            cause = collection.cause,
            before = used(&report.before),
            after = used(&report.after),
            capacity = capacity / M
        )
        .expect("a string grows");
    }
}

/// `gc+heap=info`: used and capacity, before and after.
fn space_lines(before: &Spaces, after: &Spaces) -> [String; 2] {
    let change = |name: &str, before: [Space; 2], after: [Space; 2]| {
        let used = |spaces: &[Space; 2]| bytes(spaces.iter().map(Space::used_words).sum()) / K;
        let capacity = |spaces: &[Space; 2]| bytes(spaces.iter().map(Space::capacity_words).sum()) / K;
        format!("{name}: {}K({}K)->{}K({}K)", used(&before), capacity(&before), used(&after), capacity(&after))
    };
    let none = Space::default();
    [
        format!(
            "{} {} {}",
            change("DefNew", [before.eden, before.from], [after.eden, after.from]),
            change("Eden", [before.eden, none], [after.eden, none]),
            change("From", [before.from, none], [after.from, none])
        ),
        change("Tenured", [before.old, none], [after.old, none]),
    ]
}

impl SerialHeap {
    /// The text of `jcmd GC.heap_info` without the lines on metaspace.
    pub fn heap_info(&self) -> String {
        let address = |word: usize| format!("{:#018x}", self.memory.address(word).0);
        let share = |space: &Space| (space.used_words() * 100).checked_div(space.capacity_words()).unwrap_or(0);
        let mut text = String::new();
        let (young, old) = ([self.eden, self.from], [self.old]);
        let total = |spaces: &[Space]| bytes(spaces.iter().map(Space::capacity_words).sum()) / K;
        let used = |spaces: &[Space]| bytes(spaces.iter().map(Space::used_words).sum()) / K;
        let line = |text: &mut String, name: &str, spaces: &[Space], start: usize, committed: usize, end: usize| {
            let range = format!("[{}, {}, {})", address(start), address(committed), address(end));
            writeln!(text, " {name}   total {}K, used {}K {range}", total(spaces), used(spaces))
                .expect("a string grows");
        };
        line(&mut text, "def new generation", &young, 0, self.young_end, self.boundary);
        for (name, space) in [("eden", self.eden), ("from", self.from), ("to  ", self.to)] {
            let range = format!("[{}, {}, {})", address(space.bottom), address(space.top), address(space.end));
            let capacity = bytes(space.capacity_words()) / K;
            writeln!(text, "  {name} space {capacity}K, {:>3}% used {range}", share(&space)).expect("a string grows");
        }
        line(&mut text, "tenured generation", &old, self.boundary, self.old.end, self.memory.len_words());
        // The third address is the end of the card that old ends in, from which on its blocks are not noted.
        let noted = address(self.old.top.next_multiple_of(CARD_WORDS));
        let (bottom, top, end) = (address(self.old.bottom), address(self.old.top), address(self.old.end));
        let range = format!("[{bottom}, {top}, {noted}, {end})");
        let capacity = bytes(self.old.capacity_words()) / K;
        writeln!(text, "   the space {capacity}K, {:>3}% used {range}", share(&self.old)).expect("a string grows");
        text
    }
}
