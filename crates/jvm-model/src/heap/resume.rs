//! A heap taken over in the middle of a run: what a real JVM had when the recording of it began.

use super::klass::KlassId;
use super::object::{self, HEADER_WORDS};
use super::{KlassKind, SerialHeap, Spaces};

/// How far an allocation fraction in a log may be from the real one: it is written with six digits.
const LOGGED_FRACTION_ERROR: f32 = 1e-6;

/// The state of a heap right after a full collection that left young empty. Places are word indices.
#[derive(Clone, Debug, Default)]
pub struct Resumption {
    /// The spaces; young ones are empty.
    pub spaces: Spaces,
    /// Full collections so far: every so many-th leaves no dead wood.
    pub n_full_collections: u64,
    /// The tenuring threshold, if a young collection has set it.
    pub tenuring_threshold: Option<u32>,
    /// What each young collection so far promoted. Unit: bytes.
    pub promoted_bytes: Vec<u64>,
    /// The main thread's buffers: allocation fraction, size in words, samples taken.
    pub tlab: Option<(f32, usize, u32)>,
}

impl SerialHeap {
    /// Takes over that state. What is in old stays opaque: it is one array of numbers from old's bottom to `hole`, and
    /// one from `hole` plus the object that goes there to old's top. All three have to be kept by the mutator, whose
    /// roots they are; answers them in order, 0 for none.
    ///
    /// - `klass`, `length`: the object at `hole`, an array.
    pub fn resume(&mut self, state: &Resumption, hole: usize, klass: KlassId, length: u32) -> [u32; 3] {
        self.take_over(state);
        let old = state.spaces.old;
        let end = hole + self.klasses.get(klass).size_words(length);
        let mut roots = [0; 3];
        for (index, (start, end)) in [(old.bottom, hole), (hole, end), (end, old.top)].into_iter().enumerate() {
            if start == end {
                continue;
            }
            if start == hole {
                let n_words = end - start - HEADER_WORDS;
                self.memory.clear(start + HEADER_WORDS, n_words);
                object::write_header(&mut self.memory, start, object::PROTOTYPE, klass, length);
                self.old_tally += self.klasses.get(klass).tally(length);
            } else {
                self.fill_old(start, end);
            }
            self.cards.note_block(start, end);
            roots[index] = self.memory.narrow(start);
        }
        roots
    }

    /// Takes over that state around what is in old already: the objects that every run has. The rest of what a real
    /// JVM has there is one array of numbers above them, to be kept by the mutator.
    ///
    /// # Errors
    /// More is there already than the state has in old.
    pub(crate) fn resume_around(&mut self, state: &Resumption) -> Result<u32, String> {
        let image_end = self.old.top;
        let top = state.spaces.old.top;
        if top < image_end + HEADER_WORDS {
            return Err(format!("old begins with {image_end} words of the program, and has {top} in all"));
        }
        self.take_over(state);
        self.fill_old(image_end, top);
        self.cards.note_block(image_end, top);
        Ok(self.memory.narrow(image_end))
    }

    fn fill_old(&mut self, start: usize, end: usize) {
        let filler = self.fill(start, end);
        self.old_tally += filler;
    }

    fn take_over(&mut self, state: &Resumption) {
        let Spaces { eden, from, to, old } = state.spaces;
        assert!(eden.is_empty() && from.is_empty() && to.is_empty(), "young is empty: {state:?}");
        assert_eq!(old.bottom, self.boundary, "old begins where the sizes say");
        (self.eden, self.from, self.to, self.old) = (eden, from, to, old);
        self.young_end = from.end.max(to.end);
        self.n_full_collections = state.n_full_collections;
        if let Some(threshold) = state.tenuring_threshold {
            self.survivors.threshold = threshold;
        }
        for &bytes in &state.promoted_bytes {
            self.promoted.sample(bytes as f32);
        }
        if let Some((fraction, desired_words, n_samples)) = state.tlab {
            // A log writes six digits. The first sample is known better: it is the one that this heap began with.
            let first = self.tlabs[0].fraction.average();
            let is_first = n_samples == 1 && (first - fraction).abs() < LOGGED_FRACTION_ERROR;
            let fraction = if is_first { first } else { fraction };
            self.tlab_policy.take_over(&mut self.tlabs[0], fraction, desired_words, n_samples);
        }
        self.note_used_and_capacity();
    }

    /// Everything that the object at a word leads to, breadth first, references of an object by increasing address:
    /// the addresses, its own first.
    pub fn reachable_addresses(&self, object: usize) -> Vec<u64> {
        let mut seen = bitvec::bitvec![u64, bitvec::order::Lsb0; 0; self.memory.len_words()];
        let mut found = vec![object];
        seen.set(object, true);
        let mut next = 0;
        while next < found.len() {
            let object = found[next];
            next += 1;
            self.visit_references(object, |target| {
                if !seen.replace(target, true) {
                    found.push(target);
                }
            });
        }
        found.into_iter().map(|object| self.memory.address(object).0).collect()
    }

    fn visit_references(&self, object: usize, mut visit: impl FnMut(usize)) {
        let klass = self.klasses.get(self.klass_of(object));
        let elements = match klass.kind {
            KlassKind::References { .. } => Some((2 * HEADER_WORDS as u32, self.length(object))),
            _ => None,
        };
        for (first, n) in klass.reference_runs.iter().copied().chain(elements) {
            for half in first..first + n {
                let reference = self.reference(object, half as usize);
                if reference != 0 {
                    visit(self.memory.index(reference));
                }
            }
        }
    }

    /// Where the `n`-th reference of an object is, in 4-byte halves from its start.
    pub fn reference_half(&self, object: usize, n: usize) -> usize {
        let klass = self.klasses.get(self.klass_of(object));
        if let KlassKind::References { .. } = klass.kind {
            return HEADER_WORDS * 2 + n;
        }
        let halves = klass.reference_runs.iter().flat_map(|&(first, n)| first..first + n);
        halves.skip(n).map(|half| half as usize).next().unwrap_or_else(|| panic!("{} has no reference {n}", klass.name))
    }
}
