//! The driver: a program in C that runs a script on this machine's C library and says what that did.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use super::script::Script;

/// The driver's source; it is compiled on the spot.
const SOURCE: &str = include_str!("driver.c");
/// The version of the C library that the model is of.
const VERSION: &str = "2.36";

/// A compiled driver.
pub(super) struct Driver {
    folder: TempDir,
    /// Where the C library's `tcache` is, from the thread pointer.
    tcache_offset: String,
}

/// Why nothing can be run.
pub(super) enum Missing {
    /// This machine is not one to fuzz on: another C library, no compiler.
    Skipped(String),
    /// Something went wrong that should not.
    Failed(String),
}

impl Driver {
    /// Compiles the driver and looks at the C library.
    pub(super) fn build() -> Result<Driver, Missing> {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return Err(Missing::Skipped("the model is of glibc on x86-64 Linux".to_owned()));
        }
        let failed = |what: &str, error: std::io::Error| Missing::Failed(format!("{what}: {error}"));
        let folder = TempDir::new().map_err(|error| failed("a temporary folder", error))?;
        let source = folder.path().join("driver.c");
        std::fs::write(&source, SOURCE).map_err(|error| failed("the driver's source", error))?;
        let compiled = Command::new("gcc")
            .args(["-O2", "-fno-builtin", "-pthread", "-o"])
            .arg(folder.path().join("driver"))
            .arg(&source)
            .output();
        match compiled {
            Err(error) => return Err(Missing::Skipped(format!("gcc cannot be run ({error})"))),
            Ok(output) if !output.status.success() => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(Missing::Skipped(format!("gcc does not compile the driver:\n{said}")));
            }
            Ok(_) => {}
        }
        let mut driver = Driver { folder, tcache_offset: String::new() };
        let probe = driver.command().arg("probe").output().map_err(|error| failed("the driver", error))?;
        let said = String::from_utf8_lossy(&probe.stdout).into_owned();
        let (version, offset) = said.trim().split_once(' ').unwrap_or((said.trim(), ""));
        if version != VERSION {
            return Err(Missing::Skipped(format!("the C library here is glibc {version}, the model is of {VERSION}")));
        }
        if !probe.status.success() {
            return Err(Missing::Skipped(String::from_utf8_lossy(&probe.stderr).trim().to_owned()));
        }
        offset.clone_into(&mut driver.tcache_offset);
        Ok(driver)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.folder.path().join("driver"));
        command.env_remove("GLIBC_TUNABLES").env_remove("LD_PRELOAD");
        // The other way to set malloc's parameters from outside.
        for name in ["ARENA_MAX", "ARENA_TEST", "CHECK_", "MMAP_MAX_", "MMAP_THRESHOLD_", "PERTURB_", "TOP_PAD_"] {
            command.env_remove(format!("MALLOC_{name}"));
        }
        command.env_remove("MALLOC_TRIM_THRESHOLD_");
        command
    }

    /// Runs a script in a new process; its heap trace.
    pub(super) fn run(&self, script: &Script) -> Result<Arc<[u8]>, String> {
        let mut tunables = String::new();
        for setting in script.tunables.split(':').filter(|setting| !setting.is_empty()) {
            let separator = if tunables.is_empty() { "" } else { ":" };
            let _ = write!(tunables, "{separator}glibc.malloc.{setting}");
        }
        let mut command = self.command();
        command.args(["run", &self.tcache_offset, &script.cores.to_string()]).env("GLIBC_TUNABLES", tunables);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.spawn().and_then(|mut child| -> std::io::Result<Output> {
            // The driver reads everything before it writes anything.
            let written = child.stdin.take().map(|mut stdin| stdin.write_all(script.text().as_bytes()));
            let output = child.wait_with_output()?;
            if output.status.success() {
                written.transpose()?;
            }
            Ok(output)
        });
        let output = output.map_err(|error| format!("the driver: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match output.status.code() {
            Some(0 | 4) => Ok(output.stdout.into()),
            _ => Err(format!("the driver ended with {}: {said}", output.status)),
        }
    }
}
