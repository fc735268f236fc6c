//! What the loop computes beyond one machine operation: floats, conversions, output, and the faults of values.
#![expect(clippy::unnecessary_box_returns, reason = "the error of an `Outcome` is boxed")]

use memory_trait::{Fault, FaultKind, Kind, Machine, Outcome, Slot};

use super::engine::{Engine, slot};
use super::messages::{fault, push_quoted};
use crate::code::{Arithmetic, Operand, Reg};
use crate::text::{push_bool, push_float, push_int};

impl<H> Engine<'_, H> {
    pub(super) fn print<M: Machine>(&mut self, machine: &mut M, kind: Kind, src: Slot, after: u8) -> Outcome<()> {
        match kind {
            Kind::Int => push_int(&mut self.output, machine.int(src)?),
            Kind::Float => push_float(&mut self.output, machine.float(src)?),
            Kind::Bool => push_bool(&mut self.output, machine.bool(src)?),
            Kind::Reference => {
                machine.read_text(src, &mut self.text)?;
                self.output.push_str(&self.text);
            }
        }
        self.output.push(char::from(after));
        if self.output.len() > self.options.output_bytes_max {
            let message = format!("more than {} bytes of output", self.options.output_bytes_max);
            return Err(self.fault(FaultKind::StepLimit, message));
        }
        Ok(())
    }

    #[inline]
    pub(super) fn float(&self, op: Arithmetic, x: f64, y: f64) -> Outcome<f64> {
        Ok(match op {
            Arithmetic::Add => x + y,
            Arithmetic::Subtract => x - y,
            Arithmetic::Multiply => x * y,
            Arithmetic::Divide if y != 0.0 => x / y,
            Arithmetic::Remainder if y != 0.0 => x % y,
            Arithmetic::Divide => return Err(self.float_by_zero(x, '/')),
            Arithmetic::Remainder => return Err(self.float_by_zero(x, '%')),
        })
    }

    #[cold]
    pub(super) fn float_by_zero(&self, x: f64, symbol: char) -> Box<Fault> {
        let mut message = String::new();
        push_float(&mut message, x);
        self.fault(FaultKind::DivisionByZero, format!("{message} {symbol} 0.0"))
    }

    pub(super) fn truncated<M: Machine>(&self, machine: &mut M, a: Operand) -> Outcome<i64> {
        let value = machine.float(a.slot())?.trunc();
        // 2^63 itself is a float, but no integer of 64 bits; what is not a number is in no range.
        if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
            return Ok(value as i64);
        }
        let mut message = "int(".to_owned();
        push_float(&mut message, value);
        message.push_str(") does not fit into 64 bits");
        Err(self.fault(FaultKind::IntegerOverflow, message))
    }

    /// A number of elements.
    pub(super) fn count<M: Machine>(&self, machine: &mut M, n: Operand, what: &str, of: &str) -> Outcome<i64> {
        let value = machine.int(n.slot())?;
        if value < 0 {
            return Err(self.fault(FaultKind::InvalidValue, format!("{what} of {value} {of}")));
        }
        Ok(value)
    }

    /// The fault of a key that is not there.
    #[cold]
    pub(super) fn missing<M: Machine>(&self, machine: &mut M, key: Reg, kind: Kind) -> Outcome<Box<Fault>> {
        let mut message = "there is no key ".to_owned();
        if kind == Kind::Reference {
            let mut text = String::new();
            machine.read_text(slot(key), &mut text)?;
            push_quoted(&mut message, &text);
        } else {
            push_int(&mut message, machine.int(slot(key))?);
        }
        Ok(self.fault(FaultKind::Missing, message))
    }

    #[cold]
    pub(super) fn fault(&self, kind: FaultKind, message: String) -> Box<Fault> {
        fault(kind, self.now, message)
    }
}
