//! The errors that end a program, in Python's words.

use cpython_model::{CPython, Version};
use memory_trait::{FaultKind, Kind, Machine, Outcome, Slot};

use crate::support::{A, B, C, NEXT, World};

fn check(kind: FaultKind, message: &str, operation: impl Fn(&mut World) -> Outcome<()>) {
    let mut world = World::new(Version::V3_12);
    world.python.set_null(A).unwrap();
    let fault = operation(&mut world).expect_err(message);
    assert_eq!((fault.kind, fault.message.as_str(), fault.is_fatal), (kind, message, true));
    assert_eq!(world.python.faults().count(kind), 1);
    world.python.finish();
    assert_eq!(world.python.usage().balance(), 0);
}

#[test]
fn none_has_no_attributes_items_or_length() {
    let null = FaultKind::NullDereference;
    let attribute = "AttributeError: 'NoneType' object has no attribute 'next'";
    check(null, "AttributeError: 'NoneType' object has no attribute 'append'", |world| world.python.push(A, A));
    check(null, "AttributeError: 'NoneType' object has no attribute 'pop'", |world| world.python.pop(B, A));
    check(null, "TypeError: 'NoneType' object is not subscriptable", |world| world.python.element(B, A, 0));
    check(null, "TypeError: 'NoneType' object does not support item assignment", |world| {
        world.python.set_element(A, 0, A)
    });
    check(null, "TypeError: object of type 'NoneType' has no len()", |world| world.python.len(A).map(|_| ()));
    check(null, "TypeError: 'NoneType' object is not iterable", |world| world.python.next_key(B, A, 0).map(|_| ()));
    check(null, "TypeError: 'NoneType' object does not support item deletion", |world| {
        world.python.remove(A, A).map(|_| ())
    });
    check(null, "TypeError: cannot create weak reference to 'NoneType' object", |world| world.python.new_weak(B, A));
    check(null, "TypeError: 'NoneType' object is not callable", |world| world.python.weak_get(B, A));
    check(null, "TypeError: unsupported operand type(s) for +: 'NoneType' and 'str'", |world| {
        world.python.new_text(B, "text")?;
        world.python.concat(C, A, B)
    });
    check(null, attribute, |world| world.python.load(B, A, NEXT));
    check(null, attribute, |world| world.python.store(A, NEXT, A));
}

#[test]
fn an_index_outside_is_an_index_error() {
    let bounds = FaultKind::OutOfBounds;
    let list = |world: &mut World| {
        world.python.new_array(A, Kind::Int, 3)?;
        world.python.set_int(B, 1)
    };
    check(bounds, "IndexError: list index out of range", |world| {
        list(world)?;
        world.python.element(C, A, 3)
    });
    check(bounds, "IndexError: list index out of range", |world| {
        list(world)?;
        world.python.element(C, A, -4)
    });
    check(bounds, "IndexError: list assignment index out of range", |world| {
        list(world)?;
        world.python.set_element(A, 3, B)
    });
    check(bounds, "IndexError: index out of range", |world| {
        world.python.new_bytes(A, 3)?;
        world.python.element(C, A, 3)
    });
    check(FaultKind::Missing, "IndexError: pop from empty list", |world| {
        world.python.new_list(A, Kind::Int)?;
        world.python.pop(B, A)
    });
    check(FaultKind::InvalidValue, "ValueError: negative count", |world| world.python.new_bytes(A, -1));
}

#[test]
fn a_negative_index_counts_from_the_end_and_python_does_not_mind() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    let python = &mut world.python;
    python.new_array(A, Kind::Int, 3)?;
    python.set_int(B, 1000)?;
    python.set_element(A, -1, B)?;
    python.element(C, A, 2)?;
    assert_eq!(python.int(C)?, 1000);
    python.element(C, A, -1)?;
    assert_eq!(python.int(C)?, 1000);
    assert_eq!(python.faults().count(FaultKind::OutOfBounds), 2);
    assert!(python.faults().first().iter().all(|fault| !fault.is_fatal));
    Ok(())
}

#[test]
fn an_unset_variable_is_an_unbound_local() {
    let message = "UnboundLocalError: cannot access local variable 'b' where it is not associated with a value";
    check(FaultKind::Uninitialised, message, |world| world.python.copy(C, B));
    check(FaultKind::Uninitialised, message, |world| {
        world.python.set_int(B, 1)?;
        world.python.clear(B)?;
        world.python.int(B).map(|_| ())
    });
    check(FaultKind::Uninitialised, message, |world| world.python.call(world.callee, &[B], None));
}

#[test]
fn recursion_ends_at_the_limit_less_the_module() {
    let mut world = World::with(CPython::builder().recursion_limit(1000));
    let mut depth = 1;
    let fault = loop {
        match world.python.call(world.recurse, &[], None) {
            Ok(()) => depth += 1,
            Err(fault) => break fault,
        }
    };
    assert_eq!(depth, 999, "measured: 999 functions deep");
    assert_eq!(fault.kind, FaultKind::StackOverflow);
    assert_eq!(fault.message, "RecursionError: maximum recursion depth exceeded");
}

#[test]
fn a_heap_without_room_is_a_memory_error() -> Outcome<()> {
    let mut world = World::with(CPython::builder().heap_limit_bytes(4 << 20));
    world.python.new_list(A, Kind::Reference)?;
    let mut n = 0;
    let fault = loop {
        n += 1;
        let made = world.python.new_record(B, world.node);
        if let Err(fault) = made.and_then(|()| world.python.push(A, B)) {
            break fault;
        }
    };
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::OutOfMemory, "MemoryError"));
    assert!(n > 30_000, "{n} nodes fit into 4 MiB");
    assert!(world.python.usage().heap_bytes <= 4 << 20, "the block that would cross the limit is not made");
    assert_eq!(world.python.usage().balance(), 0);
    world.python.finish();
    Ok(())
}

#[test]
fn a_request_that_no_heap_could_meet_is_refused_at_once() {
    for n in [1 << 40, i64::MAX / 8, i64::MAX] {
        let mut world = World::new(Version::V3_12);
        assert_eq!(world.python.new_array(A, Kind::Int, n).unwrap_err().kind, FaultKind::OutOfMemory);
        let mut world = World::new(Version::V3_12);
        assert_eq!(world.python.new_bytes(A, n).unwrap_err().kind, FaultKind::OutOfMemory);
        assert_eq!(world.python.usage().balance(), 0);
    }
}

#[test]
#[should_panic(expected = "index out of bounds")]
fn a_slot_that_the_frame_does_not_have_is_a_bug_of_the_caller() {
    let mut world = World::new(Version::V3_12);
    let _ = world.python.set_null(Slot(100));
}
