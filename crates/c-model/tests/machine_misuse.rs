//! Each thing that goes wrong in C: what the detector says of it, and what the program really finds.

#[path = "support/rig.rs"]
mod rig;

use c_model::{C, KernighanRitchie};
use memory_trait::{FaultKind, Kind, Machine, Slot};
use rig::*;

#[test]
fn a_read_after_free_is_named_and_finds_the_links_of_malloc() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    set_field(&mut machine, A, VALUE, 41);
    machine.set_float(F, 1.5).unwrap();
    machine.store(A, WEIGHT, F).unwrap();
    at(&mut machine, 7);
    machine.free(A).unwrap();
    at(&mut machine, 9);
    assert_ne!(field(&mut machine, A, VALUE), 41, "the thread cache keeps its link there");
    machine.load(F, A, WEIGHT).unwrap();
    assert_eq!(machine.float(F).unwrap().to_bits(), 1.5_f64.to_bits(), "what lies behind the links is untouched");
    assert_eq!(faults(&machine), ["use_after_free of Node#1, tick 9 (reclaimed at tick 7)"; 2]);
}

#[test]
fn a_stale_pointer_is_caught_even_when_its_address_was_given_out_again() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    set_field(&mut machine, A, VALUE, 1);
    machine.free(A).unwrap();
    machine.new_record(B, ids.node).unwrap();
    set_field(&mut machine, B, VALUE, 2);
    assert!(machine.same(A, B).unwrap(), "same address");
    assert_eq!(field(&mut machine, A, VALUE), 2, "what the next owner wrote");
    set_field(&mut machine, A, VALUE, 3);
    assert_eq!(field(&mut machine, B, VALUE), 3, "and the damage done to it");
    assert_eq!(kinds(&machine), [FaultKind::UseAfterFree; 2]);
}

#[test]
fn a_stale_pointer_in_a_field_is_caught_too() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    machine.new_record(B, ids.node).unwrap();
    machine.store(A, NEXT, B).unwrap();
    machine.free(B).unwrap();
    machine.new_record(B, ids.node).unwrap();
    set_field(&mut machine, B, VALUE, 5);
    machine.load(D, A, NEXT).unwrap();
    assert_eq!(kinds(&machine), [], "to copy a stale pointer is no use of the object");
    assert_eq!(field(&mut machine, D, VALUE), 5);
    assert_eq!(faults(&machine), ["use_after_free of Node#2, tick 1 (reclaimed at tick 1)"]);
}

#[test]
fn a_write_after_free_breaks_the_allocators_list() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    machine.new_record(B, ids.node).unwrap();
    machine.free(B).unwrap();
    machine.free(A).unwrap();
    set_field(&mut machine, A, VALUE, 0x4141_4141_4141_4141);
    machine.new_record(D, ids.node).unwrap();
    let fault = machine.new_record(D, ids.node).unwrap_err();
    assert_eq!(fault.message, "malloc(): unaligned tcache chunk detected");
    assert_eq!(kinds(&machine)[0], FaultKind::UseAfterFree);
}

#[test]
fn a_double_free_is_one_fault_with_our_name_and_glibcs_message() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    at(&mut machine, 4);
    machine.free(A).unwrap();
    at(&mut machine, 5);
    let fault = machine.free(A).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "double_free of Node#1, tick 5 (reclaimed at tick 4): free(): double free detected in tcache 2"
    );
    assert!(fault.is_fatal);
    assert_eq!(machine.faults().total(), 1);
}

#[test]
fn a_double_free_that_glibc_does_not_notice_is_recorded_and_the_block_given_out_twice() {
    let (mut machine, ids) = in_main();
    machine.new_array(D, Kind::Reference, 9).unwrap();
    for index in 0..9 {
        machine.new_record(A, ids.node).unwrap();
        machine.set_element(D, index, A).unwrap();
    }
    for index in [0, 1, 2, 3, 4, 5, 6, 7, 8, 7] {
        machine.element(A, D, index).unwrap();
        machine.free(A).unwrap();
    }
    assert_eq!(faults(&machine), ["double_free of Node#8, tick 1 (reclaimed at tick 1)"]);
    assert!(!machine.faults().first()[0].is_fatal);
}

#[test]
fn freeing_through_a_stale_pointer_takes_the_block_from_its_next_owner() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    machine.free(A).unwrap();
    machine.new_record(B, ids.node).unwrap();
    assert!(machine.same(A, B).unwrap());
    machine.free(A).unwrap();
    machine.load(J, B, VALUE).unwrap();
    assert_eq!(
        faults(&machine),
        [
            "double_free of Node#1, tick 1 (reclaimed at tick 1)",
            "use_after_free of Node#2, tick 1 (reclaimed at tick 1)",
        ]
    );
}

#[test]
fn freeing_a_local_is_invalid_and_glibc_looks_at_what_lies_before_it() {
    let (mut machine, _) = in_main();
    machine.set_int(J, 0).unwrap();
    machine.new_local(LOCAL).unwrap();
    let fault = machine.free(LOCAL).unwrap_err();
    assert_eq!(fault.kind, FaultKind::InvalidFree);
    assert_eq!(fault.object.unwrap().to_string(), "Node#1");
    assert!(
        ["free(): invalid pointer", "munmap_chunk(): invalid pointer", "free(): invalid size"]
            .contains(&fault.message.as_str()),
        "{}",
        fault.message
    );
}

#[test]
fn freeing_a_literal_is_invalid() {
    let (mut machine, _) = in_main();
    machine.set_constant(A, HELLO).unwrap();
    let fault = machine.free(A).unwrap_err();
    assert_eq!(fault.kind, FaultKind::InvalidFree);
    assert_eq!(fault.object, None);
    assert!(!fault.message.is_empty());
}

#[test]
fn a_read_past_the_end_finds_the_neighbours_header() {
    let (mut machine, _) = in_main();
    machine.new_array(A, Kind::Int, 2).unwrap();
    machine.new_array(B, Kind::Int, 2).unwrap();
    assert_eq!(element(&mut machine, A, 2), 0x21, "the size of the next chunk, and that this one is in use");
    assert_eq!(element(&mut machine, A, 3), 2, "the neighbour's count");
    assert_eq!(element(&mut machine, A, -1), 2, "its own count");
    assert_eq!(faults(&machine), ["out_of_bounds of array#1, tick 1"; 3]);
}

#[test]
fn a_write_past_the_end_damages_the_neighbours_header_and_free_notices() {
    let (mut machine, _) = in_main();
    machine.new_array(A, Kind::Int, 2).unwrap();
    machine.new_array(B, Kind::Int, 2).unwrap();
    set_element(&mut machine, A, 2, 0x13);
    let fault = machine.free(B).unwrap_err();
    assert_eq!(fault.message, "munmap_chunk(): invalid pointer");
    assert_eq!(kinds(&machine)[0], FaultKind::OutOfBounds);
}

#[test]
fn an_index_far_out_is_a_segmentation_fault() {
    let (mut machine, _) = in_main();
    machine.new_array(A, Kind::Int, 2).unwrap();
    let fault = machine.element(J, A, 1 << 40).unwrap_err();
    assert_eq!(fault.to_string(), "out_of_bounds of array#1, tick 1: Segmentation fault");
    assert_eq!(machine.faults().total(), 1);
}

#[test]
fn an_element_of_a_list_past_its_length_is_out_of_bounds_though_memory_is_there() {
    let (mut machine, _) = in_main();
    machine.new_list(A, Kind::Int).unwrap();
    machine.set_int(I, 5).unwrap();
    machine.push(A, I).unwrap();
    element(&mut machine, A, 0);
    assert_eq!(kinds(&machine), []);
    element(&mut machine, A, 1);
    assert_eq!(kinds(&machine), [FaultKind::OutOfBounds]);
}

#[test]
fn a_field_that_nobody_wrote_is_uninitialised_and_holds_what_the_last_owner_left() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    machine.set_float(F, 99.5).unwrap();
    machine.store(A, WEIGHT, F).unwrap();
    machine.free(A).unwrap();
    machine.new_record(B, ids.node).unwrap();
    set_field(&mut machine, B, VALUE, 1);
    machine.load(F, B, WEIGHT).unwrap();
    assert_eq!(machine.float(F).unwrap().to_bits(), 99.5_f64.to_bits());
    assert_eq!(faults(&machine), ["uninitialised of Node#2, tick 1"]);
    assert_eq!(field(&mut machine, B, VALUE), 1);
    assert_eq!(machine.faults().total(), 1, "its neighbour was written");
}

#[test]
fn every_field_is_uninitialised_until_it_is_written() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    for (dst, field) in [(J, VALUE), (T, SEEN), (B, NEXT), (F, WEIGHT)] {
        machine.load(dst, A, field).unwrap();
    }
    assert_eq!(kinds(&machine), [FaultKind::Uninitialised; 4]);
    machine.set_bool(T, false).unwrap();
    machine.store(A, SEEN, T).unwrap();
    machine.load(T, A, SEEN).unwrap();
    assert_eq!(machine.faults().total(), 4);
}

#[test]
fn a_local_that_nobody_wrote_is_uninitialised() {
    let (mut machine, _) = in_main();
    machine.int(I).unwrap();
    machine.copy(J, I).unwrap();
    assert_eq!(kinds(&machine), [FaultKind::Uninitialised; 2]);
    machine.int(J).unwrap();
    assert_eq!(machine.faults().total(), 2, "the copy was written");
    machine.clear(J).unwrap();
    machine.int(J).unwrap();
    assert_eq!(machine.faults().total(), 3);
}

#[test]
fn a_local_used_after_its_frame_returned_is_an_escaped_frame() {
    let (mut machine, ids) = in_main();
    machine.set_null(A).unwrap();
    let helper_local = Slot(1);
    let returns_its_local = |machine: &mut C, result: Slot| {
        machine.call(ids.helper, &[A], Some(result)).unwrap();
        machine.new_local(helper_local).unwrap();
        machine.store(helper_local, NEXT, Slot(0)).unwrap();
        machine.ret(Some(helper_local)).unwrap();
    };
    at(&mut machine, 3);
    returns_its_local(&mut machine, B);
    at(&mut machine, 4);
    set_field(&mut machine, B, VALUE, 77);
    assert_eq!(field(&mut machine, B, VALUE), 77, "nobody has called since");
    returns_its_local(&mut machine, D);
    assert!(machine.same(B, D).unwrap(), "the next frame lies at the same place");
    assert_eq!(faults(&machine)[0], "escaped_frame of Node#1, tick 4 (reclaimed at tick 3)");
    assert_eq!(kinds(&machine), [FaultKind::EscapedFrame; 2]);
}

#[test]
fn a_local_used_after_its_scope_is_an_escaped_frame() {
    let (mut machine, _) = in_main();
    machine.new_local(LOCAL).unwrap();
    set_field(&mut machine, LOCAL, VALUE, 6);
    machine.copy(A, LOCAL).unwrap();
    machine.clear(LOCAL).unwrap();
    assert_eq!(field(&mut machine, A, VALUE), 6);
    machine.new_local(LOCAL).unwrap();
    machine.load(J, A, VALUE).unwrap();
    assert_eq!(kinds(&machine), [FaultKind::EscapedFrame; 2], "also when the loop comes by again");
}

#[test]
fn a_handle_of_a_local_dangles_since_nobody_frees_a_local() {
    let (mut machine, _) = in_main();
    machine.new_local(LOCAL).unwrap();
    set_field(&mut machine, LOCAL, VALUE, 6);
    machine.new_weak(A, LOCAL).unwrap();
    machine.clear(LOCAL).unwrap();
    machine.weak_get(B, A).unwrap();
    assert!(!machine.is_null(B).unwrap());
    machine.load(J, B, VALUE).unwrap();
    assert_eq!(kinds(&machine), [FaultKind::EscapedFrame]);
}

#[test]
fn what_main_did_not_free_is_a_leak_each() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    machine.new_list(B, Kind::Int).unwrap();
    machine.set_int(I, 0).unwrap();
    machine.push(B, I).unwrap();
    machine.new_text(D, "freed").unwrap();
    machine.free(D).unwrap();
    machine.new_local(LOCAL).unwrap();
    machine.ret(None).unwrap();
    machine.finish();
    assert_eq!(faults(&machine), ["leak of Node#1, tick 1", "leak of list#1, tick 1"]);
    assert!(machine.faults().first().iter().all(|fault| !fault.is_fatal));
    assert_eq!((machine.usage().n_objects, machine.usage().balance()), (0, 0));
}

#[test]
fn what_a_stopped_program_could_still_reach_is_no_leak() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    machine.new_list(B, Kind::Reference).unwrap();
    machine.push(B, A).unwrap();
    machine.new_map(D, Kind::Int, Kind::Reference).unwrap();
    machine.set_int(I, 1).unwrap();
    machine.put(D, I, B).unwrap();
    machine.set_null(A).unwrap();
    machine.set_null(B).unwrap();
    machine.new_record(TEMP, ids.node).unwrap();
    machine.new_record(TEMP, ids.node).unwrap();
    machine.load(J, A, VALUE).unwrap_err();
    machine.finish();
    assert_eq!(faults(&machine)[1..], ["leak of Node#2, tick 1"]);
}

#[test]
fn the_stack_overflows_at_the_depth_where_the_next_frame_does_not_fit() {
    let (mut machine, ids) = enter(C::builder().stack_bytes(4096).build());
    machine.set_int(I, 0).unwrap();
    // main: 16 + 96. Each call: two arguments on the stack, link, six stored parameters.
    let mut depth = 0;
    let fault = loop {
        match machine.call(ids.eight, &[Slot(3); 8], None) {
            Ok(()) => depth += 1,
            Err(fault) => break fault,
        }
    };
    assert_eq!(depth, (4096 - 112) / 80);
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::StackOverflow, "Segmentation fault"));
    assert_eq!(machine.usage().stack_bytes, 112 + 80 * depth);
}

#[test]
fn the_default_stack_holds_eight_mebibytes_of_frames() {
    let (mut machine, ids) = in_main();
    machine.set_null(A).unwrap();
    let mut depth = 0_u64;
    while machine.call(ids.helper, &[Slot(0)], None).is_ok() {
        depth += 1;
    }
    assert_eq!(depth, ((8 << 20) - 112) / 64, "link, a parameter and a local of 32 bytes, rounded to 16");
}

#[test]
fn a_thread_has_a_stack_of_the_size_that_was_asked_for() {
    let (mut machine, ids) = enter(C::builder().thread_stack_bytes(16 << 10).build());
    machine.set_null(A).unwrap();
    let thread = machine.start_thread(ids.helper, &[A]).unwrap();
    machine.switch_thread(thread).unwrap();
    let mut depth = 1;
    while machine.call(ids.helper, &[Slot(0)], None).is_ok() {
        depth += 1;
    }
    assert_eq!(depth, ((16 << 10) - 4384) / 64, "the library has 4384 bytes at its top");
}

#[test]
fn using_null_is_fatal_whatever_is_done_with_it() {
    type Use = fn(&mut C) -> memory_trait::Outcome<()>;
    let uses: [Use; 10] = [
        |m| m.load(J, A, VALUE),
        |m| m.store(A, VALUE, I),
        |m| m.element(J, A, 0),
        |m| m.set_element(A, 0, I),
        |m| m.push(A, I),
        |m| m.pop(J, A),
        |m| m.len(A).map(|_| ()),
        |m| m.get(J, A, I).map(|_| ()),
        |m| m.read_text(A, &mut String::new()),
        |m| m.weak_get(B, A),
    ];
    for (number, use_it) in uses.into_iter().enumerate() {
        let (mut machine, _) = in_main();
        machine.set_null(A).unwrap();
        machine.set_int(I, 0).unwrap();
        let fault = use_it(&mut machine).unwrap_err();
        assert_eq!(fault.kind, FaultKind::NullDereference, "use {number}");
        assert_eq!(fault.message, "Segmentation fault");
    }
}

#[test]
fn a_pointer_made_of_other_bytes_is_wild() {
    let (mut machine, ids) = in_main();
    machine.new_record(A, ids.node).unwrap();
    machine.new_record(B, ids.node).unwrap();
    machine.store(A, NEXT, B).unwrap();
    machine.free(A).unwrap();
    // The next owner of A's block has characters where A had a pointer.
    machine.new_text(D, "0123456789abcdef0123456789abcdef").unwrap();
    assert!(machine.same(A, D).unwrap());
    machine.load(B, A, NEXT).unwrap();
    let fault = machine.load(J, B, VALUE).unwrap_err();
    assert_eq!(kinds(&machine), [FaultKind::UseAfterFree, FaultKind::OutOfBounds]);
    assert_eq!(fault.to_string(), "out_of_bounds, tick 1: Segmentation fault");
}

#[test]
fn a_key_that_was_freed_dangles_in_the_map() {
    let (mut machine, _) = in_main();
    machine.new_map(A, Kind::Reference, Kind::Int).unwrap();
    machine.new_text(B, "key").unwrap();
    machine.set_int(I, 1).unwrap();
    machine.put(A, B, I).unwrap();
    machine.free(B).unwrap();
    machine.next_key(D, A, 0).unwrap();
    let mut text = String::new();
    machine.read_text(D, &mut text).unwrap();
    assert_eq!(faults(&machine), ["use_after_free of text#1, tick 1 (reclaimed at tick 1)"]);
}

#[test]
fn a_heap_at_its_limit_is_out_of_memory() {
    let (mut machine, _) = enter(C::builder().limit_heap_bytes(1 << 20).build());
    let fault = machine.new_bytes(A, 1 << 20).unwrap_err();
    assert_eq!((fault.kind, fault.is_fatal), (FaultKind::OutOfMemory, true));
    let (mut machine, _) = enter(C::builder().limit_heap_bytes(1 << 20).build());
    machine.new_list(A, Kind::Int).unwrap();
    machine.set_int(I, 0).unwrap();
    while machine.push(A, I).is_ok() {}
    assert_eq!(kinds(&machine), [FaultKind::OutOfMemory]);
    assert!(machine.usage().heap_bytes <= 1 << 20);
    assert_eq!(machine.usage().balance(), 0);
    let (mut machine, _) = enter(C::builder().allocator(KernighanRitchie::default()).limit_heap_bytes(1 << 20).build());
    while machine.new_bytes(A, 100).is_ok() {}
    assert_eq!(kinds(&machine), [FaultKind::OutOfMemory]);
    assert_eq!(machine.usage().heap_bytes, 1 << 20);
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let (mut machine, _) = in_main();
    assert_eq!(machine.new_array(A, Kind::Int, -1).unwrap_err().kind, FaultKind::InvalidValue);
    let (mut machine, _) = in_main();
    assert_eq!(machine.new_array(A, Kind::Int, i64::MAX).unwrap_err().kind, FaultKind::OutOfMemory);
}

#[test]
fn a_text_without_its_end_goes_on_into_the_neighbour() {
    let (mut machine, _) = in_main();
    machine.new_array(A, Kind::Int, 2).unwrap();
    machine.new_text(B, "0123456789abcdef01234567").unwrap();
    machine.new_text(D, "after").unwrap();
    // Twenty-four characters fill the chunk's first words; the NUL is the first byte of the next one.
    let before = text(&mut machine, B);
    assert_eq!(before.len(), 24);
    assert_eq!(machine.faults().total(), 0);
    // From the array, six words away, the NUL is overwritten.
    set_element(&mut machine, A, 6, 0x4141_4141);
    let after = text(&mut machine, B);
    assert!(after.starts_with("0123456789abcdef01234567AAAA"), "{after}");
    assert_eq!(kinds(&machine), [FaultKind::OutOfBounds; 2]);
}

#[test]
fn without_the_detector_the_program_finds_the_same_and_nobody_tells() {
    let run = |is_detecting: bool| {
        let (mut machine, ids) = enter(C::builder().detect(is_detecting).build());
        let mut found = Vec::new();
        machine.new_record(A, ids.node).unwrap();
        machine.new_array(B, Kind::Int, 3).unwrap();
        set_field(&mut machine, A, VALUE, 8);
        machine.free(A).unwrap();
        found.push(field(&mut machine, A, VALUE));
        machine.load(D, A, NEXT).unwrap();
        found.push(element(&mut machine, B, 3));
        found.push(i64::from(machine.is_null(D).unwrap()));
        machine.new_record(D, ids.node).unwrap();
        found.push(field(&mut machine, D, VALUE));
        found.push(field(&mut machine, A, VALUE));
        let n_faults = machine.faults().total();
        (found, n_faults)
    };
    let (with, n_with) = run(true);
    let (without, n_without) = run(false);
    assert_eq!(with, without);
    assert_eq!((n_with > 3, n_without), (true, 0));
}

#[test]
fn without_the_detector_the_allocators_own_word_remains() {
    let (mut machine, ids) = enter(C::builder().detect(false).build());
    machine.new_record(A, ids.node).unwrap();
    machine.free(A).unwrap();
    let fault = machine.free(A).unwrap_err();
    assert_eq!(fault.message, "free(): double free detected in tcache 2");
    let (mut machine, _) = enter(C::builder().detect(false).build());
    machine.new_array(A, Kind::Int, 2).unwrap();
    assert_eq!(machine.element(J, A, 1 << 40).unwrap_err().kind, FaultKind::Segfault);
}

#[test]
fn freeing_a_local_stops_the_textbook_allocator_too() {
    let (mut machine, _) = in_main_kr();
    machine.new_local(LOCAL).unwrap();
    let fault = machine.free(LOCAL).unwrap_err();
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::InvalidFree, "Segmentation fault"));
}

#[test]
fn shadow_memory_and_books_follow_what_is_live_not_how_long_the_run_is() {
    let (mut machine, ids) = in_main();
    for _ in 0..50_000 {
        machine.new_record(A, ids.node).unwrap();
        machine.store(A, NEXT, A).unwrap();
        machine.free(A).unwrap();
    }
    let (n_objects, n_provenance, n_shadow) = machine.shadow_sizes();
    assert!(n_objects < 10_000, "{n_objects} entries");
    assert!(n_provenance <= 4 && n_shadow <= 4, "{n_provenance} and {n_shadow} pages");
}
