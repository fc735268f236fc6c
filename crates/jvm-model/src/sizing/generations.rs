//! The division of the heap into a young and an old generation.
//!
//! Mirrors `genArguments.cpp:GenArguments::initialize_heap_flags_and_sizes` and `initialize_size_info`, step by step:
//! the steps read and write the same few flags, and the result depends on their order.

use super::ergonomics::HeapFlags;
use super::{Range, Refusal, align_down};
use crate::params::{DEFAULT_NEW_BYTES, DEFAULT_OLD_BYTES, Flags, HEAP_ALIGNMENT_BYTES, SPACE_ALIGNMENT_BYTES};
use crate::rules::{Rule, rule};
use crate::version::Version;

/// Alignment of a generation, the same as that of a space. Unit: bytes.
const ALIGNMENT: u64 = SPACE_ALIGNMENT_BYTES;
/// Room for eden and two survivors. Unit: bytes. `genArguments.cpp:young_gen_size_lower_bound`.
const MIN_YOUNG_BYTES: u64 = 3 * ALIGNMENT;
/// Unit: bytes. `genArguments.cpp:old_gen_size_lower_bound`.
const MIN_OLD_BYTES: u64 = ALIGNMENT;

const _: () =
    assert!(MIN_YOUNG_BYTES + MIN_OLD_BYTES <= HEAP_ALIGNMENT_BYTES, "any aligned heap holds both generations");

/// The flags while they are being settled.
struct Settling<'a> {
    flags: &'a Flags,
    heap: Range,
    is_max_heap_given: bool,
    new: u64,
    /// `None` while it has its default.
    max_new: Option<u64>,
    old: u64,
    min_new: u64,
}

/// Heap, young and old generation.
pub(super) fn generations(flags: &Flags, heap_flags: HeapFlags) -> Result<(Range, Range, Range), Refusal> {
    let mut settling = Settling {
        flags,
        heap: heap_flags.heap,
        is_max_heap_given: heap_flags.is_max_given,
        new: flags.new_bytes.unwrap_or(DEFAULT_NEW_BYTES),
        max_new: flags.max_new_bytes,
        old: flags.old_bytes.unwrap_or(DEFAULT_OLD_BYTES),
        min_new: MIN_YOUNG_BYTES,
    };
    settling.settle_new();
    if flags.new_ratio < 1 || flags.survivor_ratio < 1 {
        return Err(Refusal("Invalid young gen ratio specified".to_owned()));
    }
    settling.settle_old();
    let (young, old) = settling.sizes();
    Ok((settling.heap, young, old))
}

/// `bytes`, but at least one alignment less than `whole`. `genArguments.cpp:bound_minus_alignment`.
fn leaving_room(bytes: u64, whole: u64) -> u64 {
    if rule(Rule::NewLeavesRoomForOld) { bytes.min(whole.saturating_sub(ALIGNMENT)) } else { bytes.min(whole) }
}

impl Settling<'_> {
    fn is_new_given(&self) -> bool {
        self.flags.new_bytes.is_some()
    }

    /// `NewSize` and `MaxNewSize` made legal. The heap has room for two generations by its alignment alone.
    fn settle_new(&mut self) {
        if self.is_new_given() && self.new >= self.heap.initial {
            self.new = leaving_room(self.new, self.heap.initial);
        }
        self.new = align_down(leaving_room(self.new, self.heap.max), ALIGNMENT).max(MIN_YOUNG_BYTES);
        if let Some(max_new) = self.max_new {
            let settled = if max_new >= self.heap.max {
                let smaller = self.heap.max - ALIGNMENT;
                self.new = self.new.min(smaller);
                smaller
            } else if max_new < self.new {
                self.new
            } else {
                align_down(max_new, ALIGNMENT)
            };
            self.max_new = Some(settled.max(self.new));
        }
    }

    /// `OldSize` made legal, then it, `NewSize` and the heap made to match each other.
    ///
    /// 25 has no `OldSize` any more: old is what young leaves.
    fn settle_old(&mut self) {
        if self.flags.version >= Version::V25 {
            return;
        }
        let is_old_given = self.flags.old_bytes.is_some();
        self.old = align_down(self.old.max(MIN_OLD_BYTES), ALIGNMENT);
        let together = self.new + self.old;
        if together > self.heap.max && rule(Rule::GenerationsFitHeap) {
            if self.is_max_heap_given {
                let factor = self.heap.max as f64 / together as f64;
                let smaller = align_down((self.new as f64 * factor) as u64, ALIGNMENT);
                self.new = smaller.max(MIN_YOUNG_BYTES);
                self.old = self.heap.max - self.new;
            } else {
                self.heap.max = together.next_multiple_of(HEAP_ALIGNMENT_BYTES);
            }
        }
        if is_old_given && !self.is_new_given() && self.old < self.heap.initial {
            let rest = self.heap.initial - self.old;
            if rule(Rule::OldSizeLeavesRest) && rest >= self.min_new && rest <= self.max_new.unwrap_or(u64::MAX) {
                self.new = rest;
            }
        }
    }

    /// `bytes` divided by `NewRatio`, at least one alignment. `scale_by_NewRatio_aligned`.
    fn young_share(&self, bytes: u64) -> u64 {
        let parts = if rule(Rule::NewRatioDividesHeap) { self.flags.new_ratio + 1 } else { self.flags.new_ratio };
        align_down(bytes / parts.max(1), ALIGNMENT).max(ALIGNMENT)
    }

    /// The sizes of both generations. `GenArguments::initialize_size_info`.
    fn sizes(&mut self) -> (Range, Range) {
        let heap = self.heap;
        let mut max_young = self.max_new.unwrap_or_else(|| self.young_share(heap.max).max(self.new));
        let mut young;
        if heap.max == heap.initial {
            if self.is_new_given() && rule(Rule::FixedHeapFixesNew) {
                max_young = self.new;
            }
            young = max_young;
            if heap.max == heap.min {
                self.min_new = max_young;
            }
        } else if self.is_new_given() {
            young = max_young.min(leaving_room(self.new, heap.initial));
            self.min_new = leaving_room(young, heap.min);
        } else {
            young = self.young_share(heap.initial).clamp(self.new.min(max_young), max_young);
            if self.flags.version >= Version::V25 {
                self.min_new = self.young_share(heap.min).min(young);
            }
        }
        let max_old = (heap.max - max_young).max(ALIGNMENT);
        let mut min_old = max_old.min(heap.initial.saturating_sub(young)).min(heap.min.saturating_sub(self.min_new));
        let mut old = self.old;
        if self.flags.old_bytes.is_none() {
            old = heap.initial.saturating_sub(young).clamp(min_old, max_old);
        } else if old > max_old {
            old = max_old;
        } else if old < min_old {
            min_old = old;
        }
        if old + young != heap.initial && rule(Rule::GenerationsMakeUpHeap) {
            let desired = heap.initial.saturating_sub(old);
            (young, old) = if heap.initial < old {
                (self.min_new, heap.initial - self.min_new)
            } else if desired > max_young {
                (max_young, heap.initial - max_young)
            } else if desired < self.min_new {
                (self.min_new, heap.initial - self.min_new)
            } else {
                (desired, old)
            };
        }
        let young = Range { min: self.min_new, initial: young, max: max_young };
        (young, Range { min: min_old, initial: old, max: max_old })
    }
}
