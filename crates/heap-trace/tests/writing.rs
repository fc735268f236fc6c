//! Writing: what a format can say comes back from it, and what it cannot is said.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use heap_trace::{Compression, Losses, MtraceWriter, Reader, Record, RepSize, RepWriter, Sink, Writer};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/formats").join(name)
}

fn of_text(text: &str) -> Reader {
    Reader::new(Cursor::new(text.as_bytes().to_vec()), "example").unwrap()
}

fn records(trace: Reader) -> Vec<Record> {
    trace.map(Result::unwrap).collect()
}

fn to_mtrace(mut trace: Reader) -> (String, Losses) {
    let mut writer = MtraceWriter::new(Vec::new(), &trace.header()).unwrap();
    while let Some(record) = trace.next_record().unwrap() {
        writer.write(&record).unwrap();
    }
    let (text, losses) = writer.finish().unwrap();
    (String::from_utf8(text).unwrap(), losses)
}

fn to_rep(open: impl Fn() -> Reader) -> (String, Losses) {
    let mut trace = open();
    let mut writer = RepWriter::new(Vec::new(), &trace.header(), RepSize::of(open()).unwrap()).unwrap();
    while let Some(record) = trace.next_record().unwrap() {
        writer.write(&record).unwrap();
    }
    let (text, losses) = writer.finish().unwrap();
    (String::from_utf8(text).unwrap(), losses)
}

const EVERYTHING: &str = "\
H page+0 base=10000 mref=7000
R 1 4000000
0 m 24 = H10
1 c 3 8 = T1+20
0 r H10 100 = H40
0 r H40 18446744073709551615 = 0
0 r 0 5 = M10
0 a 64 0 = H80
0 m 18446744073709551615 = 0
0 f 0
0 f ?77
0 u H80 = 24
0 t 0 = 1
1 X
0 f H99
0 r M10 0 = 0
0 f T1+20
";

#[test]
fn every_call_has_its_line_in_an_mtrace_log() {
    let (text, losses) = to_mtrace(of_text(EVERYTHING));
    let expected = "\
= Start
+ 0x10010 0x18
+ 0x4000020 0x18
< 0x10010
> 0x10040 0x64
! 0x10040 0xffffffffffffffff
+ 0x7010 0x5
+ 0x10080 0
+ (nil) 0xffffffffffffffff
- 0x10099
- 0x7010
- 0x4000020
= End
";
    assert_eq!(text, expected);
    let expected = [
        "calloc is written as malloc (once)",
        "calls with an address that nobody knows are left out (once)",
        "free(NULL) is left out (once)",
        "functions with an alignment are written as malloc (once)",
        "malloc_usable_size, malloc_trim and mallopt are left out (2 times)",
        "mtrace logs have no threads: calls of others are written as if of the first (once)",
    ];
    assert_eq!(losses.sentences(), expected);
}

#[test]
fn every_block_has_an_id_of_its_own_in_a_rep_trace() {
    let (text, losses) = to_rep(|| of_text(EVERYTHING));
    assert_eq!(text, "129\n4\n8\n1\na 0 24\na 1 24\nr 0 100\na 2 5\na 3 0\nf -1\nf 2\nf 1\n");
    let expected = [
        ".rep traces have no threads: calls of others are written as if of the first (once)",
        "calloc is written as malloc (once)",
        "calls that got no block are left out (2 times)",
        "calls with an address that nobody knows are left out (once)",
        "free of what is no block is left out (once)",
        "functions with an alignment are written as malloc (once)",
        "malloc_usable_size, malloc_trim and mallopt are left out (2 times)",
    ];
    assert_eq!(losses.sentences(), expected);
}

#[test]
fn what_a_log_says_is_the_same_after_writing_it_again() {
    let (text, _) = to_mtrace(Reader::open(&sample("small.mtrace")).unwrap());
    assert_eq!(records(of_text(&text)), records(Reader::open(&sample("small.mtrace")).unwrap()));
    let (text, losses) = to_rep(|| Reader::open(&sample("small.rep")).unwrap());
    assert_eq!(records(of_text(&text)), records(Reader::open(&sample("small.rep")).unwrap()));
    assert_eq!(losses.sentences(), Vec::<String>::new());
}

#[test]
fn a_log_in_our_format_has_the_same_calls() {
    for name in ["small.mtrace", "threads.ltrace.gz", "small.raw.heaptrack.zst", "small.rep"] {
        let trace = Reader::open(&sample(name)).unwrap();
        let mut writer = Writer::new(Vec::new(), &trace.header()).unwrap();
        let records = records(trace);
        for record in &records {
            writer.write(record).unwrap();
        }
        let again = Reader::new(Cursor::new(writer.finish().unwrap()), name).unwrap();
        assert_eq!((again.has_addresses(), again.losses().len()), (false, 1), "{name}");
        assert_eq!(again.map(Result::unwrap).collect::<Vec<Record>>(), records, "{name}");
    }
}

#[test]
fn what_is_compressed_is_read_again() {
    let text = format!("{EVERYTHING}{}", "0 m 24 = H10\n0 f H10\n".repeat(300_000));
    for compression in [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let mut sink = Sink::new(Vec::new(), compression).unwrap();
        sink.write_all(text.as_bytes()).unwrap();
        let archive = sink.finish().unwrap();
        assert_eq!(Compression::of(&archive), compression);
        assert_eq!(
            archive.len() < text.len() / 5,
            compression != Compression::None,
            "{compression:?}: {}",
            archive.len()
        );
        let trace = Reader::new(Cursor::new(archive), "archive").unwrap();
        assert_eq!(trace.map(Result::unwrap).count(), EVERYTHING.lines().count() - 1 + 600_000, "{compression:?}");
    }
}

#[test]
fn the_mtrace_script_of_glibc_finds_in_our_log_what_was_not_freed() {
    let (text, _) = to_mtrace(Reader::open(&sample("small.rep")).unwrap());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    match Command::new("mtrace").arg(file.path()).output() {
        Err(error) => eprintln!("skipped: mtrace cannot be run here: {error}"),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("0x")).collect();
            assert_eq!(lines.len(), 1, "{said}");
            // The twelve numbers, which are block 13 of the trace.
            assert!(lines[0].starts_with("0x000000000000000d     0x28"), "{said}");
            assert!(!said.contains("never alloc'd"), "{said}");
        }
    }
}
