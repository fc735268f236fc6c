//! From normalised pointers to addresses, and back.

use memory_trait::Address;

use crate::record::{Header, Pointer};

/// Address space of a thread heap. Unit: bytes. Source: glibc 2.36 `malloc/arena.c:HEAP_MAX_SIZE`.
const REGION_BYTES: u64 = 64 << 20;

/// Where a trace's heap, thread heaps and mappings were.
#[derive(Clone, Debug, Default)]
pub struct AddressMap {
    header: Header,
    /// Thread heaps: number, address, newest last.
    regions: Vec<(u32, u64)>,
}

impl AddressMap {
    /// The map of a trace that begins with `header`.
    pub fn new(header: Header) -> Self {
        AddressMap { header, regions: Vec::new() }
    }

    /// Thread heaps that were announced and whose place no other has taken.
    pub fn n_regions(&self) -> usize {
        self.regions.len()
    }

    /// A thread heap is at `at` from now on. One that was there before is gone.
    pub fn add_region(&mut self, number: u32, at: u64) {
        self.regions.retain(|&(old, old_at)| old != number && old_at != at);
        self.regions.push((number, at));
    }

    /// The address of a pointer, or what stands for it where the trace has names only; `None` for an unknown address and for a thread heap that was never announced.
    pub fn address(&self, pointer: Pointer) -> Option<Address> {
        match pointer {
            Pointer::Null => Some(Address::NULL),
            Pointer::Heap(offset) => Some(Address(self.header.base.wrapping_add(offset))),
            Pointer::Region { number, offset } => {
                let (_, at) = self.regions.iter().rev().find(|region| region.0 == number)?;
                Some(Address(at.wrapping_add(offset)))
            }
            Pointer::Mapped(offset) => Some(Address(self.header.mapped_base.wrapping_add_signed(offset))),
            Pointer::Named(name) => Some(Address(name)),
            Pointer::Unknown(_) => None,
        }
    }

    /// The pointer for an address: of a thread heap if it is in one, of the heap if it is below `brk`, else mapped.
    pub fn pointer(&self, address: Address, brk: u64) -> Pointer {
        if address.is_null() {
            return Pointer::Null;
        }
        let in_region = self.regions.iter().rev().find(|region| address.0.wrapping_sub(region.1) < REGION_BYTES);
        match in_region {
            Some(&(number, at)) => Pointer::Region { number, offset: address.0 - at },
            None if address.0 >= self.header.base && address.0 < brk => Pointer::Heap(address.0 - self.header.base),
            None => Pointer::Mapped(address.0.wrapping_sub(self.header.mapped_base) as i64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_and_addresses_are_two_names_of_the_same() {
        let mut map = AddressMap::new(Header { page_offset: 0, base: 0x1000_0000, mapped_base: 0x7000_0000_0000 });
        map.add_region(1, 0x6000_0000_0000);
        map.add_region(2, 0x6000_0400_0000);
        for pointer in [
            Pointer::Null,
            Pointer::Heap(0x2a0),
            Pointer::Region { number: 2, offset: 0xb70 },
            Pointer::Mapped(0x10),
            Pointer::Mapped(-0x1ff0),
        ] {
            let address = map.address(pointer).unwrap();
            assert_eq!(map.pointer(address, 0x1002_1000), pointer);
        }
        assert_eq!(map.address(Pointer::Region { number: 3, offset: 0 }), None);
        assert_eq!(map.address(Pointer::Unknown(0x5000)), None);
    }

    #[test]
    fn a_thread_heap_that_takes_the_place_of_another_is_the_one_that_is_there() {
        let mut map = AddressMap::new(Header::default());
        map.add_region(1, 0x6000_0000_0000);
        map.add_region(7, 0x6000_0000_0000);
        assert_eq!(map.pointer(Address(0x6000_0000_0010), 0), Pointer::Region { number: 7, offset: 16 });
        assert_eq!(map.address(Pointer::Region { number: 1, offset: 0 }), None);
    }
}
