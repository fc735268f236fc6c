//! Texts are `str`.

use memory_trait::{Allocator, Label, Observer, Outcome, Slot};

use super::CPython;
use crate::object::Body;

impl<O: Observer, A: Allocator> CPython<O, A> {
    pub(super) fn make_text(&mut self, dst: Slot, text: &str) -> Outcome<()> {
        let naming = self.heap.journal.name(Label::Text);
        let (key, split) = self.heap.text(text)?;
        match split {
            Some(split) => self.heap.christen(key, naming, split),
            None => self.heap.christen_existing(key, naming),
        }
        self.write(dst, key);
        Ok(())
    }

    /// `dst = a + b`; with `dst` the same variable as `a` it is `a += b`, which may grow the text in place.
    pub(super) fn concatenate(&mut self, dst: Slot, a: Slot, b: Slot) -> Outcome<()> {
        let naming = self.heap.journal.name(Label::Text);
        let (left, right) = (self.read(a)?, self.read(b)?);
        let none = self.heap.singletons.none;
        if left == none {
            let what = if right == none { "NoneType" } else { "str" };
            let message = format!("TypeError: unsupported operand type(s) for +: 'NoneType' and '{what}'");
            return Err(self.none_error(&message));
        }
        if right == none {
            return Err(self.none_error("TypeError: can only concatenate str (not \"NoneType\") to str"));
        }
        self.heap.used(left);
        self.heap.used(right);
        if dst == a && self.heap.can_append(left, right) {
            let split = self.heap.text_append(left, right)?;
            self.rename(left, naming, split);
            return Ok(());
        }
        let (key, split) = self.heap.text_concat(left, right)?;
        match split {
            Some(split) => self.heap.christen(key, naming, split),
            None => self.heap.christen_existing(key, naming),
        }
        self.write(dst, key);
        Ok(())
    }

    pub(super) fn copy_text(&mut self, src: Slot, into: &mut String) -> Outcome<()> {
        let key = self.read_object(src, "TypeError: 'NoneType' object is not a str")?;
        self.heap.used(key);
        into.clear();
        into.push_str(&self.heap.text_of(key).chars);
        Ok(())
    }

    pub(super) fn length(&mut self, object: Slot) -> Outcome<i64> {
        let key = self.read_object(object, "TypeError: object of type 'NoneType' has no len()")?;
        self.heap.used(key);
        let n = match &self.heap.object(key).body {
            Body::List(list) => list.items.len() as u64,
            Body::Dict(dict) => dict.len() as u64,
            Body::Text(text) => text.n_chars,
            Body::Bytes(n) => *n,
            body => panic!("{body:?} in slot {} has no length", object.0),
        };
        Ok(n as i64)
    }
}
