//! A heap taken over in the middle of a run: what a real JVM had when the recording of it began.

use super::klass::{KlassId, KlassKind};
use super::memory::Narrow;
use super::object;
use super::{SerialHeap, Spaces};

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
    pub fn resume(&mut self, state: &Resumption, hole: usize, klass: KlassId, length: u32) -> [Narrow; 3] {
        self.take_over(state);
        let old = state.spaces.old;
        let end = hole + self.klasses.get(klass).size_words(length);
        let mut roots = [0; 3];
        for (index, (start, end)) in [(old.bottom, hole), (hole, end), (end, old.top)].into_iter().enumerate() {
            if start == end {
                continue;
            }
            if start == hole {
                self.memory.clear(start, end - start);
                self.make_object(start, end - start, object::PROTOTYPE, klass, Some(length));
            } else {
                self.fill(start, end);
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
    pub(crate) fn resume_around(&mut self, state: &Resumption) -> Result<Narrow, String> {
        let image_end = self.old.top;
        let top = state.spaces.old.top;
        if top < image_end + self.shape.min_fill_words {
            return Err(format!("old begins with {image_end} words of the program, and has {top} in all"));
        }
        self.take_over(state);
        self.fill(image_end, top);
        self.cards.note_block(image_end, top);
        Ok(self.memory.narrow(image_end))
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
            let first = self.tlab_mut(0).fraction.average();
            let is_first = n_samples == 1 && (first - fraction).abs() < LOGGED_FRACTION_ERROR;
            let fraction = if is_first { first } else { fraction };
            let policy = self.tlab_policy;
            policy.take_over(self.tlab_mut(0), fraction, desired_words, n_samples);
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
            for half in self.reference_halves(object) {
                let reference = self.reference(object, half);
                if reference != 0 && !seen.replace(self.memory.index(reference), true) {
                    found.push(self.memory.index(reference));
                }
            }
        }
        found.into_iter().map(|object| self.memory.address(object).0).collect()
    }

    /// Where the references of an object are, in 4-byte halves from its start, by increasing address. A reference
    /// object's `referent` and `discovered` are not among them.
    fn reference_halves(&self, object: usize) -> impl Iterator<Item = usize> {
        let klass = self.klass_of(object);
        let n_elements = match self.klasses.get(klass).kind {
            KlassKind::References { .. } => self.length(object) as usize,
            _ => 0,
        };
        let (first, log2) = (self.shape.elements_half, self.shape.reference_log2_halves);
        self.klasses.reference_halves(klass).chain((0..n_elements).map(move |index| first + (index << log2)))
    }
}
