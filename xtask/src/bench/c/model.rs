//! The calls on the model of glibc's malloc.

use std::time::{Duration, Instant};

use c_model::Glibc;
use c_model::process::{Pointer, Process};
use memory_trait::{Address, Allocator, Outcome, ThreadId};

use super::calls::{Call, Calls, Function};

/// Memory of the emulated machine: more than any recording asks for. Unit: bytes.
const LIMIT_BYTES: u64 = 1 << 46;

/// What came of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replayed {
    /// Time of the calls alone.
    pub(crate) time: Duration,
    /// A sum over the places of the live blocks at the end, relative to the first break.
    pub(crate) places: u64,
}

/// Replays the calls on a heap that nobody has used.
///
/// # Errors
/// The allocator stopped the program.
pub(crate) fn replay(calls: &Calls, keeps_contents: bool) -> Result<Replayed, String> {
    let mut heap = Glibc::builder().contents(keeps_contents).limit_bytes(LIMIT_BYTES).build();
    let base = heap.program_break();
    let mut slots = vec![Address(1); calls.n_slots as usize];
    slots.fill(Address::NULL);
    let start = Instant::now();
    let outcome = calls.list.iter().try_for_each(|call| perform(&mut heap, &mut slots, base, call));
    let time = start.elapsed();
    outcome.map_err(|fault| format!("the model stops: {}", fault.message))?;
    Ok(Replayed { time, places: places(slots.into_iter(), base, heap.program_break()) })
}

/// A sum over the places of the blocks that are below the break, relative to where the heap begins.
fn places(slots: impl Iterator<Item = Address>, base: Address, end: Address) -> u64 {
    let of_heap = slots.enumerate().filter(|(_, block)| (base.0..end.0).contains(&block.0));
    of_heap.fold(0, |sum: u64, (i, block)| sum.wrapping_add((block.0 - base.0) * (2 * i as u64 + 1)))
}

/// Whether the detector can watch the calls: one thread, and nothing but allocating and freeing.
pub(crate) fn can_be_watched(calls: &Calls) -> bool {
    let is_plain = |call: &Call| {
        matches!(call.function, Function::Malloc | Function::Calloc | Function::Realloc | Function::Free)
            || matches!(call.function, Function::Memalign | Function::AlignedAlloc)
    };
    calls.list.iter().all(is_plain)
}

/// Replays the calls, all of which [can be watched](can_be_watched), in a process with the detector on: it knows of
/// each block when it was born and is over, and of each of its bytes whether it was written.
///
/// # Errors
/// The allocator stopped the program.
pub(crate) fn replay_watched(calls: &Calls) -> Result<Replayed, String> {
    let mut process = Process::builder().allocator(Glibc::builder().limit_bytes(LIMIT_BYTES)).build();
    let stopped = |fault: Box<memory_trait::Fault>| format!("the model stops: {}", fault.message);
    process.call("main", &[]).map_err(stopped)?;
    let base = process.allocator().program_break();
    let mut slots = vec![Pointer::null(); calls.n_slots as usize];
    let start = Instant::now();
    let outcome = calls.list.iter().try_for_each(|call| perform_watched(&mut process, &mut slots, call));
    let time = start.elapsed();
    outcome.map_err(stopped)?;
    assert_eq!(process.findings(), [], "a recorded program frees what it has");
    let end = process.allocator().program_break();
    Ok(Replayed { time, places: places(slots.into_iter().map(|pointer| pointer.address), base, end) })
}

fn perform_watched(process: &mut Process, slots: &mut [Pointer], call: &Call) -> Outcome<()> {
    let Call { function, slot, a, b } = *call;
    let slot = &mut slots[slot as usize];
    match function {
        Function::Malloc => *slot = process.malloc(a)?,
        Function::Calloc => *slot = process.calloc(a, b)?,
        Function::Free => process.free(std::mem::take(slot))?,
        Function::Memalign | Function::AlignedAlloc => *slot = process.aligned_alloc(a, b)?,
        Function::Realloc => {
            let new = process.realloc(*slot, a)?;
            if !new.is_null() || a == 0 {
                *slot = new;
            }
        }
        _ => unreachable!("{call:?} cannot be watched"),
    }
    Ok(())
}

#[inline]
fn perform(heap: &mut Glibc, slots: &mut [Address], base: Address, call: &Call) -> Outcome<()> {
    let Call { function, slot, a, b } = *call;
    let slot_index = slot as usize;
    slots[slot_index] = match function {
        Function::Malloc => heap.malloc(a)?,
        Function::Free => {
            heap.free(slots[slot_index])?;
            Address::NULL
        }
        Function::Calloc => heap.calloc(a, b)?,
        Function::Realloc => {
            let new = heap.realloc(slots[slot_index], a)?;
            if new.is_null() && a != 0 { slots[slot_index] } else { new }
        }
        Function::Memalign => heap.memalign(a, b)?,
        Function::AlignedAlloc => heap.aligned_alloc(a, b)?,
        Function::PosixMemalign => heap.posix_memalign(a, b)?,
        Function::Valloc => heap.valloc(a)?,
        Function::Pvalloc => heap.pvalloc(a)?,
        _ => return perform_other(heap, slots, base, call),
    };
    Ok(())
}

/// The calls that no block comes from.
fn perform_other(heap: &mut Glibc, slots: &[Address], base: Address, call: &Call) -> Outcome<()> {
    let Call { function, slot, a, b } = *call;
    match function {
        Function::UsableSize => drop(heap.malloc_usable_size(slots[slot as usize])?),
        Function::Trim => drop(heap.malloc_trim(a)?),
        Function::Mallopt => drop(heap.mallopt(a as i32, b as i32)?),
        Function::Break => drop(heap.move_break(Address(base.0.wrapping_add(a)))),
        Function::Thread => heap.switch_thread(ThreadId(slot)),
        Function::ThreadExit => heap.end_thread()?,
        _ => unreachable!("{call:?} gives a block"),
    }
    Ok(())
}
