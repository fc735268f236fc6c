//! Where the bytes of a heap are: one breakdown that fits every runtime.

/// Bytes of the heap at a moment, each byte counted once.
///
/// `payload + header + rounding + boxed + free == heap` at every moment (see [`Usage::balance`]).
/// What was reclaimed counts as free; what is unreachable but not yet reclaimed counts as what it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Usage {
    /// Objects not yet reclaimed, the runtime's own (boxes, backing stores) included.
    pub n_objects: u64,
    /// Fields, elements and characters, in this runtime's representation: what the program asked for.
    pub payload_bytes: u64,
    /// Object and chunk headers, collector links, pool and arena headers, tables of containers beyond their payload.
    pub header_bytes: u64,
    /// Lost to alignment, size classes and capacity not in use.
    pub rounding_bytes: u64,
    /// Values that are objects of their own here and would be a few bytes in a field elsewhere; headers included.
    pub boxed_bytes: u64,
    /// Taken from the operating system and owned by nobody at this moment.
    pub free_bytes: u64,
    /// Taken from the operating system for the heap.
    pub heap_bytes: u64,
    /// In use on all threads' stacks.
    pub stack_bytes: u64,
}

impl Usage {
    /// Bytes in use for whatever reason.
    pub fn used_bytes(&self) -> u64 {
        self.payload_bytes + self.header_bytes + self.rounding_bytes + self.boxed_bytes
    }

    /// Bytes used beyond the payload, per byte of payload; 0 when there is no payload.
    pub fn overhead(&self) -> f64 {
        if self.payload_bytes == 0 {
            return 0.0;
        }
        (self.used_bytes() - self.payload_bytes) as f64 / self.payload_bytes as f64
    }

    /// The share of the heap that is free, 0 to 1: external fragmentation in the wide sense.
    pub fn free_share(&self) -> f64 {
        if self.heap_bytes == 0 { 0.0 } else { self.free_bytes as f64 / self.heap_bytes as f64 }
    }

    /// `used + free - heap`: anything but 0 is an accounting bug of the model.
    pub fn balance(&self) -> i64 {
        (self.used_bytes() + self.free_bytes) as i64 - self.heap_bytes as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USAGE: Usage = Usage {
        n_objects: 3,
        payload_bytes: 40,
        header_bytes: 30,
        rounding_bytes: 6,
        boxed_bytes: 24,
        free_bytes: 100,
        heap_bytes: 200,
        stack_bytes: 64,
    };

    #[test]
    fn every_byte_of_the_heap_is_counted_once() {
        assert_eq!(USAGE.used_bytes(), 100);
        assert_eq!(USAGE.balance(), 0);
        assert_eq!(Usage { free_bytes: 90, ..USAGE }.balance(), -10);
        assert_eq!(Usage { header_bytes: 31, ..USAGE }.balance(), 1);
    }

    #[test]
    fn overhead_is_by_payload_and_free_share_by_heap() {
        assert!((USAGE.overhead() - 1.5).abs() < f64::EPSILON);
        assert!((USAGE.free_share() - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn an_empty_heap_has_neither_overhead_nor_fragmentation() {
        assert_eq!(Usage::default().overhead().to_bits(), 0);
        assert_eq!(Usage::default().free_share().to_bits(), 0);
    }
}
