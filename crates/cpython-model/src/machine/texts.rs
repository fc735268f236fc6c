//! Texts are `str`.

use memory_trait::{Allocator, Label, ObjectKey, Observer, Operand, Outcome, Place, Slot};

use super::CPython;
use crate::Version;
use crate::layout;
use crate::object::Body;
use crate::rules::{Rule, rule};

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

    /// `str(x)`: called with a tuple until the instruction is specialised; 3.13 does without. The digits of a number are
    /// computed into a block of their own.
    pub(super) fn make_number_text(&mut self, dst: Slot, text: &str, number: Operand) -> Outcome<()> {
        let is_specialised = self.is_specialised();
        let (Operand::Variable(slot) | Operand::Temporary(slot)) = number else {
            return self.make_text(dst, text);
        };
        let value = self.read(slot)?;
        if !is_specialised && self.heap.version < Version::V3_13 {
            let none = self.heap.none();
            self.pass_through_tuple(none)?;
        }
        let scratch_bytes = match self.heap.object(value).body {
            Body::Int(value) => Some(layout::int_digits_bytes(1 + layout::int_digits(value))),
            Body::Float(_) => Some(float_scratch_bytes(text)),
            _ => None,
        };
        let naming = self.heap.journal.name(Label::Text);
        let scratch = match scratch_bytes.filter(|_| rule(Rule::DigitsAreComputedElsewhere)) {
            Some(bytes) => Some(self.heap.malloc(bytes)?),
            None => None,
        };
        let (key, split) = self.heap.new_text(text)?;
        if let Some(scratch) = scratch {
            self.heap.free(scratch);
        }
        self.heap.christen(key, naming, split);
        if let Some(operand) = self.take_operand(number, dst) {
            self.heap.drop_reference(operand);
        }
        self.write(dst, key);
        self.check_after_call()
    }

    /// A tuple of one argument that is there during a call in which nothing else happens. Differs: where 3.11 would begin
    /// a collection here, and there are finalizers, it begins with the next object.
    pub(super) fn pass_through_tuple(&mut self, argument: ObjectKey) -> Outcome<()> {
        let mut items = self.heap.spares.keys();
        items.push(argument);
        let tuple = self.heap.tuple(items)?;
        let may_run_code = self.heap.classes.iter().any(|class| class.has_del);
        if self.heap.gc.is_scheduled && self.heap.collects_in_allocation() && !may_run_code {
            self.heap.begin_scheduled();
            self.settle()?;
        }
        self.heap.track_tuple(tuple);
        self.heap.drop_reference(tuple);
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
        let is_specialised = self.is_specialised();
        if dst == a && is_specialised && self.heap.can_append(left, right) {
            let split = self.heap.text_append(left, right)?;
            self.rename(left, naming, split);
            return Ok(());
        }
        let (key, split) = self.heap.text_concat(left, right)?;
        match split {
            Some(split) => self.heap.christen(key, naming, split),
            None => self.heap.christen_existing(key, naming),
        }
        if dst == a && self.is_temporary(b) && !self.is_temporary(dst) {
            // The right side dies before the variable is written.
            self.tell_stored(Place::Slot, Some(right), None);
            self.stack.slots[self.base + b.index()] = None;
            self.heap.drop_reference(right);
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
        let key = self.heap.iterated(key);
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

/// What the characters of a float are written to first: sign, point and end beside its digits, and an exponent.
///
/// # Source
/// CPython 3.12 `Python/pystrtod.c:format_float_short`.
fn float_scratch_bytes(text: &str) -> u64 {
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, _)) => (mantissa, 5),
        None => (text, 0),
    };
    let n_digits = mantissa.bytes().filter(u8::is_ascii_digit).count() as u64;
    if n_digits == 0 { 5 } else { 3 + n_digits + exponent }
}
