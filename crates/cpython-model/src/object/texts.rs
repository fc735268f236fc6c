//! `str`.
//!
//! Mirrors `unicodeobject.c`: four layouts by the widest character, cached single characters, concatenation that grows
//! the left operand in place when nobody else can see it.

use memory_trait::{Address, Allocator, ObjectKey, Observer, Outcome};

use super::account::Split;
use super::heap::Heap;
use super::{Body, Text};
use crate::layout::{self, TextKind};

/// The narrowest layout for these characters, and how many they are.
fn measure(text: &str) -> (TextKind, u64) {
    if text.is_ascii() {
        (TextKind::Ascii, text.len() as u64)
    } else {
        (TextKind::of(text), text.chars().count() as u64)
    }
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// `PyUnicode_FromStringAndSize`: a cached string, or a new object and its split.
    pub(crate) fn text(&mut self, text: &str) -> Outcome<(ObjectKey, Option<Split>)> {
        if let Some(key) = self.cached_text(text) {
            self.incref(key);
            return Ok((key, None));
        }
        let (kind, n_chars) = measure(text);
        let mut new = self.spares.text();
        new.chars.push_str(text);
        let (key, split) = self.new_text_object(new, kind, n_chars)?;
        Ok((key, Some(split)))
    }

    /// `PyUnicode_New`, filled: also of one character.
    pub(crate) fn new_text(&mut self, text: &str) -> Outcome<(ObjectKey, Split)> {
        let (kind, n_chars) = measure(text);
        let mut new = self.spares.text();
        new.chars.push_str(text);
        self.new_text_object(new, kind, n_chars)
    }

    /// `PyUnicode_Concat`: an operand when the other is empty, else a new object and its split.
    pub(crate) fn text_concat(&mut self, a: ObjectKey, b: ObjectKey) -> Outcome<(ObjectKey, Option<Split>)> {
        let (left, right) = (self.text_of(a), self.text_of(b));
        if left.n_chars == 0 || right.n_chars == 0 {
            let key = if left.n_chars == 0 { b } else { a };
            self.incref(key);
            return Ok((key, None));
        }
        let (n_chars, kind) = (left.n_chars + right.n_chars, left.kind.max(right.kind));
        let mut new = self.spares.text();
        new.chars.push_str(&self.text_of(a).chars);
        new.chars.push_str(&self.text_of(b).chars);
        let (key, split) = self.new_text_object(new, kind, n_chars)?;
        Ok((key, Some(split)))
    }

    /// Whether `a + b` may grow `a` in place: nobody else has it, it was never hashed, and it is wide enough.
    ///
    /// # Source
    /// `unicodeobject.c:PyUnicode_Append` and `unicode_modifiable`.
    pub(crate) fn can_append(&self, a: ObjectKey, b: ObjectKey) -> bool {
        let (object, left, right) = (self.object(a), self.text_of(a), self.text_of(b));
        a != b
            && object.refcount == 1
            && left.hash.is_none()
            && left.n_chars != 0
            && right.n_chars != 0
            && right.kind <= left.kind
    }

    /// Grows `a` in place by the characters of `b`; it may move. Answers its new split.
    pub(crate) fn text_append(&mut self, a: ObjectKey, b: ObjectKey) -> Outcome<Split> {
        let mut grown = match &mut self.objects[a].body {
            Body::Text(text) => std::mem::take(&mut text.chars),
            body => panic!("{body:?} is no str"),
        };
        let right = self.text_of(b);
        grown.push_str(&right.chars);
        let n_more = right.n_chars;
        let (block, kind, n_old) = (self.object(a).address, self.text_of(a).kind, self.text_of(a).n_chars);
        let Body::Text(text) = &mut self.objects[a].body else { unreachable!("it was a str before") };
        text.chars = grown;
        text.n_chars = n_old + n_more;
        let old_split = self.text_split(kind, n_old, block);
        let block = self.realloc(block, layout::str_bytes(kind, n_old + n_more, self.version))?;
        self.objects[a].address = block;
        let split = self.text_split(kind, n_old + n_more, block);
        self.account.give(old_split);
        self.account.take(split);
        Ok(split)
    }

    /// The characters of a `str`.
    #[inline]
    pub(crate) fn text_of(&self, key: ObjectKey) -> &Text {
        match &self.objects[key].body {
            Body::Text(text) => text,
            body => panic!("{body:?} is no str"),
        }
    }

    /// The split of a `str`. A string may have been resized, so the allocator is asked for the size of its block.
    pub(crate) fn text_split(&mut self, kind: TextKind, n_chars: u64, block: Address) -> Split {
        let request = layout::str_bytes(kind, n_chars, self.version);
        Split::object(request, n_chars * kind.char_bytes(), self.allocator.usable_size(block))
    }

    /// `get_latin1_char` and the empty string.
    fn cached_text(&self, text: &str) -> Option<ObjectKey> {
        let mut chars = text.chars();
        let Some(first) = chars.next() else { return Some(self.singletons.empty_text) };
        let is_single = chars.next().is_none();
        self.singletons.latin1.get(first as usize).copied().filter(|_| is_single)
    }

    fn new_text_object(&mut self, mut text: Box<Text>, kind: TextKind, n_chars: u64) -> Outcome<(ObjectKey, Split)> {
        (text.kind, text.n_chars, text.hash) = (kind, n_chars, None);
        let block = self.malloc(layout::str_bytes(kind, n_chars, self.version))?;
        let split = self.text_split(kind, n_chars, block);
        self.account.take(split);
        Ok((self.insert(Body::Text(text), block), split))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_character_decides_the_layout() {
        assert_eq!(measure("abc"), (TextKind::Ascii, 3));
        assert_eq!(measure("caf\u{e9}"), (TextKind::Latin1, 4));
        assert_eq!(measure("\u{20ac}1"), (TextKind::Ucs2, 2));
        assert_eq!(measure("a\u{1f600}"), (TextKind::Ucs4, 2));
    }
}
