//! What a run means.
#![forbid(unsafe_code)]
