//! One thread's stack: contiguous bytes that grow down from a top address, with nothing mapped below them.
//!
//! The whole of it is mapped, as the kernel maps a stack on demand: what returned frames left behind can be read until
//! the next call writes over it. The host gives pages only to what was touched.

use memory_trait::Address;

use crate::memory::PAGE_BYTES;
use crate::params::{THREAD_STACK_ALIGNMENT_BYTES, THREAD_STACK_BYTES_MIN, THREAD_TOP_BYTES};

/// What `pthread_create` makes of the sizes that a thread's attributes ask for.
///
/// ```text
///  higher    +------------------------+  top
///            | struct pthread         |  2368 bytes, from the thread pointer on
///            | static TLS             |
///            | frame of start_thread  |  4384 bytes down to here
///            | the thread's function  |
///            | ...                    |
///            +------------------------+  top - stack_bytes
///            | guard: no access       |
///  lower     +------------------------+  top - mapping_bytes, rounded up to pages
/// ```
///
/// # Source
/// glibc 2.36 `nptl/allocatestack.c:allocate_stack`, `nptl/pthread_attr_setstacksize.c`. Differs: a stack that is taken
/// from the cache of finished threads keeps its size, which may be up to four times what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadStack {
    /// What can be used, the descriptor and thread-local storage at its top included.
    pub stack_bytes: u64,
    /// What cannot be touched below it; 0 for none.
    pub guard_bytes: u64,
}

impl ThreadStack {
    /// - `stack_bytes`: `pthread_attr_setstacksize`.
    /// - `guard_bytes`: `pthread_attr_setguardsize`.
    /// - Returns: `None` where the C library answers `EINVAL`.
    pub fn new(stack_bytes: u64, guard_bytes: u64) -> Option<Self> {
        if stack_bytes < THREAD_STACK_BYTES_MIN {
            return None;
        }
        let stack_bytes = stack_bytes / THREAD_STACK_ALIGNMENT_BYTES * THREAD_STACK_ALIGNMENT_BYTES;
        let guard_bytes = guard_bytes.checked_next_multiple_of(PAGE_BYTES)?;
        stack_bytes.checked_add(guard_bytes)?;
        Some(ThreadStack { stack_bytes, guard_bytes })
    }

    /// Both together, in whole pages: what is mapped.
    pub const fn mapping_bytes(self) -> u64 {
        (self.stack_bytes + self.guard_bytes).next_multiple_of(PAGE_BYTES)
    }

    /// What the thread's function and all that it calls may use: from the stack pointer before its call.
    pub const fn usable_bytes(self) -> u64 {
        self.stack_bytes - THREAD_TOP_BYTES
    }
}

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

    /// What `pthread_getattr_np` and `/proc/self/maps` said on glibc 2.36: sizes asked for, the stack, the guard, the
    /// mapping.
    const RECORDED: &[(u64, u64, [u64; 3])] = &[
        (8 << 20, 4096, [0x80_0000, 0x1000, 0x80_1000]),
        (16384, 4096, [0x4000, 0x1000, 0x5000]),
        (16385, 4096, [0x4000, 0x1000, 0x5000]),
        (20000, 4096, [0x4e00, 0x1000, 0x6000]),
        (65536, 4096, [0x1_0000, 0x1000, 0x1_1000]),
        (1 << 18, 0, [0x4_0000, 0, 0x4_0000]),
    ];

    #[test]
    fn the_stacks_of_threads_are_those_that_pthread_create_makes() {
        for &(stack_bytes, guard_bytes, expected) in RECORDED {
            let stack = ThreadStack::new(stack_bytes, guard_bytes).unwrap();
            assert_eq!([stack.stack_bytes, stack.guard_bytes, stack.mapping_bytes()], expected, "{stack_bytes}");
        }
        assert_eq!(ThreadStack::new(16383, 4096), None);
        assert_eq!(ThreadStack::new(16384, u64::MAX), None);
    }

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
