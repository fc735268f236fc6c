//! Each rule switched off, on recordings of real interpreters: one of them at least is then predicted wrongly.

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use memory_trait::{Address, Allocator};
use workload::{Options, Workload, interpret};

use super::{OFF, Rule};
use crate::cycle::recorded;
use crate::obmalloc::replay::{self, RecordingKind};
use crate::{Pymalloc, RecordedMachine, RecordedProgram, Version, compare_programs, layout};

/// What a recording is compared as.
#[derive(Clone, Copy)]
enum Kind {
    Calls,
    Runs,
    Tables,
    Programs,
}

const SEQUENCES: (&str, Kind) = ("pymalloc_sequences-3.11.7-3.12.1-3.13.0.jsonl.gz", Kind::Calls);
const OLD_SEQUENCES: (&str, Kind) = ("pymalloc_sequences-3.8.18-3.9.18.jsonl.gz", Kind::Calls);
const ADDRESSES: (&str, Kind) = ("object_addresses-3.11.7-3.12.1-3.13.0.jsonl.gz", Kind::Runs);
const POINTS: (&str, Kind) = ("gc_points-3.11.7-3.12.1-3.13.0.jsonl.gz", Kind::Runs);
const FRESH: (&str, Kind) = ("rules-3.11.7-3.12.1-3.13.0.jsonl.gz", Kind::Runs);
const TABLES: (&str, Kind) = ("size_and_growth_tables-3.8.18-to-3.13.0.jsonl.gz", Kind::Tables);
const ORDER: (&str, Kind) = ("finalizer_order-3.11.7-3.12.1-3.13.0.jsonl.gz", Kind::Runs);

const PROGRAMS: (&str, Kind) = ("programs-3.11.7-3.12.1-3.13.0.jsonl.gz", Kind::Programs);

/// Runs a recorded workload on the machine that it is compared with.
fn run(program: &RecordedProgram, machine: &mut RecordedMachine) -> Result<(), String> {
    let workload = Workload::parse(&program.workload, &program.source).map_err(|error| error.to_string())?;
    let code = workload.compile(&[]).map_err(|error| error.to_string())?;
    interpret::run(&code, machine, &Options { seed: program.seed, ..Options::default() });
    Ok(())
}

fn is_exact((name, kind): (&str, Kind)) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/cpython").join(name);
    let file = BufReader::new(File::open(path).unwrap());
    match kind {
        Kind::Calls => replay::replay(file, RecordingKind::Sequence).is_ok(),
        Kind::Runs => recorded::compare(file).is_ok(),
        Kind::Tables => layout::recorded::compare(file).is_ok(),
        Kind::Programs => compare_programs(file, run).is_ok(),
    }
}

/// Without the rule the recording is not explained: a row is wrong, or the model contradicts itself.
#[track_caller]
fn check(rule: Rule, recording: (&str, Kind)) {
    OFF.set(Some(rule));
    let outcome = catch_unwind(AssertUnwindSafe(|| is_exact(recording)));
    OFF.set(None);
    assert!(!matches!(outcome, Ok(true)), "{} is explained without {rule:?}", recording.0);
}

#[test]
fn with_all_rules_on_every_recording_is_exact() {
    for recording in [SEQUENCES, OLD_SEQUENCES, ADDRESSES, POINTS, ORDER, FRESH, TABLES, PROGRAMS] {
        assert!(is_exact(recording), "{}", recording.0);
    }
}

#[test]
fn no_rule_of_the_allocator_can_be_left_out() {
    check(Rule::LastArenaIsKept, OLD_SEQUENCES);
    check(Rule::ReallocMovesWhatShrinks, SEQUENCES);
}

/// Blocks of 512 bytes in a pool, and pools in an arena at the default place.
const N_BLOCKS: usize = 31;
const N_POOLS: usize = 64;

fn blocks(pymalloc: &mut Pymalloc, n: usize) -> Vec<Address> {
    (0..n).map(|_| pymalloc.malloc(512).unwrap()).collect()
}

#[test]
fn a_pool_that_serves_its_class_again_goes_on_where_it_was() {
    let again = || {
        let mut pymalloc = Pymalloc::new(Version::V3_12);
        let blocks = blocks(&mut pymalloc, 3);
        for &block in &blocks {
            pymalloc.free(block).unwrap();
        }
        let next = pymalloc.malloc(512).unwrap();
        blocks.iter().position(|&block| block == next)
    };
    assert_eq!(again(), Some(2), "the block freed last");
    OFF.set(Some(Rule::PoolKeepsItsFreeList));
    assert_eq!(again(), Some(0));
    OFF.set(None);
}

#[test]
fn new_pools_come_from_the_arena_with_the_fewest_free_ones() {
    let arena_of_next = || {
        let mut pymalloc = Pymalloc::new(Version::V3_12);
        let blocks = blocks(&mut pymalloc, 2 * N_POOLS * N_BLOCKS);
        let (first, second) = blocks.split_at(N_POOLS * N_BLOCKS);
        for pool in [&second[..N_BLOCKS], &first[..N_BLOCKS], &first[N_BLOCKS..2 * N_BLOCKS]] {
            for &block in pool {
                pymalloc.free(block).unwrap();
            }
        }
        let next = pymalloc.malloc(512).unwrap();
        usize::from(second.contains(&next))
    };
    assert_eq!(arena_of_next(), 1, "it has one free pool, the first arena two");
    OFF.set(Some(Rule::ArenasAreSorted));
    assert_eq!(arena_of_next(), 0);
    OFF.set(None);
}

#[test]
fn no_rule_of_free_lists_can_be_left_out() {
    check(Rule::FreeListsAreLimited, FRESH);
    check(Rule::TwentiesAreNeverTaken, POINTS);
    check(Rule::FreeListHitsDoNotCount, POINTS);
    check(Rule::DeadListsAreKept, POINTS);
    check(Rule::DeadDictsAreKept, POINTS);
    check(Rule::FullCollectionsClearFreeLists, POINTS);
}

#[test]
fn no_rule_of_blocks_can_be_left_out() {
    check(Rule::EmptiedListsFreeTheirItems, FRESH);
    check(Rule::ValuesAreABlock, FRESH);
}

#[test]
fn no_rule_of_growth_can_be_left_out() {
    check(Rule::ListsOverAllocate, ADDRESSES);
    check(Rule::DictsGrowThreefold, TABLES);
    check(Rule::SetsGrowFourfold, TABLES);
    check(Rule::SetsFillTheirHoles, TABLES);
    check(Rule::InstancesShrink, TABLES);
    check(Rule::InstancesAreSizedFirst, TABLES);
}

#[test]
fn no_rule_of_when_to_collect_can_be_left_out() {
    check(Rule::FullCollectionsWait, POINTS);
    check(Rule::CollectionsAreDeferred, POINTS);
    check(Rule::OlderGenerationCounts, POINTS);
    check(Rule::SurvivorsArePending, POINTS);
    check(Rule::TuplesAreUntracked, POINTS);
    check(Rule::DictsAreUntracked, POINTS);
    check(Rule::WeakrefsHaveArguments, ORDER);
}

#[test]
fn no_temporary_can_be_left_out() {
    check(Rule::CreationsHaveArguments, PROGRAMS);
    check(Rule::ManyArgumentsNeedAStack, PROGRAMS);
    check(Rule::IntsHaveArguments, PROGRAMS);
    check(Rule::BytesHaveArguments, PROGRAMS);
    check(Rule::RangesHaveIterators, PROGRAMS);
    check(Rule::ContainersHaveIterators, PROGRAMS);
    check(Rule::DigitsAreComputedElsewhere, PROGRAMS);
    check(Rule::LargeIntsHaveSpareDigits, PROGRAMS);
    check(Rule::PhasesHaveNames, PROGRAMS);
}

#[test]
fn no_rule_of_whole_programs_can_be_left_out() {
    check(Rule::InstructionsAreSpecialised, PROGRAMS);
    check(Rule::FloatsAreReused, PROGRAMS);
    check(Rule::WeaklyReferencedHaveASlot, PROGRAMS);
    check(Rule::TuplesAreClearedFirst, PROGRAMS);
    check(Rule::CollectionsAreDeferred, PROGRAMS);
}

#[test]
fn no_rule_of_deaths_can_be_left_out() {
    check(Rule::GarbageIsLookedAtAgain, FRESH);
    check(Rule::FinalizersRunOnce, ORDER);
    check(Rule::CallbacksOfGarbageAreSkipped, FRESH);
    check(Rule::DeepDeathsArePutOff, FRESH);
    check(Rule::OneCallbackHasATupleToo, FRESH);
    check(Rule::NewestCallbackIsFirst, FRESH);
    check(Rule::ItemsDieFromTheLast, ORDER);
}
