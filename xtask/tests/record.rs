//! `cargo xtask record` on programs made for it and on programs that are there.
//!
//! Needs a C compiler; without one it says so on stderr and the programs made for it are left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

/// Compiles one of the C programs; `None`: there is no compiler.
fn compile(directory: &TempDir, source: &str, options: &[&str]) -> Option<PathBuf> {
    let program = directory.path().join(source.trim_end_matches(".c"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record").join(source);
    let gcc =
        Command::new("gcc").args(options).args(["-w", "-O1", "-pthread", "-o"]).arg(&program).arg(source).status();
    match gcc {
        Ok(status) if status.success() => Some(program),
        Ok(status) => panic!("gcc ended with {status}"),
        Err(error) => {
            eprintln!("skipped: this test needs gcc ({error})");
            None
        }
    }
}

/// Runs `cargo xtask` in a directory.
fn xtask(directory: &TempDir, arguments: &[&str]) -> Output {
    Command::new(XTASK).args(arguments).current_dir(directory.path()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Records a program and holds the trace against the model; the recording's output, and the trace as text.
fn record_exactly(directory: &TempDir, command: &[&str]) -> (Output, String) {
    let recorded = xtask(directory, &[&["record", "-o", "it.tr", "--"], command].concat());
    let said = text(&recorded.stderr);
    let cores = said.split("--cores ").nth(1).unwrap_or_else(|| panic!("no trace: {said}"));
    let cores = cores.split_whitespace().next().unwrap();
    let verified = xtask(directory, &["verify", "--cores", cores, "it.tr"]);
    let verdict = text(&verified.stdout);
    assert!(verdict.starts_with("it.tr: exact: "), "{command:?}: {verdict}{}", text(&verified.stderr));
    (recorded, fs::read_to_string(directory.path().join("it.tr")).unwrap())
}

/// The test is about this machine's glibc only if it is the one that is modelled.
fn is_modelled() -> bool {
    let said = Command::new("ldd").arg("--version").output().map(|output| text(&output.stdout)).unwrap_or_default();
    let is_it = said.lines().next().is_some_and(|line| line.ends_with(" 2.36"));
    if !is_it {
        eprintln!("skipped: this machine's C library is not glibc 2.36");
    }
    is_it
}

#[test]
fn every_call_of_the_family_is_recorded_and_the_heap_is_as_it_would_be_without() {
    let directory = TempDir::new().unwrap();
    let Some(program) = compile(&directory, "calls.c", &[]).filter(|_| is_modelled()) else { return };
    let without = Command::new(&program).output().unwrap();
    let (with, trace) = record_exactly(&directory, &[program.to_str().unwrap()]);
    assert!(with.status.success());
    assert!(without.stdout == with.stdout, "blocks and breaks are elsewhere when recorded");
    for call in [" m ", " c ", " r ", " f ", " a ", " l ", " p ", " v ", " w ", " u ", " t ", " o "] {
        assert!(trace.contains(&format!("\n0{call}")), "no line `0{call}`");
    }
    for line in ["\nB ", "\nK ", " = M", " @", "\n0 m 18446744073709551610 = 0\n", "\n0 p 24 100 = 0\n"] {
        assert!(trace.contains(line), "nothing like {line:?}");
    }
}

#[test]
fn threads_that_come_and_go_are_exact() {
    let directory = TempDir::new().unwrap();
    let Some(program) = compile(&directory, "threads.c", &[]).filter(|_| is_modelled()) else { return };
    for _ in 0..3 {
        let (_, trace) = record_exactly(&directory, &[program.to_str().unwrap()]);
        let n_ends = trace.lines().filter(|line| line.ends_with(" X")).count();
        assert!(n_ends > 80, "{n_ends} of 120 threads have ended");
        assert!(trace.contains("\nR 15 "), "there are fewer arenas than there could be");
    }
}

#[test]
fn a_child_is_not_recorded_and_a_killed_program_leaves_its_trace() {
    let directory = TempDir::new().unwrap();
    let Some(program) = compile(&directory, "forks.c", &[]).filter(|_| is_modelled()) else { return };
    let (recorded, trace) = record_exactly(&directory, &[program.to_str().unwrap()]);
    assert_eq!(recorded.status.code(), Some(128 + 9));
    assert_eq!(trace.matches(" m 77 ").count(), 0);
    assert_eq!(trace.matches(" m 55 ").count(), 10);
}

#[test]
fn an_interrupt_is_for_the_program_and_its_trace_is_written() {
    let directory = TempDir::new().unwrap();
    if !is_modelled() {
        return;
    }
    // As a terminal would: to the program and to the recording.
    let script = "kill -INT $PPID; kill -INT $$; echo not reached";
    let (recorded, _) = record_exactly(&directory, &["sh", "-c", script]);
    assert_eq!((recorded.status.code(), text(&recorded.stdout).as_str()), (Some(128 + 2), ""));
}

#[test]
fn a_program_sees_the_environment_and_the_exit_code_that_it_would_without() {
    let directory = TempDir::new().unwrap();
    let without = text(&Command::new("env").output().unwrap().stdout);
    let (with, _) = if is_modelled() { record_exactly(&directory, &["env"]) } else { return };
    assert_eq!(text(&with.stdout), without);
    let (failed, _) = record_exactly(&directory, &["sh", "-c", "exit 7"]);
    assert_eq!(failed.status.code(), Some(7));
    let preload = format!("{}/none.so", directory.path().display());
    let mut command = Command::new(XTASK);
    command.args(["record", "-o", "it.tr", "--", "env"]).env("LD_PRELOAD", &preload).current_dir(directory.path());
    let said = text(&command.output().unwrap().stdout);
    assert!(said.contains(&format!("\nLD_PRELOAD={preload}\n")), "what else is preloaded stays: {said}");
}

#[test]
fn a_script_is_its_interpreter() {
    let directory = TempDir::new().unwrap();
    if !is_modelled() {
        return;
    }
    let script = directory.path().join("script");
    fs::write(&script, "#!/usr/bin/env sh\necho $1\n").unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (recorded, _) = record_exactly(&directory, &["./script", "word"]);
    assert_eq!(text(&recorded.stdout), "word\n");
}

#[test]
fn what_cannot_be_recorded_is_refused_and_nothing_is_written() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    let make = |name: &str, content: &str, mode: u32| {
        fs::write(at(name), content).unwrap();
        fs::set_permissions(at(name), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    make("text", "no program", 0o755);
    make("plain", "no program", 0o644);
    fs::copy("/bin/true", at("setuid")).unwrap();
    fs::set_permissions(at("setuid"), std::os::unix::fs::PermissionsExt::from_mode(0o4755)).unwrap();
    // The name of the dynamic linker in a copy of a program, made one of musl's of the same length.
    let mut elf = fs::read("/bin/true").unwrap();
    let glibc = b"/lib64/ld-linux-x86-64.so.2";
    let at_linker = elf.windows(glibc.len()).position(|window| window == glibc).unwrap();
    elf[at_linker..at_linker + glibc.len()].copy_from_slice(b"/lib/ld-musl-x86_64.so.1\0\0\0");
    fs::write(at("musl"), elf).unwrap();
    fs::set_permissions(at("musl"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let before = fs::read_dir(directory.path()).unwrap().count();

    let refused = |arguments: &[&str]| {
        let output = xtask(&directory, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), before, "{arguments:?} has written something");
        text(&output.stderr)
    };
    let check = |program: &str, expected: &str| {
        assert_eq!(refused(&["record", "--", program]), format!("error: {program}: {expected}\n"));
    };
    check("no-such-program", "no such program in PATH");
    check("./no-such-program", "No such file or directory (os error 2)");
    check("./", "is a directory, not a program");
    check("./plain", "may not be executed");
    check("./text", "is neither a program (ELF) nor a script that begins with `#!`");
    check("./setuid", "is setuid or setgid: the dynamic linker ignores what is preloaded into it");
    check("./musl", "is linked to musl: its malloc is not glibc's");
    assert!(refused(&["record", "-o", "none/it.tr", "true"]).contains("No such file or directory"));
    assert!(refused(&["record", "-o", ".", "true"]).contains("is a directory"));
    assert!(refused(&["record"]).contains("PROGRAM"));
}

#[test]
fn a_static_program_is_refused() {
    let directory = TempDir::new().unwrap();
    let Some(program) = compile(&directory, "forks.c", &["-static"]) else { return };
    let output = xtask(&directory, &["record", program.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "is statically linked: nothing can be preloaded into it\n";
    assert!(text(&output.stderr).ends_with(expected), "{}", text(&output.stderr));
}

#[test]
fn the_library_has_no_thread_local_storage_and_needs_no_other() {
    let directory = TempDir::new().unwrap();
    // Makes sure that it is built.
    assert!(xtask(&directory, &["record", "-o", "it.tr", "true"]).status.success());
    let target = Path::new(XTASK).parent().unwrap().parent().unwrap();
    let elf = fs::read(target.join("recorder/librecorder.so")).unwrap();
    let number = |at: usize, bytes: usize| (0..bytes).rev().fold(0, |n, i| n << 8 | u64::from(elf[at + i]));
    let (headers, size, n) = (number(32, 8) as usize, number(54, 2) as usize, number(56, 2) as usize);
    let types: Vec<u64> = (0..n).map(|i| number(headers + i * size, 4)).collect();
    assert!(types.contains(&1), "there are program headers: {types:?}");
    assert!(!types.contains(&7), "PT_TLS: {types:?}");
    let has = |name: &[u8]| elf.windows(name.len()).any(|window| window == name);
    assert!(has(b"libc.so.6\0"));
    assert!(!has(b"libgcc_s.so.1\0"), "the unwinder is needed");
}

/// Interpreters of a minor version: in `PATH`, and where pyenv has them.
fn interpreters(minor: &str) -> Vec<PathBuf> {
    let name = format!("python{minor}");
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let pyenv = fs::read_dir(home.join(".pyenv/versions")).into_iter().flatten().flatten();
    let directories = pyenv.map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = directories.chain(std::env::split_paths(&path)).map(|at| at.join(&name)).collect();
    // What pyenv puts in `PATH` may stand for a version that is not chosen.
    found.retain(|program| {
        program.is_file() && Command::new(program).arg("-V").output().is_ok_and(|it| it.status.success())
    });
    found.truncate(1);
    found
}

#[test]
fn an_interpreter_is_exact_from_its_start_to_its_end() {
    const SCRIPT: &str = "import json, threading\n\
        def work(): return json.loads(json.dumps([str(i) * (i % 60) for i in range(3000)]))\n\
        threads = [threading.Thread(target=work) for _ in range(3)]\n\
        for thread in threads: thread.start()\n\
        for thread in threads: thread.join()\n";
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("script.py"), SCRIPT).unwrap();
    for minor in ["3.11", "3.12", "3.13"] {
        let found = interpreters(minor);
        let Some(program) = found.first().and_then(|program| program.to_str()) else {
            eprintln!("skipped: Python {minor} is not installed");
            continue;
        };
        let recorded =
            xtask(&directory, &["record", "--python", "-o", "it.jsonl.gz", "--", program, "-S", "script.py"]);
        assert!(recorded.status.success(), "{}", text(&recorded.stderr));
        let verdict = text(&xtask(&directory, &["verify", "it.jsonl.gz"]).stdout);
        let calls = verdict.strip_prefix("it.jsonl.gz: exact: ").unwrap_or_else(|| panic!("{minor}: {verdict}"));
        let n_calls: u64 = calls.split(' ').next().unwrap().parse().unwrap();
        assert!(n_calls > 50_000, "{minor}: only {n_calls} calls");
    }
}

#[test]
fn what_is_no_interpreter_is_refused() {
    let directory = TempDir::new().unwrap();
    let refused = xtask(&directory, &["record", "--python", "--", "true"]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(text(&refused.stderr), "error: true: is not an interpreter of Python\n");
    let mut command = Command::new(XTASK);
    command.args(["record", "--python", "--", "python3"]).env("PYTHONMALLOC", "malloc").current_dir(directory.path());
    let refused = command.output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is written");
}
