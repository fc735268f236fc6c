//! `free` and `realloc` of what is no block, requests that cannot be met, leaks.

use memory_trait::{Address, Outcome};

use super::{ClassicError, var};
use crate::process::{Local, Pointer, Process};

pub(super) const ERRORS: &[ClassicError] = &[
    ClassicError {
        name: "free_interior16",
        source: "char*V p=malloc(100); memset(p,0,100); free(p+16);",
        locals: &[Local::pointer("p")],
        steps: free_interior16,
        glibc: "free(): invalid pointer",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting free",
    },
    ClassicError {
        name: "free_interior8",
        source: "char*V p=malloc(100); free(p+8);",
        locals: &[Local::pointer("p")],
        steps: free_interior8,
        glibc: "free(): invalid pointer",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting free",
    },
    ClassicError {
        name: "free_stack",
        source: "char b[64]; memset(b,0,64); void*V p=b+(((uintptr_t)b)&8); free(p);",
        locals: &[Local::array("b", 64, 1), Local::pointer("p")],
        steps: free_stack,
        glibc: "munmap_chunk(): invalid pointer",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting free",
    },
    ClassicError {
        name: "free_global",
        source: "void*V p=glob; free(p);",
        locals: &[Local::pointer("p")],
        steps: free_global,
        glibc: "free(): invalid pointer",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting free",
    },
    ClassicError {
        name: "free_wild",
        source: "void*V p=(void*)0x12345670; free(p);",
        locals: &[Local::pointer("p")],
        steps: free_wild,
        glibc: "SIGSEGV",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "SEGV",
    },
    ClassicError {
        name: "leak",
        source: r#"void*V p=malloc(40); p=0; void*V q=malloc(1000); ((char*)q)[0]=1; q=0; puts("silent");"#,
        locals: &[Local::pointer("p"), Local::pointer("q")],
        steps: leak,
        glibc: "silent",
        memcheck: "N bytes in M blocks are definitely lost",
        address_sanitizer: "LeakSanitizer: detected memory leaks",
    },
    ClassicError {
        name: "null_deref",
        source: "int*V p=0; *p=1;",
        locals: &[Local::pointer("p")],
        steps: null_deref,
        glibc: "SIGSEGV",
        memcheck: "Invalid write of size 4",
        address_sanitizer: "SEGV",
    },
    ClassicError {
        name: "realloc_freed",
        source: r#"void*V p=malloc(40); free(p); p=realloc(p,200); puts("silent?");"#,
        locals: &[Local::pointer("p")],
        steps: realloc_freed,
        glibc: "silent",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting double-free",
    },
    ClassicError {
        name: "realloc_bad",
        source: "char*V p=malloc(100); memset(p,0,100); p=realloc(p+16,200);",
        locals: &[Local::pointer("p")],
        steps: realloc_bad,
        glibc: "realloc(): invalid pointer",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting free",
    },
    ClassicError {
        name: "realloc_misaligned",
        source: "char*V p=malloc(100); p=realloc(p+8,200);",
        locals: &[Local::pointer("p")],
        steps: realloc_misaligned,
        glibc: "realloc(): invalid pointer",
        memcheck: "Invalid free() / delete / delete[] / realloc()",
        address_sanitizer: "attempting free",
    },
    ClassicError {
        name: "malloc_huge",
        source: r#"V size_t n=-1; void*V p=malloc(n); printf("%p\n",p);"#,
        locals: &[Local::scalar("n", 8), Local::pointer("p")],
        steps: malloc_huge,
        glibc: "silent",
        memcheck: "Argument 'size' of function malloc has a fishy (possibly negative) value: -1",
        address_sanitizer: "requested allocation size 0xffffffffffffffff",
    },
    ClassicError {
        name: "memcpy_overlap",
        source: r#"char*V p=malloc(64); memset(p,0,64); V size_t n=32; memcpy(p,p+8,n); free(p); puts("silent");"#,
        locals: &[Local::pointer("p"), Local::scalar("n", 8)],
        steps: memcpy_overlap,
        glibc: "silent",
        memcheck: "silent",
        address_sanitizer: "memcpy-param-overlap",
    },
];

fn free_interior16(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 100)?;
    c.memset(p, 0, 100)?;
    c.free(p + 16)
}

fn free_interior8(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 100)?;
    c.free(p + 8)
}

fn free_stack(c: &mut Process) -> Outcome<()> {
    let b = c.local("b");
    c.memset(b, 0, 64)?;
    let p = b + (b.address.0 & 8);
    c.set("p", p)?;
    c.free(p)
}

fn free_global(c: &mut Process) -> Outcome<()> {
    let glob = c.global("glob", 16);
    c.set("p", glob)?;
    c.free(glob)
}

fn free_wild(c: &mut Process) -> Outcome<()> {
    let p = Pointer::from(Address(0x1234_5670));
    c.set("p", p)?;
    c.free(p)
}

fn leak(c: &mut Process) -> Outcome<()> {
    var(c, "p", 40)?;
    c.set("p", Pointer::null())?;
    let q = var(c, "q", 1000)?;
    c.write(q, &[1])?;
    c.set("q", Pointer::null())?;
    c.puts("silent")
}

fn null_deref(c: &mut Process) -> Outcome<()> {
    c.set("p", Pointer::null())?;
    c.write(Pointer::null(), &1_u32.to_le_bytes())
}

fn realloc_freed(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 40)?;
    c.free(p)?;
    let p = c.realloc(p, 200)?;
    c.set("p", p)?;
    c.puts("silent?")
}

fn realloc_bad(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 100)?;
    c.memset(p, 0, 100)?;
    let p = c.realloc(p + 16, 200)?;
    c.set("p", p)
}

fn realloc_misaligned(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 100)?;
    let p = c.realloc(p + 8, 200)?;
    c.set("p", p)
}

fn malloc_huge(c: &mut Process) -> Outcome<()> {
    c.set_int("n", u64::MAX)?;
    let p = var(c, "p", u64::MAX)?;
    c.puts(&p.address.to_string())
}

fn memcpy_overlap(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 64)?;
    c.memset(p, 0, 64)?;
    c.set_int("n", 32)?;
    c.memcpy(p, p + 8, 32)?;
    c.free(p)?;
    c.puts("silent")
}
