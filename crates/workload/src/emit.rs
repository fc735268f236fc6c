//! A workload as source of a real language, from the checked tree: what a competent programmer would have written.
//!
//! Whoever compiles and runs what is emitted gets what the emulated run printed, so that a real runtime can be held
//! against its model. Names keep the workload's names; what each construct becomes is the table in `docs/language.md`.
//! Parameters are resolved: the source says the values that the run has.

mod c;
mod java;
mod python;
mod writer;

use std::fmt;
use std::str::FromStr;

use crate::ast::Literal;
use crate::params::{ParamError, resolve};
use crate::workload::Workload;

/// A language that workloads are emitted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// C11, as gcc takes it on Linux.
    C,
    /// Java 17 and later.
    Java,
    /// Python 3.11 and later.
    Python,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 3] = [Language::C, Language::Java, Language::Python];

    /// How files of it end.
    pub const fn extension(self) -> &'static str {
        match self {
            Language::C => "c",
            Language::Java => "java",
            Language::Python => "py",
        }
    }

    /// What the language calls a workload of this name: of Java the class, whose file has to have the same name.
    pub fn program_name(self, workload: &Workload) -> String {
        match self {
            Language::Java => java::class_name(workload),
            Language::C | Language::Python => {
                // The name may be that of a file, with folders before it.
                let name = workload.name().rsplit('/').next().unwrap_or_default();
                name.strip_suffix(".wl").unwrap_or(name).to_owned()
            }
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Language::C => "c",
            Language::Java => "java",
            Language::Python => "python",
        })
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Language, String> {
        let known = || Language::ALL.map(|language| language.to_string()).join(", ");
        let found = Language::ALL.into_iter().find(|language| language.to_string() == text);
        found.ok_or_else(|| format!("`{text}` is not a language that workloads are emitted in: {}", known()))
    }
}

/// What is emitted, and with which parameters.
pub(crate) struct Emission<'w> {
    pub(crate) workload: &'w Workload,
    pub(crate) params: Vec<Literal>,
    pub(crate) seed: u64,
}

/// Emits a workload with values for some of its parameters, as texts, and the seed of its `rand`.
///
/// ```
/// use workload::emit::{Language, emit};
/// let workload = workload::Workload::parse("hello", "fn main() {\n    print 1 + 2\n}\n")?;
/// let java = emit(&workload, Language::Java, &[], 0)?;
/// assert!(java.contains("print(Math.addExact(1L, 2L));"), "{java}");
/// let python = emit(&workload, Language::Python, &[], 0)?;
/// assert!(python.contains("    print(1 + 2)\n"), "{python}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A parameter that is not there, a value of another type, a value outside the range.
pub fn emit(
    workload: &Workload,
    language: Language,
    overrides: &[(&str, &str)],
    seed: u64,
) -> Result<String, ParamError> {
    let emission = Emission { workload, params: resolve(workload.file(), overrides)?, seed };
    Ok(match language {
        Language::C => c::emit(&emission),
        Language::Java => java::emit(&emission),
        Language::Python => python::emit(&emission),
    })
}
