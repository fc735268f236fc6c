//! The workload language, from outside: what programs mean, what is said of wrong ones, what machines get to see.

mod diagnostics;
mod emitted_c;
mod emitted_java;
mod faults;
mod finalizers;
mod formatting;
mod fuzzing;
mod meaning;
mod operations;
mod params;
mod random;
mod recorder;
mod reference;
mod support;
mod threads;
