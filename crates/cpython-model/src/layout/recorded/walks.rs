//! Random walks of containers: an operation, and the size after it.

use serde_json::Value;

use super::{Comparison, Stop};
use crate::layout::{DICT_BYTES, DictShape, ListShape, SET_BYTES, SetTable, list};

/// One extension of a list: how it was made, its length and capacity, the operation, its count, the capacity after it.
pub(super) fn extensions(comparison: &mut Comparison<'_>, value: &Value) -> Result<(), Stop> {
    let version = comparison.version;
    let rows: Vec<(String, u64, u64, String, u64, u64)> = comparison.read(value)?;
    for (i, (made, len, capacity, operation, n, expected)) in rows.into_iter().enumerate() {
        let mut list = ListShape::exact(len);
        if made == "append" {
            list = ListShape::default();
            (0..len).for_each(|_| list.append(version));
        }
        comparison.value(|| format!("row {i}: capacity of {len} by {made}"), &capacity, &list.capacity)?;
        match operation.as_str() {
            "insert" => (0..n).for_each(|_| list.append(version)),
            "iadd" | "list" | "tuple" => list.extend_sequence(n, version),
            "range" => list.extend_iterator(n, n, version),
            "gen" => list.extend_iterator(list::LENGTH_HINT_DEFAULT, n, version),
            "slice" => list.assign_slice(len + n, version),
            _ => return Err(comparison.input(&format!("row {i}: operation {operation:?}"))),
        }
        comparison.value(|| format!("row {i}: {operation} of {n} to {len} by {made}"), &expected, &list.capacity)?;
    }
    Ok(())
}

pub(super) fn lists(comparison: &mut Comparison<'_>, value: &Value) -> Result<(), Stop> {
    let version = comparison.version;
    let walks: Vec<Vec<(String, u64, u64)>> = comparison.read(value)?;
    for (walk, steps) in walks.into_iter().enumerate() {
        let mut list = ListShape::default();
        for (step, (operation, n, expected)) in steps.into_iter().enumerate() {
            let len = list.len;
            match operation.as_str() {
                "append*" => (0..n).for_each(|_| list.append(version)),
                "pop*" => (0..n.min(len)).for_each(|_| list.pop(version)),
                "insert" => list.append(version),
                "imul2" => list.resize(2 * len, version),
                "extend_tuple" => list.extend_sequence(n, version),
                "del_front" => list.assign_slice(len - n.min(len), version),
                "assign_all" => list.assign_slice(n, version),
                "clear" => list.clear(),
                "list()" => list = ListShape::from_sized(len, version),
                _ => return Err(comparison.input(&format!("walk {walk}, step {step}: operation {operation:?}"))),
            }
            let what = || format!("walk {walk}, step {step}: {operation} {n} of a list of {len}");
            comparison.value(what, &expected, &list.capacity)?;
        }
    }
    Ok(())
}

pub(super) fn dicts(comparison: &mut Comparison<'_>, value: &Value) -> Result<(), Stop> {
    let version = comparison.version;
    let walks: Vec<Vec<(String, Value, u64)>> = comparison.read(value)?;
    for (walk, steps) in walks.into_iter().enumerate() {
        let mut dict = DictShape::from_call(version);
        let mut keys = std::collections::HashSet::new();
        for (step, (operation, key, expected)) in steps.into_iter().enumerate() {
            let is_right = match operation.as_str() {
                "set" => {
                    if keys.insert(key.to_string()) {
                        dict.insert(key.is_string(), version);
                    }
                    true
                }
                "del" => {
                    let is_there = keys.remove(&key.to_string());
                    if is_there {
                        dict.remove();
                    }
                    is_there
                }
                _ => false,
            };
            if !is_right {
                return Err(comparison.input(&format!("walk {walk}, step {step}: {operation} {key}")));
            }
            let predicted = DICT_BYTES + dict.keys_bytes(version);
            comparison.value(|| format!("walk {walk}, step {step}: {operation} {key}"), &expected, &predicted)?;
        }
    }
    Ok(())
}

pub(super) fn sets(comparison: &mut Comparison<'_>, value: &Value) -> Result<(), Stop> {
    let walks: Vec<Vec<(u64, i64, u64)>> = comparison.read(value)?;
    for (walk, steps) in walks.into_iter().enumerate() {
        let mut set = SetTable::new(comparison.version);
        for (step, (operation, key, expected)) in steps.into_iter().enumerate() {
            // Small integers are their own hash.
            match operation {
                0 => _ = set.remove(key, key as u64),
                1 => _ = set.insert(key, key as u64),
                _ => return Err(comparison.input(&format!("walk {walk}, step {step}: operation {operation}"))),
            }
            let predicted = SET_BYTES + set.table_bytes();
            comparison.value(|| format!("walk {walk}, step {step}: {operation} {key}"), &expected, &predicted)?;
        }
    }
    Ok(())
}
