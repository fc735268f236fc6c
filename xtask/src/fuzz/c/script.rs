//! Scripts: what the driver is to do.
//!
//! One operation a line, `THREAD OP ARGUMENTS`; slots hold blocks.
//!
//! | operation | |
//! |---|---|
//! | `m S N`, `c S M N`, `r S N`, `f S` | malloc, calloc, realloc, free |
//! | `a S A N`, `l S A N`, `p S A N` | memalign, `aligned_alloc`, `posix_memalign` |
//! | `v S N`, `w S N` | valloc, pvalloc |
//! | `u S`, `t PAD`, `o K V` | `malloc_usable_size`, `malloc_trim`, mallopt |
//! | `k D` | somebody else moves the break by D |
//! | `E KINDS` | from now on the system refuses these: `b` the break, `m` mappings, `h` thread heaps, `p` their growth, `r` mremap, `-` nothing |
//! | `V`, `S` | note the mappings before the next call; a snapshot |
//! | `+ T`, `- T` | thread T is created, ends and is joined |
//!
//! A file may begin with `# cores=N` and `# tunables=...`; other lines that begin with `#` say something to a reader.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A script, and what kind of process is to run it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    /// Cores that malloc is told of.
    pub(super) cores: u64,
    /// Its tunables, without `glibc.malloc.`.
    pub(super) tunables: String,
    pub(super) lines: Vec<Line>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) thread: u32,
    /// The operation and its arguments.
    pub(super) text: String,
}

impl Script {
    /// A script as a file holds it.
    pub(super) fn parse(text: &str) -> Result<Script, String> {
        let mut script = Script { cores: 2, ..Script::default() };
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                if let Some(cores) = comment.trim().strip_prefix("cores=") {
                    script.cores = cores.parse().map_err(|_| format!("{number}: expected a number of cores"))?;
                } else if let Some(tunables) = comment.trim().strip_prefix("tunables=") {
                    tunables.clone_into(&mut script.tunables);
                }
                continue;
            }
            if line.is_empty() {
                continue;
            }
            let parsed = line.split_once(' ').and_then(|(thread, text)| Some((thread.parse().ok()?, text)));
            let (thread, text) =
                parsed.ok_or_else(|| format!("{number}: expected `THREAD OP ARGUMENTS`, found `{line}`"))?;
            if !text.starts_with(|op: char| "mcrfalpvwutokEVS+-".contains(op)) {
                return Err(format!("{number}: expected one of the operations `mcrfalpvwutokEVS+-`, found `{text}`"));
            }
            script.lines.push(Line { thread, text: text.to_owned() });
        }
        Ok(script)
    }

    pub(super) fn push(&mut self, thread: u32, text: String) {
        self.lines.push(Line { thread, text });
    }

    /// The lines, as the driver reads them.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for Line { thread, text: op } in &self.lines {
            let _ = writeln!(text, "{thread} {op}");
        }
        text
    }

    /// The script with these lines only, less what is said by or about threads that are then not there.
    pub(super) fn with_lines<'a>(&self, lines: impl IntoIterator<Item = &'a Line>) -> Script {
        let mut alive = BTreeSet::from([0]);
        let is_possible = |line: &&Line| {
            let other = line.text.get(2..).and_then(|rest| rest.trim().parse().ok());
            alive.contains(&line.thread)
                && match (line.text.chars().next(), other) {
                    (Some('+'), Some(new)) => alive.insert(new),
                    (Some('-'), Some(gone)) => alive.remove(&gone),
                    _ => true,
                }
        };
        let lines = lines.into_iter().filter(is_possible).cloned().collect();
        Script { cores: self.cores, tunables: self.tunables.clone(), lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_without_the_creation_of_a_thread_is_one_without_the_thread() {
        let script = Script::parse("# cores=3\n0 m 1 24\n0 + 1\n1 f 1\n0 - 1\n0 S\n").unwrap();
        assert_eq!(script.cores, 3);
        let without = script.with_lines(script.lines.iter().filter(|line| line.text != "+ 1"));
        assert_eq!(without.text(), "0 m 1 24\n0 S\n");
        assert_eq!(script.with_lines(&script.lines), script);
    }

    #[test]
    fn a_line_that_is_no_operation_is_refused() {
        let refused = |text: &str| Script::parse(text).unwrap_err();
        assert_eq!(refused("0 m 1 24\nmalloc"), "2: expected `THREAD OP ARGUMENTS`, found `malloc`");
        assert_eq!(refused("0 x"), "1: expected one of the operations `mcrfalpvwutokEVS+-`, found `x`");
    }
}
