//! The workload language: small typed programs that run, the same, on any [`memory_trait::Machine`].
//!
//! A source is parsed and checked ([`Workload::parse`]), compiled with values for its parameters
//! ([`Workload::compile`]), and interpreted over a machine ([`interpret::run`]). `docs/language.md` is the reference.
//!
//! Invariant: nothing here knows a model. The interpreter computes; where values live, what they cost and when they are
//! reclaimed is the machine's business. Nothing here reads a clock, a file or the environment.
//!
//! ```
//! use workload::{Bare, Ending, Options, Workload, interpret};
//!
//! let source = "param n = 10\nfn main() {\n    var sum = 0\n    for i in 0..n {\n        sum = sum + i\n    }\n    print sum\n}\n";
//! let workload = Workload::parse("sum.wl", source)?;
//! let code = workload.compile(&[("n", "100")])?;
//! let run = interpret::run(&code, &mut Bare::new(), &Options::default());
//! assert_eq!(run.ending, Ending::Finished);
//! assert_eq!(run.output, "4950\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod ast;
pub mod bare;
pub mod check;
pub mod code;
mod compile;
pub mod diagnostic;
pub mod emit;
pub mod format;
pub mod interpret;
pub mod lexer;
mod params;
pub mod parser;
pub mod random;
pub mod source;
pub mod splitmix;
pub mod text;
pub mod types;
mod workload;

pub use bare::Bare;
pub use code::Code;
pub use diagnostic::Diagnostics;
pub use interpret::{Ending, Options, Run};
pub use params::ParamError;
pub use workload::{ParamInfo, Workload};

/// The machines that a workload may name in `expect fault KIND on MACHINE`.
pub const MACHINES: [&str; 3] = ["c", "cpython", "jvm"];
