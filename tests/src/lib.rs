//! The gallery and the texts of its snapshots: one text for each workload and model, made for a reader.
//!
//! The tests in `tests/` compare these texts with the files in `snapshots/`; the program in `bin/` prints them, so that
//! a fresh process can be held against the running one.
//!
//! Invariant: a text depends on the workload's source and the models only. Nothing here reads a clock or the
//! environment, and what is drawn is drawn from [`gallery::SETTINGS`].
#![forbid(unsafe_code)]

pub mod gallery;
pub mod snapshot;
mod table;
