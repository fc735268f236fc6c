//! The process of raw pointers: frames, blocks, scopes, copies, leaks, and a detector that is never wrong about a
//! correct program.

use c_model::process::{Leaks, Local, Misuse, Pointer, Process};
use memory_trait::{Address, FaultKind};
use rand_core::Rng;
use rand_pcg::Pcg32;

fn in_main(locals: &[Local]) -> Process {
    let mut c = Process::builder().build();
    c.call("main", locals).unwrap();
    c
}

fn summaries(c: &Process) -> Vec<String> {
    c.findings().iter().map(c_model::process::Finding::summary).collect()
}

#[test]
fn a_stale_pointer_is_found_even_when_its_address_belongs_to_another_block() {
    let mut c = in_main(&[]);
    let p = c.malloc(40).unwrap();
    c.free(p).unwrap();
    let q = c.malloc(40).unwrap();
    assert_eq!(p.address, q.address);
    c.store(p, 1).unwrap();
    c.store(q, 2).unwrap();
    assert_eq!(summaries(&c), ["use_after_free of malloc#1"], "and nothing is wrong with the second pointer");
}

#[test]
fn an_overflow_into_another_live_object_is_found() {
    let mut c = in_main(&[Local::array("a", 4, 8), Local::array("b", 4, 8)]);
    let (a, b) = (c.local("a"), c.local("b"));
    assert_eq!(a.address.0 - b.address.0, 32, "neighbours");
    c.store(b + 32, 7).unwrap();
    assert_eq!(c.load(a).unwrap(), 7, "the damage is done");
    let (block, behind) = (c.malloc(24).unwrap(), c.malloc(24).unwrap());
    c.store(block + (behind.address.0 - block.address.0), 7).unwrap();
    assert_eq!(c.load(behind).unwrap(), 7);
    assert_eq!(summaries(&c), ["out_of_bounds of b", "out_of_bounds of malloc#1"]);
}

#[test]
fn a_pointer_made_from_a_number_belongs_to_what_is_there() {
    let mut c = in_main(&[]);
    let p = c.malloc(24).unwrap();
    let number = Pointer::from(p.address);
    c.store(number + 16, 1).unwrap();
    assert_eq!(c.findings(), []);
    c.store(number + 24, 0x21).unwrap();
    c.free(p).unwrap();
    c.load(number).unwrap();
    assert_eq!(summaries(&c), ["wild_pointer", "use_after_free of malloc#1"]);
}

#[test]
fn a_pointer_in_memory_keeps_its_object_until_its_bytes_are_overwritten() {
    let mut c = in_main(&[Local::pointer("p"), Local::pointer("q")]);
    let p = c.malloc(16).unwrap();
    c.set("p", p).unwrap();
    c.copy(c.local("q"), c.local("p"), 8).unwrap();
    c.free(p).unwrap();
    let new = c.malloc(16).unwrap();
    assert_eq!(new.address, p.address);
    let q = c.load_pointer(c.local("q")).unwrap();
    c.store(q, 1).unwrap();
    assert_eq!(summaries(&c), ["use_after_free of malloc#1"]);
    c.set_int("q", new.address.0).unwrap();
    let q = c.load_pointer(c.local("q")).unwrap();
    c.store(q, 1).unwrap();
    assert_eq!(c.findings().len(), 1, "as a number it is the new block's");
}

#[test]
fn a_realloc_carries_what_was_written_and_ends_the_old_block_even_in_place() {
    let mut c = in_main(&[]);
    let p = c.malloc(40).unwrap();
    c.write(p, b"abcd").unwrap();
    let q = c.realloc(p, 56).unwrap();
    assert_eq!(q.address, p.address, "top is behind it");
    c.store(p + 8, 1).unwrap();
    assert_eq!(summaries(&c), ["use_after_free of malloc#1"]);
    c.malloc(1).unwrap();
    let r = c.realloc(q, 500).unwrap();
    assert_ne!(r.address, q.address);
    assert!(c.branch_on(r, 4).unwrap());
    assert_eq!(c.findings().len(), 1);
    c.branch_on(r + 3, 2).unwrap();
    assert_eq!(summaries(&c)[1..], ["uninitialised of malloc#4"]);
    let gone = c.realloc(r, 0).unwrap();
    assert!(gone.is_null());
    c.load(r).unwrap();
    assert_eq!(summaries(&c)[2..], ["use_after_free of malloc#4"]);
}

#[test]
fn uninitialised_bytes_may_be_copied_and_are_found_when_something_depends_on_them() {
    let mut c = in_main(&[Local::array("x", 4, 8), Local::array("y", 4, 8)]);
    c.store(c.local("x") + 8, 1).unwrap();
    c.copy(c.local("y"), c.local("x"), 32).unwrap();
    assert_eq!(c.findings(), []);
    assert!(c.branch_on(c.local("y") + 8, 8).unwrap());
    assert_eq!(c.findings(), []);
    c.branch_on(c.local("y") + 16, 1).unwrap();
    assert_eq!(summaries(&c), ["uninitialised of y"]);
    let z = c.calloc(2, 8).unwrap();
    assert!(!c.branch_on(z, 16).unwrap());
    assert_eq!(c.findings().len(), 1);
}

#[test]
fn what_is_put_out_through_a_buffer_is_found_when_the_buffer_reaches_the_kernel() {
    let mut c = in_main(&[]);
    let p = c.malloc(16).unwrap();
    c.store(p, 1).unwrap();
    c.fwrite(p, 8).unwrap();
    c.puts("line").unwrap();
    c.flush().unwrap();
    assert_eq!(c.findings(), []);
    c.fwrite(p, 16).unwrap();
    assert_eq!(c.findings(), []);
    c.flush().unwrap();
    assert_eq!(c.findings()[0].misuse, Misuse::Uninitialised);
    c.write_out(p, 16).unwrap();
    assert_eq!(summaries(&c)[1..], ["uninitialised of malloc#1"]);
}

#[test]
fn leaks_are_told_apart_as_memcheck_tells_them() {
    let mut c = in_main(&[Local::pointer("p"), Local::pointer("q")]);
    let root = c.global("root", 8);
    let reachable = c.malloc(16).unwrap();
    c.store_pointer(root, reachable).unwrap();
    let through = c.malloc(16).unwrap();
    c.store_pointer(reachable + 8, through).unwrap();
    let interior = c.malloc(16).unwrap();
    c.set("p", interior + 8).unwrap();
    let lost = c.malloc(16).unwrap();
    let indirect = c.malloc(16).unwrap();
    c.store_pointer(lost, indirect).unwrap();
    let (ring, other) = (c.malloc(16).unwrap(), c.malloc(16).unwrap());
    c.store_pointer(ring, other).unwrap();
    c.store_pointer(other, ring).unwrap();
    let of_a_dead_frame = c.malloc(16).unwrap();
    c.call("f", &[Local::pointer("p")]).unwrap();
    c.set("p", of_a_dead_frame).unwrap();
    c.ret().unwrap();
    let leaks = c.exit().unwrap();
    assert_eq!(leaks, Leaks { n_definite: 3, n_indirect: 2, n_possible: 1, n_reachable: 2 });
    assert_eq!(summaries(&c), ["leak of malloc#4", "leak of malloc#6", "leak of malloc#8"]);
}

#[test]
fn a_block_that_only_main_knew_is_lost_when_main_has_returned() {
    let program = |returns: bool| {
        let mut c = in_main(&[Local::pointer("p")]);
        let p = c.malloc(16).unwrap();
        c.set("p", p).unwrap();
        if returns {
            c.ret().unwrap();
        }
        c.exit().unwrap().n_definite
    };
    assert_eq!((program(false), program(true)), (0, 1));
}

#[test]
fn alloca_lowers_the_stack_until_the_function_returns() {
    let mut c = in_main(&[Local::scalar("n", 8)]);
    let before = c.stack_pointer();
    c.call("f", &[Local::scalar("n", 8)]).unwrap();
    let in_f = c.stack_pointer().0;
    let (a, b) = (c.alloca(24), c.alloca(25));
    assert_eq!((in_f - a.address.0, a.address.0 - b.address.0), (32, 48));
    c.write(b, &[1; 25]).unwrap();
    c.write(b + 25, &[1]).unwrap();
    c.ret().unwrap();
    assert_eq!(c.stack_pointer(), before);
    c.load_byte(b).unwrap();
    assert_eq!(summaries(&c), ["out_of_bounds of alloca", "use_after_return of alloca"]);
}

#[test]
fn a_leaf_keeps_120_bytes_below_the_stack_pointer() {
    let mut c = in_main(&[]);
    let before = c.stack_pointer().0;
    c.call_leaf("small", &[Local::array("b", 100, 1)]).unwrap();
    assert_eq!(before - c.stack_pointer().0, 16, "the link only");
    c.memset(c.local("b"), 1, 100).unwrap();
    assert!(c.local("b").address < c.stack_pointer());
    c.ret().unwrap();
    c.call_leaf("large", &[Local::array("b", 1000, 1)]).unwrap();
    assert_eq!(before - c.stack_pointer().0, 16 + 888);
    c.memset(c.local("b"), 1, 1000).unwrap();
    c.ret().unwrap();
    assert_eq!(c.findings(), []);
}

#[test]
fn who_overwrites_the_return_address_is_stopped_at_the_return() {
    let mut c = in_main(&[]);
    c.call("f", &[Local::array("b", 16, 1)]).unwrap();
    c.memset(c.local("b"), 0x41, 24).unwrap();
    c.ret().unwrap();
    assert_eq!(c.base_pointer(), Address(0x4141_4141_4141_4141), "the caller's base pointer is what was written");
    let fault = c.ret().unwrap_err();
    assert_eq!(fault.kind, FaultKind::Segfault, "and that shows when the caller uses it");

    let mut c = in_main(&[]);
    c.call("f", &[Local::array("b", 16, 1)]).unwrap();
    c.memset(c.local("b"), 0x41, 32).unwrap();
    assert_eq!(c.ret().unwrap_err().kind, FaultKind::Segfault);
}

#[test]
fn a_local_beyond_the_end_of_the_stack_is_found_at_its_first_use() {
    let mut c = Process::builder().stack_bytes(64 << 10).build();
    c.call("main", &[Local::array("huge", 1 << 20, 1)]).unwrap();
    let fault = c.write(c.local("huge"), &[1]).unwrap_err();
    assert_eq!(fault.kind, FaultKind::StackOverflow);
    assert_eq!(summaries(&c), ["stack_overflow"]);
    let fault = c.call("f", &[]).unwrap_err();
    assert_eq!(fault.kind, FaultKind::StackOverflow);
}

#[test]
fn of_objects_that_are_long_over_the_detector_knows_that_they_are() {
    let mut c = in_main(&[]);
    let first = c.malloc(24).unwrap();
    c.free(first).unwrap();
    for _ in 0..c_model::process::FINISHED_MAX {
        let p = c.malloc(24).unwrap();
        c.free(p).unwrap();
    }
    c.load(first).unwrap();
    assert_eq!(summaries(&c), ["use_after_free"], "but no longer which");
}

/// What the random program holds: a block, its size, and how much of it was written from its start.
type Held = (Pointer, u64, u64);

#[test]
fn a_correct_program_has_no_findings() {
    for seed in 0..20 {
        let mut rng = Pcg32::new(seed, 1);
        let mut c = in_main(&[]);
        let mut held: Vec<Held> = Vec::new();
        for _ in 0..2000 {
            let size = u64::from(rng.next_u32() % if rng.next_u32().is_multiple_of(20) { 200_000 } else { 300 });
            let place = rng.next_u32() as usize % held.len().max(1);
            match rng.next_u32() % 6 {
                0 | 1 => held.push((c.malloc(size).unwrap(), size, 0)),
                2 if !held.is_empty() => c.free(held.swap_remove(place).0).unwrap(),
                3 if !held.is_empty() && size > 0 => {
                    let (block, had, written) = held[place];
                    assert!(had.min(written) == written);
                    held[place] = (c.realloc(block, size).unwrap(), size, written.min(size));
                }
                4 if !held.is_empty() => {
                    let (block, bytes, _) = held[place];
                    c.memset(block, 1, bytes).unwrap();
                    held[place].2 = bytes;
                }
                _ if !held.is_empty() => {
                    let (block, _, written) = held[place];
                    c.call("f", &[Local::array("b", 64, 1)]).unwrap();
                    let n = written.min(64);
                    c.copy(c.local("b"), block, n).unwrap();
                    assert_eq!(c.branch_on(c.local("b"), n).unwrap(), n > 0);
                    c.ret().unwrap();
                }
                _ => {}
            }
        }
        for (block, ..) in held {
            c.free(block).unwrap();
        }
        c.exit().unwrap();
        assert_eq!(c.findings(), [], "seed {seed}");
        c.allocator().verify().unwrap();
    }
}

// What `Differs:` and `Left out` say of the process, so that a change of it is noticed.

#[test]
fn arrays_of_blocks_that_exclude_each_other_do_not_share_their_place() {
    let c = in_main(&[Local::array("a", 32, 1).scoped(), Local::array("b", 32, 1).scoped()]);
    assert_ne!(c.local("a").address, c.local("b").address, "gcc gives both the same");
}

#[test]
fn globals_follow_each_other_in_the_order_in_which_they_are_declared() {
    let mut c = in_main(&[]);
    let (sink, glob) = (c.global("sink", 4), c.global("glob", 16));
    assert_eq!(glob.address.0 - sink.address.0, 16);
    assert_eq!(c.global("sink", 4), sink, "a name is one variable");
}

#[test]
fn a_write_that_does_not_fit_empties_the_buffer_first() {
    let mut c = in_main(&[]);
    let p = c.malloc(4000).unwrap();
    c.memset(p, 1, 3000).unwrap();
    c.fwrite(p, 3000).unwrap();
    c.fwrite(p, 3500).unwrap();
    assert_eq!(c.findings(), [], "the second 3500 bytes wait; glibc would have put out the first 1096 of them");
    c.exit().unwrap();
    assert_eq!(c.findings()[0].misuse, Misuse::Uninitialised);
}
