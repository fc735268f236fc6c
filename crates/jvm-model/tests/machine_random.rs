//! Random programs on small heaps: the heap is verified after every operation, and every collection is held against a
//! graph that is kept from events alone.

#[path = "machine_support/shadow.rs"]
mod shadow;

use jvm_model::{Jvm, Version};
use memory_trait::{
    Constant, ConstantId, Field, FieldIndex, FunctionId, Kind, Label, Machine, Program, RecordId, RecordShape, Slot,
    SlotShape,
};
use shadow::Shadow;

/// Numbers by `xorshift64*`.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}

/// What a slot may hold: each sort has slots of its own, so that every operation fits.
const RECORDS: std::ops::Range<u32> = 0..6;
const LISTS: std::ops::Range<u32> = 6..8;
const INT_LISTS: std::ops::Range<u32> = 8..9;
const MAPS: std::ops::Range<u32> = 9..11;
const TEXTS: std::ops::Range<u32> = 11..14;
const ARRAYS: std::ops::Range<u32> = 14..16;
const BULK: std::ops::Range<u32> = 16..19;
const WEAKS: std::ops::Range<u32> = 19..21;
const INT: Slot = Slot(21);
const TEMPORARY: Slot = Slot(22);
/// The field of every record that is a reference.
const LINK: FieldIndex = FieldIndex(0);

struct Shapes {
    program: Program,
    pair: RecordId,
    mixed: RecordId,
    last: RecordId,
    main: FunctionId,
    helper: FunctionId,
    finalizer: FunctionId,
}

fn shapes() -> Shapes {
    let mut program = Program::default();
    let pair = program.record("Pair", &[("a", Kind::Reference), ("b", Kind::Reference)]);
    let mixed = program.record("Mixed", &[("a", Kind::Reference), ("flag", Kind::Bool), ("n", Kind::Int)]);
    let mut locals: Vec<(String, Kind)> = (0..21).map(|index| (format!("r{index}"), Kind::Reference)).collect();
    locals.push(("n".to_owned(), Kind::Int));
    let locals: Vec<(&str, Kind)> = locals.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    let main = program.function("main", &[], &locals);
    let temporary = SlotShape { name: None, kind: Kind::Reference, automatic: None };
    program.functions[main.index()].slots.push(temporary);
    let helper = program.function("helper", &[("x", Kind::Reference), ("n", Kind::Int)], &[("y", Kind::Reference)]);
    let finalizer = program.function("last", &[("self", Kind::Reference)], &[("link", Kind::Reference)]);
    program.records.push(RecordShape {
        name: "Last".to_owned(),
        fields: vec![Field { name: "a".to_owned(), kind: Kind::Reference }],
        finalizer: Some(finalizer),
        is_weakly_referenced: false,
    });
    let last = RecordId(2);
    program.constant(Constant::Text("literal".to_owned()));
    program.constant(Constant::Text("wörtlich €".to_owned()));
    Shapes { program, pair, mixed, last, main, helper, finalizer }
}

struct Run<'a> {
    jvm: Jvm<Shadow>,
    rng: Rng,
    shapes: &'a Shapes,
    bulk_bytes: u64,
}

impl Run<'_> {
    fn slot(&mut self, slots: &std::ops::Range<u32>) -> Slot {
        Slot(slots.start + self.rng.below(u64::from(slots.end - slots.start)) as u32)
    }

    fn filled(&mut self, slots: &std::ops::Range<u32>) -> Option<Slot> {
        let slot = self.slot(slots);
        (!self.jvm.is_null(slot).expect("a slot that is set")).then_some(slot)
    }

    /// A slot of any sort.
    fn any(&mut self) -> Slot {
        self.slot(&(0..21))
    }

    #[expect(clippy::too_many_lines, reason = "a table of operations")]
    fn step(&mut self) -> Option<()> {
        let Shapes { pair, mixed, last: finalizable, .. } = *self.shapes;
        match self.rng.below(26) {
            0 | 1 => {
                let (dst, record) = (self.slot(&RECORDS), [pair, mixed][self.rng.below(2) as usize]);
                self.jvm.new_record(dst, record).unwrap();
            }
            2..=4 => {
                let (holder, value) = (self.filled(&RECORDS)?, self.any());
                self.jvm.store(holder, LINK, value).unwrap();
            }
            5 => {
                // What a field holds may be of any sort.
                let holder = self.filled(&RECORDS)?;
                self.jvm.load(TEMPORARY, holder, LINK).unwrap();
                self.jvm.clear(TEMPORARY).unwrap();
            }
            6 => {
                let (dst, src) = (self.slot(&RECORDS), self.slot(&RECORDS));
                self.jvm.copy(dst, src).unwrap();
            }
            7 => {
                let dst = self.any();
                self.jvm.set_null(dst).unwrap();
            }
            8 => {
                let dst = self.slot(&LISTS);
                self.jvm.new_list(dst, Kind::Reference).unwrap();
            }
            9 | 10 => {
                let (list, value) = (self.filled(&LISTS)?, self.any());
                for _ in 0..self.rng.below(8) {
                    self.jvm.push(list, value).unwrap();
                }
            }
            11 => {
                let list = self.filled(&LISTS)?;
                let len = self.jvm.len(list).unwrap();
                if len > 0 {
                    self.jvm.pop(TEMPORARY, list).unwrap();
                    self.jvm.clear(TEMPORARY).unwrap();
                }
                if len > 2 {
                    let value = self.any();
                    self.jvm.set_element(list, (len - 1) / 2, value).unwrap();
                    self.jvm.element(TEMPORARY, list, len - 2).unwrap();
                    self.jvm.clear(TEMPORARY).unwrap();
                }
            }
            12 => {
                let dst = self.slot(&INT_LISTS);
                self.jvm.new_list(dst, Kind::Int).unwrap();
            }
            13 => {
                let list = self.filled(&INT_LISTS)?;
                for _ in 0..self.rng.below(20) {
                    let n = self.rng.below(400) as i64 - 100;
                    self.jvm.set_int(INT, n).unwrap();
                    self.jvm.push(list, INT).unwrap();
                    let end = self.jvm.len(list).unwrap() - 1;
                    self.jvm.set_int(INT, 0).unwrap();
                    self.jvm.element(INT, list, end).unwrap();
                    assert_eq!(self.jvm.int(INT).unwrap(), n);
                }
            }
            14 => {
                let dst = self.slot(&MAPS);
                self.jvm.new_map(dst, Kind::Reference, Kind::Reference).unwrap();
            }
            15 | 16 => {
                let (map, key, value) = (self.filled(&MAPS)?, self.filled(&TEXTS)?, self.any());
                self.jvm.put(map, key, value).unwrap();
            }
            17 => {
                let (map, key) = (self.filled(&MAPS)?, self.filled(&TEXTS)?);
                let was_there = self.jvm.get(TEMPORARY, map, key).unwrap();
                assert_eq!(self.jvm.remove(map, key).unwrap(), was_there);
                if was_there {
                    self.jvm.clear(TEMPORARY).unwrap();
                }
            }
            18 => {
                let dst = self.slot(&TEXTS);
                let text = format!("k{}", self.rng.below(40)) + if self.rng.below(2) == 0 { "é" } else { "€" };
                self.jvm.new_text(dst, &text).unwrap();
            }
            19 => {
                let (dst, a, b) = (self.slot(&TEXTS), self.filled(&TEXTS)?, self.filled(&TEXTS)?);
                if self.jvm.len(a).unwrap() < 40 {
                    self.jvm.concat(dst, a, b).unwrap();
                }
            }
            20 => {
                let (dst, n) = (self.slot(&ARRAYS), self.rng.below(300));
                self.jvm.new_array(dst, Kind::Reference, n as i64).unwrap();
            }
            21 => {
                let (array, value) = (self.filled(&ARRAYS)?, self.any());
                let len = self.jvm.len(array).unwrap();
                if len > 0 {
                    let index = self.rng.below(len as u64) as i64;
                    self.jvm.set_element(array, index, value).unwrap();
                }
            }
            22 => {
                for _ in 0..4 {
                    let (dst, n) = (self.slot(&BULK), self.rng.below(self.bulk_bytes));
                    self.jvm.new_bytes(dst, n as i64).unwrap();
                }
            }
            23 => {
                let (dst, target) = (self.slot(&WEAKS), self.filled(&RECORDS)?);
                self.jvm.new_weak(dst, target).unwrap();
            }
            24 => {
                let argument = self.slot(&RECORDS);
                let result = self.slot(&RECORDS);
                self.jvm.set_int(INT, 7).unwrap();
                self.jvm.call(self.shapes.helper, &[argument, INT], Some(result)).unwrap();
                self.jvm.new_record(Slot(2), mixed).unwrap();
                self.jvm.ret(Some(Slot(2))).unwrap();
            }
            _ => {
                let dst = self.slot(&RECORDS);
                if self.rng.below(8) == 0 {
                    self.jvm.collect().unwrap();
                } else {
                    self.jvm.new_record(dst, finalizable).unwrap();
                }
            }
        }
        Some(())
    }

    /// Runs what is due, which may bring its object back.
    fn finalize(&mut self) {
        while let Some(function) = self.jvm.begin_finalizer().unwrap() {
            assert_eq!(function, self.shapes.finalizer);
            self.jvm.load(Slot(1), Slot(0), LINK).unwrap();
            self.jvm.ret(None).unwrap();
        }
    }
}

fn run(seed: u64, flags: &str, bulk_bytes: u64, n_steps: u32) -> Shadow {
    println!("seed {seed}, flags {flags}");
    let shapes = shapes();
    let version = Version::ALL[seed as usize % Version::ALL.len()];
    let mut shadow = Shadow::default();
    shadow.finalizable_labels.push(Label::Record(shapes.last));
    // Compact headers are a product flag of 25.
    let version = if flags.contains("CompactObjectHeaders") { Version::V25 } else { version };
    let jvm = Jvm::builder().version(version).flags(flags).observer(shadow).build().expect("a small heap");
    let mut run = Run { jvm, rng: Rng(seed * 2 + 1), shapes: &shapes, bulk_bytes };
    run.jvm.load_program(&shapes.program).unwrap();
    run.jvm.call(shapes.main, &[], None).unwrap();
    (0..21).for_each(|slot| run.jvm.set_null(Slot(slot)).unwrap());
    run.jvm.set_constant(Slot(TEXTS.start), ConstantId(0)).unwrap();
    run.jvm.set_constant(Slot(TEXTS.start + 1), ConstantId(1)).unwrap();
    for step in 0..n_steps {
        run.step();
        run.finalize();
        let verified = run.jvm.verify().unwrap_or_else(|error| panic!("seed {seed}, step {step}: {error}"));
        assert_eq!(run.jvm.usage().balance(), 0, "seed {seed}, step {step}");
        if step.is_multiple_of(50) {
            // What the heap's references reach, and what the events say: the same number of workload objects.
            let tagged = verified.reachable.iter().filter(|&&object| run.jvm.heap().tag(object) != 0).count();
            assert!(tagged >= run.jvm.observer().reachable().len(), "seed {seed}, step {step}");
        }
    }
    run.jvm.finish();
    let shadow = run.jvm.into_observer();
    assert!(shadow.live.is_empty(), "everything is reclaimed at exit");
    shadow
}

#[test]
fn random_programs_keep_the_heap_sound_and_lose_nothing() {
    let (mut collections, mut n_exact) = ([0, 0], 0);
    for seed in 1..=12 {
        let shadow = run(seed, "-Xmx12m -Xms12m -Xmn1m", 150_000, 1_000);
        collections[0] += shadow.n_collections[0];
        collections[1] += shadow.n_collections[1];
        assert!(shadow.n_reclaimed > 100 && shadow.n_moved > 100, "seed {seed}: too little happened");
        n_exact += shadow.n_exact;
    }
    assert!(n_exact > 8, "{n_exact} full collections were held against the graph");
    assert!(collections[0] > 50 && collections[1] > 30, "{collections:?}");
}

#[test]
fn random_programs_without_buffers_and_with_early_promotion_are_sound_as_well() {
    for seed in 20..=25 {
        run(seed, "-Xmx12m -Xmn1m -XX:-UseTLAB -XX:MaxTenuringThreshold=1 -XX:MarkSweepDeadRatio=20", 150_000, 1_000);
    }
}

#[test]
fn random_programs_on_a_growing_heap_are_sound_as_well() {
    for seed in 30..=35 {
        run(seed, "-Xms3m -Xmx24m -XX:MinHeapFreeRatio=20 -XX:MaxHeapFreeRatio=30", 90_000, 1_000);
    }
}

#[test]
fn random_programs_with_objects_of_every_shape_are_sound_as_well() {
    let shapes = [
        "-XX:-UseCompressedOops",
        "-XX:-UseCompressedClassPointers",
        "-XX:-UseCompressedOops -XX:-UseCompressedClassPointers",
        "-XX:ObjectAlignmentInBytes=16",
        "-XX:ObjectAlignmentInBytes=256 -XX:-UseCompressedClassPointers",
        "-XX:+UseCompactObjectHeaders",
        "-XX:+UseCompactObjectHeaders -XX:-UseCompressedOops",
        "-XX:+UseCompactObjectHeaders -XX:-UseTLAB -XX:MarkSweepDeadRatio=20",
    ];
    for (seed, shape) in (0..).zip(shapes) {
        run(100 + seed, &format!("-Xmx16m -Xms16m -Xmn1m {shape}"), 150_000, 500);
    }
}
