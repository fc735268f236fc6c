//! A function's frame as gcc lays it out without optimisation.
//!
//! ```text
//!  higher   | 8th argument        |  rbp + 24   arguments beyond the registers: pushed by the caller,
//!           | 7th argument        |  rbp + 16   padded to 16 bytes
//!           | return address      |  rbp + 8
//!   rbp ->  | caller's rbp        |  rbp        a multiple of 16
//!           | locals              |             in source order, naturally aligned, records from 16 bytes on at
//!           |                     |             multiples of 16; then padding to 16 bytes
//!           | parameters          |             those that came in registers, a truth value as 4 bytes
//!   rsp ->  | padding             |             the frame ends at a multiple of 16
//!  lower
//! ```
//!
//! Temporaries are registers and take no bytes here.
//!
//! Differs: a function that calls nothing needs not lower the stack pointer (the ABI's red zone); a [`FrameLayout`] does
//! not know what a function calls, and lowers it always ([`Below::lowered_bytes_of_leaf`] is what gcc does). What an expression has to keep across a call, gcc puts into further places of its own.

use memory_trait::{FunctionShape, Kind, SlotShape};

use super::{RecordLayout, size_of};
use crate::params::{
    FLOAT_ARGUMENT_REGISTERS, FRAME_LINK_BYTES, INTEGER_ARGUMENT_REGISTERS, RED_ZONE_USED_BYTES, STACK_ALIGNMENT_BYTES,
};

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
/// System V ABI, AMD64, 3.2.2 (the frame) and 3.2.3 (which arguments go to registers); the order of locals and parameters
/// as gcc 12.2 has it with `-O0 -fno-stack-protector`, recorded in the tests of this module.
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
        let mut slots = vec![SlotPlace::Register; shape.slots.len()];
        let mut below = Below::default();
        for (place, slot) in slots.iter_mut().zip(&shape.slots).skip(shape.n_parameters) {
            if slot.name.is_some() || slot.automatic.is_some() {
                let (size_bytes, alignment_bytes) = extent(slot, records);
                *place = SlotPlace::Stack(below.reserve(size_bytes, alignment_bytes));
            }
        }
        below.end_locals();
        let (mut n_integers, mut n_floats, mut n_pushed) = (0, 0, 0_u64);
        for (place, slot) in slots.iter_mut().zip(&shape.slots).take(shape.n_parameters) {
            let (n_used, n_registers) = match slot.kind {
                Kind::Float => (&mut n_floats, FLOAT_ARGUMENT_REGISTERS),
                Kind::Int | Kind::Bool | Kind::Reference => (&mut n_integers, INTEGER_ARGUMENT_REGISTERS),
            };
            *n_used += 1;
            let is_pushed = *n_used > n_registers;
            *place = match slot.kind {
                // A truth value is narrowed from the register or the word that it came in, into a place of its own.
                Kind::Bool => SlotPlace::Stack(below.reserve(PROMOTED_BOOL_BYTES, PROMOTED_BOOL_BYTES)),
                _ if is_pushed => SlotPlace::Stack((FRAME_LINK_BYTES + 8 * n_pushed) as i32),
                _ => SlotPlace::Stack(below.reserve(8, 8)),
            };
            n_pushed += u64::from(is_pushed);
        }
        FrameLayout {
            slots,
            argument_bytes: (8 * n_pushed).next_multiple_of(STACK_ALIGNMENT_BYTES),
            locals_bytes: below.bytes(),
        }
    }

    /// Bytes by which a call lowers the stack pointer.
    pub const fn frame_bytes(&self) -> u64 {
        self.argument_bytes + FRAME_LINK_BYTES + self.locals_bytes
    }
}

/// What a frame has below `rbp`, place by place, from the top down: the locals in source order, then
/// [`Below::end_locals`], then the parameters that came in registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Below {
    used_bytes: u64,
}

impl Below {
    /// A place of `size_bytes` at a multiple of `alignment_bytes`; returns its distance from `rbp`, which is negative.
    ///
    /// # Panics
    /// When the frame reaches 2 GiB.
    pub fn reserve(&mut self, size_bytes: u64, alignment_bytes: u64) -> i32 {
        self.used_bytes = (self.used_bytes + size_bytes).next_multiple_of(alignment_bytes);
        assert!(self.used_bytes < 1 << 31, "a frame of 2 GiB or more");
        -(self.used_bytes as i32)
    }

    /// All locals have their places; the parameters' begin at a multiple of 16.
    pub fn end_locals(&mut self) {
        self.used_bytes = self.bytes();
    }

    /// All of it, with the padding at its end. Unit: bytes.
    pub const fn bytes(&self) -> u64 {
        self.used_bytes.next_multiple_of(STACK_ALIGNMENT_BYTES)
    }

    /// By how much a function that calls nothing lowers the stack pointer for it: what fits below the stack pointer
    /// stays there. Unit: bytes.
    ///
    /// # Source
    /// System V ABI, AMD64, 3.2.2, the red zone: 128 bytes that no signal handler writes to; gcc 12.2
    /// `config/i386/i386.cc:ix86_compute_frame_layout` leaves 8 of them (`RED_ZONE_RESERVE`). Differs: nothing known.
    pub const fn lowered_bytes_of_leaf(&self) -> u64 {
        self.bytes().saturating_sub(RED_ZONE_USED_BYTES)
    }
}

/// The alignment of a local that is a structure or an array: at least 16 from 16 bytes on.
///
/// # Source
/// gcc 12.2 `config/i386/i386.cc:ix86_local_alignment`.
pub const fn aggregate_alignment(size_bytes: u64, natural_bytes: u64) -> u64 {
    if size_bytes >= 16 && natural_bytes < 16 { 16 } else { natural_bytes }
}

/// By how much `alloca(bytes)` lowers the stack pointer; the block is at the new one.
///
/// # Source
/// gcc 12.2 `explow.cc:get_dynamic_stack_size`, without optimisation: 8 bytes more than asked for, then up to a multiple
/// of 16. Differs: nothing known.
pub const fn alloca_bytes(bytes: u64) -> u64 {
    bytes.wrapping_add(8 + 15) / 16 * 16
}

/// A parameter that is a truth value, as an `int`. Unit: bytes. Source: C's default promotions, as gcc 12.2 stores them.
const PROMOTED_BOOL_BYTES: u64 = 4;

/// Size and alignment of a local.
fn extent(slot: &SlotShape, records: &[RecordLayout]) -> (u64, u64) {
    let Some(record) = slot.automatic else { return (size_of(slot.kind), size_of(slot.kind)) };
    let RecordLayout { size_bytes, alignment_bytes, .. } = records[record.index()];
    (size_bytes, aggregate_alignment(size_bytes, alignment_bytes))
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

    /// Shapes, and what gcc 12.2 made of them with `-O0 -fno-stack-protector`: the distance from frame to frame of a
    /// function that calls itself, then where each parameter and local is. `l` is a `long`, `d` a `double`, `b` a
    /// `_Bool`, `N` a struct of 32 bytes, `P` a struct of three `_Bool`s. Each function has a `long` as first parameter.
    const RECORDED: &[(&str, &str, u64, &[i32])] = &[
        ("l", "", 32, &[-8]),
        ("l", "l", 48, &[-24, -8]),
        ("l", "ll", 48, &[-24, -8, -16]),
        ("l", "lll", 64, &[-40, -8, -16, -24]),
        ("l", "b", 48, &[-24, -1]),
        ("l", "bl", 48, &[-24, -1, -16]),
        ("l", "lb", 48, &[-24, -8, -9]),
        ("l", "blb", 64, &[-40, -1, -16, -17]),
        ("l", "N", 64, &[-40, -32]),
        ("l", "Nl", 80, &[-56, -32, -40]),
        ("l", "lN", 80, &[-56, -8, -48]),
        ("l", "bN", 80, &[-56, -1, -48]),
        ("l", "P", 48, &[-24, -3]),
        ("l", "Pl", 48, &[-24, -3, -16]),
        ("l", "lP", 48, &[-24, -8, -11]),
        ("lb", "", 32, &[-8, -12]),
        ("lbb", "", 32, &[-8, -12, -16]),
        ("lbl", "l", 64, &[-24, -28, -40, -8]),
        ("ld", "d", 48, &[-24, -32, -8]),
        ("lllllll", "l", 96, &[-24, -32, -40, -48, -56, -64, 16, -8]),
        ("llllllll", "lb", 96, &[-24, -32, -40, -48, -56, -64, 16, 24, -8, -9]),
        ("lbbbbbbb", "", 80, &[-8, -12, -16, -20, -24, -28, -32, -36]),
        ("l", "lbld", 64, &[-40, -8, -9, -24, -32]),
        ("l", "NN", 96, &[-72, -32, -64]),
        ("l", "bNbPl", 96, &[-72, -1, -48, -49, -52, -64]),
        ("lb", "b", 48, &[-24, -28, -1]),
    ];

    #[test]
    fn frames_are_those_that_gcc_makes() {
        let mut program = Program::default();
        let (int, bool) = (("f", Kind::Int), ("f", Kind::Bool));
        let large = program.record("N", &[int, bool, ("f", Kind::Reference), ("f", Kind::Float)]);
        let small = program.record("P", &[bool, bool, bool]);
        let records: Vec<_> = program.records.iter().map(RecordLayout::new).collect();
        let slot = |letter: char| {
            let (kind, automatic) = match letter {
                'l' => (Kind::Int, None),
                'd' => (Kind::Float, None),
                'b' => (Kind::Bool, None),
                'N' => (Kind::Reference, Some(large)),
                'P' => (Kind::Reference, Some(small)),
                _ => panic!("no type is written {letter}"),
            };
            SlotShape { name: Some("v".to_owned()), kind, automatic }
        };
        for &(parameters, locals, frame_bytes, places) in RECORDED {
            let slots = parameters.chars().chain(locals.chars()).map(slot).collect();
            let shape = FunctionShape { name: "f".to_owned(), n_parameters: parameters.len(), slots };
            let layout = FrameLayout::new(&shape, &records);
            let places: Vec<_> = places.iter().map(|&offset| SlotPlace::Stack(offset)).collect();
            assert_eq!(layout.slots, places, "({parameters}) {locals}");
            assert_eq!(layout.frame_bytes(), frame_bytes, "({parameters}) {locals}");
        }
    }

    /// Functions that call nothing, as gcc 12.2 made them with `-O0`: the sizes of their locals (`char` arrays and
    /// `long`s), how many `long` parameters they have, and by how much they lower the stack pointer.
    const RECORDED_LEAVES: &[(&[u64], usize, u64)] = &[
        (&[8], 0, 0),
        (&[100], 0, 0),
        (&[120], 0, 8),
        (&[128], 0, 8),
        (&[129], 0, 24),
        (&[136, 8], 0, 40),
        (&[144], 0, 24),
        (&[200], 0, 88),
        (&[208, 8], 0, 104),
        (&[1000], 0, 888),
        (&[90], 3, 8),
    ];

    #[test]
    fn a_function_that_calls_nothing_keeps_its_locals_in_the_red_zone() {
        for &(locals, n_parameters, lowered_bytes) in RECORDED_LEAVES {
            let mut below = Below::default();
            for &bytes in locals {
                below.reserve(bytes, aggregate_alignment(bytes, if bytes == 8 { 8 } else { 1 }));
            }
            below.end_locals();
            for _ in 0..n_parameters {
                below.reserve(8, 8);
            }
            assert_eq!(below.lowered_bytes_of_leaf(), lowered_bytes, "{locals:?}");
        }
    }

    #[test]
    fn alloca_takes_eight_bytes_more_in_multiples_of_16() {
        let recorded = [(0, 16), (1, 16), (8, 16), (9, 32), (24, 32), (25, 48), (40, 48), (1000, 1008)];
        assert!(recorded.iter().all(|&(bytes, lowered_bytes)| alloca_bytes(bytes) == lowered_bytes));
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
        assert_eq!(layout.slots, [SlotPlace::Stack(-32)], "24 bytes at a multiple of 16");
        assert_eq!(layout.locals_bytes, 32);
    }
}
