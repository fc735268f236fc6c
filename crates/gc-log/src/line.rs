//! One line: decorations, number of the collection, message.

use crate::figures::duration_ns;

/// A line taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// When, by the first decoration that tells. Unit: ns, from the start of the VM or from 1970.
    pub(crate) at_ns: Option<u64>,
    /// `GC(17)`.
    pub(crate) number: Option<u64>,
    /// What follows.
    pub(crate) message: &'a str,
}

impl<'a> Line<'a> {
    /// Any text is a line; one that is not of a log has nothing but a message.
    pub(crate) fn new(mut text: &'a str) -> Self {
        let (mut uptime_ns, mut clock_ns) = (None, None);
        while let Some((decoration, rest)) = text.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            uptime_ns = uptime_ns.or_else(|| uptime(decoration.trim()));
            clock_ns = clock_ns.or_else(|| clock(decoration.trim()));
            text = rest;
        }
        let text = text.trim();
        let numbered = text.strip_prefix("GC(").and_then(|inner| inner.split_once(')'));
        let number = numbered.and_then(|(digits, _)| digits.parse().ok());
        let message = match numbered {
            Some((_, message)) if number.is_some() => message.trim_start(),
            _ => text,
        };
        Line { at_ns: uptime_ns.or(clock_ns), number, message }
    }
}

/// `0.012s`, `12ms` or `12345ns` since the VM started.
fn uptime(decoration: &str) -> Option<u64> {
    if let Some(milliseconds) = decoration.strip_suffix("ms") {
        return duration_ns(milliseconds, 1_000_000);
    }
    if let Some(nanoseconds) = decoration.strip_suffix("ns") {
        return duration_ns(nanoseconds, 1);
    }
    duration_ns(decoration.strip_suffix('s')?, 1_000_000_000)
}

/// `2026-01-31T23:36:16.736+0000`; the offset is passed over, since only differences are of use. Unit: ns since 1970.
fn clock(decoration: &str) -> Option<u64> {
    let (date, time) = decoration.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (hours, rest) = time.split_at_checked(2)?;
    let (minutes, rest) = rest.strip_prefix(':')?.split_at_checked(2)?;
    let rest = rest.strip_prefix(':')?;
    let end = rest.find(['+', '-', 'Z']).unwrap_or(rest.len());
    let seconds_ns = duration_ns(&rest[..end], 1_000_000_000)?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let minutes = hours.parse::<u64>().ok()? * 60 + minutes.parse::<u64>().ok()?;
    // Days since 1970 of a Gregorian date, by years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    (days * 86_400 + minutes * 60).checked_mul(1_000_000_000)?.checked_add(seconds_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decorations_of_any_kind_are_taken_off() {
        let line = Line::new("[2026-11-22T23:36:16.807+0000][0.098s][8472][info][gc,start    ] GC(0) Pause Young");
        assert_eq!(line, Line { at_ns: Some(98_000_000), number: Some(0), message: "Pause Young" });
        assert_eq!(Line::new("GC(12) Tenured").number, Some(12));
        assert_eq!(Line::new("[0.1s][info][gc] Using Serial").message, "Using Serial");
        assert_eq!(Line::new("[12ms] x").at_ns, Some(12_000_000));
    }

    #[test]
    fn a_clock_tells_the_time_where_there_is_no_uptime() {
        let at = |text: &str| Line::new(text).at_ns.expect("a time");
        assert_eq!(at("[1970-01-01T00:00:01.000+0000] x"), 1_000_000_000);
        assert_eq!(
            at("[2000-03-01T00:00:00.000+0100] x") - at("[2000-02-28T00:00:00.000+0100] x"),
            2 * 86_400_000_000_000
        );
        assert_eq!(Line::new("[2026-99-22T23:36:16.807+0000] x").at_ns, None);
    }

    #[test]
    fn any_text_is_a_line() {
        for text in ["", "[", "[]", "GC(", "GC()", "GC(99999999999999999999) x", "[T]", "[1-1-1T]", "[é-T::]"] {
            let _ = Line::new(text);
        }
    }
}
