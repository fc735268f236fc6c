//! What happens to the weak references of an object that dies.
//!
//! Mirrors `weakrefobject.c:PyObject_ClearWeakRefs`: all are cleared, then the callbacks run, the newest first.

use memory_trait::{Allocator, ObjectKey, Observer};

use super::Due;
use super::work::Work;
use crate::Version;
use crate::object::heap::Heap;
use crate::rules::{Rule, rule};

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// Clears the weak references to a dying instance, then goes on with its death.
    pub(super) fn clear_weakrefs_of_dying(&mut self, key: ObjectKey) {
        if !self.objects[key].has_weakrefs {
            return self.clear_slots_of_dying(key);
        }
        let mut calls = Vec::new();
        while let Some(weak) = self.newest_weakref(key) {
            if let Some(callback) = self.weak_mut(weak).callback.take() {
                self.incref(weak);
                calls.push((weak, callback));
            }
            self.clear_weak(weak);
        }
        if calls.is_empty() {
            return self.clear_slots_of_dying(key);
        }
        // Several callbacks (3.13: one as well) are kept in a tuple of references and callbacks meanwhile; callbacks
        // are no objects here, so `None` stands for each. With one, nothing holds the reference.
        let mut holder = None;
        if calls.len() > 1 || (self.version >= Version::V3_13 && rule(Rule::OneCallbackHasATupleToo)) {
            let mut items = Vec::with_capacity(2 * calls.len());
            for &(weak, _) in &calls {
                items.push(weak);
                items.push(self.none());
            }
            let tuple = self.tuple(items).unwrap_or_else(|fault| panic!("no memory for the callbacks: {fault}"));
            self.track(tuple);
            holder = Some(tuple);
        }
        if rule(Rule::NewestCallbackIsFirst) {
            calls.reverse();
        }
        self.push_work(Work::Callbacks { key, holder, calls });
        self.poll_in_allocation();
    }

    pub(super) fn call_callbacks(
        &mut self,
        key: ObjectKey,
        holder: Option<ObjectKey>,
        mut calls: Vec<(ObjectKey, u64)>,
    ) {
        if let Some((weak, callback)) = calls.pop() {
            self.push_work(Work::Callbacks { key, holder, calls });
            if holder.is_none() {
                // The reference taken for the call goes after it.
                self.push_work(Work::Drop(weak));
            }
            self.suspend(Due::Callback { weak, callback });
            return;
        }
        self.push_work(Work::Slots { key, next: 0, dies: true });
        self.tell_reclaimed(key);
        if let Some(holder) = holder {
            self.push_work(Work::Drop(holder));
        }
    }
}
