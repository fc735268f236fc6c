//! Random programs: every operation that moves a reference about, in a few frames of a few threads.
//!
//! All functions have the same slots, so that any of them can be anywhere; which operation comes next is decided by
//! the seed, and by what the machine answers to `is_null` and `len`.

use memory_trait::{
    FieldIndex, FunctionId, Kind, Line, Machine, Moment, Outcome, Program, RecordId, Slot, ThreadId, Tick,
};

const NODE: RecordId = RecordId(0);
const PHOENIX: RecordId = RecordId(1);
const MAIN: FunctionId = FunctionId(0);
const WORK: FunctionId = FunctionId(1);
const RISE: FunctionId = FunctionId(2);
/// Four variables that hold records or null; the first two are parameters.
const RECORDS: u64 = 4;
/// A temporary that holds a record or null.
const TEMP: Slot = Slot(4);
const LIST: Slot = Slot(5);
const MAP: Slot = Slot(6);
const WEAK: Slot = Slot(7);
const KEY: Slot = Slot(8);
const LOCAL: Slot = Slot(9);

/// What random programs are made of.
pub(crate) fn shapes() -> Program {
    let mut program = Program::default();
    let fields = ["left", "right", "list"].map(|name| (name, Kind::Reference));
    program.record("Node", &fields);
    let phoenix = program.record("Phoenix", &fields);
    let names = ["a", "b", "c", "d", "temp", "list", "map", "weak", "key", "local"];
    let slots = names.map(|name| (name, if name == "key" { Kind::Int } else { Kind::Reference }));
    for (name, n_parameters) in [("main", 0), ("work", 2)] {
        let function = program.function(name, &slots[..n_parameters], &slots[n_parameters..]);
        let slots = &mut program.functions[function.index()].slots;
        slots[TEMP.index()].name = None;
        slots[LOCAL.index()].automatic = Some(NODE);
    }
    let rise = program.function("rise", &[("self", Kind::Reference)], &[("home", Kind::Reference)]);
    program.records[phoenix.index()].finalizer = Some(rise);
    program
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// How a random program is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) seed: u64,
    pub(crate) n_operations: u64,
    /// Whether there are finalizers and weak references, through which a program sees when it was collected.
    pub(crate) looks: bool,
}

struct Run<'m> {
    machine: &'m mut dyn Machine,
    random: Random,
    looks: bool,
    tick: u64,
    thread: ThreadId,
    /// How many frames each thread has.
    depths: Vec<u64>,
}

/// Runs a random program to its end.
pub(crate) fn run(machine: &mut dyn Machine, recipe: Recipe) {
    let Recipe { seed, n_operations, looks } = recipe;
    machine.load_program(&shapes()).expect("shapes fit");
    let mut run = Run { machine, random: Random(seed), looks, tick: 0, thread: ThreadId(0), depths: vec![1] };
    run.step(|m| m.call(MAIN, &[], None));
    run.enter(0);
    for _ in 0..n_operations {
        run.operation();
    }
    for thread in (0..run.depths.len()).rev() {
        while run.depths[thread] > 0 {
            run.switch(thread);
            run.leave();
        }
    }
    run.machine.finish();
}

impl Run<'_> {
    fn step<T>(&mut self, operation: impl FnOnce(&mut dyn Machine) -> Outcome<T>) -> T {
        self.tick += 1;
        self.machine.set_moment(Moment { tick: Tick(self.tick), line: Line(0), thread: self.thread });
        let answer = operation(self.machine).expect("random programs have no fatal faults");
        self.run_finalizers();
        answer
    }

    /// A finalizer lets its object be found by what it refers to, or not.
    fn run_finalizers(&mut self) {
        let (own, home) = (Slot(0), Slot(1));
        while let Some(function) = self.machine.begin_finalizer().expect("a finalizer begins") {
            assert_eq!(function, RISE);
            self.boxed(&|m| m.load(home, own, FieldIndex(0)));
            let is_null = self.machine.is_null(home).expect("home was loaded");
            if !is_null && self.random.below(2) == 0 {
                self.boxed(&|m| m.store(home, FieldIndex(1), own));
            }
            self.boxed(&|m| m.ret(None));
        }
    }

    /// A step whose type does not grow with the depth of finalizers within finalizers.
    fn boxed(&mut self, operation: &dyn Fn(&mut dyn Machine) -> Outcome<()>) {
        self.step(operation);
    }

    fn switch(&mut self, thread: usize) {
        let thread = ThreadId(thread as u32);
        self.step(|m| m.switch_thread(thread));
        self.thread = thread;
    }

    /// A new frame's variables get values.
    fn enter(&mut self, n_parameters: u32) {
        for slot in n_parameters..=TEMP.0 {
            self.step(|m| m.set_null(Slot(slot)));
        }
        self.step(|m| m.new_list(LIST, Kind::Reference));
        self.step(|m| m.new_map(MAP, Kind::Int, Kind::Reference));
        self.step(|m| m.set_null(WEAK));
    }

    /// Returns a record to the caller's temporary.
    fn leave(&mut self) {
        let value = self.record();
        let depth = &mut self.depths[self.thread.index()];
        *depth -= 1;
        if *depth == 0 {
            self.step(|m| m.ret(None));
        } else {
            self.step(|m| m.ret(Some(value)));
        }
    }

    fn record(&mut self) -> Slot {
        Slot(self.random.below(RECORDS + 1) as u32)
    }

    fn field(&mut self) -> FieldIndex {
        FieldIndex(self.random.below(2) as u32)
    }

    fn is_null(&mut self, slot: Slot) -> bool {
        self.step(|m| m.is_null(slot))
    }

    fn operation(&mut self) {
        let (a, b, field) = (self.record(), self.record(), self.field());
        match self.random.below(if self.looks { 30 } else { 26 }) {
            0..=3 => self.step(|m| m.new_record(a, NODE)),
            4 => self.step(|m| m.copy(a, b)),
            5 => {
                if a != b {
                    self.step(|m| m.take(a, b));
                    self.step(|m| m.set_null(b));
                }
            }
            6..=7 => self.step(|m| m.set_null(a)),
            8..=9 => {
                if !self.is_null(b) {
                    self.step(|m| m.load(a, b, field));
                }
            }
            10..=13 => {
                if !self.is_null(a) {
                    self.step(|m| m.store(a, field, b));
                }
            }
            14 => {
                self.step(|m| m.free(a));
                if self.random.below(3) > 0 {
                    self.step(|m| m.set_null(a));
                }
            }
            15 => self.step(|m| m.push(LIST, a)),
            16 => {
                let n_elements = self.step(|m| m.len(LIST));
                if n_elements > 0 {
                    let index = self.random.below(n_elements as u64) as i64;
                    match self.random.below(3) {
                        0 => self.step(|m| m.pop(a, LIST)),
                        1 => self.step(|m| m.element(a, LIST, index)),
                        _ => self.step(|m| m.set_element(LIST, index, a)),
                    }
                }
            }
            17..=18 => {
                let key = self.random.below(4) as i64;
                self.step(|m| m.set_int(KEY, key));
                match self.random.below(3) {
                    0 => drop(self.step(|m| m.remove(MAP, KEY))),
                    1 => drop(self.step(|m| m.get(a, MAP, KEY))),
                    _ => self.step(|m| m.put(MAP, KEY, a)),
                }
            }
            19..=20 => self.call_or_return(a, b),
            21 => {
                self.step(|m| m.new_local(LOCAL));
                self.step(|m| m.copy(a, LOCAL));
            }
            22 => self.thread(a, b),
            23 => {
                if self.random.below(4) == 0 {
                    self.step(|m| m.collect());
                }
            }
            // The containers themselves are members of cycles: a list holds a node that holds the list.
            24 => {
                if !self.is_null(a) {
                    self.step(|m| m.store(a, FieldIndex(2), LIST));
                }
            }
            25 => self.step(|m| m.new_list(LIST, Kind::Reference)),
            26..=27 => {
                self.step(|m| m.new_record(a, PHOENIX));
                self.step(|m| m.store(a, field, b));
            }
            28 => {
                if !self.is_null(a) {
                    self.step(|m| m.new_weak(WEAK, a));
                }
            }
            _ => {
                if !self.is_null(WEAK) {
                    self.step(|m| m.weak_get(a, WEAK));
                }
            }
        }
    }

    fn call_or_return(&mut self, a: Slot, b: Slot) {
        let depth = self.depths[self.thread.index()];
        if depth < 4 && self.random.below(2) == 0 {
            // A temporary moves into its parameter: only one of the two may be the temporary.
            let b = if b == TEMP { Slot(0) } else { b };
            self.step(|m| m.call(WORK, &[a, b], Some(TEMP)));
            self.depths[self.thread.index()] += 1;
            self.enter(2);
        } else if depth > 1 {
            self.leave();
        }
    }

    fn thread(&mut self, a: Slot, b: Slot) {
        let (a, b) = (if a == TEMP { Slot(0) } else { a }, if b == TEMP { Slot(0) } else { b });
        if self.depths.len() < 4 && self.random.below(2) == 0 {
            let thread = self.step(|m| m.start_thread(WORK, &[a, b]));
            assert_eq!(thread.index(), self.depths.len());
            self.depths.push(1);
            self.switch(thread.index());
            self.enter(2);
        } else if self.thread != ThreadId(0) && self.depths[self.thread.index()] == 1 && self.random.below(3) == 0 {
            self.leave();
            self.switch(0);
        } else {
            let thread = self.random.below(self.depths.len() as u64) as usize;
            if self.depths[thread] > 0 {
                self.switch(thread);
            }
        }
    }
}
