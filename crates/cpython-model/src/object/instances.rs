//! Instances of classes, with `__slots__` or with shared names of attributes, and weak references.
//!
//! Mirrors `typeobject.c:PyType_GenericAlloc`, `dictobject.c:_PyObject_InitializeDict` and `weakrefobject.c`.

use memory_trait::{Address, Allocator, ObjectKey, Observer, Outcome};

use super::account::Split;
use super::heap::{Class, Heap, gc_block};
use super::{Body, IMMORTAL, Instance, LargeInstance, N_INLINE, Weak};
use crate::layout::instance::{InstanceBlocks, PRE_HEADER_BYTES, SHARED_KEYS_MAX, SharedKeys};
use crate::layout::{self, GC_HEADER_BYTES, POINTER_BYTES};
use crate::rules::{Rule, rule};

/// What an instance with attributes rather than slots occupies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes {
    /// What its own block was asked for as.
    object_bytes: u64,
    /// What its values ask for; 0 where they are part of its own block.
    values_bytes: u64,
    /// The block of its values.
    pub(crate) values: Address,
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// A class whose slots are these; `defaults` gives up its references to the class.
    pub(crate) fn class(&mut self, names: &[&str], defaults: Vec<ObjectKey>, has_del: bool) -> u32 {
        assert_eq!(names.len(), defaults.len(), "a default for each slot");
        let mut slot_order: Vec<u32> = (0..names.len() as u32).collect();
        slot_order.sort_by_key(|&slot| names[slot as usize]);
        let n_fields = names.len();
        let mut inline_order = [0; N_INLINE];
        let mut inline_defaults = [None; N_INLINE];
        if n_fields <= N_INLINE {
            inline_order.iter_mut().zip(&slot_order).for_each(|(to, &slot)| *to = slot as u8);
            inline_defaults.iter_mut().zip(&defaults).for_each(|(to, &default)| *to = Some(default));
        }
        let are_defaults_immortal = defaults.iter().all(|&default| self.objects[default].refcount == IMMORTAL);
        self.classes.push(Class {
            request_bytes: layout::slots_instance_bytes(n_fields as u64, false, self.version),
            pre_header_bytes: GC_HEADER_BYTES,
            n_fields,
            slot_order: slot_order.into(),
            inline_order,
            defaults: defaults.into(),
            inline_defaults,
            are_defaults_immortal,
            has_del,
            shared_keys: None,
        });
        self.classes.len() as u32 - 1
    }

    /// Instances of this class may be referred to weakly.
    pub(crate) fn provide_for_weakrefs(&mut self, class: u32) {
        let version = self.version;
        let of_class = &mut self.classes[class as usize];
        of_class.request_bytes = layout::slots_instance_bytes(of_class.n_fields as u64, true, version);
        if version >= crate::Version::V3_12 {
            of_class.pre_header_bytes = PRE_HEADER_BYTES + GC_HEADER_BYTES;
        }
    }

    /// A class with a `__dict__` whose `__init__` sets these attributes, in this order. So many instances were made of it
    /// that each further one has room for one more attribute only.
    pub(crate) fn class_with_dict(&mut self, names: &[&str], defaults: Vec<ObjectKey>) -> u32 {
        let class = self.class(names, defaults, false);
        let mut shared = SharedKeys::new(self.version);
        for _ in 0..SHARED_KEYS_MAX {
            shared.new_instance();
            for name in 0..names.len() as u32 {
                shared.place(name);
            }
        }
        let of_class = &mut self.classes[class as usize];
        of_class.pre_header_bytes = PRE_HEADER_BYTES + GC_HEADER_BYTES;
        of_class.slot_order = (0..names.len() as u32).collect();
        of_class.inline_order = std::array::from_fn(|slot| slot as u8);
        of_class.shared_keys = Some(Box::new(shared));
        class
    }

    /// The first half of an instance of such a class: its own block. In 3.11 a collection may come before the second,
    /// [`Heap::give_values`].
    pub(crate) fn instance_with_dict(&mut self, class: u32) -> Outcome<ObjectKey> {
        let Class { pre_header_bytes, n_fields, shared_keys, .. } = &mut self.classes[class as usize];
        let (pre_header_bytes, n_fields) = (*pre_header_bytes, *n_fields);
        assert!(n_fields <= N_INLINE, "{n_fields} attributes");
        let shared = shared_keys.as_mut().expect("the class has a `__dict__`");
        let InstanceBlocks { object_bytes, values_bytes } = shared.new_instance();
        let block = self.gc_malloc(object_bytes)?;
        let split = self.instance_split(block, object_bytes, n_fields);
        self.account.take(split);
        let body = self.instance_body(class);
        let key = self.insert(body, block.offset(pre_header_bytes));
        let values_bytes = values_bytes.unwrap_or(0);
        self.attributes.insert(key, Attributes { object_bytes, values_bytes, values: Address::NULL });
        Ok(key)
    }

    /// The second half: the block of its values, where they are not part of its own.
    pub(crate) fn give_values(&mut self, key: ObjectKey) -> Outcome<()> {
        let values_bytes = self.attributes[key].values_bytes;
        if values_bytes > 0 && rule(Rule::ValuesAreABlock) {
            let values = self.malloc(values_bytes)?;
            let split = Split::object(values_bytes, 0, self.block_bytes(values, values_bytes));
            self.account.take(split);
            self.attributes[key].values = values;
        }
        Ok(())
    }

    /// An instance with the class's defaults, and its split. Not tracked yet.
    #[inline]
    pub(crate) fn instance(&mut self, class: u32) -> Outcome<(ObjectKey, Split)> {
        let Class { request_bytes, pre_header_bytes, n_fields, .. } = self.classes[class as usize];
        let block = self.gc_malloc(request_bytes)?;
        let split = self.instance_split(block, request_bytes, n_fields);
        self.account.take(split);
        let body = self.instance_body(class);
        Ok((self.insert(body, block.offset(pre_header_bytes)), split))
    }

    /// The slots of a new instance: the class's defaults.
    #[inline]
    fn instance_body(&mut self, class: u32) -> Body {
        let Class { defaults, inline_defaults, are_defaults_immortal, .. } = &self.classes[class as usize];
        if !are_defaults_immortal {
            for &default in defaults {
                crate::refcount::add_reference(&mut self.objects, default, 1);
            }
        }
        if defaults.len() <= N_INLINE {
            return Body::Instance(Instance { class, fields: *inline_defaults });
        }
        let fields = defaults.iter().map(|&default| Some(default)).collect();
        Body::LargeInstance(LargeInstance { class, fields })
    }

    /// Writes a slot, taking over the reference; answers what was there with its reference.
    #[inline]
    pub(crate) fn replace_field(
        &mut self,
        key: ObjectKey,
        field: usize,
        value: Option<ObjectKey>,
    ) -> Option<ObjectKey> {
        match self.objects[key].body.fields_mut() {
            Some(fields) => std::mem::replace(&mut fields[field], value),
            None => panic!("a slot of something without"),
        }
    }

    /// Gives back what is left of a dead instance.
    #[inline]
    pub(crate) fn free_instance_object(&mut self, key: ObjectKey) {
        let address = self.objects[key].address;
        let class = match self.objects.remove(key) {
            Body::Instance(instance) => instance.class,
            Body::LargeInstance(instance) => instance.class,
            body => panic!("{body:?} is no instance"),
        };
        let Class { mut request_bytes, pre_header_bytes, n_fields, ref shared_keys, .. } = self.classes[class as usize];
        if shared_keys.is_some() {
            request_bytes = self.free_values(key);
        }
        let block = Address(address.0 - pre_header_bytes);
        let split = self.instance_split(block, request_bytes, n_fields);
        self.account.give(split);
        self.gc_free(block);
    }

    /// Gives back the values of a dead instance; answers what its own block was asked for as.
    fn free_values(&mut self, key: ObjectKey) -> u64 {
        let attributes = self.attributes.remove(key).expect("an instance of that class has attributes");
        let Attributes { object_bytes, values_bytes, values } = attributes;
        if !values.is_null() {
            let split = Split::object(values_bytes, 0, self.block_bytes(values, values_bytes));
            self.account.give(split);
            self.free(values);
        }
        object_bytes
    }

    fn instance_split(&mut self, block: Address, request_bytes: u64, n_fields: usize) -> Split {
        Split::object(request_bytes, n_fields as u64 * POINTER_BYTES, self.block_bytes(block, request_bytes))
    }

    /// `weakref.ref(target, callback)`. Without a callback an existing reference to the same object is used again: the
    /// split is that of a new one.
    pub(crate) fn weakref(&mut self, target: ObjectKey, callback: Option<u64>) -> Outcome<(ObjectKey, Option<Split>)> {
        let newest = self.newest_weakref(target);
        let basic = newest.filter(|&weak| self.weak_ref(weak).callback.is_none());
        if callback.is_none()
            && let Some(existing) = basic
        {
            self.incref(existing);
            return Ok((existing, None));
        }
        let request = layout::weakref_bytes(self.version);
        let block = self.gc_malloc(request)?;
        let split = Split::object(request, POINTER_BYTES, self.block_bytes(block, request));
        self.account.take(split);
        let weak = Weak { target: Some(target), next: None, prev: None, callback };
        let key = self.insert(Body::Weak(Box::new(weak)), block.offset(GC_HEADER_BYTES));
        // The reference without a callback stays at the head, those with one follow it, the newest first.
        let next = match basic {
            Some(head) => {
                self.weak_mut(key).prev = Some(head);
                self.weak_mut(head).next.replace(key)
            }
            None => self.set_newest_weakref(target, Some(key)),
        };
        self.weak_mut(key).next = next;
        if let Some(next) = next {
            self.weak_mut(next).prev = Some(key);
        }
        Ok((key, Some(split)))
    }

    /// `clear_weakref`: it refers to nothing any more and leaves its target's list. The callback stays.
    pub(crate) fn clear_weak(&mut self, key: ObjectKey) {
        let weak = self.weak_mut(key);
        let (target, prev, next) = (weak.target.take(), weak.prev.take(), weak.next.take());
        let Some(target) = target else { return };
        match prev {
            Some(prev) => self.weak_mut(prev).next = next,
            None => {
                self.set_newest_weakref(target, next);
            }
        }
        if let Some(next) = next {
            self.weak_mut(next).prev = prev;
        }
    }

    /// The newest weak reference to an object: the first in its list.
    #[inline]
    pub(crate) fn newest_weakref(&self, target: ObjectKey) -> Option<ObjectKey> {
        if self.objects[target].has_weakrefs { self.weakrefs.get(target).copied() } else { None }
    }

    /// Another one is the first in the list now; answers which one was.
    fn set_newest_weakref(&mut self, target: ObjectKey, newest: Option<ObjectKey>) -> Option<ObjectKey> {
        self.objects[target].has_weakrefs = newest.is_some();
        match newest {
            Some(newest) => self.weakrefs.insert(target, newest),
            None => self.weakrefs.remove(target),
        }
    }

    /// Reclaims a weak reference.
    pub(crate) fn free_weak(&mut self, key: ObjectKey) {
        self.tell_reclaimed(key);
        self.untrack(key);
        self.clear_weak(key);
        let block = gc_block(self.objects[key].address);
        drop(self.objects.remove(key));
        let request = layout::weakref_bytes(self.version);
        let split = Split::object(request, POINTER_BYTES, self.block_bytes(block, request));
        self.account.give(split);
        self.gc_free(block);
    }

    /// The weak reference.
    pub(crate) fn weak_ref(&self, key: ObjectKey) -> &Weak {
        match &self.objects[key].body {
            Body::Weak(weak) => weak,
            body => panic!("{body:?} is no weakref"),
        }
    }

    /// The weak reference, to change.
    pub(crate) fn weak_mut(&mut self, key: ObjectKey) -> &mut Weak {
        match &mut self.objects[key].body {
            Body::Weak(weak) => weak,
            body => panic!("{body:?} is no weakref"),
        }
    }
}
