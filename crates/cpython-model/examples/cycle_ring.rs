//! Rings of objects that refer to each other: reference counting cannot reclaim them, the collector can, but when?
//!
//! ```text
//! cargo run -p cpython-model --example cycle_ring
//! ```

use cpython_model::{CPython, Version};
use memory_trait::{Event, FieldIndex, Kind, Machine, Moment, Observer, Outcome, Program, Reclaimer, Slot, Tick};

const NEXT: FieldIndex = FieldIndex(0);
const RING_NODES: u64 = 10;
const N_RINGS: u64 = 300;

/// Prints collections as they happen, and counts who reclaims.
#[derive(Default)]
struct Printer {
    n_by_count: u64,
    n_by_cycle: u64,
}

impl Observer for Printer {
    fn observe(&mut self, at: Moment, event: &Event<'_>) {
        match event {
            Event::Reclaimed { by: Reclaimer::Count, .. } => self.n_by_count += 1,
            Event::Reclaimed { by: Reclaimer::Cycle, .. } => self.n_by_cycle += 1,
            Event::CollectionEnded { collection, n_reclaimed, .. } => {
                println!("  tick {:>5}: generation {} gave {n_reclaimed} objects", at.tick, collection.generation);
            }
            _ => {}
        }
    }
}

fn main() -> Outcome<()> {
    let mut program = Program::default();
    let node = program.record("Node", &[("next", Kind::Reference)]);
    let main = program.function(
        "main",
        &[],
        &[("first", Kind::Reference), ("last", Kind::Reference), ("fresh", Kind::Reference)],
    );
    let (first, last, fresh) = (Slot(0), Slot(1), Slot(2));

    for version in [Version::V3_11, Version::V3_12, Version::V3_13] {
        println!("CPython {version}: {N_RINGS} rings of {RING_NODES}");
        let mut python = CPython::builder().version(version).observer(Printer::default()).build();
        python.load_program(&program)?;
        python.call(main, &[], None)?;
        let mut now = Moment::default();
        for _ in 0..N_RINGS {
            python.new_record(first, node)?;
            python.copy(last, first)?;
            for _ in 1..RING_NODES {
                now.tick = Tick(now.tick.0 + 1);
                python.set_moment(now);
                python.new_record(fresh, node)?;
                python.store(last, NEXT, fresh)?;
                python.copy(last, fresh)?;
            }
            python.store(last, NEXT, first)?;
        }
        python.ret(None)?;
        let usage = python.usage();
        python.finish();
        let Printer { n_by_count, n_by_cycle } = python.observer();
        println!("  reclaimed by count {n_by_count}, by the collector {n_by_cycle}");
        println!("  gc.get_count() {:?}, {} bytes still in use\n", python.gc_count(), usage.used_bytes());
    }
    Ok(())
}
