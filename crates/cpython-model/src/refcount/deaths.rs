//! What each type does when its object dies: the `tp_dealloc` functions.
//!
//! Children are dropped in the runtime's order: lists and tuples from the last, dictionaries in insertion order, slots
//! by attribute name. Where a child's death needs work of its own the parent's goes back on the stack below it.

use memory_trait::{Address, Allocator, ObjectKey, Observer};

use super::work::{Owner, Work};
use super::{Begin, Due};
use crate::object::Body;
use crate::object::dict::Dict;
use crate::object::heap::{Class, Heap};
use crate::object::table::place_of;
use crate::rules::{Rule, rule};

/// What comes next in a death.
#[derive(Debug)]
enum Opened {
    /// The slots of the instance.
    Slots,
    /// The items of a list or tuple.
    Items { owner: Owner, items: Vec<ObjectKey>, block: Address },
    /// Something that is on the stack of work or waits for the program; or nothing.
    Other,
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// `_Py_Dealloc` of something that is no scalar: does the work, or puts it on the stack.
    pub(crate) fn begin_death(&mut self, key: ObjectKey, begin: Begin) {
        match self.open_death(key) {
            Opened::Slots if begin == Begin::AtOnce => self.drop_slots(key, 0, true),
            Opened::Slots => self.push_work(Work::Slots { key, next: 0, dies: true }),
            Opened::Items { owner, items, block } if begin == Begin::AtOnce => self.drop_items(owner, items, block),
            Opened::Items { owner, items, block } => self.push_work(Work::Items { owner, items, block }),
            Opened::Other => {}
        }
    }

    /// The first part of a death, up to what the object holds. Whatever has to come before that is arranged for.
    #[inline]
    fn open_death(&mut self, key: ObjectKey) -> Opened {
        let object = &self.objects[key];
        if let Body::Weak(_) = object.body {
            self.free_weak(key);
            return Opened::Other;
        }
        if let Body::Iterator(_) = object.body {
            let (over, bytes) = self.begin_iterator_death(key);
            let mut items = self.spares.keys();
            items.push(over);
            return Opened::Items { owner: Owner::Iterator(key, bytes), items, block: Address::NULL };
        }
        if object.is_tracked() {
            self.objects.unlink(place_of(key));
        }
        if !self.refcounting.trashcan.begin(key) {
            return Opened::Other;
        }
        let object = &self.objects[key];
        let Some(class) = object.body.class() else { return self.open_other(key) };
        if object.has_weakrefs || self.classes[class as usize].has_del {
            self.finalize_or_clear_weakrefs(key, class);
            return Opened::Other;
        }
        self.tell_reclaimed(key);
        Opened::Slots
    }

    /// The same for an instance with a `__del__`, or with weak references to it.
    #[cold]
    fn finalize_or_clear_weakrefs(&mut self, key: ObjectKey, class: u32) {
        if self.classes[class as usize].has_del {
            // The object is in the youngest generation while its finalizer runs, and stays there if that rescues it.
            self.track(key);
            if !(self.objects[key].is_finalized && rule(Rule::FinalizersRunOnce)) {
                return self.finalize_dying(key);
            }
            self.untrack(key);
        }
        self.clear_weakrefs_of_dying(key);
    }

    /// The same for containers.
    fn open_other(&mut self, key: ObjectKey) -> Opened {
        self.tell_reclaimed(key);
        match &mut self.objects[key].body {
            Body::List(_) => {
                let (items, block) = self.list_take(key);
                Opened::Items { owner: Owner::List(key), items, block }
            }
            Body::Tuple(items) => {
                let items = std::mem::take(items);
                let owner = Owner::Tuple(key, items.len());
                Opened::Items { owner, items, block: Address::NULL }
            }
            Body::Dict(_) => {
                let dict = self.dict_take(key);
                self.push_work(Work::Entries { owner: Some(key), dict, next: 0 });
                Opened::Other
            }
            body => panic!("{body:?} is never reclaimed"),
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

    /// Drops what is in the slots of an instance, from the `first` in order on, then the object if it dies. A death
    /// that this leads to goes on here; its parent's goes on the stack.
    pub(super) fn drop_slots(&mut self, mut key: ObjectKey, mut first: usize, mut dies: bool) {
        while let Some((child, next)) = self.drop_slots_until_death(key, first) {
            self.push_work(Work::Slots { key, next, dies });
            match self.open_death(child) {
                Opened::Slots => (key, first, dies) = (child, 0, true),
                Opened::Items { owner, items, block } => return self.push_work(Work::Items { owner, items, block }),
                Opened::Other => return,
            }
        }
        if dies {
            self.free_instance_object(key);
            self.end_trashcan();
        }
    }

    /// Drops slots up to one whose object dies and has work of its own; answers that, and which slot is next.
    #[inline]
    fn drop_slots_until_death(&mut self, key: ObjectKey, first: usize) -> Option<(ObjectKey, usize)> {
        let Body::Instance(instance) = &mut self.objects[key].body else {
            return self.drop_many_slots_until_death(key, first);
        };
        let Class { n_fields, inline_order, .. } = self.classes[instance.class as usize];
        let mut fields = std::mem::take(&mut instance.fields);
        for next in first..n_fields {
            let Some(value) = fields[usize::from(inline_order[next])].take() else { continue };
            // Most of what is dropped lives on, or is immortal.
            if !self.is_last_reference(value) || self.free_scalar(value) {
                continue;
            }
            if let Body::Instance(instance) = &mut self.objects[key].body {
                instance.fields = fields;
            }
            return Some((value, next + 1));
        }
        None
    }

    fn drop_many_slots_until_death(&mut self, key: ObjectKey, first: usize) -> Option<(ObjectKey, usize)> {
        let class = self.objects[key].body.class().expect("only instances have slots") as usize;
        for next in first..self.classes[class].n_fields {
            let slot = self.classes[class].slot_order[next] as usize;
            let Some(value) = self.replace_field(key, slot, None) else { continue };
            if !self.is_last_reference(value) || self.free_scalar(value) {
                continue;
            }
            return Some((value, next + 1));
        }
        None
    }

    pub(super) fn drop_items(&mut self, owner: Owner, mut items: Vec<ObjectKey>, block: Address) {
        if !rule(Rule::ItemsDieFromTheLast) {
            items.reverse();
        }
        while let Some(item) = items.pop() {
            // Most of what is dropped lives on, or is immortal.
            if !self.is_last_reference(item) || self.free_scalar(item) {
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
            Owner::Iterator(key, bytes) => return self.free_iterator(key, bytes),
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
            // Most of what is dropped lives on, or is immortal.
            if !self.is_last_reference(entry.value) || self.free_scalar(entry.value) {
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
