//! `cargo xtask sweep` of workloads and of recordings of pymalloc, from the outside.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Exit code, stdout, stderr.
fn sweep(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("sweep").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = sweep(&[arguments, &["--format", "json"]].concat());
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn recording() -> String {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/cpython/real_program_traces-3.12.1-json.jsonl.gz");
    path.to_str().unwrap().to_owned()
}

fn sum(row: &Value, field: &str) -> u64 {
    row[field].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum()
}

#[test]
fn a_workload_is_swept_over_thresholds_and_versions_the_default_first() {
    let report = json(&["cycle_ring", "--model", "cpython", "--set", "version=3.11,3.12,3.13", "--set", "gc=on,off"]);
    assert_eq!(report["schema"], "heaptwin.sweep-cpython/1");
    let rows = report["settings"].as_array().unwrap();
    let titles: Vec<&str> = rows.iter().map(|row| row["setting"].as_str().unwrap()).collect();
    assert_eq!(titles[..3], ["as is", "version=3.11 gc=on", "version=3.11 gc=off"]);
    let same = rows.iter().find(|row| row["setting"] == "version=3.12 gc=on").unwrap();
    for field in ["n_collections", "n_visited", "heap_peak_bytes", "cyclic_drag_mean_ticks", "thresholds"] {
        assert_eq!(rows[0][field], same[field], "{field}: what is as it is by default");
    }
    assert!(sum(&rows[0], "n_visited") >= sum(&rows[0], "n_collected"), "what is collected was looked at");
    let last = &rows[6];
    assert_eq!((last["version"].as_str().unwrap(), &last["thresholds"][0]), ("3.13", &Value::from(2000)));
    assert_eq!(sum(last, "n_collected") + sum(last, "n_visited"), sum(last, "n_collected"), "nothing is looked at");
}

#[test]
fn a_lower_threshold_collects_more_often_and_garbage_lingers_less() {
    let set = ["--set", "threshold0=50,700", "--set", "rings=600"];
    let report = json(&[&["cycle_ring", "--model", "cpython"], set.as_slice()].concat());
    let (often, seldom) = (&report["settings"][1], &report["settings"][2]);
    assert!(sum(often, "n_collections") > sum(seldom, "n_collections"), "{report}");
    let drag = |row: &Value| row["cyclic_drag_mean_ticks"].as_f64().unwrap();
    assert!(drag(often) < drag(seldom), "{report}");
    assert_eq!(often["n_cyclic"], seldom["n_cyclic"], "what dies does not depend on the collector");
}

#[test]
fn the_table_fits_and_says_what_its_columns_are() {
    let (code, stdout, stderr) = sweep(&["cycle_ring", "--model", "cpython"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(lines[2].contains("visited") && lines[3].starts_with("as is"), "{stdout}");
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{stdout}");
}

#[test]
fn a_recording_of_pymalloc_is_swept_over_versions() {
    let report = json(&[&recording(), "--set", "version=3.8,3.12"]);
    assert_eq!(report["schema"], "heaptwin.sweep-pymalloc/1");
    let rows = report["recordings"][0]["settings"].as_array().unwrap();
    let titles: Vec<&str> = rows.iter().map(|row| row["setting"].as_str().unwrap()).collect();
    assert_eq!(titles, ["as recorded", "3.8", "3.12"]);
    for moment in ["fullest", "at_end"] {
        assert_eq!(rows[0][moment]["requested_bytes"], rows[1][moment]["requested_bytes"]);
    }
    let (code, stdout, stderr) = sweep(&[&recording()]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("as recorded") && stdout.contains("\n3.13"), "{stdout}");
}

#[test]
fn what_cannot_be_swept_is_refused_with_what_can() {
    let recording = recording();
    for (arguments, said) in [
        (&["cycle_ring"][..], "--model cpython"),
        (&["cycle_ring", "--model", "cpython", "--set", "treshold=1"], "did you mean `threshold`?"),
        (&["cycle_ring", "--model", "cpython", "--set", "version=3.10"], "only the allocator is modelled"),
        (&["cycle_ring", "--model", "cpython", "--set", "version=3.99"], "known are 3.8"),
        (&["cycle_ring", "--model", "cpython", "--set", "threshold=700"], "700:10:10"),
        (&["cycle_ring", "--model", "cpython", "--set", "gc=maybe"], "on or off"),
        (&[&recording, "--model", "cpython"], "--model is for workloads"),
        (&[&recording, "--set", "gc=off"], "version=3.8"),
        (&[&recording, "--recording", "99"], "recordings are in it"),
        (&["cycle_rings"], "did you mean `cycle_ring`?"),
    ] {
        let (code, stdout, stderr) = sweep(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_workload_on_the_jvm_runs_under_other_flags() {
    let run = |more: &[&str]| sweep(&[&["graph_churn", "--set", "rounds=60", "--model", "jvm"], more].concat());
    let (code, stdout, stderr) = run(&["--set", "Xmx=2m,4m", "--set", "Xmn=1m", "--format", "json"]);
    assert_eq!(code, 0, "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let settings = report["settings"].as_array().unwrap();
    assert_eq!(settings.len(), 3, "as it is, and two");
    assert_eq!(settings[0]["n_young"], 0, "64 MiB are enough for all of it");
    assert!(settings[1]["n_young"].as_u64() > Some(0), "{stdout}");
    assert_eq!(settings[1]["flags"], "-Xmx2m -Xmn1m");
    let (code, stdout, stderr) = run(&["--set", "Xmx=4m", "--smallest"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("\nsmallest without a full collection: -Xmx"), "{stdout}");
    let (code, stdout, stderr) =
        run(&["--jdk", "25", "--set", "Xmx=8m", "--set", "UseCompactObjectHeaders=on,off", "--format", "json"]);
    assert_eq!(code, 0, "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["jdk"], "25");
    let n_young = |setting: usize| report["settings"][setting]["n_young"].as_u64().unwrap();
    assert!(n_young(1) <= n_young(2), "headers of 8 bytes take less: {stdout}");
    let (code, _, stderr) = run(&["--set", "NewRatoi=1"]);
    assert!(code == 2 && stderr.contains("did you mean `NewRatio`?"), "{stderr}");
}
