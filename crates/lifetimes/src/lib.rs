//! What a run means: when each object was born, last used, unreachable and reclaimed, and what follows from that.
//!
//! A [`Recorder`] watches a machine and yields a [`Lifetime`] for each object and a [`Summary`] of the run. When an
//! object became unreachable is exact: it is found by the Merlin algorithm on a shadow graph that follows every
//! reference (see [`recorder`]), and the naive [`BruteForce`], which shares no code with it, agrees. A [`Timeline`]
//! keeps how full the heap was. [`determinism()`] compares runs of one workload under perturbations: which objects are
//! reclaimed at the same tick whatever happens around them?
//!
//! Invariant: no model is known here, only the events that all have; and what is kept grows with what is alive on the
//! machine, not with the length of the run, as long as [`Keep`] does not ask for more.
//!
//! ```
//! use lifetimes::{Recorder, Timeline};
//! use memory_trait::{Event, FaultLog, Journal, Label, Observer, Place, Program, Reclaimer, Storage, Tick};
//!
//! // What a machine would tell: an object is born into a slot, dropped at tick 2, and reclaimed at tick 5.
//! let mut program = Program::default();
//! let node = program.record("Node", &[]);
//! let mut journal = Journal::new(Recorder::new(&program));
//! let naming = journal.name(Label::Record(node));
//! let (object, label, ordinal) = (naming.object, naming.label, naming.ordinal);
//! let (storage, address, payload_bytes, total_bytes) = (Storage::Heap, memory_trait::Address(0x10), 8, 24);
//! journal.tell(|| Event::Born { object, label, ordinal, storage, address, payload_bytes, total_bytes });
//! journal.tell(|| Event::Stored { place: Place::Slot, old: None, new: Some(object) });
//! journal.now.tick = Tick(2);
//! journal.tell(|| Event::Stored { place: Place::Slot, old: Some(object), new: None });
//! journal.now.tick = Tick(5);
//! journal.tell(|| Event::Reclaimed { object, by: Reclaimer::Full });
//! journal.now.tick = Tick(9);
//! journal.tell(|| Event::ThreadEnded);
//!
//! let run = journal.observer.finish(&Timeline::default(), &FaultLog::default());
//! assert_eq!(run.lifetimes[0].to_string(), "Node#1: born 0, unreachable 2, reclaimed 5 by full");
//! assert_eq!(run.lifetimes[0].drag_ticks(), Some(3));
//! assert_eq!(run.summary.drag.max_ticks, 3);
//! ```
#![forbid(unsafe_code)]

pub mod brute_force;
pub mod determinism;
pub mod lifetime;
pub mod recorder;
mod shadow;
pub mod summary;
mod tally;
pub mod timeline;

pub use brute_force::BruteForce;
pub use determinism::{Determinism, Fate, Fates, Group, Varying, Verdict, determinism};
pub use lifetime::Lifetime;
pub use recorder::{Keep, Recorder, Run};
pub use summary::{Deaths, Drag, FaultCount, Generation, Reclaimed, Summary, UsageSummary};
pub use timeline::{Point, Timeline};
