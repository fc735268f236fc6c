//! The emulated memory of the heap: words at addresses, and references as they are kept in fields.
//!
//! Mirrors `oops/compressedOops.hpp`. Knows nothing of objects, spaces or collections. Inside the crate a place in the
//! heap is a *word index*: the distance from the bottom of the reserved heap in 8-byte words.

use memory_trait::Address;

use crate::sizing::{CompressedOops, Placement};

/// Bytes of a heap word.
pub const WORD_BYTES: u64 = 8;

/// A reference as fields and slots keep it: a compressed oop, or an address where references are not compressed.
/// 0 is null.
pub type Narrow = u64;

/// The reserved heap. Pages that nobody touched cost the host nothing.
#[derive(Clone, Debug)]
pub struct Memory {
    words: Vec<u64>,
    base: u64,
    /// From a reference to the word index: so many bits up, then so many down, then less the offset.
    shift_up: u32,
    shift_down: u32,
    index_offset: usize,
    /// References are addresses of 8 bytes.
    is_wide: bool,
}

impl Memory {
    /// Whether this host has the address space for a heap of `bytes`.
    pub fn can_reserve(bytes: u64) -> bool {
        Vec::<u64>::new().try_reserve_exact((bytes / WORD_BYTES) as usize).is_ok()
    }

    /// Reserves `bytes` where `placement` says. [`Memory::can_reserve`] says whether the host plays along.
    pub fn reserve(placement: &Placement, bytes: u64) -> Self {
        let &Placement { base, mode, shift, oop_base } = placement;
        assert!(base > 0 && base.is_multiple_of(WORD_BYTES) && bytes.is_multiple_of(WORD_BYTES), "{base:#x}, {bytes}");
        // A reference is an address shifted right; a word index is one shifted right by 3.
        let word_shift = WORD_BYTES.trailing_zeros();
        Memory {
            words: vec![0; (bytes / WORD_BYTES) as usize],
            base,
            shift_up: shift.saturating_sub(word_shift),
            shift_down: word_shift.saturating_sub(shift),
            index_offset: ((base - oop_base) / WORD_BYTES) as usize,
            is_wide: mode == CompressedOops::Off,
        }
    }

    /// The word index of a reference that is not null.
    #[inline]
    pub fn index(&self, reference: Narrow) -> usize {
        debug_assert!(reference != 0, "null has no place");
        (reference << self.shift_up >> self.shift_down) as usize - self.index_offset
    }

    /// The reference to the object at a word index.
    #[inline]
    pub fn narrow(&self, index: usize) -> Narrow {
        ((index + self.index_offset) as u64) << self.shift_down >> self.shift_up
    }

    /// Reads a reference; `half` counts 4-byte halves from the bottom of the heap.
    #[inline]
    pub fn reference(&self, half: usize) -> Narrow {
        if self.is_wide { self.words[half >> 1] } else { u64::from(self.half(half)) }
    }

    /// Writes a reference.
    #[inline]
    pub fn set_reference(&mut self, half: usize, reference: Narrow) {
        if self.is_wide {
            self.words[half >> 1] = reference;
        } else {
            self.set_half(half, reference as u32);
        }
    }

    /// The address of a word index.
    #[inline]
    pub fn address(&self, index: usize) -> Address {
        Address(self.base + index as u64 * WORD_BYTES)
    }

    /// The word index of an address in the reserved heap.
    #[inline]
    pub fn index_of(&self, address: Address) -> usize {
        ((address.0 - self.base) / WORD_BYTES) as usize
    }

    /// Words of the reserved heap.
    pub fn len_words(&self) -> usize {
        self.words.len()
    }

    /// Reads a word.
    #[inline]
    pub fn word(&self, index: usize) -> u64 {
        self.words[index]
    }

    /// Writes a word.
    #[inline]
    pub fn set_word(&mut self, index: usize, value: u64) {
        self.words[index] = value;
    }

    /// Reads 4 bytes; `half` counts 4-byte halves from the bottom of the heap.
    #[inline]
    pub fn half(&self, half: usize) -> u32 {
        (self.words[half >> 1] >> ((half & 1) * 32)) as u32
    }

    /// Writes 4 bytes.
    #[inline]
    pub fn set_half(&mut self, half: usize, value: u32) {
        let shift = (half & 1) * 32;
        let word = &mut self.words[half >> 1];
        *word = *word & !(0xffff_ffff << shift) | u64::from(value) << shift;
    }

    /// Reads a byte; `byte` counts from the bottom of the heap.
    #[inline]
    pub fn byte(&self, byte: usize) -> u8 {
        (self.words[byte >> 3] >> ((byte & 7) * 8)) as u8
    }

    /// Writes a byte.
    #[inline]
    pub fn set_byte(&mut self, byte: usize, value: u8) {
        let shift = (byte & 7) * 8;
        let word = &mut self.words[byte >> 3];
        *word = *word & !(0xff << shift) | u64::from(value) << shift;
    }

    /// Zeroes words.
    pub fn clear(&mut self, from: usize, n_words: usize) {
        self.words[from..from + n_words].fill(0);
    }

    /// Words of an object.
    #[inline]
    pub(crate) fn words_mut(&mut self, from: usize, n_words: usize) -> &mut [u64] {
        &mut self.words[from..from + n_words]
    }

    /// Copies an object to where it does not overlap itself, or down.
    #[inline]
    pub fn copy(&mut self, from: usize, to: usize, n_words: usize) {
        if n_words > 8 || to + n_words > from && to < from + n_words {
            self.words.copy_within(from..from + n_words, to);
        } else if to < from {
            let (low, high) = self.words.split_at_mut(from);
            low[to..to + n_words].iter_mut().zip(&high[..n_words]).for_each(|(to, from)| *to = *from);
        } else {
            let (low, high) = self.words.split_at_mut(to);
            high[..n_words].iter_mut().zip(&low[from..from + n_words]).for_each(|(to, from)| *to = *from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::Sizing;
    use crate::{Flags, Version};

    fn memory_of(options: &[&str]) -> Memory {
        let flags = Flags::parse(Version::V17, options).expect("flags that HotSpot takes");
        let sizing = Sizing::of(&flags).expect("a heap that HotSpot takes");
        Memory::reserve(&sizing.placement, sizing.heap.max)
    }

    #[test]
    fn a_reference_survives_encoding_in_every_mode() {
        for (least_base, more) in [
            ("2g", "-XX:ObjectAlignmentInBytes=8"),
            ("5g", "-XX:ObjectAlignmentInBytes=8"),
            ("40g", "-XX:ObjectAlignmentInBytes=8"),
            ("2g", "-XX:ObjectAlignmentInBytes=16"),
            ("5g", "-XX:ObjectAlignmentInBytes=16"),
            ("5g", "-XX:ObjectAlignmentInBytes=256"),
            ("2g", "-XX:-UseCompressedOops"),
        ] {
            let memory = memory_of(&["-Xmx16m", &format!("-XX:HeapBaseMinAddress={least_base}"), more]);
            for index in [0, 32, 7744, memory.len_words() - 32] {
                assert_ne!(memory.narrow(index), 0, "{least_base} {more}");
                assert_eq!(memory.index(memory.narrow(index)), index, "{least_base} {more}");
                assert_eq!(memory.index_of(memory.address(index)), index);
            }
        }
    }

    #[test]
    fn a_reference_takes_four_bytes_or_eight() {
        for (more, bytes) in [("-XX:+UseCompressedOops", 4), ("-XX:-UseCompressedOops", 8)] {
            let mut memory = memory_of(&["-Xmx16m", more]);
            memory.set_word(3, u64::MAX);
            let reference = memory.narrow(9);
            memory.set_reference(6, reference);
            assert_eq!(memory.reference(6), reference);
            assert_eq!(memory.half(7) == u32::MAX, bytes == 4, "{more}");
        }
    }

    #[test]
    fn below_four_gibibytes_a_reference_is_the_address_itself() {
        let memory = memory_of(&["-Xmx64m"]);
        assert_eq!(memory.narrow(5), memory.address(5).0);
    }

    #[test]
    fn halves_and_bytes_are_little_endian() {
        let mut memory = memory_of(&["-Xmx64m"]);
        memory.set_word(3, 0x8877_6655_4433_2211);
        assert_eq!((memory.half(6), memory.half(7), memory.byte(26)), (0x4433_2211, 0x8877_6655, 0x33));
        memory.set_half(7, 1);
        memory.set_byte(24, 0xff);
        assert_eq!(memory.word(3), 0x0000_0001_4433_22ff);
    }

    #[test]
    fn objects_are_copied_whole_whether_they_overlap_or_not() {
        for (from, to, n_words) in [(10, 30, 5), (30, 10, 5), (12, 10, 5), (40, 10, 20), (12, 10, 20)] {
            let mut memory = memory_of(&["-Xmx64m"]);
            (0..n_words).for_each(|i| memory.set_word(from + i, 100 + i as u64));
            memory.copy(from, to, n_words);
            (0..n_words).for_each(|i| assert_eq!(memory.word(to + i), 100 + i as u64, "{from} -> {to}"));
        }
    }
}
