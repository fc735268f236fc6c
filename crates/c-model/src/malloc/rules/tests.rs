//! Each rule switched off, on recordings of the real library: at least one is then predicted wrongly.
//!
//! The recordings were made by `cargo xtask fuzz c`: rounds of seed 99 with 900 calls each, and scripts for what random
//! calls hardly ever show (see `tests/oracle/glibc-2.36/rules/README.md`).

use std::path::Path;

use heap_trace::{Reader, Record};

use super::{OFF, RULES};
use crate::Glibc;
use crate::malloc::{Parameters, Replay};

/// The recordings, the shortest first: name, cores, tunables.
const RECORDINGS: [(&str, u64, &str); 18] = [
    ("lone_arena", 2, "perturb=164:tcache_unsorted_limit=3"),
    ("refused_break", 1, "top_pad=1:top_pad=1048576"),
    ("heap_in_vain", 1, ""),
    ("trim_spares", 2, "mmap_threshold=1073741824:trim_threshold=65536:top_pad=0"),
    ("mremap_grows", 2, ""),
    ("huge_pages", 3, "hugetlb=1"),
    ("last_resort", 2, "top_pad=0:tcache_count=0"),
    ("tcache_unsorted_limit", 2, "tcache_unsorted_limit=1"),
    ("second_heap", 2, "mmap_threshold=1073741824:trim_threshold=131072"),
    ("round_0", 1, ""),
    ("round_9", 1, "perturb=2"),
    ("round_20", 3, ""),
    ("round_43", 1, ""),
    ("round_44", 1, "tcache_max=495"),
    ("round_48", 3, ""),
    ("round_68", 1, ""),
    ("round_77", 1, ""),
    ("unsorted_limit", 2, "tcache_count=0:mxfast=0"),
];

struct Recording {
    name: &'static str,
    cores: u64,
    tunables: &'static str,
    trace: Reader,
}

fn recordings() -> Vec<(Recording, Vec<(u64, Record)>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/glibc-2.36/rules");
    let read = |&(name, cores, tunables): &(&'static str, u64, &'static str)| {
        let mut trace = Reader::open(&folder.join(format!("{name}.tr.xz"))).unwrap();
        let mut records = Vec::new();
        while let Some(record) = trace.next_record().unwrap() {
            records.push((trace.line(), record));
        }
        (Recording { name, cores, tunables, trace }, records)
    };
    RECORDINGS.iter().map(read).collect()
}

/// Whether everything is predicted; `change` is done to the parameters that the process starts with.
fn replay(
    (recording, records): &(Recording, Vec<(u64, Record)>),
    change: impl Fn(&mut Parameters),
) -> Result<(), String> {
    let mut parameters = Parameters::default();
    change(&mut parameters);
    let glibc = Glibc::builder().parameters(parameters).cores(recording.cores).tunables(recording.tunables).unwrap();
    let mut replay = Replay::new(&recording.trace.header(), glibc)?;
    for (line, record) in records {
        replay.feed(*line, record.clone()).map_err(|difference| difference.to_string())?;
    }
    replay.finish().map(drop).map_err(|difference| difference.to_string())
}

#[test]
fn with_all_rules_every_recording_is_predicted() {
    for recording in recordings() {
        replay(&recording, |_| ()).unwrap_or_else(|difference| panic!("{}: {difference}", recording.0.name));
    }
}

#[test]
fn without_any_one_of_the_rules_some_recording_is_not() {
    let recordings = recordings();
    let mut needless = Vec::new();
    for &rule in RULES {
        OFF.set(Some(rule));
        if recordings.iter().all(|recording| replay(recording, |_| ()).is_ok()) {
            needless.push(rule);
        }
        OFF.set(None);
    }
    assert!(needless.is_empty(), "no recording shows {needless:?}");
}

/// What the process starts with, each in a way that is wrong.
#[test]
fn with_any_one_of_the_constants_changed_some_recording_is_not() {
    let recordings = recordings();
    let check = |name: &str, change: fn(&mut Parameters)| {
        let shows = recordings.iter().any(|recording| replay(recording, change).is_err());
        assert!(shows, "no recording shows {name}");
    };
    check("top_pad", |parameters| parameters.top_pad -= 4096);
    check("trim_threshold", |parameters| parameters.trim_threshold -= 4096);
    check("mmap_threshold", |parameters| parameters.mmap_threshold -= 4096);
    check("tcache_count", |parameters| parameters.tcache_count -= 1);
    check("tcache_bins", |parameters| parameters.tcache_bins -= 1);
    check("max_fast", |parameters| parameters.max_fast -= 16);
    check("arena_test", |parameters| parameters.arena_test = 1);
    check("n_mmaps_max", |parameters| parameters.n_mmaps_max = 2);
}
