//! A collection, as a log tells of it.

use std::fmt;

use serde::Serialize;

/// What a collection was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `Pause Young`.
    Young,
    /// `Pause Full`.
    Full,
    /// `Pause Remark` of G1.
    Remark,
    /// `Pause Cleanup` of G1.
    Cleanup,
    /// `Concurrent Mark Cycle` of G1: the program goes on meanwhile.
    Concurrent,
}

impl Kind {
    /// As it stands in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Young => "Pause Young",
            Kind::Full => "Pause Full",
            Kind::Remark => "Pause Remark",
            Kind::Cleanup => "Pause Cleanup",
            Kind::Concurrent => "Concurrent Mark Cycle",
        }
    }

    /// Whether the program stands still.
    pub const fn is_pause(self) -> bool {
        !matches!(self, Kind::Concurrent)
    }
}

/// Bytes in use before and after. The log rounds down, to a K or an M.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Change {
    /// In use before.
    pub before_bytes: u64,
    /// In use after.
    pub after_bytes: u64,
    /// Committed before, if the line says.
    pub capacity_before_bytes: Option<u64>,
    /// Committed after, if the line says.
    pub capacity_bytes: Option<u64>,
}

/// Regions of G1 of one kind before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Regions {
    /// `Eden`, `Survivor`, `Old`, `Archive` or `Humongous`.
    pub name: String,
    /// How many before.
    pub before: u64,
    /// How many after.
    pub after: u64,
}

/// The age table after a young collection: `gc+age`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ages {
    /// What survivors should take at most.
    pub desired_survivor_bytes: u64,
    /// Collections that an object survives in young from now on.
    pub threshold: u64,
    /// `MaxTenuringThreshold`.
    pub threshold_max: u64,
    /// Age and bytes of that age, in the order of the log.
    pub bytes: Vec<(u64, u64)>,
}

/// What a pause cost: `gc+cpu`. Unit: ns, of hundredths of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cpu {
    /// In the program's own code.
    pub user_ns: u64,
    /// In the operating system.
    pub sys_ns: u64,
    /// By the clock.
    pub real_ns: u64,
}

/// One collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Collection {
    /// `GC(number)`.
    pub number: u64,
    /// What for.
    pub kind: Kind,
    /// G1's phase of a young pause: `Normal`, `Concurrent Start`, `Prepare Mixed`, `Mixed`.
    pub phase: Option<String>,
    /// Why: `Allocation Failure`, `System.gc()`; `None` for remark, cleanup and cycles.
    pub cause: Option<String>,
    /// What went wrong: `Promotion failed`, `To-space exhausted`, `Evacuation Failure: Allocation`.
    pub troubles: Vec<String>,
    /// When it ended. Unit: ns since the VM started, or since the log's first line where no uptime was logged.
    pub at_ns: Option<u64>,
    /// How long it took, if the log says.
    pub took_ns: Option<u64>,
    /// The whole heap.
    pub heap: Option<Change>,
    /// Parts of the heap under the names of the log: `DefNew`, `Eden`, `From`, `Tenured`, `PSYoungGen`, `ParOldGen`.
    pub generations: Vec<(String, Change)>,
    /// G1's regions.
    pub regions: Vec<Regions>,
    /// Metaspace.
    pub metaspace: Option<Change>,
    /// The age table.
    pub ages: Option<Ages>,
    /// Processor time.
    pub cpu: Option<Cpu>,
    /// The line that ended it, from 1.
    pub line: u64,
}

impl Collection {
    /// The part of the heap that the log calls `name`.
    pub fn generation(&self, name: &str) -> Option<&Change> {
        self.generations.iter().find(|(known, _)| known == name).map(|(_, change)| change)
    }

    /// The young generation, of Serial or Parallel.
    pub fn young(&self) -> Option<&Change> {
        self.generation("DefNew").or_else(|| self.generation("PSYoungGen"))
    }

    /// The old generation, of Serial or Parallel.
    pub fn old(&self) -> Option<&Change> {
        self.generation("Tenured").or_else(|| self.generation("ParOldGen"))
    }

    /// The whole heap as exactly as the log has it: by generations to the K, else to the M.
    pub fn heap_change(&self) -> Option<Change> {
        let (Some(young), Some(old)) = (self.young(), self.old()) else { return self.heap };
        let sum = |of: fn(&Change) -> Option<u64>| Some(of(young)? + of(old)?);
        Some(Change {
            before_bytes: young.before_bytes + old.before_bytes,
            after_bytes: young.after_bytes + old.after_bytes,
            capacity_before_bytes: sum(|change| change.capacity_before_bytes),
            capacity_bytes: sum(|change| change.capacity_bytes),
        })
    }
}

/// The line of `-Xlog:gc`.
impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GC({}) {}", self.number, self.kind.name())?;
        // JDK 21 and later say it in this line, JDK 17 in one of its own.
        let failure = self.troubles.iter().filter(|trouble| trouble.starts_with("Evacuation Failure: "));
        for text in self.phase.iter().chain(&self.cause).chain(failure) {
            write!(f, " ({text})")?;
        }
        if let Some(heap) = self.heap {
            write!(f, " {}M->{}M", heap.before_bytes >> 20, heap.after_bytes >> 20)?;
            if let Some(capacity) = heap.capacity_bytes {
                write!(f, "({}M)", capacity >> 20)?;
            }
        }
        match self.took_ns {
            Some(ns) => write!(f, " {}.{:03}ms", ns / 1_000_000, ns / 1000 % 1000),
            None => Ok(()),
        }
    }
}
