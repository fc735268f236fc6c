//! Accesses beyond the ends of blocks, and what they damage.

use memory_trait::Outcome;

use super::{ClassicError, blocks, sink, var};
use crate::process::{Local, Process};

pub(super) const ERRORS: &[ClassicError] = &[
    ClassicError {
        name: "overflow1_padding",
        source: r#"C*p=malloc(20); p[20]=1; free((void*)p); puts("silent");"#,
        locals: &[Local::pointer("p")],
        steps: overflow1_padding,
        glibc: "silent",
        memcheck: "Invalid write of size 1",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "overflow1_size",
        source: "C*p=malloc(24),*q=malloc(24); p[24]=0x7f; free((void*)q); free((void*)p);",
        locals: &[Local::pointer("p"), Local::pointer("q")],
        steps: overflow1_size,
        glibc: "munmap_chunk(): invalid pointer",
        memcheck: "Invalid write of size 1",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "overflow1_size_nofree",
        source: r#"C*p=malloc(24),*q=malloc(24); p[24]=0x7f; puts("silent");"#,
        locals: &[Local::pointer("p"), Local::pointer("q")],
        steps: overflow1_size_nofree,
        glibc: "silent",
        memcheck: "Invalid write of size 1",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "overread1",
        source: r#"C*p=malloc(24),*q=malloc(24); sink=p[24]; puts("silent");"#,
        locals: &[Local::pointer("p"), Local::pointer("q")],
        steps: overread1,
        glibc: "silent",
        memcheck: "Invalid read of size 1",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "overflow_next_fast",
        source: "void*a[9]; for(int i=0;i<9;i++) a[i]=malloc(40); for(int i=0;i<7;i++) free(a[i]); V uint64_t*p=a[7]; p[5]=0; free((void*)p);",
        locals: &[Local::array("a", 9, 8), Local::pointer("p")],
        steps: overflow_next_fast,
        glibc: "free(): invalid next size (fast)",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "overflow_next_normal",
        source: "V uint64_t*p=malloc(2000),*q=malloc(2000),*V g=malloc(10); (void)g; p[2000/8+0]=0x8; free((void*)p);",
        locals: &[Local::pointer("p"), Local::pointer("q"), Local::pointer("g")],
        steps: overflow_next_normal,
        glibc: "silent",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "overflow_next_huge",
        source: "V uint64_t*p=malloc(1992),*q=malloc(1992); void*V g=malloc(10); p[1992/8]=0x41414141; free((void*)p);",
        locals: &[Local::pointer("p"), Local::pointer("q"), Local::pointer("g")],
        steps: overflow_next_huge,
        glibc: "free(): invalid next size (normal)",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "overflow_top",
        source: "V uint64_t*p=malloc(24); p[3]=-1; void*V q=malloc(2000); (void)q;",
        locals: &[Local::pointer("p"), Local::pointer("q")],
        steps: overflow_top,
        glibc: "malloc(): corrupted top size",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "underflow1",
        source: r#"C*p=malloc(40); p[-1]=1; puts("silent?"); free((void*)p);"#,
        locals: &[Local::pointer("p")],
        steps: underflow1,
        glibc: "double free or corruption (out)",
        memcheck: "Invalid write of size 1",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "underflow_size",
        source: "V uint64_t*p=malloc(40); p[-1]=0x13; free((void*)p);",
        locals: &[Local::pointer("p")],
        steps: underflow_size,
        glibc: "munmap_chunk(): invalid pointer",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "corrupt_mbit",
        source: "V uint64_t*p=malloc(40); p[-1]|=2; free((void*)p);",
        locals: &[Local::pointer("p")],
        steps: corrupt_mbit,
        glibc: "munmap_chunk(): invalid pointer",
        memcheck: "Invalid read of size 8; Invalid write of size 8",
        address_sanitizer: "heap-buffer-overflow",
    },
];

fn overflow1_padding(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 20)?;
    c.write(p + 20, &[1])?;
    c.free(p)?;
    c.puts("silent")
}

fn overflow1_size(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 24)?;
    let q = var(c, "q", 24)?;
    c.write(p + 24, &[0x7f])?;
    c.free(q)?;
    c.free(p)
}

fn overflow1_size_nofree(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 24)?;
    var(c, "q", 24)?;
    c.write(p + 24, &[0x7f])?;
    c.puts("silent")
}

fn overread1(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 24)?;
    var(c, "q", 24)?;
    sink(c, p + 24)?;
    c.puts("silent")
}

fn overflow_next_fast(c: &mut Process) -> Outcome<()> {
    let a = blocks(c, 9, 40)?;
    a[..7].iter().try_for_each(|&p| c.free(p))?;
    c.set("p", a[7])?;
    c.store(a[7] + 40, 0)?;
    c.free(a[7])
}

fn overflow_next_normal(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 2000)?;
    var(c, "q", 2000)?;
    var(c, "g", 10)?;
    c.store(p + 2000, 8)?;
    c.free(p)
}

fn overflow_next_huge(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 1992)?;
    var(c, "q", 1992)?;
    var(c, "g", 10)?;
    c.store(p + 1992, 0x4141_4141)?;
    c.free(p)
}

fn overflow_top(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 24)?;
    c.store(p + 24, u64::MAX)?;
    var(c, "q", 2000)?;
    Ok(())
}

fn underflow1(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 40)?;
    c.write(p - 1, &[1])?;
    c.puts("silent?")?;
    c.free(p)
}

fn underflow_size(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 40)?;
    c.store(p - 8, 0x13)?;
    c.free(p)
}

fn corrupt_mbit(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 40)?;
    let size = c.load(p - 8)?;
    c.store(p - 8, size | 2)?;
    c.free(p)
}
