//! The operating system of a recorded trace: it answers as it did then.

use std::collections::VecDeque;

use heap_trace::Refusals;

use crate::malloc::chunk::HEADER_BYTES;
use crate::malloc::params::HEAP_BYTES_MAX;
use crate::malloc::system::{AddressSpace, System};

/// So many mapped chunks and more may have come upon the kernel's limit of mappings. Source: Linux `vm.max_map_count`
/// is 65530, less what else a process has mapped.
const MMAPS_NEAR_LIMIT: i32 = 60_000;

/// What the trace says came back from a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reply {
    /// The call does not return a block.
    #[default]
    Other,
    /// No block: memory was refused, or none was asked for.
    Nothing,
    /// A block.
    Block {
        /// Its address.
        at: u64,
        /// Where its mapping starts, if it is in a mapping.
        mapping: Option<u64>,
    },
}

/// An operating system that answers from what was recorded of the current event.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    reply: Reply,
    /// The mapping the event got, until it is given out.
    mapping: Option<u64>,
    /// The break after the event.
    brk: u64,
    /// The break was raised in this event.
    has_grown: bool,
    /// The mappings before the event, where they are known and placement is predicted.
    space: Option<AddressSpace>,
    /// Mapped chunks before the event.
    n_mmaps: i32,
    has_placed: bool,
    /// Places of thread heaps that were announced and never used. A place is announced once, however often a heap is
    /// put there.
    announced: VecDeque<u64>,
    /// Places of thread heaps that were given back.
    given_back: Vec<u64>,
    /// The thread heap that was given out last.
    fresh_heap: u64,
    /// What is refused, where the trace says so; elsewhere it is inferred from the results.
    refusals: Option<Refusals>,
    /// Malloc maps for itself, not for the event's result.
    is_for_itself: bool,
    /// Bytes given out at places that the trace does not tell.
    unknown_bytes: u64,
}

/// No process has more. Unit: bytes. Source: Linux on x86-64 with four levels of page tables, `TASK_SIZE`.
const ADDRESSES: u64 = 1 << 47;
/// Where mappings are that a trace says nothing of, because no result is in them.
const UNKNOWN_PLACES: u64 = 1 << 46;

impl Recorded {
    /// An event begins.
    pub(super) fn begin(&mut self, reply: Reply, brk: u64, maps: Option<&[(u64, u64)]>, n_mmaps: i32) {
        self.reply = reply;
        self.mapping = match reply {
            Reply::Block { mapping, .. } => mapping,
            Reply::Other | Reply::Nothing => None,
        };
        self.brk = brk;
        self.has_grown = false;
        self.space = maps.map(AddressSpace::of);
        self.n_mmaps = n_mmaps;
        self.has_placed = false;
        self.fresh_heap = 0;
    }

    /// Whether a mapping of the event was placed by prediction.
    pub(super) fn has_placed(&self) -> bool {
        self.has_placed
    }

    /// Places of thread heaps that nobody uses at this moment.
    pub(super) fn n_places(&self) -> usize {
        self.announced.len() + self.given_back.len()
    }

    /// A thread heap will be at `at`.
    pub(super) fn add_region(&mut self, at: u64) {
        self.given_back.retain(|&place| place != at);
        self.announced.push_back(at);
    }

    /// From now on these kinds of requests are refused and no others.
    pub(super) fn set_refusals(&mut self, kinds: Refusals) {
        self.refusals = Some(kinds);
    }

    /// Whether requests of a kind are refused; `None` where the trace does not say.
    fn refuses(&self, kind: Refusals) -> Option<bool> {
        self.refusals.map(|refusals| refusals.has(kind))
    }

    /// A place for a mapping that no result is in.
    fn unknown_place(&mut self, bytes: u64) -> u64 {
        let start = UNKNOWN_PLACES + self.unknown_bytes;
        self.unknown_bytes += bytes;
        start
    }

    /// Whether the event ended without a block, or with one that is mapped and was not given out yet.
    fn may_have_refused(&self) -> bool {
        self.reply == Reply::Nothing || self.mapping.is_some()
    }
}

impl System for Recorded {
    /// Refused is what would leave the place where the break is found after the event, if the event looks like it: it
    /// got no block, or had the break raised already. (A failed call may have raised the break all the same: after a
    /// foreign `sbrk`, freeing the old top can trim the new one until it is too small.)
    fn move_break(&mut self, from: u64, to: u64) -> bool {
        let is_refused = to > from
            && self.refuses(Refusals::BREAK).unwrap_or(from == self.brk && (self.may_have_refused() || self.has_grown));
        self.has_grown |= to > from && !is_refused;
        !is_refused
    }

    /// Differs from what was recorded only when it must: a request that the recorded process did not map is placed
    /// all the same, so that the difference shows in the result.
    fn map(&mut self, bytes: u64) -> Option<u64> {
        let is_refused = self.refuses(Refusals::MAP).unwrap_or(match self.reply {
            Reply::Nothing => true,
            Reply::Block { mapping: None, .. } => self.n_mmaps > MMAPS_NEAR_LIMIT,
            Reply::Block { mapping: Some(_), .. } => self.mapping.is_none(),
            Reply::Other => false,
        });
        if is_refused || bytes >= ADDRESSES {
            return None;
        }
        // A mapping of malloc's own that a result is in, too, is a piece of an arena: the result is not at its start.
        let is_unseen = match self.reply {
            Reply::Block { at, mapping: Some(start) } => self.is_for_itself && at == start + HEADER_BYTES,
            _ => self.is_for_itself,
        };
        let recorded = if is_unseen { None } else { self.mapping.take() };
        if let Some(space) = &mut self.space
            && let Some(start) = space.find(bytes)
        {
            space.insert(start, bytes);
            self.has_placed = true;
            return Some(start);
        }
        Some(recorded.unwrap_or_else(|| self.unknown_place(bytes)))
    }

    fn maps_for_itself(&mut self, for_itself: bool) {
        self.is_for_itself = for_itself;
    }

    fn unmap(&mut self, start: u64, bytes: u64) {
        if let Some(space) = &mut self.space {
            space.remove(start, bytes);
        }
    }

    fn remap(&mut self, start: u64, bytes: u64, new_bytes: u64) -> Option<u64> {
        if self.refuses(Refusals::REMAP).unwrap_or(self.mapping.is_none()) || new_bytes >= ADDRESSES {
            return None;
        }
        let recorded = self.mapping.take();
        match self.space.as_ref().and_then(|space| space.find_resized(start, bytes, new_bytes)) {
            Some(to) => {
                self.has_placed = true;
                Some(to)
            }
            None => Some(recorded.unwrap_or_else(|| self.unknown_place(new_bytes))),
        }
    }

    /// The place that the event's result is in, if it is one; else the next one announced; else the last given back.
    /// Who says what is refused also announces each heap anew, in the order of their beginnings: one event may begin two,
    /// the first for nothing.
    fn map_heap(&mut self) -> Option<u64> {
        if self.refuses(Refusals::HEAP) == Some(true) {
            return None;
        }
        let is_result_in = |place: &u64| match self.reply {
            Reply::Block { at, mapping: None } => at.wrapping_sub(*place) < HEAP_BYTES_MAX,
            _ => false,
        };
        let next = if self.refusals.is_some() { self.announced.pop_front() } else { None };
        self.fresh_heap = if let Some(place) = next {
            place
        } else if let Some(place) = self.given_back.iter().position(is_result_in) {
            self.given_back.remove(place)
        } else {
            let place = self.announced.iter().position(is_result_in).unwrap_or(0);
            self.announced.remove(place).or_else(|| self.given_back.pop())?
        };
        Some(self.fresh_heap)
    }

    fn unmap_heap(&mut self, start: u64) {
        self.given_back.push(start);
    }

    fn protect_heap(&mut self, start: u64, _bytes: u64) -> bool {
        match self.refuses(Refusals::PROTECT) {
            Some(is_refused) => !is_refused,
            None => start == self.fresh_heap || self.reply != Reply::Nothing,
        }
    }
}
