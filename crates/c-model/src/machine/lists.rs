//! Arrays, bytes and lists: elements in a row. C computes the address of an element from its index, whatever the index.

use memory_trait::{FaultKind, Kind, Observer, Outcome, Slot};

use super::handle::Handle;
use super::object::Shape;
use super::{C, Value};
use crate::layout::{ARRAY_HEAD_BYTES, LIST_CAP, LIST_DATA, LIST_HEAD_BYTES, LIST_LEN, MAP_LEN, size_of};
use crate::params::LIST_FIRST_CAPACITY;
use crate::process_heap::ProcessHeap;

/// What a program that checks prints when it pops nothing. Source: glibc's `assert`.
const EMPTY_MESSAGE: &str = "Assertion `list->len > 0' failed.";

/// The elements of a container.
#[derive(Clone, Copy, Debug)]
struct Elements {
    /// The first one's address.
    at: u64,
    /// What each holds; `None` for bytes.
    kind: Option<Kind>,
    /// How many there are, if the object is there.
    count: Option<u64>,
    /// What references among them point to.
    inner: Shape,
}

impl<O: Observer, A: ProcessHeap> C<O, A> {
    /// `dst = calloc(1, sizeof(size_t) + n * sizeof(T))`.
    pub(super) fn make_array(&mut self, dst: Slot, shape: Shape, n_elements: i64) -> Outcome<()> {
        let element_bytes = if let Shape::Array(kind) = shape { size_of(kind) } else { 1 };
        let Ok(n) = u64::try_from(n_elements) else {
            return Err(self.journal.fatal(FaultKind::InvalidValue, None, ""));
        };
        let payload_bytes = n.saturating_mul(element_bytes);
        let bytes = payload_bytes.saturating_add(ARRAY_HEAD_BYTES);
        let block = self.calloc(1, bytes)?;
        let key = self.found(shape, block, payload_bytes, ARRAY_HEAD_BYTES);
        self.detector.born(block.at, bytes, true);
        if shape == Shape::Array(Kind::Reference) {
            self.provenance.clear(block.at, bytes);
        }
        let array = Value { bits: block.at, key };
        let handle = Handle { at: block.at, key, shape, is_live: true };
        self.put_word(&handle, block.at, n)?;
        self.write_reference(dst, array);
        Ok(())
    }

    /// `dst = malloc(sizeof(struct list))`, empty; the elements get their block with the first one.
    pub(super) fn make_list(&mut self, dst: Slot, element: Kind) -> Outcome<()> {
        let block = self.malloc(LIST_HEAD_BYTES)?;
        let shape = Shape::List(element);
        let key = self.found(shape, block, 0, LIST_HEAD_BYTES);
        let handle = Handle { at: block.at, key, shape, is_live: true };
        for place in [LIST_DATA, LIST_LEN, LIST_CAP] {
            self.put_word(&handle, block.at + place, 0)?;
        }
        self.write_reference(dst, Value { bits: block.at, key });
        Ok(())
    }

    /// Where the elements are, by the type of the pointer; for a list, by what its head says.
    #[inline]
    fn elements(&mut self, handle: &Handle) -> Outcome<Elements> {
        let (at, kind) = match handle.shape {
            Shape::Array(kind) => (handle.at + ARRAY_HEAD_BYTES, Some(kind)),
            Shape::Bytes => (handle.at + ARRAY_HEAD_BYTES, None),
            Shape::List(kind) => (self.word(handle, handle.at + LIST_DATA)?, Some(kind)),
            Shape::Unknown => (handle.at + ARRAY_HEAD_BYTES, Some(Kind::Int)),
            other => panic!("an element of an object that has none: {other:?}"),
        };
        let object = self.objects.get(handle.key);
        let inner = object.map_or(Shape::Unknown, |object| object.inner);
        let bytes = object.filter(|_| handle.is_live).map(|object| object.payload_bytes);
        let count = bytes.map(|bytes| if kind == Some(Kind::Bool) || kind.is_none() { bytes } else { bytes / 8 });
        Ok(Elements { at, kind, count, inner })
    }

    /// `dst = container[index]`.
    #[inline]
    pub(super) fn load_element(&mut self, dst: Slot, container: Slot, index: i64) -> Outcome<()> {
        let handle = self.handle(container)?;
        let elements = self.elements(&handle)?;
        let is_inside = elements.count.is_none_or(|n| (index as u64) < n);
        // A byte is read as a truth value is: eight bits, the rest of the word zero.
        let kind = elements.kind.unwrap_or(Kind::Bool);
        let at = elements.at.wrapping_add((index as u64).wrapping_mul(size_of(kind)));
        let bits = self.fetch(&handle, at, kind, is_inside)?;
        self.deliver(dst, at, bits, elements.inner, handle.is_live && is_inside);
        Ok(())
    }

    /// `container[index] = src`.
    #[inline]
    pub(super) fn store_element(&mut self, container: Slot, index: i64, src: Slot) -> Outcome<()> {
        let handle = self.handle(container)?;
        let elements = self.elements(&handle)?;
        let kind = elements.kind.expect("bytes are immutable");
        let is_inside = elements.count.is_none_or(|n| (index as u64) < n);
        let at = elements.at.wrapping_add((index as u64).wrapping_mul(size_of(kind)));
        let value = self.read_slot(src);
        self.put(&handle, at, kind, value.bits, is_inside)?;
        if kind == Kind::Reference {
            self.learn_inner(&handle, elements.inner, value);
            self.stored_inside(&handle, at, index as u64, value.key, is_inside);
        }
        Ok(())
    }

    /// The first reference in a container tells what its references point to.
    #[inline]
    pub(super) fn learn_inner(&mut self, handle: &Handle, inner: Shape, value: Value) {
        if inner == Shape::Unknown {
            let shape = self.shape_of(value.key);
            if let Some(object) = self.objects.get_mut(handle.key) {
                object.inner = shape;
            }
        }
    }

    /// Appends to a list: when it is full, `realloc` to twice the size.
    pub(super) fn append(&mut self, list: Slot, src: Slot) -> Outcome<()> {
        let handle = self.handle(list)?;
        let elements = self.elements(&handle)?;
        let kind = elements.kind.expect("a list has a type of elements");
        let len = self.word(&handle, handle.at + LIST_LEN)?;
        let cap = self.word(&handle, handle.at + LIST_CAP)?;
        let data = if len == cap { self.grow(&handle, kind, elements.at, len, cap)? } else { elements.at };
        let at = data.wrapping_add(len.wrapping_mul(size_of(kind)));
        let value = self.read_slot(src);
        self.put(&handle, at, kind, value.bits, true)?;
        self.put_word(&handle, handle.at + LIST_LEN, len.wrapping_add(1))?;
        if let Some(n) = elements.count {
            self.refilled(handle.key, (n + 1) * size_of(kind), LIST_HEAD_BYTES);
        }
        if len == cap {
            self.tell_backed(handle.key);
        }
        if kind == Kind::Reference {
            self.learn_inner(&handle, elements.inner, value);
            self.provenance.forget(at);
            self.stored_inside(&handle, at, len, value.key, true);
        }
        Ok(())
    }

    /// Gives a list room for twice as many elements; returns where they are now.
    fn grow(&mut self, handle: &Handle, kind: Kind, data: u64, len: u64, cap: u64) -> Outcome<u64> {
        let new_cap = if cap == 0 { LIST_FIRST_CAPACITY } else { cap.wrapping_mul(2) };
        let block = self.realloc(data, new_cap.saturating_mul(size_of(kind)))?;
        self.put_word(handle, handle.at + LIST_DATA, block.at)?;
        self.put_word(handle, handle.at + LIST_CAP, new_cap)?;
        // A head that was damaged may say anything.
        let len = len.min(new_cap);
        self.detector.born(block.at, new_cap.wrapping_mul(size_of(kind)), false);
        self.detector.wrote(block.at, len.wrapping_mul(size_of(kind)));
        if kind == Kind::Reference && block.at != data {
            self.provenance.copy(data, block.at, len);
        }
        self.rebacked(handle.key, &[block]);
        Ok(block.at)
    }

    /// Takes the last element of a list. The capacity stays.
    pub(super) fn take_last(&mut self, dst: Slot, list: Slot) -> Outcome<()> {
        let handle = self.handle(list)?;
        let elements = self.elements(&handle)?;
        let kind = elements.kind.expect("a list has a type of elements");
        let len = self.word(&handle, handle.at + LIST_LEN)?;
        if len == 0 {
            let name = self.name_of_key(handle.key);
            return Err(self.journal.fatal(FaultKind::Missing, name, EMPTY_MESSAGE));
        }
        let at = elements.at.wrapping_add((len - 1).wrapping_mul(size_of(kind)));
        let bits = self.fetch(&handle, at, kind, true)?;
        self.put_word(&handle, handle.at + LIST_LEN, len - 1)?;
        if let Some(n) = elements.count {
            self.refilled(handle.key, n.saturating_sub(1) * size_of(kind), LIST_HEAD_BYTES);
        }
        self.deliver(dst, at, bits, elements.inner, handle.is_live);
        if kind == Kind::Reference && O::WATCHES {
            let old = self.provenance.get(at);
            self.tell_stored_inside(&handle, len - 1, old, memory_trait::ObjectKey::default(), true);
        }
        Ok(())
    }

    /// How many elements, keys or characters, as the object itself says.
    pub(super) fn count(&mut self, object: Slot) -> Outcome<i64> {
        let handle = self.handle(object)?;
        let place = match handle.shape {
            Shape::Array(_) | Shape::Bytes | Shape::Unknown => 0,
            Shape::List(_) => LIST_LEN,
            Shape::Map { .. } => MAP_LEN,
            Shape::Text => return self.count_characters(&handle),
            Shape::Record(_) | Shape::Weak => panic!("the length of an object that has none: {:?}", handle.shape),
        };
        Ok(self.word(&handle, handle.at + place)? as i64)
    }
}
