//! The rules of sizes and growth that a table of numbers does not show by itself.

use cpython_model::Version;
use cpython_model::layout::{
    DictShape, FreeList, ListShape, SharedKeys, dict, dict_keys_bytes, frame_words, free_list_length_max, free_lists,
    list_capacity_after, list_capacity_exact, stack_chunk_bytes,
};

#[test]
fn a_list_keeps_its_table_between_half_and_all_of_its_capacity() {
    let after = |len, capacity| list_capacity_after(len, len + 1, capacity, Version::V3_12);
    assert_eq!((after(16, 16), after(8, 16)), (16, 16));
    assert_eq!(after(7, 16), 12);
    assert_eq!(after(0, 4), 0);
}

#[test]
fn a_table_made_at_once_is_even_from_3_10_on() {
    assert_eq!(list_capacity_exact(5, Version::V3_9), 5);
    assert_eq!(list_capacity_exact(5, Version::V3_10), 6);
}

#[test]
fn a_list_popped_to_nothing_keeps_a_stub_up_to_3_11() {
    let popped = |version| {
        let mut list = ListShape::default();
        list.append(version);
        list.pop(version);
        (list.capacity, list.has_table)
    };
    assert_eq!(popped(Version::V3_11), (0, true));
    assert_eq!(popped(Version::V3_12), (0, false));
    let mut one = ListShape::exact(1);
    one.pop(Version::V3_11);
    assert_eq!((one.capacity, one.table_bytes()), (1, 8), "none is half of one: the table stays");
}

#[test]
fn a_list_with_a_stub_grows_as_one_with_items() {
    let mut stub = ListShape::default();
    stub.append(Version::V3_11);
    stub.pop(Version::V3_11);
    stub.extend_sequence(5, Version::V3_11);
    let mut empty = ListShape::default();
    empty.extend_sequence(5, Version::V3_11);
    assert_eq!((stub.capacity, empty.capacity), (8, 6));
}

#[test]
fn split_has_room_for_what_the_text_can_hold_from_3_12_on() {
    let capacity =
        |n_pieces, text_chars, version| ListShape::from_split_whitespace(n_pieces, text_chars, version).capacity;
    assert_eq!(capacity(2, 3, Version::V3_11), 12);
    assert_eq!(capacity(2, 3, Version::V3_12), 3);
    assert_eq!(capacity(1, 20, Version::V3_12), 11, "not by the pieces there are");
}

#[test]
fn a_deleted_entry_gives_nothing_back() {
    let mut dict = DictShape::empty();
    let mut n_changes = 0;
    for _ in 0..6 {
        n_changes += u32::from(dict.insert(true, Version::V3_12).is_some());
        dict.remove();
    }
    assert_eq!((n_changes, dict.n_used), (2, 0), "made at the first, made anew at the sixth");
    assert_eq!(dict.log2_slots, Some(3));
}

#[test]
fn the_first_key_that_is_no_str_makes_the_entries_longer() {
    let mut dict = DictShape::empty();
    dict.insert(true, Version::V3_12);
    let change = dict.insert(false, Version::V3_12).unwrap();
    assert_eq!((change.old_bytes, change.new_bytes), (120, dict_keys_bytes(4, false, Version::V3_12)));
    assert!(change.is_old_smallest_str && !change.is_new_smallest_str);
    let mut dict = DictShape::empty();
    dict.insert(true, Version::V3_10);
    assert_eq!(dict.insert(false, Version::V3_10), None, "up to 3.10 all entries are long");
}

#[test]
fn one_entry_asks_for_sixteen_slots_where_none_asks_for_eight() {
    let slots = |n_entries, version| 1 << dict::log2_slots_for_entries(n_entries, version);
    assert_eq!([0, 1, 4, 5, 6].map(|n| slots(n, Version::V3_10)), [8, 16, 16, 8, 16]);
    assert_eq!([0, 1, 4, 5, 6].map(|n| slots(n, Version::V3_9)), [8, 8, 8, 8, 16]);
}

#[test]
fn instances_shrink_to_the_names_there_are_and_one_more() {
    let mut keys = SharedKeys::new(Version::V3_12);
    let sizes: Vec<u64> = (0..40).map(|_| keys.new_instance().values_bytes.unwrap()).collect();
    assert_eq!((sizes[0], sizes[1], sizes[28], sizes[39]), (264, 256, 16, 16));
    assert_eq!((keys.place(7), keys.place(8), keys.place(7)), (Some(0), None, Some(0)));
    assert_eq!(keys.names(), [7]);
}

#[test]
fn tuples_of_twenty_are_kept_but_not_taken_up_to_3_12() {
    assert_eq!(free_list_length_max(FreeList::Tuple(20), Version::V3_12), 2000);
    assert!(!free_lists::is_taken_from(FreeList::Tuple(20), Version::V3_12));
    assert!(free_lists::is_taken_from(FreeList::Tuple(20), Version::V3_13));
    assert_eq!(free_list_length_max(FreeList::Tuple(21), Version::V3_12), 0);
}

#[test]
fn a_chunk_of_the_stack_has_a_thousand_words_to_spare() {
    assert_eq!(frame_words(3, 4), 16);
    assert_eq!((stack_chunk_bytes(1048), stack_chunk_bytes(1049)), (16 << 10, 32 << 10));
}
