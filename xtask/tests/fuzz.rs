//! `cargo xtask fuzz` from the outside: a bounded run, and that a difference is found and made small.

use std::process::Command;

/// Exit code, stdout, stderr; `None` where the command has nothing to compare with.
fn fuzz(arguments: &[&str]) -> Option<(i32, String, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("fuzz").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (code, stdout, stderr) = (output.status.code().unwrap(), text(output.stdout), text(output.stderr));
    if stderr.starts_with("skipped: ") {
        assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
        eprint!("{stderr}");
        return None;
    }
    Some((code, stdout, stderr))
}

#[test]
fn the_model_of_malloc_predicts_random_programs_on_this_machine() {
    let Some((code, stdout, stderr)) = fuzz(&["c", "--calls", "50000", "--seed", "5"]) else { return };
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let n: u64 = stdout.strip_prefix("c: exact: ").unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(n >= 50_000, "{stdout}");
}

#[test]
fn a_script_is_recorded_and_verify_takes_the_trace() {
    let folder = tempfile::TempDir::new().unwrap();
    let script = folder.path().join("three.script");
    std::fs::write(&script, "# cores=1\n# tunables=tcache_count=0\n0 m 1 24\n0 + 1\n1 f 1\n0 - 1\n0 m 2 30\n").unwrap();
    let Some((code, stdout, stderr)) = fuzz(&["c", "--script", script.to_str().unwrap()]) else { return };
    assert_eq!(code, 0, "{stdout}{stderr}");
    let trace = script.with_extension("tr");
    let verify = |tunables: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["verify", "--cores", "1", "--tunables", tunables]).arg(&trace);
        command.output().unwrap().status.code()
    };
    assert_eq!(verify("tcache_count=0"), Some(0));
    assert_eq!(verify("tcache_count=0:top_pad=0"), Some(1), "the canary: with other parameters the break is elsewhere");
}

#[test]
fn what_is_no_script_is_refused_with_its_line() {
    let folder = tempfile::TempDir::new().unwrap();
    let script = folder.path().join("bad.script");
    std::fs::write(&script, "0 m 1 24\n0 q 1\n").unwrap();
    let Some((code, stdout, stderr)) = fuzz(&["c", "--script", script.to_str().unwrap()]) else { return };
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(
        stderr.trim_end().ends_with("bad.script:2: expected one of the operations `mcrfalpvwutokEVS+-`, found `q 1`")
    );
}
