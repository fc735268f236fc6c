//! How deterministic reclamation is, measured: the same workload, the same machine, under perturbations that leave the
//! meaning of the program alone. An object that is reclaimed at the same tick whatever is done is *fixed*.

use memory_trait::{Label, ObjectId, ObjectName, Reclaimer, RecordId, Storage, Tick};
use serde::Serialize;

use crate::recorder::Labels;
use crate::shadow::Finished;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It died before the program ended, and was reclaimed at this tick (before its death or after).
    Reclaimed(Tick),
    /// It died before the program ended, and only the exit reclaimed it, if anything did.
    Never,
    /// It did not die before the program ended, or is no object of the heap or stack: there is nothing to compare.
    Held,
}

/// When each object of a run was reclaimed: 16 bytes an object, whatever was kept of its lifetime.
#[derive(Clone, Debug)]
pub struct Fates {
    labels: Labels,
    entries: Vec<Entry>,
}

/// `fate`: the tick times two, or one of two large even numbers; plus one when it is cyclic.
/// `name`: the ordinal, and above bit 40 the label.
#[derive(Clone, Copy, Debug)]
struct Entry {
    fate: u64,
    name: u64,
}

const CYCLIC: u64 = 1;
const HELD: u64 = u64::MAX - 1;
const NEVER: u64 = u64::MAX - 3;
const LABEL_SHIFT: u32 = 40;
const RECORD: u64 = 6;

fn pack(label: Label, ordinal: u64) -> u64 {
    let label = match label {
        Label::Array => 0,
        Label::List => 1,
        Label::Map => 2,
        Label::Text => 3,
        Label::Bytes => 4,
        Label::Weak => 5,
        Label::Record(record) => RECORD + u64::from(record.0),
    };
    assert!(ordinal < 1 << LABEL_SHIFT && label < 1 << (64 - LABEL_SHIFT), "{label} {ordinal} do not fit");
    label << LABEL_SHIFT | ordinal
}

fn unpack(name: u64) -> (Label, u64) {
    let label = match name >> LABEL_SHIFT {
        0 => Label::Array,
        1 => Label::List,
        2 => Label::Map,
        3 => Label::Text,
        4 => Label::Bytes,
        5 => Label::Weak,
        record => Label::Record(RecordId((record - RECORD) as u32)),
    };
    (label, name & ((1 << LABEL_SHIFT) - 1))
}

impl Fates {
    pub(crate) fn new(labels: Labels) -> Self {
        Fates { labels, entries: Vec::new() }
    }

    pub(crate) fn enter(&mut self, finished: &Finished<'_>, end: Tick) {
        let Finished { node, facts, unreachable } = *finished;
        let has_died = unreachable.is_some_and(|unreachable| unreachable < end);
        let fate = match node.reclaimed {
            _ if !has_died || facts.birth.storage == Storage::Static => HELD,
            None | Some((_, Reclaimer::Exit)) => NEVER,
            Some((tick, _)) => tick.0 * 2,
        };
        let object = facts.birth.object.index();
        if object >= self.entries.len() {
            self.entries.resize(object + 1, Entry { fate: HELD, name: 0 });
        }
        let name = pack(facts.birth.label, facts.birth.ordinal);
        self.entries[object] = Entry { fate: fate | if node.is_cyclic() { CYCLIC } else { 0 }, name };
    }

    /// How many objects there were.
    pub fn n_objects(&self) -> u64 {
        self.entries.len() as u64
    }

    /// What became of an object; [`Fate::Held`] for one that never was.
    pub fn fate(&self, object: ObjectId) -> Fate {
        match self.entries.get(object.index()).map_or(HELD, |entry| entry.fate & !CYCLIC) {
            HELD => Fate::Held,
            NEVER => Fate::Never,
            tick => Fate::Reclaimed(Tick(tick / 2)),
        }
    }

    /// Whether it was a member of a cycle when it died, or held by a dead one.
    pub fn is_cyclic(&self, object: ObjectId) -> bool {
        self.entries.get(object.index()).is_some_and(|entry| entry.fate & CYCLIC != 0)
    }

    /// The name of an object.
    pub fn name(&self, object: ObjectId) -> Option<ObjectName> {
        let (label, ordinal) = unpack(self.entries.get(object.index())?.name);
        Some(self.labels.name(label, ordinal))
    }
}

/// How deterministic the machine was on this workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Determinism {
    /// The perturbations, in the order of the runs; the first is usually none.
    pub perturbations: Vec<String>,
    /// In a word.
    pub verdict: Verdict,
    /// Objects compared: those that died before the end in every run.
    pub n_compared: u64,
    /// Objects that died before the end in some runs only. There are none unless a finalizer or a weak reference let
    /// the program see when it was collected.
    pub n_incomparable: u64,
    /// Those that counting references would find.
    pub others: Group,
    /// Those that were members of cycles in some run, or held by dead cycles.
    pub cyclic: Group,
}

/// A group of objects: fixed, varying, or never reclaimed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Reclaimed at the same tick in every run.
    pub n_fixed: u64,
    /// Reclaimed at different ticks, or not in every run.
    pub n_varying: u64,
    /// Reclaimed by no run before the exit: neither fixed nor varying.
    pub n_never: u64,
    /// The first object that varies.
    pub example: Option<Varying>,
}

/// An object that varies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Varying {
    /// Its name.
    pub object: ObjectName,
    /// When it was reclaimed under each perturbation; `None` where only the exit did.
    pub reclaimed_ticks: Vec<Option<Tick>>,
}

/// The verdict in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that is reclaimed is fixed: the program alone decides.
    Full,
    /// Some is.
    Partial,
    /// Nothing is: the heap decides.
    None,
    /// Objects died, and none was reclaimed before the exit.
    NeverReclaimed,
    /// No object died before the end.
    NothingDied,
}

impl Verdict {
    /// The word used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Full => "full",
            Verdict::Partial => "partial",
            Verdict::None => "none",
            Verdict::NeverReclaimed => "never reclaimed",
            Verdict::NothingDied => "nothing died",
        }
    }
}

impl Determinism {
    /// Fixed objects, cyclic or not.
    pub fn n_fixed(&self) -> u64 {
        self.others.n_fixed + self.cyclic.n_fixed
    }

    /// Varying objects, cyclic or not.
    pub fn n_varying(&self) -> u64 {
        self.others.n_varying + self.cyclic.n_varying
    }

    /// Objects that no run reclaimed, cyclic or not.
    pub fn n_never(&self) -> u64 {
        self.others.n_never + self.cyclic.n_never
    }
}

/// Compares runs of one workload on one machine, each under a perturbation with a name.
///
/// Panics without runs. With a single one there is nothing to vary, and everything is fixed.
pub fn determinism(runs: &[(&str, &Fates)]) -> Determinism {
    let first = runs.first().expect("determinism is of at least one run").1;
    let n_objects = runs.iter().map(|(_, fates)| fates.n_objects()).max().unwrap_or(0);
    let mut found = Determinism {
        perturbations: runs.iter().map(|&(name, _)| name.to_owned()).collect(),
        verdict: Verdict::NothingDied,
        n_compared: 0,
        n_incomparable: 0,
        others: Group::default(),
        cyclic: Group::default(),
    };
    for object in (0..n_objects).map(ObjectId) {
        let fate = first.fate(object);
        let n_held = runs.iter().filter(|(_, fates)| fates.fate(object) == Fate::Held).count();
        if n_held > 0 {
            found.n_incomparable += u64::from(n_held < runs.len());
            continue;
        }
        found.n_compared += 1;
        let is_cyclic = runs.iter().any(|(_, fates)| fates.is_cyclic(object));
        let group = if is_cyclic { &mut found.cyclic } else { &mut found.others };
        if runs.iter().any(|(_, fates)| fates.fate(object) != fate) {
            group.n_varying += 1;
            group.example.get_or_insert_with(|| varying(runs, object));
        } else if fate == Fate::Never {
            group.n_never += 1;
        } else {
            group.n_fixed += 1;
        }
    }
    found.verdict = match (found.n_compared, found.n_fixed(), found.n_varying()) {
        (0, ..) => Verdict::NothingDied,
        (_, 0, 0) => Verdict::NeverReclaimed,
        (_, _, 0) => Verdict::Full,
        (_, 0, _) => Verdict::None,
        _ => Verdict::Partial,
    };
    found
}

fn varying(runs: &[(&str, &Fates)], object: ObjectId) -> Varying {
    let reclaimed_ticks = runs.iter().map(|(_, fates)| match fates.fate(object) {
        Fate::Reclaimed(tick) => Some(tick),
        Fate::Never | Fate::Held => None,
    });
    let name = runs[0].1.name(object).unwrap_or_else(|| panic!("object {} has no name", object.0));
    Varying { object: name, reclaimed_ticks: reclaimed_ticks.collect() }
}
