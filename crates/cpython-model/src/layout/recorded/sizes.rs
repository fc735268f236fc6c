//! `sizes`: an expression, what `sys.getsizeof` says of its value, and what the allocator was asked for.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Comparison, Stop, objects};
use crate::Version;
use crate::layout::{
    COMPLEX_BYTES, DICT_BYTES, DictShape, FLOAT_BYTES, LIST_BYTES, ListShape, SET_BYTES, SetTable, TextKind,
    bytearray_bytes, bytes_bytes, int_bytes, product_bytes, str_bytes, tuple_bytes,
};
use crate::params::{ALIGNMENT_BYTES, class_bytes, class_of};

#[derive(Deserialize)]
struct Recorded {
    getsizeof: u64,
    gc: bool,
    requests: Vec<u64>,
    classes: Vec<Value>,
    total_class_bytes: u64,
}

/// What an expression leaves behind.
pub(super) struct Predicted {
    pub(super) getsizeof: u64,
    pub(super) is_gc: bool,
    pub(super) requests: Vec<u64>,
}

pub(super) fn compare(comparison: &mut Comparison<'_>, sizes: &Map<String, Value>) -> Result<(), Stop> {
    "sizes".clone_into(&mut comparison.row);
    for (name, value) in sizes {
        let recorded: Recorded = comparison.read(value)?;
        let Some(predicted) = predict(name, comparison.version) else {
            return Err(comparison.input(&format!("{name:?} is no expression that is known")));
        };
        let Predicted { getsizeof, is_gc, requests } = predicted;
        comparison.value(|| format!("getsizeof of {name}"), &recorded.getsizeof, &getsizeof)?;
        comparison.value(|| format!("gc of {name}"), &recorded.gc, &is_gc)?;
        comparison.value(|| format!("requests of {name}"), &recorded.requests, &requests)?;
        let class = |&bytes: &u64| class_of(bytes).map_or(Value::from("raw"), |class| Value::from(class_bytes(class)));
        let classes: Vec<Value> = requests.iter().map(class).collect();
        comparison.value(|| format!("classes of {name}"), &recorded.classes, &classes)?;
        let total = requests.iter().map(|bytes| bytes.next_multiple_of(ALIGNMENT_BYTES)).sum();
        comparison.value(|| format!("class bytes of {name}"), &recorded.total_class_bytes, &total)?;
    }
    Ok(())
}

/// One block, all of it counted by `getsizeof`.
pub(super) fn plain(bytes: u64) -> Predicted {
    Predicted { getsizeof: bytes, is_gc: false, requests: vec![bytes] }
}

/// The same for an object that the collector tracks.
pub(super) fn tracked(bytes: u64) -> Predicted {
    Predicted { getsizeof: bytes, is_gc: true, requests: vec![bytes] }
}

/// A tracked object with `before` made for it and still there.
pub(super) fn tracked_after(before: &[u64], bytes: u64) -> Predicted {
    let requests = before.iter().copied().chain([bytes]).collect();
    Predicted { getsizeof: bytes, is_gc: true, requests }
}

fn predict(name: &str, version: Version) -> Option<Predicted> {
    if let Some((kind, n)) = name.strip_suffix(']').and_then(|name| name.split_once('['))
        && let Ok(n) = n.parse()
    {
        return sized(kind, n, version);
    }
    let (kind, expression) = name.split_once(':').unwrap_or((name, ""));
    match kind {
        "int" => int(expression, version),
        "float" => Some(plain(FLOAT_BYTES)),
        "complex" => Some(plain(COMPLEX_BYTES)),
        "list" => list(expression, version),
        "dict" => dict(expression, version),
        "set" => set(expression, version),
        "obj" => objects::object(expression, version),
        _ => None,
    }
}

fn sized(kind: &str, n: u64, version: Version) -> Option<Predicted> {
    Some(match kind {
        "bytes" => plain(bytes_bytes(n)),
        "bytearray" => {
            let (object, buffer) = bytearray_bytes(n);
            let requests = [object, buffer].into_iter().filter(|&bytes| bytes > 0).collect();
            Predicted { getsizeof: object + buffer, is_gc: false, requests }
        }
        "str_ascii" => plain(str_bytes(TextKind::Ascii, n, version)),
        "str_latin1" => plain(str_bytes(TextKind::Latin1, n, version)),
        "str_ucs2" => plain(str_bytes(TextKind::Ucs2, n, version)),
        "str_ucs4" => plain(str_bytes(TextKind::Ucs4, n, version)),
        "tuple" => tracked(tuple_bytes(n)),
        _ => return None,
    })
}

/// `x7` is a number of one digit; twice as much has two.
fn int(expression: &str, version: Version) -> Option<Predicted> {
    let shifted = |n_digits: u64| (24 + 4 * n_digits, product_bytes(n_digits, 1));
    let (getsizeof, request) = match expression {
        "x7*1" => (28, int_bytes((1 << 30) - 1, version)),
        "x7*2" | "-(x7*2)" => (32, int_bytes(1 << 30, version)),
        "(x7<<31)*1" => shifted(3),
        "(x7<<61)*1" => shifted(4),
        "(x7<<91)*1" => shifted(5),
        "(x7<<300)*1" => shifted(11),
        _ => return None,
    };
    Some(Predicted { getsizeof, is_gc: false, requests: vec![request] })
}

/// `L5` and `T5` are a list and a tuple of five.
fn list(expression: &str, version: Version) -> Option<Predicted> {
    let mut list = ListShape::default();
    // A display of constants: from 3.9 on an empty list is extended with a tuple.
    let mut display = |n| {
        if version > Version::V3_8 {
            list.extend_sequence(n, version);
            list
        } else {
            ListShape::exact(n)
        }
    };
    let grown = |mut list: ListShape, n: u64| {
        list.extend_sequence(n, version);
        list
    };
    let appended = |n| {
        let mut list = ListShape::default();
        (0..n).for_each(|_| list.append(version));
        list
    };
    let list = match expression {
        "[]" => ListShape::exact(0),
        "[x7]" => ListShape::exact(1),
        "[x7,s]" => ListShape::exact(2),
        "[x7,s,x7]" => ListShape::exact(3),
        "[x7,s,x7,s]" => ListShape::exact(4),
        "[x7]*5" | "L5[:]" | "L5.copy()" => ListShape::exact(5),
        "L5+L5" | "[None]*10" => ListShape::exact(10),
        "L5*3" => ListShape::exact(15),
        "[None]*60" => ListShape::exact(60),
        "[None]*70" => ListShape::exact(70),
        "list(T5)" | "list(L5)" | "list(range(5))" | "list(\"abcde\")" => ListShape::from_sized(5, version),
        "list(range(10))" => ListShape::from_sized(10, version),
        "[*L5]" | "sorted(L5)" | "extendT5" => grown(ListShape::default(), 5),
        "1+extendT5" => grown(appended(1), 5),
        "[a for a in T5]" | "append5" => appended(5),
        "append1" => appended(1),
        "[1,2,3]" => display(3),
        "[1,2,3,4,5]" => display(5),
        "\"a b c d e\".split()" => ListShape::from_split_whitespace(5, 9, version),
        "list(map(str,T5))" => return Some(list_of_texts(version)),
        _ => return None,
    };
    Some(of_list(list))
}

fn of_list(list: ListShape) -> Predicted {
    let table = list.has_table.then(|| list.table_bytes());
    Predicted {
        getsizeof: LIST_BYTES + list.table_bytes(),
        is_gc: true,
        requests: [Some(LIST_BYTES), table].into_iter().flatten().collect(),
    }
}

/// Five texts of one character; 3.8 asks for the table anew when it trims it.
fn list_of_texts(version: Version) -> Predicted {
    let mut list = ListShape::default();
    list.extend_iterator(crate::layout::list::LENGTH_HINT_DEFAULT, 5, version);
    let texts = [str_bytes(TextKind::Ascii, 1, version); 5];
    let (table, object) = (list.table_bytes(), LIST_BYTES);
    let mut requests = vec![object];
    if version == Version::V3_8 {
        requests.extend(texts);
        requests.push(table);
    } else {
        requests.push(table);
        requests.extend(texts);
    }
    Predicted { getsizeof: object + table, is_gc: true, requests }
}

fn dict(expression: &str, version: Version) -> Option<Predicted> {
    let filled = |mut dict: DictShape, n: u64, is_str: bool| {
        (0..n).for_each(|_| _ = dict.insert(is_str, version));
        dict
    };
    let empty = DictShape::empty();
    let (dict, is_presized) = match expression {
        "{}" => (empty, false),
        "{\"a\":x7}" | "dict(a=x7)" | "setitem1" => (filled(empty, 1, true), false),
        "{\"a\":1,\"b\":x7}" => (filled(empty, 2, true), false),
        "{x7:1}" | "setitem_int1" => (filled(empty, 1, false), false),
        "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":x7}" => (filled(empty, 5, true), false),
        "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":x7}" => {
            (filled(DictShape::for_display(6, true, version), 6, true), true)
        }
        "setitem6" => (filled(empty, 6, true), false),
        "dict.fromkeys(T5)" | "{i:i for i in T5}" => (filled(empty, 5, false), false),
        "{i:i for i in range(11)}" => (filled(empty, 11, false), false),
        _ => return None,
    };
    let keys_bytes = dict.keys_bytes(version);
    let requests = match (keys_bytes, is_presized) {
        (0, _) => vec![DICT_BYTES],
        (_, true) => vec![keys_bytes, DICT_BYTES],
        (_, false) => vec![DICT_BYTES, keys_bytes],
    };
    Some(Predicted { getsizeof: DICT_BYTES + keys_bytes, is_gc: true, requests })
}

fn set(expression: &str, version: Version) -> Option<Predicted> {
    let n = match expression {
        "set()" => 0,
        "{x7}" | "frozenset((x7,))" => 1,
        "{1,2,3,x7}" | "set(range(4))" => 4,
        "set(range(5))" | "frozenset(range(5))" => 5,
        "set(range(18))" => 18,
        "set(range(19))" => 19,
        _ => return None,
    };
    let mut set = SetTable::new(version);
    (0..n).for_each(|key| _ = set.insert(key, key as u64));
    let table = set.table_bytes();
    let requests = [SET_BYTES, table].into_iter().filter(|&bytes| bytes > 0).collect();
    Some(Predicted { getsizeof: SET_BYTES + table, is_gc: true, requests })
}
