//! `cargo xtask convert`: what it writes, what it says, and that it leaves nothing half done.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle").join(name)
}

fn convert(arguments: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("convert").args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_ending_says_the_format_and_the_compression() {
    let folder = tempfile::tempdir().unwrap();
    let (packed, plain) = (folder.path().join("a.tr.gz"), folder.path().join("b.rep"));
    let output = convert(&[&sample("formats/small.mtrace"), &packed]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("an mtrace log has no threads"), "{}", said(&output));
    assert_eq!(fs::read(&packed).unwrap()[..2], [0x1f, 0x8b]);
    let output = convert(&[&packed, &plain]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("calls that got no block are left out (2 times)"), "{}", said(&output));
    assert!(fs::read_to_string(&plain).unwrap().starts_with("300190\n18\n46\n1\na 0 32\n"));
}

#[test]
fn results_go_to_stdout_and_losses_to_stderr() {
    let output = convert(&[&sample("formats/small.ltrace"), Path::new("--to=mtrace")]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(text.starts_with("= Start\n+ 0x") && text.ends_with("= End\n"), "{text}");
    assert!(said(&output).contains("free(NULL) is left out (2 times)"), "{}", said(&output));
}

#[test]
fn what_cannot_be_done_is_said_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.mtrace");
    fs::write(&broken, "= Start\n+ 0x5f 0x20\n+ what\n").unwrap();
    let check = |input: &Path, name: &str, expected: &str| {
        let output = convert(&[input, &folder.path().join(name)]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(said(&output).contains(expected), "{name}: {}", said(&output));
    };
    check(
        &broken,
        "a.rep",
        "broken.mtrace:3:3: expected a pointer: `0x` and hexadecimal digits, or `(nil)`, found `what`",
    );
    check(&broken, "a.tr.xz", "broken.mtrace:3:3: expected a pointer");
    check(&broken, "massif.out.1", "broken.mtrace:3:3: expected a pointer");
    check(&sample("formats/small.rep"), "a.foo", "its ending says no format: choose one with --to");
    check(&sample("formats/small.rep"), "a.tr.bz2", ".bz2 cannot be written: .gz, .xz and .zst can");
    check(&sample("formats/small.rep"), "none/a.tr", "cannot be written");
    check(&folder.path().join("none.tr"), "a.tr", "none.tr:1: cannot be read");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["broken.mtrace"]);
}

#[test]
fn an_old_file_stays_until_the_new_one_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let (old, broken) = (folder.path().join("a.mtrace"), folder.path().join("broken.rep"));
    fs::write(&old, "old").unwrap();
    fs::write(&broken, "1\n1\n2\n1\na 0 8\n").unwrap();
    assert_eq!(convert(&[&broken, &old]).status.code(), Some(2));
    assert_eq!(fs::read_to_string(&old).unwrap(), "old");
    assert_eq!(convert(&[&sample("formats/small.rep"), &old]).status.code(), Some(0));
    assert!(fs::read_to_string(&old).unwrap().starts_with("= Start\n"));
}
