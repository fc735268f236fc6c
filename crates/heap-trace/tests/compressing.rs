//! What a sink compresses, a reader reads.

use std::io::Write;
use std::path::Path;

use heap_trace::{Compression, Header, Reader, Record, Sink, Writer};

#[test]
fn a_trace_is_the_same_in_every_compression() {
    for (name, first_bytes) in
        [("a.tr", &b"H page"[..]), ("a.tr.gz", &[0x1f, 0x8b]), ("a.tr.xz", b"\xfd7zXZ"), ("a.zst", &[0x28, 0xb5])]
    {
        // Zstandard is written in frames of 4 MiB: more than one.
        let n = if name == "a.zst" { 400_000 } else { 10_000 };
        let records: Vec<Record> = (0..n).map(|i| Record::Break(i * 4096)).collect();
        let sink = Sink::new(Vec::new(), Compression::by_name(Path::new(name))).unwrap();
        let mut writer = Writer::new(sink, &Header { page_offset: 0, base: 0x55_0000, mapped_base: 0 }).unwrap();
        for record in &records {
            writer.write(record).unwrap();
        }
        let bytes = writer.finish().unwrap().finish().unwrap();
        assert!(bytes.starts_with(first_bytes), "{name}");
        let read: Result<Vec<Record>, _> = Reader::new(std::io::Cursor::new(bytes), name).unwrap().collect();
        assert!(read.unwrap() == records, "{name}");
    }
}

#[test]
fn an_archive_that_was_not_finished_is_told_from_one_that_was() {
    let mut sink = Sink::new(Vec::new(), Compression::Gzip).unwrap();
    sink.write_all(b"H page+0 base=550000 mref=0\n0 m 1 = H2a0\n").unwrap();
    let whole = sink.finish().unwrap();
    let cut_off = whole[..whole.len() - 4].to_vec();
    let mut reader = Reader::new(std::io::Cursor::new(whole), "whole").unwrap();
    assert!(reader.next_record().unwrap().is_some() && reader.next_record().unwrap().is_none());
    let read: Result<Vec<Record>, _> =
        Reader::new(std::io::Cursor::new(cut_off), "cut off").and_then(Iterator::collect);
    assert!(read.is_err());
}
