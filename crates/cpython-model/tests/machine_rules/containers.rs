//! Records, arrays, lists, maps.

use cpython_model::Version;
use memory_trait::{Kind, Machine, Outcome, Slot};

use crate::support::{A, B, BEFORE, C, D, LOCAL, NEXT, VALUE, VERSIONS, World};

#[test]
fn fields_start_out_with_defaults_for_which_nothing_is_made() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        let before = world.python.usage();
        world.python.new_record(A, world.node)?;
        let after = world.python.usage();
        assert_eq!(after.n_objects - before.n_objects, 1, "{version}");
        assert_eq!(after.payload_bytes - before.payload_bytes, 24, "three pointers");
        assert_eq!(after.boxed_bytes, before.boxed_bytes);
        world.python.load(B, A, NEXT)?;
        assert!(world.python.is_null(B)?);
        world.python.load(B, A, VALUE)?;
        assert_eq!(world.python.int(B)?, 0);
        assert!(world.seen().contains(&"born #0 Heap 24/64".to_owned()), "16 links, 16 header, 24 slots: 56, in 64");
    }
    Ok(())
}

#[test]
fn a_stored_reference_is_seen_with_what_was_there_before() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_record(A, world.node)?;
    world.python.new_record(B, world.node)?;
    world.python.new_record(C, world.node)?;
    world.seen();
    world.python.store(A, NEXT, B)?;
    world.python.store(A, NEXT, C)?;
    world.python.load(D, A, NEXT)?;
    world.python.set_null(D)?;
    assert_eq!(world.seen(), ["#0[0] - -> #1", "#0[0] #1 -> #2", "slot - -> #2", "slot #2 -> -"]);
    Ok(())
}

#[test]
fn a_local_record_is_an_object_like_any_other() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_local(LOCAL)?;
    world.python.copy(A, LOCAL)?;
    world.python.set_int(B, 1000)?;
    world.python.store(LOCAL, VALUE, B)?;
    world.python.load(C, A, VALUE)?;
    assert_eq!(world.python.int(C)?, 1000);
    assert_eq!(world.seen()[1], "born #0 Heap 24/64");
    Ok(())
}

#[test]
fn an_array_is_a_list_of_exactly_that_capacity() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_array(A, Kind::Int, 100)?;
    assert_eq!(world.python.len(A)?, 100);
    world.python.element(B, A, 99)?;
    assert_eq!(world.python.int(B)?, 0);
    assert!(world.seen().contains(&"born #0 Heap 800/4160".to_owned()), "56 in 64 bytes, and 800 in a page");
    assert_eq!(world.python.free_list_lengths().n_lists, 1, "the list of one element was a temporary");
    for (kind, name) in [(Kind::Float, "float"), (Kind::Bool, "bool"), (Kind::Reference, "NoneType")] {
        world.python.new_array(A, kind, 2)?;
        world.python.element(B, A, 1)?;
        assert_eq!(world.python.kind_of(B), name);
    }
    world.verify();
    Ok(())
}

#[test]
fn a_growing_list_takes_room_for_more_than_it_needs() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_list(A, Kind::Int)?;
    world.python.set_null(B)?;
    let mut capacities = Vec::new();
    for n in 1..=40_u64 {
        world.python.push(A, B)?;
        let capacity = world.python.capacity_of(A).unwrap();
        assert!(capacity >= n);
        if capacities.last() != Some(&capacity) {
            capacities.push(capacity);
        }
    }
    assert_eq!(capacities, [4, 8, 16, 24, 32, 40], "as in listobject.c's comment");
    capacities.clear();
    for _ in 0..40 {
        world.python.pop(C, A)?;
        let capacity = world.python.capacity_of(A).unwrap();
        if capacities.last() != Some(&capacity) {
            capacities.push(capacity);
        }
        world.verify();
    }
    assert_eq!(capacities, [40, 24, 16, 12, 8, 4, 0], "measured with getsizeof");
    assert_eq!(world.python.capacity_of(A), Some(0));
    Ok(())
}

#[test]
fn a_list_popped_empty_keeps_a_stub_in_3_11_and_nothing_later() -> Outcome<()> {
    for (version, n_blocks) in [(Version::V3_11, 2), (Version::V3_12, 1), (Version::V3_13, 1)] {
        let mut world = World::new(version);
        let before = world.python.usage().n_objects;
        world.python.new_list(A, Kind::Int)?;
        world.python.set_null(B)?;
        world.python.push(A, B)?;
        world.python.pop(B, A)?;
        assert_eq!(world.python.usage().n_objects - before, n_blocks, "{version}");
        world.verify();
    }
    Ok(())
}

#[test]
fn a_map_keeps_the_order_of_insertion_and_the_place_of_known_keys() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    let python = &mut world.python;
    python.new_map(A, Kind::Int, Kind::Int)?;
    for key in [30, 10, 20, 10_000] {
        python.set_int(B, key)?;
        python.set_int(C, key * 2)?;
        python.put(A, B, C)?;
    }
    python.set_int(B, 30)?;
    python.put(A, B, B)?;
    python.set_int(B, 10)?;
    assert!(python.remove(A, B)?);
    assert!(!python.remove(A, B)?);
    python.put(A, B, B)?;
    assert_eq!(python.len(A)?, 4);
    let (mut position, mut keys) = (0, Vec::new());
    while let Some(next) = python.next_key(B, A, position)? {
        keys.push(python.int(B)?);
        position = next;
    }
    assert_eq!(keys, [30, 20, 10_000, 10]);
    python.set_int(B, 10_000)?;
    assert!(python.get(C, A, B)?);
    assert_eq!(python.int(C)?, 20_000);
    python.set_int(B, 7)?;
    assert!(!python.get(C, A, B)?);
    assert_eq!(python.int(C)?, 20_000, "untouched");
    world.verify();
    Ok(())
}

#[test]
fn a_map_of_texts_compares_them_by_content() -> Outcome<()> {
    let mut world = World::new(Version::V3_13);
    world.python.new_map(A, Kind::Reference, Kind::Reference)?;
    world.python.new_text(B, "key")?;
    world.python.new_text(C, "value")?;
    world.seen();
    world.python.put(A, B, C)?;
    assert_eq!(world.seen(), ["resized #0 0/192", "#0[0] - -> #1", "#0[1] - -> #2"]);
    world.python.new_text(B, "key")?;
    assert!(world.python.get(D, A, B)?);
    assert!(world.python.same(C, D)?);
    world.python.put(A, B, B)?;
    assert!(world.seen().contains(&"#0[1] #2 -> #3".to_owned()));
    world.python.set_null(D)?;
    world.python.set_null(C)?;
    assert!(world.python.remove(A, B)?);
    assert!(world.reclaimed().contains(&1), "the map had the only reference to the first key");
    Ok(())
}

#[test]
fn an_empty_map_has_no_table_and_deletions_give_no_room_back() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    let python = &mut world.python;
    let before = python.usage().n_objects;
    python.new_map(A, Kind::Int, Kind::Int)?;
    assert_eq!(python.usage().n_objects - before, 1);
    for key in 0..5 {
        python.set_int(B, key)?;
        python.put(A, B, B)?;
    }
    assert_eq!(python.usage().n_objects - before, 2);
    assert_eq!(python.capacity_of(A), Some(5));
    for key in 0..4 {
        python.set_int(B, key)?;
        assert!(python.remove(A, B)?);
    }
    python.put(A, B, B)?;
    assert_eq!(python.capacity_of(A), Some(10), "the table was full of holes: 16 places for one key, and measured so");
    for key in 10..20 {
        python.set_int(B, key)?;
        python.put(A, B, B)?;
    }
    assert_eq!(python.capacity_of(A), Some(21), "32 places");
    world.verify();
    Ok(())
}

#[test]
fn free_means_nothing() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_record(A, world.node)?;
    let before = world.python.usage();
    world.python.free(A)?;
    world.python.free(A)?;
    assert_eq!(world.python.usage(), before);
    world.python.load(B, A, BEFORE)?;
    assert_eq!(world.python.faults().total(), 0);
    Ok(())
}

#[test]
fn the_bytes_of_the_heap_always_add_up() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        world.python.new_list(A, Kind::Reference)?;
        for n in 0..2000 {
            match n % 5 {
                0 => world.python.new_record(B, world.node)?,
                1 => world.python.set_int(B, n << 20)?,
                2 => world.python.new_bytes(B, n)?,
                3 => world.python.new_text(B, &n.to_string())?,
                _ => world.python.new_map(B, Kind::Int, Kind::Int)?,
            }
            world.python.push(A, B)?;
            assert_eq!(world.python.usage().balance(), 0);
        }
        world.verify();
        let full = world.python.usage();
        world.python.set_null(A)?;
        world.python.set_null(Slot(1))?;
        let empty = world.python.usage();
        assert!(empty.used_bytes() * 20 < full.used_bytes(), "{version}: {empty:?}");
        world.verify();
    }
    Ok(())
}
