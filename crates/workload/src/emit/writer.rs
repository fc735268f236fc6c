//! Text with indentation, line by line.

use std::fmt::Display;

/// A source being written.
#[derive(Default)]
pub(super) struct Writer {
    text: String,
    depth: usize,
}

impl Writer {
    /// A line at the current depth.
    pub(super) fn line(&mut self, text: impl Display) {
        let text = text.to_string();
        if !text.is_empty() {
            self.text.extend(std::iter::repeat_n("    ", self.depth));
            self.text.push_str(&text);
        }
        self.text.push('\n');
    }

    /// Lines that are indented among themselves.
    pub(super) fn lines(&mut self, text: &str) {
        text.lines().for_each(|line| self.line(line));
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A line that opens a block.
    pub(super) fn open(&mut self, text: impl Display) {
        self.line(text);
        self.depth += 1;
    }

    /// A line that closes a block and opens another one.
    pub(super) fn reopen(&mut self, text: impl Display) {
        self.close(text);
        self.depth += 1;
    }

    /// The line that closes it.
    pub(super) fn close(&mut self, text: impl Display) {
        self.depth -= 1;
        self.line(text);
    }

    /// What follows stands one further in.
    pub(super) fn indent(&mut self) {
        self.depth += 1;
    }

    /// And one further out again.
    pub(super) fn dedent(&mut self) {
        self.depth -= 1;
    }

    /// How many bytes there are.
    pub(super) fn n_bytes(&self) -> usize {
        self.text.len()
    }

    /// The source.
    pub(super) fn finish(self) -> String {
        self.text
    }
}
