//! Fifty classic errors of C: the source of each, its steps on a [`Process`], and what is said of it.
//!
//! Each is the body of a function, compiled by gcc 12 at `-O0`, on glibc 2.36, under memcheck of valgrind 3.19, and with
//! gcc's `AddressSanitizer`. [`ClassicError::run`] makes the same steps here. What glibc says is a prediction of this
//! crate's, and a test holds it against [`ClassicError::glibc`].
//!
//! Four of the fifty depend on more than the program:
//!
//! | error | depends on |
//! |---|---|
//! | `free_stack` | the word before the array, which glibc takes for a size: here, as gcc lays the frame out, the variable `p` itself, and so the process gets a signal; with bit 1 set in it, `munmap_chunk(): invalid pointer` |
//! | `double_free_fast_abA` | whether `puts` allocates a buffer: that request consolidates the damaged fastbin |
//! | `fast_fd_misaligned`, `uaf_write_next_then_malloc` | the page of the heap: in one of 16 the garbled link looks aligned and is followed, to a signal; the first was recorded in such a process, the second was not |
//!
//! So the programs switch the buffer off first, and [`ClassicError::run`] takes the process, whose builder has the heap's
//! address.
//!
//! Differs: of `free_stack` another verdict was recorded, in a frame whose layout is not known; this frame is gcc's.

mod bad_pointers;
mod free_lists;
mod overflows;
mod stack_and_globals;
mod use_after_free;

use std::fmt::Write;

use memory_trait::{FaultKind, Outcome};

use crate::process::{Buffering, Leaks, Local, Pointer, Process};

/// One of the fifty.
#[derive(Clone, Copy, Debug)]
pub struct ClassicError {
    /// Its name.
    pub name: &'static str,
    /// The body of the function, with the names of [`PRELUDE`].
    pub source: &'static str,
    locals: &'static [Local],
    steps: fn(&mut Process) -> Outcome<()>,
    /// What glibc 2.36 said: its message, `SIGSEGV`, or `silent`.
    pub glibc: &'static str,
    /// What memcheck said.
    pub memcheck: &'static str,
    /// What `AddressSanitizer` said.
    pub address_sanitizer: &'static str,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The runtime's message, `SIGSEGV`, or `silent`.
    pub said: String,
    /// What was not freed, when it came to its end.
    pub leaks: Option<Leaks>,
}

impl ClassicError {
    /// All fifty, by theme.
    pub fn all() -> impl Iterator<Item = &'static ClassicError> {
        let themes = [
            use_after_free::ERRORS,
            bad_pointers::ERRORS,
            overflows::ERRORS,
            stack_and_globals::ERRORS,
            free_lists::ERRORS,
        ];
        themes.into_iter().flatten()
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<&'static ClassicError> {
        Self::all().find(|error| error.name == name)
    }

    /// Runs it in a fresh process, without a buffer for `stdout`; the findings stay in the process.
    pub fn run(&self, process: &mut Process) -> Verdict {
        process.set_buffering(Buffering::Unbuffered);
        self.run_as_it_is(process)
    }

    /// Runs it in a fresh process as that was built.
    pub fn run_as_it_is(&self, process: &mut Process) -> Verdict {
        let outcome = process
            .call("main", &[])
            .and_then(|()| process.call(self.name, self.locals))
            .and_then(|()| (self.steps)(process))
            .and_then(|()| process.exit());
        match outcome {
            Ok(leaks) => Verdict { said: "silent".to_owned(), leaks: Some(leaks) },
            Err(fault) => {
                let is_signal =
                    matches!(fault.kind, FaultKind::Segfault | FaultKind::NullDereference | FaultKind::StackOverflow);
                Verdict { said: if is_signal { "SIGSEGV".to_owned() } else { fault.message }, leaks: None }
            }
        }
    }
}

/// What the bodies of the functions refer to.
pub const PRELUDE: &str = r"#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define V volatile
typedef volatile char C;

volatile int sink;
char glob[16];

static char *ret_local(void) {
    char b[64];
    memset(b, 1, 64);
    char *V p = b;
    return p;
}

static int rec(int n) {
    V char b[4096];
    b[0] = n;
    return rec(n + 1) + b[0];
}
";

/// One C program of all fifty: its argument names the one that it runs. The first line that it puts out is the version
/// of its C library and where its heap is going to begin.
pub fn c_program() -> String {
    let mut text = PRELUDE.to_owned();
    let mut table = String::new();
    for error in ClassicError::all() {
        let name = error.name;
        let _ = write!(text, "\nstatic void {name}(void) {{\n    {}\n    exit(0);\n}}\n", error.source);
        let _ = writeln!(table, "    if (!strcmp(argv[1], \"{name}\")) {name}();");
    }
    let _ = write!(
        text,
        "\nint main(int argc, char **argv) {{\n    if (argc != 2) return 2;\n    char line[64];\n    \
         write(1, line, snprintf(line, sizeof line, \"%s %p\\n\", gnu_get_libc_version(), sbrk(0)));\n    \
         setvbuf(stdout, NULL, _IONBF, 0);\n{table}    return 2;\n}}\n"
    );
    text
}

/// A word that is no address, no size and no link. Odd in its lowest four bits.
const GARBAGE: u64 = 0x4141_4141_4141_4141;

/// `name = malloc(bytes)`.
fn var(c: &mut Process, name: &str, bytes: u64) -> Outcome<Pointer> {
    let block = c.malloc(bytes)?;
    c.set(name, block)?;
    Ok(block)
}

/// `a[i] = malloc(bytes)`.
fn element(c: &mut Process, i: u64, bytes: u64) -> Outcome<Pointer> {
    let block = c.malloc(bytes)?;
    c.store_pointer(c.local("a") + 8 * i, block)?;
    Ok(block)
}

/// `for (int i = 0; i < n; i++) a[i] = malloc(bytes);`.
fn blocks(c: &mut Process, n: u64, bytes: u64) -> Outcome<Vec<Pointer>> {
    (0..n).map(|i| element(c, i, bytes)).collect()
}

/// `sink = *at;`.
fn sink(c: &mut Process, at: Pointer) -> Outcome<()> {
    let byte = c.load_byte(at)? as i8;
    let sink = c.global("sink", 4);
    c.write(sink, &i32::from(byte).to_le_bytes())
}
