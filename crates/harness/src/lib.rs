//! The three models under one roof: each built with the same limits, perturbed, run, and compared.
//!
//! The command line and the cross-model tests both go through here, so that what a test has seen is what a user sees.
//!
//! Invariant: no I/O. Sources come in as strings, results go out as values; rendering them is the caller's business,
//! except for the picture of lifetimes, which tests and users read alike.
#![forbid(unsafe_code)]

pub mod model;
pub mod perturb;
pub mod picture;
pub mod replay;
pub mod run;
pub mod stack_and_heap;
pub mod table;
pub mod what_if;

pub use model::Model;
pub use perturb::{Perturbation, perturbations};
pub use run::{Examined, ModelRun, Settings, examine, run};
