//! The gallery: the workloads in `tests/workloads`, in alphabetical order.

use std::path::{Path, PathBuf};

use harness::{Examined, Model, Settings, examine};
use lifetimes::Keep;
use workload::{Code, Workload};

use crate::snapshot::text;

/// How the workloads of the snapshots are run: every lifetime is kept, because the digest is over all.
pub const SETTINGS: Settings = Settings { seed: 1, steps_max: 10_000_000, heap_limit_bytes: 64 << 20, keep: Keep::All };

/// A workload of the gallery.
#[derive(Clone, Debug)]
pub struct Exhibit {
    /// Its name: that of its file without `.wl`.
    pub name: String,
    /// What is in the file.
    pub source: String,
}

impl Exhibit {
    /// The workload, parsed and checked.
    ///
    /// # Panics
    /// With the diagnostics, when something is wrong with it.
    pub fn workload(&self) -> Workload {
        Workload::parse(&self.name, &self.source).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
    }

    /// The workload compiled, with values for some of its parameters.
    ///
    /// # Panics
    /// When it has no such parameter, or the value is none for it.
    pub fn code(&self, overrides: &[(&str, &str)]) -> Code {
        self.workload().compile(overrides).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

/// A workload on a model: what a snapshot is of.
#[derive(Clone, Debug)]
pub struct Case {
    /// The workload's name.
    pub workload: String,
    /// The model.
    pub model: Model,
    /// The runs.
    pub examined: Examined,
    /// The text of the snapshot.
    pub text: String,
}

/// The folder of this package.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the files in a folder of this package that end in `ending`, without it, in alphabetical order.
pub fn names_in(name: &str, ending: &str) -> Vec<String> {
    let path: PathBuf = folder().join(name);
    let entries = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let names = entries.map(|entry| entry.expect("a folder can be listed").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect();
    names.sort_unstable();
    names
}

/// All workloads.
pub fn exhibits() -> Vec<Exhibit> {
    let read = |name: String| {
        let path = folder().join("workloads").join(format!("{name}.wl"));
        let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Exhibit { name, source }
    };
    names_in("workloads", ".wl").into_iter().map(read).collect()
}

/// Runs all workloads on all models, under all perturbations. The cases come in order of workload, then model.
///
/// As many threads take part as `n_threads` says; which of them runs what does not show.
pub fn run_all(n_threads: usize) -> Vec<Case> {
    let codes: Vec<Code> = exhibits().iter().map(|exhibit| exhibit.code(&[])).collect();
    let jobs: Vec<(&Code, Model)> =
        codes.iter().flat_map(|code| Model::ALL.into_iter().map(move |model| (code, model))).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(&(code, model)) = jobs.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            done.push(run_one(code, model));
        }
        done
    };
    let mut cases: Vec<Case> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..n_threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no run panics")).collect()
    });
    cases.sort_by(|a, b| (&a.workload, a.model).cmp(&(&b.workload, b.model)));
    cases
}

fn run_one(code: &Code, model: Model) -> Case {
    let examined = examine(code, model, &SETTINGS);
    let text = text(code, model, &SETTINGS, &examined);
    Case { workload: code.name.clone(), model, examined, text }
}
