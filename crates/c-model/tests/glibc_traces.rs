//! The model against traces recorded from real programs on glibc 2.36: every result, break and snapshot line.

use std::path::{Path, PathBuf};

use c_model::Glibc;
use c_model::malloc::Replay;
use c_model::malloc::replay::Tally;
use heap_trace::Reader;

/// Cores of the machine the traces were recorded on.
const CORES: u64 = 2;

fn oracle(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/glibc-2.36").join(name)
}

fn replay(path: &Path) -> Result<Tally, String> {
    let mut trace = Reader::open(path).map_err(|error| error.to_string())?;
    let mut replay = Replay::new(&trace.header(), Glibc::builder().cores(CORES))?;
    while let Some(record) = trace.next_record().map_err(|error| error.to_string())? {
        replay.feed(trace.line(), record).map_err(|difference| difference.to_string())?;
    }
    replay.finish().map_err(|difference| difference.to_string())
}

fn check(name: &str, n_events: u64) {
    match replay(&oracle(name)) {
        Ok(tally) => assert_eq!((tally.n_events, tally.n_skipped), (n_events, 0), "{name}"),
        Err(error) => panic!("{name}: {error}"),
    }
}

#[test]
fn a_database_that_inserts_rows_is_exact() {
    check("sqlite.tr.xz", 58881);
}

#[test]
fn blocks_that_mremap_moves_are_exact() {
    check("edge3.tr.xz", 77);
}

#[test]
fn changes_of_the_parameters_are_exact() {
    check("edge4.tr.xz", 2526);
}

#[test]
fn second_heaps_of_thread_arenas_are_exact() {
    check("edge7.tr.xz", 57708);
}

#[test]
fn odd_alignments_are_exact() {
    check("edge9.tr.xz", 8104);
}

/// After a foreign `sbrk`, freeing the old top can trim the new one until the request no longer fits: malloc then answers
/// NULL although memory was there.
#[test]
fn foreign_breaks_and_the_failures_they_cause_are_exact() {
    check("foreign_break.tr.xz", 3166);
}

/// Programs that everybody knows, recorded by `cargo xtask record`.
#[test]
fn everyday_programs_are_exact() {
    check("bash.tr.xz", 25495);
    check("cc1.tr.xz", 13192);
    check("find.tr.xz", 2504);
    check("git-log.tr.xz", 7549);
    check("jq.tr.xz", 21660);
    check("make.tr.xz", 4704);
    check("node-version.tr.xz", 8155);
    check("perl.tr.xz", 3062);
    check("sqlite3-index.tr.xz", 5100);
    check("tar.tr.xz", 11002);
    check("xmllint.tr.xz", 13049);
}

#[test]
fn everyday_programs_with_threads_are_exact() {
    check("python-threads.tr.xz", 7545);
    check("sort-threads.tr.xz", 303);
    check("xz-threads.tr.xz", 326);
}

/// 108 threads in six rounds, up to 20 at a time: their ends flush their caches and give up arenas, of which there are
/// never more than 16.
#[test]
fn more_threads_than_arenas_are_exact() {
    check("thread-arenas.tr.xz", 8601);
}
