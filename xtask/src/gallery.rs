//! Where workloads come from: the gallery in `tests/workloads`, or a file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use workload::Workload;
use workload::diagnostic::nearest;
use workload::source::SOURCE_BYTES_MAX;

use crate::console::Misuse;

/// What a name on the command line stands for.
pub(crate) enum Found {
    Workload(Box<Workload>),
    Trace(PathBuf),
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/workloads")
}

fn paths() -> Result<Vec<PathBuf>, Misuse> {
    let folder = folder();
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wl"))
        .collect();
    paths.sort();
    Ok(paths)
}

/// The whole gallery, in order of names.
pub(crate) fn load() -> Result<Vec<Workload>, Misuse> {
    paths()?.iter().map(|path| read(path, &stem(path))).collect()
}

/// The random workload of this number, which is part of its name.
pub(crate) fn random(number: u64) -> Workload {
    let workload = Workload::parse(&format!("random{number}"), &workload::random::source(number));
    workload.expect("random workloads are workloads")
}

/// A workload of the gallery, a random one (`random7`), a workload's file, or a heap trace; anything else is refused with
/// the nearest name.
pub(crate) fn find(target: &str) -> Result<Found, Misuse> {
    if let Some(number) = target.strip_prefix("random").and_then(|number| number.parse().ok()) {
        return Ok(Found::Workload(Box::new(random(number))));
    }
    let path = Path::new(target);
    let in_gallery = folder().join(format!("{target}.wl"));
    let is_name = !target.contains(['/', '\\', '.']);
    if is_name && in_gallery.is_file() {
        return read(&in_gallery, target).map(|workload| Found::Workload(Box::new(workload)));
    }
    if path.is_dir() {
        return Err(Misuse(format!("{target} is a folder; expected a workload or a heap trace")));
    }
    if !path.is_file() {
        let known: Vec<String> = paths()?.iter().map(|path| stem(path)).collect();
        let hint = match nearest(target, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the gallery has {}", known.join(", ")),
        };
        return Err(Misuse(format!("there is no workload and no file `{target}`: {hint}")));
    }
    if path.extension().is_some_and(|extension| extension == "wl") {
        return read(path, target).map(|workload| Found::Workload(Box::new(workload)));
    }
    Ok(Found::Trace(path.to_owned()))
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Reads a workload, never more of it than the language allows. `name`: what it is called from then on.
fn read(path: &Path, name: &str) -> Result<Workload, Misuse> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| format!("{shown}: {error}"))?;
    let mut bytes = Vec::new();
    file.take(SOURCE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| format!("{shown}: {error}"))?;
    Workload::from_bytes(name, &bytes).map_err(|diagnostics| {
        use std::io::IsTerminal;
        Misuse(diagnostics.render(std::io::stderr().is_terminal()))
    })
}
