//! Recorded layouts: a line about the JVM, then a line for each class.
//!
//! The first line does not say everything the layout depends on (whether `@Contended` counts outside the JDK, for one):
//! every [`Mode`] that agrees with it is tried, and the file is exact if one of them has every class right.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::BufRead;

use serde::Deserialize;

use super::{Comparison, RecordedError, Wrong, json_message, lines};
use crate::layout::{ClassInfo, ClassLayout, FieldInfo, FieldType, Mode, array_base_bytes, array_bytes};
use crate::version::Version;

/// The first line.
#[derive(Deserialize)]
struct Header {
    jvm: String,
    oop: u32,
    base: HashMap<String, u64>,
    sizes: [u64; 7],
}

/// A field: name, signature, static, offset, contended group.
#[derive(Deserialize)]
struct Field(String, String, u8, i64, Option<String>);

/// A class.
#[derive(Deserialize)]
struct Class {
    c: String,
    s: Option<String>,
    sz: i64,
    cc: u8,
    f: Vec<Field>,
    #[serde(skip)]
    line: u64,
}

/// Compares a file of layouts, as recorded from one JVM, with what the model says of the same classes.
///
/// # Errors
/// A line that is not what the format says, a JVM the model does not have, a class without its superclass.
pub fn compare_layouts(reader: impl BufRead) -> Result<Comparison, RecordedError> {
    let mut lines = lines(reader);
    let Some(first) = lines.next() else { return Err(RecordedError::at(0, "the file is empty")) };
    let (line, text) = first?;
    let header: Header = serde_json::from_str(&text)
        .map_err(|error| RecordedError::at(line, json_message("a layout header", &error)))?;
    let version: Version =
        header.jvm.parse().map_err(|error: crate::UnknownVersion| RecordedError::at(line, error.to_string()))?;
    let mut classes: Vec<Class> = Vec::new();
    for entry in lines {
        let (line, text) = entry?;
        let class =
            serde_json::from_str(&text).map_err(|error| RecordedError::at(line, json_message("a class", &error)))?;
        classes.push(Class { line, ..class });
    }
    let order = superclasses_first(&classes)?;
    let infos = classes.iter().map(class_info).collect::<Result<Vec<_>, _>>()?;
    let mut best: Option<Comparison> = None;
    for mode in modes(&header, version) {
        let comparison = compare(&classes, &infos, &order, &mode);
        if best.as_ref().is_none_or(|best| comparison.n_exact > best.n_exact) {
            best = Some(comparison);
        }
        if best.as_ref().is_some_and(Comparison::is_exact) {
            break;
        }
    }
    Ok(best.unwrap_or_else(|| wrong_header(line, &header, version, classes.len() as u64)))
}

/// Every mode that agrees with the first line.
fn modes(header: &Header, version: Version) -> impl Iterator<Item = Mode> + '_ {
    let compressed_oops = header.oop == 4;
    (0..5).flat_map(move |shift| (0..32).map(move |bits| (8 << shift, bits))).filter_map(move |(alignment, bits)| {
        let mode = Mode {
            compressed_oops,
            compressed_class_pointers: bits & 1 == 0,
            compact_headers: bits & 2 != 0,
            object_alignment_bytes: alignment,
            restrict_contended: bits & 4 == 0,
            empty_slots_in_supers: bits & 8 == 0,
            enable_contended: bits & 16 == 0,
            ..Mode::new(version)
        };
        let is_real = (!mode.compact_headers || (version == Version::V25 && mode.compressed_class_pointers))
            && (mode.empty_slots_in_supers || version == Version::V17);
        (is_real && agrees(header, &mode)).then_some(mode)
    })
}

fn agrees(header: &Header, mode: &Mode) -> bool {
    let is_base_right = |(name, &base): (&String, &u64)| {
        FieldType::from_descriptor(name).map(|t| array_base_bytes(t, mode)) == Some(base)
    };
    header.base.iter().all(is_base_right) && sizes(mode) == header.sizes
}

/// Bytes of byte[0], byte[1], byte[5], int[1], long[1], Object[3], Object.
fn sizes(mode: &Mode) -> [u64; 7] {
    let array = |element, length| array_bytes(element, length, mode);
    [
        array(FieldType::Byte, 0),
        array(FieldType::Byte, 1),
        array(FieldType::Byte, 5),
        array(FieldType::Int, 1),
        array(FieldType::Long, 1),
        array(FieldType::Reference, 3),
        u64::from(ClassLayout::of_object(mode).instance_bytes()),
    ]
}

fn wrong_header(line: u64, header: &Header, version: Version, n_total: u64) -> Comparison {
    let mode = Mode { compressed_oops: header.oop == 4, ..Mode::new(version) };
    let wrong = Wrong {
        line,
        subject: "sizes of byte[0], byte[1], byte[5], int[1], long[1], Object[3], Object".to_owned(),
        expected: format!("{:?}", header.sizes),
        predicted: format!("{:?}", sizes(&mode)),
        context: format!("no mode of JDK {version} has these sizes and array bases {:?}", header.base),
    };
    Comparison { what: "classes", n_exact: 0, n_total, first_wrong: Some(wrong) }
}

/// Places in `classes`, every superclass before its subclasses, otherwise in file order.
fn superclasses_first(classes: &[Class]) -> Result<Vec<(usize, Option<usize>)>, RecordedError> {
    let by_name: HashMap<&str, usize> =
        classes.iter().enumerate().map(|(idx, class)| (class.c.as_str(), idx)).collect();
    let mut is_placed = vec![false; classes.len()];
    let mut order = Vec::with_capacity(classes.len());
    for start in 0..classes.len() {
        let mut chain = Vec::new();
        let mut next = Some(start);
        while let Some(idx) = next.filter(|&idx| !is_placed[idx]) {
            let class = &classes[idx];
            let missing = |name: &String| {
                RecordedError::at(class.line, format!("the superclass {name} of {} is not in the file", class.c))
            };
            if chain.len() > classes.len() {
                return Err(RecordedError::at(class.line, format!("{} is its own superclass", class.c)));
            }
            let superclass = class.s.as_ref();
            next =
                superclass.map(|name| by_name.get(name.as_str()).copied().ok_or_else(|| missing(name))).transpose()?;
            chain.push((idx, next));
        }
        for &(idx, superclass) in chain.iter().rev() {
            is_placed[idx] = true;
            order.push((idx, superclass));
        }
    }
    Ok(order)
}

fn class_info(class: &Class) -> Result<ClassInfo, RecordedError> {
    let fields = class.f.iter().map(|Field(name, signature, is_static, _, contended)| {
        let field_type = FieldType::from_descriptor(signature)
            .ok_or_else(|| RecordedError::at(class.line, format!("{name} has no type: {signature:?}")))?;
        Ok(FieldInfo { name: name.clone(), field_type, is_static: *is_static != 0, contended: contended.clone() })
    });
    Ok(ClassInfo {
        name: class.c.clone(),
        is_contended: class.cc != 0,
        // The random classes are in no package, and on the class path.
        is_privileged: class.c.contains('.'),
        fields: fields.collect::<Result<_, _>>()?,
    })
}

fn compare(classes: &[Class], infos: &[ClassInfo], order: &[(usize, Option<usize>)], mode: &Mode) -> Comparison {
    let mut layouts: Vec<Option<ClassLayout>> = vec![None; classes.len()];
    for &(idx, superclass) in order {
        let superclass = superclass.and_then(|superclass| layouts[superclass].as_ref());
        layouts[idx] = Some(ClassLayout::of(&infos[idx], superclass, mode));
    }
    let mut comparison = Comparison { what: "classes", n_exact: 0, n_total: classes.len() as u64, first_wrong: None };
    for (class, layout) in classes.iter().zip(layouts.iter().flatten()) {
        match first_difference(class, layout) {
            None => comparison.n_exact += 1,
            Some((subject, expected, predicted)) => {
                comparison.first_wrong.get_or_insert_with(|| Wrong {
                    line: class.line,
                    subject: format!("{}: {subject}", class.c),
                    expected: expected.to_string(),
                    predicted: predicted.to_string(),
                    context: context(class, layout, mode),
                });
            }
        }
    }
    comparison
}

fn first_difference(class: &Class, layout: &ClassLayout) -> Option<(String, i64, i64)> {
    for (Field(name, _, is_static, expected, _), &predicted) in class.f.iter().zip(layout.offsets()) {
        if *expected != i64::from(predicted) {
            let what = if *is_static == 0 { "field" } else { "static" };
            return Some((format!("offset of {what} {name}"), *expected, i64::from(predicted)));
        }
    }
    let predicted = i64::from(layout.instance_bytes());
    (class.sz >= 0 && class.sz != predicted).then(|| ("instance bytes".to_owned(), class.sz, predicted))
}

fn context(class: &Class, layout: &ClassLayout, mode: &Mode) -> String {
    let mut text = format!("  {mode:?}\n  superclass: {}", class.s.as_deref().unwrap_or("none"));
    for field in layout.fields() {
        let origin = if field.depth == 0 { "own" } else { "inherited" };
        let _ = write!(text, "\n  {:5} {:?} {} ({origin})", field.offset, field.field_type, field.name);
    }
    text
}
