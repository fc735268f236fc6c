//! What a C program's blocks are to an observer, and where the bytes of its heap are.

use c_model::malloc::Statistics;
use heap_trace::Request;
use lifetimes::{Keep, Recorder, Timeline};
use memory_trait::{
    Event, Fault, FaultKind, FaultLog, Label, Moment, ObjectId, Observer, Place, Program, Reclaimer, Storage, Tick,
    Usage,
};

use super::{Books, Chunk, Ended};
use crate::replay::Outcome;
use crate::replay::blocks::{Birth, Change};

/// A live block.
#[derive(Clone, Copy)]
struct Block {
    object: ObjectId,
    payload_bytes: u64,
    chunk: Chunk,
}

/// The books of a replay.
pub(in crate::replay) struct Account {
    recorder: Recorder,
    timeline: Timeline,
    faults: FaultLog,
    /// By index.
    blocks: Vec<Option<Block>>,
    n_objects: u64,
    /// Over the live blocks.
    payload_bytes: u64,
    header_bytes: u64,
    told_heap_bytes: u64,
}

impl Account {
    pub(in crate::replay) fn new(keep: Keep) -> Self {
        Account {
            recorder: Recorder::new(&Program::default()).keep(keep),
            timeline: Timeline::default(),
            faults: FaultLog::default(),
            blocks: Vec::new(),
            n_objects: 0,
            payload_bytes: 0,
            header_bytes: 0,
            told_heap_bytes: 0,
        }
    }

    /// The program frees a block: its last reference goes with it.
    fn let_go(&mut self, now: Moment, block: Block) {
        let object = block.object;
        self.payload_bytes -= block.payload_bytes;
        self.header_bytes -= block.chunk.header_bytes;
        self.recorder.observe(now, &Event::Reclaimed { object, by: Reclaimer::Free });
        self.recorder.observe(now, &Event::Stored { place: Place::Slot, old: Some(object), new: None });
    }

    fn record(&mut self, fault: Fault) {
        self.recorder.observe(fault.at, &Event::Faulted(&fault));
        self.faults.push(fault);
    }

    fn usage(&self, statistics: Statistics) -> Usage {
        let Statistics { n_live, live_bytes, own_bytes, system_bytes } = statistics;
        Usage {
            n_objects: n_live,
            payload_bytes: self.payload_bytes,
            header_bytes: self.header_bytes + own_bytes,
            rounding_bytes: live_bytes.saturating_sub(self.payload_bytes + self.header_bytes),
            boxed_bytes: 0,
            free_bytes: statistics.free_bytes(),
            heap_bytes: system_bytes,
            stack_bytes: 0,
        }
    }

    /// The process exits: of itself, or by a fault of the last event.
    pub(in crate::replay) fn finish(mut self, Ended { n_events, fault }: Ended) -> Outcome {
        let end = Tick(n_events + u64::from(fault.is_none()));
        let exit = Moment { tick: end, ..Moment::default() };
        let has_ended = fault.is_none();
        if let Some(fault) = fault {
            self.record(fault);
        }
        let mut left: Vec<ObjectId> = self.blocks.iter().flatten().map(|block| block.object).collect();
        left.sort_unstable();
        for object in left {
            self.recorder.observe(exit, &Event::Reclaimed { object, by: Reclaimer::Exit });
        }
        if has_ended {
            self.recorder.observe(exit, &Event::ThreadEnded);
        }
        Outcome { run: self.recorder.finish(&self.timeline, &self.faults), faults: self.faults, n_events }
    }
}

impl Books for Account {
    fn apply(&mut self, now: Moment, _: &Request, change: &Change, chunk: Option<Chunk>) {
        if let (Some(Birth { index, payload_bytes, at: _ }), Some(chunk)) = (change.born, chunk) {
            let object = ObjectId(self.n_objects);
            self.n_objects += 1;
            if index == self.blocks.len() {
                self.blocks.push(None);
            }
            let old = self.blocks[index].replace(Block { object, payload_bytes, chunk });
            self.payload_bytes += payload_bytes;
            self.header_bytes += chunk.header_bytes;
            self.recorder.observe(
                now,
                &Event::Born {
                    object,
                    label: Label::Bytes,
                    ordinal: self.n_objects,
                    storage: Storage::Heap,
                    address: chunk.at,
                    payload_bytes,
                    total_bytes: chunk.total_bytes,
                },
            );
            self.recorder.observe(now, &Event::Stored { place: Place::Slot, old: None, new: Some(object) });
            if let Some(old) = old {
                self.let_go(now, old);
            }
        }
        if let Some(index) = change.died
            && let Some(old) = self.blocks[index].take()
        {
            self.let_go(now, old);
        }
        if let Some(at) = change.stray {
            self.record(Fault {
                kind: FaultKind::InvalidFree,
                at: now,
                object: None,
                reclaimed: None,
                message: format!("the program frees {at}, which it was never given or has freed before"),
                is_fatal: false,
            });
        }
    }

    fn settle(&mut self, now: Moment, statistics: Statistics) {
        let heap_bytes = statistics.system_bytes;
        if heap_bytes != self.told_heap_bytes {
            self.told_heap_bytes = heap_bytes;
            self.recorder.observe(now, &Event::HeapResized { heap_bytes });
        }
        self.timeline.sample(now.tick, self.usage(statistics));
    }
}
