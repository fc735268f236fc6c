//! A log in figures.

use serde::Serialize;

use crate::collection::{Collection, Kind};

/// The pauses of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pauses {
    /// How many.
    pub n_pauses: u64,
    /// Together. Unit: ns.
    pub total_ns: u64,
    /// The longest. Unit: ns.
    pub longest_ns: u64,
}

/// A log in figures. What a log does not say counts as nothing, and [`Summary::has_generations`] tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `Pause Young`.
    pub young: Pauses,
    /// `Pause Full`.
    pub full: Pauses,
    /// G1's `Pause Remark` and `Pause Cleanup`.
    pub other: Pauses,
    /// G1's concurrent cycles.
    pub n_concurrent_cycles: u64,
    /// Causes of young and full collections and how often each, in the order of their first.
    pub causes: Vec<(String, u64)>,
    /// Collections in which something went wrong: promotion or evacuation failed.
    pub n_troubles: u64,
    /// Made by the program from one collection to the next, summed; nothing after the last. Unit: bytes, each
    /// collection rounded as the log rounds.
    pub allocated_bytes: u64,
    /// Grown in old during young collections, summed. Unit: bytes.
    pub promoted_bytes: u64,
    /// Whether the log tells of generations, and so of promotion.
    pub has_generations: bool,
    /// The most in use before a collection.
    pub peak_bytes: u64,
    /// The most in use after a full collection, the best guess of what is live.
    pub live_bytes: Option<u64>,
    /// The most committed.
    pub capacity_bytes: u64,
    /// From the first collection to the last. Unit: ns.
    pub span_ns: Option<u64>,
    first_ns: Option<u64>,
    after_last_bytes: Option<u64>,
}

impl Summary {
    /// Counts a collection in.
    pub fn add(&mut self, collection: &Collection) {
        let pauses = match collection.kind {
            Kind::Young => &mut self.young,
            Kind::Full => &mut self.full,
            Kind::Remark | Kind::Cleanup => &mut self.other,
            Kind::Concurrent => {
                self.n_concurrent_cycles += 1;
                return;
            }
        };
        pauses.n_pauses += 1;
        pauses.total_ns += collection.took_ns.unwrap_or(0);
        pauses.longest_ns = pauses.longest_ns.max(collection.took_ns.unwrap_or(0));
        if let Some(cause) = &collection.cause {
            match self.causes.iter_mut().find(|(known, _)| known == cause) {
                Some((_, n_times)) => *n_times += 1,
                None => self.causes.push((cause.clone(), 1)),
            }
        }
        self.n_troubles += u64::from(!collection.troubles.is_empty());
        if let (Kind::Young, Some(old)) = (collection.kind, collection.old()) {
            self.promoted_bytes += old.after_bytes.saturating_sub(old.before_bytes);
        }
        self.has_generations |= collection.young().is_some() && collection.old().is_some();
        // A young collection that Serial gives up at once has no lines on generations, and nothing has changed in it:
        // its figures, which are of whole M, would only add their rounding.
        let is_coarser = self.has_generations && collection.old().is_none();
        if let Some(heap) = collection.heap_change().filter(|_| !is_coarser) {
            self.allocated_bytes += heap.before_bytes.saturating_sub(self.after_last_bytes.unwrap_or(0));
            self.after_last_bytes = Some(heap.after_bytes);
            self.peak_bytes = self.peak_bytes.max(heap.before_bytes);
            self.capacity_bytes = self.capacity_bytes.max(heap.capacity_bytes.unwrap_or(0));
            if collection.kind == Kind::Full {
                self.live_bytes = self.live_bytes.max(Some(heap.after_bytes));
            }
        }
        if let Some(at_ns) = collection.at_ns {
            let first = *self.first_ns.get_or_insert(at_ns);
            self.span_ns = Some(at_ns.saturating_sub(first));
        }
    }

    /// Pauses of every kind together.
    pub fn pauses(&self) -> Pauses {
        let all = [&self.young, &self.full, &self.other];
        Pauses {
            n_pauses: all.iter().map(|pauses| pauses.n_pauses).sum(),
            total_ns: all.iter().map(|pauses| pauses.total_ns).sum(),
            longest_ns: all.iter().map(|pauses| pauses.longest_ns).max().unwrap_or(0),
        }
    }
}
