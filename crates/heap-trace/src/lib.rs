//! Recorded allocation traces: what a real program asked of malloc and what it got.
//!
//! [`Reader`] streams a trace, compressed or not, one [`Record`] at a time: a trace of 10^8 events needs no more memory
//! than one of ten. The logs of mtrace, heaptrack, Malloc Lab and ltrace are read by the same [`Reader`], told by their
//! first line, and [`Reader::losses`] says what they leave out. [`Writer`] writes our format, [`MtraceWriter`] and
//! [`RepWriter`] those of others. [`AddressMap`] turns a trace's normalised pointers into
//! addresses and back.
//!
//! ```
//! use heap_trace::{Pointer, Reader, Record, Request};
//!
//! let text = "H page+0 base=55e000 mref=0\n0 m 24 = H2a0\nB 21000\n0 f H2a0\n";
//! let mut trace = Reader::new(text.as_bytes(), "example.tr").unwrap();
//! assert_eq!(trace.header().base, 0x55e000);
//! let Some(Record::Call(call)) = trace.next_record().unwrap() else { panic!("a call comes first") };
//! assert_eq!(call.request, Request::Malloc { bytes: 24 });
//! assert_eq!(trace.next_record().unwrap(), Some(Record::Break(0x21000)));
//! ```
//!
//! Invariant: nothing here knows an allocator. A trace is what was recorded, right or wrong.
#![forbid(unsafe_code)]

mod address;
mod cursor;
mod error;
mod foreign;
mod format;
mod parse;
mod reader;
mod record;
mod sink;
mod source;
mod write;

pub use address::AddressMap;
pub use error::{Problem, TraceError};
pub use format::Format;
pub use reader::{LINE_BYTES_MAX, Reader};
pub use record::{Answer, Call, Header, Pointer, Record, Refusals, Request, SnapshotLine};
pub use sink::Sink;
pub use source::{Compression, open};
pub use write::{Losses, MtraceWriter, RepSize, RepWriter, Writer};
