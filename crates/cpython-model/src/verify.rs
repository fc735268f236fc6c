//! A check of the whole heap that shares no code with what it checks.
//!
//! What has to hold between any two operations of a machine:
//!
//! 1. An object's count is the number of references to it: from objects, frames, constants, classes, and from work in
//!    progress.
//! 2. The collector's lists are well linked; an object is in one of them if it says so, and in no other; what is not
//!    tracked holds nothing that has to be.
//! 3. A dictionary's index finds each of its keys, and nothing else.
//! 4. Weak references and their targets know each other.
//! 5. The sums of `usage()` are what the objects add up to.
//! 6. Every block in use is either an object's or on a free list, of the size that belongs there, and once.
//! 7. The data stacks have the slots and bytes of their frames.

mod blocks;

use memory_trait::{Allocator, ObjectKey, Observer};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cycle::lists::N_LISTS;
use crate::machine::Pending;
use crate::object::table::{NOWHERE, Place, place_of};
use crate::object::{Body, IMMORTAL, Instance, LargeInstance, Object, STATIC_REFCOUNT_3_11};
use crate::refcount::work::Work;
use crate::{CPython, Version};

/// All references of an object, keys of dictionaries included.
pub(crate) fn references(object: &Object) -> Vec<ObjectKey> {
    match &object.body {
        Body::Tuple(items) => items.clone(),
        Body::List(list) => list.items.clone(),
        Body::Dict(dict) => {
            let live = dict.entries().iter().filter_map(|entry| Some([entry.key?, entry.value]));
            live.flatten().collect()
        }
        Body::Instance(instance) => instance.fields.iter().flatten().copied().collect(),
        Body::LargeInstance(instance) => instance.fields.iter().flatten().copied().collect(),
        Body::Sentinel
        | Body::None
        | Body::Bool(_)
        | Body::Int(_)
        | Body::Float(_)
        | Body::Text(_)
        | Body::Bytes(_)
        | Body::Range
        | Body::Weak(_) => Vec::new(),
        Body::Iterator(over) => vec![*over],
    }
}

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// Checks the whole heap. Slow: for tests.
    ///
    /// # Errors
    /// The first thing found wrong, in words: a bug of the model.
    pub fn verify(&self) -> Result<(), String> {
        self.verify_counts()?;
        self.verify_lists()?;
        self.verify_dicts()?;
        self.verify_weakrefs()?;
        self.verify_stacks()?;
        self.verify_account()
    }

    /// Objects that nothing in use leads to: garbage that only the collector can find. Marks everything from the roots.
    pub fn n_unreachable(&self) -> usize {
        let mut reached: FxHashSet<ObjectKey> = FxHashSet::default();
        let mut todo = self.roots();
        while let Some(key) = todo.pop() {
            if reached.insert(key) {
                todo.extend(references(&self.heap.objects[key]));
            }
        }
        let is_static = |key: ObjectKey| self.statics().contains(&key);
        self.heap
            .objects
            .iter()
            .filter(|&(key, object)| {
                !matches!(object.body, Body::Sentinel) && !reached.contains(&key) && !is_static(key)
            })
            .count()
    }

    fn statics(&self) -> Vec<ObjectKey> {
        let statics = &self.heap.singletons;
        let mut keys = vec![statics.none, statics.empty_text, statics.empty_bytes, statics.empty_tuple];
        keys.extend(statics.truths);
        keys.extend(&statics.small_ints);
        keys.extend(&statics.latin1);
        keys
    }

    /// What holds references from outside the heap, one entry a reference.
    fn roots(&self) -> Vec<ObjectKey> {
        let mut keys: Vec<ObjectKey> = self.constants.iter().chain(&self.ambient).copied().collect();
        keys.extend(self.zero_float.iter().chain(&self.garbage));
        keys.extend(self.heap.classes.iter().flat_map(|class| class.defaults.iter()));
        let stacks = std::iter::once(&self.stack).chain(self.parked.iter().flatten());
        keys.extend(stacks.clone().flat_map(|stack| stack.slots.iter().flatten()));
        keys.extend(stacks.flat_map(|stack| &stack.ranges));
        for (_, pending) in &self.pending {
            match pending {
                Pending::Place { at: _, key, temporaries } => {
                    keys.extend(std::iter::once(key).chain(temporaries.iter().flatten()));
                }
                Pending::Array { at: _, temporary: _, temporaries, n: _, naming: _ } => {
                    keys.extend(temporaries.iter().flatten());
                }
                Pending::Return { next: _, value } => keys.extend(value),
                Pending::Create(creation) => keys.extend(creation.held()),
                Pending::Iterate { dst: _, key } => keys.push(*key),
                Pending::Weak { dst: _, arguments, naming: _ } => keys.push(*arguments),
                Pending::Collected => {}
            }
        }
        for work in &self.heap.refcounting.work {
            match work {
                Work::Items { owner: _, items, block: _ } => keys.extend(items),
                Work::Entries { owner: _, dict, next } => {
                    let left = dict.entries()[*next..].iter().filter_map(|entry| Some([entry.key?, entry.value]));
                    keys.extend(left.flatten());
                }
                Work::FinalizerReturned { key } | Work::Drop(key) => keys.push(*key),
                Work::Callbacks { key: _, holder, calls } => match holder {
                    Some(holder) => keys.push(*holder),
                    None => keys.extend(calls.iter().map(|&(weak, _)| weak)),
                },
                Work::Slots { .. } | Work::Chain | Work::Collect(_) => {}
            }
        }
        keys
    }

    fn verify_counts(&self) -> Result<(), String> {
        let mut counts: FxHashMap<ObjectKey, u32> = FxHashMap::default();
        for key in self.roots() {
            *counts.entry(key).or_default() += 1;
        }
        for object in self.heap.objects.values() {
            for key in references(object) {
                if !self.heap.objects.contains_key(key) {
                    return Err(format!("a {} refers to something that is gone", object.type_name()));
                }
                *counts.entry(key).or_default() += 1;
            }
        }
        let statics: FxHashSet<ObjectKey> = self.statics().into_iter().collect();
        for (key, object) in self.heap.objects.iter() {
            let mut expected = counts.remove(&key).unwrap_or_default();
            if statics.contains(&key) {
                expected = if self.version() >= Version::V3_12 { IMMORTAL } else { STATIC_REFCOUNT_3_11 + expected };
            } else if matches!(object.body, Body::Sentinel) {
                expected = 1;
            }
            if object.refcount != expected {
                let (name, actual) = (self.describe(key), object.refcount);
                return Err(format!("{name} has a count of {actual} and {expected} references"));
            }
        }
        match counts.len() {
            0 => Ok(()),
            n => Err(format!("{n} references to objects that are gone")),
        }
    }

    fn verify_lists(&self) -> Result<(), String> {
        let objects = &self.heap.objects;
        let mut listed: FxHashSet<ObjectKey> = FxHashSet::default();
        let live: FxHashMap<Place, ObjectKey> = objects.iter().map(|(key, _)| (place_of(key), key)).collect();
        for head in NOWHERE + 1..=N_LISTS as Place {
            let (mut prev, mut at) = (head, objects.at(head).next);
            while at != head {
                let Some(&key) = live.get(&at) else { return Err("a list leads to something that is gone".into()) };
                let object = &objects[key];
                if object.prev != prev {
                    return Err(format!("{} is linked wrongly", self.describe(key)));
                }
                if !object.body.is_gc() || !listed.insert(key) {
                    return Err(format!("{} is in a list where it must not be", self.describe(key)));
                }
                (prev, at) = (at, object.next);
            }
            if objects.at(head).prev != prev {
                return Err("a list's end is not its head's".into());
            }
        }
        let is_busy = !self.heap.refcounting.work.is_empty() || !self.pending.is_empty();
        for (key, object) in objects.iter() {
            let is_head = matches!(object.body, Body::Sentinel);
            if !is_head && (object.next == NOWHERE) == listed.contains(&key) {
                return Err(format!("{} does not know whether it is tracked", self.describe(key)));
            }
            let must_be_tracked = match &object.body {
                Body::List(_) | Body::Instance(_) | Body::LargeInstance(_) | Body::Weak(_) | Body::Iterator(_) => true,
                Body::Dict(_) | Body::Tuple(_) => references(object).iter().any(|&child| {
                    let child = &objects[child];
                    child.body.is_gc() && child.next != NOWHERE
                }),
                _ => false,
            };
            let is_garbage_list = self.garbage == Some(key);
            if must_be_tracked && !is_garbage_list && object.next == NOWHERE && object.refcount > 0 && !is_busy {
                return Err(format!("{} is not tracked", self.describe(key)));
            }
        }
        Ok(())
    }

    fn verify_dicts(&self) -> Result<(), String> {
        for (key, object) in self.heap.objects.iter() {
            let Body::Dict(dict) = &object.body else { continue };
            let live = dict.entries().iter().filter(|entry| entry.key.is_some()).count();
            if live != dict.len() {
                return Err(format!("{} says it has {} keys and has {live}", self.describe(key), dict.len()));
            }
            let mut seen: FxHashSet<String> = FxHashSet::default();
            for entry in dict.entries() {
                let Some(entry_key) = entry.key else { continue };
                let content = match &self.heap.objects[entry_key].body {
                    Body::Int(value) => format!("{value}"),
                    Body::Text(text) => format!("{:?}", text.chars),
                    body => return Err(format!("{body:?} is a key")),
                };
                if !seen.insert(content) {
                    return Err(format!("{} has a key twice", self.describe(key)));
                }
            }
        }
        Ok(())
    }

    fn verify_weakrefs(&self) -> Result<(), String> {
        let objects = &self.heap.objects;
        let mut n_listed = 0;
        for (key, object) in objects.iter() {
            let newest = self.heap.weakrefs.get(key).copied();
            if object.has_weakrefs != newest.is_some() {
                return Err(format!("{} does not know whether it is weakly referenced", self.describe(key)));
            }
            let (mut at, mut prev) = (newest, None);
            while let Some(weak_key) = at {
                let Some(Body::Weak(weak)) = objects.get(weak_key).map(|object| &object.body) else {
                    return Err(format!("{} has a weak reference that is none", self.describe(key)));
                };
                if weak.target != Some(key) || weak.prev != prev {
                    return Err(format!("a weak reference to {} is linked wrongly", self.describe(key)));
                }
                n_listed += 1;
                (prev, at) = (at, weak.next);
            }
        }
        let is_live = |object: &&Object| matches!(&object.body, Body::Weak(weak) if weak.target.is_some());
        let n_live = objects.values().filter(is_live).count();
        if n_live == n_listed { Ok(()) } else { Err(format!("{n_live} weak references, {n_listed} of them known")) }
    }

    fn verify_account(&self) -> Result<(), String> {
        let usage = memory_trait::Machine::usage(self);
        if usage.balance() != 0 {
            return Err(format!("the bytes in use and free are {} off the heap", usage.balance()));
        }
        if !self.heap.refcounting.work.is_empty() || self.is_finished {
            // Blocks of containers that are being emptied, and all of them after the end, are taken but count as free.
            return Ok(());
        }
        let (mut payload, mut n_blocks) = (0, 0);
        for object in self.heap.objects.values() {
            if object.refcount >= STATIC_REFCOUNT_3_11 || matches!(object.body, Body::Sentinel) {
                continue;
            }
            n_blocks += u64::from(!object.address.is_null());
            match &object.body {
                Body::Tuple(items) => payload += 8 * items.len() as u64,
                Body::List(list) => {
                    payload += 8 * list.items.len() as u64;
                    n_blocks += u64::from(!list.block.is_null());
                }
                Body::Dict(dict) => {
                    payload += 16 * dict.len() as u64;
                    n_blocks += u64::from(!dict.block.is_null());
                }
                Body::Instance(Instance { class, .. }) | Body::LargeInstance(LargeInstance { class, .. }) => {
                    payload += 8 * self.heap.classes[*class as usize].n_fields as u64;
                }
                Body::Weak(_) => payload += 8,
                Body::Bytes(n) => payload += n,
                Body::Text(text) => {
                    let widest = text.chars.chars().max().unwrap_or_default() as u32;
                    let width = if widest > 0xffff { 4 } else { 1 + u64::from(widest > 0xff) };
                    payload += text.chars.chars().count() as u64 * width;
                }
                _ => {}
            }
        }
        if (payload, n_blocks) != (usage.payload_bytes, usage.n_objects) {
            let (said_payload, said_blocks) = (usage.payload_bytes, usage.n_objects);
            return Err(format!(
                "{payload} bytes of payload in {n_blocks} blocks, but usage says {said_payload} in {said_blocks}"
            ));
        }
        let lengths = self.free_list_lengths();
        let n_kept = lengths.n_floats + lengths.n_lists + lengths.n_dicts + lengths.n_dict_keys + lengths.n_tuples;
        let n_allocated = self.pymalloc().n_allocated_blocks();
        if n_allocated != (n_blocks as usize + n_kept) as i64 {
            return Err(format!("{n_allocated} blocks allocated, {n_blocks} in use and {n_kept} on free lists"));
        }
        self.verify_blocks()
    }

    fn describe(&self, key: ObjectKey) -> String {
        let object = &self.heap.objects[key];
        match self.heap.objects.name(key) {
            Some(naming) => format!("{} #{}", object.type_name(), naming.object.0),
            None => format!("a {} at {}", object.type_name(), object.address),
        }
    }
}
