//! A linked list by hand: built, walked, half of it freed, one node used after that.
//!
//! `cargo run -p c-model --example linked_list`

use c_model::C;
use memory_trait::{FieldIndex, Kind, Line, Machine, Moment, Outcome, Program, Slot, Tick};

const VALUE: FieldIndex = FieldIndex(0);
const NEXT: FieldIndex = FieldIndex(1);
const HEAD: Slot = Slot(0);
const NODE: Slot = Slot(1);
const I: Slot = Slot(2);
const SUM: Slot = Slot(3);

fn main() -> Outcome<()> {
    let mut program = Program::default();
    let node = program.record("Node", &[("value", Kind::Int), ("next", Kind::Reference)]);
    let locals = [("head", Kind::Reference), ("node", Kind::Reference), ("i", Kind::Int), ("sum", Kind::Int)];
    let main = program.function("main", &[], &locals);

    let mut machine = C::builder().build();
    machine.load_program(&program)?;
    let mut tick = 0;
    let mut step = |machine: &mut C| {
        tick += 1;
        machine.set_moment(Moment { tick: Tick(tick), line: Line(0), ..Moment::default() });
    };

    machine.call(main, &[], None)?;
    println!("main's frame: {} bytes of stack", machine.usage().stack_bytes);

    machine.set_null(HEAD)?;
    for i in 0..10 {
        step(&mut machine);
        machine.new_record(NODE, node)?;
        machine.set_int(I, i)?;
        machine.store(NODE, VALUE, I)?;
        machine.store(NODE, NEXT, HEAD)?;
        machine.take(HEAD, NODE)?;
    }
    println!("ten nodes:    {:?}", machine.usage());

    machine.copy(NODE, HEAD)?;
    let mut sum = 0;
    while !machine.is_null(NODE)? {
        machine.load(SUM, NODE, VALUE)?;
        sum += machine.int(SUM)?;
        machine.load(NODE, NODE, NEXT)?;
    }
    println!("their sum:    {sum}");

    for _ in 0..5 {
        step(&mut machine);
        machine.load(NODE, HEAD, NEXT)?;
        machine.free(HEAD)?;
        if machine.usage().n_objects == 5 {
            break;
        }
        machine.take(HEAD, NODE)?;
    }
    println!("five freed:   {:?}", machine.usage());

    step(&mut machine);
    machine.load(SUM, HEAD, VALUE)?;
    println!("use after free: the value is now {:#x}, a link of malloc's", machine.int(SUM)?);
    machine.ret(None)?;
    machine.finish();
    for fault in machine.faults().first() {
        println!("  {fault}");
    }
    Ok(())
}
