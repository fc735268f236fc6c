//! Collections as programs meet them: promotion, cards, dead wood, failure, exhaustion, references, finalizers, threads.

#[path = "machine_support/rig.rs"]
#[expect(dead_code, reason = "shared with other tests, which use the rest")]
mod rig;

use jvm_model::{ConfigError, Jvm, Version};
use memory_trait::{FaultKind, Kind, Machine, Slot, ThreadId, Unwatched};
use rig::{A, B, C, D, FINALIZER, HELPER, LAST, LAST_NEXT, NEXT, NODE, Rig, TEMPORARY, words};

const SMALL: &str = "-Xmx8m -Xms8m -Xmn2m";
const MB: u64 = 1 << 20;

fn n_young(rig: &Rig) -> u64 {
    rig.jvm.heap().n_collections() - rig.jvm.heap().n_full_collections()
}

fn is_old(rig: &Rig, object: &str) -> bool {
    // An object that is moved by no further young collection is old.
    !rig.told("moved").iter().any(|line| line.ends_with(object))
}

#[test]
fn garbage_is_reclaimed_young_and_hardly_anything_is_moved_for_it() {
    let mut rig = Rig::new(SMALL);
    rig.garbage(10 * MB);
    assert!(n_young(&rig) >= 5 && rig.jvm.heap().n_full_collections() == 0);
    assert!(rig.told("moved").len() as u64 <= n_young(&rig), "the array being made, at most");
    assert!(rig.told("young bytes#").len() > 2000);
    rig.check();
}

#[test]
fn an_object_is_promoted_after_so_many_collections() {
    for threshold in [0u64, 1, 3] {
        let mut rig = Rig::new(&format!("{SMALL} -XX:MaxTenuringThreshold={threshold}"));
        rig.node(A);
        while n_young(&rig) < 8 {
            rig.garbage(MB / 8);
        }
        assert_eq!(rig.told("moved Node#1").len() as u64, threshold + 1, "in young, and then into old");
        rig.check();
    }
}

#[test]
fn a_young_object_that_only_an_old_one_refers_to_survives() {
    let mut rig = Rig::new(SMALL);
    rig.node(A);
    rig.jvm.collect().unwrap();
    rig.forget();
    rig.node(B);
    rig.jvm.store(A, NEXT, B).unwrap();
    rig.clear(&[B]);
    rig.garbage(8 * MB);
    assert!(n_young(&rig) >= 4 && is_old(&rig, "Node#1") && !is_old(&rig, "Node#2"));
    assert!(rig.told("young Node").is_empty());
    // The old one is unreachable now; young collections do not know.
    rig.clear(&[A]);
    rig.garbage(4 * MB);
    assert!(rig.told("young Node").is_empty(), "nepotism");
    rig.check();
    rig.jvm.collect().unwrap();
    assert_eq!(rig.told("full Node").len(), 2);
}

#[test]
fn an_element_of_an_old_array_keeps_a_young_object() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_array(A, Kind::Reference, 5000).unwrap();
    rig.jvm.collect().unwrap();
    for index in [0, 127, 2500, 4999] {
        rig.node(B);
        rig.jvm.set_element(A, index, B).unwrap();
    }
    rig.clear(&[B]);
    rig.garbage(8 * MB);
    rig.check();
    for index in [0, 127, 2500, 4999] {
        rig.jvm.element(B, A, index).unwrap();
        assert!(!rig.jvm.is_null(B).unwrap());
    }
    assert!(rig.told("young Node").is_empty());
}

#[test]
fn an_array_larger_than_eden_is_born_old() {
    let mut rig = Rig::new(SMALL);
    let used = |rig: &Rig| rig.jvm.heap().spaces().old.used_words();
    let before = used(&rig);
    rig.jvm.new_bytes(A, 3 << 20).unwrap();
    assert_eq!(used(&rig) - before, (3 << 20) / 8 + 2);
    assert_eq!(rig.jvm.heap().n_collections(), 0);
    rig.check();
}

#[test]
fn a_list_of_a_million_nodes_is_marked_without_overflow() {
    let mut rig = Rig::<Unwatched>::built(Jvm::builder().flags("-Xmx96m -Xms96m"));
    for _ in 0..1_000_000 {
        rig.node(B);
        rig.jvm.store(B, NEXT, A).unwrap();
        rig.jvm.copy(A, B).unwrap();
    }
    rig.jvm.collect().unwrap();
    assert!(rig.jvm.usage().n_objects >= 1_000_000);
    rig.clear(&[A, B]);
    rig.jvm.collect().unwrap();
    assert!(rig.jvm.usage().n_objects < 10);
}

#[test]
fn dead_wood_at_the_bottom_of_old_is_left_but_every_fourth_time() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_bytes(A, 50_000).unwrap();
    rig.node(B);
    rig.jvm.collect().unwrap();
    rig.clear(&[A]);
    let mut moves = Vec::new();
    for _ in 0..3 {
        rig.forget();
        rig.jvm.collect().unwrap();
        moves.push(rig.told("moved Node#1").len());
        rig.check();
    }
    assert_eq!(moves, [0, 0, 1], "the second and third leave 50,000 bytes, less than 5 % of old; the fourth does not");
}

#[test]
fn without_dead_wood_every_full_collection_compacts() {
    let mut rig = Rig::new(&format!("{SMALL} -XX:MarkSweepDeadRatio=0"));
    rig.jvm.new_bytes(A, 50_000).unwrap();
    rig.node(B);
    rig.jvm.collect().unwrap();
    rig.clear(&[A]);
    rig.forget();
    rig.jvm.collect().unwrap();
    assert_eq!(rig.told("moved Node#1").len(), 1);
}

#[test]
fn a_promotion_that_fails_leads_to_a_full_collection_and_loses_nothing() {
    let mut rig = Rig::new("-Xmx6m -Xms6m -Xmn3m -XX:MaxTenuringThreshold=1");
    rig.garbage(30 * MB);
    // Old has 3 MB, of which 2.5 are taken; nothing has ever been promoted, so a collection seems safe.
    rig.jvm.new_bytes(A, 5 << 19).unwrap();
    rig.jvm.new_list(B, Kind::Reference).unwrap();
    let mut n_nodes = 0;
    while rig.jvm.heap().n_full_collections() == 0 {
        rig.node(C);
        rig.jvm.push(B, C).unwrap();
        n_nodes += 1;
        if n_nodes % 8 == 0 {
            rig.jvm.new_bytes(TEMPORARY, 256).unwrap();
        }
        if n_nodes == 30_000 {
            rig.clear(&[A]);
        }
    }
    let lines = rig.forget();
    let full = lines.iter().position(|line| line.starts_with("collection full")).unwrap();
    let young = lines[..full].iter().rposition(|line| line.starts_with("collection young")).unwrap();
    let moved = lines[young..full].iter().filter(|line| line.starts_with("moved")).count();
    let reclaimed = lines[young..full].iter().filter(|line| line.starts_with("young")).count();
    assert!(moved > 1000 && reclaimed == 0, "{moved} moved, {reclaimed} reclaimed: it failed on its way");
    rig.check();
    assert_eq!(rig.jvm.len(B).unwrap(), n_nodes);
    for index in 0..n_nodes {
        rig.jvm.element(C, B, index).unwrap();
        assert!(!rig.jvm.is_null(C).unwrap());
    }
}

#[test]
fn a_heap_that_is_full_is_an_out_of_memory_error() {
    let mut rig = Rig::new("-Xmx6m -Xms6m -Xmn2m");
    rig.jvm.new_list(A, Kind::Reference).unwrap();
    let outcome = loop {
        let outcome = rig.jvm.new_bytes(B, 10_000).and_then(|()| rig.jvm.push(A, B));
        if outcome.is_err() {
            break outcome;
        }
    };
    let message = "java.lang.OutOfMemoryError: Java heap space".to_owned();
    assert_eq!(words(outcome), (FaultKind::OutOfMemory, String::new(), message));
    assert!(rig.jvm.usage().free_share() < 0.1, "it was really full");
    assert_eq!(rig.jvm.usage().balance(), 0);
    assert_eq!(rig.jvm.faults().count(FaultKind::OutOfMemory), 1);
}

#[test]
fn the_heap_grows_when_it_must_and_says_so() {
    let mut rig = Rig::new("-Xms4m -Xmx64m");
    let before = rig.jvm.usage().heap_bytes;
    rig.jvm.new_list(A, Kind::Reference).unwrap();
    for _ in 0..2000 {
        rig.jvm.new_bytes(B, 10_000).unwrap();
        rig.jvm.push(A, B).unwrap();
    }
    rig.check();
    let after = rig.jvm.usage().heap_bytes;
    assert!(after > before + 15 * MB, "{before} -> {after}");
    assert_eq!(*rig.told("heap").last().unwrap(), format!("heap {after}"));
}

#[test]
fn a_weak_reference_is_cleared_by_the_collection_that_finds_its_object_only_weakly_reachable() {
    let mut rig = Rig::new(SMALL);
    rig.node(A);
    rig.jvm.new_weak(B, A).unwrap();
    assert_eq!(rig.told("born weak"), ["born weak#1 4 of 32"]);
    rig.garbage(4 * MB);
    rig.jvm.weak_get(C, B).unwrap();
    assert!(rig.jvm.same(A, C).unwrap(), "it followed its object");
    rig.clear(&[A, C]);
    rig.jvm.weak_get(C, B).unwrap();
    assert!(!rig.jvm.is_null(C).unwrap(), "no collection yet");
    rig.clear(&[C]);
    rig.garbage(4 * MB);
    rig.jvm.weak_get(C, B).unwrap();
    assert!(rig.jvm.is_null(C).unwrap());
    assert_eq!(rig.told("young Node"), ["young Node#1"]);
    rig.check();
}

#[test]
fn a_soft_reference_is_kept_until_memory_is_short() {
    let mut rig = Rig::new("-Xmx6m -Xms6m -Xmn2m");
    rig.node(A);
    rig.jvm.new_soft(B, A, None).unwrap();
    rig.clear(&[A]);
    rig.jvm.collect().unwrap();
    rig.jvm.weak_get(C, B).unwrap();
    assert!(!rig.jvm.is_null(C).unwrap());
    rig.clear(&[C]);
    rig.jvm.new_list(A, Kind::Reference).unwrap();
    while rig.jvm.new_bytes(D, 50_000).and_then(|()| rig.jvm.push(A, D)).is_ok() {}
    rig.jvm.weak_get(C, B).unwrap();
    assert!(rig.jvm.is_null(C).unwrap(), "cleared before the OutOfMemoryError");
}

#[test]
fn a_soft_reference_that_was_not_used_for_long_is_cleared() {
    let mut rig = Rig::built(Jvm::builder().flags("-Xmx8m -Xms8m -XX:SoftRefLRUPolicyMSPerMB=10").ticks_per_ms(1));
    rig.node(A);
    rig.jvm.new_soft(B, A, None).unwrap();
    rig.clear(&[A]);
    let mut cleared = Vec::new();
    for now in [1, 1000, 2000] {
        rig.jvm.set_moment(memory_trait::Moment { tick: memory_trait::Tick(now), ..Default::default() });
        rig.jvm.collect().unwrap();
        // Looking at the referent with `weak_get` would be a use.
        cleared.push(rig.jvm.usage().n_objects);
    }
    // The clock is that of the last collection: the second still sees the first one's.
    assert_eq!(cleared[0], cleared[1]);
    assert_eq!(cleared[2], cleared[1] - 1);
}

#[test]
fn references_are_queued_in_the_order_in_which_they_were_recorded() {
    let polled = |is_full: bool| {
        let mut rig = Rig::new(SMALL);
        let queue = rig.jvm.new_queue();
        rig.jvm.new_array(A, Kind::Reference, 8).unwrap();
        for index in 0..8 {
            rig.node(B);
            rig.jvm.new_phantom(C, B, queue).unwrap();
            rig.jvm.set_element(A, index, C).unwrap();
        }
        rig.clear(&[B, C]);
        if is_full {
            rig.jvm.collect().unwrap();
        } else {
            rig.garbage(2 * MB);
        }
        let mut order = Vec::new();
        loop {
            rig.jvm.poll(B, queue).unwrap();
            if rig.jvm.is_null(B).unwrap() {
                return order;
            }
            let found = (0..8).find(|&index| {
                rig.jvm.element(C, A, index).unwrap();
                rig.jvm.same(B, C).unwrap()
            });
            order.push(found.unwrap());
        }
    };
    assert_eq!(polled(true), [7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(polled(false), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_finalizer_runs_once_and_the_object_goes_with_a_later_collection() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_record(A, LAST).unwrap();
    rig.node(B);
    rig.jvm.store(A, LAST_NEXT, B).unwrap();
    rig.clear(&[A, B]);
    assert_eq!(rig.jvm.begin_finalizer().unwrap(), None);
    rig.jvm.collect().unwrap();
    assert_eq!(rig.jvm.begin_finalizer().unwrap(), Some(FINALIZER));
    // The object is the parameter, whole.
    rig.jvm.load(Slot(1), Slot(0), LAST_NEXT).unwrap();
    assert!(!rig.jvm.is_null(Slot(1)).unwrap());
    rig.jvm.ret(None).unwrap();
    assert_eq!(rig.jvm.begin_finalizer().unwrap(), None);
    assert!(rig.told("full").iter().all(|line| !line.contains('#')));
    rig.jvm.collect().unwrap();
    assert_eq!(rig.jvm.begin_finalizer().unwrap(), None, "only once");
    assert_eq!(rig.told("full ").iter().filter(|line| line.contains('#')).count(), 2);
    rig.check();
}

#[test]
fn a_finalizer_can_bring_its_object_back() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_array(A, Kind::Reference, 1).unwrap();
    rig.jvm.new_record(B, LAST).unwrap();
    rig.jvm.store(B, LAST_NEXT, A).unwrap();
    rig.clear(&[B]);
    rig.jvm.collect().unwrap();
    rig.jvm.begin_finalizer().unwrap().unwrap();
    rig.jvm.load(Slot(1), Slot(0), LAST_NEXT).unwrap();
    rig.jvm.set_element(Slot(1), 0, Slot(0)).unwrap();
    rig.jvm.ret(None).unwrap();
    rig.jvm.collect().unwrap();
    assert!(rig.told("full Last").is_empty(), "the array refers to it");
    rig.clear(&[A]);
    rig.jvm.collect().unwrap();
    assert_eq!(rig.told("full Last"), ["full Last#1"], "and it is not finalized again");
    assert_eq!(rig.jvm.begin_finalizer().unwrap(), None);
}

#[test]
fn finalizers_of_one_collection_run_from_the_newest_object_to_the_oldest() {
    let mut rig = Rig::new(SMALL);
    for index in 0..5 {
        rig.jvm.new_record(A, LAST).unwrap();
        rig.jvm.new_array(B, Kind::Int, index).unwrap();
        rig.jvm.store(A, LAST_NEXT, B).unwrap();
    }
    rig.clear(&[A, B]);
    rig.jvm.collect().unwrap();
    let mut order = Vec::new();
    while rig.jvm.begin_finalizer().unwrap().is_some() {
        rig.jvm.load(Slot(1), Slot(0), LAST_NEXT).unwrap();
        order.push(rig.jvm.len(Slot(1)).unwrap());
        rig.jvm.ret(None).unwrap();
    }
    assert_eq!(order, [4, 3, 2, 1, 0]);
    rig.check();
}

#[test]
fn the_variables_of_all_threads_are_roots() {
    let mut rig = Rig::new(SMALL);
    rig.node(A);
    let thread = rig.jvm.start_thread(HELPER, &[A]).unwrap();
    assert_eq!(thread, ThreadId(1));
    rig.clear(&[A]);
    rig.garbage(4 * MB);
    rig.jvm.switch_thread(thread).unwrap();
    rig.jvm.new_record(Slot(1), NODE).unwrap();
    rig.jvm.store(Slot(1), NEXT, Slot(0)).unwrap();
    rig.jvm.switch_thread(ThreadId(0)).unwrap();
    rig.garbage(4 * MB);
    rig.jvm.collect().unwrap();
    rig.check();
    assert!(rig.told("young Node").is_empty() && rig.told("full Node").is_empty());
    rig.jvm.switch_thread(thread).unwrap();
    rig.jvm.ret(None).unwrap();
    assert_eq!(*rig.told("thread").last().unwrap(), "thread ended");
    rig.jvm.switch_thread(ThreadId(0)).unwrap();
    rig.jvm.collect().unwrap();
    assert_eq!(rig.told("full Node").len(), 2);
    rig.check();
}

#[test]
fn configurations_that_hotspot_refuses_are_refused_in_its_words() {
    let refused = |flags: &str| Jvm::builder().flags(flags).build().unwrap_err().to_string();
    assert!(refused("-Xmx1k").contains("heap"), "{}", refused("-Xmx1k"));
    assert!(refused("-Xms32m -Xmx16m").contains("Initial heap size set to a larger value than the maximum heap size"));
    assert!(refused("-XX:NewRation=3").contains("NewRation"));
    let unsupported = Jvm::builder().flags("-Xmx40g").build().unwrap_err();
    assert!(matches!(unsupported, ConfigError::Unsupported(_)), "{unsupported}");
}

#[test]
fn what_a_small_program_sees_is_the_same_in_every_version() {
    let lines = |version: Version| {
        let mut rig = Rig::built(Jvm::builder().version(version).flags(SMALL).observer(rig::Diary::default()));
        rig.node(A);
        rig.garbage(4 * MB);
        rig.jvm.collect().unwrap();
        rig.forget()
    };
    assert_eq!(lines(Version::V17), lines(Version::V21));
    assert_eq!(lines(Version::V17), lines(Version::V25));
}
