//! Blocks used or freed after `free`.

use memory_trait::Outcome;

use super::{ClassicError, GARBAGE, blocks, sink, var};
use crate::process::{Local, Process};

pub(super) const ERRORS: &[ClassicError] = &[
    ClassicError {
        name: "uaf_read",
        source: "C*p=malloc(40); p[20]=3; free((void*)p); sink=p[20];",
        locals: &[Local::pointer("p")],
        steps: uaf_read,
        glibc: "silent",
        memcheck: "Invalid read of size 1",
        address_sanitizer: "heap-use-after-free",
    },
    ClassicError {
        name: "uaf_write",
        source: "C*p=malloc(40); free((void*)p); p[20]=1;",
        locals: &[Local::pointer("p")],
        steps: uaf_write,
        glibc: "silent",
        memcheck: "Invalid write of size 1",
        address_sanitizer: "heap-use-after-free",
    },
    ClassicError {
        name: "uaf_write_next_then_malloc",
        source: "V uint64_t*p=malloc(40),*q=malloc(40); free((void*)q); free((void*)p); p[0]=0x4141414141414141; void*V a=malloc(40); void*V b=malloc(40); (void)a;(void)b;",
        locals: &[Local::pointer("p"), Local::pointer("q"), Local::pointer("a"), Local::pointer("b")],
        steps: uaf_write_next_then_malloc,
        glibc: "malloc(): unaligned tcache chunk detected",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-use-after-free",
    },
    ClassicError {
        name: "uaf_read_large",
        source: "C*p=malloc(5000); void*V g=malloc(10); free((void*)p); sink=p[2000];",
        locals: &[Local::pointer("p"), Local::pointer("g")],
        steps: uaf_read_large,
        glibc: "silent",
        memcheck: "Invalid read of size 1",
        address_sanitizer: "heap-use-after-free",
    },
    ClassicError {
        name: "uaf_realloc_moved",
        source: "C*p=malloc(100); void*V g=malloc(10); C*q=realloc((void*)p,5000); sink=p[50]; free((void*)q); free(g);",
        locals: &[Local::pointer("p"), Local::pointer("g"), Local::pointer("q")],
        steps: uaf_realloc_moved,
        glibc: "silent",
        memcheck: "Invalid read of size 1",
        address_sanitizer: "heap-use-after-free",
    },
    ClassicError {
        name: "double_free_tcache",
        source: "void*V p=malloc(40); free(p); free(p);",
        locals: &[Local::pointer("p")],
        steps: double_free_tcache,
        glibc: "free(): double free detected in tcache 2",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting double-free",
    },
    ClassicError {
        name: "double_free_fast",
        source: "void*a[9]; for(int i=0;i<9;i++) a[i]=malloc(40); for(int i=0;i<8;i++) free(a[i]); void*V p=a[7]; free(p);",
        locals: &[Local::array("a", 9, 8), Local::pointer("p")],
        steps: double_free_fast,
        glibc: "double free or corruption (fasttop)",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting double-free",
    },
    ClassicError {
        name: "double_free_fast_abA",
        source: r#"void*a[10]; for(int i=0;i<10;i++) a[i]=malloc(40); for(int i=0;i<9;i++) free(a[i]); void*V p=a[7]; free(p); puts("silent");"#,
        locals: &[Local::array("a", 10, 8), Local::pointer("p")],
        steps: double_free_fast_aba,
        glibc: "silent",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting double-free",
    },
    ClassicError {
        name: "double_free_key_cleared",
        source: r#"V uint64_t*p=malloc(40); free((void*)p); p[1]=0; free((void*)p); puts("silent");"#,
        locals: &[Local::pointer("p")],
        steps: double_free_key_cleared,
        glibc: "silent",
        memcheck: "Invalid write of size 8; Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "heap-use-after-free",
    },
    ClassicError {
        name: "double_free_large",
        source: "void*V p=malloc(2000); void*V g=malloc(10); free(p); free(p);",
        locals: &[Local::pointer("p"), Local::pointer("g")],
        steps: double_free_large,
        glibc: "double free or corruption (!prev)",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting double-free",
    },
    ClassicError {
        name: "double_free_top",
        source: "void*V p=malloc(2000); free(p); free(p);",
        locals: &[Local::pointer("p")],
        steps: double_free_top,
        glibc: "double free or corruption (top)",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting double-free",
    },
    ClassicError {
        name: "double_free_mmap",
        source: "void*V p=malloc(500000); free(p); free(p);",
        locals: &[Local::pointer("p")],
        steps: double_free_mmap,
        glibc: "SIGSEGV",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting double-free",
    },
];

fn uaf_read(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 40)?;
    c.write(p + 20, &[3])?;
    c.free(p)?;
    sink(c, p + 20)
}

fn uaf_write(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 40)?;
    c.free(p)?;
    c.write(p + 20, &[1])
}

fn uaf_write_next_then_malloc(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 40)?;
    let q = var(c, "q", 40)?;
    c.free(q)?;
    c.free(p)?;
    c.store(p, GARBAGE)?;
    var(c, "a", 40)?;
    var(c, "b", 40)?;
    Ok(())
}

fn uaf_read_large(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 5000)?;
    var(c, "g", 10)?;
    c.free(p)?;
    sink(c, p + 2000)
}

fn uaf_realloc_moved(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 100)?;
    let g = var(c, "g", 10)?;
    let q = c.realloc(p, 5000)?;
    c.set("q", q)?;
    sink(c, p + 50)?;
    c.free(q)?;
    c.free(g)
}

fn double_free_tcache(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 40)?;
    c.free(p)?;
    c.free(p)
}

fn double_free_fast(c: &mut Process) -> Outcome<()> {
    let a = blocks(c, 9, 40)?;
    a[..8].iter().try_for_each(|&p| c.free(p))?;
    c.set("p", a[7])?;
    c.free(a[7])
}

fn double_free_fast_aba(c: &mut Process) -> Outcome<()> {
    let a = blocks(c, 10, 40)?;
    a[..9].iter().try_for_each(|&p| c.free(p))?;
    c.set("p", a[7])?;
    c.free(a[7])?;
    c.puts("silent")
}

fn double_free_key_cleared(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 40)?;
    c.free(p)?;
    c.store(p + 8, 0)?;
    c.free(p)?;
    c.puts("silent")
}

fn double_free_large(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 2000)?;
    var(c, "g", 10)?;
    c.free(p)?;
    c.free(p)
}

fn double_free_top(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 2000)?;
    c.free(p)?;
    c.free(p)
}

fn double_free_mmap(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 500_000)?;
    c.free(p)?;
    c.free(p)
}
