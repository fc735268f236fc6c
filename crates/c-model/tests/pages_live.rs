//! Resident pages, held against the kernel: the same calls by this machine's C library, counted in
//! `/proc/self/pagemap` and `smaps`.

#[path = "support/script.rs"]
#[allow(dead_code, reason = "each test file uses a part of it")]
mod script;

use std::fmt::Write;

use c_model::Glibc;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use script::{driver, on_libc, on_model, on_model_with};

fn check(name: &str, scripts: &[String]) {
    let Some(driver) = driver(name) else { return };
    for script in scripts {
        let Some(real) = on_libc(&driver, script) else { return };
        let model = on_model(script);
        let n_reports = script.lines().filter(|line| *line == "p").count();
        assert_eq!(real.stdout.lines().count(), n_reports, "{real:?}");
        for (n, (real, model)) in real.stdout.lines().zip(model.stdout.lines()).enumerate() {
            let calls: Vec<_> = script.split("p\n").take(n + 1).collect();
            let last = calls.last().unwrap();
            let at = &last[last.len().saturating_sub(400)..];
            assert_eq!(real, model, "report {n} of {name}, after ...{at}");
        }
        let with_contents = on_model_with(Glibc::builder(), script);
        assert_eq!(model, with_contents, "contents change nothing");
    }
}

/// Each call of the lines, with a report after it.
fn each(calls: &str) -> String {
    calls.lines().flat_map(|call| [call.trim(), "\np\n"]).collect()
}

#[test]
fn headers_and_blocks_make_pages_resident_as_they_are_written() {
    check("pages-written", &[each("m 1 100\nm 2 5000\nm 3 100000\nw 0\nm 4 100000\nm 5 100\nf 2\nf 3\nf 4")]);
}

#[test]
fn calloc_clears_what_may_have_been_used_and_trusts_what_is_fresh() {
    let fresh = "w 0\nc 1 1 60000\nc 2 1 200000\nc 3 1 130000\nf 2\nf 3\nc 4 1 60000\nf 1\nc 5 1 60000\nc 6 3 100";
    let perturbed = format!("o -6 165\n{fresh}\nm 7 30000\nm 8 300000\nf 7\nf 8");
    check("pages-calloc", &[each(fresh), each(&perturbed)]);
}

#[test]
fn trimming_gives_back_the_end_of_the_heap_and_the_inside_of_free_chunks() {
    let mut calls = String::new();
    for id in 0..40 {
        let _ = writeln!(calls, "m {id} {}", 20000 + 3000 * (id % 5));
    }
    for id in (0..39).step_by(2) {
        let _ = writeln!(calls, "f {id}");
    }
    calls += "t 0\nm 50 15000\nf 39\nf 37\nt 100000\nt 0\nm 51 90000\nf 51\n";
    for id in (1..37).rev().step_by(2) {
        let _ = writeln!(calls, "f {id}");
    }
    check("pages-trim", &[each(&calls)]);
}

#[test]
fn mapped_blocks_come_and_go_and_move_with_their_pages() {
    // Aligned to a page and no more: where larger multiples are in a mapping depends on where the kernel puts it.
    let calls = "m 1 200000\nw 0\nm 2 300000\nr 1 900000\nr 1 100000\nr 2 4000000\nw 1\nr 2 4100000\na 3 4096 500000
                 w 0\na 4 4096 300000\nr 4 1000000\nf 1\nf 2\nf 3\nf 4\nm 5 3000000\nf 5\nm 6 1000000";
    check("pages-mapped", &[each(&calls.replace("                 ", ""))]);
}

#[test]
fn heaps_of_threads_grow_shrink_and_go() {
    let mut calls = String::from("m 1 100\nT 1\nm 2 100\nm 3 100000\nm 4 100000\nm 5 100000\nf 5\nf 4\nf 3\nt 0\n");
    // More than a heap of 64 MiB holds, none of it mapped.
    calls += "T 0\no -3 200000000\nT 1\nw 0\n";
    for id in 10..24 {
        let _ = writeln!(calls, "m {id} 6000000");
    }
    calls += "w 1\nm 30 50000\nT 2\nm 31 2000\nc 32 100 1000\nT 1\n";
    for id in (10..24).rev() {
        let _ = writeln!(calls, "f {id}");
    }
    calls += "t 0\nX 1\nT 2\nf 30\nX 2\nT 3\nm 40 70000\nt 0\nX 3\n";
    check("pages-threads", &[each(&calls)]);
}

/// Random calls of one or two threads; what is written changes now and then.
fn random(seed: u64, n_calls: u32) -> String {
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut below = |n: u64| rng.next_u64() % n;
    let mut script = String::new();
    let mut is_live = [false; 300];
    for n in 0..n_calls {
        let id = below(300);
        let size = match below(20) {
            0..=9 => below(200),
            10..=15 => below(5000),
            16..=18 => below(80_000),
            _ => below(600_000),
        };
        let is_used = &mut is_live[id as usize];
        let line = match below(60) {
            0 => format!("w {}", below(2)),
            1 => format!("t {}", below(50_000)),
            2 => format!("T {}", below(3)),
            3..=14 if *is_used => format!("r {id} {}", size + 1),
            _ if *is_used => {
                *is_used = false;
                format!("f {id}")
            }
            30..=40 => {
                *is_used = true;
                format!("c {id} 1 {size}")
            }
            41..=44 => {
                *is_used = true;
                format!("a {id} {} {size}", 16 << below(9))
            }
            _ => {
                *is_used = true;
                format!("m {id} {size}")
            }
        };
        let _ = writeln!(script, "{line}");
        if n % 25 == 0 {
            script += "p\n";
        }
    }
    script + "p\n"
}

#[test]
fn random_programs_have_the_pages_that_the_kernel_counts() {
    let scripts: Vec<String> = (0..12).map(|seed| random(seed, 3000)).collect();
    check("pages-random", &scripts);
}
