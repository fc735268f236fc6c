//! `list` and `tuple`.
//!
//! Mirrors `listobject.c` and `tupleobject.c`: over-allocation, exact sizes where the length is known, what popping the
//! last element gives back. New objects are not tracked yet; the caller does that when they are complete.

use memory_trait::{Address, Allocator, ObjectKey, Observer, Outcome};

use super::account::Split;
use super::heap::{Heap, gc_block};
use super::{Body, List};
use crate::Version;
use crate::layout::{self, FreeList, GC_HEADER_BYTES, LIST_BYTES, POINTER_BYTES};
use crate::rules::{Rule, rule};

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// `PyList_New(0)`: an empty list and its split.
    #[inline]
    pub(crate) fn list(&mut self) -> Outcome<(ObjectKey, Split)> {
        let block = match self.free_lists.lists.pop() {
            Some(block) => {
                if !rule(Rule::FreeListHitsDoNotCount) {
                    self.gc.count_allocation();
                }
                block
            }
            None => self.gc_malloc(LIST_BYTES)?,
        };
        let split = Split::object(LIST_BYTES, 0, self.block_bytes(block, LIST_BYTES));
        self.account.take(split);
        let list = self.spares.list();
        Ok((self.insert(Body::List(list), block.offset(GC_HEADER_BYTES)), split))
    }

    /// `[item]`: a list of exactly that capacity. `PyList_New` clears what it takes.
    pub(crate) fn list_of_one(&mut self, item: ObjectKey) -> Outcome<ObjectKey> {
        let (key, _) = self.list()?;
        let block = self.calloc(POINTER_BYTES)?;
        let split = self.items_split(block, 1);
        self.account.take(split);
        self.incref(item);
        let list = self.list_mut(key);
        list.items.push(item);
        (list.capacity, list.block) = (1, block);
        Ok(key)
    }

    /// `[item] * n`: a list of exactly that capacity, and its split with that of its elements.
    pub(crate) fn list_of(&mut self, item: ObjectKey, n: u64) -> Outcome<(ObjectKey, Split)> {
        let (key, mut split) = self.list()?;
        if n == 0 {
            return Ok((key, split));
        }
        let Some(request) = n.checked_mul(POINTER_BYTES) else { return Err(self.out_of_memory()) };
        let block = self.malloc(request)?;
        let items_split = self.items_split(block, n);
        self.account.take(items_split);
        split.payload += items_split.payload;
        split.rounding += items_split.rounding;
        self.incref_by(item, n as u32);
        let list = self.list_mut(key);
        list.items.resize(n as usize, item);
        list.capacity = n;
        list.block = block;
        Ok((key, split))
    }

    /// Fills a new list with exactly these items, whose references it takes over, as `[...]` does.
    pub(crate) fn list_fill(&mut self, key: ObjectKey, items: &[ObjectKey]) -> Outcome<()> {
        let n = items.len() as u64;
        let block = self.malloc(n * POINTER_BYTES)?;
        let split = self.items_split(block, n);
        self.account.take(split);
        let list = self.list_mut(key);
        list.items.extend_from_slice(items);
        list.capacity = n;
        list.block = block;
        Ok(())
    }

    /// `list.append`; takes over the caller's reference to `item`.
    #[inline]
    pub(crate) fn list_append(&mut self, key: ObjectKey, item: ObjectKey) -> Outcome<()> {
        let list = self.list_mut(key);
        let n = list.items.len() as u64;
        if n < list.capacity && n + 1 >= list.capacity >> 1 {
            list.items.push(item);
            self.account.fill(POINTER_BYTES);
            return Ok(());
        }
        self.list_resize(key, n, n + 1)?;
        self.list_mut(key).items.push(item);
        Ok(())
    }

    /// `list.pop()`: the last element with its reference, or `None` when there is none.
    #[inline]
    pub(crate) fn list_pop(&mut self, key: ObjectKey) -> Outcome<Option<ObjectKey>> {
        let list = self.list_mut(key);
        let n = list.items.len() as u64;
        let Some(item) = list.items.pop() else { return Ok(None) };
        if n == 1 && self.version >= Version::V3_12 && rule(Rule::EmptiedListsFreeTheirItems) {
            // `list_pop_impl` clears a list that becomes empty.
            let list = self.list_mut(key);
            let block = std::mem::replace(&mut list.block, Address::NULL);
            list.capacity = 0;
            let split = self.items_split(block, 1);
            self.account.give(split);
            self.free(block);
            self.tell_list_resized(key, Split::default());
        } else if n > self.list_ref(key).capacity >> 1 {
            self.account.vacate(POINTER_BYTES);
        } else {
            self.list_resize(key, n, n - 1)?;
        }
        Ok(Some(item))
    }

    /// `list_resize` where the capacity does not fit: from `n_old` elements to `n`.
    #[cold]
    fn list_resize(&mut self, key: ObjectKey, n_old: u64, n: u64) -> Outcome<()> {
        let List { capacity, .. } = *self.list_ref(key);
        let capacity = if rule(Rule::ListsOverAllocate) {
            layout::list_capacity_after(n, n_old, capacity, self.version)
        } else {
            n
        };
        let old_block = self.list_mut(key).block;
        if !old_block.is_null() {
            let split = self.items_split(old_block, n_old);
            self.account.give(split);
        }
        let block = match self.realloc(old_block, capacity * POINTER_BYTES) {
            Ok(block) => block,
            Err(fault) => {
                if !old_block.is_null() {
                    let split = self.items_split(old_block, n_old.min(n));
                    self.account.take(split);
                }
                return Err(fault);
            }
        };
        let list = self.list_mut(key);
        list.block = block;
        list.capacity = capacity;
        let split = self.items_split(block, n);
        self.account.take(split);
        self.tell_list_resized(key, split);
        Ok(())
    }

    fn tell_list_resized(&mut self, key: ObjectKey, items: Split) {
        if O::WATCHES && self.objects.id(key).is_some() {
            let block = gc_block(self.objects[key].address);
            let object = Split::object(LIST_BYTES, 0, self.block_bytes(block, LIST_BYTES));
            self.tell_resized(key, object, items);
        }
    }

    /// Replaces an element; answers the old one with its reference.
    #[inline]
    pub(crate) fn list_replace(&mut self, key: ObjectKey, index: usize, item: ObjectKey) -> ObjectKey {
        std::mem::replace(&mut self.list_mut(key).items[index], item)
    }

    /// Takes all elements and their block out of a list, which is empty then.
    #[inline]
    pub(crate) fn list_take(&mut self, key: ObjectKey) -> (Vec<ObjectKey>, Address) {
        let List { items, capacity: _, block } = std::mem::take(self.list_mut(key));
        if !block.is_null() {
            let split = self.items_split(block, items.len() as u64);
            self.account.give(split);
        }
        (items, block)
    }

    /// Gives back what is left of a dead list: the object itself.
    #[inline]
    pub(crate) fn free_list_object(&mut self, key: ObjectKey) {
        let block = gc_block(self.objects[key].address);
        let Body::List(list) = self.objects.remove(key) else { panic!("what dies is no list") };
        self.spares.give_list(list);
        let split = Split::object(LIST_BYTES, 0, self.block_bytes(block, LIST_BYTES));
        self.account.give(split);
        if !rule(Rule::DeadListsAreKept) || !self.free_lists.keep(FreeList::List, block) {
            self.gc_free(block);
        }
    }

    /// A tuple of these items, whose references it takes over, and its split; the empty one exists already.
    pub(crate) fn tuple(&mut self, items: Vec<ObjectKey>) -> Outcome<ObjectKey> {
        if items.is_empty() {
            let key = self.singletons.empty_tuple;
            self.incref(key);
            return Ok(key);
        }
        let n = items.len();
        let request = layout::tuple_bytes(n as u64);
        let block = match self.free_lists.take_tuple(n) {
            Some(block) => block,
            None => self.gc_malloc(request)?,
        };
        let split = Split::object(request, n as u64 * POINTER_BYTES, self.block_bytes(block, request));
        self.account.take(split);
        Ok(self.insert(Body::Tuple(items), block.offset(GC_HEADER_BYTES)))
    }

    /// Tracks a tuple that is complete; the empty one is not tracked.
    #[inline]
    pub(crate) fn track_tuple(&mut self, key: ObjectKey) {
        if key != self.singletons.empty_tuple {
            self.track(key);
        }
    }

    /// Gives back what is left of a dead tuple of `n` elements.
    pub(crate) fn free_tuple_object(&mut self, key: ObjectKey, n: usize) {
        let block = gc_block(self.objects[key].address);
        self.remove(key);
        let request = layout::tuple_bytes(n as u64);
        let split = Split::object(request, n as u64 * POINTER_BYTES, self.block_bytes(block, request));
        self.account.give(split);
        if !self.free_lists.keep(FreeList::Tuple(n as u64), block) {
            self.gc_free(block);
        }
    }

    /// The list.
    #[inline]
    pub(crate) fn list_ref(&self, key: ObjectKey) -> &List {
        match &self.objects[key].body {
            Body::List(list) => list,
            body => panic!("{body:?} is no list"),
        }
    }

    #[inline]
    fn list_mut(&mut self, key: ObjectKey) -> &mut List {
        match &mut self.objects[key].body {
            Body::List(list) => list,
            body => panic!("{body:?} is no list"),
        }
    }

    /// The split of a block of elements of which `n` are in use. It may have been resized, so the allocator is asked.
    fn items_split(&mut self, block: Address, n: u64) -> Split {
        let bytes = self.allocator.usable_size(block);
        Split { payload: n * POINTER_BYTES, header: 0, rounding: bytes - n * POINTER_BYTES, boxed: 0 }
    }
}
