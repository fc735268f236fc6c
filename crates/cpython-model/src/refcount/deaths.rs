//! What each type does when its object dies: the `tp_dealloc` functions.
//!
//! Children are dropped in the runtime's order: lists and tuples from the last, dictionaries in insertion order, slots
//! by attribute name. Where a child's death needs work of its own the parent's goes back on the stack below it.

use memory_trait::{Address, Allocator, ObjectKey, Observer};

use super::work::{Owner, Work};
use super::{Begin, Due};
use crate::object::Body;
use crate::object::dict::Dict;
use crate::object::heap::Heap;
use crate::rules::{Rule, rule};

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// `_Py_Dealloc` of something that is no scalar: does the work, or puts it on the stack.
    pub(crate) fn begin_death(&mut self, key: ObjectKey, begin: Begin) {
        match &self.objects[key].body {
            Body::Weak(_) => return self.free_weak(key),
            Body::List(_) | Body::Tuple(_) | Body::Dict(_) | Body::Instance(_) | Body::LargeInstance(_) => {}
            body => panic!("{body:?} is never reclaimed"),
        }
        self.untrack(key);
        if !self.refcounting.trashcan.begin(key) {
            return;
        }
        if let Some(class) = self.objects[key].body.class() {
            let has_del = self.classes[class as usize].has_del;
            if has_del {
                // The object is in the youngest generation while its finalizer runs, and stays there if that rescues it.
                self.track(key);
                if !(self.objects[key].is_finalized && rule(Rule::FinalizersRunOnce)) {
                    return self.finalize_dying(key);
                }
                self.untrack(key);
            }
            if begin == Begin::AtOnce && !self.objects[key].has_weakrefs {
                self.tell_reclaimed(key);
                return self.drop_slots(key, 0, true);
            }
            return self.clear_weakrefs_of_dying(key);
        }
        self.tell_reclaimed(key);
        match &mut self.objects[key].body {
            Body::List(_) => {
                let (items, block) = self.list_take(key);
                if begin == Begin::AtOnce {
                    return self.drop_items(Owner::List(key), items, block);
                }
                self.push_work(Work::Items { owner: Owner::List(key), items, block });
            }
            Body::Tuple(items) => {
                let items = std::mem::take(items);
                let owner = Owner::Tuple(key, items.len());
                self.push_work(Work::Items { owner, items, block: Address::NULL });
            }
            Body::Dict(_) => {
                let dict = self.dict_take(key);
                self.push_work(Work::Entries { owner: Some(key), dict, next: 0 });
            }
            body => unreachable!("{body:?} was dealt with"),
        }
    }

    /// `PyObject_CallFinalizerFromDealloc` up to the call.
    fn finalize_dying(&mut self, key: ObjectKey) {
        let object = &mut self.objects[key];
        object.is_finalized = true;
        object.refcount = 1;
        self.push_work(Work::FinalizerReturned { key });
        self.suspend(Due::Finalizer(key));
    }

    /// ... and after it: the object is dead for good, or somebody has taken a reference.
    pub(super) fn finalizer_returned(&mut self, key: ObjectKey) {
        let object = &mut self.objects[key];
        object.refcount -= 1;
        if object.refcount > 0 {
            return self.end_trashcan();
        }
        self.untrack(key);
        self.clear_weakrefs_of_dying(key);
    }

    /// The rest of `subtype_dealloc`: slots, then the object.
    pub(super) fn clear_slots_of_dying(&mut self, key: ObjectKey) {
        self.tell_reclaimed(key);
        self.push_work(Work::Slots { key, next: 0, dies: true });
    }

    pub(super) fn drop_slots(&mut self, key: ObjectKey, mut next: usize, dies: bool) {
        let class = self.objects[key].body.class().expect("only instances have slots") as usize;
        let n = self.classes[class].n_fields;
        while next < n {
            let slot = self.classes[class].slot_order[next] as usize;
            next += 1;
            let Some(value) = self.replace_field(key, slot, None) else { continue };
            // Most of what is dropped lives on, or is immortal.
            if !self.is_last_reference(value) {
                continue;
            }
            if self.objects[value].is_scalar() {
                self.free_scalar(value);
                continue;
            }
            self.push_work(Work::Slots { key, next, dies });
            return self.begin_death(value, Begin::Later);
        }
        if dies {
            self.free_instance_object(key);
            self.end_trashcan();
        }
    }

    pub(super) fn drop_items(&mut self, owner: Owner, mut items: Vec<ObjectKey>, block: Address) {
        if !rule(Rule::ItemsDieFromTheLast) {
            items.reverse();
        }
        while let Some(item) = items.pop() {
            if !self.is_last_reference(item) {
                continue;
            }
            if self.objects[item].is_scalar() {
                self.free_scalar(item);
                continue;
            }
            self.push_work(Work::Items { owner, items, block });
            return self.begin_death(item, Begin::Later);
        }
        self.spares.give_keys(items);
        if !block.is_null() {
            self.free(block);
        }
        match owner {
            Owner::Cleared => return,
            Owner::List(key) => self.free_list_object(key),
            Owner::Tuple(key, n_items) => self.free_tuple_object(key, n_items),
        }
        self.end_trashcan();
    }

    pub(super) fn drop_entries(&mut self, owner: Option<ObjectKey>, dict: Box<Dict>, mut next: usize) {
        while next < dict.entries().len() {
            let entry = dict.entries()[next];
            next += 1;
            let Some(key) = entry.key else { continue };
            self.release(key);
            if !self.is_last_reference(entry.value) {
                continue;
            }
            if self.objects[entry.value].is_scalar() {
                self.free_scalar(entry.value);
                continue;
            }
            self.push_work(Work::Entries { owner, dict, next });
            return self.begin_death(entry.value, Begin::Later);
        }
        self.free_dict_table(dict);
        if let Some(key) = owner {
            self.free_dict_object(key);
            self.end_trashcan();
        }
    }

    pub(crate) fn end_trashcan(&mut self) {
        if self.refcounting.trashcan.end() {
            self.refcounting.trashcan.enter_chain();
            self.push_work(Work::Chain);
        }
    }

    pub(super) fn destroy_chain(&mut self) {
        if let Some(key) = self.refcounting.trashcan.next_in_chain() {
            self.push_work(Work::Chain);
            self.begin_death(key, Begin::Later);
        }
    }
}
