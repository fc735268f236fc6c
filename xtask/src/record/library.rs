//! The library that is preloaded: built when it is needed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds the recorder and says where it is. Without cargo (the harness was copied somewhere) it is taken from beside the
/// harness.
pub(super) fn build() -> Result<PathBuf, String> {
    const NAME: &str = "librecorder.so";
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(NAME)));
    let library = match build_in_workspace() {
        Ok(directory) => directory.join(NAME),
        Err(error) => beside.filter(|file| file.is_file()).ok_or(error)?,
    };
    let library = library.canonicalize().map_err(|error| format!("{}: {error}", library.display()))?;
    // The dynamic linker takes blanks and colons for the end of a name, and has no way to quote them.
    if library.as_os_str().as_encoded_bytes().iter().any(|byte| matches!(byte, b' ' | b':' | b'\t' | b'\n')) {
        return Err(format!(
            "{}: has a blank or a colon in its path, with which it cannot be preloaded; set CARGO_TARGET_DIR to a \
             directory without",
            library.display()
        ));
    }
    Ok(library)
}

/// Has cargo build it, which is quick when it is built, and returns the directory it is in.
fn build_in_workspace() -> Result<PathBuf, String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in a workspace");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // The directory that this harness was built into, by whatever cargo was told.
    let target = std::env::current_exe().ok().and_then(|exe| {
        let profile = exe.parent()?;
        let profile = if profile.ends_with("deps") { profile.parent()? } else { profile };
        Some(profile.parent()?.to_owned())
    });
    let target = target.unwrap_or_else(|| workspace.join("target"));
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "recorder", "--profile", "recorder", "--manifest-path"]);
    command
        .arg(workspace.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(target.join("recorder")),
        Ok(status) => Err(format!("the recorder cannot be built: cargo ended with {status}")),
        Err(error) => Err(format!("the recorder cannot be built: cargo: {error}")),
    }
}
