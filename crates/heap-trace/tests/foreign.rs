//! Logs of other tools: the same program's calls come out of each, whatever the format.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use heap_trace::{Answer, Call, Format, Pointer, Reader, Record, Request, TraceError};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/formats").join(name)
}

fn read(name: &str) -> Vec<Call> {
    calls(Reader::open(&sample(name)).unwrap()).unwrap()
}

fn calls(trace: Reader) -> Result<Vec<Call>, TraceError> {
    let only_calls = |record| match record {
        Record::Call(call) => call,
        other => panic!("{other} is no call"),
    };
    trace.map(|record| record.map(only_calls)).collect()
}

fn text(log: &str) -> Result<Vec<Call>, TraceError> {
    calls(Reader::new(Cursor::new(log.as_bytes().to_vec()), "example.log")?)
}

/// What a log comes to: the calls as our own format writes them, `; ` between them.
fn check(log: &str, expected: &str) {
    let calls: Vec<String> = text(log).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(calls.join("; "), expected);
}

fn check_error(log: &str, expected: &str) {
    assert_eq!(text(log).unwrap_err().to_string(), format!("example.log:{expected}"));
}

/// What all formats have: births and deaths of numbered blocks, without what was refused.
fn program(calls: &[Call]) -> Vec<String> {
    let mut live: Vec<(Pointer, usize)> = Vec::new();
    let mut n_blocks = 0;
    let mut lines = Vec::new();
    for call in calls {
        let mut take = |block: Pointer| {
            let index = live.iter().position(|&(at, _)| at == block)?;
            Some(live.swap_remove(index).1)
        };
        let at = match call.answer {
            Answer::Block { at, .. } => at,
            Answer::Nothing | Answer::Number(_) => Pointer::Null,
        };
        let number = match call.request {
            Request::Free { block } => {
                lines.extend(take(block).map(|number| format!("free {number}")));
                continue;
            }
            _ if at == Pointer::Null => continue,
            Request::Realloc { block, .. } => take(block),
            _ => None,
        };
        let bytes = match call.request {
            Request::Malloc { bytes }
            | Request::Realloc { bytes, .. }
            | Request::Memalign { bytes, .. }
            | Request::AlignedAlloc { bytes, .. } => bytes,
            Request::Calloc { n, bytes } => n * bytes,
            other => panic!("{other} is not in the samples"),
        };
        match number {
            Some(number) => lines.push(format!("free {number}, malloc {bytes}")),
            None => lines.push(format!("malloc {bytes}")),
        }
        live.push((at, n_blocks));
        n_blocks += 1;
    }
    lines
}

/// The same, with realloc as heaptrack has it.
fn taken_apart(program: &[String]) -> Vec<String> {
    program.iter().flat_map(|line| line.split(", ")).map(str::to_owned).collect()
}

#[test]
fn the_formats_are_told_apart_by_content() {
    for (name, format) in [
        ("small.mtrace", Format::Mtrace),
        ("small.ltrace", Format::Ltrace),
        ("threads.ltrace.gz", Format::Ltrace),
        ("small.raw.heaptrack.zst", Format::Heaptrack),
        ("small.heaptrack.gz", Format::Heaptrack),
        ("small.rep", Format::Rep),
        ("../glibc-2.36/edge4.tr.xz", Format::HeapTrace),
    ] {
        let trace = Reader::open(&sample(name)).unwrap();
        assert_eq!(trace.format(), format, "{name}");
        assert_eq!(trace.has_addresses(), format == Format::HeapTrace, "{name}");
        assert_eq!(trace.losses().is_empty(), format == Format::HeapTrace, "{name}");
    }
}

#[test]
fn a_program_recorded_by_mtrace_and_by_ltrace_made_the_same_calls() {
    let (mtrace, ltrace) = (read("small.mtrace"), read("small.ltrace"));
    assert_eq!(mtrace.len(), 48);
    assert_eq!(ltrace.len(), 50, "free(NULL) is not in mtrace's log");
    assert_eq!(program(&mtrace), program(&ltrace));
    let refused: Vec<Request> = mtrace
        .iter()
        .filter(|call| call.answer == Answer::Block { at: Pointer::Null, offset: 0 })
        .map(|call| call.request)
        .collect();
    assert_eq!(refused[0], Request::Malloc { bytes: u64::MAX - 99 });
    assert!(matches!(refused[1], Request::Realloc { bytes: 0xffff_ffff_ffff_ff38, .. }), "{}", refused[1]);
    assert!(ltrace.iter().any(|call| call.request == Request::Calloc { n: 10, bytes: 4 }));
    assert!(ltrace.iter().any(|call| call.request == Request::AlignedAlloc { alignment: 64, bytes: 128 }));
}

#[test]
fn a_rep_trace_written_by_hand_is_the_same_program() {
    assert_eq!(program(&read("small.rep")), program(&read("small.mtrace")));
}

#[test]
fn heaptrack_has_the_same_blocks_with_realloc_taken_apart() {
    let mut expected = taken_apart(&program(&read("small.mtrace")));
    let mut raw = program(&read("small.raw.heaptrack.zst"));
    assert_eq!(raw.remove(0), "malloc 72704", "the block that libstdc++, which heaptrack brings along, begins with");
    assert_eq!(raw.pop().unwrap(), "free 0");
    // That block is number 0.
    for line in &mut expected {
        if let Some(number) = line.strip_prefix("free ") {
            *line = format!("free {}", number.parse::<usize>().unwrap() + 1);
        }
    }
    assert_eq!(raw, expected);
}

#[test]
fn interpreted_heaptrack_data_has_the_same_sizes_in_the_same_order() {
    let sizes = |name: &str| -> Vec<String> {
        let lines = program(&read(name));
        lines.into_iter().map(|line| if line.starts_with("free") { "free".to_owned() } else { line }).collect()
    };
    assert_eq!(sizes("small.heaptrack.gz"), sizes("small.raw.heaptrack.zst"));
    let trace = Reader::open(&sample("small.heaptrack.gz")).unwrap();
    assert!(
        trace.losses().iter().any(|loss| loss.contains("the youngest such block is taken")),
        "{:?}",
        trace.losses()
    );
}

#[test]
fn ltrace_lines_of_several_threads_are_put_together_again() {
    let calls = read("threads.ltrace.gz");
    let of = |thread: u32| calls.iter().filter(move |call| call.thread == thread).copied().collect::<Vec<Call>>();
    assert_eq!(calls.iter().map(|call| call.thread).max(), Some(2));
    for thread in [1, 2] {
        let (last, program) = (of(thread).pop().unwrap(), program(&of(thread)[..16]));
        assert_eq!(last.request, Request::ThreadExit);
        let expected: Vec<String> =
            (0..8).map(|i| format!("malloc {}", 10 + i * thread)).chain((0..8).map(|i| format!("free {i}"))).collect();
        assert_eq!(program, expected);
    }
    let main: Vec<String> = of(0).iter().map(ToString::to_string).collect();
    let expected = [
        "0 p 64 100 = ?0",
        "0 l 64 128 = #5650a5e3c140",
        "0 r 0 15 = #5650a5e3c480",
        "0 v 10 = #5650a5e3d000",
        "0 u #5650a5e3c140 = 168",
        "0 f #5650a5e3c040",
        "0 f #5650a5e3c140",
        "0 f #5650a5e3c480",
        "0 f #5650a5e3d000",
        "0 t 0 = 1",
    ];
    assert_eq!(main, expected);
}

#[test]
fn ltrace_lines_may_carry_time_caller_object_and_library() {
    let malloc = "0 m 32 = #5f";
    check("small->malloc(32)    = 0x5f\n", malloc);
    check("  0.000457 [0x55ea6edeb1bf] malloc(32)   = 0x5f\n", malloc);
    check("[pid 17] 23:39:16.871297 malloc(32) = 0x5f <0.000093>\n", malloc);
    check("17 1795390756.899902 lib x.so->malloc(32) = 0x5f\n", malloc);
    check("malloc@libc.so.6(32) = 0x5f\nputs(\"malloc(1) = 2\") = 14\n--- SIGCHLD (Child exited) ---\n", malloc);
    check("SYS_brk(0) = 0x7000\n+++ killed by SIGSEGV +++\n_Znwm(32, 1, 2) = 0x5f\n", malloc);
    check("realloc(nil, 18446744073709551615) = nil\n", "0 r 0 18446744073709551615 = 0");
    check("mallopt(0xfffffffd, 65536, 0) = 1\n", "0 o -3 65536 = 1");
}

#[test]
fn a_call_that_ltrace_shows_from_both_sides_is_one_call() {
    check(
        "a->malloc(32 <unfinished ...>\nmalloc@libc.so.6(32) = 0x5f\n<... malloc resumed> ) = 0x5f\n\
         a->free(0x5f <unfinished ...>\nfree@libc.so.6(0x5f) = <void>\n<... free resumed> ) = <void>\n",
        "0 m 32 = #5f; 0 f #5f",
    );
}

#[test]
fn mtrace_lines_may_lack_the_caller_and_have_spaces_in_it() {
    check(
        "= Start\n+ 0x5f 0x20\n@ ./my prog:(main+0x12)[0x11bf] - 0x5f\n@ [0x11bf] + (nil) 0xffffffffffffffff\n= End\n\
         = Start\n@ a:[0x1] < 0x60\n@ a:[0x1] > 0x70 0\n@ a:[0x1] ! 0x70 0x5\n= End\n",
        "0 m 32 = #5f; 0 f #5f; 0 m 18446744073709551615 = 0; 0 r #60 0 = #70; 0 r #70 5 = 0",
    );
}

#[test]
fn rep_traces_may_have_blank_lines_foreign_line_ends_and_no_end_of_the_last_line() {
    check(
        "20000\r\n2\r\n5\r\n1\r\n\r\na 0 512\r\nr  0 600\r\nf -1\r\nr 0 0\r\na 1 0",
        "0 m 512 = #1; 0 r #1 600 = #1; 0 f 0; 0 r #1 0 = 0; 0 m 0 = #2",
    );
}

#[test]
fn old_heaptrack_data_has_its_pointers_still() {
    check("v 10100\nX ./a\nt 5f 0\n+ 20 1 7f06\n- 7f06\n", "0 m 32 = #7f06; 0 f #7f06");
    check("v 10200\nX ./a\nt 5f 0\na 20 1\n+ 0\n+ 0\n- 0\n", "0 m 32 = #1; 0 m 32 = #2; 0 f #2");
}

#[test]
fn an_error_names_line_column_and_what_was_expected() {
    check_error(
        "hello\n",
        "1:1: expected the first line of a heap trace (`H page+P base=B mref=R`), an mtrace log (`= Start`), heaptrack data \
         (`v 10400 3`), a .rep trace (a number) or ltrace output (a call), found `hello`",
    );
    check_error(
        "= Start\n@ ./a:[0x11bf] * 0x5f\n",
        "2:16: expected `+`, `-`, `<`, `>`, `!` or `=`, after `@ caller ` or alone, found `* 0x5f`",
    );
    check_error("= Start\n+ 0x5f 32\n", "2:8: expected a size in hexadecimal, `0x20`, below 2^64, found `32`");
    check_error(
        "= Start\n+ 0x5f 0x10000000000000000\n",
        "2:10: expected a size in hexadecimal, `0x20`, below 2^64, found `10000000000000000`",
    );
    check_error("= Start\n> 0x5f 0x20\n", "2:1: expected a `<` line before the `>` line, found `> 0x5f 0x20`");
    check_error("= Start\n< 0x5f\n= End\n", "3:1: expected a `>` line after the `<` line, found `= End`");
    check_error("= Start\n< 0x5f\n", "3:1: expected a `>` line after the `<` line, found the end of the line");
    check_error("v 10400 4\n", "1:9: expected a version of the format, 0 to 3, found `4`");
    check_error(
        "v 10400 3\nt 1 0\n",
        "2:1: expected `x`, the program of a raw file, or `X`, the command of an interpreted one, found `t 1 0`",
    );
    let heaptrack =
        |line: &str, expected: &str| check_error(&format!("v 10400 3\nx 1 a\n{line}\n"), &format!("3:{expected}"));
    heaptrack("+ 20 1 5f", "6: expected the number of a `t` line above, or 0, found `1 5f`");
    heaptrack("t 5f 1", "6: expected the number of a `t` line above, or 0, found `1`");
    heaptrack("+ 20 0", "7: expected a space, found the end of the line");
    heaptrack("- 5f 0", "5: expected the end of the line, found ` 0`");
    heaptrack("a 20 0", "1: expected a line of heaptrack's: one of `tams+-iIScRxXA#` and a space, found `a 20 0`");
    let interpreted = |line: &str, expected: &str| {
        check_error(&format!("v 10400 3\nX a\na 20 0\n{line}\n"), &format!("4:{expected}"));
    };
    interpreted("+ 1", "3: expected the number of an `a` line above, found `1`");
    interpreted("+ ffffffffffffffff", "3: expected the number of an `a` line above, found `ffffffffffffffff`");
    interpreted("- 0", "3: expected an allocation with a block that is live, found `0`");
    check_error("100\nx\n", "2:1: expected the number of ids, found `x`");
    check_error(
        "100\n1\n2\n1\na 0 8\n",
        "6:1: expected as many operations as the third line says, found the end of the line",
    );
    check_error(
        "100\n1\n1\n1\na 0 8\nf 0\n",
        "6:1: expected the end of the file, after as many operations as the third line says, found `f 0`",
    );
    check_error("100\n1\n1\n1\na 1 8\n", "5:3: expected an id below the number of ids in the second line, found `1 8`");
    check_error(
        "100\n1\n1\n1\nm 0 8\n",
        "5:1: expected an operation: `a ID BYTES`, `r ID BYTES` or `f ID`, found `m 0 8`",
    );
    check_error(
        "malloc(32) = 0x5f\nSegmentation fault\n",
        "2:1: expected a call as `malloc(40) = 0x55adc28b72a0`, `<... malloc resumed> ) = ...`, `---` or `+++`, found \
         `Segmentation fault`",
    );
    check_error(
        "malloc(32) = 0x5f\nmalloc(18446744073709551616) = 0\n",
        "2:8: expected a number, decimal or hexadecimal, below 2^64, found `18446744073709551616) = 0`",
    );
    check_error(
        "malloc(32) = 0x5f\n<... malloc resumed> ) = 0x60\n",
        "2:6: expected a function that this thread called and that has not returned, found `malloc resumed> ) = 0x60`",
    );
    check_error("malloc(32) = 0x5f\nmalloc(32)", "2: the file ends in the middle of this line");
    check_error("malloc(32) = 0x5f\nmalloc(32)\n", "2:11: expected ` = ` and the result, found the end of the line");
}

/// The generator `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % n as u64) as usize
    }
}

/// Changes a few bytes, cuts pieces out, puts pieces in twice, cuts the end off.
fn mangle(bytes: &mut Vec<u8>, random: &mut Random) {
    const LIKELY: &[u8] = b" \n0123456789abcdefx()<>+-=@![]#?HTMBKRVS.,\0\xff";
    for _ in 0..=random.below(4) {
        if bytes.len() < 2 {
            return;
        }
        let at = random.below(bytes.len());
        let length = random.below(40).min(bytes.len() - at);
        match random.below(6) {
            0 | 1 => bytes[at] = LIKELY[random.below(LIKELY.len())],
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let piece = bytes[at..at + length].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            4 => {
                let digits = b"99999999999999999999";
                bytes.splice(at..at, digits[..random.below(digits.len())].iter().copied());
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
}

#[test]
fn mangled_logs_are_read_or_refused_with_a_place_and_never_a_panic() {
    let seed = 0x6d61_6e67_6c65;
    let mut random = Random(seed);
    let mut n_refused = 0;
    for name in [
        "small.mtrace",
        "small.ltrace",
        "threads.ltrace.gz",
        "small.raw.heaptrack.zst",
        "small.heaptrack.gz",
        "small.rep",
    ] {
        let mut plain = Vec::new();
        std::io::copy(&mut heap_trace::open(&sample(name)).unwrap(), &mut plain).unwrap();
        for round in 0..400 {
            let mut bytes = plain.clone();
            mangle(&mut bytes, &mut random);
            let n_lines = bytes.split(|&byte| byte == b'\n').count() as u64;
            let outcome =
                Reader::new(Cursor::new(bytes), name).and_then(Iterator::collect::<Result<Vec<Record>, TraceError>>);
            if let Err(error) = outcome {
                n_refused += 1;
                assert!(error.line >= 1 && error.line <= n_lines + 1, "seed {seed:#x}, {name}, round {round}: {error}");
            }
        }
        let archive = std::fs::read(sample(name)).unwrap();
        for _ in 0..200 {
            let mut bytes = archive.clone();
            mangle(&mut bytes, &mut random);
            let _ = Reader::new(Cursor::new(bytes), name).map(Iterator::count);
        }
    }
    assert!(n_refused > 600, "{n_refused} of 2400 mangled logs were refused");
}
