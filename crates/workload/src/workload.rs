//! A workload: a source that was parsed and checked.

use crate::ast::{ExpectedFault, File};
use crate::check::{Checked, check};
use crate::code::Code;
use crate::compile::{Input, compile};
use crate::diagnostic::Diagnostics;
use crate::params::{ParamError, resolve, text};
use crate::parser::parse;
use crate::source::decode;

/// A parameter of a workload, for those who list them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamInfo {
    /// Its name.
    pub name: String,
    /// Its value when none is given.
    pub default: String,
    /// The values allowed, half open.
    pub range: Option<(String, String)>,
}

/// A source that was parsed and checked: nothing is wrong with it.
#[derive(Clone, Debug)]
pub struct Workload {
    name: String,
    source: String,
    file: File,
    checked: Checked,
}

impl Workload {
    /// Parses and checks a source. `name` is what diagnostics call it.
    ///
    /// # Errors
    /// All problems that were found.
    pub fn parse(name: &str, source: &str) -> Result<Workload, Diagnostics> {
        decode(name, source.as_bytes())?;
        let parsed = parse(source);
        if !parsed.problems.is_empty() {
            return Err(Diagnostics::new(name, source, parsed.problems));
        }
        let (checked, problems) = check(&parsed.file);
        if !problems.is_empty() {
            return Err(Diagnostics::new(name, source, problems));
        }
        Ok(Workload { name: name.to_owned(), source: source.to_owned(), file: parsed.file, checked })
    }

    /// As [`Workload::parse`], from the bytes of a file.
    ///
    /// # Errors
    /// Also a file that is empty, binary, too large, or not UTF-8.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Workload, Diagnostics> {
        Workload::parse(name, decode(name, bytes)?)
    }

    /// The name it was parsed under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The comment that the source begins with, without its slashes: what the workload shows.
    pub fn head_comment(&self) -> String {
        let lines = self.source.lines().map_while(|line| line.trim().strip_prefix("//"));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
    }

    /// The syntax tree.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// What names mean in it, and which types its expressions have.
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// The parameters in source order.
    pub fn params(&self) -> Vec<ParamInfo> {
        let info = |param: &crate::ast::Param| ParamInfo {
            name: param.name.text.clone(),
            default: text(&param.value),
            range: param.range.as_ref().map(|(from, to)| (text(from), text(to))),
        };
        self.file.params.iter().map(info).collect()
    }

    /// The faults that the workload says are to be expected.
    pub fn expected_faults(&self) -> &[ExpectedFault] {
        &self.file.expected_faults
    }

    /// Compiles it with values for some of its parameters, as texts.
    ///
    /// # Errors
    /// A parameter that is not there, a value of another type, a value outside the range.
    pub fn compile(&self, overrides: &[(&str, &str)]) -> Result<Code, ParamError> {
        let params = resolve(&self.file, overrides)?;
        Ok(compile(&Input {
            name: &self.name,
            source: &self.source,
            file: &self.file,
            checked: &self.checked,
            params: &params,
        }))
    }
}
