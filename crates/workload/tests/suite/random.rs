//! Random workloads are workloads: they pass the checker, end by themselves, and do something.

use workload::{Bare, Ending, Options, Workload, interpret, random};

#[test]
fn random_workloads_end_by_themselves_and_make_objects() {
    for seed in 0..300 {
        let source = random::source(seed);
        let workload = Workload::parse("random", &source).unwrap_or_else(|error| panic!("{seed}: {error}\n{source}"));
        let options = Options { seed, steps_max: 3_000_000, ..Options::default() };
        let run = interpret::run(&workload.compile(&[]).unwrap(), &mut Bare::with_room(1 << 24), &options);
        assert_eq!(run.ending, Ending::Finished, "{seed}\n{source}");
        assert!(run.ticks > 300, "{seed}: {} ticks\n{source}", run.ticks);
    }
}
