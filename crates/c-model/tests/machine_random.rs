//! Random programs, seeded: after every operation each byte of the heap is counted once, and what is read is what a plain
//! model of the same program has.

#[path = "support/auditor.rs"]
mod auditor;
#[path = "support/rig.rs"]
mod rig;

use auditor::Auditor;
use c_model::verify::verify_kernighan_ritchie;
use c_model::{C, KernighanRitchie, ProcessHeap};
use memory_trait::{Kind, Machine, Observer, Slot, ThreadId};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rig::*;

/// What the model keeps in a place of the table.
#[derive(Clone, Debug)]
enum Thing {
    Nothing,
    Node(i64),
    Array(Vec<i64>),
    List(Vec<i64>),
    Map(Vec<(i64, i64)>),
    Text(String),
}

struct Run<O, H> {
    machine: C<O, H>,
    ids: Ids,
    things: Vec<Thing>,
    random: Pcg64Mcg,
}

impl<O: Observer, H: ProcessHeap> Run<O, H> {
    fn new(machine: C<O, H>, seed: u64, n_things: usize) -> Self {
        let (mut machine, ids) = enter(machine);
        machine.new_array(D, Kind::Reference, n_things as i64).unwrap();
        Run { machine, ids, things: vec![Thing::Nothing; n_things], random: Pcg64Mcg::seed_from_u64(seed) }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.next_u64() % n
    }

    fn step(&mut self) {
        let place = self.below(self.things.len() as u64) as usize;
        self.machine.element(A, D, place as i64).unwrap();
        let mut thing = std::mem::replace(&mut self.things[place], Thing::Nothing);
        let is_freed = !matches!(thing, Thing::Nothing) && self.below(6) == 0;
        if is_freed {
            self.machine.free(A).unwrap();
            self.machine.set_null(A).unwrap();
            thing = Thing::Nothing;
        } else if matches!(thing, Thing::Nothing) {
            thing = self.create();
        } else {
            self.change(&mut thing);
        }
        self.machine.set_element(D, place as i64, A).unwrap();
        self.machine.clear(A).unwrap();
        self.things[place] = thing;
    }

    fn create(&mut self) -> Thing {
        match self.below(5) {
            0 => {
                self.machine.new_record(A, self.ids.node).unwrap();
                let value = self.below(1000) as i64;
                set_field(&mut self.machine, A, VALUE, value);
                Thing::Node(value)
            }
            1 => {
                let n = self.below(300);
                self.machine.new_array(A, Kind::Int, n as i64).unwrap();
                Thing::Array(vec![0; n as usize])
            }
            2 => {
                self.machine.new_list(A, Kind::Int).unwrap();
                Thing::List(Vec::new())
            }
            3 => {
                self.machine.new_map(A, Kind::Int, Kind::Int).unwrap();
                Thing::Map(Vec::new())
            }
            _ => {
                let text = "x".repeat(self.below(100) as usize);
                self.machine.new_text(A, &text).unwrap();
                Thing::Text(text)
            }
        }
    }

    fn change(&mut self, thing: &mut Thing) {
        let value = self.below(1 << 40) as i64;
        match thing {
            Thing::Nothing => unreachable!("nothing cannot be changed"),
            Thing::Node(old) => {
                assert_eq!(field(&mut self.machine, A, VALUE), *old);
                set_field(&mut self.machine, A, VALUE, value);
                *old = value;
            }
            Thing::Array(elements) => {
                assert_eq!(self.machine.len(A).unwrap(), elements.len() as i64);
                if !elements.is_empty() {
                    let index = self.below(elements.len() as u64) as usize;
                    assert_eq!(element(&mut self.machine, A, index as i64), elements[index]);
                    set_element(&mut self.machine, A, index as i64, value);
                    elements[index] = value;
                }
            }
            Thing::List(elements) => {
                for _ in 0..self.below(20) {
                    self.machine.set_int(I, value).unwrap();
                    self.machine.push(A, I).unwrap();
                    elements.push(value);
                }
                if !elements.is_empty() && self.below(2) == 0 {
                    self.machine.pop(J, A).unwrap();
                    assert_eq!(Some(self.machine.int(J).unwrap()), elements.pop());
                }
                assert_eq!(self.machine.len(A).unwrap(), elements.len() as i64);
            }
            Thing::Map(entries) => self.change_map(entries, value),
            Thing::Text(characters) => {
                assert_eq!(text(&mut self.machine, A), *characters);
                self.machine.set_constant(B, HELLO).unwrap();
                self.machine.concat(TEMP, A, B).unwrap();
                self.machine.free(A).unwrap();
                self.machine.take(A, TEMP).unwrap();
                characters.push_str("hello");
            }
        }
    }

    fn change_map(&mut self, entries: &mut Vec<(i64, i64)>, value: i64) {
        for _ in 0..self.below(12) {
            let key = self.below(40) as i64;
            self.machine.set_int(I, key).unwrap();
            let known = entries.iter().position(|entry| entry.0 == key);
            if self.below(3) == 0 {
                assert_eq!(self.machine.remove(A, I).unwrap(), known.is_some());
                known.map(|place| entries.remove(place));
            } else {
                self.machine.set_int(J, value).unwrap();
                self.machine.put(A, I, J).unwrap();
                match known {
                    Some(place) => entries[place].1 = value,
                    None => entries.push((key, value)),
                }
            }
        }
        let mut position = 0;
        for &(key, value) in entries.iter() {
            position = self.machine.next_key(I, A, position).unwrap().expect("as many keys as the model has");
            assert_eq!(self.machine.int(I).unwrap(), key);
            assert!(self.machine.get(J, A, I).unwrap());
            assert_eq!(self.machine.int(J).unwrap(), value);
        }
        assert_eq!(self.machine.next_key(I, A, position).unwrap(), None);
    }

    fn check(&self) {
        let usage = self.machine.usage();
        assert_eq!(usage.balance(), 0, "{usage:?}");
    }

    fn free_all(&mut self) {
        for place in 0..self.things.len() {
            self.machine.element(A, D, place as i64).unwrap();
            self.machine.free(A).unwrap();
        }
        self.machine.free(D).unwrap();
    }
}

#[test]
fn on_glibc_each_byte_is_counted_once_after_every_operation() {
    for seed in 0..4 {
        let mut run = Run::new(C::builder().build(), seed, 60);
        for _ in 0..3000 {
            run.step();
            run.check();
            let statistics = run.machine.allocator().statistics();
            assert_eq!(statistics.free_bytes(), run.machine.usage().free_bytes, "the allocator counts the same");
        }
        run.free_all();
        let usage = run.machine.usage();
        assert_eq!((usage.n_objects, usage.payload_bytes, usage.rounding_bytes, usage.balance()), (0, 0, 0, 0));
        assert_eq!(run.machine.faults().total(), 0);
    }
}

#[test]
fn on_the_textbook_allocator_the_books_agree_with_a_walk_over_the_heap() {
    for seed in 0..4 {
        let mut run = Run::new(C::builder().allocator(KernighanRitchie::default()).build(), seed, 40);
        for _ in 0..1500 {
            run.step();
            run.check();
            let census = verify_kernighan_ritchie(run.machine.allocator()).unwrap();
            let usage = run.machine.usage();
            assert_eq!(census.free_bytes, usage.free_bytes);
            assert_eq!((census.n_live, census.live_bytes), (usage.n_objects, usage.used_bytes()));
        }
        run.free_all();
        assert_eq!(run.machine.usage().used_bytes(), 0);
        assert_eq!(run.machine.faults().total(), 0);
    }
}

#[test]
fn watched_and_unwatched_runs_read_the_same_and_use_the_same_memory() {
    let mut watched = Run::new(C::builder().observer(Diary::default()).build(), 9, 30);
    let mut unwatched = Run::new(C::builder().detect(false).build(), 9, 30);
    for _ in 0..1000 {
        watched.step();
        unwatched.step();
        assert_eq!(watched.machine.usage(), unwatched.machine.usage());
    }
    assert!(watched.machine.observer().lines.len() > 1000);
}

#[test]
fn what_is_told_adds_up() {
    for seed in 0..4 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let (mut machine, ids) = enter(C::builder().observer(Auditor::default()).build());
        machine.new_map(B, Kind::Reference, Kind::Reference).unwrap();
        machine.new_list(D, Kind::Reference).unwrap();
        for _ in 0..2000 {
            match random.next_u64() % 8 {
                0 | 1 => {
                    machine.new_text(A, &(random.next_u64() % 30).to_string()).unwrap();
                    machine.push(D, A).unwrap();
                    machine.new_record(TEMP, ids.node).unwrap();
                    machine.put(B, A, TEMP).unwrap();
                }
                2 => {
                    machine.new_text(TEMP, &(random.next_u64() % 30).to_string()).unwrap();
                    machine.remove(B, TEMP).unwrap();
                    machine.free(TEMP).unwrap();
                }
                3 if machine.len(D).unwrap() > 0 => machine.pop(A, D).unwrap(),
                4 if machine.len(D).unwrap() > 0 => {
                    machine.set_null(A).unwrap();
                    machine.set_element(D, 0, A).unwrap();
                }
                5 => {
                    machine.new_record(TEMP, ids.file).unwrap();
                    machine.free(TEMP).unwrap();
                    machine.begin_finalizer().unwrap().unwrap();
                    machine.ret(None).unwrap();
                }
                6 => {
                    machine.call(ids.helper, &[D], Some(A)).unwrap();
                    machine.new_local(Slot(1)).unwrap();
                    machine.new_local(Slot(1)).unwrap();
                    machine.ret(Some(Slot(random.next_u32() % 2))).unwrap();
                }
                _ => {
                    let thread = machine.start_thread(ids.helper, &[D]).unwrap();
                    machine.switch_thread(thread).unwrap();
                    machine.new_local(Slot(1)).unwrap();
                    machine.ret(None).unwrap();
                    machine.switch_thread(ThreadId(0)).unwrap();
                }
            }
            assert_eq!(machine.usage().balance(), 0);
        }
        machine.ret(None).unwrap();
        machine.observer().assert_no_slot_is_left();
        machine.finish();
        machine.observer().assert_nothing_lives();
        assert!(machine.observer().n_events > 5000);
    }
}

#[test]
fn misuse_at_random_never_stops_anything_but_the_program() {
    for seed in 0..200 {
        let builder = C::builder().observer(Auditor::of_misuse());
        let (mut machine, ids) = enter(builder.limit_heap_bytes(4 << 20).build());
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let slots = [A, B, D];
        for slot in slots {
            machine.new_record(slot, ids.node).unwrap();
        }
        for _ in 0..400 {
            let mut slot = || slots[random.next_u64() as usize % 3];
            let (a, b) = (slot(), slot());
            let outcome = match random.next_u64() % 8 {
                0 => machine.new_record(a, ids.node),
                1 => machine.free(a),
                2 => machine.load(J, a, VALUE),
                3 => machine.load(a, b, NEXT),
                4 => machine.store(a, NEXT, b),
                5 => machine.set_int(I, random.next_u64() as i64).and_then(|()| machine.store(a, VALUE, I)),
                6 => machine.copy(a, b),
                _ => machine.store(a, VALUE, J),
            };
            if outcome.is_err() {
                break;
            }
        }
        machine.finish();
        assert!(machine.faults().total() > 0);
        machine.observer().assert_nothing_lives();
    }
}

#[test]
fn wild_containers_never_stop_anything_but_the_program() {
    for seed in 0..200 {
        let (mut machine, _) = enter(C::builder().limit_heap_bytes(4 << 20).build());
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        machine.new_array(A, Kind::Int, 4).unwrap();
        machine.new_list(B, Kind::Int).unwrap();
        machine.new_map(D, Kind::Int, Kind::Int).unwrap();
        for _ in 0..300 {
            let number = random.next_u64();
            machine.set_int(I, (number >> 50) as i64).unwrap();
            let index = (number >> 20) as i64 % 24 - 4;
            let outcome = match number % 9 {
                0 | 1 => machine.set_element(A, index, I),
                2 => machine.element(J, A, index),
                3 => machine.push(B, I),
                4 => machine.len(B).map(|_| ()),
                5 => machine.put(D, I, I),
                6 => machine.remove(D, I).map(|_| ()),
                7 => machine.next_key(J, D, index).map(|_| ()),
                _ => machine.set_element(B, index, I),
            };
            let usage = machine.usage();
            assert!(usage.used_bytes() < 64 << 20, "{usage:?}");
            if outcome.is_err() {
                break;
            }
        }
        machine.finish();
    }
}

#[test]
fn a_slot_outside_the_frame_is_a_bug_of_the_caller() {
    let outcome = std::panic::catch_unwind(|| {
        let (mut machine, _) = in_main();
        machine.set_int(Slot(100), 1)
    });
    assert!(outcome.is_err());
}
