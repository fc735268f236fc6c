//! Raw memory: bytes at addresses. What a C program sees of its heap, and where the allocator keeps its headers.

use memory_trait::Address;

/// Nothing is mapped at this address: the first byte of the access that failed. The processor would raise SIGSEGV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmapped(pub Address);

/// Memory that can be read and written at any mapped address, without a check of what the bytes belong to: headers,
/// free blocks and live blocks alike. An access may cross from one mapping into an adjacent one.
pub trait RawMemory {
    /// Reads `into.len()` bytes from `at`.
    fn read(&self, at: Address, into: &mut [u8]) -> Result<(), Unmapped>;

    /// Writes `bytes` to `at`. Nothing is written when any byte of the range is not mapped.
    fn write(&mut self, at: Address, bytes: &[u8]) -> Result<(), Unmapped>;

    /// Reads a little-endian word.
    fn read_u64(&self, at: Address) -> Result<u64, Unmapped> {
        let mut bytes = [0; 8];
        self.read(at, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes a little-endian word.
    fn write_u64(&mut self, at: Address, value: u64) -> Result<(), Unmapped> {
        self.write(at, &value.to_le_bytes())
    }
}
