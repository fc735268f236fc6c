//! The faults that the interpreter finds itself, in words.
#![expect(clippy::unnecessary_box_returns, reason = "the error of an `Outcome` is boxed")]

use std::fmt::Write;

use memory_trait::{Constant, Fault, FaultKind, Kind, Machine, Moment, Outcome};

use crate::code::{Expectation, Side};
use crate::text::{push_bool, push_float, push_int};

/// A fault of the workload.
#[cold]
#[inline(never)]
pub(super) fn fault(kind: FaultKind, at: Moment, message: String) -> Box<Fault> {
    Box::new(Fault { kind, at, object: None, reclaimed: None, message, is_fatal: true })
}

/// Integer arithmetic that has no result.
#[cold]
#[inline(never)]
pub(super) fn arithmetic(at: Moment, a: i64, symbol: &str, b: i64) -> Box<Fault> {
    if b == 0 && matches!(symbol, "/" | "%") {
        return fault(FaultKind::DivisionByZero, at, format!("{a} {symbol} 0"));
    }
    fault(FaultKind::IntegerOverflow, at, format!("{a} {symbol} {b} does not fit into 64 bits"))
}

/// An `expect` that does not hold, with both sides.
#[cold]
#[inline(never)]
pub(super) fn expectation<M: Machine>(machine: &mut M, at: Moment, failed: &Expectation) -> Outcome<Box<Fault>> {
    let mut message = format!("expected {}", failed.text);
    if let Some((left, right)) = &failed.sides {
        message.push_str(": left is ");
        push_side(machine, &mut message, left)?;
        message.push_str(", right is ");
        push_side(machine, &mut message, right)?;
    }
    Ok(fault(FaultKind::ExpectFailed, at, message))
}

fn push_side<M: Machine>(machine: &mut M, into: &mut String, side: &Side) -> Outcome<()> {
    match side {
        Side::Constant(Constant::Int(value)) => push_int(into, *value),
        Side::Constant(Constant::Float(value)) => push_float(into, *value),
        Side::Constant(Constant::Text(text)) => push_quoted(into, text),
        Side::Slot(slot, kind, is_text) => {
            let slot = memory_trait::Slot(u32::from(*slot));
            match kind {
                Kind::Int => push_int(into, machine.int(slot)?),
                Kind::Float => push_float(into, machine.float(slot)?),
                Kind::Bool => push_bool(into, machine.bool(slot)?),
                Kind::Reference if *is_text => {
                    let mut text = String::new();
                    machine.read_text(slot, &mut text)?;
                    push_quoted(into, &text);
                }
                Kind::Reference => into.push_str(if machine.is_null(slot)? { "null" } else { "an object" }),
            }
        }
    }
    Ok(())
}

/// Appends a text in quotes, shortened when it is long.
pub(super) fn push_quoted(into: &mut String, text: &str) {
    const SHOWN_CHARS: usize = 60;
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    // Writing to a string cannot fail.
    let _ = write!(into, "{shown:?}");
}
