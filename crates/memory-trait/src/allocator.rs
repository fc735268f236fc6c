//! The seam of addresses: the `malloc` family, whoever implements it.

use crate::fault::Outcome;
use crate::units::{Address, ThreadId};

/// An allocator: given the calls, it answers with the addresses.
///
/// A request that cannot be met answers [`Address::NULL`], as it does in C, and leaves the heap as it was.
/// An `Err` is an allocator that stopped the program (glibc's `free(): invalid pointer`) or a machine exception
/// (a write to a page that is not there): nothing can be called after it.
pub trait Allocator {
    /// Returns the address of a block of at least `request_bytes`; 0 is legal.
    fn malloc(&mut self, request_bytes: u64) -> Outcome<Address>;

    /// Returns the address of a zeroed block of at least `n_elements` x `element_bytes`; NULL when that overflows.
    fn calloc(&mut self, n_elements: u64, element_bytes: u64) -> Outcome<Address>;

    /// Grows, shrinks or moves `block` to at least `request_bytes`. NULL as a block allocates; 0 bytes frees a block.
    fn realloc(&mut self, block: Address, request_bytes: u64) -> Outcome<Address>;

    /// Returns a block of at least `request_bytes` at a multiple of `alignment_bytes`.
    fn memalign(&mut self, alignment_bytes: u64, request_bytes: u64) -> Outcome<Address>;

    /// Gives `block` back. NULL is legal and does nothing.
    fn free(&mut self, block: Address) -> Outcome<()>;

    /// Bytes that may be used of a live block; 0 for NULL.
    fn usable_size(&mut self, block: Address) -> u64;

    /// Gives memory back to the operating system, keeping `pad_bytes` at the top; whether any was given back.
    fn trim(&mut self, pad_bytes: u64) -> bool;

    /// The calls that follow come from `thread`, which starts to exist at its first call.
    fn switch_thread(&mut self, thread: ThreadId);

    /// The current thread has ended: what the allocator keeps for it alone is given up.
    fn end_thread(&mut self) -> Outcome<()>;

    /// Bytes taken from the operating system at this moment (break, mappings, thread heaps, arenas).
    fn heap_bytes(&self) -> u64;
}
