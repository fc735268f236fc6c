//! What a heap profiler collects: how much was live when, and which calls asked for it.
//!
//! A trace has no call stacks. What stands for the place of an allocation is the function that was called and the size
//! of the chunk it gave, which is what malloc itself goes by.

use std::collections::BTreeMap;

/// So many snapshots are kept. When there are more, every second one goes. Source: valgrind 3.19
/// `massif/ms_main.c:clo_max_snapshots`.
const SNAPSHOTS_MAX: usize = 100;

/// Chunks up to this size are sites of their own, larger ones by powers of two. Unit: bytes.
const EXACT_CHUNK_BYTES_MAX: u64 = 1024;

/// What time is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Calls.
    Events,
    /// Bytes of chunks, allocated or freed.
    Bytes,
}

/// Where allocations come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The function that was called.
    pub function: &'static str,
    /// The largest chunk of the class, header included. Unit: bytes.
    pub chunk_bytes_max: u64,
    /// The smallest is as large: all chunks of the class are of one size.
    pub is_exact: bool,
}

impl Site {
    fn of(function: &'static str, chunk_bytes: u64) -> Self {
        let is_exact = chunk_bytes <= EXACT_CHUNK_BYTES_MAX;
        let chunk_bytes_max = if is_exact { chunk_bytes } else { chunk_bytes.next_power_of_two() };
        Site { function, chunk_bytes_max, is_exact }
    }

    /// The size class in words.
    pub fn class(&self) -> String {
        let bytes = self.chunk_bytes_max;
        if self.is_exact {
            return format!("chunks of {bytes} bytes");
        }
        format!("chunks of {} to {bytes} bytes", bytes / 2 + 1)
    }
}

/// A live block, as its owner keeps it until it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    site: usize,
    payload_bytes: u64,
    chunk_bytes: u64,
    born: u64,
}

/// Bytes and blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) bytes: u64,
    pub(super) n_blocks: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.n_blocks += 1;
    }
}

/// What is known of a site.
#[derive(Clone, Debug)]
pub(super) struct SiteRecord {
    pub(super) site: Site,
    /// Ever.
    pub(super) total: Amount,
    /// Over its blocks.
    pub(super) lifetimes: u64,
    pub(super) now: Amount,
    /// At the moment at which the site had the most bytes.
    pub(super) fullest: Amount,
    /// When all sites together had the most.
    pub(super) at_peak: Amount,
}

/// The heap at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) time: u64,
    pub(super) payload_bytes: u64,
    /// Headers and rounding.
    pub(super) extra_bytes: u64,
    /// By site, in the order of sites, as far as they were known then.
    pub(super) sites: Vec<u64>,
    pub(super) is_peak: bool,
}

impl Snapshot {
    fn bytes(&self) -> u64 {
        self.payload_bytes + self.extra_bytes
    }
}

/// A profile that is being made.
#[derive(Clone, Debug)]
pub struct Profile {
    pub(super) unit: Unit,
    pub(super) sites: Vec<SiteRecord>,
    numbers: BTreeMap<Site, usize>,
    pub(super) time: u64,
    /// When there was the most.
    pub(super) peak_time: u64,
    now: Snapshot,
    peak: Snapshot,
    /// There is more than ever was, and the peak has not taken note of it.
    is_at_peak: bool,
    snapshots: Vec<Snapshot>,
    /// From one snapshot to the next, at least.
    stride: u64,
}

impl Profile {
    /// A profile of nothing yet.
    pub fn new(unit: Unit) -> Self {
        Profile {
            unit,
            sites: Vec::new(),
            numbers: BTreeMap::new(),
            time: 0,
            peak_time: 0,
            now: Snapshot::default(),
            peak: Snapshot::default(),
            is_at_peak: false,
            snapshots: vec![Snapshot::default()],
            stride: 1,
        }
    }

    /// A block was handed out: by which function, what was asked for, and its chunk with header and rounding.
    pub fn born(&mut self, function: &'static str, payload_bytes: u64, chunk_bytes: u64) -> Block {
        let site = Site::of(function, chunk_bytes);
        let new = self.sites.len();
        let number = *self.numbers.entry(site).or_insert(new);
        if number == new {
            let [total, now, fullest, at_peak] = [Amount::default(); 4];
            self.sites.push(SiteRecord { site, total, lifetimes: 0, now, fullest, at_peak });
        }
        self.advance(chunk_bytes);
        let record = &mut self.sites[number];
        record.total.add(payload_bytes);
        record.now.add(payload_bytes);
        if record.now.bytes > record.fullest.bytes || record.fullest.n_blocks == 0 {
            record.fullest = record.now;
        }
        self.now.payload_bytes += payload_bytes;
        self.now.extra_bytes += chunk_bytes.saturating_sub(payload_bytes);
        if self.now.bytes() > self.peak.bytes() {
            self.is_at_peak = true;
            self.peak_time = self.moment();
        }
        Block { site: number, payload_bytes, chunk_bytes, born: self.moment() }
    }

    /// A block was given back.
    pub fn died(&mut self, block: Block) {
        self.note_peak();
        self.advance(block.chunk_bytes);
        let moment = self.moment();
        let Block { site, payload_bytes, chunk_bytes, born } = block;
        let record = &mut self.sites[site];
        record.now.bytes -= payload_bytes;
        record.now.n_blocks -= 1;
        record.lifetimes += moment - born;
        self.now.payload_bytes -= payload_bytes;
        self.now.extra_bytes -= chunk_bytes.saturating_sub(payload_bytes);
    }

    /// A call is over, whatever it did.
    pub fn end_event(&mut self) {
        if self.unit == Unit::Events {
            self.time += 1;
        }
        let last = self.snapshots.last().map_or(0, |last| last.time);
        if self.time >= last.saturating_add(self.stride) {
            self.take();
        }
    }

    /// The program is over. Blocks that are left have lived until now.
    pub fn finish(&mut self, left: impl Iterator<Item = Block>) {
        self.note_peak();
        for block in left {
            self.sites[block.site].lifetimes += self.time - block.born;
        }
        if self.snapshots.last().is_some_and(|last| last.time < self.time) {
            self.take();
        }
    }

    /// The snapshots with the peak among them, in order of time.
    pub(super) fn snapshots(&self) -> Vec<Snapshot> {
        let mut snapshots = self.snapshots.clone();
        if self.peak.bytes() > 0 {
            let at = snapshots.partition_point(|snapshot| snapshot.time < self.peak.time);
            // A snapshot of the same moment is the peak; of the same time, it may be another moment.
            let is_same = snapshots.get(at).is_some_and(|there| there.bytes() == self.peak.bytes());
            snapshots.splice(at..at + usize::from(is_same), [self.peak.clone()]);
        }
        snapshots
    }

    fn advance(&mut self, chunk_bytes: u64) {
        if self.unit == Unit::Bytes {
            self.time = self.time.saturating_add(chunk_bytes);
        }
    }

    /// When the call that is being made happens; the first one at 1.
    fn moment(&self) -> u64 {
        self.time + u64::from(self.unit == Unit::Events)
    }

    /// Before there is less: the peak is now, if there never was more.
    fn note_peak(&mut self) {
        if !std::mem::take(&mut self.is_at_peak) {
            return;
        }
        for record in &mut self.sites {
            record.at_peak = record.now;
        }
        self.peak = Snapshot { time: self.peak_time, is_peak: true, ..self.snapshot() };
    }

    fn snapshot(&self) -> Snapshot {
        let sites = self.sites.iter().map(|record| record.now.bytes).collect();
        Snapshot { time: self.time, sites, ..self.now.clone() }
    }

    fn take(&mut self) {
        self.snapshots.push(self.snapshot());
        while self.snapshots.len() >= SNAPSHOTS_MAX {
            let mut index = 0;
            self.snapshots.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride = self.stride.max(self.time / SNAPSHOTS_MAX as u64 * 2).max(1);
        }
    }
}
