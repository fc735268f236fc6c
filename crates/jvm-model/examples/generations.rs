//! What becomes of objects in a generational heap: a program that keeps every hundredth of its objects, and what the
//! VM says of it.
//!
//! `cargo run -p jvm-model --example generations`

use std::error::Error;

use jvm_model::Jvm;
use memory_trait::{Event, FieldIndex, Kind, Machine, Moment, Observer, Program, Reclaimer, Slot};

/// Counts what happens to objects.
#[derive(Default)]
struct Counts {
    born: u64,
    moved: u64,
    young: u64,
    full: u64,
    exit: u64,
}

impl Observer for Counts {
    fn observe(&mut self, _at: Moment, event: &Event<'_>) {
        match event {
            Event::Born { .. } => self.born += 1,
            Event::Moved { .. } => self.moved += 1,
            Event::Reclaimed { by: Reclaimer::Young, .. } => self.young += 1,
            Event::Reclaimed { by: Reclaimer::Full, .. } => self.full += 1,
            Event::Reclaimed { by: Reclaimer::Exit, .. } => self.exit += 1,
            _ => {}
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut program = Program::default();
    let node = program.record("Node", &[("value", Kind::Int), ("next", Kind::Reference)]);
    let locals = [("kept", Kind::Reference), ("fresh", Kind::Reference), ("i", Kind::Int)];
    let main = program.function("main", &[], &locals);
    let (kept, fresh, i) = (Slot(0), Slot(1), Slot(2));

    let builder =
        Jvm::builder().flags("-Xmx16m -Xms16m -Xmn4m -XX:MaxTenuringThreshold=3").gc_log("gc,gc+heap".parse()?);
    let mut jvm = builder.observer(Counts::default()).build()?;
    jvm.load_program(&program)?;
    jvm.call(main, &[], None)?;
    jvm.set_null(kept)?;
    for value in 0..1_000_000 {
        jvm.set_int(i, value)?;
        jvm.new_record(fresh, node)?;
        jvm.store(fresh, FieldIndex(0), i)?;
        if value % 100 == 0 {
            jvm.store(fresh, FieldIndex(1), kept)?;
            jvm.copy(kept, fresh)?;
        }
    }
    jvm.set_null(kept)?;
    jvm.collect()?;
    print!("{}", jvm.gc_log());
    print!("{}", jvm.heap().heap_info());
    jvm.ret(None)?;
    jvm.finish();
    let Counts { born, moved, young, full, exit } = *jvm.observer();
    println!("{born} objects: {young} reclaimed young, {full} by full collections, {exit} at exit; {moved} moves");
    Ok(())
}
