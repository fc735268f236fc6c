//! Programs on graphs of objects, operation by operation, below the level of frames: what recordings of the collector
//! contain.
//!
//! A program works on an array of slots, all `None` at first. In the real interpreter each operation is an arm of a loop;
//! where in the arm the eval breaker is looked at decides when 3.12 and later collect. The recording starts from a clean
//! state but for the loop's iterator, which the collector tracks.
//!
//! The call of `weakref.ref` goes by way of a tuple of arguments, which counts and is tracked while it lasts.
//!
//! Differs: the callback of a weak reference is a number here and an object there, which the collector does not track.

mod operation;
#[cfg(test)]
mod tests;

use memory_trait::{Address, Allocator, ObjectKey, Outcome, Unwatched};
use rustc_hash::FxHashMap;

pub use self::operation::GraphOperation;
use super::N_GENERATIONS;
use crate::object::Body;
use crate::object::heap::Heap;
use crate::refcount::Due;
use crate::rules::{Rule, rule};
use crate::{PageAllocator, Pymalloc, Version};

/// Keys that maps are given: strings that exist already.
const N_KEYS: usize = 12;

/// Why an operation cannot be done: the program contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphError {
    /// A slot, key or generation that is not there.
    NoSuchPlace,
    /// The slot holds something that has no such operation.
    WrongType {
        /// What it holds.
        type_name: &'static str,
    },
    /// There is no element or key to take.
    Empty,
    /// The emulated heap is full.
    OutOfMemory,
}

impl std::fmt::Display for GraphError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GraphError::NoSuchPlace => write!(f, "there is no such slot, key or generation"),
            GraphError::WrongType { type_name } => write!(f, "the slot holds a {type_name}"),
            GraphError::Empty => write!(f, "there is nothing to take"),
            GraphError::OutOfMemory => write!(f, "the heap is full"),
        }
    }
}

impl std::error::Error for GraphError {}

/// Collections of one generation during an operation, and the collector's counters at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectionRow {
    /// The generation.
    pub generation: usize,
    /// Collections of it.
    pub n_collections: u64,
    /// Objects collected.
    pub n_collected: u64,
    /// `gc.get_count()`.
    pub counts: [u32; N_GENERATIONS],
    /// Survivors of middle collections since the last full one.
    pub long_lived_pending: u64,
    /// Survivors of the last full collection.
    pub long_lived_total: u64,
}

/// A graph of objects and the interpreter that keeps it.
#[derive(Debug)]
pub struct Graph<A = PageAllocator> {
    heap: Heap<Unwatched, A>,
    slots: Vec<ObjectKey>,
    weak_slots: Vec<ObjectKey>,
    keys: Vec<ObjectKey>,
    node: u32,
    weak_node: u32,
    object: u32,
    finalizable: u32,
    /// Identity and rescuing slot of each finalizable object.
    finalizables: FxHashMap<ObjectKey, (u64, Option<usize>)>,
    /// `gc.garbage`.
    garbage: ObjectKey,
    /// What finalizers and callbacks logged.
    logged: Vec<u64>,
}

impl Graph {
    /// An empty graph of `n_slots`.
    pub fn new(version: Version, thresholds: [u32; N_GENERATIONS], n_slots: usize) -> Graph {
        Graph::over(Pymalloc::new(version), thresholds, n_slots)
    }
}

impl<A: Allocator> Graph<A> {
    /// An empty graph of `n_slots` whose objects come from `pymalloc`, in whatever state that is. What the graph needs
    /// at the start is there already, and somewhere else.
    pub fn over(pymalloc: Pymalloc<A>, thresholds: [u32; N_GENERATIONS], n_slots: usize) -> Graph<A> {
        let version = pymalloc.version();
        let mut heap = Heap::new(version, thresholds, u64::MAX, pymalloc, Unwatched);
        let none = heap.singletons.none;
        heap.incref_by(none, 2 * n_slots as u32 + 8);
        let keys = heap.singletons.latin1[usize::from(b'a')..][..N_KEYS].to_vec();
        let small_node = heap.class(&["p", "q"], vec![none; 2], false);
        let weak_node = heap.class(&["p", "q", "w"], vec![none; 3], false);
        let object = heap.class_with_dict(&["x", "y"], vec![none; 2]);
        let finalizable = heap.class(&["p", "q", "w"], vec![none; 3], true);
        // The loop's iterator.
        let iterator = heap.insert(Body::List(Box::default()), Address::NULL);
        heap.gc.count_allocation();
        heap.track(iterator);
        // `gc.garbage` is as old as the interpreter.
        let garbage = heap.insert(Body::List(Box::default()), Address::NULL);
        Graph {
            heap,
            slots: vec![none; n_slots],
            weak_slots: vec![none; n_slots],
            keys,
            node: small_node,
            weak_node,
            object,
            finalizable,
            finalizables: FxHashMap::default(),
            garbage,
            logged: Vec::new(),
        }
    }

    /// Does an operation; answers a row for each generation collected during it.
    ///
    /// # Errors
    /// When the program contradicts itself. The graph is of no use after that.
    pub fn step(&mut self, operation: GraphOperation) -> Result<Vec<CollectionRow>, GraphError> {
        let before = self.heap.gc.stats;
        self.logged.clear();
        self.perform(operation)?;
        self.settle();
        // The jump back to the head of the loop.
        self.check_eval_breaker();
        let gc = &self.heap.gc;
        let row = |generation: usize| CollectionRow {
            generation,
            n_collections: gc.stats[generation].n_collections - before[generation].n_collections,
            n_collected: gc.stats[generation].n_collected - before[generation].n_collected,
            counts: gc.counts,
            long_lived_pending: gc.long_lived_pending,
            long_lived_total: gc.long_lived_total,
        };
        Ok((0..N_GENERATIONS).map(row).filter(|row| row.n_collections > 0).collect())
    }

    /// The address of what is in a slot, `id(S[a])`.
    pub fn address(&self, slot: usize) -> Option<Address> {
        self.slots.get(slot).map(|&key| self.heap.object(key).address)
    }

    /// `gc.is_tracked(S[a])`.
    pub(crate) fn is_tracked(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|&key| self.heap.object(key).is_tracked())
    }

    /// `len(gc.garbage)`: what was kept there since it was last cleared.
    pub fn n_garbage(&self) -> usize {
        self.heap.list_ref(self.garbage).items.len()
    }

    /// `gc.get_count()`.
    pub fn counts(&self) -> [u32; N_GENERATIONS] {
        self.heap.gc.counts
    }

    /// The allocator.
    pub fn pymalloc(&self) -> &Pymalloc<A> {
        &self.heap.allocator
    }

    /// What finalizers and callbacks logged during the last operation, in order.
    pub fn logged(&self) -> &[u64] {
        &self.logged
    }

    /// Runs what is due until nothing is left to do.
    fn settle(&mut self) {
        while !self.heap.run() {
            let Some((due, suspended)) = self.heap.enter_due() else { break };
            match due {
                Due::Callback { weak: _, callback } => {
                    self.check_eval_breaker();
                    self.logged.push(callback);
                }
                Due::Finalizer(key) => {
                    self.check_eval_breaker();
                    let (id, rescue) = self.finalizables[&key];
                    self.logged.push(id);
                    if let Some(slot) = rescue {
                        self.heap.incref(key);
                        let old = std::mem::replace(&mut self.slots[slot], key);
                        self.heap.drop_reference(old);
                        self.settle();
                    }
                }
            }
            self.heap.leave_due(suspended);
        }
    }

    /// Operations on what is there.
    fn perform(&mut self, operation: GraphOperation) -> Result<(), GraphError> {
        use GraphOperation as Op;
        match operation {
            Op::Append(a, b) => {
                let (list, value) = (self.typed(a, "list")?, self.slot(b)?);
                self.heap.incref(value);
                self.heap.list_append(list, value).map_err(|_| GraphError::OutOfMemory)
            }
            Op::Drop(a) => {
                let none = self.heap.none();
                self.store(a, none)
            }
            Op::SetItem(a, b, c) => {
                let (map, value, key) = (self.typed(a, "dict")?, self.slot(b)?, self.key(c)?);
                self.set_item(map, key, value)
            }
            Op::SetField(a, field, b) => {
                let (instance, value) = (self.typed(a, "instance")?, self.slot(b)?);
                self.heap.incref(value);
                if let Some(old) = self.heap.replace_field(instance, field, Some(value)) {
                    self.heap.drop_reference(old);
                }
                Ok(())
            }
            Op::Pop(a) => {
                let list = self.typed(a, "list")?;
                let value = self.heap.list_pop(list).map_err(|_| GraphError::OutOfMemory)?.ok_or(GraphError::Empty)?;
                self.heap.drop_reference(value);
                Ok(())
            }
            Op::Clear(a) => {
                let key = self.slot(a)?;
                self.heap.clear_container(key);
                self.settle();
                Ok(())
            }
            Op::Copy(a, b) => {
                let value = self.slot(b)?;
                self.heap.incref(value);
                self.store(a, value)
            }
            Op::Collect(generation) => {
                if generation >= N_GENERATIONS {
                    return Err(GraphError::NoSuchPlace);
                }
                self.heap.begin_requested(generation);
                self.settle();
                Ok(())
            }
            Op::DeleteItem(a, c) => {
                let (map, key) = (self.typed(a, "dict")?, self.key(c)?);
                let found = self.heap.dict_find(map, key).ok_or(GraphError::Empty)?;
                let entry = self.heap.dict_remove(map, found);
                if let Some(key) = entry.key {
                    self.heap.drop_reference(key);
                }
                self.heap.drop_reference(entry.value);
                Ok(())
            }
            Op::DropWeak(a) => {
                let none = self.heap.none();
                let slot = self.weak_slots.get_mut(a).ok_or(GraphError::NoSuchPlace)?;
                let old = std::mem::replace(slot, none);
                self.heap.drop_reference(old);
                Ok(())
            }
            Op::Disable
            | Op::Enable
            | Op::Freeze
            | Op::Unfreeze
            | Op::SetThreshold(_)
            | Op::SaveAll(_)
            | Op::ClearGarbage => self.control(operation),
            other => self.create(other),
        }
    }

    /// What module `gc` offers beside `gc.collect()`.
    fn control(&mut self, operation: GraphOperation) -> Result<(), GraphError> {
        use GraphOperation as Op;
        match operation {
            Op::Disable => {
                self.heap.gc.is_enabled = false;
            }
            Op::Enable => {
                self.heap.gc.is_enabled = true;
            }
            Op::Freeze => {
                self.heap.freeze();
            }
            Op::Unfreeze => {
                self.heap.unfreeze();
            }
            Op::SetThreshold(thresholds) => {
                // Called by way of a tuple of arguments, as `weakref.ref` is.
                let arguments = vec![self.heap.none(), self.heap.none(), self.heap.none()];
                let arguments = self.made(|heap| heap.tuple(arguments), complete)?;
                self.heap.gc.thresholds = thresholds;
                self.heap.drop_reference(arguments);
                self.settle();
            }
            Op::SaveAll(saves_all) => {
                self.heap.gc.saves_into = saves_all.then_some(self.garbage);
            }
            Op::ClearGarbage => {
                self.heap.clear_container(self.garbage);
                self.settle();
            }
            other => unreachable!("{other:?} is nothing of module gc's"),
        }
        Ok(())
    }

    /// Operations that make an object.
    fn create(&mut self, operation: GraphOperation) -> Result<(), GraphError> {
        use GraphOperation as Op;
        match operation {
            Op::NewList(a) => {
                let key = self.made(|heap| Ok(heap.list()?.0), complete)?;
                self.store(a, key)
            }
            Op::NewDict(a) => {
                let key = self.made(|heap| Ok(heap.dict()?.0), complete)?;
                self.store(a, key)
            }
            Op::NewPair(a, b, c) => {
                let items = vec![self.slot(b)?, self.slot(c)?];
                self.new_tuple(a, items)
            }
            Op::NewNode(a) => self.new_instance(a, self.node),
            Op::NewWeakNode(a) => self.new_instance(a, self.weak_node),
            Op::NewObject(a) => {
                let class = self.object;
                let key = self.made(|heap| heap.instance_with_dict(class), Heap::give_values)?;
                self.check_eval_breaker();
                self.store(a, key)
            }
            Op::NewListOfTwo(a, b, c) => {
                let items = [self.slot(b)?, self.slot(c)?];
                for item in items {
                    self.heap.incref(item);
                }
                let key = self.made(|heap| Ok(heap.list()?.0), |heap, key| heap.list_fill(key, &items))?;
                self.store(a, key)
            }
            Op::NewDictOfOne(a, b, c) => {
                let (value, key) = (self.slot(b)?, self.key(c)?);
                self.heap.incref(value);
                let map = self.made(|heap| Ok(heap.dict()?.0), complete)?;
                self.set_item(map, key, value)?;
                self.heap.drop_reference(value);
                self.store(a, map)
            }
            Op::NewTriple(a) => {
                let small = &self.heap.singletons.small_ints;
                let items = vec![small[6], small[7], small[8]];
                self.new_tuple(a, items)
            }
            Op::NewTwenty(a, b) => {
                let items = vec![self.slot(b)?; 20];
                self.new_tuple(a, items)
            }
            Op::NewFinalizable { a, id, rescue } => {
                if rescue.is_some_and(|slot| slot >= self.slots.len()) {
                    return Err(GraphError::NoSuchPlace);
                }
                let class = self.finalizable;
                let key = self.made(|heap| Ok(heap.instance(class)?.0), complete)?;
                self.finalizables.insert(key, (id, rescue));
                self.check_eval_breaker();
                self.store(a, key)
            }
            Op::WeakField(a, b, id) => {
                let instance = self.typed(a, "instance")?;
                let weak = self.new_weak(b, id)?;
                if let Some(old) = self.heap.replace_field(instance, 2, Some(weak)) {
                    self.heap.drop_reference(old);
                }
                Ok(())
            }
            Op::WeakSlot(a, b, id) => {
                let weak = self.new_weak(b, id)?;
                let slot = self.weak_slots.get_mut(a).ok_or(GraphError::NoSuchPlace)?;
                let old = std::mem::replace(slot, weak);
                self.heap.drop_reference(old);
                Ok(())
            }
            other => unreachable!("{other:?} makes nothing"),
        }
    }

    /// Makes an object by an instruction of its own: `make` the object, `complete` the blocks that belong to it. In 3.11
    /// the collection that this makes due comes in between, before the object is tracked; later it waits.
    fn made(
        &mut self,
        make: impl FnOnce(&mut Heap<Unwatched, A>) -> Outcome<ObjectKey>,
        complete: impl FnOnce(&mut Heap<Unwatched, A>, ObjectKey) -> Outcome<()>,
    ) -> Result<ObjectKey, GraphError> {
        let key = make(&mut self.heap).map_err(|_| GraphError::OutOfMemory)?;
        if self.heap.collects_in_allocation() && self.heap.begin_scheduled() {
            self.settle();
        }
        complete(&mut self.heap, key).map_err(|_| GraphError::OutOfMemory)?;
        if !matches!(self.heap.object(key).body, Body::Dict(_)) {
            self.heap.track(key);
        }
        Ok(key)
    }

    fn new_instance(&mut self, a: usize, class: u32) -> Result<(), GraphError> {
        let key = self.made(|heap| Ok(heap.instance(class)?.0), complete)?;
        // A call: the eval breaker is looked at while the result is still on the evaluation stack.
        self.check_eval_breaker();
        self.store(a, key)
    }

    fn new_weak(&mut self, target: usize, id: u64) -> Result<ObjectKey, GraphError> {
        let target = self.typed(target, "instance")?;
        // A class is called by way of a tuple of arguments, which the collector sees.
        let items = vec![target, self.heap.none()];
        self.heap.incref(target);
        let arguments =
            if rule(Rule::WeakrefsHaveArguments) { self.made(|heap| heap.tuple(items), complete)? } else { target };
        let key = self.made(|heap| Ok(heap.weakref(target, Some(id))?.0), complete)?;
        self.heap.drop_reference(arguments);
        self.settle();
        self.check_eval_breaker();
        Ok(key)
    }

    fn new_tuple(&mut self, a: usize, items: Vec<ObjectKey>) -> Result<(), GraphError> {
        for &item in &items {
            self.heap.incref(item);
        }
        let key = self.made(|heap| heap.tuple(items), complete)?;
        self.store(a, key)
    }

    fn set_item(&mut self, map: ObjectKey, key: ObjectKey, value: ObjectKey) -> Result<(), GraphError> {
        self.heap.incref(value);
        let written = self.heap.dict_set(map, key, value).map_err(|_| GraphError::OutOfMemory)?;
        if let Some(old) = written.old {
            self.heap.drop_reference(old);
        }
        Ok(())
    }

    fn store(&mut self, a: usize, key: ObjectKey) -> Result<(), GraphError> {
        let slot = self.slots.get_mut(a).ok_or(GraphError::NoSuchPlace)?;
        let old = std::mem::replace(slot, key);
        self.heap.drop_reference(old);
        Ok(())
    }

    fn check_eval_breaker(&mut self) {
        if !self.heap.collects_in_allocation() && self.heap.begin_scheduled() {
            self.settle();
        }
    }

    fn slot(&self, slot: usize) -> Result<ObjectKey, GraphError> {
        self.slots.get(slot).copied().ok_or(GraphError::NoSuchPlace)
    }

    fn key(&self, key: usize) -> Result<ObjectKey, GraphError> {
        self.keys.get(key).copied().ok_or(GraphError::NoSuchPlace)
    }

    fn typed(&self, slot: usize, expected: &str) -> Result<ObjectKey, GraphError> {
        let key = self.slot(slot)?;
        let type_name = self.heap.object(key).type_name();
        if type_name == expected { Ok(key) } else { Err(GraphError::WrongType { type_name }) }
    }
}

/// An object of one block is complete.
#[expect(clippy::unnecessary_wraps, reason = "stands where other objects allocate")]
fn complete<A>(_heap: &mut Heap<Unwatched, A>, _key: ObjectKey) -> Outcome<()> {
    Ok(())
}
