//! `sizes` of objects: instances, subclasses of builtins, functions, iterators, classes.

use super::sizes::{Predicted, plain, tracked, tracked_after};
use crate::Version;
use crate::layout::{
    DICT_BYTES, Fixed, GC_HEADER_BYTES, LIST_BYTES, OBJECT_BYTES, POINTER_BYTES, SharedKeys, bound_method_bytes,
    cell_bytes, code, dict, dict_keys_bytes, fixed_bytes, function_bytes, generator_bytes, instance, int_bytes,
    slots_instance_bytes, tuple_bytes,
};

/// Instances with a `__dict__`: the third one and later of a class whose names are all known and whose room for more has
/// shrunk to one. `n_names`: attributes of its class.
fn instance_of(n_names: u64, version: Version) -> Predicted {
    let mut requests = vec![instance::instance_bytes(version)];
    let getsizeof = requests[0];
    if version < Version::V3_11 {
        // Without attributes there is no dict; with one there are values for eight slots, and then the dict.
        if n_names > 0 {
            let slots = instance::split_keys_log2_slots(n_names, version);
            requests.push(instance::values_bytes(dict::usable_entries(slots), version));
            requests.push(DICT_BYTES);
        }
    } else {
        let values = instance::values_bytes(n_names + 1, version);
        if version >= Version::V3_13 {
            requests[0] += values;
        } else {
            requests.push(values);
        }
    }
    Predicted { getsizeof, is_gc: true, requests }
}

/// The same with its `__dict__` asked for.
fn instance_with_dict(n_names: u64, version: Version) -> Predicted {
    let mut instance = instance_of(n_names, version);
    if version >= Version::V3_11 {
        instance.requests.push(DICT_BYTES);
    }
    instance
}

/// An expression of the kind `obj`.
pub(super) fn object(expression: &str, version: Version) -> Option<Predicted> {
    let fixed = |fixed| fixed_bytes(fixed, version);
    Some(match expression {
        "object()" => plain(fixed(Fixed::Object)),
        "Plain()" => instance_of(0, version),
        "Plain+1attr" => {
            if version < Version::V3_11 {
                instance_of(1, version)
            } else {
                instance_of(0, version)
            }
        }
        "Attrs()" => instance_of(3, version),
        "Attrs1()" => instance_of(1, version),
        "Plain.__dict__" => instance_with_dict(u64::from(version < Version::V3_11), version),
        "Attrs.__dict__" => instance_with_dict(3, version),
        "Slots0()" => tracked(slots_instance_bytes(0, false, version)),
        "Slots1()" => tracked(slots_instance_bytes(1, false, version)),
        "Slots3()" => tracked(slots_instance_bytes(3, false, version)),
        "SlotsW()" => tracked(slots_instance_bytes(1, true, version)),
        _ => return builtin(expression, version),
    })
}

fn builtin(expression: &str, version: Version) -> Option<Predicted> {
    let fixed = |fixed| fixed_bytes(fixed, version);
    let iterator = fixed(Fixed::SequenceIterator);
    let small_int = int_bytes(7, version);
    let with = |object: u64, after: &[u64]| Predicted {
        getsizeof: object,
        is_gc: true,
        requests: [object].iter().chain(after).copied().collect(),
    };
    let three = instance_of(3, version).requests;
    let generator = |n_locals_plus, stack_words| {
        let frame = (version < Version::V3_11).then(|| code::frame_bytes(n_locals_plus, stack_words, version));
        let frame: Vec<u64> = frame.into_iter().collect();
        tracked_after(&frame, generator_bytes(n_locals_plus, stack_words, version))
    };
    Some(match expression {
        "SubList()" => tracked(LIST_BYTES + POINTER_BYTES),
        "SubListD()" => tracked(sub(LIST_BYTES, true, version)),
        "SubDict()" => sub_dict(version),
        "SubTuple((1,))" => {
            let tuple = sub_variable(tuple_bytes(1), 8, version);
            // A tuple's size speaks of the dict's pointer, an int's does not.
            let dict = if version < Version::V3_12 { POINTER_BYTES } else { 0 };
            Predicted { getsizeof: tuple.getsizeof + dict, ..tuple }
        }
        "SubInt(x7)" => sub_variable(GC_HEADER_BYTES + 28, 4, version),
        "Exc()" | "Exc(1)" => tracked(fixed(Fixed::Exception)),
        "gen()" => generator(0, if version >= Version::V3_12 { 2 } else { 1 }),
        "(lambda: 1)" => tracked(function_bytes(version)),
        "closure" => tracked_after(&[cell_bytes()], function_bytes(version)),
        "bound method" => tracked_after(&three, bound_method_bytes()),
        "L5.append" => tracked(fixed(Fixed::BuiltinMethod)),
        // These exist already.
        "Plain.__init__" => Predicted { getsizeof: fixed(Fixed::BuiltinMethod), is_gc: true, requests: Vec::new() },
        "__import__(\"weakref\").ref(Plain)" => {
            Predicted { getsizeof: code::weakref_bytes(version), is_gc: true, requests: Vec::new() }
        }
        "iter(L5)" | "iter(T5)" => tracked(iterator),
        "iter({})" => tracked_after(&[DICT_BYTES], fixed(Fixed::DictIterator)),
        "range(x7)" => {
            Predicted { getsizeof: fixed(Fixed::Range), is_gc: false, requests: vec![small_int, fixed(Fixed::Range)] }
        }
        "slice(1,x7)" => tracked(fixed(Fixed::Slice)),
        "enumerate(L5)" => with(fixed(Fixed::Enumerate), &[iterator]),
        "zip(L5,T5)" => tracked_after(&[iterator, iterator], fixed(Fixed::Zip)),
        "map(str,L5)" => tracked_after(&[iterator], fixed(Fixed::Map)),
        "(i for i in L5)" => generator_expression(version, iterator),
        "property()" => tracked(fixed(Fixed::Property)),
        "super(Attrs,Attrs())" => tracked_after(&three, fixed(Fixed::Super)),
        "collections.deque()" => {
            let object = fixed(Fixed::Deque);
            Predicted { getsizeof: object + 528, is_gc: true, requests: vec![object, 528] }
        }
        "collections.OrderedDict()" => with_first_keys(fixed(Fixed::OrderedDict), version),
        "collections.defaultdict(int)" => with_first_keys(fixed(Fixed::DefaultDict), version),
        "memoryview(b\"x\")" => tracked_after(&[128], fixed(Fixed::MemoryView)),
        "type(\"T\",(),{})" => class(version),
        _ => return None,
    })
}

/// The comprehension's function, the iterator, the generator, whose frame has the iterator and `i`.
fn generator_expression(version: Version, iterator: u64) -> Predicted {
    let generator = generator_bytes(2, 2, version);
    if version < Version::V3_11 {
        tracked_after(&[iterator, code::frame_bytes(2, 2, version)], generator)
    } else {
        tracked_after(&[function_bytes(version), iterator], generator)
    }
}

/// A subclass of a builtin without `__slots__`: a dict and weak references beside it.
fn sub(base_bytes: u64, has_dict: bool, version: Version) -> u64 {
    match (has_dict, version) {
        (false, _) => base_bytes + POINTER_BYTES,
        (true, Version::V3_11) => base_bytes + 3 * POINTER_BYTES,
        (true, _) => base_bytes + 2 * POINTER_BYTES,
    }
}

fn sub_dict(version: Version) -> Predicted {
    with_first_keys(sub(DICT_BYTES, true, version), version)
}

/// Up to 3.9 a dict that is not made by `{}` has keys at once.
fn with_first_keys(object: u64, version: Version) -> Predicted {
    let keys = if version <= Version::V3_9 { dict_keys_bytes(3, true, version) } else { 0 };
    let requests = [object, keys].into_iter().filter(|&bytes| bytes > 0).collect();
    Predicted { getsizeof: object + keys, is_gc: true, requests }
}

/// A subclass of a type of variable size: a pointer to the dict behind the items, from 3.12 on a pre-header instead;
/// the allocator is asked for room for one item more, rounded up to a pointer.
fn sub_variable(bytes: u64, item_bytes: u64, version: Version) -> Predicted {
    let is_3_12 = version >= Version::V3_12;
    let getsizeof = bytes + if is_3_12 { instance::PRE_HEADER_BYTES } else { 0 };
    let dict = if is_3_12 { instance::PRE_HEADER_BYTES } else { POINTER_BYTES };
    let request = (bytes + item_bytes).next_multiple_of(POINTER_BYTES) + dict;
    Predicted { getsizeof, is_gc: true, requests: vec![request] }
}

/// A class: itself, its dict, and what is found out about it. From 3.11 on with the shared keys of its instances.
fn class(version: Version) -> Predicted {
    let object = fixed_bytes(Fixed::Class, version);
    let (slots, text, keys) = (64, 64, dict_keys_bytes(3, true, version));
    let mut requests = vec![object, DICT_BYTES, slots, 2 * OBJECT_BYTES];
    let mut getsizeof = object;
    if version < Version::V3_11 {
        requests.extend([72, keys, text]);
        getsizeof += 128;
    } else {
        let shared = SharedKeys::keys_bytes(version);
        requests.extend([80, shared, keys, text]);
        getsizeof += shared - 40;
    }
    Predicted { getsizeof, is_gc: true, requests }
}
