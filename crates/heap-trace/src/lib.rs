//! Recorded allocation traces.
#![forbid(unsafe_code)]
