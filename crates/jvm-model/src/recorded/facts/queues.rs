//! In which order references come out of their queue, and finalizers run.

use memory_trait::{FieldIndex, Kind, Machine, Outcome, Slot};

use super::{A, B, Bench, C, D, FINAL, NODE, NUMBER};

const NUMBER_FIELD: FieldIndex = FieldIndex(0);
/// `Node.item`.
pub(super) const ITEM: FieldIndex = FieldIndex(1);
/// `Node.next`.
pub(super) const NEXT: FieldIndex = FieldIndex(2);
const PREV: FieldIndex = FieldIndex(3);
/// References of a recording.
const N: i64 = 8;

/// `weak array full: 7 6 5 4 3 2 1 0`: what was recorded and what the model says, as far as the flags are the heap's.
pub(super) fn order(flags: &str, recorded: &str) -> Result<(String, String), String> {
    let wrong = || format!("no order of a queue: {recorded:?}");
    let (what, order) = recorded.split_once(':').ok_or_else(wrong)?;
    let [kind, holder, generation] = what.split_whitespace().collect::<Vec<_>>()[..] else { return Err(wrong()) };
    let expected: Vec<&str> = order.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let heap: Vec<&str> = flags.split_whitespace().filter(|flag| flag.starts_with('-')).collect();
    let mut bench = Bench::new(&heap.join(" "))?;
    let said = match kind {
        "final" => bench.finalizers(generation == "full"),
        _ => bench.references(kind == "phantom", holder == "list", generation == "full"),
    };
    let said: Vec<String> = said.map_err(|fault| fault.to_string())?.iter().map(i64::to_string).collect();
    Ok((expected.join(" "), said.join(" ")))
}

impl Bench {
    fn collect(&mut self, is_full: bool) -> Outcome<()> {
        if is_full {
            return self.jvm.collect();
        }
        let before = self.jvm.heap().n_collections();
        while self.jvm.heap().n_collections() == before {
            self.jvm.new_bytes(C, 4000)?;
        }
        self.jvm.set_null(C)
    }

    fn numbered(&mut self, dst: Slot, number: i64) -> Outcome<()> {
        self.jvm.new_record(dst, NODE)?;
        self.jvm.set_int(NUMBER, number)?;
        self.jvm.store(dst, NUMBER_FIELD, NUMBER)
    }

    /// Eight references in an `Object[]` or a `LinkedList`, whose referents are dropped.
    fn references(&mut self, are_phantom: bool, is_list: bool, is_full: bool) -> Outcome<Vec<i64>> {
        let queue = self.jvm.new_queue();
        if is_list {
            // `LinkedList { first, last }` in `next` and `prev`.
            self.jvm.new_record(A, NODE)?;
        } else {
            self.jvm.new_array(A, Kind::Reference, N)?;
        }
        for number in 0..N {
            self.jvm.new_record(B, NODE)?;
            if are_phantom {
                self.jvm.new_phantom(C, B, queue)?;
            } else {
                self.jvm.new_weak_in(C, B, queue)?;
            }
            if !is_list {
                self.jvm.set_element(A, number, C)?;
                continue;
            }
            self.numbered(B, number)?;
            self.jvm.store(B, ITEM, C)?;
            self.jvm.load(D, A, PREV)?;
            self.jvm.store(A, PREV, B)?;
            if number == 0 {
                self.jvm.store(A, NEXT, B)?;
            } else {
                self.jvm.store(D, NEXT, B)?;
                self.jvm.store(B, PREV, D)?;
            }
        }
        [B, C, D].into_iter().try_for_each(|slot| self.jvm.set_null(slot))?;
        self.collect(is_full)?;
        let mut order = Vec::new();
        loop {
            self.jvm.poll(B, queue)?;
            if self.jvm.is_null(B)? {
                return Ok(order);
            }
            order.push(self.place_of(B, is_list)?);
        }
    }

    /// Where in its holder the reference in a slot is.
    fn place_of(&mut self, reference: Slot, is_list: bool) -> Outcome<i64> {
        if is_list {
            self.jvm.load(D, A, NEXT)?;
        }
        for number in 0..N {
            if is_list {
                self.jvm.load(C, D, ITEM)?;
            } else {
                self.jvm.element(C, A, number)?;
            }
            if self.jvm.same(C, reference)? {
                return Ok(number);
            }
            if is_list {
                self.jvm.load(D, D, NEXT)?;
            }
        }
        Ok(-1)
    }

    /// Eight objects with finalizers that are dropped; who held them does not matter.
    fn finalizers(&mut self, is_full: bool) -> Outcome<Vec<i64>> {
        for number in 0..N {
            self.jvm.new_record(A, FINAL)?;
            self.jvm.set_int(NUMBER, number)?;
            self.jvm.store(A, NUMBER_FIELD, NUMBER)?;
        }
        self.jvm.set_null(A)?;
        self.collect(is_full)?;
        let mut order = Vec::new();
        while self.jvm.begin_finalizer()?.is_some() {
            self.jvm.load(Slot(1), Slot(0), NUMBER_FIELD)?;
            order.push(self.jvm.int(Slot(1))?);
            self.jvm.ret(None)?;
        }
        Ok(order)
    }
}
