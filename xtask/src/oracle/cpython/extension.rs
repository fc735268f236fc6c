//! Extensions in C, compiled on the spot for one interpreter.

use std::path::Path;
use std::process::Command;

/// Compiles `source` as the module `name` into `folder`.
///
/// # Errors
/// Why it is not there.
pub(crate) fn compile(python: &Path, name: &str, source: &str, folder: &Path) -> Result<(), String> {
    let ask = "import sysconfig; print(sysconfig.get_path('include'))";
    let include = Command::new(python).args(["-I", "-c", ask]).output().map_err(|error| error.to_string())?;
    let include = String::from_utf8_lossy(&include.stdout).trim().to_owned();
    let file = folder.join(name).with_extension("c");
    std::fs::write(&file, source).map_err(|error| format!("{}: {error}", file.display()))?;
    let gcc = Command::new("gcc")
        .args(["-O2", "-shared", "-fPIC", "-I", &include, "-o"])
        .arg(folder.join(name).with_extension("so"))
        .arg(&file)
        .output()
        .map_err(|error| format!("gcc does not run here ({error})"))?;
    if !gcc.status.success() {
        let said = String::from_utf8_lossy(&gcc.stderr);
        return Err(format!(
            "gcc does not compile the extension: {}",
            said.lines().next().unwrap_or("no reason given")
        ));
    }
    Ok(())
}
