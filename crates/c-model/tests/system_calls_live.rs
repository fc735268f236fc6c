//! System calls by kind, held against what strace counts of the same calls by this machine's C library.

#[path = "support/script.rs"]
#[allow(dead_code, reason = "each test file uses a part of it")]
mod script;

use std::fmt::Write;

use script::{calls_of_libc, calls_of_model, driver, on_libc};

fn check(name: &str, script: &str) {
    let Some(driver) = driver(name) else { return };
    if on_libc(&driver, script).is_none() {
        return;
    }
    let Some(mut real) = calls_of_libc(&driver, script) else { return };
    // The driver has asked for the break before the first call of malloc, which would.
    real.brk += 1;
    assert_eq!(calls_of_model(script), real, "{name}");
}

#[test]
fn one_thread_moves_the_break_and_maps_what_is_large() {
    let mut script = String::new();
    for id in 0..200 {
        let _ = writeln!(script, "m {id} {}", 500 + (id * 7919) % 60_000);
    }
    for id in (0..200).filter(|id| id % 3 != 0) {
        let _ = writeln!(script, "f {id}");
    }
    script += "t 0\nm 300 200000\nr 300 900000\nr 300 150000\nc 301 1 400000\nf 300\nf 301\nm 302 3000000\nf 302\n";
    for id in (0..200).step_by(3) {
        let _ = writeln!(script, "f {id}");
    }
    script += "t 0\n";
    check("calls-one-thread", &script);
}

#[test]
fn heaps_of_threads_are_mapped_protected_and_given_back() {
    let mut script = String::from("o -3 200000000\nw 0\nm 1 100\nT 1\nm 2 100\n");
    for id in 10..24 {
        let _ = writeln!(script, "m {id} 6000000");
    }
    script += "T 2\nm 40 1000\nT 3\nm 41 1000\nT 1\n";
    for id in (10..24).rev() {
        let _ = writeln!(script, "f {id}");
    }
    script += "t 0\nX 1\nT 2\nX 2\nT 3\nX 3\n";
    check("calls-threads", &script);
}
