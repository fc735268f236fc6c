//! A function's frame as a compiler without optimisation lays it out.
//!
//! ```text
//!  higher   | 8th argument        |  rbp + 24   arguments beyond the registers: pushed by the caller,
//!           | 7th argument        |  rbp + 16   padded to 16 bytes
//!           | return address      |  rbp + 8
//!   rbp ->  | caller's rbp        |  rbp        a multiple of 16
//!           | first parameter     |  rbp - 8    parameters that came in registers are stored first,
//!           | locals              |             then the locals in source order, each naturally aligned
//!   rsp ->  | padding             |             the frame ends at a multiple of 16
//!  lower
//! ```
//!
//! Temporaries are registers and take no bytes here.
//!
//! Differs: real compilers order locals as they like (gcc sorts some by size, and puts arrays next to the saved
//! registers); the number of bytes is the same up to that sorting.

use memory_trait::{FunctionShape, Kind, SlotShape};

use super::{RecordLayout, size_of};
use crate::params::{FLOAT_ARGUMENT_REGISTERS, FRAME_LINK_BYTES, INTEGER_ARGUMENT_REGISTERS, STACK_ALIGNMENT_BYTES};

/// Where a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotPlace {
    /// In a register.
    Register,
    /// On the stack, this far from `rbp`. Unit: bytes.
    Stack(i32),
}

/// The layout of a function's frames.
///
/// # Source
/// System V ABI, AMD64, 3.2.2 (the frame) and 3.2.3 (which arguments go to registers).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameLayout {
    /// Where each slot is.
    pub slots: Vec<SlotPlace>,
    /// What the caller pushes for arguments beyond the registers, with padding. Unit: bytes.
    pub argument_bytes: u64,
    /// What is below `rbp`, with padding. Unit: bytes.
    pub locals_bytes: u64,
}

impl FrameLayout {
    /// Lays a function's frames out.
    ///
    /// # Panics
    /// When the locals take 2 GiB or more: no compiler makes such a frame.
    pub fn new(shape: &FunctionShape, records: &[RecordLayout]) -> Self {
        let (mut n_integers, mut n_floats, mut n_pushed) = (0, 0, 0_u64);
        let mut locals_bytes = 0;
        let mut slots = Vec::with_capacity(shape.slots.len());
        for (index, slot) in shape.slots.iter().enumerate() {
            let is_parameter = index < shape.n_parameters;
            let (n_used, n_registers) = match slot.kind {
                Kind::Float => (&mut n_floats, FLOAT_ARGUMENT_REGISTERS),
                Kind::Int | Kind::Bool | Kind::Reference => (&mut n_integers, INTEGER_ARGUMENT_REGISTERS),
            };
            if is_parameter {
                *n_used += 1;
            }
            if is_parameter && *n_used > n_registers {
                slots.push(SlotPlace::Stack((FRAME_LINK_BYTES + 8 * n_pushed) as i32));
                n_pushed += 1;
            } else if is_parameter || slot.name.is_some() || slot.automatic.is_some() {
                let (size_bytes, alignment_bytes) = extent(slot, records);
                locals_bytes = (locals_bytes + size_bytes).next_multiple_of(alignment_bytes);
                assert!(locals_bytes < 1 << 31, "the frame of {} takes 2 GiB or more", shape.name);
                slots.push(SlotPlace::Stack(-(locals_bytes as i32)));
            } else {
                slots.push(SlotPlace::Register);
            }
        }
        FrameLayout {
            slots,
            argument_bytes: (8 * n_pushed).next_multiple_of(STACK_ALIGNMENT_BYTES),
            locals_bytes: locals_bytes.next_multiple_of(STACK_ALIGNMENT_BYTES),
        }
    }

    /// Bytes by which a call lowers the stack pointer.
    pub const fn frame_bytes(&self) -> u64 {
        self.argument_bytes + FRAME_LINK_BYTES + self.locals_bytes
    }
}

/// Size and alignment of a slot on the stack.
fn extent(slot: &SlotShape, records: &[RecordLayout]) -> (u64, u64) {
    match slot.automatic {
        Some(record) => (records[record.index()].size_bytes, records[record.index()].alignment_bytes),
        None => (size_of(slot.kind), size_of(slot.kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memory_trait::Program;

    fn frame(parameters: &[Kind], locals: &[Kind]) -> FrameLayout {
        let name = |kinds: &[Kind]| kinds.iter().map(|&kind| ("v", kind)).collect::<Vec<_>>();
        let mut program = Program::default();
        let function = program.function("f", &name(parameters), &name(locals));
        FrameLayout::new(program.function_shape(function), &[])
    }

    #[test]
    fn a_function_without_slots_takes_the_return_address_and_the_saved_rbp() {
        assert_eq!(frame(&[], &[]).frame_bytes(), 16);
    }

    #[test]
    fn frames_are_multiples_of_16_bytes() {
        assert_eq!(frame(&[], &[Kind::Int]).frame_bytes(), 32);
        assert_eq!(frame(&[], &[Kind::Int; 2]).frame_bytes(), 32);
        assert_eq!(frame(&[], &[Kind::Int; 3]).frame_bytes(), 48);
        assert_eq!(frame(&[], &[Kind::Bool; 16]).frame_bytes(), 32);
    }

    #[test]
    fn locals_are_naturally_aligned() {
        use SlotPlace::Stack;
        assert_eq!(frame(&[], &[Kind::Bool, Kind::Int, Kind::Bool]).slots, [Stack(-1), Stack(-16), Stack(-17)]);
    }

    #[test]
    fn the_seventh_integer_argument_is_on_the_stack_above_the_return_address() {
        use SlotPlace::Stack;
        let layout = frame(&[Kind::Int; 8], &[]);
        assert_eq!(layout.slots[5], Stack(-48));
        assert_eq!(layout.slots[6..], [Stack(16), Stack(24)]);
        assert_eq!(layout.frame_bytes(), 16 + 16 + 48);
    }

    #[test]
    fn a_single_argument_on_the_stack_is_padded() {
        assert_eq!(frame(&[Kind::Reference; 7], &[]).argument_bytes, 16);
    }

    #[test]
    fn floats_have_eight_registers_of_their_own() {
        let mut kinds = vec![Kind::Int; 6];
        kinds.extend([Kind::Float; 8]);
        assert_eq!(frame(&kinds, &[]).argument_bytes, 0);
        kinds.push(Kind::Float);
        assert_eq!(frame(&kinds, &[]).argument_bytes, 16);
    }

    #[test]
    fn temporaries_are_registers() {
        let slot = SlotShape { name: None, kind: Kind::Int, automatic: None };
        let shape = FunctionShape { name: "f".to_owned(), n_parameters: 0, slots: vec![slot; 40] };
        let layout = FrameLayout::new(&shape, &[]);
        assert_eq!(layout.frame_bytes(), 16);
        assert!(layout.slots.iter().all(|&place| place == SlotPlace::Register));
    }

    #[test]
    fn automatic_storage_takes_the_size_of_its_record() {
        let mut program = Program::default();
        let record = program.record("Pair", &[("a", Kind::Int), ("b", Kind::Int), ("c", Kind::Bool)]);
        let slot = SlotShape { name: Some("p".to_owned()), kind: Kind::Reference, automatic: Some(record) };
        let shape = FunctionShape { name: "f".to_owned(), n_parameters: 0, slots: vec![slot] };
        let layout = FrameLayout::new(&shape, &[RecordLayout::new(program.record_shape(record))]);
        assert_eq!(layout.slots, [SlotPlace::Stack(-24)]);
        assert_eq!(layout.locals_bytes, 32);
    }
}
