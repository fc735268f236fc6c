//! Each operation of the machine and each rule of the runtime, one by one.

mod collector;
mod containers;
mod deaths;
mod faults;
mod frames;
mod support;
mod values;
mod weak;
