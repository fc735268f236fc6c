//! Random programs on graphs of objects, with the whole heap checked after every operation.

use cpython_model::{CPython, Version};
use memory_trait::{
    Collection, Event, FieldIndex, FunctionId, Kind, Machine, Moment, ObjectId, Observer, Outcome, Program, RecordId,
    Slot,
};

/// Small, exact, ours: `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Checks what events say of themselves: everything is born once and reclaimed once at most.
#[derive(Default)]
struct Census {
    born: Vec<bool>,
    reclaimed: Vec<bool>,
    n_collections: usize,
}

impl Observer for Census {
    fn observe(&mut self, _at: Moment, event: &Event<'_>) {
        match *event {
            Event::Born { object: ObjectId(id), .. } => {
                assert_eq!(id as usize, self.born.len(), "names are taken in order");
                self.born.push(true);
                self.reclaimed.push(false);
            }
            Event::Reclaimed { object: ObjectId(id), .. } => {
                assert!(!std::mem::replace(&mut self.reclaimed[id as usize], true), "object {id} is reclaimed twice");
            }
            Event::Stored { old, new, .. } => {
                for object in [old, new].into_iter().flatten() {
                    assert!(!self.reclaimed[object.index()], "object {} is stored after its death", object.0);
                }
            }
            Event::Used { object } => assert!(!self.reclaimed[object.index()], "a dead object is used"),
            Event::CollectionBegan(Collection { .. }) => self.n_collections += 1,
            _ => {}
        }
    }
}

const N_SLOTS: u32 = 8;

struct World {
    python: CPython<Census>,
    random: Random,
    node: RecordId,
    phoenix: RecordId,
    phoenix_del: FunctionId,
    leaf: FunctionId,
    n_steps: u64,
}

impl World {
    fn new(version: Version, seed: u64) -> World {
        let mut program = Program::default();
        let node = program.record("Node", &[("right", Kind::Reference), ("left", Kind::Reference), ("n", Kind::Int)]);
        let phoenix = program.record(
            "Phoenix",
            &[("a", Kind::Reference), ("b", Kind::Reference), ("c", Kind::Float), ("d", Kind::Bool), ("e", Kind::Int)],
        );
        let names: Vec<String> = (0..N_SLOTS).map(|slot| format!("v{slot}")).collect();
        let locals: Vec<(&str, Kind)> = names.iter().map(|name| (name.as_str(), Kind::Reference)).collect();
        let main = program.function("main", &[], &locals);
        let phoenix_del = program.function("__del__", &[("self", Kind::Reference)], &[("t", Kind::Reference)]);
        let leaf = program.function("leaf", &[("x", Kind::Reference)], &[("t", Kind::Reference)]);
        program.records[phoenix.index()].finalizer = Some(phoenix_del);
        let mut python = CPython::builder()
            .version(version)
            .threshold([5, 2, 2])
            .ambient_objects(seed % 7)
            .observer(Census::default())
            .build();
        python.load_program(&program).unwrap();
        python.call(main, &[], None).unwrap();
        for slot in 0..N_SLOTS {
            python.set_null(Slot(slot)).unwrap();
        }
        World { python, random: Random(seed), node, phoenix, phoenix_del, leaf, n_steps: 0 }
    }

    fn slot(&mut self) -> Slot {
        Slot(self.random.below(u64::from(N_SLOTS)) as u32)
    }

    /// Runs finalizers until none is due. Some store their object into one of its own objects, which rescues it.
    fn settle(&mut self) -> Outcome<()> {
        while let Some(function) = self.python.begin_finalizer()? {
            assert_eq!(function, self.phoenix_del);
            self.check("a finalizer began");
            let (this, other) = (Slot(0), Slot(1));
            match self.random.below(4) {
                0 => {
                    // Makes a cycle with what it holds, if that can hold something.
                    self.python.load(other, this, FieldIndex(0))?;
                    if !self.python.is_null(other)? && self.is_list(other) {
                        self.python.push(other, this)?;
                    }
                }
                1 => self.python.new_record(other, self.phoenix)?,
                2 => self.python.new_list(other, Kind::Reference)?,
                _ => self.python.set_int(other, 1 << 40)?,
            }
            self.settle()?;
            self.python.ret(None)?;
            self.settle()?;
        }
        self.check("settled");
        Ok(())
    }

    fn check(&self, when: &str) {
        if let Err(wrong) = self.python.verify() {
            panic!("step {}, {when}: {wrong}", self.n_steps);
        }
    }

    fn is_list(&mut self, slot: Slot) -> bool {
        self.python.kind_of(slot) == "list"
    }

    fn step(&mut self) -> Outcome<()> {
        self.n_steps += 1;
        let (a, b) = (self.slot(), self.slot());
        let kind = self.python.kind_of(a);
        let field = FieldIndex(self.random.below(2) as u32);
        match self.random.below(24) {
            6..=10 if self.random.below(3) > 0 => self.python.new_record(a, self.node)?,
            0 | 1 => self.python.new_record(a, self.node)?,
            2 => self.python.new_record(a, self.phoenix)?,
            3 => self.python.new_list(a, Kind::Reference)?,
            4 => self.python.new_map(a, Kind::Int, Kind::Reference)?,
            5 => {
                let n = self.random.below(6) as i64;
                self.python.new_array(a, Kind::Reference, n)?;
            }
            6 => {
                let n = self.random.below(70) as usize;
                self.python.new_text(a, &"xyz\u{e9}\u{20ac}".repeat(n).chars().take(n).collect::<String>())?;
            }
            7 => {
                let n = self.random.below(700) as i64;
                self.python.new_bytes(a, n)?;
            }
            8 => self.python.set_null(a)?,
            9 => self.python.set_int(a, self.n_steps as i64 * 1_000_003 - 5)?,
            10 => self.python.set_float(a, 0.5)?,
            11 => self.python.copy(a, b)?,
            12..=15 if kind == "instance" => self.python.store(a, field, b)?,
            16 if kind == "instance" => self.python.load(b, a, field)?,
            17 if kind == "instance" => self.python.new_weak(b, a)?,
            12..=17 if kind == "list" => match self.random.below(4) {
                0 if self.python.len(a)? > 0 => self.python.pop(b, a)?,
                1 if self.python.len(a)? > 0 => {
                    let index = self.random.below(self.python.len(a)? as u64) as i64;
                    self.python.set_element(a, index, b)?;
                }
                _ => self.python.push(a, b)?,
            },
            12..=17 if kind == "dict" => {
                let key = self.slot();
                if self.python.kind_of(key) == "int" || self.python.kind_of(key) == "str" {
                    match self.random.below(3) {
                        0 => _ = self.python.remove(a, key)?,
                        1 => _ = self.python.get(b, a, key)?,
                        _ => self.python.put(a, key, b)?,
                    }
                } else {
                    self.python.next_key(key, a, 0)?;
                }
            }
            12..=17 if kind == "weakref" => self.python.weak_get(b, a)?,
            18 if kind == "str" && self.python.kind_of(b) == "str" => {
                let dst = if self.random.below(2) == 0 { a } else { self.slot() };
                self.python.concat(dst, a, b)?;
                if self.python.len(dst)? > 300 {
                    self.python.clear(dst)?;
                    self.settle()?;
                    self.python.set_null(dst)?;
                }
            }
            19 => {
                self.python.call(self.leaf, &[a], Some(b))?;
                self.settle()?;
                self.python.new_record(Slot(1), self.phoenix)?;
                self.settle()?;
                self.python.store(Slot(1), FieldIndex(0), Slot(0))?;
                self.settle()?;
                let value = if self.random.below(2) == 0 { Some(Slot(self.random.below(2) as u32)) } else { None };
                self.python.ret(value)?;
            }
            20 if self.random.below(10) == 0 => self.python.collect()?,
            21 => self.python.take(a, b).and_then(|()| if a == b { Ok(()) } else { self.python.set_null(b) })?,
            _ => return Ok(()),
        }
        self.settle()
    }
}

fn run(version: Version, seed: u64, n_steps: u64) -> World {
    let mut world = World::new(version, seed);
    for _ in 0..n_steps {
        world.step().unwrap();
    }
    world
}

#[test]
fn the_heap_is_whole_after_every_operation() {
    for version in [Version::V3_11, Version::V3_12, Version::V3_13] {
        let mut n_collections = 0;
        for seed in 0..6 {
            n_collections += run(version, seed, 800).python.observer().n_collections;
        }
        assert!(n_collections > 40, "{version}: {n_collections} collections");
    }
}

#[test]
fn a_full_collection_leaves_nothing_unreachable() {
    for version in [Version::V3_11, Version::V3_12, Version::V3_13] {
        let mut n_garbage = 0;
        for seed in 100..115 {
            let mut world = run(version, seed, 400);
            n_garbage += world.python.n_unreachable();
            // Finalizers make new garbage, each object at most once.
            for _ in 0..8 {
                world.python.collect().unwrap();
                world.settle().unwrap();
            }
            assert_eq!(world.python.n_unreachable(), 0, "{version}, seed {seed}");
        }
        assert!(n_garbage > 10, "{version}: there was garbage to find: {n_garbage}");
    }
}

#[test]
fn everything_is_reclaimed_in_the_end() {
    let mut world = run(Version::V3_12, 7, 1000);
    world.python.ret(None).unwrap();
    world.settle().unwrap();
    world.python.finish();
    let census = world.python.observer();
    assert!(!census.born.is_empty());
    let usage = world.python.usage();
    assert_eq!((usage.used_bytes(), usage.balance()), (0, 0));
}

#[test]
fn the_same_program_does_the_same_again() {
    for version in [Version::V3_11, Version::V3_13] {
        let (a, b) = (run(version, 5, 1000), run(version, 5, 1000));
        assert_eq!(a.python.usage(), b.python.usage());
        assert_eq!(a.python.gc_stats(), b.python.gc_stats());
        assert_eq!(a.python.gc_count(), b.python.gc_count());
        assert_eq!(a.python.observer().reclaimed, b.python.observer().reclaimed);
    }
}
