//! Calls, arguments, results, threads.

use cpython_model::Version;
use memory_trait::{Machine, Outcome, Slot, ThreadId};

use crate::support::{A, B, C, TEMP, VERSIONS, World};

#[test]
fn a_variable_is_copied_into_its_parameter_and_a_temporary_moves() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_record(A, world.node)?;
    world.seen();
    world.python.call(world.callee, &[A], None)?;
    assert_eq!(world.seen()[0], "slot - -> #0");
    world.python.ret(None)?;
    assert_eq!(world.python.kind_of(A), "instance");
    world.python.take(TEMP, A)?;
    world.seen();
    world.python.call(world.callee, &[TEMP], None)?;
    assert_eq!(world.seen()[..2], ["slot - -> #0", "slot #0 -> -"]);
    world.python.set_null(Slot(0))?;
    assert_eq!(world.reclaimed(), [0], "the callee had the only reference");
    world.python.ret(None)?;
    assert_eq!(world.python.kind_of(TEMP), "unset");
    Ok(())
}

#[test]
fn a_result_moves_to_the_caller_after_the_frame_is_gone() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_record(A, world.node)?;
    world.python.new_record(B, world.node)?;
    world.python.call(world.callee, &[A], Some(B))?;
    world.python.new_record(Slot(1), world.node)?;
    world.seen();
    world.python.ret(Some(Slot(0)))?;
    let seen = world.seen();
    let slots: Vec<&str> = seen.iter().map(String::as_str).filter(|line| !line.starts_with("returned")).collect();
    assert_eq!(
        slots,
        ["slot #2 -> -", "reclaimed #2 by count", "slot #1 -> #0", "slot #0 -> -", "reclaimed #1 by count"]
    );
    assert!(world.python.same(A, B)?);
    Ok(())
}

#[test]
fn the_variables_of_a_frame_die_in_the_order_of_their_slots() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        world.python.set_null(A)?;
        world.python.call(world.callee, &[A], None)?;
        for slot in [1, 2, 0] {
            world.python.new_record(Slot(slot), world.node)?;
        }
        world.python.ret(None)?;
        assert_eq!(world.reclaimed(), [2, 0, 1], "{version}");
    }
    Ok(())
}

#[test]
fn a_frame_is_as_high_as_its_variables_and_its_evaluation_stack() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    let main = world.python.usage().stack_bytes;
    assert!(main >= 8 * 11);
    world.python.set_null(A)?;
    world.python.call(world.callee, &[A], None)?;
    assert!(world.python.usage().stack_bytes >= main + 8 * 3);
    world.python.ret(None)?;
    assert_eq!(world.python.usage().stack_bytes, main);
    Ok(())
}

#[test]
fn threads_have_frames_of_their_own() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_record(A, world.node)?;
    world.python.new_record(TEMP, world.node)?;
    let height = world.python.usage().stack_bytes;
    let one = world.python.start_thread(world.callee, &[A])?;
    let two = world.python.start_thread(world.callee, &[TEMP])?;
    assert_eq!((one, two), (ThreadId(1), ThreadId(2)));
    assert_eq!(world.python.kind_of(TEMP), "unset", "a temporary moves into the thread");
    assert!(world.python.usage().stack_bytes > height);
    world.seen();
    world.python.switch_thread(two)?;
    world.python.new_record(Slot(1), world.node)?;
    world.python.switch_thread(one)?;
    world.verify();
    assert_eq!(world.python.kind_of(Slot(1)), "unset");
    world.python.ret(None)?;
    world.python.switch_thread(two)?;
    world.python.ret(None)?;
    world.python.switch_thread(ThreadId(0))?;
    assert_eq!(world.python.kind_of(A), "instance");
    assert_eq!(world.python.usage().stack_bytes, height);
    let seen = world.seen();
    assert_eq!(seen.iter().filter(|line| *line == "thread ended").count(), 2);
    assert!(seen.contains(&"reclaimed #1 by count".to_owned()), "the second thread had the only reference");
    Ok(())
}

#[test]
fn a_thread_ends_after_the_finalizers_of_its_last_objects() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.set_null(A)?;
    let thread = world.python.start_thread(world.callee, &[A])?;
    world.python.switch_thread(thread)?;
    for slot in [Slot(0), Slot(1)] {
        world.python.new_record(slot, world.mortal)?;
    }
    world.seen();
    world.python.ret(Some(Slot(0)))?; // nobody wants the value
    assert_eq!(world.finalize(|_| {}), 2);
    let seen = world.seen();
    assert_eq!(seen.iter().filter(|line| line.starts_with("reclaimed")).count(), 2);
    assert_eq!(seen.last().map(String::as_str), Some("thread ended"));
    world.python.switch_thread(ThreadId(0))?;
    world.verify();
    Ok(())
}

#[test]
fn what_is_left_is_reclaimed_at_exit_in_order_of_creation() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    for slot in [C, A, B] {
        world.python.new_record(slot, world.node)?;
        world.python.store(slot, crate::support::NEXT, slot)?;
    }
    world.python.ret(None)?;
    world.seen();
    world.python.finish();
    world.python.finish();
    let seen = std::mem::take(&mut world.python.observer_mut().lines);
    assert_eq!(seen, ["reclaimed #0 by exit", "reclaimed #1 by exit", "reclaimed #2 by exit"]);
    Ok(())
}
