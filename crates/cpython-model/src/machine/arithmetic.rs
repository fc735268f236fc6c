//! Results of arithmetic: `BINARY_OP` and its specialised forms, `UNARY_NEGATIVE`, `int(x)`, `float(x)`.
//!
//! Operands that are temporaries die when the result is there and before a variable is written: in the generic
//! instruction the left one first, in a specialised one the right one first. From 3.12 on a specialised instruction
//! writes a float into an operand that nobody else has.

use memory_trait::{Allocator, Calculation, ObjectKey, Observer, Operand, Operator, Outcome, Site, Slot};

use super::CPython;
use crate::Version;
use crate::object::Body;
use crate::object::longs::is_large_int;
use crate::rules::{Rule, rule};

/// Function entries and jumps back before a function's code is rewritten. Source: 3.11 `pycore_code.h`,
/// `QUICKENING_WARMUP_DELAY`.
const WARMUP: u8 = 8;

/// What the interpreter has made of the code so far.
#[derive(Debug, Default)]
pub(super) struct Specialised {
    /// The place being executed.
    site: Site,
    /// Places that were executed before: from 3.12 on an instruction is specialised the second time.
    seen: Vec<bool>,
    /// How warm each function is: 3.11 specialises all instructions of a warm one.
    warmth: Vec<u8>,
}

impl<O: Observer, A: Allocator> CPython<O, A> {
    #[inline]
    pub(super) fn at_site(&mut self, site: Site) {
        self.specialised.site = site;
    }

    /// A function is entered, or a loop goes round in it.
    #[inline]
    pub(super) fn warm(&mut self, function: u32) {
        if self.heap.version == Version::V3_11 {
            let function = function as usize;
            if self.specialised.warmth.len() <= function {
                self.specialised.warmth.resize(function + 1, 0);
            }
            let warmth = &mut self.specialised.warmth[function];
            *warmth = WARMUP.min(*warmth + 1);
        }
    }

    /// Whether the instruction at the current place is specialised. It is executed now.
    #[inline]
    pub(super) fn is_specialised(&mut self) -> bool {
        if !rule(Rule::InstructionsAreSpecialised) {
            return false;
        }
        if self.heap.version == Version::V3_11 {
            let function = self.stack.frames.last().map_or(0, |frame| frame.function as usize);
            return self.specialised.warmth.get(function).is_some_and(|&warmth| warmth == WARMUP);
        }
        let site = self.specialised.site.index();
        if self.specialised.seen.len() <= site {
            self.specialised.seen.resize(site + 1, false);
        }
        std::mem::replace(&mut self.specialised.seen[site], true)
    }

    /// Takes an operand out of its slot if it is a temporary, or one that the result is written over.
    #[inline]
    pub(super) fn take_operand(&mut self, operand: Operand, dst: Slot) -> Option<ObjectKey> {
        match operand {
            Operand::Temporary(slot) => self.stack.slots[self.base + slot.index()].take(),
            Operand::Variable(slot) if slot == dst && self.is_temporary(slot) => {
                self.stack.slots[self.base + slot.index()].take()
            }
            _ => None,
        }
    }

    #[inline]
    pub(super) fn is_temporary(&self, slot: Slot) -> bool {
        let function = self.stack.frames.last().expect("slots belong to a frame").function;
        self.frame_shapes[function as usize].is_temporary[slot.index()]
    }

    pub(super) fn int_of(&self, operand: Operand) -> i64 {
        match operand {
            Operand::Int(value) => value,
            Operand::Variable(slot) | Operand::Temporary(slot) => match self.slot_value(slot) {
                Some(key) => match self.heap.object(key).body {
                    Body::Int(value) => value,
                    _ => 0,
                },
                None => 0,
            },
            Operand::Float(_) | Operand::None => 0,
        }
    }

    /// The remainder of a number that is less than a large divisor is that object once more.
    #[inline]
    fn dividend_itself(&mut self, how: Calculation, x: i64, y: i64) -> Option<ObjectKey> {
        let (Operand::Variable(slot) | Operand::Temporary(slot)) = how.a else { return None };
        let is_large = is_large_int(x) || is_large_int(y);
        if how.operator != Operator::Remainder || !is_large || x.unsigned_abs() >= y.unsigned_abs() || (x ^ y) < 0 {
            return None;
        }
        let key = self.slot_value(slot)?;
        self.heap.incref(key);
        Some(key)
    }

    #[inline]
    pub(super) fn write_calculated_int(&mut self, dst: Slot, value: i64, how: Calculation) -> Outcome<()> {
        let (x, y) = (self.int_of(how.a), self.int_of(how.b));
        if how.operator == Operator::Convert && self.heap.version < Version::V3_13 && rule(Rule::IntsHaveArguments) {
            // Before 3.13 `int` is called with a tuple.
            let none = self.heap.none();
            self.pass_through_tuple(none)?;
        }
        let key = match self.dividend_itself(how, x, y) {
            Some(key) => key,
            None => self.heap.int_result(how.operator, x, y, value)?,
        };
        let (a, b) = (self.take_operand(how.a, dst), self.take_operand(how.b, dst));
        let specialises =
            matches!(how.operator, Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Count);
        let is_specialised = specialises && self.is_specialised();
        self.drop_operands(a, b, is_specialised);
        self.write(dst, key);
        match how.operator {
            Operator::Convert | Operator::Draw => self.check_after_call(),
            // A specialised call of `len` does not look at the eval breaker.
            Operator::Count if !is_specialised => self.check_after_call(),
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn write_calculated_float(&mut self, dst: Slot, value: f64, how: Calculation) -> Outcome<()> {
        let specialises = matches!(how.operator, Operator::Add | Operator::Subtract | Operator::Multiply);
        let is_specialised = specialises && self.is_specialised();
        if is_specialised && self.heap.version >= Version::V3_12 && rule(Rule::FloatsAreReused) {
            let (a, b) = (self.take_operand(how.a, dst), self.take_operand(how.b, dst));
            for (mine, other) in [(a, b), (b, a)] {
                if let Some(key) = mine.filter(|&key| self.heap.object(key).refcount == 1) {
                    self.heap.objects[key].body = Body::Float(value);
                    self.drop_operands(other, None, false);
                    self.write(dst, key);
                    return Ok(());
                }
            }
            let key = self.heap.float(value)?;
            self.drop_operands(a, b, true);
            self.write(dst, key);
            return Ok(());
        }
        let key = self.heap.float(value)?;
        let (a, b) = (self.take_operand(how.a, dst), self.take_operand(how.b, dst));
        self.drop_operands(a, b, is_specialised);
        self.write(dst, key);
        // `float(i)` and `math.fmod(x, y)` are calls.
        if matches!(how.operator, Operator::Convert | Operator::Remainder) {
            return self.check_after_call();
        }
        Ok(())
    }

    #[inline]
    fn drop_operands(&mut self, a: Option<ObjectKey>, b: Option<ObjectKey>, right_first: bool) {
        let (first, second) = if right_first { (b, a) } else { (a, b) };
        if let Some(key) = first {
            self.heap.drop_reference(key);
        }
        if let Some(key) = second {
            self.heap.drop_reference(key);
        }
    }
}
