//! The figures of a log: sizes, times, and changes of sizes.

use crate::collection::Change;

/// `4K`, `2M`, `1G`, `17B` or a bare number of bytes, at the start of `text`; and what follows.
pub(crate) fn size(text: &str) -> Option<(u64, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    let rest = &text[digits..];
    let shift = match rest.as_bytes().first() {
        Some(b'B') => 0,
        Some(b'K') => 10,
        Some(b'M') => 20,
        Some(b'G') => 30,
        _ => return Some((number, rest)),
    };
    Some((number.checked_mul(1 << shift)?, &rest[1..]))
}

/// `(4K)`, if there is one.
fn bracketed_size(text: &str) -> Option<(Option<u64>, &str)> {
    let Some(inner) = text.strip_prefix('(') else { return Some((None, text)) };
    let (bytes, rest) = size(inner)?;
    Some((Some(bytes), rest.strip_prefix(')')?))
}

/// `2M->0M(7M)`, or with the capacity before: `2175K(2432K)->255K(2432K)`; and what follows.
pub(crate) fn change(text: &str) -> Option<(Change, &str)> {
    let (before_bytes, rest) = size(text)?;
    let (capacity_before_bytes, rest) = bracketed_size(rest)?;
    let (after_bytes, rest) = size(rest.strip_prefix("->")?)?;
    let (capacity_bytes, rest) = bracketed_size(rest)?;
    Some((Change { before_bytes, after_bytes, capacity_before_bytes, capacity_bytes }, rest))
}

/// A decimal number of units of `unit_ns` nanoseconds, with a point or, as some locales have it, a comma.
///
/// Read digit by digit, so that the same text is the same number everywhere.
pub(crate) fn duration_ns(text: &str, unit_ns: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let mut ns = whole.parse::<u64>().ok()?.checked_mul(unit_ns)?;
    let mut unit_ns = unit_ns;
    for digit in fraction.bytes() {
        unit_ns /= 10;
        ns = ns.checked_add(u64::from(digit - b'0') * unit_ns)?;
    }
    Some(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_or_is_in_bytes() {
        assert_eq!(size("255K(2432K)"), Some((255 << 10, "(2432K)")));
        assert_eq!(size("131072 bytes"), Some((131_072, " bytes")));
        assert_eq!(size("M"), None);
        assert_eq!(size("99999999999999999999K"), None, "more than any heap");
    }

    #[test]
    fn a_change_may_have_the_capacity_before() {
        let (heap, rest) = change("2M->0M(7M) 4.367ms").expect("a change");
        assert_eq!((heap.before_bytes, heap.after_bytes, heap.capacity_bytes), (2 << 20, 0, Some(7 << 20)));
        assert_eq!((heap.capacity_before_bytes, rest), (None, " 4.367ms"));
        let (young, _) = change("2175K(2432K)->255K(4864K)").expect("a change");
        assert_eq!((young.capacity_before_bytes, young.capacity_bytes), (Some(2432 << 10), Some(4864 << 10)));
        assert_eq!(change("2M-0M"), None);
    }

    #[test]
    fn a_comma_is_a_point() {
        assert_eq!(duration_ns("4.367", 1_000_000), Some(4_367_000));
        assert_eq!(duration_ns("0,012", 1_000_000_000), Some(12_000_000));
        assert_eq!(duration_ns("1.2.3", 1_000_000), None);
        assert_eq!(duration_ns("", 1), None);
    }
}
