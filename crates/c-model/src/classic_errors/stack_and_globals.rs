//! Locals and globals, and bytes that nobody wrote.

use memory_trait::Outcome;

use super::{ClassicError, sink, var};
use crate::process::{Local, Process};

pub(super) const ERRORS: &[ClassicError] = &[
    ClassicError {
        name: "uninit_heap",
        source: r#"V int*p=malloc(40); if(p[3]) puts("a"); else puts("b"); free((void*)p);"#,
        locals: &[Local::pointer("p")],
        steps: uninit_heap,
        glibc: "silent",
        memcheck: "Conditional jump or move depends on uninitialised value(s)",
        address_sanitizer: "silent",
    },
    ClassicError {
        name: "uninit_stack",
        source: r#"V int x[4]; if(x[2]) puts("a"); else puts("b");"#,
        locals: &[Local::array("x", 4, 4)],
        steps: uninit_stack,
        glibc: "silent",
        memcheck: "Conditional jump or move depends on uninitialised value(s)",
        address_sanitizer: "silent",
    },
    ClassicError {
        name: "uninit_syscall",
        source: "char*V p=malloc(16); fwrite(p,1,16,stdout); free(p);",
        locals: &[Local::pointer("p")],
        steps: uninit_syscall,
        glibc: "silent",
        memcheck: "Syscall param write(buf) points to uninitialised byte(s)",
        address_sanitizer: "silent",
    },
    ClassicError {
        name: "use_after_return",
        source: r#"C*p=ret_local(); sink=p[3]; puts("silent");"#,
        locals: &[Local::pointer("p")],
        steps: use_after_return,
        glibc: "silent",
        memcheck: "silent",
        address_sanitizer: "stack-use-after-return",
    },
    ClassicError {
        name: "use_after_scope",
        source: r#"C*V p; { char b[32]; memset(b,1,32); p=b; } sink=p[3]; puts("silent");"#,
        locals: &[Local::pointer("p"), Local::array("b", 32, 1).scoped()],
        steps: use_after_scope,
        glibc: "silent",
        memcheck: "silent",
        address_sanitizer: "stack-use-after-scope",
    },
    ClassicError {
        name: "stack_buffer_overflow",
        source: r#"char b[16]; char*V p=b; V int i; for(i=0;i<40;i++) p[i]=1; puts("x");"#,
        locals: &[Local::array("b", 16, 1), Local::pointer("p"), Local::scalar("i", 4)],
        steps: stack_buffer_overflow,
        glibc: "silent",
        memcheck: "silent",
        address_sanitizer: "stack-buffer-overflow",
    },
    ClassicError {
        name: "stack_overflow",
        source: "sink=rec(0);",
        locals: &[],
        steps: stack_overflow,
        glibc: "SIGSEGV",
        memcheck: "Stack overflow in thread #1",
        address_sanitizer: "stack-overflow",
    },
    ClassicError {
        name: "global_overflow",
        source: r#"char*V p=glob; p[16]=1; puts("silent");"#,
        locals: &[Local::pointer("p")],
        steps: global_overflow,
        glibc: "silent",
        memcheck: "silent",
        address_sanitizer: "global-buffer-overflow",
    },
];

fn uninit_heap(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 40)?;
    let text = if c.branch_on(p + 12, 4)? { "a" } else { "b" };
    c.puts(text)?;
    c.free(p)
}

fn uninit_stack(c: &mut Process) -> Outcome<()> {
    let text = if c.branch_on(c.local("x") + 8, 4)? { "a" } else { "b" };
    c.puts(text)
}

fn uninit_syscall(c: &mut Process) -> Outcome<()> {
    let p = var(c, "p", 16)?;
    c.fwrite(p, 16)?;
    c.free(p)
}

fn use_after_return(c: &mut Process) -> Outcome<()> {
    c.call("ret_local", &[Local::array("b", 64, 1), Local::pointer("p")])?;
    let b = c.local("b");
    c.memset(b, 1, 64)?;
    c.set("p", b)?;
    c.ret()?;
    c.set("p", b)?;
    sink(c, b + 3)?;
    c.puts("silent")
}

fn use_after_scope(c: &mut Process) -> Outcome<()> {
    c.begin_scope(&["b"]);
    let b = c.local("b");
    c.memset(b, 1, 32)?;
    c.set("p", b)?;
    c.end_scope(&["b"]);
    sink(c, b + 3)?;
    c.puts("silent")
}

fn stack_buffer_overflow(c: &mut Process) -> Outcome<()> {
    let p = c.local("b");
    c.set("p", p)?;
    for i in 0..40 {
        c.set_int("i", i)?;
        c.write(p + i, &[1])?;
    }
    c.puts("x")
}

fn stack_overflow(c: &mut Process) -> Outcome<()> {
    for n in 0.. {
        c.call("rec", &[Local::array("b", 4096, 1), Local::scalar("n", 4).parameter()])?;
        c.set_int("n", n)?;
        c.write(c.local("b"), &[n as u8])?;
    }
    Ok(())
}

fn global_overflow(c: &mut Process) -> Outcome<()> {
    let glob = c.global("glob", 16);
    c.set("p", glob)?;
    c.write(glob + 16, &[1])?;
    c.puts("silent")
}
