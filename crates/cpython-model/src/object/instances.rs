//! Instances of classes with `__slots__`, and weak references.
//!
//! Mirrors `typeobject.c:PyType_GenericAlloc` and `weakrefobject.c`.

use memory_trait::{Address, Allocator, ObjectKey, Observer, Outcome};

use super::account::Split;
use super::heap::{Class, Heap, gc_block};
use super::{Body, Fields, Instance, N_INLINE, Weak};
use crate::layout::{self, GC_HEADER_BYTES, POINTER_BYTES};

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// A class whose slots are these; `defaults` gives up its references to the class.
    pub(crate) fn class(&mut self, names: &[&str], defaults: Vec<ObjectKey>, has_del: bool) -> u32 {
        assert_eq!(names.len(), defaults.len(), "a default for each slot");
        let mut slot_order: Vec<u32> = (0..names.len() as u32).collect();
        slot_order.sort_by_key(|&slot| names[slot as usize]);
        let n_fields = names.len();
        self.classes.push(Class {
            request_bytes: layout::slots_instance_bytes(n_fields as u64, false, self.version),
            pre_header_bytes: GC_HEADER_BYTES,
            n_fields,
            slot_order: slot_order.into(),
            defaults: defaults.into(),
            has_del,
        });
        self.classes.len() as u32 - 1
    }

    /// An instance with the class's defaults, and its split. Not tracked yet.
    #[inline]
    pub(crate) fn instance(&mut self, class: u32) -> Outcome<(ObjectKey, Split)> {
        let Class { request_bytes, pre_header_bytes, n_fields, .. } = self.classes[class as usize];
        let block = self.gc_malloc(request_bytes)?;
        let split = self.instance_split(block, request_bytes, n_fields);
        self.account.take(split);
        let defaults = &self.classes[class as usize].defaults;
        let fields = if n_fields <= N_INLINE {
            let mut fields = [None; N_INLINE];
            for (field, &default) in fields.iter_mut().zip(defaults) {
                *field = Some(default);
                crate::refcount::add_reference(&mut self.objects, default, 1);
            }
            Fields::Inline(fields)
        } else {
            for &default in defaults {
                crate::refcount::add_reference(&mut self.objects, default, 1);
            }
            Fields::Many(defaults.iter().map(|&default| Some(default)).collect())
        };
        let body = Body::Instance(Instance { class, fields });
        Ok((self.insert(body, block.offset(pre_header_bytes), true), split))
    }

    /// Reads a slot. `None`: it is not set.
    #[inline]
    pub(crate) fn field(&self, key: ObjectKey, field: usize) -> Option<ObjectKey> {
        match &self.objects[key].body {
            Body::Instance(instance) => instance.fields.get(field),
            body => panic!("{body:?} is no instance"),
        }
    }

    /// Writes a slot, taking over the reference; answers what was there with its reference.
    #[inline]
    pub(crate) fn replace_field(
        &mut self,
        key: ObjectKey,
        field: usize,
        value: Option<ObjectKey>,
    ) -> Option<ObjectKey> {
        match &mut self.objects[key].body {
            Body::Instance(instance) => instance.fields.replace(field, value),
            body => panic!("{body:?} is no instance"),
        }
    }

    /// Gives back what is left of a dead instance.
    #[inline]
    pub(crate) fn free_instance_object(&mut self, key: ObjectKey) {
        let object = self.objects.remove(key).expect("a dying instance exists");
        let Body::Instance(instance) = &object.body else { panic!("{:?} is no instance", object.body) };
        let Class { request_bytes, pre_header_bytes, n_fields, .. } = self.classes[instance.class as usize];
        let block = Address(object.address.0 - pre_header_bytes);
        let split = self.instance_split(block, request_bytes, n_fields);
        self.account.give(split);
        self.gc_free(block);
    }

    fn instance_split(&mut self, block: Address, request_bytes: u64, n_fields: usize) -> Split {
        Split::object(request_bytes, n_fields as u64 * POINTER_BYTES, self.block_bytes(block, request_bytes))
    }

    /// `weakref.ref(target, callback)`. Without a callback an existing reference to the same object is used again: the
    /// split is that of a new one.
    pub(crate) fn weakref(&mut self, target: ObjectKey, callback: Option<u64>) -> Outcome<(ObjectKey, Option<Split>)> {
        let newest = self.object(target).weakrefs;
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
        let key = self.insert(Body::Weak(weak), block.offset(GC_HEADER_BYTES), true);
        // The reference without a callback stays at the head, those with one follow it, the newest first.
        let next = match basic {
            Some(head) => {
                self.weak_mut(key).prev = Some(head);
                self.weak_mut(head).next.replace(key)
            }
            None => self.objects[target].weakrefs.replace(key),
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
            None => self.objects[target].weakrefs = next,
        }
        if let Some(next) = next {
            self.weak_mut(next).prev = prev;
        }
    }

    /// Reclaims a weak reference.
    pub(crate) fn free_weak(&mut self, key: ObjectKey) {
        self.tell_reclaimed(key);
        self.untrack(key);
        self.clear_weak(key);
        let object = self.objects.remove(key).expect("a dying weakref exists");
        let request = layout::weakref_bytes(self.version);
        let block = gc_block(object.address);
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
