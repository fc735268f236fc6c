//! What if: a workload on a runtime that is set up otherwise, and what the runtime's own counters say afterwards.

use cpython_model::cycle::{GenerationStats, N_GENERATIONS, default_thresholds};
use cpython_model::{CPython, PymallocStats, Version};
use lifetimes::Recorder;
use workload::Code;

use crate::model::Model;
use crate::perturb::glibc_heap;
use crate::run::{Interpret, ModelRun, Settings, model_run};

/// How an interpreter is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CPythonSetting {
    /// The version: 3.11, 3.12 or 3.13.
    pub version: Version,
    /// `gc.set_threshold`, by generation; `None`: the version's own.
    pub thresholds: [Option<u32>; N_GENERATIONS],
    /// Whether `gc.disable()` was not called.
    pub is_gc_enabled: bool,
}

impl Default for CPythonSetting {
    /// As `compare` runs it.
    fn default() -> Self {
        CPythonSetting { version: Version::V3_12, thresholds: [None; N_GENERATIONS], is_gc_enabled: true }
    }
}

impl CPythonSetting {
    /// The thresholds that hold, those of the version where nothing else is set. Unit: objects, collections,
    /// collections.
    pub fn thresholds_in_force(&self) -> [u32; N_GENERATIONS] {
        let default = default_thresholds(self.version);
        std::array::from_fn(|generation| self.thresholds[generation].unwrap_or(default[generation]))
    }
}

/// A run, and what the interpreter counted.
#[derive(Clone, Debug)]
pub struct CPythonRun {
    /// The run; its perturbation is `as set`.
    pub run: ModelRun,
    /// `gc.get_stats()` at the end.
    pub gc_stats: [GenerationStats; N_GENERATIONS],
    /// Objects that the collections of each generation looked at.
    pub n_visited: [u64; N_GENERATIONS],
    /// Where the bytes of the arenas were at the end, when everything was reclaimed.
    pub pymalloc: PymallocStats,
}

/// Runs `code` on an interpreter set up as `setting` says.
pub fn run_cpython(code: &Code, setting: &CPythonSetting, settings: &Settings) -> CPythonRun {
    let mut recorder = Recorder::new(&code.program).keep(settings.keep);
    let mut machine = CPython::builder()
        .version(setting.version)
        .threshold(setting.thresholds_in_force())
        .heap_limit_bytes(settings.heap_limit_bytes)
        .large_allocator(glibc_heap(None, ""))
        .observer(&mut recorder)
        .build();
    if !setting.is_gc_enabled {
        machine.gc_disable();
    }
    let watched = Interpret { code, settings }.on(&mut machine);
    let (gc_stats, n_visited, pymalloc) = (machine.gc_stats(), machine.gc_visited(), machine.pymalloc().stats());
    drop(machine);
    CPythonRun { run: model_run(code, Model::CPython, "as set", watched, recorder).0, gc_stats, n_visited, pymalloc }
}
