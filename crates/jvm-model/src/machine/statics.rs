//! What exists before the program does, or as soon as a class of the JDK is used: constants and caches.
//!
//! String literals are interned when the program is loaded; `Boolean.TRUE` and `FALSE`, the cache of `Long` and the
//! empty array of `ArrayList` are there when they are first needed. All of it is at the bottom of old, where the
//! class data archive puts it, is reached from the VM's own roots, and is the runtime's own: no workload object.
//!
//! Differs: the rest of what a JVM has on its heap when `main` begins (some 540 KB) is not there.

use memory_trait::{Constant, ConstantId, Observer, Outcome, Program};

use super::Jvm;
use super::host::FunctionLayout;
use super::values::{LONG_CACHE_HIGH, LONG_CACHE_LOW};
use crate::heap::klass::KlassId;
use crate::heap::memory::Narrow;

/// Places in the table of the VM's own roots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statics {
    /// `Finalizer.unfinalized`: all finalizers that have not run, newest first.
    pub(super) unfinalized: usize,
    /// The head of the finalizers' queue; those of other queues follow elsewhere.
    pub(super) finalizer_queue: usize,
    true_box: usize,
    false_box: usize,
    long_cache: usize,
    empty_capacity: usize,
    /// From here on: the literals, by constant.
    first_constant: usize,
}

impl Statics {
    /// The places, all of them empty at first.
    pub(super) const NEW: Statics = Statics {
        unfinalized: 0,
        finalizer_queue: 1,
        true_box: 2,
        false_box: 3,
        long_cache: 4,
        empty_capacity: 5,
        first_constant: 6,
    };
}

impl<O: Observer> Jvm<O> {
    /// Takes the shapes of the program.
    pub(super) fn load(&mut self, program: &Program) -> Outcome<()> {
        self.classes.add_records(self.heap.klasses_mut(), program, self.mode);
        self.host.functions = program.functions.iter().map(FunctionLayout::new).collect();
        self.host.statics = vec![0; self.statics.first_constant + program.constants.len()];
        for (index, constant) in program.constants.iter().enumerate() {
            if let Constant::Text(text) = constant {
                let literal = self.literal(text)?;
                self.host.statics[self.statics.first_constant + index] = literal;
            }
        }
        self.program = program.clone();
        if let Some(start) = self.start.take() {
            // Whatever a program may use of the JDK exists by then.
            self.boolean(true)?;
            self.boolean(false)?;
            self.cached_long(0)?;
            self.empty_capacity()?;
            let rest = self.heap.resume_around(&start).unwrap_or_else(|reason| panic!("{reason}"));
            self.host.statics.push(rest);
        }
        Ok(())
    }

    /// A constant as a value.
    pub(super) fn constant(&self, constant: ConstantId) -> u64 {
        match &self.program.constants[constant.index()] {
            Constant::Int(value) => *value as u64,
            Constant::Float(value) => value.to_bits(),
            Constant::Text(_) => self.host.statics[self.statics.first_constant + constant.index()],
        }
    }

    /// Allocates something that the image has.
    pub(super) fn allocate_in_image(&mut self, klass: KlassId, length: u32) -> Outcome<usize> {
        match self.heap.allocate_in_image(klass, length) {
            Ok(object) => Ok(object),
            Err(_) => self.out_of_memory(),
        }
    }

    fn cached(&mut self, place: usize, make: impl FnOnce(&mut Self) -> Outcome<usize>) -> Outcome<Narrow> {
        if self.host.statics[place] == 0 {
            let object = make(self)?;
            self.host.statics[place] = self.heap.memory().narrow(object);
        }
        Ok(self.host.statics[place])
    }

    /// `Boolean.valueOf`.
    pub(super) fn boolean(&mut self, value: bool) -> Outcome<Narrow> {
        let place = if value { self.statics.true_box } else { self.statics.false_box };
        self.cached(place, |jvm| {
            let object = jvm.allocate_in_image(jvm.classes.boolean_box, 0)?;
            let at = object * 8 + jvm.classes.places.boolean_byte;
            jvm.heap.memory_mut().set_byte(at, u8::from(value));
            Ok(object)
        })
    }

    /// `Long.valueOf` of a small value.
    pub(super) fn cached_long(&mut self, value: i64) -> Outcome<Narrow> {
        let cache = self.cached(self.statics.long_cache, |jvm| {
            let n_longs = (LONG_CACHE_HIGH - LONG_CACHE_LOW + 1) as u32;
            let cache = jvm.allocate_in_image(jvm.classes.table, n_longs)?;
            for (index, value) in (LONG_CACHE_LOW..=LONG_CACHE_HIGH).enumerate() {
                let long = jvm.allocate_in_image(jvm.classes.long_box, 0)?;
                let at = long + jvm.classes.places.box_word;
                jvm.heap.memory_mut().set_word(at, value as u64);
                let reference = jvm.heap.memory().narrow(long);
                jvm.heap.store_element(cache, index, reference);
            }
            Ok(cache)
        })?;
        let cache = self.heap.memory().index(cache);
        Ok(self.heap.element(cache, (value - LONG_CACHE_LOW) as usize))
    }

    /// `ArrayList.DEFAULTCAPACITY_EMPTY_ELEMENTDATA`.
    pub(super) fn empty_capacity(&mut self) -> Outcome<Narrow> {
        self.cached(self.statics.empty_capacity, |jvm| jvm.allocate_in_image(jvm.classes.capacity, 0))
    }
}
