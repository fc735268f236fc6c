//! The size of the whole heap: what is given, what follows from physical memory, what is refused.
//!
//! Mirrors `arguments.cpp:Arguments::set_heap_size` and `gcArguments.cpp:GCArguments::initialize_heap_flags_and_sizes`.

use super::{Range, Refusal, placement};
use crate::params::{DEFAULT_MAX_HEAP_BYTES, DEFAULT_NEW_BYTES, DEFAULT_OLD_BYTES, Flags, G, HEAP_ALIGNMENT_BYTES, M};
use crate::rules::{Rule, rule};
use crate::version::Version;

/// Default of `MaxRAM`. Unit: bytes. `c2_globals_x86.hpp:MaxRAM`.
const DEFAULT_MAX_RAM_BYTES: u64 = 128 * G;

const INCOMPATIBLE_MINIMUM: &str = "Incompatible minimum and initial heap sizes specified";

/// The three heap flags after this stage, and what a later stage has to know of their origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeapFlags {
    pub(super) heap: Range,
    /// `FLAG_IS_CMDLINE(MaxHeapSize)`: ergonomic changes do not clear it.
    pub(super) is_max_given: bool,
}

pub(super) fn heap_flags(flags: &Flags) -> Result<HeapFlags, Refusal> {
    let mut heap = set_heap_size(flags);
    let refuse = |words: &str| Err(Refusal(words.to_owned()));
    if let Some(max) = flags.max_heap_bytes {
        if flags.initial_heap_bytes.is_some() && heap.initial > max {
            return refuse("Initial heap size set to a larger value than the maximum heap size");
        }
        if flags.min_heap_bytes.is_some() && heap.min > max {
            return refuse("Incompatible minimum and maximum heap sizes specified");
        }
    }
    let are_given = flags.initial_heap_bytes.is_some() && flags.min_heap_bytes.is_some();
    let is_incompatible = |heap: Range| are_given && heap.initial < heap.min;
    // 21 looks at the numbers as they are given, 17 after they have been aligned.
    if flags.version >= Version::V21 && is_incompatible(heap) {
        return refuse(INCOMPATIBLE_MINIMUM);
    }
    if heap.max < 2 * M {
        return refuse("Too small maximum heap");
    }
    if heap.initial < M {
        return refuse("Too small initial heap");
    }
    if heap.min < M {
        return refuse("Too small minimum heap");
    }
    for bytes in [&mut heap.min, &mut heap.initial, &mut heap.max].into_iter().filter(|_| rule(Rule::HeapIsAligned)) {
        *bytes = bytes.checked_next_multiple_of(HEAP_ALIGNMENT_BYTES).unwrap_or(u64::MAX - HEAP_ALIGNMENT_BYTES + 1);
    }
    if is_incompatible(heap) {
        return refuse(INCOMPATIBLE_MINIMUM);
    }
    // Neither flag has its default any more, whoever set it: a larger initial heap makes a larger greatest one.
    heap.max = heap.max.max(heap.initial);
    Ok(HeapFlags { heap, is_max_given: flags.max_heap_bytes.is_some() })
}

/// `Arguments::set_heap_size`: shares of physical memory where nothing is given.
fn set_heap_size(flags: &Flags) -> Range {
    let physical = flags.max_ram_bytes.unwrap_or(flags.physical_bytes.min(DEFAULT_MAX_RAM_BYTES));
    let share = |percentage: f64| (physical as f64 * percentage / 100.0) as u64;
    let (given_min, given_initial) = (flags.min_heap_bytes.unwrap_or(0), flags.initial_heap_bytes.unwrap_or(0));
    let max = flags.max_heap_bytes.unwrap_or_else(|| {
        let small_machine = share(flags.min_ram_percentage);
        let mut max = if small_machine < DEFAULT_MAX_HEAP_BYTES {
            small_machine
        } else {
            share(flags.max_ram_percentage).max(DEFAULT_MAX_HEAP_BYTES)
        };
        if flags.initial_heap_bytes.is_some() {
            max = max.max(given_initial);
        } else if flags.min_heap_bytes.is_some() {
            max = max.max(given_min);
        }
        placement::bounded_for_compressed_oops(flags, max)
    });
    let (new, old) = (flags.new_bytes.unwrap_or(DEFAULT_NEW_BYTES), flags.old_bytes.unwrap_or(DEFAULT_OLD_BYTES));
    let minimum = if rule(Rule::GenerationsBoundFirstHeap) { new.saturating_add(old).min(max) } else { M };
    let initial = match given_initial {
        0 => share(flags.initial_ram_percentage).max(minimum).max(given_min).min(max),
        given => given,
    };
    let min = match given_min {
        0 => minimum.min(initial),
        given => given,
    };
    Range { min, initial, max }
}
