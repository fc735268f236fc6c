//! Heap programs: integers that make, link and drop objects, on the model's heap alone and on the real one.

use std::path::Path;
use std::time::Instant;

use jvm_model::Flags;
use jvm_model::recorded::{HeapProgram, Stop};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;
use tempfile::TempDir;

use crate::oracle::jvm::HEAP_PROGRAM;
use crate::oracle::jvm::exchange::{Answer, Question};
use crate::oracle::jvm::machine::{Jvm, compile, find_javac};

// Operations of a program.
const NEW: u32 = 1;
const NEW_ARRAY: u32 = 2;
const LINK: u32 = 3;
const MOVE: u32 = 5;
const END: u32 = 0;
// Kinds of objects: two references, and an array of bytes.
const PAIR: u32 = 2;
const BYTES: u32 = 6;

/// Levels of a tree below its root.
const TREE_DEPTH: u32 = 14;
/// Trees that live at once, each in slots of its own.
const N_TREES: u32 = 4;

/// A program, and what it is called.
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) n_objects: u64,
    ops: Vec<u32>,
    n_slots: u32,
}

impl Subject {
    /// All of them, each of about so many objects. In the first everything dies in eden. In the second 20,000 objects
    /// and what they lead to are alive at any time; each dies when its slot is taken. In the third trees of 32,767 are
    /// built from their leaves, of which four live. The fourth has 5,000 arrays of 512 bytes on average.
    pub(super) fn all(n_objects: u32) -> [Subject; 4] {
        let mut random = Pcg32::seed_from_u64(1);
        let mut below = |n: u32| random.next_u32() % n;
        let mut garbage = Vec::new();
        let mut survivors = Vec::new();
        let mut arrays = Vec::new();
        for n in 0..n_objects {
            garbage.extend([NEW, PAIR, n % 16]);
            let (slot, other) = (below(20_000), below(20_000));
            survivors.extend([NEW, PAIR, slot, LINK, slot, 0, other]);
            arrays.extend([NEW_ARRAY, BYTES, below(1025), below(5000)]);
        }
        let mut trees = Vec::new();
        let n_nodes = (2 << TREE_DEPTH) - 1;
        let n_trees = n_objects.div_ceil(n_nodes);
        for n in 0..n_trees {
            push_tree(&mut trees, TREE_DEPTH, n % N_TREES * (TREE_DEPTH + 3));
        }
        let subject = |name, n_objects: u32, mut ops: Vec<u32>, n_slots| {
            ops.push(END);
            Subject { name, n_objects: u64::from(n_objects), ops, n_slots }
        };
        [
            subject("garbage", n_objects, garbage, 16),
            subject("survivors", n_objects, survivors, 20_000),
            subject("trees", n_trees * n_nodes, trees, N_TREES * (TREE_DEPTH + 3)),
            subject("byte arrays", n_objects, arrays, 5000),
        ]
    }

    /// Nanoseconds of a run on the model.
    pub(super) fn on_model(&self, flags: &Flags) -> Result<f64, String> {
        let mut program = HeapProgram::new(flags, self.n_slots)?;
        let begin = Instant::now();
        loop {
            match program.advance(&self.ops) {
                Stop::Ended(_) => return Ok(begin.elapsed().as_nanos() as f64),
                Stop::Collected => program.take_reports().clear(),
                stop => return Err(format!("{}: {stop:?}", self.name)),
            }
        }
    }
}

/// Builds a tree in post-order; its root is in `slot` in the end, and the slots after it were used up.
fn push_tree(ops: &mut Vec<u32>, depth: u32, slot: u32) {
    if depth == 0 {
        ops.extend([NEW, PAIR, slot]);
        return;
    }
    push_tree(ops, depth - 1, slot);
    push_tree(ops, depth - 1, slot + 1);
    ops.extend([NEW, PAIR, slot + 2, LINK, slot + 2, 0, slot, LINK, slot + 2, 1, slot + 1, MOVE, slot + 2, slot]);
}

/// The Java half, compiled, and the JVM for it. The files go when it does.
pub(super) struct Real<'j> {
    jvm: &'j Jvm,
    classes: TempDir,
}

impl<'j> Real<'j> {
    pub(super) fn build(jvm: &'j Jvm) -> Result<Real<'j>, String> {
        let javac = find_javac(std::slice::from_ref(jvm)).ok_or("there is no javac for the programs")?;
        let classes = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
        let source = classes.path().join("HeapProgram.java");
        std::fs::write(&source, HEAP_PROGRAM).map_err(|error| format!("{}: {error}", source.display()))?;
        compile(&javac, &[source], classes.path())?;
        Ok(Real { jvm, classes })
    }

    /// Nanoseconds that the program takes after `n_before` other times.
    pub(super) fn measure(&self, subject: &Subject, flags: &Flags, line: &str, n_before: u64) -> Result<f64, String> {
        let file = self.classes.path().join("program");
        let ops: Vec<i32> = subject.ops.iter().map(|&op| op as i32).collect();
        Question { ops: &ops, n_slots: subject.n_slots, n_before, n_results: 0 }.write(&file, flags)?;
        let (classes, file) = (self.classes.path().to_string_lossy(), Path::new(&file));
        let mut arguments: Vec<&str> = line.split_whitespace().collect();
        let path = file.to_string_lossy();
        arguments.extend(self.jvm.unsafe_option());
        arguments.extend(["-cp", &*classes, "HeapProgram", &*path]);
        let output = self.jvm.run(&arguments)?;
        let answer = Answer::read(file)?;
        match answer.status {
            1 => Ok((answer.end_ns - answer.begin_ns) as f64),
            _ => Err(format!("{}: {}", subject.name, String::from_utf8_lossy(&output.stderr).trim_end())),
        }
    }
}

#[cfg(test)]
mod tests {
    use jvm_model::Version;

    use super::*;

    #[test]
    fn every_heap_program_comes_to_its_end_on_the_model() {
        let flags = Flags::parse(Version::V17, ["-Xint", "-Xmx32m", "-Xmn1m"]).unwrap();
        for subject in Subject::all(10_000) {
            assert!(subject.on_model(&flags).unwrap() > 0.0, "{}", subject.name);
            let news = subject.n_objects;
            let mut program = HeapProgram::new(&flags, subject.n_slots).unwrap();
            while program.advance(&subject.ops) == Stop::Collected {}
            let made = program.heap().tally().n_objects;
            assert!(made <= news + 1, "{}: {made} objects on the heap of {news}", subject.name);
        }
    }
}
