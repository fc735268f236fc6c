//! The C runtime: stacks, `malloc`, and everything that goes wrong with them.
//!
//! Four things, each of use alone:
//!
//! - [`C`], a [`memory_trait::Machine`]: what a C program does to memory, with a detector of misuse.
//! - [`Process`], one step below: raw pointers into the middle of anything, and what is said of their misuse
//!   ([`classic_errors`] has fifty examples).
//! - [`Glibc`], glibc 2.36's `malloc` to the last address.
//! - [`KernighanRitchie`], the textbook's allocator, from section 8.7.
//!
//! # What C means here
//!
//! What a competent programmer would write, compiled for x86-64 without optimisation:
//!
//! | in the workload | in C |
//! |---|---|
//! | a call | return address, caller's `rbp`, locals, in frames of multiples of 16 bytes ([`layout::frame`]) |
//! | a named variable | bytes on the stack |
//! | a temporary | a register |
//! | `local` | a `struct` in the frame |
//! | a record | `malloc(sizeof(struct ...))`, natural alignment, nothing cleared ([`layout::record`]) |
//! | an array, bytes | `struct { size_t n; T a[]; }` from `calloc` |
//! | a list | `struct { T *data; size_t len, cap; }`, `realloc` to twice the size |
//! | a map | open addressing over entries in order of insertion ([`layout`]) |
//! | a text | `char *` from `malloc`, UTF-8, a NUL at the end; literals are in read-only data |
//! | a weak reference | a small `malloc`ed handle that `free` of the target sets to NULL |
//! | a finalizer | a function called before `free` |
//! | `free` | `free` of the object's own blocks, not of what it refers to |
//! | `collect` | nothing |
//! | a thread | a stack of its own, an arena of its own if the allocator has one |
//!
//! Values are bytes in emulated memory and reads read them. A program that uses a pointer after `free` finds the links
//! of the allocator or the next owner's fields, and goes on with that; one that writes past the end of an array damages
//! the header of the next chunk, and `free` stops it with glibc's words at the call at which glibc would.
//!
//! # Left out
//!
//! Of the machine: pointers into the middle of objects, arrays in automatic storage, `alloca`, the red zone, the
//! environment on the stack and the buffer of `stdout` are left to [`Process`], which has them all. Frames of `_start` and
//! `__libc_start_main` are not on its stack: `main` begins at its top.
//!
//! Of both: variables that live in registers across statements, signals, `fork`, arrays of variable length.
//!
//! # Ten lines
//!
//! ```
//! use c_model::C;
//! use memory_trait::{FieldIndex, Kind, Machine, Program, Slot};
//!
//! let mut program = Program::default();
//! let point = program.record("Point", &[("x", Kind::Int), ("y", Kind::Int)]);
//! let main = program.function("main", &[], &[("p", Kind::Reference), ("i", Kind::Int)]);
//! let (p, i, y) = (Slot(0), Slot(1), FieldIndex(1));
//!
//! let mut c = C::builder().build();
//! c.load_program(&program)?;
//! c.call(main, &[], None)?;
//! c.new_record(p, point)?;
//! c.set_int(i, 7)?;
//! c.store(p, y, i)?;
//! assert_eq!(c.usage().payload_bytes, 16);
//! c.free(p)?;
//! c.load(i, p, y)?; // nothing stops the program here; in word 1 of a free chunk is glibc's mark
//! assert_ne!(c.int(i)?, 7);
//! assert_eq!(c.faults().first()[0].to_string(), "use_after_free of Point#1, tick 0 (reclaimed at tick 0)");
//! c.free(p).expect_err("free(): double free detected in tcache 2");
//! # Ok::<(), Box<memory_trait::Fault>>(())
//! ```
#![forbid(unsafe_code)]

pub mod classic_errors;
pub mod kernighan_ritchie;
pub mod layout;
pub mod machine;
pub mod malloc;
pub mod memory;
pub mod pages;
pub mod params;
pub mod process;
pub mod process_heap;
pub mod report;
pub mod stack;
pub mod verify;

mod detector;

pub use kernighan_ritchie::KernighanRitchie;
pub use machine::{Builder, C};
pub use malloc::Glibc;
pub use memory::{Memory, RawMemory, Unmapped};
pub use pages::Pages;
pub use process::Process;
pub use process_heap::ProcessHeap;
