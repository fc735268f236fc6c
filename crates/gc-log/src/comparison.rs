//! Two logs beside each other, collection by collection.

use std::fmt;

use serde::Serialize;

use crate::collection::{Change, Collection, Kind};
use crate::error::LogError;

/// In what two logs first differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// One log has a collection more.
    Length,
    /// Young in one, full in the other.
    Kind,
    /// For another reason.
    Cause,
    /// Bytes in use before.
    Before,
    /// Bytes in use after.
    After,
    /// Bytes committed.
    Capacity,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Difference::Length => "end of a log",
            Difference::Kind => "kind",
            Difference::Cause => "cause",
            Difference::Before => "before",
            Difference::After => "after",
            Difference::Capacity => "capacity",
        })
    }
}

/// The n-th stop-the-world collections of two logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Which collection, from 0.
    pub place: u64,
    /// That of the one log.
    pub left: Option<Collection>,
    /// That of the other.
    pub right: Option<Collection>,
    /// The first thing in which they differ.
    pub difference: Option<Difference>,
}

/// Compares the young and full collections of two logs in order. Sizes are compared as the coarser of the two has
/// them: to the K where both tell of generations, else to the M.
///
/// # Errors
/// Those of either log; the comparison is over then.
pub fn compare(
    left: impl Iterator<Item = Result<Collection, LogError>>,
    right: impl Iterator<Item = Result<Collection, LogError>>,
) -> impl Iterator<Item = Result<Comparison, LogError>> {
    let stops = |collection: &Result<Collection, LogError>| {
        collection.as_ref().map_or(true, |collection| matches!(collection.kind, Kind::Young | Kind::Full))
    };
    let (mut left, mut right) = (left.filter(stops), right.filter(stops));
    let mut place = 0;
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let pair = left.next().transpose().and_then(|left| Ok((left, right.next().transpose()?)));
        let (left, right) = match pair {
            Ok((None, None)) => {
                is_over = true;
                return None;
            }
            Ok(pair) => pair,
            Err(error) => {
                is_over = true;
                return Some(Err(error));
            }
        };
        let difference = match (&left, &right) {
            (Some(left), Some(right)) => difference(left, right),
            _ => Some(Difference::Length),
        };
        place += 1;
        Some(Ok(Comparison { place: place - 1, left, right, difference }))
    })
}

fn difference(left: &Collection, right: &Collection) -> Option<Difference> {
    if left.kind != right.kind {
        return Some(Difference::Kind);
    }
    if left.cause != right.cause {
        return Some(Difference::Cause);
    }
    let has_generations = |collection: &Collection| collection.young().is_some() && collection.old().is_some();
    let to_the_k = has_generations(left) && has_generations(right);
    let heap = |collection: &Collection| if to_the_k { collection.heap_change() } else { collection.heap };
    let (Some(left), Some(right)) = (heap(left), heap(right)) else { return None };
    let differ = |of: fn(&Change) -> Option<u64>| matches!((of(&left), of(&right)), (Some(a), Some(b)) if a != b);
    if differ(|change| Some(change.before_bytes)) {
        Some(Difference::Before)
    } else if differ(|change| Some(change.after_bytes)) {
        Some(Difference::After)
    } else if differ(|change| change.capacity_bytes) {
        Some(Difference::Capacity)
    } else {
        None
    }
}
