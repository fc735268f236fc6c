//! The cyclic collector: when, which generation, what it does to what it finds.

use cpython_model::{CPython, Version};
use memory_trait::{Kind, Machine, Outcome, Slot};

use crate::support::{A, B, BEFORE, C, NEXT, VERSIONS, World};

fn collections(world: &mut World) -> Vec<String> {
    world.seen().into_iter().filter(|line| line.starts_with("collection")).collect()
}

#[test]
fn the_default_thresholds_are_those_of_the_version() {
    let thresholds = VERSIONS.map(|version| CPython::builder().version(version).build().gc_threshold());
    assert_eq!(thresholds, [[700, 10, 10], [700, 10, 10], [2000, 10, 10]]);
}

#[test]
fn the_youngest_generation_is_collected_when_its_count_exceeds_the_threshold() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::with(CPython::builder().version(version).threshold([20, 10, 10]));
        world.python.new_list(A, Kind::Reference)?;
        for n in 2..=20 {
            world.python.new_record(B, world.node)?;
            world.python.push(A, B)?;
            assert_eq!(world.python.gc_count(), [n, 0, 0], "{version}");
        }
        assert_eq!(collections(&mut world), [""; 0]);
        world.python.new_record(B, world.node)?;
        assert_eq!(collections(&mut world), ["collection 0 threshold"], "{version}");
        let n_young = u32::from(version == Version::V3_11);
        assert_eq!(world.python.gc_count()[1], 1);
        assert_eq!(
            world.python.gc_generation_sizes(),
            [u64::from(n_young), 21 - u64::from(n_young), 0],
            "{version}: 3.11 collects before the new object is tracked, later versions after"
        );
    }
    Ok(())
}

#[test]
fn objects_from_free_lists_do_not_count() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_list(A, Kind::Int)?;
    world.python.new_list(A, Kind::Int)?;
    assert_eq!(world.python.gc_count()[0], 2, "the second was made before the first died");
    for _ in 0..100 {
        world.python.new_list(A, Kind::Int)?;
    }
    assert_eq!(world.python.gc_count()[0], 2, "lists that die go to the free list and come from there");
    for _ in 0..100 {
        world.python.new_record(A, world.node)?;
    }
    assert_eq!(world.python.gc_count()[0], 3, "instances are allocated and freed, which evens out");
    Ok(())
}

#[test]
fn an_empty_free_list_makes_allocations_count() -> Outcome<()> {
    let mut world = World::with(CPython::builder().threshold([0, 10, 10]));
    world.python.new_list(A, Kind::Reference)?;
    for _ in 0..100 {
        world.python.new_list(B, Kind::Int)?;
        world.python.push(A, B)?;
    }
    let full = world.python.gc_count()[0];
    assert_eq!(full, 101);
    world.python.set_null(B)?;
    world.python.set_null(A)?;
    assert_eq!(world.python.free_list_lengths().n_lists, 80);
    assert_eq!(world.python.gc_count()[0], full - 21, "21 found the free list full");
    world.python.collect()?;
    assert_eq!(world.python.free_list_lengths().n_lists, 0, "a full collection clears the free lists");
    Ok(())
}

#[test]
fn the_eleventh_young_collection_takes_the_middle_generation() -> Outcome<()> {
    let mut world = World::with(CPython::builder().version(Version::V3_12).threshold([10, 3, 10]));
    world.python.new_list(A, Kind::Reference)?;
    for _ in 0..60 {
        world.python.new_record(B, world.node)?;
        world.python.push(A, B)?;
    }
    let seen = collections(&mut world);
    let generations: Vec<&str> = seen.iter().map(|line| &line[11..12]).collect();
    assert_eq!(generations, ["0", "0", "0", "0", "1"], "when the count of generation 1 is 4, above 3");
    assert_eq!(world.python.gc_count()[2], 1);
    Ok(())
}

#[test]
fn a_full_collection_waits_for_a_quarter_of_the_long_lived_objects() -> Outcome<()> {
    let run = |n_old: usize| -> Outcome<usize> {
        let mut world = World::with(CPython::builder().version(Version::V3_12).threshold([10, 1, 1]));
        world.python.new_list(A, Kind::Reference)?;
        for _ in 0..n_old {
            world.python.new_record(B, world.node)?;
            world.python.push(A, B)?;
        }
        world.python.collect()?;
        assert_eq!(world.python.gc_long_lived(), (0, n_old as u64 + 1));
        world.seen();
        for _ in 0..200 {
            world.python.new_record(B, world.node)?;
            world.python.push(A, B)?;
        }
        Ok(collections(&mut world).iter().filter(|line| line.starts_with("collection 2")).count())
    };
    assert!(run(10)? >= 2);
    assert_eq!(run(1000)?, 0, "200 survivors are less than a quarter of 1000");
    Ok(())
}

#[test]
fn a_cycle_is_reclaimed_by_the_collector_with_what_hangs_off_it() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        world.python.new_record(A, world.node)?;
        world.python.new_record(B, world.node)?;
        world.python.new_text(C, "hanging off")?;
        world.python.store(A, NEXT, B)?;
        world.python.store(B, NEXT, A)?;
        world.python.store(B, BEFORE, C)?;
        for slot in [A, B, C] {
            world.python.set_null(slot)?;
        }
        world.seen();
        world.python.collect()?;
        let seen = world.seen();
        let expected = [
            "collection 2 gc.collect()",
            "reclaimed #1 by cycle",
            "reclaimed #2 by cycle",
            "reclaimed #0 by cycle",
            "collected 3",
        ];
        assert_eq!(seen, expected, "{version}");
        assert_eq!(world.python.gc_stats()[2].n_collected, 2, "the collector counts what it tracks");
    }
    Ok(())
}

#[test]
fn a_rescued_cycle_goes_to_the_older_generation() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        world.python.new_list(C, Kind::Reference)?;
        world.python.new_record(A, world.mortal)?;
        world.python.new_list(B, Kind::Reference)?;
        world.python.push(B, A)?; // the cycle: A.next is B, B[0] is A; B[1] is C, which lives
        world.python.push(B, C)?;
        world.python.store(A, NEXT, B)?;
        world.python.set_null(A)?;
        world.python.set_null(B)?;
        world.python.collect()?;
        let n = world.finalize(|python| {
            python.load(Slot(1), Slot(0), NEXT).unwrap();
            python.element(Slot(1), Slot(1), 1).unwrap();
            python.push(Slot(1), Slot(0)).unwrap();
        });
        assert_eq!((n, world.reclaimed().len()), (1, 0), "{version}");
        assert_eq!(world.python.gc_generation_sizes(), [0, 0, 3], "{version}");
        world.python.pop(A, C)?;
        world.python.set_null(A)?;
        world.python.collect()?;
        assert_eq!(world.finalize(|_| panic!("called twice")), 0);
        assert_eq!(world.reclaimed().len(), 2, "{version}");
    }
    Ok(())
}

#[test]
fn finalizers_of_a_collection_run_in_the_order_of_its_list() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_list(C, Kind::Reference)?;
    for value in 0..3 {
        world.python.new_record(A, world.mortal)?;
        world.python.set_int(B, value)?;
        world.python.store(A, memory_trait::FieldIndex(1), B)?;
        world.python.push(C, A)?;
        world.python.store(A, NEXT, C)?;
    }
    world.python.set_null(A)?;
    world.python.set_null(C)?;
    world.python.collect()?;
    let mut order = Vec::new();
    world.finalize(|python| {
        python.load(Slot(1), Slot(0), memory_trait::FieldIndex(1)).unwrap();
        order.push(python.int(Slot(1)).unwrap());
    });
    assert_eq!(order, [0, 1, 2]);
    Ok(())
}

#[test]
fn maps_are_tracked_only_once_they_hold_what_can_make_cycles() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_map(A, Kind::Int, Kind::Reference)?;
    world.python.set_int(B, 1)?;
    world.python.set_null(C)?;
    world.python.put(A, B, C)?;
    assert_eq!(world.python.gc_generation_sizes(), [0, 0, 0]);
    world.python.new_record(C, world.node)?;
    world.python.put(A, B, C)?;
    assert_eq!(world.python.gc_generation_sizes(), [2, 0, 0]);
    world.python.set_null(C)?;
    world.python.put(A, B, C)?;
    assert_eq!(world.python.gc_generation_sizes(), [1, 0, 0], "still tracked");
    world.python.collect()?;
    assert_eq!(world.python.gc_generation_sizes(), [0, 0, 0], "a full collection untracks it");
    Ok(())
}

#[test]
fn a_collection_asked_for_during_a_collection_does_nothing() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_record(A, world.mortal)?;
    world.python.store(A, NEXT, A)?;
    world.python.set_null(A)?;
    world.python.collect()?;
    let n = world.finalize(|python| python.collect().unwrap());
    assert_eq!(n, 1);
    assert_eq!(collections(&mut world), ["collection 2 gc.collect()"]);
    assert_eq!(world.python.gc_stats_text().matches("'collections': 1").count(), 1);
    Ok(())
}

#[test]
fn ambient_objects_shift_the_collections() -> Outcome<()> {
    let first = |n_ambient| -> Outcome<usize> {
        let mut world = World::with(CPython::builder().threshold([20, 10, 10]).ambient_objects(n_ambient));
        world.python.new_list(A, Kind::Reference)?;
        for n in 0..100 {
            world.python.new_record(B, world.node)?;
            world.python.push(A, B)?;
            if !collections(&mut world).is_empty() {
                return Ok(n);
            }
        }
        panic!("no collection");
    };
    assert_eq!(first(0)? - first(5)?, 5);
    Ok(())
}

#[test]
fn debug_stats_read_like_the_runtimes() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_record(A, world.node)?;
    let text = world.python.gc_debug_stats_text(0);
    assert_eq!(
        text,
        "gc: collecting generation 0...\ngc: objects in each generation: 1 0 0\n\
         gc: objects in permanent generation: 0\n"
    );
    Ok(())
}

#[test]
fn a_disabled_collector_goes_on_counting() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::with(CPython::builder().version(version).threshold([20, 10, 10]));
        world.python.gc_disable();
        world.python.new_list(A, Kind::Reference)?;
        for _ in 0..30 {
            world.python.new_record(B, world.node)?;
            world.python.push(A, B)?;
        }
        assert_eq!((world.python.gc_count(), world.python.gc_is_enabled()), ([31, 0, 0], false), "{version}");
        assert_eq!(collections(&mut world), [""; 0]);
        world.python.gc_enable();
        world.python.new_record(B, world.node)?;
        assert_eq!(collections(&mut world), ["collection 0 threshold"], "{version}");
    }
    Ok(())
}

#[test]
fn frozen_garbage_is_found_again_once_it_is_unfrozen() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        let before = world.python.gc_freeze_count();
        world.python.new_record(A, world.node)?;
        world.python.store(A, NEXT, A)?;
        world.python.set_null(A)?;
        world.python.gc_freeze();
        assert_eq!(world.python.gc_count(), [0, 0, 0], "freezing sets the counts to zero");
        assert_eq!(world.python.gc_freeze_count(), before + 1);
        world.python.collect()?;
        assert_eq!(world.python.n_objects_of(world.node), 1, "{version}: what is frozen is not looked at");
        world.python.verify().unwrap_or_else(|wrong| panic!("{wrong}"));
        world.python.gc_unfreeze();
        world.python.collect()?;
        assert_eq!(world.python.n_objects_of(world.node), 0, "{version}");
        world.python.verify().unwrap_or_else(|wrong| panic!("{wrong}"));
    }
    Ok(())
}

#[test]
fn a_frozen_object_still_dies_when_nothing_refers_to_it() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_record(A, world.node)?;
    world.python.gc_freeze();
    world.python.set_null(A)?;
    assert_eq!(world.python.n_objects_of(world.node), 0);
    Ok(())
}

#[test]
fn another_threshold_counts_from_then_on() -> Outcome<()> {
    let mut world = World::new(Version::V3_13);
    world.python.gc_set_threshold([3, 10, 10]);
    world.python.new_list(A, Kind::Reference)?;
    for _ in 0..3 {
        world.python.new_record(B, world.node)?;
        world.python.push(A, B)?;
    }
    assert_eq!(collections(&mut world), ["collection 0 threshold"]);
    Ok(())
}

#[test]
fn with_save_all_garbage_is_kept_until_it_is_cleared() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        for _ in 0..6 {
            world.python.new_record(A, world.node)?;
            world.python.store(A, NEXT, A)?;
        }
        world.python.set_null(A)?;
        world.python.gc_save_all(true);
        world.python.collect()?;
        let names: Vec<String> = world.python.gc_garbage().into_iter().flatten().map(|name| name.to_string()).collect();
        assert_eq!(names, ["Node#1", "Node#2", "Node#3", "Node#4", "Node#5", "Node#6"], "{version}");
        assert_eq!((world.reclaimed(), world.python.n_unreachable()), (vec![], 0));
        assert_eq!(world.python.gc_stats()[2].n_collected, 6, "they count as collected all the same");
        // They are cycles still, and garbage again when the list lets go of them.
        world.python.gc_save_all(false);
        world.python.gc_garbage_clear()?;
        assert_eq!((world.reclaimed(), world.python.n_unreachable()), (vec![], 6));
        world.python.collect()?;
        assert_eq!(world.reclaimed(), [0, 1, 2, 3, 4, 5], "{version}");
        assert_eq!(world.python.gc_garbage(), []);
    }
    Ok(())
}

#[test]
fn finalizers_in_a_cycle_make_nothing_uncollectable() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        world.python.new_record(A, world.mortal)?;
        world.python.new_record(B, world.mortal)?;
        world.python.store(A, NEXT, B)?;
        world.python.store(B, NEXT, A)?;
        world.python.set_null(A)?;
        world.python.set_null(B)?;
        world.python.collect()?;
        assert_eq!(world.finalize(|_| {}), 2, "{version}");
        assert_eq!(
            world.reclaimed(),
            [1, 0],
            "{version}: the first is cleared, and held meanwhile; the second dies of it"
        );
        let stats = world.python.gc_stats()[2];
        assert_eq!((stats.n_collected, stats.n_uncollectable), (2, 0), "{version}");
        assert_eq!(world.python.gc_garbage(), [], "only types of C with a tp_del end there");
    }
    Ok(())
}
