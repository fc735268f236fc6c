//! Links of free blocks, overwritten.

use memory_trait::Outcome;

use super::{ClassicError, GARBAGE, blocks, element, var};
use crate::process::{Local, Pointer, Process};

pub(super) const ERRORS: &[ClassicError] = &[
    ClassicError {
        name: "unsorted_bk",
        source: "V uint64_t*p=malloc(2000); void*V g=malloc(10); free((void*)p); p[1]=0x4141414141414140; void*V q=malloc(3000); (void)q;",
        locals: &[Local::pointer("p"), Local::pointer("g"), Local::pointer("q")],
        steps: unsorted_bk,
        glibc: "SIGSEGV",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-use-after-free",
    },
    ClassicError {
        name: "unsorted_fd",
        source: "V uint64_t*p=malloc(2000); void*V g=malloc(10); free((void*)p); p[0]=(uint64_t)p; void*V q=malloc(3000); (void)q;",
        locals: &[Local::pointer("p"), Local::pointer("g"), Local::pointer("q")],
        steps: unsorted_fd,
        glibc: "malloc(): unsorted double linked list corrupted",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-use-after-free",
    },
    ClassicError {
        name: "unsorted_size",
        source: "V uint64_t*p=malloc(2000); void*V g=malloc(10); free((void*)p); p[-1]=0x11; void*V q=malloc(3000); (void)q;",
        locals: &[Local::pointer("p"), Local::pointer("g"), Local::pointer("q")],
        steps: unsorted_size,
        glibc: "malloc(): invalid size (unsorted)",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "unlink_fd",
        source: "V uint64_t*p=malloc(2000),*q=malloc(2000); void*V g=malloc(10); free((void*)p); p[0]=(uint64_t)g; free((void*)q);",
        locals: &[Local::pointer("p"), Local::pointer("q"), Local::pointer("g")],
        steps: unlink_fd,
        glibc: "corrupted double-linked list",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-use-after-free",
    },
    ClassicError {
        name: "prev_size",
        source: "V uint64_t*p=malloc(2000),*q=malloc(2000); void*V g=malloc(10); free((void*)p); q[-2]=0x100; free((void*)q);",
        locals: &[Local::pointer("p"), Local::pointer("q"), Local::pointer("g")],
        steps: prev_size,
        glibc: "corrupted size vs. prev_size while consolidating",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-buffer-overflow",
    },
    ClassicError {
        name: "fast_fd_misaligned",
        source: "void*a[10]; for(int i=0;i<10;i++) a[i]=malloc(40); for(int i=0;i<9;i++) free(a[i]); V uint64_t*p=a[8]; p[0]=0x4141414141414141; for(int i=0;i<9;i++) a[i]=malloc(40);",
        locals: &[Local::array("a", 10, 8), Local::pointer("p")],
        steps: fast_fd_misaligned,
        glibc: "SIGSEGV",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-use-after-free",
    },
    ClassicError {
        name: "smallbin_bk",
        source: "void*a[10]; for(int i=0;i<10;i++){ a[i]=malloc(300); malloc(10);} for(int i=0;i<9;i++) free(a[i]); void*V z=malloc(5000); V uint64_t*p=a[7]; p[1]=(uint64_t)a; for(int i=0;i<9;i++) a[i]=malloc(300);",
        locals: &[Local::array("a", 10, 8), Local::pointer("z"), Local::pointer("p")],
        steps: smallbin_bk,
        glibc: "malloc(): smallbin double linked list corrupted",
        memcheck: "Invalid write of size 8",
        address_sanitizer: "heap-use-after-free",
    },
];

fn unsorted_bk(c: &mut Process) -> Outcome<()> {
    let p = freed(c)?;
    c.store(p + 8, GARBAGE & !0xf)?;
    var(c, "q", 3000)?;
    Ok(())
}

fn unsorted_fd(c: &mut Process) -> Outcome<()> {
    let p = freed(c)?;
    c.store_pointer(p, p)?;
    var(c, "q", 3000)?;
    Ok(())
}

fn unsorted_size(c: &mut Process) -> Outcome<()> {
    let p = freed(c)?;
    c.store(p - 8, 0x11)?;
    var(c, "q", 3000)?;
    Ok(())
}

fn unlink_fd(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 2000)?;
    let q = var(c, "q", 2000)?;
    let g = var(c, "g", 10)?;
    c.free(p)?;
    c.store_pointer(p, g)?;
    c.free(q)
}

fn prev_size(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 2000)?;
    let q = var(c, "q", 2000)?;
    var(c, "g", 10)?;
    c.free(p)?;
    c.store(q - 16, 0x100)?;
    c.free(q)
}

fn fast_fd_misaligned(c: &mut Process) -> Outcome<()> {
    let a = blocks(c, 10, 40)?;
    a[..9].iter().try_for_each(|&p| c.free(p))?;
    c.set("p", a[8])?;
    c.store(a[8], GARBAGE)?;
    blocks(c, 9, 40)?;
    Ok(())
}

fn smallbin_bk(c: &mut Process) -> Outcome<()> {
    let mut a = Vec::new();
    for i in 0..10 {
        a.push(element(c, i, 300)?);
        c.malloc(10)?;
    }
    a[..9].iter().try_for_each(|&p| c.free(p))?;
    var(c, "z", 5000)?;
    c.set("p", a[7])?;
    c.store_pointer(a[7] + 8, c.local("a"))?;
    blocks(c, 9, 300)?;
    Ok(())
}

/// `p = malloc(2000); g = malloc(10); free(p);`: a block in the unsorted bin.
fn freed(c: &mut Process) -> Outcome<Pointer> {
    let p = var(c, "p", 2000)?;
    var(c, "g", 10)?;
    c.free(p)?;
    Ok(p)
}
