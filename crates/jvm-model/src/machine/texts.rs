//! Texts: `java.lang.String`.
//!
//! An object of 24 bytes and a `byte[]`: a byte a character as long as all are Latin-1, UTF-16 otherwise.

use memory_trait::{Label, Observer, Outcome, Slot};

use super::Jvm;
use super::faults::describe_call;
use super::host::N_HANDLES;
use crate::heap::memory::Narrow;
use crate::rules::{Rule, rule};
use crate::version::Version;

const LATIN1: u8 = 0;
const UTF16: u8 = 1;

/// A text as its bytes will be.
struct Encoded {
    coder: u8,
    bytes: Vec<u8>,
}

impl Encoded {
    fn of(text: &str) -> Self {
        if text.chars().all(|character| u32::from(character) <= 0xff) {
            Encoded { coder: LATIN1, bytes: text.chars().map(|character| character as u8).collect() }
        } else {
            Encoded { coder: UTF16, bytes: text.encode_utf16().flat_map(u16::to_le_bytes).collect() }
        }
    }
}

impl<O: Observer> Jvm<O> {
    /// The bytes are made first, then the `String` around them.
    pub(super) fn create_text(&mut self, dst: Slot, text: &str) -> Outcome<()> {
        let encoded = Encoded::of(text);
        let value = self.allocate(self.classes.byte_array, encoded.bytes.len() as u32)?;
        self.write_bytes(value, 0, &encoded.bytes);
        self.wrap_bytes(dst, value, encoded.coder)
    }

    fn write_bytes(&mut self, array: usize, from: usize, bytes: &[u8]) {
        let first = self.heap.elements_byte(array) + from;
        for (index, &byte) in bytes.iter().enumerate() {
            self.heap.memory_mut().set_byte(first + index, byte);
        }
    }

    /// A new `String` with these bytes, which it may share.
    fn wrap_bytes(&mut self, dst: Slot, value: usize, coder: u8) -> Outcome<()> {
        self.host.handles[0] = self.heap.memory().narrow(value);
        let naming = self.host.journal.name(Label::Text);
        let text = self.allocate_named(self.classes.text, 0, naming)?;
        let value = std::mem::take(&mut self.host.handles[0]);
        self.set_text(text, value, coder);
        if O::WATCHES {
            let value = self.heap.memory().index(value);
            let bytes = self.heap.size_words(value) as u64 * 8;
            self.tell_born(text, naming, u64::from(self.heap.length(value)), bytes);
        }
        self.write_object(dst, text);
        Ok(())
    }

    fn set_text(&mut self, text: usize, value: Narrow, coder: u8) {
        self.heap.memory_mut().set_byte(text * 8 + self.classes.places.text_coder_byte, coder);
        self.heap.store_field(text, self.classes.places.text_value, value);
    }

    /// A literal: interned before the program starts.
    pub(super) fn literal(&mut self, text: &str) -> Outcome<Narrow> {
        let encoded = Encoded::of(text);
        let value = self.allocate_in_image(self.classes.byte_array, encoded.bytes.len() as u32)?;
        self.write_bytes(value, 0, &encoded.bytes);
        let object = self.allocate_in_image(self.classes.text, 0)?;
        let value = self.heap.memory().narrow(value);
        self.set_text(object, value, encoded.coder);
        Ok(self.heap.memory().narrow(object))
    }

    /// `a.concat(b)`. An empty `b` makes nothing new; up to 21 an empty `a` makes a new `String` that shares the bytes.
    ///
    /// # Source
    /// JDK 17 `java/lang/String.java:concat`, `StringConcatHelper.java:simpleConcat`; JDK 25 `doConcat`.
    pub(super) fn concat_texts(&mut self, dst: Slot, a: Slot, b: Slot) -> Outcome<()> {
        let what = |_: &Self| describe_call("String.concat(String)");
        let (first, second) = (self.target(a, what)?, self.target(b, what)?);
        if self.heap.length(self.text_value(second)) == 0 && rule(Rule::EmptyTextIsNotAppended) {
            // Its number is used up all the same: names do not depend on the machine.
            self.host.journal.name(Label::Text);
            self.write_object(dst, first);
            return Ok(());
        }
        if self.flags.version < Version::V25 && self.heap.length(self.text_value(first)) == 0 {
            return self.wrap_bytes(dst, self.text_value(second), self.text_coder(second));
        }
        let coder = self.text_coder(first).max(self.text_coder(second));
        let n_bytes = [first, second].map(|text| self.n_units(text) << coder).iter().sum::<usize>();
        let memory = self.heap.memory();
        self.host.handles[1..3].copy_from_slice(&[memory.narrow(first), memory.narrow(second)]);
        let value = self.allocate(self.classes.byte_array, n_bytes as u32)?;
        let mut at = self.heap.elements_byte(value);
        let texts = [self.host.handles[1], self.host.handles[2]].map(|text| self.heap.memory().index(text));
        for text in texts {
            for index in 0..self.n_units(text) {
                let [low, high] = self.unit(text, index).to_le_bytes();
                self.heap.memory_mut().set_byte(at, low);
                if coder == UTF16 {
                    self.heap.memory_mut().set_byte(at + 1, high);
                }
                at += 1 << coder;
            }
        }
        self.wrap_bytes(dst, value, coder)?;
        self.host.handles = [0; N_HANDLES];
        Ok(())
    }

    fn text_value(&self, text: usize) -> usize {
        self.heap.memory().index(self.heap.reference(text, self.classes.places.text_value))
    }

    fn text_coder(&self, text: usize) -> u8 {
        self.heap.memory().byte(text * 8 + self.classes.places.text_coder_byte)
    }

    /// `String.length()`: UTF-16 units.
    fn n_units(&self, text: usize) -> usize {
        self.heap.length(self.text_value(text)) as usize >> self.text_coder(text)
    }

    /// `String.charAt`.
    fn unit(&self, text: usize, index: usize) -> u16 {
        let memory = self.heap.memory();
        let first = self.heap.elements_byte(self.text_value(text));
        if self.text_coder(text) == LATIN1 {
            u16::from(memory.byte(first + index))
        } else {
            u16::from_le_bytes([memory.byte(first + index * 2), memory.byte(first + index * 2 + 1)])
        }
    }

    fn units(&self, text: usize) -> impl Iterator<Item = u16> {
        (0..self.n_units(text)).map(move |index| self.unit(text, index))
    }

    /// `String.hashCode`, kept in the object once computed.
    pub(super) fn text_hash(&mut self, text: usize) -> u32 {
        let memory = self.heap.memory();
        let kept = memory.half(text * 2 + self.classes.places.text_hash);
        if kept != 0 || memory.byte(text * 8 + self.classes.places.text_hash_is_zero_byte) != 0 {
            return kept;
        }
        let hash = self.units(text).fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
        if hash == 0 {
            self.heap.memory_mut().set_byte(text * 8 + self.classes.places.text_hash_is_zero_byte, 1);
        } else {
            self.heap.memory_mut().set_half(text * 2 + self.classes.places.text_hash, hash);
        }
        hash
    }

    /// `String.equals`.
    pub(super) fn same_text(&self, a: usize, b: usize) -> bool {
        let is_alike = || {
            self.text_coder(a) == self.text_coder(b)
                && self.n_units(a) == self.n_units(b)
                && self.units(a).eq(self.units(b))
        };
        a == b || is_alike()
    }

    /// `codePointCount`.
    pub(super) fn count_characters(&self, text: usize) -> i64 {
        if self.text_coder(text) == LATIN1 {
            return self.n_units(text) as i64;
        }
        char::decode_utf16(self.units(text)).count() as i64
    }

    pub(super) fn read_text_into(&mut self, src: Slot, into: &mut String) -> Outcome<()> {
        let text = self.target(src, |_| describe_call("String.toString()"))?;
        into.clear();
        into.extend(char::decode_utf16(self.units(text)).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
        Ok(())
    }
}
