//! The workload language.
#![forbid(unsafe_code)]
