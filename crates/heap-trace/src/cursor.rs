//! A line, read from left to right: what all the formats have in common.

/// Something that does not belong there.
pub(crate) struct Wrong {
    /// From 1.
    pub(crate) column: usize,
    pub(crate) expected: &'static str,
}

pub(crate) type Parsed<T> = Result<T, Wrong>;

/// The rest of a line.
pub(crate) struct Cursor<'a> {
    pub(crate) line: &'a [u8],
    pub(crate) at: usize,
    /// What the header of a heap trace said: pointers are addresses. Means nothing in other formats.
    pub(crate) has_addresses: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(line: &'a [u8]) -> Self {
        Cursor { line, at: 0, has_addresses: true }
    }

    pub(crate) fn wrong(&self, expected: &'static str) -> Wrong {
        Wrong { column: self.at + 1, expected }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    pub(crate) fn skip(&mut self, text: &[u8]) -> bool {
        let is_there = self.line[self.at.min(self.line.len())..].starts_with(text);
        if is_there {
            self.at += text.len();
        }
        is_there
    }

    pub(crate) fn literal(&mut self, text: &[u8], expected: &'static str) -> Parsed<()> {
        if self.skip(text) { Ok(()) } else { Err(self.wrong(expected)) }
    }

    pub(crate) fn after(&mut self, text: &[u8]) -> Parsed<&mut Self> {
        self.literal(text, "a letter of the format and a space")?;
        Ok(self)
    }

    pub(crate) fn space(&mut self) -> Parsed<()> {
        self.literal(b" ", "a space")
    }

    pub(crate) fn end(&self) -> Parsed<()> {
        if self.at == self.line.len() { Ok(()) } else { Err(self.wrong("the end of the line")) }
    }

    /// A decimal number below 2^64.
    pub(crate) fn decimal(&mut self, expected: &'static str) -> Parsed<u64> {
        let start = self.at;
        let mut value = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let next = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0')));
            value = next.ok_or(Wrong { column: start + 1, expected })?;
            self.at += 1;
        }
        if self.at == start { Err(self.wrong(expected)) } else { Ok(value) }
    }

    pub(crate) fn spaced_decimal(&mut self, expected: &'static str) -> Parsed<u64> {
        self.space()?;
        self.decimal(expected)
    }

    /// A decimal number below 2^32.
    pub(crate) fn small(&mut self, expected: &'static str) -> Parsed<u32> {
        let column = self.at + 1;
        u32::try_from(self.decimal(expected)?).map_err(|_| Wrong { column, expected })
    }

    pub(crate) fn signed(&mut self) -> Parsed<i32> {
        const EXPECTED: &str = "a signed 32-bit number in decimal";
        let column = self.at + 1;
        let is_negative = self.skip(b"-");
        let value = i64::from(self.small(EXPECTED)?);
        let value = if is_negative { -value } else { value };
        i32::try_from(value).map_err(|_| Wrong { column, expected: EXPECTED })
    }

    /// A hexadecimal number below 2^64.
    pub(crate) fn hex(&mut self, expected: &'static str) -> Parsed<u64> {
        let column = self.at + 1;
        u64::try_from(self.hex_digits(expected)?).map_err(|_| Wrong { column, expected })
    }

    pub(crate) fn wide_hex(&mut self) -> Parsed<u128> {
        self.hex_digits("128 bits in hexadecimal")
    }

    pub(crate) fn hex_digits(&mut self, expected: &'static str) -> Parsed<u128> {
        let start = self.at;
        let mut value = 0_u128;
        while let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) {
            if self.at - start >= 32 {
                return Err(Wrong { column: start + 1, expected });
            }
            value = value << 4 | u128::from(digit);
            self.at += 1;
        }
        if self.at == start { Err(self.wrong(expected)) } else { Ok(value) }
    }
}
