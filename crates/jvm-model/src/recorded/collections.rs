//! What recordings of a Serial heap have in common: the spaces, a collection, the state that a recording begins with.

use std::collections::BTreeMap;

use memory_trait::Collection;
use serde::Deserialize;

use crate::heap::space::Space;
use crate::heap::{CollectionReport, Resumption, Spaces};
use crate::version::Version;

/// Bottom, top, end: addresses.
pub(super) type Bounds = [u64; 3];

/// The spaces at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Places {
    pub(super) eden: Bounds,
    pub(super) frm: Bounds,
    pub(super) to: Bounds,
    pub(super) old: Bounds,
}

impl Places {
    /// The model's spaces as addresses of a heap that begins at `base`.
    pub(super) fn of(base: u64, spaces: &Spaces) -> Places {
        let bounds = |space: Space| [space.bottom, space.top, space.end].map(|word| base + word as u64 * 8);
        Places { eden: bounds(spaces.eden), frm: bounds(spaces.from), to: bounds(spaces.to), old: bounds(spaces.old) }
    }

    fn spaces(&self, base: u64) -> Result<Spaces, String> {
        let space = |[bottom, top, end]: Bounds| -> Result<Space, String> {
            let word = |address: u64| {
                let distance = address.checked_sub(base).filter(|distance| distance.is_multiple_of(8));
                distance.map(|distance| (distance / 8) as usize).ok_or(format!("{address:#x} is not on this heap"))
            };
            Ok(Space { bottom: word(bottom)?, top: word(top)?, end: word(end)? })
        };
        let Places { eden, frm, to, old } = *self;
        Ok(Spaces { eden: space(eden)?, from: space(frm)?, to: space(to)?, old: space(old)? })
    }
}

/// The heap when the recording begins: after a full collection that left young empty.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Start {
    #[serde(flatten)]
    pub(super) places: Places,
    full: u64,
    thr: Option<u32>,
    promoted: Vec<u64>,
    tlab: Option<(f32, usize, u32)>,
}

impl Start {
    /// The state that the model's heap takes over.
    pub(super) fn resumption(&self, version: Version, base: u64) -> Result<Resumption, String> {
        Ok(Resumption {
            spaces: self.places.spaces(base)?,
            n_full_collections: self.full,
            tenuring_threshold: self.thr,
            promoted_bytes: self.promoted_before(version),
            tlab: self.tlab,
        })
    }

    /// What each collection before the recording promoted. To JDK 25 a full collection is a sample as well. A recording
    /// that leaves those out is taken to be one of a JVM without an archive: the first found everything that the JDK has
    /// on the heap in young, the others next to nothing.
    fn promoted_before(&self, version: Version) -> Vec<u64> {
        let mut promoted = self.promoted.clone();
        if version >= Version::V25 && promoted.is_empty() {
            let [bottom, top, _] = self.places.old;
            promoted.push(top - bottom);
            promoted.resize(self.full.max(1) as usize, 8);
        }
        promoted
    }
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Gc {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) cause: String,
    pub(super) before: Places,
    pub(super) after: Places,
    thr: Option<u32>,
    ages: BTreeMap<u32, u64>,
    pf: u32,
}

impl Gc {
    /// What the model did, in the recording's words.
    pub(super) fn of(base: u64, collection: Collection, report: &CollectionReport) -> Gc {
        let has_ages = !collection.is_full && !report.was_skipped && !report.has_promotion_failed;
        let ages = (1..).zip(&report.age_bytes[1..]).filter(|&(_, &bytes)| bytes > 0);
        Gc {
            kind: if collection.is_full { "Full" } else { "Young" }.to_owned(),
            cause: collection.cause.to_owned(),
            before: Places::of(base, &report.before),
            after: Places::of(base, &report.after),
            thr: has_ages.then_some(report.tenuring_threshold),
            ages: if has_ages { ages.map(|(age, &bytes)| (age, bytes)).collect() } else { BTreeMap::new() },
            pf: u32::from(report.has_promotion_failed),
        }
    }

    /// What is different, part by part: of spaces the bytes in use, or the bounds if those are different.
    pub(super) fn differences(&self, predicted: &Gc) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        let mut compare = |what: &str, expected: String, predicted: String| {
            if expected != predicted {
                found.push((what.to_owned(), expected, predicted));
            }
        };
        compare("kind", self.kind.clone(), predicted.kind.clone());
        compare("cause", self.cause.clone(), predicted.cause.clone());
        for (when, expected, predicted) in
            [("before", self.before, predicted.before), ("after", self.after, predicted.after)]
        {
            let spaces =
                |places: Places| [("eden", places.eden), ("from", places.frm), ("to", places.to), ("old", places.old)];
            for ((name, expected), (_, predicted)) in spaces(expected).into_iter().zip(spaces(predicted)) {
                let [bottom, top, end] = expected;
                let said = |[_, top, _]: Bounds| format!("{} bytes", top.wrapping_sub(bottom).cast_signed());
                if predicted == [bottom, predicted[1], end] {
                    compare(&format!("{name} {when}"), said([bottom, top, end]), said(predicted));
                } else {
                    compare(&format!("{name} {when}"), format!("{expected:x?}"), format!("{predicted:x?}"));
                }
            }
        }
        compare("tenuring threshold", format!("{:?}", self.thr), format!("{:?}", predicted.thr));
        compare("ages", format!("{:?}", self.ages), format!("{:?}", predicted.ages));
        compare("failed promotions", self.pf.to_string(), predicted.pf.to_string());
        found
    }
}
