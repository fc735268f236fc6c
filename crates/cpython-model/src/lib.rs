//! pymalloc, reference counts and the cyclic collector.
#![forbid(unsafe_code)]
