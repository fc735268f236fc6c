//! The columns of `jstat -gc`.
//!
//! Mirrors `sun/tools/jstat/resources/jstat_options` of JDK 17, and which counter is whose as
//! `defNewGeneration.cpp:swap_spaces` has it.
//!
//! Differs: metaspace is not modelled (`MC MU CCSC CCSU` are `-`), and collections take no time (`YGCT FGCT GCT` are 0).

use std::fmt::Write as _;

use memory_trait::Collection;

use super::shape::{bytes, used_bytes};
use crate::heap::space::Space;
use crate::heap::{CollectionReport, Spaces};
use crate::version::Version;

/// What is counted of the collections of a run: what `jstat` has, and what they moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GcCounters {
    /// Young collections, those included that were not tried for want of room.
    pub n_young: u64,
    /// Full collections.
    pub n_full: u64,
    /// Those of them that `System.gc()` asked for.
    pub n_asked: u64,
    /// What young collections copied, within young and into old. Unit: bytes.
    pub copied_bytes: u64,
    /// What of that went into old. Unit: bytes.
    pub promoted_bytes: u64,
    /// What full collections slid or moved. Unit: bytes.
    pub slid_bytes: u64,
    /// The most that was in use when a collection began, garbage included. Unit: bytes.
    pub peak_bytes: u64,
    /// The most that was in use after a collection. Unit: bytes.
    pub kept_bytes: u64,
    /// Whether the survivor spaces have changed places an odd number of times: `S0` is where they began.
    pub is_swapped: bool,
}

/// The line above the values, as `jstat` writes it.
const HEADER: &str = concat!(
    "    S0C         S1C         S0U         S1U          EC           EU           OC           OU      ",
    "    MC         MU       CCSC      CCSU     YGC     YGCT     FGC    FGCT     CGC    CGCT       GCT   "
);
/// Where each value ends, under that header. Unit: characters.
const ENDS: [usize; 19] = [11, 23, 35, 47, 60, 73, 86, 99, 110, 121, 131, 141, 148, 158, 164, 174, 180, 190, 200];

impl GcCounters {
    /// Counts a collection.
    pub(crate) fn add(&mut self, version: Version, collection: Collection, report: &CollectionReport) {
        self.peak_bytes = self.peak_bytes.max(used_bytes(&report.before));
        self.kept_bytes = self.kept_bytes.max(used_bytes(&report.after));
        if collection.is_full {
            self.n_full += 1;
            self.n_asked += u64::from(collection.cause == "System.gc()");
            self.slid_bytes += report.moved_bytes;
        } else {
            self.n_young += 1;
            let promoted_words = report.after.old.used_words() - report.before.old.used_words();
            self.promoted_bytes += bytes(promoted_words);
            self.copied_bytes += report.moved_bytes;
            // JDK 25 leaves the spaces as they are when promotion failed.
            let is_left = report.was_skipped || report.has_promotion_failed && version >= Version::V25;
            self.is_swapped ^= !is_left;
        }
    }

    /// What `jstat -gc` prints of these spaces: the header and a line of values.
    pub fn jstat(&self, spaces: &Spaces) -> String {
        let Spaces { eden, from, to, old } = spaces;
        let [s0, s1] = if self.is_swapped { [to, from] } else { [from, to] };
        let capacity = |space: &Space| kib(space.capacity_words());
        let used = |space: &Space| kib(space.used_words());
        let none = || "-".to_owned();
        let no_time = || "0.000".to_owned();
        let values = [
            capacity(s0),
            capacity(s1),
            used(s0),
            used(s1),
            capacity(eden),
            used(eden),
            capacity(old),
            used(old),
            none(),
            none(),
            none(),
            none(),
            self.n_young.to_string(),
            no_time(),
            self.n_full.to_string(),
            no_time(),
            none(),
            none(),
            no_time(),
        ];
        let mut line = String::new();
        for (value, end) in values.iter().zip(ENDS) {
            let width = end - line.len().min(end);
            write!(line, "{value:>width$}").expect("a string grows");
        }
        format!("{HEADER}\n{line}\n")
    }
}

/// K with one decimal, rounded as C does.
fn kib(words: usize) -> String {
    format!("{:.1}", bytes(words) as f64 / 1024.0)
}
