//! Where arenas come from: the operating system's part, played by a small deterministic rule.
//!
//! Mirrors `_PyObject_Arena.alloc` and `.free` (`mmap` and `munmap`). Knows nothing of pools.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use memory_trait::Address;

use crate::params::ADDRESS_BITS;

/// A source of arenas. Addresses depend on the order of calls and on nothing else.
#[derive(Clone, Debug)]
pub struct ArenaSource {
    placement: Placement,
    n_out: u64,
    n_out_max: u64,
}

#[derive(Clone, Debug)]
enum Placement {
    /// Slot s is at `base + s * stride_bytes`; the lowest slot not in use is next.
    Slots { base: u64, stride_bytes: u64, n_slots: u64, unused: BinaryHeap<Reverse<u64>> },
    /// These addresses, in this order.
    Recorded { addresses: Vec<u64>, n_taken: usize },
}

impl ArenaSource {
    /// Where arenas are when nobody says otherwise. The real ones are where `mmap` puts them, which is somewhere there.
    pub const DEFAULT_BASE: Address = Address(0x7f00_0000_0000);

    /// Arenas at `base`, `base + stride_bytes`, ...: the lowest place not in use is taken. Consecutive arenas have a
    /// stride of an arena. A base that is no multiple of the size of a pool costs one pool in each arena.
    pub fn slots(base: Address, stride_bytes: u64) -> Self {
        let placement = Placement::Slots { base: base.0, stride_bytes, n_slots: 0, unused: BinaryHeap::new() };
        ArenaSource { placement, n_out: 0, n_out_max: u64::MAX }
    }

    /// Arenas at recorded addresses, in the order of the recording; when they are used up there is no more memory.
    pub fn recorded(addresses: Vec<u64>) -> Self {
        ArenaSource { placement: Placement::Recorded { addresses, n_taken: 0 }, n_out: 0, n_out_max: u64::MAX }
    }

    /// The same source with a limit: never more than `n_arenas_max` arenas at once.
    #[must_use]
    pub fn limited(mut self, n_arenas_max: u64) -> Self {
        self.n_out_max = n_arenas_max;
        self
    }

    /// Counts an arena that is in use already, from a snapshot.
    pub(super) fn adopt(&mut self) {
        self.n_out += 1;
    }

    /// The next arena, or `None` when the system has no more memory.
    pub(super) fn take(&mut self) -> Option<u64> {
        if self.n_out >= self.n_out_max {
            return None;
        }
        let address = match &mut self.placement {
            Placement::Slots { base, stride_bytes, n_slots, unused } => {
                let slot = if let Some(Reverse(slot)) = unused.pop() {
                    slot
                } else {
                    *n_slots += 1;
                    *n_slots - 1
                };
                base.checked_add(slot.checked_mul(*stride_bytes)?)?
            }
            Placement::Recorded { addresses, n_taken } => {
                let address = *addresses.get(*n_taken)?;
                *n_taken += 1;
                address
            }
        };
        if address == 0 || address >= 1 << ADDRESS_BITS {
            return None;
        }
        self.n_out += 1;
        Some(address)
    }

    /// Takes an arena back.
    pub(super) fn give_back(&mut self, address: u64) {
        self.n_out -= 1;
        if let Placement::Slots { base, stride_bytes, n_slots, unused } = &mut self.placement {
            // An arena from a snapshot may be anywhere: it is nobody's slot.
            let distance = address.wrapping_sub(*base);
            if distance.is_multiple_of(*stride_bytes) && distance / *stride_bytes < *n_slots {
                unused.push(Reverse(distance / *stride_bytes));
            }
        }
    }
}
