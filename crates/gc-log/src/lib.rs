//! HotSpot's unified GC logs (`-Xlog:gc`, `gc*`, `gc*=debug`), read as a stream of collections.
//!
//! Written for the logs of JDK 17 and later: Serial first, Parallel and G1 where their lines are alike. The decorations
//! do not matter, nor which tags were logged: a collection has what its lines say, and `None` for the rest. Lines that
//! are of no collection, phases within a pause, and messages that are not known are passed over.
//!
//! A log is read line by line and nothing of it is kept but the pauses that have begun and not ended, so that a log
//! of any length takes the memory of a few lines.
//!
//! ```
//! let log = "[0.006s][info][gc] Using Serial\n\
//!            [0.070s][info][gc,heap] GC(0) DefNew: 2175K(2432K)->255K(2432K) Eden: 2175K(2176K)->0K(2176K)\n\
//!            [0.070s][info][gc] GC(0) Pause Young (Allocation Failure) 2M->0M(7M) 4.367ms\n";
//! let mut reader = gc_log::Reader::new(log.as_bytes(), "gc.log");
//! let young = reader.next().expect("there is one")?;
//! assert_eq!(young.to_string(), "GC(0) Pause Young (Allocation Failure) 2M->0M(7M) 4.367ms");
//! assert_eq!(young.generation("DefNew").map(|change| change.after_bytes), Some(255 << 10));
//! assert_eq!(reader.vm().collector.as_deref(), Some("Serial"));
//! # Ok::<(), gc_log::LogError>(())
//! ```
//!
//! Left out: logs of JDK 8 and earlier and of ZGC and Shenandoah, whose lines are others (an error says so); the phases
//! of a pause; the lines on references, TLABs and string tables.
#![forbid(unsafe_code)]

mod collection;
mod comparison;
mod error;
mod figures;
mod line;
mod reader;
mod summary;

pub use collection::{Ages, Change, Collection, Cpu, Kind, Regions};
pub use comparison::{Comparison, Difference, compare};
pub use error::{LogError, Problem};
pub use reader::{LINE_BYTES_MAX, Reader, Unfinished, VirtualMachine};
pub use summary::{Pauses, Summary};
