//! Arrays are `[default] * n`, lists are `list`, blocks of bytes are `bytes`.

use memory_trait::journal::Naming;
use memory_trait::{Allocator, FaultKind, Kind, Label, ObjectKey, Observer, Operand, Outcome, Slot};

use super::placing::Made;
use super::{CPython, Pending};
use crate::object::Body;
use crate::rules::{Rule, rule};

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// `[default] * n`: first the list of one element, which is a temporary.
    pub(super) fn begin_array(&mut self, dst: Slot, element: Kind, n_elements: i64, length: Operand) -> Outcome<()> {
        let naming = self.heap.journal.name(Label::Array);
        if n_elements < 0 {
            // Python makes an empty list of it and says nothing.
            self.heap.journal.fault(FaultKind::InvalidValue, None, None, "");
        }
        let n = n_elements.max(0) as u64;
        let default = self.default_of(element);
        let temporary = self.heap.list_of_one(default)?;
        // A computed length stands before the list, and dies before it.
        let temporaries = [self.take_operand(length, dst), Some(temporary)];
        let at = self.base + dst.index();
        if self.heap.gc.is_scheduled && self.heap.collects_in_allocation() {
            self.defer(Pending::Array { at, temporary, temporaries, n, naming });
            self.heap.begin_scheduled();
            return self.settle();
        }
        self.make_array(at, temporary, temporaries, n, naming)
    }

    /// ... then the array itself.
    pub(super) fn make_array(
        &mut self,
        at: usize,
        temporary: ObjectKey,
        temporaries: [Option<ObjectKey>; 2],
        n: u64,
        naming: Naming,
    ) -> Outcome<()> {
        self.heap.track(temporary);
        let default = self.heap.list_ref(temporary).items[0];
        let (key, split) = self.heap.list_of(default, n)?;
        self.heap.christen(key, naming, split);
        let dst = Slot((at - self.base) as u32);
        self.place_new(dst, key, temporaries, Made::ByInstruction)
    }

    pub(super) fn make_bytes(&mut self, dst: Slot, n_bytes: i64) -> Outcome<()> {
        let naming = self.heap.journal.name(Label::Bytes);
        if n_bytes < 0 {
            return Err(self.heap.journal.fatal(FaultKind::InvalidValue, None, "ValueError: negative count"));
        }
        // `bytes` is called with a tuple. Of what is in it nothing can die, as the caller holds it, too.
        if rule(Rule::BytesHaveArguments) {
            let n = self.heap.none();
            self.pass_through_tuple(n)?;
        }
        let (key, split) = self.heap.bytes(n_bytes as u64)?;
        match split {
            Some(split) => self.heap.christen(key, naming, split),
            None => self.heap.christen_existing(key, naming),
        }
        self.write(dst, key);
        self.check_after_call()
    }

    pub(super) fn make_list(&mut self, dst: Slot) -> Outcome<()> {
        let naming = self.heap.journal.name(Label::List);
        let (key, split) = self.heap.list()?;
        self.heap.christen(key, naming, split);
        self.place_new(dst, key, [None; 2], Made::ByInstruction)
    }

    #[inline]
    pub(super) fn read_element(&mut self, dst: Slot, container: Slot, index: i64) -> Outcome<()> {
        let key = self.read_object(container, "TypeError: 'NoneType' object is not subscriptable")?;
        let key = self.heap.iterated(key);
        self.heap.used(key);
        let value = match &self.heap.object(key).body {
            Body::List(list) => {
                let n = list.items.len() as i64;
                match usize::try_from(index).ok().and_then(|index| list.items.get(index)) {
                    Some(&value) => value,
                    None if index < 0 && index >= -n => {
                        self.note_negative_index(key);
                        self.heap.list_ref(key).items[(n + index) as usize]
                    }
                    None => return Err(self.index_error(key, "IndexError: list index out of range")),
                }
            }
            Body::Bytes(n) => {
                let n = *n as i64;
                if index >= n || index < -n {
                    return Err(self.index_error(key, "IndexError: index out of range"));
                }
                if index < 0 {
                    self.note_negative_index(key);
                }
                return self.write_int(dst, 0);
            }
            body => panic!("{body:?} in slot {} has no elements", container.0),
        };
        self.heap.incref(value);
        self.write(dst, value);
        Ok(())
    }

    #[inline]
    pub(super) fn write_element(&mut self, container: Slot, index: i64, src: Slot) -> Outcome<()> {
        let key = self.read_object(container, "TypeError: 'NoneType' object does not support item assignment")?;
        let value = self.read(src)?;
        self.heap.used(key);
        let n = self.heap.list_ref(key).items.len() as i64;
        if index >= n || index < -n {
            return Err(self.index_error(key, "IndexError: list assignment index out of range"));
        }
        let index = if index < 0 {
            self.note_negative_index(key);
            n + index
        } else {
            index
        };
        self.heap.incref(value);
        let old = self.heap.list_replace(key, index as usize, value);
        self.tell_stored_in(key, index as u64, Some(old), Some(value));
        self.heap.drop_reference(old);
        Ok(())
    }

    #[inline]
    pub(super) fn append(&mut self, list: Slot, src: Slot) -> Outcome<()> {
        let key = self.read_object(list, "AttributeError: 'NoneType' object has no attribute 'append'")?;
        let value = self.read(src)?;
        self.heap.used(key);
        self.heap.incref(value);
        self.heap.list_append(key, value)?;
        // A specialised call of `append` does not look at the eval breaker.
        let is_silent = self.is_specialised();
        if O::WATCHES {
            let index = self.heap.list_ref(key).items.len() as u64 - 1;
            self.tell_stored_in(key, index, None, Some(value));
        }
        if is_silent { Ok(()) } else { self.check_after_call() }
    }

    #[inline]
    pub(super) fn pop_last(&mut self, dst: Slot, list: Slot) -> Outcome<()> {
        let key = self.read_object(list, "AttributeError: 'NoneType' object has no attribute 'pop'")?;
        self.heap.used(key);
        let Some(value) = self.heap.list_pop(key)? else {
            let name = self.object_name(key);
            return Err(self.heap.journal.fatal(FaultKind::Missing, name, "IndexError: pop from empty list"));
        };
        if O::WATCHES {
            let index = self.heap.list_ref(key).items.len() as u64;
            self.tell_stored_in(key, index, Some(value), None);
        }
        self.write(dst, value);
        self.check_after_call()
    }

    /// What an unset element is: a constant, for which nothing is created.
    fn default_of(&self, kind: Kind) -> ObjectKey {
        match kind {
            Kind::Int => self.heap.singletons.small_ints[-crate::object::heap::SMALL_INTS.start as usize],
            Kind::Float => self.zero_float.expect("the program is loaded"),
            Kind::Bool => self.heap.singletons.truths[0],
            Kind::Reference => self.heap.singletons.none,
        }
    }
}
