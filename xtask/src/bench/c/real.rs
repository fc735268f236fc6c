//! The calls on this machine's own malloc: a C program, compiled on the spot.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::calls::Calls;
use super::model::Replayed;

const SOURCE: &str = include_str!("driver.c");

/// The version of glibc that the model is compared with.
const VERSION: &str = "2.36";

/// The driver, ready to run. Its files go when it does.
pub(crate) struct Real {
    directory: TempDir,
}

/// Calls in a file of the driver's.
pub(crate) struct RealCalls<'a> {
    real: &'a Real,
    file: PathBuf,
}

impl Real {
    /// Compiles the driver.
    ///
    /// # Errors
    /// Why there is nothing to compare with on this machine.
    pub(crate) fn build() -> Result<Real, String> {
        let directory = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
        let source = directory.path().join("driver.c");
        std::fs::write(&source, SOURCE).map_err(|error| format!("{}: {error}", source.display()))?;
        let real = Real { directory };
        let gcc = Command::new("gcc").args(["-O2", "-o"]).arg(real.program()).arg(&source).output();
        let gcc = gcc.map_err(|error| format!("gcc does not run here ({error})"))?;
        if !gcc.status.success() {
            let said = String::from_utf8_lossy(&gcc.stderr);
            return Err(format!(
                "gcc does not compile the driver: {}",
                said.lines().next().unwrap_or("no reason given")
            ));
        }
        let (version, _) = real.calls(&Calls::default(), "version")?.run(0)?;
        if version != VERSION {
            return Err(format!("the C library of this machine is glibc {version}, the model is glibc {VERSION}"));
        }
        Ok(real)
    }

    /// Writes calls down for the driver, under a name that is used once.
    pub(crate) fn calls(&self, calls: &Calls, name: &str) -> Result<RealCalls<'_>, String> {
        let file = self.directory.path().join(name);
        std::fs::write(&file, calls.to_bytes()).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(RealCalls { real: self, file })
    }

    fn program(&self) -> PathBuf {
        self.directory.path().join("driver")
    }
}

impl RealCalls<'_> {
    /// Replays the calls `n_repeats` times, each time on a heap that nobody has used: the time of all repeats, and the
    /// places of the last one.
    pub(crate) fn replay(&self, n_repeats: u32) -> Result<Replayed, String> {
        self.run(n_repeats).map(|(_, replayed)| replayed)
    }

    fn run(&self, n_repeats: u32) -> Result<(String, Replayed), String> {
        let mut driver = Command::new(self.real.program());
        driver.arg(&self.file).arg(n_repeats.to_string()).stderr(Stdio::piped());
        // What changes the real allocator from outside.
        for (name, _) in std::env::vars_os() {
            if name == "GLIBC_TUNABLES" || name == "LD_PRELOAD" || name.to_string_lossy().starts_with("MALLOC_") {
                driver.env_remove(name);
            }
        }
        let output = driver.output().map_err(|error| format!("the driver does not run: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let mut words = said.split_whitespace();
        let line = (|| {
            let version = words.next()?.to_owned();
            let ns = words.next()?.parse().ok()?;
            let places = words.next()?.parse().ok()?;
            Some((version, Replayed { time: Duration::from_nanos(ns), places }))
        })();
        line.filter(|_| output.status.success()).ok_or_else(|| {
            format!("the driver fails ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim())
        })
    }
}
