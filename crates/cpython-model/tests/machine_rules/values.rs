//! Numbers, truth values, texts, bytes: what is an object of its own and what exists already.

use cpython_model::Version;
use memory_trait::{ConstantId, Machine, Outcome};

use crate::support::{A, B, C, TEMP, VERSIONS, World};

#[test]
fn integers_up_to_256_exist_already_and_others_are_made_anew() -> Outcome<()> {
    for version in VERSIONS {
        let mut world = World::new(version);
        let python = &mut world.python;
        for value in [-5, 0, 256] {
            python.set_int(A, value)?;
            python.set_int(B, value)?;
            assert!(python.same(A, B)?, "{version}: {value}");
            assert_eq!(python.int(A)?, value);
        }
        for value in [-6, 257, 1 << 30, i64::MIN, i64::MAX] {
            python.set_int(A, value)?;
            python.set_int(B, value)?;
            assert!(!python.same(A, B)?, "{version}: {value}");
            assert_eq!((python.int(A)?, python.int(B)?), (value, value));
        }
        world.verify();
    }
    Ok(())
}

#[test]
fn a_boxed_integer_takes_32_bytes_and_36_from_three_digits_on() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    let python = &mut world.python;
    let before = python.usage().boxed_bytes;
    for (value, bytes) in
        [(257, 32), ((1 << 30) - 1, 32), (1 << 30, 32), ((1 << 60) - 1, 32), (1 << 60, 36), (i64::MIN, 36)]
    {
        python.set_int(A, value)?;
        assert_eq!(python.usage().boxed_bytes - before, bytes, "{value}");
    }
    python.clear(A)?;
    assert_eq!(python.usage().boxed_bytes, before);
    Ok(())
}

#[test]
fn a_dead_float_serves_the_next_one() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    let python = &mut world.python;
    python.set_float(A, 0.25)?;
    python.set_float(A, 0.5)?;
    assert_eq!(python.free_list_lengths().n_floats, 1, "the new one was made before the old one died");
    python.set_float(B, 0.75)?;
    assert_eq!(python.free_list_lengths().n_floats, 0);
    assert!((python.float(A)? - 0.5).abs() < f64::EPSILON && (python.float(B)? - 0.75).abs() < f64::EPSILON);
    python.copy(C, B)?;
    assert!(python.same(B, C)?);
    world.verify();
    Ok(())
}

#[test]
fn constants_exist_once_and_nothing_is_made_for_them() -> Outcome<()> {
    let mut world = World::new(Version::V3_11);
    let python = &mut world.python;
    let before = python.usage();
    for constant in [ConstantId(0), ConstantId(1)] {
        python.set_constant(A, constant)?;
        python.set_constant(B, constant)?;
        assert!(python.same(A, B)?);
    }
    python.set_bool(A, true)?;
    assert!(python.bool(A)?);
    python.set_null(B)?;
    assert!(python.is_null(B)? && !python.is_null(A)?);
    assert_eq!(python.usage(), before);
    assert!(!world.seen().iter().any(|line| line.contains('#')), "constants are nobody's objects");
    Ok(())
}

#[test]
fn a_text_is_as_wide_as_its_widest_character() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    let mut text = String::new();
    let cases = [
        ("abc", 3, "born #0 Heap 3/48"),
        ("ab\u{e9}", 3, "born #1 Heap 3/64"),
        ("\u{20ac}12", 3, "born #2 Heap 6/64"),
        ("\u{1f600}", 1, "born #3 Heap 4/64"),
    ];
    for (chars, n, born) in cases {
        world.python.new_text(A, chars)?;
        assert_eq!(world.python.len(A)?, n);
        world.python.read_text(A, &mut text)?;
        assert_eq!(text, chars);
        assert!(world.seen().iter().any(|line| line == born), "{chars}: {born}");
    }
    Ok(())
}

#[test]
fn single_characters_and_the_empty_text_exist_already() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    for text in ["", "a", "\u{ff}"] {
        world.python.new_text(A, text)?;
        world.python.new_text(B, text)?;
        assert!(world.python.same(A, B)?, "{text:?}");
        world.python.clear(A)?;
        world.python.clear(B)?;
        let seen = world.seen();
        assert_eq!(seen.iter().filter(|line| line.contains("Static 0/0")).count(), 2, "{text:?}: {seen:?}");
        assert!(!seen.iter().any(|line| line.starts_with("reclaimed")), "{text:?}: {seen:?}");
    }
    world.python.new_text(A, "\u{100}")?;
    world.python.new_text(B, "\u{100}")?;
    assert!(!world.python.same(A, B)?, "only Latin-1 is cached");
    Ok(())
}

#[test]
fn a_text_that_nobody_else_holds_grows_in_place() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_text(A, "ab")?;
    world.python.new_text(B, "cd")?;
    world.seen();
    world.python.concat(A, A, B)?;
    assert_eq!(world.seen(), ["born #2 Heap 4/48", "slot #0 -> #2", "reclaimed #0 by count"]);
    // Somebody else holds it: a new text.
    world.python.copy(C, A)?;
    world.seen();
    world.python.concat(A, A, B)?;
    assert_eq!(world.seen(), ["born #3 Heap 6/48", "slot #2 -> #3"]);
    let mut text = String::new();
    world.python.read_text(A, &mut text)?;
    assert_eq!(text, "abcdcd");
    // Wider characters do not fit: a new text.
    world.python.new_text(B, "\u{20ac}1")?;
    world.seen();
    world.python.concat(A, A, B)?;
    assert_eq!(world.seen(), ["born #5 Heap 16/80", "slot #3 -> #5", "reclaimed #3 by count"]);
    Ok(())
}

#[test]
fn a_text_whose_hash_is_known_is_not_grown_in_place() -> Outcome<()> {
    let mut world = World::new(Version::V3_13);
    world.python.new_text(A, "ab")?;
    world.python.new_map(B, memory_trait::Kind::Reference, memory_trait::Kind::Int)?;
    assert!(!world.python.get(C, B, A)?);
    world.seen();
    world.python.concat(A, A, A)?;
    assert_eq!(world.seen(), ["born #2 Heap 4/48", "slot #0 -> #2", "reclaimed #0 by count"]);
    world.python.new_text(C, "xy")?;
    assert!(!world.python.get(C, B, A)?);
    world.seen();
    world.python.concat(A, A, C)?;
    assert_eq!(world.seen(), ["born #4 Heap 6/48", "slot #2 -> #4", "reclaimed #2 by count"]);
    Ok(())
}

#[test]
fn adding_the_empty_text_gives_the_other_operand() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_text(A, "some")?;
    world.python.new_text(B, "")?;
    world.python.concat(TEMP, A, B)?;
    assert!(world.python.same(TEMP, A)?);
    world.python.concat(TEMP, B, A)?;
    assert!(world.python.same(TEMP, A)?);
    world.verify();
    Ok(())
}

#[test]
fn bytes_take_33_bytes_and_their_length() -> Outcome<()> {
    let mut world = World::new(Version::V3_12);
    world.python.new_bytes(A, 100)?;
    assert_eq!(world.seen().iter().filter(|line| *line == "born #0 Heap 100/144").count(), 1);
    assert_eq!(world.python.len(A)?, 100);
    world.python.element(B, A, 99)?;
    assert_eq!(world.python.int(B)?, 0);
    world.python.new_bytes(A, 0)?;
    assert_eq!(world.python.len(A)?, 0);
    world.verify();
    Ok(())
}
