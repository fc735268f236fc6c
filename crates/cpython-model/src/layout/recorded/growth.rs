//! `growth`: capacities of lists by how they were made, sizes of dicts and sets by their number of keys, instances.

use serde_json::{Map, Value};

use super::{Comparison, Stop, walks};
use crate::Version;
use crate::layout::dict::usable_entries;
use crate::layout::{
    DICT_BYTES, DictShape, ListShape, SET_BYTES, SetTable, SharedKeys, code, dict_keys_bytes, instance, list,
};

pub(super) fn compare(comparison: &mut Comparison<'_>, growth: &Map<String, Value>) -> Result<(), Stop> {
    let version = comparison.version;
    for (name, value) in growth {
        comparison.row = format!("growth {name}");
        match name.as_str() {
            "list_append" => steps(comparison, value, |n_max| {
                let mut list = ListShape::default();
                changes(n_max, |n| {
                    if n > 0 {
                        list.append(version);
                    }
                    list.capacity
                })
            })?,
            "list_pop_from_300000" => pops(comparison, value)?,
            "list_extend" => walks::extensions(comparison, value)?,
            "list_walks" => walks::lists(comparison, value)?,
            "dict_walks" => walks::dicts(comparison, value)?,
            "set_walks" => walks::sets(comparison, value)?,
            "dict_str" => dict_steps(comparison, value, |_| true)?,
            "dict_int" => dict_steps(comparison, value, |_| false)?,
            "dict_str_then_int_at_3" => dict_steps(comparison, value, |n| n != 3)?,
            "set_int" => steps(comparison, value, |n_max| {
                let mut set = SetTable::new(version);
                changes(n_max, |n| {
                    if n > 0 {
                        set.insert(n as i64 - 1, n - 1);
                    }
                    SET_BYTES + set.table_bytes()
                })
            })?,
            _ if name.starts_with("cap_") => by_count(comparison, value, |n| capacity(name, n, version))?,
            _ if name.starts_with("dict_") => by_count(comparison, value, |n| dict_bytes(name, n, version))?,
            _ if name.starts_with("set_") => by_count(comparison, value, |n| set_bytes(name, n, version))?,
            _ if name.starts_with("instances_") => instances(comparison, value)?,
            _ => return Err(comparison.input("no table that is known")),
        }
    }
    Ok(())
}

/// The values of `f` for 0, 1, 2, ... where they change, up to `n_max`.
fn changes(n_max: u64, mut f: impl FnMut(u64) -> u64) -> Vec<(u64, u64)> {
    let mut changes = Vec::new();
    for n in 0..=n_max {
        let value = f(n);
        if changes.last().is_none_or(|&(_, last)| last != value) {
            changes.push((n, value));
        }
    }
    changes
}

/// The most elements a table may speak of: a wrong number must not take all time.
const N_ELEMENTS_MAX: u64 = 1 << 24;

fn steps(
    comparison: &mut Comparison<'_>,
    value: &Value,
    predict: impl FnOnce(u64) -> Vec<(u64, u64)>,
) -> Result<(), Stop> {
    let recorded: Vec<(u64, u64)> = comparison.read(value)?;
    let n_max = recorded.last().map_or(0, |&(n, _)| n);
    if n_max > N_ELEMENTS_MAX {
        return Err(comparison.input(&format!("{n_max} elements")));
    }
    let mut predicted = predict(n_max).into_iter();
    for (i, recorded) in recorded.into_iter().enumerate() {
        comparison.value(|| format!("step {i}"), &Some(recorded), &predicted.next())?;
    }
    Ok(())
}

fn dict_steps(comparison: &mut Comparison<'_>, value: &Value, is_str: impl Fn(u64) -> bool) -> Result<(), Stop> {
    let version = comparison.version;
    steps(comparison, value, |n_max| {
        let mut dict = DictShape::from_call(version);
        changes(n_max, |n| {
            if n > 0 {
                dict.insert(is_str(n - 1), version);
            }
            DICT_BYTES + dict.keys_bytes(version)
        })
    })
}

/// A list of 300,000 items, appended one by one, then popped: lengths at which the capacity changes.
fn pops(comparison: &mut Comparison<'_>, value: &Value) -> Result<(), Stop> {
    let version = comparison.version;
    let mut list = ListShape::default();
    (0..300_000).for_each(|_| list.append(version));
    let recorded: Vec<(u64, u64)> = comparison.read(value)?;
    let mut predicted = Vec::new();
    while list.len > 0 {
        let before = list.capacity;
        list.pop(version);
        if list.capacity != before {
            predicted.push((list.len, list.capacity));
        }
    }
    comparison.value(|| "all steps".to_owned(), &recorded, &predicted)
}

fn by_count(comparison: &mut Comparison<'_>, value: &Value, predict: impl Fn(u64) -> Option<u64>) -> Result<(), Stop> {
    let recorded: Vec<u64> = comparison.read(value)?;
    for (recorded, n) in recorded.iter().zip(0..) {
        let Some(predicted) = predict(n) else { return Err(comparison.input("no table that is known")) };
        comparison.value(|| format!("with {n} elements"), recorded, &predicted)?;
    }
    Ok(())
}

/// The capacity of a list of `n` items, by how it was made.
fn capacity(name: &str, n: u64, version: Version) -> Option<u64> {
    let mut made = ListShape::default();
    match name {
        "cap_list_of_tuple" | "cap_list_of_list" | "cap_list_of_range" | "cap_list_of_str" => {
            made = ListShape::from_sized(n, version);
        }
        "cap_list_of_dict" | "cap_list_of_set" => made = ListShape::from_set_or_dict(n, version),
        "cap_list_of_gen" | "cap_map_" => made.extend_iterator(list::LENGTH_HINT_DEFAULT, n, version),
        "cap_comp" => (0..n).for_each(|_| made.append(version)),
        "cap_mul" | "cap_slice" => made = ListShape::exact(n),
        "cap_star" | "cap_sorted_" => made.extend_sequence(n, version),
        "cap_split" => made = ListShape::from_split_whitespace(n, 2 * n, version),
        _ => return None,
    }
    Some(made.capacity)
}

/// The size of a dict of `n` keys, by how it was made.
fn dict_bytes(name: &str, n: u64, version: Version) -> Option<u64> {
    let filled = |mut dict: DictShape, is_str: bool| {
        (0..n).for_each(|_| _ = dict.insert(is_str, version));
        dict
    };
    let dict = match name {
        // A copy has keys of the same size.
        "dict_copy" | "dict_comp" | "dict_update" => filled(DictShape::empty(), false),
        "dict_copy_str" => filled(DictShape::empty(), true),
        "dict_from_dict" => filled(DictShape::from_call(version), false),
        "dict_fromkeys_set" => filled(DictShape::for_fromkeys(n, version), false),
        _ => return None,
    };
    Some(DICT_BYTES + dict.keys_bytes(version))
}

/// The size of a set of `n` keys, by how it was made.
fn set_bytes(name: &str, n: u64, version: Version) -> Option<u64> {
    let mut set = SetTable::new(version);
    (0..n).for_each(|key| _ = set.insert(key as i64, key));
    let set = match name {
        "set_of_list" => set,
        "set_copy" => {
            let mut copy = SetTable::new(version);
            copy.merge(&set);
            copy
        }
        _ => return None,
    };
    Some(SET_BYTES + set.table_bytes())
}

/// The requests of the first instances of a class; `__init__` sets the same attributes in each. Dict objects come from
/// their free list, which was not empty; up to 3.10 the first call of `__init__` makes its frame.
fn instances(comparison: &mut Comparison<'_>, value: &Value) -> Result<(), Stop> {
    let version = comparison.version;
    let n_names = comparison.row.split('_').nth(1).and_then(|n| n.parse().ok());
    let Some(n_names) = n_names else { return Err(comparison.input("no table that is known")) };
    let recorded: Vec<Vec<u64>> = comparison.read(value)?;
    let mut keys = (version >= Version::V3_11).then(|| SharedKeys::new(version));
    for (i, recorded) in recorded.iter().enumerate() {
        let predicted = match &mut keys {
            Some(keys) => instance_of_shared_keys(keys, n_names, version),
            None => instance_of_split_keys(n_names, i == 0, version),
        };
        comparison.value(|| format!("instance {i}"), recorded, &predicted)?;
    }
    Ok(())
}

fn instance_of_shared_keys(keys: &mut SharedKeys, n_names: u32, version: Version) -> Vec<u64> {
    let blocks = keys.new_instance();
    let mut dict: Option<DictShape> = None;
    for name in 0..n_names {
        if let Some(dict) = &mut dict {
            dict.insert(true, version);
        } else if keys.place(name).is_none() {
            let mut new = keys.dict_of(u64::from(name));
            new.insert(true, version);
            dict = Some(new);
        }
    }
    let values = blocks.values_bytes.filter(|_| dict.is_none());
    let dict = dict.map(|dict| dict.keys_bytes(version));
    [Some(blocks.object_bytes), values, dict].into_iter().flatten().collect()
}

fn instance_of_split_keys(n_names: u32, is_first: bool, version: Version) -> Vec<u64> {
    let mut requests = vec![instance::instance_bytes(version)];
    let log2_slots = instance::split_keys_log2_slots(u64::from(n_names), version);
    if is_first {
        // `self`, and on the stack a value and `self` when an attribute is set, `None` when not.
        requests.push(code::frame_bytes(1, if n_names > 0 { 2 } else { 1 }, version));
        if log2_slots > crate::layout::dict::LOG2_SLOTS_MIN {
            requests.push(dict_keys_bytes(log2_slots, true, version));
        }
    }
    if n_names > 0 {
        requests.push(instance::values_bytes(usable_entries(log2_slots), version));
    }
    requests
}
