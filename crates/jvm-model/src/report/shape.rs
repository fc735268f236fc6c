//! The heap in the VM's words: `jcmd GC.heap_info`, `gc+heap=debug`, the end of a log, `jstat -gc`.
//!
//! Mirrors `genCollectedHeap.cpp:print_on` and `print_heap_change`, `generation.cpp:print_on` and `space.cpp:print_on` of
//! JDK 17, `serialHeap.cpp` of JDK 25.

use crate::cards::CARD_WORDS;
use crate::heap::Spaces;
use crate::heap::space::Space;
use crate::params::{K, M, WORD_BYTES};
use crate::version::Version;

/// Bytes of a number of words.
pub(super) fn bytes(words: usize) -> u64 {
    words as u64 * WORD_BYTES
}

/// Bytes in use: eden, from and old.
pub(super) fn used_bytes(spaces: &Spaces) -> u64 {
    bytes(spaces.eden.used_words() + spaces.from.used_words() + spaces.old.used_words())
}

/// Bytes that may be in use: one survivor space is always empty.
pub(super) fn capacity_bytes(spaces: &Spaces) -> u64 {
    bytes(spaces.eden.capacity_words() + spaces.from.capacity_words() + spaces.old.capacity_words())
}

/// Where the heap is and how far it may grow, which does not change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) version: Version,
    /// Address of the first byte.
    pub(super) base: u64,
    /// Where old begins. Unit: words.
    pub(super) boundary: usize,
    /// The end of the heap. Unit: words.
    pub(super) end: usize,
}

impl Shape {
    fn address(&self, word: usize) -> String {
        format!("{:#018x}", self.base + bytes(word))
    }

    fn range(&self, words: &[usize]) -> String {
        let addresses: Vec<String> = words.iter().map(|&word| self.address(word)).collect();
        format!("[{})", addresses.join(", "))
    }

    fn generation(&self, name: &str, spaces: &[Space], start: usize, committed: usize, end: usize) -> String {
        let total = bytes(spaces.iter().map(Space::capacity_words).sum()) / K;
        let used = bytes(spaces.iter().map(Space::used_words).sum()) / K;
        format!(" {name} total {total}K, used {used}K {}", self.range(&[start, committed, end]))
    }

    fn space(&self, name: &str, space: &Space, words: &[usize]) -> String {
        let share = (space.used_words() * 100).checked_div(space.capacity_words()).unwrap_or(0);
        format!("{name} space {}K, {share:>3}% used {}", bytes(space.capacity_words()) / K, self.range(words))
    }

    /// The lines of `jcmd GC.heap_info` without those on metaspace.
    pub(super) fn lines(&self, spaces: &Spaces) -> Vec<String> {
        let Spaces { eden, from, to, old } = spaces;
        let is_25 = self.version >= Version::V25;
        let (young_name, old_name) =
            if is_25 { ("DefNew    ", "Tenured   ") } else { ("def new generation  ", "tenured generation  ") };
        let young_end = from.end.max(to.end);
        let mut lines = vec![self.generation(young_name, &[*eden, *from], eden.bottom, young_end, self.boundary)];
        for (name, space) in [("  eden", eden), ("  from", from), ("  to  ", to)] {
            lines.push(self.space(name, space, &[space.bottom, space.top, space.end]));
        }
        lines.push(self.generation(old_name, &[*old], old.bottom, old.end, self.end));
        lines.push(if is_25 {
            self.space("  the ", old, &[old.bottom, old.top, old.end])
        } else {
            // From the third address on, the offsets of blocks are not noted yet: a card's end.
            let noted = old.top.next_multiple_of(CARD_WORDS).max(old.bottom + CARD_WORDS);
            self.space("   the", old, &[old.bottom, old.top, noted, old.end])
        });
        lines
    }
}

/// `gc+heap=info`: used and capacity, before and after.
pub(super) fn change_lines(before: &Spaces, after: &Spaces) -> [String; 2] {
    let change = |name: &str, before: &[Space], after: &[Space]| {
        let used = |spaces: &[Space]| bytes(spaces.iter().map(Space::used_words).sum()) / K;
        let capacity = |spaces: &[Space]| bytes(spaces.iter().map(Space::capacity_words).sum()) / K;
        format!("{name}: {}K({}K)->{}K({}K)", used(before), capacity(before), used(after), capacity(after))
    };
    [
        format!(
            "{} {} {}",
            change("DefNew", &[before.eden, before.from], &[after.eden, after.from]),
            change("Eden", &[before.eden], &[after.eden]),
            change("From", &[before.from], &[after.from])
        ),
        change("Tenured", &[before.old], &[after.old]),
    ]
}

/// `2M->0M(7M)`.
pub(super) fn pause_change(before: &Spaces, after: &Spaces) -> String {
    format!("{}M->{}M({}M)", used_bytes(before) / M, used_bytes(after) / M, capacity_bytes(after) / M)
}
