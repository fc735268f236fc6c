//! The harness of heaptwin: one file a command.

fn main() {}
