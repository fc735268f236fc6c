//! The heap of HotSpot's Serial collector: eden, two survivor spaces and an old generation in emulated memory.
//!
//! Mirrors `gc/shared/genCollectedHeap.cpp`, `gc/serial/defNewGeneration.cpp` and `gc/serial/tenuredGeneration.cpp` of
//! JDK 17. It knows classes and references, never what a program means by them: roots and everything that wants to be
//! told come through [`Mutator`].
//!
//! ```text
//! low addresses                                                                    high addresses
//! | eden           | from | to | young, reserved | old                    | old, reserved        |
//! ```

pub mod average;
pub mod klass;
mod marks;
pub mod memory;
pub mod object;
pub mod space;
pub mod tally;
pub mod tlab;

mod allocate;
mod collect;
mod resize;
mod resume;

use memory_trait::{Address, Collection, Reclaimer};

use crate::cards::CardTable;
use crate::layout::{FieldType, Mode, array_base_bytes};
use crate::params::{Flags, SPACE_ALIGNMENT_BYTES, WORD_BYTES};
use crate::references::Discovered;
use crate::rules::{Rule, rule};
use crate::sizing::Sizing;
use crate::young::Survivors;
use average::PaddedAverage;
use klass::{KlassId, KlassTable};
use marks::Marks;
use memory::{Memory, Narrow};
use object::Shape;
use space::Space;
use tally::{Census, Tally};
use tlab::{Tlab, TlabPolicy};

pub use allocate::HeapExhausted;
pub use collect::{CollectionReport, Spaces};
pub use resume::Resumption;

/// Weight of the newest sample of what a young collection promotes. `adaptiveSizePolicy`, `gcStats.cpp:GCStats`.
const PROMOTED_WEIGHT_PERCENT: u32 = 10;
/// Deviations added to that average. `PromotedPadding`.
const PROMOTED_PADDING: u32 = 3;

/// Who uses the heap: it has the roots, and is told what happens.
pub trait Mutator {
    /// Whether it wants to know of single objects. What is told otherwise costs nothing.
    const WATCHES: bool;

    /// Shows every reference that is not in the heap, each once, in HotSpot's order: thread stacks, then the VM's own.
    /// The collector writes the object's new place over it.
    fn visit_roots(&mut self, visit: &mut impl FnMut(&mut Narrow));

    /// The clock that soft references age by. Unit: milliseconds.
    fn clock_ms(&self) -> u64;

    /// A collection begins.
    fn began(&mut self, collection: Collection);

    /// An object with this tag moved.
    fn moved(&mut self, tag: u64, from: Address, to: Address);

    /// The object with this tag is gone.
    fn reclaimed(&mut self, tag: u64, by: Reclaimer);

    /// The collection ended.
    fn ended(&mut self, collection: Collection, report: &CollectionReport);

    /// The heap grew or shrank.
    fn resized(&mut self, heap_bytes: u64);
}

/// The numbers that the policies go by, in the units they calculate in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) version: crate::Version,
    pub(crate) young_initial_words: usize,
    pub(crate) old_initial_words: usize,
    pub(crate) max_heap_bytes: u64,
    pub(crate) survivor_ratio: u64,
    pub(crate) target_survivor_percent: u64,
    pub(crate) new_ratio: u64,
    pub(crate) min_heap_free_percent: u64,
    pub(crate) max_heap_free_percent: u64,
    pub(crate) shrinks_in_steps: bool,
    pub(crate) min_heap_delta_bytes: u64,
    pub(crate) dead_ratio_percent: u64,
    pub(crate) always_compact_count: u64,
    pub(crate) pretenure_words: usize,
    pub(crate) soft_ref_ms_per_mb: u64,
    pub(crate) is_interpreted: bool,
}

/// The heap.
#[derive(Clone, Debug)]
pub struct SerialHeap {
    pub(crate) memory: Memory,
    pub(crate) klasses: KlassTable,
    pub(crate) cards: CardTable,
    pub(crate) policy: Policy,
    pub(crate) eden: Space,
    pub(crate) from: Space,
    pub(crate) to: Space,
    pub(crate) old: Space,
    /// Where young ends, as much of it as is committed; it starts at word 0.
    pub(crate) young_end: usize,
    /// Where old begins, and so where what is reserved for young ends.
    pub(crate) boundary: usize,
    /// How objects are built.
    pub(crate) shape: Shape,
    pub(crate) young_census: Census,
    pub(crate) old_census: Census,
    /// What a collection counts, kept for its memory: what stays in young, and what goes to old.
    pub(crate) counted: [Census; 2],
    /// Mark bits of a full collection.
    pub(crate) marks: Marks,
    pub(crate) survivors: Survivors,
    pub(crate) discovered: Discovered,
    /// References cleared or found final by the last collections, in the order of the VM's pending list, for the
    /// mutator to put on their queues. Roots.
    pub(crate) pending: Vec<Narrow>,
    /// The buffer of the current thread.
    tlab: Tlab,
    /// The buffers of the others; in the current one's place is nothing of interest.
    tlabs: Vec<Tlab>,
    thread: usize,
    tlab_policy: TlabPolicy,
    /// Threads counted for the size of young: those that are no daemons.
    n_threads: usize,
    promoted: PaddedAverage,
    old_capacity_at_prologue: usize,
    old_used_at_prologue: usize,
    shrink_percent: u64,
    /// `incremental_collection_failed`: the last young collection was not tried, or failed.
    young_failed: bool,
    /// `should_allocate_from_space`: even a full collection left eden occupied.
    allocates_from_survivors: bool,
    pub(crate) n_full_collections: u64,
    n_collections: u64,
    pub(crate) soft_clock_ms: u64,
    used_bytes_at_gc: u64,
    capacity_bytes_at_gc: u64,
}

impl SerialHeap {
    /// An empty heap with one thread.
    ///
    /// - `flags`: the command line.
    /// - `sizing`: what follows from it for the sizes; references have to be compressed.
    pub fn new(flags: &Flags, sizing: &Sizing, klasses: KlassTable) -> Self {
        let Sizing { heap, young, old, .. } = *sizing;
        assert!(young.initial <= young.max && old.initial <= old.max, "{sizing:?}");
        let words = |bytes: u64| (bytes / WORD_BYTES) as usize;
        let memory = Memory::reserve(&sizing.placement, young.max + old.max);
        let boundary = words(young.max);
        let n_words = memory.len_words();
        let shape = Shape::new(&Mode::from_flags(flags), n_words);
        let tlab_policy = TlabPolicy::new(flags, &shape);
        let eden_words = words(sizing.spaces.eden);
        let mut heap = SerialHeap {
            memory,
            klasses,
            cards: CardTable::new(boundary, n_words),
            policy: Policy {
                version: flags.version,
                young_initial_words: words(young.initial),
                old_initial_words: words(old.initial),
                max_heap_bytes: heap.max,
                survivor_ratio: flags.survivor_ratio,
                target_survivor_percent: flags.target_survivor_ratio,
                new_ratio: flags.new_ratio,
                min_heap_free_percent: flags.min_heap_free_ratio,
                max_heap_free_percent: flags.max_heap_free_ratio,
                shrinks_in_steps: flags.shrink_heap_in_steps,
                min_heap_delta_bytes: flags.min_heap_delta_bytes.next_multiple_of(SPACE_ALIGNMENT_BYTES),
                dead_ratio_percent: flags.mark_sweep_dead_ratio,
                always_compact_count: flags.mark_sweep_always_compact_count,
                pretenure_words: words(flags.pretenure_size_threshold_bytes),
                soft_ref_ms_per_mb: flags.soft_ref_ms_per_mb,
                is_interpreted: flags.interpreted,
            },
            eden: Space::default(),
            from: Space::default(),
            to: Space::default(),
            old: Space::new(boundary, boundary + words(old.initial)),
            young_end: words(young.initial),
            boundary,
            shape,
            young_census: Census::default(),
            old_census: Census::default(),
            counted: Default::default(),
            marks: Marks::new(n_words),
            survivors: Survivors::new(flags.max_tenuring_threshold as u32),
            discovered: Discovered::default(),
            pending: Vec::new(),
            tlab: tlab_policy.new_thread(eden_words, 1),
            tlabs: vec![tlab_policy.new_thread(eden_words, 1)],
            thread: 0,
            tlab_policy,
            n_threads: 1,
            promoted: PaddedAverage::new(PROMOTED_WEIGHT_PERCENT, PROMOTED_PADDING),
            old_capacity_at_prologue: words(old.initial),
            old_used_at_prologue: 0,
            shrink_percent: 0,
            young_failed: false,
            allocates_from_survivors: false,
            n_full_collections: 0,
            n_collections: 0,
            soft_clock_ms: 0,
            used_bytes_at_gc: 0,
            capacity_bytes_at_gc: 0,
        };
        heap.lay_out_young(0);
        debug_assert_eq!(heap.eden.capacity_words(), eden_words, "eden is as large as the sizes say");
        heap
    }

    /// The classes.
    pub fn klasses(&self) -> &KlassTable {
        &self.klasses
    }

    /// The classes, to add to them.
    pub fn klasses_mut(&mut self) -> &mut KlassTable {
        &mut self.klasses
    }

    /// The memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The memory, to write to: numbers only, since references have cards.
    #[inline]
    pub(crate) fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Eden, from, to and old as they are.
    pub fn spaces(&self) -> Spaces {
        Spaces { eden: self.eden, from: self.from, to: self.to, old: self.old }
    }

    /// Collections so far, young and full.
    pub fn n_collections(&self) -> u64 {
        self.n_collections
    }

    /// Full collections so far.
    pub fn n_full_collections(&self) -> u64 {
        self.n_full_collections
    }

    /// The age from which objects are promoted now. Unit: young collections survived.
    pub fn tenuring_threshold(&self) -> u32 {
        self.survivors.threshold
    }

    /// What young and old together are used for.
    pub fn tally(&self) -> Tally {
        let mut tally = self.young_census.tally(&self.klasses);
        tally += self.old_census.tally(&self.klasses);
        tally
    }

    /// Bytes taken from the operating system.
    pub fn committed_bytes(&self) -> u64 {
        (self.young_end + self.old.capacity_words()) as u64 * WORD_BYTES
    }

    /// Whether a word lies in young.
    #[inline]
    pub(crate) fn is_young(&self, word: usize) -> bool {
        word < self.boundary
    }

    /// Another thread starts; answers its number.
    pub fn start_thread(&mut self) -> usize {
        self.n_threads += 1;
        self.tlabs.push(self.tlab_policy.new_thread(self.eden.capacity_words(), self.n_threads));
        self.tlabs.len() - 1
    }

    /// Allocation goes on in this thread's buffer.
    pub fn switch_thread(&mut self, thread: usize) {
        assert!(thread < self.tlabs.len(), "thread {thread} of {}", self.tlabs.len());
        std::mem::swap(&mut self.tlab, &mut self.tlabs[self.thread]);
        self.thread = thread;
        std::mem::swap(&mut self.tlab, &mut self.tlabs[self.thread]);
    }

    /// The current thread ended: its buffer is filled up.
    pub fn end_thread(&mut self) {
        self.n_threads -= 1;
        self.retire_tlab(self.thread);
    }

    /// The unused rest of each open buffer: from its first free word to its end.
    pub(crate) fn open_buffers(&self) -> Vec<(usize, usize)> {
        let tlabs = (0..self.tlabs.len()).map(|thread| self.tlab(thread));
        let open = tlabs.filter(|tlab| tlab.end != 0);
        let rests = open.map(|tlab| (tlab.top, tlab.end + self.tlab_policy.reserve_words));
        rests.filter(|(top, end)| top < end).collect()
    }

    fn tlab(&self, thread: usize) -> &Tlab {
        if thread == self.thread { &self.tlab } else { &self.tlabs[thread] }
    }

    /// The buffer of a thread.
    pub fn tlab_mut(&mut self, thread: usize) -> &mut Tlab {
        if thread == self.thread { &mut self.tlab } else { &mut self.tlabs[thread] }
    }

    /// Tags of objects have to be below this.
    pub fn tag_limit(&self) -> u64 {
        self.shape.tag_limit()
    }

    /// Reads a reference field or element; `half` is its place in 4-byte halves from the object's start.
    #[inline]
    pub fn reference(&self, object: usize, half: usize) -> Narrow {
        self.memory.reference(object * 2 + half)
    }

    /// Writes a reference field, and marks the card of the object's *header*, as the interpreter's `putfield` does
    /// whatever the value.
    #[inline]
    pub fn store_field(&mut self, object: usize, half: usize, value: Narrow) {
        self.memory.set_reference(object * 2 + half, value);
        if object >= self.boundary {
            self.cards.mark(if rule(Rule::FieldsMarkTheHeader) { object } else { object + half / 2 });
        }
    }

    /// Where an element of an `Object[]` is, in 4-byte halves from the bottom of the heap.
    #[inline]
    fn element_half(&self, array: usize, index: usize) -> usize {
        array * 2 + self.shape.elements_half + (index << self.shape.reference_log2_halves)
    }

    /// Writes an element of an `Object[]`, and marks the card of the *element*, as the interpreter's `aastore` does,
    /// which skips it for null.
    #[inline]
    pub fn store_element(&mut self, array: usize, index: usize, value: Narrow) {
        let half = self.element_half(array, index);
        self.memory.set_reference(half, value);
        if array >= self.boundary && value != 0 {
            self.cards.mark(if rule(Rule::ElementsMarkTheirCard) { half / 2 } else { array });
        }
    }

    /// Reads an element of an `Object[]`.
    #[inline]
    pub fn element(&self, array: usize, index: usize) -> Narrow {
        self.memory.reference(self.element_half(array, index))
    }

    /// Copies the first `n_elements` of an `Object[]` to a new one, marking its cards as `System.arraycopy` does.
    pub fn copy_elements(&mut self, from: usize, to: usize, n_elements: usize) {
        for index in 0..n_elements {
            let value = self.element(from, index);
            self.memory.set_reference(self.element_half(to, index), value);
        }
        if to >= self.boundary && n_elements > 0 {
            let (first, last) = (self.element_half(to, 0), self.element_half(to, n_elements - 1));
            self.cards.mark_range(first / 2, last / 2 + 1);
        }
    }

    /// Where the first element of an array is. Unit: bytes from the bottom of the heap.
    #[inline]
    pub(crate) fn elements_byte(&self, array: usize) -> usize {
        array * WORD_BYTES as usize + self.klasses.get(self.klass_of(array)).base_bytes as usize
    }

    /// The class of an object.
    #[inline]
    pub fn klass_of(&self, object: usize) -> KlassId {
        self.shape.class_of(&self.memory, object)
    }

    /// The length of an array.
    #[inline]
    pub fn length(&self, array: usize) -> u32 {
        self.shape.length_of(&self.memory, array)
    }

    /// The tag of an object.
    #[inline]
    pub fn tag(&self, object: usize) -> u64 {
        self.shape.tag_of(self.memory.word(object))
    }

    /// Words an object takes.
    pub fn size_words(&self, object: usize) -> usize {
        self.shape.size_words(&self.memory, &self.klasses, object)
    }

    /// A list uses `elements` more (or fewer) of its capacity.
    #[inline]
    pub(crate) fn count_list_elements(&mut self, list: usize, elements: i64) {
        let klass = self.klass_of(list);
        let census = if list < self.boundary { &mut self.young_census } else { &mut self.old_census };
        census.add_elements(klass, elements);
    }

    /// The number that an object of the runtime's own has in place of a tag.
    pub(crate) fn number(&self, object: usize) -> u32 {
        self.shape.number_of(self.memory.word(object))
    }

    /// Gives an object of the runtime's own a number in place of a tag.
    pub(crate) fn set_number(&mut self, object: usize, number: u32) {
        let mark = self.memory.word(object);
        self.memory.set_word(object, self.shape.mark_with_number(mark, number));
    }

    /// References that the VM still has to put on their queues.
    pub(crate) fn pending_references(&self) -> &[Narrow] {
        &self.pending
    }

    /// Every object in order of address, reachable or not; what is left of open buffers is passed over.
    pub(crate) fn walk(&self) -> impl Iterator<Item = usize> {
        let mut spaces = [self.eden, self.from, self.to, self.old];
        spaces.sort_unstable_by_key(|space| space.bottom);
        let open = self.open_buffers();
        spaces.into_iter().flat_map(move |space| {
            let open = open.clone();
            let mut next = space.bottom;
            std::iter::from_fn(move || {
                while let Some(&(_, end)) = open.iter().find(|&&(top, end)| top == next && top < end) {
                    next = end;
                }
                let object = (next < space.top).then_some(next)?;
                next += self.size_words(object);
                Some(object)
            })
        })
    }

    /// Makes the heap walkable, and answers every object in order of address, reachable or not.
    pub(crate) fn objects_in_address_order(&mut self) -> Vec<usize> {
        (0..self.tlabs.len()).for_each(|thread| self.retire_tlab(thread));
        let mut spaces = [self.eden, self.from, self.to, self.old];
        spaces.sort_unstable_by_key(|space| space.bottom);
        let mut objects = Vec::new();
        for space in spaces {
            let mut object = space.bottom;
            while object < space.top {
                objects.push(object);
                object += self.size_words(object);
            }
        }
        objects
    }

    /// Makes a hole walkable, of at least the size of the smallest object: an `int[]`, or an object without fields. It
    /// is counted.
    pub(crate) fn fill(&mut self, from: usize, end: usize) {
        let (klass, length) = self.filler(end - from);
        let n_words = end - from;
        let header = self.memory.words_mut(from, n_words.min(object::HEADER_WORDS_MAX));
        self.shape.write_header(header, object::PROTOTYPE, klass, length);
        let census = if from < self.boundary { &mut self.young_census } else { &mut self.old_census };
        if klass == KlassTable::FILLER {
            census.add_array(klass, length, n_words);
        } else {
            census.add_instance(klass);
        }
    }

    /// What fills so many words: the class, and the length of an array.
    fn filler(&self, n_words: usize) -> (KlassId, u32) {
        if n_words >= self.shape.min_fill_array_words {
            let elements_bytes = n_words as u64 * WORD_BYTES - array_base_bytes(FieldType::Int, self.klasses.mode());
            return (KlassTable::FILLER, u32::try_from(elements_bytes / 4).expect("a hole that one array fills"));
        }
        assert_eq!(n_words, self.shape.min_fill_words, "a hole of {n_words} words");
        (KlassTable::SMALL_FILLER, 0)
    }
}
