//! Thread stacks, object layout and HotSpot's generational heap: how a Java virtual machine manages memory.
//!
//! [`Jvm`] runs a program through [`memory_trait::Machine`] on the Serial collector of `HotSpot` 17, 21 or 25. Objects
//! lie in emulated memory with their real headers, at real addresses, with compressed references in their fields.
//!
//! ```
//! use jvm_model::Jvm;
//! use memory_trait::{FieldIndex, Kind, Machine, Program, Slot};
//!
//! let mut program = Program::default();
//! let node = program.record("Node", &[("value", Kind::Int), ("next", Kind::Reference)]);
//! let main = program.function("main", &[], &[("a", Kind::Reference), ("b", Kind::Reference)]);
//! let mut jvm = Jvm::builder().max_heap_bytes(64 << 20).build()?;
//! jvm.load_program(&program)?;
//! jvm.call(main, &[], None)?;
//! jvm.new_record(Slot(0), node)?;
//! jvm.new_record(Slot(1), node)?;
//! jvm.store(Slot(0), FieldIndex(1), Slot(1))?; // a.next = b
//! jvm.clear(Slot(1))?;
//! jvm.collect()?; // b is still there: a refers to it
//! assert_eq!(jvm.usage().n_objects, 2);
//! jvm.clear(Slot(0))?;
//! jvm.collect()?;
//! assert_eq!(jvm.usage().n_objects, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What an operation means in Java
//!
//! What a competent Java programmer would have written:
//!
//! | in the workload | in Java | on the heap |
//! |---|---|---|
//! | record | class with `long`, `double`, `boolean` and reference fields | fields packed as by `layout`, zeroed |
//! | local record | the same: there is no automatic storage | the same |
//! | array | `long[]`, `double[]`, `boolean[]`, `Object[]` | 16 bytes and the elements |
//! | bytes | `byte[]` | 16 bytes and the bytes |
//! | text | `String` | 24 bytes and a `byte[]`, Latin-1 or UTF-16; literals exist before the program |
//! | list | `ArrayList` | 24 bytes and an `Object[]`: 10 at first, then half as much again; numbers in boxes |
//! | map | `LinkedHashMap` | 56 bytes (64 from 21 on), a table that doubles, 40 bytes an entry; keys and numbers in boxes |
//! | weak reference | `WeakReference` | 32 bytes |
//! | finalizer | `finalize()` | a `Finalizer` of 40 bytes an object |
//! | `free` | nothing | |
//! | `collect` | `System.gc()` | a full collection |
//!
//! A box is an object of 24 bytes, but for the `Long`s from -128 to 127, which are cached, and the two `Boolean`s.
//! Boxes, backing arrays, entries and finalizers are on the heap, move and are collected like everything else, and
//! count in [`memory_trait::Usage`]; they are the runtime's own, and no events tell of them.
//!
//! # What is left out
//!
//! - Everything that the JDK itself has on the heap when `main` begins.
//! - Compiled code: frames, allocation and barriers are the interpreter's (`-Xint`).
//! - Collectors other than Serial.
//! - Threads that run at the same time: there is one at a time, and it is the one that finalizers run on.
//!
//! Where a module differs from `HotSpot`, it says so under `Differs:`.
#![forbid(unsafe_code)]

mod cards;
mod full;
pub mod heap;
pub mod identity;
pub mod layout;
pub mod machine;
pub mod params;
pub mod recorded;
mod references;
pub mod report;
mod rules;
pub mod sizing;
pub mod stack;
pub mod verify;
mod version;
mod young;

pub use machine::{Builder, Collected, ConfigError, Jvm, QueueId};
pub use params::{FlagError, Flags};
pub use version::{UnknownVersion, Version};
