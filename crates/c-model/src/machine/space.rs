//! The address space of the process: the heap, the threads' stacks, the string literals.
//!
//! Every read and write of the program comes through here and finds what is really there. It must not know objects.

use memory_trait::{Address, Kind};

use crate::memory::{RawMemory, Unmapped};
use crate::params::LITERALS_BASE;
use crate::stack::Stack;

/// What the program can address.
#[derive(Clone, Debug)]
pub(crate) struct Space<A> {
    pub(crate) heap: A,
    /// The current thread's stack.
    pub(crate) stack: Stack,
    /// All stacks, the main thread's first; at the current one's place an empty one.
    pub(crate) parked: Vec<Stack>,
    literals: Vec<u8>,
}

impl<A: RawMemory> Space<A> {
    pub(crate) fn new(heap: A, stack: Stack) -> Self {
        Space { heap, stack, parked: vec![Stack::default()], literals: Vec::new() }
    }

    /// Adds a string literal; returns its address.
    pub(crate) fn add_literal(&mut self, text: &str) -> u64 {
        let at = LITERALS_BASE.0 + self.literals.len() as u64;
        self.literals.extend_from_slice(text.as_bytes());
        self.literals.push(0);
        at
    }

    /// Reads the word at `at`.
    #[inline]
    pub(crate) fn word(&self, at: u64) -> Result<u64, Unmapped> {
        if let Some(word) = self.stack.word(at) {
            return Ok(word);
        }
        match self.heap.read_u64(Address(at)) {
            Ok(word) => Ok(word),
            Err(_) => self.word_elsewhere(at),
        }
    }

    #[cold]
    fn word_elsewhere(&self, at: u64) -> Result<u64, Unmapped> {
        let mut bytes = [0; 8];
        self.read(at, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes the word at `at`.
    #[inline]
    pub(crate) fn put_word(&mut self, at: u64, value: u64) -> Result<(), Unmapped> {
        if self.stack.put_word(at, value).is_some() {
            return Ok(());
        }
        match self.heap.write_u64(Address(at), value) {
            Ok(()) => Ok(()),
            Err(_) => self.write_elsewhere(at, &value.to_le_bytes()),
        }
    }

    /// Reads a value of `kind` at `at`.
    #[inline]
    pub(crate) fn value(&self, at: u64, kind: Kind) -> Result<u64, Unmapped> {
        match kind {
            Kind::Bool => self.byte(at).map(u64::from),
            Kind::Int | Kind::Float | Kind::Reference => self.word(at),
        }
    }

    /// Writes a value of `kind` at `at`.
    #[inline]
    pub(crate) fn put_value(&mut self, at: u64, kind: Kind, bits: u64) -> Result<(), Unmapped> {
        match kind {
            Kind::Bool => self.write(at, &[bits as u8]),
            Kind::Int | Kind::Float | Kind::Reference => self.put_word(at, bits),
        }
    }

    /// Reads the byte at `at`.
    pub(crate) fn byte(&self, at: u64) -> Result<u8, Unmapped> {
        let mut byte = [0];
        self.read(at, &mut byte)?;
        Ok(byte[0])
    }

    /// Reads `into.len()` bytes from `at`.
    pub(crate) fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Unmapped> {
        if let Some(bytes) = self.stack.get(at, into.len()) {
            into.copy_from_slice(bytes);
            return Ok(());
        }
        let Err(unmapped) = self.heap.read(Address(at), into) else { return Ok(()) };
        let literal = usize::try_from(at.wrapping_sub(LITERALS_BASE.0)).ok();
        let literal = literal.and_then(|start| self.literals.get(start..start.checked_add(into.len())?));
        let bytes = literal.or_else(|| self.parked.iter().find_map(|stack| stack.get(at, into.len())));
        into.copy_from_slice(bytes.ok_or(unmapped)?);
        Ok(())
    }

    /// Writes `bytes` to `at`. Literals cannot be written.
    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Unmapped> {
        match self.heap.write(Address(at), bytes) {
            Ok(()) => Ok(()),
            Err(_) => self.write_elsewhere(at, bytes),
        }
    }

    #[cold]
    fn write_elsewhere(&mut self, at: u64, bytes: &[u8]) -> Result<(), Unmapped> {
        let stacks = std::iter::once(&mut self.stack).chain(&mut self.parked);
        let place = stacks.into_iter().find_map(|stack| stack.get_mut(at, bytes.len()));
        place.ok_or(Unmapped(Address(at)))?.copy_from_slice(bytes);
        Ok(())
    }

    /// If `at` is in a stack or among the literals: what lies there, from the page before it to the end, and where that
    /// begins.
    pub(crate) fn foreign(&self, at: u64) -> Option<(u64, Vec<u8>)> {
        let stacks = std::iter::once(&self.stack).chain(&self.parked);
        let stack = stacks.into_iter().find(|stack| stack.get(at, 1).is_some());
        let (low, end) = match stack {
            Some(stack) => (stack.low().0, stack.top().0),
            None if self.literals.get(at.wrapping_sub(LITERALS_BASE.0) as usize).is_some() => {
                (LITERALS_BASE.0, LITERALS_BASE.0 + self.literals.len() as u64)
            }
            None => return None,
        };
        let start = low.max((at & !4095) - 4096);
        let mut bytes = vec![0; (end - start) as usize];
        self.read(start, &mut bytes).expect("it is mapped");
        bytes.resize(bytes.len().next_multiple_of(4096), 0);
        Some((start, bytes))
    }

    /// What [`Space::foreign`] gave out comes back, perhaps changed. Literals cannot be written.
    pub(crate) fn take_back(&mut self, start: u64, bytes: &[u8]) {
        let stacks = std::iter::once(&mut self.stack).chain(&mut self.parked);
        for stack in stacks {
            let n = (stack.top().0.saturating_sub(start)).min(bytes.len() as u64) as usize;
            if let Some(place) = stack.get_mut(start, n) {
                place.copy_from_slice(&bytes[..n]);
            }
        }
    }

    /// Whether anything can be read in the page at `at`.
    pub(crate) fn is_page_mapped(&self, at: u64) -> bool {
        self.byte(at).is_ok() || self.byte(at + 4095).is_ok()
    }
}
