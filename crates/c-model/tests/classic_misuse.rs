//! The fifty classic errors: glibc's verdict as the model predicts it, and what our detector says, beside memcheck's and
//! `AddressSanitizer`'s.

use std::fmt::Write;

use c_model::Glibc;
use c_model::classic_errors::{ClassicError, Verdict};
use c_model::process::{Buffering, Builder, Finding, Local, Misuse, Process};
use memory_trait::Address;

/// A heap in whose first page a garbled link looks aligned.
const ALIGNED_PAGE: Address = Address(0x5555_5556_1000);

fn run(name: &str, builder: Builder) -> (Verdict, Process) {
    let error = ClassicError::named(name).unwrap_or_else(|| panic!("no error is called {name}"));
    let mut process = builder.build();
    let verdict = error.run(&mut process);
    (verdict, process)
}

/// A process as the one that was recorded: for one of the fifty it matters where its heap was.
fn recorded(name: &str) -> Builder {
    let builder = Process::builder();
    if name == "fast_fd_misaligned" { builder.heap_base(ALIGNED_PAGE) } else { builder }
}

#[test]
fn there_are_fifty_and_each_has_a_name_of_its_own() {
    let mut names: Vec<_> = ClassicError::all().map(|error| error.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 50);
}

#[test]
fn glibc_says_what_the_model_predicts() {
    let mut different = Vec::new();
    for error in ClassicError::all() {
        let (verdict, _) = run(error.name, recorded(error.name));
        if verdict.said != error.glibc {
            different.push((error.name, error.glibc, verdict.said));
        }
    }
    // What is before the array depends on the frame; in this one it is `p`. See below.
    assert_eq!(different, [("free_stack", "munmap_chunk(): invalid pointer", "SIGSEGV".to_owned())]);
}

#[test]
fn the_detector_changes_nothing_of_what_happens() {
    for error in ClassicError::all() {
        let (watched, process) = run(error.name, recorded(error.name));
        let (unwatched, other) = run(error.name, recorded(error.name).detector(false));
        assert_eq!(watched.said, unwatched.said, "{}", error.name);
        assert_eq!(process.steps(), other.steps(), "{}", error.name);
        assert_eq!(process.allocator().statistics(), other.allocator().statistics(), "{}", error.name);
        assert_eq!(other.findings(), [], "{}", error.name);
    }
}

#[test]
fn the_detector_finds_what_memcheck_finds_and_what_address_sanitizer_sees() {
    let mut n_memcheck = 0;
    let mut n_sanitizer = 0;
    for error in ClassicError::all() {
        let (_, process) = run(error.name, recorded(error.name));
        n_memcheck += usize::from(error.memcheck != "silent");
        n_sanitizer += usize::from(error.address_sanitizer != "silent");
        assert!(!process.findings().is_empty(), "{}", error.name);
    }
    assert_eq!((n_memcheck, n_sanitizer), (45, 47), "and ours are 50");
}

/// The findings of a program in a few words, each kind once.
fn in_short(findings: &[Finding]) -> String {
    let mut words: Vec<(String, usize)> = Vec::new();
    for summary in findings.iter().map(Finding::summary) {
        match words.last_mut().filter(|(last, _)| *last == summary) {
            Some((_, n)) => *n += 1,
            None => words.push((summary, 1)),
        }
    }
    let words = words.into_iter().map(|(word, n)| if n == 1 { word } else { format!("{word} ({n} times)") });
    words.collect::<Vec<_>>().join("; ")
}

#[test]
fn the_table_of_the_fifty() {
    let mut rows = vec![["error", "glibc (model)", "memcheck", "AddressSanitizer", "our detector"].map(str::to_owned)];
    for error in ClassicError::all() {
        let (verdict, process) = run(error.name, recorded(error.name));
        let memcheck =
            error.memcheck.replace(" / delete / delete[] / realloc()", "").replace(" (possibly negative)", "");
        let [name, sanitizer] = [error.name, error.address_sanitizer].map(str::to_owned);
        rows.push([name, verdict.said, memcheck, sanitizer, in_short(process.findings())]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().expect("there are rows");
    let widths: Vec<usize> = (0..4).map(width).collect();
    let mut table = String::new();
    for [name, glibc, memcheck, sanitizer, ours] in &rows {
        let _ = writeln!(
            table,
            "{name:0$} | {glibc:1$} | {memcheck:2$} | {sanitizer:3$} | {ours}",
            widths[0], widths[1], widths[2], widths[3]
        );
    }
    insta::assert_snapshot!(table);
}

#[test]
fn freeing_a_local_depends_on_the_word_before_it() {
    let said = |before: u64, is_first_call: bool| {
        let mut c = Process::builder().build();
        c.call("main", &[Local::array("b", 64, 1), Local::scalar("before", 8)]).unwrap();
        if !is_first_call {
            c.malloc(1).unwrap();
        }
        c.set_int("before", before).unwrap();
        let b = c.local("b");
        assert_eq!(b.address.0 - c.local("before").address.0, 8);
        let fault = c.free(b).unwrap_err();
        assert_eq!(c.findings().last().unwrap().summary(), "invalid_free of b");
        fault.message
    };
    assert_eq!(said(0x7fff_ffff_0002, false), "munmap_chunk(): invalid pointer");
    assert_eq!(said(0x11, false), "free(): invalid size");
    assert_eq!(said(0, false), "free(): invalid pointer");
    assert_eq!(said(0x7fff_ffff_e690, false), "double free or corruption (out)");
    let at_first = said(0x7fff_ffff_e690, true);
    assert!(at_first.starts_with("Segmentation fault at 0x8"), "the main arena has no top yet: {at_first}");
}

#[test]
fn a_double_free_in_a_fastbin_is_noticed_by_the_request_that_puts_makes() {
    for (buffering, message) in [
        (Buffering::Unbuffered, "silent"),
        (Buffering::Pipe, "malloc_consolidate(): invalid chunk size"),
        (Buffering::Terminal, "malloc_consolidate(): invalid chunk size"),
    ] {
        let mut process = Process::builder().stdout(buffering).build();
        let verdict = ClassicError::named("double_free_fast_abA").unwrap().run_as_it_is(&mut process);
        assert_eq!(verdict.said, message, "{buffering:?}");
        assert_eq!(process.findings()[0].misuse, Misuse::DoubleFree);
    }
}

#[test]
fn a_garbled_link_is_followed_in_one_page_of_sixteen() {
    for (name, message) in [
        ("fast_fd_misaligned", "malloc(): unaligned fastbin chunk detected 3"),
        ("uaf_write_next_then_malloc", "malloc(): unaligned tcache chunk detected"),
    ] {
        for page in 0..16 {
            let builder = Process::builder().heap_base(Address(0x5555_5556_0000 + page * 4096));
            let expected = if page == 1 { "SIGSEGV" } else { message };
            assert_eq!(run(name, builder).0.said, expected, "{name}, page {page}");
        }
    }
}

#[test]
fn the_verdicts_do_not_depend_on_the_thread_cache_key() {
    for error in ClassicError::all() {
        let builder = recorded(error.name).allocator(Glibc::builder().tcache_key(0x0123_4567_89ab_cdef));
        assert_eq!(run(error.name, builder).0, run(error.name, recorded(error.name)).0, "{}", error.name);
    }
}

#[test]
fn a_report_names_the_object_where_it_was_born_and_where_it_was_over() {
    let names = [
        "uaf_realloc_moved",
        "double_free_tcache",
        "underflow1",
        "use_after_return",
        "use_after_scope",
        "stack_buffer_overflow",
        "global_overflow",
        "uninit_syscall",
        "stack_overflow",
        "leak",
        "malloc_huge",
        "free_wild",
    ];
    let report = |name: &str| run(name, recorded(name)).1.findings()[0].to_string();
    insta::assert_snapshot!(names.map(report).join("\n"));
}
