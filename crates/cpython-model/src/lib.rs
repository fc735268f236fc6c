//! `CPython` 3.11, 3.12 and 3.13 as a machine for memory: frames, boxed objects, reference counts, the cyclic
//! collector, weak references, finalizers, and below them pymalloc, which is exact for 3.8 to 3.13.
//!
//! ```
//! use cpython_model::{CPython, Version};
//! use memory_trait::{FieldIndex, Kind, Machine, Program, Slot};
//!
//! let mut program = Program::default();
//! let node = program.record("Node", &[("value", Kind::Int), ("next", Kind::Reference)]);
//! let main = program.function("main", &[], &[("a", Kind::Reference)]);
//!
//! let mut python = CPython::builder().version(Version::V3_12).build();
//! python.load_program(&program)?;
//! python.call(main, &[], None)?;
//! python.new_record(Slot(0), node)?;
//! python.store(Slot(0), FieldIndex(1), Slot(0))?; // a.next = a
//! python.set_null(Slot(0))?; // a = None: its count stays above zero ...
//! assert_eq!(python.n_objects_of(node), 1);
//! python.collect()?; // ... and only the collector finds it
//! assert_eq!(python.n_objects_of(node), 0);
//! # Ok::<(), Box<memory_trait::Fault>>(())
//! ```
//!
//! # What Python means here
//!
//! What a competent Python programmer would write:
//!
//! | a workload's | is in Python |
//! |---|---|
//! | `int`, `float` | a new object for every value set, but for -5 to 256; floats come from a free list |
//! | record | an instance of a class with `__slots__`; `__init__` sets all fields: 0, 0.0, `False`, `None` unless they are given |
//! | loop | an iterator; over a range also the `range` |
//! | `array<T>(n)` | `[0] * n`, `[None] * n`: the list that is multiplied is a temporary, and modelled |
//! | list, map, bytes, text | `list`, `dict`, `bytes(n)`, `str` |
//! | weak reference | `weakref.ref(x)`, which gives the same object again while one exists |
//! | `local` record | an ordinary object |
//! | `free` | nothing: there is no such thing |
//! | `collect` | `gc.collect()` |
//! | finalizer | `__del__`, once in an object's life |
//!
//! Constants of the program exist before it runs, once each. The names of things created are taken by the operation, also where
//! Python answers with an object that exists already (`""`, `"a"`, `x + ""`, a second `weakref.ref(x)`): such a name is
//! born as [`memory_trait::Storage::Static`].
//!
//! # What is left out
//!
//! - What `print`, `threading` and exceptions make. The program's classes, functions and modules are not in the heap; it
//!   starts out empty.
//! - At exit nothing is finalized: what is left is reclaimed in order of creation.
//! - Exceptions: an error ends the program.
#![forbid(unsafe_code)]

pub mod cycle;
mod frames;
mod freelists;
pub mod layout;
mod machine;
mod object;
pub mod obmalloc;
pub mod params;
mod refcount;
pub mod report;
mod rules;
mod verify;
pub mod version;

pub use machine::recorded::{
    Below, ExactPrograms, RecordedMachine, RecordedProgram, Watching, compare as compare_programs, is_programs,
};
pub use machine::tape::{AllocatorCall, CallKind};
pub use machine::{Builder, CPython, DEFAULT_HEAP_LIMIT_BYTES, DEFAULT_RECURSION_LIMIT};
pub use obmalloc::{ArenaSource, PageAllocator, Pymalloc, PymallocStats};
pub use version::Version;
