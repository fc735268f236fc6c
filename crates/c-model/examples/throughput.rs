//! How many operations a second the machine does, with the detector off and on, and nobody watching.
//!
//! `cargo run --release -p c-model --example throughput`

use std::time::Instant;

use c_model::{C, Glibc};
use memory_trait::{FieldIndex, FunctionId, Kind, Machine, Outcome, Program, RecordId, Slot, SlotShape};

const VALUE: FieldIndex = FieldIndex(0);
const NEXT: FieldIndex = FieldIndex(1);
const HEAD: Slot = Slot(0);
const NODE: Slot = Slot(1);
const I: Slot = Slot(2);
const TEMPORARY: Slot = Slot(3);

/// Nodes in the list.
const N: u64 = 1_000_000;

struct Shapes {
    program: Program,
    node: RecordId,
    main: FunctionId,
    leaf: FunctionId,
}

fn shapes() -> Shapes {
    let mut program = Program::default();
    let node = program.record("Node", &[("value", Kind::Int), ("next", Kind::Reference)]);
    let locals = [("head", Kind::Reference), ("node", Kind::Reference), ("i", Kind::Int)];
    let main = program.function("main", &[], &locals);
    let temporary = SlotShape { name: None, kind: Kind::Int, automatic: None };
    program.functions[main.index()].slots.push(temporary);
    let leaf = program.function("leaf", &[("a", Kind::Int), ("b", Kind::Reference)], &[("c", Kind::Int)]);
    Shapes { program, node, main, leaf }
}

/// Runs `work`, which returns how many operations it did, and prints the rate.
fn time(name: &str, work: impl FnOnce() -> Outcome<u64>) -> Outcome<()> {
    let start = Instant::now();
    let n_operations = work()?;
    let seconds = start.elapsed().as_secs_f64();
    let (rate, nanoseconds) = (n_operations as f64 / seconds / 1e6, seconds * 1e9 / n_operations as f64);
    println!("{name:<34} {rate:8.1} million operations/s {nanoseconds:7.1} ns");
    Ok(())
}

fn run(machine: &mut C, shapes: &Shapes, label: &str) -> Outcome<()> {
    machine.load_program(&shapes.program)?;
    machine.call(shapes.main, &[], None)?;
    machine.set_null(HEAD)?;
    time(&format!("variables, {label}"), || {
        for i in 0..10 * N {
            machine.set_int(I, i as i64)?;
            machine.copy(TEMPORARY, I)?;
            if machine.int(TEMPORARY)? < 0 {
                return Ok(0);
            }
        }
        Ok(30 * N)
    })?;
    time(&format!("build a list, {label}"), || {
        for _ in 0..N {
            machine.new_record(NODE, shapes.node)?;
            machine.store(NODE, VALUE, I)?;
            machine.store(NODE, NEXT, HEAD)?;
            machine.copy(HEAD, NODE)?;
        }
        Ok(4 * N)
    })?;
    time(&format!("walk it, {label}"), || {
        let mut n = 0;
        for _ in 0..4 {
            machine.copy(NODE, HEAD)?;
            while !machine.is_null(NODE)? {
                machine.load(I, NODE, VALUE)?;
                machine.load(NODE, NODE, NEXT)?;
                n += 3;
            }
        }
        Ok(n)
    })?;
    time(&format!("free it, {label}"), || {
        while !machine.is_null(HEAD)? {
            machine.load(NODE, HEAD, NEXT)?;
            machine.free(HEAD)?;
            machine.copy(HEAD, NODE)?;
        }
        Ok(4 * N)
    })?;
    time(&format!("create and free, {label}"), || {
        for _ in 0..N {
            machine.new_record(NODE, shapes.node)?;
            machine.store(NODE, VALUE, I)?;
            machine.free(NODE)?;
        }
        Ok(3 * N)
    })?;
    time(&format!("call and return, {label}"), || {
        for _ in 0..5 * N {
            machine.call(shapes.leaf, &[I, HEAD], None)?;
            machine.ret(None)?;
        }
        Ok(10 * N)
    })?;
    time(&format!("fill and read an array, {label}"), || {
        machine.new_array(NODE, Kind::Int, 1000)?;
        for round in 0..5000 {
            for index in 0..1000 {
                machine.set_element(NODE, index, I)?;
                machine.element(I, NODE, (index + round) % 1000)?;
            }
        }
        Ok(10 * N)
    })?;
    machine.ret(None)
}

fn main() -> Outcome<()> {
    let shapes = shapes();
    for (is_detecting, label) in [(false, "detector off"), (true, "detector on")] {
        let mut machine = C::builder().allocator(Glibc::builder().build()).detect(is_detecting).build();
        run(&mut machine, &shapes, label)?;
    }
    Ok(())
}
