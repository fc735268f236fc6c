//! What a process and its allocator have to tell each other beyond the `malloc` family.

use memory_trait::{Address, Allocator, Outcome};

use crate::malloc::{Glibc, Linux};
use crate::memory::RawMemory;

/// An allocator that a C process can be run on: it accounts for its bytes, and learns what the process does.
///
/// At any moment `heap_bytes` is the live blocks, each with its usable size and its header, plus the allocator's own
/// structures, plus what is free. A heap that the program has damaged need not add up.
pub trait ProcessHeap: Allocator + RawMemory {
    /// Bytes of the live block at `block` that are in front of it and not usable: its chunk's header.
    fn header_bytes(&self, block: Address) -> u64;

    /// Bytes of the heap in structures of the allocator's own, which are never handed out. Constant time.
    fn own_bytes(&self) -> u64;

    /// From now on the operating system refuses to let the heap grow beyond `limit_bytes`.
    fn limit_heap_bytes(&mut self, limit_bytes: u64);

    /// From now on the process has more than one thread.
    fn start_threads(&mut self) {}

    /// `free` of an address in memory that is not the heap's: `bytes` are what lies from `start` on, of a stack or of the
    /// program's data. The allocator takes them for a chunk and its neighbours, and may write there.
    fn free_foreign(&mut self, block: Address, start: Address, bytes: &mut [u8]) -> Outcome<()>;
}

impl ProcessHeap for Glibc<Linux> {
    /// A mapped chunk has two words before the block; of another, the first word still belongs to its neighbour.
    fn header_bytes(&self, block: Address) -> u64 {
        let is_mapped = self.read_u64(Address(block.0.wrapping_sub(8))).is_ok_and(|size| size & 2 != 0);
        if is_mapped { 16 } else { 8 }
    }

    fn own_bytes(&self) -> u64 {
        self.statistics().own_bytes
    }

    fn limit_heap_bytes(&mut self, limit_bytes: u64) {
        self.system_mut().set_limit_bytes(limit_bytes);
    }

    fn start_threads(&mut self) {
        self.set_threaded();
    }

    fn free_foreign(&mut self, block: Address, start: Address, bytes: &mut [u8]) -> Outcome<()> {
        self.memory_mut().map(start, bytes.len() as u64);
        self.memory_mut().write(start, bytes).expect("just mapped");
        let answer = self.free(block);
        self.memory_mut().read(start, bytes).expect("just mapped");
        self.memory_mut().unmap(start);
        answer
    }
}
