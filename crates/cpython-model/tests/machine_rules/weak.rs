//! Weak references.

use memory_trait::{Kind, Machine, Outcome};

use crate::support::{A, B, C, D, NEXT, VERSIONS, World};

#[test]
fn a_weak_reference_does_not_keep_its_object() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        world.python.new_record(A, world.node)?;
        world.python.new_weak(B, A)?;
        world.python.weak_get(C, B)?;
        assert!(world.python.same(A, C)?, "{version}");
        world.python.set_null(C)?;
        world.python.set_null(A)?;
        world.python.weak_get(C, B)?;
        assert!(world.python.is_null(C)?, "{version}");
        assert_eq!(world.reclaimed(), [0]);
        world.python.set_null(B)?;
        assert_eq!(world.reclaimed(), [1]);
    }
    Ok(())
}

#[test]
fn a_second_weak_reference_is_the_first_one_again() -> Outcome<()> {
    let mut world = World::new(VERSIONS[1]);
    world.python.new_record(A, world.node)?;
    world.python.new_weak(B, A)?;
    world.python.new_weak(C, A)?;
    assert!(world.python.same(B, C)?);
    assert!(world.seen().contains(&"born #2 Static 0/0".to_owned()));
    world.python.set_null(B)?;
    world.python.set_null(C)?;
    world.python.new_weak(B, A)?;
    assert!(world.seen().iter().any(|line| line.starts_with("born #3 Heap")), "the first was gone");
    Ok(())
}

#[test]
fn the_collector_clears_weak_references_to_garbage_before_finalizers_run() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        world.python.new_record(A, world.mortal)?;
        world.python.store(A, NEXT, A)?;
        world.python.new_weak(B, A)?;
        world.python.set_null(A)?;
        world.python.collect()?;
        let mut n = 0;
        while world.python.begin_finalizer()?.is_some() {
            n += 1;
            world.python.ret(None)?;
        }
        assert_eq!(n, 1, "{version}");
        world.python.weak_get(D, B)?;
        assert!(world.python.is_null(D)?);
        assert_eq!(world.reclaimed(), [0]);
    }
    Ok(())
}

#[test]
fn a_finalizer_still_reaches_its_object_through_a_weak_reference() -> Outcome<()> {
    let mut world = World::new(VERSIONS[1]);
    world.python.new_record(A, world.mortal)?;
    world.python.new_list(C, Kind::Reference)?;
    world.python.new_weak(B, A)?;
    world.python.push(C, B)?;
    world.python.store(A, NEXT, C)?;
    world.python.set_null(C)?;
    world.python.set_null(A)?;
    let mut n_alive = 0;
    world.finalize(|python| {
        let (this, other) = (memory_trait::Slot(0), memory_trait::Slot(1));
        python.load(other, this, NEXT).unwrap();
        python.element(other, other, 0).unwrap();
        python.weak_get(other, other).unwrap();
        n_alive += usize::from(python.same(this, other).unwrap());
        python.clear(other).unwrap();
    });
    assert_eq!(n_alive, 1, "at a death by count, weak references are cleared after the finalizer");
    world.python.weak_get(A, B)?;
    assert!(world.python.is_null(A)?);
    Ok(())
}
