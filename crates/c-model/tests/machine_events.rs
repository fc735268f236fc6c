//! What an observer is told, event by event.

#[path = "support/rig.rs"]
mod rig;

use c_model::C;
use memory_trait::{Kind, Machine, Slot};
use rig::*;

#[test]
fn a_new_record_is_born_and_then_stored_in_its_variable() {
    let (mut machine, ids) = watched();
    machine.new_record(A, ids.node).unwrap();
    assert_eq!(
        machine.observer().lines,
        ["heap 0x21000", "born 0 #1 Heap 25/48", "stored slot - -> 0"],
        "25 bytes of fields in a chunk of 48"
    );
}

#[test]
fn every_use_is_told_and_every_reference_that_is_written_over() {
    let (mut machine, ids) = watched();
    machine.new_record(A, ids.node).unwrap();
    machine.new_record(B, ids.node).unwrap();
    machine.observer_mut().lines.clear();
    machine.store(A, NEXT, B).unwrap();
    machine.store(A, NEXT, A).unwrap();
    machine.load(D, A, NEXT).unwrap();
    machine.set_null(D).unwrap();
    set_field(&mut machine, B, VALUE, 1);
    machine.set_null(D).unwrap();
    machine.store(A, NEXT, D).unwrap();
    machine.copy(D, A).unwrap();
    machine.take(TEMP, D).unwrap();
    machine.clear(TEMP).unwrap();
    assert_eq!(
        machine.observer().lines,
        [
            "used 0",
            "stored 0[2] - -> 1",
            "used 0",
            "stored 0[2] 1 -> 0",
            "used 0",
            "stored slot - -> 0",
            "stored slot 0 -> -",
            "used 1",
            "used 0",
            "stored 0[2] 0 -> -",
            "stored slot - -> 0",
            "stored slot - -> 0",
            "stored slot 0 -> -",
            "stored slot 0 -> -",
        ]
    );
}

#[test]
fn a_recycled_block_does_not_remember_the_references_of_its_last_owner() {
    let (mut machine, ids) = watched();
    machine.new_record(A, ids.node).unwrap();
    machine.store(A, NEXT, A).unwrap();
    machine.free(A).unwrap();
    machine.new_record(B, ids.node).unwrap();
    machine.observer_mut().lines.clear();
    machine.store(B, NEXT, B).unwrap();
    assert_eq!(machine.observer().lines, ["used 1", "stored 1[2] - -> 1"]);
}

#[test]
fn a_call_tells_its_parameters_and_a_return_what_it_drops() {
    let (mut machine, ids) = watched();
    machine.new_record(A, ids.node).unwrap();
    machine.copy(TEMP, A).unwrap();
    machine.observer_mut().lines.clear();
    machine.call(ids.helper, &[TEMP], Some(B)).unwrap();
    machine.new_local(Slot(1)).unwrap();
    machine.ret(Some(Slot(0))).unwrap();
    assert_eq!(
        machine.observer().lines,
        [
            "called 1 176",
            "stored slot - -> 0",
            "stored slot 0 -> -",
            "born 1 #2 Automatic 25/32",
            "stored slot - -> 1",
            "stored slot - -> 0",
            "stored slot 0 -> -",
            "stored slot 1 -> -",
            "reclaimed 1 scope",
            "returned 112",
        ]
    );
}

#[test]
fn a_list_tells_its_elements_and_its_growth() {
    let (mut machine, ids) = watched();
    machine.new_record(A, ids.node).unwrap();
    machine.new_list(B, Kind::Reference).unwrap();
    machine.observer_mut().lines.clear();
    for _ in 0..5 {
        machine.push(B, A).unwrap();
    }
    machine.pop(D, B).unwrap();
    machine.set_null(D).unwrap();
    machine.set_element(B, 1, D).unwrap();
    let lines = machine.observer_mut().drain(&["stored", "resized"]);
    assert_eq!(
        lines,
        [
            "resized 1 8/80",
            "stored 1[0] - -> 0",
            "stored 1[1] - -> 0",
            "stored 1[2] - -> 0",
            "stored 1[3] - -> 0",
            "resized 1 40/112",
            "stored 1[4] - -> 0",
            "stored slot - -> 0",
            "stored 1[4] 0 -> -",
            "stored slot 0 -> -",
            "stored 1[1] 0 -> -",
        ]
    );
}

#[test]
fn an_entry_of_a_map_keeps_its_number_when_the_map_is_rebuilt() {
    let (mut machine, ids) = watched();
    machine.new_map(A, Kind::Int, Kind::Reference).unwrap();
    machine.new_record(B, ids.node).unwrap();
    for key in 0..8 {
        machine.set_int(I, key).unwrap();
        machine.put(A, I, B).unwrap();
    }
    for key in 0..6 {
        machine.set_int(I, key).unwrap();
        machine.remove(A, I).unwrap();
    }
    machine.observer_mut().lines.clear();
    machine.set_int(I, 100).unwrap();
    machine.put(A, I, B).unwrap();
    machine.set_int(I, 7).unwrap();
    machine.remove(A, I).unwrap();
    assert_eq!(machine.observer_mut().drain(&["stored"]), ["stored 0[17] - -> 1", "stored 0[15] 1 -> -"]);
}

#[test]
fn free_reclaims_the_object_and_the_variable_keeps_its_value() {
    let (mut machine, ids) = watched();
    machine.new_record(A, ids.node).unwrap();
    machine.observer_mut().lines.clear();
    machine.free(A).unwrap();
    machine.set_null(A).unwrap();
    assert_eq!(machine.observer().lines, ["reclaimed 0 free", "stored slot 0 -> -"]);
}

#[test]
fn a_finalizer_is_a_call_with_the_object_in_its_parameter() {
    let (mut machine, ids) = watched();
    machine.new_record(A, ids.file).unwrap();
    machine.observer_mut().lines.clear();
    machine.free(A).unwrap();
    machine.begin_finalizer().unwrap().unwrap();
    machine.ret(None).unwrap();
    assert_eq!(
        machine.observer().lines,
        ["called 3 160", "stored slot - -> 0", "stored slot 0 -> -", "returned 112", "reclaimed 0 free"]
    );
}

#[test]
fn a_weak_reference_keeps_nothing() {
    let (mut machine, ids) = watched();
    machine.new_record(A, ids.node).unwrap();
    machine.observer_mut().lines.clear();
    machine.new_weak(B, A).unwrap();
    machine.weak_get(D, B).unwrap();
    assert_eq!(machine.observer().lines, ["born 1 #1 Heap 8/32", "stored slot - -> 1", "used 1", "stored slot - -> 0"]);
}

#[test]
fn threads_begin_and_end_and_main_does_too() {
    let (mut machine, ids) = watched();
    machine.new_record(A, ids.node).unwrap();
    machine.observer_mut().lines.clear();
    let thread = machine.start_thread(ids.helper, &[A]).unwrap();
    machine.switch_thread(thread).unwrap();
    machine.ret(None).unwrap();
    machine.switch_thread(memory_trait::ThreadId(0)).unwrap();
    machine.ret(None).unwrap();
    assert_eq!(
        machine.observer().lines,
        [
            "thread 1 started",
            "called 1 64",
            "stored slot - -> 0",
            "stored slot 0 -> -",
            "returned 0",
            "thread 1 ended",
            "stored slot 0 -> -",
            "returned 0",
            "thread 0 ended",
        ]
    );
}

#[test]
fn at_the_exit_all_that_is_left_is_reclaimed_in_order_of_birth() {
    let (mut machine, ids) = watched();
    machine.new_record(B, ids.node).unwrap();
    machine.new_text(A, "text").unwrap();
    machine.new_local(LOCAL).unwrap();
    machine.free(B).unwrap();
    machine.observer_mut().lines.clear();
    machine.finish();
    assert_eq!(machine.observer().lines, ["reclaimed 1 exit", "reclaimed 2 exit"]);
}

#[test]
fn literals_and_temporaries_without_objects_are_told_nowhere() {
    let (mut machine, _) = watched();
    machine.set_constant(A, HELLO).unwrap();
    machine.set_null(A).unwrap();
    machine.set_int(I, 1).unwrap();
    machine.len(A).unwrap_err();
    machine.observer_mut().drain(&["fault"]);
    assert!(machine.observer().lines.is_empty());
}

#[test]
fn a_watched_run_and_an_unwatched_one_do_the_same() {
    fn run<O: memory_trait::Observer>(machine: C<O>) -> (memory_trait::Usage, Vec<String>, u64) {
        let (mut machine, ids) = enter(machine);
        machine.new_list(A, Kind::Reference).unwrap();
        for _ in 0..40 {
            machine.new_record(TEMP, ids.node).unwrap();
            machine.push(A, TEMP).unwrap();
            machine.call(ids.helper, &[TEMP], Some(B)).unwrap();
            machine.ret(Some(Slot(0))).unwrap();
        }
        machine.free(B).unwrap();
        machine.is_null(TEMP).unwrap();
        machine.load(J, B, VALUE).unwrap();
        let value = machine.int(J).unwrap() as u64;
        machine.finish();
        (machine.usage(), faults(&machine), value)
    }
    let watched = run(C::builder().observer(Diary::default()).build());
    let unwatched = run(C::builder().build());
    assert_eq!(watched, unwatched);
}
