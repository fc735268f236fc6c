//! Calls in the words of the formats that know `malloc`, `realloc` and `free`, and nothing else.

use super::Losses;
use crate::address::AddressMap;
use crate::record::{Answer, Header, Pointer, Record, Request};

/// A call; addresses are absolute, sizes in bytes, 0 is no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Malloc { at: u64, bytes: u64 },
    Realloc { given: u64, at: u64, bytes: u64 },
    Free { given: u64 },
    FreeNull,
}

/// Makes plain calls of records.
#[derive(Debug)]
pub(super) struct PlainCalls {
    map: AddressMap,
    /// What is lost with a call of another thread than the first.
    of_threads: &'static str,
    pub(super) losses: Losses,
}

impl PlainCalls {
    pub(super) fn new(header: &Header, of_threads: &'static str) -> Self {
        PlainCalls { map: AddressMap::new(*header), of_threads, losses: Losses::default() }
    }

    /// What a record is in such a format. Of the system and of snapshots those know nothing; nor do their readers miss
    /// it.
    pub(super) fn resolve(&mut self, record: &Record) -> Option<Plain> {
        let call = match record {
            Record::Call(call) => call,
            Record::Region { number, at } => {
                self.map.add_region(*number, *at);
                return None;
            }
            _ => return None,
        };
        let given = match call.request {
            Request::Realloc { block, .. } | Request::Free { block } => block,
            _ => Pointer::Null,
        };
        let answer = match call.answer {
            Answer::Block { at, .. } => at,
            Answer::Nothing | Answer::Number(_) => Pointer::Null,
        };
        let (Some(given), Some(at)) = (self.map.address(given), self.map.address(answer)) else {
            self.losses.add("calls with an address that nobody knows are left out");
            return None;
        };
        let (given, at) = (given.0, at.0);
        if call.thread > 0 && call.request != Request::ThreadExit {
            self.losses.add(self.of_threads);
        }
        match call.request {
            Request::Malloc { bytes } => Some(Plain::Malloc { at, bytes }),
            Request::Calloc { n, bytes } => {
                self.losses.add("calloc is written as malloc");
                Some(Plain::Malloc { at, bytes: n.saturating_mul(bytes) })
            }
            Request::Memalign { bytes, .. }
            | Request::AlignedAlloc { bytes, .. }
            | Request::PosixMemalign { bytes, .. }
            | Request::Valloc { bytes }
            | Request::Pvalloc { bytes } => {
                self.losses.add("functions with an alignment are written as malloc");
                Some(Plain::Malloc { at, bytes })
            }
            Request::Realloc { bytes, .. } if given == 0 => Some(Plain::Malloc { at, bytes }),
            Request::Realloc { bytes: 0, .. } if at == 0 => Some(Plain::Free { given }),
            Request::Realloc { bytes, .. } => Some(Plain::Realloc { given, at, bytes }),
            Request::Free { .. } if given == 0 => Some(Plain::FreeNull),
            Request::Free { .. } => Some(Plain::Free { given }),
            Request::UsableSize { .. } | Request::Trim { .. } | Request::Mallopt { .. } => {
                self.losses.add("malloc_usable_size, malloc_trim and mallopt are left out");
                None
            }
            Request::ThreadExit => None,
        }
    }
}
