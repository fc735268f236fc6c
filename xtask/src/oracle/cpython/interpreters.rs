//! Which interpreters are installed, and a program's run on one of them.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cpython_model::Version;

use super::programs::Triple;
use crate::console::Misuse;

/// What runs on the interpreter.
const DRIVER: &str = concat!(include_str!("memory.py"), include_str!("driver.py"));

/// What an interpreter is asked: its implementation, version and own path.
const WHO_ARE_YOU: &str = "import os, sys; print(sys.implementation.name, '.'.join(map(str, sys.version_info[:3])), \
                           os.path.realpath(sys.executable), sep='\\n')";

/// An interpreter of a modelled version.
pub(crate) struct Interpreter {
    path: PathBuf,
    release: String,
}

/// What there is.
pub(crate) struct Found {
    pub(crate) interpreters: Vec<Interpreter>,
    /// What was looked for in vain, or cannot be used, in words.
    pub(crate) skipped: Vec<String>,
}

/// The versions whose objects are modelled.
fn modelled() -> impl Iterator<Item = Version> {
    Version::ALL.into_iter().filter(|&version| version >= Version::V3_11)
}

/// Finds interpreters: those given, or else all in `PATH` and of pyenv.
pub(crate) fn find(given: &[PathBuf]) -> Result<Found, Misuse> {
    let mut found = Found { interpreters: Vec::new(), skipped: Vec::new() };
    for path in given {
        let interpreter = ask(path).map_err(|why| format!("{}: {why}", path.display()))?;
        found.interpreters.push(interpreter);
    }
    if !given.is_empty() {
        return Ok(found);
    }
    let mut seen = BTreeSet::new();
    for path in candidates() {
        // What does not answer is no interpreter: pyenv's shims stand for versions that are not chosen.
        if let Ok(interpreter) = ask(&path)
            && seen.insert(interpreter.path.clone())
        {
            found.interpreters.push(interpreter);
        }
    }
    found.interpreters.sort_by(|a, b| (a.minor(), &a.release, &a.path).cmp(&(b.minor(), &b.release, &b.path)));
    for version in modelled() {
        if !found.interpreters.iter().any(|interpreter| interpreter.minor() == Some(version)) {
            found.skipped.push(format!("no CPython {version} is installed"));
        }
    }
    Ok(found)
}

/// Where interpreters may be, links and shims included.
fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = Vec::new();
    for version in modelled() {
        let name = format!("python{version}");
        candidates.extend(std::env::split_paths(&path).map(|folder| folder.join(&name)));
    }
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".pyenv")));
    let versions = root.and_then(|root| std::fs::read_dir(root.join("versions")).ok());
    let mut installed: Vec<PathBuf> =
        versions.into_iter().flatten().flatten().map(|entry| entry.path().join("bin/python3")).collect();
    installed.sort();
    candidates.extend(installed);
    candidates.retain(|candidate| candidate.is_file());
    candidates
}

/// Asks a program whether it is an interpreter that can be used.
fn ask(path: &Path) -> Result<Interpreter, String> {
    let answer = Command::new(path)
        .args(["-I", "-S", "-c", WHO_ARE_YOU])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let mut lines = text.lines();
    let (Some(name), Some(release), Some(own_path), true) =
        (lines.next(), lines.next(), lines.next(), answer.status.success())
    else {
        return Err("is no Python interpreter".to_owned());
    };
    if name != "cpython" {
        return Err(format!("is {name}, not CPython"));
    }
    let interpreter = Interpreter { path: PathBuf::from(own_path), release: release.to_owned() };
    match interpreter.minor() {
        Some(version) if version >= Version::V3_11 => Ok(interpreter),
        _ => Err(format!("is CPython {release}; objects are modelled of 3.11, 3.12 and 3.13")),
    }
}

impl fmt::Display for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.release, self.path.display())
    }
}

impl Interpreter {
    /// The version that is modelled.
    pub(crate) fn minor(&self) -> Option<Version> {
        self.release.parse().ok()
    }

    /// The executable.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The release: `3.12.1`.
    pub(crate) fn version(&self) -> &str {
        &self.release
    }

    /// Why a run may have no addresses.
    pub(crate) fn why_no_addresses(&self) -> &'static str {
        if self.minor() == Some(Version::V3_11) {
            "an arena was released meanwhile, or the interpreter's symbols are stripped"
        } else {
            "an arena was released meanwhile"
        }
    }

    /// Runs a program of ours, which reads a task and answers in JSON.
    pub(super) fn ask(&self, driver: &str, task: &str) -> Result<String, String> {
        let mut child = Command::new(&self.path)
            .args(["-I", "-S", "-c", driver])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("does not start: {error}"))?;
        // All of it is read before anything is answered. A child that died says so below.
        let sent = child.stdin.take().map(|mut stdin| stdin.write_all(task.as_bytes()));
        let answer = child.wait_with_output().map_err(|error| error.to_string())?;
        if !answer.status.success() || !matches!(sent, Some(Ok(()))) {
            let last_words = String::from_utf8_lossy(&answer.stderr);
            return Err(format!("the interpreter failed ({}): {}", answer.status, last_words.trim_end()));
        }
        let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
        if let Some(why) = answer.strip_prefix("{\"failed\":") {
            return Err(format!("the interpreter cannot be watched: {}", why.trim_end_matches('}').trim()));
        }
        Ok(answer)
    }

    /// Does a program; answers the transcript, two lines.
    pub(super) fn record(&self, triple: &Triple) -> Result<String, String> {
        let run = self.ask(DRIVER, &triple.task())?;
        Ok(format!("{}\n{run}\n", triple.workload()))
    }
}
