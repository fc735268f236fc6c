//! The rules of field packing one by one. Each offset was seen in a recorded class or follows from the rule's text.

use jvm_model::Version;
use jvm_model::layout::{
    ClassInfo, ClassLayout, FieldInfo, FieldType, Mode, array_base_bytes, array_bytes, max_array_length,
};

const V17: Mode = Mode::new(Version::V17);
const V25: Mode = Mode::new(Version::V25);

/// Lays out a class from a word for its fields: a letter a field, `s` before it a static, `c` before it `@Contended`.
fn class(fields: &str, superclass: &ClassLayout, mode: &Mode) -> ClassLayout {
    let (mut is_static, mut contended) = (false, None);
    let mut info = ClassInfo { name: "Test".to_owned(), is_privileged: true, ..ClassInfo::default() };
    for letter in fields.chars() {
        match letter {
            's' => is_static = true,
            'c' => contended = Some(String::new()),
            'g' => contended = Some("group".to_owned()),
            _ => {
                let field_type = FieldType::from_descriptor(&letter.to_string()).unwrap();
                info.fields.push(FieldInfo { name: String::new(), field_type, is_static, contended: contended.take() });
                is_static = false;
            }
        }
    }
    ClassLayout::of(&info, Some(superclass), mode)
}

fn top(fields: &str, mode: &Mode) -> ClassLayout {
    class(fields, &ClassLayout::of_object(mode), mode)
}

#[test]
fn an_object_without_fields_is_its_header_rounded() {
    assert_eq!(ClassLayout::of_object(&V17).instance_bytes(), 16);
    assert_eq!(ClassLayout::of_object(&Mode { object_alignment_bytes: 32, ..V17 }).instance_bytes(), 32);
    assert_eq!(ClassLayout::of_object(&Mode { compact_headers: true, ..V25 }).instance_bytes(), 8);
}

#[test]
fn primitives_are_placed_by_decreasing_size_and_references_last() {
    let layout = top("BSIJL", &V17);
    assert_eq!(layout.offsets(), [26, 24, 12, 16, 28]);
    assert_eq!(layout.instance_bytes(), 32);
}

#[test]
fn equal_sizes_keep_the_order_of_the_class_file() {
    assert_eq!(top("IFIF", &V17).offsets(), [12, 16, 20, 24]);
    assert_eq!(top("ZBZ", &V17).offsets(), [12, 13, 14]);
}

#[test]
fn the_gap_behind_a_short_header_is_filled() {
    assert_eq!(top("JI", &V17).offsets(), [16, 12]);
    assert_eq!(top("JL", &V17).offsets(), [16, 12]);
    assert_eq!(top("JB", &V17).offsets(), [16, 12]);
}

#[test]
fn references_are_eight_bytes_when_not_compressed() {
    let wide = Mode { compressed_oops: false, ..V17 };
    assert_eq!(top("IL", &wide).offsets(), [12, 16]);
    assert_eq!(top("LB", &wide).offsets(), [16, 12]);
    assert_eq!(top("LB", &wide).reference_offsets(), [16]);
}

#[test]
fn a_subclass_fills_the_holes_of_its_superclass() {
    let superclass = top("JB", &V17);
    assert_eq!(class("B", &superclass, &V17).offsets(), [13]);
    assert_eq!(class("S", &superclass, &V17).offsets(), [14]);
    assert_eq!(class("I", &superclass, &V17).offsets(), [24]);
}

#[test]
fn without_empty_slots_in_supers_a_subclass_starts_at_a_whole_reference() {
    let mode = Mode { empty_slots_in_supers: false, ..V17 };
    let superclass = top("BI", &mode);
    assert_eq!(superclass.offsets(), [16, 12]);
    assert_eq!(class("B", &superclass, &mode).offsets(), [20]);
    assert_eq!(class("B", &superclass, &V17).offsets(), [17]);
}

#[test]
fn since_25_references_come_first_behind_an_inherited_reference() {
    let superclass = top("L", &V17);
    assert_eq!(class("IL", &superclass, &V17).offsets(), [16, 20]);
    assert_eq!(class("IL", &superclass, &V25).offsets(), [20, 16]);
    let ends_with_int = top("I", &V25);
    assert_eq!(class("IL", &ends_with_int, &V25).offsets(), [16, 20]);
}

#[test]
fn a_contended_field_has_padding_before_and_behind() {
    let layout = top("cII", &V17);
    assert_eq!(layout.offsets(), [144, 12]);
    assert_eq!(layout.instance_bytes(), 280, "144 + 4 + 128, rounded");
}

#[test]
fn fields_of_one_contended_group_share_their_padding() {
    assert_eq!(top("gIgIcI", &V17).offsets(), [140, 144, 276]);
}

#[test]
fn nothing_is_put_beside_what_is_contended_in_a_superclass() {
    let superclass = top("JcI", &V17);
    assert_eq!(superclass.offsets(), [16, 152]);
    let end = 152 + 4 + 128;
    assert_eq!(class("B", &superclass, &V17).offsets(), [end], "not in the hole at 12, nor in the padding");
}

#[test]
fn contended_counts_outside_the_jdk_only_when_asked() {
    let field = FieldInfo { contended: Some(String::new()), ..FieldInfo::instance("x", FieldType::Int) };
    let info = ClassInfo { name: "App".to_owned(), fields: vec![field], ..ClassInfo::default() };
    let offset = |mode: &Mode| ClassLayout::of(&info, Some(&ClassLayout::of_object(mode)), mode).offsets()[0];
    assert_eq!(offset(&V17), 12);
    assert_eq!(offset(&Mode { restrict_contended: false, ..V17 }), 140);
    assert_eq!(offset(&Mode { restrict_contended: false, enable_contended: false, ..V17 }), 12);
}

#[test]
fn statics_are_in_the_mirror_references_first_and_gaps_are_not_filled() {
    let layout = top("sIsLsJsB", &V17);
    assert_eq!(layout.offsets(), [128, 112, 120, 132]);
    assert_eq!(layout.instance_bytes(), 16);
    assert_eq!(layout.mirror_bytes(), 136);
}

#[test]
fn arrays_begin_behind_their_length() {
    assert_eq!(array_base_bytes(FieldType::Byte, &V17), 16);
    assert_eq!(array_base_bytes(FieldType::Byte, &Mode { compressed_class_pointers: false, ..V17 }), 24);
    assert_eq!(array_base_bytes(FieldType::Byte, &Mode { compressed_class_pointers: false, ..V25 }), 20);
    assert_eq!(array_base_bytes(FieldType::Long, &Mode { compressed_class_pointers: false, ..V25 }), 24);
    assert_eq!(array_base_bytes(FieldType::Int, &Mode { compact_headers: true, ..V25 }), 12);
    assert_eq!(array_bytes(FieldType::Byte, 0, &V17), 16);
    assert_eq!(array_bytes(FieldType::Byte, 1, &V17), 24);
    assert_eq!(array_bytes(FieldType::Long, 1, &Mode { object_alignment_bytes: 16, ..V17 }), 32);
}

#[test]
fn the_longest_array_is_two_short_of_the_greatest_int() {
    let max = i32::MAX as u64;
    assert_eq!(max_array_length(FieldType::Byte, &V17), max - 2, "MAX - 1 exceeds the VM limit, MAX - 2 does not");
}
