//! What glibc 2.36 says of classic errors, at the call at which it says it, or its silence.
//!
//! The programs and verdicts were run on the real library; each program here makes the same calls and writes. Those
//! that have to do with the allocator alone are here, the others with the machine.

use c_model::malloc::Check;
use c_model::{Glibc, RawMemory};
use memory_trait::{Address, Allocator, Fault, FaultKind, Outcome};

/// A C program's view of its heap.
struct Program(Glibc);

impl Program {
    fn malloc(&mut self, bytes: u64) -> Outcome<u64> {
        Ok(self.0.malloc(bytes)?.0)
    }

    fn free(&mut self, block: u64) -> Outcome<()> {
        self.0.free(Address(block))
    }

    fn realloc(&mut self, block: u64, bytes: u64) -> Outcome<u64> {
        Ok(self.0.realloc(Address(block), bytes)?.0)
    }

    /// `n` blocks of `bytes`.
    fn blocks(&mut self, n: usize, bytes: u64) -> Outcome<Vec<u64>> {
        (0..n).map(|_| self.malloc(bytes)).collect()
    }

    /// Writes a byte.
    fn poke(&mut self, at: u64, byte: u8) {
        self.0.write(Address(at), &[byte]).expect("the program writes where memory is");
    }

    /// Writes a word.
    fn store(&mut self, at: u64, word: u64) {
        self.0.write_u64(Address(at), word).expect("the program writes where memory is");
    }

    fn load(&self, at: u64) -> u64 {
        self.0.read_u64(Address(at)).expect("the program reads where memory is")
    }
}

/// What comes of a program: a message on stderr, a signal, or nothing.
fn run(heap: Glibc, program: impl FnOnce(&mut Program) -> Outcome<()>) -> Option<Fault> {
    program(&mut Program(heap)).err().map(|fault| *fault)
}

/// Runs a program in a fresh process; `message` is glibc's, `SIGSEGV` or `silent`.
fn check(message: &str, program: impl FnOnce(&mut Program) -> Outcome<()>) {
    let got = run(Glibc::builder().build(), program);
    let said = match &got {
        None => "silent",
        Some(fault) if fault.kind == FaultKind::Segfault => "SIGSEGV",
        Some(fault) => &fault.message,
    };
    assert_eq!(said, message);
    assert!(got.is_none_or(|fault| fault.is_fatal));
}

const GARBAGE: u64 = 0x4141_4141_4141_4141;

#[test]
fn use_after_free_is_silent_until_a_link_is_followed() {
    check("silent", |c| {
        let p = c.malloc(40)?;
        c.poke(p + 20, 3);
        c.free(p)?;
        assert_eq!(c.load(p + 16) >> 32, 3, "what is read is what was there");
        c.poke(p + 20, 1);
        Ok(())
    });
    check("malloc(): unaligned tcache chunk detected", |c| {
        let (p, q) = (c.malloc(40)?, c.malloc(40)?);
        c.free(q)?;
        c.free(p)?;
        c.store(p, GARBAGE);
        c.malloc(40)?;
        c.malloc(40)?;
        Ok(())
    });
    check("silent", |c| {
        let p = c.malloc(100)?;
        let g = c.malloc(10)?;
        let q = c.realloc(p, 5000)?;
        assert_ne!(p, q);
        c.free(q)?;
        c.free(g)
    });
}

#[test]
fn a_second_free_is_detected_where_the_block_is_looked_for() {
    check("free(): double free detected in tcache 2", |c| {
        let p = c.malloc(40)?;
        c.free(p)?;
        c.free(p)
    });
    check("double free or corruption (fasttop)", |c| {
        let a = c.blocks(9, 40)?;
        a[..8].iter().try_for_each(|&p| c.free(p))?;
        c.free(a[7])
    });
    check("double free or corruption (!prev)", |c| {
        let p = c.malloc(2000)?;
        c.malloc(10)?;
        c.free(p)?;
        c.free(p)
    });
    check("double free or corruption (top)", |c| {
        let p = c.malloc(2000)?;
        c.free(p)?;
        c.free(p)
    });
    check("SIGSEGV", |c| {
        let p = c.malloc(500_000)?;
        c.free(p)?;
        c.free(p)
    });
}

#[test]
fn a_second_free_is_not_detected_behind_another_block_or_without_the_key() {
    let twice = |c: &mut Program| {
        let a = c.blocks(10, 40)?;
        a[..9].iter().try_for_each(|&p| c.free(p))?;
        c.free(a[7])
    };
    check("silent", twice);
    check("malloc_consolidate(): invalid chunk size", |c| {
        twice(c)?;
        // What the first `puts` of such a program does: it asks for a buffer.
        c.malloc(4096)?;
        Ok(())
    });
    check("silent", |c| {
        let p = c.malloc(40)?;
        c.free(p)?;
        c.store(p + 8, 0);
        c.free(p)?;
        assert_eq!(c.malloc(40)?, p);
        assert_eq!(c.malloc(40)?, p, "the same block twice");
        Ok(())
    });
    check("silent", |c| {
        let p = c.malloc(40)?;
        c.free(p)?;
        c.realloc(p, 200)?;
        Ok(())
    });
}

#[test]
fn a_free_of_what_is_no_block_stops_the_program() {
    check("free(): invalid pointer", |c| {
        let p = c.malloc(100)?;
        c.free(p + 16)
    });
    check("free(): invalid pointer", |c| {
        let p = c.malloc(100)?;
        c.free(p + 8)
    });
    check("free(): invalid pointer", |c| {
        let globals = Address(0x5555_5555_8000);
        c.0.memory_mut().map(globals, 4096);
        c.free(globals.0 + 0x40)
    });
    check("munmap_chunk(): invalid pointer", |c| {
        let stack = Address(0x7fff_ffff_0000);
        c.0.memory_mut().map(stack, 0x1000);
        c.store(stack.0 + 0x1f8, 0x7fff_ffff_0352);
        c.free(stack.0 + 0x200)
    });
    check("SIGSEGV", |c| c.free(0x1234_5670));
}

#[test]
fn a_realloc_of_what_is_no_block_stops_the_program() {
    for offset in [16, 8] {
        check("realloc(): invalid pointer", |c| {
            let p = c.malloc(100)?;
            c.realloc(p + offset, 200)?;
            Ok(())
        });
    }
}

#[test]
fn an_overflow_shows_when_the_damaged_size_is_used() {
    check("silent", |c| {
        let p = c.malloc(20)?;
        c.poke(p + 20, 1);
        c.free(p)
    });
    check("munmap_chunk(): invalid pointer", |c| {
        let (p, q) = (c.malloc(24)?, c.malloc(24)?);
        c.poke(p + 24, 0x7f);
        c.free(q)?;
        c.free(p)
    });
    check("free(): invalid next size (fast)", |c| {
        let a = c.blocks(9, 40)?;
        a[..7].iter().try_for_each(|&p| c.free(p))?;
        c.store(a[7] + 40, 0);
        c.free(a[7])
    });
    check("silent", |c| {
        let p = c.blocks(3, 2000)?[0];
        c.store(p + 2000, 8);
        c.free(p)
    });
    check("free(): invalid next size (normal)", |c| {
        let p = c.blocks(2, 1992)?[0];
        c.malloc(10)?;
        c.store(p + 1992, 0x4141_4141);
        c.free(p)
    });
    check("malloc(): corrupted top size", |c| {
        let p = c.malloc(24)?;
        c.store(p + 24, u64::MAX);
        c.malloc(2000)?;
        Ok(())
    });
}

#[test]
fn an_underflow_shows_when_the_block_is_freed() {
    check("double free or corruption (out)", |c| {
        let p = c.malloc(40)?;
        c.poke(p - 1, 1);
        c.malloc(1024)?;
        c.free(p)
    });
    check("munmap_chunk(): invalid pointer", |c| {
        let p = c.malloc(40)?;
        c.store(p - 8, 0x13);
        c.free(p)
    });
    check("munmap_chunk(): invalid pointer", |c| {
        let p = c.malloc(40)?;
        let size = c.load(p - 8);
        c.store(p - 8, size | 2);
        c.free(p)
    });
}

#[test]
fn a_damaged_free_list_shows_when_it_is_walked() {
    let freed = |c: &mut Program| -> Outcome<u64> {
        let p = c.malloc(2000)?;
        c.malloc(10)?;
        c.free(p)?;
        Ok(p)
    };
    check("SIGSEGV", |c| {
        let p = freed(c)?;
        c.store(p + 8, GARBAGE & !15);
        c.malloc(3000)?;
        Ok(())
    });
    check("malloc(): unsorted double linked list corrupted", |c| {
        let p = freed(c)?;
        c.store(p, p);
        c.malloc(3000)?;
        Ok(())
    });
    check("malloc(): invalid size (unsorted)", |c| {
        let p = freed(c)?;
        c.store(p - 8, 0x11);
        c.malloc(3000)?;
        Ok(())
    });
    check("corrupted double-linked list", |c| {
        let (p, q) = (c.malloc(2000)?, c.malloc(2000)?);
        let g = c.malloc(10)?;
        c.free(p)?;
        c.store(p, g);
        c.free(q)
    });
    check("corrupted size vs. prev_size while consolidating", |c| {
        let (p, q) = (c.malloc(2000)?, c.malloc(2000)?);
        c.malloc(10)?;
        c.free(p)?;
        c.store(q - 16, 0x100);
        c.free(q)
    });
    check("malloc(): smallbin double linked list corrupted", |c| {
        let stack = Address(0x7fff_ffff_0000);
        c.0.memory_mut().map(stack, 0x1000);
        let mut a = Vec::new();
        for _ in 0..10 {
            a.push(c.malloc(300)?);
            c.malloc(10)?;
        }
        a[..9].iter().try_for_each(|&p| c.free(p))?;
        c.malloc(5000)?;
        c.store(a[7] + 8, stack.0 + 0x100);
        c.blocks(9, 300)?;
        Ok(())
    });
}

/// Whether a garbled link looks aligned depends on the page its chunk is in: one process in 16 gets a signal instead.
#[test]
fn a_damaged_fastbin_is_detected_unless_the_garbled_link_looks_aligned() {
    let program = |c: &mut Program| {
        let a = c.blocks(10, 40)?;
        a[..9].iter().try_for_each(|&p| c.free(p))?;
        c.store(a[8], GARBAGE);
        c.blocks(9, 40)?;
        Ok(())
    };
    for page in 0..16 {
        let heap = Glibc::builder().heap_base(Address(0x5555_5555_0000 + page * 4096)).build();
        let fault = run(heap, program).expect("either way the program stops");
        if page == 1 {
            assert_eq!(fault.kind, FaultKind::Segfault);
        } else {
            assert_eq!(fault.message, Check::FastUnaligned3.message());
        }
    }
}

#[test]
fn an_enormous_request_is_refused_and_nothing_else_happens() {
    check("silent", |c| {
        assert_eq!(c.malloc(u64::MAX)?, 0);
        assert_eq!(c.malloc(1 << 46)?, 0);
        assert_eq!(c.0.calloc(1 << 33, 1 << 33)?, Address::NULL);
        assert_eq!(c.0.memalign(u64::MAX, 1)?, Address::NULL);
        assert_eq!(c.0.posix_memalign(24, 1)?, Address::NULL);
        assert_eq!(c.0.pvalloc(u64::MAX)?, Address::NULL);
        c.malloc(1)?;
        Ok(())
    });
}

#[test]
fn every_check_has_words_of_its_own() {
    for (i, check) in Check::ALL.iter().enumerate() {
        assert!(Check::ALL[..i].iter().all(|other| other.message() != check.message()), "{check:?}");
        assert!(matches!(check.kind(), FaultKind::DoubleFree | FaultKind::InvalidFree | FaultKind::Corruption));
    }
}
