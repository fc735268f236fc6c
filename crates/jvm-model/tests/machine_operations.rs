//! Every operation, by itself: what it stores, what it allocates, what it tells.

#[path = "machine_support/rig.rs"]
#[expect(dead_code, reason = "shared with other tests, which use the rest")]
mod rig;

use jvm_model::Version;
use jvm_model::stack::ThreadStack;
use memory_trait::{FaultKind, Kind, Machine, Slot, Usage};
use rig::{
    A, B, BOOL, C, D, FLAG, FLOAT, HELPER, INT, LITERAL, NEXT, Rig, TEMPORARY, VALUE, WEIGHT, WIDE, fault, words,
};

const SMALL: &str = "-Xmx8m -Xms8m -Xmn2m";

#[test]
fn a_new_record_is_zero_and_null_and_keeps_what_is_stored() {
    let mut rig = Rig::new(SMALL);
    rig.node(A);
    for (dst, field) in [(INT, VALUE), (FLOAT, WEIGHT), (BOOL, FLAG), (B, NEXT)] {
        rig.jvm.load(dst, A, field).unwrap();
    }
    assert_eq!((rig.jvm.int(INT).unwrap(), rig.jvm.bool(BOOL).unwrap()), (0, false));
    assert_eq!(rig.jvm.float(FLOAT).unwrap().to_bits(), 0);
    assert!(rig.jvm.is_null(B).unwrap());
    rig.jvm.set_int(INT, i64::MIN + 7).unwrap();
    rig.jvm.set_float(FLOAT, -0.5).unwrap();
    rig.jvm.set_bool(BOOL, true).unwrap();
    for (src, field) in [(INT, VALUE), (FLOAT, WEIGHT), (BOOL, FLAG), (A, NEXT)] {
        rig.jvm.store(A, field, src).unwrap();
    }
    for (dst, field) in [(INT, VALUE), (FLOAT, WEIGHT), (BOOL, FLAG), (B, NEXT)] {
        rig.jvm.load(dst, A, field).unwrap();
    }
    assert_eq!((rig.jvm.int(INT).unwrap(), rig.jvm.bool(BOOL).unwrap()), (i64::MIN + 7, true));
    assert_eq!(rig.jvm.float(FLOAT).unwrap().to_bits(), (-0.5f64).to_bits());
    assert!(rig.jvm.same(A, B).unwrap());
    rig.check();
}

#[test]
fn a_record_takes_its_fields_its_header_and_the_gap_between_them() {
    let mut rig = Rig::new(SMALL);
    let parts = |usage: Usage| [usage.n_objects, usage.payload_bytes, usage.header_bytes, usage.rounding_bytes];
    let before = parts(rig.jvm.usage());
    rig.node(A);
    // 12 bytes of header, 8 + 8 + 1 + 4 of fields, packed into 40.
    assert_eq!(rig.told("born"), ["born Node#1 21 of 40"]);
    let after = parts(rig.jvm.usage());
    assert_eq!([0, 1, 2, 3].map(|part| after[part] - before[part]), [1, 21, 12, 7]);
}

#[test]
fn a_local_record_is_an_ordinary_object() {
    let mut rig = Rig::new(SMALL);
    let here = Slot(8);
    rig.jvm.new_local(here).unwrap();
    rig.jvm.copy(A, here).unwrap();
    rig.jvm.new_local(here).unwrap();
    rig.jvm.collect().unwrap();
    assert_eq!(rig.told("full N"), [] as [&str; 0], "the first is still in a variable");
    rig.jvm.clear(here).unwrap();
    rig.jvm.free(A).unwrap();
    rig.jvm.collect().unwrap();
    assert_eq!(rig.told("full N"), ["full Node#2"], "free is nothing in Java");
}

#[test]
fn arrays_of_every_kind_are_zero_and_keep_what_is_stored() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_array(A, Kind::Int, 3).unwrap();
    rig.jvm.new_array(B, Kind::Float, 3).unwrap();
    rig.jvm.new_array(C, Kind::Bool, 3).unwrap();
    rig.jvm.new_array(D, Kind::Reference, 3).unwrap();
    rig.jvm.element(INT, A, 2).unwrap();
    rig.jvm.element(FLOAT, B, 2).unwrap();
    rig.jvm.element(BOOL, C, 2).unwrap();
    rig.jvm.element(TEMPORARY, D, 2).unwrap();
    assert_eq!((rig.jvm.int(INT).unwrap(), rig.jvm.bool(BOOL).unwrap()), (0, false));
    assert!(rig.jvm.is_null(TEMPORARY).unwrap());
    rig.jvm.set_int(INT, -9).unwrap();
    rig.jvm.set_bool(BOOL, true).unwrap();
    rig.jvm.set_element(A, 1, INT).unwrap();
    rig.jvm.set_element(C, 1, BOOL).unwrap();
    rig.jvm.set_element(D, 1, A).unwrap();
    rig.jvm.element(TEMPORARY, D, 1).unwrap();
    assert!(rig.jvm.same(TEMPORARY, A).unwrap());
    rig.jvm.set_int(INT, 0).unwrap();
    rig.jvm.element(INT, A, 1).unwrap();
    assert_eq!(rig.jvm.int(INT).unwrap(), -9);
    assert_eq!(
        rig.told("born"),
        ["born array#1 24 of 40", "born array#2 24 of 40", "born array#3 3 of 24", "born array#4 12 of 32"]
    );
    assert_eq!(rig.told("array#4["), ["stored array#4[1] - -> array#1"]);
    rig.check();
}

#[test]
fn bytes_are_zeros_that_can_be_read() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_bytes(A, 5).unwrap();
    rig.jvm.element(INT, A, 4).unwrap();
    assert_eq!((rig.jvm.int(INT).unwrap(), rig.jvm.len(A).unwrap()), (0, 5));
    assert_eq!(rig.told("born"), ["born bytes#1 5 of 24"]);
}

#[test]
fn a_list_has_room_for_ten_and_then_grows_by_half() {
    let mut rig = Rig::new(SMALL);
    let literals = rig.jvm.usage().payload_bytes;
    rig.jvm.new_list(A, Kind::Reference).unwrap();
    rig.node(B);
    for _ in 0..16 {
        rig.jvm.push(A, B).unwrap();
    }
    assert_eq!(rig.told("born list"), ["born list#1 0 of 24"]);
    // The list, and arrays of 10, 15 and 22 references.
    assert_eq!(rig.told("resized"), ["resized list#1 0 of 80", "resized list#1 40 of 104", "resized list#1 60 of 128"]);
    assert_eq!(rig.jvm.len(A).unwrap(), 16);
    rig.jvm.collect().unwrap();
    assert_eq!(rig.jvm.usage().payload_bytes - literals, 21 + 16 * 4, "a node, and the references in use");
    rig.jvm.pop(C, A).unwrap();
    assert!(rig.jvm.same(B, C).unwrap());
    assert_eq!(rig.jvm.usage().payload_bytes - literals, 21 + 15 * 4);
    assert_eq!(rig.told("list#1[15]"), ["stored list#1[15] - -> Node#1", "stored list#1[15] Node#1 -> -"]);
    rig.check();
}

#[test]
fn numbers_in_lists_are_boxed_unless_they_are_small() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_list(A, Kind::Int).unwrap();
    for value in [-128, 127, 127] {
        let value = rig.int(value);
        rig.jvm.push(A, value).unwrap();
    }
    let cached = rig.jvm.usage().boxed_bytes;
    assert_eq!(cached, 256 * 24, "the cache of java.lang.Long");
    for value in [-129, 128] {
        let value = rig.int(value);
        rig.jvm.push(A, value).unwrap();
    }
    assert_eq!(rig.jvm.usage().boxed_bytes, cached + 2 * 24);
    let value = rig.int(5000);
    rig.jvm.set_element(A, 0, value).unwrap();
    let read: Vec<i64> = (0..5)
        .map(|index| {
            rig.jvm.element(INT, A, index).unwrap();
            rig.jvm.int(INT).unwrap()
        })
        .collect();
    assert_eq!(read, [5000, 127, 127, -129, 128]);
    rig.jvm.collect().unwrap();
    assert_eq!(rig.jvm.usage().boxed_bytes, cached + 3 * 24);
    rig.check();
}

#[test]
fn floats_have_boxes_of_their_own_and_truth_values_share_two() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_list(A, Kind::Float).unwrap();
    rig.jvm.new_list(B, Kind::Bool).unwrap();
    for _ in 0..5 {
        rig.jvm.set_float(FLOAT, 0.25).unwrap();
        rig.jvm.push(A, FLOAT).unwrap();
        rig.jvm.set_bool(BOOL, true).unwrap();
        rig.jvm.push(B, BOOL).unwrap();
    }
    assert_eq!(rig.jvm.usage().boxed_bytes, 5 * 24 + 16);
    rig.jvm.pop(FLOAT, A).unwrap();
    rig.jvm.pop(BOOL, B).unwrap();
    assert!(rig.jvm.bool(BOOL).unwrap());
    assert_eq!(rig.jvm.float(FLOAT).unwrap().to_bits(), 0.25f64.to_bits());
}

#[test]
fn a_map_keeps_the_order_of_insertion() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_map(A, Kind::Int, Kind::Int).unwrap();
    let keys = [500, -3, 1 << 40, 77, 500 + (1 << 32)];
    for (place, &key) in keys.iter().enumerate() {
        rig.jvm.set_int(INT, key).unwrap();
        rig.jvm.put(A, INT, INT).unwrap();
        assert_eq!(rig.jvm.len(A).unwrap(), place as i64 + 1);
    }
    rig.jvm.set_int(INT, -3).unwrap();
    rig.jvm.put(A, INT, INT).unwrap();
    rig.jvm.set_int(INT, 77).unwrap();
    assert!(rig.jvm.remove(A, INT).unwrap());
    assert!(!rig.jvm.remove(A, INT).unwrap());
    rig.jvm.put(A, INT, INT).unwrap();
    let mut seen = Vec::new();
    let mut position = 0;
    while let Some(next) = rig.jvm.next_key(INT, A, position).unwrap() {
        seen.push(rig.jvm.int(INT).unwrap());
        position = next;
        // A place is found again after a collection.
        rig.jvm.collect().unwrap();
    }
    assert_eq!(seen, [500, -3, 1 << 40, 500 + (1 << 32), 77]);
    rig.check();
}

#[test]
fn a_map_doubles_its_table_when_it_is_three_quarters_full() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_map(A, Kind::Int, Kind::Reference).unwrap();
    rig.node(B);
    for key in 0..13 {
        let key = rig.int(key);
        rig.jvm.put(A, key, B).unwrap();
    }
    let resized = rig.told("resized map#1");
    // 56 bytes, a table of 16 or 32 references, 40 bytes an entry.
    assert_eq!(resized[0], "resized map#1 8 of 176");
    assert_eq!(resized[11], "resized map#1 96 of 616");
    assert_eq!(resized[13], "resized map#1 104 of 720", "the 13th entry, with the new table");
    for key in 0..13 {
        let key = rig.int(key);
        assert!(rig.jvm.get(C, A, key).unwrap());
        assert!(rig.jvm.same(B, C).unwrap());
    }
    assert_eq!(rig.told("map#1[25]"), ["stored map#1[25] - -> Node#1"], "the value of the 13th entry");
    rig.check();
}

#[test]
fn texts_are_keys_by_content() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_map(A, Kind::Reference, Kind::Int).unwrap();
    // The two collide: `Aa` and `BB` have the same hash.
    for (text, value) in [("Aa", 1), ("BB", 2), ("€", 3), ("", 4), ("Aa", 5)] {
        rig.text(B, text);
        let value = rig.int(value);
        rig.jvm.put(A, B, value).unwrap();
    }
    for (text, value) in [("Aa", 5), ("BB", 2), ("€", 3), ("", 4)] {
        rig.text(B, text);
        assert!(rig.jvm.get(INT, A, B).unwrap(), "{text}");
        assert_eq!(rig.jvm.int(INT).unwrap(), value, "{text}");
    }
    rig.text(B, "Aa");
    assert!(rig.jvm.remove(A, B).unwrap());
    rig.text(B, "BB");
    assert!(rig.jvm.get(INT, A, B).unwrap());
    assert_eq!(rig.told("map#1[0]"), ["stored map#1[0] - -> text#1", "stored map#1[0] text#1 -> -"]);
    rig.check();
}

#[test]
fn texts_are_latin_1_when_they_can_be() {
    let mut rig = Rig::new(SMALL);
    rig.text(A, "straße");
    rig.text(B, "5 €");
    rig.text(C, "𝄞");
    assert_eq!(rig.told("born"), ["born text#1 6 of 48", "born text#2 6 of 48", "born text#3 4 of 48"]);
    assert_eq!([A, B, C].map(|text| rig.jvm.len(text).unwrap()), [6, 3, 1]);
    rig.jvm.concat(D, A, B).unwrap();
    assert_eq!((rig.read(D).as_str(), rig.jvm.len(D).unwrap()), ("straße5 €", 9));
    assert_eq!(rig.told("text#4 18 of"), ["born text#4 18 of 64"]);
}

#[test]
fn a_text_added_to_an_empty_one_shares_its_bytes_and_one_with_nothing_added_is_itself() {
    let mut rig = Rig::new(SMALL);
    rig.text(A, "some text");
    rig.text(B, "");
    let mut concat = |a, b| {
        let before = rig.jvm.usage();
        rig.jvm.concat(C, a, b).unwrap();
        let after = rig.jvm.usage();
        assert_eq!(rig.read(C), "some text");
        (after.n_objects - before.n_objects, after.used_bytes() - before.used_bytes())
    };
    assert_eq!(concat(A, B), (0, 0));
    assert_eq!(concat(B, A), (1, 24));
    assert!(rig.jvm.same(A, C).is_ok_and(|same| !same));
}

#[test]
fn literals_are_there_before_the_program_and_are_no_objects_of_the_workload() {
    let mut rig = Rig::new(SMALL);
    assert_eq!(rig.jvm.usage().n_objects, 4, "two strings and their bytes");
    rig.jvm.set_constant(A, LITERAL).unwrap();
    rig.jvm.set_constant(B, WIDE).unwrap();
    assert_eq!((rig.read(A).as_str(), rig.read(B).as_str()), ("literal", "straße €"));
    rig.clear(&[A, B]);
    rig.jvm.collect().unwrap();
    assert_eq!(rig.jvm.usage().n_objects, 4);
    assert!(rig.told("born").is_empty() && rig.told("stored").is_empty() && rig.told("used").is_empty());
}

#[test]
fn a_variable_is_copied_into_a_call_and_a_temporary_moves() {
    let mut rig = Rig::new(SMALL);
    rig.node(A);
    rig.jvm.copy(TEMPORARY, A).unwrap();
    rig.forget();
    rig.jvm.call(HELPER, &[A], Some(B)).unwrap();
    rig.jvm.ret(Some(Slot(0))).unwrap();
    rig.jvm.call(HELPER, &[TEMPORARY], None).unwrap();
    rig.jvm.ret(None).unwrap();
    assert_eq!(
        rig.forget(),
        [
            "called 1",
            "stored slot - -> Node#1",
            "stored slot Node#1 -> -",
            "returned",
            "stored slot - -> Node#1",
            "stored slot Node#1 -> -",
            "called 1",
            "stored slot - -> Node#1",
            "stored slot Node#1 -> -",
            "returned",
        ]
    );
    assert_eq!(fault(rig.jvm.is_null(TEMPORARY)).kind, FaultKind::Uninitialised);
}

#[test]
fn taking_moves_a_reference() {
    let mut rig = Rig::new(SMALL);
    rig.node(A);
    rig.forget();
    rig.jvm.take(B, A).unwrap();
    assert_eq!(rig.forget(), ["stored slot - -> Node#1", "stored slot Node#1 -> -"]);
}

#[test]
fn the_vm_says_what_is_null() {
    let npe = |run: fn(&mut Rig) -> memory_trait::Outcome<()>| {
        let (kind, _, message) = words(run(&mut Rig::new(SMALL)));
        assert_eq!(kind, FaultKind::NullDereference);
        message.strip_prefix("java.lang.NullPointerException: ").expect(&message).to_owned()
    };
    assert_eq!(npe(|rig| rig.jvm.load(INT, A, VALUE)), "Cannot read field because \"a\" is null");
    assert_eq!(npe(|rig| rig.jvm.load(B, A, NEXT)), "Cannot read field \"next\" because \"a\" is null");
    assert_eq!(npe(|rig| rig.jvm.store(C, NEXT, A)), "Cannot assign field \"next\" because \"c\" is null");
    assert_eq!(npe(|rig| rig.jvm.len(B).map(|_| ())), "Cannot read the array length because \"b\" is null");
    assert_eq!(
        npe(|rig| rig.jvm.push(A, B)),
        "Cannot invoke \"java.util.ArrayList.add(Object)\" because \"a\" is null"
    );
    assert_eq!(npe(|rig| rig.jvm.element(A, B, 0)), "Cannot load from array because \"b\" is null");
}

#[test]
fn indices_are_checked_in_the_vms_words() {
    let mut rig = Rig::new(SMALL);
    rig.jvm.new_array(A, Kind::Int, 3).unwrap();
    rig.jvm.new_list(B, Kind::Int).unwrap();
    let outcome = rig.jvm.element(INT, A, 3);
    let message = "java.lang.ArrayIndexOutOfBoundsException: Index 3 out of bounds for length 3".to_owned();
    assert_eq!(words(outcome), (FaultKind::OutOfBounds, "array#1".to_owned(), message));
    let message = "java.lang.IndexOutOfBoundsException: Index -1 out of bounds for length 0".to_owned();
    assert_eq!(words(rig.jvm.element(INT, B, -1)), (FaultKind::OutOfBounds, "list#1".to_owned(), message.clone()));
    assert_eq!(words(rig.jvm.pop(INT, B)), (FaultKind::Missing, "list#1".to_owned(), message));
}

#[test]
fn arrays_of_impossible_lengths_are_refused_in_the_vms_words() {
    let mut rig = Rig::new(SMALL);
    let mut refused = |length: i64, element: Kind| words(rig.jvm.new_array(A, element, length));
    let none = String::new();
    let message = "java.lang.NegativeArraySizeException: -2".to_owned();
    assert_eq!(refused(-2, Kind::Int), (FaultKind::InvalidValue, none.clone(), message));
    // As recorded: the two longest of all are too long as such, the next is only too large for the heap.
    for (length, words) in [
        (0, "Requested array size exceeds VM limit"),
        (1, "Requested array size exceeds VM limit"),
        (2, "Java heap space"),
    ] {
        let message = format!("java.lang.OutOfMemoryError: {words}");
        let length = i64::from(i32::MAX) - length;
        assert_eq!(refused(length, Kind::Bool), (FaultKind::OutOfMemory, none.clone(), message), "{length}");
    }
}

#[test]
fn calls_go_as_deep_as_the_stack_and_the_locals_allow() {
    let depth = |stack_bytes: u64| {
        let mut rig = Rig::new(&format!("{SMALL} -Xss{stack_bytes}"));
        let mut depth = 0;
        loop {
            // The helper's first slot is its parameter: it calls itself with it.
            if let Err(fault) = rig.jvm.call(HELPER, &[Slot(0)], None) {
                assert_eq!(
                    (fault.kind, fault.message.as_str()),
                    (FaultKind::StackOverflow, "java.lang.StackOverflowError")
                );
                return depth;
            }
            depth += 1;
        }
    };
    for stack_bytes in [256 << 10, 1 << 20] {
        // On top of `main`'s frame, frames of 88 bytes and two references.
        let expect = ThreadStack::of_main(Version::V17, stack_bytes).depth(88 + 10 * 8, 88 + 2 * 8);
        assert_eq!(depth(stack_bytes), expect);
    }
}

#[test]
fn stack_bytes_are_counted_up_and_down() {
    let mut rig = Rig::new(SMALL);
    let before = rig.jvm.usage().stack_bytes;
    // `main`: 4 references, a local record, a long and a double of two words each, a truth value.
    assert_eq!(before, 88 + 10 * 8);
    rig.jvm.call(HELPER, &[A], None).unwrap();
    assert_eq!(rig.jvm.usage().stack_bytes, before + 88 + 2 * 8);
    rig.jvm.ret(None).unwrap();
    assert_eq!(rig.jvm.usage().stack_bytes, before);
}

#[test]
fn every_object_is_told_of_until_the_end() {
    let mut rig = Rig::new(SMALL);
    rig.node(A);
    rig.node(B);
    rig.jvm.ret(None).unwrap();
    rig.forget();
    rig.jvm.finish();
    rig.jvm.finish();
    assert_eq!(rig.forget(), ["exit Node#1", "exit Node#2"], "in order of address, once");
}

#[test]
fn the_same_run_tells_the_same() {
    let run = || {
        let mut rig = Rig::new(SMALL);
        rig.jvm.new_list(A, Kind::Reference).unwrap();
        for _ in 0..30_000 {
            rig.node(B);
            rig.jvm.push(A, B).unwrap();
            if rig.jvm.len(A).unwrap() > 3000 {
                rig.jvm.new_list(A, Kind::Reference).unwrap();
            }
        }
        rig.jvm.finish();
        rig.forget()
    };
    let lines = run();
    assert!(lines.len() > 100_000 && lines.iter().any(|line| line.starts_with("young")));
    assert_eq!(lines, run());
}
