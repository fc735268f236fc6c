//! The tests that need more than one model: the gallery, its snapshots, Merlin against brute force, the project's rules.
#![forbid(unsafe_code)]

mod agreement;
mod gallery;
mod machines;
#[path = "../../../crates/lifetimes/tests/random/program.rs"]
mod program;
mod random;
mod repetition;
#[path = "../../../crates/memory-trait/tests/smallest/machines.rs"]
mod smallest;
mod snapshots;
mod support;
mod tidy;
