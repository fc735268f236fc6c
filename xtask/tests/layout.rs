//! `cargo xtask layout` from the outside: what it prints, what it refuses.

use std::path::PathBuf;
use std::process::Command;

fn data(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    path.to_str().unwrap().to_owned()
}

/// Exit code, stdout, stderr.
fn layout(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("layout").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The refusal of a file with these bytes, without the file's own name.
fn refusal(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let path = file.path().to_str().unwrap();
    let (code, stdout, stderr) = layout(&[path]);
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    stderr.trim_end().strip_prefix(&format!("{path}: ")).unwrap().to_owned()
}

#[test]
fn a_class_file_is_printed_as_jol_prints_it() {
    let (code, stdout, stderr) = layout(&[&data("Shapes.class")]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let expected = "\
# JDK 17, 64 bits: compressed references, compressed class pointers, objects aligned to 8 bytes
Shapes object internals:
OFF  SZ                  TYPE DESCRIPTION               VALUE
  0   8                       (object header: mark)     N/A
  8   4                       (object header: class)    N/A
 12   4                   int Shapes.a                  N/A
 16   8                  long Shapes.c                  N/A
 24   1                  byte Shapes.b                  N/A
 25   3                       (alignment/padding gap)
 28   4      java.lang.Object Shapes.o                  N/A
 32   4  java.lang.String[][] Shapes.s                  N/A
 36   4                       (object alignment gap)
Instance size: 40 bytes
Space losses: 3 bytes internal + 4 bytes external = 7 bytes total
";
    assert_eq!(stdout, expected);
}

#[test]
fn a_mode_of_the_vm_is_asked_for_by_its_flags() {
    let size = |arguments: &[&str]| {
        let (_, stdout, stderr) = layout(&[&[data("Shapes.class").as_str()], arguments].concat());
        let line = stdout.lines().find(|line| line.starts_with("Instance size")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{stderr}"))
    };
    assert_eq!(size(&["--vm=-XX:-UseCompressedOops"]), "Instance size: 48 bytes");
    assert_eq!(size(&["--vm=-Xmx40g"]), "Instance size: 48 bytes", "a heap too large for compressed references");
    assert_eq!(size(&["--jdk", "25", "--vm=-XX:+UseCompactObjectHeaders"]), "Instance size: 32 bytes");
}

#[test]
fn a_jar_is_a_table_and_what_cannot_be_laid_out_is_said() {
    let (code, stdout, stderr) = layout(&[&data("shapes.jar")]);
    assert_eq!(code, 2);
    let rows: Vec<_> = stdout.lines().skip(1).collect();
    assert_eq!(
        rows,
        ["BYTES  LOST  CLASS", "   40     4  Shapes$Below", "   40     0  Shapes$Failure", "   40     7  Shapes"]
    );
    assert_eq!(
        stderr,
        "Shapes$Orphan: Missing, the superclass of Shapes$Orphan, is not known; add its jar with --classpath\n\
         1 of 4 classes could not be laid out\n"
    );
}

#[test]
fn a_superclass_of_the_jdk_is_known_without_a_jdk() {
    let (code, stdout, _) = layout(&[&data("shapes.jar"), "--class", "Shapes$Failure"]);
    assert_eq!(code, 0);
    assert!(stdout.contains(" 12   4               int Throwable.depth"), "{stdout}");
    assert!(stdout.contains(" 36   4               int Shapes$Failure.code"), "{stdout}");
}

#[test]
fn what_is_no_class_file_is_refused() {
    let class = std::fs::read(data("Shapes.class")).unwrap();
    assert_eq!(refusal(b""), "the file is empty");
    assert_eq!(refusal(b"class Shapes {}"), "neither a class file (it does not begin with CAFEBABE) nor a jar");
    assert_eq!(refusal(&class[..6]), "not a class file, or cut off in its first 8 bytes");
    assert!(refusal(&class[..100]).starts_with("Unexpected end of stream"), "cut off in the constants");
    assert!(refusal(b"PK\x03\x04 and nothing more").contains("invalid Zip archive"));
    let mut later = class;
    later[7] = 99;
    let words = "at offset 6: compiled for Java 55 (class file version 99), JDK 17 reads up to 61; a later JDK is chosen \
                 with --jdk";
    assert_eq!(refusal(&later), words);
}

#[test]
fn every_cut_of_a_class_file_is_refused_and_none_panics() {
    let class = std::fs::read(data("Shapes.class")).unwrap();
    for length in (0..class.len()).step_by(7) {
        assert!(!refusal(&class[..length]).contains("panicked"), "cut at {length}");
    }
}

#[test]
fn unknown_classes_flags_and_releases_are_refused() {
    let class = data("Shapes.class");
    let error = |arguments: &[&str]| {
        let (code, _, stderr) = layout(&[&[class.as_str()], arguments].concat());
        assert_eq!(code, 2);
        stderr
    };
    assert_eq!(error(&["--class", "Shape"]), "Shape: there is no such class in the files\n");
    assert_eq!(error(&["--vm=-Xmx5q"]), "Invalid maximum heap size: -Xmx5q\n");
    assert!(error(&["--jdk", "11"]).contains("unknown JDK version `11`: the model has 17, 21 and 25"));
}
