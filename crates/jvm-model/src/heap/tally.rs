//! What a generation's bytes are used for, kept as sums so that asking costs nothing.

use std::ops::{AddAssign, SubAssign};

/// Sums over the objects of a generation.
///
/// Whatever is in `total_bytes` and in none of the other sums was lost to alignment, to capacity not in use and to
/// fillers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Objects; fillers are none.
    pub n_objects: u64,
    /// Fields, elements and characters. Unit: bytes.
    pub payload_bytes: u64,
    /// Headers, and the tables and entries of containers. Unit: bytes.
    pub header_bytes: u64,
    /// Boxes of numbers, headers included. Unit: bytes.
    pub boxed_bytes: u64,
    /// All of it. Unit: bytes.
    pub total_bytes: u64,
}

impl Tally {
    /// What was lost to alignment, spare capacity and fillers. Unit: bytes.
    pub fn rounding_bytes(&self) -> u64 {
        self.total_bytes - self.payload_bytes - self.header_bytes - self.boxed_bytes
    }
}

impl AddAssign for Tally {
    #[inline]
    fn add_assign(&mut self, other: Tally) {
        self.n_objects += other.n_objects;
        self.payload_bytes += other.payload_bytes;
        self.header_bytes += other.header_bytes;
        self.boxed_bytes += other.boxed_bytes;
        self.total_bytes += other.total_bytes;
    }
}

impl SubAssign for Tally {
    #[inline]
    fn sub_assign(&mut self, other: Tally) {
        self.n_objects -= other.n_objects;
        self.payload_bytes -= other.payload_bytes;
        self.header_bytes -= other.header_bytes;
        self.boxed_bytes -= other.boxed_bytes;
        self.total_bytes -= other.total_bytes;
    }
}
