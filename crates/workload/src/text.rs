//! How values are printed: the same in all three languages.

use std::fmt::Write;

/// Appends a float: the shortest decimal number that reads back as the same float, in the form of Python's `repr`.
///
/// ```
/// let mut text = String::new();
/// workload::text::push_float(&mut text, 1e16);
/// assert_eq!(text, "1e+16");
/// ```
pub fn push_float(into: &mut String, value: f64) {
    if value.is_nan() {
        return into.push_str("nan");
    }
    if value.is_infinite() {
        return into.push_str(if value > 0.0 { "inf" } else { "-inf" });
    }
    // The shortest digits, as `d.ddde-17`.
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("the form has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    if (-4..16).contains(&exponent) {
        let start = into.len();
        // Writing to a string cannot fail.
        let _ = write!(into, "{value}");
        if !into[start..].contains('.') {
            into.push_str(".0");
        }
        return;
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(into, "{mantissa}e{sign}{:02}", exponent.abs());
}

/// Appends a truth value.
pub fn push_bool(into: &mut String, value: bool) {
    into.push_str(if value { "true" } else { "false" });
}

/// Appends an integer.
pub fn push_int(into: &mut String, value: i64) {
    let _ = write!(into, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_pythons_repr_does() {
        let check = |value: f64, expected: &str| {
            let mut text = String::new();
            push_float(&mut text, value);
            assert_eq!(text, expected);
        };
        check(0.0, "0.0");
        check(-0.0, "-0.0");
        check(1.0, "1.0");
        check(0.1, "0.1");
        check(1.0 / 3.0, "0.3333333333333333");
        check(1e15, "1000000000000000.0");
        check(9_007_199_254_740_993.0, "9007199254740992.0");
        check(1e16, "1e+16");
        check(1.5e300, "1.5e+300");
        check(0.0001, "0.0001");
        check(0.00001, "1e-05");
        check(5e-324, "5e-324");
        check(f64::MAX, "1.7976931348623157e+308");
        check(f64::INFINITY, "inf");
        check(f64::NEG_INFINITY, "-inf");
        check(f64::NAN, "nan");
    }
}
