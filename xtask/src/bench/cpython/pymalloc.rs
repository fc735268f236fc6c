//! pymalloc alone: the same random calls on the model and in an extension of the real interpreter.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use cpython_model::{Pymalloc, Version};
use memory_trait::{Address, Allocator};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;
use tempfile::TempDir;

use crate::oracle::cpython::extension::compile;

const SOURCE: &str = include_str!("pymalloc.c");

/// Loads the extension from the directory it is given, and makes the calls in a file of it.
const SCRIPT: &str = "import sys; sys.path.insert(0, sys.argv[1]); import heaptwin_pymalloc; \
                      calls = open(sys.argv[1] + '/calls', 'rb').read(); \
                      print(heaptwin_pymalloc.replay(calls, int(sys.argv[2])))";

/// Blocks that live at once, about.
const N_PLACES: u32 = 20_000;

/// A call: a place, and the bytes to get there, or 0 to give back what is there.
struct Call {
    place: u32,
    bytes: u32,
}

/// Random calls: each picks a place, and fills or empties it. In the end all places are empty.
pub(super) struct Calls(Vec<Call>);

impl Calls {
    pub(super) fn random(seed: u64, n_calls: usize) -> Calls {
        let mut random = Pcg32::seed_from_u64(seed);
        let mut is_full = vec![false; N_PLACES as usize];
        let mut calls: Vec<Call> = (0..n_calls)
            .map(|_| {
                let place = random.next_u32() % N_PLACES;
                let is_full = &mut is_full[place as usize];
                *is_full = !*is_full;
                // Small requests are the most frequent ones, as in a program.
                let bytes = if *is_full { 1 + random.next_u32() % 512 % (1 + random.next_u32() % 512) } else { 0 };
                Call { place, bytes }
            })
            .collect();
        calls.extend((0..N_PLACES).filter(|&place| is_full[place as usize]).map(|place| Call { place, bytes: 0 }));
        Calls(calls)
    }

    /// Nanoseconds a call on the model.
    pub(super) fn on_model(&self, version: Version) -> Result<f64, String> {
        let mut pymalloc = Pymalloc::new(version);
        let mut places = vec![Address::NULL; N_PLACES as usize];
        let begin = Instant::now();
        for call in &self.0 {
            let place = &mut places[call.place as usize];
            if call.bytes > 0 {
                *place = pymalloc.malloc(u64::from(call.bytes)).map_err(|fault| fault.to_string())?;
            } else {
                pymalloc.free(*place).map_err(|fault| fault.to_string())?;
            }
        }
        let taken = begin.elapsed();
        assert_eq!(pymalloc.n_allocated_blocks(), 0, "all places are empty in the end");
        Ok(self.per_call(taken.as_nanos() as f64))
    }

    fn per_call(&self, ns: f64) -> f64 {
        ns / self.0.len() as f64
    }
}

/// The extension, compiled for one interpreter. Its files go when it does.
pub(super) struct Extension<'a> {
    directory: TempDir,
    python: &'a Path,
}

impl<'a> Extension<'a> {
    /// Compiles it, and writes the calls down.
    ///
    /// # Errors
    /// Why there is nothing to compare with.
    pub(super) fn build(python: &'a Path, calls: &Calls) -> Result<Extension<'a>, String> {
        let directory = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
        let bytes: Vec<u8> =
            calls.0.iter().flat_map(|call| [call.place.to_le_bytes(), call.bytes.to_le_bytes()].concat()).collect();
        let path = directory.path().join("calls");
        std::fs::write(&path, &bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        compile(python, "heaptwin_pymalloc", SOURCE, directory.path())?;
        Ok(Extension { directory, python })
    }

    /// Nanoseconds a call on the real one, in an interpreter of its own.
    pub(super) fn measure(&self, calls: &Calls) -> Result<f64, String> {
        let output = Command::new(self.python)
            .args(["-I", "-S", "-c", SCRIPT])
            .arg(self.directory.path())
            .arg(N_PLACES.to_string())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        let ns = String::from_utf8_lossy(&output.stdout).trim().parse::<f64>();
        ns.map(|ns| calls.per_call(ns)).map_err(|_| String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
    }
}
