//! A program that allocates and frees for ever, as a heap trace: what is live stays within bounds, the trace does not.
//!
//! The results are the model's own, so such a trace says nothing about glibc; it says how the replay of a long one does.

use std::collections::VecDeque;

use c_model::Glibc;
use heap_trace::{AddressMap, Answer, Call, Header, Pointer, Record, Request};
use memory_trait::{Address, Allocator};

/// Blocks that are live at most.
const LIVE_MAX: usize = 10_000;

/// The page that pointers to mapped blocks are relative to.
const MAPPED_BASE: u64 = 0x7fff_f7c0_0000;

/// The records of such a program, without end.
pub(crate) struct Churn {
    heap: Glibc,
    map: AddressMap,
    header: Header,
    live: Vec<Pointer>,
    state: u64,
    ready: VecDeque<Record>,
}

impl Churn {
    pub(crate) fn new(seed: u64) -> Self {
        let heap = Glibc::builder().contents(false).limit_bytes(1 << 40).build();
        let header = Header { page_offset: 0, base: heap.program_break().0, mapped_base: MAPPED_BASE };
        let map = AddressMap::new(header);
        Churn { heap, map, header, live: Vec::new(), state: seed, ready: VecDeque::new() }
    }

    /// The first line.
    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// A number below `end`, by the algorithm of `rand` in the workload language.
    fn random(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % end
    }

    /// Most blocks are small, a few are large; above 32 MiB they are mappings, whatever the thresholds have become.
    fn bytes(&mut self) -> u64 {
        match self.random(1000) {
            0 => (33 << 20) + self.random(1 << 20),
            1 => 100_000 + self.random(1 << 20),
            2..50 => 1000 + self.random(20_000),
            50..300 => self.random(1000),
            _ => self.random(128),
        }
    }

    fn address(&self, pointer: Pointer) -> Address {
        self.map.address(pointer).expect("a block of the heap or a mapped one")
    }

    fn call(&mut self) {
        let brk = self.heap.program_break();
        let what = self.random(10);
        let is_full = self.live.len() >= LIVE_MAX;
        let (request, answer) = if self.live.is_empty() || (what < 5 && !is_full) {
            let bytes = self.bytes();
            (Request::Malloc { bytes }, self.heap.malloc(bytes))
        } else {
            let which = self.random(self.live.len() as u64) as usize;
            let block = self.live.swap_remove(which);
            let at = self.address(block);
            if what == 9 {
                let bytes = 1 + self.bytes();
                (Request::Realloc { block, bytes }, self.heap.realloc(at, bytes))
            } else {
                (Request::Free { block }, self.heap.free(at).map(|()| Address::NULL))
            }
        };
        let new = answer.expect("the program makes no mistake");
        let answer = if let Request::Free { .. } = request {
            Answer::Nothing
        } else {
            let at = self.map.pointer(new, self.heap.program_break().0);
            self.live.push(at);
            Answer::Block { at, offset: 0 }
        };
        self.ready.push_back(Record::Call(Call { thread: 0, request, answer }));
        if self.heap.program_break() != brk {
            self.ready.push_back(Record::Break(self.heap.program_break().0 - self.header.base));
        }
    }
}

impl Iterator for Churn {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.ready.is_empty() {
            self.call();
        }
        self.ready.pop_front()
    }
}
