//! The calls on the model of glibc's malloc.

use std::time::{Duration, Instant};

use c_model::Glibc;
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
    let end = heap.program_break();
    let places = slots.iter().enumerate().filter(|(_, block)| (base.0..end.0).contains(&block.0));
    let places = places.fold(0_u64, |sum, (i, block)| sum.wrapping_add((block.0 - base.0) * (2 * i as u64 + 1)));
    Ok(Replayed { time, places })
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
