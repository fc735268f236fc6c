//! Each operation of the C machine does what it says, in a program without mistakes.

#[path = "support/rig.rs"]
mod rig;

use memory_trait::{FaultKind, Kind, Machine, Slot, ThreadId};
use rig::*;

#[test]
fn variables_hold_what_was_written() {
    let (mut machine, _) = in_main();
    machine.set_int(I, -5).unwrap();
    machine.set_float(F, 2.5).unwrap();
    machine.set_bool(T, true).unwrap();
    machine.set_null(A).unwrap();
    assert_eq!(machine.int(I).unwrap(), -5);
    assert_eq!(machine.float(F).unwrap().to_bits(), 2.5_f64.to_bits());
    assert!(machine.bool(T).unwrap());
    assert!(machine.is_null(A).unwrap());
    machine.copy(TEMP_INT, I).unwrap();
    machine.take(J, TEMP_INT).unwrap();
    assert_eq!(machine.int(J).unwrap(), -5);
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn constants_are_there_without_being_created() {
    let (mut machine, _) = in_main();
    let before = machine.usage();
    machine.set_constant(I, SEVEN).unwrap();
    machine.set_constant(F, HALF).unwrap();
    machine.set_constant(A, HELLO).unwrap();
    machine.set_constant(B, HELLO_AGAIN).unwrap();
    assert_eq!((machine.int(I).unwrap(), machine.float(F).unwrap().to_bits()), (7, 0.5_f64.to_bits()));
    assert_eq!(text(&mut machine, A), "hello");
    assert!(machine.same(A, B).unwrap(), "equal literals are one");
    assert_eq!(machine.usage(), before);
}

#[test]
fn fields_keep_their_values_and_do_not_touch_each_other() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    machine.new_record(B, ids.node).unwrap();
    set_field(&mut machine, A, VALUE, 41);
    machine.set_bool(T, true).unwrap();
    machine.store(A, SEEN, T).unwrap();
    machine.store(A, NEXT, B).unwrap();
    machine.set_float(F, -0.25).unwrap();
    machine.store(A, WEIGHT, F).unwrap();
    machine.set_bool(T, false).unwrap();
    machine.set_float(F, 0.0).unwrap();
    assert_eq!(field(&mut machine, A, VALUE), 41);
    machine.load(T, A, SEEN).unwrap();
    machine.load(F, A, WEIGHT).unwrap();
    machine.load(D, A, NEXT).unwrap();
    assert!(machine.bool(T).unwrap());
    assert_eq!(machine.float(F).unwrap().to_bits(), (-0.25_f64).to_bits());
    assert!(machine.same(D, B).unwrap());
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn a_record_in_automatic_storage_is_used_like_any_other_and_takes_no_heap() {
    let (mut machine, _) = in_main();
    let before = machine.usage();
    machine.new_local(LOCAL).unwrap();
    set_field(&mut machine, LOCAL, VALUE, 9);
    machine.copy(A, LOCAL).unwrap();
    assert_eq!(field(&mut machine, A, VALUE), 9);
    assert_eq!(machine.usage(), before);
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn arrays_begin_as_zeros_and_know_their_length() {
    let (mut machine, _) = in_main();
    for kind in [Kind::Int, Kind::Float, Kind::Bool, Kind::Reference] {
        machine.new_array(A, kind, 5).unwrap();
        assert_eq!(machine.len(A).unwrap(), 5);
        machine.free(A).unwrap();
    }
    machine.new_array(A, Kind::Int, 3).unwrap();
    assert_eq!(element(&mut machine, A, 2), 0);
    set_element(&mut machine, A, 1, 77);
    assert_eq!((0..3).map(|index| element(&mut machine, A, index)).collect::<Vec<_>>(), [0, 77, 0]);
    machine.new_array(B, Kind::Bool, 9).unwrap();
    machine.set_bool(T, true).unwrap();
    machine.set_element(B, 8, T).unwrap();
    machine.element(T, B, 7).unwrap();
    assert!(!machine.bool(T).unwrap());
    machine.element(T, B, 8).unwrap();
    assert!(machine.bool(T).unwrap());
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn bytes_are_zeros() {
    let (mut machine, _) = in_main();
    machine.new_bytes(A, 100).unwrap();
    assert_eq!(machine.len(A).unwrap(), 100);
    assert_eq!(element(&mut machine, A, 99), 0);
    assert_eq!(machine.usage().payload_bytes, 100);
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn lists_grow_by_doubling_and_keep_their_elements() {
    let (mut machine, _) = in_main();
    machine.new_list(A, Kind::Int).unwrap();
    for value in 0..100 {
        machine.set_int(I, value * value).unwrap();
        machine.push(A, I).unwrap();
    }
    assert_eq!(machine.len(A).unwrap(), 100);
    for index in 0..100 {
        assert_eq!(element(&mut machine, A, index), index * index);
    }
    set_element(&mut machine, A, 50, -1);
    for index in (0..100).rev() {
        machine.pop(J, A).unwrap();
        assert_eq!(machine.int(J).unwrap(), if index == 50 { -1 } else { index * index });
    }
    assert_eq!(machine.len(A).unwrap(), 0);
    assert_eq!(machine.usage().payload_bytes, 0);
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn a_list_of_references_finds_its_objects_again_after_it_moved() {
    let (mut machine, ids) = in_main();
    machine.new_list(A, Kind::Reference).unwrap();
    for value in 0..50 {
        machine.new_record(TEMP, ids.node).unwrap();
        set_field(&mut machine, TEMP, VALUE, value);
        machine.push(A, TEMP).unwrap();
    }
    for index in 0..50 {
        machine.element(B, A, index).unwrap();
        assert_eq!(field(&mut machine, B, VALUE), index);
    }
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn popping_nothing_is_a_missing_item_and_ends_the_program() {
    let (mut machine, _) = in_main();
    machine.new_list(A, Kind::Int).unwrap();
    let fault = machine.pop(J, A).unwrap_err();
    assert_eq!((fault.kind, fault.is_fatal), (FaultKind::Missing, true));
    assert_eq!(fault.object.unwrap().to_string(), "list#1");
}

#[test]
fn maps_find_keys_in_order_of_insertion() {
    let (mut machine, _) = in_main();
    machine.new_map(A, Kind::Int, Kind::Int).unwrap();
    for key in 0..200 {
        machine.set_int(I, key * 37 % 200).unwrap();
        machine.set_int(J, key).unwrap();
        machine.put(A, I, J).unwrap();
    }
    assert_eq!(machine.len(A).unwrap(), 200);
    for key in 0..200 {
        machine.set_int(I, key * 37 % 200).unwrap();
        assert!(machine.get(J, A, I).unwrap());
        assert_eq!(machine.int(J).unwrap(), key);
    }
    machine.set_int(I, 1000).unwrap();
    assert!(!machine.get(J, A, I).unwrap());
    assert_eq!(machine.int(J).unwrap(), 199, "untouched");
    let mut order = Vec::new();
    let mut position = 0;
    while let Some(next) = machine.next_key(J, A, position).unwrap() {
        order.push(machine.int(J).unwrap());
        position = next;
    }
    assert_eq!(order, (0..200).map(|key| key * 37 % 200).collect::<Vec<_>>());
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn a_removed_key_is_gone_and_comes_back_at_the_end() {
    let (mut machine, _) = in_main();
    machine.new_map(A, Kind::Int, Kind::Int).unwrap();
    for key in [3, 1, 2] {
        machine.set_int(I, key).unwrap();
        machine.put(A, I, I).unwrap();
    }
    machine.set_int(I, 1).unwrap();
    assert!(machine.remove(A, I).unwrap());
    assert!(!machine.remove(A, I).unwrap());
    assert!(!machine.get(J, A, I).unwrap());
    assert_eq!(machine.len(A).unwrap(), 2);
    machine.put(A, I, I).unwrap();
    let mut keys = Vec::new();
    let mut position = 0;
    while let Some(next) = machine.next_key(J, A, position).unwrap() {
        keys.push(machine.int(J).unwrap());
        position = next;
    }
    assert_eq!(keys, [3, 2, 1]);
}

#[test]
fn a_map_used_as_a_queue_does_not_grow() {
    let (mut machine, _) = in_main();
    machine.new_map(A, Kind::Int, Kind::Int).unwrap();
    let mut blocks_max = 0;
    for key in 0..1000 {
        machine.set_int(I, key).unwrap();
        machine.put(A, I, I).unwrap();
        if key >= 3 {
            machine.set_int(I, key - 3).unwrap();
            assert!(machine.remove(A, I).unwrap());
        }
        blocks_max = blocks_max.max(machine.usage().used_bytes());
        assert_eq!(machine.usage().balance(), 0);
    }
    assert!(blocks_max < 1500, "{blocks_max} bytes for three keys");
}

#[test]
fn texts_are_keys_by_their_characters() {
    let (mut machine, ids) = in_main();
    machine.new_map(A, Kind::Reference, Kind::Reference).unwrap();
    machine.new_text(B, "hello").unwrap();
    machine.new_record(D, ids.node).unwrap();
    set_field(&mut machine, D, VALUE, 5);
    machine.put(A, B, D).unwrap();
    machine.set_constant(B, HELLO).unwrap();
    machine.set_null(D).unwrap();
    assert!(machine.get(D, A, B).unwrap());
    assert_eq!(field(&mut machine, D, VALUE), 5);
    machine.next_key(B, A, 0).unwrap();
    assert_eq!(text(&mut machine, B), "hello");
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn texts_are_joined_and_counted_in_characters() {
    let (mut machine, _) = in_main();
    machine.set_constant(A, UMLAUT).unwrap();
    machine.new_text(B, " als π").unwrap();
    machine.concat(D, A, B).unwrap();
    assert_eq!(text(&mut machine, D), "größer als π");
    assert_eq!(machine.len(D).unwrap(), 12);
    machine.new_text(B, "").unwrap();
    assert_eq!((machine.len(B).unwrap(), text(&mut machine, B)), (0, String::new()));
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn a_text_ends_at_its_first_nul() {
    let (mut machine, _) = in_main();
    machine.new_text(A, "ab\0cd").unwrap();
    assert_eq!(text(&mut machine, A), "ab");
    assert_eq!(machine.len(A).unwrap(), 2);
}

#[test]
fn a_weak_reference_is_null_after_its_target_was_freed() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    machine.new_weak(B, A).unwrap();
    machine.new_weak(TEMP, A).unwrap();
    machine.weak_get(D, B).unwrap();
    assert!(machine.same(A, D).unwrap());
    machine.free(TEMP).unwrap();
    machine.free(A).unwrap();
    machine.weak_get(D, B).unwrap();
    assert!(machine.is_null(D).unwrap());
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn a_weak_reference_needs_an_object() {
    let (mut machine, _) = in_main();
    machine.set_null(A).unwrap();
    assert_eq!(machine.new_weak(B, A).unwrap_err().kind, FaultKind::NullDereference);
}

#[test]
fn free_gives_all_blocks_of_a_container_back() {
    let (mut machine, _) = in_main();
    let before = machine.usage();
    machine.new_list(A, Kind::Int).unwrap();
    machine.new_map(B, Kind::Int, Kind::Int).unwrap();
    for value in 0..20 {
        machine.set_int(I, value).unwrap();
        machine.push(A, I).unwrap();
        machine.put(B, I, I).unwrap();
    }
    assert_eq!(machine.usage().n_objects, 2 + 3, "a list has two blocks, a map three");
    machine.free(A).unwrap();
    machine.free(B).unwrap();
    let after = machine.usage();
    assert_eq!((after.n_objects, after.payload_bytes, after.rounding_bytes), (0, 0, 0));
    assert_eq!(after.balance(), 0);
    assert_eq!(before.n_objects, 0);
}

#[test]
fn freeing_null_does_nothing() {
    let (mut machine, _) = in_main();
    machine.set_null(A).unwrap();
    machine.free(A).unwrap();
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn a_finalizer_runs_before_its_object_is_freed() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.file).unwrap();
    set_field(&mut machine, A, VALUE, 33);
    assert_eq!(machine.begin_finalizer().unwrap(), None);
    machine.free(A).unwrap();
    assert_eq!(machine.usage().n_objects, 1, "not yet");
    assert_eq!(machine.begin_finalizer().unwrap(), Some(ids.close));
    assert_eq!(machine.begin_finalizer().unwrap(), None);
    machine.load(Slot(1), Slot(0), VALUE).unwrap();
    assert_eq!(machine.int(Slot(1)).unwrap(), 33);
    machine.ret(None).unwrap();
    assert_eq!(machine.usage().n_objects, 0);
    assert_eq!(machine.begin_finalizer().unwrap(), None);
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn a_call_copies_variables_and_takes_temporaries() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    set_field(&mut machine, A, VALUE, 3);
    machine.copy(TEMP, A).unwrap();
    machine.call(ids.helper, &[TEMP], Some(B)).unwrap();
    assert_eq!(machine.usage().n_objects, 1);
    machine.ret(Some(Slot(0))).unwrap();
    assert!(machine.same(A, B).unwrap());
    assert_eq!(kinds(&machine), []);
    machine.is_null(TEMP).unwrap();
    assert_eq!(kinds(&machine), [FaultKind::Uninitialised], "the temporary has moved");
}

#[test]
fn eight_arguments_arrive_two_of_them_on_the_stack() {
    let (mut machine, ids) = in_main();
    machine.set_int(I, 40).unwrap();
    machine.set_int(J, 2).unwrap();
    machine.call(ids.eight, &[I, J, I, J, I, J, I, J], Some(TEMP_INT)).unwrap();
    assert_eq!(machine.int(Slot(6)).unwrap(), 40);
    assert_eq!(machine.int(Slot(7)).unwrap(), 2);
    machine.ret(Some(Slot(6))).unwrap();
    assert_eq!(machine.int(TEMP_INT).unwrap(), 40);
}

#[test]
fn the_stack_is_as_deep_as_the_frames_on_it() {
    let (mut machine, ids) = in_main();
    // Three references, two integers, a float and a bool, 49 bytes; a Node of 32 bytes at a multiple of 16: 96 bytes.
    let main_bytes = 16 + 96;
    assert_eq!(machine.usage().stack_bytes, main_bytes);
    machine.set_int(I, 0).unwrap();
    machine.call(ids.eight, &[I; 8], None).unwrap();
    assert_eq!(machine.usage().stack_bytes, main_bytes + 16 + 16 + 48);
    machine.ret(None).unwrap();
    assert_eq!(machine.usage().stack_bytes, main_bytes);
    machine.ret(None).unwrap();
    assert_eq!(machine.usage().stack_bytes, 0);
}

#[test]
fn threads_have_stacks_of_their_own_and_share_the_heap() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    set_field(&mut machine, A, VALUE, 1);
    let main_bytes = machine.usage().stack_bytes;
    let other = machine.start_thread(ids.helper, &[A]).unwrap();
    assert_eq!(other, ThreadId(1));
    let both_bytes = machine.usage().stack_bytes;
    assert_eq!(both_bytes, main_bytes + 16 + 48);
    machine.switch_thread(other).unwrap();
    assert_eq!(machine.usage().stack_bytes, both_bytes);
    machine.new_local(Slot(1)).unwrap();
    machine.store(Slot(1), NEXT, Slot(0)).unwrap();
    machine.store(Slot(0), NEXT, Slot(1)).unwrap();
    machine.switch_thread(ThreadId(0)).unwrap();
    machine.load(B, A, NEXT).unwrap();
    machine.load(D, B, NEXT).unwrap();
    assert!(machine.same(A, D).unwrap(), "through the other thread's stack and back");
    machine.switch_thread(other).unwrap();
    machine.ret(None).unwrap();
    machine.switch_thread(ThreadId(0)).unwrap();
    assert_eq!(machine.usage().stack_bytes, main_bytes);
    assert_eq!(machine.usage().balance(), 0);
    assert_eq!(machine.faults().total(), 0);
}

#[test]
fn a_new_stack_costs_the_block_that_the_c_library_callocs_for_it() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    machine.set_null(B).unwrap();
    let before = machine.usage();
    machine.start_thread(ids.helper, &[B]).unwrap();
    machine.new_record(D, ids.node).unwrap();
    // As with glibc 2.36: the record after pthread_create lies 288 bytes further than it would.
    let after = machine.usage();
    assert_eq!(after.used_bytes() - before.used_bytes(), 288 + 48);
    assert_eq!((after.header_bytes - before.header_bytes, after.balance()), (280 + 8, 0));
}

#[test]
fn the_stack_of_a_thread_that_ended_is_used_again() {
    let (mut machine, ids) = in_main();
    machine.set_null(A).unwrap();
    let mut header_bytes = Vec::new();
    for _ in 0..3 {
        let thread = machine.start_thread(ids.helper, &[A]).unwrap();
        machine.switch_thread(thread).unwrap();
        machine.ret(None).unwrap();
        machine.switch_thread(ThreadId(0)).unwrap();
        header_bytes.push(machine.usage().header_bytes);
    }
    assert_eq!(header_bytes[0], header_bytes[1]);
    assert_eq!(header_bytes[1], header_bytes[2]);
}

#[test]
fn the_textbook_allocator_runs_the_same_program() {
    let (mut machine, ids) = in_main_kr();
    machine.new_record(A, ids.node).unwrap();
    set_field(&mut machine, A, VALUE, 12);
    machine.new_list(B, Kind::Reference).unwrap();
    for _ in 0..30 {
        machine.push(B, A).unwrap();
    }
    machine.element(D, B, 29).unwrap();
    assert_eq!(field(&mut machine, D, VALUE), 12);
    machine.free(B).unwrap();
    machine.free(A).unwrap();
    assert_eq!(machine.usage().used_bytes(), 0);
    assert_eq!(machine.faults().total(), 0);
}
