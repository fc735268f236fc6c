//! The stack as the model has it, against a program that gcc compiles here: distances of frames, `alloca`, the red zone,
//! where a thread's first frame is, and the depth at which a recursion overflows.
//!
//! Skipped where there is no gcc. What gcc 12.2 on glibc 2.36 said is in the tests of `layout::frame` and `stack`.

use std::process::Command;

use c_model::process::{Builder, Local, Process};
use c_model::stack::ThreadStack;
use memory_trait::{Address, FaultKind};

const PROGRAM: &str = r#"
#define _GNU_SOURCE
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef uintptr_t word;
#define RBP ((word)__builtin_frame_address(0))

static volatile long depth;
static word before;

static void on_overflow(int signal) {
    printf("depth %ld\n", depth);
    _exit(0);
}

static int rec(int n) {
    volatile char b[4096];
    depth = n;
    b[0] = n;
    return rec(n + 1) + b[0];
}

static void overflow(void) {
    printf("overflow %lu\n", RBP);
    char *own = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = own, .ss_size = 65536};
    struct sigaction action = {.sa_handler = on_overflow, .sa_flags = SA_ONSTACK};
    sigaltstack(&stack, 0);
    sigaction(SIGSEGV, &action, 0);
    rec(0);
}

static void *thread(void *unused) {
    pthread_attr_t attributes;
    void *low;
    size_t size, guard;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_getguardsize(&attributes, &guard);
    printf("thread %zu %zu %lu\n", size, guard, (word)low + size - RBP);
    overflow();
    return 0;
}

static void dynamic(unsigned long n) {
    char *a = alloca(n), *b = alloca(n);
    printf("alloca %lu %ld\n", n, a - b);
}

/* Both are called with the same stack pointer. */
static word leaf(void) { volatile char b[100]; b[0] = 1; return RBP - (word)b; }
static word large_leaf(void) { volatile char b[1000]; register word rsp asm("rsp"); b[0] = 1; return RBP - rsp; }

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (!strcmp(argv[1], "main")) {
        word start, end = 0;
        char line[256];
        FILE *maps = fopen("/proc/self/maps", "r");
        while (fgets(line, sizeof line, maps))
            if (strstr(line, "[stack]")) sscanf(line, "%lx-%lx", &start, &end);
        printf("end %lu\n", end);
        overflow();
    }
    if (!strcmp(argv[1], "thread")) {
        pthread_t id;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, atol(argv[2]));
        pthread_create(&id, &attributes, thread, 0);
        pthread_join(id, 0);
    }
    unsigned long sizes[] = {0, 1, 8, 9, 24, 25, 40, 1000};
    for (int i = 0; i < 8; i++) dynamic(sizes[i]);
    printf("leaf %lu\nlarge_leaf %lu\n", leaf(), large_leaf());
}
"#;

/// What the program says, line by line as numbers; `None` where it cannot be compiled.
fn run(limit: u64, arguments: &[&str]) -> Option<Vec<(String, Vec<u64>)>> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (source, binary) = (directory.path().join("stack.c"), directory.path().join("stack"));
    std::fs::write(&source, PROGRAM).expect("it can be written");
    let mut gcc = Command::new("gcc");
    gcc.args(["-O0", "-w", "-fno-stack-protector", "-fcf-protection=none", "-pthread", "-o"]).arg(&binary).arg(&source);
    if !gcc.output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no gcc that compiles for this test");
        return None;
    }
    let script = format!("ulimit -s {limit}; exec \"$@\"");
    let output = Command::new("sh").args(["-c", &script, "sh"]).arg(&binary).args(arguments).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("it writes ASCII");
    let number = |word: &str| word.parse().expect("a number");
    let line = |line: &str| {
        let (name, numbers) = line.split_once(' ').expect("a name and numbers");
        (name.to_owned(), numbers.split(' ').map(number).collect())
    };
    Some(text.lines().map(line).collect())
}

/// The frame of `overflow`: two locals of its own, 24 bytes of `stack_t`, 152 of `struct sigaction`.
const OVERFLOW: [Local; 3] = [Local::pointer("own"), Local::array("stack", 24, 1), Local::array("action", 152, 1)];

/// The depth at which `rec` overflows.
fn depth(mut c: Process) -> u64 {
    for n in 0.. {
        let deeper = c
            .call("rec", &[Local::array("b", 4096, 1), Local::scalar("n", 4).parameter()])
            .and_then(|()| c.set_int("n", n));
        if let Err(fault) = deeper {
            assert_eq!(fault.kind, FaultKind::StackOverflow);
            // `depth = n` comes after the parameter is stored.
            return n - 1;
        }
    }
    unreachable!("no stack is endless")
}

fn on_stack(top: u64, bytes: u64, above_bytes: u64) -> Process {
    let builder: Builder = Process::builder().detector(false);
    builder.stack_top(Address(top)).stack_bytes(bytes).above_main_bytes(above_bytes).build()
}

#[test]
fn the_main_thread_overflows_at_the_depth_at_which_it_does_here() {
    for limit_kib in [8192, 256] {
        let Some(said) = run(limit_kib, &["main"]) else { return };
        let [(_, end), (_, rbp), (_, reached)] = said.as_slice() else { panic!("{said:?}") };
        let mut c = on_stack(end[0], limit_kib << 10, end[0] - (rbp[0] + 16));
        c.call("overflow", &OVERFLOW).unwrap();
        assert_eq!(c.base_pointer(), Address(rbp[0]));
        assert_eq!(depth(c), reached[0], "ulimit -s {limit_kib}");
    }
}

#[test]
fn a_thread_overflows_at_the_depth_at_which_it_does_here() {
    for bytes in [65536_u64, 20000, 1 << 20] {
        let Some(said) = run(8192, &["thread", &bytes.to_string()]) else { return };
        let [(_, thread), (_, rbp), (_, reached)] = said.as_slice() else { panic!("{said:?}") };
        let stack = ThreadStack::new(bytes, 4096).unwrap();
        assert_eq!([thread[0], thread[1]], [stack.stack_bytes, stack.guard_bytes], "{bytes}");
        let above_bytes = stack.stack_bytes - stack.usable_bytes();
        assert_eq!(thread[2], above_bytes + 16, "the first frame's rbp, {bytes}");
        // Only whole pages are mapped: what is below the last boundary belongs to the guard.
        let mapped = stack.stack_bytes.next_multiple_of(4096);
        let top = (rbp[0] + OVERFLOW_BELOW_THREAD + thread[2]).next_multiple_of(4096);
        let mut c = on_stack(top, mapped, above_bytes + (mapped - stack.stack_bytes));
        c.call("thread", &THREAD).unwrap();
        c.call("overflow", &OVERFLOW).unwrap();
        assert_eq!(c.base_pointer(), Address(rbp[0]), "{bytes}");
        assert_eq!(depth(c), reached[0], "{bytes}");
    }
}

/// From the frame of `thread` to that of `overflow`: the locals of `thread`, and the link.
const OVERFLOW_BELOW_THREAD: u64 = 112 + 16;

/// The frame of `thread` in the program.
const THREAD: [Local; 5] = [
    Local::array("attributes", 7, 8),
    Local::pointer("low"),
    Local::scalar("size", 8),
    Local::scalar("guard", 8),
    Local::pointer("unused").parameter(),
];

#[test]
fn alloca_and_the_red_zone_are_as_gcc_makes_them_here() {
    let Some(said) = run(8192, &["other"]) else { return };
    let mut c = Process::builder().build();
    c.call("main", &[]).unwrap();
    for (name, numbers) in said {
        match name.as_str() {
            "alloca" => {
                let (a, b) = (c.alloca(numbers[0]), c.alloca(numbers[0]));
                assert_eq!(a.address.0 - b.address.0, numbers[1], "alloca({})", numbers[0]);
            }
            "leaf" => {
                c.call_leaf("leaf", &[Local::array("b", 100, 1)]).unwrap();
                assert_eq!(c.base_pointer().0 - c.local("b").address.0, numbers[0]);
                assert_eq!(c.stack_pointer(), c.base_pointer(), "in the red zone");
                c.ret().unwrap();
            }
            "large_leaf" => {
                c.call_leaf("large_leaf", &[Local::array("b", 1000, 1)]).unwrap();
                assert_eq!(c.base_pointer().0 - c.stack_pointer().0, numbers[0]);
                c.ret().unwrap();
            }
            _ => panic!("{name}"),
        }
    }
}
