//! The formats that traces come in, told apart by their first line.

use std::fmt;

/// What wrote a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Our own: heap trace, text format 1.
    HeapTrace,
    /// The log of glibc's mtrace(3).
    Mtrace,
    /// heaptrack's data, raw or interpreted.
    Heaptrack,
    /// A trace of Malloc Lab.
    Rep,
    /// The output of ltrace(1).
    Ltrace,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 5] = [Format::HeapTrace, Format::Mtrace, Format::Heaptrack, Format::Rep, Format::Ltrace];

    /// The format of a file that begins with `head`, which holds its first line or a good part of it.
    pub fn of(head: &[u8]) -> Option<Format> {
        let line = head.split(|&byte| byte == b'\n').next()?;
        Format::ALL.into_iter().find(|format| match format {
            Format::HeapTrace => line.starts_with(b"H page+"),
            Format::Mtrace => {
                let is_event = matches!(line, [b'+' | b'-' | b'<' | b'!', b' ', b'0' | b'(', ..]);
                line.starts_with(b"= Start") || line.starts_with(b"@ ") || is_event
            }
            Format::Heaptrack => line.starts_with(b"v ") && line.get(2).is_some_and(u8::is_ascii_hexdigit),
            Format::Rep => {
                let line = line.trim_ascii();
                !line.is_empty() && line.iter().all(u8::is_ascii_digit)
            }
            Format::Ltrace => crate::foreign::ltrace::begins(line),
        })
    }

    /// The format in words.
    pub const fn name(self) -> &'static str {
        match self {
            Format::HeapTrace => "a heap trace",
            Format::Mtrace => "an mtrace log",
            Format::Heaptrack => "heaptrack data",
            Format::Rep => "a trace of Malloc Lab",
            Format::Ltrace => "ltrace output",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_known_by_its_first_line() {
        let check = |line: &str, expected: Option<Format>| assert_eq!(Format::of(line.as_bytes()), expected, "{line}");
        check("H page+0 base=55e000 mref=0\n0 m 24 = H2a0\n", Some(Format::HeapTrace));
        check("= Start\n", Some(Format::Mtrace));
        check("@ ./a:[0x11bf] + 0x5594027624a0 0x20\n", Some(Format::Mtrace));
        check("+ 0x5594027624a0 0x20\n", Some(Format::Mtrace));
        check("v 10400 3\n", Some(Format::Heaptrack));
        check("20000\n6\n12\n1\n", Some(Format::Rep));
        check("malloc(32)    = 0x55adc28b72a0\n", Some(Format::Ltrace));
        check("a.out->free(0)   = <void>\n", Some(Format::Ltrace));
        check("[pid 17] 0.000093 [0x55ea6edeb1bf] puts(\"x\")  = 2\n", Some(Format::Ltrace));
        check("4711 __libc_start_main([ \"a\" ] <unfinished ...>\n", Some(Format::Ltrace));
        check("fn main() {\n", None);
        check("hello\n", None);
        check("{\"workload\": 1}\n", None);
        check("verily\n", None);
        check("\n", None);
        check("", None);
    }
}
