//! The real JVMs: which there are, what they are called, how they are run.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jvm_model::Version;

/// A JVM that is installed here.
pub(crate) struct Jvm {
    /// The launcher.
    pub(crate) java: PathBuf,
    /// The release of the model that it is held against.
    pub(crate) version: Version,
    /// What it calls itself: the last line of `java -version`.
    pub(crate) name: String,
}

impl Jvm {
    /// Asks a launcher what it is.
    pub(crate) fn find(java: &Path) -> Result<Jvm, String> {
        let said = |what: &dyn Display| format!("{}: {what}", java.display());
        let output = Command::new(java).arg("-version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| said(&error))?;
        let text = String::from_utf8_lossy(&output.stderr);
        let name = text.lines().rfind(|line| line.contains("(build ")).ok_or_else(|| said(&"says no version"))?;
        let build = name.rsplit_once("(build ").map_or(name, |(_, build)| build);
        let version = build.parse().map_err(|error| said(&error))?;
        Ok(Jvm { java: java.to_owned(), version, name: name.to_owned() })
    }

    /// `17.0.15+6-Debian-1deb12u1`: enough to tell one from another.
    pub(crate) fn build(&self) -> &str {
        let build = self.name.rsplit_once("(build ").map_or(&*self.name, |(_, build)| build);
        build.split([',', ')']).next().unwrap_or(build)
    }

    /// What 25 has to be told so that it does not warn of `sun.misc.Unsafe`.
    pub(crate) fn unsafe_option(&self) -> Option<&'static str> {
        (self.version >= Version::V25).then_some("--sun-misc-unsafe-memory-access=allow")
    }

    /// Runs it.
    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Result<Output, String> {
        let mut command = Command::new(&self.java);
        // Options from the environment would be options nobody recorded.
        command.env_remove("JAVA_TOOL_OPTIONS").env_remove("_JAVA_OPTIONS").env_remove("JDK_JAVA_OPTIONS");
        command.args(arguments).stdin(Stdio::null());
        command.output().map_err(|error| format!("{}: {error}", self.java.display()))
    }
}

/// A compiler: beside one of the launchers, or on the path.
pub(crate) fn find_javac(jvms: &[Jvm]) -> Option<PathBuf> {
    let beside = jvms.iter().filter_map(|jvm| Some(jvm.java.parent()?.join("javac"))).filter(|javac| javac.is_file());
    // The oldest first: what it writes, the others can read.
    let works = |javac: &PathBuf| Command::new(javac).arg("-version").output().is_ok_and(|said| said.status.success());
    beside.chain([PathBuf::from("javac")]).find(works)
}

/// Compiles files to a directory, for the oldest release there is.
pub(crate) fn compile(javac: &Path, sources: &[PathBuf], to: &Path) -> Result<(), String> {
    compile_with(javac, &["--release", "17"], sources, to)
}

/// Compiles files to a directory.
pub(crate) fn compile_with(javac: &Path, options: &[&str], sources: &[PathBuf], to: &Path) -> Result<(), String> {
    let mut command = Command::new(javac);
    command.args(options).args(["-nowarn", "-d"]).arg(to).args(sources).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("{}: {error}", javac.display()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{}: {}", javac.display(), String::from_utf8_lossy(&output.stderr)))
    }
}
