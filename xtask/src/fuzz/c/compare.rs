//! A trace of the real library against the model.

use std::io::Cursor;
use std::sync::Arc;

use c_model::Glibc;
use c_model::malloc::Replay;
use c_model::malloc::replay::Tally;
use heap_trace::Reader;

use super::script::Script;

/// A trace that the model predicts differently.
pub(super) struct Mismatch {
    /// The first difference.
    pub(super) text: String,
    pub(super) trace: Arc<[u8]>,
}

/// Holds the model against a trace.
pub(super) fn compare(trace: &Arc<[u8]>, script: &Script) -> Result<Tally, Box<Mismatch>> {
    replay(trace, script).map_err(|text| Box::new(Mismatch { text, trace: Arc::clone(trace) }))
}

fn replay(trace: &Arc<[u8]>, script: &Script) -> Result<Tally, String> {
    let glibc = Glibc::builder().cores(script.cores).tunables(&script.tunables).map_err(|error| error.to_string())?;
    let mut reader = Reader::new(Cursor::new(Arc::clone(trace)), "the trace").map_err(|error| error.to_string())?;
    let mut replay = Replay::new(&reader.header(), glibc)?;
    while let Some(record) = reader.next_record().map_err(|error| error.to_string())? {
        replay.feed(reader.line(), record).map_err(|difference| difference.to_string())?;
    }
    replay.finish().map_err(|difference| difference.to_string())
}
