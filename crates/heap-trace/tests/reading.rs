//! Reading: every line of the format, every compression, and everything that can be wrong with a file.

use std::io::{Cursor, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use heap_trace::{Answer, Header, LINE_BYTES_MAX, Pointer, Reader, Record, Request, TraceError, Writer};

const HEADER: &str = "H page+0 base=55e3d2422000 mref=7f407a88a000\n";

const EVERY_LINE: &str = "\
V 55e3bb5b2000-55e3bb654000 7ffe8d256000-7ffe8d277000
0 m 24 = H2a0
B 21000
0 c 18 16 = H2c0
0 r H2a0 18446744073709551615 = 0
0 r 0 8 = H3f0
0 f H2a0
0 f 0
K 21f80
R 1 7f4328000000
1 a 2097152 1048576 = M0 @dff0
1 l 64 100 = T1+b80
2 p 32768 395592 = M-95000 @1ff0
2 v 1 = T1+2000
2 w 5000 = ?5000
2 u T1+2000 = 24
2 t 4096 = 1
0 o -3 65536 = 1
S 15 2 brk=21f80
s mp n_mmaps=2 trim=ce020 mmap=67010 mmapped=0
s arena 0 sys=2000 max=21000
s top=He70 last=0 havefast=1
s binmap 3fff1fff99ff7ffffffffffffffffffc topsize=1191
s f0 T1+e44f0 24
s b1 T1+d7d50 2a1
s t0 n=1
s t0 H2c0
s end
2 X
E bmhpr
E -
";

fn read(bytes: Vec<u8>) -> Result<Vec<Record>, TraceError> {
    Reader::new(Cursor::new(bytes), "example.tr")?.collect()
}

fn every_record() -> Vec<Record> {
    read(format!("{HEADER}{EVERY_LINE}").into_bytes()).unwrap()
}

fn check_error(text: impl AsRef<[u8]>, expected: &str) {
    let error = read(text.as_ref().to_vec()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn kinds_of_refusals_that_there_are_not_are_refused() {
    const EXPECTED: &str = "expected kinds of refused requests, some of `bmhpr`, or `-`";
    check_error(format!("{HEADER}E bx\n"), &format!("example.tr:2:4: {EXPECTED}, found `x`"));
    check_error(format!("{HEADER}E b-\n"), &format!("example.tr:2:4: {EXPECTED}, found `-`"));
}

#[test]
fn every_line_of_the_format_is_read_and_written_back_byte_by_byte() {
    let records = every_record();
    assert_eq!(records.len(), EVERY_LINE.lines().count());
    let header = Header { page_offset: 0, base: 0x55e3_d242_2000, mapped_base: 0x7f40_7a88_a000 };
    let mut writer = Writer::new(Vec::new(), &header).unwrap();
    for record in &records {
        writer.write(record).unwrap();
    }
    assert_eq!(String::from_utf8(writer.finish().unwrap()).unwrap(), format!("{HEADER}{EVERY_LINE}"));
}

#[test]
fn a_trace_made_of_another_tool_s_log_has_names_and_no_addresses() {
    let text = "H page+0 base=0 mref=0\n0 m 24 = #5f\n0 r #5f 30 = #60\n0 f #60\n0 f ?7\n";
    let mut trace = Reader::new(Cursor::new(text.as_bytes()), "example.tr").unwrap();
    assert!(!trace.has_addresses());
    let mut writer = Writer::new(Vec::new(), &trace.header()).unwrap();
    while let Some(record) = trace.next_record().unwrap() {
        writer.write(&record).unwrap();
    }
    assert_eq!(String::from_utf8(writer.finish().unwrap()).unwrap(), text);
    check_error(
        "H page+0 base=0 mref=0\n0 m 24 = H5f\n",
        "example.tr:2:10: expected `0`, `#x` or `?x`: the header has base=0, so that blocks have names only, found `H5f`",
    );
    check_error(
        format!("{HEADER}0 m 24 = #5f\n"),
        "example.tr:2:10: expected a pointer: `0`, `Hx`, `Tk+x`, `Mx`, `M-x` or `?x`, found `#5f`",
    );
}

#[test]
fn a_call_is_its_thread_its_request_and_its_answer() {
    let records = every_record();
    let Record::Call(call) = records[10] else { panic!("{} is a call", records[10]) };
    assert_eq!(call.thread, 1);
    assert_eq!(call.request, Request::Memalign { alignment: 2_097_152, bytes: 1_048_576 });
    assert_eq!(call.answer, Answer::Block { at: Pointer::Mapped(0), offset: 0xdff0 });
}

#[test]
fn a_compressed_file_is_told_by_its_content() {
    let text = format!("{HEADER}{EVERY_LINE}").into_bytes();
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text).unwrap();
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    xz.write_all(&text).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(&text[..], ruzstd::encoding::CompressionLevel::Fastest);
    let two_frames = [
        ruzstd::encoding::compress_to_vec(&text[..100], ruzstd::encoding::CompressionLevel::Fastest),
        vec![0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3],
        ruzstd::encoding::compress_to_vec(&text[100..], ruzstd::encoding::CompressionLevel::Fastest),
    ]
    .concat();
    for (name, archive) in
        [("gzip", gzip.finish().unwrap()), ("xz", xz.finish().unwrap()), ("zstd", zstd), ("two frames", two_frames)]
    {
        assert_ne!(archive, text, "{name}");
        assert_eq!(read(archive.clone()).unwrap(), every_record(), "{name}");
        let error = read(archive[..archive.len() - 9].to_vec()).unwrap_err();
        assert!(error.to_string().contains("the archive ends early"), "{name}: {error}");
    }
}

#[test]
fn an_archive_that_is_damaged_is_an_error_and_not_a_trace() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/glibc-2.36/edge4.tr.xz");
    let mut archive = std::fs::read(&path).unwrap();
    assert_eq!(read(archive.clone()).unwrap().len(), 3296);
    let middle = archive.len() / 2;
    archive[middle] ^= 0x55;
    assert!(read(archive).is_err());
}

#[test]
fn an_error_names_file_line_column_and_what_was_expected() {
    const FIRST_LINE: &str = "expected the first line of a heap trace (`H page+P base=B mref=R`), an mtrace log (`= Start`), \
                              heaptrack data (`v 10400 3`), a .rep trace (a number) or ltrace output (a call), found";
    check_error("", &format!("example.tr:1:1: {FIRST_LINE} the end of the line"));
    check_error("hello\n", &format!("example.tr:1:1: {FIRST_LINE} `hello`"));
    check_error("H page+0 base=x\n", "example.tr:1:15: expected a hexadecimal address, found `x`");
    let check = |line: &str, expected: &str| {
        check_error(format!("{HEADER}{line}\n"), &format!("example.tr:2:{expected}"));
    };
    check("x", "1: expected a thread number, `B`, `E`, `K`, `R`, `V`, `S` or `s`, found `x`");
    check("0 m x = H2a0", "5: expected a size in decimal, below 2^64, found `x = H2a0`");
    check(
        "0 m 18446744073709551616 = 0",
        "5: expected a size in decimal, below 2^64, found `18446744073709551616 = 0`",
    );
    check("0 z 5", "3: expected one of the calls `mcrfalpvwutoX`, found `z 5`");
    check("0 m", "3: expected one of the calls `mcrfalpvwutoX`, found `m`");
    check("0 m 5", "6: expected ` = ` and the result, found the end of the line");
    check("0 m 5 = Z1", "9: expected a pointer: `0`, `Hx`, `Tk+x`, `Mx`, `M-x` or `?x`, found `Z1`");
    check("0 f H2a0 ", "9: expected the end of the line, found ` `");
    check("4294967296 X", "1: expected a thread number below 2^32, found `4294967296 X`");
    check("V 2000-1000", "3: expected mappings that are not empty, in rising order, found `2000-1000`");
    check("V 1000-3000 2000-4000", "13: expected mappings that are not empty, in rising order, found `2000-4000`");
    check("s end", "1: expected an event, found `s end`");
    check_error(
        format!("{HEADER}S 1 0 brk=0\n0 X\n"),
        "example.tr:3:1: expected `s`, a line of the snapshot, found `0 X`",
    );
}

#[test]
fn a_file_that_is_cut_off_or_never_ends_a_line_is_said_to_be() {
    check_error(format!("{HEADER}0 m 24 = H2a0"), "example.tr:2: the file ends in the middle of this line");
    check_error(
        format!("{HEADER}S 1 0 brk=0\n"),
        "example.tr:3:1: expected `s end`, the end of the snapshot, found the end of the line",
    );
    let mut endless = HEADER.as_bytes().to_vec();
    endless.resize(LINE_BYTES_MAX + 100, b'0');
    check_error(endless, &format!("example.tr:2: the line is longer than {LINE_BYTES_MAX} bytes"));
    assert!(read(vec![0; 5000]).is_err());
    assert!(read((0..=255).cycle().take(5000).collect()).is_err());
}
