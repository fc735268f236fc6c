//! Immediate death: in which order, with finalizers, however deep.

use cpython_model::Version;
use memory_trait::{Kind, Machine, Outcome, Slot};

use crate::support::{A, B, BEFORE, C, D, E, NEXT, VERSIONS, World};

#[test]
fn a_list_drops_its_elements_from_the_last() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        world.python.new_list(A, Kind::Reference)?;
        for _ in 0..4 {
            world.python.new_record(B, world.node)?;
            world.python.push(A, B)?;
        }
        world.python.set_null(B)?;
        world.python.set_null(A)?;
        assert_eq!(world.reclaimed(), [0, 4, 3, 2, 1], "{version}");
    }
    Ok(())
}

#[test]
fn a_map_drops_its_entries_in_order_and_slots_die_by_name() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        world.python.new_map(A, Kind::Int, Kind::Reference)?;
        for key in [3, 1, 2] {
            world.python.new_record(B, world.node)?;
            world.python.set_int(C, key)?;
            world.python.put(A, C, B)?;
        }
        world.python.set_null(B)?;
        world.python.set_null(A)?;
        assert_eq!(world.reclaimed(), [0, 1, 2, 3], "{version}");
        world.python.new_record(A, world.node)?;
        world.python.new_record(B, world.node)?;
        world.python.store(A, NEXT, B)?;
        world.python.new_record(B, world.node)?;
        world.python.store(A, BEFORE, B)?;
        world.python.set_null(B)?;
        world.python.set_null(A)?;
        assert_eq!(world.reclaimed(), [4, 6, 5], "{version}: `before` comes before `next`");
    }
    Ok(())
}

#[test]
fn a_list_of_a_million_nodes_dies_without_a_stack_of_ours() -> Outcome<()> {
    let mut program = memory_trait::Program::default();
    let node = program.record("Node", &[("next", Kind::Reference)]);
    let main = program.function("main", &[], &[("list", Kind::Reference), ("fresh", Kind::Reference)]);
    for version in VERSIONS {
        let mut python = cpython_model::CPython::builder().version(version).threshold([0, 10, 10]).build();
        python.load_program(&program)?;
        python.call(main, &[], None)?;
        python.set_null(A)?;
        for _ in 0..1_000_000 {
            python.new_record(B, node)?;
            python.store(B, NEXT, A)?;
            python.take(A, B)?;
        }
        assert_eq!(python.n_objects_of(node), 1_000_000);
        python.set_null(A)?;
        assert_eq!(python.n_objects_of(node), 0, "{version}");
        let left = python.usage().heap_bytes;
        assert!(left < 4 << 20, "{version}: arenas are given back, {left} bytes are left");
    }
    Ok(())
}

#[test]
fn deaths_nested_fifty_deep_are_put_off_until_the_outermost_is_done() -> Outcome<()> {
    // A chain by `next`, each node with a leaf in `value`'s place behind it: the leaf dies after the rest of the chain,
    // unless the chain was put off.
    let order = |version, n: u64| -> Outcome<Vec<u64>> {
        let mut world = World::new(version);
        world.python.set_null(A)?;
        for _ in 0..n {
            world.python.new_list(B, Kind::Reference)?;
            world.python.new_record(C, world.node)?;
            world.python.push(B, C)?; // dies after what follows it in the list
            world.python.push(B, A)?;
            world.python.copy(A, B)?;
        }
        world.python.set_null(B)?;
        world.python.set_null(C)?;
        world.python.set_null(A)?;
        Ok(world.reclaimed())
    };
    for version in [Version::V3_11, Version::V3_12] {
        let ids = order(version, 60)?;
        // Lists have even numbers, their leaves are one above; list 118 is the outermost.
        let list_at = |k: u64| ids.iter().position(|&id| id == 118 - 2 * k).unwrap();
        let leaf_at = |k: u64| ids.iter().position(|&id| id == 119 - 2 * k).unwrap();
        assert!(list_at(49) < leaf_at(49), "{version}");
        assert!(list_at(50) > leaf_at(0), "{version}: the 51st waits until the first is done");
        assert!(list_at(59) < leaf_at(50), "{version}");
    }
    let ids = order(Version::V3_13, 60)?;
    assert_eq!(ids[59], 0, "3.13 goes all the way down first");
    assert_eq!(ids[60], 1);
    Ok(())
}

#[test]
fn a_finalizer_runs_before_its_object_dies_and_only_once() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        world.python.new_list(E, Kind::Reference)?;
        world.python.new_record(A, world.mortal)?;
        world.python.store(A, NEXT, E)?;
        world.python.set_null(A)?;
        assert_eq!(world.reclaimed(), [0; 0], "{version}: it waits for its finalizer");
        // The finalizer rescues its object: self.next.append(self).
        let n = world.finalize(|python| {
            python.load(Slot(1), Slot(0), NEXT).unwrap();
            python.push(Slot(1), Slot(0)).unwrap();
        });
        assert_eq!(n, 1);
        assert_eq!(world.reclaimed(), [0; 0], "{version}: rescued");
        world.python.pop(A, E)?;
        world.python.set_null(A)?;
        assert_eq!(world.finalize(|_| panic!("called twice")), 0);
        assert_eq!(world.reclaimed(), [1], "{version}");
    }
    Ok(())
}

#[test]
fn finalizers_interrupt_the_death_of_what_holds_them() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_list(A, Kind::Reference)?;
    for _ in 0..3 {
        world.python.new_record(B, world.mortal)?;
        world.python.new_record(C, world.node)?;
        world.python.store(B, NEXT, C)?;
        world.python.push(A, B)?;
        world.python.push(A, C)?;
    }
    world.python.set_null(B)?;
    world.python.set_null(C)?;
    world.seen();
    world.python.set_null(A)?;
    let n = world.finalize(|python| {
        // A death of its own in the middle of the outer one.
        python.new_list(Slot(1), Kind::Int).unwrap();
        python.set_null(Slot(1)).unwrap();
    });
    assert_eq!(n, 3);
    assert_eq!(world.reclaimed(), [0, 7, 5, 6, 8, 3, 4, 9, 1, 2]);
    Ok(())
}

#[test]
fn a_frame_waits_for_the_finalizers_of_its_variables() -> Outcome<()> {
    let mut world = World::new(Version::V3_13);
    world.python.set_int(D, 1000)?;
    world.python.call(world.callee, &[D], Some(D))?;
    world.python.new_record(Slot(0), world.mortal)?;
    world.python.new_record(Slot(1), world.mortal)?;
    world.python.set_int(Slot(2), 2000)?;
    world.python.ret(Some(Slot(2)))?;
    assert_eq!(world.finalize(|_| {}), 2);
    assert_eq!(world.python.int(D)?, 2000, "the result arrives after them");
    assert_eq!(world.reclaimed(), [0, 1]);
    Ok(())
}

#[test]
fn a_finalizer_beyond_the_recursion_limit_is_not_run() -> Outcome<()> {
    let mut world = World::with(cpython_model::CPython::builder().recursion_limit(2));
    world.python.new_record(A, world.mortal)?;
    world.python.set_null(A)?;
    assert_eq!(world.finalize(|_| {}), 0);
    assert_eq!(world.reclaimed(), [0]);
    assert!(!world.python.faults().first()[0].is_fatal);
    Ok(())
}
