//! One thread's stack: contiguous bytes that grow down from a top address, with nothing mapped below them.
//!
//! The whole of it is mapped, as the kernel maps a stack on demand: what returned frames left behind can be read until
//! the next call writes over it. The host gives pages only to what was touched.

use memory_trait::Address;

/// The bytes of a stack.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    low: u64,
    bytes: Vec<u8>,
}

impl Stack {
    /// A stack of `stack_bytes` zeroes below `top`.
    ///
    /// # Panics
    /// When the address space below `top` is too small for it.
    pub fn new(top: Address, stack_bytes: u64) -> Self {
        let low = top.0.checked_sub(stack_bytes).expect("a stack lies in the address space");
        Stack { low, bytes: vec![0; stack_bytes as usize] }
    }

    /// The lowest address that is mapped.
    pub fn low(&self) -> Address {
        Address(self.low)
    }

    /// The address just above.
    pub fn top(&self) -> Address {
        Address(self.low + self.bytes.len() as u64)
    }

    /// The `n` bytes at `at`, if all of them are in this stack.
    #[inline]
    pub fn get(&self, at: u64, n: usize) -> Option<&[u8]> {
        let start = at.wrapping_sub(self.low);
        if start >= self.bytes.len() as u64 {
            return None;
        }
        self.bytes.get(start as usize..start as usize + n)
    }

    /// The same, to be written.
    #[inline]
    pub fn get_mut(&mut self, at: u64, n: usize) -> Option<&mut [u8]> {
        let start = at.wrapping_sub(self.low);
        if start >= self.bytes.len() as u64 {
            return None;
        }
        self.bytes.get_mut(start as usize..start as usize + n)
    }

    /// The word at `at`, if all of it is in this stack.
    #[inline]
    pub fn word(&self, at: u64) -> Option<u64> {
        let start = at.wrapping_sub(self.low) as usize;
        let bytes = self.bytes.get(start..start.checked_add(8)?)?;
        Some(u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
    }

    /// Writes the word at `at`; `None` when not all of it is in this stack.
    #[inline]
    pub fn put_word(&mut self, at: u64, value: u64) -> Option<()> {
        let start = at.wrapping_sub(self.low) as usize;
        self.bytes.get_mut(start..start.checked_add(8)?)?.copy_from_slice(&value.to_le_bytes());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_at_both_ends_can_be_written_and_nothing_beyond() {
        let mut stack = Stack::new(Address(0x8000), 0x1000);
        assert_eq!((stack.low(), stack.top()), (Address(0x7000), Address(0x8000)));
        assert_eq!(stack.put_word(0x7000, 1), Some(()));
        assert_eq!(stack.put_word(0x7ff8, 2), Some(()));
        assert_eq!((stack.word(0x7000), stack.word(0x7ff8)), (Some(1), Some(2)));
        assert_eq!(stack.put_word(0x6ff8, 3), None);
        assert_eq!(stack.put_word(0x7ff9, 3), None);
        assert_eq!((stack.word(u64::MAX), stack.word(0x8000)), (None, None));
        assert!(stack.get(0x7ffc, 5).is_none());
    }
}
