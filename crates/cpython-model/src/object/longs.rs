//! The blocks that arithmetic of `int`s asks for.
//!
//! Mirrors `longobject.c`: of numbers of one digit the result is made as it is; of larger ones it is computed into a
//! block that may be larger than the result needs, and a division computes a remainder beside the quotient. A result
//! that exists once (-5 to 256) is given back.

use memory_trait::{Address, Allocator, ObjectKey, Observer, Operator, Outcome};

use super::Body;
use super::account::Split;
use super::heap::{Heap, SMALL_INTS};
use crate::Version;
use crate::layout::{self, int_digits};
use crate::rules::{Rule, rule};

/// Whether a number has one digit: all but the largest do.
#[inline]
const fn is_medium(value: i64) -> bool {
    value.unsigned_abs() >> super::scalars::DIGIT_BITS == 0
}

/// Whether it has more.
#[inline]
pub(crate) const fn is_large_int(value: i64) -> bool {
    !is_medium(value)
}

/// A number and the block it is in, if it has one of its own.
#[derive(Clone, Copy)]
struct Long {
    value: i64,
    block: Option<LongBlock>,
}

/// A block, and how large it is.
#[derive(Clone, Copy)]
struct LongBlock {
    address: Address,
    bytes: u64,
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// The result of a calculation, as a new reference.
    #[inline]
    pub(crate) fn int_result(&mut self, operator: Operator, a: i64, b: i64, value: i64) -> Outcome<ObjectKey> {
        if is_medium(a) && is_medium(b) || !rule(Rule::LargeIntsHaveSpareDigits) {
            match operator {
                Operator::Divide | Operator::Remainder if (a ^ b) < 0 && a != 0 => {}
                Operator::Count => {}
                _ => return self.int(value),
            }
        }
        match operator {
            Operator::Count => self.counted(value),
            Operator::Convert | Operator::Draw | Operator::Negate => self.int(value),
            Operator::Add | Operator::Subtract | Operator::Multiply => {
                let result = self.long(operator, a, b, value)?;
                self.long_object(result)
            }
            Operator::Divide => self.quotient(a, b, value),
            Operator::Remainder => self.remainder(a, b, value),
        }
    }

    /// `_quotient` of an emitted program: the quotient is rounded down, and one more where that was not towards zero.
    #[cold]
    fn quotient(&mut self, a: i64, b: i64, value: i64) -> Outcome<ObjectKey> {
        let floor = value - i64::from(a % b != 0 && (a < 0) != (b < 0));
        let quotient = self.long(Operator::Divide, a, b, floor)?;
        if floor >= 0 {
            return self.long_object(quotient);
        }
        let product = self.long(Operator::Multiply, floor, b, floor.wrapping_mul(b))?;
        self.drop_long(product);
        if floor == value {
            return self.long_object(quotient);
        }
        let next = self.long(Operator::Add, floor, 1, value)?;
        self.drop_long(quotient);
        self.long_object(next)
    }

    /// `_remainder` of an emitted program: the remainder has the sign of the divisor at first.
    #[cold]
    fn remainder(&mut self, a: i64, b: i64, value: i64) -> Outcome<ObjectKey> {
        let floor = if value != 0 && (a < 0) != (b < 0) { value + b } else { value };
        let remainder = self.long(Operator::Remainder, a, b, floor)?;
        if floor == value {
            return self.long_object(remainder);
        }
        let next = self.long(Operator::Subtract, floor, b, value)?;
        self.drop_long(remainder);
        self.long_object(next)
    }

    /// The length of `range(from, to)`, as a new reference.
    pub(crate) fn range_length(&mut self, from: i64, to: i64) -> Outcome<ObjectKey> {
        let length = to.saturating_sub(from).max(0);
        if self.version >= Version::V3_12 || length == 0 {
            return self.int(length);
        }
        // `compute_range_length`: 1 + (to - from - 1) // step
        let distance = self.long(Operator::Subtract, to, from, length)?;
        let last = self.long(Operator::Subtract, length, 1, length - 1)?;
        let steps = self.long(Operator::Divide, length - 1, 1, length - 1)?;
        let result = self.long(Operator::Add, length - 1, 1, length)?;
        self.drop_long(steps);
        self.drop_long(last);
        self.drop_long(distance);
        self.long_object(result)
    }

    /// Computes `a op b`, rounded down, whose value is known.
    fn long(&mut self, operator: Operator, a: i64, b: i64, value: i64) -> Outcome<Long> {
        if is_medium(a) && is_medium(b) {
            return self.plain(value);
        }
        let (n_a, n_b) = (int_digits(a), int_digits(b));
        match operator {
            Operator::Add if (a < 0) == (b < 0) => self.sum(n_a, n_b, value),
            Operator::Add => self.difference(a, b, value),
            Operator::Subtract if (a < 0) == (b < 0) => self.difference(a, b, value),
            Operator::Subtract => self.sum(n_a, n_b, value),
            Operator::Multiply => self.digits(n_a + n_b, value),
            Operator::Divide => Ok(self.divide(a, b)?.0),
            _ => {
                let (quotient, remainder) = self.divide_for_remainder(a, b)?;
                if let Some(quotient) = quotient {
                    self.drop_long(quotient);
                }
                Ok(remainder)
            }
        }
    }

    /// `x_add`: room for a carry.
    fn sum(&mut self, n_a: u64, n_b: u64, value: i64) -> Outcome<Long> {
        // What it does not normalize to a small number stays, whatever it is.
        self.digits(n_a.max(n_b) + 1, value)
    }

    /// `x_sub`: only digits from the highest that differs on.
    fn difference(&mut self, a: i64, b: i64, value: i64) -> Outcome<Long> {
        let (a, b) = (a.unsigned_abs(), b.unsigned_abs());
        if a == b {
            return Ok(Long { value: 0, block: None });
        }
        let bits = super::scalars::DIGIT_BITS;
        let (n_a, n_b) = (digits_of(a), digits_of(b));
        let n = if n_a == n_b { u64::from((a ^ b).ilog2() / bits) + 1 } else { n_a.max(n_b) };
        let result = self.digits(n, value)?;
        Ok(self.unless_small(result))
    }

    /// `l_divmod`: the quotient rounded down. What the remainder needs is given back.
    fn divide(&mut self, a: i64, b: i64) -> Outcome<(Long, i64)> {
        let (quotient, remainder) = self.divide_towards_zero(a, b)?;
        if remainder.value == 0 || (remainder.value < 0) == (b < 0) {
            self.drop_long(remainder);
            return Ok((quotient, remainder.value));
        }
        let moved = self.long(Operator::Add, remainder.value, b, remainder.value + b)?;
        self.drop_long(remainder);
        let down = self.long(Operator::Subtract, quotient.value, 1, quotient.value - 1)?;
        self.drop_long(quotient);
        self.drop_long(moved);
        Ok((down, moved.value))
    }

    /// `l_mod`: the remainder with the sign of the divisor; the quotient where one is computed on the way.
    fn divide_for_remainder(&mut self, a: i64, b: i64) -> Outcome<(Option<Long>, Long)> {
        let n_b = int_digits(b);
        let remainder = if a.unsigned_abs() < b.unsigned_abs() {
            // The dividend itself.
            Long { value: a, block: None }
        } else if n_b == 1 {
            self.plain(a % b)?
        } else {
            let (quotient, remainder) = self.long_division(a, b)?;
            self.drop_long(quotient);
            self.unless_small(remainder)
        };
        if remainder.value == 0 || (remainder.value < 0) == (b < 0) {
            if remainder.block.is_none() && remainder.value == a && !SMALL_INTS.contains(&a) {
                // A constant, of which there is one more reference: a new object stands for it.
                return Ok((None, self.plain(a)?));
            }
            return Ok((None, remainder));
        }
        let moved = self.long(Operator::Add, remainder.value, b, remainder.value + b)?;
        self.drop_long(remainder);
        Ok((None, moved))
    }

    /// `long_divrem`: towards zero.
    fn divide_towards_zero(&mut self, a: i64, b: i64) -> Outcome<(Long, Long)> {
        let (n_a, n_b) = (int_digits(a), int_digits(b));
        if a.unsigned_abs() < b.unsigned_abs() {
            return Ok((Long { value: 0, block: None }, Long { value: a, block: None }));
        }
        let (quotient, remainder) = if n_b == 1 {
            let quotient = self.digits(n_a, a / b)?;
            (quotient, self.plain(a % b)?)
        } else {
            let (quotient, remainder) = self.long_division(a, b)?;
            (quotient, self.unless_small(remainder))
        };
        Ok((self.unless_small(quotient), remainder))
    }

    /// `x_divrem`: copies of both sides, one of which becomes the remainder.
    fn long_division(&mut self, a: i64, b: i64) -> Outcome<(Long, Long)> {
        let (n_a, n_b) = (int_digits(a), int_digits(b));
        let dividend = self.digits(n_a + 1, 0)?;
        let divisor = self.digits(n_b, a % b)?;
        // Both are shifted until the divisor's highest digit is full; the dividend may be one digit longer then.
        let bits = super::scalars::DIGIT_BITS;
        let shift = bits * n_b as u32 - (64 - b.unsigned_abs().leading_zeros());
        let (high_a, high_b) = (u128::from(a.unsigned_abs()) << shift, u128::from(b.unsigned_abs()) << shift);
        let is_longer = high_a >> (bits * (n_a as u32 - 1)) >= high_b >> (bits * (n_b as u32 - 1));
        let quotient = self.digits(n_a - n_b + u64::from(is_longer), a / b)?;
        self.drop_long(dividend);
        Ok((quotient, divisor))
    }

    /// `PyLong_FromSsize_t`: room for the digits and no more.
    pub(crate) fn counted(&mut self, value: i64) -> Outcome<ObjectKey> {
        if SMALL_INTS.contains(&value) {
            return self.int(value);
        }
        let long = self.digits(int_digits(value), value)?;
        self.long_object(long)
    }

    /// `PyLong_FromLong`.
    fn plain(&mut self, value: i64) -> Outcome<Long> {
        if SMALL_INTS.contains(&value) {
            return Ok(Long { value, block: None });
        }
        let request = layout::int_bytes(value, self.version);
        let block = self.long_block(request)?;
        Ok(Long { value, block: Some(block) })
    }

    #[inline]
    fn long_block(&mut self, request: u64) -> Outcome<LongBlock> {
        let address = self.malloc(request)?;
        Ok(LongBlock { address, bytes: self.block_bytes(address, request) })
    }

    /// `_PyLong_New`, filled.
    fn digits(&mut self, n_digits: u64, value: i64) -> Outcome<Long> {
        let block = self.long_block(24 + 4 * n_digits.max(1))?;
        Ok(Long { value, block: Some(block) })
    }

    /// `maybe_small_long`.
    fn unless_small(&mut self, long: Long) -> Long {
        if SMALL_INTS.contains(&long.value) {
            self.drop_long(long);
            return Long { block: None, ..long };
        }
        long
    }

    fn drop_long(&mut self, long: Long) {
        if let Some(block) = long.block {
            self.free(block.address);
        }
    }

    /// An object of it.
    fn long_object(&mut self, long: Long) -> Outcome<ObjectKey> {
        let Long { value, block } = long;
        let Some(LongBlock { address, bytes }) = block else { return self.int(value) };
        let request = layout::int_bytes(value, self.version);
        if bytes != self.block_bytes(address, request) {
            self.account.take(Split::boxed(request.min(bytes), bytes));
            let key = self.insert(Body::Int(value), address);
            self.objects[key].gc_refs = bytes as u32;
            return Ok(key);
        }
        if is_medium(value) {
            self.account.n_one_digit += 1;
        } else {
            self.account.take(Split::boxed(request, bytes));
        }
        Ok(self.insert(Body::Int(value), address))
    }
}

/// Digits of a magnitude.
const fn digits_of(magnitude: u64) -> u64 {
    (64 - magnitude.leading_zeros() as u64).div_ceil(super::scalars::DIGIT_BITS as u64)
}
