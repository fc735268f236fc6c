//! Texts: UTF-8 up to the first NUL. Differs from the other machines: a text with U+0000 in it ends there, as in C.

use memory_trait::{Observer, Outcome, Slot};

use super::handle::Handle;
use super::object::Shape;
use super::{C, Value};
use crate::process_heap::ProcessHeap;

impl<O: Observer, A: ProcessHeap> C<O, A> {
    /// `dst = strdup(text)`.
    pub(super) fn make_text(&mut self, dst: Slot, text: &[u8]) -> Outcome<()> {
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        let bytes = text.len() as u64;
        let block = self.malloc(bytes + 1)?;
        let key = self.found(Shape::Text, block, bytes, 1);
        let handle = Handle { at: block.at, key, shape: Shape::Text, is_live: true };
        let written = self.space.write(block.at, text).and_then(|()| self.space.write(block.at + bytes, &[0]));
        if written.is_err() {
            return self.segfault(handle.key, None);
        }
        self.detector.born(block.at, bytes + 1, true);
        self.write_reference(dst, Value { bits: block.at, key });
        Ok(())
    }

    /// `dst = malloc(strlen(a) + strlen(b) + 1)`, then both copied.
    pub(super) fn join(&mut self, dst: Slot, a: Slot, b: Slot) -> Outcome<()> {
        let (a, b) = (self.handle(a)?, self.handle(b)?);
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        let read = self.read_characters(&a, &mut text).and_then(|()| self.read_characters(&b, &mut text));
        let made = read.and_then(|()| self.make_text(dst, &text));
        self.scratch = text;
        made
    }

    /// Replaces `into` by the characters; bytes that are not UTF-8 become U+FFFD.
    pub(super) fn copy_out(&mut self, src: Slot, into: &mut String) -> Outcome<()> {
        let handle = self.handle(src)?;
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        let read = self.read_characters(&handle, &mut text);
        into.clear();
        into.push_str(&String::from_utf8_lossy(&text));
        self.scratch = text;
        read
    }

    /// `strlen`, in characters.
    pub(super) fn count_characters(&mut self, handle: &Handle) -> Outcome<i64> {
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        let read = self.read_characters(handle, &mut text);
        let n = text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        self.scratch = text;
        read.map(|()| n as i64)
    }

    /// Appends the bytes up to the first NUL, wherever that is.
    pub(super) fn read_characters(&mut self, handle: &Handle, into: &mut Vec<u8>) -> Outcome<()> {
        assert!(matches!(handle.shape, Shape::Text | Shape::Unknown), "the characters of a {:?}", handle.shape);
        let start = into.len();
        // A live text is read at one go; the NUL is looked for in what was read.
        let known_bytes = match self.objects.get(handle.key) {
            Some(object) if handle.is_live => object.payload_bytes,
            _ => 0,
        };
        into.resize(start + known_bytes as usize, 0);
        if self.space.read(handle.at, &mut into[start..]).is_err() {
            return self.segfault(handle.key, None);
        }
        if let Some(end) = into[start..].iter().position(|&byte| byte == 0) {
            into.truncate(start + end);
            return Ok(());
        }
        let mut at = handle.at + known_bytes;
        loop {
            let Ok(byte) = self.space.byte(at) else { return self.segfault(handle.key, None) };
            if byte == 0 {
                return Ok(());
            }
            if at == handle.at + known_bytes && handle.is_live {
                self.out_of_bounds(handle);
            }
            into.push(byte);
            at += 1;
        }
    }
}
