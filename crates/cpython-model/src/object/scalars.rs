//! `int`, `float`, `bool`, `None` and `bytes`.
//!
//! Mirrors `longobject.c:PyLong_FromLong`, `floatobject.c:PyFloat_FromDouble` and `bytesobject.c`. Each answers a key
//! with a reference that the caller owns.

use memory_trait::{Address, Allocator, ObjectKey, Observer, Outcome};

use super::Body;
use super::account::Split;
use super::heap::{Heap, SMALL_INTS};
use crate::layout::{self, FreeList};

/// Bits of an `int`'s digit. Source: `longintrepr.h:PyLong_SHIFT`.
pub(super) const DIGIT_BITS: u32 = 30;

/// Whether an `int` has one digit, as most have.
#[inline]
fn is_one_digit(value: i64) -> bool {
    value.unsigned_abs() >> DIGIT_BITS == 0
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// An `int`: one of the small ones, or a new object.
    #[inline]
    pub(crate) fn int(&mut self, value: i64) -> Outcome<ObjectKey> {
        if let Some(&key) = self.singletons.small_ints.get(value.wrapping_sub(SMALL_INTS.start) as usize) {
            self.incref(key);
            return Ok(key);
        }
        if !is_one_digit(value) {
            return self.long_int(value);
        }
        let block = self.malloc(self.one_digit_bytes)?;
        self.account.n_one_digit += 1;
        Ok(self.insert(Body::Int(value), block))
    }

    /// A new `int` of more than one digit.
    #[inline(never)]
    fn long_int(&mut self, value: i64) -> Outcome<ObjectKey> {
        let request = layout::int_bytes(value, self.version);
        let block = self.malloc(request)?;
        let block_bytes = self.block_bytes(block, request);
        self.account.take(Split::boxed(request, block_bytes));
        Ok(self.insert(Body::Int(value), block))
    }

    /// Takes an `int` off the account.
    #[inline]
    fn give_int(&mut self, value: i64, block: Address, roomy_bytes: u32) {
        if roomy_bytes != 0 {
            let bytes = u64::from(roomy_bytes);
            let request = layout::int_bytes(value, self.version).min(bytes);
            return self.account.give(Split::boxed(request, bytes));
        }
        if is_one_digit(value) {
            self.account.n_one_digit -= 1;
            return;
        }
        let request = layout::int_bytes(value, self.version);
        let block_bytes = self.block_bytes(block, request);
        self.account.give(Split::boxed(request, block_bytes));
    }

    /// A new `float`.
    #[inline]
    pub(crate) fn float(&mut self, value: f64) -> Outcome<ObjectKey> {
        let request = layout::FLOAT_BYTES;
        let block = match self.free_lists.floats.pop() {
            Some(block) => block,
            None => self.malloc(request)?,
        };
        let block_bytes = self.block_bytes(block, request);
        self.account.take(Split::boxed(request, block_bytes));
        Ok(self.insert(Body::Float(value), block))
    }

    /// `True` or `False`.
    #[inline]
    pub(crate) fn bool(&mut self, value: bool) -> ObjectKey {
        let key = self.singletons.truths[usize::from(value)];
        self.incref(key);
        key
    }

    /// `None`.
    #[inline]
    pub(crate) fn none(&mut self) -> ObjectKey {
        let key = self.singletons.none;
        self.incref(key);
        key
    }

    /// `bytes(n)`; the empty one exists already. Answers the split of a new object.
    pub(crate) fn bytes(&mut self, n: u64) -> Outcome<(ObjectKey, Option<Split>)> {
        if n == 0 {
            let key = self.singletons.empty_bytes;
            self.incref(key);
            return Ok((key, None));
        }
        let Some(request) = n.checked_add(layout::bytes_bytes(0)) else { return Err(self.out_of_memory()) };
        let block = self.calloc(request)?;
        let split = Split::object(request, n, self.block_bytes(block, request));
        self.account.take(split);
        Ok((self.insert(Body::Bytes(n), block), Some(split)))
    }

    /// Reclaims an object that refers to nothing: a number, a text, bytes. Whether it is such an object.
    #[inline(never)]
    pub(crate) fn free_scalar(&mut self, key: ObjectKey) -> bool {
        match self.objects[key].body {
            Body::Bytes(_) | Body::Text(_) => {
                self.free_characters(key);
                true
            }
            _ => self.free_number(key),
        }
    }

    /// The same for numbers alone.
    #[inline]
    pub(crate) fn free_number(&mut self, key: ObjectKey) -> bool {
        let object = &self.objects[key];
        let block = object.address;
        match object.body {
            Body::Int(value) => {
                let roomy_bytes = object.gc_refs;
                self.tell_reclaimed(key);
                self.remove(key);
                self.give_int(value, block, roomy_bytes);
                self.free(block);
                true
            }
            Body::Range => {
                self.free_range_iterator(key);
                true
            }
            Body::Float(_) => {
                self.tell_reclaimed(key);
                self.remove(key);
                let block_bytes = self.block_bytes(block, layout::FLOAT_BYTES);
                self.account.give(Split::boxed(layout::FLOAT_BYTES, block_bytes));
                if !self.free_lists.keep(FreeList::Float, block) {
                    self.free(block);
                }
                true
            }
            _ => false,
        }
    }

    /// Reclaims a text or bytes.
    fn free_characters(&mut self, key: ObjectKey) {
        self.tell_reclaimed(key);
        let block = self.objects[key].address;
        let split = match self.objects.remove(key) {
            Body::Bytes(n) => {
                let request = layout::bytes_bytes(n);
                Split::object(request, n, self.block_bytes(block, request))
            }
            Body::Text(text) => {
                let split = self.text_split(text.kind, text.n_chars, block);
                self.spares.give_text(text);
                split
            }
            body => panic!("{body:?} has no characters"),
        };
        self.account.give(split);
        self.free(block);
    }
}
